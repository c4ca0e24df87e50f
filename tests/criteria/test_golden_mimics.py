"""Golden checks of the statin index, the CK bands, antibody results, genes and interactions."""

from __future__ import annotations

from typing import Any

import pytest

from imnm.knowledge.criteria import CALCULATORS
from imnm.knowledge.criteria.pharmacology import STATIN_PGX
from imnm.knowledge.criteria.statin import SAMS_CI

from .build import answered, run, yes

THIGHS = "thighs_or_hip_flexors"


def sams(
    id: str, location: str, onset: int, better: int | None, again: int | None, parts: tuple[int, ...], band: str
) -> Any:
    inputs: dict[str, Any] = {"location": location, "onset_days": onset, "ck": 150, "proximal_weakness": False}
    inputs |= (
        {"dechallenge": "not_improved"} if better is None else {"dechallenge": "improved", "improvement_days": better}
    )
    inputs |= (
        {"rechallenge": "did_not_recur"} if again is None else {"rechallenge": "recurred", "recurrence_days": again}
    )
    return pytest.param(inputs, parts, band, id=f"mimics:{id}")


@pytest.mark.parametrize(
    ("inputs", "parts", "band"),
    [
        sams("G1", THIGHS, 10, 7, 20, (3, 3, 2, 3), "probable"),
        sams("G2", "calves", 42, 21, 56, (2, 2, 1, 1), "unlikely"),
        sams("G3", THIGHS, 21, 10, None, (3, 3, 2, 0), "possible"),
        sams("G4", "proximal_arms", 20, 20, 20, (2, 3, 1, 3), "probable"),
        sams("G5", "asymmetric_or_nonspecific", 100, None, None, (1, 1, 0, 0), "unlikely"),
        sams("G6", THIGHS, 56, 10, None, (3, 2, 2, 0), "possible"),
    ],
)
def test_sams_ci(inputs: dict[str, Any], parts: tuple[int, ...], band: str) -> None:
    answer = run("sams-ci", **inputs)
    assert tuple(answer.extra["numbers"][part].low for part in "ABCD") == parts
    assert (answer.score, answer.class_) == (sum(parts), band)


@pytest.mark.parametrize(("ck", "weak"), [pytest.param(7000, True, id="mimics:G7"), (7000, None), (None, True)])
def test_a_low_index_is_greyed_where_imnm_comes_first(ck: float | None, weak: bool | None) -> None:
    answer = run("sams-ci", location=THIGHS, onset_days=3 * 365, dechallenge="not_improved", rechallenge="not_done",
                 ck=ck, proximal_weakness=weak)  # fmt: skip
    assert answer.score_range == (4, 7)
    assert answer.extra["class_if_unknown_counts_nothing"] == "unlikely"
    assert answer.extra["greyed"]
    assert "imnm_first" in answer.notes
    assert not {"rechallenge", "recurrence_days"} & set(answer.missing), "never asks for a rechallenge"
    assert SAMS_CI.never_lowers


@pytest.mark.parametrize(
    ("part", "inputs", "points"),
    [
        pytest.param("B", {"onset_days": 28}, 2, id="mimics:G8"),
        pytest.param("B", {"onset_days": 27}, 3, id="mimics:G8-before"),
        pytest.param("B", {"onset_days": 84}, 2, id="mimics:G9"),
        pytest.param("B", {"onset_days": 85}, 1, id="mimics:G9-after"),
        pytest.param("C", {"improvement_days": 14}, 1, id="mimics:G10"),
        pytest.param("C", {"improvement_days": 13}, 2, id="mimics:G10-13"),
        pytest.param("C", {"improvement_days": 28}, 1, id="mimics:G10-28"),
        pytest.param("C", {"improvement_days": 29}, 0, id="mimics:G10-29"),
        pytest.param("D", {"recurrence_days": 28}, 1, id="mimics:G11"),
        pytest.param("D", {"recurrence_days": 27}, 3, id="mimics:G11-27"),
        pytest.param("D", {"recurrence_days": 84}, 1, id="mimics:G11-84"),
        pytest.param("D", {"recurrence_days": 85}, 0, id="mimics:G11-85"),
    ],
)
def test_sams_ci_days(part: str, inputs: dict[str, int], points: int) -> None:
    number = run("sams-ci", **inputs).extra["numbers"][part]
    assert (number.low, number.high) == (points, points)


@pytest.mark.parametrize(
    ("onset", "better", "total", "band"),
    [
        pytest.param(10, 7, 8, None, id="mimics:G12"),
        pytest.param(100, None, 4, None, id="mimics:G12-4"),
        pytest.param(100, 20, 5, None, id="mimics:G12-5"),
    ],
)
def test_sams_ci_without_rechallenge(onset: int, better: int | None, total: int, band: str | None) -> None:
    after = {"dechallenge": "not_improved"} if better is None else {"improvement_days": better}
    answer = run("sams-ci", location=THIGHS, onset_days=onset, rechallenge="not_done", ck=150, proximal_weakness=False,
                 **after)  # fmt: skip
    assert answer.score_range == (total, total + 3)
    assert (answer.class_, answer.extra["complete"]) == (band, False)


def test_sams_ci_keeps_a_band_that_the_open_item_cannot_change() -> None:
    answer = run("sams-ci", location="asymmetric_or_nonspecific", onset_days=100, dechallenge="not_improved",
                 rechallenge="not_done", ck=150, proximal_weakness=False)  # fmt: skip
    assert (answer.score_range, answer.class_) == ((2, 5), "unlikely")


SYMPTOMS = yes("muscle_symptoms")


@pytest.mark.parametrize(
    ("inputs", "times", "eas", "rules", "notes"),
    [
        pytest.param(SYMPTOMS | {"ck": 180}, 0.9, "myalgia_normal_ck", {}, set(), id="mimics:E1"),
        pytest.param(SYMPTOMS | {"ck": 600}, 3, "above_uln_below_4x", {}, set(), id="mimics:E2"),
        pytest.param(SYMPTOMS | {"ck": 800}, 4, "from_4x_to_10x", {}, set(), id="mimics:E3"),
        pytest.param(SYMPTOMS | {"ck": 2000}, 10, "above_10x", {}, {"imnm_screen"}, id="mimics:E4"),
        pytest.param(SYMPTOMS | {"ck": 8000}, 40, "above_10x", {}, {"rhabdomyolysis_limits"}, id="mimics:E5"),
        pytest.param(SYMPTOMS | {"ck": 8200} | yes("kidney_function_unstable"), 41, "rhabdomyolysis", {}, set(),
                     id="mimics:E6"),
        pytest.param({"ck": 900}, 4.5, "no_symptoms_from_4x", {}, set(), id="mimics:E7"),
        pytest.param({"ck": 1050} | yes("before_statin"), 5.25, "no_symptoms_from_4x",
                     {"label": "do_not_start", "nice": "repeat_7_days"}, set(), id="mimics:E8"),
        pytest.param({"ck": 1000} | yes("before_statin"), 5, "no_symptoms_from_4x",
                     {"label": "says_nothing", "nice": "says_nothing"}, set(), id="mimics:E9"),
        pytest.param(SYMPTOMS | {"ck": 20, "ck_unit": "ukat/L"}, 6, "from_4x_to_10x", {}, set(), id="mimics:E10"),
    ],
)  # fmt: skip
def test_ck_bands(inputs: dict[str, Any], times: float, eas: str, rules: dict[str, str], notes: set[str]) -> None:
    answer = answered("ck-bands", uln=200, **inputs)
    assert (answer.extra["times_uln"], answer.class_) == (times, eas)
    assert {id: answer.extra["rules"][id]["class"] for id in rules} == rules
    assert notes <= set(answer.notes)


@pytest.mark.parametrize(
    ("inputs", "hmgcr", "srp", "notes"),
    [
        pytest.param({"hmgcr_value": 65, "hmgcr_scale": "20_unit", "ck": 5000, "uln": 200, "proximal_weakness": True},
                     "strong_with_picture", None, set(), id="mimics:M10"),
        pytest.param({"hmgcr_value": 25, "hmgcr_scale": "20_unit", "ck_elevated": False, "proximal_weakness": False},
                     "weak_without_picture", None, set(), id="mimics:M11"),
        pytest.param({"hmgcr_value": 19.9, "hmgcr_scale": "20_unit"}, "negative", None, set(), id="mimics:M12"),
        pytest.param({"hmgcr_value": 20.0, "hmgcr_scale": "20_unit", "ck_elevated": True, "proximal_weakness": True},
                     "weak_with_picture", None, set(), id="mimics:M12-20"),
        pytest.param({"srp_result": "weak", "srp_assay": "line_blot", "hep2_pattern": "nuclear", "ck": 90, "uln": 200},
                     None, "probable_false_positive", set(), id="mimics:M13"),
        pytest.param({"srp_result": "strong", "srp_assay": "line_blot", "several_msa_on_blot": True},
                     None, "technical_false_positive_likely", {"several_msa"}, id="mimics:M14"),
        pytest.param({"panel_lists_hmgcr": False}, "not_tested", None, {"hmgcr_not_on_panel"}, id="mimics:M15"),
        pytest.param({"hmgcr_result": "negative", "srp_result": "negative", "ck": 4000, "uln": 200,
                      "proximal_weakness": True},
                     "negative_with_picture", "negative", {"both_negative_with_picture"}, id="mimics:M16"),
        pytest.param({"srp_result": "strong", "srp_assay": "line_blot", "hep2_pattern": "cytoplasmic_fine_speckled",
                      "ck": 7000, "proximal_weakness": True},
                     None, "consistent", {"srp_cytoplasmic_supports"}, id="mimics:M39"),
        pytest.param({"srp_result": "positive", "srp_assay": "line_blot", "hep2_pattern": "negative", "ck": 150,
                      "uln": 200},
                     None, "positive_without_pattern", set(), id="mimics:M40"),
        pytest.param({"srp_result": "negative", "srp_assay": "line_blot", "hmgcr_result": "negative", "ck": 4000,
                      "uln": 200, "proximal_weakness": True},
                     "negative_with_picture", "negative_srp54", {"both_negative_with_picture"}, id="mimics:M41"),
    ],
)  # fmt: skip
def test_antibody_results(inputs: dict[str, Any], hmgcr: str | None, srp: str | None, notes: set[str]) -> None:
    answer = run("hmgcr-result", **inputs)
    assert answer.class_ == hmgcr
    assert answer.extra["rules"]["srp"]["class"] == srp
    assert notes <= set(answer.notes)


def test_plain_positive_is_not_called_weak() -> None:
    answer = run("hmgcr-result", hmgcr_result="positive", hmgcr_assay="elisa", ck=5000, uln=200, proximal_weakness=True)
    assert answer.class_ == "positive_with_picture"
    assert answer.extra["rules"]["weight"]["class"] == "full"


def test_a_value_of_another_kit_is_read_against_its_own_limit() -> None:
    picture = {"ck_elevated": True, "proximal_weakness": True}
    assert run("hmgcr-result", hmgcr_value=65, hmgcr_cutoff=100, **picture).class_ == "negative_with_picture"
    assert run("hmgcr-result", hmgcr_value=6, hmgcr_cutoff=3, **picture).class_ == "positive_with_picture"


@pytest.mark.parametrize(
    ("inputs", "class_", "expected"),
    [
        pytest.param({"statin": "simvastatin", "dose_mg": 40, "slco1b1": "*5/*5"}, "alternative", {}, id="mimics:P1"),
        pytest.param({"statin": "atorvastatin", "dose_mg": 80, "slco1b1": "*1/*5"}, "start_max",
                     {"max_mg": 40, "dose_within_limit": False}, id="mimics:P2"),
        pytest.param({"statin": "rosuvastatin", "dose_mg": 20, "abcg2": "poor", "slco1b1": "decreased"}, "max",
                     {"max_mg": 10, "dose_within_limit": False}, id="mimics:P3"),
        pytest.param({"statin": "fluvastatin", "dose_mg": 40, "cyp2c9": "poor"}, "max",
                     {"max_mg": 20, "dose_within_limit": False}, id="mimics:P4"),
        pytest.param({"statin": "simvastatin", "interacting_drugs": "clarithromycin"}, "contraindicated", {},
                     id="mimics:P5"),
        pytest.param({"statin": "simvastatin", "dose_mg": 40, "interacting_drugs": "amlodipine", "jurisdiction": "uk"},
                     "max", {"max_mg": 20, "dose_within_limit": False}, id="mimics:P6"),
        pytest.param({"statin": "simvastatin", "dose_mg": 40, "interacting_drugs": "amlodipine", "jurisdiction": "us"},
                     "max", {"max_mg": 20, "dose_within_limit": False}, id="mimics:P6-us"),
        pytest.param({"statin": "simvastatin", "dose_mg": 20, "interacting_drugs": "diltiazem", "jurisdiction": "us"},
                     "max", {"max_mg": 10, "dose_within_limit": False}, id="mimics:P7"),
        pytest.param({"statin": "simvastatin", "dose_mg": 20, "interacting_drugs": "diltiazem", "jurisdiction": "uk"},
                     "max", {"max_mg": 20, "dose_within_limit": True}, id="mimics:P7-uk"),
        pytest.param({"statin": "rosuvastatin", "dose_mg": 10, "interacting_drugs": "ciclosporin",
                      "jurisdiction": "us"}, "max", {"max_mg": 5, "dose_within_limit": False}, id="mimics:P8"),
        pytest.param({"statin": "atorvastatin", "dose_mg": 40, "interacting_drugs": "clarithromycin"}, "max",
                     {"max_mg": 20, "dose_within_limit": False}, id="mimics:P9"),
        pytest.param({"statin": "atorvastatin", "interacting_drugs": "fusidic_acid_systemic",
                      "last_fusidic_acid_on": "2024-03-01"}, "stop_statin", {"statin_not_before": "2024-03-08"},
                     id="mimics:P11"),
        pytest.param({"statin": "simvastatin", "interacting_drugs": "fusidic_acid_topical", "slco1b1": "normal",
                      "abcg2": "normal", "cyp2c9": "normal"}, "nothing", {"advice": []}, id="mimics:P12"),
    ],
)  # fmt: skip
def test_genes_and_interactions(inputs: dict[str, Any], class_: str, expected: dict[str, Any]) -> None:
    answer = run("statin-pgx", **inputs)
    assert answer.class_ == class_
    assert {key: answer.extra[key] for key in expected} == expected


@pytest.mark.parametrize("statin", [pytest.param("simvastatin", id="mimics:P10")])
def test_normal_genes_say_nothing_about_imnm(statin: str) -> None:
    answer = run("statin-pgx", statin=statin, slco1b1="normal", abcg2="normal", cyp2c9="normal",
                 interacting_drugs="none")  # fmt: skip
    assert (answer.class_, answer.extra["advice"]) == ("nothing", [])
    assert "not_about_imnm" in answer.notes
    assert STATIN_PGX.never_lowers


def test_several_interacting_drugs_and_the_strictest_leads() -> None:
    answer = run(
        "statin-pgx", statin="simvastatin", interacting_drugs=["amlodipine", "clarithromycin"], jurisdiction="uk"
    )
    assert answer.class_ == "contraindicated"
    assert [row["action"] for row in answer.extra["advice"]] == ["contraindicated", "max"]


def test_every_calculator_of_the_contract_is_there() -> None:
    assert {"eular-acr-2017", "enmc-2016", "bohan-peter-1975", "enmc-ibm-2011", "antisynthetase", "mohassel", "sams-ci",
            "ck-bands", "hmgcr-result", "statin-pgx", "mmt8", "imacs-doi", "tis-2016",
            "imacs-cancer-2023"} <= set(CALCULATORS)  # fmt: skip
