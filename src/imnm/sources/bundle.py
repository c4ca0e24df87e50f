"""FHIR R4 Bundles: finding the patient, resolving references, and handing each resource to its reader.

Resources stay bytes until it is known that they matter: a first look decodes type, id and codes only, equal codes are
looked up once, and only what means something to us is decoded in full. A resource that cannot be decoded is noted
and left out; the others are read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from imnm.knowledge.concepts import Domain
from imnm.knowledge.messages import say
from imnm.logic.interval import INF, Interval

from . import structs
from .clinical import period_span, read_allergy, read_condition, read_family, read_patient, read_procedure
from .coding import NOTHING, Coded
from .drugs import joined, medication_coded, read_medication
from .reading import InputError, place
from .record import Record
from .reports import read_diagnostic_report, read_document
from .results import RESULT, read_observation
from .structs import Head, Reference

_HEAD = msgspec.json.Decoder(Head, strict=False)
_COMPONENTS = msgspec.json.Decoder(list[Head], strict=False)
_NESTED = msgspec.json.Decoder(structs.Bundle, strict=False)
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(struct, strict=False)
    for name, struct in {
        "Patient": structs.Patient,
        "Condition": structs.Condition,
        "Observation": structs.Observation,
        "DiagnosticReport": structs.DiagnosticReport,
        "DocumentReference": structs.DocumentReference,
        "MedicationRequest": structs.MedicationUse,
        "MedicationStatement": structs.MedicationUse,
        "MedicationAdministration": structs.MedicationUse,
        "MedicationDispense": structs.MedicationUse,
        "Medication": structs.Medication,
        "Procedure": structs.Procedure,
        "AllergyIntolerance": structs.AllergyIntolerance,
        "FamilyMemberHistory": structs.FamilyMemberHistory,
        "Encounter": structs.Encounter,
        "OperationOutcome": structs.OperationOutcome,
        "Resource": structs.Resource,
    }.items()
}
_MEDICATION_USES = frozenset(
    {"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"}
)
_REFERRED_TO = frozenset({"Encounter", "Medication"})
_OTHERS = frozenset({None, "Bundle", "OperationOutcome"})
_DEEPEST = 3
CONDITION: tuple[Domain, ...] = ("condition",)
PROCEDURE: tuple[Domain, ...] = ("procedure",)
REPORT: tuple[Domain, ...] = ("procedure", "result")
DRUG: tuple[Domain, ...] = ("drug",)
_DOMAINS: dict[str, tuple[Domain, ...]] = {
    "Condition": CONDITION,
    "Observation": RESULT,
    "Procedure": PROCEDURE,
    **dict.fromkeys(sorted(_MEDICATION_USES), DRUG),
}
"""The resources that say nothing to us unless their code does, and where it is looked up."""


class Entry(msgspec.Struct, gc=False):
    """A resource of the Bundle: its bytes, the first look at it, and how it is referred to. ``silent``: it means
    nothing to us, but may be the newer version of one that does."""

    raw: Raw
    head: Head
    ref: str
    url: str | None
    silent: bool = False


class BundleReader:
    """Reads one Bundle into a record."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.index: dict[str, Entry] = {}
        self.patients: dict[str, Entry] = {}
        self.entries: dict[str, Entry] = {}
        self.patient_names: frozenset[str] = frozenset()
        self.encounters: dict[str, Interval | None] = {}
        self.medications: dict[str, Coded | None] = {}
        self.panels: dict[str, str] = {}
        self.ours: set[str] = set()
        """The references met that mean the patient."""

    def read(self, bundle: structs.Bundle) -> None:
        """Read everything. Raises InputError if the Bundle is not that of one patient."""
        written = self.record.day("Bundle", bundle.timestamp)
        self.record.written = written.high if written else INF
        self._collect(bundle, "Bundle", 1)
        self._find_patient()
        for entry in self.entries.values():
            if not entry.silent:
                self._read(entry)

    # ------------------------------------------------------------ first look

    def _collect(self, bundle: structs.Bundle, ref: str, depth: int) -> None:
        if any(link.relation == "next" for link in bundle.link or ()):
            self.record.problem(ref, "incomplete")
        seen = self.record.seen
        for number, item in enumerate(bundle.entry or ()):
            raw = item.resource
            if not raw:
                continue
            try:
                head = _HEAD.decode(raw)
            except (msgspec.DecodeError, RecursionError) as error:
                if bytes(raw) != b"null":
                    self._unreadable(f"{ref}.entry[{number}]", error)
                continue
            kind = head.resource_type
            if kind in _OTHERS:
                self._other(kind, raw, f"{ref}.entry[{number}]", depth)
                continue
            kind = kind or ""
            seen[kind] = seen.get(kind, 0) + 1
            if kind in _DECODERS:
                name = head.id or _tail(item.full_url)
                where = f"{kind}/{name}" if name else f"{ref}.entry[{number}]"
                self._keep(Entry(raw, head, where, item.full_url, not self._matters(kind, head, where)))
                if head.result or head.has_member:
                    self._note_members(head)

    def _matters(self, kind: str, head: Head, where: str) -> bool:
        """Whether a resource can say anything to us, as far as its code tells."""
        domains = _DOMAINS.get(kind)
        raw = head.code or head.medication_codeable_concept
        if domains is None or not raw:
            return domains is None or head.medication_reference is not None or bool(head.component)
        try:
            return self.record.coder.matters(bytes(raw), domains) or self._any_component(head)
        except msgspec.DecodeError as error:
            self._unreadable(where, error)
            return False

    def _note_members(self, head: Head) -> None:
        """Keep the name of a panel for its members, whose own names may be clear only inside it."""
        try:
            panel = self._code(head, REPORT).text
        except msgspec.DecodeError:
            return  # noted where the panel itself is read
        for member in (head.result or []) + (head.has_member or []):
            self.panels[_tail(member.reference)] = panel

    def _other(self, kind: str | None, raw: Raw, where: str, depth: int) -> None:
        """What stands in a Bundle besides resources of a patient."""
        if kind is None:
            self.record.problem(where, "no_resource")
        elif kind == "Bundle":
            self._nested(raw, where, depth)
        else:
            self._outcome(raw, where)

    def _keep(self, entry: Entry) -> None:
        kind = entry.head.resource_type
        if kind == "Patient":
            earlier = self.patients.get(entry.ref)
            self.patients[entry.ref] = entry if earlier is None else _newer(earlier, entry)
            return
        if kind in _REFERRED_TO:
            for name in (entry.ref, entry.url):
                if name:
                    self.index[name] = entry
            return
        earlier = self.entries.get(entry.ref)
        if earlier is not None and bytes(earlier.raw) != bytes(entry.raw):
            if not (earlier.silent and entry.silent):
                self.record.problem(entry.ref, "duplicate")
            entry = _newer(earlier, entry)
        self.entries[entry.ref] = entry

    def _nested(self, raw: Raw, where: str, depth: int) -> None:
        if depth >= _DEEPEST:
            self.record.problem(where, "nested")
            return
        try:
            self._collect(_NESTED.decode(raw), where, depth + 1)
        except (msgspec.DecodeError, RecursionError) as error:
            self._unreadable(where, error)

    def _outcome(self, raw: Raw, where: str) -> None:
        outcome = self._decode("OperationOutcome", raw, where)
        if outcome and any(issue.severity in ("error", "fatal") for issue in outcome.issue or ()):
            self.record.problem(where, "outcome")

    # ------------------------------------------------------------ the patient

    def _find_patient(self) -> None:
        if not self.patients:
            raise InputError(say("sources.error.no_patient"))
        if len(self.patients) > 1:
            raise InputError(say("sources.error.two_patients"))
        entry = next(iter(self.patients.values()))
        names = {name for name in (entry.head.id, _tail(entry.url)) if name}
        self.patient_names = frozenset(names)
        self.record.patient = entry.head.id or _tail(entry.url) or ""
        self.record.used["Patient"] = 1
        patient = self._decode("Patient", entry.raw, entry.ref)
        if patient is not None:
            read_patient(self.record, patient, entry.ref)

    def _is_ours(self, resource: Any, ref: str) -> bool:
        """Whether a resource is about the patient; one that names another patient is left out."""
        subject = resource.subject or getattr(resource, "patient", None)
        if subject is None or not subject.reference or not self.patient_names:
            return True
        name = subject.reference
        if name in self.ours:
            return True
        if "?" in name or name.startswith("#") or _tail(name) in self.patient_names:
            self.ours.add(name)
            return True
        self.record.problem(ref, "other_patient")
        return False

    # ------------------------------------------------------------ references

    def visit(self, reference: Reference | None, ref: str) -> Interval | None:
        """The days of the Encounter that a resource refers to."""
        if reference is None or not reference.reference:
            return None
        name = reference.reference
        if name not in self.encounters:
            entry = self._resolve(name)
            encounter = self._decode("Encounter", entry.raw, entry.ref) if entry else None
            period = encounter.period if encounter and encounter.status != "entered-in-error" else None
            self.encounters[name] = period_span(self.record, name, period)
        return self.encounters[name]

    def _resolve(self, reference: str) -> Entry | None:
        """The resource a reference means: by its full address, else by type and id."""
        name = reference.split("/_history/")[0]
        found = self.index.get(name)
        if found is not None:
            return found
        parts = name.rsplit("/", 2)
        return self.index.get("/".join(parts[-2:])) if len(parts) > 1 else None

    def _medication(self, reference: str) -> Coded | None:
        """What the Medication referred to is; None if it is not in the Bundle."""
        if reference not in self.medications:
            entry = self._resolve(reference)
            medication = self._decode("Medication", entry.raw, entry.ref) if entry else None
            self.medications[reference] = None
            self.medications[reference] = self._coded_medication(medication, {}) if medication else None
        return self.medications[reference]

    def _coded_medication(self, medication: structs.Medication, contained: dict[str, Raw]) -> Coded:
        parts = [medication_coded(self.record, medication)]
        for ingredient in medication.ingredient or ():
            name = ingredient.item_reference.reference if ingredient.item_reference else None
            if name and name.startswith("#"):
                inner = self._decode("Medication", contained[name[1:]], name) if name[1:] in contained else None
                if inner is not None:
                    parts.append(medication_coded(self.record, inner))
            elif name:
                parts.append(self._medication(name) or NOTHING)
        return joined(parts)

    def _contained(self, head: Head) -> dict[str, Raw]:
        found = {}
        for raw in head.contained or ():
            try:
                inner = _HEAD.decode(raw)
            except msgspec.DecodeError:
                continue
            if inner.id:
                found[inner.id.lstrip("#")] = raw
        return found

    # ------------------------------------------------------------ reading

    def _read(self, entry: Entry) -> None:
        kind = entry.head.resource_type or ""
        before = len(self.record.events)
        try:
            _READERS[kind](self, entry)
        except (msgspec.DecodeError, RecursionError) as error:
            self._unreadable(entry.ref, error)
        if len(self.record.events) > before:
            self.record.used[kind] = self.record.used.get(kind, 0) + 1

    def _decode(self, kind: str, raw: Raw, ref: str) -> Any:
        """The resource, or None if it cannot be decoded (noted)."""
        try:
            return _DECODERS[kind].decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            self._unreadable(ref, error)
            return None

    def _unreadable(self, ref: str, error: Exception) -> None:
        self.record.problem(ref, "resource", path=place(error))

    def _code(self, head: Head, domains: tuple[Domain, ...], context: str = "") -> Coded:
        """The meaning of the resource's code in the first of these domains that knows it."""
        return self.record.coder.raw(bytes(head.code), domains, context) if head.code else NOTHING

    def _condition(self, entry: Entry) -> None:
        condition = _DECODERS["Condition"].decode(entry.raw)
        if self._is_ours(condition, entry.ref):
            coded = self._code(entry.head, CONDITION)
            read_condition(self.record, condition, coded, entry.ref, self.visit(condition.encounter, entry.ref))

    def _observation(self, entry: Entry, context: str | None = None) -> None:
        observation = _DECODERS["Observation"].decode(entry.raw)
        if self._is_ours(observation, entry.ref):
            panel = context or ""
            if context is None and self.panels:
                panel = self.panels.get(_tail(entry.ref), "")
            method = observation.method.text or "" if observation.method else ""
            context = f"{panel} {method}".strip() if panel or method else ""
            coded = self._code(entry.head, RESULT, context)
            read_observation(self.record, observation, coded, entry.ref, self.visit(observation.encounter, entry.ref))

    def _any_component(self, head: Head) -> bool:
        if not head.component or bytes(head.component) == b"null":
            return False
        components = _COMPONENTS.decode(head.component)
        return any(part.code and self.record.coder.matters(bytes(part.code), RESULT) for part in components)

    def _report(self, entry: Entry) -> None:
        coded = self._code(entry.head, REPORT)
        report = _DECODERS["DiagnosticReport"].decode(entry.raw)
        if self._is_ours(report, entry.ref):
            visit = self.visit(report.encounter, entry.ref)
            read_diagnostic_report(self.record, report, coded, entry.ref, visit)
            for raw in entry.head.contained or ():
                inner = _HEAD.decode(raw)
                if inner.resource_type == "Observation":
                    inside = Entry(raw, inner, f"{entry.ref}#{(inner.id or '').lstrip('#')}", None)
                    self._observation(inside, coded.text)

    def _document(self, entry: Entry) -> None:
        document = _DECODERS["DocumentReference"].decode(entry.raw)
        if self._is_ours(document, entry.ref):
            coded = self.record.coder.concept(document.type, "procedure")
            encounters = document.context.encounter if document.context else None
            visit = self.visit(encounters[0], entry.ref) if encounters else None
            read_document(self.record, document, coded, entry.ref, visit)

    def _medication_use(self, entry: Entry) -> None:
        head, reference = entry.head, entry.head.medication_reference
        coded: Coded | None = NOTHING
        if head.medication_codeable_concept:
            coded = self.record.coder.raw(bytes(head.medication_codeable_concept), DRUG)
        elif reference is not None and reference.reference:
            coded = self._referred_medication(head, reference.reference)
            if coded is None and reference.display:
                coded = Coded(self.record.coder.name(reference.display, "drug"), reference.display)
        if coded is None:
            self.record.problem(entry.ref, "medication_missing")
        elif coded.matches:
            use = _DECODERS[head.resource_type or ""].decode(entry.raw)
            if self._is_ours(use, entry.ref):
                visit = self.visit(use.encounter or use.context, entry.ref)
                read_medication(self.record, head.resource_type or "", use, coded, entry.ref, visit)

    def _referred_medication(self, head: Head, name: str) -> Coded | None:
        if not name.startswith("#"):
            return self._medication(name)
        contained = self._contained(head)
        raw = contained.get(name[1:])
        medication = self._decode("Medication", raw, name) if raw is not None else None
        return self._coded_medication(medication, contained) if medication is not None else None

    def _procedure(self, entry: Entry) -> None:
        procedure = _DECODERS["Procedure"].decode(entry.raw)
        if self._is_ours(procedure, entry.ref):
            coded = self._code(entry.head, PROCEDURE)
            read_procedure(self.record, procedure, coded, entry.ref, self.visit(procedure.encounter, entry.ref))

    def _allergy(self, entry: Entry) -> None:
        allergy = _DECODERS["AllergyIntolerance"].decode(entry.raw)
        if self._is_ours(allergy, entry.ref):
            read_allergy(self.record, allergy, entry.ref, self.visit(allergy.encounter, entry.ref))

    def _family(self, entry: Entry) -> None:
        history = _DECODERS["FamilyMemberHistory"].decode(entry.raw)
        if self._is_ours(history, entry.ref):
            read_family(self.record, history, entry.ref)


_READERS: dict[str, Callable[[BundleReader, Entry], None]] = {
    "Condition": BundleReader._condition,
    "Observation": BundleReader._observation,
    "DiagnosticReport": BundleReader._report,
    "DocumentReference": BundleReader._document,
    "Procedure": BundleReader._procedure,
    "AllergyIntolerance": BundleReader._allergy,
    "FamilyMemberHistory": BundleReader._family,
    **dict.fromkeys(sorted(_MEDICATION_USES), BundleReader._medication_use),
}


def _tail(name: str | None) -> str:
    """The id at the end of a reference or address (``Patient/x``, ``https://.../Patient/x``, ``urn:uuid:x``)."""
    if not name:
        return ""
    name = name.split("/_history/")[0].rstrip("/")
    return name.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _newer(earlier: Entry, later: Entry) -> Entry:
    """The newer of two versions of a resource by date and number; the later in the Bundle if they have none."""
    return earlier if _version(earlier) > _version(later) else later


def _version(entry: Entry) -> tuple[str, int]:
    try:
        meta: structs.Meta | None = _DECODERS["Resource"].decode(entry.raw).meta
    except msgspec.DecodeError:
        meta = None
    return version_of(meta)


def version_of(meta: structs.Meta | None) -> tuple[str, int]:
    """What tells the versions of a resource apart; the greater is the newer."""
    if meta is None:
        return "", 0
    number = str(meta.version_id or "")
    return meta.last_updated or "", int(number) if number.isdecimal() and len(number) < 20 else 0
