"""What holds for every published set: learning never flips, what is missing is what matters, nothing is suppressed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imnm.knowledge import alerts, pathway, steps
from imnm.knowledge.criteria import (
    CALCULATORS,
    CRITERIA,
    ITEMS,
    CriteriaResult,
    CriteriaSet,
    InputError,
    evaluate_criteria,
    measures,
    statin,
)
from imnm.knowledge.criteria.antibody import HMGCR_RESULT
from imnm.knowledge.criteria.model import label
from imnm.knowledge.criteria.pharmacology import ADVICE, STATIN_PGX
from imnm.knowledge.evidence import sources, thresholds
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import has
from imnm.logic.evaluate import Entry, Result
from imnm.logic.interval import UNKNOWN, Interval, exactly
from imnm.logic.nodes import Node, Possibly, Ref, SeenBy, Threshold, walk

from .build import answered, run, yes

SETS: dict[str, CriteriaSet] = {
    **CRITERIA,
    **{criteria.id: criteria for criteria in (statin.SAMS_CI, statin.CK_BANDS, HMGCR_RESULT, STATIN_PGX,
                                              measures.TIS_2016, measures.IMACS_DOI)},
    "mmt8-one-side": measures.MMT8[80],
    "mmt8-both-sides": measures.MMT8[150],
}  # fmt: skip
NEVER_LOWERS = {criteria.id for criteria in SETS.values() if criteria.never_lowers}
all_sets = pytest.mark.parametrize("id", SETS)

NUMBERS: dict[str, tuple[float, ...]] = {
    "age_at_onset": (9, 18, 34, 40, 45, 46, 70), "weakness_duration_months": (6, 8, 12, 30),
    "ck_peak": (900, 1000, 4000), "ck_peak_times_uln": (4.5, 12, 15, 16), "ck_u_l": (150, 1000, 9000),
    "ck_times_uln": (0.9, 4, 10, 45), "days_since_statin_stop": (10, 28, 42), "hmgcr_units": (4, 20, 45, 80),
}  # fmt: skip
DEFAULT_NUMBERS = (-30.0, 0.0, 3.0, 10.0, 21.0, 60.0)


def values_of(item: Any) -> list[Result]:
    if item.kind == "truth":
        return [True, False]
    return [exactly(number) for number in NUMBERS.get(item.id, DEFAULT_NUMBERS)]


@st.composite
def environments(draw: st.DrawFn, criteria: CriteriaSet) -> dict[str, Result]:
    """Some of the items known; the others left out."""
    known = draw(st.sets(st.sampled_from([item.id for item in criteria.items])))
    return {item.id: draw(st.sampled_from(values_of(item))) for item in criteria.items if item.id in known}


def unknown_items(criteria: CriteriaSet, environment: dict[str, Result]) -> list[Any]:
    return [item for item in criteria.items if item.id not in environment]


# What a set reads as absent, or which column it uses, may turn when the record says more: published or stated so.
RECORD_DECIDES = {"muscle_biopsy", "bx_endomysial", "bx_perimysial", "biopsy_perifascicular_atrophy",
                  "biopsy_rimmed_vacuoles"}  # fmt: skip


def may_turn(criteria: CriteriaSet) -> set[str]:
    return set(criteria.assumed) | (RECORD_DECIDES if criteria.prepare else set())


@all_sets
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_learning_never_flips_a_verdict(id: str, data: st.DataObject) -> None:
    criteria = SETS[id]
    environment = data.draw(environments(criteria))
    before = criteria.read(environment)
    open_ = [item for item in unknown_items(criteria, environment) if item.id not in may_turn(criteria)]
    if before.result == "undetermined" or not open_:
        return
    learnt = data.draw(st.sampled_from(open_))
    after = criteria.read({**environment, learnt.id: data.draw(st.sampled_from(values_of(learnt)))})
    assert after.result in (before.result, "not-applicable")


@all_sets
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_not_missing_changes_nothing(id: str, data: st.DataObject) -> None:
    criteria = SETS[id]
    environment = data.draw(environments(criteria))
    before = criteria.read(environment)
    # A rechallenge is never asked for while IMNM comes first, though it would change the index.
    safe = [item for item in unknown_items(criteria, environment)
            if item.id not in {*before.missing, *RECORD_DECIDES, *statin.REPEATED_EXPOSURE}]  # fmt: skip
    if before.result == "not-applicable" or not safe:
        return
    learnt = data.draw(st.sampled_from(safe))
    after = criteria.read({**environment, learnt.id: data.draw(st.sampled_from(values_of(learnt)))})
    if after.result != "not-applicable":
        assert (after.result, after.class_) == (before.result, before.class_)


@all_sets
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_whole_truth_lies_between_class_and_could_reach(id: str, data: st.DataObject) -> None:
    criteria = SETS[id]
    environment = data.draw(environments(criteria))
    part = criteria.read(environment)
    rest = {item.id: data.draw(st.sampled_from(values_of(item))) for item in unknown_items(criteria, environment)
            if item.id not in may_turn(criteria)}  # fmt: skip
    whole = criteria.read({**environment, **rest})
    order = [rung.id for rung in criteria.classes.rungs]
    if whole.result == "not-applicable" or part.result == "not-applicable" or whole.class_ not in order:
        return
    if not criteria.classes.ranked:
        return
    best = (
        order.index(part.could_reach) if part.could_reach else order.index(part.class_) if part.class_ in order else 0
    )
    assert order.index(whole.class_) >= best
    if part.class_ in order:
        assert order.index(whole.class_) <= order.index(part.class_)
    if part.score_range and whole.score_range:
        assert part.score_range[0] <= whole.score_range[0] <= whole.score_range[1] <= part.score_range[1]


# ---------------------------------------------------------------- nothing is suppressed


def expressions() -> list[Node]:
    """Every expression from which level, alerts and steps follow, and every finding."""
    found: list[Node] = [rule.expression for rule in pathway.RULES.values()]
    found += [finding.expression for finding in FINDINGS.values()]
    for room in (alerts, steps):
        for value in vars(room).values():
            if isinstance(value, dict):
                found += [
                    part
                    for entry in value.values()
                    if isinstance(entry, tuple)
                    for part in entry
                    if isinstance(part, Node)
                ]
    return found


def test_no_rule_reads_a_set_that_must_never_lower() -> None:
    nodes = expressions()
    assert len(nodes) > 100, "the rules must be found for this test to mean anything"
    refs = {below.id for node in nodes for below in walk(node) if isinstance(below, Ref)}
    assert refs, "rules refer to findings by id"
    definitions = {definition for criteria in SETS.values() for definition in criteria.definitions}
    assert not refs & (NEVER_LOWERS | definitions)


def test_only_the_definition_of_imnm_may_speak_for_or_against_it() -> None:
    assert set(CRITERIA) - NEVER_LOWERS == {"enmc-2016"}


@pytest.mark.parametrize("positive", ["anti_hmgcr_positive", "anti_srp_positive", "biopsy_necrosis_predominant"])
def test_a_class_without_myositis_says_that_imnm_scores_nothing(positive: str) -> None:
    answer = evaluate_criteria("eular-acr-2017", {"age_at_onset": exactly(34), "prox_ue": True, positive: True})
    assert answer.class_ == "not_iim"
    assert "imnm_scores_nothing" in answer.notes


def test_no_set_takes_decisions_on_the_mere_record() -> None:
    for criteria in SETS.values():
        for node in criteria.definitions.values():
            assert not any(isinstance(below, Possibly | SeenBy) for below in walk(node)), criteria.id


# ---------------------------------------------------------------- sources, words, labels


@all_sets
def test_every_statement_has_a_source_and_a_sentence(id: str) -> None:
    criteria = SETS[id]
    known = sources()
    grounds = {"set": criteria.evidence}
    for ladder in (criteria.classes, *criteria.also):
        for rung in ladder.rungs:
            grounds[f"{ladder.id}.{rung.id}"] = rung.evidence
            assert has(f"criteria.{criteria.id}.{ladder.words or ladder.id}.{rung.id}"), rung.id
    for note in criteria.notes:
        grounds[f"note.{note.id}"] = note.evidence
        assert has(f"criteria.{criteria.id}.note.{note.id}"), note.id
    for item in criteria.items:
        assert item.evidence.tag
        assert label(item.id)
        assert item.id in FINDINGS or has(f"criteria.item.{item.id}.label"), item.id
    used = {below.id for node in criteria.definitions.values() for below in walk(node) if isinstance(below, Threshold)}
    grounds |= {threshold: thresholds()[threshold].evidence for threshold in used}
    for name, ground in grounds.items():
        missing = set(ground.sources) - set(known)
        assert not missing, f"{id} {name}: {missing}"
        assert ground.sources or ground.tag == "convention", name


def test_every_row_of_the_drug_tables_has_a_source() -> None:
    for advice in ADVICE.values():
        assert advice.evidence.sources
        assert set(advice.evidence.sources) <= set(sources()), advice.id


@pytest.mark.parametrize("name", CALCULATORS)
def test_every_calculator_can_be_asked_and_answers_nothing_known(name: str) -> None:
    calculator = CALCULATORS[name]
    assert calculator.title
    assert calculator.about
    ids = [input_.id for input_ in calculator.inputs]
    assert len(set(ids)) == len(ids)
    for input_ in calculator.inputs:
        assert input_.label
        assert input_.kind != "choice" or input_.choices
    answer = calculator.run({})
    assert answer.result == "undetermined"
    assert set(answer.missing) <= set(ids)
    assert answer.sources
    assert calculator.run(dict.fromkeys(ids)).missing == answer.missing, "null is the same as left out"


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize(
    ("name", "inputs", "words"),
    [
        ("enmc-2016", {"ck": -1}, "ck must lie between 0 and"),
        ("enmc-2016", {"ck": "9000"}, "ck must be a number (U/L)"),
        ("enmc-2016", {"ck": float("nan")}, "ck must be a number"),
        ("enmc-2016", {"ck": 9000, "ck_unit": "mg"}, "ck_unit must be one of: U/L"),
        ("enmc-2016", {"proximal_weakness": 1}, "proximal_weakness must be true, false"),
        ("enmc-2016", {"weakness": True}, "has no input 'weakness'"),
        ("eular-acr-2017", {"age_at_onset": 200}, "between 0 and 120"),
        ("tis-2016", {"phga_baseline": 11}, "phga_baseline must lie between 0 and 10"),
        ("tis-2016", {"mmt_baseline": 120, "mmt_max": 80}, "mmt_baseline must lie between 0 and 80"),
        ("tis-2016", {"mmt_max": 100}, "mmt_max must be one of: 80, 150, 260"),
        ("imacs-cancer-2023", {"diagnosed_on": "2024"}, "diagnosed_on must be a date"),
        ("hmgcr-result", {"hmgcr_value": 65}, "units of different kits"),
        ("statin-pgx", {"interacting_drugs": ["amlodipine", "tea"]}, "interacting_drugs must be one of"),
    ],
)
def test_what_cannot_be_used_gets_one_sentence(name: str, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        CALCULATORS[name].run(inputs)
    assert words in str(error.value)
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_unknown_is_not_no() -> None:
    answer = run("enmc-2016", anti_hmgcr_positive=True, proximal_weakness=True)
    assert (answer.result, answer.could_reach) == ("undetermined", "anti_hmgcr_myopathy")
    assert "ck" in answer.missing


def test_ck_without_its_limit_says_nothing_of_multiples() -> None:
    answer = run("enmc-2016", anti_hmgcr_positive=True, proximal_weakness=True, ck=6000)
    assert answer.result == "undetermined"
    assert "uln" in answer.missing
    assert run("enmc-2016", anti_hmgcr_positive=True, proximal_weakness=True, ck_elevated=True).result == "fulfilled"


@pytest.mark.parametrize("unit", ["µkat/L", "μkat/L", "ukat/L"])
def test_every_spelling_of_microkatal(unit: str) -> None:
    assert answered("ck-bands", ck=20, ck_unit=unit, uln=200, uln_unit="IU/L").extra["times_uln"] == 6


def test_dates_and_unknown_are_understood() -> None:
    day = run("imacs-cancer-2023", diagnosed_on=dt.date(2024, 1, 31), sex="unknown", iim_subtype="dermatomyositis",
              age_at_onset=52)  # fmt: skip
    assert day.extra["then_on"] == ["2025-01-31", "2026-01-31", "2027-01-31"]


# ---------------------------------------------------------------- single sets


def test_ibm_has_no_cancer_category() -> None:
    assert run("imacs-cancer-2023", iim_subtype="ibm", age_at_onset=66).result == "not-applicable"
    assert run("imacs-cancer-2023", iim_subtype="imnm", age_at_onset=12).result == "not-applicable"


def test_panels_fit_the_sex_when_it_is_known() -> None:
    def enhanced(**sex: str) -> set[str]:
        answer = run("imacs-cancer-2023", iim_subtype="imnm", age_at_onset=50, **sex)
        return {test["id"] for test in answer.extra["at_diagnosis"]["enhanced"]}

    women, men, anyone = enhanced(sex="female"), enhanced(sex="male"), enhanced()
    assert "psa" not in women
    assert "mammography" not in men
    assert anyone == women | men


def test_both_columns_are_shown() -> None:
    answer = answered("eular-acr-2017", age_at_onset=62, muscle_biopsy=False,
                      **yes("prox_ue", "prox_le", "leg_prox_gt_dist", "ck_elevated"))  # fmt: skip
    columns = answer.extra["columns"]
    assert columns["without_biopsy"]["class"] == "probable"
    assert columns["with_biopsy"]["class"] == "not_iim"
    assert "biopsy_recommended" in answer.notes


def test_biopsy_findings_choose_the_column() -> None:
    environment: dict[str, Result] = {"age_at_onset": exactly(62), "bx_perimysial": True}
    assert evaluate_criteria("eular-acr-2017", environment).extra["column"] == "with_biopsy"
    assert evaluate_criteria("eular-acr-2017", {"age_at_onset": exactly(62)}).extra["column"] == "without_biopsy"


def test_better_explanation_makes_eular_not_applicable() -> None:
    assert run("eular-acr-2017", better_explanation=True).result == "not-applicable"


def test_ibm_is_not_excluded_while_the_finger_flexors_are_unknown() -> None:
    items = yes("prox_ue", "prox_le", "neck_flexor_weakness", "ck_elevated")
    answer = answered(
        "eular-acr-2017", age_at_onset=60, **items, finger_flexor_weakness=None, no_treatment_response=None
    )
    assert (answer.extra["subclass"], answer.extra["subclass_could_be"]) == ("pm_including_imnm", "ibm")


def test_imnm_antibody_with_dm_rash_gets_no_subtype() -> None:
    picture = {"anti_hmgcr_positive": True, "ck_elevated": True, "proximal_weakness": True}
    assert evaluate_criteria("enmc-2016", picture).result == "fulfilled"
    answer = evaluate_criteria("enmc-2016", {**picture, "skin_rash_dm": True})
    assert (answer.class_, answer.result) == ("antibody_with_dm_features", "undetermined")


def test_both_antibodies_are_both_reported() -> None:
    answer = evaluate_criteria("enmc-2016", {"anti_hmgcr_positive": True, "anti_srp_positive": True,
                                             "ck_elevated": True, "proximal_weakness": True})  # fmt: skip
    assert answer.extra["subtypes"] == ["anti_hmgcr_myopathy", "anti_srp_myopathy"]
    assert "dual_antibody" in answer.notes


def test_a_weak_antibody_is_to_be_confirmed() -> None:
    answer = evaluate_criteria("enmc-2016", {"anti_srp_positive": True, "anti_srp_full_weight": False,
                                             "ck_elevated": True, "proximal_weakness": True})  # fmt: skip
    assert "confirm_antibody" in answer.notes


def test_dermatomyositis_flag_is_provisional() -> None:
    answer = evaluate_criteria(
        "enmc-dm-2018", {"dm_antibody_positive": True, "heliotrope": True, "anti_srp_positive": True}
    )
    assert (answer.class_, answer.provisional) == ("dm_likely_by_antibody", True)
    assert "imnm_stays_open" in answer.notes


@pytest.mark.parametrize(
    ("sides", "groups", "total"),
    [("one", measures.ONE_SIDE_GROUPS, 80), ("both", ("neck_flexors", *measures.SIDED_GROUPS), 150)],
)
def test_mmt8_has_two_ranges(sides: str, groups: tuple[str, ...], total: int) -> None:
    full = run("mmt8", sides=sides, **{f"mmt_{group}": 10 for group in groups})
    assert (full.score, full.class_) == (total, "full")
    nothing = run("mmt8", sides=sides)
    assert nothing.score_range == (0, total)
    one_missing = run("mmt8", sides=sides, **{f"mmt_{group}": 8 for group in groups[1:]})
    assert one_missing.score_range == (8 * (len(groups) - 1), 8 * (len(groups) - 1) + 10)
    assert one_missing.missing == ["mmt_neck_flexors"]


def test_mmt8_of_both_sides_is_seen_from_its_inputs() -> None:
    assert run("mmt8", mmt_deltoid_left=7).score_range == (7, 147)


def test_relative_change_has_no_percentage_of_nothing() -> None:
    answer = run("imacs-doi", phga_baseline=0, phga_followup=2)
    assert "phga_change" in answer.missing
    assert run("imacs-doi", mmt_baseline=100, mmt_followup=70).result == "not-fulfilled"


def test_tis_needs_the_enzyme_and_its_limit() -> None:
    answer = run("tis-2016", enz_baseline=8000, enz_followup=1500)
    assert answer.extra["numbers"]["enz"] == Interval(0, 7.5)


def test_proof_reaches_the_record() -> None:
    def entries_of(id: str) -> list[Entry]:
        return [Entry(f"Observation/{id}", f"{id} on record")]

    answer = evaluate_criteria(
        "enmc-2016", {"anti_hmgcr_positive": True, "ck_elevated": True, "proximal_weakness": True}, entries_of
    )
    refs = {entry["ref"] for entry in answer.proof["class"]["evidence"]}
    assert {"Observation/anti_hmgcr_positive", "Observation/ck_elevated", "Observation/proximal_weakness"} <= refs


@all_sets
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_who_is_asked_about_before_changes_no_answer(id: str, data: st.DataObject) -> None:
    """What a set said of one person is used for the next of whom the same is known, and the answer is the same."""
    criteria = SETS[id]
    first = data.draw(environments(criteria))
    numbers = st.floats(0, 200).flatmap(lambda low: st.floats(0, 200).map(lambda more: Interval(low, low + more)))
    second = {
        item: data.draw(numbers | st.builds(exactly, st.floats(0, 200))) if isinstance(value, Interval) else value
        for item, value in first.items()
    }
    for environment, name in ((first, "one"), (second, "other"), (first, "third")):

        def entries_of(id: str, name: str = name) -> list[Entry]:
            return [Entry(f"{name}/{id}", id)]

        answer = criteria.read(environment, entries_of)
        assert answer == replace(criteria).read(environment, entries_of)
        spoil(answer)


def spoil(answer: CriteriaResult) -> None:
    """What the owner of an answer may do to it."""
    for owned in (answer.missing, answer.warnings, answer.sources, answer.notes):
        owned.append("spoilt")
    for rule in answer.extra.get("rules", {}).values():
        rule["class"] = "spoilt"
    answer.extra["spoilt"] = answer.proof["spoilt"] = True


def test_what_is_only_read_as_absent_is_said_to_be() -> None:
    answer = evaluate_criteria(
        "enmc-2016", {"anti_hmgcr_positive": True, "ck_elevated": True, "proximal_weakness": True}
    )
    assert {"skin_rash_dm", "dm_antibody_positive"} <= set(answer.extra["assumed"])
    assert "skin_rash_dm (nothing on record" in str(answer.proof["class"])
    seen = evaluate_criteria("enmc-2016", {"anti_hmgcr_positive": True, "ck_elevated": True, "proximal_weakness": True,
                                           "skin_rash_dm": False})  # fmt: skip
    assert "skin_rash_dm" not in seen.extra["assumed"]


def test_an_unknown_environment_value_is_the_same_as_none() -> None:
    known = evaluate_criteria("enmc-ibm-2011", {"age_at_onset": UNKNOWN, "biopsy_rimmed_vacuoles": None})
    assert known == evaluate_criteria("enmc-ibm-2011", {})


def test_items_are_findings_or_declared_once() -> None:
    for id, item in ITEMS.items():
        if id in FINDINGS:
            assert FINDINGS[id].expression.kind == item.kind, id
