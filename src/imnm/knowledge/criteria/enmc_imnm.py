"""ENMC 2016 (224th workshop): the three subtypes of immune-mediated necrotizing myopathy.

Antibody, raised CK and proximal weakness define the two antibody-positive subtypes, without biopsy and without any
number for CK. What of the biopsy is mandatory for the antibody-negative subtype was not read: it is provisional.
"""

from __future__ import annotations

from imnm.logic.evaluate import Result
from imnm.logic.nodes import All, Any_, Compare, Not

from ..evidence import evidence
from ..findings import AGE_18
from . import items as i
from .model import CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung, sentence

WORKSHOP = evidence("primary", "allenbach2018", "pinal-fernandez2018")
HMGCR_RULE = evidence("secondary", "meyer2020", "allenbach2018")
SRP_RULE = evidence("secondary", "allenbach2018", "f1", "f4", note="wording by analogy with anti-HMGCR; not read")
NEGATIVE_RULE = evidence("unverified", "allenbach2018", note="biopsy required (f4); which items are mandatory not read")
PROJECT = evidence("convention", "allenbach2018")

CLINICAL = All((i.CK_RAISED, i.PROXIMAL))
DM_FEATURES = Any_((i.DM_RASH, i.DM_ANTIBODY))
BLOCKERS = (i.PERIFASCICULAR_ATROPHY, i.MXA, i.RIMMED_VACUOLES, i.INVASION)
IMNM_PATTERN = All((i.NECROSIS, i.MACROPHAGES, i.LYMPHOCYTES_SPARSE, *(Not(blocker) for blocker in BLOCKERS)))
ANTIBODY = Any_((i.HMGCR, i.SRP))
BOTH_NEGATIVE = All((Not(i.HMGCR), Not(i.SRP)))

HMGCR_MYOPATHY = All((i.HMGCR, CLINICAL, Not(DM_FEATURES)))
SRP_MYOPATHY = All((i.SRP, CLINICAL, Not(DM_FEATURES)))
AB_NEGATIVE = All((BOTH_NEGATIVE, CLINICAL, Not(i.OTHER_MSA), IMNM_PATTERN))

CLASSES = Ladder(
    "class",
    (
        Rung("anti_hmgcr_myopathy", HMGCR_MYOPATHY, HMGCR_RULE),
        Rung("anti_srp_myopathy", SRP_MYOPATHY, SRP_RULE),
        Rung("ab_negative_imnm", AB_NEGATIVE, NEGATIVE_RULE),
        Rung("antibody_with_dm_features", All((ANTIBODY, CLINICAL, DM_FEATURES)), PROJECT),
        Rung("antibody_positive_not_fulfilling", All((ANTIBODY, Any_((Not(i.CK_RAISED), Not(i.PROXIMAL))))), PROJECT),
    ),
)

PREDECESSOR = Ladder(
    "enmc_2003",
    (
        Rung(
            "imnm_2003",
            All(
                (
                    Compare(i.AGE_AT_ONSET, ">", AGE_18),
                    CLINICAL,
                    i.NECROSIS,
                    i.LYMPHOCYTES_SPARSE,
                    Not(i.PERIMYSIAL_CELLS),
                    Not(i.DM_RASH),
                    Not(i.ASYMMETRIC),
                    Not(i.FINGERS_BELOW_SHOULDER),
                    Not(i.FAMILY_HISTORY),
                )
            ),
            evidence("secondary", "enmc119-tma", "enmc119-tables"),
        ),
    ),
)

NOTES = (
    Note("biopsy_not_needed", Any_((HMGCR_MYOPATHY, SRP_MYOPATHY)), evidence("secondary", "f1", "f4")),
    Note(
        "confirm_antibody",
        Any_((All((i.HMGCR, Not(i.HMGCR_FULL))), All((i.SRP, Not(i.SRP_FULL))))),
        evidence("convention", "to2020", "iowa"),
    ),
    Note("dual_antibody", All((i.HMGCR, i.SRP)), evidence("primary", "kassardjian2015")),
    Note(
        "early_disease_possible",
        All((ANTIBODY, i.CK_RAISED, Not(i.PROXIMAL))),
        evidence("primary", "meyer2020", "mohassel2018"),
    ),
    Note("other_msa", All((ANTIBODY, i.OTHER_MSA)), evidence("primary", "hmgcr-4cohorts")),
    Note("biopsy_recommended", All((BOTH_NEGATIVE, CLINICAL, Not(i.BIOPSY))), evidence("secondary", "f4")),
    Note("dm_likely", Any_((i.PERIFASCICULAR_ATROPHY, i.MXA)), evidence("unverified", "allenbach2018")),
    Note("antisynthetase_likely", i.PERIFASCICULAR_NECROSIS, evidence("unverified", "allenbach2018")),
    Note("ibm_likely", Any_((i.RIMMED_VACUOLES, i.INVASION)), evidence("secondary", "ibm-enmc")),
    Note("dystrophic_does_not_exclude", i.DYSTROPHIC, evidence("primary", "mohassel2018", "f4")),
    Note("supporting_biopsy", Any_((i.MHC1, i.C5B9, i.P62)), evidence("primary", "bmc2022", "ma2021", "milisenda-p62")),
    Note("exclude_other_causes", AB_NEGATIVE, evidence("secondary", "f2")),
)

ASSUMED = {
    "skin_rash_dm": False,
    "dm_antibody_positive": False,
    "other_msa_positive": False,
    "biopsy_perifascicular_atrophy": False,
    "biopsy_mxa_perifascicular": False,
    "biopsy_rimmed_vacuoles": False,
    "biopsy_endomysial_invasion": False,
}
"""What would argue for another disease is read as absent when nothing is said of it, and stays among the missing."""


def what_stays_open(result: CriteriaResult, environment: Environment) -> None:
    """Names what is undecided though nothing in the algebra says so: one of the two antibodies never tested beside a
    clinical picture, and an antibody of IMNM beside a sign of dermatomyositis (both are reported, neither chosen). Open
    as well is what would come to this if the picture, which is not ruled out, were known."""
    picture = (environment["ck_elevated"], environment["proximal_weakness"])
    antibodies: list[Result] = [environment[id] for id in ("anti_hmgcr_positive", "anti_srp_positive")]
    if result.class_ is None and False not in picture and True not in antibodies and None in antibodies:
        result.class_ = "incomplete_serology" if None not in picture else None
        result.result = "undetermined"
    if "antibody_with_dm_features" in (result.class_, result.could_reach):
        result.result = "undetermined"
    result.extra["text"] = sentence(ENMC_2016.id, "class", result.class_)
    result.extra["subtypes"] = [
        rung for rung, antibody in (("anti_hmgcr_myopathy", 0), ("anti_srp_myopathy", 1))
        if result.result == "fulfilled" and antibodies[antibody] is True
    ]  # fmt: skip


ENMC_2016 = CriteriaSet(
    id="enmc-2016",
    evidence=WORKSHOP,
    fulfilled=Any_((HMGCR_MYOPATHY, SRP_MYOPATHY, AB_NEGATIVE)),
    classes=CLASSES,
    also=(PREDECESSOR,),
    notes=NOTES,
    assumed=ASSUMED,
    finish=what_stays_open,
    never_lowers=False,
)
