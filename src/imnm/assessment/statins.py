"""Statins as a lipid clinic asks: what was taken, what each body calls the muscle problem, when to measure again, and
whether a statin may be given again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from imnm.knowledge import findings as f
from imnm.knowledge.concepts import CONCEPTS, members
from imnm.knowledge.criteria.pharmacology import STATIN_PGX
from imnm.knowledge.criteria.statin import CK_BANDS
from imnm.knowledge.messages import say
from imnm.knowledge.pathway import RULES
from imnm.logic.evaluate import Result
from imnm.logic.interval import exactly

from .engine import iso
from .exposures import exposures_of

if TYPE_CHECKING:
    from .engine import Case

TIERS = (("course_rise", "course_persist_14", "course_progressive_off_statin"), ("course_persist_28",),
         ("course_nhs_42", "course_acc_60"))  # fmt: skip
"""Rules of the course after stopping, strongest first: when one tier speaks, weaker ones are not shown."""
STATINS = (*members("statin"), "statin", "red_yeast_rice")


def statins_of(case: Case) -> dict[str, Any] | None:
    """The statin section; None if no statin is on record."""
    if not case.truth("statin_exposure"):
        return None
    last_stop = _last_stop(case)
    return {
        "current": case.truth("statin_current"),
        "periods": [
            {"drug": e.drug, "start": e.start, "stop": e.stop, "certain": e.certain, "ref": e.ref}
            for e in exposures_of(case)
            if e.drug in STATINS
        ],
        "last_stop": iso(last_stop) if last_stop is not None else None,
        "days_since_stop": None
        if last_stop is None or not case.truth("statin_stopped")
        else int(case.as_of - last_stop),
        "symptom_class": _classes(case, last_stop),
        "course": _course(case),
        "recheck": _recheck(case, last_stop),
        "rechallenge": _rechallenge(case),
        "interactions": _interactions(case),
    }


def _last_stop(case: Case) -> float | None:
    days = [event.end for event in case.of(*f.STATIN_STOP) if math.isfinite(event.end)]
    return max(days) if days else None


def _classes(case: Case, last_stop: float | None) -> list[dict[str, Any]]:
    """What each body calls this CK with these symptoms, side by side; bodies that cannot say are left out."""
    latest, times = case.number("ck_latest"), case.number("ck_latest_times_uln")
    if latest is None and times is None:
        return []
    kidneys = (case.truth("acute_kidney_injury"), case.truth("creatinine_elevated"))
    environment: dict[str, Result] = {
        **case.values,
        "muscle_symptoms": True if case.truth("myalgia") or case.truth("weakness_any") else None,
        "kidney_function_unstable": True if True in kidneys else False if False in kidneys else None,
        "myoglobinuria": case.truth("dark_urine"),
        "before_statin": False,
    }
    if latest is not None:
        environment["ck_u_l"] = latest
    if times is not None:
        environment["ck_times_uln"] = times
    if last_stop is not None and case.truth("statin_stopped"):
        environment["days_since_statin_stop"] = exactly(case.as_of - last_stop)
    result = CK_BANDS.read(environment, proved=False)
    shown = [{"body": "eas_2015", "class": result.class_, "text": result.extra["text"], "sources": result.sources}]
    shown += [
        {"body": body, **{key: rule[key] for key in ("class", "text", "sources", "provisional")}}
        for body, rule in result.extra["rules"].items()
    ]
    return [entry for entry in shown if entry["class"] not in (None, "none", "says_nothing")]


def _course(case: Case) -> list[dict[str, Any]]:
    for tier in TIERS:
        fired = [rule for rule in tier if case.truth(rule)]
        if fired:
            return [
                {
                    "id": rule,
                    "text": RULES[rule].label,
                    "tag": RULES[rule].evidence.tag,
                    "sources": list(RULES[rule].evidence.sources),
                }
                for rule in fired
            ]
    return []


def _recheck(case: Case, last_stop: float | None) -> dict[str, Any] | None:
    """When CK is to be measured after stopping, and what each result leads to; None where no CK is known to be above
    normal or it was measured then, and where IMNM is shown."""
    if last_stop is None or not case.truth("statin_stopped") or _autoimmune(case):
        return None
    first = last_stop + f.DAYS_28.number
    measured = [e.start for e in case.events if e.concept == "creatine_kinase_total"]
    if not measured or max(measured) >= first or case.truth("ck_raised_now") is False:
        return None
    return {
        "not_before": iso(first),
        "due_on": iso(last_stop + f.DAYS_42.number),
        "if_result": [
            {"result": say(f"steps.recheck.{name}"), "then": say(f"steps.result.recheck_{name}")}
            for name in ("normal", "raised", "high")
        ],
        "sources": ["nhs-sip", "eas-sum-de"],
    }


def _autoimmune(case: Case) -> bool:
    return bool(case.truth("anti_hmgcr_positive") or case.truth("established") or case.truth("seronegative_pattern"))


def _rechallenge(case: Case) -> dict[str, Any]:
    """Whether a statin may be tried again: never in anti-HMGCR disease, not in other IMNM, not while the cause is
    open."""
    if case.truth("anti_hmgcr_positive"):
        answer, sources = "never", ["mammen-review", "nhs-sip"]
    elif _autoimmune(case):
        answer, sources = "not_in_imnm", ["pathway"]
    elif case.truth("antibodies_due") or case.truth("ck_raised_now"):
        answer, sources = "not_now", ["nhs-sip"]
    elif case.truth("ck_raised_now") is False and case.truth("weakness_any") is not True:
        answer, sources = "may", ["nhs-sip"]
    else:
        answer, sources = "unknown", ["nhs-sip"]
    return {"answer": answer, "text": say(f"statins.rechallenge.{answer}"), "sources": sources}


def _interactions(case: Case) -> list[dict[str, Any]]:
    """Recorded drugs that raise the level or the risk of the recorded statin (toxic myopathy, not IMNM)."""
    taken = {event.concept for event in case.events if event.truth is True}
    environment: dict[str, Result] = {}
    for item in STATIN_PGX.items:
        prefix, _, name = item.id.partition("_")
        if prefix in ("takes", "with") and name in CONCEPTS:
            environment[item.id] = True if name in taken else None
    if not any(truth for id, truth in environment.items() if id.startswith("with_")):
        return []  # every row asks for a second drug, or for a gene that no record here holds
    advice = STATIN_PGX.read(environment, proved=False).extra["advice"]
    return [
        {
            "id": entry["id"],
            "text": say("statins.interaction", pair=entry["id"].replace("_", " "), advice=entry["text"]),
            "sources": entry["sources"],
            "provisional": entry["provisional"],
        }
        for entry in advice
        if entry["holds"] is True
    ]
