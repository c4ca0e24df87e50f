"""The form: the few questions that matter first, and the record (a FHIR Bundle) that the answers make.

Answers become a record and are read like any other, so there is one way through the house, and what was entered can
be saved as that Bundle and opened again anywhere.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from imnm.assessment.model import Assessment
from imnm.knowledge.concepts import CONCEPTS, codes, members
from imnm.knowledge.messages import say

from .store import Measure

UNITS = {"U/L": "U/L", "µkat/L": "ukat/L"}
"""The units in which CK is entered: as shown, and as UCUM."""
SYSTEM_URIS = {"loinc": "http://loinc.org", "hpo": "http://purl.obolibrary.org/obo/hp.owl",
               "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm"}  # fmt: skip
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
CK_ROWS = 3
LONGEST_ID = 64

Kind = Literal["sign", "antibody", "drug", "report", "number", "raised"]


class Question(NamedTuple):
    """One question beyond CK and statin.

    id: the finding that the answer settles. kind: how the answer is recorded. concept: what it is recorded as. first:
    asked from the start; the others when the assessment says that they matter, or when somebody opens them. unit: of
    a number. texts: the report text of each answer.
    """

    id: str
    kind: Kind
    concept: str
    first: bool = False
    unit: str = ""
    texts: Mapping[str, str] = {}

    @property
    def label(self) -> str:
        """What is asked."""
        return say(f"serve.question.{self.id}")

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that can be chosen; none for a number."""
        if self.kind == "antibody":
            return ("positive", "weak", "negative")
        return tuple(self.texts) if self.kind == "report" else () if self.kind == "number" else ("yes", "no")


QUESTIONS: tuple[Question, ...] = (
    Question("proximal_weakness", "sign", "proximal_muscle_weakness", first=True),
    Question("anti_hmgcr_positive", "antibody", "anti_hmgcr", first=True),
    Question("anti_srp_positive", "antibody", "anti_srp", first=True),
    Question("myalgia", "sign", "myalgia"),
    Question("neck_flexor_weakness", "sign", "neck_flexor_weakness"),
    Question("finger_flexor_weakness", "sign", "finger_flexor_weakness"),
    Question("dysphagia", "sign", "dysphagia"),
    Question("dyspnea_or_respiratory", "sign", "dyspnoea"),
    Question("skin_rash_dm", "sign", "skin_rash_dm"),
    Question("recent_exertion", "sign", "recent_exertion"),
    Question("family_history_myopathy", "sign", "family_history_myopathy"),
    Question("fatigable_or_ocular", "sign", "fatigable_weakness"),
    Question("second_wind", "sign", "second_wind"),
    Question("dark_urine", "sign", "myoglobinuria"),
    Question("tsh_high", "number", "tsh", unit="mIU/L"),
    Question("creatinine_elevated", "raised", "creatinine"),
    Question("drug_checkpoint_inhibitor", "drug", "immune_checkpoint_inhibitor"),
    Question("drug_colchicine", "drug", "colchicine"),
    Question(
        "biopsy_necrosis_predominant",
        "report",
        "muscle_biopsy",
        texts={
            "necrosis": "Muscle biopsy: predominant myofibre necrosis and regeneration with minimal lymphocytic "
            "infiltrate.",
            "other": "Muscle biopsy: no necrotic fibres.",
        },
    ),
    Question(
        "emg_myopathic",
        "report",
        "electromyography",
        texts={"myopathic": "EMG: myopathic changes.", "normal": "EMG: normal study."},
    ),
    Question(
        "mri_muscle_edema",
        "report",
        "mri_muscle",
        texts={"edema": "MRI of the thighs: muscle oedema.", "none": "MRI of the thighs: no muscle oedema."},
    ),
)

Answers = Mapping[str, str]
"""What was entered, by field name; a field left empty is absent or blank."""


class FormError(ValueError):
    """An answer that cannot be understood; the message is one sentence."""


def statins() -> tuple[str, ...]:
    """The statins that can be chosen."""
    return ("statin", *sorted(members("statin")))


def needed(assessment: Assessment | None) -> frozenset[str]:
    """The questions whose answers the assessment says would matter."""
    if assessment is None:
        return frozenset()
    unknown = {unknown.id for unknown in assessment.unknown}
    steps = {step.id for step in assessment.next_steps}
    by_step = {"test:tsh": "tsh_high", "test:creatinine": "creatinine_elevated", "test:emg": "emg_myopathic",
               "test:mri_muscle": "mri_muscle_edema", "test:muscle_biopsy": "biopsy_necrosis_predominant",
               "test:urine_myoglobin": "dark_urine"}  # fmt: skip
    return frozenset(unknown | {question for step, question in by_step.items() if step in steps})


def ck_rows(answers: Answers, least: int = CK_ROWS) -> int:
    """How many lines for CK results are shown: one more than are filled."""
    filled = [int(key[2:].split("_")[0]) for key in answers if re.fullmatch(r"ck\d{1,2}_value", key) and answers[key]]
    return max(least, max(filled, default=0) + 1)


# ---------------------------------------------------------------- answers as a Bundle


def bundle_of(answers: Answers, today: dt.date | None = None) -> bytes:
    """The record that the answers make. Raises FormError."""
    day = _date(answers, "as_of") or (today or dt.date.today()).isoformat()
    entries: list[dict[str, Any]] = [_patient(answers)]
    entries += _ck_results(answers, day)
    entries += _statin(answers, day)
    for question in QUESTIONS:
        value = answers.get(question.id, "").strip()
        if value:
            entries.append(_entry(question, value, day))
    for number, entry in enumerate(entries[1:], 1):
        entry.setdefault("id", f"entered-{number}")
        entry["subject"] = {"reference": f"Patient/{entries[0]['id']}"}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": f"{day}T00:00:00Z" if len(day) == 10 else None,
        "entry": [{"resource": entry} for entry in entries],
    }
    return msgspec.json.encode({key: value for key, value in bundle.items() if value})


def measures_bundle(patient: str, measures: Iterable[Measure]) -> bytes:
    """Results entered on a patient's page, as a record."""
    entries: list[dict[str, Any]] = [{"resourceType": "Patient", "id": patient}]
    for measure in measures:
        concept = "creatine_kinase_total" if measure.kind == "ck" else "mmt8"
        entry = _observation(concept, measure.taken_on, f"entered-{measure.id}")
        unit = UNITS.get(measure.unit, measure.unit)
        entry["valueQuantity"] = {"value": measure.value, "unit": measure.unit, "code": unit}
        if measure.uln is not None:
            entry["referenceRange"] = [{"high": {"value": measure.uln, "unit": measure.unit, "code": unit}}]
        entries.append(entry)
    return msgspec.json.encode(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": entry} for entry in entries]}
    )


def _patient(answers: Answers) -> dict[str, Any]:
    id = answers.get("patient", "").strip() or "entered"
    if not re.fullmatch(rf"[A-Za-z0-9.\-]{{1,{LONGEST_ID}}}", id):
        raise FormError(say("serve.form.bad_id", longest=LONGEST_ID))
    patient: dict[str, Any] = {"resourceType": "Patient", "id": id}
    if birth := _date(answers, "birth", partial=True):
        patient["birthDate"] = birth
    if (sex := answers.get("sex", "")) in ("female", "male"):
        patient["gender"] = sex
    return patient


def _ck_results(answers: Answers, day: str) -> list[dict[str, Any]]:
    found = []
    for number in range(1, ck_rows(answers)):
        value = _number(answers, f"ck{number}_value")
        if value is None:
            continue
        shown = answers.get(f"ck{number}_unit", "U/L")
        unit = UNITS.get(shown)
        if unit is None:
            raise FormError(say("serve.form.bad_unit"))
        entry = _observation("creatine_kinase_total", _date(answers, f"ck{number}_on", partial=True) or day)
        entry["valueQuantity"] = {"value": value, "unit": shown, "code": unit}
        limit = _number(answers, f"ck{number}_uln")
        if limit is not None:
            entry["referenceRange"] = [{"high": {"value": limit, "unit": shown, "code": unit}}]
        found.append(entry)
    return found


def _statin(answers: Answers, day: str) -> list[dict[str, Any]]:
    taken, drug = answers.get("statin", ""), answers.get("statin_name", "") or "statin"
    if taken not in ("now", "stopped", "never"):
        return []
    if drug not in statins():
        raise FormError(say("serve.form.bad_statin"))
    statuses = {"now": "active", "stopped": "stopped", "never": "not-taken"}
    entry = _medication(drug, statuses[taken], day)
    start = _date(answers, "statin_from", partial=True)
    stop = _date(answers, "statin_to", partial=True) if taken == "stopped" else None
    period = {key: value for key, value in (("start", start), ("end", stop)) if value}
    if period and taken != "never":
        entry["effectivePeriod"] = period
    return [entry]


def _entry(question: Question, value: str, day: str) -> dict[str, Any]:
    if question.answers and value not in question.answers:
        raise FormError(say("serve.form.bad_answer", question=question.label))
    if question.kind == "sign":
        return {
            "resourceType": "Condition",
            "code": _code(question.concept),
            "verificationStatus": {
                "coding": [{"system": _CONDITION, "code": "confirmed" if value == "yes" else "refuted"}]
            },
            "recordedDate": day,
        }
    if question.kind == "drug":
        return _medication(question.concept, "active" if value == "yes" else "not-taken", day)
    if question.kind == "report":
        return {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "code": _code(question.concept),
            "effectiveDateTime": day,
            "conclusion": question.texts[value],
        }
    entry = _observation(question.concept, day)
    if question.kind == "raised":
        entry["interpretation"] = [{"coding": [{"system": _INTERPRETATION, "code": "H" if value == "yes" else "N"}]}]
    elif question.kind == "antibody":
        words = {"positive": "positive", "weak": "weak positive", "negative": "negative"}
        entry["valueString"] = words[value]
    else:
        number = _number({question.id: value}, question.id)
        entry["valueQuantity"] = {"value": number, "unit": question.unit, "code": question.unit}
    return entry


def _observation(concept: str, day: str, id: str | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": _code(concept),
        "effectiveDateTime": day,
    }
    return entry if id is None else entry | {"id": id}


def _medication(concept: str, status: str, day: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationStatement",
        "status": status,
        "medicationCodeableConcept": _code(concept),
        "dateAsserted": day,
    }


def _code(concept: str) -> dict[str, Any]:
    """The concept's own label, with a code where an open code system has one that means exactly this."""
    found: dict[str, Any] = {"text": CONCEPTS[concept].label}
    coding = coding_of(concept)
    return found | {"coding": [coding]} if coding else found


def coding_of(concept: str) -> dict[str, str] | None:
    """The first exact code of a concept in an open code system."""
    for system, uri in SYSTEM_URIS.items():
        for code, rows in codes(system).items():
            if any(row.concept == concept and row.relation == "exact" and row.verified for row in rows):
                return {"system": uri, "code": code}
    return None


# ---------------------------------------------------------------- single answers


def _date(answers: Answers, name: str, partial: bool = False) -> str | None:
    """A date as entered (YYYY-MM-DD; where partial dates are understood also YYYY-MM or YYYY); None if left empty."""
    text = answers.get(name, "").strip()
    if not text:
        return None
    field = re.sub(r"\d+", "", name)
    if not _DATE.fullmatch(text) or (len(text) < 10 and not partial):
        raise FormError(say("serve.form.bad_date", field=say(f"serve.field.{field}")))
    try:
        dt.date.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
    except ValueError:
        raise FormError(say("serve.form.bad_date", field=say(f"serve.field.{field}"))) from None
    return text


def _number(answers: Answers, name: str) -> float | None:
    """A number of zero or more; None if left empty. A decimal comma is not guessed at."""
    text = answers.get(name, "").strip()
    if not text:
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text):
        raise FormError(say("serve.form.bad_number", value_of=_what(name)))
    return float(text)


def _what(name: str) -> str:
    field = re.sub(r"\d+", "", name)
    known = {question.id: question.label for question in QUESTIONS}
    return known[name] if name in known else say(f"serve.field.{field}")
