"""Who can have a level at all, derived from the rules.

The gate is a set of concepts: who has no event of any of them cannot rise above ``none``, whatever else is on record.
It is found by asking of each definition which values are still possible when these concepts are silent, and dropping
concepts one by one as long as no level becomes possible. Nothing about it is written by hand but the order in which
dropping is tried: what half the population has (drugs, infections) first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import NamedTuple

from imnm.assessment import program
from imnm.knowledge.concepts import CONCEPTS
from imnm.logic import nodes as n
from imnm.logic.evaluate import Program, Result
from imnm.logic.interval import Interval, compare
from imnm.logic.truth import Truth, all_of, any_of

_ALL_TRUTHS: frozenset[Truth] = frozenset({True, False, None})


class Possible(NamedTuple):
    """What a patient value can be: for a truth the truths, for a number or a day the one interval (None: anything)."""

    truths: frozenset[Truth] = _ALL_TRUTHS
    constant: Interval | None = None


_ANY = Possible()


@cache
def gate_concepts() -> frozenset[str]:
    """The concepts one of which must be on record for a level above ``none``; suffixes (``.stop``) are left off."""
    definitions = program.levels().definitions
    speaks_of = _speaks_of(definitions)
    gate = set[str]().union(*speaks_of.values())
    walker = _Walker(gate, definitions)
    for concept in sorted(gate, key=_commonness):
        others = {id: walker.of(node) for id, node in definitions.items() if concept not in speaks_of[id]}
        without = _Walker(gate - {concept}, definitions, walker.constants, others)
        if not without.rises():
            gate.remove(concept)
            walker = without
    return frozenset(gate)


def _speaks_of(definitions: Mapping[str, n.Value]) -> dict[str, set[str]]:
    """The concepts on which each definition rests, itself or through others."""
    own = {id: {base(concept) for concept in n.concepts_of(node)} for id, node in definitions.items()}
    return {id: own[id].union(*(own[ref] for ref in _referred(node, definitions))) for id, node in definitions.items()}


def base(concept: str) -> str:
    """The concept without the suffix that says how it is meant (``statin.stop`` is about ``statin``)."""
    return concept.partition(".")[0]


def _commonness(concept: str) -> tuple[int, str]:
    order = {"drug": 0, "condition": 1, "procedure": 2, "result": 3}
    return order.get(CONCEPTS[concept].domain if concept in CONCEPTS else "", 4), concept


def can_rise(silent: Iterable[str], definitions: Mapping[str, n.Value]) -> bool:
    """Whether any level can be reached while these concepts are silent."""
    return _Walker(silent, definitions).rises()


@cache
def _combined(
    combine: Callable[[Iterable[Truth]], Truth], one: frozenset[Truth], other: frozenset[Truth]
) -> frozenset[Truth]:
    """What two truths can be together; there are few sets of truths, and many nodes."""
    return frozenset(combine((a, b)) for a in one for b in other)


class _Walker:
    """The values still possible when some concepts are silent. Sound, not sharp: in doubt anything is possible.

    ``constants``: what was found out by another walker of the same definitions. ``others``: definitions that are known
    already, since what they speak of is as silent as before.
    """

    def __init__(
        self,
        silent: Iterable[str],
        definitions: Mapping[str, n.Value],
        constants: dict[int, Possible] | None = None,
        others: Mapping[str, Possible] | None = None,
    ) -> None:
        self.silent, self.definitions = frozenset(silent), definitions
        self.constants: dict[int, Possible] = {} if constants is None else constants
        self.known = {id(definitions[of]): possible for of, possible in (others or {}).items()}

    def rises(self) -> bool:
        """Whether any level is possible."""
        return any(True in self.of(self.definitions[rule]).truths for rule in program.LEVEL_RULES)

    def empty(self, series: n.Series) -> bool:
        """Whether the series surely has no members. Every series but a union is part of the first one it is made of."""
        if isinstance(series, n.Events):
            return all(base(concept) in self.silent for concept in series.concepts)
        if isinstance(series, n.Union):
            return all(self.empty(part) for part in series.parts)
        return self.empty(next(child for child in series.children() if isinstance(child, n.Series)))

    def of(self, node: n.Value) -> Possible:
        key = id(node)  # quicker than the node itself, and the definitions hold every node
        if key not in self.known:
            self.known[key] = self._of(node)
        return self.known[key]

    def _of(self, node: n.Value) -> Possible:
        if isinstance(node, n.Ref):
            return self.of(self.definitions[node.id]) if node.id in self.definitions else _ANY
        if isinstance(node, n.All | n.Any_):
            return self._joined(node)
        if isinstance(node, n.Not):
            return Possible(frozenset(None if t is None else not t for t in self.of(node.part).truths))
        if isinstance(node, n.Possibly):
            return Possible(frozenset(t is not False for t in self.of(node.part).truths))
        if isinstance(node, n.IfElse):
            return self._chosen(node)
        if isinstance(node, n.Compare):
            return self._compared(node)
        return self._constant(node) if self._is_constant(node) else _ANY

    def _joined(self, node: n.All | n.Any_) -> Possible:
        combine = all_of if isinstance(node, n.All) else any_of
        truths: frozenset[Truth] = frozenset({combine(())})
        for part in node.parts:
            truths = _combined(combine, truths, self.of(part).truths)
        return Possible(truths)

    def _chosen(self, node: n.IfElse) -> Possible:
        condition, then, other = self.of(node.condition), self.of(node.then), self.of(node.other)
        if node.kind != "truth":
            return Possible(constant=then.constant if then.constant == other.constant else None)
        found: set[Truth] = set()
        if True in condition.truths:
            found |= then.truths
        if False in condition.truths:
            found |= other.truths
        if None in condition.truths:
            found |= (then.truths & other.truths) | {None}
        return Possible(frozenset(found))

    def _compared(self, node: n.Compare) -> Possible:
        left, right = self.of(node.left).constant, self.of(node.right).constant
        if left is not None and right is not None:
            return Possible(frozenset({compare(left, node.op, right)}))
        if any(side is not None and not side.known for side in (left, right)):
            return Possible(frozenset({None}))  # nothing compares surely with what is not known at all
        return _ANY

    def _is_constant(self, node: n.Node) -> bool:
        """Whether the value is the same in every record in which the concepts are silent."""
        if isinstance(node, n.AsOf):
            return False
        if isinstance(node, n.Ref):
            return node.id in self.definitions and self._is_constant(self.definitions[node.id])
        if isinstance(node, n.Series):
            return self.empty(node)
        return all(self._is_constant(child) for child in node.children())

    def _constant(self, node: n.Value) -> Possible:
        """The value where there are no events of what the node speaks of: the same whatever else is silent."""
        if id(node) not in self.constants:
            below = {id: self.definitions[id] for id in _referred(node, self.definitions)}
            value: Result = Program(below | {"it": node}).run((), 0.0)["it"]
            known = Possible(constant=value) if isinstance(value, Interval) else Possible(frozenset({value}))
            self.constants[id(node)] = known
        return self.constants[id(node)]


def _referred(node: n.Value, definitions: Mapping[str, n.Value]) -> set[str]:
    found: set[str] = set()
    waiting = [node]
    while waiting:
        for ref in n.refs_of(waiting.pop()):
            if ref in definitions and ref not in found:
                found.add(ref)
                waiting.append(definitions[ref])
    return found
