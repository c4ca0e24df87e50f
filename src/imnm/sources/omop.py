"""OMOP rows as events: what one distinct raw row says, by the same rules as the bedside readers.

A table of a health system has hundreds of millions of rows and few distinct ones, once person and date are set aside.
So each distinct row is read once, as if it had been recorded on day 0, and the dates are added by whoever has them.
Concept ids are understood by the code they stand for in the database's own vocabulary, by what they map to, by their
ancestors, and last by their name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, NamedTuple

from imnm.knowledge.concepts import CONCEPTS, Domain, Match, with_ancestors
from imnm.knowledge.limits import within_known_limits
from imnm.logic.event import Event
from imnm.logic.interval import Interval

from .coding import Coded, Coder, LocalCodes
from .drugs import ingredients, is_local
from .record import Record, When
from .results import RESULT, read_part
from .structs import CodeableConcept, Coding, MedicationUse, Observation, Quantity, ReferenceRange

Table = Literal["condition_occurrence", "measurement", "observation", "procedure_occurrence", "drug_exposure"]
TABLES: tuple[Table, ...] = (
    "condition_occurrence",
    "measurement",
    "observation",
    "procedure_occurrence",
    "drug_exposure",
)
_DOMAINS: dict[Table, tuple[Domain, ...]] = {
    "condition_occurrence": ("condition",),
    "measurement": RESULT,
    "observation": ("condition", "result", "procedure"),
    "procedure_occurrence": ("procedure",),
    "drug_exposure": ("drug",),
}
DAY_0 = "1970-01-01"
"""The date that stands in the texts of templates, to be replaced by the row's own."""
WHEN = When(Interval(0.0, 0.0), 0.0)

_OPERATORS = {4171756: "<", 4171754: "<=", 4171755: ">=", 4172704: ">"}
"""OMOP concept ids of the comparison operators (SNOMED domain Meas Value Operator)."""
_SUSPECTED = re.compile(r"preliminary|provisional|differential|suspect|rule[ -]?out|working|possible", re.IGNORECASE)
_ICD10 = re.compile(r"[A-TV-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")


class Known(NamedTuple):
    """A concept of the database's vocabulary."""

    vocabulary: str
    code: str
    name: str


class Meaning(NamedTuple):
    """How a pair of concept ids (or a source value) was understood. how: code, maps_to, ancestor, name, local."""

    coded: Coded
    how: str


class RawResult(NamedTuple):
    """The value of a measurement or observation as the row has it; 0 and None: not stated."""

    number: float | None = None
    operator: int = 0
    answer: int = 0
    unit: int = 0
    unit_text: str | None = None
    low: float | None = None
    high: float | None = None
    text: str | None = None


class Template(NamedTuple):
    """What a distinct raw row says, as if recorded on day 0. alone: False if it can only be judged beside the other
    results of the person (a number without a unit, a flag without a number)."""

    events: tuple[Event, ...]
    alone: bool = True


class OmopCodes:
    """The vocabulary of a database, as far as it is used, and what its concepts mean to us."""

    def __init__(
        self,
        concepts: Mapping[int, Known],
        maps_to: Mapping[int, tuple[int, ...]],
        ancestors: Mapping[int, tuple[int, ...]],
        local_codes: LocalCodes | None = None,
    ) -> None:
        self.concepts, self.maps_to, self.ancestors = concepts, maps_to, ancestors
        self.coder = Coder(local_codes)
        self.local = local_codes or {}

    def meaning(self, table: Table, concept: int, source_concept: int, source_value: str | None) -> Meaning:
        """What a row with these ids is about; no matches if it is nothing we know."""
        domains = _DOMAINS[table]
        ids = [id for id in (source_concept, concept) if id]
        found = self._by_code(ids, domains)
        if found is not None and found.matches:
            return Meaning(self._named(found, ids), "code")
        mapped = [target for id in ids for target in self.maps_to.get(id, ()) if target not in ids]
        found = self._by_code(mapped, domains)
        if found is not None and found.matches:
            return Meaning(self._named(found, ids), "maps_to")
        below = self._by_ancestors(ids, domains)
        if below:
            return Meaning(Coded(below, self._name_of(ids)), "ancestor")
        return self._by_words(ids, source_value, domains)

    def _coding(self, id: int) -> Coding:
        known = self.concepts[id]
        return Coding(known.vocabulary, known.code)

    def _by_code(self, ids: Iterable[int], domains: tuple[Domain, ...]) -> Coded | None:
        """By codes alone. The OMOP ids themselves can be among our codes too."""
        codings = [self._coding(id) for id in ids if id in self.concepts]
        codings += [Coding("omop", str(id)) for id in ids]
        return self.coder.first(CodeableConcept(tuple(codings)), domains) if codings else None

    def _by_ancestors(self, ids: Iterable[int], domains: tuple[Domain, ...]) -> tuple[Match, ...]:
        """As something narrower than what an ancestor stands for."""
        above = [ancestor for id in ids for ancestor in self.ancestors.get(id, ())]
        found = self._by_code(above, domains)
        matches = found.matches if found is not None else ()
        return with_ancestors(
            match._replace(relation="broader" if match.relation == "broader" else "narrower") for match in matches
        )

    def _by_words(self, ids: list[int], source_value: str | None, domains: tuple[Domain, ...]) -> Meaning:
        words = [self.concepts[id].name for id in ids if id in self.concepts]
        if source_value:
            local = next((c for (_, code), c in self.local.items() if code == source_value), None)
            if local is not None:
                return Meaning(Coded(with_ancestors((Match(local, "exact", direct=local),)), source_value), "local")
            words.append(source_value)
            if domains[0] == "condition" and _ICD10.fullmatch(source_value):
                coded = self.coder.first(CodeableConcept((Coding("icd10cm", source_value),)), domains)
                if coded.matches:
                    return Meaning(coded, "code")
        for domain in domains:
            for name in words:
                matches = self.coder.name(name, domain)
                if matches:
                    return Meaning(Coded(matches, name), "name")
        return Meaning(Coded((), words[0] if words else ""), "")

    def _name_of(self, ids: Iterable[int]) -> str:
        return next((self.concepts[id].name for id in reversed(list(ids)) if id in self.concepts), "")

    def _named(self, coded: Coded, ids: Iterable[int]) -> Coded:
        return replace(coded, text=self._name_of(ids) or coded.name)

    # ------------------------------------------------------------ distinct rows

    def result(self, coded: Coded, raw: RawResult) -> Template:
        """A measurement, or an observation with a value."""
        record = Record(self.coder)
        self.read_result(record, coded, raw, WHEN, "")
        flag_only = any(event.times_uln.known and not event.value.known for event in record.events)
        events = tuple(within_known_limits(event) for event in record.events)
        return Template(events, not (record.without_unit or flag_only))

    def read_result(self, record: Record, coded: Coded, raw: RawResult, when: When, ref: str) -> None:
        """Read a measurement, or an observation with a value, into a record."""
        units = self.concepts.get(raw.unit)
        quantity = None
        if raw.number is not None:
            unit = units.code if units else None
            quantity = Quantity(raw.number, _OPERATORS.get(raw.operator), raw.unit_text or None, unit)
        said = self.concepts.get(raw.answer)
        part = Observation(
            value_quantity=quantity,
            value_codeable_concept=CodeableConcept((Coding(said.vocabulary, said.code, said.name),)) if said else None,
            value_string=raw.text if quantity is None and said is None else None,
            reference_range=_range(raw.low, raw.high),
        )
        read_part(record, part, coded, when, ref, "", "")

    def statement(self, coded: Coded, status: int = 0) -> Template:
        """A condition, a procedure, or an observation that states something without a value."""
        record = Record(self.coder)
        known = self.concepts.get(status)
        doubtful = known is not None and _SUSPECTED.search(known.name) is not None
        record.state(coded, None if doubtful else True, WHEN, "")
        return Template(tuple(record.events))


def _range(low: float | None, high: float | None) -> tuple[ReferenceRange, ...] | None:
    if low is None and high is None:
        return None
    return (ReferenceRange(Quantity(low) if low is not None else None, Quantity(high) if high is not None else None),)


class Exposed(NamedTuple):
    """A drug or class that an exposure row means, and the ingredient, if one is named."""

    concept: str
    ingredient: str | None
    name: str


def exposures_of(coded: Coded, route: str | None) -> list[Exposed]:
    """The drugs and classes that a row of drug_exposure means; none for what reaches one place only (cream, drops)."""
    if is_local(MedicationUse(), replace(coded, text=f"{coded.text} {route or ''}")):
        return []
    named = set(ingredients(coded))
    found = []
    for match in coded.matches:
        if CONCEPTS[match.concept].domain == "drug" and match.polarity is True and match.relation != "broader":
            ingredient = next((drug for drug in (match.direct, match.concept) if drug in named), None)
            found.append(Exposed(match.concept, ingredient, coded.name))
    return found
