"""Next steps: what to do, when it applies, how soon, and which unknown finding its result would settle.

Guideline steps are rules like any other. Their order within one urgency follows the guideline order here and, among
tests, what their results would change (worked out per patient in ``assessment.steps``).
"""

from __future__ import annotations

from typing import NamedTuple

from imnm.logic.nodes import All, Any_, Events, Exists, Not, Possibly, Ref, Value, WithGrade, WithTruth

from . import findings as f
from .alerts import ALERTS, BREATHING_TESTS_LOW, VENTILATION_ASSESSMENT, Urgency
from .evidence import Evidence, evidence
from .pathway import (
    BIOPSY_DUE,
    BOTH_NEGATIVE,
    CONFIRM,
    COURSE_URGENT,
    DEFINED,
    EXPLANATION,
    HYPERCKEMIA,
    PICTURE,
    SERONEGATIVE,
    STRONG,
    TEST,
    surely,
)


class Result(NamedTuple):
    """One result a step can bring: its name and the findings it would set."""

    name: str
    sets: tuple[tuple[str, bool], ...]


class StepRule(NamedTuple):
    """One step.

    when: the truth on which it is shown. urgency: the first whose condition is true (the last holds always).
    whys: message names under ``steps.<id>``, the first whose condition is true. shows: findings shown as evidence.
    results: what it can bring. burden: 0 (a blood sample) to 3 (an operation); days: usual turnaround.
    """

    id: str
    when: Value
    urgency: tuple[tuple[Value | None, Urgency], ...]
    whys: tuple[tuple[Value | None, str], ...]
    shows: tuple[str, ...]
    evidence: Evidence
    results: tuple[Result, ...] = ()
    burden: int = 0
    days: int = 1


def _truth(id: str) -> Ref:
    return Ref(id, "truth")


def _open(id: str) -> Value:
    """The finding is not known either way."""
    return All((Possibly(_truth(id)), Possibly(Not(_truth(id)))))


def _antibody_results(finding: str) -> tuple[Result, ...]:
    full = finding.replace("_positive", "_full_weight")
    return (
        Result("positive", ((finding, True), (full, True))),
        Result("negative", ((finding, False), (full, False))),
    )


TMA = evidence("secondary", "f4", note="anti-HMGCR is usually not on the myositis panel")
PROJECT = evidence("convention", "pathway")
PICTURE_SHOWS = (
    "proximal_weakness",
    "weakness_any",
    "ck_peak",
    "ck_latest",
    "statin_exposure",
    "biopsy_necrosis_predominant",
)
DISEASE_ACTIVE = Any_((surely(DEFINED), surely(SERONEGATIVE)))
SOON_OR_URGENT: tuple[tuple[Value | None, Urgency], ...] = ((surely(STRONG), "urgent"), (None, "soon"))
EMERGENCY = Any_(tuple(alert.when for alert in ALERTS if alert.urgency == "emergency"))
MUSCLE_SIGNAL = Any_((surely(f.WEAKNESS), surely(f.CK_RAISED), surely(f.MYALGIA), surely(f.CK_GE_1000)))
LIVER_CAUSE = Exists(WithTruth(Events(("liver_disease", "hepatitis_b", "hepatitis_c", "cirrhosis")), True))
PASSING = Any_(
    tuple(_truth(f"explained_{cause}") for cause in ("acute_trigger", "thyroid", "myotoxic_drug", "recovered"))
)
"""Explanations after which CK is expected to come down."""
OPEN_QUESTION = All((Not(EXPLANATION), Not(surely(DEFINED)), Not(surely(_truth("ck_normal_on_repeat")))))

STEPS: tuple[StepRule, ...] = (
    StepRule(
        "refer:emergency",
        EMERGENCY,
        ((None, "emergency"),),
        ((None, "why"),),
        ("respiratory_failure", "acute_kidney_injury", "ck_peak", "rapid_progression", "drug_checkpoint_inhibitor"),
        PROJECT,
    ),
    StepRule(
        "stop:statin",
        All(
            (
                surely(f.STATIN_CURRENT),
                Any_(
                    (
                        TEST,
                        surely(f.CK_GT_10X),
                        surely(f.ANTI_HMGCR),
                        surely(DEFINED),
                        All((surely(f.CK_GE_1000), surely(f.MYALGIA))),
                    )
                ),
            )
        ),
        ((None, "urgent"),),
        ((surely(f.ANTI_HMGCR), "why_hmgcr"), (None, "why")),
        ("statin_current", "ck_peak"),
        evidence("primary", "mims-atorva", "mammen-review"),
    ),
    StepRule(
        "avoid:statin",
        All((surely(f.ANTI_HMGCR), Not(surely(f.STATIN_CURRENT)))),
        ((None, "soon"),),
        ((None, "why"),),
        ("anti_hmgcr_positive", "statin_exposure"),
        evidence("primary", "mammen-review", "pcsk9-2019"),
    ),
    StepRule(
        "test:ck",
        Any_(
            (
                All((surely(f.WEAKNESS), _open("ck_elevated"), _open("ck_peak_ge_1000"))),
                All((surely(f.TRANSAMINASES_RAISED), Not(LIVER_CAUSE), Not(surely(_truth("ck_measured_recently"))))),
                All((TEST, surely(f.CK_RAISED), _open("ck_peak_ge_1000"))),
            )
        ),
        ((surely(f.WEAKNESS), "urgent"), (None, "soon")),
        ((surely(f.TRANSAMINASES_RAISED), "why_transaminases"), (surely(f.CK_RAISED), "why_number"), (None, "why")),
        ("weakness_any", "elevated_ast_alt", "statin_exposure"),
        evidence("primary", "amjmed-letter", "labpmdm2012"),
        (
            Result("1,000 U/L or more", (("ck_peak_ge_1000", True), ("ck_elevated", True))),
            Result("raised, below 1,000 U/L", (("ck_peak_ge_1000", False), ("ck_elevated", True))),
            Result("normal", (("ck_peak_ge_1000", False), ("ck_elevated", False))),
        ),
    ),
    StepRule(
        "test:anti_hmgcr",
        All((TEST, _open("anti_hmgcr_positive"))),
        SOON_OR_URGENT,
        ((surely(COURSE_URGENT), "why_course"), (surely(f.STATIN_EXPOSURE), "why_statin"), (None, "why")),
        PICTURE_SHOWS,
        TMA,
        _antibody_results("anti_hmgcr_positive"),
        0,
        7,
    ),
    StepRule(
        "test:anti_srp",
        All((TEST, _open("anti_srp_positive"))),
        SOON_OR_URGENT,
        ((None, "why"),),
        PICTURE_SHOWS,
        TMA,
        _antibody_results("anti_srp_positive"),
        0,
        7,
    ),
    StepRule(
        "test:msa_panel",
        All((TEST, _open("other_msa_positive"))),
        SOON_OR_URGENT,
        ((None, "why"),),
        ("proximal_weakness", "ck_peak"),
        TMA,
        (
            Result("another antibody positive", (("other_msa_positive", True),)),
            Result("negative", (("other_msa_positive", False),)),
        ),
        0,
        7,
    ),
    StepRule(
        "test:antibody_confirm",
        Any_(
            (
                CONFIRM,
                Exists(WithGrade(WithTruth(Events(("anti_hmgcr", "anti_srp")), True), ("weak",))),
                surely(All((f.ANTI_HMGCR, f.ANTI_SRP))),
                All((Any_((surely(f.ANTI_HMGCR), surely(f.ANTI_SRP))), surely(f.OTHER_MSA))),
            )
        ),
        ((surely(f.WEAKNESS), "soon"), (None, "routine")),
        ((None, "why"),),
        ("anti_hmgcr_positive", "anti_srp_positive", "other_msa_positive"),
        evidence("primary", "uk-hmgcr2022", "to2020", "picard2016"),
        (),
        0,
        14,
    ),
    StepRule(
        "test:tsh",
        All((MUSCLE_SIGNAL, OPEN_QUESTION, _open("tsh_high"), _open("elevated_tsh"))),
        ((None, "soon"),),
        ((None, "why"),),
        ("ck_peak", "weakness_any"),
        evidence("primary", "hekimsoy2005", "acc2013"),
        (
            Result("above 10 mIU/L", (("tsh_high", True), ("elevated_tsh", True))),
            Result("normal", (("tsh_high", False), ("elevated_tsh", False))),
        ),
    ),
    StepRule(
        "test:creatinine",
        All((Any_((surely(f.CK_NOW_GE_1000), surely(f.CK_NOW_GT_10X))), _open("creatinine_elevated"))),
        ((surely(f.CK_NOW_GT_40X), "urgent"), (None, "soon")),
        ((None, "why"),),
        ("ck_latest",),
        evidence("secondary", "nhs-sip", "mcmahon2013"),
    ),
    StepRule(
        "test:urine_myoglobin",
        All((surely(f.CK_NOW_GT_40X), _open("dark_urine"))),
        ((None, "urgent"),),
        ((None, "why"),),
        ("ck_latest",),
        evidence("primary", "eas2015"),
    ),
    StepRule(
        "test:ck_repeat",
        All(
            (
                surely(f.CK_RAISED),
                Not(surely(DEFINED)),
                Not(surely(_truth("ck_normal_on_repeat"))),
                Any_(
                    (
                        All((OPEN_QUESTION, Not(TEST), Not(surely(BOTH_NEGATIVE)))),
                        All((surely(f.STATIN_STOPPED), Not(EXPLANATION))),
                        PASSING,
                    )
                ),
            )
        ),
        ((None, "soon"),),
        (
            (surely(f.STATIN_STOPPED), "why_off_statin"),
            (surely(f.TRIGGER), "why_trigger"),
            (surely(f.TSH_HIGH), "why_thyroid"),
            (None, "why"),
        ),
        ("ck_latest", "statin_stopped", "acute_trigger_any"),
        evidence("secondary", "nhs-sip", "eas-sum-de", "nice-sec"),
    ),
    StepRule(
        "test:emg",
        All((Any_((TEST, BIOPSY_DUE)), _open("emg_myopathic"), _open("emg_normal"))),
        ((None, "soon"),),
        ((None, "why"),),
        ("weakness_any", "ck_peak"),
        TMA,
        (
            Result("myopathic", (("emg_myopathic", True), ("emg_normal", False))),
            Result("normal", (("emg_myopathic", False), ("emg_normal", True))),
        ),
        1,
        14,
    ),
    StepRule(
        "test:mri_muscle",
        All((Any_((TEST, BIOPSY_DUE)), _open("mri_muscle_edema"))),
        ((None, "soon"),),
        ((None, "why"),),
        ("weakness_any", "ck_peak"),
        evidence("primary", "mri2017"),
        (Result("oedema", (("mri_muscle_edema", True),)), Result("no oedema", (("mri_muscle_edema", False),))),
        1,
        14,
    ),
    StepRule(
        "test:muscle_biopsy",
        Any_((BIOPSY_DUE, All((CONFIRM, surely(f.WEAKNESS), Not(surely(f.BIOPSY_DONE)))))),
        ((surely(STRONG), "urgent"), (None, "soon")),
        ((surely(BOTH_NEGATIVE), "why"), (None, "why_atypical")),
        ("anti_hmgcr_positive", "anti_srp_positive", "ck_peak", "weakness_any"),
        TMA,
        (
            Result("necrosis leads", (("biopsy_necrosis_predominant", True), ("muscle_biopsy", True))),
            Result("another disease", (("biopsy_necrosis_predominant", False), ("muscle_biopsy", True))),
        ),
        3,
        14,
    ),
    StepRule(
        "test:genetic_panel",
        All(
            (
                surely(PICTURE),
                _open("genetic_test_positive"),
                Any_(
                    (
                        surely(f.FAMILY_HISTORY),
                        surely(BOTH_NEGATIVE),
                        surely(_truth("scapular_winging")),
                        surely(_truth("calf_hypertrophy")),
                        surely(_truth("biopsy_dystrophic")),
                    )
                ),
            )
        ),
        ((None, "routine"),),
        ((None, "why"),),
        ("family_history_myopathy", "calf_hypertrophy", "scapular_winging", "biopsy_dystrophic"),
        evidence("primary", "ean2024", "lukacs2016"),
        (
            Result("explains the disease", (("genetic_test_positive", True),)),
            Result("negative", (("genetic_test_positive", False),)),
        ),
        1,
        60,
    ),
    StepRule(
        "test:gaa_enzyme",
        All(
            (
                Any_((All((surely(PICTURE), surely(BOTH_NEGATIVE))), surely(HYPERCKEMIA))),
                _open("genetic_test_positive"),
                Not(surely(DEFINED)),
            )
        ),
        ((None, "routine"),),
        ((None, "why"),),
        ("ck_peak",),
        evidence("primary", "lukacs2016", "ean2024"),
        (),
        0,
        14,
    ),
    StepRule(
        "test:troponin_i",
        Any_(
            (
                All((surely(_truth("troponin_t_elevated")), _open("troponin_i_elevated"))),
                All((Any_((surely(f.ICI), DISEASE_ACTIVE)), surely(f.CK_RAISED), _open("troponin_i_elevated"))),
            )
        ),
        ((surely(f.ICI), "emergency"), (None, "soon")),
        ((surely(_truth("troponin_t_elevated")), "why_t"), (None, "why")),
        ("troponin_t_elevated", "drug_checkpoint_inhibitor"),
        evidence("primary", "erlacher2001", "lilleker2018"),
    ),
    StepRule(
        "test:pft",
        Any_(
            (
                DISEASE_ACTIVE,
                surely(BREATHING_TESTS_LOW),
                surely(VENTILATION_ASSESSMENT),
                All((surely(f.DYSPNOEA), surely(f.WEAKNESS))),
            )
        ),
        ((surely(f.DYSPNOEA), "urgent"), (None, "soon")),
        ((None, "why"),),
        ("dyspnea_or_respiratory",),
        evidence("secondary", "chest2023", "lawn2001"),
        (),
        1,
        7,
    ),
    StepRule(
        "test:hrct",
        All((Any_((DISEASE_ACTIVE, surely(f.OTHER_MSA), surely(PICTURE))), surely(f.DYSPNOEA), _open("ild"))),
        ((None, "soon"),),
        ((None, "why"),),
        ("dyspnea_or_respiratory",),
        evidence("secondary", "srp-china"),
        (),
        1,
        7,
    ),
    StepRule(
        "test:echo",
        All(
            (
                Any_((DISEASE_ACTIVE, surely(f.ICI), surely(PICTURE))),
                Any_((surely(f.CARDIAC), surely(_truth("troponin_i_elevated")), surely(f.ANTI_SRP))),
            )
        ),
        ((surely(f.CARDIAC), "urgent"), (None, "soon")),
        ((None, "why"),),
        ("cardiac_involvement", "troponin_i_elevated"),
        evidence("primary", "liu2023"),
        (),
        1,
        7,
    ),
    StepRule(
        "test:swallow_study",
        All((surely(f.DYSPHAGIA), MUSCLE_SIGNAL)),
        ((None, "urgent"),),
        ((None, "why"),),
        ("dysphagia",),
        evidence("primary", "suzuki2015"),
        (),
        1,
        2,
    ),
    StepRule(
        "refer:speech_language",
        All((surely(f.DYSPHAGIA), MUSCLE_SIGNAL)),
        ((None, "urgent"),),
        ((None, "why"),),
        ("dysphagia",),
        PROJECT,
    ),
    StepRule(
        "refer:neuromuscular",
        Any_((TEST, BIOPSY_DUE, CONFIRM, DISEASE_ACTIVE)),
        ((surely(STRONG), "urgent"), (None, "soon")),
        ((None, "why"),),
        ("proximal_weakness", "ck_peak"),
        evidence("secondary", "nhs-sip"),
    ),
    StepRule(
        "refer:rheumatology",
        All(
            (
                Any_((DISEASE_ACTIVE, surely(f.OTHER_MSA))),
                Any_((surely(_truth("ild")), surely(f.DM_RASH), surely(_truth("arthritis")))),
            )
        ),
        ((None, "soon"),),
        ((None, "why"),),
        ("ild", "skin_rash_dm", "arthritis"),
        PROJECT,
    ),
    StepRule(
        "refer:genetics", surely(f.GENETIC), ((None, "routine"),), ((None, "why"),), ("genetic_test_positive",), PROJECT
    ),
    StepRule(
        "refer:physiotherapy",
        DISEASE_ACTIVE,
        ((None, "routine"),),
        ((None, "why"),),
        ("proximal_weakness",),
        evidence("secondary", "f3", "f5"),
    ),
    StepRule(
        "ask:proximal_weakness",
        All((surely(f.CK_RAISED), OPEN_QUESTION, _open("weakness_any"), Not(surely(f.STRENGTH_NORMAL)))),
        ((None, "soon"),),
        ((None, "why"),),
        ("ck_peak",),
        PROJECT,
        (
            Result("weak", (("proximal_weakness", True), ("weakness_any", True))),
            Result("full strength", (("proximal_weakness", False), ("weakness_any", False))),
        ),
    ),
    StepRule(
        "ask:statin_exposure",
        All((surely(PICTURE), OPEN_QUESTION, _open("statin_exposure"))),
        ((None, "soon"),),
        ((None, "why"),),
        ("ck_peak",),
        TMA,
        (Result("yes", (("statin_exposure", True),)), Result("no", (("statin_exposure", False),))),
    ),
    StepRule(
        "ask:recent_exertion",
        All((surely(f.CK_RAISED), OPEN_QUESTION, Not(surely(f.PROXIMAL_WEAKNESS)), _open("recent_exertion"))),
        ((None, "soon"),),
        ((None, "why"),),
        ("ck_peak",),
        evidence("primary", "jfp2008"),
        (
            Result("yes", (("recent_exertion", True), ("acute_trigger_any", True))),
            Result("no", (("recent_exertion", False),)),
        ),
    ),
    StepRule(
        "ask:family_history_myopathy",
        All((surely(PICTURE), OPEN_QUESTION, _open("family_history_myopathy"))),
        ((None, "routine"),),
        ((None, "why"),),
        ("weakness_any",),
        evidence("secondary", "f2"),
        (Result("yes", (("family_history_myopathy", True),)), Result("no", (("family_history_myopathy", False),))),
    ),
)

STOP_DRUGS: dict[str, Ref] = {
    "colchicine": f.COLCHICINE,
    "hydroxychloroquine": f.HCQ,
    "daptomycin": f.DAPTOMYCIN,
}
"""Myotoxic drugs other than statins whose stopping is a step of its own (``stop:<drug>``) when CK is raised."""
