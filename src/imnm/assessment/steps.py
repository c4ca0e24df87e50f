"""The next steps and alerts of a case, in order, with what each result would lead to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from imnm.knowledge import findings as f
from imnm.knowledge.alerts import ALERTS, URGENCIES
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import say
from imnm.knowledge.steps import STEPS, STOP_DRUGS, Result, StepRule
from imnm.logic.interval import Interval

from . import model, program
from .engine import Case, iso
from .odds import Leading, Odds

DECIDING = ("test:anti_hmgcr", "test:anti_srp", "test:muscle_biopsy", "test:antibody_confirm", "test:ck",
            "ask:proximal_weakness", "test:ck_repeat")  # fmt: skip
"""Steps that can decide the question of IMNM, the most deciding first."""
KIND_ORDER = ("refer:emergency", "stop:", "avoid:", "test:", "refer:", "ask:")


def alerts_of(case: Case) -> list[model.Alert]:
    """The alerts that sound, most urgent first."""
    found = [
        model.Alert(
            alert.id,
            alert.urgency,
            say(f"alerts.{alert.id}.text"),
            say(f"alerts.{alert.id}.title"),
            case.evidence(*alert.shows),
            list(alert.evidence.sources),
            alert.evidence.provisional,
        )
        for alert in ALERTS
        if case.advice[f"alert.{alert.id}"] is True
    ]
    return sorted(found, key=lambda alert: URGENCIES.index(alert.urgency))


def steps_of(case: Case, odds: Odds) -> list[model.Step]:
    """The steps that apply: most urgent first, then in the order of the guideline, tests by what they would change."""
    ranked: list[tuple[tuple[float, ...], model.Step]] = []
    for place, rule in enumerate(STEPS):
        if case.advice[f"step.{rule.id}"] is True:
            outcomes = [_outcome(case, odds, result) for result in rule.results]
            step = _step(case, rule, outcomes)
            ranked.append(((URGENCIES.index(step.urgency), _kind(rule.id), place), step))
    ranked.extend(_drug_stops(case))
    return [step for _, step in sorted(ranked, key=lambda item: item[0])]


def decisive_step(steps: Sequence[model.Step]) -> str | None:
    """The step that decides the question of IMNM, if one of those shown does."""
    shown = {step.id for step in steps}
    return next((id for id in DECIDING if id in shown), None)


def _kind(id: str) -> int:
    return next(place for place, start in enumerate(KIND_ORDER) if id.startswith(start))


def _choice(case: Case, rule: StepRule, part: str) -> str:
    choices = rule.urgency if part == "urgency" else rule.whys
    for place, (condition, name) in enumerate(choices):
        if condition is None or case.advice[f"step.{rule.id}.{part}.{place}"] is True:
            return name
    raise AssertionError(f"step {rule.id} has no {part} that always holds")


def _step(case: Case, rule: StepRule, outcomes: list[model.IfResult]) -> model.Step:
    step = model.Step(
        rule.id,
        _choice(case, rule, "urgency"),
        say(f"steps.{rule.id}.{_choice(case, rule, 'why')}"),
        say(f"steps.{rule.id}.title"),
        if_result=outcomes,
        evidence=case.evidence(*rule.shows),
        sources=list(rule.evidence.sources),
        provisional=rule.evidence.provisional,
    )
    if rule.id == "test:ck_repeat":
        _date_recheck(case, step)
    return step


def _date_recheck(case: Case, step: model.Step) -> None:
    """When CK is to be measured again: four to six weeks after the last statin dose, else a week after the last CK."""
    stops = [event.end for event in case.events if event.concept in f.STATIN_STOP and math.isfinite(event.end)]
    if case.truth("statin_stopped") and stops:
        stop = max(stops)
        step.not_before, step.due_on = iso(stop + f.DAYS_28.number), iso(stop + f.DAYS_42.number)
        step.if_result = [
            model.IfResult(say(f"steps.recheck.{name}"), say(f"steps.result.recheck_{name}"))
            for name in ("normal", "raised", "high")
        ]
        return
    dated = [e.end for e in case.events if e.concept == "creatine_kinase_total" and math.isfinite(e.end)]
    if dated:
        step.not_before = iso(max(dated) + f.DAYS_7.number)


def _outcome(case: Case, odds: Odds, result: Result) -> model.IfResult:
    values = case.what_if(dict(result.sets))
    level = program.level_of(values)
    leading = odds.leading(values)
    return model.IfResult(result.name, _then(case, level, leading), level, round(leading.probability, 3))


def _then(case: Case, level: str, leading: Leading) -> str:
    disease = say(f"diseases.{leading.id}")
    if level == "established":
        return say("steps.result.established", disease=disease)
    key = "same" if level == case.level else "level"
    return say(f"steps.result.{key}", level=level, disease=disease, probability=round(100 * leading.probability))


def _drug_stops(case: Case) -> list[tuple[tuple[float, ...], model.Step]]:
    found: list[tuple[tuple[float, ...], model.Step]] = []
    if not (case.truth("ck_elevated") or case.truth("weakness_any")):
        return found
    for place, (drug, ref) in enumerate(STOP_DRUGS.items()):
        stopped = any(event.concept == f"{drug}.stop" for event in case.events)
        if case.truth(ref.id) and not stopped:
            found.append(
                (
                    (URGENCIES.index("soon"), 1.0, float(place)),
                    model.Step(
                        f"stop:{drug}",
                        "soon",
                        say("steps.stop:drug.why", drug=drug.capitalize()),
                        say("steps.stop:drug.title", drug=drug),
                        evidence=case.evidence(ref.id),
                        sources=list(FINDINGS[ref.id].evidence.sources),
                    ),
                )
            )
    return found


def unknowns_of(case: Case, odds: Odds) -> list[model.Unknown]:
    """The findings nobody recorded whose knowing would change the level or the leading disease."""
    found: list[model.Unknown] = []
    before = (case.level, odds.leading(case.values).id)
    for id in WORTH_ASKING:
        if case.known(id):
            continue
        changes: list[str] = []
        for answer in (True, False):
            values = case.what_if(_with_consequences(id, answer))
            after = (program.level_of(values), odds.leading(values).id)
            if after != before:
                changes.append(
                    say(
                        f"unknown.{'if_yes' if answer else 'if_no'}",
                        level=after[0],
                        disease=say(f"diseases.{after[1]}"),
                    )
                )
        if changes:
            found.append(model.Unknown(id, " ".join(changes), FINDINGS[id].label))
    return found


def _with_consequences(id: str, answer: bool) -> Mapping[str, bool | Interval | None]:
    sets: dict[str, bool | Interval | None] = {id: answer}
    for rule in STEPS:
        for result in rule.results:
            if (id, answer) in result.sets:
                sets.update(dict(result.sets))
                return sets
    return sets


WORTH_ASKING = (
    "proximal_weakness", "ck_peak_ge_1000", "anti_hmgcr_positive", "anti_srp_positive", "statin_exposure",
    "skin_rash_dm", "other_msa_positive", "tsh_high", "recent_exertion", "family_history_myopathy",
    "drug_checkpoint_inhibitor", "drug_colchicine", "finger_flexor_weakness", "dysphagia", "neck_flexor_weakness",
    "biopsy_necrosis_predominant", "genetic_test_positive", "emg_myopathic", "fatigable_or_ocular", "second_wind",
)  # fmt: skip
"""What a clinician can find out, in the order in which it is asked."""
