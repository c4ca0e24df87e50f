"""Golden checks of the criteria: each published or computed by hand, each under its own name."""

from __future__ import annotations

from typing import Any

import pytest

from .build import answered, run, yes

ARMS_LEGS = ("prox_ue", "prox_le")
PATTERN = (*ARMS_LEGS, "leg_prox_gt_dist", "ck_elevated")
SKIN = ("heliotrope", "gottron_papules", "gottron_sign")


def eular(id: str, age: float, items: tuple[str, ...], score: float, p: float, class_: str, subclass: str | None = None,
          biopsy: bool = False, **more: Any) -> Any:  # fmt: skip
    return pytest.param(age, items, biopsy, more, score, p, class_, subclass, id=f"criteria:{id}")


@pytest.mark.parametrize(
    ("age", "items", "biopsy", "more", "score", "p", "class_", "subclass"),
    [
        eular("E1", 67, (*PATTERN, "neck_flexor_weakness", "dysphagia"), 8.4, 0.9556, "definite", "pm_including_imnm"),
        eular("E2", 62, PATTERN, 5.8, 0.6154, "probable", "pm_including_imnm"),
        eular("E3", 62, PATTERN, 6.0, 0.3799, "not_iim", biopsy=True, biopsy_necrosis_predominant=True),
        eular("E4", 34, PATTERN, 5.0, 0.4182, "not_iim"),
        eular("E5", 34, (*PATTERN, "neck_flexor_weakness"), 6.9, 0.8278, "probable", "pm_including_imnm"),
        eular("E6", 34, (*PATTERN, "neck_flexor_weakness"), 6.9, 0.6011, "probable", "pm_including_imnm", biopsy=True,
              biopsy_necrosis_predominant=True),
        eular("E7", 45, (*ARMS_LEGS, *SKIN, "ck_elevated"), 13.4, 0.9997, "definite", "dm"),
        eular("E8", 50, SKIN, 10.6, 0.9949, "definite", "adm"),
        eular("E9", 68, ("prox_le", "dysphagia", "ck_elevated", "bx_endomysial", "biopsy_rimmed_vacuoles"), 9.5, 0.9530,
              "definite", "ibm", biopsy=True),
        eular("E10", 46, (*ARMS_LEGS, "anti_jo1", "ck_elevated"), 8.8, 0.9698, "definite", "pm_including_imnm"),
        eular("E11", 9, PATTERN, 3.7, 0.1638, "not_iim"),
        eular("E12", 40, ("neck_flexor_weakness", "ck_elevated"), 5.3, 0.4925, "possible"),
        eular("E13", 40, (*ARMS_LEGS, "neck_flexor_weakness"), 5.5, 0.5424, "probable", "pm_including_imnm"),
        eular("E14", 40, (*ARMS_LEGS, "neck_flexor_weakness", "dysphagia", "ck_elevated"), 7.5, 0.8975, "definite",
              "pm_including_imnm"),
        eular("E15", 40, ("prox_ue", "neck_flexor_weakness", "dysphagia", "ck_elevated"), 6.5, 0.5025, "possible",
              biopsy=True),
        eular("E16", 40, (*PATTERN, "neck_flexor_weakness", "bx_perimysial"), 8.8, 0.9097, "definite",
              "pm_including_imnm", biopsy=True),
        eular("E18", 45, ("gottron_sign",), 5.4, 0.5175, "possible"),
        eular("E19", 45, ("heliotrope", "gottron_papules"), 7.3, 0.8776, "probable", "adm"),
    ],
)  # fmt: skip
def test_eular_acr(age: float, items: tuple[str, ...], biopsy: bool, more: dict[str, Any], score: float, p: float,
                   class_: str, subclass: str | None) -> None:  # fmt: skip
    result = answered("eular-acr-2017", age_at_onset=age, muscle_biopsy=biopsy, **yes(*items), **more)
    assert result.score == score
    assert (result.class_, result.extra["subclass"]) == (class_, subclass)
    assert result.extra["probability"] == p
    assert result.result == ("fulfilled" if class_ in ("definite", "probable") else "not-fulfilled")


@pytest.mark.parametrize(
    "missing", [pytest.param(("neck_flexor_weakness", "dysphagia", "anti_jo1"), id="criteria:E17")]
)
def test_eular_acr_missing(missing: tuple[str, ...]) -> None:
    unknown = dict.fromkeys(missing)
    result = answered("eular-acr-2017", age_at_onset=62, muscle_biopsy=False, **yes(*PATTERN), **unknown)
    assert (result.score, result.score_range) == (None, (5.8, 12.3))
    assert (result.class_, result.could_reach, result.result) == ("probable", "definite", "fulfilled")
    assert result.extra["probability"] == 0.6154
    assert set(result.missing) == set(missing)


IMNM_BIOPSY = ("muscle_biopsy", "biopsy_necrosis_predominant", "biopsy_macrophages_predominant")
HMGCR = ("anti_hmgcr_positive", "anti_hmgcr_full_weight")
SRP = ("anti_srp_positive", "anti_srp_full_weight")


@pytest.mark.parametrize(
    ("inputs", "class_", "result", "notes"),
    [
        pytest.param(yes(*HMGCR, "proximal_weakness") | {"ck": 6400, "uln": 200}, "anti_hmgcr_myopathy", "fulfilled",
                     {"biopsy_not_needed"}, id="criteria:N1"),
        pytest.param(yes(*SRP, "proximal_weakness") | {"ck": 9000, "uln": 170}, "anti_srp_myopathy", "fulfilled",
                     {"biopsy_not_needed"}, id="criteria:N2"),
        pytest.param(yes("proximal_weakness", *IMNM_BIOPSY) | {"ck": 4000, "uln": 200, "biopsy_p62_diffuse": None},
                     "ab_negative_imnm", "fulfilled", {"exclude_other_causes"}, id="criteria:N3"),
        pytest.param(yes("proximal_weakness", *IMNM_BIOPSY) | {"ck": 4000, "uln": 200, "anti_hmgcr_positive": None},
                     "incomplete_serology", "undetermined", set(), id="criteria:N4"),
        pytest.param(yes(*HMGCR) | {"ck": 3000, "uln": 200}, "antibody_positive_not_fulfilling", "not-fulfilled",
                     {"early_disease_possible"}, id="criteria:N5"),
        pytest.param(yes("proximal_weakness", *IMNM_BIOPSY, "biopsy_perifascicular_atrophy",
                         "biopsy_mxa_perifascicular") | {"ck": 4000, "uln": 200},
                     None, "not-fulfilled", {"dm_likely"}, id="criteria:N6"),
        pytest.param(yes("proximal_weakness") | {"ck": 4000, "uln": 200}, None, "not-fulfilled",
                     {"biopsy_recommended"}, id="criteria:N7"),
    ],
)  # fmt: skip
def test_enmc_2016(inputs: dict[str, Any], class_: str | None, result: str, notes: set[str]) -> None:
    answer = answered("enmc-2016", **inputs)
    assert (answer.class_, answer.result) == (class_, result)
    assert notes <= set(answer.notes)
    assert answer.provisional is (class_ == "ab_negative_imnm")


def test_enmc_2016_asks_for_the_antibody_that_was_not_tested() -> None:
    answer = answered("enmc-2016", **yes("proximal_weakness"), ck=4000, uln=200, anti_hmgcr_positive=None)
    assert answer.missing == ["anti_hmgcr_positive"]


BP = {
    "bp1": ("proximal_weakness", "neck_flexor_weakness"), "bp2": ("bp_biopsy",), "bp3": ("ck_elevated",),
    "bp4": ("bp_emg",), "bp5": ("heliotrope",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("items", "count", "class_"),
    [
        pytest.param(("bp1", "bp2", "bp3", "bp4"), 4, "definite_pm", id="criteria:BP1"),
        pytest.param(("bp1", "bp3", "bp4"), 3, "probable_pm", id="criteria:BP2"),
        pytest.param(("bp1", "bp3"), 2, "possible_pm", id="criteria:BP3"),
        pytest.param(("bp1", "bp3", "bp5"), 2, "probable_dm", id="criteria:BP4"),
        pytest.param(("bp1", "bp2", "bp3", "bp5"), 3, "definite_dm", id="criteria:BP5"),
        pytest.param(("bp3",), 1, "none", id="criteria:BP6"),
    ],
)
def test_bohan_peter(items: tuple[str, ...], count: int, class_: str) -> None:
    answer = answered("bohan-peter-1975", **yes(*(id for item in items for id in BP[item])))
    assert (answer.score, answer.class_) == (count, class_)
    assert answer.result == ("fulfilled" if class_.startswith(("definite", "probable")) else "not-fulfilled")


FF, KE = "finger_flexors_weaker_than_shoulder_abduction", "knee_extensors_as_weak_as_hip_flexors"
P1, P2, P3, P4 = (
    "biopsy_endomysial_infiltrate", "biopsy_mhc1_upregulation", "biopsy_rimmed_vacuoles", "biopsy_protein_accumulation",
)  # fmt: skip
FULL = (FF, KE, P1, P3, P4)


@pytest.mark.parametrize(
    ("months", "age", "ck", "items", "class_"),
    [
        pytest.param(30, 61, 900, FULL, "ibm_clinicopathological", id="criteria:I1"),
        pytest.param(24, 58, 600, (FF, KE, P1), "ibm_clinical", id="criteria:I2"),
        pytest.param(18, 55, 700, (KE, P2), "ibm_probable", id="criteria:I3"),
        pytest.param(20, 60, 3200, FULL, "none", id="criteria:I4"),
        pytest.param(30, 61, 3000, FULL, "ibm_clinicopathological", id="criteria:I5"),
        pytest.param(12, 61, 900, FULL, "none", id="criteria:I6"),
        pytest.param(30, 45, 900, FULL, "none", id="criteria:I7"),
    ],
)
def test_enmc_ibm(months: float, age: float, ck: float, items: tuple[str, ...], class_: str) -> None:
    answer = answered("enmc-ibm-2011", weakness_duration_months=months, age_at_onset=age, ck=ck, uln=200, **yes(*items))
    assert answer.class_ == class_
    assert "superseded" in answer.notes


POSSIBLE = {
    "weakness_duration_months": 8, "age_at_onset": 52, "uln": 200,
    **yes("biopsy_endomysial_invasion", "proximal_and_distal_weakness_arms_and_legs", "quadriceps_mrc_le_4",
          "emg_myopathic"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("inputs", "class_"),
    [
        pytest.param(
            yes("biopsy_endomysial_invasion", "biopsy_vacuolated_fibres", "biopsy_filaments_15_18_nm"),
            "griggs_definite", id="criteria:I8"),
        pytest.param(POSSIBLE | {"ck": 1900}, "griggs_possible", id="criteria:I9"),
        pytest.param(POSSIBLE | {"ck": 2400}, "none", id="criteria:I10"),
    ],
)  # fmt: skip
def test_griggs(inputs: dict[str, Any], class_: str) -> None:
    # The definite class rests on the biopsy alone: the clinical data stay unknown.
    answer = (run if class_ == "griggs_definite" else answered)("enmc-ibm-2011", **inputs)
    assert answer.extra["rules"]["griggs_1995"]["class"] == class_


MEASURES = ("phga", "ptga", "mmt", "haq", "enz", "extra")


def visits(*pairs: tuple[float, float] | None) -> dict[str, float]:
    """Values at both visits, in the published order."""
    return {
        f"{name}_{visit}": value
        for name, pair in zip(MEASURES, pairs, strict=True) if pair
        for visit, value in zip(("baseline", "followup"), pair, strict=True)
    }  # fmt: skip


T1 = ((6, 2), (7, 3), (110, 130), (1.5, 0.75), (8000, 1500), (2, 1))


@pytest.mark.parametrize(
    ("pairs", "mmt_max", "points", "total", "class_"),
    [
        pytest.param(T1, 150, (17.5, 7.5, 20, 7.5, 7.5, 7.5), 67.5, "major", id="criteria:T1"),
        pytest.param(((5, 3.8), (6, 5.2), (120, 124), (1.25, 1.125), (3000, 2700), (1, 1)), 150,
                     (7.5, 2.5, 10, 0, 2.5, 0), 22.5, "minimal", id="criteria:T2"),
        pytest.param(((4, 3.5), (5, 4.5), (100, 103), (2, 1.85), (1000, 850), (3, 2.5)), 150,
                     (0, 0, 0, 0, 0, 0), 0, "none", id="criteria:T3"),
        pytest.param(((9, 1), (9, 1), (60, 140), (3, 0.5), (12000, 150), (8, 1)), 150,
                     (20, 10, 32.5, 10, 7.5, 20), 100, "major", id="criteria:T4"),
        pytest.param(((3, 5), (4, 5), (130, 118), (0.5, 1.0), (900, 2500), (1, 2)), 150,
                     (0, 0, 0, 0, 0, 0), 0, "none", id="criteria:T5"),
        pytest.param(((4, 3), (4, 3), (60, 64), (1.5, 1.25), (600, 300), (2, 1.5)), 80,
                     (7.5, 2.5, 10, 5, 2.5, 0), 27.5, "minimal", id="criteria:T6"),
    ],
)  # fmt: skip
def test_tis(pairs: tuple[tuple[float, float], ...], mmt_max: int, points: tuple[float, ...], total: float,
             class_: str) -> None:  # fmt: skip
    answer = run("tis-2016", **visits(*pairs), mmt_max=mmt_max, enzyme="ck", enzyme_uln=200)
    assert tuple(answer.extra["numbers"][name].low for name in MEASURES) == points
    assert (answer.score, answer.class_) == (total, class_)


@pytest.mark.parametrize("mmt_max", [pytest.param(150, id="criteria:T7")])
def test_tis_missing(mmt_max: int) -> None:
    pairs = [pair if name != "haq" else None for name, pair in zip(MEASURES, T1, strict=True)]
    answer = run("tis-2016", **visits(*pairs), mmt_max=mmt_max, enzyme="ck", enzyme_uln=200)
    assert (answer.score, answer.class_, answer.result) == (None, None, "undetermined")
    assert (answer.extra["partial"], answer.extra["max_possible"]) == (60.0, 70.0)


@pytest.mark.parametrize("mmt_max", [pytest.param(150, id="criteria:JDM")])
def test_tis_juvenile(mmt_max: int) -> None:
    answer = run("tis-2016", **visits(*T1), mmt_max=mmt_max, enzyme="ck", enzyme_uln=200)
    assert answer.extra["rules"]["juvenile"]["class"] == "moderate"


@pytest.mark.parametrize(
    ("changes", "class_"),
    [
        pytest.param((40, 30, 20, 0, -10, 0), "improved", id="criteria:D1"),
        pytest.param((40, 30, 25, -30, -30, -30), "not_improved", id="criteria:D2"),
        pytest.param((40, 30, -26, 20, 10, 0), "not_improved", id="criteria:D3"),
        pytest.param((19, 30, 25, 0, 0, 0), "not_improved", id="criteria:D4"),
    ],
)
def test_imacs_definition_of_improvement(changes: tuple[float, ...], class_: str) -> None:
    inputs = {f"{name}_change": change for name, change in zip(MEASURES, changes, strict=True)}
    assert run("imacs-doi", **inputs).class_ == class_


@pytest.mark.parametrize(
    ("subtype", "sex", "age", "items", "high", "intermediate", "class_"),
    [
        pytest.param("imnm", "female", 35, ("anti_srp_positive",), 0, 1, "standard", id="criteria:K1"),
        pytest.param("imnm", "male", 35, ("anti_srp_positive",), 0, 2, "moderate", id="criteria:K2"),
        pytest.param("imnm", "female", 38, ("anti_hmgcr_positive",), 0, 2, "moderate", id="criteria:K3"),
        pytest.param("imnm", "male", 66, ("anti_hmgcr_positive",), 1, 3, "moderate", id="criteria:K4"),
        pytest.param("imnm", "female", 58, ("dysphagia_moderate_or_severe",), 2, 1, "high", id="criteria:K5"),
        pytest.param("dermatomyositis", "female", 52, ("anti_tif1g",), 3, 0, "high", id="criteria:K6"),
        pytest.param("antisynthetase", "female", 39, (), 0, 0, "standard", id="criteria:K7"),
        pytest.param("imnm", "female", 40, ("anti_srp_positive",), 0, 1, "standard", id="criteria:K8"),
    ],
)
def test_imacs_cancer(subtype: str, sex: str, age: float, items: tuple[str, ...], high: int, intermediate: int,
                      class_: str) -> None:  # fmt: skip
    answer = answered("imacs-cancer-2023", iim_subtype=subtype, sex=sex, age_at_onset=age, diagnosed_on="2024-02-29",
                      **yes(*items))  # fmt: skip
    numbers = answer.extra["numbers"]
    assert (numbers["high_factors"].low, numbers["intermediate_factors"].low) == (high, intermediate)
    assert answer.class_ == class_
    assert answer.provisional
    assert bool(answer.extra["at_diagnosis"]["enhanced"]) is (class_ != "standard")
    yearly = ["2025-02-28", "2026-02-28", "2027-02-28"]
    assert answer.extra["then_on"] == (yearly if class_ == "high" else [])
    assert ("consider_pet_or_endoscopy" in answer.notes) is (class_ == "high")


@pytest.mark.parametrize(
    ("ck", "items", "count", "class_"),
    [
        pytest.param(4500, ("proximal_weakness", "mri_posterior_thigh", "biopsy_dystrophic"), 4, "test_anti_hmgcr",
                     id="criteria:M1"),
        pytest.param(1200, ("proximal_weakness", "biopsy_dystrophic"), 3, "test_anti_hmgcr", id="criteria:M2"),
        pytest.param(1000, ("proximal_weakness", "mri_posterior_thigh", "biopsy_dystrophic"), 4, "not_by_this_rule",
                     id="criteria:M3"),
        pytest.param(2500, ("proximal_weakness",), 2, "not_by_this_rule", id="criteria:M4"),
    ],
)  # fmt: skip
def test_mohassel(ck: float, items: tuple[str, ...], count: int, class_: str) -> None:
    answer = answered("mohassel", ck=ck, **yes(*items))
    assert (answer.score, answer.class_) == (count, class_)


@pytest.mark.parametrize(
    ("inputs", "times", "nhs", "notes", "silent"),
    [
        pytest.param({"ck": 700, "uln": 200, "symptoms_tolerable": True}, 3.5, "st2", set(), {"p3", "st8"},
                     id="criteria:Q1"),
        pytest.param({"ck": 1000, "uln": 200} | yes("proximal_weakness", "statin_exposure"), 5.0, "st3",
                     {"st8", "p3"}, set(), id="criteria:Q2"),
        pytest.param({"ck": 1000, "uln": 308, "symptoms_tolerable": True}, 1000 / 308, "st2", set(), {"p3"},
                     id="criteria:Q3"),
        pytest.param({"ck": 4000, "uln": 200}, 20, "st4", set(), set(), id="criteria:Q4"),
        pytest.param({"ck": 9000, "uln": 200} | yes("kidney_function_unstable"), 45, "st5", {"rhabdomyolysis_limits"},
                     set(), id="criteria:Q5"),
        pytest.param({"ck": 12000, "uln": 200}, 60, "st5", set(), set(), id="criteria:Q6"),
    ],
)  # fmt: skip
def test_statin_branch(inputs: dict[str, Any], times: float, nhs: str, notes: set[str], silent: set[str]) -> None:
    answer = answered("ck-bands", muscle_symptoms=True, **inputs)
    assert answer.extra["times_uln"] == times
    assert answer.extra["rules"]["nhs_england"]["class"] == nhs
    assert notes <= set(answer.notes)
    assert not silent & set(answer.notes)


@pytest.mark.parametrize("ck", [pytest.param(9000, id="criteria:Q5-eas")])
def test_eas_calls_it_rhabdomyolysis(ck: float) -> None:
    answer = answered("ck-bands", ck=ck, uln=200, **yes("muscle_symptoms", "kidney_function_unstable"))
    assert answer.class_ == "rhabdomyolysis"


@pytest.mark.parametrize("days", [pytest.param(42, id="criteria:Q7")])
def test_ck_still_raised_after_the_stop(days: int) -> None:
    answer = answered("ck-bands", ck=3800, uln=200, days_since_statin_stop=days)
    assert (answer.extra["times_uln"], answer.extra["rules"]["nhs_after_stop"]["class"]) == (19, "st6")


@pytest.mark.parametrize(("weak", "met"), [pytest.param(True, True, id="criteria:Q8"), (False, False)])
def test_microkatal(weak: bool, met: bool) -> None:
    answer = answered("ck-bands", ck=17, ck_unit="µkat/L", proximal_weakness=weak)
    assert ("p3" in answer.notes) is met
    assert "no_uln_no_multiples" in answer.notes


@pytest.mark.parametrize(
    ("items", "ers", "connors", "solomon"),
    [
        pytest.param(("anti_ars", "ild"), True, None, None, id="criteria:A1"),
        pytest.param(("anti_ars", "raynaud", "mechanics_hands"), True, None, None, id="criteria:A2"),
        pytest.param(("anti_ars", "raynaud"), False, None, None, id="criteria:A3"),
        pytest.param(("ild", "arthritis", "fever"), False, None, None, id="criteria:A4"),
        pytest.param(("anti_ars", "myositis"), True, False, None, id="criteria:A5"),
        pytest.param(("anti_ars", "raynaud"), False, True, None, id="criteria:A6"),
        pytest.param(("anti_ars", "arthritis", "raynaud"), True, True, False, id="criteria:A7"),
    ],
)
def test_antisynthetase(items: tuple[str, ...], ers: bool, connors: bool | None, solomon: bool | None) -> None:
    answer = answered("antisynthetase", **yes(*items))
    assert (answer.result == "fulfilled") is ers
    for rule, expected in (("connors_2010", connors), ("solomon_2011", solomon)):
        if expected is not None:
            assert (answer.extra["rules"][rule]["class"] == "fulfilled") is expected
    assert answer.extra["rules"]["solomon_2011"]["provisional"]
