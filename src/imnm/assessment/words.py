"""The facts of a case in a clause, for the summary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from imnm.knowledge.messages import say
from imnm.logic.interval import Interval

if TYPE_CHECKING:
    from .engine import Case


def number(value: float) -> str:
    """A number with thousands separators, without needless decimals."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.1f}"


def bounds(value: Interval) -> str:
    """An interval as a person writes it: 13,875; above 20,000; below 20; 5 to 9."""
    if round(value.low, 6) == round(value.high, 6):
        return number(value.low)
    if math.isinf(value.high):
        return say("words.at_least", number=number(value.low))
    if math.isinf(value.low) or value.low == 0:
        return say("words.below", number=number(math.ceil(value.high * 1e6) / 1e6))
    return say("words.range", low=number(value.low), high=number(value.high))


def fact(case: Case, id: str) -> str | None:
    """One key fact as a phrase, None if it is not known to be so."""
    if id == "ck":
        peak = case.number("ck_peak")
        if case.truth("ck_elevated") is False:
            return say("words.ck_normal")
        if peak is not None and peak.low > 0:
            key = "words.ck_peak_from" if math.isinf(peak.high) else "words.ck_peak"
            return say(key, ck=number(peak.low) if math.isinf(peak.high) else bounds(peak))
        return say("words.ck_raised") if case.truth("ck_elevated") else None
    return say(f"words.{id}") if case.truth(id) else None


KEY_FACTS = (
    "proximal_weakness",
    "weakness_absent_on_examination",
    "myalgia",
    "ck",
    "statin_exposure",
    "anti_hmgcr_positive",
    "anti_srp_positive",
    "imnm_antibodies_negative",
    "biopsy_necrosis_predominant",
    "skin_rash_dm",
    "acute_trigger_any",
)


def key_facts(case: Case) -> str:
    """The facts a clinician would name, as a list in one clause; "nothing" if there is none."""
    found = [phrase for phrase in (fact(case, id) for id in KEY_FACTS) if phrase]
    if case.truth("weakness_any") and not case.truth("proximal_weakness"):
        found.insert(0, say("words.weakness_any"))
    if not found:
        return say("words.nothing")
    return found[0] if len(found) == 1 else ", ".join(found[:-1]) + say("words.and") + found[-1]
