"""The record of a case, twice: as events, as the architecture says a reader makes them, and as a FHIR R4 Bundle."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from imnm.knowledge.concepts import CONCEPTS, SYSTEMS, ancestors, codes, lookup_name
from imnm.knowledge.limits import within_known_limits
from imnm.knowledge.units import canonical_unit, convert
from imnm.logic.event import EPOCH, Event
from imnm.logic.interval import INF, UNKNOWN, Interval, above
from imnm.sources import Reading, read
from imnm.sources.quantities import bounded
from imnm.sources.reading import newest_known
from tests.assessment.build import TODAY, who
from tests.sources.build import LOINC, bundle, entry, flag

from .language import Case, Row, SpecError

STATED = {"present": True, "done": True, "absent": False, "suspected": None}
GRADED = ("severe", "moderate", "mild")
ANTIBODY = {
    "positive": (True, None),
    "weakly positive": (True, "weak"),
    "moderately positive": (True, "moderate"),
    "strongly positive": (True, "strong"),
    "negative": (False, None),
    "indeterminate": (None, None),
}
DRUG = ("started", "in use", "stopped", "not taken")
FLAGS = {"high": (above(1.0), INF), "normal": (-INF, 1.0)}
MADE_BY_READERS = {
    "Strength better than before": "strength_improved",
    "Strength worse than before": "strength_worse",
}
DONE = {"biopsy_": "muscle_biopsy", "emg_": "electromyography", "mri_": "mri_muscle"}


class Thing(NamedTuple):
    """One line of the record, understood."""

    concept: str
    span: Interval
    known: float
    value: str
    uln: float | None


@cache
def concept_of(what: str) -> str:
    """The concept with this label or id."""
    if what in MADE_BY_READERS:
        return MADE_BY_READERS[what]
    found = [id for id, concept in CONCEPTS.items() if what.lower() in (concept.label.lower(), id)]
    if len(found) != 1:
        raise SpecError(f"no concept, or more than one, is called {what!r}: {found}")
    return found[0]


def understood(row: Row) -> Thing:
    """The line with its days as day numbers. Raises SpecError for what is no day or no concept."""
    span = _span(row.day)
    known = TODAY + int(row.known) if row.known else span.high if span.high < INF else -INF
    uln = float(row.uln.replace(",", "")) if row.uln else None
    return Thing(concept_of(row.what), span, known, row.value, uln)


def _span(day: str) -> Interval:
    if day == "undated":
        return UNKNOWN
    found = re.fullmatch(r"(-?\d+)(?: to (-?\d+))?", day)
    if found is None:
        raise SpecError(f"{day!r} is no day; write -14, '-20 to -10' or 'undated'")
    return Interval(TODAY + int(found[1]), TODAY + int(found[2] or found[1]))


def age_and_sex(case: Case) -> tuple[float | None, str]:
    """Who it is about: a woman of 60 unless the case says otherwise."""
    found = re.match(r"An? (man|woman|person) of (\d+(?:\.\d+)?|unknown age)", case.who or "A woman of 60")
    if found is None:
        raise SpecError(f"expected 'A woman of 60.', received {case.who!r}")
    return None if found[2] == "unknown age" else float(found[2]), "male" if found[1] == "man" else "female"


# ---------------------------------------------------------------- as events


def as_reading(case: Case) -> Reading:
    """The record as the events that the architecture asks of a reader."""
    age, sex = age_and_sex(case)
    events = [event for event in who(age or 60, sex) if age is not None or event.concept == "sex"]
    for number, row in enumerate(case.rows, 1):
        thing = understood(row)
        events += _events(thing, f"Entry/{number}")
    return Reading("p", events, newest_known=newest_known(events))


def _events(thing: Thing, ref: str) -> Iterator[Event]:
    base = {"start": thing.span.low, "end": thing.span.high, "known": thing.known, "ref": ref, "text": thing.value}
    if thing.value in DRUG:
        yield from _drug(thing, base)
        return
    if found := _quantity(thing):
        yield within_known_limits(Event(thing.concept, **base, **found))  # type: ignore[arg-type]
        return
    truth, grade, over = _stated(thing)
    wider = ancestors(thing.concept) if truth is not False and thing.concept in CONCEPTS else ()
    for concept in (thing.concept, *wider):
        yield Event(f"{concept}.past" if over else concept, truth=truth, grade=grade, **base)  # type: ignore[arg-type]
    for start, test in DONE.items():
        if thing.concept.startswith(start):
            yield Event(test, truth=True, **base)  # type: ignore[arg-type]


def _stated(thing: Thing) -> tuple[bool | None, str | None, bool]:
    """Truth, grade, and whether it is over."""
    if thing.value in STATED:
        return STATED[thing.value], None, False
    if thing.value in GRADED:
        return True, thing.value, False
    if thing.value == "over":
        return True, None, True
    if thing.value in ANTIBODY:
        return (*ANTIBODY[thing.value], False)
    raise SpecError(f"{thing.value!r} is no value for {thing.concept}")


def _quantity(thing: Thing) -> dict[str, float | None] | None:
    """The number in the canonical unit and in multiples of the limit, or what the flag says; None if it is neither."""
    if thing.value in FLAGS and canonical_unit(thing.concept):
        low, high = FLAGS[thing.value]
        return {"times_low": low, "times_high": high}
    found = _number(thing.value)
    if found is None:
        return None
    value, unit = found
    ends = [end if end in (INF, -INF) else convert(thing.concept, end, unit) for end in value]
    if None in ends:
        raise SpecError(f"{unit!r} is no unit of {thing.concept}")
    low, high = ends[0] or 0.0, ends[1] or 0.0
    if thing.uln is None:
        return {"low": low, "high": high}
    return {"low": low, "high": high, "uln": thing.uln, "times_low": low / thing.uln, "times_high": high / thing.uln}


def _number(text: str) -> tuple[Interval, str] | None:
    found = re.fullmatch(r"(<|>|<=|>=)? ?([\d,.]+)(?: (\S+))?", text)
    return (bounded(float(found[2].replace(",", "")), found[1]), found[3] or "") if found else None


def _drug(thing: Thing, base: dict[str, Any]) -> Iterator[Event]:
    """Started: taken from then on, and in use when that was recorded. Stopped: taken until then."""
    if thing.value == "not taken":
        yield Event(thing.concept, truth=False, detail=thing.concept, **base)
        return
    began = base if thing.value == "started" else {**base, "start": -INF}
    for concept in (thing.concept, *ancestors(thing.concept)):
        yield Event(concept, truth=True, detail=thing.concept, **began)
        suffix = "stop" if thing.value == "stopped" else "active"
        yield Event(f"{concept}.{suffix}", truth=True, detail=thing.concept, **base)


# ---------------------------------------------------------------- as a FHIR Bundle

AS_REPORTED = {
    "biopsy_necrosis_predominant": ("biopsy", "Necrosis is the leading change.", "No necrosis."),
    "biopsy_necrosis_present": ("biopsy", "A few scattered necrotic fibres.", "No necrotic fibres."),
    "biopsy_inflammation_prominent": ("biopsy", "Heavy endomysial lymphocytic infiltrates.", "No inflammation."),
    "biopsy_perifascicular_atrophy": ("biopsy", "Perifascicular atrophy is present.", "No perifascicular atrophy."),
    "biopsy_rimmed_vacuoles": ("biopsy", "Several fibres with rimmed vacuoles.", "No rimmed vacuoles."),
    "biopsy_granulomas": ("biopsy", "Non-caseating granulomas are present.", "No granulomas."),
    "biopsy_amyloid": ("biopsy", "Amyloid deposits on Congo red.", "No amyloid."),
    "biopsy_dystrophic": ("biopsy", "Dystrophic changes are present.", "No dystrophic changes."),
    "emg_myopathic": ("emg", "Myopathic motor unit potentials.", "No myopathic changes."),
    "emg_normal": ("emg", "Normal EMG.", ""),
    "mri_muscle_edema": ("mri", "Muscle oedema of both thighs.", "No muscle oedema."),
}
REPORTS = {"biopsy": "Muscle biopsy", "emg": "Electromyography", "mri": "MRI of the thigh muscles"}
AS_NAMED = {
    "progressive_weakness": "deteriorating strength",
    "genetic_test_positive": "pathogenic variant",
}
"""What records write for a concept whose own label they do not."""


class Unsayable(Exception):
    """A line that this builder cannot say in FHIR; names it."""


def as_bundle(case: Case) -> bytes:
    """The record as a FHIR R4 Bundle. Raises Unsayable."""
    age, sex = age_and_sex(case)
    patient = {"resourceType": "Patient", "id": "p1", "gender": sex}
    if age is not None:
        patient["birthDate"] = _date(round(TODAY - age * 365.2425)) or ""
    return bundle(*(_resource(understood(row), f"e{n}") for n, row in enumerate(case.rows, 1)), patient=patient)


def from_bundle(case: Case) -> Reading:
    """The record as the FHIR reader reads it."""
    return read(as_bundle(case), today=EPOCH + dt.timedelta(days=TODAY + 4000))


def _date(day: float) -> str | None:
    return None if day in (INF, -INF) else (EPOCH + dt.timedelta(days=int(day))).isoformat()


def _resource(thing: Thing, id: str) -> dict[str, Any]:
    if not (thing.span.exact or not thing.span.known):
        raise Unsayable(f"a span of days for {thing.concept}")
    day, known = _date(thing.span.low), _date(thing.known)
    concept = CONCEPTS.get(thing.concept)
    if thing.concept in MADE_BY_READERS.values():
        return _observation(id, {"text": "Muscle strength compared with before"}, day, known,
                            valueString=thing.concept.removeprefix("strength_"))  # fmt: skip
    if concept is None:
        raise Unsayable(thing.concept)
    if concept.domain == "drug":
        return _medication(thing, id, day, known)
    if thing.concept in AS_REPORTED:
        return _report(thing, id, day, known)
    if concept.domain == "result":
        return _result(thing, id, day, known)
    if concept.domain == "procedure":
        return entry("Procedure", id, status="completed", code=_coded(thing.concept), performedDateTime=day)
    return _condition(thing, id, day, known)


def _observation(id: str, code: dict[str, Any], day: str | None, known: str | None, **value: Any) -> dict[str, Any]:
    dates = {name: date for name, date in (("effectiveDateTime", day), ("issued", known)) if date}
    return entry("Observation", id, status="final", code=code, **dates, **value)


def _condition(thing: Thing, id: str, day: str | None, known: str | None) -> dict[str, Any]:
    truth, grade, over = _stated(thing)
    status = "confirmed" if truth else "refuted" if truth is False else "provisional"
    fields: dict[str, Any] = {"verificationStatus": {"coding": [{"code": status}]}}
    fields |= {name: date for name, date in (("onsetDateTime", day), ("recordedDate", known)) if date}
    if over:
        fields["clinicalStatus"] = {"coding": [{"code": "resolved"}]}
    if grade:
        fields["severity"] = {"text": grade}
    return entry("Condition", id, code=_coded(thing.concept), **fields)


def _result(thing: Thing, id: str, day: str | None, known: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if thing.uln is not None:
        fields["referenceRange"] = [{"high": {"value": thing.uln, "unit": canonical_unit(thing.concept)}}]
    number = _number(thing.value)
    if number is not None:
        found = re.fullmatch(r"(<|>|<=|>=)? ?([\d,.]+)(?: (\S+))?", thing.value)
        assert found is not None
        fields["valueQuantity"] = {"value": float(found[2].replace(",", "")), "unit": found[3]}
        if found[1]:
            fields["valueQuantity"]["comparator"] = found[1]
    elif thing.value in FLAGS:
        fields["interpretation"] = flag("H" if thing.value == "high" else "N")
    elif thing.value in ANTIBODY:
        fields["valueString"] = thing.value.capitalize()
    else:
        raise Unsayable(f"{thing.value} for {thing.concept}")
    return _observation(id, _coded(thing.concept), day, known, **fields)


def _report(thing: Thing, id: str, day: str | None, known: str | None) -> dict[str, Any]:
    kind, present, absent = AS_REPORTED[thing.concept]
    text = present if thing.value == "present" else absent if thing.value == "absent" else ""
    if not text:
        raise Unsayable(f"{thing.value} for {thing.concept}")
    dates = {name: date for name, date in (("effectiveDateTime", day), ("issued", known)) if date}
    return entry("DiagnosticReport", id, status="final", code={"text": REPORTS[kind]}, conclusion=text, **dates)


def _medication(thing: Thing, id: str, day: str | None, known: str | None) -> dict[str, Any]:
    status = {"started": "active", "in use": "active", "stopped": "stopped", "not taken": "not-taken"}[thing.value]
    fields: dict[str, Any] = {"dateAsserted": known} if known else {}
    if day and thing.value in ("started", "stopped"):
        fields["effectivePeriod"] = {"start" if thing.value == "started" else "end": day}
    return entry("MedicationStatement", id, status=status, medicationCodeableConcept=_coded(thing.concept), **fields)


@cache
def _coded(concept: str) -> dict[str, Any]:
    """How a record names the concept: by a code that means just this, else by its name. Raises Unsayable."""
    for system, uri in _URIS.items():
        for code, rows in codes(system).items():
            if any(row.concept == concept and row.relation == "exact" and row.verified for row in rows):
                return {"coding": [{"system": uri, "code": code}]}
    name = AS_NAMED.get(concept, CONCEPTS[concept].label)
    domain = CONCEPTS[concept].domain
    matches = lookup_name(name, domain if domain in ("result", "drug", "procedure") else "condition")  # type: ignore[arg-type]
    if not any(match.concept == concept and match.relation != "broader" for match in matches):
        raise Unsayable(concept)
    return {"text": name}


_URIS = {
    "loinc": LOINC,
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "snomed": "http://snomed.info/sct",
    "hpo": "http://human-phenotype-ontology.org",
}
assert set(_URIS) <= set(SYSTEMS)
