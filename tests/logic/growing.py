"""Expressions grown backwards from the wanted type, and records to try them on.

Everything is drawn from small pools, so that values meet thresholds, days tie and windows end where events begin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from imnm.logic import nodes as n
from imnm.logic.event import Event
from imnm.logic.interval import INF, OPS, Interval, above, below
from imnm.logic.truth import TRUTHS, Truth

CONCEPTS = ("ck", "statin", "weak")
GRADES = ("weak", "strong")
DETAILS = ("elisa", "dot", "")
KINDS: tuple[n.Kind, ...] = ("truth", "number", "day")
FIELDS: tuple[n.Field, ...] = ("value", "times_uln")

Draw = Callable[[st.SearchStrategy[Any]], Any]


class Grower:
    """Draws expressions. ``earlier``: the definitions that a reference may name, with their kinds."""

    def __init__(self, draw: Draw, earlier: dict[str, n.Kind]) -> None:
        self.draw = draw
        self.earlier = earlier

    def pick(self, choices: Any) -> Any:
        return choices[self.draw(st.integers(0, len(choices) - 1))]

    def some(self, choices: Any) -> tuple[Any, ...]:
        return tuple(choice for choice in choices if self.draw(st.booleans())) or (self.pick(choices),)

    def threshold(self, numbers: tuple[float, ...] = (0, 1, 2, -1, 3, 20)) -> n.Threshold:
        number = self.pick(numbers)
        return n.Threshold(f"t_{number}", number)

    def series(self, depth: int) -> n.Series:
        kinds = _SERIES if depth > 0 else _SERIES[:1]
        found: n.Series = _GROWERS[self.pick(kinds)](self, depth - 1)
        return found

    def value(self, kind: n.Kind, depth: int) -> n.Value:
        kinds = _VALUES[kind] if depth > 0 else _LEAVES[kind]
        found: n.Value = _GROWERS[self.pick(kinds)](self, depth - 1)
        return found

    def truths(self, depth: int) -> tuple[n.Value, ...]:
        return self.values("truth", depth)

    def values(self, kind: n.Kind, depth: int) -> tuple[n.Value, ...]:
        return tuple(self.value(kind, depth) for _ in range(self.pick((1, 2, 3))))

    def reference(self, kind: n.Kind) -> n.Ref:
        names = [id for id, of in self.earlier.items() if of == kind]
        return n.Ref(self.pick([f"nowhere_{kind}", *names]), kind)


def _bands(g: Grower, depth: int) -> n.Bands:
    edges = tuple(n.Threshold(f"t_{e}", e) for e in sorted(g.some((0, 1, 2, 20))))
    points = tuple(g.threshold() for _ in range(len(edges) + 1))
    return n.Bands(g.value("number", depth), edges, points, g.pick((False, True)))


def _window(g: Grower, depth: int) -> n.InWindow:
    first, last = g.pick(((True, True), (True, False), (False, True)))
    return n.InWindow(
        g.series(depth), g.value("day", depth), g.threshold() if first else None, g.threshold() if last else None
    )


def _compare(g: Grower, depth: int) -> n.Compare:
    kind: n.Kind = g.pick(("number", "day"))
    return n.Compare(g.value(kind, depth), g.pick(OPS), g.value(kind, depth))


def _at_least(g: Grower, depth: int) -> n.AtLeast:
    parts = g.truths(depth)
    return n.AtLeast(g.pick(range(1, len(parts) + 1)), parts)


def _score(g: Grower, depth: int) -> n.Score:
    return n.Score(tuple((part, g.pick((1, 2, -1, 13))) for part in g.truths(depth)), g.pick((1, 10)))


def _if_else(kind: n.Kind) -> Callable[[Grower, int], n.IfElse]:
    return lambda g, d: n.IfElse(g.value("truth", d), g.value(kind, d), g.value(kind, d))


def _reference(kind: n.Kind) -> Callable[[Grower, int], n.Ref]:
    return lambda g, d: g.reference(kind)


Name = tuple[type[n.Node], str]
_GROWERS: dict[Name, Callable[[Grower, int], Any]] = {}
_SERIES: list[Name] = []
_VALUES: dict[n.Kind, list[Name]] = {kind: [] for kind in KINDS}
_LEAVES: dict[n.Kind, list[Name]] = {kind: [] for kind in KINDS}


def _grows(kind: str, node: type[n.Node], grower: Callable[[Grower, int], Any], leaf: bool = False) -> None:
    name = (node, kind)
    _GROWERS[name] = grower
    if kind == "series":
        _SERIES.append(name)
        return
    _VALUES[kind].append(name)  # type: ignore[index]
    if leaf:
        _LEAVES[kind].append(name)  # type: ignore[index]


_grows("series", n.Events, lambda g, d: n.Events(g.some(CONCEPTS)))
_grows("series", n.Union, lambda g, d: n.Union(tuple(g.series(d) for _ in range(g.pick((1, 2))))))
_grows("series", n.WithTruth, lambda g, d: n.WithTruth(g.series(d), g.pick((True, False))))
_grows("series", n.WithGrade, lambda g, d: n.WithGrade(g.series(d), g.some(GRADES)))
_grows(
    "series", n.WithoutGrade, lambda g, d: n.WithoutGrade(g.series(d), g.pick(((), *((grade,) for grade in GRADES))))
)
_grows("series", n.WithDetail, lambda g, d: n.WithDetail(g.series(d), g.some(DETAILS)))
_grows("series", n.ValueIs, lambda g, d: n.ValueIs(g.series(d), g.pick(FIELDS), g.pick(OPS), g.value("number", d)))
_grows("series", n.InWindow, _window)
_grows("series", n.NotNear, lambda g, d: n.NotNear(g.series(d), g.series(d), g.threshold((0, 1)), g.threshold((0, 2))))
_grows("series", n.Newest, lambda g, d: n.Newest(g.series(d)))

_grows("truth", n.Literal_, lambda g, d: n.Literal_(g.pick((True, False, None))), leaf=True)
_grows("truth", n.Recorded, lambda g, d: n.Recorded(g.series(d), g.pick((None, False))), leaf=True)
_grows("truth", n.Exists, lambda g, d: n.Exists(g.series(d)), leaf=True)
_grows("truth", n.Ref, _reference("truth"), leaf=True)
_grows("truth", n.Compare, _compare)
_grows("truth", n.All, lambda g, d: n.All(g.truths(d)))
_grows("truth", n.Any_, lambda g, d: n.Any_(g.truths(d)))
_grows("truth", n.Not, lambda g, d: n.Not(g.value("truth", d)))
_grows("truth", n.Possibly, lambda g, d: n.Possibly(g.value("truth", d)))
_grows("truth", n.AtLeast, _at_least)
_grows("truth", n.IfElse, _if_else("truth"))

_grows("number", n.Threshold, lambda g, d: g.threshold(), leaf=True)
_grows("number", n.Count, lambda g, d: n.Count(g.series(d)), leaf=True)
_grows("number", n.Peak, lambda g, d: n.Peak(g.series(d), g.pick(FIELDS)), leaf=True)
_grows("number", n.Trough, lambda g, d: n.Trough(g.series(d), g.pick(FIELDS)))
_grows("number", n.Latest, lambda g, d: n.Latest(g.series(d), g.pick(FIELDS)))
_grows("number", n.First, lambda g, d: n.First(g.series(d), g.pick(FIELDS)))
_grows("number", n.SpanDays, lambda g, d: n.SpanDays(g.series(d)))
_grows("number", n.Ref, _reference("number"), leaf=True)
_grows("number", n.DaysBetween, lambda g, d: n.DaysBetween(g.value("day", d), g.value("day", d)))
_grows("number", n.Score, _score)
_grows("number", n.Scale, lambda g, d: n.Scale(g.value("number", d), g.threshold((1, 2, 0.1))))
_grows("number", n.Sum, lambda g, d: n.Sum(g.values("number", d)))
_grows("number", n.Greatest, lambda g, d: n.Greatest(g.values("number", d)))
_grows("number", n.Bands, _bands)
_grows("number", n.IfElse, _if_else("number"))

_grows("day", n.AsOf, lambda g, d: n.AsOf(), leaf=True)
_grows("day", n.FirstDay, lambda g, d: n.FirstDay(g.series(d)), leaf=True)
_grows("day", n.LastDay, lambda g, d: n.LastDay(g.series(d)))
_grows("day", n.SeenBy, lambda g, d: n.SeenBy(g.series(d)))
_grows("day", n.Ref, _reference("day"), leaf=True)
_grows("day", n.IfElse, _if_else("day"))

GROWN: frozenset[type[n.Node]] = frozenset(node for node, _ in _GROWERS)
"""The node kinds that can be grown."""


@st.composite
def definitions(draw: Draw, most: int = 30, depth: int = 3) -> dict[str, n.Value]:
    """Named expressions, each of which may refer to those before it."""
    found: dict[str, n.Value] = {}
    grower = Grower(draw, {})
    for _ in range(draw(st.integers(1, most))):
        kind: n.Kind = grower.pick(KINDS)
        id = f"d{len(found)}"
        found[id] = grower.value(kind, depth)
        grower.earlier[id] = kind
    return found


_DAYS = (0.0, 1.0, 2.0, 3.0, 5.0)
_SPANS = (
    *((day, day) for day in (1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0)),  # many of one day
    (-INF, INF),  # undated
    (0.0, 3.0),  # a partial date
    (1.0, 2.0),
    (-INF, 2.0),  # before it was recorded
)
_BOUNDS = (
    (1.0, 1.0),
    (-INF, INF),  # no value
    (2.0, 2.0),
    (0.0, 0.0),
    (20.0, 20.0),
    (0.0, below(20.0)),  # <20
    (above(20.0), INF),  # >20
    (above(1.0), INF),  # H, in multiples of the upper limit
    (-INF, 1.0),  # N
)


@st.composite
def events(draw: Draw) -> Event:
    """One event: dated or not, with a value, a bound or none, with a truth or none."""

    def pick(choices: Any) -> Any:
        return choices[draw(st.integers(0, len(choices) - 1))]

    (start, end), (low, high), (times_low, times_high) = pick(_SPANS), pick(_BOUNDS), pick(_BOUNDS)
    return Event(
        concept=pick(CONCEPTS),
        start=start,
        end=end,
        known=pick((-INF, -INF, -INF, 1.0, 2.0, 3.0)),
        low=low,
        high=high,
        times_low=times_low,
        times_high=times_high,
        truth=pick((None, True, False)),
        grade=pick((None, *GRADES)),
        detail=pick((None, *DETAILS)),
    )


def records(most: int = 8) -> st.SearchStrategy[list[Event]]:
    """The events of one patient."""
    return st.lists(events(), max_size=most)


class Case(NamedTuple):
    """Definitions and a small population, asked on one or two dates."""

    definitions: dict[str, n.Value]
    patients: list[list[Event]]
    days: list[float]


def cases(most: int = 30) -> st.SearchStrategy[Case]:
    """Up to so many definitions with a small population."""
    days = st.lists(st.sampled_from(_DAYS), min_size=1, max_size=2, unique=True)
    return st.builds(Case, definitions(most), st.lists(records(), min_size=1, max_size=5), days)


# ---------------------------------------------------------------- learning more


def _narrower(draw: Draw, low: float, high: float, between: tuple[float, ...]) -> tuple[float, float]:
    """A part of an interval, both ends from what lies in it."""
    inside = [low, *(value for value in between if low < value < high), high]
    first = draw(st.sampled_from([place for place, value in enumerate(inside) if value < INF]))
    last = draw(st.sampled_from([place for place, value in enumerate(inside) if value > -INF and place >= first]))
    return inside[first], inside[last]


@st.composite
def learnt(draw: Draw, record: list[Event]) -> list[Event]:
    """The same events with more known of them: narrower spans and values, a truth, a grade, a detail."""

    def stated(value: Any, choices: Any) -> Any:
        return choices[draw(st.integers(0, len(choices) - 1))] if value is None else value

    found = []
    for event in record:
        start, end = _narrower(draw, event.start, event.end, _DAYS)
        low, high = _narrower(draw, event.low, event.high, (0.0, 1.0, 2.0, 20.0))
        times_low, times_high = _narrower(draw, event.times_low, event.times_high, (0.0, 1.0, 2.0, 20.0))
        more = {
            "truth": stated(event.truth, (None, True, False)),
            "grade": stated(event.grade, (None, *GRADES)),
            "detail": stated(event.detail, (None, *DETAILS)),
        }
        found.append(
            msgspec.structs.replace(
                event, start=start, end=end, low=low, high=high, times_low=times_low, times_high=times_high, **more
            )
        )
    return found


def results(kind: n.Kind) -> st.SearchStrategy[Truth | Interval]:
    """A value of that kind, as a what-if would set it."""
    return st.sampled_from(TRUTHS) if kind == "truth" else st.sampled_from([Interval(*pair) for pair in _BOUNDS])


# ---------------------------------------------------------------- making a failing case small


def smallest(case: Case, fails: Callable[[Case], bool]) -> Case:
    """A case that still fails and of which nothing can be left out. Quicker than shrinking a batch draw by draw."""
    while True:
        found = next((candidate for candidate in _smaller(case) if fails(candidate)), None)
        if found is None:
            return case
        case = found


def _smaller(case: Case) -> Iterator[Case]:
    for id in case.definitions:
        needed = _needed(case.definitions, id)
        others = {other: node for other, node in case.definitions.items() if other != id}
        yield from (
            case._replace(definitions=fewer) for fewer in (needed, others) if len(fewer) < len(case.definitions)
        )
    if len(case.patients) > 1:
        yield from (case._replace(patients=[record]) for record in case.patients)
    if len(case.days) > 1:
        yield from (case._replace(days=[day]) for day in case.days)
    for place, record in enumerate(case.patients):
        for smaller in _smaller_records(record):
            yield case._replace(patients=[*case.patients[:place], smaller, *case.patients[place + 1 :]])
    for id, node in case.definitions.items():
        yield from (case._replace(definitions=case.definitions | {id: smaller}) for smaller in _smaller_nodes(node))


def _needed(found: dict[str, n.Value], id: str) -> dict[str, n.Value]:
    """A definition with those it refers to."""
    needed = {id}
    for other in reversed(found):
        if other in needed:
            needed |= n.refs_of(found[other])
    return {other: node for other, node in found.items() if other in needed}


def _smaller_records(record: list[Event]) -> Iterator[list[Event]]:
    for place, event in enumerate(record):
        yield record[:place] + record[place + 1 :]
        plain = Event(event.concept)
        for name in event.__struct_fields__:
            if getattr(event, name) != getattr(plain, name):
                plainer = msgspec.structs.replace(event, **{name: getattr(plain, name)})
                yield [*record[:place], plainer, *record[place + 1 :]]


def _smaller_nodes(node: n.Node) -> Iterator[Any]:
    """Nodes of the same kind with less in them."""
    for inner in n.walk(node):
        if inner is not node and _alike(inner, node):
            yield inner
    for field in dataclasses.fields(node):  # type: ignore[arg-type]
        for value in _smaller_fields(getattr(node, field.name)):
            try:
                yield dataclasses.replace(node, **{field.name: value})  # type: ignore[type-var]
            except n.NodeError:
                continue


def _smaller_fields(value: object) -> Iterable[object]:
    if isinstance(value, n.Node):
        return _smaller_nodes(value)
    if isinstance(value, tuple):
        fewer = (value[:place] + value[place + 1 :] for place in range(len(value)))
        within = (
            (*value[:place], item, *value[place + 1 :])
            for place in range(len(value))
            for item in _smaller_fields(value[place])
        )
        return chain(fewer, within)
    return ()


def _alike(a: n.Node, b: n.Node) -> bool:
    if isinstance(a, n.Value) and isinstance(b, n.Value):
        return a.kind == b.kind
    return isinstance(a, n.Series) and isinstance(b, n.Series)
