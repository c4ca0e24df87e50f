"""The algebra over one patient's events, in two modes.

*value*: ``compile`` turns an expression into a closure; ``Program`` holds many named expressions in the order of
their dependencies, runs them, re-runs only what a what-if touches, and replays them over many dates.
*prove*: ``prove`` gives the value with the tree of what led to it, the record entries that carry it, and what is
missing.

What each node means is said in ``nodes``; the functions here are those sentences, one a node.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import msgspec

from . import nodes as n
from .event import Event
from .interval import INF, UNKNOWN, Interval, compare, exactly
from .truth import NOT, Truth, all_of, any_of, at_least

Result = Truth | Interval
"""What a patient value comes to: a truth for truths, an interval for numbers and days."""

Members = list[tuple[Event, bool]]
"""The possible members of a series; the second says whether the member is sure."""

_NONE: Members = []


class Context:
    """What an expression is evaluated on. Raises ValueError if the date is not finite.

    rows: the events known on the date, by concept. as_of: the date. environment: the values that ``Ref`` reads.
    """

    __slots__ = ("as_of", "environment", "rows")

    def __init__(self, rows: dict[str, Members], as_of: float, environment: Mapping[str, Result]) -> None:
        self.rows = rows
        self.as_of = _finite(as_of)
        self.environment = environment

    @classmethod
    def of(cls, events: Iterable[Event], as_of: float, environment: Mapping[str, Result] | None = None) -> Context:
        """The context of all events: those known later than the date are left out."""
        rows = _by_concept(event for event in _distinct(events) if event.known <= as_of)
        return cls(rows, as_of, {} if environment is None else environment)


Function = Callable[[Context], Any]
"""A compiled expression. ``Any`` stands for what its kind says: a truth, an interval or the members of a series."""


def compile(node: n.Value) -> Callable[[Context], Result]:
    """The expression as a function of a context."""
    return _function(node)


def compile_series(series: n.Series) -> Callable[[Context], Members]:
    """The series as a function of a context."""
    return _function(series)


def _finite(as_of: float) -> float:
    if not math.isfinite(as_of):
        raise ValueError(f"the as-of date must be a finite day number, received {as_of}")
    return as_of


def _distinct(events: Iterable[Event]) -> Iterator[Event]:
    """Every event as an object of its own: two equal rows are two events, and a union must tell them apart."""
    seen: set[int] = set()
    for event in events:
        own = copy(event) if id(event) in seen else event
        seen.add(id(own))
        yield own


def _by_concept(events: Iterable[Event]) -> dict[str, Members]:
    rows: dict[str, Members] = {}
    for event in events:
        rows.setdefault(event.concept, []).append((event, True))
    return rows


# ---------------------------------------------------------------- value: one compiler a node

_COMPILERS: dict[type[n.Node], Callable[[Any], Function]] = {}

_C = TypeVar("_C", bound=Callable[[Any], Function])


def _compiles(kind: type[n.Node]) -> Callable[[_C], _C]:
    def register(compiler: _C) -> _C:
        _COMPILERS[kind] = compiler
        return compiler

    return register


def _function(node: n.Node) -> Function:
    return _COMPILERS[type(node)](node)


def _functions(parts: Iterable[n.Node]) -> tuple[Function, ...]:
    return tuple(_function(part) for part in parts)


@_compiles(n.Events)
def _events(node: n.Events) -> Function:
    if len(node.concepts) == 1:
        concept = node.concepts[0]
        return lambda ctx: ctx.rows.get(concept, _NONE)
    concepts = tuple(dict.fromkeys(node.concepts))
    return lambda ctx: [member for concept in concepts if concept in ctx.rows for member in ctx.rows[concept]]


@_compiles(n.Union)
def _union(node: n.Union) -> Function:
    parts = _functions(node.parts)
    if len(parts) == 1:
        return parts[0]

    def union(ctx: Context) -> Members:
        found: dict[int, tuple[Event, bool]] = {}
        for part in parts:
            for member in part(ctx):
                key = id(member[0])
                if member[1] or key not in found:
                    found[key] = member
        return list(found.values())

    return union


@_compiles(n.WithTruth)
def _with_truth(node: n.WithTruth) -> Function:
    series, truth, opposite = _function(node.series), node.truth, not node.truth
    return lambda ctx: [(e, sure and e.truth is truth) for e, sure in series(ctx) if e.truth is not opposite]


@_compiles(n.WithGrade)
def _with_grade(node: n.WithGrade) -> Function:
    series, grades = _function(node.series), frozenset(node.grades)
    return lambda ctx: [
        (e, sure and e.grade is not None) for e, sure in series(ctx) if e.grade is None or e.grade in grades
    ]


@_compiles(n.WithDetail)
def _with_detail(node: n.WithDetail) -> Function:
    series, details = _function(node.series), frozenset(node.details)
    return lambda ctx: [
        (e, sure and e.detail is not None) for e, sure in series(ctx) if e.detail is None or e.detail in details
    ]


@_compiles(n.ValueIs)
def _value_is(node: n.ValueIs) -> Function:
    series, bound, op, value = _function(node.series), _function(node.bound), node.op, _bounds(node.field)

    def value_is(ctx: Context) -> Members:
        members: Members = series(ctx)
        if not members:
            return members
        limit = bound(ctx)
        compared = [(e, sure, compare(Interval(*value(e)), op, limit)) for e, sure in members]
        return [(e, sure and holds is True) for e, sure, holds in compared if holds is not False]

    return value_is


@_compiles(n.InWindow)
def _in_window(node: n.InWindow) -> Function:
    series, anchor = _function(node.series), _function(node.anchor)
    first = -INF if node.first is None else node.first.number
    last = INF if node.last is None else node.last.number
    open_before, open_after = node.first is None, node.last is None

    def in_window(ctx: Context) -> Members:
        members: Members = series(ctx)
        if not members:
            return members
        low, high = anchor(ctx)
        sure_from, possible_from = (-INF, -INF) if open_before else (high + first, low + first)
        sure_to, possible_to = (INF, INF) if open_after else (low + last, high + last)
        return [
            (e, sure and e.start >= sure_from and e.end <= sure_to)
            for e, sure in members
            if e.end >= possible_from and e.start <= possible_to
        ]

    return in_window


@_compiles(n.NotNear)
def _not_near(node: n.NotNear) -> Function:
    series, other = _function(node.series), _function(node.other)
    before, after = node.before.number, node.after.number

    def near(e: Event, others: Members) -> Truth:
        answer: Truth = False
        for o, sure in others:
            if sure and o.start >= e.end - before and o.end <= e.start + after:
                return True
            if o.end >= e.start - before and o.start <= e.end + after:
                answer = None
        return answer

    def not_near(ctx: Context) -> Members:
        members: Members = series(ctx)
        others = other(ctx) if members else _NONE
        if not others:
            return members
        judged = [(e, sure, near(e, others)) for e, sure in members]
        return [(e, sure and is_near is False) for e, sure, is_near in judged if is_near is not True]

    return not_near


class _Turn(NamedTuple):
    """The members that can lie on the last (or first) day: those certainly on it, and the others."""

    tied: list[Event]
    others: Members


def _last(members: Members) -> _Turn:
    day = max((e.start for e, sure in members if sure), default=-INF)
    tied = [e for e, sure in members if sure and e.start == day == e.end]
    return _Turn(tied, [(e, sure) for e, sure in members if e.end >= day and not (sure and e.start == day == e.end)])


def _first(members: Members) -> _Turn:
    day = min((e.end for e, sure in members if sure), default=INF)
    tied = [e for e, sure in members if sure and e.start == day == e.end]
    return _Turn(tied, [(e, sure) for e, sure in members if e.start <= day and not (sure and e.start == day == e.end)])


@_compiles(n.Newest)
def _newest(node: n.Newest) -> Function:
    series = _function(node.series)

    def newest(ctx: Context) -> Members:
        members: Members = series(ctx)
        if len(members) < 2:
            return members
        tied, others = _last(members)
        return [(e, not others) for e in tied] + [(e, False) for e, _ in others]

    return newest


# ---------------------------------------------------------------- reductions


def _exists(members: Members) -> Truth:
    for _, sure in members:
        if sure:
            return True
    return None if members else False


def _recorded(members: Members, silence: bool | None) -> Truth:
    answer: Truth = silence
    open_ = False
    for e, sure in members:
        truth = e.truth
        if truth is False:
            if sure:
                answer = False
        elif truth is True and sure:
            return True
        else:
            open_ = True
    return None if open_ else answer


def _count(members: Members) -> Interval:
    return Interval(sum(sure for _, sure in members), len(members))


def _bounds(field: n.Field) -> Callable[[Event], tuple[float, float]]:
    return attrgetter("low", "high") if field == "value" else attrgetter("times_low", "times_high")


def _has_sure(members: Members) -> bool:
    return any(sure for _, sure in members)


def _peak(members: Members, value: Callable[[Event], tuple[float, float]]) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    return Interval(max(value(e)[0] for e, sure in members if sure), max(value(e)[1] for e, _ in members))


def _trough(members: Members, value: Callable[[Event], tuple[float, float]]) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    return Interval(min(value(e)[0] for e, _ in members), min(value(e)[1] for e, sure in members if sure))


def _turn_value(turn: _Turn, value: Callable[[Event], tuple[float, float]]) -> Interval:
    """The hull of what the day's certain results say together and what each of the others could make of it."""
    spans = [value(e) for e, _ in turn.others]
    if turn.tied:
        tied = [value(e) for e in turn.tied]
        spans.append((max(low for low, _ in tied), max(high for _, high in tied)))
    return Interval(min(low for low, _ in spans), max(high for _, high in spans))


def _latest(members: Members, value: Callable[[Event], tuple[float, float]]) -> Interval:
    return _turn_value(_last(members), value) if _has_sure(members) else UNKNOWN


def _first_value(members: Members, value: Callable[[Event], tuple[float, float]]) -> Interval:
    return _turn_value(_first(members), value) if _has_sure(members) else UNKNOWN


def _first_day(members: Members) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    return Interval(min(e.start for e, _ in members), min(e.end for e, sure in members if sure))


def _last_day(members: Members) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    return Interval(max(e.start for e, sure in members if sure), max(e.end for e, _ in members))


def _span_days(members: Members) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    least = max(e.start for e, sure in members if sure) - min(e.end for e, sure in members if sure)
    most = max(e.end for e, _ in members) - min(e.start for e, _ in members)
    return Interval(max(0.0, least), most)


_PLAIN: dict[type[n.Node], Callable[[Members], Result]] = {
    n.Exists: _exists,
    n.Count: _count,
    n.FirstDay: _first_day,
    n.LastDay: _last_day,
    n.SpanDays: _span_days,
}
_OF_FIELD: dict[type[n.Node], Callable[[Members, Callable[[Event], tuple[float, float]]], Interval]] = {
    n.Peak: _peak,
    n.Trough: _trough,
    n.Latest: _latest,
    n.First: _first_value,
}


def _plain(node: Any) -> Function:
    series, reduce = _function(node.series), _PLAIN[type(node)]
    return lambda ctx: reduce(series(ctx))


def _of_field(node: Any) -> Function:
    series, reduce, value = _function(node.series), _OF_FIELD[type(node)], _bounds(node.field)
    return lambda ctx: reduce(series(ctx), value)


_COMPILERS.update(dict.fromkeys(_PLAIN, _plain))
_COMPILERS.update(dict.fromkeys(_OF_FIELD, _of_field))


@_compiles(n.Recorded)
def _recorded_value(node: n.Recorded) -> Function:
    series, silence = _function(node.series), node.silence
    return lambda ctx: _recorded(series(ctx), silence)


REDUCTIONS: frozenset[type[n.Node]] = frozenset((*_PLAIN, *_OF_FIELD, n.Recorded))
"""The node kinds that make a patient value of a series."""


# ---------------------------------------------------------------- patient values


@_compiles(n.Literal_)
def _literal(node: n.Literal_) -> Function:
    truth = node.truth
    return lambda ctx: truth


@_compiles(n.Threshold)
def _threshold(node: n.Threshold) -> Function:
    value = exactly(node.number)
    return lambda ctx: value


@_compiles(n.AsOf)
def _as_of(node: n.AsOf) -> Function:
    return lambda ctx: Interval(ctx.as_of, ctx.as_of)


def unknown(kind: n.Kind) -> Result:
    """The value of that kind of which nothing is known."""
    return None if kind == "truth" else UNKNOWN


@_compiles(n.Ref)
def _ref(node: n.Ref) -> Function:
    id, nothing = node.id, unknown(node.of)
    return lambda ctx: ctx.environment.get(id, nothing)


def _difference(later: Interval, earlier: Interval) -> Interval:
    return Interval(later.low - earlier.high, later.high - earlier.low)


@_compiles(n.DaysBetween)
def _days_between(node: n.DaysBetween) -> Function:
    earlier, later = _function(node.earlier), _function(node.later)
    return lambda ctx: _difference(later(ctx), earlier(ctx))


@_compiles(n.Compare)
def _compare(node: n.Compare) -> Function:
    left, op, right = _function(node.left), node.op, _function(node.right)
    return lambda ctx: compare(left(ctx), op, right(ctx))


@_compiles(n.All)
def _all(node: n.All) -> Function:
    parts = _functions(node.parts)

    def all_parts(ctx: Context) -> Truth:
        answer: Truth = True
        for part in parts:
            truth = part(ctx)
            if truth is False:
                return False
            if truth is None:
                answer = None
        return answer

    return all_parts


@_compiles(n.Any_)
def _any(node: n.Any_) -> Function:
    parts = _functions(node.parts)

    def any_part(ctx: Context) -> Truth:
        answer: Truth = False
        for part in parts:
            truth = part(ctx)
            if truth is True:
                return True
            if truth is None:
                answer = None
        return answer

    return any_part


@_compiles(n.Not)
def _not(node: n.Not) -> Function:
    part = _function(node.part)
    return lambda ctx: NOT[part(ctx)]


@_compiles(n.AtLeast)
def _at_least(node: n.AtLeast) -> Function:
    count, parts = node.n, _functions(node.parts)
    return lambda ctx: at_least(count, [part(ctx) for part in parts])


def _total(truths: Sequence[Truth], points: Sequence[int], divisor: int) -> Interval:
    low = high = 0
    for truth, point in zip(truths, points, strict=True):
        if truth is True:
            low += point
            high += point
        elif truth is None:
            low += min(point, 0)
            high += max(point, 0)
    return Interval(low / divisor, high / divisor)


@_compiles(n.Score)
def _score(node: n.Score) -> Function:
    parts, points, divisor = _functions(item for item, _ in node.items), [p for _, p in node.items], node.divisor
    return lambda ctx: _total([part(ctx) for part in parts], points, divisor)


def _scaled(value: Interval, factor: float) -> Interval:
    return Interval(value.low * factor, value.high * factor)


@_compiles(n.Scale)
def _scale(node: n.Scale) -> Function:
    part, factor = _function(node.part), node.factor.number
    return lambda ctx: _scaled(part(ctx), factor)


def _sum_of(values: Sequence[Interval]) -> Interval:
    """Added from left to right, as SQL does, so that the last binary digit is the same."""
    low, high = values[0]
    for value in values[1:]:
        low, high = low + value.low, high + value.high
    return Interval(low, high)


@_compiles(n.Sum)
def _sum(node: n.Sum) -> Function:
    parts = _functions(node.parts)
    return lambda ctx: _sum_of([part(ctx) for part in parts])


def _greatest_of(values: Sequence[Interval]) -> Interval:
    return Interval(max(value.low for value in values), max(value.high for value in values))


@_compiles(n.Greatest)
def _greatest(node: n.Greatest) -> Function:
    parts = _functions(node.parts)
    return lambda ctx: _greatest_of([part(ctx) for part in parts])


def _band(node: n.Bands) -> Callable[[Interval], Interval]:
    edges, points = [edge.number for edge in node.edges], [point.number for point in node.points]
    place = bisect_right if node.lower_closed else bisect_left

    def band(value: Interval) -> Interval:
        touched = points[place(edges, value.low) : place(edges, value.high) + 1]
        return Interval(min(touched), max(touched))

    return band


@_compiles(n.Bands)
def _bands(node: n.Bands) -> Function:
    part, band = _function(node.part), _band(node)
    return lambda ctx: band(part(ctx))


def agreed(then: Result, other: Result) -> Result:
    """What two values agree on: for truths the common one, else unknown; for intervals their hull."""
    if isinstance(then, Interval) and isinstance(other, Interval):
        return Interval(min(then.low, other.low), max(then.high, other.high))
    return then if then is other else None


@_compiles(n.IfElse)
def _if_else(node: n.IfElse) -> Function:
    condition, then, other = _function(node.condition), _function(node.then), _function(node.other)

    def if_else(ctx: Context) -> Result:
        truth = condition(ctx)
        if truth is None:
            return agreed(then(ctx), other(ctx))
        result: Result = then(ctx) if truth else other(ctx)
        return result

    return if_else


# ---------------------------------------------------------------- prove


class Entry(msgspec.Struct, frozen=True):
    """A record entry: its reference and the line shown to people."""

    ref: str
    text: str


class Proof(msgspec.Struct):
    """Why a value is what it is.

    kind:     the node's class name.
    id:       the id of the threshold or of the definition referred to, else None.
    value:    a truth (None unknown) or ``[low, high]`` (in JSON an infinite bound is null).
    text:     the node in short words, as the caller's ``describe`` gives them.
    evidence: the record entries that carry the value.
    missing:  ids of definitions that are unknown and whose knowing could change the value; of a definition that
              rests on others, those others.
    parts:    the proofs of the values it was made of that matter; for a reference, that of its definition.
    """

    kind: str
    id: str | None
    value: bool | Interval | None
    text: str = ""
    evidence: list[Entry] = []
    missing: list[str] = []
    parts: list[Proof] = []


Describe = Callable[[n.Node], str]
Lookup = Callable[[str], Proof | None]


def prove(
    node: n.Value,
    events: Sequence[Event],
    as_of: float,
    environment: Mapping[str, Result] | None = None,
    describe: Describe | None = None,
) -> Proof:
    """The value of an expression with its proof. ``describe`` gives the words (default: see ``formula``)."""
    return _Prover(Context.of(events, as_of, environment), describe or formula, lambda id: None).prove(node)


def settled(value: Result) -> bool:
    """Whether nothing more can be learnt about a value: a known truth, an exact number or day."""
    return value.exact if isinstance(value, Interval) else value is not None


class _Prover:
    """Walks the patient values of one expression; series are evaluated, and their members kept as evidence."""

    def __init__(self, ctx: Context, describe: Describe, lookup: Lookup) -> None:
        self.ctx = ctx
        self.describe = describe
        self.lookup = lookup

    def prove(self, node: n.Value) -> Proof:
        if type(node) in REDUCTIONS:
            return self._reduction(node)
        if isinstance(node, n.Ref):
            return self._reference(node)
        parts = [self.prove(part) for part in _value_parts(node)]
        value = _combine(node, [part.value for part in parts], self.ctx)
        kept = _carrying(node, value, parts)
        id = node.id if isinstance(node, n.Threshold) else None
        return self._proof(node, id, value, _merged(part.evidence for part in kept), kept)

    def _reference(self, node: n.Ref) -> Proof:
        value = self.ctx.environment.get(node.id, unknown(node.of))
        below = self.lookup(node.id)
        parts = [] if below is None else [below]
        proof = self._proof(node, node.id, value, _merged(part.evidence for part in parts), parts)
        if not settled(value):
            proof.missing = proof.missing or [node.id]
        return proof

    def _reduction(self, node: Any) -> Proof:
        members: Members = _function(node.series)(self.ctx)
        value: Result = _function(node)(self.ctx)
        carriers = _carriers(node, value, members) or self._considered(node, value)
        parts = [self.prove(part) for part in _parameters(node.series)]
        return self._proof(node, None, value, _entries(carriers), parts)

    def _considered(self, node: n.Node, value: Result) -> list[Event]:
        """For a no without members: what there is of these concepts, all of which was ruled out."""
        if value is not False:
            return []
        return [e for concept in sorted(n.concepts_of(node)) for e, _ in self.ctx.rows.get(concept, _NONE)]

    def _proof(self, node: n.Value, id: str | None, value: Result, evidence: list[Entry], parts: list[Proof]) -> Proof:
        missing = [] if settled(value) else _merged(part.missing for part in parts)
        return Proof(type(node).__name__, id, value, self.describe(node), evidence, missing, parts)


_T = TypeVar("_T")


def _merged(lists: Iterable[Iterable[_T]]) -> list[_T]:
    """All of them once, in the order of first appearance."""
    return list(dict.fromkeys(item for items in lists for item in items))


def _entries(events: Iterable[Event]) -> list[Entry]:
    return list(dict.fromkeys(Entry(e.ref, e.text) for e in events))


def _value_parts(node: n.Value) -> list[n.Value]:
    """The patient values directly below, without the numbers that belong to the node itself."""
    if isinstance(node, n.Bands):
        return [node.part]
    return [child for child in node.children() if isinstance(child, n.Value)]


def _parameters(series: n.Series) -> list[n.Value]:
    """The patient values that a series rests on (anchors of windows, bounds), thresholds and dates of asking aside."""
    found: list[n.Value] = []
    for child in series.children():
        if isinstance(child, n.Series):
            found += _parameters(child)
        elif isinstance(child, n.Value) and not isinstance(child, n.Threshold | n.AsOf):
            found.append(child)
    return list(dict.fromkeys(found))


def _combine(node: n.Value, values: list[Any], ctx: Context) -> Result:
    """The value of a node from those of its parts (``_value_parts``)."""
    match node:
        case n.Literal_():
            return node.truth
        case n.Threshold():
            return exactly(node.number)
        case n.AsOf():
            return exactly(ctx.as_of)
        case n.DaysBetween():
            return _difference(values[1], values[0])
        case n.Compare():
            return compare(values[0], node.op, values[1])
        case n.All():
            return all_of(values)
        case n.Any_():
            return any_of(values)
        case n.Not():
            return NOT[values[0]]
        case n.AtLeast():
            return at_least(node.n, values)
        case n.Score():
            return _total(values, [points for _, points in node.items], node.divisor)
        case n.Scale():
            return _scaled(values[0], node.factor.number)
        case n.Sum():
            return _sum_of(values)
        case n.Greatest():
            return _greatest_of(values)
        case n.Bands():
            return _band(node)(values[0])
        case n.IfElse():
            condition, then, other = values
            return agreed(then, other) if condition is None else then if condition else other
    raise TypeError(f"{type(node).__name__} has no value that is made of parts")


def _carrying(node: n.Value, value: Result, parts: list[Proof]) -> list[Proof]:
    """The parts that carry the value: for a false AND the false ones, for a true OR the true ones, and so on."""
    match node:
        case n.All():
            return parts if value is True else [part for part in parts if part.value is value]
        case n.Any_():
            return parts if value is False else [part for part in parts if part.value is value]
        case n.AtLeast():
            wanted: tuple[Truth, ...] = {True: (True,), False: (False,), None: (True, None)}[_truth(value)]
            return [part for part in parts if part.value in wanted]
        case n.Score():
            return [part for part in parts if part.value is not False]
        case n.Greatest() if isinstance(value, Interval):
            return [part for part in parts if isinstance(part.value, Interval) and part.value.high >= value.low]
        case n.IfElse():
            condition, then, other = parts
            return parts if condition.value is None else [condition, then if condition.value else other]
    return parts


def _truth(value: Result) -> Truth:
    assert not isinstance(value, Interval)
    return value


def _carriers(node: Any, value: Result, members: Members) -> list[Event]:
    """The members that carry the value of a reduction."""
    match node:
        case n.Exists():
            return [e for e, sure in members if sure or value is None]
        case n.Recorded():
            wanted: tuple[Truth, ...] = {True: (True,), False: (False,), None: (True, None)}[_truth(value)]
            return [e for e, sure in members if e.truth in wanted and (sure or value is None)]
        case n.Peak():
            of = _bounds(node.field)
            assert isinstance(value, Interval)
            return [e for e, sure in members if of(e)[1] >= value.low and (sure or of(e)[1] > value.low)]
        case n.Trough():
            of = _bounds(node.field)
            assert isinstance(value, Interval)
            return [e for e, sure in members if of(e)[0] <= value.high and (sure or of(e)[0] < value.high)]
        case n.Latest():
            return _on_turn(_last(members))
        case n.First():
            return _on_turn(_first(members))
        case n.FirstDay():
            return _on_turn(_first(members))
        case n.LastDay():
            return _on_turn(_last(members))
        case n.SpanDays():
            return list(dict.fromkeys(_on_turn(_first(members)) + _on_turn(_last(members))))
    return [e for e, _ in members]


def _on_turn(turn: _Turn) -> list[Event]:
    return turn.tied + [e for e, _ in turn.others]


_NAMES = {n.All: "all of", n.Any_: "any of", n.Score: "score of", n.Sum: "sum of", n.Greatest: "greatest of"}


def formula(node: n.Node) -> str:
    """A node in the notation of the algebra, one level deep; the sentences for people are made by ``words``."""
    match node:
        case n.Ref() | n.Threshold():
            return node.id
        case n.Compare():
            return f"{formula(node.left)} {node.op} {formula(node.right)}"
        case n.Not():
            return f"not {formula(node.part)}"
        case n.AtLeast():
            return f"at least {node.n} of {len(node.parts)}"
        case n.All() | n.Any_() | n.Score() | n.Sum() | n.Greatest():
            return f"{_NAMES[type(node)]} {len(list(node.children()))}"
        case _ if type(node) in REDUCTIONS:
            return f"{type(node).__name__}({', '.join(sorted(n.concepts_of(node)))})"
    return type(node).__name__


# ---------------------------------------------------------------- programs


class DefinitionError(ValueError):
    """A set of definitions cannot be run; says which of them and why."""


class Values(dict[str, Result]):
    """The values of a program's definitions (and of what was given as environment), by id.

    Remembers what it was computed from, so that a what-if or a proof needs nothing else.
    """

    __slots__ = ("as_of", "overridden", "rows")

    rows: dict[str, Members]
    as_of: float
    overridden: frozenset[str]

    def __init__(self, values: Mapping[str, Result], rows: dict[str, Members], as_of: float) -> None:
        super().__init__(values)
        self.rows = rows
        self.as_of = as_of
        self.overridden = frozenset()

    def context(self) -> Context:
        """What the definitions are evaluated on."""
        return Context(self.rows, self.as_of, self)


class Program:
    """Named expressions, compiled, in the order of their dependencies.

    An id that a definition refers to and that is not defined is unknown, unless the environment of a run holds it.
    Raises DefinitionError if definitions refer to each other in a circle, or to one of another kind.
    """

    def __init__(self, definitions: Mapping[str, n.Value]) -> None:
        refs = {id: n.refs_of(node) for id, node in definitions.items()}
        order = _ordered(refs)
        self.definitions: dict[str, n.Value] = {id: definitions[id] for id in order}
        self._check_kinds()
        self._place = {id: place for place, id in enumerate(order)}
        self._functions = {id: compile(node) for id, node in self.definitions.items()}
        self._concepts: dict[str, set[str]] = {}
        self._users: dict[str, set[str]] = {id: set() for id in order}
        self._dated: set[str] = set()
        for id, node in self.definitions.items():
            for concept in n.concepts_of(node):
                self._concepts.setdefault(concept, set()).add(id)
            for ref in refs[id]:
                self._users.setdefault(ref, set()).add(id)
            if any(isinstance(below, n.AsOf) for below in n.walk(node)):
                self._dated.add(id)
        self._downstream: dict[str, tuple[str, ...]] = {}

    def _check_kinds(self) -> None:
        for id, node in self.definitions.items():
            for below in n.walk(node):
                target = self.definitions.get(below.id) if isinstance(below, n.Ref) else None
                if target is not None and isinstance(below, n.Ref) and target.kind != below.of:
                    raise DefinitionError(
                        f"{id} refers to {below.id} as a {below.of}, but {below.id} is a {target.kind}"
                    )

    # ------------------------------------------------ dependencies

    def dependents(
        self, *, concepts: Iterable[str] = (), refs: Iterable[str] = (), as_of: bool = False
    ) -> tuple[str, ...]:
        """The definitions that depend, directly or through others, on any of these; in the order of running.

        ``as_of``: also those that depend on the date of asking itself (not only on what was known by then).
        """
        found: set[str] = set()
        for ref in refs:
            found.update(self._below(ref))
        direct = {id for concept in concepts for id in self._concepts.get(concept, ())}
        for id in direct | (self._dated if as_of else set()):
            found.add(id)
            found.update(self._below(id))
        return tuple(sorted(found, key=self._place.__getitem__))

    def _below(self, ref: str) -> tuple[str, ...]:
        if ref not in self._downstream:
            found: set[str] = set()
            front = set(self._users.get(ref, ()))
            while front:
                found |= front
                front = {user for id in front for user in self._users[id]} - found
            self._downstream[ref] = tuple(sorted(found, key=self._place.__getitem__))
        return self._downstream[ref]

    # ------------------------------------------------ running

    def run(self, events: Iterable[Event], as_of: float, environment: Mapping[str, Result] | None = None) -> Values:
        """Every definition's value on a date. ``environment``: values of ids that are not defined."""
        return self._run(Context.of(events, as_of, environment))

    def _run(self, given: Context) -> Values:
        values = Values(given.environment, given.rows, given.as_of)
        values.overridden = frozenset(values)
        context = values.context()
        for id, function in self._functions.items():
            if id not in values.overridden:
                values[id] = function(context)
        return values

    def rerun(self, values: Values, overrides: Mapping[str, Result]) -> Values:
        """What the values would be if these ids had these values; only what depends on them is computed again.

        Raises DefinitionError if an override is not of the kind of what it overrides.
        """
        self._check_overrides(overrides)
        changed = [id for id, value in overrides.items() if id not in values or values[id] != value]
        result = Values(values, values.rows, values.as_of)
        result.update(overrides)
        result.overridden = values.overridden.union(overrides)
        pending = {user for id in changed for user in self._users.get(id, ())}
        candidates = self._below(changed[0]) if len(changed) == 1 else self.dependents(refs=changed)
        self._update(result, candidates, pending)
        return result

    def _check_overrides(self, overrides: Mapping[str, Result]) -> None:
        for id, value in overrides.items():
            node = self.definitions.get(id)
            if node is not None and (node.kind == "truth") == isinstance(value, Interval):
                raise DefinitionError(f"{id} is a {node.kind} and cannot be set to {value!r}")

    def _update(self, values: Values, candidates: Iterable[str], pending: set[str]) -> None:
        """Compute again what is pending, in order; what depends on a value that came out the same is left alone."""
        context, functions, users = values.context(), self._functions, self._users
        for id in candidates:
            if id in pending and id not in values.overridden:
                value = functions[id](context)
                if value != values[id]:
                    values[id] = value
                    pending |= users[id]

    def replay(
        self, events: Iterable[Event], days: Iterable[float], environment: Mapping[str, Result] | None = None
    ) -> Iterator[tuple[float, Values]]:
        """The values on each of these days, earliest first; what nothing new bears on is not computed again."""
        waiting = sorted(_distinct(events), key=attrgetter("known"), reverse=True)
        values: Values | None = None
        for day in sorted(set(days)):
            fresh: list[Event] = []
            while waiting and waiting[-1].known <= day:
                fresh.append(waiting.pop())
            if values is None:
                values = self._run(Context.of(fresh, day, environment))
            else:
                values = self._on(day, values, fresh)
            yield day, values

    def _on(self, day: float, before: Values, fresh: Sequence[Event]) -> Values:
        """The values on a later day, when these events have come to be known as well."""
        added = _by_concept(fresh)
        rows = before.rows | {concept: before.rows.get(concept, _NONE) + new for concept, new in added.items()}
        values = Values(before, rows if added else before.rows, _finite(day))
        values.overridden = before.overridden
        pending = self._dated.union(*(self._concepts.get(concept, ()) for concept in added))
        self._update(values, self.definitions, pending)
        return values

    # ------------------------------------------------ proving

    def prover(self, values: Values, describe: Describe | None = None) -> Callable[[str], Proof]:
        """A function that proves a definition by id, through its references, each proved once."""
        known: dict[str, Proof] = {}

        def lookup(id: str) -> Proof | None:
            return None if id in values.overridden or id not in self.definitions else proof(id)

        def proof(id: str) -> Proof:
            if id not in known:
                known[id] = walker.prove(self.definitions[id])
            return known[id]

        walker = _Prover(values.context(), describe or formula, lookup)
        return proof


def _ordered(refs: Mapping[str, frozenset[str]]) -> list[str]:
    """The ids so that each comes after those it refers to; raises DefinitionError if that cannot be."""
    order: dict[str, None] = {}
    for start in refs:
        path: dict[str, Iterator[str]] = {}
        if start not in order:
            path[start] = iter(sorted(refs[start]))
        while path:
            id, rest = next(reversed(path.items()))
            below = next((ref for ref in rest if ref in refs and ref not in order), None)
            if below is None:
                del path[id]
                order[id] = None
            elif below in path:
                circle = [*list(path)[list(path).index(below) :], below]
                raise DefinitionError(f"definitions refer to each other in a circle: {' → '.join(circle)}")
            else:
                path[below] = iter(sorted(refs[below]))
    return list(order)
