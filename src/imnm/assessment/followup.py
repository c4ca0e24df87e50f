"""The course of one patient: the trend of CK and strength in plain statements, what is to be measured when, and the
published definitions of remission and deterioration.

Only exact values on exact days make a slope; bounded and undated results are shown elsewhere and bend nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from imnm.knowledge import monitoring as m
from imnm.knowledge.criteria.measures import ENZYME_RANGE, HAQ, TIS_2016, VAS, absolute_change
from imnm.knowledge.evidence import Evidence
from imnm.knowledge.findings import CK_1000
from imnm.knowledge.messages import say
from imnm.knowledge.treatment import GLUCOCORTICOID, IMMUNOGLOBULIN, IMMUNOSUPPRESSANTS
from imnm.logic.event import ByConcept, Event, day_date
from imnm.logic.interval import Interval, exactly
from imnm.logic.truth import Truth, all_of, any_of, at_least

CK = "creatine_kinase_total"
ANTIBODIES = {"anti_hmgcr": "Anti-HMGCR", "anti_srp": "Anti-SRP"}


class Point(NamedTuple):
    """One exact result: day, value, multiple of the upper limit (None if the limit is not on record), event."""

    day: float
    value: float
    times: Interval
    event: Event


class Course:
    """What a course is read from: the events known on the day, the day, and the values of the findings."""

    def __init__(self, events: Iterable[Event], as_of: float, values: Mapping[str, Any]) -> None:
        self.as_of = as_of
        self.values = values
        self.of = ByConcept(events).of

    def truth(self, id: str) -> Truth:
        """The truth of a finding."""
        value = self.values.get(id)
        return value if isinstance(value, bool) else None

    def stated(self, *concepts: str) -> list[Event]:
        """The events of these concepts that are stated as present."""
        return [event for event in self.of(*concepts) if event.truth is True]


def iso(day: float) -> str | None:
    """A day number as an ISO date; None if it is open."""
    date = day_date(day)
    return date.isoformat() if date else None


def entries(events: Iterable[Event]) -> list[dict[str, str]]:
    """Record entries as the contract shows them."""
    return [{"ref": event.ref, "text": event.text} for event in events]


def cited(basis: Evidence) -> dict[str, Any]:
    """Tag, sources and whether it is provisional, as the contract shows them."""
    return {"tag": basis.tag, "sources": list(basis.sources), "provisional": basis.provisional}


def number(value: float) -> str:
    """A value for a sentence: whole from 10 on, else with one decimal."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}".rstrip("0").rstrip(".")


# ---------------------------------------------------------------- CK


def points(course: Course, concept: str = CK) -> list[Point]:
    """The exact results on exact days in order of time, one a day (the greatest); a CK of nothing is no result."""
    return _points(course.of(concept), math.ulp(0.0) if concept == CK else 0.0)


def _points(events: Iterable[Event], least: float = 0.0) -> list[Point]:
    best: dict[float, Point] = {}
    for event in events:
        if event.start == event.end and math.isfinite(event.end) and event.low == event.high >= least:
            point = Point(event.end, event.low, event.times_uln, event)
            if event.end not in best or best[event.end].value < point.value:
                best[event.end] = point
    return sorted(best.values(), key=lambda point: point.day)


def halving_days(first: Point, last: Point) -> float | None:
    """Days in which the value halved between two points, taking the fall as exponential; None if it did not fall."""
    if last.day <= first.day or last.value >= first.value:
        return None
    return (last.day - first.day) / math.log2(first.value / last.value)


def percent(first: Point, last: Point) -> float:
    """Change from the first to the last in percent of the first."""
    return 100 * (last.value - first.value) / first.value


def _statement(id: str, events: Iterable[Event] = (), **values: Any) -> dict[str, Any]:
    return {
        "id": id,
        "text": say(f"monitoring.trend.{id}", **values),
        "evidence": entries(events),
        **cited(m.TREND_EVIDENCE[id]),
    }


def trend(course: Course) -> list[dict[str, Any]]:
    """Plain statements about the course, each with the record entries and the evidence behind it."""
    series = points(course)
    found = list(_ck_statements(course, series))
    found.extend(_strength_statements(course, series))
    found.extend(_pitfalls(course, series))
    found.extend(_antibody_statements(course))
    return found


def _ck_statements(course: Course, series: Sequence[Point]) -> Iterator[dict[str, Any]]:
    if not series:
        yield _statement("none")
        return
    latest = series[-1]
    times = latest.times
    shown = (
        say("monitoring.trend.times", times=number(times.low)) if times.exact else say("monitoring.trend.times_unknown")
    )
    yield _statement("latest", [latest.event], value=number(latest.value), on=iso(latest.day), times=shown)
    if times.high <= 1:
        yield _statement("normal", [latest.event])
    if len(series) == 1:
        yield _statement("one", [latest.event], value=number(latest.value), on=iso(latest.day))
        return
    yield from _slope(course, series)
    yield from _since_peak(series)
    yield from _relapse(course, series)


def _since_peak(series: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """How far CK is below its highest value, where the present leg does not say it."""
    peak, latest = max(series, key=lambda point: point.value), series[-1]
    if peak is not latest and peak is not _start_of_leg(series):
        values = {"peak": number(peak.value), "on": iso(peak.day), "percent": number(-percent(peak, latest))}
        yield _statement("since_peak", [peak.event, latest.event], **values)


def _slope(course: Course, series: Sequence[Point]) -> Iterator[dict[str, Any]]:
    latest = series[-1]
    plateau = _plateau(series)
    if plateau and latest.times.low > 1:
        low, high = min(p.value for p in plateau), max(p.value for p in plateau)
        yield _statement(
            "plateau",
            [p.event for p in plateau],
            first=iso(plateau[0].day),
            last=iso(latest.day),
            low=number(low),
            high=number(high),
        )
        return
    start = _start_of_leg(series)
    change = percent(start, latest)
    days = halving_days(start, latest)
    span = {"first": iso(start.day), "last": iso(latest.day)}
    ends = {"from_value": number(start.value), "to_value": number(latest.value)}
    both = [start.event, latest.event]
    if abs(change) <= m.NATURAL_CHANGE.number:
        yield _statement("small_change", both, percent=number(change), **span)
        if len(series) > 2:
            yield from _slope(course, series[:-1])
    elif days is not None:
        yield _statement("halving", both, days=number(days), **span, **ends)
        fast = days <= m.WASH_OUT.number
        yield _statement("wash_out" if fast else "slow_fall", both)
    elif _is_rebound(course, series, start):
        yield _statement("rebound", both, **span, **ends)
    else:
        yield _statement("rising", both, percent=number(change), **span, **ends)


def _plateau(series: Sequence[Point]) -> list[Point]:
    """The longest stretch up to the latest value within the natural change of it, if it is long enough."""
    latest = series[-1]
    stretch = [latest]
    for point in reversed(series[:-1]):
        if abs(percent(latest, point)) > m.NATURAL_CHANGE.number:
            break
        stretch.insert(0, point)
    return stretch if latest.day - stretch[0].day >= m.PLATEAU_DAYS.number else []


def _start_of_leg(series: Sequence[Point]) -> Point:
    """Where the present leg, a fall or a rise, began: the last turning point, smaller changes than the natural one
    passed over."""
    latest = series[-1]
    turn = series[-2]
    falling = latest.value < turn.value
    for point in reversed(series[:-2]):
        onward = point.value > turn.value if falling else point.value < turn.value
        if onward:
            turn = point
        elif abs(percent(turn, point)) > m.NATURAL_CHANGE.number:
            break
    return turn


def _is_rebound(course: Course, series: Sequence[Point], nadir: Point) -> bool:
    """Whether CK had fallen to this lowest value, rose soon after, and no immunosuppressant was recorded by then."""
    latest = series[-1]
    fell = any(before.day < nadir.day and -percent(before, nadir) > m.NATURAL_CHANGE.number for before in series)
    treated = any(event.start <= latest.day for event in course.stated(*IMMUNOSUPPRESSANTS, *IMMUNOGLOBULIN))
    return fell and latest.day - nadir.day <= m.REBOUND_DAYS.number and not treated


def _relapse(course: Course, series: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """The product rule: at least twice the lowest value since treatment began and above normal, in one sample or in
    samples a week apart."""
    since = _treated_since(course)
    series = [point for point in series if point.day >= since]
    if not series:
        return
    nadir = min(series, key=lambda point: (point.value, point.day))
    above = [
        point
        for point in series
        if point.day > nadir.day and point.value >= m.RELAPSE_FACTOR.number * nadir.value and point.times.low > 1
    ]
    if not above or above[-1] is not series[-1]:
        return
    apart = above[-1].day - above[0].day >= m.RELAPSE_APART.number
    yield _statement(
        "relapse" if apart else "relapse_once",
        [nadir.event, *(point.event for point in above)],
        nadir=number(nadir.value),
        nadir_on=iso(nadir.day),
    )


def _treated_since(course: Course) -> float:
    """The day by which the first immunosuppressant was started; infinite if there is none."""
    return min((event.end for event in course.stated(*IMMUNOSUPPRESSANTS, *IMMUNOGLOBULIN)), default=math.inf)


# ---------------------------------------------------------------- strength


def strength_scores(course: Course) -> dict[str, list[Point]]:
    """The strength scores in order of time by what they are counted out of (``80``, ``150``); ``""``: not stated."""
    scores = course.of("mmt8")
    scales = {event.detail or "" for event in scores}
    return {scale: _points(e for e in scores if (e.detail or "") == scale) for scale in sorted(scales)}


def _strength_statements(course: Course, series: Sequence[Point]) -> Iterator[dict[str, Any]]:
    for scale, scores in strength_scores(course).items():
        if not scores:
            continue
        first, last = scores[0], scores[-1]
        if not scale:
            yield _statement("scale_unknown", [last.event], value=number(last.value))
        elif len(scores) > 1:
            values = {"from_value": number(first.value), "to_value": number(last.value), "maximum": scale}
            both = [first.event, last.event]
            yield _statement("strength_change", both, first=iso(first.day), last=iso(last.day), **values)
            best = max(scores, key=lambda point: point.value)
            fall = -percent(best, last)
            if fall >= m.RELAPSE_STRENGTH.number and len(series) > 1 and series[-1].value > _start_of_leg(series).value:
                values["from_value"] = number(best.value)
                yield _statement("relapse_strength", [best.event, last.event], percent=number(fall), **values)
    newest = _newest_strength(course)
    if newest is not None:
        words = say(f"monitoring.stated.{STATED_STRENGTH[newest.concept]}")
        yield _statement("strength_stated", [newest], stated=words, on=iso(newest.end))


STATED_STRENGTH = {"strength_worse": "worse", "strength_improved": "better", "strength_normal": "full"}


def _newest_strength(course: Course) -> Event | None:
    """The newest dated statement about strength compared with before."""
    said = [event for event in course.stated(*STATED_STRENGTH) if math.isfinite(event.end)]
    return max(said, key=lambda event: (event.end, event.concept), default=None)


# ---------------------------------------------------------------- traps


LITTLE_MUSCLE = ("inability_to_walk", "muscle_atrophy", "muscle_fatty_replacement", "mri_fatty_replacement")
FIXED = ("muscle_atrophy", "muscle_fatty_replacement", "mri_fatty_replacement")
DISTURBING = ("muscle_biopsy", "electromyography", "recent_exertion", "intramuscular_injection")


def _pitfalls(course: Course, series: Sequence[Point]) -> Iterator[dict[str, Any]]:
    if not series:
        return
    latest = series[-1]
    normal = latest.times.high <= 1
    falling = len(series) > 1 and percent(_start_of_leg(series), latest) < -m.NATURAL_CHANGE.number
    yield from _strong_but_raised(course, latest)
    yield from _little_muscle(course, series, normal)
    yield from _steroid_myopathy(course, latest, normal or falling)
    disturbing = [e for e in course.stated(*DISTURBING) if 0 <= latest.day - e.end <= m.DISTURBED_DAYS.number]
    if disturbing and latest.value < CK_1000.number:
        values = {"days": number(m.DISTURBED_DAYS.number), "rise": number(m.BIOPSY_CK.number)}
        yield _statement("disturbed", disturbing, **values)
    exchange = [e for e in course.stated("plasma_exchange") if 0 <= latest.day - e.end <= m.DISTURBED_DAYS.number]
    if exchange:
        yield _statement("exchange", exchange)
    immunoglobulin = course.stated(*IMMUNOGLOBULIN)
    if immunoglobulin:
        yield _statement("ivig_wear_off", immunoglobulin)


def _strong_but_raised(course: Course, latest: Point) -> Iterator[dict[str, Any]]:
    strong = [e for e in course.stated("strength_normal") if e.end > -math.inf]
    worse = [e for e in course.stated("strength_worse") if strong and e.end > max(s.end for s in strong)]
    if strong and not worse and latest.value > m.STRONG_CK.number:
        yield _statement("strong_but_raised", [*strong, latest.event], limit=number(m.STRONG_CK.number))


def _little_muscle(course: Course, series: Sequence[Point], normal: bool) -> Iterator[dict[str, Any]]:
    peak, latest = max(series, key=lambda point: point.value), series[-1]
    signs = course.stated(*LITTLE_MUSCLE)
    newest = _newest_strength(course)
    gaining = newest is not None and newest.concept in ("strength_improved", "strength_normal")
    if signs and not gaining and latest.value <= peak.value / m.RELAPSE_FACTOR.number and latest.day > peak.day:
        sign = say(f"monitoring.sign.{signs[0].concept}")
        yield _statement("little_muscle", [*signs, peak.event, latest.event], sign=sign)
    fixed = course.stated(*FIXED)
    if fixed and normal and course.truth("weakness_any"):
        yield _statement("fixed_weakness", [*fixed, latest.event])


def _steroid_myopathy(course: Course, latest: Point, quiet: bool) -> Iterator[dict[str, Any]]:
    steroid = course.stated(*GLUCOCORTICOID)
    since = min((event.end for event in steroid if math.isfinite(event.end)), default=math.inf)
    worse = [event for event in course.stated("strength_worse", "progressive_weakness") if event.end > since]
    if worse and quiet:
        yield _statement("steroid_myopathy", [*steroid, *worse, latest.event])
        neck = course.stated("neck_flexor_weakness")
        if neck:
            yield _statement("steroid_myopathy_neck", neck)


def _antibody_statements(course: Course) -> Iterator[dict[str, Any]]:
    for concept, name in ANTIBODIES.items():
        levels = points(course, concept)
        assays = {point.event.detail for point in levels}
        if len(levels) < 2:
            continue
        if len(assays) > 1 or None in assays:
            yield _statement("assay_changed", [point.event for point in levels], antibody=name)
            continue
        first, last = levels[0], levels[-1]
        yield _statement(
            "titre",
            [first.event, last.event],
            antibody=name,
            from_value=number(first.value),
            to_value=number(last.value),
            first=iso(first.day),
            last=iso(last.day),
        )


# ---------------------------------------------------------------- what is due


def phase_of(course: Course) -> str:
    """``untreated``, ``induction`` (up to half a year after the first immunosuppressant) or ``stable``."""
    first = _treated_since(course)
    if first > course.as_of:
        return "untreated"
    return "stable" if course.as_of - first > m.INDUCTION_DAYS.number else "induction"


def schedule(course: Course) -> list[dict[str, Any]]:
    """What is to be measured: when it was done last and when it is due, by the phase of treatment."""
    phase = phase_of(course)
    return [_due(course, measure, phase) for measure in m.SCHEDULE]


def _due(course: Course, measure: m.Measure, phase: str) -> dict[str, Any]:
    done = [event for event in course.of(*measure.concepts) if event.end <= course.as_of]
    last = max(done, key=lambda event: event.end, default=None)
    interval = measure.stable if phase == "stable" else measure.induction
    row: dict[str, Any] = {
        "id": measure.id,
        "title": say(f"monitoring.schedule.{measure.id}.title"),
        "every": say(f"monitoring.schedule.{measure.id}.every"),
        "last_on": iso(last.end) if last else None,
        "due_on": None,
        "due_by": None,
        "evidence": entries([last] if last else []),
        **cited(measure.evidence),
    }
    if last is None:
        undated = course.of(*measure.concepts)
        row["status"] = "undated" if undated else "never"
        row["text"] = say(f"monitoring.schedule.status.{row['status']}")
        row["due_on"] = row["due_by"] = None if undated else iso(course.as_of)
    elif interval is not None and not measure.optional:
        first, latest = last.end + interval[0], last.end + interval[1]
        row["status"] = "overdue" if latest < course.as_of else "due"
        row["due_on"], row["due_by"] = iso(first), iso(latest)
        row["text"] = say(
            f"monitoring.schedule.status.{row['status']}",
            on=iso(last.end),
            due=iso(latest),
            first=iso(first),
            last=iso(latest),
        )
    else:
        row["status"] = "done"
        row["text"] = say("monitoring.schedule.status.done", on=iso(last.end))
    return row


# ---------------------------------------------------------------- definitions


def remission(course: Course) -> dict[str, Any]:
    """The definition of the Paris cohort: CK at most twice the limit and strength stable, for three months or more."""
    since = course.as_of - m.REMISSION_DAYS.number
    latest = points(course)[-1:]
    low = [None if not p.times.known else _at_most(p.times, m.REMISSION_ULN.number) for p in latest]
    stable = _stable_strength(course, since)
    return {
        "id": "remission_paris",
        "text": say("monitoring.definition.remission"),
        "result": all_of([low[0] if low else None, stable]),
        "evidence": entries(p.event for p in latest),
        **cited(m.REMISSION),
    }


def _at_most(value: Interval, bound: float) -> Truth:
    return True if value.high <= bound else False if value.low > bound else None


def _stable_strength(course: Course, since: float) -> Truth:
    """Whether strength did not change over the span: needs a score before it and one in it, on one scale."""
    results: list[Truth] = []
    for scale, scores in strength_scores(course).items():
        before = [point for point in scores if point.day <= since]
        within = [point for point in scores if point.day > since]
        if scale and before and within:
            results.append(all(point.value >= before[-1].value for point in within))
    return any_of(results) if results else None


def response(course: Course) -> dict[str, Any] | None:
    """The Total Improvement Score as far as the measures on record carry it; None without two visits.

    Baseline: the last value up to the day the first immunosuppressant was started, else the first value. What is not
    on record is missing: the score is then a range and has no class.
    """
    changes, used = _recorded_changes(course)
    if not changes:
        return None
    result = TIS_2016.read(changes)
    return {
        "id": result.id,
        "title": result.title,
        "score": result.score,
        "score_range": result.score_range,
        "class": result.class_,
        "missing": result.missing,
        "warnings": result.warnings,
        "evidence": entries(used),
        "text": say("monitoring.response.patient_meaning"),
        "provisional": result.provisional,
        "sources": [*result.sources, *m.RESPONSE.sources],
    }


TIS_MEASURES = {"phga": "physician", "ptga": "patient", "extra": "extramuscular", "haq": "haq"}


def _recorded_changes(course: Course) -> tuple[dict[str, Interval], list[Event]]:
    """The changes of strength and CK in percent of their ranges, and the entries they come from."""
    changes: dict[str, Interval] = {}
    used: list[Event] = []
    for measure, range_ in (("phga", VAS), ("ptga", VAS), ("extra", VAS), ("haq", HAQ)):
        pair = _baseline_and_last(course, points(course, GLOBALS[TIS_MEASURES[measure]]))
        if pair:
            span = Fraction(range_.number)
            changes[f"{measure}_change"] = exactly(float(absolute_change(*_values(pair), span, False)))
            used += [point.event for point in pair]
    for scale, scores in strength_scores(course).items():
        pair = _baseline_and_last(course, scores)
        if scale and pair:
            span = Fraction(scale)
            changes["mmt_change"] = exactly(float(absolute_change(*_values(pair), span, higher_is_better=True)))
            used += [point.event for point in pair]
    pair = _baseline_and_last(course, points(course))
    if pair and pair[0].event.uln:
        span = Fraction(ENZYME_RANGE["ck"].number) * Fraction(pair[0].event.uln)
        changes["enz_change"] = exactly(float(absolute_change(*_values(pair), span, higher_is_better=False)))
        used += [point.event for point in pair]
    return changes, used


def _values(pair: tuple[Point, Point]) -> tuple[Fraction, Fraction]:
    return Fraction(pair[0].value), Fraction(pair[1].value)


def _baseline_and_last(course: Course, series: Sequence[Point]) -> tuple[Point, Point] | None:
    if len(series) < 2:
        return None
    begun = _treated_since(course)
    before = [point for point in series if point.day <= begun]
    baseline = before[-1] if before and begun <= course.as_of else series[0]
    return (baseline, series[-1]) if series[-1].day > baseline.day else None


DECIMALS = 6
"""Differences are rounded to this before they meet a limit: 3.9 - 3.0 is 0.9 to a reader, not 0.8999999."""


GLOBALS = {
    "physician": "physician_global",
    "patient": "patient_global",
    "extramuscular": "extramuscular_global",
    "haq": "haq_di",
}
"""The core measures beside strength and CK, and the concepts under which a record or a site's codes bring them."""


class Visit(NamedTuple):
    """The core measures of one visit; None where not measured. Globals in cm of 10, HAQ 0 to 3, MMT8 in points."""

    physician: float | None = None
    patient: float | None = None
    extramuscular: float | None = None
    haq: float | None = None
    mmt8: float | None = None


def deteriorated(baseline: Visit, visit: Visit) -> Truth:
    """Whether one visit meets the trial's conditions of deterioration against the baseline (CK is no part of it).

    (a) physician global up by 2 cm and MMT8 down by 20 %; (b) extramuscular global up by 2 cm; (c) three of the five
    measures worse by 30 %. Percent is of the baseline value. Source: ``monitoring.DETERIORATION``.
    """
    globals_up = m.DETERIORATION_GLOBAL.number
    weaker = _worse(baseline.mmt8, visit.mmt8, m.DETERIORATION_STRENGTH.number, falls=True)
    third = m.DETERIORATION_MEASURES.number
    measures = [
        _worse(baseline.physician, visit.physician, third),
        _worse(baseline.patient, visit.patient, third),
        _worse(baseline.extramuscular, visit.extramuscular, third),
        _worse(baseline.haq, visit.haq, third),
        _worse(baseline.mmt8, visit.mmt8, third, falls=True),
    ]
    return any_of(
        [
            all_of([_up(baseline.physician, visit.physician, globals_up), weaker]),
            _up(baseline.extramuscular, visit.extramuscular, globals_up),
            at_least(3, measures),
        ]
    )


def confirmed_deterioration(baseline: Visit, visits: Sequence[Visit]) -> Truth:
    """Whether two visits in a row meet the conditions; unknown where what was not measured could decide it."""
    met = [deteriorated(baseline, visit) for visit in visits]
    return any_of(all_of(pair) for pair in pairwise(met))


def deterioration(course: Course) -> dict[str, Any]:
    """Confirmed deterioration from the measures on record, against the visit at which treatment began."""
    scale, scores = max(strength_scores(course).items(), key=lambda row: (row[0] != "", len(row[1])), default=("", []))
    series = {name: points(course, concept) for name, concept in GLOBALS.items()}
    if scale:
        series["mmt8"] = scores
    by_day: dict[float, dict[str, float]] = {}
    for name, measured in series.items():
        for point in measured:
            by_day.setdefault(point.day, {})[name] = point.value
    begun = _treated_since(course)
    days = sorted(by_day)
    baseline = max((day for day in days if day <= begun <= course.as_of), default=days[0] if days else math.inf)
    after = [Visit(**by_day[day]) for day in days if day > baseline]
    return {
        "id": "deterioration_proderm",
        "text": say("monitoring.definition.deterioration"),
        "result": confirmed_deterioration(Visit(**by_day[baseline]), after) if len(after) > 1 else None,
        "evidence": entries(point.event for measured in series.values() for point in measured),
        **cited(m.DETERIORATION),
    }


def _up(before: float | None, after: float | None, by: float) -> Truth:
    return None if before is None or after is None else round(after - before, DECIMALS) >= by


def _worse(before: float | None, after: float | None, by: float, falls: bool = False) -> Truth:
    if before is None or after is None:
        return None
    change = before - after if falls else after - before
    if before == 0:
        return change > 0
    return round(100 * change / before, DECIMALS) >= by
