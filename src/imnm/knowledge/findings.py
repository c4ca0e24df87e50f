"""The findings: what is asked of a record, each once, as an expression over its events.

Ids are those of the published disease x finding table where it has one. ``silence`` is the absence policy: a finding
is unknown unless recorded; the few whose silence means no are listed in ``SILENCE_MEANS_NO`` with the reason.
"""

from __future__ import annotations

from typing import NamedTuple

from imnm.logic.interval import Op
from imnm.logic.nodes import (
    All,
    Any_,
    AsOf,
    AtLeast,
    Compare,
    DaysBetween,
    Events,
    Exists,
    Field,
    First,
    FirstDay,
    IfElse,
    InWindow,
    LastDay,
    Latest,
    Literal_,
    Newest,
    Not,
    NotNear,
    Peak,
    Possibly,
    Recorded,
    Ref,
    Scale,
    SeenBy,
    Series,
    SpanDays,
    Threshold,
    Union,
    Value,
    ValueIs,
    WithDetail,
    WithGrade,
    WithoutGrade,
    WithTruth,
)

from .evidence import Evidence, evidence, threshold


class Finding(NamedTuple):
    """One finding: its id, what it is called, its expression, its unit if it is a number, and what the definition
    rests on. ``asks`` marks what a clinician can still find out (it may stand among the unknowns that matter)."""

    id: str
    label: str
    expression: Value
    unit: str | None
    evidence: Evidence
    asks: bool


FINDINGS: dict[str, Finding] = {}

DEFINITION = evidence("convention", "frequencies-guide")

SILENCE_MEANS_NO: dict[str, str] = {
    "immunosuppressant": "immunosuppressants are prescribed and so stand in the medication record; a record without "
    "one is read as an untreated course",
    "drug_checkpoint_inhibitor": "checkpoint inhibitors are infused for advanced cancer; the record of someone who had "
    "one names the drug or the cancer, so a record that names neither is read as no (with a cancer it stays unknown)",
    "ici_exposure": "as drug_checkpoint_inhibitor",
}
"""Findings whose silence counts as no, each with the reason. Never statin exposure, rash or family history."""


def _add(
    id: str, label: str, expression: Value, unit: str | None = None, source: Evidence = DEFINITION, asks: bool = True
) -> Ref:
    if id in FINDINGS:
        raise ValueError(f"finding {id!r} is declared twice")
    FINDINGS[id] = Finding(id, label, expression, unit, source, asks)
    return Ref(id, expression.kind)


def _stated(id: str, label: str, *concepts: str, asks: bool = True, source: Evidence = DEFINITION) -> Ref:
    """A finding that is what the record states of these concepts (the finding's own id if none is named)."""
    series = Events(concepts or (id,))
    silence = False if id in SILENCE_MEANS_NO else None
    return _add(id, label, Recorded(series, silence), asks=asks, source=source)


def noted(*concepts: str) -> Value:
    """Whether the record states one of these as present: a question about the record, so silence is no."""
    return Exists(WithTruth(Events(concepts), True))


def _compare(part: Value, op: Op, bound: Threshold) -> Value:
    return Compare(part, op, bound)


def _peak(concept: str, field: Field = "value") -> Value:
    return Peak(Events((concept,)), field)


def _raised(id: str, label: str, concept: str, *stated: str) -> Ref:
    """A laboratory value above the laboratory's own limit, by number, by flag or as stated."""
    measured = Compare(_peak(concept, "times_uln"), ">", ONE_TIMES_ULN)
    expression: Value = measured
    if stated:
        expression = Any_((measured, Recorded(Events(stated), None)))
    return _add(id, label, expression)


# ---------------------------------------------------------------- thresholds of the findings

ONE_TIMES_ULN = threshold("one_times_uln", 1, "x ULN", "the laboratory's own upper limit of normal", DEFINITION)
YEARS_A_DAY = threshold(
    "years_a_day", 1 / 365.2425, "years", "a day in years of the Gregorian calendar", evidence("convention")
)
CK_1000 = threshold(
    "ck_1000", 1000, "U/L", "CK from which IMNM antibodies are asked for in weakness", evidence("secondary", "f4")
)
CK_5000 = threshold(
    "ck_5000", 5000, "U/L", "CK that most patients with IMNM reach at some time", evidence("secondary", "f4")
)
CK_10000 = threshold("ck_10000", 10000, "U/L", "lower edge of the highest CK band of the frequency table", DEFINITION)
CK_10X = threshold(
    "ck_10x_uln", 10, "x ULN", "CK at which labels and EAS speak of myopathy", evidence("primary", "eas2015")
)
CK_5X = threshold("ck_5x_uln", 5, "x ULN", "edge of the CK family known only in multiples", DEFINITION)
CK_40X = threshold(
    "ck_40x_uln",
    40,
    "x ULN",
    "CK of rhabdomyolysis when the kidneys suffer or myoglobin is in the urine (EAS)",
    evidence("primary", "eas2015"),
)
CK_50X = threshold(
    "ck_50x_uln",
    50,
    "x ULN",
    "CK of rhabdomyolysis whatever the kidneys (NHS pathway)",
    evidence("secondary", "nhs-sip"),
)
HALF = threshold("half", 0.5, "", "half of the peak", evidence("convention", "shm-cases"))
DAYS_0 = threshold("days_0", 0, "days", "the day itself", evidence("convention"))
DAYS_1 = threshold("days_1", 1, "days", "the day after", evidence("convention"))
DAYS_7 = threshold(
    "days_7", 7, "days", "least time between two CK samples that show persistence", evidence("convention", "nice-sec")
)
DAYS_14 = threshold(
    "days_14", 14, "days", "two weeks after the last statin dose (PERSIST-14)", evidence("convention", "shm-cases")
)
DAYS_28 = threshold(
    "days_28",
    28,
    "days",
    "the earliest end of the published 4 to 6 week window (PERSIST-28)",
    evidence("convention", "nhs-sip"),
)
DAYS_42 = threshold(
    "days_42",
    42,
    "days",
    "six weeks after the last statin dose (NHS-42)",
    evidence("secondary", "nhs-sip", "eas-sum-de"),
)
DAYS_56 = threshold("days_56", 56, "days", "eight weeks", DEFINITION)
DAYS_60 = threshold(
    "days_60", 60, "days", "two months after the last statin dose (ACC-60)", evidence("primary", "acc2013")
)
DAYS_84 = threshold("days_84", 84, "days", "three months", DEFINITION)
DAYS_90 = threshold("days_90", 90, "days", "how recent a CK counts as measured (AST-CK rule)", evidence("convention"))
DAYS_183 = threshold("days_183", 183, "days", "six months from the first symptom", DEFINITION)
DAYS_365 = threshold("days_365", 365, "days", "a year from the first symptom", evidence("convention", "f5"))
AGE_18 = threshold("age_18", 18, "years", "adult", evidence("convention"))
AGE_20 = threshold("age_20", 20, "years", "onset below which a slow course suggests a gene", evidence("unverified"))
AGE_40 = threshold("age_40", 40, "years", "edge of the age bands", DEFINITION)
AGE_60 = threshold("age_60", 60, "years", "edge of the age bands", DEFINITION)
TSH_10 = threshold("tsh_10", 10, "mIU/L", "TSH of overt hypothyroidism in the frequency table", DEFINITION)
ESR_40 = threshold("esr_40", 40, "mm/h", "ESR that 85 % of polymyalgia exceeds", evidence("secondary", "ditki"))

# ---------------------------------------------------------------- who

BIRTH = Events(("birth",))
SEX = Events(("sex",))
AGE = _add(
    "age",
    "Age",
    Scale(DaysBetween(FirstDay(BIRTH), AsOf()), YEARS_A_DAY),
    unit="years",
    source=evidence("convention"),
    asks=False,
)
_add(
    "female",
    "Female",
    IfElse(Exists(SEX), Exists(WithDetail(SEX, ("female",))), Literal_(None)),
    source=evidence("convention"),
    asks=False,
)

# ---------------------------------------------------------------- weakness and symptoms

WEAKNESS_CONCEPTS = (
    "proximal_muscle_weakness",
    "difficulty_rising_from_chair",
    "difficulty_climbing_stairs",
    "difficulty_raising_arms",
    "waddling_gait",
)
OTHER_WEAKNESS = (
    "muscle_weakness",
    "quadriceps_weakness",
    "distal_weakness",
    "finger_flexor_weakness",
    "neck_flexor_weakness",
    "axial_weakness",
    "inability_to_walk",
    "facial_weakness",
)
SHOWN_SYMPTOMS = (
    *WEAKNESS_CONCEPTS,
    *OTHER_WEAKNESS,
    "myalgia",
    "muscle_tenderness",
    "muscle_stiffness",
    "muscle_cramp",
    "fatigable_weakness",
    "falls",
    "dysphagia",
    "dyspnoea",
    "orthopnoea",
    "respiratory_failure",
    "myoglobinuria",
    "skin_rash_dm",
    "heliotrope_rash",
    "gottron_papules",
    "gottron_sign",
    "weight_loss",
)
"""Concepts that are shown as events beside the CK course. No rule rests on this list."""
SIGNS = Events((*WEAKNESS_CONCEPTS, *OTHER_WEAKNESS, "myalgia", "elevated_ck", "falls", "fatigable_weakness"))

PROXIMAL_WEAKNESS = _stated("proximal_weakness", "Proximal muscle weakness", *WEAKNESS_CONCEPTS)
WEAKNESS = _add(
    "weakness_any",
    "Muscle weakness",
    Any_(
        (
            Recorded(Events((*WEAKNESS_CONCEPTS, *OTHER_WEAKNESS)), None),
            Exists(WithTruth(Events(("strength_worse",)), True)),
        )
    ),
)
STRENGTH_NORMAL = _add(
    "weakness_absent_on_examination",
    "Full strength on examination",
    Any_((Recorded(Newest(Events(("strength_normal",))), None), Not(WEAKNESS))),
)
STATED_WEAKNESS = WithTruth(Events((*WEAKNESS_CONCEPTS, *OTHER_WEAKNESS)), True)
SEVERE = _add(
    "severe_weakness",
    "Severe weakness (about MRC 3 or less)",
    Any_(
        (
            IfElse(Exists(STATED_WEAKNESS), Exists(WithGrade(STATED_WEAKNESS, ("severe",))), Literal_(None)),
            Recorded(Events(("inability_to_walk",)), None),
        )
    ),
)
PROGRESSIVE = _stated("progressive_weakness", "Weakness that gets worse", "progressive_weakness", "strength_worse")
RAPID = _stated("rapid_progression", "Weakness that gets worse within days to weeks")
_stated("strength_improved", "Strength better than before", "strength_improved", "strength_normal", asks=False)
_stated("neck_flexor_weakness", "Weak neck flexors")
DISTAL = _stated(
    "distal_or_finger_flexor_weakness", "Distal or finger flexor weakness", "distal_weakness", "finger_flexor_weakness"
)
_stated("finger_flexor_weakness", "Weak finger flexors")
_stated("quadriceps_predominant", "Quadriceps weakest", "quadriceps_weakness")
_stated("asymmetric_weakness", "Asymmetric weakness")
_stated("facial_weakness", "Facial weakness", "facial_weakness", "facial_palsy", "facial_diplegia")
_stated("scapular_winging", "Winged scapulae")
_stated("calf_hypertrophy", "Large calves")
_stated("muscle_atrophy", "Muscle wasting", "muscle_atrophy", "muscle_fatty_replacement")
_stated("myotonia", "Myotonia")
_stated("cramps", "Muscle cramps", "muscle_cramp", "exercise_induced_cramps")
_stated("second_wind", "Second wind")
_stated("exercise_intolerance", "Exercise intolerance")
_stated("recurrent_episodes", "Recurrent episodes")
MYALGIA = _stated("myalgia", "Muscle pain", "myalgia", "muscle_tenderness")
_stated("morning_stiffness_gt_45min", "Morning stiffness", "morning_stiffness_gt_45min", "muscle_stiffness")
_stated("fatigue", "Fatigue", asks=False)
_stated("falls", "Falls", asks=False)
OCULAR = _stated(
    "fatigable_or_ocular",
    "Ptosis, double vision or fatigable weakness",
    "ptosis",
    "fatigable_weakness",
    "ophthalmoparesis",
    "ocular_weakness",
    "diplopia",
)
_stated("sensory_or_neuropathic_signs", "Sensory or neuropathic signs")
ALS_SIGNS = _stated(
    "fasciculations_or_umn_signs",
    "Fasciculations or upper motor neurone signs",
    "fasciculations",
    "fasciculations_or_umn_signs",
)
DYSPHAGIA = _stated("dysphagia", "Trouble swallowing", "dysphagia", "aspiration_pneumonia")
_stated("bulbar_weakness", "Bulbar weakness")
DYSPNOEA = _stated(
    "dyspnea_or_respiratory",
    "Breathlessness or weak breathing",
    "dyspnoea",
    "respiratory_failure",
    "restrictive_ventilatory_defect",
    "respiratory_muscle_weakness",
    "nocturnal_hypoventilation",
)
RESPIRATORY_FAILURE = _stated("respiratory_failure", "Respiratory failure")
_stated("ild", "Interstitial lung disease")
CARDIAC = _stated(
    "cardiac_involvement", "Heart involvement", "cardiac_involvement", "myocarditis", "heart_failure", "arrhythmia"
)
_stated("heliotrope", "Heliotrope rash", "heliotrope_rash")
_stated("gottron", "Gottron papules or sign", "gottron_papules", "gottron_sign")
DM_RASH = _stated(
    "skin_rash_dm",
    "Rash typical of dermatomyositis",
    "heliotrope_rash",
    "gottron_papules",
    "gottron_sign",
    "skin_rash_dm",
    "shawl_sign",
    "v_sign",
)
_stated(
    "rash_any",
    "Any rash",
    "rash_any",
    "heliotrope_rash",
    "gottron_papules",
    "gottron_sign",
    "skin_rash_dm",
    "poikiloderma",
)
_stated("calcinosis", "Calcinosis")
_stated("mechanics_hands", "Mechanic's hands")
_stated("raynaud", "Raynaud phenomenon")
# Who has no joint pain has no arthritis; joint pain alone is none.
_add(
    "arthritis", "Arthritis", Recorded(Union((Events(("arthritis",)), WithTruth(Events(("arthralgia",)), False))), None)
)
_stated("fever", "Fever")
_stated("weight_loss", "Weight loss")
FAMILY_HISTORY = _stated("family_history_myopathy", "Muscle disease in the family")
_stated(
    "connective_tissue_disease",
    "Connective tissue disease",
    "sle",
    "systemic_sclerosis",
    "sjogren",
    "mctd",
    "overlap_myositis",
    "rheumatoid_arthritis",
    "connective_tissue_disease",
    asks=False,
)
MALIGNANCY = _stated(
    "malignancy_any_time",
    "Cancer at any time",
    "malignancy_any",
    "malignancy_history",
    "malignancy_any.past",
    asks=False,
)
_stated("malignancy_associated", "Cancer now", "malignancy_any")

# ---------------------------------------------------------------- creatine kinase

CK = Events(("creatine_kinase_total",))
RAISED_CK = ValueIs(CK, "times_uln", ">", ONE_TIMES_ULN)
CK_PEAK = _add("ck_peak", "Highest CK", Peak(CK, "value"), unit="U/L")
CK_PEAK_TIMES = _add("ck_peak_times_uln", "Highest CK in multiples of the upper limit", Peak(CK, "times_uln"), "x ULN")
CK_LATEST = _add("ck_latest", "Latest CK", Latest(CK, "value"), unit="U/L")
CK_LATEST_TIMES = _add(
    "ck_latest_times_uln", "Latest CK in multiples of the upper limit", Latest(CK, "times_uln"), "x ULN"
)
_add("ck_first", "First CK", First(CK, "value"), unit="U/L", asks=False)
CK_RAISED = _add(
    "ck_elevated",
    "CK above the upper limit",
    Any_((Compare(CK_PEAK_TIMES, ">", ONE_TIMES_ULN), Exists(WithTruth(Events(("elevated_ck",)), True)))),
)
CK_GE_1000 = _add("ck_peak_ge_1000", "CK at or above 1,000 U/L", Compare(CK_PEAK, ">=", CK_1000))
_add("ck_peak_lt_1000", "CK always below 1,000 U/L", Compare(CK_PEAK, "<", CK_1000))
CK_NORMAL = _add("ck_peak_normal", "CK never above the upper limit", Compare(CK_PEAK_TIMES, "<=", ONE_TIMES_ULN))
_add(
    "ck_peak_above_normal_lt_1000",
    "Highest CK raised, below 1,000 U/L",
    All((Compare(CK_PEAK_TIMES, ">", ONE_TIMES_ULN), Compare(CK_PEAK, "<", CK_1000))),
)
_add(
    "ck_peak_1000_5000",
    "Highest CK 1,000 to 5,000 U/L",
    All((Compare(CK_PEAK, ">=", CK_1000), Compare(CK_PEAK, "<", CK_5000))),
)
_add(
    "ck_peak_5000_10000",
    "Highest CK 5,000 to 10,000 U/L",
    All((Compare(CK_PEAK, ">=", CK_5000), Compare(CK_PEAK, "<=", CK_10000))),
)
_add("ck_peak_gt_10000", "Highest CK above 10,000 U/L", Compare(CK_PEAK, ">", CK_10000))
_add(
    "ck_peak_1_5x_uln",
    "Highest CK 1 to 5 times the upper limit",
    All((Compare(CK_PEAK_TIMES, ">", ONE_TIMES_ULN), Compare(CK_PEAK_TIMES, "<=", CK_5X))),
)
CK_GT_10X = _add("ck_gt_10x_uln", "CK at or above ten times the upper limit", Compare(CK_PEAK_TIMES, ">=", CK_10X))
CK_GT_40X = _add("ck_gt_40x_uln", "CK at or above forty times the upper limit", Compare(CK_PEAK_TIMES, ">=", CK_40X))
CK_GT_50X = _add("ck_gt_50x_uln", "CK at or above fifty times the upper limit", Compare(CK_PEAK_TIMES, ">=", CK_50X))
CK_RAISED_NOW = _add("ck_raised_now", "Latest CK above the upper limit", Compare(CK_LATEST_TIMES, ">", ONE_TIMES_ULN))
EXERTIONS = WithTruth(Events(("recent_exertion", "intramuscular_injection")), True)
RESTED_CK = NotNear(RAISED_CK, EXERTIONS, before=DAYS_7, after=DAYS_0)
CK_PERSISTENT = _add(
    "ck_persistent", "CK raised in samples at least a week apart", Compare(SpanDays(RESTED_CK), ">=", DAYS_7)
)
CK_NORMAL_NOW = _add(
    "ck_normal_on_repeat",
    "CK back to normal after having been raised",
    All((Exists(RAISED_CK), Compare(CK_LATEST_TIMES, "<=", ONE_TIMES_ULN))),
)
_add(
    "ck_measured_recently",
    "CK measured in the last 90 days",
    Exists(
        InWindow(
            Union((CK, Events(("elevated_ck",)))),
            AsOf(),
            first=threshold(
                "days_minus_90", -90, "days", "90 days before the as-of date (AST-CK rule)", evidence("convention")
            ),
            last=None,
        )
    ),
    asks=False,
)

# What cannot wait is judged by the CK of the last weeks, not by a peak long gone.
DAYS_MINUS_30 = threshold(
    "days_minus_30", -30, "days", "how recent a CK has to be to be an emergency", evidence("convention", "pathway")
)
RECENT_CK = InWindow(CK, AsOf(), first=DAYS_MINUS_30, last=None)
CK_NOW_TIMES = Latest(RECENT_CK, "times_uln")
CK_NOW_GE_1000 = _add(
    "ck_recent_ge_1000",
    "CK of the last month at or above 1,000 U/L",
    Compare(Latest(RECENT_CK, "value"), ">=", CK_1000),
    asks=False,
)
CK_NOW_GT_10X = _add(
    "ck_recent_gt_10x_uln",
    "CK of the last month at or above ten times the upper limit",
    Compare(CK_NOW_TIMES, ">=", CK_10X),
    asks=False,
)
CK_NOW_GT_40X = _add(
    "ck_recent_gt_40x_uln",
    "CK of the last month at or above forty times the upper limit",
    Compare(CK_NOW_TIMES, ">=", CK_40X),
    asks=False,
)
CK_NOW_GT_50X = _add(
    "ck_recent_gt_50x_uln",
    "CK of the last month at or above fifty times the upper limit",
    Compare(CK_NOW_TIMES, ">=", CK_50X),
    asks=False,
)

# ---------------------------------------------------------------- other laboratory values

TRANSAMINASES_RAISED = _add(
    "elevated_ast_alt",
    "AST or ALT above the upper limit",
    Any_(
        (
            Compare(_peak("ast", "times_uln"), ">", ONE_TIMES_ULN),
            Compare(_peak("alt", "times_uln"), ">", ONE_TIMES_ULN),
            Recorded(Events(("raised_transaminases",)), None),
        )
    ),
)
_raised("ldh_elevated", "LDH above the upper limit", "ldh", "raised_ldh")
_raised("aldolase_elevated", "Aldolase above the upper limit", "aldolase", "elevated_aldolase")
_add("ggt_normal", "GGT normal", Compare(_peak("ggt", "times_uln"), "<=", ONE_TIMES_ULN))
TSH_HIGH = _add("tsh_high", "TSH above 10 mIU/L", Compare(_peak("tsh"), ">", TSH_10))
_add(
    "elevated_tsh",
    "TSH above the upper limit",
    Any_((Compare(_peak("tsh", "times_uln"), ">", ONE_TIMES_ULN), TSH_HIGH)),
)
HYPOTHYROIDISM = _stated("hypothyroidism", "Hypothyroidism", asks=False)
INFLAMMATION = _add(
    "esr_crp_elevated",
    "ESR or CRP above the upper limit",
    Any_(
        (
            Compare(_peak("esr", "times_uln"), ">", ONE_TIMES_ULN),
            Compare(_peak("esr"), ">", ESR_40),
            Compare(_peak("crp", "times_uln"), ">", ONE_TIMES_ULN),
        )
    ),
)
_raised("troponin_i_elevated", "Troponin I above the upper limit", "troponin_i")
_raised("troponin_t_elevated", "Troponin T above the upper limit", "troponin_t")
CREATININE_RAISED = _raised("creatinine_elevated", "Creatinine above the upper limit", "creatinine")
AKI = _stated("acute_kidney_injury", "Acute kidney injury", "acute_kidney_injury")
_stated("chronic_kidney_disease", "Chronic kidney disease", "ckd", "renal_impairment")
DARK_URINE = _stated("dark_urine", "Dark urine or myoglobinuria", "myoglobinuria")
_stated("macro_ck_detected", "Macro-CK")
_add("macro_ck", "Macro-CK", Ref("macro_ck_detected", "truth"), asks=False)

# ---------------------------------------------------------------- antibodies

ANTI_HMGCR = _stated("anti_hmgcr_positive", "Anti-HMGCR antibody", "anti_hmgcr")
ANTI_SRP = _stated("anti_srp_positive", "Anti-SRP antibody", "anti_srp")
for _name in ("anti_hmgcr", "anti_srp"):
    _full = WithoutGrade(WithTruth(Events((_name,)), True), ("weak",))
    _add(
        f"{_name}_full_weight",
        f"{'Anti-HMGCR' if 'hmgcr' in _name else 'Anti-SRP'} positive, more than weakly",
        IfElse(Exists(WithTruth(Events((_name,)), True)), Exists(_full), Ref(f"{_name}_positive", "truth")),
        source=evidence("convention", "iowa", "to2020"),
        asks=False,
    )
DM_ANTIBODIES = ("anti_mi2", "anti_tif1g", "anti_nxp2", "anti_mda5", "anti_sae1")
SYNTHETASE_ANTIBODIES = (
    "anti_jo1",
    "anti_pl7",
    "anti_pl12",
    "anti_ej",
    "anti_oj",
    "anti_ks",
    "anti_zo",
    "anti_ha",
    "anti_aminoacyl_trna_synthetase_any",
)
USUAL_BLOT = ("anti_jo1", "anti_mi2", "anti_mda5", "anti_tif1g", "anti_nxp2", "anti_pl7", "anti_pl12")


def _class(id: str, label: str, members: tuple[str, ...], least: int) -> Ref:
    """A class of antibodies: present if one is, absent only if ``least`` of its usual members were tested and none is
    present; one negative antibody says little of its class."""
    usual = tuple(concept for concept in members if concept in USUAL_BLOT)
    absent: Value = AtLeast(least, tuple(Not(Recorded(Events((concept,)), None)) for concept in usual))
    if "anti_aminoacyl_trna_synthetase_any" in members and len(usual) < len(USUAL_BLOT):  # a test of the whole class
        absent = Any_((absent, Not(Recorded(Events(("anti_aminoacyl_trna_synthetase_any",)), None))))
    stated = Exists(WithTruth(Events(members), True))
    return _add(id, label, IfElse(stated, Literal_(True), IfElse(absent, Literal_(False), Literal_(None))))


OTHER_MSA = _class(
    "other_msa_positive", "Another myositis-specific antibody", (*DM_ANTIBODIES, *SYNTHETASE_ANTIBODIES), 4
)
DM_ANTIBODY = _class("dm_antibody_positive", "Dermatomyositis-specific antibody", DM_ANTIBODIES, 3)
ARS_ANTIBODY = _class("anti_ars", "Antisynthetase antibody", SYNTHETASE_ANTIBODIES, 2)
for _name, _label in (
    ("anti_jo1", "Anti-Jo-1"),
    ("anti_mda5", "Anti-MDA5"),
    ("anti_mi2", "Anti-Mi-2"),
    ("anti_nxp2", "Anti-NXP2"),
    ("anti_tif1g", "Anti-TIF1-gamma"),
    ("anti_pl7", "Anti-PL-7"),
    ("anti_pl12", "Anti-PL-12"),
    ("anti_sae1", "Anti-SAE1"),
):
    _stated(_name, f"{_label} antibody", asks=False)
# Single antibodies under the short names of laboratory reports (``data/crosswalk.csv`` keeps the spellings together).
for _name, _label in (
    ("jo1", "Anti-Jo-1"),
    ("mda5", "Anti-MDA5"),
    ("mi2", "Anti-Mi-2"),
    ("nxp2", "Anti-NXP2"),
    ("tif1g", "Anti-TIF1-gamma"),
    ("sae1", "Anti-SAE1"),
    ("pl7", "Anti-PL-7"),
    ("pl12", "Anti-PL-12"),
):
    _add(f"{_name}_positive", f"{_label} antibody", Ref(f"anti_{_name}", "truth"), asks=False)
for _name, _label in (
    ("ej", "Anti-EJ"),
    ("oj", "Anti-OJ"),
    ("ku", "Anti-Ku"),
    ("pm_scl", "Anti-PM/Scl"),
    ("u1_rnp", "Anti-U1-RNP"),
    ("ssa", "Anti-SSA"),
):
    _stated(f"{_name}_positive", f"{_label} antibody", f"anti_{_name}", asks=False)
_stated(
    "maa_positive",
    "Myositis-associated antibody",
    "anti_ku",
    "anti_pm_scl",
    "anti_u1_rnp",
    "anti_u3_rnp",
    "anti_ssa",
    "anti_ro52",
    "anti_ro60",
    asks=False,
)
_stated("ro52_positive", "Anti-Ro52 antibody", "anti_ro52")
_stated("anti_cn1a_positive", "Anti-cN-1A antibody", "anti_cn1a")
_stated("ana_positive", "Antinuclear antibody", "ana", "ana_positive", asks=False)
NMJ_ANTIBODY = _stated(
    "neuromuscular_junction_antibody",
    "Antibody of the neuromuscular junction",
    "neuromuscular_junction_antibody",
    "achr_antibody",
    "anti_musk",
    "anti_vgcc",
)

# ---------------------------------------------------------------- biopsy, EMG, MRI, genes

BIOPSY_DONE = _stated("muscle_biopsy", "Muscle biopsy done", asks=False)
for _name, _label in (
    ("biopsy_necrosis_predominant", "Biopsy: necrosis leads"),
    ("biopsy_necrosis_present", "Biopsy: necrotic fibres"),
    ("biopsy_regeneration", "Biopsy: regenerating fibres"),
    ("biopsy_macrophages_predominant", "Biopsy: macrophages lead"),
    ("biopsy_inflammation_prominent", "Biopsy: prominent lymphocytes"),
    ("biopsy_mhc1_upregulation", "Biopsy: MHC class I up"),
    ("biopsy_mac_sarcolemmal", "Biopsy: C5b-9 on the sarcolemma"),
    ("biopsy_p62_diffuse", "Biopsy: diffuse fine p62"),
    ("biopsy_perifascicular_atrophy", "Biopsy: perifascicular atrophy"),
    ("biopsy_perifascicular_necrosis", "Biopsy: perifascicular necrosis"),
    ("biopsy_mxa_perifascicular", "Biopsy: perifascicular MxA"),
    ("biopsy_rimmed_vacuoles", "Biopsy: rimmed vacuoles"),
    ("biopsy_endomysial_invasion", "Biopsy: invasion of non-necrotic fibres"),
    ("biopsy_autophagic_vacuoles", "Biopsy: autophagic vacuoles"),
    ("biopsy_dystrophic", "Biopsy: dystrophic change"),
    ("biopsy_fibrosis", "Biopsy: fibrosis"),
    ("biopsy_type2_atrophy_only", "Biopsy: type 2 atrophy only"),
    ("biopsy_lipid_storage", "Biopsy: lipid storage"),
    ("biopsy_glycogen_storage", "Biopsy: glycogen storage"),
    ("biopsy_granulomas", "Biopsy: granulomas"),
    ("biopsy_amyloid", "Biopsy: amyloid"),
):
    _stated(_name, _label, asks=False)
_stated("biopsy_normal_or_minimal", "Biopsy normal or with minimal change", "biopsy_normal", asks=False)
_stated("biopsy_diagnosis", "Biopsy that makes another diagnosis", asks=False)
_add("biopsy_normal", "Biopsy normal", Ref("biopsy_normal_or_minimal", "truth"), asks=False)
EMG_MYOPATHIC = _stated(
    "emg_myopathic", "EMG: myopathic", "emg_myopathic", "emg_irritable_myopathy", "emg_myopathic", asks=False
)
_stated(
    "emg_irritable_myopathy",
    "EMG: fibrillations or sharp waves",
    "emg_irritable_myopathy",
    asks=False,
)
_stated("emg_myotonic_or_crd", "EMG: myotonic or complex repetitive discharges", asks=False)
_stated("emg_normal", "EMG normal", asks=False)
_stated("emg_neurogenic", "EMG: neurogenic", asks=False)
_stated("mri_muscle_edema", "MRI: muscle oedema", asks=False)
_stated("mri_fatty_replacement", "MRI: fatty replacement", asks=False)
_stated("mri_fascial_edema", "MRI: fascial oedema", asks=False)
_stated("mri_posterior_thigh", "MRI: posterior thigh most affected")
_stated("mri_normal", "MRI normal", asks=False)
GENETIC = _stated("genetic_test_positive", "Gene test that explains the disease")

# ---------------------------------------------------------------- drugs and triggers

STATIN = ("statin", "red_yeast_rice")
STATIN_STOP = ("statin.stop", "red_yeast_rice.stop")
STATIN_ACTIVE = ("statin.active", "red_yeast_rice.active")
STATIN_EXPOSURE = _stated(
    "statin_exposure",
    "Statin ever taken",
    *STATIN,
    "statin_intolerance",
    "statin_allergy",
    "statin_myopathy",
    "statin_myopathy_history",
    source=evidence("primary", "smpc-pl", "efsa2018"),
)
LAST_STOP = LastDay(Events(STATIN_STOP))


# A prescription whose end lies ahead says only when it began.
LAST_SEEN = LastDay(Union((Events(STATIN_ACTIVE), WithTruth(Events(STATIN), True))))


def _taken_again(op: Op) -> Value:
    """Whether a statin surely began, or was surely in use, after (on) the day of the last stop. A beginning that may
    lie before the stop, as that of the very course that was stopped may, is none after it."""
    return Not(Possibly(Not(Compare(LAST_SEEN, op, LAST_STOP))))


STATIN_CURRENT = _add(
    "statin_current",
    "On a statin now",
    IfElse(
        Exists(Events(STATIN_STOP)),
        IfElse(
            _taken_again(">"),
            Literal_(True),
            # on one day: a switch or a refill, or the last dose on the day of the stop
            IfElse(
                _taken_again(">="),
                Literal_(None),
                IfElse(
                    Exists(Events(STATIN_ACTIVE)),
                    Compare(LastDay(Events(STATIN_ACTIVE)), ">", LAST_STOP),
                    Literal_(False),
                ),
            ),
        ),
        Recorded(Events(STATIN_ACTIVE), None),
    ),
    source=evidence("convention"),
)
STATIN_STOPPED = _add(
    "statin_stopped",
    "Statin stopped",
    IfElse(Exists(Events(STATIN_STOP)), Not(STATIN_CURRENT), Literal_(None)),
    source=evidence("convention"),
    asks=False,
)
IMMUNOSUPPRESSANT = _stated(
    "immunosuppressant",
    "Immunosuppressive treatment",
    "systemic_glucocorticoid",
    "methotrexate",
    "azathioprine",
    "mycophenolate",
    "ivig",
    "rituximab",
    "tacrolimus",
    "ciclosporin",
    "cyclophosphamide",
    "efgartigimod",
    asks=False,
)
FIRST_SIGN = SeenBy(SIGNS)
STATIN_LT_3M = _add(
    "statin_started_lt_3m",
    "Statin started less than three months before the first sign",
    IfElse(
        Exists(Events(STATIN)),
        All(
            (
                Compare(DaysBetween(FirstDay(Events(STATIN)), FIRST_SIGN), "<=", DAYS_90),
                Compare(DaysBetween(FirstDay(Events(STATIN)), FIRST_SIGN), ">=", DAYS_0),
            )
        ),
        Literal_(None),
    ),
    asks=False,
)
_add(
    "statin_use_gt_12m",
    "First sign more than a year after the statin was started",
    IfElse(
        Exists(Events(STATIN)),
        Compare(DaysBetween(FirstDay(Events(STATIN)), FIRST_SIGN), ">", DAYS_365),
        Literal_(None),
    ),
    asks=False,
)
_stated(
    "drug_interacting_with_statin",
    "Drug that raises statin levels",
    *("clarithromycin", "erythromycin", "telithromycin", "itraconazole", "ketoconazole", "posaconazole"),
    *("voriconazole", "fluconazole", "hiv_protease_inhibitor", "cobicistat", "ritonavir", "nefazodone", "diltiazem"),
    *("verapamil", "gemfibrozil", "ciclosporin", "fusidic_acid", "amiodarone", "danazol"),
    asks=False,
)
ICI_EVENTS = Events(("immune_checkpoint_inhibitor",))
CANCER_NAMED = Exists(
    WithTruth(Events(("malignancy_any", "malignancy_any.past", "malignancy_history", "malignancy_history.past")), True)
)
ICI = _add(
    "drug_checkpoint_inhibitor",
    "Checkpoint inhibitor",
    IfElse(CANCER_NAMED, Recorded(ICI_EVENTS, None), Recorded(ICI_EVENTS, False)),
)
_add("ici_exposure", "Checkpoint inhibitor ever", ICI, asks=False)
COLCHICINE = _stated("drug_colchicine", "Colchicine", "colchicine")
HCQ = _stated("drug_hydroxychloroquine", "Hydroxychloroquine or chloroquine", "hydroxychloroquine", "chloroquine")
DAPTOMYCIN = _stated("drug_daptomycin", "Daptomycin", "daptomycin")
ALCOHOL = _stated("heavy_alcohol", "Heavy alcohol use")
MYOTOXIC = _stated(
    "myotoxic_exposure_any",
    "Myotoxic drug other than a statin",
    "colchicine",
    "hydroxychloroquine",
    "chloroquine",
    "daptomycin",
    "zidovudine",
    "heavy_alcohol",
    "myotoxic_exposure_any",
)
DAYS_MINUS_28 = threshold("days_minus_28", -28, "days", "four weeks before", DEFINITION)
CK_ROSE = IfElse(Exists(RAISED_CK), SeenBy(RAISED_CK), AsOf())


def _trigger(id: str, label: str, *concepts: str) -> Ref:
    """A trigger near the first raised CK: what surely lies outside the window says nothing, one without a date of its
    own counts as recorded."""
    series = Events(concepts)
    near = InWindow(WithTruth(series, True), CK_ROSE, first=DAYS_MINUS_28, last=DAYS_7)
    denied = Recorded(WithTruth(series, False), None)
    return _add(id, label, IfElse(Possibly(Exists(near)), Recorded(WithTruth(series, True), None), denied))


EXERTION = _trigger("recent_exertion", "Strenuous or unaccustomed exertion in the weeks before", "recent_exertion")
INFECTION = _trigger(
    "recent_infection_or_fever",
    "Infection or fever in the weeks before",
    "recent_infection_or_fever",
    "recent_infection",
)
TRAUMA = _trigger(
    "trauma_surgery_or_immobilisation",
    "Injury, operation or long lie in the weeks before",
    "trauma_surgery_or_immobilisation",
)
SEIZURE = _trigger("seizure_at_ck_peak", "Seizure at the time of the CK peak", "seizure")
MI = _trigger("myocardial_infarction_at_ck_peak", "Heart attack at the time of the CK peak", "myocardial_infarction")
TRIGGER = _trigger(
    "acute_trigger_any",
    "Any acute trigger of muscle breakdown",
    "recent_exertion",
    "recent_infection_or_fever",
    "recent_infection",
    "trauma_surgery_or_immobilisation",
    "seizure",
    "myocardial_infarction",
    "acute_trigger_any",
    "heat_illness",
    "drug_binge",
    "crush_or_traumatic_rhabdomyolysis",
)

# ---------------------------------------------------------------- onset, age at onset

CENTURY = threshold("days_minus_100_years", -36525, "days", "100 years: any stated onset", evidence("convention"))
FIRST_MUSCLE_SIGN = SeenBy(Union((SIGNS, RAISED_CK)))
AGE_AT_ONSET = _add(
    "age_at_onset",
    "Age at the first muscle sign on record",
    Scale(DaysBetween(FirstDay(BIRTH), FIRST_MUSCLE_SIGN), YEARS_A_DAY),
    unit="years",
    source=evidence("convention", "frequencies-guide", note="the first sign on record stands for the onset"),
)
_add("age_onset_lt_18", "First sign before the age of 18", Compare(AGE_AT_ONSET, "<", AGE_18), asks=False)
_add(
    "age_onset_18_39",
    "First sign at the age of 18 to 39",
    All((Compare(AGE_AT_ONSET, ">=", AGE_18), Compare(AGE_AT_ONSET, "<", AGE_40))),
    asks=False,
)
_add(
    "age_onset_40_59",
    "First sign at the age of 40 to 59",
    All((Compare(AGE_AT_ONSET, ">=", AGE_40), Compare(AGE_AT_ONSET, "<", AGE_60))),
    asks=False,
)
_add("age_onset_ge_60", "First sign at the age of 60 or later", Compare(AGE_AT_ONSET, ">=", AGE_60), asks=False)

# Only an onset that is stated bounds the start of an event; the record's own date does not.
STATED_ONSET = SeenBy(InWindow(SIGNS, AsOf(), first=CENTURY, last=None))
_TO_FIRST_CK = DaysBetween(STATED_ONSET, IfElse(Exists(CK), SeenBy(CK), AsOf()))
_CK_SOON_AFTER = InWindow(CK, STATED_ONSET, first=DAYS_0, last=DAYS_183)
DURATION = _add(
    "symptom_duration",
    "Time from the first symptom to the first CK",
    # A CK of before the illness, as statin users have them, is not what the symptom led to: then the next one is, if it
    # came soon; else nothing is known of how long it took.
    IfElse(
        Possibly(Compare(_TO_FIRST_CK, ">=", DAYS_0)), _TO_FIRST_CK, DaysBetween(STATED_ONSET, SeenBy(_CK_SOON_AFTER))
    ),
    unit="days",
)
_add("onset_acute_lt_6m", "Less than six months from the first symptom", Compare(DURATION, "<", DAYS_183), asks=False)
_add(
    "onset_subacute_6_12m",
    "Six to twelve months from the first symptom",
    All((Compare(DURATION, ">=", DAYS_183), Compare(DURATION, "<=", DAYS_365))),
    asks=False,
)
CHRONIC = _add(
    "onset_chronic_gt_12m",
    "More than a year from the first symptom",
    Any_((Compare(DURATION, ">", DAYS_365), Exists(WithTruth(Events(("slow_course",)), True)))),
    asks=False,
)

STEROID = Events(("systemic_glucocorticoid",))
_add(
    "drug_glucocorticoid",
    "Systemic glucocorticoid for four weeks or more before the first sign",
    IfElse(
        Exists(WithTruth(STEROID, True)),
        Compare(DaysBetween(FirstDay(WithTruth(STEROID, True)), FIRST_MUSCLE_SIGN), ">=", DAYS_28),
        Recorded(STEROID, None),
    ),
)
DAYS_91 = threshold(
    "days_91", 91, "days", "a statin stopped longer than this before the first sign is of the past", DEFINITION
)
_add(
    "statin_stopped_before_onset",
    "Last statin stopped more than three months before the first sign",
    IfElse(
        Exists(Events(STATIN_STOP)),
        All((STATIN_STOPPED, Compare(DaysBetween(LAST_STOP, FIRST_MUSCLE_SIGN), ">", DAYS_91))),
        IfElse(Exists(Events(STATIN_ACTIVE)), Literal_(False), Literal_(None)),
    ),
    asks=False,
)

# ---------------------------------------------------------------- the course after the statin was stopped


def after_stop(first: Threshold, last: Threshold | None = None) -> Series:
    """The CK results from ``first`` to ``last`` days after the last statin dose."""
    return InWindow(CK, LAST_STOP, first=first, last=last)


CK_AT_STOP = Latest(InWindow(CK, LAST_STOP, first=None, last=DAYS_0), "value")


def _untreated(id: str, label: str, course: Value) -> Ref:
    """A course after stopping that means something only without immunosuppression, and as long as no statin is taken
    again: which results are of the time without one is not told apart."""
    stopped = All((STATIN_STOPPED, Not(IMMUNOSUPPRESSANT), Exists(RAISED_CK)))
    return _add(id, label, IfElse(stopped, course, Literal_(None)), asks=False)


_untreated(
    "ck_halved_within_14d_of_stop",
    "CK below half of its peak one to two weeks after the statin was stopped",
    Compare(Latest(after_stop(DAYS_7, DAYS_14), "value"), "<", Scale(CK_PEAK, HALF)),
)
CK_NORMALISED = _untreated(
    "ck_normalised_within_8w_of_stop",
    "CK normal within eight weeks of stopping the statin",
    IfElse(
        Exists(ValueIs(after_stop(DAYS_1, DAYS_56), "times_uln", "<=", ONE_TIMES_ULN)),
        Literal_(True),
        IfElse(Compare(Latest(after_stop(DAYS_42), "times_uln"), ">", ONE_TIMES_ULN), Literal_(False), Literal_(None)),
    ),
)
_untreated(
    "ck_rising_after_statin_stop",
    "CK two weeks or more after the last statin dose above its value at the stop",
    Compare(Latest(after_stop(DAYS_14), "value"), ">", CK_AT_STOP),
)
_untreated(
    "ck_persists_3m_after_statin_stop",
    "CK raised three months or more after the last statin dose",
    Compare(Latest(after_stop(DAYS_84), "times_uln"), ">", ONE_TIMES_ULN),
)
_untreated(
    "response_to_statin_stop",
    "Better after the statin was stopped",
    Any_(
        (
            Recorded(
                InWindow(Events(("strength_improved", "strength_normal")), LAST_STOP, first=DAYS_1, last=None), None
            ),
            CK_NORMALISED,
        )
    ),
)

# ---------------------------------------------------------------- items of published criteria that no frequency covers

MONTHS_A_DAY = threshold("months_a_day", 12 / 365.2425, "months", "a day in months", evidence("convention"))
PROXY = evidence("convention", "pathway", note="a recorded function stands for the muscle test that was not recorded")
_stated(
    "prox_le",
    "Weak proximal legs",
    "difficulty_rising_from_chair",
    "difficulty_climbing_stairs",
    "waddling_gait",
    source=PROXY,
)
_stated("prox_ue", "Weak proximal arms", "difficulty_raising_arms", source=PROXY)
_stated("gottron_papules", "Gottron's papules")
_stated("gottron_sign", "Gottron's sign")
_stated("ocular_weakness", "Ptosis or weak eye movements", "ptosis", "ophthalmoparesis", "ocular_weakness", "diplopia")
_add(
    "finger_flexors_weaker_than_shoulder_abduction",
    "Finger flexors weaker than shoulder abduction",
    Ref("finger_flexor_weakness", "truth"),
    source=PROXY,
)
_add(
    "knee_extensors_as_weak_as_hip_flexors",
    "Knee extensors as weak as hip flexors or weaker",
    Ref("quadriceps_predominant", "truth"),
    source=PROXY,
)
_add("bp_emg", "EMG of an inflammatory myopathy", EMG_MYOPATHIC, source=PROXY, asks=False)
_add(
    "bp_biopsy",
    "Biopsy with necrosis, regeneration or infiltrate",
    Any_(
        (
            Ref("biopsy_necrosis_present", "truth"),
            Ref("biopsy_regeneration", "truth"),
            Ref("biopsy_inflammation_prominent", "truth"),
        )
    ),
    source=PROXY,
    asks=False,
)
_add(
    "weakness_duration_months",
    "Time from the first symptom",
    Scale(DaysBetween(STATED_ONSET, AsOf()), MONTHS_A_DAY),
    unit="months",
)
_add(
    "dysphagia_moderate_or_severe",
    "Moderate or severe trouble swallowing",
    IfElse(
        Exists(WithTruth(Events(("dysphagia",)), True)),
        Exists(WithGrade(WithTruth(Events(("dysphagia",)), True), ("moderate", "severe"))),
        DYSPHAGIA,
    ),
)
_add(
    "myositis",
    "Myositis on record, or proximal weakness with raised CK",
    Any_(
        (
            Recorded(
                Events(
                    (
                        "idiopathic_inflammatory_myopathy",
                        "polymyositis",
                        "dermatomyositis",
                        "myositis_unspecified",
                        "imnm",
                        "antisynthetase_syndrome",
                        "overlap_myositis",
                    )
                ),
                None,
            ),
            All((PROXIMAL_WEAKNESS, CK_RAISED)),
        )
    ),
    source=PROXY,
    asks=False,
)

# ---------------------------------------------------------------- repetitive nerve stimulation

RNS_60 = threshold("rns_60", 60, "%", "increment that speaks for Lambert-Eaton syndrome", evidence("primary", "oh2005"))
RNS_100 = threshold("rns_100", 100, "%", "the older, stricter limit of the increment", evidence("primary", "oh2005"))
INCREMENT = Peak(Events(("rns_increment_percent",)), "value")
_add("rns_increment_lems", "Nerve stimulation: increment of 60 % or more", Compare(INCREMENT, ">=", RNS_60), asks=False)
_add(
    "rns_increment_lems_classic",
    "Nerve stimulation: increment of 100 % or more",
    Compare(INCREMENT, ">=", RNS_100),
    asks=False,
)
