"""What short notes beside an entry say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imnm.sources.notes import read_course, read_note, read_strength

WEAK = "proximal_muscle_weakness"


@pytest.mark.parametrize(
    ("note", "grade"),
    [
        ("severe", "severe"),
        ("profound, lower limbs", "severe"),
        ("wheelchair-dependent", "severe"),
        ("bedridden for a week", "severe"),
        ("cannot walk", "severe"),
        ("strength 2/5 hips, 4/5 shoulders", "severe"),
        ("MRC 3/5", "severe"),
        ("MRC grade 2-3", "severe"),
        ("deltoids 3+, biceps 4", "severe"),
        ("4/5 throughout", "moderate"),
        ("MRC 4", "moderate"),
        ("hip flexors 4-/5", "moderate"),
        ("mild", "mild"),
        ("slight, shoulders only", "mild"),
        ("moderate", "moderate"),
        ("not severe", None),
        ("severe thigh atrophy", None),
        ("legs", None),
        ("Gowers 12 s", None),
        ("since 2019", None),
    ],
)
def test_severity(note: str, grade: str | None) -> None:
    assert read_note(WEAK, note).grade == grade


@pytest.mark.parametrize(
    ("note", "concept", "truth"),
    [
        ("progressive", "progressive_weakness", True),
        ("slowly worsening", "progressive_weakness", True),
        ("rapidly progressive", "rapid_progression", True),
        ("progressed over days to tetraparesis", "rapid_progression", True),
        ("slowly progressive since 2015", "slow_course", True),
        ("symmetric", "asymmetric_weakness", False),
        ("symmetrical, hips", "asymmetric_weakness", False),
        ("asymmetric, right worse", "asymmetric_weakness", True),
        ("painless", "myalgia", False),
        ("unable to walk", "inability_to_walk", True),
        ("legs > arms", "lower_limb_predominant", True),
        ("tender thighs", "muscle_tenderness", True),
    ],
)
def test_tempo_and_distribution(note: str, concept: str, truth: bool) -> None:
    assert (concept, truth) in read_note(WEAK, note).also


@pytest.mark.parametrize("note", ["non-progressive", "not progressive", "no progression", "stable for years"])
def test_denied_progression_is_not_progression(note: str) -> None:
    assert ("progressive_weakness", True) not in read_note(WEAK, note).also


@pytest.mark.parametrize(
    ("concept", "note"),
    [
        ("rash_any", "no skin signs at presentation"),
        ("heliotrope_rash", "no erythema of the lids"),
        ("dysphagia", "no swallowing trouble"),
        ("ptosis", "no ptosis on repeated examination"),
        (WEAK, "symptom reported, examination normal"),
        (WEAK, "no objective weakness"),
        (WEAK, "full power on examination"),
        ("myalgia", "painless"),
        ("ild", "no lung disease on CT"),
    ],
)
def test_a_note_can_contradict_its_entry(concept: str, note: str) -> None:
    assert read_note(concept, note).contradicts


@pytest.mark.parametrize(
    ("concept", "note"),
    [
        ("rash_any", "no itching"),
        ("respiratory_failure", "not ventilated"),
        (WEAK, "no relief from rest"),
        ("dysphagia", "no weight loss"),
        ("rash_any", "erythema of the chest"),
    ],
)
def test_a_denial_of_something_else_is_no_contradiction(concept: str, note: str) -> None:
    assert not read_note(concept, note).contradicts


def test_an_examination_without_weakness_is_full_strength() -> None:
    assert ("strength_normal", True) in read_note(WEAK, "complains of weakness, normal strength on examination").also


def test_an_unknown_place_of_weakness() -> None:
    assert read_note(WEAK, "distribution not stated").unlocated


@pytest.mark.parametrize(
    ("note", "least", "most"),
    [("progressive 3 months", 75, 108), ("2 weeks", 10, 18), ("for six months", 167, 200), ("over 3 years", 912, 1280)],
)
def test_a_duration(note: str, least: float, most: float) -> None:
    duration = read_note(WEAK, note).duration
    assert duration is not None
    assert duration.low == pytest.approx(least, abs=2)
    assert duration.high == pytest.approx(most, abs=2)


@pytest.mark.parametrize("note", ["dialysis for 1 month", "walks 2 days a week", "since 41 years"])
def test_what_is_no_duration_of_the_entry(note: str) -> None:
    assert read_note(WEAK, note).duration is None


def test_an_age_of_onset() -> None:
    age = read_note(WEAK, "toe walking from age 4").age
    assert age is not None and age.low / 365.2425 == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("normal", {"strength_normal": True}),
        ("full strength", {"strength_normal": True}),
        ("5/5 throughout", {"strength_normal": True}),
        ("improved", {"strength_improved": True, "strength_worse": False}),
        ("much better", {"strength_improved": True, "strength_worse": False}),
        ("near normal", {"strength_improved": True, "strength_worse": False, "strength_normal": False}),
        ("worse", {"strength_worse": True, "strength_improved": False, "strength_normal": False}),
        ("no better", {"strength_improved": False}),
        ("no response to treatment", {"strength_improved": False}),
        ("still weak", {"strength_normal": False}),
        ("MRC 4/5", {"strength_normal": False}),
        ("cannot stand unaided", {"strength_normal": False}),
        ("4-5/5", {}),
        ("never normal", {"strength_normal": False}),
        ("not examined", {}),
    ],
)
def test_strength_compared_with_before(text: str, says: dict[str, bool]) -> None:
    assert dict(read_strength(text)) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CK normalised", {"creatine_kinase_total": "normal"}),
        ("CK and TSH normal", {"creatine_kinase_total": "normal", "tsh": "normal"}),
        ("CK still raised; creatinine normal", {"creatine_kinase_total": "high", "creatinine": "normal"}),
        ("CK never normal", {}),
        ("CK not normal", {}),
        ("CK-MB normal", {}),
        ("home after two weeks", {}),
        ("renal function recovered", {}),
    ],
)
def test_laboratory_values_in_the_course(text: str, says: dict[str, str]) -> None:
    assert dict(read_course(text)) == says


@given(st.text(max_size=200), st.sampled_from([WEAK, "myalgia", "dysphagia", "", "rash_any"]))
def test_no_note_breaks_the_reading(text: str, concept: str) -> None:
    read_note(concept, text)
    read_strength(text)
    read_course(text)
