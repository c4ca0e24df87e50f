"""What the published sets ask for: findings where there is one, and the items that are finer than any finding.

Declared once and shared; each set names the items it uses through its expressions.
"""

from __future__ import annotations

from imnm.logic.nodes import Any_, Not

from ..evidence import evidence
from .model import finding, item

ENMC = evidence("secondary", "meyer2020", "f1", "f4")
PATHOLOGY = evidence("primary", "pinal-fernandez2018", "bmc2022")
WEIGHTS = evidence("secondary", "eular-weights", "eular-weights-copies")
IBM_TABLES = evidence("secondary", "ibm-enmc")
GRIGGS = evidence("secondary", "griggs1995", "griggs-copies")
SYNTHETASE = evidence("secondary", "errev-antisynthetase", "eular2019-ab0656")
IMACS = evidence("unverified", "oldroyd2023")
RESPONSE = evidence("primary", "rider2017", "rider2011")
STATIN = evidence("secondary", "nhs-sip")

# ---------------------------------------------------------------- patient and illness

AGE_AT_ONSET = item(
    "age_at_onset", evidence("convention", note="age at the first symptom, in decimal years"), "number", "years", 0, 120
)
FEMALE = finding("female")
BETTER_EXPLANATION = item("better_explanation", evidence("secondary", "eular-weights"))
WEAKNESS_MONTHS = item("weakness_duration_months", IBM_TABLES, "number", "months", 0, 1200)

# ---------------------------------------------------------------- strength

PROXIMAL = finding("proximal_weakness")
PROX_ARMS = item("prox_ue", WEIGHTS)
PROX_LEGS = item("prox_le", WEIGHTS)
NECK_FLEXORS = finding("neck_flexor_weakness")
LEGS_PROXIMAL = item("leg_prox_gt_dist", WEIGHTS)
FINGER_FLEXORS = finding("finger_flexor_weakness")
NO_RESPONSE = item("no_treatment_response", evidence("weak", "eular-weights-copies"))
ASYMMETRIC = finding("asymmetric_weakness")
PROXIMAL_AND_DISTAL = item("proximal_and_distal_weakness_arms_and_legs", GRIGGS)
WRIST_FLEXORS = item("wrist_flexors_weaker_than_extensors", GRIGGS)
QUADRICEPS_MRC_4 = item("quadriceps_mrc_le_4", GRIGGS)
FINGERS_BELOW_SHOULDER = item("finger_flexors_weaker_than_shoulder_abduction", IBM_TABLES)
KNEE_BELOW_HIP = item("knee_extensors_as_weak_as_hip_flexors", IBM_TABLES)

# ---------------------------------------------------------------- organs and skin

DYSPHAGIA = finding("dysphagia")
SEVERE_DYSPHAGIA = item("dysphagia_moderate_or_severe", IMACS)
HELIOTROPE = finding("heliotrope")
PAPULES = item("gottron_papules", WEIGHTS)
SIGN = item("gottron_sign", WEIGHTS)
DM_RASH = finding("skin_rash_dm")
CUTANEOUS_NECROSIS = item("cutaneous_necrosis", IMACS)
ILD = finding("ild")
ARTHRITIS = finding("arthritis")
RAYNAUD = finding("raynaud")
MECHANICS_HANDS = finding("mechanics_hands")
FEVER = finding("fever")
FAMILY_HISTORY = finding("family_history_myopathy")
PERSISTENT_ACTIVITY = item("persistent_activity_despite_treatment", IMACS)

# ---------------------------------------------------------------- enzymes

CK_RAISED = finding("ck_elevated")
CK_PEAK = finding("ck_peak", 0, 1_000_000)
CK_TIMES = finding("ck_peak_times_uln", 0, 10_000)
ENZYMES = Any_((CK_RAISED, finding("ldh_elevated"), finding("elevated_ast_alt")))
ANY_ENZYME = Any_((ENZYMES, finding("aldolase_elevated")))

# ---------------------------------------------------------------- antibodies

HMGCR = finding("anti_hmgcr_positive")
SRP = finding("anti_srp_positive")
HMGCR_FULL = finding("anti_hmgcr_full_weight")
SRP_FULL = finding("anti_srp_full_weight")
OTHER_MSA = finding("other_msa_positive")
DM_ANTIBODY = finding("dm_antibody_positive")
JO1 = finding("anti_jo1")
ARS = finding("anti_ars")
TIF1G = finding("anti_tif1g")
NXP2 = finding("anti_nxp2")
SAE1 = finding("anti_sae1")
MI2 = finding("anti_mi2")
MDA5 = finding("anti_mda5")

# ---------------------------------------------------------------- biopsy, EMG, MRI

BIOPSY = finding("muscle_biopsy")
NECROSIS = finding("biopsy_necrosis_predominant")
MACROPHAGES = finding("biopsy_macrophages_predominant")
LYMPHOCYTES_SPARSE = Not(finding("biopsy_inflammation_prominent"))
MHC1 = finding("biopsy_mhc1_upregulation")
C5B9 = finding("biopsy_mac_sarcolemmal")
P62 = finding("biopsy_p62_diffuse")
PERIFASCICULAR_ATROPHY = finding("biopsy_perifascicular_atrophy")
PERIFASCICULAR_NECROSIS = finding("biopsy_perifascicular_necrosis")
MXA = finding("biopsy_mxa_perifascicular")
RIMMED_VACUOLES = finding("biopsy_rimmed_vacuoles")
INVASION = finding("biopsy_endomysial_invasion")
DYSTROPHIC = finding("biopsy_dystrophic")
ENDOMYSIAL_CELLS = item("bx_endomysial", WEIGHTS)
PERIMYSIAL_CELLS = item("bx_perimysial", WEIGHTS)
ENDOMYSIAL_INFILTRATE = item("biopsy_endomysial_infiltrate", IBM_TABLES)
PROTEIN_ACCUMULATION = item("biopsy_protein_accumulation", IBM_TABLES)
AMYLOID = finding("biopsy_amyloid")
FILAMENTS = item("biopsy_filaments_15_18_nm", IBM_TABLES)
VACUOLATED = item("biopsy_vacuolated_fibres", GRIGGS)
BP_BIOPSY = item("bp_biopsy", evidence("secondary", "iaccarino2014", "isrn2013"))
BP_EMG = item("bp_emg", evidence("secondary", "iaccarino2014", "isrn2013"))
EMG_MYOPATHIC = finding("emg_myopathic")
POSTERIOR_THIGH = finding("mri_posterior_thigh")

# ---------------------------------------------------------------- diagnoses that a set takes as given

MYOSITIS = item("myositis", SYNTHETASE)
IS_DM = item("subtype_dermatomyositis", IMACS)
IS_ADM = item("subtype_amyopathic_dermatomyositis", IMACS)
IS_PM = item("subtype_polymyositis", IMACS)
IS_IMNM = item("subtype_imnm", IMACS)
IS_IBM = item("subtype_ibm", evidence("secondary", "goettingen2025"))
