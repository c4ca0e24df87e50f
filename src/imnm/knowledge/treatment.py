"""Treatment after the diagnosis, as declarations: options by subtype, safety checks, lipid lowering.

Options are what guidelines, cohorts and experts describe. None is an order; a dose appears only inside a quoted
range. Every sentence stands in the message catalogue (``treatment.toml``) under the id used here, every statement
names its sources and how well they were read. Conditions that speak for or against an option in one patient are
expressions of the algebra, so that they carry proof and can be unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from imnm.logic.nodes import Any_, AsOf, Compare, DaysBetween, Events, Recorded, Value

from .evidence import Evidence, evidence, threshold
from .findings import (
    AGE,
    AGE_18,
    DYSPHAGIA,
    FIRST_SIGN,
    PROXIMAL_WEAKNESS,
    RESPIRATORY_FAILURE,
    SEVERE,
    STATIN_CURRENT,
    STATIN_EXPOSURE,
    STRENGTH_NORMAL,
)

IMNM_SUBTYPES: tuple[str, ...] = ("imnm_hmgcr", "imnm_srp", "imnm_seronegative")

Role = Literal["trigger", "first", "add_on", "refractory", "maintenance", "supportive", "not_supported"]
Side = Literal["for", "against"]
Phase = Literal["before", "glucocorticoid", "immunoglobulin", "rituximab", "dmard", "trial"]
ON_THE_DRUG: frozenset[Phase] = frozenset({"glucocorticoid", "dmard"})
"""Phases that are over when the drug is stopped (a convention)."""
Area = Literal["laboratory", "procedure", "talk"]


class Fact(NamedTuple):
    """A statement of the literature; its sentence is ``treatment.fact.<id>``.

    ``of``: the diseases it speaks of. ``unless_not``: it is left out where this is false in the patient.
    """

    id: str
    evidence: Evidence
    of: tuple[str, ...] = IMNM_SUBTYPES
    unless_not: Value | None = None


class Consideration(NamedTuple):
    """What speaks for or against an option if it holds in this patient; sentence ``treatment.consider.<id>``."""

    id: str
    side: Side
    condition: Value
    evidence: Evidence


class Option(NamedTuple):
    """One treatment. ``roles``: what it is used for, by disease id. ``drugs``: the concepts that show it was given."""

    id: str
    roles: Mapping[str, Role]
    drugs: tuple[str, ...]
    facts: tuple[Fact, ...]
    considerations: tuple[Consideration, ...] = ()


class SafetyCheck(NamedTuple):
    """Something to check. ``drugs``: the concepts with which it applies (empty: with any immunosuppression).

    ``done_by``: each group must be on record; any concept of a group will do. Empty: records do not tell.
    ``again``: (from day, every so many days) since the start of the drug; empty: once. ``fresh``: how many days before
    the drug a result may lie to count for it; None: any.
    """

    id: str
    phase: Phase
    drugs: tuple[str, ...]
    done_by: tuple[tuple[str, ...], ...]
    area: Area
    evidence: Evidence
    again: tuple[tuple[int, int], ...] = ()
    positive_matters: tuple[str, ...] = ()
    fresh: int | None = None


# ---------------------------------------------------------------- drug classes

GLUCOCORTICOID = ("systemic_glucocorticoid",)
IMMUNOGLOBULIN = ("ivig",)
ANTI_CD20 = ("rituximab",)
ANTIMETABOLITES = ("methotrexate", "azathioprine", "mycophenolate")
CALCINEURIN = ("tacrolimus", "ciclosporin")
STEROID_SPARING = (*ANTIMETABOLITES, *CALCINEURIN)
FCRN = ("efgartigimod", "nipocalimab", "rozanolixizumab")
COMPLEMENT = ("zilucoplan", "eculizumab", "ravulizumab")
IMMUNOSUPPRESSANTS = (
    *GLUCOCORTICOID,
    *STEROID_SPARING,
    *ANTI_CD20,
    "cyclophosphamide",
    "tocilizumab",
    "abatacept",
    "efgartigimod",
)
PCSK9 = ("evolocumab", "alirocumab")

# ---------------------------------------------------------------- conditions on one patient


def stated(*concepts: str) -> Value:
    """Whether the record states one of these: silence is unknown, and one denied does not deny the others."""
    parts = tuple(Recorded(Events((concept,)), None) for concept in concepts)
    return parts[0] if len(parts) == 1 else Any_(parts)


AGE_65 = threshold(
    "age_65",
    65,
    "years",
    "age above which the boxed warnings of immune globulin apply",
    evidence("primary", "igiv-label"),
)
YEARS_2_DAYS = threshold(
    "efgartigimod_responder_duration",
    2 * 365.25,
    "days",
    "how long those who responded to efgartigimod had been ill (4 of 7 patients)",
    evidence("primary", "efgartigimod-imnm2024"),
)

OLDER_THAN_65 = Compare(AGE, ">", AGE_65)
CHILD = Compare(AGE, "<", AGE_18)
LONG_DISEASE = Compare(DaysBetween(FIRST_SIGN, AsOf()), ">", YEARS_2_DAYS)
ILD = stated("ild")
RECENT_INFECTION = stated("recent_infection_or_fever", "recent_infection", "pneumonia", "sepsis")

_LABEL = evidence("primary", "igiv-label")
_MEMORY = evidence("unverified")


def _for(id: str, condition: Value, basis: Evidence) -> Consideration:
    return Consideration(id, "for", condition, basis)


def _against(id: str, condition: Value, basis: Evidence) -> Consideration:
    return Consideration(id, "against", condition, basis)


_IVIG_RISKS = (
    _against("kidney", stated("ckd", "renal_impairment", "acute_kidney_injury"), _LABEL),
    _against("age_over_65", OLDER_THAN_65, _LABEL),
    _against("diabetes_kidney_risk", stated("diabetes"), _LABEL),
    _against("vascular", stated("coronary_artery_disease", "myocardial_infarction", "stroke", "heart_failure"), _LABEL),
    _against("thrombosis", stated("venous_thromboembolism"), _LABEL),
    _against("immobile", stated("inability_to_walk"), _LABEL),
    _against("iga_deficiency", stated("iga_deficiency"), _LABEL),
)
_STEROID_RISKS = (
    _against("diabetes_steroid", stated("diabetes"), _MEMORY),
    _against("hypertension", stated("hypertension"), _MEMORY),
    _against("osteoporosis", stated("osteoporosis"), evidence("primary", "humphrey2023")),
    _against("psychosis", stated("schizophrenia"), evidence("primary", "ck-series")),
)
_HEPATITIS_B = (
    _against(
        "hepatitis_b_positive",
        stated("hbv_surface_antigen", "hbv_core_antibody", "hbv_dna"),
        evidence("primary", "mhra2013", "evens2011"),
    ),
    _against("hepatitis_b_prior", stated("hepatitis_b"), evidence("primary", "mhra2013", "fragoulis2023")),
)
_PREGNANCY_BARS = evidence("primary", "bsr-pregnancy2022")

# ---------------------------------------------------------------- facts that several options share

_AT_LEAST_TWO = Fact("at_least_two", evidence("secondary", "f4"))
_EARLY = Fact("seizing_early", evidence("primary", "pinal-fernandez2018"))
_BSR_SPARING = Fact("bsr_sparing", evidence("secondary", "bsr2022-reports"))
_BSR_SEVERE = Fact("bsr_severe", evidence("secondary", "bmj-bp-iim"))
_ALL_FIRST: Mapping[str, Role] = dict.fromkeys(IMNM_SUBTYPES, "first")
_ALL_ADD_ON: Mapping[str, Role] = dict.fromkeys(IMNM_SUBTYPES, "add_on")
_ALL_REFRACTORY: Mapping[str, Role] = dict.fromkeys(IMNM_SUBTYPES, "refractory")
_ALL_SUPPORTIVE: Mapping[str, Role] = dict.fromkeys(IMNM_SUBTYPES, "supportive")
_ALL_NOT_SUPPORTED: Mapping[str, Role] = dict.fromkeys(IMNM_SUBTYPES, "not_supported")

OPTIONS: tuple[Option, ...] = (
    Option(
        "stop_statin",
        {"imnm_hmgcr": "trigger"},
        (),
        (
            Fact("statin_stop_not_enough", evidence("secondary", "f4", "mammen-review")),
            Fact("four_of_75_recovered", evidence("derived", "chow2024")),
            Fact("no_statin_again", evidence("primary", "mammen-review")),
        ),
        (_for("statin_in_use", STATIN_CURRENT, evidence("primary", "mammen-review")),),
    ),
    Option(
        "search_cause",
        {"imnm_seronegative": "trigger"},
        (),
        (
            Fact("seronegative_causes", evidence("secondary", "f4", "f3")),
            Fact("seronegative_cancer", evidence("primary", "allenbach2016")),
        ),
        (_for("cancer", stated("malignancy_any"), evidence("primary", "allenbach2016")),),
    ),
    Option(
        "combination",
        _ALL_FIRST,
        (*GLUCOCORTICOID, *STEROID_SPARING),
        (
            _AT_LEAST_TWO,
            Fact("srp_needed_more", evidence("primary", "suzuki2015"), ("imnm_srp",)),
            Fact("hmgcr_relapse_on_wean", evidence("primary", "hmgcr-australia2015"), ("imnm_hmgcr",)),
            Fact("prednisone_alone_insufficient", evidence("primary", "kassardjian2015")),
            Fact("relapse_on_taper", evidence("primary", "wu2014"), ("imnm_hmgcr",)),
            Fact("china_naive", evidence("primary", "china-statin-naive"), ("imnm_hmgcr",)),
            Fact("child_steroid_not_enough", evidence("primary", "pediatric-imnm2023"), unless_not=CHILD),
            Fact("child_severe", evidence("primary", "jp111"), unless_not=CHILD),
            Fact("delay_odds", evidence("primary", "meyer2020"), ("imnm_hmgcr",)),
            _EARLY,
            Fact("bsr_range", evidence("secondary", "bsr2022-reports")),
            Fact("bsr_taper", evidence("secondary", "bsr2022-reports")),
            Fact("reconnet", evidence("primary", "reconnet2018")),
            Fact("brazil", evidence("primary", "brazil2019")),
            Fact("german", evidence("weak", "dgn2022")),
            Fact("enmc_advice", evidence("unverified", "allenbach2018")),
            Fact(
                "seronegative_poorly_described",
                evidence("secondary", "f2", "pinal-fernandez2018"),
                ("imnm_seronegative",),
            ),
        ),
        (
            _for("weakness_recorded", PROXIMAL_WEAKNESS, evidence("secondary", "f4")),
            _for("child", CHILD, evidence("primary", "pediatric-imnm2023")),
            *_STEROID_RISKS,
        ),
    ),
    Option(
        "triple_start",
        _ALL_FIRST,
        (),
        (Fact("triple_four_of_41", evidence("primary", "meyer2020"), ("imnm_hmgcr",)), _BSR_SEVERE),
        (
            _for("severe_weakness", SEVERE, evidence("secondary", "bmj-bp-iim")),
            _for("weakness_recorded", PROXIMAL_WEAKNESS, evidence("primary", "meyer2020")),
            _for("dysphagia", DYSPHAGIA, evidence("secondary", "bmj-bp-iim")),
            _for("respiratory", RESPIRATORY_FAILURE, evidence("secondary", "bmj-bp-iim")),
            *_STEROID_RISKS,
            *_IVIG_RISKS,
        ),
    ),
    Option(
        "steroid_free",
        {"imnm_hmgcr": "first"},
        (),
        (
            Fact("steroid_free_14_of_55", evidence("primary", "meyer2020")),
            Fact("ivig_alone_three", evidence("primary", "mammen2015"), ("imnm_hmgcr",)),
        ),
        (
            _for("normal_strength", STRENGTH_NORMAL, evidence("primary", "meyer2020")),
            _for("diabetes_steroid", stated("diabetes"), _MEMORY),
            _for("statin_related", STATIN_EXPOSURE, evidence("primary", "meyer2020", "mammen2015")),
            _against("severe_weakness", SEVERE, evidence("primary", "meyer2020")),
            *_IVIG_RISKS,
        ),
    ),
    Option(
        "ivig",
        {"imnm_hmgcr": "first", "imnm_srp": "add_on", "imnm_seronegative": "add_on"},
        IMMUNOGLOBULIN,
        (
            Fact("ivig_hmgcr_review", evidence("primary", "pinal-fernandez2018"), ("imnm_hmgcr",)),
            Fact("ivig_alone_three", evidence("primary", "mammen2015"), ("imnm_hmgcr",)),
            Fact("ivig_early_hmgcr", evidence("primary", "sharf2024"), ("imnm_hmgcr",)),
            Fact("ivig_hip_flexors", evidence("primary", "wang2022")),
            Fact("ivig_first_readout", evidence("primary", "lim2021")),
            Fact("ivig_paris", evidence("primary", "paris-hmgcr"), ("imnm_hmgcr",)),
            Fact("ivig_dermatomyositis", evidence("primary", "aggarwal2022")),
        ),
        (
            _for("severe_weakness", SEVERE, evidence("primary", "wang2022")),
            _for("dysphagia", DYSPHAGIA, evidence("secondary", "bmj-bp-iim")),
            _for("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),
            *_IVIG_RISKS,
        ),
    ),
    Option(
        "rituximab",
        {"imnm_srp": "first", "imnm_hmgcr": "refractory", "imnm_seronegative": "add_on"},
        ANTI_CD20,
        (
            Fact("rituximab_srp_review", evidence("primary", "pinal-fernandez2018"), ("imnm_srp",)),
            Fact("rituximab_srp_eight", evidence("primary", "valiyil2010"), ("imnm_srp",)),
            Fact("rituximab_srp_17", evidence("primary", "pinal-fernandez2017"), ("imnm_srp",)),
            Fact("rituximab_hmgcr_four", evidence("primary", "rituximab-hmgcr-abstract"), ("imnm_hmgcr",)),
            Fact("rituximab_rim", evidence("primary", "oddis2013")),
        ),
        (
            *_HEPATITIS_B,
            _against("low_immunoglobulin", stated("hypogammaglobulinaemia"), _MEMORY),
            _against("infection", RECENT_INFECTION, _MEMORY),
            _against("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),
        ),
    ),
    Option(
        "methotrexate",
        _ALL_FIRST,
        ("methotrexate",),
        (
            _BSR_SPARING,
            Fact("methotrexate_regimen", evidence("primary", "hmgcr-australia2015"), ("imnm_hmgcr",)),
            Fact("methotrexate_pregnancy", evidence("primary", "bsr-pregnancy2022")),
        ),
        (
            _against("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),
            _against("ild", ILD, _MEMORY),
        ),
    ),
    Option(
        "azathioprine",
        _ALL_FIRST,
        ("azathioprine",),
        (_BSR_SPARING, Fact("azathioprine_pregnancy", evidence("primary", "bsr-pregnancy2022"))),
        (_for("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),),
    ),
    Option(
        "mycophenolate",
        _ALL_FIRST,
        ("mycophenolate",),
        (_BSR_SPARING, Fact("mycophenolate_pregnancy", evidence("primary", "bsr-pregnancy2022"))),
        (_against("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),),
    ),
    Option(
        "calcineurin",
        {"imnm_srp": "add_on", "imnm_hmgcr": "first", "imnm_seronegative": "first"},
        CALCINEURIN,
        (
            _BSR_SPARING,
            Fact("calcineurin_srp", evidence("unverified", "imnm-treatment-review"), ("imnm_srp",)),
            Fact("calcineurin_pregnancy", evidence("primary", "bsr-pregnancy2022")),
        ),
        (
            _for("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),
            _for("ild_srp", ILD, _MEMORY),
            _against("diabetes", stated("diabetes"), _MEMORY),
            _against("kidney_disease", stated("ckd", "renal_impairment", "acute_kidney_injury"), _MEMORY),
        ),
    ),
    Option(
        "scig",
        {"imnm_hmgcr": "maintenance"},
        (),
        (Fact("scig_three", evidence("primary", "scig2021")),),
    ),
    Option(
        "cyclophosphamide",
        _ALL_REFRACTORY,
        ("cyclophosphamide",),
        (_BSR_SEVERE, Fact("cyclophosphamide_children", evidence("primary", "binns2017"), ("imnm_srp",))),
        (
            _for("child", CHILD, evidence("primary", "binns2017")),
            _against("pregnancy", stated("pregnancy"), _PREGNANCY_BARS),
        ),
    ),
    Option(
        "plasma_exchange",
        _ALL_REFRACTORY,
        ("plasma_exchange",),
        (Fact("plasma_exchange_six", evidence("primary", "kruse2022")),),
    ),
    Option(
        "tocilizumab",
        _ALL_REFRACTORY,
        ("tocilizumab",),
        (Fact("tocilizumab_eleven", evidence("primary", "tocilizumab-imnm2021")),),
        (_against("infection", RECENT_INFECTION, _MEMORY),),
    ),
    Option(
        "efgartigimod",
        {"imnm_hmgcr": "refractory", "imnm_srp": "refractory"},
        FCRN,
        (
            Fact("efgartigimod_seven", evidence("primary", "efgartigimod-imnm2024", "zeng2024")),
            Fact("efgartigimod_mixed", evidence("secondary", "alkivia2025")),
        ),
        (_against("long_disease", LONG_DISEASE, evidence("primary", "efgartigimod-imnm2024")),),
    ),
    Option(
        "case_level",
        {"imnm_srp": "refractory"},
        (),
        (
            Fact("case_daratumumab", evidence("primary", "landon-cardinal2023")),
            Fact("case_ofatumumab", evidence("primary", "ofatumumab2024")),
            Fact("case_bcma", evidence("primary", "bcma-cart2024")),
            Fact("case_cd19", evidence("secondary", "tyu19-2024")),
        ),
    ),
    Option("trial", _ALL_ADD_ON, (), (Fact("no_drug_approved", evidence("secondary", "f1", "mammen2023")),)),
    Option(
        "exercise",
        _ALL_SUPPORTIVE,
        (),
        (
            Fact("exercise_safe", evidence("primary", "alexanderson2018")),
            Fact("exercise_endurance", evidence("primary", "alexanderson2018")),
        ),
    ),
    Option(
        "swallow_breath",
        _ALL_SUPPORTIVE,
        (),
        (
            Fact("bsr_swallow", evidence("secondary", "bsr2022-reports")),
            Fact("breathing_six_months", evidence("secondary", "chest2023")),
        ),
        (
            _for("dysphagia", DYSPHAGIA, evidence("secondary", "bsr2022-reports")),
            _for("respiratory", RESPIRATORY_FAILURE, evidence("secondary", "chest2023")),
        ),
    ),
    Option(
        "heart_lung",
        {"imnm_srp": "supportive"},
        (),
        (Fact("srp_extramuscular", evidence("primary", "cor2016", "srp-review2022", "f1")),),
        (_for("ild_srp", ILD, evidence("primary", "cor2016")),),
    ),
    Option(
        "complement",
        _ALL_NOT_SUPPORTED,
        COMPLEMENT,
        (
            Fact("complement_no_effect", evidence("primary", "mammen2023", note="group numbers read in a news report")),
            Fact("complement_mouse", evidence("primary", "zilucoplan-mouse")),
        ),
    ),
    Option(
        "stem_cell", {"imnm_hmgcr": "not_supported"}, (), (Fact("stem_cell_failed", evidence("primary", "perera2024")),)
    ),
    Option(
        "abatacept",
        _ALL_NOT_SUPPORTED,
        ("abatacept",),
        (Fact("abatacept_missed", evidence("primary", "abatacept-myositis")),),
    ),
)

# ---------------------------------------------------------------- safety

_INFECTION = evidence("primary", "fragoulis2023")
_BLOOD = (("blood_count", "haemoglobin", "white_cell_count", "platelet_count"),)
_KIDNEY = (("creatinine", "egfr"),)
_LIVER = (("alt", "ast"),)
_GLUCOSE = (("glucose", "hba1c"),)
_SCOT = evidence("primary", "dmard-monitoring-scot")

SAFETY_CHECKS: tuple[SafetyCheck, ...] = (
    SafetyCheck(
        "hepatitis_b",
        "before",
        (),
        (("hbv_surface_antigen",), ("hbv_core_antibody",)),
        "laboratory",
        evidence("primary", "fragoulis2023", "evens2011", "mhra2013"),
        positive_matters=("hbv_surface_antigen", "hbv_core_antibody", "hbv_dna"),
    ),
    SafetyCheck(
        "hepatitis_c",
        "before",
        (),
        (("hcv_antibody", "hcv_rna"),),
        "laboratory",
        _INFECTION,
        positive_matters=("hcv_antibody", "hcv_rna"),
    ),
    SafetyCheck(
        "tuberculosis",
        "before",
        (),
        (("tb_test",),),
        "laboratory",
        _INFECTION,
        positive_matters=("tb_test",),
    ),
    SafetyCheck("varicella", "before", (), (("varicella_antibody",),), "laboratory", _INFECTION),
    SafetyCheck("pneumocystis", "before", GLUCOCORTICOID, (), "talk", _INFECTION),
    SafetyCheck(
        "vaccination", "before", (), (), "talk", evidence("secondary", "acr-vaccination2023", "vaccination-table2021")
    ),
    SafetyCheck("blood_count", "before", (), _BLOOD, "laboratory", _SCOT),
    SafetyCheck("kidney", "before", (), _KIDNEY, "laboratory", _SCOT),
    SafetyCheck("liver", "before", (), _LIVER, "laboratory", evidence("primary", "dmard-monitoring-scot", "shm-cases")),
    SafetyCheck("ggt", "before", (), (("ggt",),), "laboratory", _MEMORY),
    SafetyCheck("glucose", "before", (*GLUCOCORTICOID, *CALCINEURIN), _GLUCOSE, "laboratory", _SCOT),
    SafetyCheck("blood_pressure", "before", (*GLUCOCORTICOID, *CALCINEURIN), (), "talk", _SCOT),
    SafetyCheck(
        "lungs",
        "before",
        (),
        (("hrct_chest", "ct_chest_abdomen_pelvis", "pulmonary_function_test"),),
        "procedure",
        _MEMORY,
    ),
    SafetyCheck("heart", "before", (), (("troponin_i",), ("electrocardiogram",)), "procedure", _MEMORY),
    SafetyCheck("pregnancy", "before", (), (), "talk", evidence("primary", "bsr-pregnancy2022", "rituximab-info")),
    SafetyCheck(
        "fracture_risk",
        "glucocorticoid",
        GLUCOCORTICOID,
        (),
        "talk",
        evidence("primary", "humphrey2023", "giop-digest"),
    ),
    SafetyCheck(
        "bone_density",
        "glucocorticoid",
        GLUCOCORTICOID,
        (("bone_density",),),
        "procedure",
        evidence("primary", "humphrey2023"),
        again=((182, 730),),
    ),
    SafetyCheck(
        "vitamin_d",
        "glucocorticoid",
        GLUCOCORTICOID,
        (("vitamin_d_25oh",),),
        "laboratory",
        evidence("primary", "giop-digest"),
    ),
    SafetyCheck("eyes_mood", "glucocorticoid", GLUCOCORTICOID, (), "talk", evidence("primary", "ck-series")),
    SafetyCheck("never_abrupt", "glucocorticoid", GLUCOCORTICOID, (), "talk", _MEMORY),
    SafetyCheck(
        "kidney_before_ivig",
        "immunoglobulin",
        IMMUNOGLOBULIN,
        _KIDNEY,
        "laboratory",
        evidence("primary", "igiv-label", "fda-igiv1998", note="how fresh the result must be is a choice of ours"),
        fresh=30,
    ),
    SafetyCheck(
        "clot_risk",
        "immunoglobulin",
        IMMUNOGLOBULIN,
        (),
        "talk",
        evidence("primary", "igiv-label", "rituximab-hmgcr-abstract", "proderm2023"),
    ),
    SafetyCheck("iga", "immunoglobulin", IMMUNOGLOBULIN, (("immunoglobulin_a",),), "laboratory", _LABEL),
    SafetyCheck(
        "haemolysis",
        "immunoglobulin",
        IMMUNOGLOBULIN,
        (("haemoglobin", "blood_count"),),
        "laboratory",
        _LABEL,
    ),
    SafetyCheck("headache", "immunoglobulin", IMMUNOGLOBULIN, (), "talk", evidence("primary", "mims-ig")),
    SafetyCheck(
        "hepatitis_b_before_ivig",
        "immunoglobulin",
        IMMUNOGLOBULIN,
        (("hbv_core_antibody",),),
        "laboratory",
        _MEMORY,
    ),
    SafetyCheck(
        "immunoglobulins", "rituximab", ANTI_CD20, (("immunoglobulin_g",),), "laboratory", _MEMORY, again=((0, 182),)
    ),
    SafetyCheck(
        "rituximab_warnings",
        "rituximab",
        ANTI_CD20,
        (),
        "talk",
        evidence("secondary", "rituximab-info", "nct07103746"),
    ),
    SafetyCheck(
        "dmard_blood",
        "dmard",
        ANTIMETABOLITES,
        (*_BLOOD, *_KIDNEY, *_LIVER),
        "laboratory",
        _SCOT,
        again=((0, 14), (42, 30), (132, 91)),
    ),
    SafetyCheck(
        "calcineurin_blood",
        "dmard",
        CALCINEURIN,
        (*_BLOOD, *_KIDNEY, *_LIVER, *_GLUCOSE),
        "laboratory",
        _SCOT,
        again=((0, 14), (91, 30)),
    ),
    SafetyCheck("tpmt", "dmard", ("azathioprine",), (("tpmt",),), "laboratory", _SCOT),
    SafetyCheck("nudt15", "dmard", ("azathioprine",), (), "talk", _MEMORY),
    SafetyCheck("cough", "dmard", ("methotrexate",), (), "talk", _MEMORY),
    SafetyCheck("meningococcal", "trial", COMPLEMENT, (), "talk", evidence("primary", "nct04025632")),
    SafetyCheck("fcrn_igg", "trial", FCRN, (), "talk", evidence("derived", "ulrichts2018")),
    SafetyCheck("cart", "trial", ("cart_cells",), (), "talk", evidence("primary", "reset-myositis", "bcma-cart2024")),
)

# ---------------------------------------------------------------- lipid lowering after anti-HMGCR disease

LIPID_OPTIONS: tuple[tuple[str, tuple[str, ...], Evidence], ...] = (
    ("pcsk9", PCSK9, evidence("primary", "pcsk9-2019", "mammen-review")),
    ("ezetimibe", ("ezetimibe",), evidence("primary", "mammen-review")),
    ("bempedoic", ("bempedoic_acid",), evidence("unverified")),
)
"""What remains: message ``treatment.lipid.option.<id>``, the concepts that show it is taken, and the evidence."""

STATIN_LABELS: tuple[tuple[str, str, Evidence], ...] = (
    ("fda2012", "2012-10", evidence("primary", "fda2012")),
    ("fda_5_2", "2020-09", evidence("primary", "fda-5-2")),
    ("eu2015", "2015-03-29", evidence("primary", "aifa2015")),
    ("smpc", "", evidence("primary", "smpc-pl")),
    ("uk_contraindication", "2023", evidence("secondary", "smpc-uk")),
    ("mg2023", "2023-09", evidence("primary", "mhra2023", "bfarm")),
)
"""What labels say: message ``treatment.lipid.label.<id>``, date of the text, evidence."""

LIPID_RULE = evidence("primary", "mammen-review")
RED_YEAST_RULE = evidence("primary", "efsa2018")


def evidence_in_use() -> Iterator[Evidence]:
    """Every piece of evidence of this module, for the check that each source exists and is used."""
    for option in OPTIONS:
        yield from (fact.evidence for fact in option.facts)
        yield from (consideration.evidence for consideration in option.considerations)
    yield from (check.evidence for check in SAFETY_CHECKS)
    yield from (basis for _, _, basis in LIPID_OPTIONS)
    yield from (basis for _, _, basis in STATIN_LABELS)
    yield from (LIPID_RULE, RED_YEAST_RULE)
