"""What the aftercare declarations promise: a sentence and a source for everything, no orders, no own doses."""

from __future__ import annotations

import re
import tomllib
from importlib import resources
from typing import Any

import pytest

from imnm.knowledge import conflicts, mechanism, monitoring, plain, treatment, trials
from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.criteria.cancer import BASIC, ENHANCED
from imnm.knowledge.evidence import TAGS, sources, thresholds
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import has, say
from imnm.knowledge.pathway import RULES
from imnm.logic.nodes import concepts_of, refs_of

MODULES = (treatment, monitoring, trials, conflicts, mechanism, plain)
FILES = ("treatment", "monitoring", "trials", "conflicts", "handout")

NOT_READ_YET = {
    "tb_test", "varicella_antibody", "blood_count", "haemoglobin", "white_cell_count", "platelet_count", "glucose",
    "hba1c", "electrocardiogram", "bone_density", "immunoglobulin_g", "immunoglobulin_a", "tpmt", "cart_cells",
    "serum_electrophoresis", "free_light_chains", "urinalysis", "chest_xray", "cervical_screening", "psa", "ca125",
    "pelvic_ultrasound", "faecal_occult_blood", "iga_deficiency", "venous_thromboembolism", "hypogammaglobulinaemia",
}  # fmt: skip
"""Concepts the checks wait for: until a reader knows them, the checks say that the record cannot tell."""


def messages(file: str) -> dict[str, str]:
    """Every sentence of a file by key."""
    text = (resources.files("imnm.knowledge.messages") / "en" / f"{file}.toml").read_text(encoding="utf-8")
    found: dict[str, str] = {}

    def walk(table: dict[str, Any], path: str) -> None:
        for key, value in table.items():
            if isinstance(value, dict):
                walk(value, f"{path}.{key}")
            else:
                found[f"{path}.{key}"] = value

    walk(tomllib.loads(text), file)
    return found


def test_every_source_is_in_the_bibliography() -> None:
    used = {id for module in MODULES for basis in module.evidence_in_use() for id in basis.sources}
    assert not used - set(sources())


def test_every_source_of_the_aftercare_bibliography_is_used() -> None:
    file = resources.files("imnm.knowledge") / "data" / "sources" / "treatment.csv"
    own = {line.partition(",")[0] for line in file.read_text(encoding="utf-8").splitlines()[1:]}
    used = {id for module in MODULES for basis in module.evidence_in_use() for id in basis.sources}
    used |= {id for threshold in thresholds().values() for id in threshold.evidence.sources}
    assert not own - used


def test_what_is_not_unverified_names_a_source() -> None:
    for module in MODULES:
        for basis in module.evidence_in_use():
            assert basis.tag in TAGS
            assert basis.sources or basis.tag in ("unverified", "convention", "derived"), basis


def test_every_declaration_has_its_sentence() -> None:
    for option in treatment.OPTIONS:
        assert has(f"treatment.option.{option.id}.title")
        assert set(option.roles) <= set(treatment.IMNM_SUBTYPES)
        assert option.facts, option.id
        for fact in option.facts:
            assert has(f"treatment.fact.{fact.id}"), fact.id
        for consideration in option.considerations:
            assert has(f"treatment.consider.{consideration.id}"), consideration.id
    for check in treatment.SAFETY_CHECKS:
        assert has(f"treatment.check.{check.id}.title") and has(f"treatment.check.{check.id}.why")
    for conflict in conflicts.conflicts().values():
        assert all(conflict.text(part) for part in ("topic", "a", "b", "rule", "why"))
    for trial in trials.trials().values():
        assert has(f"trials.{trial.id}.title") and has(f"trials.status.{trial.status}")
        for criterion in trials.CRITERIA.get(trial.id, ()):
            assert has(f"trials.{trial.id}.{criterion.id}")
        assert trial.closed == (trial.id not in trials.CRITERIA)


def test_a_reason_speaks_of_the_drug_it_stands_under() -> None:
    """Under tacrolimus kidney disease was once called "boxed warning of IVIG"."""
    for option in treatment.OPTIONS:
        reasons = [say(f"treatment.consider.{c.id}") for c in option.considerations]
        with_ivig = option.id in ("triple_start", "steroid_free", "ivig")
        assert any("IVIG" in reason for reason in reasons) == with_ivig, option.id


@pytest.mark.parametrize(
    ("file", "group", "used"),
    [
        ("treatment", "fact", {f.id for o in treatment.OPTIONS for f in o.facts}),
        ("treatment", "consider", {c.id for o in treatment.OPTIONS for c in o.considerations}),
        ("treatment", "check", {c.id for c in treatment.SAFETY_CHECKS}),
        ("treatment", "option", {o.id for o in treatment.OPTIONS}),
        ("monitoring", "schedule", {*(s.id for s in monitoring.SCHEDULE), "status"}),
        ("monitoring", "expect", {id for id, _, _ in monitoring.EXPECTATIONS}),
        ("monitoring", "trend", {*monitoring.TREND_EVIDENCE, "times", "times_unknown"}),
        ("conflicts", "", {*conflicts.conflicts(), "page"}),
        ("trials", "", {*trials.trials(), "page", "status", "fit"}),
    ],
)
def test_no_sentence_without_its_declaration(file: str, group: str, used: set[str]) -> None:
    prefix = f"{file}.{group}." if group else f"{file}."
    keys = [key.removeprefix(prefix).split(".")[0] for key in messages(file) if key.startswith(prefix)]
    assert set(keys) == used


def test_conditions_speak_of_what_the_rest_of_the_package_knows() -> None:
    nodes = [c.condition for o in treatment.OPTIONS for c in o.considerations]
    nodes += [c.condition for criteria in trials.CRITERIA.values() for c in criteria]
    for node in nodes:
        assert refs_of(node) <= set(FINDINGS) | set(RULES)
        plain_concepts = {c.removesuffix(".active").removesuffix(".stop") for c in concepts_of(node)}
        assert plain_concepts <= set(CONCEPTS) | NOT_READ_YET | ASKED_BY_FINDINGS, node


def test_checks_wait_only_for_concepts_that_are_listed() -> None:
    wanted = {concept for check in treatment.SAFETY_CHECKS for group in check.done_by for concept in group}
    wanted |= {concept for check in treatment.SAFETY_CHECKS for concept in check.drugs}
    wanted |= {concept for concepts in monitoring.SCREENING_DONE_BY.values() for concept in concepts}
    wanted |= {concept for option in treatment.OPTIONS for concept in option.drugs}
    assert wanted - set(CONCEPTS) <= NOT_READ_YET


def test_every_panel_test_can_be_looked_up() -> None:
    assert set(monitoring.SCREENING_DONE_BY) == {*BASIC, *ENHANCED}


ASKED_BY_FINDINGS = frozenset().union(*(concepts_of(finding.expression) for finding in FINDINGS.values()))

DOSE = re.compile(r"\d\s*(mg|g/kg|mg/kg|g a day)\b")
ORDER = re.compile(r"^(give|take|start|prescribe|increase|reduce|switch)\b", re.IGNORECASE)


def test_doses_appear_only_inside_quoted_ranges() -> None:
    quoted = ("range", "trial", "threshold", "above", "mg a day or more", "at most", "at least", "commoner", "more so")
    for key, text in messages("treatment").items():
        if DOSE.search(text):
            assert any(word in text.lower() for word in quoted), (key, text)


def test_no_option_is_an_order() -> None:
    for key, text in messages("treatment").items():
        if key.startswith(("treatment.option.", "treatment.fact.")) and "stop_statin" not in key:
            assert not ORDER.match(text), key
    assert "order" in say("treatment.page.notice")


def test_conflicts_keep_both_sides() -> None:
    for conflict in conflicts.conflicts().values():
        assert conflict.a and conflict.b and conflict.shown, conflict.id


LISTED = {f"criteria:C{n}" for n in range(1, 23)} | {f"mimics:C{n}" for n in range(1, 26)}
OUTSIDE = {"mimics:C19": "oddities of printing inside two sources, quoted nowhere"}


def test_every_listed_conflict_is_kept_or_left_out_for_a_reason() -> None:
    kept = {also for conflict in conflicts.conflicts().values() for also in conflict.also}
    assert kept | set(OUTSIDE) == LISTED


@pytest.mark.parametrize("topic", [
    "steroids", "complement_target", "cancer", "seronegative_share", "ck_threshold", "extramuscular", "statin_label",
])  # fmt: skip
def test_the_great_conflicts_are_there(topic: str) -> None:
    assert topic in conflicts.conflicts()


def test_the_label_gap_is_shown_and_not_smoothed() -> None:
    conflict = conflicts.conflicts()["statin_label"]
    assert "does not list" in conflict.text("b")
    assert conflict.follows == "a"
    assert {id for id, _, _ in treatment.STATIN_LABELS} >= {"fda2012", "eu2015", "uk_contraindication"}


def test_parameters_of_the_mechanism() -> None:
    parameters = mechanism.parameters()
    assert parameters["complement_block"].value.low == 96
    for parameter in parameters.values():
        assert parameter.value.low <= parameter.value.high and parameter.meaning
        assert parameter.evidence.sources
