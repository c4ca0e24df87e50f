"""After the diagnosis: treatment options, safety checks, cancer screening, monitoring, trials and the conflicts that
concern this patient, in the shape of the contract.

Options are never orders. Every statement carries the record entries it rests on in this patient, and the sources and
the tag it rests on in the literature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from imnm.knowledge import monitoring as m
from imnm.knowledge import treatment as t
from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.conflicts import Conflict, shown_in
from imnm.knowledge.criteria.cancer import IMACS_CANCER_2023
from imnm.knowledge.criteria.model import CriteriaResult
from imnm.knowledge.evidence import sources
from imnm.knowledge.findings import BIRTH, DAYS_365, DYSPHAGIA, FIRST_SIGN, YEARS_A_DAY
from imnm.knowledge.messages import say
from imnm.knowledge.trials import CRITERIA, Trial, TrialCriterion, trials
from imnm.logic.evaluate import Program, Values
from imnm.logic.event import Event
from imnm.logic.interval import Interval
from imnm.logic.nodes import (
    All,
    DaysBetween,
    Events,
    FirstDay,
    Recorded,
    Scale,
    SeenBy,
    Value,
    WithGrade,
    WithTruth,
    refs_of,
)
from imnm.logic.truth import Truth, all_of

from . import followup
from .engine import Case
from .followup import Course, cited, entries, iso
from .model import Diagnosis

LEVELS_IN_DOUBT = ("high", "moderate")


def aftercare_of(case: Case, diagnosis: Diagnosis) -> dict[str, Any]:
    """``cancer_screening``, ``treatment``, ``monitoring``, ``trials`` and ``conflicts`` of one patient on one date.

    Treatment, screening and trials are there once a subtype of IMNM is diagnosed; the course of CK whenever there is
    one to speak of; conflicts as far as they concern the patient.
    """
    subtype = diagnosis.id if diagnosis.id in t.IMNM_SUBTYPES else None
    judge = Judge(case) if subtype else None
    return {
        "cancer_screening": screening(judge, subtype) if judge and subtype else None,
        "treatment": treatment(case, judge, subtype),
        "monitoring": monitoring(case, subtype),
        "trials": trials_for(judge) if judge else [],
        "conflicts": conflicts_for(case, subtype),
    }


# ---------------------------------------------------------------- conditions, compiled once


AGE_AT_ONSET = Scale(DaysBetween(FirstDay(BIRTH), FIRST_SIGN), YEARS_A_DAY)
SEVERE_DYSPHAGIA = All((DYSPHAGIA, Recorded(WithGrade(Events(("dysphagia",)), ("moderate", "severe")), None)))
DIAGNOSED_ON: dict[str, Value] = {
    "imnm_hmgcr": SeenBy(WithTruth(Events(("anti_hmgcr",)), True)),
    "imnm_srp": SeenBy(WithTruth(Events(("anti_srp",)), True)),
    "imnm_seronegative": SeenBy(WithTruth(Events(("muscle_biopsy",)), True)),
}
"""The day from which a subtype counts as diagnosed: its antibody, or the biopsy where there is none."""


@cache
def conditions() -> Program:
    """Every condition of options and trials: ``option.<option>.<consideration>``, ``fact.<option>.<fact>``,
    ``trial.<trial>.<criterion>``, and what the screening plan needs: first sign, age and
    swallowing then, day of the diagnosis."""
    found: dict[str, Value] = {
        "first_sign": FIRST_SIGN,
        "age_at_onset": AGE_AT_ONSET,
        "dysphagia_moderate_or_severe": SEVERE_DYSPHAGIA,
        **{f"diagnosed_{subtype}": day for subtype, day in DIAGNOSED_ON.items()},
    }
    for option in t.OPTIONS:
        found.update({f"option.{option.id}.{c.id}": c.condition for c in option.considerations})
        found.update({f"fact.{option.id}.{f.id}": f.unless_not for f in option.facts if f.unless_not is not None})
    for trial, criteria in CRITERIA.items():
        found.update({f"trial.{trial}.{criterion.id}": criterion.condition for criterion in criteria})
    return Program(found)


class Judge:
    """The conditions of options and trials for one patient, with the record entries behind each."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.values: Values = conditions().run(case.events, case.as_of, case.values)
        self.entries = conditions().entries_of(self.values)

    def truth(self, id: str) -> Truth:
        """The truth of a condition."""
        value = self.values.get(id)
        return value if isinstance(value, bool) else None

    def evidence(self, id: str) -> list[dict[str, str]]:
        """The record entries behind a condition, each once."""
        seen = {(entry.ref, entry.text): None for entry in self.entries(id)}
        for entry in self.case.evidence(*sorted(refs_of(conditions().definitions[id]))):
            seen.setdefault((entry.ref, entry.text))
        return [{"ref": ref, "text": text} for ref, text in seen]


# ---------------------------------------------------------------- treatment


def treatment(case: Case, judge: Judge | None, subtype: str | None) -> dict[str, Any] | None:
    """Options, safety checks and lipid lowering; None if nothing of it applies."""
    lipids = lipid_lowering(case)
    if subtype is None and lipids is None:
        return None
    found: dict[str, Any] = {"notice": say("treatment.page.notice"), "subtype": subtype}
    if judge is not None and subtype is not None:
        rows = [_option(judge, option, subtype) for option in t.OPTIONS if subtype in option.roles]
        found["options"] = sorted(rows, key=lambda row: ROLE_ORDER.index(row["role"]))
        found["safety"] = safety(case)
    if lipids is not None:
        found["lipid_lowering"] = lipids
    return found


ROLE_ORDER = ("trigger", "first", "supportive", "add_on", "maintenance", "refractory", "not_supported")


def _option(judge: Judge, option: t.Option, subtype: str) -> dict[str, Any]:
    role = option.roles[subtype]
    rows: dict[str, list[dict[str, Any]]] = {"for": [], "against": [], "unknown": []}
    for consideration in option.considerations:
        id = f"option.{option.id}.{consideration.id}"
        truth = judge.truth(id)
        if truth is False:
            continue
        row = {
            "id": consideration.id,
            "text": say(f"treatment.consider.{consideration.id}"),
            "evidence": judge.evidence(id) if truth else [],
            **cited(consideration.evidence),
        }
        rows[consideration.side if truth else "unknown"].append(row)
    return {
        "id": option.id,
        "title": say(f"treatment.option.{option.id}.title"),
        "role": role,
        "role_text": say(f"treatment.role.{role}"),
        "state": drug_state(judge.case, option.drugs) if option.drugs else None,
        **rows,
        "facts": [
            {"id": fact.id, "text": say(f"treatment.fact.{fact.id}"), **cited(fact.evidence)}
            for fact in option.facts
            if subtype in fact.of and not (fact.unless_not and judge.truth(f"fact.{option.id}.{fact.id}") is False)
        ],
    }


STATES = ("in_use", "started", "stopped", "not_taken", "not_recorded")
"""States of a drug, the one that counts most first when several drugs are asked about."""


def drug_state(case: Case, drugs: Sequence[str]) -> dict[str, Any]:
    """Whether one of these drugs is in use, was started, was stopped, or is stated as not taken, with dates."""
    state, since, until, shown = min((_one_drug(case, drug) for drug in drugs), key=lambda row: STATES.index(row[0]))
    return {
        "id": state,
        "text": say(f"treatment.page.{state}"),
        "since": iso(since),
        "until": iso(until),
        "evidence": entries(shown),
    }


def _one_drug(case: Case, drug: str) -> tuple[str, float, float, list[Event]]:
    """State, first and last day (infinite: not known or not over), and the entries behind the state."""
    events, stops = case.of(drug), case.of(f"{drug}.stop")
    active = [event for event in case.of(f"{drug}.active") if event.truth is not False]
    given = [event for event in events if event.truth is True]
    since = min((event.end for event in given if math.isfinite(event.end)), default=math.inf)
    stopped = max((event.end for event in stops), default=-math.inf)
    if active and max(event.end for event in active) > stopped:
        return "in_use", since, math.inf, active
    if given and stops and max(event.end for event in given) > stopped:
        return "started", since, math.inf, given
    if stops:
        return "stopped", since, stopped, stops
    if given:
        return "started", since, math.inf, given
    return ("not_taken" if events else "not_recorded"), math.inf, math.inf, events


# ---------------------------------------------------------------- safety checks


def safety(case: Case) -> list[dict[str, Any]]:
    """The checks before and during treatment against the record.

    status: ``done``; ``overdue`` (done, due again); ``missing`` (the record holds results of this kind, not this one);
    ``unknown`` (the record cannot tell). Checks that belong to a drug are there once the drug is on record, those of
    ``ON_THE_DRUG`` until it is known to have been stopped; what comes before treatment is there always.
    """
    return [_check(case, check) for check in t.SAFETY_CHECKS if _concerns(case, check)]


def _concerns(case: Case, check: t.SafetyCheck) -> bool:
    if check.phase == "before":
        return True
    if check.phase in t.ON_THE_DRUG:
        return any(_may_be_taken(case, drug) for drug in check.drugs)
    return any(event.truth is True for event in case.of(*check.drugs))


def _may_be_taken(case: Case, drug: str) -> bool:
    """Whether any ingredient of the drug was begun and is not known to have been stopped since."""
    given = [event for event in (*case.of(drug), *case.of(f"{drug}.active")) if event.truth is True]
    stops = case.of(f"{drug}.stop")
    return any(all(stop.detail != event.detail or stop.end < event.end for stop in stops) for event in given)


def _check(case: Case, check: t.SafetyCheck) -> dict[str, Any]:
    status, shown, due = _status(case, check)
    positive = [e for e in case.of(*check.positive_matters) if e.truth is True]
    return {
        "id": check.id,
        "title": say(f"treatment.check.{check.id}.title"),
        "phase": check.phase,
        "phase_text": say(f"treatment.phase.{check.phase}"),
        "why": say(f"treatment.check.{check.id}.why"),
        "status": status,
        "status_text": say(f"treatment.status.{status if check.done_by or status != 'unknown' else 'by_hand'}"),
        "on": iso(max((event.end for event in shown), default=math.inf)),
        "due_on": due,
        "positive": bool(positive),
        "evidence": entries([*shown, *(e for e in positive if e not in shown)]),
        **cited(check.evidence),
    }


def _status(case: Case, check: t.SafetyCheck) -> tuple[str, list[Event], str | None]:
    """The status of a check, the newest entry of each of its parts, and the date on which it is due again.

    A part that no reader knows yet leaves the check open; what is missing or overdue among the others is said.
    """
    readable = [group for group in check.done_by if any(concept in CONCEPTS for concept in group)]
    newest = [_newest(case.of(*group)) for group in readable]
    shown = [event for event in newest if event is not None]
    if not readable or (len(shown) < len(readable) and not _holds(case, check.area)):
        return "unknown", shown, None
    if len(shown) < len(readable):
        return "missing", shown, None
    last = min(event.end for event in shown)
    due = _due_again(case, check, last)
    if (due is not None and due < case.as_of) or _stale(case, check, last):
        return "overdue", shown, iso(due) if due is not None else None
    whole = len(readable) == len(check.done_by)
    return ("done" if whole else "unknown"), shown, iso(due) if due is not None else None


def _stale(case: Case, check: t.SafetyCheck, last: float) -> bool:
    """Whether the newest result lies too long before the start of the drug to count for it."""
    begun = _begun(case, check)
    return check.fresh is not None and begun is not None and math.isfinite(last) and last < begun - check.fresh


def _begun(case: Case, check: t.SafetyCheck) -> float | None:
    """The day by which the first of the check's drugs was started, if it is known."""
    days = [event.end for event in case.of(*check.drugs) if event.truth is True and math.isfinite(event.end)]
    return min(days, default=None)


def _newest(events: Sequence[Event]) -> Event | None:
    return max(events, key=lambda event: event.end if math.isfinite(event.end) else -math.inf, default=None)


KINDS: dict[t.Area, frozenset[str]] = {
    "laboratory": frozenset(id for id, concept in CONCEPTS.items() if concept.domain == "result"),
    "procedure": frozenset(id for id, concept in CONCEPTS.items() if concept.domain == "procedure"),
}


def _holds(case: Case, area: t.Area) -> bool:
    """Whether the record holds anything of this kind, so that not holding one thing says something."""
    return area in KINDS and not KINDS[area].isdisjoint(case.by_concept.concepts)


def _due_again(case: Case, check: t.SafetyCheck, last: float) -> float | None:
    """The day on which a repeated check is due again, by the days since the drug was started; None if it is not
    repeated or a date is missing."""
    begun = _begun(case, check)
    if not check.again or begun is None or not math.isfinite(last):
        return None
    since = max(last - begun, 0)
    steps = [every for start, every in check.again if since >= start] or [check.again[0][1]]
    return last + steps[-1]


# ---------------------------------------------------------------- lipids


def lipid_lowering(case: Case) -> dict[str, Any] | None:
    """What lipid lowering remains after anti-HMGCR disease and what labels say; None without the antibody."""
    if case.truth("anti_hmgcr_positive") is not True:
        return None
    return {
        "rule": say("treatment.lipid.rule"),
        "red_yeast_rice": say("treatment.lipid.red_yeast"),
        "statin_in_use": case.truth("statin_current"),
        "evidence": [{"ref": e.ref, "text": e.text} for e in case.evidence("anti_hmgcr_positive", "statin_current")],
        "options": [
            {"id": id, "text": say(f"treatment.lipid.option.{id}"), "state": drug_state(case, drugs), **cited(basis)}
            for id, drugs, basis in t.LIPID_OPTIONS
        ],
        "labels": [
            {"id": id, "text": say(f"treatment.lipid.label.{id}"), "date": date or None, **cited(basis)}
            for id, date, basis in t.STATIN_LABELS
        ],
        "label_gap": say("treatment.lipid.label_gap"),
        **cited(t.LIPID_RULE),
    }


# ---------------------------------------------------------------- monitoring


def monitoring(case: Case, subtype: str | None) -> dict[str, Any] | None:
    """The course and, once diagnosed, what is due; None if there is no course to speak of."""
    course = Course(case.events, case.as_of, case.values)
    if subtype is None and len(followup.points(course)) < 2:
        return None
    found: dict[str, Any] = {"notice": say("monitoring.page.notice"), "trend": followup.trend(course)}
    if subtype is None:
        return found
    phase = followup.phase_of(course)
    return {
        **found,
        "phase": phase,
        "phase_text": say(f"monitoring.phase.{phase}"),
        "schedule": followup.schedule(course),
        "definitions": [followup.remission(course), followup.deterioration(course)],
        "response": followup.response(course),
        "expect": [
            {"id": id, "text": say(f"monitoring.expect.{id}"), **cited(basis)}
            for id, of, basis in m.EXPECTATIONS
            if not of or subtype in of
        ],
    }


# ---------------------------------------------------------------- cancer screening


IS_IMNM = {
    "subtype_imnm": True,
    "subtype_dermatomyositis": False,
    "subtype_amyopathic_dermatomyositis": False,
    "subtype_polymyositis": False,
    "subtype_ibm": False,
}


def screening(judge: Judge, subtype: str) -> dict[str, Any]:
    """The plan of cancer screening: category, panels against the record, and dates.

    The category and the panels are those of ``imacs-cancer-2023``; here they are compared with the record.
    """
    case, judged = judge.case, judge.values
    known: dict[str, Any] = {**case.values, **IS_IMNM}
    known |= {id: judged[id] for id in ("age_at_onset", "dysphagia_moderate_or_severe")}
    known["diagnosed_on"] = judged[f"diagnosed_{subtype}"]
    result = IMACS_CANCER_2023.read(known)
    window = _window(judged["first_sign"])
    if result.result == "not-applicable":
        return _not_screened("child")
    if window is not None and case.as_of > window:
        return _not_screened("late")
    notes: list[str] = []
    if result.could_reach:
        notes.append(
            say("monitoring.screening.could", category=say(f"monitoring.screening.level.{result.could_reach}"))
        )
    if window is not None:
        notes.append(say("monitoring.screening.window", until=iso(window)))
    if result.provisional:
        notes.append(say("monitoring.screening.provisional"))
    since = judged["first_sign"]
    start = since.low if isinstance(since, Interval) and since.exact else case.as_of - DAYS_365.number
    return {
        "applicable": True,
        "category": result.class_,
        "could_reach": result.could_reach,
        "missing": result.missing,
        "provisional": result.provisional,
        "notice": say("monitoring.screening.notice"),
        "panels": [
            _panel(case, name, tests, start, [iso(case.as_of)])
            for name, tests in result.extra["at_diagnosis"].items()
            if tests
        ]
        + _yearly(case, result, window),
        "notes": [*notes, *result.warnings, result.extra["everybody"]],
        "tag": m.SCREENING.tag,
        "sources": result.sources,
    }


def _window(first_sign: Any) -> float | None:
    """The day on which the three years after the first symptom end, if it is known."""
    if not isinstance(first_sign, Interval) or not first_sign.exact:
        return None
    return first_sign.low + m.SCREENING_YEARS.number / YEARS_A_DAY.number


def _yearly(case: Case, result: CriteriaResult, window: float | None) -> list[dict[str, Any]]:
    """The yearly basic panel of the category high, with the dates that are still to come within the window."""
    if result.extra["then"] != "basic_yearly":
        return []
    last = iso(window) if window is not None else None
    coming = [day for day in result.extra["then_on"] if day > (iso(case.as_of) or "") and (last is None or day <= last)]
    return [_panel(case, "yearly", result.extra["at_diagnosis"]["basic"], case.as_of - DAYS_365.number, coming)]


def _not_screened(reason: str) -> dict[str, Any]:
    words = say(f"monitoring.screening.reason_{reason}")
    return {
        "applicable": False,
        "category": None,
        "could_reach": None,
        "notice": say("monitoring.screening.not_applicable", reason=words),
        "panels": [],
        **cited(m.SCREENING),
    }


def _panel(
    case: Case, name: str, tests: Sequence[Mapping[str, Any]], since: float, dates: Sequence[str | None]
) -> dict[str, Any]:
    """A panel with its dates, each test against the record since a day."""
    items = [_screening_item(case, test, since) for test in tests]
    done = all(item["status"] == "done" for item in items)
    open_dates = [] if done and name != "yearly" else list(dates)
    return {
        "id": name,
        "title": say(f"monitoring.screening.panel.{name}"),
        "due_on": next(iter(open_dates), None),
        "dates": open_dates,
        "items": items,
    }


def _screening_item(case: Case, test: Mapping[str, Any], since: float) -> dict[str, Any]:
    concepts = [concept for concept in m.SCREENING_DONE_BY[test["id"]] if concept in CONCEPTS]
    found = [event for event in case.of(*concepts) if math.isfinite(event.end) and event.end >= since]
    last = _newest(found)
    if last is not None:
        status = "done"
    elif concepts:
        status = "missing" if any(_holds(case, area) for area in ("laboratory", "procedure")) else "unknown"
    else:
        status = "unknown"
    return {
        "id": test["id"],
        "title": test["title"],
        "status": status,
        "status_text": say(f"treatment.status.{status if concepts else 'by_hand'}"),
        "on": iso(last.end) if last else None,
        "evidence": entries([last] if last else []),
        "provisional": test["provisional"],
    }


# ---------------------------------------------------------------- trials


def trials_for(judge: Judge) -> list[dict[str, Any]]:
    """The trials that may still take people, each criterion true, false or unknown in this patient; those that fit
    best first."""
    rows = [_trial(judge, trial) for trial in trials().values() if not trial.closed]
    order = {"possible": 0, "unknown": 1, "no": 2}
    return sorted(rows, key=lambda row: order[row["fit"]])


def _trial(judge: Judge, trial: Trial) -> dict[str, Any]:
    criteria = [_criterion(judge, trial, criterion) for criterion in CRITERIA[trial.id]]
    met = all_of(row["result"] for row in criteria)
    fit = {True: "possible", False: "no", None: "unknown"}[met]
    status = say(f"trials.status.{trial.status}")
    dated = say("trials.page.status_on", status=status, on=trial.status_on)
    return {
        "id": trial.id,
        "title": say(f"trials.{trial.id}.title"),
        "name": trial.name or None,
        "drug": trial.drug or None,
        "target": trial.target or None,
        "phase": trial.phase or None,
        "design": say(f"trials.{trial.id}.design"),
        "status": trial.status,
        "status_on": trial.status_on or None,
        "status_text": dated if trial.status_on else say("trials.page.status_undated", status=status),
        "fit": fit,
        "fit_text": say(f"trials.fit.{fit}"),
        "criteria": criteria,
        "notice": say("trials.page.notice"),
        "tag": trial.tag,
        "sources": list(trial.sources),
    }


def _criterion(judge: Judge, trial: Trial, criterion: TrialCriterion) -> dict[str, Any]:
    id = f"trial.{trial.id}.{criterion.id}"
    truth = judge.truth(id)
    return {
        "id": criterion.id,
        "text": say(f"trials.{trial.id}.{criterion.id}"),
        "result": truth,
        "evidence": judge.evidence(id) if truth is not None else [],
    }


# ---------------------------------------------------------------- conflicts


def conflicts_for(case: Case, subtype: str | None) -> list[dict[str, Any]]:
    """The conflicts between sources that concern this patient, both statements with their sources and dates."""
    return [shown(conflict) for conflict in shown_in(situations(case, subtype))]


def situations(case: Case, subtype: str | None) -> frozenset[str]:
    """What the patient's situation is called in ``conflicts.toml``."""
    found: set[str] = set()
    if subtype is not None:
        found |= {subtype, "treatment", "monitoring", "trial", "cancer"}
    elif case.level in LEVELS_IN_DOUBT:
        found.add("suspicion")
    if subtype is None and case.truth("statin_exposure") and case.level not in ("none", "insufficient"):
        found.add("statin")
    for finding, situation in (
        ("muscle_biopsy", "biopsy"),
        ("skin_rash_dm", "rash"),
        ("cardiac_involvement", "heart"),
        ("dyspnea_or_respiratory", "breathing"),
    ):
        if found and case.truth(finding):
            found.add(situation)
    if case.truth("anti_hmgcr_positive") and subtype is None:
        found.add("antibody")
    if found and any(event.truth is True for event in case.of("pregnancy")):
        found.add("pregnancy")
    return frozenset(found)


def shown(conflict: Conflict) -> dict[str, Any]:
    """One conflict as the contract and ``explain`` show it."""
    return {
        "id": conflict.id,
        "title": conflict.text("topic"),
        "a": _side(conflict.text("a"), conflict.a),
        "b": _side(conflict.text("b"), conflict.b),
        "follows": conflict.follows,
        "rule": conflict.text("rule"),
        "why": conflict.text("why"),
        "tag": conflict.tag,
        "sources": sorted({*conflict.a, *conflict.b}),
    }


def _side(text: str, ids: Sequence[str]) -> dict[str, Any]:
    """A statement with its sources; its date is the newest year among them, ``undated`` if none has one."""
    years = [sources()[id].year for id in ids if id in sources() and sources()[id].year]
    return {"text": text, "sources": list(ids), "date": max(years, default=say("conflicts.page.undated"))}


__all__ = ["aftercare_of", "conditions", "shown"]
