"""What follows the diagnosis as blocks of a report: treatment, monitoring, cancer screening, trials, conflicts.

The shapes are those of ``imnm.assessment.aftercare``; a part that is missing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from imnm.knowledge.messages import say

from . import labels
from .blocks import Block, Cited, Entries, Entry, Paragraph, Table, columns, provisional, value_words

Row = Mapping[str, Any]


def treatment(part: Row | None) -> tuple[Block, ...]:
    """Options with what speaks for and against each, safety checks, lipid lowering."""
    if not part:
        return ()
    blocks: list[Block] = [Paragraph(part["notice"])]
    if part.get("options"):
        blocks.append(Entries(tuple(_option(option) for option in part["options"])))
    if part.get("safety"):
        blocks.append(_checks(part["safety"]))
    if part.get("lipid_lowering"):
        blocks.append(_lipids(part["lipid_lowering"]))
    return tuple(blocks)


def _option(option: Row) -> Entry:
    lines = []
    for side in ("for", "against", "unknown"):
        if option[side]:
            items = "; ".join(row["text"] for row in option[side])
            lines.append(say(f"report.after.{side}", items=items))
    state = option.get("state")
    return Entry(
        title=option["title"],
        mark="; ".join(part for part in (option["role_text"], state["text"] if state else "") if part),
        lines=tuple(lines),
        detail=tuple(_cited(fact) for fact in option["facts"]),
        evidence=_records((state or {}).get("evidence", []), *(row["evidence"] for row in _considered(option))),
    )


def _considered(option: Row) -> Iterable[Row]:
    return (*option["for"], *option["against"])


def _checks(checks: Iterable[Row]) -> Table:
    return Table(
        say("report.after.checks"),
        columns("check", "phase", "status", "on", "due"),
        tuple((c["title"], c["phase_text"], c["status_text"], c["on"] or "", c["due_on"] or "") for c in checks),
    )


def _lipids(part: Row) -> Entries:
    options = tuple(_cited(row) for row in part["options"])
    marks = tuple(f"{row['text']} ({row['date']})" if row["date"] else row["text"] for row in part["labels"])
    lines = (part["rule"], *options, part["red_yeast_rice"], *marks, part["label_gap"])
    return Entries(
        (
            Entry(
                say("report.after.lipids"),
                lines=lines,
                evidence=_records(part["evidence"]),
                sources=tuple(part.get("sources", ())),
            ),
        )
    )


def statins(part: Row | None, brief: bool) -> tuple[Block, ...]:
    """What CK did after stopping, when it is measured again and what follows, whether a statin may be given again, and
    what each body calls the muscle symptom. ``brief``: without the last."""
    if not part:
        return ()
    again = {**part["rechallenge"], "text": say("report.statins.rechallenge", answer=part["rechallenge"]["text"])}
    entries = [_statement(row) for row in (*part["course"], again, *part["interactions"])]
    if part["recheck"]:
        entries.insert(len(part["course"]), _recheck(part["recheck"]))
    if part["symptom_class"] and not brief:
        bodies = tuple(_cited(row, provisional(bool(row.get("provisional")))) for row in part["symptom_class"])
        entries.append(Entry(say("report.statins.classes"), detail=bodies))
    return (Entries(tuple(entries)),)


def _recheck(part: Row) -> Entry:
    return Entry(
        say("report.statins.recheck", first=part["not_before"], last=part["due_on"]),
        lines=tuple(say("report.line.if_result", **row) for row in part["if_result"]),
        sources=tuple(part["sources"]),
    )


def monitoring(part: Row | None) -> tuple[Block, ...]:
    """The course in plain statements, what is due, and the definitions it is read against."""
    if not part:
        return ()
    blocks: list[Block] = (
        [Entries(tuple(_statement(row) for row in part.get("trend", ())))] if part.get("trend") else []
    )
    if part.get("schedule"):
        rows = tuple((row["title"], row["every"], row["text"]) for row in part["schedule"])
        blocks.append(Table(say("report.after.schedule"), columns("measure", "every", "status"), rows))
    for key in ("definitions", "expect"):
        if part.get(key):
            blocks.append(Entries(tuple(_statement(row) for row in part[key])))
    return tuple(blocks)


def _statement(row: Row) -> Entry:
    mark = value_words(row["result"]) if "result" in row else ""
    return Entry(
        row["text"],
        mark=(mark + provisional(bool(row.get("provisional")))).strip(),
        evidence=_records(row.get("evidence", ())),
        sources=tuple(row.get("sources", ())),
    )


def cancer_screening(part: Row | None, as_of: str) -> tuple[Block, ...]:
    """The category and the plan."""
    if not part:
        return ()
    lines = [Paragraph(part["notice"])]
    if part.get("category"):
        words = say("report.after.category", name=labels.words(part["category"]))
        lines.append(Paragraph(words + provisional(bool(part.get("provisional")))))
    panels = tuple(
        Entry(
            panel["title"],
            mark=_panel_due(panel, as_of),
            lines=tuple(_item(item) for item in panel["items"]),
            sources=tuple(part.get("sources", ())),
        )
        for panel in part["panels"]
    )
    notes = tuple(Paragraph(note) for note in part.get("notes", ()))
    return (*lines, *((Entries(panels),) if panels else ()), *notes)


def _panel_due(panel: Row, as_of: str) -> str:
    """When a panel is due; overdue only while something of it is not done."""
    if not panel.get("due_on"):
        return ""
    done = all(item.get("status") == "done" for item in panel["items"])
    return say("report.line.due", on=panel["due_on"]) if done else labels.due(panel["due_on"], as_of)


def _item(item: Row) -> str:
    state = item.get("status_text") or item.get("text") or ""
    return f"{item['title']}: {state}" if state else str(item["title"])


def trials(part: Iterable[Row]) -> tuple[Block, ...]:
    """Each trial with its status on its date and every criterion as true, false or unknown."""
    entries = tuple(
        Entry(
            trial["title"],
            mark=trial["fit_text"],
            lines=(
                trial["design"],
                trial["status_text"],
                *(f"{value_words(row['result'])}: {row['text']}" for row in trial["criteria"]),
            ),
            evidence=_records(*(row["evidence"] for row in trial["criteria"])),
            sources=tuple(trial["sources"]),
        )
        for trial in part
    )
    return (Entries(entries),) if entries else ()


def conflicts(part: Iterable[Row]) -> tuple[Block, ...]:
    """Both statements, each with its sources, and which one is followed and why."""
    entries = tuple(
        Entry(
            row["title"],
            lines=(*(_cited(row[side]) for side in ("a", "b")), f"{row['rule']} {row['why']}"),
            sources=tuple(row["sources"]),
        )
        for row in part
    )
    return (Entries(entries),) if entries else ()


def _cited(row: Row, mark: str = "") -> Cited:
    return Cited(f"{row['text']}{mark}", tuple(row.get("sources") or ()))


def _records(*groups: Iterable[Row]) -> tuple[str, ...]:
    lines = (f"{row['text']} [{row['ref']}]" if row.get("ref") else row["text"] for rows in groups for row in rows)
    return tuple(dict.fromkeys(lines))
