"""One patient after the diagnosis: options, checks, screening, trials and conflicts against the record."""

from __future__ import annotations

from typing import Any

import pytest

from imnm.assessment.aftercare import aftercare_of, drug_state
from imnm.assessment.engine import Case, diagnosis_of
from imnm.logic.event import Event
from imnm.logic.interval import INF

from .build import case, ck, day, has, imnm, measured, who


def after(patient: Case) -> dict[str, Any]:
    """The aftercare of a case with the diagnosis that the rules give it."""
    return aftercare_of(patient, diagnosis_of(patient))


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows}


def options(patient: Case) -> dict[str, dict[str, Any]]:
    return by_id(after(patient)["treatment"]["options"])


def ids(rows: list[dict[str, Any]]) -> set[str]:
    return {row["id"] for row in rows}


# ---------------------------------------------------------------- when there is what


def test_nothing_but_the_course_without_a_diagnosis() -> None:
    found = after(case(*who(), has("myalgia", "2024-01-01"), ck(300, "2024-01-01")))
    assert found["treatment"] is None and found["cancer_screening"] is None and found["monitoring"] is None
    assert found["trials"] == []
    two = after(case(*who(), has("myalgia", "2024-01-01"), ck(300, "2024-01-01"), ck(150, "2024-02-01")))
    assert set(two["monitoring"]) == {"notice", "trend"}


def test_an_empty_record() -> None:
    found = after(case())
    assert found == {
        "cancer_screening": None, "treatment": None, "monitoring": None, "trials": [], "conflicts": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("antibody", "first", "not_offered"),
    [("anti_hmgcr", {"ivig", "steroid_free", "combination"}, {"heart_lung"}),
     ("anti_srp", {"rituximab", "combination"}, {"stop_statin", "steroid_free"})],
)  # fmt: skip
def test_options_follow_the_subtype(antibody: str, first: set[str], not_offered: set[str]) -> None:
    found = options(case(*imnm(antibody)))
    assert first <= {id for id, row in found.items() if row["role"] == "first"}
    assert not not_offered & set(found)


def test_a_complement_inhibitor_is_never_an_option() -> None:
    for antibody in ("anti_hmgcr", "anti_srp"):
        assert options(case(*imnm(antibody)))["complement"]["role"] == "not_supported"


def test_facts_of_another_subtype_are_left_out() -> None:
    facts = {fact["id"] for row in options(case(*imnm("anti_hmgcr"))).values() for fact in row["facts"]}
    assert "srp_needed_more" not in facts and "hmgcr_relapse_on_wean" in facts


def test_facts_on_children_only_for_children() -> None:
    def facts(born: str) -> set[str]:
        return {fact["id"] for fact in options(case(*imnm(born=born)))["combination"]["facts"]}

    assert "child_severe" not in facts("1960-01-01")
    assert "child_severe" in facts("2012-01-01")


# ---------------------------------------------------------------- for, against, unknown


def test_what_speaks_for_and_against_comes_from_the_record() -> None:
    row = options(case(*imnm(born="1950-01-01"), has("diabetes", "2015-01-01")))["ivig"]
    assert {"age_over_65", "diabetes_kidney_risk"} <= ids(row["against"])
    shown = next(r for r in row["against"] if r["id"] == "diabetes_kidney_risk")
    assert shown["evidence"][0]["ref"] == "X/diabetes-2015-01-01"
    assert "kidney" in ids(row["unknown"])
    younger = options(case(*imnm(born="1990-01-01"), has("ckd", "2015-01-01", truth=False)))["ivig"]
    assert "age_over_65" not in ids(younger["against"]) | ids(younger["unknown"])


def test_one_negative_hepatitis_test_does_not_clear_the_other() -> None:
    negative = has("hbv_surface_antigen", "2024-01-03", truth=False)
    row = options(case(*imnm("anti_srp"), negative))["rituximab"]
    assert "hepatitis_b_positive" in ids(row["unknown"])
    positive = has("hbv_core_antibody", "2024-01-03")
    row = options(case(*imnm("anti_srp"), negative, positive))["rituximab"]
    assert "hepatitis_b_positive" in ids(row["against"])


def test_silence_is_never_counted_against_an_option() -> None:
    for row in options(case(*imnm())).values():
        assert all(entry["evidence"] for entry in row["against"]), row["id"]


def test_pregnancy_turns_the_drugs_round() -> None:
    found = options(case(*imnm(born="1990-01-01"), has("pregnancy", "2024-05-01")))
    for drug in ("methotrexate", "mycophenolate", "rituximab", "cyclophosphamide"):
        assert "pregnancy" in ids(found[drug]["against"])
    for drug in ("azathioprine", "ivig", "calcineurin"):
        assert "pregnancy" in ids(found[drug]["for"])
    assert "rituximab_pregnancy" in ids(after(case(*imnm(), has("pregnancy", "2024-05-01")))["conflicts"])


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "not_recorded"),
        ([has("methotrexate", "2024-02-01")], "started"),
        ([has("methotrexate", "2024-02-01"), has("methotrexate.active", "2024-05-01")], "in_use"),
        ([has("methotrexate", "2024-02-01"), has("methotrexate.stop", "2024-04-01")], "stopped"),
        ([has("methotrexate.active", "2024-03-01"), has("methotrexate.stop", "2024-04-01")], "stopped"),
        ([has("methotrexate.stop", "2024-02-01"), has("methotrexate.active", "2024-05-01")], "in_use"),
        ([has("methotrexate", "2024-02-01", truth=False)], "not_taken"),
        (
            [
                has("methotrexate", "2024-01-01"),
                has("methotrexate.stop", "2024-02-01"),
                has("methotrexate", "2024-05-01"),
            ],
            "started",
        ),
    ],
)
def test_state_of_a_drug(events: list[Event], state: str) -> None:
    assert drug_state(case(*imnm(), *events), ("methotrexate",))["id"] == state


def test_one_drug_in_use_outweighs_another_that_was_stopped() -> None:
    events = [has("systemic_glucocorticoid", "2024-01-20"), has("systemic_glucocorticoid.stop", "2024-05-30"),
              has("methotrexate", "2024-02-01"), has("methotrexate.active", "2024-05-01")]  # fmt: skip
    state = options(case(*imnm(), *events))["combination"]["state"]
    assert state["id"] == "in_use" and state["since"] == "2024-02-01"


# ---------------------------------------------------------------- safety


def checks(*events: Event) -> dict[str, dict[str, Any]]:
    return by_id(after(case(*imnm(), *events))["treatment"]["safety"])


def test_checks_of_a_drug_come_with_the_drug() -> None:
    assert "bone_density" not in checks()
    assert "bone_density" in checks(has("systemic_glucocorticoid", "2024-01-05"))
    assert "immunoglobulins" in checks(has("rituximab", "2024-01-05"))
    assert "immunoglobulins" not in checks(has("rituximab", "2024-01-05", truth=False))


def test_checks_on_a_drug_end_with_the_drug() -> None:
    taken = has("systemic_glucocorticoid", "2024-01-05")
    stopped = has("systemic_glucocorticoid.stop", "2024-05-30")
    assert "never_abrupt" in checks(taken)
    assert "never_abrupt" not in checks(taken, stopped)
    assert "never_abrupt" in checks(taken, stopped, has("systemic_glucocorticoid", "2024-05-31"))
    assert "immunoglobulins" in checks(has("rituximab", "2024-01-05"), has("rituximab.stop", "2024-01-20"))
    other = has("systemic_glucocorticoid", "2024-01-02", detail="methylprednisolone")
    one = has("systemic_glucocorticoid", "2024-01-05", detail="prednisolone")
    one_stopped = has("systemic_glucocorticoid.stop", "2024-05-30", detail="prednisolone")
    assert "never_abrupt" in checks(other, one, one_stopped)  # nothing says that the other was stopped
    assert "never_abrupt" not in checks(one, one_stopped)


def test_done_missing_and_unknown() -> None:
    found = checks(measured("creatinine", 70, "2024-01-05"), has("hbv_surface_antigen", "2024-01-03", truth=False))
    assert found["kidney"]["status"] == "done" and found["kidney"]["on"] == "2024-01-05"
    assert found["kidney"]["evidence"][0]["ref"] == "X/creatinine-2024-01-05"
    assert found["hepatitis_b"]["status"] == "missing"  # the core antibody is still missing
    assert found["hepatitis_c"]["status"] == "missing"
    assert found["vaccination"]["status"] == "unknown"
    both = has("hbv_core_antibody", "2024-01-03", truth=False)
    assert checks(has("hbv_surface_antigen", "2024-01-03", truth=False), both)["hepatitis_b"]["status"] == "done"


def test_a_record_without_results_cannot_tell() -> None:
    events = [*who(), has("proximal_muscle_weakness", "2023-11-01"), has("elevated_ck", "2024-01-02")]
    patient = case(*events, has("anti_hmgcr", "2024-01-10", grade="strong"))
    rows = by_id(after(patient)["treatment"]["safety"])
    assert rows["lungs"]["status"] == "unknown"  # no procedure of any kind is on this record


def test_a_result_long_before_the_infusion_is_too_old() -> None:
    old = measured("creatinine", 70, "2023-06-20")
    infusion = has("ivig", "2024-03-01")
    assert checks(old, infusion)["kidney_before_ivig"]["status"] == "overdue"
    assert checks(measured("creatinine", 70, "2024-02-20"), infusion)["kidney_before_ivig"]["status"] == "done"


def test_blood_tests_on_a_drug_come_due_again() -> None:
    drug = has("methotrexate", "2024-01-20")
    tests = [measured("creatinine", 70, "2024-02-01"), measured("alt", 40, "2024-02-01")]
    assert checks(drug, *tests)["dmard_blood"]["status"] == "overdue"
    assert checks(drug, *tests)["dmard_blood"]["due_on"] == "2024-02-15"
    lately = [measured("creatinine", 70, "2024-05-28"), measured("alt", 40, "2024-05-28")]
    row = checks(drug, *lately)["dmard_blood"]
    assert row["due_on"] == "2024-06-27"  # a month on, 129 days after the start
    assert row["status"] in ("done", "unknown")  # unknown until a reader knows the blood count
    assert checks(drug, lately[0])["dmard_blood"]["status"] == "missing"


def test_a_positive_hepatitis_test_is_marked() -> None:
    assert checks(has("hbv_core_antibody", "2024-01-03"))["hepatitis_b"]["positive"] is True
    assert checks()["hepatitis_b"]["positive"] is False


def test_liver_tests_are_read_beside_ck() -> None:
    assert "muscle" in checks()["liver"]["why"]


# ---------------------------------------------------------------- lipids


def test_lipid_lowering_after_anti_hmgcr() -> None:
    found = after(case(*imnm(), has("evolocumab", "2024-03-01"), has("evolocumab.active", "2024-05-01")))
    lipids = found["treatment"]["lipid_lowering"]
    assert by_id(lipids["options"])["pcsk9"]["state"]["id"] == "in_use"
    assert by_id(lipids["labels"])["uk_contraindication"]["date"] == "2023"
    assert "statin_label" in ids(found["conflicts"])
    assert "lipid_lowering" not in after(case(*imnm("anti_srp")))["treatment"]


def test_an_antibody_without_the_picture_still_gets_the_lipid_part() -> None:
    found = after(case(*who(), has("anti_hmgcr", "2024-01-10", grade="strong")))
    assert "options" not in found["treatment"] and found["treatment"]["lipid_lowering"]


# ---------------------------------------------------------------- screening


def screening(*events: Event, **who_: str) -> dict[str, Any]:
    return after(case(*imnm(**who_), *events))["cancer_screening"]  # type: ignore[no-any-return]


def test_screening_categories_of_the_golden_checks() -> None:
    assert screening(antibody="anti_srp", born="1988-01-01")["category"] == "standard"  # K1
    assert screening(antibody="anti_srp", born="1988-01-01", sex="male")["category"] == "moderate"  # K2
    assert screening(antibody="anti_hmgcr", born="1985-06-01")["category"] == "moderate"  # K3
    assert screening(has("dysphagia", "2023-12-01", grade="moderate"), born="1960-01-01")["category"] == "high"


def test_a_graded_trouble_is_not_taken_for_a_severe_one() -> None:
    plan = screening(has("dysphagia", "2023-12-01"), born="1960-01-01")
    assert (plan["category"], plan["could_reach"]) == ("moderate", "high")
    assert "dysphagia_moderate_or_severe" in plan["missing"]


def test_screening_compares_with_the_record_and_gives_dates() -> None:
    severe = has("dysphagia", "2023-12-01", grade="severe")
    plan = screening(severe, has("mammogram", "2024-02-01"), has("ct_chest_abdomen_pelvis", "2020-02-01"))
    panels = by_id(plan["panels"])
    tests = by_id(panels["enhanced"]["items"])
    assert tests["mammography"]["status"] == "done" and tests["mammography"]["on"] == "2024-02-01"
    assert tests["ct_neck_thorax_abdomen_pelvis"]["status"] == "missing"  # the old scan was before the illness
    assert "psa" not in tests
    assert panels["yearly"]["dates"] == ["2025-01-10", "2026-01-10"]  # the third year lies outside the window
    assert plan["provisional"] is True


def test_screening_ends_three_years_after_onset_and_is_not_for_children() -> None:
    late = after(case(*imnm(), as_of="2027-06-01"))["cancer_screening"]
    assert late["applicable"] is False and "3 years" in late["notice"]
    assert screening(born="2012-01-01")["applicable"] is False


# ---------------------------------------------------------------- trials


def trials(*events: Event, **who_: str) -> dict[str, dict[str, Any]]:
    return by_id(after(case(*imnm(**who_), *events))["trials"])


def results(trial: dict[str, Any]) -> dict[str, bool | None]:
    return {row["id"]: row["result"] for row in trial["criteria"]}


def test_closed_trials_are_not_offered() -> None:
    assert not {"NCT04025632", "NCT04450654", "NCT02971683", "NCT05523167"} & set(trials())


def test_criteria_are_true_false_or_unknown() -> None:
    strength = measured("mmt8", 110, "2024-05-01", detail="150")
    found = trials(ck(900, "2024-05-20"), strength)["NCT07103746"]
    got = results(found)
    assert (got["adult"], got["antibody"], got["strength"], got["ck"], got["background"]) == (
        True, True, True, True, None,
    )  # fmt: skip
    assert found["fit"] == "unknown" and found["status_on"] == "2026-01-06"
    assert results(trials(ck(250, "2024-05-20"))["NCT07103746"])["ck"] is False


def test_a_strength_score_of_unknown_scale_answers_nothing() -> None:
    assert results(trials(measured("mmt8", 75, "2024-05-01"))["NCT07103746"])["strength"] is None


def test_the_wrong_antibody_rules_a_trial_out_only_when_known() -> None:
    negative = has("anti_hmgcr", "2024-01-10", truth=False)
    assert results(trials(negative, antibody="anti_srp")["NCT06599697"])["antibody"] is False
    assert results(trials(antibody="anti_srp")["NCT06599697"])["antibody"] is None


def test_ivig_before_rules_might_out() -> None:
    found = trials(has("ivig", "2024-02-01"))["NCT06599697"]
    assert results(found)["no_ivig"] is False and found["fit"] == "no"
    assert results(trials()["NCT06599697"])["no_ivig"] is None


def test_rituximab_long_ago_is_not_within_six_months() -> None:
    assert results(trials(has("rituximab", "2024-03-01"))["NCT06599697"])["no_rituximab"] is False
    assert results(trials(has("rituximab", "2020-03-01"))["NCT06599697"])["no_rituximab"] is not False


def test_mild_trouble_swallowing_does_not_rule_out_by_itself() -> None:
    assert results(trials(has("dysphagia", "2024-01-01"))["NCT06599697"])["no_danger"] is None
    assert results(trials(has("dysphagia", "2024-01-01", grade="severe"))["NCT06599697"])["no_danger"] is False


# ---------------------------------------------------------------- conflicts and the as-of date


def test_conflicts_have_both_sides_with_sources_and_dates() -> None:
    found = by_id(after(case(*imnm()))["conflicts"])
    steroids = found["steroids"]
    assert steroids["a"]["sources"] == ["f3"] and "f4" in steroids["b"]["sources"]
    assert steroids["follows"] == "b" and steroids["why"]
    target = found["complement_target"]
    assert target["a"]["date"] < target["b"]["date"], "the trial is later than the mouse"


def test_suspicion_shows_other_conflicts_than_aftercare() -> None:
    patient = case(*who(), has("proximal_muscle_weakness", "2024-03-01"), ck(6000, "2024-04-01"))
    assert patient.level in ("high", "moderate")
    shown = ids(after(patient)["conflicts"])
    assert "panels" in shown and "steroids" not in shown


def test_nothing_learnt_later_is_seen() -> None:
    later = has("systemic_glucocorticoid", "2024-07-01")
    known_later = Event("ckd", day("2020-01-01"), day("2020-01-01"), day("2024-07-01"), truth=True, ref="X/later")
    assert after(case(*imnm(), later, known_later)) == after(case(*imnm()))


def test_undated_and_bounded_events_do_not_break_anything() -> None:
    odd = [
        Event("systemic_glucocorticoid", truth=True, ref="X/1"),
        Event("creatine_kinase_total", low=20000.0, high=INF, ref="X/2"),
        Event("mammogram", truth=True, ref="X/3"),
        Event("mmt8", low=70, high=70, ref="X/4"),
        Event("methotrexate", start=-INF, end=day("2024-03-01"), truth=True, ref="X/5"),
    ]
    found = after(case(*imnm(), *odd))
    assert found["treatment"]["safety"] and found["monitoring"]["schedule"]
