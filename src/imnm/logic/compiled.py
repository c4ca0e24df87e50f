"""Expressions as closures over one patient's events.

What each node means is said in ``nodes``; the functions here are those sentences, one a node.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from . import nodes as n
from .event import Event
from .interval import INF, UNKNOWN, Interval, compare, exactly
from .truth import NOT, Truth, at_least

Result = Truth | Interval
"""What a patient value comes to: a truth for truths, an interval for numbers and days."""

Members = list[tuple[Event, bool]]
"""The possible members of a series; the second says whether the member is sure."""

NO_MEMBERS: Members = []


class Context:
    """What an expression is evaluated on. Raises ValueError if the date is not finite.

    rows: the events known on the date, by concept. as_of: the date. environment: the values that ``Ref`` reads.
    """

    __slots__ = ("as_of", "environment", "found", "rows")

    def __init__(self, rows: dict[str, Members], as_of: float, environment: Mapping[str, Result]) -> None:
        self.rows = rows
        self.as_of = finite_day(as_of)
        self.environment = environment
        self.found: dict[int, Any] = {}
        """The days around which several windows lie, as far as one was asked for (see ``_once``)."""

    @classmethod
    def of(cls, events: Iterable[Event], as_of: float, environment: Mapping[str, Result] | None = None) -> Context:
        """The context of all events: those known later than the date are left out."""
        rows = by_concept([event for event in distinct(events) if event.known <= as_of])
        return cls(rows, as_of, {} if environment is None else environment)


Function = Callable[[Context], Any]
"""A compiled expression. ``Any`` stands for what its kind says: a truth, an interval or the members of a series."""


def compile(node: n.Value) -> Callable[[Context], Result]:
    """The expression as a function of a context."""
    return function_of(node)


def finite_day(as_of: float) -> float:
    if not math.isfinite(as_of):
        raise ValueError(f"the as-of date must be a finite day number, received {as_of}")
    return as_of


def distinct(events: Iterable[Event]) -> list[Event]:
    """Every event as an object of its own: two equal rows are two events, and a union must tell them apart."""
    found = list(events)
    seen = set(map(id, found))
    if len(seen) < len(found):
        seen.clear()
        for place, event in enumerate(found):
            if id(event) in seen:
                found[place] = copy(event)
            seen.add(id(event))
    return found


def by_concept(events: Iterable[Event]) -> dict[str, Members]:
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


def function_of(node: n.Node) -> Function:
    return n.kept(node, "compiled function", _compiled)


def _compiled(node: n.Node) -> Function:
    return _COMPILERS[type(node)](node)


def _functions(parts: Iterable[n.Node]) -> tuple[Function, ...]:
    return tuple(function_of(part) for part in parts)


@_compiles(n.Events)
def _events(node: n.Events) -> Function:
    if len(node.concepts) == 1:
        concept = node.concepts[0]
        return lambda ctx: ctx.rows.get(concept, NO_MEMBERS)
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
    series, truth, opposite = function_of(node.series), node.truth, not node.truth
    return lambda ctx: [(e, sure and e.truth is truth) for e, sure in series(ctx) if e.truth is not opposite]


@_compiles(n.WithGrade)
def _with_grade(node: n.WithGrade) -> Function:
    series, grades = function_of(node.series), frozenset(node.grades)
    return lambda ctx: [
        (e, sure and e.grade is not None) for e, sure in series(ctx) if e.grade is None or e.grade in grades
    ]


@_compiles(n.WithoutGrade)
def _without_grade(node: n.WithoutGrade) -> Function:
    series, grades = function_of(node.series), frozenset(node.grades)
    return lambda ctx: [member for member in series(ctx) if member[0].grade not in grades]


@_compiles(n.WithDetail)
def _with_detail(node: n.WithDetail) -> Function:
    series, details = function_of(node.series), frozenset(node.details)
    return lambda ctx: [
        (e, sure and e.detail is not None) for e, sure in series(ctx) if e.detail is None or e.detail in details
    ]


@_compiles(n.ValueIs)
def _value_is(node: n.ValueIs) -> Function:
    series, bound, op, value = function_of(node.series), function_of(node.bound), node.op, bounds_of(node.field)

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
    series, anchor = function_of(node.series), _once(node.anchor, function_of(node.anchor))
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


def _once(node: n.Node, function: Function) -> Function:
    """The function of a day around which several windows lie: in one context it is worked out once, unless it hangs on
    values that are still being worked out there."""
    if n.uses(node).refs:
        return function

    def once(ctx: Context) -> Any:
        key, found = id(node), ctx.found
        if key not in found:
            found[key] = function(ctx)
        return found[key]

    return once


@_compiles(n.NotNear)
def _not_near(node: n.NotNear) -> Function:
    series, other = function_of(node.series), function_of(node.other)
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
        others = other(ctx) if members else NO_MEMBERS
        if not others:
            return members
        judged = [(e, sure, near(e, others)) for e, sure in members]
        return [(e, sure and is_near is False) for e, sure, is_near in judged if is_near is not True]

    return not_near


class Turn(NamedTuple):
    """The members that can lie on the last (or first) day: those certainly on it, and the others."""

    tied: list[Event]
    others: Members


def last_turn(members: Members) -> Turn:
    day = max((e.start for e, sure in members if sure), default=-INF)
    tied = [e for e, sure in members if sure and e.start == day == e.end]
    return Turn(tied, [(e, sure) for e, sure in members if e.end >= day and not (sure and e.start == day == e.end)])


def first_turn(members: Members) -> Turn:
    day = min((e.end for e, sure in members if sure), default=INF)
    tied = [e for e, sure in members if sure and e.start == day == e.end]
    return Turn(tied, [(e, sure) for e, sure in members if e.start <= day and not (sure and e.start == day == e.end)])


@_compiles(n.Newest)
def _newest(node: n.Newest) -> Function:
    series = function_of(node.series)

    def newest(ctx: Context) -> Members:
        members: Members = series(ctx)
        if len(members) < 2:
            return members
        tied, others = last_turn(members)
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


def bounds_of(field: n.Field) -> Callable[[Event], tuple[float, float]]:
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


def _turn_value(turn: Turn, value: Callable[[Event], tuple[float, float]]) -> Interval:
    """The hull of what the day's certain results say together and what each of the others could make of it."""
    spans = [value(e) for e, _ in turn.others]
    if turn.tied:
        tied = [value(e) for e in turn.tied]
        spans.append((max(low for low, _ in tied), max(high for _, high in tied)))
    return Interval(min(low for low, _ in spans), max(high for _, high in spans))


def _latest(members: Members, value: Callable[[Event], tuple[float, float]]) -> Interval:
    return _turn_value(last_turn(members), value) if _has_sure(members) else UNKNOWN


def _first_value(members: Members, value: Callable[[Event], tuple[float, float]]) -> Interval:
    return _turn_value(first_turn(members), value) if _has_sure(members) else UNKNOWN


def _first_day(members: Members) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    return Interval(min(e.start for e, _ in members), min(e.end for e, sure in members if sure))


def _last_day(members: Members) -> Interval:
    if not _has_sure(members):
        return UNKNOWN
    return Interval(max(e.start for e, sure in members if sure), max(e.end for e, _ in members))


def _seen_by(members: Members) -> Interval:
    day = min((e.end for e, sure in members if sure), default=INF)
    return exactly(day) if day < INF else UNKNOWN


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
    n.SeenBy: _seen_by,
    n.SpanDays: _span_days,
}
_OF_FIELD: dict[type[n.Node], Callable[[Members, Callable[[Event], tuple[float, float]]], Interval]] = {
    n.Peak: _peak,
    n.Trough: _trough,
    n.Latest: _latest,
    n.First: _first_value,
}


def _plain(node: Any) -> Function:
    series, reduce = function_of(node.series), _PLAIN[type(node)]
    return lambda ctx: reduce(series(ctx))


def _of_field(node: Any) -> Function:
    series, reduce, value = function_of(node.series), _OF_FIELD[type(node)], bounds_of(node.field)
    return lambda ctx: reduce(series(ctx), value)


_COMPILERS.update(dict.fromkeys(_PLAIN, _plain))
_COMPILERS.update(dict.fromkeys(_OF_FIELD, _of_field))


@_compiles(n.Recorded)
def _recorded_value(node: n.Recorded) -> Function:
    series, silence = function_of(node.series), node.silence
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


def difference(later: Interval, earlier: Interval) -> Interval:
    return Interval(later.low - earlier.high, later.high - earlier.low)


@_compiles(n.DaysBetween)
def _days_between(node: n.DaysBetween) -> Function:
    earlier, later = function_of(node.earlier), function_of(node.later)
    return lambda ctx: difference(later(ctx), earlier(ctx))


@_compiles(n.Compare)
def _compare(node: n.Compare) -> Function:
    left, op = function_of(node.left), node.op
    if isinstance(node.right, n.Threshold):
        limit = exactly(node.right.number)
        return lambda ctx: compare(left(ctx), op, limit)
    right = function_of(node.right)
    return lambda ctx: compare(left(ctx), op, right(ctx))


Meaning = Mapping[Truth, Truth]
"""What a truth comes to through Not and Possibly."""

_AS_IT_IS: Meaning = {True: True, False: False, None: None}


class _Parts(NamedTuple):
    """The parts of an AND or OR. ids: those that only refer, and ``meant``: those that say "not" or "possibly" of what
    they refer to, which are looked up without a call. functions: the others."""

    ids: tuple[str, ...]
    meant: tuple[tuple[str, Meaning], ...]
    functions: tuple[Function, ...]

    @classmethod
    def of(cls, parts: Sequence[n.Value]) -> _Parts:
        looked_up = [_looked_up(part) for part in parts]
        known = [each for each in looked_up if each is not None]
        return cls(
            tuple(id for id, meaning in known if meaning == _AS_IT_IS),
            tuple((id, meaning) for id, meaning in known if meaning != _AS_IT_IS),
            _functions(part for part, found in zip(parts, looked_up, strict=True) if found is None),
        )


def _looked_up(node: n.Node) -> tuple[str, Meaning] | None:
    """The id that a truth refers to and what the truth found there comes to, if it rests on nothing else."""
    if isinstance(node, n.Ref):
        return (node.id, _AS_IT_IS) if node.kind == "truth" else None
    if not isinstance(node, n.Not | n.Possibly) or (below := _looked_up(node.part)) is None:
        return None
    id, meaning = below
    if isinstance(node, n.Not):
        return id, {truth: NOT[of] for truth, of in meaning.items()}
    return id, {truth: of is not False for truth, of in meaning.items()}


def _joined(node: n.All | n.Any_) -> Function:
    """An AND or OR: one part that is false, or true, decides; else what is unknown leaves it open."""
    ids, meant, parts = _Parts.of(node.parts)
    decisive = isinstance(node, n.Any_)

    def joined(ctx: Context) -> Truth:
        truth: Truth
        answer: Truth = not decisive
        value_of: Callable[[str], Any] = ctx.environment.get
        for id in ids:
            truth = value_of(id)
            if truth is decisive:
                return decisive
            if truth is None:
                answer = None
        for id, meaning in meant:
            truth = meaning[value_of(id)]
            if truth is decisive:
                return decisive
            if truth is None:
                answer = None
        for part in parts:
            truth = part(ctx)
            if truth is decisive:
                return decisive
            if truth is None:
                answer = None
        return answer

    return joined


_COMPILERS.update({n.All: _joined, n.Any_: _joined})


@_compiles(n.Not)
def _not(node: n.Not) -> Function:
    part = function_of(node.part)
    return _meant(node) or (lambda ctx: NOT[part(ctx)])


@_compiles(n.Possibly)
def _possibly(node: n.Possibly) -> Function:
    part = function_of(node.part)
    return _meant(node) or (lambda ctx: part(ctx) is not False)


def _meant(node: n.Not | n.Possibly) -> Function | None:
    """The function of a part that can be looked up."""
    if (found := _looked_up(node)) is None:
        return None
    id, meaning = found
    return lambda ctx: meaning[ctx.environment.get(id)]  # type: ignore[index]  # a truth, as the node was checked


@_compiles(n.AtLeast)
def _at_least(node: n.AtLeast) -> Function:
    count, parts = node.n, _functions(node.parts)
    return lambda ctx: at_least(count, [part(ctx) for part in parts])


def total(truths: Sequence[Truth], points: Sequence[int], divisor: int) -> Interval:
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
    return lambda ctx: total([part(ctx) for part in parts], points, divisor)


def scaled(value: Interval, factor: float) -> Interval:
    return Interval(value.low * factor, value.high * factor)


@_compiles(n.Scale)
def _scale(node: n.Scale) -> Function:
    part, factor = function_of(node.part), node.factor.number
    return lambda ctx: scaled(part(ctx), factor)


def sum_of(values: Sequence[Interval]) -> Interval:
    """Added from left to right, as SQL does, so that the last binary digit is the same."""
    low, high = values[0]
    for value in values[1:]:
        low, high = low + value.low, high + value.high
    return Interval(low, high)


@_compiles(n.Sum)
def _sum(node: n.Sum) -> Function:
    parts = _functions(node.parts)
    return lambda ctx: sum_of([part(ctx) for part in parts])


def greatest_of(values: Sequence[Interval]) -> Interval:
    return Interval(max(value.low for value in values), max(value.high for value in values))


@_compiles(n.Greatest)
def _greatest(node: n.Greatest) -> Function:
    parts = _functions(node.parts)
    return lambda ctx: greatest_of([part(ctx) for part in parts])


def band_of(node: n.Bands) -> Callable[[Interval], Interval]:
    edges, points = [edge.number for edge in node.edges], [point.number for point in node.points]
    place = bisect_right if node.lower_closed else bisect_left

    def band(value: Interval) -> Interval:
        touched = points[place(edges, value.low) : place(edges, value.high) + 1]
        return Interval(min(touched), max(touched))

    return band


@_compiles(n.Bands)
def _bands(node: n.Bands) -> Function:
    part, band = function_of(node.part), band_of(node)
    return lambda ctx: band(part(ctx))


def agreed(then: Result, other: Result) -> Result:
    """What two values agree on: for truths the common one, else unknown; for intervals their hull."""
    if isinstance(then, Interval) and isinstance(other, Interval):
        return Interval(min(then.low, other.low), max(then.high, other.high))
    return then if then is other else None


@_compiles(n.IfElse)
def _if_else(node: n.IfElse) -> Function:
    condition, then, other = function_of(node.condition), function_of(node.then), function_of(node.other)

    def if_else(ctx: Context) -> Result:
        truth = condition(ctx)
        if truth is None:
            return agreed(then(ctx), other(ctx))
        result: Result = then(ctx) if truth else other(ctx)
        return result

    return if_else
