"""What a published criteria set is, as a declaration over the algebra, and how it is read for one patient.

A set asks for *items* (ids of findings), ranks its classes on *ladders* (the first rung that holds is the class) and
says in one expression when it is fulfilled. Everything that decides is an expression of ``imnm.logic.nodes``, so the
same declaration is proved, put in words and run over a database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import msgspec

from imnm.logic.evaluate import Entry, EvidenceOf, Program, Proof, Result, formula, unknown, with_entries
from imnm.logic.interval import Interval, Op, compare, exactly
from imnm.logic.nodes import Compare, Kind, Literal_, Node, Ref, Threshold, Value, walk

from ..evidence import Evidence
from ..findings import FINDINGS
from ..messages import has, say

OTHERWISE = Literal_(True)
"""The condition of a last rung: whatever is left."""


class Item(NamedTuple):
    """One thing a criteria set asks for. ``low`` and ``high``: the range that makes sense, for a form (numbers)."""

    id: str
    kind: Kind
    unit: str | None
    evidence: Evidence
    low: float | None = None
    high: float | None = None


ITEMS: dict[str, Item] = {}
"""Every item of every set by id: findings, and items that are no finding of their own elsewhere."""


def item(
    id: str,
    evidence: Evidence,
    kind: Kind = "truth",
    unit: str | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Ref:
    """Declare an item and return the node that stands for it. Each id is declared once."""
    if id in ITEMS:
        raise ValueError(f"item {id!r} is declared twice")
    ITEMS[id] = Item(id, kind, unit, evidence, low, high)
    return Ref(id, kind)


def finding(id: str, low: float | None = None, high: float | None = None) -> Ref:
    """The node that stands for a finding, made an item of the criteria."""
    known = FINDINGS[id]
    kind = known.expression.kind
    ITEMS.setdefault(id, Item(id, kind, known.unit, known.evidence, low, high))
    return Ref(id, kind)


def label(id: str) -> str:
    """What an item is called."""
    key = f"criteria.item.{id}.label"
    return say(key) if has(key) or id not in FINDINGS else FINDINGS[id].label


def part(set_id: str, name: str, kind: Kind = "number") -> Ref:
    """The node that stands for a part of a set (``CriteriaSet.parts``)."""
    return Ref(f"{set_id}/part/{name}", kind)


class Rung(NamedTuple):
    """One class of a ladder and when it is reached. Its sentence is ``criteria.<set>.<ladder>.<id>``."""

    id: str
    condition: Value
    evidence: Evidence


class Ladder(NamedTuple):
    """Classes in order, strongest first: the first rung that surely holds is the class. ``ranked``: an earlier rung is
    a better class (otherwise there is nothing it "could reach"). ``words``: the ladder whose sentences it shares."""

    id: str
    rungs: tuple[Rung, ...]
    ranked: bool = True
    words: str = ""


class Note(NamedTuple):
    """Something to say when its condition holds. Its sentence is ``criteria.<set>.note.<id>``."""

    id: str
    condition: Value
    evidence: Evidence


class CriteriaResult(msgspec.Struct):
    """A criteria set or calculator on one patient. Fields as in the contract's ``criteria``, and ``notes`` (the ids
    behind ``warnings``) and ``extra`` (what belongs to this set alone).

    result: fulfilled, not-fulfilled, undetermined or not-applicable. score: only if nothing about it is unknown;
    score_range: the least and most it can be. class: that of the least score (what is unknown counted as absent);
    could_reach: the best class that the unknown could still lead to, if better. missing: unknown items that could
    change the answer.
    """

    id: str
    result: str
    title: str = ""
    score: float | None = None
    score_range: tuple[float, float] | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    could_reach: str | None = None
    missing: list[str] = []
    provisional: bool = False
    warnings: list[str] = []
    sources: list[str] = []
    proof: dict[str, Any] = {}
    notes: list[str] = []
    extra: dict[str, Any] = {}


Environment = Mapping[str, Result]
Limit = tuple[Op, Interval]


class _Known:
    """What is known, equal to whatever a set with these limits cannot tell from it."""

    __slots__ = ("_hash", "_key", "known")

    def __init__(self, known: Environment, limits: Mapping[str, tuple[Limit, ...]]) -> None:
        self.known = known
        self._key = [(id, _side(value, limits[id]) if id in limits else value) for id, value in known.items()]
        self._hash = hash(tuple(self._key))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self._key == other._key


def _side(value: Result, limits: tuple[Limit, ...]) -> tuple[Result, ...]:
    """On which side of limits a number lies, and whether it is exact."""
    assert isinstance(value, Interval)
    return (value.exact, *(compare(value, op, limit) for op, limit in limits))


class Said(NamedTuple):
    """What a set says of what is known: the result, which nobody changes, and its proofs without record entries."""

    result: CriteriaResult
    proofs: Mapping[str, Proof]


class Outcome(NamedTuple):
    """What a ladder says: the class, the best class it could still reach, and the proof of the class."""

    class_: str | None
    could_reach: str | None
    evidence: Evidence | None
    open: tuple[str, ...]


@dataclass(frozen=True)
class CriteriaSet:
    """One published set.

    fulfilled:  when it is fulfilled. classes: its main ladder. score: the number its classes rest on, if any.
    score_matters: the score is an answer of its own, so that what it lacks is missing even if the class stands.
    applicable: when it can be used at all (false: not-applicable).
    parts:      expressions that several others refer to by ``part``, each evaluated and proved once.
    also:       further ladders shown beside the main one, which never change ``fulfilled``.
    numbers:    further numbers shown (counts, points of the parts), from least to most. truths: further truths shown.
    assumed:    truths read as this for the class when they are unknown; they stay among the missing.
    prepare:    what is read into the environment before anything else (which of two published columns applies).
    finish:     adds to the result what the algebra does not hold (a displayed probability, dates).
    never_lowers: the result may never lower a suspicion of IMNM nor suppress an alert.
    """

    id: str
    evidence: Evidence
    fulfilled: Value
    classes: Ladder
    score: Value | None = None
    score_matters: bool = False
    applicable: Value | None = None
    parts: Mapping[str, Value] = field(default_factory=dict)
    also: tuple[Ladder, ...] = ()
    numbers: Mapping[str, Value] = field(default_factory=dict)
    truths: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    assumed: Mapping[str, bool] = field(default_factory=dict)
    prepare: Callable[[Environment], dict[str, Result]] | None = None
    finish: Callable[[CriteriaResult, Environment], None] | None = None
    never_lowers: bool = True

    @property
    def title(self) -> str:
        """The name of the set."""
        return say(f"criteria.{self.id}.title")

    @property
    def about(self) -> str:
        """What the set is for, and what it is not."""
        return say(f"criteria.{self.id}.about")

    @cached_property
    def definitions(self) -> dict[str, Value]:
        """Every expression of the set by id (``<set>/fulfilled``, ``<set>/<ladder>/<rung>``, ``<set>/note/<id>``)."""
        found: dict[str, Value] = {part(self.id, name).id: node for name, node in self.parts.items()}
        found[f"{self.id}/fulfilled"] = self.fulfilled
        if self.score is not None:
            found[f"{self.id}/score"] = self.score
        if self.applicable is not None:
            found[f"{self.id}/applicable"] = self.applicable
        for ladder in (self.classes, *self.also):
            found |= dict(zip(self.names_of(ladder), (rung.condition for rung in ladder.rungs), strict=True))
        found |= {f"{self.id}/number/{id}": number for id, number in self.numbers.items()}
        found |= {f"{self.id}/truth/{id}": truth for id, truth in self.truths.items()}
        return found | {f"{self.id}/note/{note.id}": note.condition for note in self.notes}

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """What the set asks for, in the order in which its expressions do."""
        ids = dict.fromkeys(
            below.id for node in self.definitions.values() for below in walk(node) if isinstance(below, Ref)
        )
        return tuple(ITEMS[id] for id in ids if id not in self.definitions)

    @cached_property
    def program(self) -> Program:
        """The definitions, compiled."""
        return Program(self.definitions)

    def names_of(self, ladder: Ladder) -> tuple[str, ...]:
        """The ids of the conditions of a ladder's rungs."""
        return self._names[ladder.id]

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        ladders = (self.classes, *self.also)
        return {each.id: tuple(f"{self.id}/{each.id}/{rung.id}" for rung in each.rungs) for each in ladders}

    # ------------------------------------------------ reading

    def read(
        self, environment: Environment, entries_of: EvidenceOf | None = None, proved: bool = True
    ) -> CriteriaResult:
        """The set on one patient. ``environment``: the known findings by id; what it lacks is unknown.

        ``entries_of``: gives the record entries of a finding, for the set's proof. ``proved``: whether
        ``missing`` and ``proof`` are worked out; for those who only read the class both stay empty.
        """
        known = {item.id: environment.get(item.id, unknown(item.kind)) for item in self.items}
        if self.prepare is not None:
            known |= self.prepare(environment)
        said = self._said(_Known(known, self._limits), proved)
        result = _own(said.result)
        result.proof = self._with_entries(said.proofs, known, entries_of)
        if self.finish is not None:
            self.finish(result, {**environment, **known})
        return result

    @cached_property
    def _said(self) -> Callable[[_Known, bool], Said]:
        """What the set says of what is known: the same whose record it is, and of many people the same is known."""
        return lru_cache(maxsize=KEPT)(lambda asked, proved: _Reading(self, asked.known).said(proved))

    @cached_property
    def _limits(self) -> Mapping[str, tuple[Limit, ...]]:
        """The numbers of which the set asks no more than on which side of these limits they lie."""
        limits: dict[str, set[Limit]] = {}
        more = {node.id for node in self.definitions.values() if isinstance(node, Ref)}
        for node in (below for definition in self.definitions.values() for below in walk(definition)):
            for number in (child for child in node.children() if isinstance(child, Ref) and child.of != "truth"):
                if isinstance(node, Compare) and node.left is number and isinstance(node.right, Threshold):
                    limits.setdefault(number.id, set()).add((node.op, exactly(node.right.number)))
                else:
                    more.add(number.id)
        return {id: tuple(of) for id, of in limits.items() if id not in more}

    def _with_entries(
        self, proofs: Mapping[str, Proof], known: Environment, entries_of: EvidenceOf | None
    ) -> dict[str, Any]:
        """The proofs with the record entries of the findings that they refer to, as plain data."""

        given = {**known, **self.read_as(known)}

        def evidence_of(id: str) -> list[Entry]:
            return [] if entries_of is None or given[id] is not known[id] or id not in FINDINGS else entries_of(id)

        return {name: msgspec.to_builtins(with_entries(proof, given, evidence_of)) for name, proof in proofs.items()}

    def read_as(self, known: Environment) -> dict[str, Result]:
        """What is unknown and read as this for the class."""
        return {id: value for id, value in self.assumed.items() if known[id] is None}


KEPT = 512
"""So many answers are kept for each set."""


def _own(result: CriteriaResult) -> CriteriaResult:
    """A result that its owner may change."""
    own = copy(result)
    own.missing, own.warnings, own.sources = list(own.missing), list(own.warnings), list(own.sources)
    own.notes, own.extra = list(own.notes), _copied(own.extra)
    return own


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return list(value) if isinstance(value, list) else value


class _Reading:
    """One reading of one set: the values as they are known, and as read for the class."""

    def __init__(self, criteria: CriteriaSet, known: Environment) -> None:
        self.set = criteria
        self.assumed = criteria.read_as(known)
        self.known = criteria.program.run((), 0.0, known)
        self.values = criteria.program.run((), 0.0, {**known, **self.assumed}) if self.assumed else self.known

    def said(self, proved: bool) -> Said:
        main = self.outcome(self.set.classes)
        result = self.result(main)
        if not proved or result.result == "not-applicable":
            return Said(result, {})
        result.missing = self.missing(main)
        return Said(result, self.proofs(main))

    def result(self, main: Outcome) -> CriteriaResult:
        criteria = self.set
        notes = [note for note in criteria.notes if self.values[f"{criteria.id}/note/{note.id}"] is True]
        applicable = self.values.get(f"{criteria.id}/applicable", True) is not False
        result = CriteriaResult(criteria.id, self.verdict() if applicable else "not-applicable", criteria.title)
        result.notes = [note.id for note in notes]
        result.warnings = [say(f"criteria.{criteria.id}.note.{note.id}") for note in notes]
        if not applicable:
            result.sources = list(criteria.evidence.sources)
            result.provisional = criteria.evidence.provisional
            return result
        result.class_, result.could_reach = main.class_, main.could_reach
        self._score(result)
        grounds = [criteria.evidence, *([main.evidence] if main.evidence else []), *(note.evidence for note in notes)]
        result.sources = list(dict.fromkeys(source for ground in grounds for source in ground.sources))
        result.provisional = any(ground.provisional for ground in grounds[: 2 if main.evidence else 1])
        result.extra = self.extra(main)
        return result

    def extra(self, main: Outcome) -> dict[str, Any]:
        """The sentence of the class, the further ladders and the further numbers."""
        found: dict[str, Any] = {"text": sentence(self.set.id, self.set.classes.id, main.class_)}
        if self.assumed:
            found["assumed"] = list(self.assumed)
        if self.set.also:
            found["rules"] = {ladder.id: self.beside(ladder) for ladder in self.set.also}
        if self.set.numbers:
            found["numbers"] = {id: self.values[f"{self.set.id}/number/{id}"] for id in self.set.numbers}
        if self.set.truths:
            found["truths"] = {id: self.values[f"{self.set.id}/truth/{id}"] for id in self.set.truths}
        return found

    def verdict(self) -> str:
        truth = self.values[f"{self.set.id}/fulfilled"]
        return "fulfilled" if truth is True else "not-fulfilled" if truth is False else "undetermined"

    def outcome(self, ladder: Ladder) -> Outcome:
        """The class, and the best class above it that what is unknown does not rule out."""
        names = self.set.names_of(ladder)
        place = next((place for place, name in enumerate(names) if self.values[name] is True), len(names))
        possible = next((above for above in range(place) if self.known[names[above]] is not False), None)
        reached = ladder.rungs[place] if place < len(names) else None
        return Outcome(
            reached.id if reached else None,
            ladder.rungs[possible].id if possible is not None and ladder.ranked else None,
            reached.evidence if reached else None,
            names[: place + 1],
        )

    def _score(self, result: CriteriaResult) -> None:
        value = self.values.get(f"{self.set.id}/score")
        if isinstance(value, Interval):
            result.score = value.low if value.exact else None
            result.score_range = (value.low, value.high) if value.known else None

    def missing(self, main: Outcome) -> list[str]:
        """The unknown items that could change the verdict or lead to another class, in the order of the set."""
        score = [f"{self.set.id}/score"] if self.set.score_matters else []
        ids = (f"{self.set.id}/fulfilled", *main.open, *score)
        open_ = set(self.set.program.open_in(self.known, ids))
        return [item.id for item in self.set.items if item.id in open_]

    def proofs(self, main: Outcome) -> dict[str, Proof]:
        """The proofs of verdict, class and score."""
        wanted = {"fulfilled": f"{self.set.id}/fulfilled"}
        if main.class_ is not None:
            wanted["class"] = f"{self.set.id}/{self.set.classes.id}/{main.class_}"
        if self.set.score is not None:
            wanted["score"] = f"{self.set.id}/score"
        prove = self.set.program.prover(self.values, self.describe if self.assumed else formula)
        return {name: prove(id) for name, id in wanted.items()}

    def describe(self, node: Node) -> str:
        """A node in short words; what is only read as absent is said to be so."""
        text = formula(node)
        return say("criteria.common.assumed", item=text) if isinstance(node, Ref) and node.id in self.assumed else text

    def beside(self, ladder: Ladder) -> dict[str, Any]:
        """A further ladder as plain data."""
        outcome = self.outcome(ladder)
        evidence = outcome.evidence or ladder.rungs[0].evidence
        return {
            "class": outcome.class_,
            "could_reach": outcome.could_reach,
            "text": sentence(self.set.id, ladder.words or ladder.id, outcome.class_),
            "provisional": evidence.provisional,
            "sources": list(evidence.sources),
        }


def sentence(set_id: str, ladder_id: str, class_: str | None) -> str:
    """What a class of a ladder means; the sentence for none if it is undecided."""
    if class_ is None:
        return say("criteria.common.undecided")
    return say(f"criteria.{set_id}.{ladder_id}.{class_}")
