"""The worklist in its formats: table, CSV, Parquet, JSON, a self-contained page, OMOP cohort rows, counts to share."""

from __future__ import annotations

import csv
import io
import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from imnm.assessment import program
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import has, say

from . import mapping
from .files import whole, write_text
from .funnel import LEVELS
from .rows import ListedRow, WhyRow
from .screen import Screening
from .source import place
from .store import literal

FORMATS = ("table", "csv", "parquet", "json", "html", "cohort")
COHORT_IDS = {"established": 1, "high": 2, "moderate": 3, "low": 4, "none": 5}
"""cohort_definition_id of the OMOP cohort rows, by level."""


# ---------------------------------------------------------------- words


def label(kind: str, id: str | None) -> str:
    """What a person calls an id of a disease or a step; the id itself where nothing is said."""
    if not id:
        return ""
    if kind == "disease":
        return say(f"diseases.{id}") if has(f"diseases.{id}") else id
    if has(f"steps.{id}.title"):
        return say(f"steps.{id}.title")
    action, _, subject = id.partition(":")
    if action == "stop":
        return say("steps.stop:drug.title", drug=subject.replace("_", " "))
    if action == "ask" and subject in FINDINGS:
        return say("population.page.ask", finding=FINDINGS[subject].label)
    return id


def summary_lines(answer: Screening, counts: bool = True) -> list[str]:
    """The count of what was read, skipped and why, and how the engines compare."""
    report = answer.report
    lines = [say("population.summary.read", read=report.read, assessed=report.assessed, passed=report.passed)]
    lines += [say("population.summary.skipped", count=n, reason=reason) for reason, n in report.skipped.items()]
    entries = ", ".join(f"{kind} {kept:,}/{seen:,}" for kind, (seen, kept) in sorted(report.entries.items()) if kept)
    if entries:
        lines.append(say("population.summary.entries", entries=entries))
    if nameless := report.entries.get(say("population.read.no_subject"), (0, 0))[0]:
        lines.append(say("population.summary.no_subject", count=nameless))
    if report.unread_files:
        lines.append(say("population.summary.unread_files", count=report.unread_files))
    lines += problem_lines(answer)
    if counts and answer.compared:
        key = "differ" if answer.disagreements else "agree"
        lines.append(say(f"population.summary.{key}", compared=answer.compared, count=len(answer.disagreements)))
    return lines


def problem_lines(answer: Screening, people: bool = True) -> list[str]:
    """What could not be read, by file and line. ``people``: also what is said of rows, and what else there is to know
    of a number of people or rows."""
    report = answer.report
    told = [problem for problem in report.problems if people or _is_of_file(problem)]
    notes = [problem for problem in told if not (problem[1] or _is_of_file(problem))]
    lines = [say("population.summary.broken", count=report.broken)] if report.broken else []
    lines += [f"  {place(*problem[:2])}: {problem[2]}" for problem in told if problem not in notes]
    lines += [say("population.summary.noted")] if notes else []
    return lines + [f"  {place(*problem[:2])}: {problem[2]}" for problem in notes]


def _is_of_file(problem: tuple[str, int, str]) -> bool:
    """Whether a problem is one of a file, not of a table or type."""
    return bool(Path(problem[0]).suffix)


def funnel_lines(answer: Screening) -> list[str]:
    """The funnel, a line a step."""
    lines = []
    for step in answer.funnel:
        lines.append(f"{step.people:>10,}  {step.label}")
        lines += [f"{'':>10}    - {number:,} {reason}" for reason, number in step.left_out.items()]
        lines += [f"{'':>10}    + {number:,} {reason}" for reason, number in step.joined.items()]
    return lines


# ---------------------------------------------------------------- formats

_TABLE = (
    ("patient_id", "patient", 18),
    ("level", "level", 11),
    ("urgency", "urgency", 9),
    ("top", "leading", 26),
    ("ck", "ck", 16),
    ("flagged", "flagged", 10),
    ("coded", "coded", 5),
    ("reasons", "reasons", 500),
)


def table(answer: Screening, limit: int | None = None) -> str:
    """The worklist for a terminal, the funnel and the counts under it."""
    rows = limited(answer, limit)
    lines = []
    if answer.disagreements:
        lines += [say("population.summary.first", count=len(answer.disagreements)), ""]
    header = [say(f"population.column.{name}") for _, name, _ in _TABLE]
    cells = [_cells(row) for row in rows]
    widths = [min(most, max(len(line[i]) for line in [header, *cells])) for i, (_, _, most) in enumerate(_TABLE)]
    for line in [header, *cells]:
        lines.append("  ".join(_fit(cell, width) for cell, width in zip(line, widths, strict=True)).rstrip())
    if not rows:
        lines.append(say("population.summary.nobody", level=answer.min_level))
    elif left := _people(answer.worklist) - _people(rows):
        lines.append(say("population.summary.more", count=left))
    codes = mapping.lines(answer.report.mapping)
    parts = [*lines, "", *funnel_lines(answer), "", *summary_lines(answer), *(["", *codes] if codes else [])]
    return "\n".join(parts) + "\n"


def limited(answer: Screening, limit: int | None) -> list[ListedRow]:
    """The rows of the first people, so many as asked; the changes of a person's level stand with them."""
    people, found = 0, []
    for row in answer.worklist:
        people += row.changed_on is None
        if limit is not None and people > limit:
            break
        found.append(row)
    return found


def _people(rows: Sequence[ListedRow]) -> int:
    return sum(row.changed_on is None for row in rows)


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _cells(row: ListedRow) -> list[str]:
    if row.changed_on is not None:
        return [row.patient_id, row.level, "", "", "", row.changed_on, "", say("population.column.since")]
    leading = f"{label('disease', row.top_disease)} {row.top_probability:.0%}" if row.top_disease else ""
    peak = f"{row.ck_peak_u_l:,.0f} ({(row.ck_peak_on or '')[:7]})" if row.ck_peak_u_l is not None else ""
    level = f"{row.level} !" if row.engines_differ else row.level
    coded = say("population.column.yes") if row.already_coded else ""
    return [row.patient_id, level, row.urgency or "", leading, peak, row.first_flagged_on or "", coded, row.reasons]


def rows_csv(rows: Sequence[msgspec.Struct], kind: type[msgspec.Struct]) -> str:
    """Structs as CSV with a header."""
    names = kind.__struct_fields__
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_plain(getattr(row, name)) for name in names] for row in rows)
    return buffer.getvalue()


def _plain(value: object) -> object:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def as_json(answer: Screening, limit: int | None = None) -> str:
    """One object: worklist, funnel, what was read."""
    report = answer.report
    whole = {
        "schema": "imnm/screening/1",
        "as_of": answer.as_of,
        "min_level": answer.min_level,
        "worklist": limited(answer, limit),
        "funnel": answer.funnel,
        "levels": answer.levels,
        "read": {
            "people": report.read,
            "assessed": report.assessed,
            "passed_gate": report.passed,
            "skipped": report.skipped,
            "entries": {kind: {"seen": seen, "used": kept} for kind, (seen, kept) in report.entries.items()},
            "broken": report.broken,
            "problems": [{"file": Path(f).name, "line": n or None, "problem": p} for f, n, p in report.problems],
        },
        "compared": answer.compared,
        "engines_differ": answer.disagreements,
        "mapping": report.mapping,
        "notice": say("population.notice"),
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def write_parquet(rows: Sequence[msgspec.Struct], kind: type[msgspec.Struct], path: Path) -> None:
    """Structs as Parquet, by way of DuckDB; the file is moved in place when it is complete."""
    with tempfile.TemporaryDirectory(prefix="imnm-rows-") as folder, whole(path) as part:
        source = Path(folder) / "rows.csv"
        source.write_text(rows_csv(rows, kind), encoding="utf-8", errors="replace", newline="")
        columns = ", ".join(f"{literal(name)}: {literal(_sql_type(hint))}" for name, hint in _hints(kind))
        duckdb.connect().execute(
            f"COPY (SELECT * FROM read_csv({literal(str(source))}, header = true, delim = ',', quote = '\"', "
            f"escape = '\"', auto_detect = false, columns = {{{columns}}}, max_line_size = 16777216)) "
            f"TO {literal(str(part))} (FORMAT parquet)"
        )


def _hints(kind: type[msgspec.Struct]) -> list[tuple[str, str]]:
    return [(name, str(kind.__annotations__[name])) for name in kind.__struct_fields__]


def _sql_type(hint: str) -> str:
    first = hint.split("|")[0].strip()
    return {"int": "BIGINT", "float": "DOUBLE", "bool": "BOOLEAN"}.get(first, "VARCHAR")


def cohort(answer: Screening, limit: int | None = None) -> str:
    """OMOP cohort rows: one for each listed person, from the first day on which they were at this level or above (as
    ``history`` says; without it the first day at high, or the day of judgement)."""
    rows = limited(answer, limit)
    since: dict[tuple[str, str], str] = {}
    for change in rows:
        if change.changed_on is not None:
            for level in LEVELS:
                if program.RANK[change.level] >= program.RANK[level]:
                    since.setdefault((change.patient_id, level), change.changed_on)
    lines = ["cohort_definition_id,subject_id,cohort_start_date,cohort_end_date"]
    for row in rows:
        if row.changed_on is None:
            start = since.get((row.patient_id, row.level)) or row.first_flagged_on or row.as_of or ""
            lines.append(f"{COHORT_IDS[row.level]},{row.patient_id},{start},{row.as_of or start}")
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- counts to share


def told_apart(answer: Screening) -> list[int]:
    """The sizes of the smallest groups of people that the counts tell apart: by step and level."""
    sizes = dict.fromkeys(((group.step, group.level) for group in answer.groups), 0)
    for group in answer.groups:
        sizes[group.step, group.level] += group.people
    steps = [step.people for step in answer.funnel]
    gaps = [before - after for before, after in itertools.pairwise(steps)]
    return [*sizes.values(), *answer.report.skipped.values(), *map(abs, gaps), *steps, *answer.levels.values()]


def counts_only(answer: Screening, least: int, form: str) -> str:
    """How many people at each step and level and nothing about single ones; small counts are not given.

    Counts that are given betray a small one where it can be found by adding and subtracting. If any group of people
    that the counts tell apart is small, only the number of people in the source stands as it is; every other number is
    rounded down to a multiple of the least count (up, it could exceed the source), so that no sum or difference of them
    gives a small number away.
    """
    small = any(0 < group < least for group in told_apart(answer))

    def shown(count: int, exact: bool = False) -> str:
        if 0 < count < least:
            return f"<{least}"
        return str(count) if exact or not small or not count else f"~{count // least * least}"

    steps = [
        {"step": step.step, "label": step.label, "people": shown(step.people, exact=place == 0)}
        for place, step in enumerate(answer.funnel)
    ]
    levels = {level: shown(n) for level, n in answer.levels.items()}
    if form == "json":
        whole = {"counts": steps, "levels": levels, "smallest_cell": least, "rounded": small}
        return json.dumps(whole, indent=2) + "\n"
    if form == "csv":
        lines = ["step,people", *(f"{s['step']},{s['people']}" for s in steps)]
        return "\n".join([*lines, *(f"level_{level},{n}" for level, n in levels.items())]) + "\n"
    lines = [f"{s['people']:>12}  {s['label']}" for s in steps]
    lines += ["", *(f"{n:>12}  {say('population.column.level')}: {level}" for level, n in levels.items())]
    note = say(f"population.summary.{'suppressed' if small else 'not_suppressed'}", least=least)
    return "\n".join([*lines, "", note]) + "\n"


# ---------------------------------------------------------------- files


def written(answer: Screening, form: str, limit: int | None) -> str:
    """The answer in a textual format."""
    if form == "json":
        return as_json(answer, limit)
    if form == "csv":
        return rows_csv(limited(answer, limit), ListedRow)
    if form == "html":
        from .page import page

        return page(answer, limit)
    if form == "cohort":
        return cohort(answer, limit)
    return table(answer, limit)


def write_why(answer: Screening, path: Path) -> None:
    """The why table as Parquet, or as CSV where the path does not end in ``.parquet``."""
    if path.suffix == ".parquet":
        write_parquet(answer.why, WhyRow, path)
    else:
        write_text(path, rows_csv(answer.why, WhyRow))
