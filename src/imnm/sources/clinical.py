"""What clinicians state: problems, allergies, family history, procedures, and who the patient is."""

from __future__ import annotations

import re

from imnm.knowledge.concepts import members
from imnm.knowledge.messages import say
from imnm.logic.event import Event
from imnm.logic.interval import INF, UNKNOWN, Interval
from imnm.logic.truth import Truth

from .coding import Coded
from .dates import DAYS_PER_MONTH, DAYS_PER_YEAR, age_span, day_span, iso_day
from .notes import LONGEST_NOTE, WEAKNESS, Note, read_note
from .record import Record, When, when_recorded
from .structs import (
    AllergyIntolerance,
    Annotation,
    CodeableConcept,
    Condition,
    FamilyMemberHistory,
    Patient,
    Period,
    Procedure,
    Quantity,
)

_SUSPECTED = frozenset({"unconfirmed", "provisional", "differential"})
_OVER = frozenset({"resolved", "inactive", "remission"})
_AGE_UNITS = {"a": DAYS_PER_YEAR, "year": DAYS_PER_YEAR, "years": DAYS_PER_YEAR, "yr": DAYS_PER_YEAR,
              "mo": DAYS_PER_MONTH, "month": DAYS_PER_MONTH, "months": DAYS_PER_MONTH,
              "wk": 7.0, "week": 7.0, "weeks": 7.0, "d": 1.0, "day": 1.0, "days": 1.0}  # fmt: skip
_SEVERITIES = {"24484000": "severe", "6736007": "moderate", "255604002": "mild"}
"""SNOMED CT codes of the FHIR value set condition-severity."""

_MUSCLE_DISEASE = frozenset(
    {"muscular_dystrophy", "congenital_myopathy", "metabolic_myopathy", "mitochondrial_myopathy", "gne_myopathy",
     "myopathy_unspecified", "muscle_weakness", "elevated_ck", "hypokalaemic_periodic_paralysis", "sma_type4",
     "malignant_hyperthermia", "family_history_myopathy"}
)  # fmt: skip
"""What in a relative counts as muscle disease in the family: muscle disease that runs in families, or unnamed."""


def status_code(concept: CodeableConcept | None) -> str:
    """The first code (else the text) of a status, in lower case; empty if there is none."""
    if concept is None:
        return ""
    for coding in concept.coding or ():
        if coding.code:
            return coding.code.lower()
    return (concept.text or "").lower()


def period_span(record: Record, ref: str, period: Period | None) -> Interval | None:
    """The days of a period; see ``Record.between``."""
    return None if period is None else record.between(ref, period.start, period.end)


def age_days(quantity: Quantity | None) -> Interval | None:
    """The days of life of an Age (``62 a``); None if it is not understood."""
    if quantity is None or not isinstance(quantity.value, float | int):
        return None
    unit = _AGE_UNITS.get((quantity.code or quantity.unit or "").lower())
    return (
        None if unit is None else Interval(float(int(quantity.value * unit)), float(int((quantity.value + 1) * unit)))
    )


def note_text(notes: list[Annotation] | None) -> str:
    """All notes of an entry as one text."""
    return " ".join(note.text for note in notes or () if note.text)


def read_patient(record: Record, patient: Patient, ref: str) -> None:
    """Birth and sex."""
    record.birth = record.born(ref, patient.birth_date)
    if record.birth is not None:
        text = say("sources.text.born", date=iso_day(record.birth) or "")
        record.add(Event("birth", record.birth.low, record.birth.high, truth=True, ref=ref, text=text))
    gender = (patient.gender or "").lower()
    if gender in ("female", "male"):
        record.sex = gender
        record.add(Event("sex", truth=True, detail=gender, ref=ref, text=say("sources.text.sex", sex=gender)))


# ---------------------------------------------------------------- problems


def read_condition(record: Record, condition: Condition, coded: Coded, ref: str, visit: Interval | None) -> None:
    """A problem, symptom or diagnosis."""
    verification = status_code(condition.verification_status)
    if verification == "entered-in-error":
        return
    stated: Truth = False if verification == "refuted" else None if verification in _SUSPECTED else True
    words = note_text(condition.note)
    if len(words) > LONGEST_NOTE:
        words = ""
    lead = lead_concept(coded)
    note = read_note(lead, words) if words else Note()
    recorded = record.day(ref, condition.recorded_date)
    when = when_recorded(_onset(record, condition, note, recorded, ref), recorded, visit, stated is True)
    past = stated is True and (status_code(condition.clinical_status) in _OVER or _abated(condition))
    severity = severity_grade(condition.severity)
    record.state(
        coded, stated, when, ref, past=past, note=note, grade=severity if stated is not False else None, words=words
    )
    if words and stated is True and not past:
        _also(record, note, lead, when, ref, coded.name, words)


def lead_concept(coded: Coded) -> str:
    """The concept that the entry is about: the best match's own."""
    return coded.matches[0].concept if coded.matches else ""


def _also(record: Record, note: Note, lead: str, when: When, ref: str, name: str, words: str) -> None:
    """The further things a note states. What an examination found holds on the day of recording."""
    day = When(Interval(when.known, when.known), when.known) if when.known > -INF else When(UNKNOWN, when.known)
    text = say("sources.text.report", name=name, matched=words[:160], date=when.date)
    for concept in signs_in(record, words) - {lead}:
        if not note.contradicts:
            record.also(concept, True, when, ref, text)
    for concept, truth in note.also:
        if note.contradicts and concept != "strength_normal":
            continue
        record.also(concept, truth, day if concept.startswith("strength_") else when, ref, text)
    if note.unlocated and lead in WEAKNESS:
        record.also("muscle_weakness", True, when, ref, text, note.grade)


_CLAUSES = re.compile(r"[,;.]| and | with | then ")
SIGNS = frozenset(
    {"shawl_sign", "v_sign", "gottron_papules", "gottron_sign", "heliotrope_rash", "mechanics_hands", "poikiloderma",
     "calcinosis", "muscle_cramp", "muscle_stiffness", "muscle_tenderness", "myocarditis", "heart_failure",
     "arrhythmia", "cardiomyopathy", "diplopia", "ophthalmoparesis", "ptosis", "dialysis", "waddling_gait",
     "scapular_winging", "dysphagia", "bulbar_weakness", "dyspnoea", "myoglobinuria", "facial_weakness",
     "difficulty_rising_from_chair", "difficulty_climbing_stairs", "difficulty_raising_arms", "neck_flexor_weakness",
     "muscle_atrophy", "weight_loss", "fever", "arthritis", "raynaud"}
)  # fmt: skip
"""What a note may add to its entry: signs and complications. A disease named in a note is an opinion, not an entry."""


def signs_in(record: Record, words: str) -> set[str]:
    """The signs that a note states besides its entry, clause by clause."""
    found = set()
    for clause in _CLAUSES.split(words):
        matches = record.coder.name(clause.strip(), "condition") if clause.strip() else ()
        for match in matches:
            if match.polarity is True and not match.past and not match.family and match.relation == "exact":
                found.add(match.concept)
    return found & SIGNS


def _onset(record: Record, condition: Condition, note: Note, recorded: Interval | None, ref: str) -> Interval | None:
    """The span in which the problem began, as stated by date, period, age or, failing these, the note."""
    onset = record.day(ref, condition.onset_date_time)
    if onset is None and condition.onset_period is not None:
        onset = record.day(ref, condition.onset_period.start)
    if onset is None and condition.onset_age is not None:
        age = age_days(condition.onset_age)
        if age is None:
            record.problem(ref, "age")
        onset = record.at_age(age)
    if onset is None and condition.onset_string:
        onset = day_span(condition.onset_string.strip()) or record.at_age(age_span(condition.onset_string.strip()))
    if onset is None and note.duration is not None and recorded is not None:
        onset = Interval(recorded.low - note.duration.high, recorded.high - note.duration.low)
    return onset if onset is not None else record.at_age(note.age)


def _abated(condition: Condition) -> bool:
    return any(
        (
            condition.abatement_date_time,
            condition.abatement_period,
            condition.abatement_age,
            condition.abatement_range,
            condition.abatement_string,
        )
    )


def severity_grade(severity: CodeableConcept | None) -> str | None:
    """``severe``, ``moderate`` or ``mild`` from a severity by code or word."""
    if severity is None:
        return None
    for coding in severity.coding or ():
        if coding.code in _SEVERITIES:
            return _SEVERITIES[coding.code]
    words = " ".join([severity.text or "", *(coding.display or "" for coding in severity.coding or ())]).lower()
    return next((grade for grade in ("severe", "moderate", "mild") if grade in words), None)


# ---------------------------------------------------------------- allergies, relatives, procedures


def read_allergy(record: Record, allergy: AllergyIntolerance, ref: str, visit: Interval | None) -> None:
    """An allergy or intolerance to a statin: it is itself a finding, and proof that a statin was taken."""
    verification = status_code(allergy.verification_status)
    if verification == "entered-in-error":
        return
    agents = [record.coder.concept(allergy.code, "drug"), record.coder.concept(allergy.code, "condition")]
    agents += [record.coder.concept(reaction.substance, "drug") for reaction in allergy.reaction or ()]
    concepts = frozenset().union(*(agent.concepts for agent in agents))
    if not concepts & {"statin", "red_yeast_rice", "statin_intolerance"}:
        return
    name = agents[0].text
    recorded = record.day(ref, allergy.recorded_date)
    when = when_recorded(record.day(ref, allergy.onset_date_time), recorded, visit, True)
    refuted = verification == "refuted" or any(agent.denied for agent in agents)
    truth: Truth = False if refuted else None if verification in _SUSPECTED else True
    text = say("sources.text.intolerance", name=name, date=when.date)
    record.also("statin_intolerance", truth, when, ref, text)
    if truth is not True:
        return
    ingredient = next(iter(sorted(concepts & set(members("statin")) - {"statin_combination"})), None)
    taken = Interval(-INF, when.span.high)
    record.add(Event("statin", taken.low, taken.high, when.known, truth=True, detail=ingredient, ref=ref, text=text))
    for reaction in allergy.reaction or ():
        for manifestation in reaction.manifestation or ():
            onset = when_recorded(record.day(ref, reaction.onset), recorded, visit, True)
            record.state(record.coder.concept(manifestation, "condition"), True, onset, ref, past=True)


def read_family(record: Record, history: FamilyMemberHistory, ref: str) -> None:
    """A relative's diseases: never the patient's own."""
    if (history.status or "") == "entered-in-error":
        return
    day = record.day(ref, history.date)
    when = When(Interval(-INF, day.high) if day else UNKNOWN, day.high if day else -INF)
    for condition in history.condition or ():
        coded = record.coder.concept(condition.code, "condition")
        present = {match.concept for match in coded.matches if match.polarity is True and not coded.denied}
        text = say("sources.text.family", name=coded.name)
        if present & _MUSCLE_DISEASE:
            record.also("family_history_myopathy", True, when, ref, text)
        if present & {"malignancy_any", "malignancy_history", "family_history_malignancy"}:
            record.also("family_history_malignancy", True, when, ref, text)


_NOT_A_PROCEDURE = frozenset({"entered-in-error", "preparation", "not-done", "on-hold", "unknown"})


def read_procedure(record: Record, procedure: Procedure, coded: Coded, ref: str, visit: Interval | None) -> None:
    """A procedure that was carried out. One that was not is no statement about the patient."""
    if (procedure.status or "") in _NOT_A_PROCEDURE:
        return
    span = record.day(ref, procedure.performed_date_time) or period_span(record, ref, procedure.performed_period)
    if span is None and procedure.performed_string:
        span = day_span(procedure.performed_string.strip())
    span = span or visit or UNKNOWN
    known = visit.high if visit and visit.high < INF else span.high if span.high < INF else -INF
    record.state(coded, True, When(span, known), ref)
