"""The next steps and alerts of a case, in order, with what each result would lead to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from imnm.knowledge import findings as f
from imnm.knowledge.alerts import ALERTS, URGENCIES
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import say
from imnm.knowledge.steps import STEPS, STOP_DRUGS, StepRule
from imnm.logic.interval import Interval

from . import model
from .differential import Chance, Leading
from .engine import Case, iso
from .odds import Odds

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


STAGES = ("test:ck", "test:anti_hmgcr test:anti_srp test:msa_panel", "test:antibody_confirm",
          "test:tsh test:creatinine test:urine_myoglobin test:troponin_i", "test:ck_repeat", "test:emg test:mri_muscle",
          "test:muscle_biopsy", "test:genetic_panel test:gaa_enzyme")  # fmt: skip
"""The order of the guideline: CK, the antibodies, simple causes, then what is slower or costs the patient more."""


def steps_of(case: Case, odds: Odds | None) -> list[model.Step]:
    """The steps that apply: most urgent first, then in the order of the guideline; tests of one stage by what their
    results are expected to change. Without ``odds`` nobody works out what each result would lead to, for answers in
    which only the steps are shown."""
    ranked: list[tuple[tuple[float, ...], model.Step]] = []
    chance_of = odds.chances() if odds else None
    for place, rule in enumerate(STEPS):
        if case.advice[f"step.{rule.id}"] is True:
            outcomes = _outcomes(case, odds, chance_of, rule) if odds and chance_of else []
            step = _step(case, rule, outcomes)
            step.value = _value(case, odds, outcomes) if odds else None
            key = (URGENCIES.index(step.urgency), _kind(rule.id), _stage(rule.id), -(step.value or 0.0), place)
            ranked.append((key, step))
    ranked.extend(_drug_stops(case))
    return [step for _, step in sorted(ranked, key=lambda item: item[0])]


def in_order(steps: Sequence[model.Step]) -> list[model.Step]:
    """The most urgent first; what is equally urgent stays as it stands."""
    return sorted(steps, key=lambda step: URGENCIES.index(step.urgency))


def _stage(id: str) -> int:
    return next((stage for stage, ids in enumerate(STAGES) if id in ids.split()), len(STAGES))


CHECK_STEPS = {
    "hepatitis_b": "test:hepatitis_b",
    "tuberculosis": "test:tb",
    "immunoglobulins": "test:immunoglobulins",
    "tpmt": "test:tpmt",
    "bone_density": "test:bone_density",
    "vitamin_d": "test:vitamin_d",
}
"""Safety checks of the treatment section that are steps of their own while they are not done."""


def aftercare_steps(after: Mapping[str, Any]) -> list[model.Step]:
    """The checks before treatment and the cancer panels that a diagnosed patient's record does not show as done."""
    found: list[model.Step] = []
    for check in (after.get("treatment") or {}).get("safety", ()):
        id = CHECK_STEPS.get(check["id"])
        if id is not None and check["status"] != "done":
            found.append(_due(id, check["why"], check["due_on"], check["sources"], check["provisional"]))
    screening = after.get("cancer_screening") or {}
    for panel in screening.get("panels", ()):
        if any(item["status"] != "done" for item in panel["items"]):
            why = say("steps.cancer_panel", category=screening["category"], panel=panel["title"])
            id = f"test:cancer_screen_{'enhanced' if panel['id'].startswith('enhanced') else 'basic'}"
            if all(step.id != id for step in found):
                found.append(_due(id, why, panel["due_on"], ["oldroyd2023"], screening["provisional"]))
    return found


def _due(id: str, why: str, due_on: str | None, sources: list[str], provisional: bool) -> model.Step:
    urgency = "soon" if id.startswith("test:cancer") or id in ("test:hepatitis_b", "test:tb") else "routine"
    return model.Step(
        id, urgency, why, say(f"steps.{id}.title"), due_on=due_on, sources=list(sources), provisional=provisional
    )


def decisive_step(case: Case, steps: Sequence[model.Step]) -> str | None:
    """The step that decides the question of IMNM, if it is open and one of those shown does."""
    if case.level == "established" or case.truth("better_explained"):
        return None
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
        burden=rule.burden,
        turnaround_days=rule.days if rule.id.startswith("test:") else None,
    )
    if rule.id == "test:ck_repeat":
        _date_recheck(case, step)
    return step


def _date_recheck(case: Case, step: model.Step) -> None:
    """When CK is to be measured again: four to six weeks after the last statin dose unless that has been done, else a
    week after the last CK."""
    stops = [event.end for event in case.events if event.concept in f.STATIN_STOP and math.isfinite(event.end)]
    measured = [e.end for e in case.events if e.concept == "creatine_kinase_total" and math.isfinite(e.end)]
    last = max(measured, default=-math.inf)
    if case.truth("statin_stopped") and stops and last < max(stops) + f.DAYS_42.number:
        step.not_before, step.due_on = iso(max(stops) + f.DAYS_28.number), iso(max(stops) + f.DAYS_42.number)
        step.if_result = [
            model.IfResult(say(f"steps.recheck.{name}"), say(f"steps.result.recheck_{name}"))
            for name in ("normal", "raised", "high")
        ]
    elif measured:
        step.not_before = iso(last + f.DAYS_7.number)


def _outcomes(case: Case, odds: Odds, chance_of: Chance, rule: StepRule) -> list[model.IfResult]:
    """What each result would lead to, and how likely it is where that is known: the frequency of the finding that the
    first result sets, the rest shared by the others."""
    if not rule.results:
        return []
    finding, present = rule.results[0].sets[0]
    chance = chance_of(finding)
    if chance is not None and not present:
        chance = 1 - chance
    found = []
    for place, result in enumerate(rule.results):
        level, leading = odds.what_if(dict(result.sets))
        share = None if chance is None else chance if place == 0 else (1 - chance) / (len(rule.results) - 1)
        found.append(
            model.IfResult(
                result.name,
                _then(case, level, leading),
                level,
                leading.id,
                round(leading.probability, 3),
                None if share is None else round(share, 3),
            )
        )
    return found


def _value(case: Case, odds: Odds, outcomes: list[model.IfResult]) -> float | None:
    """How likely the results are to change the level or the leading disease; None if their chances are not known."""
    if not outcomes or any(outcome.chance is None for outcome in outcomes):
        return None
    level, leading = odds.now
    now = (level, leading.id)
    changing = (outcome.chance or 0.0 for outcome in outcomes if (outcome.level, outcome.leading) != now)
    return round(sum(changing), 3)


def _then(case: Case, level: str, leading: Leading) -> str:
    disease = say(f"diseases.{leading.id}")
    if level == "established":
        return say("steps.result.established")
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
    level, leading = odds.now
    before = (level, leading.id)
    for id in WORTH_ASKING:
        if case.known(id):
            continue
        changes: list[str] = []
        for answer in (True, False):
            level, leading = odds.what_if(_with_consequences(id, answer))
            after = (level, leading.id)
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


@cache
def _with_consequences(id: str, answer: bool) -> Mapping[str, bool | Interval | None]:
    return next(
        (dict(result.sets) for rule in STEPS for result in rule.results if (id, answer) in result.sets), {id: answer}
    )


WORTH_ASKING = (
    "proximal_weakness", "ck_peak_ge_1000", "anti_hmgcr_positive", "anti_srp_positive", "statin_exposure",
    "skin_rash_dm", "other_msa_positive", "tsh_high", "recent_exertion", "family_history_myopathy",
    "drug_checkpoint_inhibitor", "drug_colchicine", "finger_flexor_weakness", "dysphagia", "neck_flexor_weakness",
    "biopsy_necrosis_predominant", "genetic_test_positive", "emg_myopathic", "fatigable_or_ocular", "second_wind",
)  # fmt: skip
"""What a clinician can find out, in the order in which it is asked."""
