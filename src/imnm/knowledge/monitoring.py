"""Following the course, as declarations: the named numbers, what to measure when, and the screening panels.

Sentences: ``messages/<language>/monitoring.toml``. How the numbers are applied to one patient's course stands in
``imnm.assessment.course``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .evidence import Evidence, evidence, threshold

# ---------------------------------------------------------------- named numbers

CK_HALF_LIFE = threshold(
    "ck_half_life", 1.5, "days", "half-life of CK in human blood", evidence("secondary", "rhabdo-page")
)
WASH_OUT = threshold(
    "ck_wash_out_halving",
    3,
    "days",
    "halving time below which a fall is as fast as CK is cleared (twice the half-life)",
    evidence("derived", "rhabdo-page", "ck-series"),
)
NATURAL_CHANGE = threshold(
    "ck_natural_change",
    16.3,
    "%",
    "change of CK over 8 weeks on a stable background, placebo arm",
    evidence("secondary", "zilucoplan-news"),
)
PLATEAU_DAYS = threshold(
    "ck_plateau_days", 56, "days", "shortest span called a plateau: the 8 weeks of the natural change",
    evidence("convention", "zilucoplan-news"),
)  # fmt: skip
REBOUND_DAYS = threshold(
    "ck_rebound_days", 7, "days", "how soon after the lowest value a rise counts as a rebound",
    evidence("derived", "ck-series"),
)  # fmt: skip
RELAPSE_FACTOR = threshold(
    "ck_relapse_factor", 2, "x nadir", "rise above the lowest CK that calls for a check (product rule)",
    evidence("unverified"),
)  # fmt: skip
RELAPSE_APART = threshold(
    "ck_relapse_apart", 7, "days", "least time between two samples that show a relapse (product rule)",
    evidence("unverified"),
)  # fmt: skip
RELAPSE_STRENGTH = threshold(
    "strength_relapse_fall", 10, "%", "fall of MMT8 that calls for a check while CK rises (product rule)",
    evidence("unverified"),
)  # fmt: skip
STRONG_CK = threshold(
    "ck_raised_despite_strength", 500, "U/L", "CK that 55 % of fully strong anti-HMGCR patients exceed",
    evidence("primary", "tiniakou2017"),
)  # fmt: skip
REMISSION_ULN = threshold(
    "remission_ck", 2, "x ULN", "CK of remission in the Paris cohort", evidence("primary", "paris-hmgcr")
)
REMISSION_DAYS = threshold(
    "remission_days", 91, "days", "stable strength of remission in the Paris cohort, 3 months",
    evidence("primary", "paris-hmgcr"),
)  # fmt: skip
DETERIORATION_GLOBAL = threshold(
    "deterioration_global", 2, "cm", "worsening of a global scale in confirmed deterioration",
    evidence("primary", "proderm2023"),
)  # fmt: skip
DETERIORATION_STRENGTH = threshold(
    "deterioration_strength", 20, "%", "worsening of MMT8 in confirmed deterioration",
    evidence("primary", "proderm2023"),
)  # fmt: skip
DETERIORATION_MEASURES = threshold(
    "deterioration_measures", 30, "%", "worsening of three of five measures in confirmed deterioration",
    evidence("primary", "proderm2023"),
)  # fmt: skip
BIOPSY_CK = threshold(
    "ck_rise_after_biopsy", 100, "U/L", "rise of CK after a biopsy of about 71 mg", evidence("primary", "biopsy-ck")
)
DISTURBED_DAYS = threshold(
    "ck_disturbed_days", 7, "days", "how long after biopsy, EMG or exertion a sample is called disturbed",
    evidence("convention", "biopsy-ck"),
)  # fmt: skip
INDUCTION_DAYS = threshold(
    "induction_days", 183, "days", "how long after the first immunosuppressant the first phase lasts",
    evidence("convention"),
)  # fmt: skip
SCREENING_YEARS = threshold(
    "cancer_screening_years", 3, "years", "how long after the first symptom IMACS screening goes on",
    evidence("primary", "oldroyd2023"),
)  # fmt: skip
ADULT_ONSET = threshold(
    "cancer_screening_adult",
    18,
    "years",
    "onset from which IMACS screening applies",
    evidence("primary", "oldroyd2023"),
)

# ---------------------------------------------------------------- what the statements rest on

TREND_EVIDENCE: dict[str, Evidence] = {
    "none": evidence("convention"),
    "one": evidence("convention"),
    "latest": evidence("convention"),
    "normal": evidence("convention"),
    "halving": evidence("derived"),
    "since_peak": evidence("convention"),
    "slow_fall": evidence("derived", "rhabdo-page"),
    "wash_out": evidence("derived", "rhabdo-page", "ck-series"),
    "rising": evidence("derived"),
    "rebound": evidence("primary", "ck-series"),
    "plateau": evidence("derived", "zilucoplan-news"),
    "small_change": evidence("secondary", "zilucoplan-news"),
    "relapse": evidence("unverified"),
    "relapse_once": evidence("unverified"),
    "relapse_strength": evidence("unverified"),
    "strong_but_raised": evidence("primary", "tiniakou2017"),
    "little_muscle": evidence("primary", "ck-series"),
    "steroid_myopathy": evidence("secondary", "aplar", "medscape-steroid"),
    "steroid_myopathy_neck": evidence("secondary", "aplar"),
    "fixed_weakness": evidence("unverified"),
    "disturbed": evidence("primary", "biopsy-ck"),
    "exchange": evidence("unverified"),
    "strength_change": evidence("convention"),
    "strength_stated": evidence("convention"),
    "scale_unknown": evidence("secondary", "imacs-forms"),
    "titre": evidence("primary", "werner2012", "mammen2015", "hmgcr-iso2024"),
    "assay_changed": evidence("unverified"),
    "ivig_wear_off": evidence("unverified"),
}
"""The evidence of each statement about the course (message ``monitoring.trend.<id>``)."""

EXPECTATIONS: tuple[tuple[str, tuple[str, ...], Evidence], ...] = (
    ("ck_before_strength", (), evidence("primary", "tiniakou2017", "mammen2015")),
    ("normalised_5_5_months", ("imnm_hmgcr",), evidence("primary", "uk-hmgcr2022")),
    ("full_strength_hmgcr", ("imnm_hmgcr",), evidence("primary", "tiniakou2017")),
    ("full_strength_srp", ("imnm_srp",), evidence("primary", "pinal-fernandez2017")),
    ("poor_outcome_srp", ("imnm_srp",), evidence("primary", "suzuki2015", "clinical-features-prognosis-anti-srp-2016")),
    ("survival_hmgcr", ("imnm_hmgcr",), evidence("primary", "chow2024")),
    ("untreated_remission", ("imnm_hmgcr",), evidence("primary", "paris-hmgcr")),
    ("mri_fat", (), evidence("primary", "mri2017", "jp111", "day2019")),
)
"""What to expect (message ``monitoring.expect.<id>``), for which diseases (empty: all), and the evidence."""

REMISSION = evidence("primary", "paris-hmgcr", "remission-lda")
DETERIORATION = evidence("primary", "proderm2023")
RESPONSE = evidence("primary", "niehs-imacs", "saygin2024")


class Measure(NamedTuple):
    """Something measured again and again. Intervals in days: at the earliest, at the latest; empty: not planned.
    ``optional``: never called due."""

    id: str
    concepts: tuple[str, ...]
    induction: tuple[int, int] | None
    stable: tuple[int, int] | None
    evidence: Evidence
    optional: bool = False


SCHEDULE: tuple[Measure, ...] = (
    Measure("ck", ("creatine_kinase_total",), (14, 28), (30, 91), evidence("unverified")),
    Measure(
        "strength",
        ("mmt8", "strength_normal", "strength_improved", "strength_worse"),
        (28, 84),
        (91, 183),
        evidence("unverified"),
    ),
    Measure("lung", ("pulmonary_function_test", "fvc_percent"), (0, 183), (0, 183), evidence("secondary", "chest2023")),
    Measure("swallow", ("swallow_study",), None, None, evidence("secondary", "bsr2022-reports")),
    Measure("antibody", ("anti_hmgcr", "anti_srp"), None, (183, 365), evidence("unverified", "werner2012"), True),
    Measure("mri", ("mri_muscle",), None, (365, 365), evidence("unverified"), True),
)

# ---------------------------------------------------------------- cancer screening


SCREENING_DONE_BY: dict[str, tuple[str, ...]] = {
    "history_examination": (),
    "blood_count": ("blood_count", "haemoglobin"),
    "liver_tests": ("alt", "ast", "bilirubin_total"),
    "esr_crp": ("esr", "crp"),
    "protein_electrophoresis": ("serum_electrophoresis",),
    "free_light_chains": ("free_light_chains",),
    "urinalysis": ("urinalysis",),
    "chest_x_ray": ("chest_xray",),
    "ct_neck_thorax_abdomen_pelvis": ("ct_chest_abdomen_pelvis",),
    "cervical_screening": ("cervical_screening",),
    "mammography": ("mammogram",),
    "psa": ("psa",),
    "ca125": ("ca125",),
    "pelvic_ultrasound": ("pelvic_ultrasound",),
    "faecal_occult_blood": ("faecal_occult_blood", "colonoscopy"),
}
"""The concepts that show a test of an IMACS panel to be done (the panels: ``criteria.cancer``)."""

SCREENING = evidence("secondary", "oldroyd2023")


def evidence_in_use() -> Iterator[Evidence]:
    """Every piece of evidence of this module that no threshold carries."""
    yield from TREND_EVIDENCE.values()
    yield from (basis for _, _, basis in EXPECTATIONS)
    yield from (measure.evidence for measure in SCHEDULE)
    yield from (REMISSION, DETERIORATION, RESPONSE, SCREENING)
