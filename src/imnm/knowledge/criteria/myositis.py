"""Sets that separate the neighbours of IMNM: Bohan and Peter, dermatomyositis, antisynthetase syndrome, and the
dystrophy-like picture in which anti-HMGCR should be tested (Mohassel)."""

from __future__ import annotations

from imnm.logic.nodes import All, Any_, AtLeast, Compare, IfElse, Not, Score, Value

from ..evidence import Evidence, evidence, threshold
from . import items as i
from .model import CriteriaSet, Ladder, Note, Rung

# ---------------------------------------------------------------- Bohan and Peter 1975

BOHAN_PETER = evidence("secondary", "bohan1975", "iaccarino2014", "isrn2013")
BP_ITEMS: tuple[Value, ...] = (All((i.PROXIMAL, i.NECK_FLEXORS)), i.BP_BIOPSY, i.ANY_ENZYME, i.BP_EMG)
BP_RASH = Any_((i.HELIOTROPE, i.PAPULES, i.SIGN, i.DM_RASH))
BP_COUNT = Score(tuple((part, 1) for part in BP_ITEMS), 1)


def _bp(n: int) -> Value:
    return AtLeast(n, BP_ITEMS)


BP_FULFILLED = IfElse(BP_RASH, _bp(2), _bp(3))

BOHAN_PETER_1975 = CriteriaSet(
    id="bohan-peter-1975",
    evidence=BOHAN_PETER,
    fulfilled=BP_FULFILLED,
    classes=Ladder(
        "class",
        (
            Rung("definite_dm", All((BP_RASH, _bp(3))), BOHAN_PETER),
            Rung("definite_pm", All((Not(BP_RASH), _bp(4))), BOHAN_PETER),
            Rung("probable_dm", All((BP_RASH, _bp(2))), BOHAN_PETER),
            Rung("probable_pm", All((Not(BP_RASH), _bp(3))), BOHAN_PETER),
            Rung("possible_dm", All((BP_RASH, _bp(1))), BOHAN_PETER),
            Rung("possible_pm", All((Not(BP_RASH), _bp(2))), BOHAN_PETER),
            Rung("none", Not(IfElse(BP_RASH, _bp(1), _bp(2))), BOHAN_PETER),
        ),
    ),
    score=BP_COUNT,
    applicable=Not(i.BETTER_EXPLANATION),
    notes=(Note("not_against_imnm", BP_FULFILLED, evidence("primary", "lundberg2017")),),
    assumed={"skin_rash_dm": False, "heliotrope": False, "gottron_papules": False, "gottron_sign": False},
)

# ---------------------------------------------------------------- dermatomyositis, ENMC 239th workshop

DM_RULE = evidence("unverified", "mammen2020", note="the combination rule was not read")
DM_SIGNS: tuple[Value, ...] = (i.SIGN, i.PAPULES, i.HELIOTROPE)
DM_SUPPORT = Any_((i.PROXIMAL, i.ANY_ENZYME, i.PERIFASCICULAR_ATROPHY, i.MXA, i.DM_ANTIBODY))
ANY_DM_SKIN = Any_((*DM_SIGNS, i.DM_RASH))
DM_BY_SKIN = All((AtLeast(2, DM_SIGNS), DM_SUPPORT))
DM_BY_ANTIBODY = All((i.DM_ANTIBODY, ANY_DM_SKIN))

ENMC_DM_2018 = CriteriaSet(
    id="enmc-dm-2018",
    evidence=DM_RULE,
    fulfilled=Any_((DM_BY_SKIN, DM_BY_ANTIBODY)),
    classes=Ladder(
        "class",
        (
            Rung("dm_likely_by_antibody", DM_BY_ANTIBODY, DM_RULE),
            Rung("dm_likely_by_skin", DM_BY_SKIN, DM_RULE),
        ),
    ),
    notes=(
        Note("antibody_defines_subtype", i.DM_ANTIBODY, evidence("secondary", "enmc239-report")),
        Note("imnm_stays_open", All((Any_((DM_BY_SKIN, DM_BY_ANTIBODY)), Any_((i.HMGCR, i.SRP)))),
             evidence("secondary", "f1", "f4")),
    ),
)  # fmt: skip

# ---------------------------------------------------------------- antisynthetase syndrome

ERS = evidence("secondary", "errev-antisynthetase")
CONNORS = evidence("secondary", "connors2010", "eular2019-ab0656")
SOLOMON = evidence("unverified", "solomon2011", "eular2019-ab0656", note="items read, counting rule not")
PROJECT = evidence("convention", "asys-review2023")

ERS_RULE = All((
    i.ARS,
    Any_((i.MYOSITIS, i.ILD, i.ARTHRITIS, AtLeast(2, (i.FEVER, i.RAYNAUD, i.MECHANICS_HANDS)))),
))  # fmt: skip
CONNORS_RULE = All((i.ARS, Any_((i.ILD, i.ARTHRITIS, i.RAYNAUD, i.MECHANICS_HANDS, i.FEVER))))
SOLOMON_MINOR = (i.ARTHRITIS, i.RAYNAUD, i.MECHANICS_HANDS)
SOLOMON_RULE = All((
    i.ARS,
    Any_((All((i.ILD, i.MYOSITIS)), All((Any_((i.ILD, i.MYOSITIS)), AtLeast(2, SOLOMON_MINOR))))),
))  # fmt: skip
LIKELY_RULE = All((
    i.ARS,
    Any_((i.ILD, i.ARTHRITIS, i.MECHANICS_HANDS, i.RAYNAUD, i.FEVER, i.MYOSITIS)),
))  # fmt: skip


def _yes_no(id: str, condition: Value, rests_on: Evidence) -> Ladder:
    return Ladder(id, (Rung("fulfilled", condition, rests_on), Rung("not_fulfilled", Not(condition), rests_on)))


ANTISYNTHETASE = CriteriaSet(
    id="antisynthetase",
    evidence=ERS,
    fulfilled=ERS_RULE,
    classes=Ladder("class", (Rung("antisynthetase_syndrome", ERS_RULE, ERS),)),
    also=(
        _yes_no("connors_2010", CONNORS_RULE, CONNORS),
        _yes_no("solomon_2011", SOLOMON_RULE, SOLOMON),
        _yes_no("asys_likely", LIKELY_RULE, PROJECT),
    ),
    notes=(Note("class_2025_not_computed", ERS_RULE, evidence("primary", "class2025")),),
)

# ---------------------------------------------------------------- dystrophy-like anti-HMGCR myopathy

MOHASSEL_RULE = evidence("primary", "mohassel2018")
MOHASSEL_CK = threshold(
    "mohassel_ck", 1000, "U/L", "peak CK above which a dystrophy-like picture calls for anti-HMGCR", MOHASSEL_RULE
)
FEATURES: tuple[Value, ...] = (i.PROXIMAL, i.POSTERIOR_THIGH, i.DYSTROPHIC, Not(i.FAMILY_HISTORY))
TEST_HMGCR = All((Compare(i.CK_PEAK, ">", MOHASSEL_CK), AtLeast(3, FEATURES)))


MOHASSEL = CriteriaSet(
    id="mohassel",
    evidence=MOHASSEL_RULE,
    fulfilled=TEST_HMGCR,
    classes=Ladder(
        "class",
        (Rung("test_anti_hmgcr", TEST_HMGCR, MOHASSEL_RULE), Rung("not_by_this_rule", Not(TEST_HMGCR), MOHASSEL_RULE)),
    ),
    score=Score(tuple((feature, 1) for feature in FEATURES), 1),
    notes=(Note("other_reasons_stand", Not(TEST_HMGCR), evidence("secondary", "f4")),),
)
