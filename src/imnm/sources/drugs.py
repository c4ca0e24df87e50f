"""What was taken: prescriptions, statements, administrations and dispenses of drugs."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from imnm.knowledge.concepts import CONCEPTS, members
from imnm.knowledge.messages import say
from imnm.logic.event import Event
from imnm.logic.interval import INF, UNKNOWN, Interval

from .coding import Coded
from .dates import iso_day
from .reading import Exposure
from .record import Record, When
from .structs import Dosage, Medication, MedicationUse

_NEVER = frozenset({"entered-in-error", "cancelled", "draft", "not-done", "declined", "preparation", "intended"})
_NO_ORDER = frozenset({"proposal", "plan", "option"})
_STOPPED = frozenset({"stopped", "on-hold"})
_ENDED = frozenset({"stopped", "on-hold", "completed"})
_ONE_DOSE = frozenset({"MedicationAdministration", "MedicationDispense"})

_LOCAL = re.compile(
    r"topical|cutaneous|ophthalm|intraocular|ocular|\beye|otic|\bear\b|auricular|nasal|inhal|rectal|vaginal"
    r"|intra-?articular|intralesional|\bcream|ointment|\blotion|shampoo|\bgel\b|\bdrops\b|enema|suppositor|mouthwash",
    re.IGNORECASE,
)
"""Routes and forms that reach one place only: the drug is then no systemic exposure."""

_DOSAGES = msgspec.json.Decoder(list[Dosage] | Dosage, strict=False)


class Course(NamedTuple):
    """When a drug was started and stopped, and the day of the statement."""

    start: Interval | None
    stop: Interval | None
    stated: Interval | None
    known: float


def medication_coded(record: Record, medication: Medication) -> Coded:
    """What a Medication is: by its code, its ingredients, else the names among its identifiers."""
    parts = [record.coder.concept(medication.code, "drug")]
    parts += [record.coder.concept(entry.item_codeable_concept, "drug") for entry in medication.ingredient or ()]
    if not any(part.matches for part in parts):
        for identifier in medication.identifier or ():
            name = identifier.value or ""
            if any(letter.isalpha() for letter in name):
                parts.append(Coded(record.coder.name(name, "drug"), name))
    return joined(parts)


def joined(parts: list[Coded]) -> Coded:
    """The meanings of several codings together, in the words of the first that has any."""
    matches = {match.concept: match for part in reversed(parts) for match in part.matches}
    text = next((part.text for part in parts if part.matches and part.text), "") or next(
        (part.text for part in parts if part.text), ""
    )
    form = next((part.text for part in parts if _LOCAL.search(part.text)), "")
    return Coded(tuple(matches.values()), text if not form or form == text else f"{text} ({form})")


def read_medication(
    record: Record, kind: str, use: MedicationUse, coded: Coded, ref: str, visit: Interval | None
) -> None:
    """One use of a drug: that it was taken, since when, until when, and whether it was in use when recorded."""
    status = use.status or ""
    if status in _NEVER or (use.intent or "") in _NO_ORDER or use.do_not_perform or is_local(use, coded):
        return
    course = _course(record, kind, use, ref, visit)
    if status == "not-taken":
        _not_taken(record, coded, course, ref)
        return
    take(record, coded, kind, status, course, ref)
    for drug in ingredients(coded):
        _expose(record, drug, kind, status, course, ref)


def take(record: Record, coded: Coded, kind: str, status: str, course: Course, ref: str) -> None:
    """Keep the exposure to each drug and class the coding means."""
    drugs = _taken(coded)
    if not drugs:
        return
    said = _exposure(kind, status, course, coded.name, record.written)
    for concept, detail in drugs:
        for suffix, span, known, text in said:
            record.add(
                Event(concept + suffix, span.low, span.high, known, truth=True, detail=detail, ref=ref, text=text)
            )


@lru_cache(maxsize=4096)
def _taken(coded: Coded) -> tuple[tuple[str, str | None], ...]:
    """The drugs and classes that a coding says to be taken, each with the ingredient if one is named."""
    return tuple(
        (match.concept, _ingredient(match.direct) or _ingredient(match.concept))
        for match in coded.matches
        if CONCEPTS[match.concept].domain == "drug" and match.polarity is True and match.relation != "broader"
    )


def _ingredient(concept: str) -> str | None:
    return None if members(concept) else concept


@lru_cache(maxsize=4096)
def ingredients(coded: Coded) -> tuple[str, ...]:
    """The drugs themselves, without the classes they belong to; a class if no drug is named."""
    own = [match.direct for match in coded.matches if match.concept == match.direct and match.relation != "broader"]
    drugs = [drug for drug in own if CONCEPTS[drug].domain == "drug"]
    named = [drug for drug in drugs if not members(drug) and drug != "statin_combination"]
    return tuple(dict.fromkeys(named or drugs))


def is_local(use: MedicationUse, coded: Coded) -> bool:
    """Whether the drug was given to one place only (cream, eye drops, inhaler)."""
    dosages = list(use.dosage_instruction or ())
    if use.dosage and bytes(use.dosage) != b"null":
        try:
            given = _DOSAGES.decode(use.dosage)
        except msgspec.DecodeError:
            given = []
        dosages += given if isinstance(given, list) else [given]
    words = [coded.text]
    for dosage in dosages:
        if dosage.route is not None:
            words.append(dosage.route.text or "")
            words += [coding.display or coding.code or "" for coding in dosage.route.coding or ()]
    return _is_local(" ".join(words))


@lru_cache(maxsize=4096)
def _is_local(words: str) -> bool:
    return _LOCAL.search(words) is not None


def _course(record: Record, kind: str, use: MedicationUse, ref: str, visit: Interval | None) -> Course:
    validity = use.dispense_request.validity_period if use.dispense_request else None
    period = validity if kind == "MedicationRequest" else use.effective_period
    given = record.day(ref, use.effective_date_time, use.when_handed_over, use.when_prepared)
    start = (record.day(ref, period.start) if period else None) or given
    stop = record.day(ref, period.end) if period else None
    stated = record.day(ref, use.date_asserted, use.authored_on)
    if start is None and kind == "MedicationRequest":
        start = stated
    if kind == "MedicationAdministration" and start is None:
        start = visit
    known = next((day.high for day in (stated, visit, stop, start) if day is not None and day.high < INF), -INF)
    return Course(start, stop, stated or given or visit, known)


def _began(course: Course) -> Interval:
    """When it was started: as stated, else no later than it was stopped or spoken of."""
    if course.start is not None:
        return course.start
    ends = [day.high for day in (course.stop, course.stated) if day is not None]
    return Interval(-INF, min(ends, default=INF))


def _ended(course: Course, status: str, written: float) -> Interval | None:
    """When it was stopped; None if it was not, or only a plan says so."""
    if course.stop is not None and (status in _ENDED or status not in ("active", "in-progress")):
        return course.stop
    if course.stop is not None and course.stated is not None and course.stop.high <= course.stated.low:
        return course.stop
    if status not in _STOPPED:
        return None
    began = course.start.low if course.start is not None else -INF
    return Interval(began if began <= written else -INF, written)  # what was written cannot be of later


def _exposure(
    kind: str, status: str, course: Course, name: str, written: float
) -> list[tuple[str, Interval, float, str]]:
    """That a drug was taken, and that it was stopped or is in use: the suffix of the concept, the days, since when it
    was known, and the line for people."""
    began = _began(course)
    date = iso_day(began)
    text = say("sources.text.drug", name=name, date=date) if date else say("sources.text.drug_undated", name=name)
    taken = ("", began, course.known, text)
    asserted = course.stated.high if kind == "MedicationStatement" and course.stated else written
    ended = _ended(course, status, asserted)
    if ended is not None and kind not in _ONE_DOSE:
        known = max(course.known, ended.high) if ended.high < INF else course.known
        text = say("sources.text.drug_stopped", name=name, date=When(ended, known).date)
        return [taken, (".stop", ended, known, text)]
    if status in ("active", "in-progress") or (kind in _ONE_DOSE and status == "completed"):
        day = course.stated or course.start or UNKNOWN
        text = say("sources.text.drug_active", name=name, date=When(day, course.known).date)
        return [taken, (".active", day, course.known, text)]
    return [taken]


def _not_taken(record: Record, coded: Coded, course: Course, ref: str) -> None:
    span = course.stated or UNKNOWN
    for drug in ingredients(coded):
        text = say("sources.text.drug_not_taken", name=coded.name, date=When(span, course.known).date)
        record.add(
            Event(drug, span.low, span.high, course.known, truth=False, detail=_ingredient(drug), ref=ref, text=text)
        )


def _expose(record: Record, drug: str, kind: str, status: str, course: Course, ref: str) -> None:
    """The row of the exposure table; single doses of one drug become one row from the first dose on."""
    if kind in _ONE_DOSE:
        day = course.start.low if course.start is not None else INF
        known = record.doses.get(drug)
        if known is None or day < known[0]:
            record.doses[drug] = (day, ref)
        return
    ended = _ended(course, status, INF)
    start, stop = iso_day(course.start), iso_day(ended)
    certain = start is not None and (stop is not None or status == "active")
    record.exposures.append(Exposure(drug, start, stop, certain, ref))
