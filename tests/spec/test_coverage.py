"""Nothing of the pathway is without its specification, and no threshold can move without one noticing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from imnm.assessment import program
from imnm.knowledge.alerts import ALERTS
from imnm.knowledge.evidence import thresholds
from imnm.knowledge.findings import SILENCE_MEANS_NO
from imnm.knowledge.pathway import RULES
from imnm.knowledge.steps import STEPS
from imnm.logic import nodes as n

from .language import Case, Spec, of, specs
from .mutants import edges, noticed
from .running import by_events, definitions

NEVER_SEEN = {
    "days_1 down in course_rise": "a CK of the day of the stop is itself the value at the stop",
    "one_times_uln down in explained_acute_trigger": "the latest CK has to be raised as well, by its own rule",
    "mip_30 up in step.test:pft": "an inspiratory pressure below 40 calls for the step anyway",
    "mip_30 down in step.test:pft": "an inspiratory pressure below 40 calls for the step anyway",
}
"""Moves after which no record at all comes out otherwise, with the reason."""


def asked(found: Iterable[Spec], what: str) -> set[str]:
    """Every answer that these specifications want of it."""
    return {
        must.want
        for spec in found
        if not spec.defect
        for case in spec.cases
        for must in case.musts
        if must.what == what
    }


@pytest.mark.parametrize("id", RULES)
def test_every_rule_has_a_specification_of_when_it_holds_and_when_not(id: str) -> None:
    wanted = asked(of("rule", id), id)
    assert "yes" in wanted
    assert wanted & {"no", "unknown"}


@pytest.mark.parametrize("id", [alert.id for alert in ALERTS])
def test_every_alert_sounds_and_is_silent(id: str) -> None:
    urgency = next(alert.urgency for alert in ALERTS if alert.id == id)
    assert {urgency, "no"} <= asked(of("alert", id), f"alert {id}")


@pytest.mark.parametrize("id", [step.id for step in STEPS])
def test_every_step_is_shown_at_each_urgency_and_is_not_shown(id: str) -> None:
    step = next(step for step in STEPS if step.id == id)
    everywhere = asked(specs(), f"step {id}")
    assert {urgency for _, urgency in step.urgency} <= everywhere
    assert "no" in asked(of("step", id), f"step {id}")


@pytest.mark.parametrize("id", SILENCE_MEANS_NO)
def test_every_silence_that_means_no_has_a_specification(id: str) -> None:
    assert {"yes", "no"} <= asked(of("finding", id), id)


def test_nothing_is_specified_that_does_not_exist() -> None:
    known = {
        "rule": set(RULES),
        "alert": {alert.id for alert in ALERTS},
        "step": {step.id for step in STEPS},
        "finding": set(definitions()),
    }
    assert [spec.where for spec in specs() if spec.kind in known and spec.id not in known[spec.kind]] == []


def pathway_definitions() -> dict[str, n.Value]:
    """What the levels, the alerts and the steps depend on."""
    every = dict(definitions())
    shown = tuple(id for id in every if id.startswith(("alert.", "step.")))
    return program.below((*RULES, *shown), every)


def test_every_threshold_is_declared() -> None:
    nodes = (node for value in pathway_definitions().values() for node in n.walk(value))
    used = {node.id for node in nodes if isinstance(node, n.Threshold)}
    assert used <= set(thresholds())


def test_no_threshold_can_move_unnoticed() -> None:
    """Each number a hair up and a hair down: some specification has to come out otherwise."""
    cases: list[Case] = [case for spec in specs() if not spec.defect for case in spec.cases]
    unseen = [edge.name for edge in edges(pathway_definitions()) if not noticed(edge, cases, by_events)]
    assert set(unseen) == set(NEVER_SEEN)
