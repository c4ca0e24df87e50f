"""The suspicion pathway: from findings to a level, as rules over them.

A rule is an expression with an id, so that it can be proved, put in words and run over a database. The pathway asks,
in this order: does a definition hold (``established``); is the picture there (``entry_*``); does the statin course
point to it (``course_*``); is it better explained (``explained_*``); which level follows (``level_*``).

Classification criteria stand elsewhere (``criteria``) and lower nothing here.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from imnm.logic.nodes import (
    All,
    Any_,
    Compare,
    Events,
    Exists,
    InWindow,
    Latest,
    Not,
    Possibly,
    Recorded,
    Ref,
    Scale,
    SpanDays,
    Value,
    ValueIs,
    WithTruth,
)

from . import findings as f
from .evidence import Evidence, evidence, threshold

Part = Literal["entry", "course", "explained", "definition", "level", "alert", "need"]


class Rule(NamedTuple):
    """One rule of the pathway: what it is called, what it says, and what it rests on."""

    id: str
    part: Part
    label: str
    expression: Value
    evidence: Evidence


RULES: dict[str, Rule] = {}


def _rule(id: str, part: Part, label: str, expression: Value, evidence: Evidence) -> Ref:
    if id in RULES:
        raise ValueError(f"rule {id!r} is declared twice")
    RULES[id] = Rule(id, part, label, expression, evidence)
    return Ref(id, "truth")


def surely(part: Value) -> Value:
    """True if the part is known to be true, otherwise false: for what has to stand on the record."""
    return Not(Possibly(Not(part)))


def _truth(id: str) -> Ref:
    return Ref(id, "truth")


PROJECT = evidence("convention", "pathway")
TMA = evidence("secondary", "f4")

CK = f.CK
CK_1_5X = threshold(
    "ck_1_5x_uln",
    1.5,
    "x ULN",
    "CK above which, if it persists, one speaks of hyperCKemia",
    evidence("primary", "efns2010", "ean2024"),
)

# ---------------------------------------------------------------- definitions (ENMC 2016, by antibody)

IMNM_ANTIBODY = Any_((f.ANTI_HMGCR, f.ANTI_SRP))
CLINICAL = All((f.CK_RAISED, f.PROXIMAL_WEAKNESS))
DEFINED = _rule(
    "established",
    "definition",
    "A definition of IMNM by antibody is fulfilled",
    All(
        (
            CLINICAL,
            Any_((_truth("anti_hmgcr_full_weight"), _truth("anti_srp_full_weight"))),
            Not(Any_((surely(_truth("dm_antibody_positive")), surely(f.DM_RASH)))),
        )
    ),
    evidence("secondary", "meyer2020", "f1", "f4"),
)
BIOPSY_PATTERN = _rule(
    "imnm_biopsy_pattern",
    "definition",
    "The biopsy shows the pattern of IMNM and none that points elsewhere",
    All(
        (
            _truth("biopsy_necrosis_predominant"),
            Not(
                Any_(
                    tuple(
                        surely(_truth(id))
                        for id in (
                            "biopsy_inflammation_prominent",
                            "biopsy_perifascicular_atrophy",
                            "biopsy_mxa_perifascicular",
                            "biopsy_rimmed_vacuoles",
                        )
                    )
                )
            ),
        )
    ),
    evidence("unverified", "allenbach2018", note="which items are mandatory was not read"),
)
BOTH_NEGATIVE = _rule(
    "imnm_antibodies_negative",
    "definition",
    "Anti-HMGCR and anti-SRP both tested and negative",
    All((Not(f.ANTI_HMGCR), Not(f.ANTI_SRP))),
    TMA,
)
SERONEGATIVE = _rule(
    "seronegative_pattern",
    "definition",
    "Both antibodies negative, raised CK, proximal weakness and a biopsy of the IMNM pattern",
    All((CLINICAL, BOTH_NEGATIVE, Not(surely(f.OTHER_MSA)), BIOPSY_PATTERN)),
    evidence("unverified", "allenbach2018", note="biopsy requirement read in f4, its details not"),
)

# ---------------------------------------------------------------- the statin course (mimics 2.6)

PERSIST_14 = _rule(
    "course_persist_14",
    "course",
    "Two weeks or more after the last statin dose CK is 1,000 U/L or more and above half of its peak",
    All(
        (
            f.STATIN_STOPPED,
            Compare(Latest(f.after_stop(f.DAYS_14), "value"), ">=", f.CK_1000),
            Compare(Latest(f.after_stop(f.DAYS_14), "value"), ">", Scale(f.CK_PEAK, f.HALF)),
        )
    ),
    evidence("convention", "shm-cases", "rhabdo-page"),
)
PERSIST_28 = _rule(
    "course_persist_28",
    "course",
    "Four weeks or more after the last statin dose CK is still 1,000 U/L or more",
    All((f.STATIN_STOPPED, Compare(Latest(f.after_stop(f.DAYS_28), "value"), ">=", f.CK_1000))),
    evidence("convention", "nhs-sip", "acp-case"),
)
RISE = _rule(
    "course_rise",
    "course",
    "CK rose after the statin was stopped, above the upper limit and above its value at the stop",
    All(
        (
            f.STATIN_STOPPED,
            Exists(
                ValueIs(ValueIs(f.after_stop(f.DAYS_1), "value", ">", f.CK_AT_STOP), "times_uln", ">", f.ONE_TIMES_ULN)
            ),
            Not(surely(f.TRIGGER)),
        )
    ),
    evidence("convention", "shm-cases"),
)
NHS_42 = _rule(
    "course_nhs_42",
    "course",
    "Six weeks or more after the last statin dose CK is still above the upper limit",
    All((f.STATIN_STOPPED, Compare(Latest(f.after_stop(f.DAYS_42), "times_uln"), ">", f.ONE_TIMES_ULN))),
    evidence("secondary", "nhs-sip", "eas-sum-de"),
)
ACC_60 = _rule(
    "course_acc_60",
    "course",
    "Two months or more after the last statin dose CK is still raised or the muscle symptoms have not gone",
    All(
        (
            f.STATIN_STOPPED,
            Any_(
                (
                    Compare(Latest(f.after_stop(f.DAYS_60), "times_uln"), ">", f.ONE_TIMES_ULN),
                    Exists(
                        WithTruth(
                            InWindow(
                                Events(("myalgia", "muscle_tenderness", *f.WEAKNESS_CONCEPTS, *f.OTHER_WEAKNESS)),
                                f.LAST_STOP,
                                first=f.DAYS_60,
                                last=None,
                            ),
                            True,
                        )
                    ),
                )
            ),
        )
    ),
    evidence("primary", "acc2013"),
)
PROGRESSIVE_OFF = _rule(
    "course_progressive_off_statin",
    "course",
    "Weakness gets worse and CK stays raised although the statin was stopped",
    All((f.STATIN_STOPPED, f.PROGRESSIVE, Compare(Latest(f.after_stop(f.DAYS_1), "times_uln"), ">", f.ONE_TIMES_ULN))),
    evidence("secondary", "nhs-sip"),
)
COURSE_URGENT = Any_((PERSIST_14, PERSIST_28, RISE, PROGRESSIVE_OFF))
RECOVERED = _rule(
    "course_recovered_off_statin",
    "course",
    "Statin stopped, no immunosuppression, and CK back to normal or strength better, without a CK that persists",
    All(
        (
            f.STATIN_STOPPED,
            Not(f.IMMUNOSUPPRESSANT),
            Not(surely(COURSE_URGENT)),
            Any_((_truth("ck_normal_on_repeat"), _truth("strength_improved"), _truth("response_to_statin_stop"))),
        )
    ),
    evidence("primary", "mammen-review", "cham2010", "chow2024"),
)

# ---------------------------------------------------------------- the picture

ENTRY_CK1000 = _rule(
    "entry_weakness_ck_1000", "entry", "Weakness and a CK of 1,000 U/L or more", All((f.WEAKNESS, f.CK_GE_1000)), TMA
)
ENTRY_10X = _rule(
    "entry_weakness_ck_10x",
    "entry",
    "Weakness and a CK of ten times the upper limit or more",
    All((f.WEAKNESS, f.CK_GT_10X)),
    PROJECT,
)
UNKNOWN_SIZE = Possibly(f.CK_GE_1000)
ENTRY_RAISED = _rule(
    "entry_weakness_ck_raised",
    "entry",
    "Proximal weakness and a CK above the upper limit whose number is lost",
    All((f.PROXIMAL_WEAKNESS, f.CK_RAISED, UNKNOWN_SIZE)),
    PROJECT,
)
ENTRY_SIGNS = _rule(
    "entry_weakness_ck_raised_with_signs",
    "entry",
    "Proximal weakness, a CK above the upper limit, and a further sign of active muscle disease",
    All(
        (
            f.PROXIMAL_WEAKNESS,
            f.CK_RAISED,
            Any_(
                tuple(
                    surely(_truth(id))
                    for id in (
                        "emg_myopathic",
                        "mri_muscle_edema",
                        "biopsy_necrosis_present",
                        "biopsy_necrosis_predominant",
                        "dysphagia",
                        "neck_flexor_weakness",
                    )
                )
            ),
        )
    ),
    PROJECT,
)
ENTRY_BIOPSY = _rule(
    "entry_necrotizing_biopsy",
    "entry",
    "A biopsy in which necrosis leads, CK and strength not known to be normal",
    All((BIOPSY_PATTERN, Possibly(f.WEAKNESS), Possibly(f.CK_RAISED))),
    TMA,
)
# Without weakness a CK that halves within two weeks of the last dose is what a toxic effect does.
NOT_HALVED = Not(surely(_truth("ck_halved_within_14d_of_stop")))
ENTRY_STATIN_10X = _rule(
    "entry_statin_symptoms_ck_10x",
    "entry",
    "Muscle symptoms on or after a statin with a CK of ten times the upper limit or more, not known to be strong",
    All((f.STATIN_EXPOSURE, Any_((f.MYALGIA, f.WEAKNESS)), f.CK_GT_10X, Possibly(Not(f.STRENGTH_NORMAL)), NOT_HALVED)),
    evidence("convention", "mims-atorva"),
)
ENTRY_STATIN_WEAK = _rule(
    "entry_statin_persistent_ck_1000",
    "entry",
    "A CK of 1,000 U/L or more in samples a week or more apart, on or after a statin",
    All((f.STATIN_EXPOSURE, f.CK_PERSISTENT, f.CK_GE_1000, Compare(f.CK_LATEST, ">=", f.CK_1000), NOT_HALVED)),
    TMA,
)
ENTRY_LIMB_GIRDLE = _rule(
    "entry_limb_girdle_ck_1000",
    "entry",
    "A limb-girdle picture without a gene found, CK above 1,000 U/L",
    All((f.PROXIMAL_WEAKNESS, Compare(f.CK_PEAK, ">", f.CK_1000), Not(surely(f.GENETIC)))),
    evidence("primary", "nxi2024", "mohassel2018"),
)
STRONG = Any_((ENTRY_CK1000, ENTRY_10X, COURSE_URGENT, ENTRY_BIOPSY))
SOFT = Any_((ENTRY_RAISED, ENTRY_SIGNS, ENTRY_STATIN_10X, ENTRY_STATIN_WEAK, ENTRY_LIMB_GIRDLE))

# ---------------------------------------------------------------- better explained on record

NO_STATIN = Not(surely(f.STATIN_EXPOSURE))
NECROTIZING = surely(_truth("biopsy_necrosis_predominant"))


def _explained(id: str, label: str, expression: Value, evidence: Evidence) -> Ref:
    return _rule(f"explained_{id}", "explained", label, expression, evidence)


EXPLAINED: tuple[Ref, ...] = (
    _explained(
        "gene", "A gene test explains the disease", surely(f.GENETIC), evidence("convention", "frequencies-guide")
    ),
    _explained(
        "dermatomyositis",
        "A dermatomyositis antibody, or a typical rash without a statin",
        All(
            (
                Any_(
                    (
                        surely(_truth("dm_antibody_positive")),
                        All((surely(f.DM_RASH), NO_STATIN)),
                        All((surely(f.DM_RASH), surely(_truth("biopsy_perifascicular_atrophy")))),
                        surely(Recorded(Events(("dermatomyositis",)), None)),
                    )
                ),
                Not(NECROTIZING),
            )
        ),
        evidence("secondary", "f1", "f4"),
    ),
    _explained(
        "antisynthetase",
        "An antisynthetase antibody, or mechanic's hands with lung disease",
        Any_((surely(f.ARS_ANTIBODY), All((surely(_truth("mechanics_hands")), surely(_truth("ild")))))),
        evidence("secondary", "pathway"),
    ),
    _explained(
        "inclusion_body",
        "A biopsy of inclusion body myositis",
        Any_(
            (
                surely(_truth("biopsy_rimmed_vacuoles")),
                surely(_truth("biopsy_endomysial_invasion")),
                surely(Recorded(Events(("inclusion_body_myositis",)), None)),
            )
        ),
        evidence("primary", "ibm-enmc"),
    ),
    _explained(
        "checkpoint_inhibitor",
        "A checkpoint inhibitor, no statin",
        All((surely(f.ICI), NO_STATIN)),
        evidence("primary", "pathak2021"),
    ),
    _explained(
        "thyroid",
        "A TSH above 10 mIU/L, or raised with its number lost, and no statin",
        All((surely(_truth("elevated_tsh")), Possibly(f.TSH_HIGH), NO_STATIN)),
        evidence("primary", "bmjcr2019", "hekimsoy2005"),
    ),
    _explained(
        "acute_trigger",
        "An acute trigger, no weakness; or, without a statin, a trigger with kidney injury, dark urine or infarction",
        All(
            (
                surely(f.TRIGGER),
                Any_(
                    (
                        Not(surely(f.WEAKNESS)),
                        All((NO_STATIN, Any_((surely(f.AKI), surely(f.DARK_URINE), surely(f.MI))))),
                    )
                ),
                Not(surely(COURSE_URGENT)),
                Not(surely(All((Compare(SpanDays(f.RAISED_CK), ">=", f.DAYS_7), f.CK_RAISED_NOW)))),
            )
        ),
        evidence("primary", "jfp2008", "ccf"),
    ),
    _explained(
        "myotoxic_drug",
        "A myotoxic drug other than a statin, no statin",
        All((surely(f.MYOTOXIC), NO_STATIN)),
        evidence("primary", "kuncl1987", "casado2006"),
    ),
    _explained(
        "recovered",
        "CK back to normal without immunosuppression",
        Any_((surely(RECOVERED), All((surely(_truth("ck_normal_on_repeat")), Not(surely(f.IMMUNOSUPPRESSANT)))))),
        evidence("primary", "mammen-review"),
    ),
    _explained(
        "junction",
        "An antibody of the neuromuscular junction",
        surely(f.NMJ_ANTIBODY),
        evidence("primary", "oh2005"),
    ),
    _explained(
        "motor_neurone",
        "Fasciculations, upper motor neurone signs or a neurogenic EMG, and CK not known to reach 1,000 U/L",
        All(
            (
                Any_(
                    (surely(f.ALS_SIGNS), All((surely(_truth("emg_neurogenic")), Not(surely(_truth("emg_myopathic"))))))
                ),
                Not(surely(f.CK_GE_1000)),
            )
        ),
        evidence("primary", "tai2017", "als-oxford"),
    ),
    _explained(
        "metabolic",
        "Second wind, exertional episodes or a storage disease on biopsy",
        Any_(
            (
                surely(_truth("second_wind")),
                All((surely(_truth("recurrent_episodes")), surely(_truth("exercise_intolerance")))),
                surely(_truth("biopsy_lipid_storage")),
                surely(_truth("biopsy_glycogen_storage")),
            )
        ),
        evidence("primary", "iamgsd", "lukacs2016"),
    ),
    _explained(
        "other_biopsy",
        "A biopsy of another muscle disease",
        Any_(
            tuple(
                surely(_truth(id))
                for id in (
                    "biopsy_diagnosis",
                    "biopsy_granulomas",
                    "biopsy_amyloid",
                    "biopsy_autophagic_vacuoles",
                    "biopsy_type2_atrophy_only",
                )
            )
        ),
        evidence("primary", "kuncl1987"),
    ),
    _explained("macro_ck", "Macro-CK", surely(_truth("macro_ck_detected")), evidence("primary", "kley2018")),
)
EXPLANATION = _rule(
    "better_explained", "explained", "Something else on record explains it better", Any_(EXPLAINED), PROJECT
)

# ---------------------------------------------------------------- needs and levels

PICTURE = _rule("picture", "need", "The picture calls for the IMNM antibodies", Any_((STRONG, SOFT)), TMA)
TEST = _rule(
    "antibodies_due",
    "need",
    "The IMNM antibodies are due: the picture is there and nothing on record explains it better",
    All((surely(PICTURE), Not(EXPLANATION), Not(surely(BOTH_NEGATIVE)), Not(surely(DEFINED)))),
    TMA,
)
BIOPSY_DUE = _rule(
    "biopsy_due",
    "need",
    "Both IMNM antibodies are negative and the picture stays: a muscle biopsy is due",
    All(
        (surely(PICTURE), surely(BOTH_NEGATIVE), Not(EXPLANATION), Not(surely(f.OTHER_MSA)), Not(surely(f.BIOPSY_DONE)))
    ),
    TMA,
)
CONFIRM = _rule(
    "antibody_to_confirm",
    "need",
    "An IMNM antibody is positive but the picture is not there, or the result is weak",
    All((surely(IMNM_ANTIBODY), Not(surely(DEFINED)))),
    evidence("primary", "uk-hmgcr2022", "to2020"),
)
HYPERCKEMIA = _rule(
    "persistent_hyperckemia",
    "need",
    "CK above 1.5 times the upper limit in samples a week or more apart, unexplained",
    All((Compare(SpanDays(ValueIs(CK, "times_uln", ">", CK_1_5X)), ">=", f.DAYS_7), Not(EXPLANATION))),
    evidence("primary", "efns2010", "ean2024"),
)
_rule("level_established", "level", "IMNM established", surely(DEFINED), TMA)
_rule(
    "level_high",
    "level",
    "IMNM likely enough that the deciding step is due now",
    Any_(
        (
            All((TEST, surely(STRONG))),
            CONFIRM,
            All((BIOPSY_DUE, surely(STRONG))),
            # also where only the place of the weakness is not recorded
            All(
                (
                    surely(STRONG),
                    surely(BOTH_NEGATIVE),
                    surely(BIOPSY_PATTERN),
                    Possibly(SERONEGATIVE),
                    Not(EXPLANATION),
                )
            ),
            All((surely(SERONEGATIVE), Not(EXPLANATION))),
        )
    ),
    PROJECT,
)
MYOSITIS_CODE = _rule(
    "already_coded",
    "need",
    "A myositis diagnosis is coded",
    surely(
        Recorded(
            Events(
                (
                    "imnm",
                    "idiopathic_inflammatory_myopathy",
                    "polymyositis",
                    "myositis_unspecified",
                    "dermatomyositis",
                    "dermatopolymyositis_unspecified",
                    "inclusion_body_myositis",
                    "antisynthetase_syndrome",
                    "juvenile_dermatomyositis",
                    "clinically_amyopathic_dermatomyositis",
                )
            ),
            None,
        )
    ),
    PROJECT,
)
_rule(
    "level_moderate",
    "level",
    "Part of the picture of IMNM is there",
    Any_(
        (
            TEST,
            BIOPSY_DUE,
            surely(Recorded(Events(("imnm",)), None)),
            All(
                (
                    Any_(
                        (
                            All((surely(f.PROXIMAL_WEAKNESS), Possibly(f.CK_RAISED), surely(f.STATIN_EXPOSURE))),
                            surely(NHS_42),
                            surely(All((f.CK_PERSISTENT, f.CK_GE_1000))),
                            All((surely(f.CK_GE_1000), surely(f.STATIN_EXPOSURE))),
                            surely(SERONEGATIVE),
                        )
                    ),
                    Not(EXPLANATION),
                    Not(surely(BOTH_NEGATIVE)),
                )
            ),
        )
    ),
    PROJECT,
)
_rule(
    "level_low",
    "level",
    "Muscle findings exist",
    Any_(
        tuple(
            surely(part)
            for part in (
                f.WEAKNESS,
                f.MYALGIA,
                f.CK_RAISED,
                f.CK_GE_1000,
                IMNM_ANTIBODY,
                _truth("biopsy_necrosis_present"),
                f.DARK_URINE,
                MYOSITIS_CODE,
                Exists(
                    WithTruth(
                        Events(("rhabdomyolysis", "myopathy_unspecified", "drug_induced_myopathy", "statin_myopathy")),
                        True,
                    )
                ),
            )
        )
    ),
    PROJECT,
)
