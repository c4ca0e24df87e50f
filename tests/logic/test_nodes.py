"""What the nodes mean, case by case: what is recorded, what is asked, what must come out, of every interpreter."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pytest

from imnm.logic import nodes as n
from imnm.logic.evaluate import Program, Result, prove
from imnm.logic.event import Event
from imnm.logic.interval import INF, UNKNOWN, Interval, below, exactly

from .engine import run_sql

DAY = 100.0
T = n.Threshold
CK, STATIN = n.Events(("ck",)), n.Events(("statin",))


def ck(
    value: float | tuple[float, float] = (-INF, INF), on: float | tuple[float, float] = (-INF, INF), **more: Any
) -> Event:
    """A CK result; a pair is an interval; without a day it is undated."""
    low, high = value if isinstance(value, tuple) else (value, value)
    start, end = on if isinstance(on, tuple) else (on, on)
    return Event("ck", start, end, low=low, high=high, **more)


def statin(on: float | tuple[float, float], **more: Any) -> Event:
    start, end = on if isinstance(on, tuple) else (on, on)
    return Event("statin", start, end, truth=True, **more)


def window(series: n.Series, first: float | None, last: float | None) -> n.Series:
    """From and to so many days relative to the as-of date (day 100)."""
    edges = [None if days is None else T(f"days_{days}", days) for days in (first, last)]
    return n.InWindow(series, n.AsOf(), *edges)


def at_least(number: float, series: n.Series = CK) -> n.Series:
    return n.ValueIs(series, "value", ">=", T(f"t_{number}", number))


def alone(series: n.Series, other: n.Series = STATIN) -> n.Series:
    """Without the other from 3 days before to 2 days after."""
    return n.NotNear(series, other, T("before", 3), T("after", 2))


class Spec(NamedTuple):
    title: str
    record: list[Event]
    asked: n.Value
    answer: Result


BOTH = n.Events(("ck", "statin"))
PEAK, LATEST, FIRST = n.Peak(CK, "value"), n.Latest(CK, "value"), n.First(CK, "value")
UNDER_20, OVER_20000 = (0.0, below(20)), (20000.0, INF)

SPECS = [
    Spec("nothing recorded: existence is no", [], n.Exists(CK), False),
    Spec("nothing recorded: a number is unknown", [], PEAK, UNKNOWN),
    Spec("nothing recorded: no count", [], n.Count(CK), exactly(0)),
    Spec("known only tomorrow: not seen", [ck(5, 90, known=101)], n.Exists(CK), False),
    Spec("known today: seen", [ck(5, 90, known=100)], n.Exists(CK), True),
    # what the record says
    Spec("one yes outweighs a no", [ck(truth=False), ck(truth=True)], n.Recorded(CK, None), True),
    Spec("a no beside an undecided entry is unknown", [ck(truth=False), ck()], n.Recorded(CK, None), None),
    Spec("only a no", [ck(truth=False)], n.Recorded(CK, None), False),
    Spec("silence is unknown", [], n.Recorded(CK, None), None),
    Spec("silence counts as no where that is declared", [], n.Recorded(CK, False), False),
    Spec("an undecided entry is not silence", [ck()], n.Recorded(CK, False), None),
    Spec("a yes that may lie outside the window", [ck(truth=True)], n.Recorded(window(CK, -5, 0), None), None),
    Spec("a no that may lie outside the window says nothing", [ck(truth=False)],
         n.Recorded(window(CK, -5, 0), None), None),
    # categories
    Spec("a grade that is not stated may be it", [ck()], n.Exists(n.WithGrade(CK, ("weak",))), None),
    Spec("another grade is not it", [ck(grade="strong")], n.Exists(n.WithGrade(CK, ("weak",))), False),
    Spec("without a grade: a result without one counts in full", [ck()], n.Exists(n.WithoutGrade(CK, ("weak",))), True),
    Spec("without a grade: that grade is gone", [ck(grade="weak")], n.Exists(n.WithoutGrade(CK, ("weak",))), False),
    Spec("a detail that is not stated may be it", [ck()], n.Exists(n.WithDetail(CK, ("elisa",))), None),
    Spec("a truth that is not stated may be it", [ck()], n.Exists(n.WithTruth(CK, False)), None),
    # values
    Spec("<20 is surely under 20", [ck(UNDER_20)], n.Exists(at_least(20)), False),
    Spec("<20 may be 19", [ck(UNDER_20)], n.Exists(at_least(19)), None),
    Spec(">20000 is surely over 1000", [ck(OVER_20000)], n.Exists(at_least(1000)), True),
    Spec("a result without a value may be anything", [ck()], n.Exists(at_least(1000)), None),
    Spec("the peak of a bounded and a plain result", [ck(OVER_20000), ck(300)], PEAK, Interval(20000, INF)),
    Spec("the peak of results that may be higher", [ck(UNDER_20), ck(5)], PEAK, Interval(5, below(20))),
    Spec("the trough", [ck(UNDER_20), ck(5)], n.Trough(CK, "value"), Interval(0, 5)),
    Spec("the peak in multiples is another scale", [ck(300, times_low=1.5, times_high=1.5)],
         n.Peak(CK, "times_uln"), exactly(1.5)),
    Spec("a peak of merely possible members is unknown", [ck(300)], n.Peak(window(CK, -5, 0), "value"), UNKNOWN),
    # windows
    Spec("the first day of a window is in it", [ck(1, 95)], n.Exists(window(CK, -5, 0)), True),
    Spec("the day before is not", [ck(1, 94)], n.Exists(window(CK, -5, 0)), False),
    Spec("a partial date across the edge may be in it", [ck(1, (90, 97))], n.Exists(window(CK, -5, 0)), None),
    Spec("a partial date within is in it", [ck(1, (96, 97))], n.Exists(window(CK, -5, 0)), True),
    Spec("undated may be in any window", [ck(1)], n.Exists(window(CK, None, 0)), None),
    Spec("a window open to the past", [ck(1, (-INF, 99))], n.Exists(window(CK, None, 0)), True),
    Spec("an unknown anchor leaves everything possible", [ck(1, 95)],
         n.Exists(n.InWindow(CK, n.FirstDay(STATIN), T("z", 0), None)), None),
    Spec("an anchor that is a span", [ck(1, 95), statin((94, 96))],
         n.Exists(n.InWindow(CK, n.FirstDay(STATIN), T("z", 0), None)), None),
    # near
    Spec("surely near: out", [ck(1, 50), statin(47)], n.Exists(alone(CK)), False),
    Spec("a day too early to be near", [ck(1, 50), statin(46)], n.Exists(alone(CK)), True),
    Spec("on the last day after", [ck(1, 50), statin(52)], n.Exists(alone(CK)), False),
    Spec("perhaps near", [ck(1, 50), statin((40, 60))], n.Exists(alone(CK)), None),
    Spec("undated may be near everything", [ck(1, 50), statin((-INF, INF))], n.Exists(alone(CK)), None),
    Spec("a merely possible other makes it uncertain", [ck(1, 50), statin(50)],
         n.Exists(alone(CK, n.WithGrade(STATIN, ("high",)))), None),
    # latest and first
    Spec("the later of two days", [ck(7, 10), ck(5, 20)], LATEST, exactly(5)),
    Spec("of two results of one day the greater", [ck(7, 20), ck(5, 20)], LATEST, exactly(7)),
    Spec("two bounded results of one day", [ck(UNDER_20, 20), ck(5, 20)], LATEST, Interval(5, below(20))),
    Spec("a partial date that may be later", [ck(7, 20), ck(5, (10, 30))], LATEST, Interval(5, 7)),
    Spec("a partial date that is earlier for sure", [ck(7, 20), ck(5, (10, 19))], LATEST, exactly(7)),
    Spec("only an undated result", [ck(7)], LATEST, exactly(7)),
    Spec("the first of two days", [ck(7, 10), ck(5, 20)], FIRST, exactly(7)),
    Spec("a partial date that may be first", [ck(7, 20), ck(5, (10, 30))], FIRST, Interval(5, 7)),
    # newest
    Spec("the newest of two", [ck(7, 10), ck(5, 20)], n.Count(n.Newest(CK)), exactly(1)),
    Spec("both of one day are the newest", [ck(7, 20), ck(5, 20)], n.Count(n.Newest(CK)), exactly(2)),
    Spec("which is newer is open", [ck(7, 20), ck(5, (10, 30))], n.Count(n.Newest(CK)), Interval(0, 2)),
    Spec("the only one is the newest, undated as it is", [ck(7)], n.Exists(n.Newest(CK)), True),
    Spec("of several kinds the newest decides", [ck(7, 10, truth=True), Event("statin", 20, 20, truth=False)],
         n.Recorded(n.Newest(BOTH), None), False),
    # days
    Spec("first day, when one is undated", [ck(1, 10), ck(1)], n.FirstDay(CK), Interval(-INF, 10)),
    Spec("first day of partial dates", [ck(1, (10, 20)), ck(1, (15, 18))], n.FirstDay(CK), Interval(10, 18)),
    Spec("last day of partial dates", [ck(1, (10, 20)), ck(1, (15, 18))], n.LastDay(CK), Interval(15, 20)),
    Spec("seen by the first sure end", [ck(1, (10, 20)), ck(1)], n.SeenBy(CK), exactly(20)),
    Spec("undated alone is seen on no day", [ck(1)], n.SeenBy(CK), UNKNOWN),
    Spec("days from first to last", [ck(1, 10), ck(1, 40)], n.SpanDays(CK), exactly(30)),
    Spec("one entry spans nothing", [ck(1, 10)], n.SpanDays(CK), exactly(0)),
    Spec("days between partial dates", [ck(1, (10, 15)), ck(1, (20, 40))], n.SpanDays(CK), Interval(5, 30)),
    # union
    Spec("an entry in both parts counts once", [ck(1, 10)], n.Count(n.Union((CK, BOTH))), exactly(1)),
    Spec("two entries that say the same are two", [ck(1, 10), ck(1, 10)], n.Count(n.Union((CK, CK))), exactly(2)),
    Spec("sure in any part is sure", [ck(1, 10)], n.Count(n.Union((n.WithTruth(CK, True), CK))), exactly(1)),
    # numbers
    Spec("a score with an open item is a span", [ck(truth=True)],
         n.Score(((n.Recorded(CK, None), 13), (n.Recorded(STATIN, None), 2), (n.Literal_(None), -1)), 10),
         Interval(1.2, 1.5)),
    Spec("bands closed above", [ck(20)], n.Bands(PEAK, (T("a", 20),), (T("p", 1), T("q", 2)), False), exactly(1)),
    Spec("bands closed below", [ck(20)], n.Bands(PEAK, (T("a", 20),), (T("p", 1), T("q", 2)), True), exactly(2)),
    Spec("bands of what is unknown", [], n.Bands(PEAK, (T("a", 20),), (T("p", 1), T("q", 2)), True), Interval(1, 2)),
    Spec("an open condition: what both agree on", [], n.IfElse(n.Literal_(None), T("a", 1), T("b", 3)), Interval(1, 3)),
    Spec("an open condition on agreeing truths", [],
         n.IfElse(n.Literal_(None), n.Literal_(True), n.Literal_(True)), True),
    Spec("possibly: the unknown counts", [], n.Possibly(n.Recorded(CK, None)), True),
    Spec("possibly: a no does not", [ck(truth=False)], n.Possibly(n.Recorded(CK, None)), False),
]  # fmt: skip


@pytest.fixture(scope="module")
def by_sql() -> list[Result]:
    definitions = {f"s{place}": spec.asked for place, spec in enumerate(SPECS)}
    rows = run_sql(definitions, [spec.record for spec in SPECS], [DAY])
    return [rows[place, DAY][f"s{place}"] for place in range(len(SPECS))]


@pytest.mark.parametrize("place", range(len(SPECS)), ids=[spec.title for spec in SPECS])
def test_meaning(place: int, by_sql: list[Result]) -> None:
    spec = SPECS[place]
    assert Program({"x": spec.asked}).run(spec.record, DAY)["x"] == spec.answer
    assert prove(spec.asked, spec.record, DAY).value == spec.answer
    assert by_sql[place] == spec.answer


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: n.Events(()), "Events.concepts: expected at least one"),
        (lambda: n.Not(T("x", 1)), "Not.part: expected a truth, received a number"),
        (lambda: n.Peak(T("x", 1), "value"), "Peak.series: expected"),  # type: ignore[arg-type]
        (lambda: T("x", math.inf), "Threshold.number: expected a finite number for x"),
        (lambda: n.InWindow(CK, n.AsOf(), None, None), "InWindow: expected a first or a last day"),
        (lambda: n.AtLeast(2, (n.Literal_(True),)), "AtLeast.n: expected 1 to 1, received 2"),
        (lambda: n.Recorded(CK, True), "Recorded.silence: expected None or False"),
        (lambda: n.Compare(n.AsOf(), "<", T("x", 1)), "Compare: expected two numbers or two days"),
        (lambda: n.Bands(PEAK, (T("a", 2), T("b", 1)), (T("p", 1),) * 3, True), "increasing numbers"),
    ],
)
def test_nodes_refuse_what_does_not_fit(build: Any, message: str) -> None:
    with pytest.raises(n.NodeError, match=message):
        build()
