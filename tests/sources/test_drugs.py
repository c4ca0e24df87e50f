"""Drugs: what was taken, since when, until when, under whatever name and reference."""

from __future__ import annotations

from typing import Any

import pytest

from .build import RXNORM, coded, days, entry, known, of, one, problems, reading

SIMVASTATIN = coded("simvastatin", RXNORM, "36567")


def statement(medication: dict[str, Any], status: str = "active", id: str = "m", **fields: Any) -> dict[str, Any]:
    fields = {"dateAsserted": "2024-02-01", **fields}
    return entry("MedicationStatement", id, status=status, medicationCodeableConcept=medication, **fields)


def request(medication: dict[str, Any], status: str = "active", id: str = "m", **fields: Any) -> dict[str, Any]:
    fields = {"authoredOn": "2023-03-01", "intent": "order", **fields}
    return entry("MedicationRequest", id, status=status, medicationCodeableConcept=medication, **fields)


@pytest.mark.parametrize(
    ("text", "ingredient"),
    [
        ("Simvastatin 20 MG Oral Tablet", "simvastatin"),
        ("Simvistatin 10 MG", "simvastatin"),
        ("ATORVASTATIN CALCIUM 40MG TAB", "atorvastatin"),
        ("rosuvastatin (Crestor)", "rosuvastatin"),
        ("Caduet 10/20", "atorvastatin"),
        ("ezetimibe/simvastatin", "simvastatin"),
        ("statin", None),
    ],
)
def test_a_statin_by_its_name(text: str, ingredient: str | None) -> None:
    event = one(reading(statement(coded(text))), "statin")
    assert event.truth is True
    assert event.detail == ingredient


@pytest.mark.parametrize("text", ["Nystatin 100,000 units/mL", "imipenem/cilastatin", "pentostatin", "somatostatin"])
def test_what_only_ends_like_a_statin(text: str) -> None:
    assert not of(reading(statement(coded(text))), "statin")


def test_a_statement_with_its_period() -> None:
    found = reading(statement(SIMVASTATIN, "stopped", effectivePeriod={"start": "2019-05", "end": "2023-12-20"}))
    assert days(one(found, "statin")) == ("2019-05-01", "2019-05-31")
    assert days(one(found, "statin.stop")) == ("2023-12-20", "2023-12-20")
    assert known(one(found, "statin.stop")) == "2024-02-01"
    assert not of(found, "statin.active")
    (exposure,) = found.exposures
    assert (exposure.drug, exposure.start, exposure.stop, exposure.certain) == (
        "simvastatin", "2019-05", "2023-12-20", True
    )  # fmt: skip


def test_a_drug_in_use_without_a_start() -> None:
    found = reading(statement(SIMVASTATIN))
    assert days(one(found, "statin")) == (None, "2024-02-01")
    assert days(one(found, "statin.active")) == ("2024-02-01", "2024-02-01")
    assert not found.exposures[0].certain


def test_stopped_on_an_unknown_day_was_stopped_before_it_was_said() -> None:
    found = reading(statement(SIMVASTATIN, "stopped", effectivePeriod={"start": "2022-01-01"}))
    assert days(one(found, "statin.stop")) == ("2022-01-01", "2024-02-01")


def test_a_request_with_its_validity() -> None:
    validity = {"validityPeriod": {"start": "2022-06-01", "end": "2023-06-30"}}
    found = reading(request(SIMVASTATIN, "stopped", dispenseRequest=validity))
    assert days(one(found, "statin")) == ("2022-06-01", "2022-06-01")
    stop = one(found, "statin.stop")
    assert (days(stop), known(stop)) == (("2023-06-30", "2023-06-30"), "2023-06-30")


def test_an_active_request_with_an_end_is_a_plan_not_a_stop() -> None:
    found = reading(request(SIMVASTATIN, dispenseRequest={"validityPeriod": {"end": "2025-03-01"}}))
    assert not of(found, "statin.stop")
    assert days(one(found, "statin.active")) == ("2023-03-01", "2023-03-01")


def test_a_stop_cannot_be_later_than_the_record() -> None:
    found = reading(request(SIMVASTATIN, "stopped"), timestamp="2024-03-01T00:00:00Z")
    assert days(one(found, "statin.stop")) == ("2023-03-01", "2024-03-01")


@pytest.mark.parametrize(
    "use",
    [
        request(SIMVASTATIN, "entered-in-error"),
        request(SIMVASTATIN, "cancelled"),
        request(SIMVASTATIN, "draft"),
        request(SIMVASTATIN, intent="proposal"),
        request(SIMVASTATIN, intent="plan"),
        request(SIMVASTATIN, doNotPerform=True),
        statement(SIMVASTATIN, "intended"),
        entry("MedicationAdministration", "m", status="not-done", medicationCodeableConcept=SIMVASTATIN),
        entry("MedicationDispense", "m", status="declined", medicationCodeableConcept=SIMVASTATIN),
    ],
)
def test_what_was_never_taken_is_nothing(use: dict[str, Any]) -> None:
    found = reading(use)
    assert not of(found, "statin")
    assert not found.exposures


def test_not_taken_is_a_denial() -> None:
    found = reading(statement(SIMVASTATIN, "not-taken"))
    assert [event.truth for event in of(found, "simvastatin")] == [False]


def test_doses_given_are_one_exposure_from_the_first() -> None:
    doses = [
        entry("MedicationAdministration", f"m{day}", status="completed", medicationCodeableConcept=SIMVASTATIN,
              effectiveDateTime=f"2024-01-{day:02d}T08:00:00Z")
        for day in (5, 3, 4)
    ]  # fmt: skip
    found = reading(*doses)
    assert sorted(days(event) for event in of(found, "statin")) == [(f"2024-01-0{day}",) * 2 for day in (3, 4, 5)]
    assert len(of(found, "statin.active")) == 3
    assert [(exposure.drug, exposure.start) for exposure in found.exposures] == [("simvastatin", "2024-01-03")]


def medication(id: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": id, **fields}


def referring(reference: str, **fields: Any) -> dict[str, Any]:
    return entry("MedicationRequest", "m", status="active", authoredOn="2023-01-01",
                 medicationReference={"reference": reference}, **fields)  # fmt: skip


@pytest.mark.parametrize(
    "reference", ["Medication/d1", "http://h.example/fhir/Medication/d1", "Medication/d1/_history/3"]
)
def test_a_medication_by_reference(reference: str) -> None:
    found = reading(medication("d1", code=SIMVASTATIN), referring(reference))
    assert one(found, "statin").detail == "simvastatin"


def test_a_contained_medication() -> None:
    inner = medication(
        "d1", ingredient=[{"itemCodeableConcept": coded("amlodipine")}, {"itemCodeableConcept": SIMVASTATIN}]
    )
    found = reading(referring("#d1", contained=[inner]))
    assert one(found, "statin").detail == "simvastatin"
    assert of(found, "amlodipine")


def test_ingredients_by_reference_and_a_circle_of_references() -> None:
    found = reading(
        medication("mix", ingredient=[{"itemReference": {"reference": "Medication/d1"}},
                                      {"itemReference": {"reference": "Medication/mix"}}]),
        medication("d1", code=SIMVASTATIN),
        referring("Medication/mix"),
    )  # fmt: skip
    assert one(found, "statin").detail == "simvastatin"


def test_a_name_among_the_identifiers() -> None:
    named = medication("d1", code=coded(None, "http://local.example/ndc", "51079030020"),
                       identifier=[{"value": "51079030020"}, {"value": "Simvastatin"}])  # fmt: skip
    assert one(reading(named, referring("Medication/d1")), "statin").detail == "simvastatin"


def test_a_medication_that_is_not_there() -> None:
    found = reading(referring("Medication/gone"))
    assert problems(found) == ["the medication it refers to is not in the record"]


@pytest.mark.parametrize(
    ("text", "dosage"),
    [
        ("prednisolone eye drops", None),
        ("hydrocortisone 1% cream", None),
        ("prednisolone", {"route": coded("Ophthalmic")}),
    ],
)
def test_a_drug_for_one_place_is_no_systemic_exposure(text: str, dosage: dict[str, Any] | None) -> None:
    fields: dict[str, Any] = {"dosageInstruction": [dosage]} if dosage else {}
    assert not of(reading(request(coded(text), **fields)), "systemic_glucocorticoid")


def test_a_systemic_steroid() -> None:
    event = one(reading(request(coded("prednisolone 40 mg"), dosageInstruction=[{"route": coded("Oral")}])),
                "systemic_glucocorticoid")  # fmt: skip
    assert event.detail == "prednisolone"
