"""The differential as declarations: diseases, settings, what depends on what, and what to think of.

The numbers stand in ``data/likelihood.csv`` and ``data/priors.csv``, pooled once from the published disease x finding
table by ``tools/build_likelihood.py``. ``imnm.assessment.differential`` computes with both.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

from .files import DATA

DISEASES = (
    "imnm_hmgcr",
    "imnm_srp",
    "imnm_seronegative",
    "dermatomyositis",
    "antisynthetase_syndrome",
    "inclusion_body_myositis",
    "polymyositis_overlap",
    "statin_toxic_myopathy",
    "statin_myalgia",
    "rhabdomyolysis_other",
    "hypothyroid_myopathy",
    "lgmd",
    "dysferlinopathy",
    "lgmd_r9_fkrp",
    "lgmd_r12_ano5",
    "becker",
    "ici_myositis",
    "metabolic_myopathy",
    "idiopathic_hyperckemia",
    "polymyalgia_rheumatica",
    "toxic_myopathy_other",
    "other",
)

CONTROLS = ("control_general", "control_statin_user")
"""Reference groups: the base rate of a finding where a disease has no row of its own."""

STATIN_FINDINGS = frozenset(
    {
        "drug_interacting_with_statin",
        "statin_started_lt_3m",
        "statin_use_gt_12m",
        "ck_halved_within_14d_of_stop",
        "ck_rising_after_statin_stop",
        "ck_normalised_within_8w_of_stop",
        "response_to_statin_stop",
        "ck_persists_3m_after_statin_stop",
    }
)
"""Findings that have a meaning only in someone who took a statin."""

CK_BANDS = (
    "ck_peak_normal",
    "ck_peak_above_normal_lt_1000",
    "ck_peak_1000_5000",
    "ck_peak_5000_10000",
    "ck_peak_gt_10000",
)
LOW_CK = frozenset(CK_BANDS[:2])
HIGH_CK = frozenset(CK_BANDS[2:])
CK_AROUND_1000: Mapping[str, frozenset[str]] = {"ck_peak_lt_1000": LOW_CK, "ck_peak_ge_1000": HIGH_CK}
"""Findings that leave some of the bands."""
AGE_BANDS = ("age_onset_lt_18", "age_onset_18_39", "age_onset_40_59", "age_onset_ge_60")
ONSETS = ("onset_acute_lt_6m", "onset_subacute_6_12m", "onset_chronic_gt_12m")

EXCLUSIVE_SETS: Mapping[str, tuple[str, ...]] = {"age_onset": AGE_BANDS, "onset": ONSETS, "ck_peak": CK_BANDS}
"""Findings of which exactly one is true. What is excluded counts too: the chances of the members left are added."""

REST = "neither"
STATIN_LATENCY = ("statin_started_lt_3m", "statin_use_gt_12m", REST)
"""Time on the statin before onset: under three months, over a year, or in between (whatever the others leave)."""

ENTITIES: Mapping[str, Mapping[str, float]] = {
    "metabolic_myopathy": {"pompe": 0.4, "mcardle": 0.3, "lipid_storage": 0.3}
}
"""Ids that hold several diseases which are never seen together in one person, with their shares. The share of McArdle
disease follows from second wind in 0.25 of the mixture and 0.86 of McArdle disease; the rest is an estimate."""

DRUG_STRATA: Mapping[str, str] = {
    "drug_hydroxychloroquine": "hydroxychloroquine",
    "drug_colchicine": "colchicine",
    "heavy_alcohol": "alcohol",
}
"""With one of these drugs on record, toxic myopathy means the myopathy of that drug and not the mixture of all."""


class Setting(NamedTuple):
    """Where the patient is seen. ``rows``: its name in the published table. ``entry``: the finding that everyone in
    the setting has by definition, so that it is in the prior already; ``high_ck``: likewise a CK of 1000 U/L or more.
    """

    id: str
    rows: str
    entry: str | None = None
    high_ck: bool = False


SETTINGS: Mapping[str, Setting] = {
    setting.id: setting
    for setting in (
        Setting("statin-user", "setting_a", "statin_exposure", high_ck=True),
        Setting("neuromuscular-clinic", "setting_b", "proximal_weakness"),
        Setting("general-record", "setting_c", high_ck=True),
        Setting("child", "setting_d", "age_onset_lt_18"),
    )
}


NEUROMUSCULAR_SIGNS = (
    "weakness_any",
    "severe_weakness",
    "neck_flexor_weakness",
    "distal_or_finger_flexor_weakness",
    "finger_flexor_weakness",
    "quadriceps_predominant",
    "asymmetric_weakness",
    "muscle_atrophy",
    "scapular_winging",
    "fatigable_or_ocular",
    "myotonia",
)
NEUROMUSCULAR_TESTS = ("emg_", "biopsy_", "genetic_test_positive")
"""Signs, and tests whatever their result, that bring a person to a neuromuscular clinic."""


STATIN_OF_THE_PAST = "statin_stopped_before_onset"
"""The finding that the last statin was stopped more than three months before the illness began."""


def default_setting(findings: Mapping[str, bool | None], age: float | None) -> str:
    """The setting that a record suggests: the first whose entry condition is met of child, statin user with a raised CK
    and neuromuscular clinic; else a statin user, someone with other signs or tests of that clinic, anyone else.

    Who had stopped the statin long before the illness began is not taken for a statin user.
    """
    if (age is not None and age < 18) or (age is None and findings.get("age_onset_lt_18")):
        return "child"
    statin = findings.get("statin_exposure") and not findings.get(STATIN_OF_THE_PAST)
    if statin and findings.get("ck_elevated") and findings.get("ck_peak_ge_1000") is not False:
        return "statin-user"
    if findings.get("proximal_weakness"):
        return "neuromuscular-clinic"
    if statin:
        return "statin-user"
    tested = any(value is not None and name.startswith(NEUROMUSCULAR_TESTS) for name, value in findings.items())
    if tested or any(findings.get(sign) for sign in NEUROMUSCULAR_SIGNS):
        return "neuromuscular-clinic"
    return "general-record"


# ---------------------------------------------------------------- findings that are one finding

IMPLIES: Mapping[str, tuple[str, bool]] = {
    "drug_checkpoint_inhibitor": ("ici_exposure", True),
    "dark_urine_myoglobinuria": ("dark_urine", True),
    "weakness_any": ("weakness_absent_on_examination", False),
    "achr_antibody": ("neuromuscular_junction_antibody", True),
}
"""Two names of one sign: what the first says, the second has too (False: the opposite)."""

IMPLIES_IF_PRESENT: Mapping[str, str] = {
    "heliotrope": "skin_rash_dm",
    "gottron": "skin_rash_dm",
    "ptosis": "fatigable_or_ocular",
    "ophthalmoparesis": "fatigable_or_ocular",
    "anti_sae1": "dm_antibody_positive",
    "biopsy_glycogen_storage": "biopsy_autophagic_vacuoles",
}
"""Signs that prove a wider one when they are present, and say little when they are absent."""

TRIGGERS = (
    "recent_exertion",
    "recent_infection_or_fever",
    "trauma_surgery_or_immobilisation",
    "seizure_at_ck_peak",
    "myocardial_infarction_at_ck_peak",
    "heavy_alcohol",
)
MYOTOXIC_DRUGS = (
    "drug_colchicine",
    "drug_hydroxychloroquine",
    "drug_daptomycin",
    "drug_glucocorticoid",
    "heavy_alcohol",
)
IMPLIES_IF_ABSENT: Mapping[str, str] = {"rash_any": "skin_rash_dm"}
"""Who has no rash has no typical one."""
NECROTIZING = (("biopsy_necrosis_present", True), ("biopsy_inflammation_prominent", False))
"""Necrosis without inflammation is the necrotizing pattern, even where a report does not use the word."""
ANY_OF: Mapping[str, tuple[str, ...]] = {"acute_trigger_any": TRIGGERS, "myotoxic_exposure_any": MYOTOXIC_DRUGS}
"""Shares of one mixture. Their absences are never multiplied: all absent counts as the absence of any."""

# ---------------------------------------------------------------- dependence

Rule = Literal["one", "half"]
HALF = 0.4
"""Weight of a further finding of a ``half`` group that points the same way (the guide: 0.3 to 0.5)."""
NEGATIVE_PANEL = 0.5
"""Weight of a gene panel without a finding: panels solve 27 to 62 % and miss FSHD and myotonic dystrophy."""

SPECIFIC_ANTIBODIES = ("anti_hmgcr_positive", "anti_srp_positive", "other_msa_positive")
NAMED_ANTIBODIES = (
    "anti_ars",
    "anti_jo1",
    "anti_pl7",
    "anti_pl12",
    "dm_antibody_positive",
    "anti_mi2",
    "anti_tif1g",
    "anti_nxp2",
    "anti_mda5",
)
BIOPSY = (
    "biopsy_diagnosis",
    "biopsy_necrosis_predominant",
    "biopsy_mac_sarcolemmal",
    "biopsy_p62_diffuse",
    "biopsy_mhc1_upregulation",
    "biopsy_inflammation_prominent",
    "biopsy_perifascicular_atrophy",
    "biopsy_rimmed_vacuoles",
    "biopsy_autophagic_vacuoles",
    "biopsy_dystrophic",
    "biopsy_type2_atrophy_only",
    "biopsy_normal_or_minimal",
)


class Group(NamedTuple):
    """Findings that share a cause and so are not multiplied as if independent.

    ``one``: only one member counts. ``half``: the strongest counts in full, further members that point the same way
    with the weight ``HALF``. ``first``: these members come first, in this order, whatever their strength; all others
    by strength. ``full``: members that never lose weight themselves but take it from others.
    """

    id: str
    rule: Rule
    members: tuple[str, ...]
    first: tuple[str, ...] = ()
    full: tuple[str, ...] = ()


GROUPS = (
    Group("acute_breakdown", "half", ("ck_peak", "dark_urine", "acute_kidney_injury", "recent_exertion"), ("ck_peak",)),
    Group("urine_or_kidney", "one", ("dark_urine", "acute_kidney_injury")),
    Group("acute_triggers", "one", (*TRIGGERS, "acute_trigger_any")),
    Group("inflammation", "half", ("recent_infection_or_fever", "fever", "esr_crp_elevated")),
    Group("myotoxic_exposure", "one", (*MYOTOXIC_DRUGS, "myotoxic_exposure_any")),
    Group("kidney", "half", ("chronic_kidney_disease", "acute_kidney_injury", "drug_colchicine")),
    Group("checkpoint_inhibitor", "one", ("ici_exposure", "malignancy_associated"), ("ici_exposure",)),
    Group(
        "statin_course",
        "one",
        (
            "ck_persists_3m_after_statin_stop",
            "response_to_statin_stop",
            "ck_normalised_within_8w_of_stop",
            "ck_rising_after_statin_stop",
            "ck_halved_within_14d_of_stop",
        ),
        # one observation seen at several dates: the latest counts
        (
            "ck_persists_3m_after_statin_stop",
            "response_to_statin_stop",
            "ck_normalised_within_8w_of_stop",
            "ck_rising_after_statin_stop",
            "ck_halved_within_14d_of_stop",
        ),
    ),
    Group("thyroid", "one", ("tsh_high", "elevated_tsh"), ("tsh_high",)),
    Group(
        "weakness_presence", "one", ("proximal_weakness", "weakness_absent_on_examination", "quadriceps_predominant")
    ),
    Group(
        "weakness_degree",
        "half",
        ("proximal_weakness", "weakness_absent_on_examination", "severe_weakness"),
        ("proximal_weakness", "weakness_absent_on_examination"),
    ),
    Group(
        "distal_pattern",
        "half",
        (
            "distal_or_finger_flexor_weakness",
            "finger_flexor_weakness",
            "quadriceps_predominant",
            "asymmetric_weakness",
        ),
    ),
    Group("ocular_signs", "one", ("ocular_weakness", "fatigable_or_ocular")),
    Group(
        "junction",
        "half",
        ("ocular_weakness", "fatigable_or_ocular", "neuromuscular_junction_antibody"),
        ("ocular_weakness", "fatigable_or_ocular"),
    ),
    Group(
        "bulbar_and_breathing",
        "half",
        ("dysphagia", "dyspnea_or_respiratory", "respiratory_failure", "neck_flexor_weakness"),
    ),
    Group(
        "muscle_bulk",
        "half",
        ("calf_hypertrophy", "muscle_atrophy", "scapular_winging", "mri_fatty_replacement", "onset"),
    ),
    Group("exertional", "half", ("exercise_intolerance", "second_wind", "recurrent_episodes", "cramps", "dark_urine")),
    Group(
        "antisynthetase_picture", "half", ("ild", "arthritis", "mechanics_hands", "raynaud", "fever", "ro52_positive")
    ),
    Group("emg", "one", ("emg_irritable_myopathy", "emg_myopathic", "emg_normal", "emg_myotonic_or_crd", "myotonia")),
    Group("biopsy", "half", BIOPSY),
    Group("myositis_antibody", "one", (*NAMED_ANTIBODIES, "other_msa_positive")),
    Group(
        "antibodies",
        "half",
        (*SPECIFIC_ANTIBODIES, *NAMED_ANTIBODIES, "ro52_positive", "ana_positive"),
        full=(*SPECIFIC_ANTIBODIES, *NAMED_ANTIBODIES),
    ),
    # hydroxychloroquine is taken for a connective tissue disease
    Group(
        "treated_disease", "one", ("drug_hydroxychloroquine", "connective_tissue_disease"), ("drug_hydroxychloroquine",)
    ),
    Group("overlap", "half", ("connective_tissue_disease", "raynaud", "arthritis", "ana_positive")),
    Group("heredity", "half", ("family_history_myopathy", "biopsy_dystrophic", "age_onset")),
)
"""In the group of acute breakdown CK counts only above 10,000 U/L, in that of muscle bulk the onset only beyond
twelve months, in that of heredity the age only under 18 (``NARROW``)."""

NARROW: Mapping[tuple[str, str], str] = {
    ("acute_breakdown", "ck_peak"): "ck_peak_gt_10000",
    ("muscle_bulk", "onset"): "onset_chronic_gt_12m",
    ("heredity", "age_onset"): "age_onset_lt_18",
}
"""A set is a member of the group only when this member of the set is the true one."""

REPLACED_BY_GENOTYPE = ("family_history_myopathy", "biopsy_dystrophic", "age_onset_lt_18", "female")
"""A genotype that fits stands for all that is hereditary; the sex too, since carriers of an X-linked gene fall ill."""

STATIN_IN_USE = ("statin_toxic_myopathy", "statin_myalgia")
"""Diseases that a statin causes while it is taken; one that was stopped long before the illness explains neither."""

FOLLOWS_FROM: Mapping[str, tuple[str, str]] = {"malignancy_associated": ("ici_myositis", "ici_exposure")}
"""Cancer follows from a checkpoint inhibitor. Unless the drug is on record, cancer alone says nothing for the disease
that the drug defines."""

# fmt: off
_DYSTROPHY_GENES = (
    "BAG3", "BVES", "CAPN3", "CAV3", "COL6A1", "COL6A2", "COL6A3", "CRPPA", "CRYAB", "DAG1", "DES", "DNAJB6",
    "EMD", "FHL1", "FKTN", "FLNC", "GMPPB", "GNE", "HMGCR", "HNRNPDL", "LAMA2", "LDB3", "LMNA", "MATR3", "MYOT",
    "PLEC", "POGLUT1", "POMGNT1", "POMGNT2", "POMT1", "POMT2", "POPDC3", "SGCA", "SGCB", "SGCD", "SGCG", "TCAP",
    "TNPO3", "TRAPPC11", "TRIM32", "TTN", "VCP",
)
# fmt: on
GENES: Mapping[str, str] = dict.fromkeys(_DYSTROPHY_GENES, "lgmd") | {
    "DYSF": "dysferlinopathy",
    "FKRP": "lgmd_r9_fkrp",
    "ANO5": "lgmd_r12_ano5",
    "DMD": "becker",
    "GAA": "pompe",
    "PYGM": "mcardle",
    "CPT2": "lipid_storage",
    "ETFDH": "lipid_storage",
    "CNBP": "other",
    "DMPK": "other",
    "SMCHD1": "other",
}
"""The id that a fitting genotype in this gene means (hereditary limb-girdle and distal myopathies count as ``lgmd``);
for a gene that is not named here, any genetic disease."""

BIOPSY_DIAGNOSES: Mapping[str, str] = {
    "inclusion_body_myositis": "inclusion_body_myositis",
    "mcardle": "mcardle",
    "pompe": "pompe",
    "madd": "lipid_storage",
    "neutral_lipid_storage_myopathy": "lipid_storage",
    "dysferlinopathy": "dysferlinopathy",
    "lgmd_r9_fkrp": "lgmd_r9_fkrp",
    "lgmd_r1_calpain3": "lgmd",
    "duchenne": "becker",
    "becker": "becker",
    "mitochondrial_myopathy": "other",
    "al_amyloidosis": "other",
    "sarcoid_myositis": "other",
    "granulomatous_myositis": "other",
    "imam_macrophagic_myopathy": "other",
}
"""What a diagnosis made by the biopsy itself means here."""
BIOPSY_SIGNS: Mapping[str, str] = {
    "biopsy_lipid_storage": "lipid_storage",
    "biopsy_granulomas": "other",
    "biopsy_amyloid": "other",
}
"""What is seen that makes the diagnosis, where the published table has no row for it."""
PATHOGNOMONIC = ("biopsy_rimmed_vacuoles", "inclusion_body_myositis", "imnm_hmgcr")
"""A biopsy that makes a diagnosis weighs as rimmed vacuoles do for inclusion body myositis (a convention): seen in the
disease as often as they are there, in all others as rarely as in a disease that does not have them."""

ALWAYS_RECORDED = frozenset({"female", "statin_exposure", "tsh_high", "elevated_tsh", "genetic_test_positive"})
"""Findings that a record holds whether present or absent. Other signs are written down more often when present."""
ABSENCE_RECORDED = 0.3
"""Chance that the absence of a sign is written down, relative to its presence: a convention of the fit measure."""
POOR_FIT = 0.05
WORTH_NAMING = 0.05
"""If every disease of at least this probability fits worse than ``POOR_FIT``, it is said that none fits well:
conventions."""

# ---------------------------------------------------------------- what to think of


class Hint(NamedTuple):
    """Something that hides in ``of``: what points there, as alternatives of findings that must all hold."""

    id: str
    of: str
    when: tuple[tuple[tuple[str, bool], ...], ...]


def _any(*findings: str) -> tuple[tuple[tuple[str, bool], ...], ...]:
    return tuple(((finding, True),) for finding in findings)


HINTS = (
    Hint("fshd", "other", ((("facial_weakness", True),), (("scapular_winging", True), ("asymmetric_weakness", True)))),
    Hint("myotonic_dystrophy_2", "other", _any("myotonia", "emg_myotonic_or_crd")),
    Hint(
        "motor_neurone_disease",
        "other",
        (
            (("fasciculations_or_umn_signs", True),),
            (("emg_neurogenic", True),),
            (("muscle_atrophy", True), ("distal_or_finger_flexor_weakness", True), ("ck_peak_lt_1000", True)),
            (("respiratory_failure", True), ("ck_peak_lt_1000", True)),
        ),
    ),
    Hint("myasthenia", "other", _any("fatigable_or_ocular", "ocular_weakness", "neuromuscular_junction_antibody")),
    Hint(
        "lems",
        "other",
        (
            (("fatigable_or_ocular", True), ("proximal_weakness", True)),
            (("neuromuscular_junction_antibody", True), ("proximal_weakness", True)),
            (("malignancy_associated", True), ("proximal_weakness", True), ("ck_peak_normal", True)),
        ),
    ),
    Hint("neuropathy", "other", _any("sensory_or_neuropathic_signs", "emg_neurogenic")),
    Hint("amyloid", "other", _any("biopsy_amyloid")),
    Hint("sarcoid", "other", _any("biopsy_granulomas")),
    Hint("mitochondrial_myopathy", "other", ((("ocular_weakness", True), ("exercise_intolerance", True)),)),
    Hint(
        "macro_ck",
        "other",
        (
            (("macro_ck_detected", True),),
            (("ck_elevated", True), ("weakness_absent_on_examination", True), ("emg_normal", True)),
            (
                ("ck_elevated", True),
                ("weakness_absent_on_examination", True),
                ("ck_persists_3m_after_statin_stop", True),
            ),
            (("ck_elevated", True), ("proximal_weakness", False)),
        ),
    ),
    Hint("myocardial_infarction", "other", _any("myocardial_infarction_at_ck_peak")),
    Hint("seizure", "other", _any("seizure_at_ck_peak")),
    Hint(
        "steroid_myopathy",
        "toxic_myopathy_other",
        (
            (("drug_glucocorticoid", True),),
            (("biopsy_type2_atrophy_only", True),),
            (("proximal_weakness", True), ("ck_peak_normal", True)),
        ),
    ),
    Hint("colchicine", "toxic_myopathy_other", _any("drug_colchicine")),
    Hint("hydroxychloroquine", "toxic_myopathy_other", _any("drug_hydroxychloroquine", "biopsy_autophagic_vacuoles")),
    Hint("daptomycin", "toxic_myopathy_other", _any("drug_daptomycin")),
    Hint("alcohol", "toxic_myopathy_other", _any("heavy_alcohol")),
    Hint(
        "pompe",
        "metabolic_myopathy",
        (
            (("respiratory_failure", True),),
            (("dyspnea_or_respiratory", True), ("proximal_weakness", True)),
            (("scapular_winging", True),),
            (("emg_myotonic_or_crd", True),),
            (("biopsy_glycogen_storage", True),),
        ),
    ),
    Hint(
        "mcardle",
        "metabolic_myopathy",
        (*_any("second_wind", "biopsy_glycogen_storage"), (("exercise_intolerance", True), ("cramps", True))),
    ),
    Hint(
        "lipid_storage",
        "metabolic_myopathy",
        (
            (("recurrent_episodes", True),),
            (("biopsy_lipid_storage", True),),
            (("recent_infection_or_fever", True), ("dark_urine", True)),
        ),
    ),
    Hint("hmgcr_gene", "lgmd", ((("statin_exposure", True), ("family_history_myopathy", True)),)),
)

# ---------------------------------------------------------------- the tables


class Cell(NamedTuple):
    """How often a finding is present: a beta distribution, whether a published figure is in it, and from where."""

    alpha: float
    beta: float
    reported: bool
    sources: tuple[str, ...]

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)

    @property
    def size(self) -> float:
        """How many patients the figure is worth."""
        return self.alpha + self.beta


def _rows(name: str) -> list[dict[str, str]]:
    path = DATA / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@cache
def cells() -> Mapping[tuple[str, str, str], Cell]:
    """The pooled table: (finding, disease or control group, stratum or empty) to its cell."""
    return {
        (row["finding"], row["disease"], row["stratum"]): Cell(
            float(row["alpha"]), float(row["beta"]), row["kind"] == "reported", tuple(row["sources"].split())
        )
        for row in _rows("likelihood.csv")
    }


@cache
def known_findings() -> frozenset[str]:
    """The findings that the table can weigh."""
    return frozenset(finding for finding, _, _ in cells())


@cache
def heard() -> frozenset[str]:
    """The findings that can make a difference to the differential: those that the table weighs and those that a
    declaration of this module names. Of any other it makes none what is known."""
    declared = (
        *(EXCLUSIVE_SETS, STATIN_LATENCY, STATIN_FINDINGS, DRUG_STRATA, SETTINGS, STATIN_OF_THE_PAST),
        *(IMPLIES, IMPLIES_IF_PRESENT, IMPLIES_IF_ABSENT, NECROTIZING, ANY_OF, NAMED_ANTIBODIES, BIOPSY),
        *(GROUPS, NARROW, REPLACED_BY_GENOTYPE, FOLLOWS_FROM, BIOPSY_SIGNS, PATHOGNOMONIC, HINTS, CK_AROUND_1000),
    )
    return known_findings() | named_in(*declared)


def named_in(*declared: Any) -> frozenset[str]:
    """Every text in some declarations of this module: the findings that they name, among others."""
    return frozenset(_texts(declared))


def _texts(declared: Any) -> Iterator[str]:
    """Every text in a declaration."""
    if isinstance(declared, str):
        yield declared
    elif isinstance(declared, Mapping):
        yield from _texts((*declared, *declared.values()))
    elif isinstance(declared, Iterable):
        for part in declared:
            yield from _texts(part)


@cache
def priors(setting: str) -> tuple[float, ...]:
    """The share of each disease (in the order of ``DISEASES``) in a setting. Raises KeyError if there is none such."""
    shares = {row["disease"]: float(row["share"]) for row in _rows("priors.csv") if row["setting"] == setting}
    return tuple(shares[disease] for disease in DISEASES)


def cell(finding: str, disease: str, strata: Sequence[str], statin_user: bool) -> Cell | None:
    """The cell of a disease in the first of these strata that it has one for; a base rate where the disease has none;
    None where nothing is known."""
    table = cells()
    for stratum in strata:
        if (finding, disease, stratum) in table:
            return table[finding, disease, stratum]
    general, of_statin_users = ((finding, group, "") for group in CONTROLS)
    first, second = (
        (of_statin_users, general) if statin_user or finding in STATIN_FINDINGS else (general, of_statin_users)
    )
    return table.get((finding, disease, "")) or table.get(first) or table.get(second)
