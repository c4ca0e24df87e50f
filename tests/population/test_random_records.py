"""Whoever has a level by ``assess`` is listed by ``screen``, whatever a record is made of.

Records at random from all that we have codes, names and report texts for, as an export by type: nothing that was set
aside at first look, and nobody whom the gate left out, may matter.
"""

from __future__ import annotations

import base64
import csv
import json
import math
import random
import re
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imnm.population.rows import judged
from imnm.population.screen import ScreenOptions, screen
from imnm.sources import read
from imnm.sources.bulk import _SPEAKS
from imnm.sources.text import read_report

Resource = dict[str, Any]
SYSTEMS = {
    "loinc": "http://loinc.org", "snomed": "http://snomed.info/sct", "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm", "hpo": "http://purl.obolibrary.org/obo/hp.owl",
}  # fmt: skip
NOTES = ("for three months", "resolved", "denies weakness", "cannot climb stairs", "ruled out", "since 2019")
ANSWERS = ("Positive", "negative", "strong positive", "equivocal", "1:320")
VALUES = (0, 3, 150, 900, 1200, 9000)
TITLES = ("muscle biopsy", "Muscle histology", "EMG", "Report", "Myositis panel")
KINDS = (
    *("Condition",) * 4, *("Observation",) * 4, *("DocumentReference",) * 2, *("DiagnosticReport",) * 2, "Procedure",
    "MedicationRequest", "MedicationStatement", "AllergyIntolerance", "FamilyMemberHistory",
)  # fmt: skip


def table(name: str) -> list[list[str]]:
    text = (resources.files("imnm.knowledge") / "data" / name).read_text(encoding="utf-8")
    return list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))[1:]


@cache
def codes() -> list[Resource]:
    coded = [{"system": url, "code": row[1]} for name, url in SYSTEMS.items() for row in table(f"codes/{name}.csv")]
    names = [name.lstrip("=<!~") for row in table("names.csv") for name in row[-1].split("|")]
    return [{"coding": [one]} for one in coded] + [{"text": name} for name in names]


@cache
def texts() -> list[str]:
    path = Path(__file__).resolve().parents[1] / "sources" / "report_texts.jsonl"
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


class Maker:
    """Makes the resources of a person."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def sometimes(self, share: float, **fields: Any) -> Resource:
        return fields if self.dice.random() < share else {}

    def code(self) -> Resource:
        return self.dice.choice(codes())

    def text(self) -> str:
        text = self.dice.choice(texts())
        return text if self.dice.random() < 0.5 else self.dice.choice(re.split(r"(?<=[.;])\s+", text))

    def attachment(self) -> Resource:
        return {"contentType": "text/plain", "data": base64.b64encode(self.text().encode()).decode()}

    def value(self) -> Resource:
        pick = self.dice.choice
        unit = self.sometimes(0.8, unit=pick(("U/L", "ukat/L", "mg/L")))
        return {
            **pick(({"valueQuantity": {"value": pick(VALUES), **unit}}, {"valueString": pick(ANSWERS)},
                    {"valueCodeableConcept": self.code()}, {})),
            **self.sometimes(0.3, interpretation=[{"coding": [{"code": pick(("H", "N", "POS"))}]}]),
            **self.sometimes(0.4, referenceRange=[{"high": {"value": 200}}]),
        }  # fmt: skip

    def resource(self, patient: str, number: int) -> Resource:
        pick = self.dice.choice
        kind = pick(KINDS)
        day = f"20{pick(range(18, 24))}-0{pick(range(1, 9))}-1{pick(range(9))}"
        day = pick((day, day, day, day[:7], day[:4]))
        fields: dict[str, Resource] = {
            "Condition": {"code": self.code(), **self.sometimes(0.2, note=[{"text": pick(NOTES)}]),
                          **self.sometimes(0.9, **{pick(("recordedDate", "onsetDateTime")): day})},
            "Observation": {"status": "final", "code": self.code(), **self.sometimes(0.9, effectiveDateTime=day),
                            **self.value(), **self.sometimes(0.2, component=[{"code": self.code(), **self.value()}]),
                            **self.sometimes(0.1, note=[{"text": pick(NOTES)}])},
            "DocumentReference": {"status": "current", "date": "2020-01-01", "content": [
                {"attachment": pick((self.attachment(), {"url": "http://elsewhere"}))}],
                "type": pick((self.code(), {"text": pick(TITLES)}))},
            "DiagnosticReport": {"status": "final", "code": pick((self.code(), {"text": pick(TITLES)})),
                                 "effectiveDateTime": day, **self.sometimes(0.5, conclusion=self.text()),
                                 **self.sometimes(0.3, presentedForm=[self.attachment()]),
                                 **self.sometimes(0.2, conclusionCode=[self.code()])},
            "Procedure": {"status": "completed", "code": self.code(), "performedDateTime": day},
            "MedicationRequest": {"status": pick(("active", "completed")), "intent": "order", "authoredOn": day,
                                  "medicationCodeableConcept": self.code()},
            "MedicationStatement": {"status": pick(("active", "stopped")), "effectivePeriod": {"start": day},
                                    "medicationCodeableConcept": self.code()},
            "AllergyIntolerance": {"code": self.code(), "recordedDate": day},
            "FamilyMemberHistory": {"status": "completed", "condition": [{"code": self.code()}]},
        }  # fmt: skip
        owner = "patient" if kind in ("AllergyIntolerance", "FamilyMemberHistory") else "subject"
        return {"resourceType": kind, "id": f"{patient}-{number}", owner: {"reference": f"Patient/{patient}"},
                **fields[kind]}  # fmt: skip

    def person(self, id: str) -> list[Resource]:
        patient = {"resourceType": "Patient", "id": id, "gender": "female", **self.sometimes(0.9, birthDate="1962")}
        return [patient, *(self.resource(id, number) for number in range(self.dice.choice((1, 1, 2, 3, 5))))]


def listed_as_assessed(seed: int, people: int) -> None:
    made = Maker(random.Random(seed))
    records = [made.person(f"p{number}") for number in range(people)]
    with tempfile.TemporaryDirectory() as folder:
        by_type: dict[str, list[Resource]] = {}
        for resource in (resource for record in records for resource in record):
            by_type.setdefault(resource["resourceType"], []).append(resource)
        for kind, resources_ in by_type.items():
            (Path(folder) / f"{kind}.ndjson").write_text("\n".join(map(json.dumps, resources_)) + "\n")
        answer = screen(folder, ScreenOptions(min_level="low", sample=0))
    bundles = [{"resourceType": "Bundle", "entry": [{"resource": one} for one in record]} for record in records]
    said = (judged(read(json.dumps(one).encode()), math.nan, setting="general-record", least="low") for one in bundles)
    assert answer.disagreements == []
    assert {row.patient_id: row for row in answer.worklist} == {
        verdict.row.patient_id: verdict.row for verdict in said if verdict.row is not None
    }


SEEDS = st.integers(0, 2**32)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(SEEDS)
def test_nobody_with_a_level_is_left_out(seed: int) -> None:
    listed_as_assessed(seed, 150)


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(SEEDS)
def test_nobody_with_a_level_is_left_out_of_many(seed: int) -> None:
    listed_as_assessed(seed, 400)


@pytest.mark.parametrize("title", ["", "Muscle histology", "Myositis panel"])
def test_no_text_that_states_a_finding_is_passed_over(title: str) -> None:
    """Reports whole, and what is left of them where only a part is sent."""
    parts = {part for text in texts() for part in (text, *re.split(r"(?<=[.;\n])\s+", text))}
    for part in parts:
        if not _SPEAKS.search(f"{title}\n{part}".encode()):
            assert read_report(part, None, title) == [], part


@pytest.mark.parametrize("title", ["Muscle histology", "muscle biopsy"])
def test_a_document_is_known_by_its_type(title: str) -> None:
    text = base64.b64encode(b"Necrotic fibres are seen throughout; lymphocytes are not.").decode()
    document = {"resourceType": "DocumentReference", "id": "d", "status": "current", "date": "2020-01-01",
                "subject": {"reference": "Patient/p"}, "type": {"text": title},
                "content": [{"attachment": {"contentType": "text/plain", "data": text}}]}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        lines = [{"resourceType": "Patient", "id": "p"}, document]
        (Path(folder) / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
        (row,) = screen(folder, ScreenOptions(min_level="low")).worklist
    assert row.as_of == "2020-01-01"
