"""The algebra: every finding and every rule is a value built from these nodes.

Two levels, which are types. A *series* stands for some of a patient's events, each of which belongs to it surely or
possibly (three-valued: what is surely outside is gone). A *patient value* is a truth, a number or a day. Series are
filtered and reduced; patient values are compared and combined. Numbers and days are intervals (``logic.interval``).

Nodes are frozen, typed, checked when built, and describe themselves. A rule holds no bare number: numbers enter as
``Threshold``, which carries the id under which the number and its source are kept.

What each node means is said in its docstring, once; *evaluate*, *sql* and *words* interpret it. "Sure" and
"possible" below: a possible member is one that is not surely outside (sure members are possible too).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar, dataclass_transform, get_args, get_type_hints

from .interval import OPS, Op
from .truth import Truth

Kind = Literal["truth", "number", "day"]
Field = Literal["value", "times_uln"]

NODE_KINDS: dict[str, type[Node]] = {}
"""Every concrete node class by name, in the order of this file."""


@dataclass_transform(frozen_default=True)
class Node:
    """Anything in the algebra. Subclasses become frozen dataclasses and are registered in ``NODE_KINDS``."""

    def __init_subclass__(cls, abstract: bool = False) -> None:
        dataclass(frozen=True, slots=False)(cls)
        if not abstract:
            NODE_KINDS[cls.__name__] = cls

    def __post_init__(self) -> None:
        for name, hint in _hints(type(self)).items():
            _check(self, name, hint, getattr(self, name))
        self.check()

    def check(self) -> None:
        """Further conditions than the types of the fields; raises ``NodeError``."""

    def children(self) -> tuple[Node, ...]:
        """The nodes directly below, in the order of the fields."""
        return kept(self, "nodes below", _below)


def _below(node: Node) -> tuple[Node, ...]:
    return tuple(below for name in _hints(type(node)) for below in _nodes_in(getattr(node, name)))


_N = TypeVar("_N", bound="Node")
_K = TypeVar("_K")


def kept(node: _N, name: str, make: Callable[[_N], _K]) -> _K:
    """What follows from a node alone, worked out once and kept with it (a node never changes).

    ``name`` is of two words, as no field's is, so that equality and hash do not see it.
    """
    notes = node.__dict__
    if name not in notes:
        notes[name] = make(node)
    found: _K = notes[name]
    return found


class NodeError(TypeError):
    """A node was built from parts that do not fit; says which node, which field, what was expected and received."""


class Series(Node, abstract=True):
    """Some of a patient's events."""


class Value(Node, abstract=True):
    """A patient value; ``kind`` says whether a truth, a number or a day."""

    @property
    def kind(self) -> Kind:
        raise NotImplementedError


class TruthValue(Value, abstract=True):
    """A patient value that is a truth."""

    @property
    def kind(self) -> Kind:
        return "truth"


class NumberValue(Value, abstract=True):
    """A patient value that is a number."""

    @property
    def kind(self) -> Kind:
        return "number"


class DayValue(Value, abstract=True):
    """A patient value that is a day."""

    @property
    def kind(self) -> Kind:
        return "day"


# ---------------------------------------------------------------- series


class Events(Series):
    """The events of any of these concepts that were known on the as-of date (``known <= as_of``); all sure."""

    concepts: tuple[str, ...]

    def check(self) -> None:
        if not self.concepts:
            raise NodeError("Events.concepts: expected at least one concept id, received none")


class Union(Series):
    """The members of any of these series; sure if sure in any. Each event counts once."""

    parts: tuple[Series, ...]

    def check(self) -> None:
        _at_least(self, "parts", self.parts, 1)


class WithTruth(Series):
    """The events whose ``truth`` is this one; an event that states neither becomes a possible member."""

    series: Series
    truth: bool


class WithGrade(Series):
    """The events whose ``grade`` is one of these; an event without a grade becomes a possible member."""

    series: Series
    grades: tuple[str, ...]


class WithoutGrade(Series):
    """The events whose ``grade`` is none of these; an event without a grade stays what it is (a result reported
    plainly positive counts in full). So it stands outside the law that learning never flips: a grade that becomes
    known later can take a sure member away."""

    series: Series
    grades: tuple[str, ...]


class WithDetail(Series):
    """The events whose ``detail`` is one of these; an event without a detail becomes a possible member."""

    series: Series
    details: tuple[str, ...]


class ValueIs(Series):
    """The events whose value (or multiple of ULN) compares so with the bound, three-valued (``interval.compare``)."""

    series: Series
    field: Field
    op: Op
    bound: Value

    def check(self) -> None:
        _kind(self, "bound", self.bound, "number")


class InWindow(Series):
    """The events whose day lies in ``[anchor + first, anchor + last]``, both included; None leaves that side open.

    Surely in: ``start >= anchor.high + first`` and ``end <= anchor.low + last``; possibly in: ``end >= anchor.low +
    first`` and ``start <= anchor.high + last``.
    """

    series: Series
    anchor: Value
    first: Threshold | None
    last: Threshold | None

    def check(self) -> None:
        _kind(self, "anchor", self.anchor, "day")
        if self.first is None and self.last is None:
            raise NodeError("InWindow: expected a first or a last day, received neither")


class NotNear(Series):
    """The events that have no event of ``other`` from ``before`` days before them to ``after`` days after them.

    Surely near: a sure other with ``o.start >= e.end - before`` and ``o.end <= e.start + after``: then it is outside.
    Possibly near: a possible other with ``o.end >= e.start - before`` and ``o.start <= e.end + after``: then it is a
    possible member.
    """

    series: Series
    other: Series
    before: Threshold
    after: Threshold


class Newest(Series):
    """The members that can lie on the last day of the series.

    Let M be the greatest ``start`` of the sure members (-inf if none). Tied: the sure members with ``start == end ==
    M``. Members of the result: the tied, and every other possible member with ``end >= M``. A member of the result is
    sure if it is a sure member of the series and (it is tied and no possible member that is not tied has ``end >= M``,
    or it is the only possible member of the series).
    """

    series: Series


# ---------------------------------------------------------------- reductions


class Exists(TruthValue):
    """True if there is a sure member, False if there is no possible one, otherwise unknown."""

    series: Series


class Recorded(TruthValue):
    """What the record says of the thing: True if a sure member is true; else unknown if a possible member may be
    (its truth is True or None); else False if a sure member is false; else ``silence``.

    ``silence`` is None (unknown) unless the finding is one of those whose silence means no.
    """

    series: Series
    silence: bool | None

    def check(self) -> None:
        if self.silence is True:
            raise NodeError("Recorded.silence: expected None or False, received True")


class Count(NumberValue):
    """From the number of sure members to the number of possible ones."""

    series: Series


class Peak(NumberValue):
    """The greatest value: low = greatest ``low`` of the sure, high = greatest ``high`` of the possible members.
    Unknown if there is no sure member."""

    series: Series
    field: Field


class Trough(NumberValue):
    """The least value: low = least ``low`` of the possible, high = least ``high`` of the sure members. Unknown if
    there is no sure member."""

    series: Series
    field: Field


class Latest(NumberValue):
    """The value on the last day. With M and tied as in ``Newest``: the day's value is (greatest low, greatest high)
    of the tied; the result is the hull of that and of the values of the other possible members with ``end >= M``.
    Unknown if there is no sure member. Two results of one day: the greater counts, so that row order never does."""

    series: Series
    field: Field


class First(NumberValue):
    """The value on the first day: as ``Latest`` with M the least ``end`` of the sure members, tied the sure members
    with ``start == end == M``, others the possible members with ``start <= M`` that are not tied."""

    series: Series
    field: Field


class FirstDay(DayValue):
    """The first day: low = least ``start`` of the possible, high = least ``end`` of the sure members. Unknown if there
    is no sure member."""

    series: Series


class LastDay(DayValue):
    """The last day: low = greatest ``start`` of the sure, high = greatest ``end`` of the possible members. Unknown if
    there is no sure member."""

    series: Series


class SeenBy(DayValue):
    """The first day by which the record shows a member to have happened: exactly the least ``end`` of the sure
    members; unknown if there is no sure member or that end is infinite. A fact about the record, not about the illness
    (an earlier onset may become known), so with ``Possibly`` it stands outside the law that learning
    never flips."""

    series: Series


class SpanDays(NumberValue):
    """Days from the first to the last member: low = max(0, greatest ``start`` - least ``end``) of the sure; high =
    greatest ``end`` - least ``start`` of the possible members. Unknown if there is no sure member."""

    series: Series


# ---------------------------------------------------------------- patient values


class Literal_(TruthValue):
    """A truth that is fixed."""

    truth: Truth


class Threshold(NumberValue):
    """A named number. ``id`` names the entry that holds its unit, source and evidence tag."""

    id: str
    number: float

    def check(self) -> None:
        if not math.isfinite(self.number):
            raise NodeError(f"Threshold.number: expected a finite number for {self.id}, received {self.number}")


class AsOf(DayValue):
    """The as-of date of the question."""


class Ref(Value):
    """The value of the finding or rule with this id. Unknown if the environment does not hold it."""

    id: str
    of: Kind

    @property
    def kind(self) -> Kind:
        return self.of


class DaysBetween(NumberValue):
    """``later - earlier`` in days, as an interval."""

    earlier: Value
    later: Value

    def check(self) -> None:
        _kind(self, "earlier", self.earlier, "day")
        _kind(self, "later", self.later, "day")


class Compare(TruthValue):
    """Three-valued comparison of two numbers or two days."""

    left: Value
    op: Op
    right: Value

    def check(self) -> None:
        if self.left.kind == "truth" or self.left.kind != self.right.kind:
            raise NodeError(
                f"Compare: expected two numbers or two days, received {self.left.kind} and {self.right.kind}"
            )


class All(TruthValue):
    """Kleene AND."""

    parts: tuple[Value, ...]

    def check(self) -> None:
        _at_least(self, "parts", self.parts, 1)
        _kinds(self, "parts", self.parts, "truth")


class Any_(TruthValue):
    """Kleene OR."""

    parts: tuple[Value, ...]

    def check(self) -> None:
        _at_least(self, "parts", self.parts, 1)
        _kinds(self, "parts", self.parts, "truth")


class Not(TruthValue):
    """Kleene NOT."""

    part: Value

    def check(self) -> None:
        _kind(self, "part", self.part, "truth")


class Possibly(TruthValue):
    """False if the part is false, otherwise true. For decisions taken on what is possible (a CK "raised", its number
    lost) and, as ``Not(Possibly(Not(x)))``, on what is on record. With ``SeenBy`` the one step outside the law that
    learning never flips; it is used in decision rules and where an undated statement has to count, never in
    criteria."""

    part: Value

    def check(self) -> None:
        _kind(self, "part", self.part, "truth")


class AtLeast(TruthValue):
    """At least n of these are true (``truth.at_least``)."""

    n: int
    parts: tuple[Value, ...]

    def check(self) -> None:
        _at_least(self, "parts", self.parts, 1)
        _kinds(self, "parts", self.parts, "truth")
        if not 1 <= self.n <= len(self.parts):
            raise NodeError(f"AtLeast.n: expected 1 to {len(self.parts)}, received {self.n}")


class Score(NumberValue):
    """The sum of the points whose condition holds, divided by ``divisor``: from the least it can be to the most.

    Points are whole numbers (tenths with divisor 10), because binary fractions break published cut-offs.
    """

    items: tuple[tuple[Value, int], ...]
    divisor: int

    def check(self) -> None:
        _at_least(self, "items", self.items, 1)
        _kinds(self, "items", tuple(item for item, _ in self.items), "truth")
        if self.divisor < 1:
            raise NodeError(f"Score.divisor: expected 1 or more, received {self.divisor}")


class Scale(NumberValue):
    """A number times a positive threshold."""

    part: Value
    factor: Threshold

    def check(self) -> None:
        _kind(self, "part", self.part, "number")
        if self.factor.number <= 0:
            raise NodeError(f"Scale.factor: expected more than 0, received {self.factor.number}")


class Sum(NumberValue):
    """The sum of numbers."""

    parts: tuple[Value, ...]

    def check(self) -> None:
        _at_least(self, "parts", self.parts, 1)
        _kinds(self, "parts", self.parts, "number")


class Greatest(NumberValue):
    """The greatest of numbers (greatest low, greatest high)."""

    parts: tuple[Value, ...]

    def check(self) -> None:
        _at_least(self, "parts", self.parts, 1)
        _kinds(self, "parts", self.parts, "number")


class Bands(NumberValue):
    """A step function. ``points[i]`` for ``edges[i-1] < x <= edges[i]`` (the first band is open below, the last above;
    with ``lower_closed`` the bands are ``edges[i-1] <= x < edges[i]``). For an interval: the hull over the bands it
    touches, which lie between the band of its low and the band of its high."""

    part: Value
    edges: tuple[Threshold, ...]
    points: tuple[Threshold, ...]
    lower_closed: bool

    def check(self) -> None:
        _kind(self, "part", self.part, "number")
        numbers = [edge.number for edge in self.edges]
        if not numbers or sorted(set(numbers)) != numbers:
            raise NodeError("Bands.edges: expected one or more increasing numbers")
        if len(self.points) != len(numbers) + 1:
            raise NodeError(f"Bands.points: expected {len(numbers) + 1} of them, received {len(self.points)}")


class IfElse(Value):
    """``then`` if the condition is true, ``other`` if it is false; if unknown, what both agree on (for numbers and
    days: their hull)."""

    condition: Value
    then: Value
    other: Value

    @property
    def kind(self) -> Kind:
        return self.then.kind

    def check(self) -> None:
        _kind(self, "condition", self.condition, "truth")
        if self.then.kind != self.other.kind:
            raise NodeError(f"IfElse: expected two of one kind, received {self.then.kind} and {self.other.kind}")


# ---------------------------------------------------------------- checks and walking


def walk(node: Node) -> Iterator[Node]:
    """The node and every node below it, parents before children."""
    yield node
    for child in node.children():
        yield from walk(child)


class Uses(NamedTuple):
    """What a node rests on, itself or through the nodes below it (through ``Ref`` is not followed).

    concepts: whose events it reads. refs: the findings and rules it refers to, each id with its kind. dated: the
    concepts without whose events the as-of date itself makes no difference to it (in a window around that date), and
    ``ALWAYS`` if it asks for the date whatever is on record. ids: those of ``refs``. shows_date: whether the as-of date
    is a value somewhere below it, other than as that of a window.
    """

    concepts: frozenset[str]
    refs: frozenset[tuple[str, Kind]]
    dated: frozenset[str]
    ids: frozenset[str]
    shows_date: bool


ALWAYS = ""
"""In place of a concept: on any record."""


def uses(node: Node) -> Uses:
    """What the node rests on. Kept with every node, because definitions share most of their parts."""
    return kept(node, "used below", _uses)


def _uses(node: Node) -> Uses:
    below = [uses(child) for child in node.children()]
    concepts = node.concepts if isinstance(node, Events) else ()
    refs = frozenset([(node.id, node.of)] if isinstance(node, Ref) else []).union(*(part.refs for part in below))
    return Uses(
        frozenset(concepts).union(*(part.concepts for part in below)),
        refs,
        _dated(node),
        frozenset(id for id, _ in refs),
        isinstance(node, AsOf) or any(uses(child).shows_date for child in _shown_below(node)),
    )


def _shown_below(node: Node) -> tuple[Node, ...]:
    if isinstance(node, InWindow) and isinstance(node.anchor, AsOf):
        return (node.series,)
    return node.children()


def _dated(node: Node) -> frozenset[str]:
    if isinstance(node, AsOf):
        return frozenset({ALWAYS})
    if isinstance(node, InWindow) and uses(node.anchor).dated:
        return uses(node.series).dated | uses(node.series).concepts
    return frozenset().union(*(uses(child).dated for child in node.children()))


def concepts_of(node: Node) -> frozenset[str]:
    """The concepts whose events the node can depend on, directly (through ``Ref`` is not followed)."""
    return uses(node).concepts


def refs_of(node: Node) -> frozenset[str]:
    """The ids of the findings and rules that the node refers to directly."""
    return uses(node).ids


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(cls: type) -> dict[str, Any]:
    """The fields of a node class, in their order, with the types they must have."""
    if cls not in _HINTS:
        hints = get_type_hints(cls)
        _HINTS[cls] = {field.name: hints[field.name] for field in dataclasses.fields(cls)}
    return _HINTS[cls]


def _nodes_in(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


def _check(node: Node, name: str, hint: Any, value: object) -> None:
    if not _fits(hint, value):
        raise NodeError(f"{type(node).__name__}.{name}: expected {hint}, received {value!r}")


def _fits(hint: Any, value: object) -> bool:
    if isinstance(hint, type) and issubclass(hint, Node):  # most fields
        return isinstance(value, hint)
    if hint is Op or hint is Field or hint is Kind:
        return value in get_args(hint)
    args = get_args(hint)
    origin = getattr(hint, "__origin__", None)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(args) == 2 and args[1] is Ellipsis:
            return all(_fits(args[0], item) for item in value)
        return len(value) == len(args) and all(_fits(a, v) for a, v in zip(args, value, strict=True))
    if args:  # a union
        return any(_fits(arg, value) for arg in args)
    if hint is type(None) or hint is None:
        return value is None
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _kind(node: Node, name: str, value: Value, kind: Kind) -> None:
    if value.kind != kind:
        raise NodeError(f"{type(node).__name__}.{name}: expected a {kind}, received a {value.kind}")


def _kinds(node: Node, name: str, values: tuple[Value, ...], kind: Kind) -> None:
    for value in values:
        _kind(node, name, value, kind)


def _at_least(node: Node, name: str, values: tuple[object, ...], n: int) -> None:
    if len(values) < n:
        raise NodeError(f"{type(node).__name__}.{name}: expected at least {n}, received {len(values)}")


assert OPS  # re-exported for interpreters
