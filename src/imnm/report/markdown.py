"""The report as Markdown, for a wiki, a chart note or a review."""

from __future__ import annotations

import re

from imnm.assessment.model import Assessment
from imnm.knowledge.messages import say

from .blocks import Block, Entries, Entry, Paragraph, Table, all_lines, visible
from .view import head, sections

_SPECIAL = re.compile(r"([\\`*_\[\]<>|&~#$])")


def markdown(assessment: Assessment) -> str:
    """The whole report, ending in a newline. Everything from the record is escaped."""
    top = head(assessment)
    lines = [f"# {say('report.title.page')}", "", _plain(top.subject), ""]
    if top.record:
        lines += [_plain(top.record), ""]
    lines += [f"**{_plain(top.level)}.** {_plain(top.summary)}", ""]
    lines += [f"- {_plain(line)}" for line in top.lines]
    for section in sections(assessment):
        lines += ["", f"## {section.title}", ""]
        for block in section.blocks:
            lines += [*_block(block), ""]
    footer = say(
        "report.page.footer", version=assessment.version, knowledge=assessment.knowledge, notice=assessment.notice
    )
    lines += ["---", "", _plain(footer)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _block(block: Block) -> list[str]:
    if isinstance(block, Entries):
        lines = []
        for number, entry in enumerate(block.entries, 1):
            lines += _entry(entry, f"{number}." if block.numbered else "-")
        return lines
    if isinstance(block, Table):
        return _table(block)
    return [_plain(block.text)] if isinstance(block, Paragraph) else []


def _entry(entry: Entry, bullet: str) -> list[str]:
    indent = " " * (len(bullet) + 1)
    mark = f" ({_plain(entry.mark)})" if entry.mark else ""
    lines = [f"{bullet} **{_plain(entry.title)}**{mark}"]
    lines += [f"{indent}- {_plain(line)}" for line in all_lines(entry)]
    if entry.evidence:
        lines.append(f"{indent}- {_plain(say('report.line.evidence', items='; '.join(entry.evidence)))}")
    if entry.sources:
        lines.append(f"{indent}- {_plain(say('report.line.sources', items=', '.join(entry.sources)))}")
    return lines


def _table(table: Table) -> list[str]:
    rule = ["--:" if i in table.numeric else "---" for i in range(len(table.header))]
    rows = [list(table.header), rule, *([_plain(cell) for cell in row] for row in table.rows)]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _plain(text: str) -> str:
    """The text as Markdown that shows exactly that text: one line, no markup, no HTML."""
    line = visible(" ".join(text.split()))
    line = _SPECIAL.sub(r"\\\1", line)
    return re.sub(r"^([-+=]|\d+[.)])", r"\\\1", line)
