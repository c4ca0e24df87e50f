"""Many named expressions: run together, asked what-if, replayed over dates, each with its proof."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from . import nodes as n
from .compiled import NO_MEMBERS, Context, Members, Result, by_concept, compile, distinct, finite_day
from .event import Event
from .interval import Interval
from .proof import Carried, Describe, Entry, EvidenceOf, Open, Proof, Prover, Rest, SilentProofs, formula
from .reach import Reach


class DefinitionError(ValueError):
    """A set of definitions cannot be run; says which of them and why."""


class Values(dict[str, Result]):
    """The values of a program's definitions (and of what was given as environment), by id.

    Remembers what it was computed from, so that a what-if or a proof needs nothing else. ``changed``: the ids that have
    another value than in what it started from: the case as it is, the day before in a replay, or an empty record.
    """

    __slots__ = ("as_of", "changed", "overridden", "rows", "seen")

    rows: dict[str, Members]
    as_of: float
    overridden: frozenset[str]

    def __init__(self, values: Mapping[str, Result], rows: dict[str, Members], as_of: float) -> None:
        super().__init__(values)
        self.rows = rows
        self.as_of = as_of
        self.overridden = frozenset()
        self.changed: set[str] = set()
        self.seen: dict[int, Result] = {}

    def context(self) -> Context:
        """What the definitions are evaluated on."""
        return Context(self.rows, self.as_of, self)


class Program:
    """Named expressions, compiled, in the order of their dependencies.

    An id that a definition refers to and that is not defined is unknown, unless the environment of a run holds it.
    Raises DefinitionError if definitions refer to each other in a circle, or to one of another kind.
    """

    def __init__(self, definitions: Mapping[str, n.Value]) -> None:
        self.definitions: dict[str, n.Value] = in_order(definitions)
        self._place = {id: place for place, id in enumerate(self.definitions)}
        self._functions = {id: compile(node) for id, node in self.definitions.items()}
        self._concepts: dict[str, set[str]] = {}
        self._users: dict[str, set[str]] = {id: set() for id in self.definitions}
        self._dated: dict[str, frozenset[str]] = {}
        for id, node in self.definitions.items():
            used = n.uses(node)
            for concept in used.concepts:
                self._concepts.setdefault(concept, set()).add(id)
            for ref, _ in used.refs:
                self._users.setdefault(ref, set()).add(id)
            if used.dated:
                self._dated[id] = used.dated
        self._downstream: dict[str, tuple[str, ...]] = {}
        self._below_concepts: dict[str, frozenset[str]] = {}
        self._above_concepts: dict[str, frozenset[str]] = {}
        self._showing_date = frozenset(self._showing(self.definitions))
        self._silent: Values | None = None
        self._silent_proofs: SilentProofs | None = None
        self._roots = _roots(self.definitions)

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
        for id in direct.union(self._dated if as_of else ()):
            found.add(id)
            found.update(self._below(id))
        return tuple(sorted(found, key=self._place.__getitem__))

    def _showing(self, definitions: Mapping[str, n.Value]) -> Iterator[str]:
        """The definitions in whose proof the as-of date is a value."""
        for id, node in definitions.items():
            if n.uses(node).shows_date:
                yield from (id, *self._below(id))

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
        if given.environment:
            return self._all(given)
        # most of a record is silence: only what something bears on is worked out, the rest is as in an empty record
        values = Values(self._silence(), given.rows, given.as_of)
        self._update(values, self.definitions, self._bearing(given.rows, given.rows))
        return values

    def _silence(self) -> Values:
        """The values on an empty record."""
        if self._silent is None:
            self._silent = self._all(Context({}, 0.0, {}))
        return self._silent

    def _all(self, given: Context) -> Values:
        """Every definition worked out."""
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
        changed = {id for id, value in overrides.items() if id not in values or values[id] != value}
        result = Values(values, values.rows, values.as_of)
        result.update(overrides)
        result.overridden = values.overridden.union(overrides)
        pending = {user for id in changed for user in self._users.get(id, ())}
        result.changed |= changed
        candidates = self._below(*changed) if len(changed) == 1 else self.dependents(refs=changed)
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
                    values.changed.add(id)
                    pending |= users[id]

    def replay(
        self, events: Iterable[Event], days: Iterable[float], environment: Mapping[str, Result] | None = None
    ) -> Iterator[tuple[float, Values]]:
        """The values on each of these days, earliest first; what nothing new bears on is not computed again."""
        read = (event for event in events if event.concept in self._concepts)
        waiting = sorted(distinct(read), key=attrgetter("known"), reverse=True)
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
        added = by_concept(fresh)
        rows = before.rows | {concept: before.rows.get(concept, NO_MEMBERS) + new for concept, new in added.items()}
        values = Values(before, rows if added else before.rows, finite_day(day))
        values.overridden = before.overridden
        self._update(values, self.definitions, self._bearing(added, values.rows))
        return values

    def _bearing(self, added: Iterable[str], there: Mapping[str, Members]) -> set[str]:
        """The definitions on which events of these concepts bear, or another date, given what is on record."""
        moved = (id for id, by in self._dated.items() if n.ALWAYS in by or not by.isdisjoint(there))
        return set(moved).union(*(self._concepts.get(concept, ()) for concept in added))

    def may_have_held(self, ids: Iterable[str], events: Iterable[Event]) -> bool:
        """Whether any of these definitions can have been true on some day on which a part of these events was known.
        False is certain; true is not: for sparing a replay that would find nothing."""
        rows = by_concept(events)

        def is_silent(id: str) -> bool:
            return id not in self._showing_date and self._rests_on(id).isdisjoint(rows)

        reach = Reach(rows, self.definitions, self._silence(), is_silent)
        return any(reach.definition(id, True) for id in ids)

    # ------------------------------------------------ proving

    def prover(self, values: Values, describe: Describe | None = None) -> Callable[[str], Proof]:
        """A function that proves a definition by id, through its references, each proved once.

        A value that was given as environment has no record entries: see ``with_entries``.
        """
        rest = self._rest(values) if describe is None else None
        walker = Prover(values.context(), self._seen(values), describe or formula, self._expressions(values), rest)
        return lambda id: walker.definition(id, self.definitions[id])

    def _rest(self, values: Values) -> Rest:
        """What is proved for these values as on an empty record."""
        if self._silent_proofs is None:
            self._silent_proofs = SilentProofs(self._silence().context(), self.definitions.get)
        told = self._showing_date.union(values.overridden, *map(self._told_by, values.rows))
        if values.overridden:
            told = told.union(*map(self._below, values.overridden))
        return Rest(self._silent_proofs, told, values.rows.keys())

    def _told_by(self, concept: str) -> frozenset[str]:
        """The definitions on which events of a concept bear, directly or through others."""
        if concept not in self._above_concepts:
            self._above_concepts[concept] = frozenset(self.dependents(concepts=[concept]))
        return self._above_concepts[concept]

    def open_in(self, values: Values, ids: Iterable[str]) -> list[str]:
        """What these definitions miss: the ``Proof.missing`` of their proofs, each once, without the proofs."""

        walker = Open(values.context(), self._seen(values), self._expressions(values))
        for id in ids:
            walker.look_into(self.definitions[id])
        return list(walker.found)

    def entries_of(self, values: Values) -> EvidenceOf:
        """A function that gives the record entries behind a definition: the ``Proof.evidence`` of its proof, without
        the proof."""
        walker = Carried(values.context(), self._seen(values), self._expressions(values))

        def entries(id: str) -> list[Entry]:
            return [] if self._rests_on(id).isdisjoint(values.rows) else walker.entries(self.definitions[id])

        return entries

    def _rests_on(self, id: str) -> frozenset[str]:
        """The concepts that a definition depends on, directly or through others."""
        if id not in self._below_concepts:
            used = n.uses(self.definitions[id])
            others = (self._rests_on(ref) for ref, _ in used.refs if ref in self.definitions)
            self._below_concepts[id] = used.concepts.union(*others)
        return self._below_concepts[id]

    def _seen(self, values: Values) -> dict[int, Result]:
        """The values of nodes, those of the definitions to begin with."""
        if not values.seen:
            given = values.overridden
            values.seen = {place: values[name] for place, name in self._roots if not given or name not in given}
        return values.seen

    def _expressions(self, values: Values) -> Callable[[str], n.Value | None]:
        """The expression of a definition; None for what was given."""
        return lambda id: None if id in values.overridden else self.definitions.get(id)


def _roots(definitions: Mapping[str, n.Value]) -> list[tuple[int, str]]:
    """The nodes of definitions, by Python's ``id``, with the names of the definitions."""
    return [(id(node), name) for name, node in definitions.items()]


def in_order(definitions: Mapping[str, n.Value]) -> dict[str, n.Value]:
    """The definitions so that each comes after those it refers to.

    Raises DefinitionError if they refer to each other in a circle, or to one of another kind.
    """
    for id, node in definitions.items():
        for ref, of in sorted(n.uses(node).refs):
            if ref in definitions and definitions[ref].kind != of:
                raise DefinitionError(f"{id} refers to {ref} as a {of}, but {ref} is a {definitions[ref].kind}")
    return {id: definitions[id] for id in _ordered({id: n.refs_of(node) for id, node in definitions.items()})}


def _ordered(refs: Mapping[str, frozenset[str]]) -> list[str]:
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
