"""How well the flags agree with chart-reviewed labels, beside the rules a hospital would think of first."""

from __future__ import annotations

import csv
import datetime as dt
import math
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec

from imnm.assessment import AskError, program
from imnm.assessment.criteria import criteria_of
from imnm.assessment.engine import Case, resolve_as_of
from imnm.knowledge.differential import DISEASES
from imnm.knowledge.findings import CK_1000
from imnm.knowledge.messages import say
from imnm.logic.event import Event, day_date
from imnm.logic.interval import INF
from imnm.sources import Reading

from .rows import IMNM, level_changes
from .source import Progress, SourceError

BASELINES = ("coded", "ck_1000", "ck_1000_statin", "eular_acr")
_SHOWN_IDS = 5
_Z = 1.959963984540054
"""The normal quantile of a two-sided 95% interval."""


class Label(NamedTuple):
    """A chart review: whether it is IMNM, and when that was recognised, if known."""

    imnm: bool
    diagnosed_on: dt.date | None


class Flags(NamedTuple):
    """What each rule says of one person, and the day on which it first said so."""

    by_rule: dict[str, bool]
    first: dict[str, float]


class Rate(msgspec.Struct):
    """A share with its 95% interval; None where there is nobody to count."""

    value: float | None
    low: float | None
    high: float | None
    of: int


class Row(msgspec.Struct):
    """One rule against the labels. ``number_needed_to_test``: people flagged for one with IMNM."""

    rule: str
    label: str
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    sensitivity: Rate
    specificity: Rate
    ppv: Rate
    npv: Rate
    number_needed_to_test: float | None
    ppv_at_prevalence: Rate | None = None
    tests_per_case_at_prevalence: float | None = None
    days_saved: Saved | None = None


class Saved(msgspec.Struct):
    """Days from the first flag to the diagnosis, of those flagged who have a date of diagnosis. ``dated``: people with
    IMNM and such a date, flagged or not; ``before``: those flagged before it."""

    people: int
    dated: int
    before: int
    median: float
    lower_quartile: float
    upper_quartile: float


class Evaluation(msgspec.Struct):
    """The table of an evaluation. ``missing``: how many labelled people are not in the source; ``missing_ids``: the
    first of them. ``days_saved``: that of the first row."""

    title: str
    people: int
    with_imnm: int
    flag_level: str
    interval: str
    rows: list[Row]
    prevalence: float | None = None
    days_saved: Saved | None = None
    missing: int = 0
    missing_ids: list[str] = []
    notes: list[str] = []


# ---------------------------------------------------------------- people


def flags_of(reading: Reading, day: float) -> Flags | None:
    """What the levels and the baselines say of one person on a day (NaN: the newest of the record); None of somebody
    born after it, whom a screening leaves out as well."""
    try:
        day = resolve_as_of(reading, None if math.isnan(day) else day_date(day))
    except AskError:
        return None
    case = Case(reading, day)
    levels = {level: program.RANK[case.level] >= program.RANK[level] for level in _LEVELS}
    baselines = {rule: says(case) for rule, says in _SAYS.items()}
    first = _first(case)
    for rule, true in baselines.items():
        if true:
            first[rule] = _first_day(reading, case, _SAYS[rule])
    return Flags(levels | baselines, first)


_LEVELS = ("low", "moderate", "high", "established")


def _ck_1000(case: Case) -> bool:
    peak = case.number("ck_peak")
    return peak is not None and peak.low >= CK_1000.number


def _filed(case: Case) -> bool:
    """Whether a code is recorded under which IMNM is filed where it has none of its own."""
    return any(event.concept == "imnm_proxy_code" and event.truth for event in case.events)


def _eular_acr(case: Case) -> bool:
    return next(found for found in criteria_of(case) if found.id == "eular-acr-2017").result == "fulfilled"


_SAYS: dict[str, Callable[[Case], bool]] = {
    "coded": lambda case: case.truth("already_coded") is True or _filed(case),
    "ck_1000": _ck_1000,
    "ck_1000_statin": lambda case: _ck_1000(case) and case.truth("statin_exposure") is True,
    "eular_acr": _eular_acr,
}
"""What a hospital would think of first."""


def _first_day(reading: Reading, case: Case, says: Callable[[Case], bool]) -> float:
    """The first day on which a rule that is true now was true, by what was known then."""
    days = sorted({event.known for event in case.events if math.isfinite(event.known)} - {case.as_of})
    return next((day for day in days if says(Case(reading, day))), case.as_of)


def _first(case: Case) -> dict[str, float]:
    found: dict[str, float] = {}
    for day, reached in level_changes(case):
        for level in _LEVELS:
            if program.RANK[reached] >= program.RANK[level]:
                found.setdefault(level, day)
    return found


def labels_of(path: Path) -> dict[str, Label]:
    """Chart-reviewed labels from a CSV. Raises SourceError naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise SourceError(say("cli.error.cannot_read", file=path, reason=reason)) from error
    except UnicodeDecodeError as error:
        raise SourceError(say("cli.error.cannot_read", file=path, reason="it is not UTF-8 text")) from error
    reader = csv.DictReader(lines, skipinitialspace=True)
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    if not {"patient_id", "diagnosis"} <= set(reader.fieldnames):
        raise SourceError(say("population.error.labels_columns", file=path))
    found: dict[str, Label] = {}
    for row in reader:
        patient, diagnosis = (row["patient_id"] or "").strip(), (row["diagnosis"] or "").strip()
        if None in row:  # a date in a column without a heading would be lost
            raise SourceError(say("population.error.labels_more", file=path, line=reader.line_num))
        if diagnosis not in (*DISEASES, "imnm", "not_imnm") or not patient:
            raise SourceError(say("population.error.labels_value", file=path, line=reader.line_num, value=diagnosis))
        if patient in found:
            raise SourceError(say("population.error.labels_twice", file=path, line=reader.line_num, patient=patient))
        found[patient] = Label(diagnosis in (*IMNM, "imnm"), _date(row.get("diagnosed_on"), path, reader.line_num))
    if not found:
        raise SourceError(say("population.error.labels_empty", file=path))
    return found


def _date(text: str | None, path: Path, line: int) -> dt.date | None:
    if not text or not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise SourceError(say("population.error.labels_date", file=path, line=line)) from None


def against_labels(
    source: str,
    labels: Path,
    options: object,
    flag_level: str,
    interval: str,
    prevalence: float | None,
    progress: Progress = lambda line: None,
) -> Evaluation:
    """Evaluate on a population. Raises SourceError if it or the labels cannot be read."""
    from . import store
    from .interrupt import scratch
    from .opening import open_population
    from .screen import ScreenOptions, day_asked, enough_room
    from .source import cores

    assert isinstance(options, ScreenOptions)
    reviewed = labels_of(labels)
    _check_prevalence(prevalence)
    day = day_asked(options.as_of)
    with scratch("imnm-evaluate-") as folder, enough_room(options.memory_limit):
        population = open_population(source, folder, options._replace(also=tuple(reviewed)))
        connection = store.connect(folder, options.memory_limit, cores())
        try:
            population.load(connection, progress)
            there = {patient for (patient,) in connection.execute("SELECT patient FROM people").fetchall()}
            wanted = {patient: math.nan if day is None else day for patient in reviewed if patient in there}
            said = dict(population.judged(wanted, flags_of))
        finally:
            population.close()
            connection.close()
    flags = {patient: says for patient, says in said.items() if says is not None}
    found = {patient: label for patient, label in reviewed.items() if patient in flags}
    if not found:
        raise SourceError(say("population.error.labels_of_nobody", file=labels))
    result = evaluation(say("population.evaluate.title", source=source), found, flags, flag_level, interval, prevalence)
    missing = [patient for patient in reviewed if patient not in flags]
    result.missing, result.missing_ids = len(missing), missing[:_SHOWN_IDS]
    for row in result.rows:
        row.days_saved = days_saved(found, flags, row.rule)
    result.days_saved = result.rows[0].days_saved
    return result


# ---------------------------------------------------------------- the bundled cases


def bundled(flag_level: str, interval: str, prevalence: float | None) -> Evaluation:
    """Evaluate on the published cases that come with the package: those the rules were written on."""
    _check_prevalence(prevalence)
    cases = published_cases()
    said = ((case, flags_of(reading, 0.0)) for case, (_, reading) in cases.items())
    flags = {case: says for case, says in said if says is not None}
    labels = {case: Label(cases[case][0] in IMNM, None) for case in flags}
    result = evaluation(say("population.evaluate.bundled"), labels, flags, flag_level, interval, prevalence)
    result.notes = [say("population.evaluate.bundled_note"), say("population.evaluate.no_days")]
    return result


def published_cases() -> dict[str, tuple[str, Reading]]:
    """The bundled cases: diagnosis as published, and what was on record at the presentation (day 0)."""
    folder = resources.files("imnm.examples") / "published"
    events: dict[str, list[Event]] = {}
    for number, row in enumerate(csv.DictReader((folder / "facts.csv").read_text(encoding="utf-8").splitlines())):
        events.setdefault(row["case"], []).append(_event(row, f"fact/{number}"))
    cases = csv.DictReader((folder / "cases.csv").read_text(encoding="utf-8").splitlines())
    return {
        row["case"]: (row["diagnosis"], Reading(row["case"], events.get(row["case"], []), newest_known=0.0))
        for row in cases
    }


def _event(row: Mapping[str, str], ref: str) -> Event:
    def number(name: str, open_: float) -> float:
        return float(row[name]) if row[name] else open_

    return Event(
        row["concept"],
        number("start", -INF),
        number("end", INF),
        number("known", -INF),
        number("low", -INF),
        number("high", INF),
        number("times_low", -INF),
        number("times_high", INF),
        {"yes": True, "no": False, "": None}[row["truth"]],
        row["grade"] or None,
        row["detail"] or None,
        float(row["uln"]) if row["uln"] else None,
        ref,
        row["concept"],
    )


# ---------------------------------------------------------------- figures


def _check_prevalence(prevalence: float | None) -> None:
    if prevalence is not None and not 0 < prevalence < 1:
        raise SourceError(say("population.error.prevalence"))


def evaluation(
    title: str,
    labels: Mapping[str, Label],
    flags: Mapping[str, Flags],
    flag_level: str,
    interval: str,
    prevalence: float | None,
) -> Evaluation:
    """The table: our level first, the next lower level beside it, then the baselines."""
    levels = [flag_level] + (["moderate"] if flag_level == "high" else [])
    rows = [
        _row(rule, [(labels[p].imnm, flags[p].by_rule[rule]) for p in labels], interval, prevalence)
        for rule in (*levels, *BASELINES)
    ]
    ill = sum(label.imnm for label in labels.values())
    return Evaluation(title, len(labels), ill, flag_level, interval, rows, prevalence)


def _row(rule: str, pairs: list[tuple[bool, bool]], interval: str, prevalence: float | None) -> Row:
    tp, fp, fn, tn = (pairs.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False)))
    rate = partial(rate_of, interval=interval)
    sensitivity, specificity = rate(tp, tp + fn), rate(tn, tn + fp)
    ppv = rate(tp, tp + fp)
    row = Row(
        rule, say(f"population.evaluate.rule_{rule}"), tp, fp, fn, tn, sensitivity, specificity, ppv,
        rate(tn, tn + fn), 1 / ppv.value if ppv.value else None,
    )  # fmt: skip
    if prevalence is not None:
        row.ppv_at_prevalence = _ppv_at(sensitivity, specificity, prevalence)
        if row.ppv_at_prevalence.value:
            row.tests_per_case_at_prevalence = 1 / row.ppv_at_prevalence.value
    return row


def rate_of(count: int, of: int, interval: str = "wilson") -> Rate:
    """A share with its 95% interval, by Wilson's score or exactly (Clopper and Pearson)."""
    if not of:
        return Rate(None, None, None, 0)
    low, high = (_exact if interval == "exact" else _wilson)(count, of)
    return Rate(count / of, low, high, of)


def _wilson(count: int, of: int) -> tuple[float, float]:
    share, z2 = count / of, _Z * _Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return (0.0 if count == 0 else max(0.0, middle - half)), (1.0 if count == of else min(1.0, middle + half))


def _exact(count: int, of: int) -> tuple[float, float]:
    """The shares at which a count at least (at most) this large has a chance of 2.5%."""
    low = 0.0 if count == 0 else _where(lambda p: _at_least(count, of, p) - 0.025)
    high = 1.0 if count == of else _where(lambda p: 0.025 - (1 - _at_least(count + 1, of, p)))
    return low, high


def _at_least(count: int, of: int, p: float) -> float:
    logs = [
        math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) + k * math.log(p) + (of - k) * math.log1p(-p)
        for k in range(count, of + 1)
    ]
    return math.fsum(map(math.exp, logs))


def _where(rising: Callable[[float], float]) -> float:
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _ppv_at(sensitivity: Rate, specificity: Rate, prevalence: float) -> Rate:
    """The share of flagged who have IMNM where so many have it; its bounds are those of the two rates together."""

    def ppv(sens: float | None, spec: float | None) -> float | None:
        if sens is None or spec is None:
            return None
        flagged = sens * prevalence + (1 - spec) * (1 - prevalence)
        return sens * prevalence / flagged if flagged else None

    return Rate(
        ppv(sensitivity.value, specificity.value),
        ppv(sensitivity.low, specificity.low),
        ppv(sensitivity.high, specificity.high),
        sensitivity.of + specificity.of,
    )


def days_saved(labels: Mapping[str, Label], flags: Mapping[str, Flags], rule: str) -> Saved | None:
    """Days from the first flag to the diagnosis; negative where the flag came later. None if nobody has both."""
    days = []
    dated = 0
    for patient, label in labels.items():
        if not label.imnm or label.diagnosed_on is None:
            continue
        dated += 1
        first = flags[patient].first.get(rule) if flags[patient].by_rule[rule] else None
        flagged = day_date(first) if first is not None and math.isfinite(first) else None
        if flagged is not None:
            days.append((label.diagnosed_on - flagged).days)
    if not days:
        return None
    lower, median, upper = statistics.quantiles(days, n=4, method="inclusive") if len(days) > 1 else days * 3
    before = sum(saved > 0 for saved in days)
    return Saved(len(days), dated, before, float(median), float(lower), float(upper))


# ---------------------------------------------------------------- words


def as_json(result: Evaluation) -> str:
    """The evaluation as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n"


def table(result: Evaluation) -> str:
    """The evaluation for a terminal."""
    lines = [result.title, say("population.evaluate.people", people=result.people, imnm=result.with_imnm)]
    lines += result.notes
    if result.missing:
        ids = ", ".join(result.missing_ids) + (" …" if result.missing > len(result.missing_ids) else "")
        lines.append(say("population.evaluate.missing", count=result.missing, ids=ids))
    header = say("population.evaluate.columns").split("|")
    if result.prevalence is not None:
        header += say("population.evaluate.columns_prevalence", prevalence=f"{result.prevalence:g}").split("|")
    cells = [_cells(row, result.prevalence is not None) for row in result.rows]
    lines += ["", *_aligned([header, *cells])]
    if any(row.days_saved for row in result.rows):
        lines += ["", say("population.evaluate.days_saved"), *_saved_table(result.rows)]
    method = say(f"population.evaluate.interval_{result.interval}")
    notes = [say("population.evaluate.coded_note"), method, say("population.notice")]
    return "\n".join([*lines, "", *notes]) + "\n"


def _saved_table(rows: list[Row]) -> list[str]:
    cells = [say("population.evaluate.columns_saved").split("|")]
    for row in rows:
        saved = row.days_saved
        if saved is None:
            cells.append([row.label, "", "", "", ""])
        else:
            cells.append([row.label, f"{saved.people} / {saved.dated}", str(saved.before), f"{saved.median:g}",
                          f"{saved.lower_quartile:g} – {saved.upper_quartile:g}"])  # fmt: skip
    return _aligned(cells)


def _aligned(cells: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in cells) for place in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cells(row: Row, at_prevalence: bool) -> list[str]:
    counts = [row.true_positive, row.false_positive, row.false_negative, row.true_negative]
    shown = [row.label, *map(str, counts), *map(_shown, (row.sensitivity, row.specificity, row.ppv, row.npv))]
    shown.append(_number(row.number_needed_to_test))
    if at_prevalence:
        shown += [_shown(row.ppv_at_prevalence), _number(row.tests_per_case_at_prevalence)]
    return shown


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"


def _shown(rate: Rate | None) -> str:
    if rate is None or rate.value is None:
        return ""
    digits = 3 if 0 < rate.value < 0.01 else 1
    low, high = (f"{100 * (end or 0):.{digits}f}" for end in (rate.low, rate.high))
    return f"{100 * rate.value:.{digits}f}% ({low}–{high})"
