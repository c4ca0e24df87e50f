"""Problems, allergies, relatives, procedures: what a record states, denies, suspects, or has behind it."""

from __future__ import annotations

from typing import Any

import pytest

from .build import PATIENT, SNOMED, coded, condition, days, entry, known, nearly, of, one, problems, reading

ACTIVE = {"coding": [{"code": "active"}]}
RESOLVED = {"coding": [{"code": "resolved"}]}


def test_birth_and_sex() -> None:
    found = reading()
    assert days(one(found, "birth")) == ("1958-03-04", "1958-03-04")
    assert one(found, "sex").detail == "female"
    assert found.patient == "p1"


def test_a_partial_birth_date_is_a_span_and_a_missing_one_is_unknown() -> None:
    assert days(one(reading(patient={**PATIENT, "birthDate": "1958"}), "birth")) == ("1958-01-01", "1958-12-31")
    assert not of(reading(patient={"resourceType": "Patient", "id": "p1"}), "birth")
    assert not of(reading(patient={**PATIENT, "gender": "unknown"}), "sex")


@pytest.mark.parametrize(
    ("status", "truth"),
    [(None, True), ("confirmed", True), ("refuted", False), ("unconfirmed", None), ("provisional", None),
     ("differential", None)],
)  # fmt: skip
def test_the_verification_status_is_the_truth(status: str | None, truth: bool | None) -> None:
    event = one(reading(condition("Muscle pain", status=status)), "myalgia")
    assert event.truth is truth
    assert event.ref == "Condition/c"


def test_entered_in_error_is_nothing() -> None:
    assert not of(reading(condition("Muscle pain", status="entered-in-error")), "myalgia")


@pytest.mark.parametrize(
    "fields",
    [{"clinicalStatus": RESOLVED}, {"abatementDateTime": "2023-05"}, {"abatementString": "gone"},
     {"clinicalStatus": {"coding": [{"code": "remission"}]}}],
)  # fmt: skip
def test_what_is_over_is_past(fields: dict[str, Any]) -> None:
    found = reading(condition("Muscle pain", **fields))
    assert one(found, "myalgia.past").truth is True
    assert not of(found, "myalgia")


@pytest.mark.parametrize(
    ("fields", "span"),
    [
        ({}, (None, "2024-02-10")),
        ({"onsetDateTime": "2023-11-05T10:00:00+01:00"}, ("2023-11-05", "2023-11-05")),
        ({"onsetDateTime": "2023"}, ("2023-01-01", "2023-12-31")),
        ({"onsetDateTime": "2024"}, ("2024-01-01", "2024-02-10")),
        ({"onsetPeriod": {"start": "2023-06", "end": "2023-09"}}, ("2023-06-01", "2023-06-30")),
        ({"onsetString": "2021-03"}, ("2021-03-01", "2021-03-31")),
        ({"onsetAge": {"value": 60, "unit": "a"}}, ("2018-03-04", "2019-03-04")),
        ({"note": [{"text": "progressive 2 months"}]}, ("2023-11-25", "2023-12-26")),
    ],
)
def test_a_problem_began_at_its_onset_else_no_later_than_recorded(
    fields: dict[str, Any], span: tuple[str | None, str]
) -> None:
    event = one(reading(condition("Proximal muscle weakness", **fields)), "proximal_muscle_weakness")
    assert nearly(event, *span), days(event)
    assert known(event) == "2024-02-10"


def test_an_encounter_dates_what_has_no_date() -> None:
    visit = {"resourceType": "Encounter", "id": "e1", "period": {"start": "2023-12-01", "end": "2023-12-05"}}
    for reference in ("Encounter/e1", "https://a.example/fhir/Encounter/e1", "Encounter/e1/_history/2"):
        found = reading(visit, entry("Condition", "c", code=coded("Muscle pain"), encounter={"reference": reference}))
        event = one(found, "myalgia")
        assert (days(event), known(event)) == ((None, "2023-12-05"), "2023-12-05")


def test_without_any_date_a_problem_is_always_seen() -> None:
    event = one(reading(entry("Condition", "c", code=coded("Muscle pain"))), "myalgia")
    assert days(event) == (None, None)
    assert event.known == float("-inf")


def test_a_date_that_is_none_is_noted_and_the_problem_kept() -> None:
    found = reading(condition("Muscle pain", onsetDateTime="spring"))
    assert days(one(found, "myalgia")) == (None, "2024-02-10")
    assert problems(found) == ["a date was not understood and not used"]


def test_severity_from_code_and_from_note() -> None:
    weak = "Proximal muscle weakness"
    by_code = reading(condition(weak, severity={"coding": [{"system": SNOMED, "code": "24484000"}]}))
    by_note = reading(condition(weak, note=[{"text": "MRC 2/5"}]))
    assert one(by_code, "proximal_muscle_weakness").grade == one(by_note, "proximal_muscle_weakness").grade == "severe"
    assert one(reading(condition(weak)), "proximal_muscle_weakness").grade is None


def test_a_note_that_contradicts_the_entry_leaves_it_unknown() -> None:
    found = reading(condition("Skin rash", note=[{"text": "no skin signs at present"}]))
    assert one(found, "rash_any").truth is None
    assert problems(found) == ["the words contradict what the entry states; it counts as unknown"]


def test_weakness_that_the_examination_does_not_find() -> None:
    note = [{"text": "feels weak, normal power on examination"}]
    found = reading(condition("Proximal muscle weakness", note=note))
    assert one(found, "proximal_muscle_weakness").truth is None
    strength = one(found, "strength_normal")
    assert strength.truth is True and days(strength) == ("2024-02-10", "2024-02-10")


def test_a_refuted_entry_stays_refuted_whatever_its_note() -> None:
    found = reading(condition("Skin rash", status="refuted", note=[{"text": "no skin signs"}]))
    assert one(found, "rash_any").truth is False
    assert not found.problems


def test_weakness_of_unknown_place_is_only_weakness() -> None:
    found = reading(condition("Proximal muscle weakness", note=[{"text": "weakness, distribution not recorded"}]))
    assert one(found, "proximal_muscle_weakness").truth is None
    assert {event.truth for event in of(found, "muscle_weakness")} == {True}


def test_tempo_becomes_events_of_its_own() -> None:
    found = reading(condition("Proximal muscle weakness", note=[{"text": "rapidly progressive, symmetric"}]))
    assert one(found, "progressive_weakness").truth is True
    assert one(found, "rapid_progression").truth is True
    assert [event.truth for event in of(found, "asymmetric_weakness")] == [False]


@pytest.mark.parametrize(
    ("text", "note", "concept"),
    [
        ("Skin rash", "shawl sign", "shawl_sign"),
        ("Skin rash", "dermatomyositis-like", "skin_rash_dm"),
        ("Cardiac involvement", "biopsy-proven myocarditis", "myocarditis"),
        ("Acute kidney injury", "dialysis", "dialysis"),
        ("Muscle pain", "legs, cramps", "muscle_cramp"),
    ],
)
def test_a_note_can_add_a_sign(text: str, note: str, concept: str) -> None:
    assert of(reading(condition(text, note=[{"text": note}])), concept)[0].truth is True
    assert not of(reading(condition(text, status="refuted", note=[{"text": note}])), concept)


@pytest.mark.parametrize("note", ["dermatomyositis suspected", "polymyositis?", "no myocarditis", "mother had cramps"])
def test_a_disease_or_a_denial_in_a_note_adds_nothing(note: str) -> None:
    concepts = {event.concept for event in reading(condition("Muscle pain", note=[{"text": note}])).events}
    assert concepts == {"birth", "sex", "myalgia"}


def test_code_and_text_agree_on_one_event() -> None:
    both = {"text": "Proximal muscle weakness", "coding": [
        {"system": SNOMED, "code": "249939004"},
        {"system": "http://human-phenotype-ontology.org", "code": "HP:0003701"},
    ]}  # fmt: skip
    assert one(reading(condition(code=both)), "proximal_muscle_weakness").truth is True


def test_words_that_deny_the_code() -> None:
    both = {"text": "No dysphagia", "coding": [{"system": "http://human-phenotype-ontology.org", "code": "HP:0002015"}]}
    assert one(reading(condition(code=both)), "dysphagia").truth is None


@pytest.mark.parametrize("text", ["Family history of muscular dystrophy", "family history of muscle disease"])
def test_a_relatives_disease_as_a_problem(text: str) -> None:
    found = reading(condition(text))
    assert one(found, "family_history_myopathy").truth is True
    assert not of(found, "muscular_dystrophy")


def test_a_relatives_disease_with_the_patients_code() -> None:
    both = {"text": "Family history: limb girdle muscular dystrophy",
            "coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G71.039"}]}  # fmt: skip
    found = reading(condition(code=both))
    assert one(found, "family_history_myopathy").truth is True
    assert not [event for event in found.events if "dystrophy" in event.concept or event.concept == "lgmd"]


def test_family_member_history() -> None:
    history = entry("FamilyMemberHistory", "f", status="completed", date="2023-01-02",
                    condition=[{"code": coded("Limb-girdle muscular dystrophy")},
                               {"code": coded("Breast cancer")}])  # fmt: skip
    found = reading(history)
    assert one(found, "family_history_myopathy").truth is True
    assert one(found, "family_history_malignancy").truth is True
    assert {event.concept for event in found.events} == {
        "birth", "sex", "family_history_myopathy", "family_history_malignancy"
    }  # fmt: skip
    assert not of(reading({**history, "status": "entered-in-error"}), "family_history_myopathy")


@pytest.mark.parametrize(
    "code",
    [
        coded("Atorvastatin"),
        coded("statin", SNOMED, "372912004"),
        coded("Allergy to statin", SNOMED, "294970008"),
        coded(None, "http://www.nlm.nih.gov/research/umls/rxnorm", "83367"),
    ],
)
def test_intolerance_of_a_statin_is_a_finding_and_proof_of_exposure(code: dict[str, Any]) -> None:
    found = reading(entry("AllergyIntolerance", "a", code=code, recordedDate="2022-07-01"))
    assert one(found, "statin_intolerance").truth is True
    statin = one(found, "statin")
    assert statin.truth is True and days(statin) == (None, "2022-07-01")


def test_refuted_and_unrelated_allergies() -> None:
    refuted = {"coding": [{"code": "refuted"}]}
    found = reading(entry("AllergyIntolerance", "a", code=coded("Simvastatin"), verificationStatus=refuted))
    assert one(found, "statin_intolerance").truth is False
    assert not of(found, "statin")
    for text in ("Penicillin", "No known allergies", "Nystatin"):
        assert not of(reading(entry("AllergyIntolerance", "a", code=coded(text))), "statin")


def test_the_reaction_is_past() -> None:
    reaction = [{"manifestation": [coded("Rhabdomyolysis")], "onset": "2020-05-05"}]
    found = reading(entry("AllergyIntolerance", "a", code=coded("Rosuvastatin"), reaction=reaction))
    assert days(one(found, "rhabdomyolysis.past")) == ("2020-05-05", "2020-05-05")
    assert one(found, "statin").detail == "rosuvastatin"


def test_procedures() -> None:
    biopsy = coded("Muscle biopsy", SNOMED, "178263003")
    found = reading(entry("Procedure", "p", status="completed", code=biopsy, performedDateTime="2024-01-20"))
    assert days(one(found, "muscle_biopsy")) == ("2024-01-20", "2024-01-20")
    for name in ("HIV antigen test", "Hepatitis B surface antigen measurement", "Electroencephalogram, seizure count"):
        tested = reading(entry("Procedure", "p", status="completed", code=coded(name)))
        assert {event.concept for event in tested.events} == {"birth", "sex"}, name
    for status in ("not-done", "entered-in-error", "preparation"):
        assert not of(reading(entry("Procedure", "p", status=status, code=biopsy)), "muscle_biopsy")
