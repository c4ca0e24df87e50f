"""Trials that take people with IMNM: what the registry said on a date, and their criteria as expressions.

``data/trials.toml`` holds status, date and size, ``messages/<language>/trials.toml`` the sentences, under the trial's
id and the criterion's id. A criterion that a record cannot answer stays unknown; none is guessed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple

import msgspec

from imnm.logic.nodes import (
    All,
    Any_,
    AsOf,
    Compare,
    DaysBetween,
    Events,
    InWindow,
    Latest,
    Literal_,
    Not,
    Recorded,
    Threshold,
    Value,
    WithDetail,
    WithGrade,
)

from .evidence import Evidence, Tag, evidence, threshold
from .files import DATA
from .findings import (
    AGE,
    AGE_18,
    ANTI_HMGCR,
    ANTI_SRP,
    CARDIAC,
    CK_LATEST_TIMES,
    DM_RASH,
    DYSPHAGIA,
    FIRST_SIGN,
    OTHER_MSA,
    RESPIRATORY_FAILURE,
    STATIN_CURRENT,
)
from .treatment import ANTI_CD20, IMMUNOGLOBULIN, stated

Status = Literal[
    "recruiting",
    "not_yet_recruiting",
    "active_not_recruiting",
    "status_not_read",
    "terminated",
    "withdrawn",
    "ended",
]
CLOSED: frozenset[Status] = frozenset({"active_not_recruiting", "terminated", "withdrawn", "ended"})


class Trial(msgspec.Struct, frozen=True):
    """One trial. status_on: the date of the status, empty if it was not read. planned: people, 0 if not read."""

    id: str
    name: str
    drug: str
    target: str
    phase: str
    status: Status
    status_on: str
    planned: int
    ends: str
    tag: Tag
    sources: tuple[str, ...]

    @property
    def closed(self) -> bool:
        """Whether it takes nobody new."""
        return self.status in CLOSED


class TrialCriterion(NamedTuple):
    """One criterion (message ``trials.<trial>.<id>``); the expression is true when the patient meets it."""

    id: str
    condition: Value


@cache
def trials() -> Mapping[str, Trial]:
    """Every trial by id, in the order of the file. Raises ValueError on a duplicate id."""
    text = (DATA / "trials.toml").read_text(encoding="utf-8")
    found: dict[str, Trial] = {}
    for trial in msgspec.convert(tomllib.loads(text)["trial"], list[Trial]):
        if trial.id in found:
            raise ValueError(f"trial {trial.id!r} stands twice in trials.toml")
        found[trial.id] = trial
    return found


# ---------------------------------------------------------------- criteria


def _number(id: str, number: float, unit: str, meaning: str, source: str) -> Threshold:
    return threshold(id, number, unit, f"trial criterion: {meaning}", evidence("primary", source))


def _strength(scale: str) -> Latest:
    """The latest MMT8 counted out of ``scale``; unknown if the record does not say out of how much."""
    return Latest(WithDetail(Events(("mmt8",)), (scale,)), "value")


ASK = Literal_(None)
"""A criterion that records do not answer: to be asked."""

ILL_FOR = DaysBetween(FIRST_SIGN, AsOf())
NO_STATIN = Not(STATIN_CURRENT)
IMNM_ANTIBODY = Any_((ANTI_HMGCR, ANTI_SRP))
ANY_MSA = Any_((ANTI_HMGCR, ANTI_SRP, OTHER_MSA))
ADULT = Compare(AGE, ">=", AGE_18)
AGE_16 = _number("trial_age_16", 16, "years", "older than 16 years", "nct06599697")
AGE_75 = _number("trial_age_75", 76, "years", "up to 75 completed years", "reset-myositis")
CK_1_5X = _number("trial_ck_1_5x", 1.5, "x ULN", "CK above 1.5 times the upper limit", "nct07103746")
CK_4X = _number("trial_ck_4x", 4, "x ULN", "CK at least 4 times the upper limit", "nct06152172")
CK_ABOVE_5X = _number("trial_ck_5x", 5, "x ULN", "CK above 5 times the upper limit", "nct06599697")
MMT_142 = _number("trial_mmt_142", 142, "points", "MMT8 below or at most 142", "nct07103746")
MMT_136 = _number("trial_mmt_136", 136, "points", "MMT8 below 136", "nct06152172")
ONE_YEAR = _number("trial_ill_1_year", 365.25, "days", "ill for at most 1 year", "nct07103746")
THREE_YEARS = _number("trial_ill_36_months", 3 * 365.25, "days", "ill for less than 36 months", "nct06599697")
SIX_MONTHS_AGO = _number("trial_rituximab_6_months", -183, "days", "rituximab within 6 months", "nct06599697")

RITUXIMAB_LATELY = Recorded(
    InWindow(Events((*ANTI_CD20, *(f"{drug}.active" for drug in ANTI_CD20))), AsOf(), SIX_MONTHS_AGO, None), None
)
IN_DANGER = All(
    (
        Any_((DYSPHAGIA, RESPIRATORY_FAILURE)),
        Recorded(WithGrade(Events(("dysphagia", "respiratory_failure")), ("moderate", "severe")), None),
    )
)
AGE_18_TO_75 = All((ADULT, Compare(AGE, "<", AGE_75)))

CRITERIA: dict[str, tuple[TrialCriterion, ...]] = {
    "NCT07103746": (
        TrialCriterion("adult", ADULT),
        TrialCriterion("antibody", IMNM_ANTIBODY),
        TrialCriterion("classification", ASK),
        TrialCriterion("duration", Compare(ILL_FOR, "<=", ONE_YEAR)),
        TrialCriterion("strength", Compare(_strength("150"), "<", MMT_142)),
        TrialCriterion("ck", Compare(CK_LATEST_TIMES, ">", CK_1_5X)),
        TrialCriterion("one_more", ASK),
        TrialCriterion("background", ASK),
    ),
    "NCT06599697": (
        TrialCriterion("adult", Compare(AGE, ">", AGE_16)),
        TrialCriterion("antibody", ANTI_HMGCR),
        TrialCriterion("ck", Compare(CK_LATEST_TIMES, ">", CK_ABOVE_5X)),
        TrialCriterion("strength", Compare(_strength("160"), "<", MMT_142)),
        TrialCriterion("duration", Compare(ILL_FOR, "<", THREE_YEARS)),
        TrialCriterion("no_ivig", Not(stated(*IMMUNOGLOBULIN))),
        TrialCriterion("no_statin", NO_STATIN),
        TrialCriterion("no_rituximab", Not(RITUXIMAB_LATELY)),
        TrialCriterion("no_danger", Not(IN_DANGER)),
        TrialCriterion("no_rash", Not(DM_RASH)),
        TrialCriterion("background", ASK),
    ),
    "NCT06665256": (
        TrialCriterion("age", AGE_18_TO_75),
        TrialCriterion("weight", ASK),
        TrialCriterion("damage", ASK),
    ),
    "RESET-Myositis": (
        TrialCriterion("age", AGE_18_TO_75),
        TrialCriterion("antibody", ANY_MSA),
        TrialCriterion("no_transplant", Not(stated("transplant"))),
        TrialCriterion("organs", Not(Any_((CARDIAC, stated("ild"), RESPIRATORY_FAILURE)))),
    ),
    "NCT06152172": (
        TrialCriterion("classification", ASK),
        TrialCriterion("strength", Compare(_strength("150"), "<", MMT_136)),
        TrialCriterion("activity", Any_((Compare(CK_LATEST_TIMES, ">=", CK_4X), stated("mri_muscle_edema"), ASK))),
    ),
    "NCT05379634": (
        TrialCriterion("adult", ADULT),
        TrialCriterion("classification", ASK),
        TrialCriterion("antibody", ANY_MSA),
    ),
    "NCT07160205": (
        TrialCriterion("adult", ADULT),
        TrialCriterion("antibody", ANY_MSA),
        TrialCriterion("ck", Any_((Compare(CK_LATEST_TIMES, ">", CK_1_5X), ASK))),
        TrialCriterion("strength", Compare(_strength("150"), "<=", MMT_142)),
        TrialCriterion("background", ASK),
    ),
}
"""The criteria of the trials that may still take people, by trial id."""


def evidence_in_use() -> Iterator[Evidence]:
    """Every piece of evidence of this module, for the check that each source exists and is used."""
    for trial in trials().values():
        yield Evidence(trial.tag, trial.sources)
