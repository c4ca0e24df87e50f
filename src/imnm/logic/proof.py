"""Why a value is what it is: the tree that led to it, the record entries that carry it, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from . import nodes as n
from .compiled import (
    NO_MEMBERS,
    REDUCTIONS,
    Context,
    Members,
    Result,
    Turn,
    agreed,
    band_of,
    bounds_of,
    difference,
    first_turn,
    function_of,
    greatest_of,
    last_turn,
    scaled,
    sum_of,
    total,
    unknown,
)
from .event import Event
from .interval import Interval, compare, exactly
from .truth import NOT, Truth, all_of, any_of, at_least


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
    return Prover(Context.of(events, as_of, environment), describe or formula, lambda id: None).prove(node)


def settled(value: Result) -> bool:
    """Whether nothing more can be learnt about a value: a known truth, an exact number or day."""
    return value.exact if isinstance(value, Interval) else value is not None


class Prover:
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
        members: Members = function_of(node.series)(self.ctx)
        value: Result = function_of(node)(self.ctx)
        carriers = _carriers(node, value, members) or self._considered(node, value)
        parts = [self.prove(part) for part in _parameters(node.series)]
        return self._proof(node, None, value, _entries(carriers), parts)

    def _considered(self, node: n.Node, value: Result) -> list[Event]:
        """For a no without members: what there is of these concepts, all of which was ruled out."""
        if value is not False:
            return []
        return [e for concept in sorted(n.concepts_of(node)) for e, _ in self.ctx.rows.get(concept, NO_MEMBERS)]

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
    return n.kept(node, "value parts", lambda: [child for child in node.children() if isinstance(child, n.Value)])


def _parameters(series: n.Series) -> list[n.Value]:
    """The patient values that a series rests on (anchors of windows, bounds), thresholds and dates of asking aside."""
    return n.kept(series, "parameters", lambda: _parameters_of(series))


def _parameters_of(series: n.Series) -> list[n.Value]:
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
            return difference(values[1], values[0])
        case n.Compare():
            return compare(values[0], node.op, values[1])
        case n.All():
            return all_of(values)
        case n.Any_():
            return any_of(values)
        case n.Not():
            return NOT[values[0]]
        case n.Possibly():
            return values[0] is not False
        case n.AtLeast():
            return at_least(node.n, values)
        case n.Score():
            return total(values, [points for _, points in node.items], node.divisor)
        case n.Scale():
            return scaled(values[0], node.factor.number)
        case n.Sum():
            return sum_of(values)
        case n.Greatest():
            return greatest_of(values)
        case n.Bands():
            return band_of(node)(values[0])
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
            of = bounds_of(node.field)
            assert isinstance(value, Interval)
            return [e for e, sure in members if of(e)[1] >= value.low and (sure or of(e)[1] > value.low)]
        case n.Trough():
            of = bounds_of(node.field)
            assert isinstance(value, Interval)
            return [e for e, sure in members if of(e)[0] <= value.high and (sure or of(e)[0] < value.high)]
        case n.Latest():
            return _on_turn(last_turn(members))
        case n.First():
            return _on_turn(first_turn(members))
        case n.FirstDay():
            return _on_turn(first_turn(members))
        case n.SeenBy():
            assert isinstance(value, Interval)
            return [e for e, sure in members if sure and e.end == value.high]
        case n.LastDay():
            return _on_turn(last_turn(members))
        case n.SpanDays():
            return list(dict.fromkeys(_on_turn(first_turn(members)) + _on_turn(last_turn(members))))
    return [e for e, _ in members]


def _on_turn(turn: Turn) -> list[Event]:
    return turn.tied + [e for e, _ in turn.others]


_NAMES = {n.All: "all of", n.Any_: "any of", n.Score: "score of", n.Sum: "sum of", n.Greatest: "greatest of"}


def formula(node: n.Node) -> str:
    """A node in the notation of the algebra, one level deep; the sentences for people are made by ``words``."""
    return n.kept(node, "formula", lambda: _formula(node))


def _formula(node: n.Node) -> str:
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
            return f"{_NAMES[type(node)]} {len(node.children())}"
        case _ if type(node) in REDUCTIONS:
            return f"{type(node).__name__}({', '.join(sorted(n.concepts_of(node)))})"
    return type(node).__name__
