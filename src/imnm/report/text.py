"""The report for a terminal: 80 columns, plain when piped."""

from __future__ import annotations

import textwrap

from imnm.assessment.model import Assessment
from imnm.knowledge.messages import say

from .blocks import Block, Entries, Entry, Figure, Paragraph, Table, all_lines, visible
from .view import SHOWN_RECORDS, head, sections

WIDTH = 80
COLOURS = {
    "established": "1;31", "high": "1;31", "emergency": "1;31", "urgent": "31",
    "moderate": "1;33", "soon": "33", "low": "36", "none": "32", "heading": "1", "faint": "2",
}  # fmt: skip
BAR = 12
BRIEF = ("treatment", "cancer_screening", "trials", "conflicts")
"""Sections of which a terminal shows the titles only; a page has room for the rest."""


def text(assessment: Assessment, *, colour: bool = False) -> str:
    """The whole report, ending in a newline. ``colour``: whether it may carry terminal colour codes."""
    paint = _paint if colour else _plain
    top = head(assessment)
    lines = [paint(say("report.title.page"), "heading"), *wrap(top.subject)]
    lines += [*wrap(top.record), ""]
    lines += _coloured_first(f"{top.level.upper()}. {top.summary}", len(top.level), top.tone, paint)
    for line in top.lines:
        lines += wrap(line)
    for section in sections(assessment, brief=True):
        lines += ["", paint(section.title.upper(), "heading")]
        brief = section.id in BRIEF
        for block in section.blocks:
            lines += _block(_shortened(block) if brief else block, paint)
        if brief:
            lines += wrap(say("report.after.brief"))
    lines += ["", *wrap(_footer(assessment))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _footer(assessment: Assessment) -> str:
    return say(
        "report.page.footer",
        version=assessment.version,
        knowledge=assessment.knowledge,
        notice=assessment.notice,
    )


def _block(block: Block, paint: _Paint) -> list[str]:
    if isinstance(block, Entries):
        lines = []
        for number, entry in enumerate(block.entries, 1):
            lines += _entry(entry, f"{number}." if block.numbered else "-", paint)
        return lines
    if isinstance(block, Table):
        return table(block)
    if isinstance(block, Paragraph):
        return wrap(block.text)
    assert isinstance(block, Figure)
    return []


def _shortened(block: Block) -> Block:
    if not isinstance(block, Entries):
        return block
    return block._replace(entries=tuple(Entry(entry.title, entry.mark, entry.tone) for entry in block.entries))


def _entry(entry: Entry, bullet: str, paint: _Paint) -> list[str]:
    indent = " " * (len(bullet) + 1)
    mark = f" [{entry.mark}]" if entry.mark else ""
    bar = " " + _bar(entry.share) if entry.share is not None else ""
    lines = wrap(f"{entry.title}{mark}{bar}", f"{bullet} ", indent)
    if entry.tone:
        lines = [paint(line, entry.tone) for line in lines]
    for line in all_lines(entry):
        lines += wrap(line, indent, indent + "  ")
    if entry.evidence:
        shown = "; ".join(entry.evidence[:SHOWN_RECORDS])
        rest = len(entry.evidence) - SHOWN_RECORDS
        items = f"{shown}; {say('report.line.more', count=rest)}" if rest > 0 else shown
        lines += wrap(say("report.line.evidence", items=items), indent, indent + "  ")
    if entry.sources:
        lines += wrap(say("report.line.sources", items=", ".join(entry.sources)), indent, indent + "  ")
    return lines


def _bar(share: float) -> str:
    full = round(min(max(share, 0.0), 1.0) * BAR)
    return "#" * full + "." * (BAR - full)


def table(table: Table) -> list[str]:
    """Columns as wide as needed; the last one takes what is left and wraps under itself."""
    rows = [table.header, *table.rows]
    last = len(table.header) - 1
    widths = [max(len(row[i]) for row in rows) for i in range(last)]
    if sum(widths) + 2 * last > WIDTH - 16:
        return _stacked(table)
    left = sum(widths) + 2 * last
    lines = []
    for row in rows:
        cells = [row[i].rjust(widths[i]) if i in table.numeric else row[i].ljust(widths[i]) for i in range(last)]
        start = "".join(cell + "  " for cell in cells)
        lines += wrap(row[last], start, " " * left) or [visible(start)]
    return lines


def _stacked(table: Table) -> list[str]:
    """A table too wide for the terminal: each row as a line of its own, empty cells left out."""
    lines = []
    for row in table.rows:
        first, rest = row[0], [cell for cell in row[1:] if cell]
        lines += wrap(f"{first}: {', '.join(rest)}" if rest else first, "- ", "  ")
    return lines


def wrap(line: str, first: str = "", rest: str = "") -> list[str]:
    """The line in as many as it needs, the first and the further ones indented so; no control characters."""
    return textwrap.wrap(
        visible(line),
        WIDTH,
        initial_indent=visible(first),
        subsequent_indent=rest,
        break_long_words=True,
        break_on_hyphens=False,
    )


def _coloured_first(line: str, length: int, tone: str, paint: _Paint) -> list[str]:
    wrapped = wrap(line)
    wrapped[0] = paint(wrapped[0][:length], tone) + wrapped[0][length:]
    return wrapped


class _Paint:
    """Adds colour codes, or nothing."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, line: str, tone: str) -> str:
        return f"\033[{COLOURS[tone]}m{line}\033[0m" if self.on and tone in COLOURS else line


_paint, _plain = _Paint(True), _Paint(False)
