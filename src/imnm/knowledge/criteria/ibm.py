"""Inclusion body myositis: ENMC 2011 (188th workshop), superseded in 2024 by criteria that were not read, and Griggs
1995. Kept to read old data and as a filter for a mimic. Every limit is as strict as printed."""

from __future__ import annotations

from imnm.logic.nodes import All, Any_, Compare, Not

from ..evidence import evidence, threshold
from . import items as i
from .model import OTHERWISE, CriteriaSet, Ladder, Note, Rung

TABLES = i.IBM_TABLES
GRIGGS = i.GRIGGS

MONTHS_12 = threshold("ibm_months", 12, "months", "duration of weakness that IBM must exceed (ENMC 2011)", TABLES)
AGE_45 = threshold("ibm_age", 45, "years", "age at onset that IBM must exceed (ENMC 2011)", TABLES)
CK_15X = threshold("ibm_ck_times_uln", 15, "x ULN", "highest CK in IBM (ENMC 2011)", TABLES)
GRIGGS_MONTHS = threshold("griggs_months", 6, "months", "duration that IBM must exceed (Griggs 1995)", GRIGGS)
GRIGGS_AGE = threshold("griggs_age", 30, "years", "age at onset that IBM must exceed (Griggs 1995)", GRIGGS)
GRIGGS_CK = threshold("griggs_ck_times_uln", 12, "x ULN", "CK below which IBM stays (Griggs 1995)", GRIGGS)

MANDATORY = All(
    (
        Compare(i.WEAKNESS_MONTHS, ">", MONTHS_12),
        Compare(i.AGE_AT_ONSET, ">", AGE_45),
        Compare(i.CK_TIMES, "<=", CK_15X),
    )
)
EITHER = Any_((i.FINGERS_BELOW_SHOULDER, i.KNEE_BELOW_HIP))
BOTH = All((i.FINGERS_BELOW_SHOULDER, i.KNEE_BELOW_HIP))
FULL_PATHOLOGY = All((i.ENDOMYSIAL_INFILTRATE, i.RIMMED_VACUOLES, i.PROTEIN_ACCUMULATION))
SOME_PATHOLOGY = Any_((i.ENDOMYSIAL_INFILTRATE, i.MHC1, i.RIMMED_VACUOLES, i.PROTEIN_ACCUMULATION))

CLINICOPATHOLOGICAL = All((MANDATORY, EITHER, FULL_PATHOLOGY))
CLINICAL = All((MANDATORY, BOTH, SOME_PATHOLOGY))
PROBABLE = All((MANDATORY, EITHER, SOME_PATHOLOGY))

GRIGGS_DEFINITE = All((i.INVASION, i.VACUOLATED, Any_((i.AMYLOID, i.FILAMENTS))))
GRIGGS_POSSIBLE = All(
    (
        i.INVASION,
        Compare(i.WEAKNESS_MONTHS, ">", GRIGGS_MONTHS),
        Compare(i.AGE_AT_ONSET, ">", GRIGGS_AGE),
        i.PROXIMAL_AND_DISTAL,
        Any_((i.FINGER_FLEXORS, i.WRIST_FLEXORS, i.QUADRICEPS_MRC_4)),
        Compare(i.CK_TIMES, "<", GRIGGS_CK),
        i.EMG_MYOPATHIC,
    )
)
NO_GRIGGS = Not(Any_((GRIGGS_DEFINITE, GRIGGS_POSSIBLE)))


ENMC_IBM_2011 = CriteriaSet(
    id="enmc-ibm-2011",
    evidence=TABLES,
    fulfilled=PROBABLE,
    classes=Ladder(
        "class",
        (
            Rung("ibm_clinicopathological", CLINICOPATHOLOGICAL, TABLES),
            Rung("ibm_clinical", CLINICAL, TABLES),
            Rung("ibm_probable", PROBABLE, TABLES),
            Rung("none", Not(PROBABLE), TABLES),
        ),
    ),
    also=(
        Ladder(
            "griggs_1995",
            (
                Rung("griggs_definite", GRIGGS_DEFINITE, GRIGGS),
                Rung("griggs_possible", GRIGGS_POSSIBLE, GRIGGS),
                Rung("none", NO_GRIGGS, GRIGGS),
            ),
        ),
    ),
    notes=(
        Note("superseded", OTHERWISE, evidence("secondary", "lilleker2024")),
        Note("ck_too_high", Compare(i.CK_TIMES, ">", CK_15X), TABLES),
    ),
)
