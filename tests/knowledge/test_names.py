"""Names: what the words of records stand for, and what they must not be taken for."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imnm.knowledge import names
from imnm.knowledge.concepts import CONCEPTS, Domain, Match, lookup_name, members

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("IMNM_SHARED", ROOT.parent / "shared"))
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared folder with test records is not here")


def direct(text: str, domain: Domain, context: str = "") -> dict[str, Match]:
    """The concepts that the text itself names, without their ancestors."""
    return {match.concept: match for match in lookup_name(text, domain, context) if match.direct == match.concept}


def ids(text: str, domain: Domain, context: str = "") -> set[str]:
    return set(direct(text, domain, context))


# ---------------------------------------------------------------- the lexicon holds together


def test_every_name_has_a_concept_and_is_found_as_itself() -> None:
    """Each name of the lexicon, looked up alone, gives its concept (unless it is a denial, a drug in a local form,
    or needs antibody words)."""
    from imnm.knowledge.concepts import rows_of

    for row in rows_of("names.csv"):
        assert not row["concept"] or row["concept"] in CONCEPTS, row["concept"]
        domain = row["domain"]
        assert domain in ("condition", "result", "drug", "procedure")
        for name in row["names"].split("|"):
            bare = name.lstrip("~<=!")
            context = "myositis antibody" if name.startswith("~") else ""
            found = ids(bare, domain, context)
            if row["concept"]:
                assert row["concept"] in found, (row["concept"], domain, name, found)
            else:
                assert found == set(), (name, found)


# ---------------------------------------------------------------- conditions

CONDITIONS = [
    ("Weakness, proximal", "proximal_muscle_weakness"),
    ("weakness of the proximal muscles of the legs", "proximal_muscle_weakness"),
    ("Bilateral symmetric proximal muscle weakness (4/5)", "proximal_muscle_weakness"),
    ("Hip flexor weakness", "proximal_muscle_weakness"),
    ("generalised weakness", "muscle_weakness"),
    ("Difficulty in getting up from a chair", "difficulty_rising_from_chair"),
    ("unable to climb stairs", "difficulty_climbing_stairs"),
    ("Difficulty lifting arms above head", "difficulty_raising_arms"),
    ("trouble swallowing solids", "dysphagia"),
    ("dyspnoea on exertion", "dyspnoea"),
    ("coca-cola coloured urine", "myoglobinuria"),
    ("hyperCKaemia", "elevated_ck"),
    ("Myalgias", "myalgia"),
    ("painful thighs", "myalgia"),
    ("Gottron's papules", "gottron_papules"),
    ("violaceous eyelid rash", "heliotrope_rash"),
    ("Mechanic's hands", "mechanics_hands"),
    ("Raynaud's", "raynaud"),
    ("interstitial lung disease (NSIP)", "ild"),
    ("Acute myocardial infarction", "myocardial_infarction"),
    ("inferior STEMI", "myocardial_infarction"),
    ("chest pain", "chest_pain"),
    ("generalised tonic-clonic seizure", "seizure"),
    ("recent fall with long lie", "immobilisation"),
    ("recent fall with long lie", "falls"),
    ("ran a marathon", "recent_exertion"),
    ("Hodgkin lymphoma", "malignancy_haematological"),
    ("carcinoma of the left lung", "malignancy_lung"),
    ("metastatic melanoma", "malignancy_any"),
    ("HIV", "hiv_infection"),
    ("alcohol use disorder", "heavy_alcohol"),
    ("gout 10 years", "gout"),
    ("stage 3 chronic kidney disease", "ckd"),
    ("AKI requiring dialysis", "acute_kidney_injury"),
    ("non-alcoholic fatty liver disease", "liver_disease"),
    ("diabetes mellitus type II", "diabetes"),
    ("lupus nephritis", "sle"),
    ("limited scleroderma", "systemic_sclerosis"),
    ("Sjögren's disease", "sjogren"),
    ("MCTD", "mctd"),
    ("RA", "rheumatoid_arthritis"),
    ("Hashimoto's thyroiditis", "hypothyroidism"),
    ("psoriatic arthritis", "psoriasis"),
    ("COVID-19 infection", "covid_19"),
    ("COVID-19 vaccination", "vaccination"),
    ("motor vehicle accident", "trauma"),
    ("recent surgery", "surgery"),
    ("heat stroke", "heat_illness"),
    ("cocaine use", "illicit_stimulant"),
    ("synthetic cannabinoid use", "cannabinoid"),
    ("pregnancy 20 weeks", "pregnancy"),
    ("Community-acquired pneumonia", "pneumonia"),
    ("necrotising autoimmune myopathy", "imnm"),
    ("intolerance to statins", "statin_intolerance"),
    ("statin-induced myopathy", "statin_myopathy"),
    ("LGMD2B", "lgmd_r2_dysferlin"),
    ("Muscular dystrophy, limb-girdle, autosomal recessive 28", "lgmd_r28_hmgcr"),
    ("Pompe disease, late-onset", "pompe_late_onset"),
    ("second wind phenomenon", "second_wind"),
    ("hyperlipidaemia treated with statin", "statin"),
    ("can't climb stairs", "difficulty_climbing_stairs"),
    ("Struggles with stairs", "difficulty_climbing_stairs"),
    ("trouble getting out of a chair", "difficulty_rising_from_chair"),
    ("cannot get up from the floor", "difficulty_rising_from_chair"),
    ("unable to raise arms", "difficulty_raising_arms"),
    ("cannot lift head off the pillow", "neck_flexor_weakness"),
    ("cannot hold head up", "neck_extensor_weakness"),
    ("cannot walk on toes", "distal_weakness"),
    ("bulky calves", "calf_hypertrophy"),
    ("knees give way", "quadriceps_weakness"),
    ("elevated creatinine kinase", "elevated_ck"),
    ("brisk reflexes", "fasciculations_or_umn_signs"),
]


@pytest.mark.parametrize(("text", "concept"), CONDITIONS)
def test_conditions(text: str, concept: str) -> None:
    match = direct(text, "condition")[concept]
    assert match.polarity is True
    assert not match.past
    assert not match.family


@pytest.mark.parametrize(
    "text",
    ["Breast cancer screening", "Encounter for screening for malignant neoplasm of colon", "risk of falls",
     "fear of falling", "Exercise counseling", "carcinoma in situ of prostate", "basal cell carcinoma",
     "benign neoplasm of colon", "pulmonary hypertension", "liver injury", "cold intolerance",
     "pathological fracture", "exercise induced asthma", "lung nodule", "statin not indicated", "proteinuria"],
)  # fmt: skip
def test_no_statement_that_matters(text: str) -> None:
    assert ids(text, "condition") == set()


@pytest.mark.parametrize("text", ["Vaccination against hepatitis B", "influenza vaccination", "pneumonia vaccine"])
def test_a_vaccination_is_no_infection(text: str) -> None:
    assert ids(text, "condition") <= {"vaccination"}


@pytest.mark.parametrize(
    ("text", "concept", "polarity"),
    [
        ("no weakness", "muscle_weakness", False),
        ("denies chest pain", "chest_pain", False),
        ("rash absent", "rash_any", False),
        ("dysphagia: no", "dysphagia", False),
        ("afebrile", "fever", False),
        ("myositis ruled out", "myositis_unspecified", False),
        ("no rash, fever or weight loss", "weight_loss", False),
        ("no rash but proximal weakness", "proximal_muscle_weakness", True),
        ("No rash, proximal weakness", "proximal_muscle_weakness", None),
        ("muscle weakness without rash", "rash_any", False),
        ("muscle weakness without rash", "muscle_weakness", True),
        ("rule out polymyositis", "polymyositis", None),
        ("?dermatomyositis", "dermatomyositis", None),
        ("suspected breast cancer", "malignancy_breast", None),
        ("polymyalgia vs myositis", "myositis_unspecified", None),
        ("weakness ?cause", "muscle_weakness", True),
        ("possible dermatomyositis, proximal weakness", "proximal_muscle_weakness", True),
        ("no longer weakness", "muscle_weakness", True),
    ],
)
def test_denial_and_doubt(text: str, concept: str, polarity: bool | None) -> None:
    assert direct(text, "condition")[concept].polarity is polarity


@pytest.mark.parametrize(
    ("text", "concept", "past", "days_ago"),
    [
        ("History of myocardial infarction", "myocardial_infarction", True, None),
        ("inferior STEMI three weeks earlier", "myocardial_infarction", False, (18, 24)),
        ("pneumonia one month before", "pneumonia", False, (15, 45)),
        ("breast cancer in remission", "malignancy_breast", True, None),
        ("prostate cancer, in remission", "malignancy_prostate", True, None),
        ("multiple myeloma not having achieved remission", "malignancy_haematological", False, None),
        ("previous breast carcinoma", "malignancy_breast", True, None),
        ("history of hypertension", "hypertension", False, None),
        ("CKD 5 years", "ckd", False, (1642, 2008)),
        ("resolved rash", "rash_any", False, None),
        ("rash, resolved", "rash_any", False, None),
        ("rash resolved", "rash_any", True, None),
        ("ex-smoker", "smoking", True, None),
        ("Late effects of motor vehicle accident", "trauma", True, None),
        ("12 year old with weakness", "muscle_weakness", False, None),
        ("no longer weakness", "muscle_weakness", True, None),
    ],
)
def test_the_past(text: str, concept: str, past: bool, days_ago: tuple[int, int] | None) -> None:
    match = direct(text, "condition")[concept]
    assert match.past is past
    assert match.days_ago == days_ago


@pytest.mark.parametrize(
    ("text", "concept", "polarity"),
    [
        ("Family history of muscle disease", "family_history_myopathy", True),
        ("no family history of muscle disease", "family_history_myopathy", False),
        ("mother with muscular dystrophy", "family_history_myopathy", True),
        ("brother has LGMD", "family_history_myopathy", True),
        ("myopathy in sister", "family_history_myopathy", True),
        ("family history of breast cancer", "family_history_malignancy", True),
    ],
)
def test_a_relatives_disease_is_never_the_disease(text: str, concept: str, polarity: bool | None) -> None:
    found = lookup_name(text, "condition")
    assert {match.concept for match in found} == {concept}
    assert found[0].family
    assert found[0].polarity is polarity


def test_family_history_of_other_things_says_nothing() -> None:
    assert lookup_name("family history of diabetes", "condition") == ()


def test_two_kinds_in_one_name() -> None:
    assert ids("proximal and distal weakness", "condition") == {"proximal_muscle_weakness", "distal_weakness"}
    assert {"heliotrope_rash", "gottron_papules"} <= ids("heliotrope and Gottron rash", "condition")
    assert ids("Ptosis or ocular weakness", "condition") == {"ptosis", "ocular_weakness", "muscle_weakness"}


def test_tempo_of_weakness() -> None:
    assert "progressive_weakness" in ids("progressive proximal lower limb weakness", "condition")
    assert "rapid_progression" in ids("rapidly progressive weakness", "condition")
    assert "rapid_progression" not in ids("progressive weakness", "condition")
    assert "progressive_weakness" not in ids("progressive dysphagia", "condition")


@pytest.mark.parametrize(
    ("text", "concept", "polarity"),
    [
        ("anti-HMGCR antibody positive", "anti_hmgcr", True),
        ("Anti-signal recognition particle antibody positivity", "anti_srp", True),
        ("anti-Jo-1 antibody negative", "anti_jo1", False),
        ("no anti-SRP antibodies", "anti_srp", False),
    ],
)
def test_antibodies_among_problems(text: str, concept: str, polarity: bool) -> None:
    assert direct(text, "condition")[concept].polarity is polarity


def test_false_friends_of_imnm() -> None:
    assert ids("necrotizing myositis", "condition") == {"imnm_false_friend"}
    assert ids("necrotizing fasciitis", "condition") == {"imnm_false_friend"}
    assert direct("necrotizing myopathy", "condition")["imnm"].relation == "broader"
    assert ids("necrotizing enterocolitis", "condition") == {"imnm_false_friend"}


# ---------------------------------------------------------------- results

RESULTS = [
    ("CK", "creatine_kinase_total"),
    ("CPK", "creatine_kinase_total"),
    ("Creatine phosphokinase, total", "creatine_kinase_total"),
    ("Creatine kinase [Enzymatic activity/volume] in Serum or Plasma", "creatine_kinase_total"),
    ("Creatine kinase.MB [Mass/volume] in Serum or Plasma", "creatine_kinase_mb"),
    ("Creatine Kinase, MB Isoenzyme", "creatine_kinase_mb"),
    ("CK (MB)", "creatine_kinase_mb"),
    ("CK-MB index", "creatine_kinase_mb_fraction"),
    ("Macro-CK", "macro_ck_detected"),
    ("HMGCR Ab", "anti_hmgcr"),
    ("Anti-HMG-CoA reductase antibodies", "anti_hmgcr"),
    ("s-hmgcrab", "anti_hmgcr"),
    ("hmgcr,vasta-aineet", "anti_hmgcr"),
    ("S-SRPAb-O", "anti_srp"),
    ("SRP (blot)", "anti_srp"),
    ("SRP54 IgG", "anti_srp"),
    ("Signal recognition particle antibodies", "anti_srp"),
    ("TIF1γ", "anti_tif1g"),
    ("p155/140", "anti_tif1g"),
    ("anti-MJ", "anti_nxp2"),
    ("Ro-52", "anti_ro52"),
    ("SSA-52 (Ro52) IgG", "anti_ro52"),
    ("NT5C1A antibody", "anti_cn1a"),
    ("hs-cTnT", "troponin_t"),
    ("Troponin", "troponin_unspecified"),
    ("Aspartate aminotransferase (SGOT)", "ast"),
    ("Gamma-GT", "ggt"),
    ("Thyroid stimulating hormone (TSH)", "tsh"),
    ("25-OH Vitamin D", "vitamin_d_25oh"),
    ("Myoglobin, urine", "myoglobin_urine"),
]


@pytest.mark.parametrize(("text", "concept"), RESULTS)
def test_results(text: str, concept: str) -> None:
    assert ids(text, "result") == {concept}


@pytest.mark.parametrize(
    "text",
    ["SRP", "EJ", "Ku", "Creatinine, urine", "Albumin/Creatinine ratio", "creatinine clearance", "CK isoenzymes",
     "TSH receptor antibody", "HMG-CoA reductase inhibitor", "Cystatin C", "FEV1/FVC", "HMGCR gene", "grip strength"],
)  # fmt: skip
def test_no_result_of_ours(text: str) -> None:
    assert ids(text, "result") == set()


def test_a_short_antibody_name_needs_its_surroundings() -> None:
    assert ids("SRP", "result", "Myositis panel") == {"anti_srp"}
    assert ids("EJ", "result", "line blot, myositis") == {"anti_ej"}
    assert ids("SRP", "result", "Chemistry") == set()


# ---------------------------------------------------------------- drugs

DRUGS = [
    ("Simvistatin 10 MG", "simvastatin"),
    ("rosuvastin", "rosuvastatin"),
    ("artovastatin", "atorvastatin"),
    ("lovostatin", "lovastatin"),
    ("pitavastatine", "pitavastatin"),
    ("Atorvastatin Calcium 40 mg tablet", "atorvastatin"),
    ("ezetimibe/simvastatin", "simvastatin"),
    ("ezetimibe/simvastatin", "ezetimibe"),
    ("Vytorin 10/40", "simvastatin"),
    ("Caduet", "atorvastatin"),
    ("Caduet", "amlodipine"),
    ("sitagliptin/simvastatin", "simvastatin"),
    ("red yeast rice supplement", "red_yeast_rice"),
    ("statins", "statin"),
    ("HMG-CoA reductase inhibitor", "statin"),
    ("fibrates", "fibrate"),
    ("PD-1 inhibitor", "immune_checkpoint_inhibitor"),
    ("corticosteroids", "systemic_glucocorticoid"),
    ("methylPREDNISolone sodium succinate", "methylprednisolone"),
    ("IVIG", "ivig"),
    ("fusidic acid 500 mg tablets", "fusidic_acid"),
    ("bempedoic acid / ezetimibe", "bempedoic_acid"),
    ("Colchicine 0.6 MG [Colcrys]", "colchicine"),
    ("COVID-19 vaccine", "vaccination"),
]


@pytest.mark.parametrize(("text", "concept"), DRUGS)
def test_drugs(text: str, concept: str) -> None:
    assert direct(text, "drug")[concept].polarity is True


@pytest.mark.parametrize(
    "text",
    ["nystatin", "NYSTATIN oral suspension", "nystatin-triamcinolone", "pentostatin", "Imipenem-Cilastatin",
     "somatostatin", "sivelestat", "statin intolerance", "cystatin", "bempedoic acid / ezetimibe", "no known drugs",
     "cholesterol-lowering drug", "astatine", "nistatin", "nystatine", "statistician"],
)  # fmt: skip
def test_no_statin(text: str) -> None:
    assert "statin" not in {match.concept for match in lookup_name(text, "drug")}


@pytest.mark.parametrize(
    "text",
    ["hydrocortisone 1% cream", "prednisolone eye drops", "beclometasone inhaler", "fusidic acid cream",
     "ketoconazole shampoo", "tacrolimus 0.1% ointment", "dexamethasone ophthalmic solution"],
)  # fmt: skip
def test_local_forms_are_no_exposure(text: str) -> None:
    assert lookup_name(text, "drug") == ()


def test_drug_that_is_not_or_no_longer_taken() -> None:
    assert direct("no statin", "drug")["statin"].polarity is False
    assert direct("statin naive", "drug")["statin"].polarity is False
    assert direct("stopped atorvastatin", "drug")["atorvastatin"].past


def test_misspelt_names_are_marked() -> None:
    assert not direct("Simvistatin 10 MG", "drug")["simvastatin"].verified
    assert direct("simvastatin", "drug")["simvastatin"].verified


STATINS = sorted(name for name in members("statin") if name.endswith("statin"))


def slips(name: str) -> set[str]:
    """The name with one letter lost, doubled, or swapped with the next, anywhere after the first."""
    inner = range(1, len(name) - 1)
    lost = {name[:at] + name[at + 1 :] for at in inner}
    doubled = {name[:at] + name[at] + name[at:] for at in inner}
    swapped = {name[:at] + name[at + 1] + name[at] + name[at + 2 :] for at in inner}
    return lost | doubled | swapped


@pytest.mark.parametrize("name", STATINS)
def test_a_slip_in_a_statin_is_that_statin_or_nothing(name: str) -> None:
    readings = [ids(slip, "drug") for slip in slips(name)]
    assert all(reading <= {name} for reading in readings)
    assert sum(reading == {name} for reading in readings) >= 0.9 * len(readings)


# ---------------------------------------------------------------- any text


@given(st.text(max_size=80), st.sampled_from(["condition", "result", "drug", "procedure"]))
@settings(max_examples=300)
def test_any_text_is_answered(text: str, domain: Domain) -> None:
    for match in lookup_name(text, domain):
        assert match.concept in CONCEPTS


@given(st.sampled_from([text for text, _ in CONDITIONS]), st.sampled_from([str.upper, str.lower, str.title]))
def test_capitals_do_not_matter(text: str, spell: object) -> None:
    assert callable(spell)
    assert ids(spell(text), "condition") == ids(text, "condition")


def test_a_long_text_is_read_in_linear_time() -> None:
    import time

    start = time.process_time()
    lookup_name("proximal and distal weakness of the muscles, " * 400, "condition")
    assert time.process_time() - start < 2


# ---------------------------------------------------------------- records nobody here wrote


def texts(path: Path, *fields: str) -> set[str]:
    found = set()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            resource = json.loads(line)
            for field in fields:
                concept = resource.get(field) or {}
                display = next((c.get("display") for c in concept.get("coding", ()) if c.get("display")), "")
                found.add(concept.get("text") or display or "")
    return found


@needs_shared
def test_hospital_problems_hold_no_imnm_and_no_myositis() -> None:
    """None of the hospital patients has inflammatory muscle disease; one title says myalgia and myositis."""
    data = SHARED / "data" / "mimic_iv_demo_fhir" / "MimicCondition.ndjson.gz"
    named = {text: {m.concept for m in lookup_name(text, "condition")} for text in texts(data, "code")}
    assert sum(bool(found) for found in named.values()) > 300
    for text, found in named.items():
        assert not found & {"imnm", "polymyositis", "dermatomyositis", "muscular_dystrophy"}, text
        assert "myositis_unspecified" not in found or "myositis" in text.lower()


@needs_shared
def test_hospital_drugs_know_statins_from_nystatin() -> None:
    data = SHARED / "data" / "mimic_iv_demo_fhir" / "MimicMedicationStatementED.ndjson.gz"
    for text in texts(data, "medicationCodeableConcept", "code"):
        is_statin = "statin" in {m.concept for m in lookup_name(text, "drug")}
        written = text.lower()
        assert is_statin == (("statin" in written and "nystatin" not in written) or "lipitor" in written), text


@needs_shared
def test_published_patients_are_understood() -> None:
    """At least nine in ten of the problem names and all drug names that have a concept of ours."""
    problems: set[str] = set()
    for path in (SHARED / "cases" / "dev").glob("*/*.json"):
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == "Condition":
                problems.add(resource["code"]["text"])
    understood = [text for text in problems if lookup_name(text, "condition")]
    assert len(understood) / len(problems) >= 0.9, sorted(problems - set(understood))


def test_route_or_form() -> None:
    assert names.is_local_form("Topical route")
    assert names.is_local_form("intra-articular")
    assert not names.is_local_form("Oral tablet")
