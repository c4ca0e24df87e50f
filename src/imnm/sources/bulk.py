"""FHIR resources without a Bundle around them: which belong to whom, which matter, and how they become one record.

A bulk export scatters a patient over files. ``Narrower`` looks at one resource at a time and keeps what the bedside
reader would use, as an entry of a Bundle to be; ``read_entries`` puts a patient's entries together and hands them to
that same reader. So there is one definition of what a resource says, and a code is looked up once however often it
occurs.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Raw

from imnm.knowledge.concepts import Domain
from imnm.knowledge.names import makes_clear

from . import structs
from .bundle import DRUG, PROCEDURE, REPORT
from .coding import ANY_PANEL, Coder, LocalCodes
from .reading import Reading
from .results import RESULT

TALKING = frozenset(
    {"muscle_fibre_necrosis", "strength_compared", "clinical_course", "myositis_antibody_panel", "muscle_biopsy",
     "muscle_biopsy_specimen", "abnormal_emg"}
)  # fmt: skip
"""Concepts whose entries speak of others than themselves."""

_SPEAKS = re.compile(
    rb"biops|histo|hystol|\bemg|electro ?-?my|\bmri\b|mri[ :s]|magnetic|anti[ -]?[a-z]|antibod|hmg|glutaryl"
    rb"|srp|recognit|macro[ -]?(?:ck|creat|enz|form)|ck[ -]macro|jo[ -]?1|histidyl|(?:pl|mi|mda)[ -]?\d|nxp|\bsae"
    rb"|tif[ -1]|p155|cadm|\bro[ -]?[56]|trim[ -]?21|\bss[ -]?a|n-?1a|mup[ -]?44|rnp|fibrillarin|scl|synthetase"
    rb"|myositis|\bm[sa]a\b|\b(?:ku|ej|oj|ks|zo|mj|ars)\b",
    re.IGNORECASE,
)
"""Words one of which stands in every text from which a finding can be read, or in the name of the report: that of an
examination, an antigen or a panel."""


Mark = Literal["patient", "telling", "other", "bundle"]
"""What a piece is: who the patient is; an entry that may speak of muscle; another; a whole Bundle of one patient."""


class Piece(NamedTuple):
    """A resource that is kept: whose it is, what it is, its type or ``VOID``, and the JSON of a Bundle entry (of the
    Bundle itself)."""

    patient: str
    mark: Mark
    kind: str
    entry: bytes


VOID = "void"
"""In place of a type: what means nothing to us, but overrules an earlier version that may have meant something."""
_FIRST = (None, "1", 1)
_BRACE = ord("{")
_NOT_YET: Any = object()
_REMEMBERED = 100_000


Kept = tuple[str, str, Mark]
"""A resource that is kept at first look: whose it is, its type or ``VOID``, and what it is."""
Glance = tuple[str, str, Mark, int, int]
"""A resource that is kept at first look at many lines: patient, type or ``VOID``, mark, start, end."""


Spots = dict[Kept, list[int]]
"""Where resources stand that are kept, those of one kind and patient together: start, end, start, end and so on."""


_Glances = tuple[Spots, list[tuple[int, int]], Counter[str]]


class Glanced(NamedTuple):
    """What the first look at many lines finds: the resources that are kept, those that need a closer look, as
    (start, end), and those kept that may be later versions."""

    kept: Spots
    closer: list[tuple[int, int]]
    later: list[Glance]


class CodedLook(structs.Fhir):
    """The first look at a resource that matters if its code does."""

    code: Raw = Raw()
    medication_reference: Raw = Raw()
    component: Raw = Raw()
    subject: Raw = Raw()
    patient: Raw = Raw()
    note: Raw = Raw()
    meta: structs.Meta | None = None


class Look(CodedLook):
    """The first look at any resource: what decides for most that they do not matter."""

    resource_type: str | None = None
    medication_codeable_concept: Raw = Raw()
    conclusion: Raw = Raw()
    conclusion_code: Raw = Raw()
    presented_form: Raw = Raw()
    content: Raw = Raw()
    contained: Raw = Raw()

    def code_of(self, kind: str) -> Raw:
        """The code that decides, as a resource of this type."""
        return self.medication_codeable_concept if kind in USES else self.code

    @property
    def is_wordless(self) -> bool:
        """Whether a report says nothing beyond what it is."""
        said = (self.conclusion, self.conclusion_code, self.presented_form, self.content, self.contained)
        return not any(said)


class _Id(structs.Fhir):
    id: str | None = None


class _Who(structs.Fhir):
    id: str | None = None
    subject: structs.Reference | None = None
    patient: structs.Reference | None = None
    note: Raw = Raw()


class _Text(_Who):
    type: Raw = Raw()
    conclusion: str | None = None
    conclusion_code: Raw = Raw()
    presented_form: list[structs.Attachment] | None = None
    contained: Raw = Raw()
    content: list[structs.Content] | None = None


class _Stub(_Who, omit_defaults=True):
    resource_type: str | None = None
    meta: structs.Meta | None = None


class _PatientStub(structs.Patient, omit_defaults=True):
    resource_type: str | None = None
    meta: structs.Meta | None = None


class _VisitStub(_Stub, omit_defaults=True):
    status: str | None = None
    period: structs.Period | None = None


LOOK = msgspec.json.Decoder(Look, strict=False)
_REFERENCE = msgspec.json.Decoder(structs.Reference | None, strict=False)
_WHO = msgspec.json.Decoder(_Who, strict=False)
_TEXT = msgspec.json.Decoder(_Text, strict=False)
_STUB = msgspec.json.Decoder(_Stub, strict=False)
_ID = msgspec.json.Decoder(_Id, strict=False)
_PATIENT = msgspec.json.Decoder(_PatientStub, strict=False)
_READ_PATIENT = msgspec.json.Decoder(structs.Patient, strict=False)
_VISIT = msgspec.json.Decoder(_VisitStub, strict=False)
_COMPONENTS = msgspec.json.Decoder(list[Look], strict=False)
_BUNDLE = msgspec.json.Decoder(structs.Bundle, strict=False)
_MEDICATION = msgspec.json.Decoder(structs.Medication, strict=False)

_BY_CODE: dict[str, tuple[Domain, ...]] = {
    "Condition": ("condition",),
    "Observation": RESULT,
    "Procedure": ("procedure",),
}
USES = frozenset({"MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"})
_ALWAYS = frozenset({"AllergyIntolerance", "FamilyMemberHistory"})
_TEXTS = frozenset({"DiagnosticReport", "DocumentReference"})
USED_TYPES = frozenset(
    {"Patient", "Encounter", "Medication", "Bundle", *_TEXTS, *_BY_CODE, *USES, *_ALWAYS}
)  # fmt: skip
"""The resource types of which anything is read."""
AT_A_GLANCE = frozenset({"Encounter", *_BY_CODE, *USES})
"""Those of which the first look tells whether they matter and to whom."""


def _look_at(kind: str) -> msgspec.json.Decoder[CodedLook]:
    """The first look at lines which are all of one type; the code of a use is that of its drug."""
    code = msgspec.field(name="medicationCodeableConcept" if kind in USES else "code", default=Raw())
    fields: list[Any] = [("resource_type", Literal[kind]), ("code", Raw, code)]
    return msgspec.json.Decoder(
        msgspec.defstruct(f"{kind}Look", fields, bases=(CodedLook,), kw_only=True), strict=False
    )


_LOOKS = {kind: _look_at(kind) for kind in AT_A_GLANCE}


def tail(name: str | None) -> str:
    """The id at the end of a reference or address; empty for a search or a contained resource."""
    if not name or "?" in name or name.startswith("#"):
        return ""
    name = name.split("/_history/")[0].rstrip("/")
    return _printable(name.rsplit("/", 1)[-1].rsplit(":", 1)[-1])


def _printable(id: str) -> str:
    """An id without line breaks and the like, which no id may hold; one that does must not take our lines apart."""
    return id if id.isprintable() else "".join(letter for letter in id if letter.isprintable())


class Narrower:
    """Keeps what matters of one resource at a time.

    telling: the concepts that make a patient worth a full reading. ``medications``: the Medication resources known
    beforehand, by id, None for those that stand for nothing we know; a use that refers to one not known is kept,
    so that it does not matter in which order, or by which process, files are gone through. ``met``: those met since it
    was emptied. ``unreadable``: how many entries of Bundles could not be read. ``by_id_alone``: of how many Patients
    nothing but the id could be read.
    """

    def __init__(self, telling: frozenset[str], local_codes: LocalCodes | None = None) -> None:
        self.coder = Coder(local_codes)
        self.telling = telling | TALKING
        self.medications: dict[str, bytes | None] = {}
        self.met: dict[str, bytes | None] = {}
        self.unreadable = self.by_id_alone = 0
        self.seen: dict[str, int] = {}
        self.kept: dict[str, int] = {}
        self.without_patient = 0
        self._tells: dict[tuple[Domain, ...], dict[bytes, bool | None]] = {
            domains: {} for domains in (*_BY_CODE.values(), DRUG, REPORT)
        }
        self._told = {kind: self._tells[domains] for kind, domains in _BY_CODE.items()}
        self._told |= dict.fromkeys(USES, self._tells[DRUG])
        self._told["Encounter"] = {b"": False}  # which has no code, and matters to whoever matters
        self._owners: dict[bytes, str] = {}
        self._later: list[Glance] = []
        self._type = ""
        """That of all the lines looked at last, if they were of one."""

    def pieces(self, raw: bytes, url: str | None = None) -> Iterable[Piece]:
        """What is kept of a resource: nothing, itself, or the parts of a Bundle. Raises msgspec.DecodeError."""
        look = LOOK.decode(raw)
        kind = look.resource_type or ""
        if kind == "Bundle":
            return self._bundle(raw)
        self.seen[kind] = self.seen.get(kind, 0) + 1
        if kind not in USED_TYPES:
            return ()
        piece = self._piece(kind, look, raw, url)
        if piece is None:
            return ()
        if not piece.patient:
            self.without_patient += 1
            return ()
        self.kept[piece.kind] = self.kept.get(piece.kind, 0) + 1
        return (piece,)

    def _bundle(self, raw: bytes) -> Iterator[Piece]:
        """A Bundle of one patient stays whole, so that it is read as it would be alone; others are taken apart, also
        those with one Patient and entries of other people."""
        entries = [e for e in _BUNDLE.decode(raw).entry or () if e.resource and bytes(e.resource) != b"null"]
        name = self._only_patient(entries)
        if name:
            self.seen["Bundle"] = self.seen.get("Bundle", 0) + 1
            self.kept["Bundle"] = self.kept.get("Bundle", 0) + 1
            yield Piece(name, "bundle", "Bundle", raw)
            return
        for entry in entries:
            try:
                pieces = tuple(self.pieces(bytes(entry.resource), entry.full_url))
            except (msgspec.DecodeError, RecursionError):  # one entry; whoever else is in the Bundle stays
                self.unreadable += 1
                continue
            yield from pieces

    def _only_patient(self, entries: list[structs.Entry]) -> str:
        """The id of the patient of whom all entries are that say of whom they are; empty if there is none such."""
        names, addresses, owners = set(), {""}, set()
        for entry in entries:
            raw = bytes(entry.resource)
            try:
                look = LOOK.decode(raw)
                if look.resource_type == "Patient":
                    names.add(_printable(_ID.decode(raw).id or "") or tail(entry.full_url))
                    addresses.add(tail(entry.full_url))
                elif look.resource_type in USED_TYPES:
                    owners.add(self._owner_of(look))
            except (msgspec.DecodeError, RecursionError):
                continue  # counted or told where the entry is read
        return names.pop() if len(names) == 1 and owners <= names | addresses else ""

    def glance_at_lines(self, data: bytes) -> Glanced | None:
        """The first look at many whole lines; None if they do not decode or are not one resource a line. Counts those
        that need no closer look. Raises RecursionError."""
        self._later = []
        try:
            found, closer, seen = self._typed_glances(data) or self._glances(data)
        except ValueError:  # also msgspec.DecodeError
            return None
        self._type = next(iter(seen)) if len(seen) == 1 else ""
        for kind, number in seen.items():
            if number:
                self.seen[kind] = self.seen.get(kind, 0) + number
        for (patient, kind, _), spots in found.items():
            if patient:
                self.kept[kind] = self.kept.get(kind, 0) + len(spots) // 2
            else:
                self.without_patient += len(spots) // 2
        return Glanced({who: spots for who, spots in found.items() if who[0]}, closer, self._later)

    def _typed_glances(self, data: bytes) -> _Glances | None:
        """As ``_glances``, if the lines are all of the type of those before and the first look decides. This is where a
        large export spends its time: what is looked up already is decided without a call."""
        kind = self._type
        if kind not in _LOOKS:
            return None
        try:
            looks = _LOOKS[kind].decode_lines(data)
        except msgspec.ValidationError:
            return None
        found: Spots = {}
        by_subject: dict[bytes, list[int]] = {}
        told, spots_of, end = self._told[kind].get, by_subject.get, 0
        noted = kind in _BY_CODE
        for look, line in zip(looks, BytesIO(data), strict=True):
            start, end = end, end + len(line)
            if line[0] != _BRACE:
                raise ValueError
            tells = told(b"" + look.code, _NOT_YET)  # ``bytes()`` takes twice the time
            if not look.component:
                if tells is None and (look.meta is None or look.meta.version_id in _FIRST):
                    continue
                if tells is False and not (noted and look.note) and (subject := b"" + look.subject):
                    spots = spots_of(subject)
                    if spots is None:
                        owner = self._owner_of(look)
                        spots = by_subject[subject] = found.setdefault((owner, kind, "other"), [])
                    spots += (start, end)
                    if look.meta is not None and may_be_later(look.meta):
                        self._later.append((self._owner_of(look), kind, "other", start, end))
                    continue
            if (kept := self._glance(kind, look, look.code)) is not None:
                self._keep(found, kept, start, end, look)
        return found, [], Counter({kind: len(looks)})

    def _glances(self, data: bytes) -> _Glances:
        """What is kept of lines, what needs a closer look, and how many of each type need none. Raises ValueError if
        there are not as many resources as lines, or a line does not begin with one: two on one line and a blank one
        would make as many."""
        looks = LOOK.decode_lines(data)
        seen = Counter([look.resource_type or "" for look in looks])
        for kind in seen.keys() & (USED_TYPES - AT_A_GLANCE):
            seen[kind] = 0
        found: Spots = {}
        closer: list[tuple[int, int]] = []
        end = 0
        for look, line in zip(looks, BytesIO(data), strict=True):
            start, end = end, end + len(line)
            if line[0] != _BRACE:
                raise ValueError
            kind = look.resource_type or ""
            if kind in AT_A_GLANCE or (kind == "DiagnosticReport" and look.is_wordless):
                if kind == "DiagnosticReport":
                    seen[kind] += 1
                if (kept := self._glance(kind, look, look.code_of(kind))) is not None:
                    self._keep(found, kept, start, end, look)
            elif kind in USED_TYPES:
                closer.append((start, end))
        return found, closer, seen

    def _keep(self, found: Spots, kept: Kept, start: int, end: int, look: CodedLook) -> None:
        found.setdefault(kept, []).extend((start, end))
        if look.meta is not None and may_be_later(look.meta):
            self._later.append((*kept, start, end))

    def _glance(self, kind: str, look: CodedLook, code: Raw) -> Kept | None:
        """Whether a resource of a type in ``AT_A_GLANCE``, or a report without words, is kept, and for whom. Raises
        msgspec.DecodeError."""
        if kind in _BY_CODE:
            return self._coded(kind, look)
        if kind in _TEXTS:
            tells = self._tells_of(bytes(code), REPORT)
            return self._overruling(look) if tells is None else (self._owner_of(look), kind, _mark(tells))
        return self._use(kind, look, code) if kind in USES else (self._owner_of(look), kind, "other")

    def _piece(self, kind: str, look: Look, raw: bytes, url: str | None) -> Piece | None:
        if kind in AT_A_GLANCE:
            kept = self._glance(kind, look, look.code_of(kind))
            return None if kept is None else _piece(kept, raw, url)
        if kind == "Patient":
            stub = self._patient(raw)
            name = _printable(stub.id or "") or tail(url)
            stub.id = stub.id or name
            return Piece(name, "patient", kind, _entry(msgspec.json.encode(stub), url)) if name else None
        if kind == "Medication":
            self._medication(raw, url)
            return None
        if kind in _ALWAYS:
            who = _WHO.decode(raw)
            telling = kind == "AllergyIntolerance" and b'"reaction"' in raw
            return Piece(_owner(who), _mark(telling), kind, _entry(raw, url))
        return self._text(kind, look, raw)

    def _patient(self, raw: bytes) -> _PatientStub:
        """Who a patient is: as the reader has it, who uses a Patient as a whole or for its id alone."""
        with suppress(msgspec.ValidationError):
            return _PATIENT.decode(raw)
        with suppress(msgspec.ValidationError):  # nothing but its version is odd
            read = _READ_PATIENT.decode(raw)
            return _PatientStub(read.id, read.gender, read.birth_date, "Patient")
        self.by_id_alone += 1
        return _PatientStub(_ID.decode(raw).id, resource_type="Patient")

    def _owner_of(self, look: CodedLook) -> str:
        """The patient that a resource is about, empty if none is named. References are looked up once, within limits:
        entries of one patient often stand together."""
        raw = bytes(look.subject or look.patient)
        if raw not in self._owners:
            if len(self._owners) > _REMEMBERED:
                self._owners.clear()
            reference = _REFERENCE.decode(raw) if raw else None
            self._owners[raw] = tail(reference.reference) if reference else ""
        return self._owners[raw]

    # ------------------------------------------------------------ codes

    def _coded(self, kind: str, look: CodedLook) -> Kept | None:
        code = bytes(look.code)
        known = self._told[kind]
        tells = known[code] if code in known else self._tells_of(code, _BY_CODE[kind])
        domains = _BY_CODE[kind]
        if look.component and bytes(look.component) != b"null":
            for part in _COMPONENTS.decode(look.component):
                said = self._tells_of(bytes(part.code), domains) if part.code else None
                tells = tells if said is None else bool(tells or said)
        if tells is None:
            return self._overruling(look)
        return self._owner_of(look), kind, _mark(tells or bool(look.note))

    def _tells_of(self, code: bytes, domains: tuple[Domain, ...]) -> bool | None:
        """Whether a coding tells of muscle; None if it means nothing to us."""
        known = self._tells[domains]
        if code not in known:
            known[code] = self._meaning(code, domains) if code else None
        return known[code]

    def _meaning(self, code: bytes, domains: tuple[Domain, ...]) -> bool | None:
        coded = self.coder.raw(code, domains)
        if coded.matches or "result" not in domains:
            return not self.telling.isdisjoint(coded.concepts) if coded.matches else None
        inside = self.coder.raw(code, domains, ANY_PANEL)  # a short name that is clear where its panel is read as well
        if inside.matches:
            return not self.telling.isdisjoint(inside.concepts)
        return False if makes_clear(coded.text) else None

    def _overruling(self, look: CodedLook) -> Kept | None:
        """A later version of a resource can mean nothing where an earlier one did: then it is kept, to overrule it."""
        if look.meta is None or look.meta.version_id in _FIRST:
            return None
        return self._owner_of(look), VOID, "other"

    # ------------------------------------------------------------ drugs

    def _use(self, kind: str, look: CodedLook, code: Raw) -> Kept | None:
        if code:
            tells = self._tells_of(bytes(code), DRUG)
            return self._overruling(look) if tells is None else (self._owner_of(look), kind, _mark(tells))
        reference = _REFERENCE.decode(look.medication_reference) if look.medication_reference else None
        name = tail(reference.reference) if reference is not None else ""
        if reference is None or (name and self.medications.get(name, b"") is None):
            return self._overruling(look)
        return self._owner_of(look), kind, "other"

    def _medication(self, raw: bytes, url: str | None) -> None:
        medication = _MEDICATION.decode(raw)
        name = medication.id or tail(url)
        if name:
            entry = _entry(raw, url or _urn(name)) if self._is_known(medication) else None
            learn(self.met, {name: entry})

    def _is_known(self, medication: structs.Medication) -> bool:
        """Whether a Medication can stand for a drug we know: by code, ingredient, reference or a name it carries."""
        if any(i.item_reference is not None for i in medication.ingredient or ()):
            return True
        codes = [medication.code, *(i.item_codeable_concept for i in medication.ingredient or ())]
        if any(self.coder.concept(code, "drug").matches for code in codes):
            return True
        names = [identifier.value or "" for identifier in medication.identifier or ()]
        return any(self.coder.name(name, "drug") for name in names if any(letter.isalpha() for letter in name))

    # ------------------------------------------------------------ texts

    def _text(self, kind: str, look: Look, raw: bytes) -> Piece | None:
        text = _TEXT.decode(raw)
        is_report = kind == "DiagnosticReport"
        code = bytes(look.code if is_report else text.type)
        tells = self._tells_of(code, REPORT if is_report else PROCEDURE)
        attachments = [*(text.presented_form or ()), *(c.attachment for c in text.content or () if c.attachment)]
        said = bool(text.conclusion) or any(attachment.data for attachment in attachments)
        speaks = any(map(_speaks, attachments)) or bool(text.conclusion and _SPEAKS.search(text.conclusion.encode()))
        speaks = speaks or (said and _SPEAKS.search(code) is not None)  # "histology", and what was seen
        if tells is None and not speaks and not text.conclusion_code and not text.contained:
            kept = self._overruling(look)
            return None if kept is None else _piece(kept, raw, None)
        telling = bool(tells or speaks or text.conclusion_code or text.contained)
        return Piece(_owner(text), _mark(telling), kind, _entry(raw, None))


def may_be_later(meta: structs.Meta) -> bool:
    """Whether a resource can be another version than the first."""
    return meta.version_id not in _FIRST or (meta.version_id is None and meta.last_updated is not None)


def pairs(spots: list[int]) -> Iterator[tuple[int, int]]:
    """Start and end of each entry."""
    return zip(spots[::2], spots[1::2], strict=True)


def learn(medications: dict[str, bytes | None], met: Mapping[str, bytes | None]) -> None:
    """Add Medications to those known; of several under one id, one that stands for something we know."""
    for name, entry in met.items():
        if entry is not None or name not in medications:
            medications[name] = entry


def _speaks(attachment: structs.Attachment) -> bool:
    """Whether a text can state a finding; what cannot be decoded is left to the reader, who says so."""
    try:
        return bool(_SPEAKS.search(base64.b64decode(attachment.data or "", validate=False)))
    except ValueError:
        return True


def _piece(kept: Kept, raw: bytes, url: str | None) -> Piece:
    patient, kind, mark = kept
    return Piece(patient, mark, kind, entry_of(kind, raw, url))


def _mark(telling: bool) -> Mark:
    return "telling" if telling else "other"


def _owner(who: _Who) -> str:
    reference = who.subject or who.patient
    return tail(reference.reference) if reference else ""


def _urn(id: str | None) -> str | None:
    """How Synthea and many servers refer to a resource by its id alone."""
    return f"urn:uuid:{id}" if id else None


def entry_of(kind: str, raw: bytes, url: str | None = None) -> bytes:
    """The Bundle entry of a resource that was kept at first look as this type, or as ``VOID``. What does not decode
    stays as it is, for the reader to say so."""
    try:
        if kind == "Encounter":
            visit = _VISIT.decode(raw)
            return _entry(msgspec.json.encode(visit), url or _urn(visit.id))
        return _entry(msgspec.json.encode(_STUB.decode(raw)) if kind == VOID else raw, None)
    except msgspec.ValidationError:
        return _entry(raw, url)


def entries_of(bundle: bytes) -> list[bytes]:
    """The entries of a Bundle that hold a resource."""
    entries = _BUNDLE.decode(bundle).entry or ()
    return [_entry(bytes(entry.resource), entry.full_url) for entry in entries if entry.resource]


def _entry(raw: bytes, url: str | None) -> bytes:
    address = b'"fullUrl":' + msgspec.json.encode(url) + b"," if url else b""
    return b"{" + address + b'"resource":' + raw + b"}"


# ---------------------------------------------------------------- a patient's entries


class _UseOf(structs.Fhir):
    medication_reference: structs.Reference | None = None


class _UseEntry(structs.Fhir):
    resource: _UseOf


_USE_ENTRY = msgspec.json.Decoder(_UseEntry, strict=False)


def read_entries(
    entries: Iterable[bytes], medications: dict[str, bytes | None], local_codes: LocalCodes | None = None
) -> Reading:
    """A patient's kept entries as one record. Raises InputError if they do not make one (no Patient among them)."""
    from . import read

    parts = list(entries)
    wanted: dict[str, bytes] = {}
    waiting = [part for part in parts if b'"medicationReference"' in part]
    names = [tail(ref.reference) for part in waiting if (ref := _USE_ENTRY.decode(part).resource.medication_reference)]
    while names:
        name = names.pop()
        entry = medications.get(name)
        if entry is not None and name not in wanted:
            wanted[name] = entry
            names += [tail(name) for name in _INGREDIENT.findall(entry.decode())]
    body = b",".join([*parts, *wanted.values()])
    return read(b'{"resourceType":"Bundle","type":"collection","entry":[' + body + b"]}", local_codes)


_INGREDIENT = re.compile(r'"reference"\s*:\s*"([^"]+)"')
