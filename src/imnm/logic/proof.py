"""Why a value is what it is: the tree that led to it, the record entries that carry it, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from itertools import chain
from operator import is_
from typing import Any, NamedTuple, TypeVar

import msgspec

from . import nodes as n
from .compiled import (
    REDUCTIONS,
    Context,
    Members,
    Result,
    Turn,
    bounds_of,
    first_turn,
    function_of,
    last_turn,
)
from .event import Event
from .interval import Interval
from .truth import Truth


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A record entry: its reference and the line shown to people."""

    ref: str
    text: str


class Proof(msgspec.Struct, gc=False):
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
Lookup = Callable[[str], n.Value | None]
EvidenceOf = Callable[[str], list[Entry]]


def prove(
    node: n.Value,
    events: Sequence[Event],
    as_of: float,
    environment: Mapping[str, Result] | None = None,
    describe: Describe | None = None,
) -> Proof:
    """The value of an expression with its proof. ``describe`` gives the words (default: see ``formula``)."""
    return Prover(Context.of(events, as_of, environment), {}, describe or formula, lambda id: None).prove(node)


def settled(value: Result) -> bool:
    """Whether nothing more can be learnt about a value: a known truth, an exact number or day."""
    return value.exact if isinstance(value, Interval) else value is not None


class _Walker:
    """Walks the patient values of expressions. Values are those of the compiled functions, each worked out once.

    ``seen``: the values of nodes by ``id``, shared by those who walk the same expressions on the same record.
    """

    def __init__(self, ctx: Context, seen: dict[int, Any]) -> None:
        self.ctx = ctx
        self._values = seen

    def _value(self, node: n.Node) -> Any:
        key = id(node)  # nodes outlive the walk, as the definitions hold them
        values = self._values
        if key in values:
            return values[key]
        value = values[key] = function_of(node)(self.ctx)
        return value

    def _carrying(self, node: n.Value, value: Result) -> Sequence[n.Value]:
        """The parts that carry the value: for a false AND the false ones, for a true OR the true ones, and so on."""
        parts = _value_parts(node)
        choose = _CHOICES.get(type(node))
        if choose is None:
            return parts
        return choose([(part, self._value(part)) for part in parts], value)

    def _carried(self, node: Any, value: Result) -> list[Entry]:
        """The record entries that carry the value of a reduction."""
        return _entries(_carriers(node, value, self._value(node.series)) or self._considered(node, value))

    def _considered(self, node: n.Node, value: Result) -> list[Event]:
        """For a no without members: what there is of these concepts, all of which was ruled out."""
        if value is not False:
            return []
        there = sorted(n.concepts_of(node) & self.ctx.rows.keys())
        return [e for concept in there for e, _ in self.ctx.rows[concept]]


class Carried(_Walker):
    """The record entries behind values, as proofs would name them (``Proof.evidence``), without the proofs.

    ``lookup``: the expression of a definition; None for an id that has none.
    """

    def __init__(self, ctx: Context, seen: dict[int, Any], lookup: Lookup) -> None:
        super().__init__(ctx, seen)
        self.lookup = lookup
        self._entries: dict[int, list[Entry]] = {}

    def entries(self, node: n.Value) -> list[Entry]:
        """The entries that carry the value."""
        key = id(node)
        if key not in self._entries:
            self._entries[key] = self._below(node)
        return self._entries[key]

    def _below(self, node: Any) -> list[Entry]:
        if isinstance(node, n.Ref):
            definition = self.lookup(node.id)
            return [] if definition is None else self.entries(definition)
        value = self._value(node)
        if type(node) in REDUCTIONS:
            return self._carried(node, value)
        return _merged([self.entries(part) for part in self._carrying(node, value)])


class Open(_Walker):
    """What is missing, as a proof would name it (``Proof.missing``), without the proof.

    ``lookup``: the expression of a definition; None for an id that has none.
    """

    def __init__(self, ctx: Context, seen: dict[int, Any], lookup: Lookup) -> None:
        super().__init__(ctx, seen)
        self.lookup = lookup
        self.found: dict[str, None] = {}
        self._open: dict[int, bool] = {}

    def look_into(self, node: n.Value) -> bool:
        """Add to ``found`` the ids whose knowing could change the value; whether there are any."""
        key = id(node)
        if key not in self._open:
            value = self._value(node)
            self._open[key] = not settled(value) and self._below(node, value)
        return self._open[key]

    def _below(self, node: Any, value: Result) -> bool:
        if isinstance(node, n.Ref):
            definition = self.lookup(node.id)
            if definition is None or not self.look_into(definition):
                self.found[node.id] = None
            return True
        parts = _parameters(node.series) if type(node) in REDUCTIONS else self._carrying(node, value)
        looked_into = [self.look_into(part) for part in parts]
        return any(looked_into)


class Rest(NamedTuple):
    """The part of a program that is proved as on an empty record, the same for everyone.

    proofs: of that record. told: the ids of values and definitions on which something known bears. concepts: those
    that have events.
    """

    proofs: SilentProofs
    told: Set[str]
    concepts: Set[str]

    def covers(self, node: n.Node) -> bool:
        """Whether nothing that is known bears on the node."""
        below = n.uses(node)
        return below.ids.isdisjoint(self.told) and below.concepts.isdisjoint(self.concepts) and not below.shows_date


class Prover(_Walker):
    """Proves expressions; series are evaluated, and their members kept as evidence.

    A proof never disagrees with the compiled functions, and only the parts that carry a value are proved. ``lookup``:
    the expression of a definition, which is proved once; where it has none, the value comes from outside. ``rest``:
    what has been proved for everyone.
    """

    def __init__(
        self, ctx: Context, seen: dict[int, Any], describe: Describe, lookup: Lookup, rest: Rest | None = None
    ) -> None:
        super().__init__(ctx, seen)
        self.describe = describe
        self.lookup = lookup
        self.rest = rest
        self._definitions: dict[str, Proof] = {}

    def definition(self, id: str, node: n.Value) -> Proof:
        """The proof of a definition."""
        if id not in self._definitions:
            self._definitions[id] = self.prove(node)
        return self._definitions[id]

    def prove(self, node: n.Value) -> Proof:
        if self.rest is not None and self.rest.covers(node):
            return self.rest.proofs.prove(node)
        if type(node) in REDUCTIONS:
            return self._reduction(node)
        if isinstance(node, n.Ref):
            return self._reference(node)
        value = self._value(node)
        parts = [self.prove(part) for part in self._carrying(node, value)]
        id = node.id if isinstance(node, n.Threshold) else None
        return self._proof(node, id, value, _merged([part.evidence for part in parts]), parts)

    def _reference(self, node: n.Ref) -> Proof:
        definition = self.lookup(node.id)
        below = None if definition is None else self.definition(node.id, definition)
        parts = [] if below is None else [below]
        evidence = [] if below is None else list(below.evidence)
        proof = self._proof(node, node.id, self._value(node), evidence, parts)
        if not settled(proof.value):
            proof.missing = proof.missing or [node.id]
        return proof

    def _reduction(self, node: Any) -> Proof:
        value: Result = self._value(node)
        parts = [self.prove(part) for part in _parameters(node.series)]
        return self._proof(node, None, value, self._carried(node, value), parts)

    def _proof(self, node: n.Value, id: str | None, value: Result, evidence: list[Entry], parts: list[Proof]) -> Proof:
        missing = [] if settled(value) else _merged([part.missing for part in parts])
        return Proof(type(node).__name__, id, value, self.describe(node), evidence, missing, parts)


class SilentProofs(Prover):
    """Proves on an empty record, each expression once for all; nobody changes these proofs."""

    def __init__(self, ctx: Context, lookup: Lookup) -> None:
        super().__init__(ctx, {}, formula, lookup)
        self._proofs: dict[int, Proof] = {}

    def prove(self, node: n.Value) -> Proof:
        key = id(node)  # nodes outlive the program that holds this
        if key not in self._proofs:
            self._proofs[key] = super().prove(node)
        return self._proofs[key]


def with_entries(proof: Proof, given: Mapping[str, Result], evidence_of: EvidenceOf) -> Proof:
    """The same proof of the same value, when what comes from outside has these values and these record entries.

    What they do not bear on is the same object as before.
    """
    if not proof.parts:
        return _from_outside(proof, given, evidence_of) if proof.kind == n.Ref.__name__ else proof
    parts = [with_entries(part, given, evidence_of) for part in proof.parts]
    if all(map(is_, parts, proof.parts)):
        return proof
    evidence = proof.evidence if proof.kind in _OF_EVENTS else _merged([part.evidence for part in parts])
    return Proof(proof.kind, proof.id, proof.value, proof.text, evidence, proof.missing, parts)


def _from_outside(proof: Proof, given: Mapping[str, Result], evidence_of: EvidenceOf) -> Proof:
    id = proof.id or ""
    value, evidence = given[id], evidence_of(id)
    if value == proof.value and not evidence:
        return proof
    return Proof(proof.kind, proof.id, value, proof.text, evidence, proof.missing, [])


_OF_EVENTS = frozenset(kind.__name__ for kind in REDUCTIONS)

_WANTED: dict[Truth, tuple[Truth, ...]] = {True: (True,), False: (False,), None: (True, None)}
"""Which parts or members carry a truth that several make together."""

Valued = list[tuple[n.Value, Any]]


def _same(parts: Valued, value: Result) -> list[n.Value]:
    """Of an AND or OR the parts that are as it is: a false part alone makes an AND false, all make it true."""
    return [part for part, of in parts if of is value]


def _enough(parts: Valued, value: Result) -> list[n.Value]:
    wanted = _WANTED[_truth(value)]
    return [part for part, of in parts if of in wanted]


def _counting(parts: Valued, value: Result) -> list[n.Value]:
    return [part for part, of in parts if of is not False]


def _greatest(parts: Valued, value: Any) -> list[n.Value]:
    return [part for part, of in parts if of.high >= value.low]


def _taken(parts: Valued, value: Result) -> list[n.Value]:
    """Of an if-else the condition and the branch that is taken; both branches while that is open."""
    (condition, truth), (then, _), (other, _) = parts
    return [condition, then, other] if truth is None else [condition, then if truth else other]


_CHOICES: dict[type[n.Node], Callable[[Valued, Result], list[n.Value]]] = {
    n.All: _same,
    n.Any_: _same,
    n.AtLeast: _enough,
    n.Score: _counting,
    n.Greatest: _greatest,
    n.IfElse: _taken,
}
"""Which parts carry the value, where not all do."""

_T = TypeVar("_T")


def _merged(lists: Iterable[list[_T]]) -> list[_T]:
    """All of them once, in the order of first appearance; each list already holds each of its own once."""
    filled = [items for items in lists if items]
    if len(filled) < 2:
        return list(filled[0]) if filled else []
    return list(dict.fromkeys(chain.from_iterable(filled)))


def _entries(events: Iterable[Event]) -> list[Entry]:
    return list(dict.fromkeys(Entry(e.ref, e.text) for e in events))


def _value_parts(node: n.Value) -> tuple[n.Value, ...]:
    """The patient values directly below, without the numbers that belong to the node itself."""
    return n.kept(node, "value parts", _value_parts_of)


def _value_parts_of(node: n.Value) -> tuple[n.Value, ...]:
    below = (node.part,) if isinstance(node, n.Bands) else node.children()
    return tuple(child for child in below if isinstance(child, n.Value))


def _parameters(series: n.Series) -> list[n.Value]:
    """The patient values that a series rests on (anchors of windows, bounds), thresholds and dates of asking aside."""
    return n.kept(series, "value parameters", _parameters_of)


def _parameters_of(series: n.Series) -> list[n.Value]:
    found: list[n.Value] = []
    for child in series.children():
        if isinstance(child, n.Series):
            found += _parameters(child)
        elif isinstance(child, n.Value) and not isinstance(child, n.Threshold | n.AsOf):
            found.append(child)
    return list(dict.fromkeys(found))


def _truth(value: Result) -> Truth:
    assert not isinstance(value, Interval)
    return value


def _carriers(node: Any, value: Result, members: Members) -> list[Event]:
    """The members that carry the value of a reduction."""
    match node:
        case n.Exists():
            return [e for e, sure in members if sure or value is None]
        case n.Recorded():
            wanted = _WANTED[_truth(value)]
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
    return n.kept(node, "short formula", _formula)


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
