"""IMACS 2023 cancer screening: risk category by counts of factors, the panels, and their dates.

The counting rule, panels and frequency were read; which factor stands on which level was not, so that every category
is provisional. The words describe risk among patients with myositis, not against the general population.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from imnm.logic.event import day_date
from imnm.logic.interval import Interval
from imnm.logic.nodes import All, Any_, Compare, Not, Score, Threshold, Value

from ..evidence import evidence, threshold
from ..findings import AGE_18, AGE_40
from . import items as i
from .model import OTHERWISE, CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung, sentence

FACTORS = evidence("unverified", "oldroyd2023", note="which factor stands on which level was not read")
COUNTING = evidence("secondary", "imacs-hongkong2024", "oldroyd2023")
PANELS = evidence("secondary", "imacs-summaries", "oldroyd2023")

HIGH: tuple[Value, ...] = (
    i.IS_DM,
    i.TIF1G,
    i.NXP2,
    Compare(i.AGE_AT_ONSET, ">", AGE_40),
    i.PERSISTENT_ACTIVITY,
    i.SEVERE_DYSPHAGIA,
    i.CUTANEOUS_NECROSIS,
)
INTERMEDIATE: tuple[Value, ...] = (i.IS_ADM, i.IS_PM, i.IS_IMNM, i.SAE1, i.HMGCR, i.MI2, i.MDA5, Not(i.FEMALE))
COUNT_HIGH = Score(tuple((factor, 1) for factor in HIGH), 1)
COUNT_INTERMEDIATE = Score(tuple((factor, 1) for factor in INTERMEDIATE), 1)


def _count(n: int) -> Threshold:
    return threshold(f"imacs_cancer_{n}", n, "factors", f"{n} risk factor(s) of one level", COUNTING)


ONE, TWO = _count(1), _count(2)
CLASSES = Ladder(
    "class",
    (
        Rung("high", Compare(COUNT_HIGH, ">=", TWO), FACTORS),
        Rung("moderate", Any_((Compare(COUNT_HIGH, ">=", ONE), Compare(COUNT_INTERMEDIATE, ">=", TWO))), FACTORS),
        Rung("standard", OTHERWISE, FACTORS),
    ),
)
YEARLY = threshold("imacs_cancer_years", 3, "years", "how long patients at high risk are screened yearly", PANELS)
CLINICAL_HIGH = (i.PERSISTENT_ACTIVITY, i.SEVERE_DYSPHAGIA, i.CUTANEOUS_NECROSIS)

BASIC = (
    "history_examination", "blood_count", "liver_tests", "esr_crp", "protein_electrophoresis", "free_light_chains",
    "urinalysis", "chest_x_ray",
)  # fmt: skip
ENHANCED = (
    "ct_neck_thorax_abdomen_pelvis", "cervical_screening", "mammography", "psa", "ca125", "pelvic_ultrasound",
    "faecal_occult_blood",
)  # fmt: skip
FOR_WOMEN = frozenset(("cervical_screening", "mammography", "ca125", "pelvic_ultrasound"))
FOR_MEN = frozenset(("psa",))
NOT_READ = frozenset(("free_light_chains",))
"""Tests of a panel that rest on memory alone."""


def panel(tests: tuple[str, ...], female: bool | None) -> list[dict[str, Any]]:
    """The tests of a panel that fit the patient's sex, with their names."""
    left_out = FOR_MEN if female is True else FOR_WOMEN if female is False else frozenset()
    return [
        {"id": test, "title": sentence("imacs-cancer-2023", "test", test), "provisional": test in NOT_READ}
        for test in tests
        if test not in left_out
    ]


def anniversaries(day: dt.date, years: int) -> list[dt.date]:
    """The same day in each of the next years (29 February: 28 February)."""
    last = [28 if (day.month, day.day) == (2, 29) else day.day] * years
    return [dt.date(day.year + n, day.month, last[n - 1]) for n in range(1, years + 1)]


def screening_plan(result: CriteriaResult, environment: Environment) -> None:
    """Adds counts, panels and, if the day of diagnosis is given, the dates."""
    if result.result == "not-applicable":
        return
    female = environment["female"]
    assert not isinstance(female, Interval)
    more = result.class_ in ("high", "moderate")
    diagnosed = _date(environment.get("diagnosed_on"))
    result.extra |= {
        "at_diagnosis": {
            "basic": panel(BASIC, female),
            "enhanced": panel(ENHANCED, female) if more else [],
        },
        "then": "basic_yearly" if result.class_ == "high" else "nothing_extra",
        "then_on": [
            day.isoformat() for day in anniversaries(diagnosed, int(YEARLY.number))
        ] if diagnosed and result.class_ == "high" else [],
        "everybody": sentence(result.id, "test", "population_screening"),
    }  # fmt: skip


def _date(value: object) -> dt.date | None:
    return day_date(value.low) if isinstance(value, Interval) and value.exact else None


IMACS_CANCER_2023 = CriteriaSet(
    id="imacs-cancer-2023",
    evidence=FACTORS,
    fulfilled=CLASSES.rungs[0].condition,
    classes=CLASSES,
    numbers={"high_factors": COUNT_HIGH, "intermediate_factors": COUNT_INTERMEDIATE},
    applicable=All((Compare(i.AGE_AT_ONSET, ">=", AGE_18), Not(i.IS_IBM))),
    notes=(
        Note("relative_to_myositis", OTHERWISE, COUNTING),
        Note("red_flags", OTHERWISE, evidence("weak", "imacs-summaries")),
        Note(
            "pet_ct_single_test",
            All((i.TIF1G, i.IS_DM, Compare(i.AGE_AT_ONSET, ">", AGE_40), Any_(CLINICAL_HIGH))),
            evidence("primary", "oldroyd2023"),
        ),
        Note("consider_pet_or_endoscopy", Compare(COUNT_HIGH, ">=", TWO), evidence("primary", "oldroyd2023")),
        Note("nasopharynx", OTHERWISE, evidence("primary", "oldroyd2023")),
        Note(
            "antibody_negative_contested",
            All((i.IS_IMNM, Not(i.HMGCR), Not(i.SRP))),
            evidence("secondary", "f4", "shelly2022"),
        ),
    ),
    finish=screening_plan,
)
