"""Published patients as findings, read from their structured facts: measures the differential without a record reader.

The mapping is a stand-in for the reader and knows no patient: ids of facts to ids of findings, numbers to bands.
Run as a script it prints top-1, top-3 and log loss, and the patients whose disease does not lead.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

from imnm.assessment.differential import Context, DifferentialResult, differential
from imnm.knowledge.differential import GENES, default_setting

SHARED = Path(os.environ.get("IMNM_SHARED", Path(__file__).resolve().parents[3] / "shared"))
DEV = SHARED / "cases" / "dev"

SAME = {
    "lgmd": {"lgmd", "dysferlinopathy", "lgmd_r9_fkrp", "lgmd_r12_ano5", "becker"},
    "metabolic": {"metabolic_myopathy"},
    "colchicine_myopathy": {"toxic_myopathy_other"},
    "hydroxychloroquine_myopathy": {"toxic_myopathy_other"},
    "steroid_myopathy": {"toxic_myopathy_other"},
    "statin_toxic_myopathy": {"statin_toxic_myopathy", "statin_myalgia"},
}
IMNM = {"imnm_hmgcr", "imnm_srp", "imnm_seronegative"}

SIGNS = {
    "difficulty_rising": "proximal_weakness",
    "difficulty_climbing_stairs": "proximal_weakness",
    "difficulty_lifting_arms": "proximal_weakness",
    "weakness_unspecified": "weakness_any",
    "distal_weakness": "distal_or_finger_flexor_weakness",
    "dyspnea": "dyspnea_or_respiratory",
    "respiratory_insufficiency": "respiratory_failure",
    "heliotrope_rash": "skin_rash_dm",
    "gottron_papules": "skin_rash_dm",
    "infection": "recent_infection_or_fever",
}
ONLY_PRESENT = {"difficulty_rising", "difficulty_climbing_stairs", "difficulty_lifting_arms"}
INTERACTING = re.compile(
    r"clarithromycin|itraconazole|fluconazole|fusidic|gemfibrozil|amiodarone|atazanavir|ciclosporin|cyclosporine"
)
STATIN = re.compile(r"statin")
CHECKPOINT = re.compile(r"pembrolizumab|nivolumab|cemiplimab|ipilimumab|atezolizumab|durvalumab|avelumab")
BIOPSY = {
    "biopsy_necrosis_predominant": r"necroti[sz]ing|massive necrosis|necrosis without|^necrosis|extensive necrosis|"
    r"necrotic (muscle )?fib(er|re)s",
    "biopsy_inflammation_prominent": r"inflammatory infiltrate|inflammatory myositis|endomysial (t cells|infl)|"
    r"^polymyositis|^myositis$|lymphocyt\w+ infiltr",
    "biopsy_rimmed_vacuoles": r"rimmed",
    "biopsy_autophagic_vacuoles": r"curvilinear|autophagic|(?<!rimmed )vacuol|glycogen",
    "biopsy_perifascicular_atrophy": r"(?<!no )perifascicular",
    "biopsy_mac_sarcolemmal": r"\bMAC\b(?!.*capillar)|sarcolemmal.*c5b",
    "biopsy_mhc1_upregulation": r"MHC-?I(?!I)\b(?!.*negative)|MHC class I(?!.*negative)",
    "biopsy_dystrophic": r"dystroph(?!in-)",
    "biopsy_type2_atrophy_only": r"type (2|II) .*atrophy",
}
BIOPSY_ABSENT = {
    "biopsy_inflammation_prominent": r"no inflamm|without (inflamm|infiltrat)|no lymphocyt|negligible inflamm",
    "biopsy_mhc1_upregulation": r"(MHC-?I|HLA class I).{0,12}negative",
    "biopsy_perifascicular_atrophy": r"no perifascicular",
}


class Case(NamedTuple):
    id: str
    truth: frozenset[str]
    truth_any: frozenset[str]
    facts_full: int
    facts_presentation: int
    namable: bool
    positive: str | None
    full: dict[str, Any]


def findings_of(case: dict[str, Any], presentation: bool) -> tuple[dict[str, bool | None], Context]:
    found: dict[str, bool | None] = {}

    def put(finding: str, value: bool) -> None:
        found[finding] = bool(found.get(finding)) or value

    cut = set(re.findall(r"[a-z_0-9]+", case["pre_diagnosis_cutoff"] or "")) if presentation else set()
    for sign in case["findings"]:
        name = SIGNS.get(sign["id"], sign["id"])
        present = sign["status"] == "present"
        if sign["id"] == "other_rash":
            if not present:
                put("skin_rash_dm", False)
            continue
        if not present and sign["id"] in ONLY_PRESENT:
            continue
        put(name, present)
        grade = sign.get("severity") or ""
        if present and "weakness" in name and re.search(r"severe|profound|unable|\b[0-3][+-]?/5|MRC [0-3]", grade):
            put("severe_weakness", True)
    labs(case, found, put)
    tests(case, cut, put)
    drugs(case, put)
    for condition in case["conditions"]:
        if re.search(r"CKD|renal (failure|impair)|dialysis|nephropathy", condition["name"]):
            put("chronic_kidney_disease", True)
        if re.search(r"alcoholic", condition["name"]):
            put("heavy_alcohol", True)
        if re.search(r"seizure", condition["name"]):
            put("seizure_at_ck_peak", True)
        if re.search(r"lupus|sclero|connective tissue|rheumatoid|sj[oö]gren", condition["name"], re.I):
            put("connective_tissue_disease", True)
    if case["malignancy"]:
        put("malignancy_associated", True)
    age, onset = case["age"], case["symptom_onset_day"]
    if onset is not None:
        days = -onset
        tempo = "onset_acute_lt_6m" if days < 183 else "onset_subacute_6_12m" if days <= 365 else "onset_chronic_gt_12m"
        put(tempo, True)
    if age is not None:
        at = age + (onset or 0) / 365
        band = "lt_18" if at < 18 else "18_39" if at < 40 else "40_59" if at < 60 else "ge_60"
        put(f"age_onset_{band}", True)
    text = " ".join(test["detail"] or "" for test in case["tests"] if test["id"] == "genetic")
    genes = tuple(gene for gene in re.findall(r"\b[A-Z][A-Z0-9]+\b", text) if gene in GENES)
    return found, Context(age, case["sex"], None, tuple(dict.fromkeys(genes)))


def labs(case: dict[str, Any], found: dict[str, bool | None], put: Any) -> None:
    values, stated = [], ""
    for lab in case["labs"]:
        value, text = lab["value"], lab.get("text") or ""
        if lab["analyte"] == "ck":
            if value is not None:
                values.append(value)
            elif text:
                stated = stated or text
        elif lab["analyte"] == "tsh" and value is not None:
            put("tsh_high", value > 10)
        elif lab["analyte"] in ("esr", "crp"):
            limit = lab["uln"] or (30 if lab["analyte"] == "esr" else 10)
            if value is not None or re.search(r"elev|rais|high", text):
                put("esr_crp_elevated", value is None or value > limit)
        elif lab["analyte"] == "alt" and (re.search(r"elev|rais|high", text) or (value or 0) > 60):
            put("elevated_ast_alt", True)
    if values:
        peak = max(values)
        edges = (200, 1000, 5000, 10000)
        names = ("normal", "above_normal_lt_1000", "1000_5000", "5000_10000", "gt_10000")
        put("ck_peak_" + names[sum(peak >= edge for edge in edges)], True)
        put("ck_elevated", peak >= 200)
        put("ck_peak_ge_1000", peak >= 1000)
    elif re.search(r"^normal", stated):
        put("ck_peak_normal", True)
    elif stated:
        put("ck_elevated", True)
        if multiple := re.search(r"(\d+)[ -]*(x|times|fold)|(five)-fold", stated):
            put("ck_peak_1_5x_uln", bool(multiple[3]) or int(multiple[1] or 5) <= 5)


def tests(case: dict[str, Any], cut: set[str], put: Any) -> None:
    for test in case["tests"]:
        name, result, detail = test["id"], test["result"], test["detail"] or ""
        if name in cut:
            continue
        positive = result in ("positive", "abnormal")
        if name in ("anti_hmgcr", "anti_srp"):
            put(f"{name}_positive", positive)
        elif name == "ana":
            put("ana_positive", positive)
        elif name == "ro52":
            put("ro52_positive", positive)
        elif name == "jo1":
            put("anti_jo1", positive)
        elif name == "msa_panel":
            for word, antibody in (("PL-12", "anti_pl12"), ("PL-7", "anti_pl7"), ("NXP2", "anti_nxp2"),
                                   ("Mi-2", "anti_mi2"), ("TIF1", "anti_tif1g"), ("MDA5", "anti_mda5")):  # fmt: skip
                if positive and word in detail:
                    put(antibody, True)
            if not re.search(r"PM-Scl|Ku|RNP", detail):
                put("other_msa_positive", positive)
        elif name == "tsh" and not re.search(r"\d", detail):
            put("elevated_tsh", positive)
        elif name == "genetic":
            put("genetic_test_positive", positive)
        elif name == "emg":
            if result == "normal":
                put("emg_normal", True)
            if re.search(r"irrita(?!.*non)|fibrillat|spontaneous(?<!without spontaneous)", detail):
                put("emg_irritable_myopathy", True)
            if re.search(r"myotonic|complex repetitive", detail):
                put("emg_myotonic_or_crd", True)
            if re.search(r"myopath|myogen", detail):
                put("emg_myopathic", True)
        elif name == "mri":
            if re.search(r"edema|oedema|inflammation|STIR", detail):
                put("mri_muscle_edema", True)
            if re.search(r"fascia", detail):
                put("mri_fascial_edema", True)
            if re.search(r"fatty", detail):
                put("mri_fatty_replacement", True)
        elif name == "muscle_biopsy":
            if result == "normal":
                put("biopsy_normal_or_minimal", True)
            for finding, pattern in BIOPSY_ABSENT.items():
                if re.search(pattern, detail, re.I):
                    put(finding, False)
            for finding, pattern in BIOPSY.items():
                absent = finding in BIOPSY_ABSENT and re.search(BIOPSY_ABSENT[finding], detail, re.I)
                if not absent and re.search(pattern, detail, re.I):
                    put(finding, True)


def drugs(case: dict[str, Any], put: Any) -> None:
    onset = case["symptom_onset_day"] or 0
    statins = [drug["stop_day"] for drug in case["drugs"] if STATIN.search(drug["name"].lower())]
    if statins and all(stop is not None and stop < onset - 91 for stop in statins):
        put("statin_stopped_before_onset", True)
    if case.get("statin_exposure") is not None:
        put("statin_exposure", case["statin_exposure"])
    for drug in case["drugs"]:
        name, start, stop = drug["name"].lower(), drug["start_day"], drug["stop_day"]
        if STATIN.search(name) and "nystatin" not in name:
            put("statin_exposure", True)
            if start is not None:
                put("statin_started_lt_3m", onset - start <= 91)
                put("statin_use_gt_12m", onset - start > 365)
            if stop is not None:
                course(case, stop, put)
        if INTERACTING.search(name):
            put("drug_interacting_with_statin", True)
        if CHECKPOINT.search(name):
            put("ici_exposure", True)
        for word, finding in (("colchicine", "drug_colchicine"), ("chloroquine", "drug_hydroxychloroquine"),
                              ("daptomycin", "drug_daptomycin")):  # fmt: skip
            if word in name:
                put(finding, True)


def course(case: dict[str, Any], stop: float, put: Any) -> None:
    values = [(lab["day"], lab["value"]) for lab in case["labs"] if lab["analyte"] == "ck" and lab["value"]]
    at = [value for day, value in values if day is not None and day <= stop]
    for day, value in values:
        if day is None or not at:
            continue
        after = day - stop
        if 7 <= after <= 14:
            put("ck_halved_within_14d_of_stop", value < max(at) / 2)
        if after >= 14 and value > at[-1]:
            put("ck_rising_after_statin_stop", True)
        if 14 <= after <= 56 and value <= 200:
            put("ck_normalised_within_8w_of_stop", True)
        if after > 90:
            put("ck_persists_3m_after_statin_stop", value > 200)


def cases() -> list[Case]:
    facts = {
        case["id"]: case for case in map(json.loads, (DEV / "cases.jsonl").read_text(encoding="utf-8").splitlines())
    }
    found = []
    for row in csv.DictReader((DEV / "labels.csv").read_text(encoding="utf-8").splitlines()):
        own = SAME.get(row["diagnosis"], {row["diagnosis"]})
        imnm = row["imnm"] == "1"
        found.append(
            Case(
                row["id"],
                frozenset(IMNM if imnm and row["antibody_in_full"] == "unknown" else own),
                frozenset(IMNM if imnm else own),
                int(row["facts_full"]),
                int(row["facts_presentation"]),
                row["namable"] == "1",
                row["diagnosis"] if imnm and row["antibody_in_full"] == "positive" else None,
                facts[row["id"]],
            )
        )
    return found


def assess(case: Case, presentation: bool = False) -> DifferentialResult:
    findings, context = findings_of(case.full, presentation)
    return differential(findings, default_setting(findings, context.age), context)


class Figures(NamedTuple):
    top1: float
    top3: float
    top3_presentation: float
    logloss: float
    subtype: float


def figures() -> Figures:
    named = [case for case in cases() if case.facts_full >= 4 and case.namable]
    full = {case.id: assess(case).diseases for case in cases()}
    early = [case for case in named if case.facts_presentation >= 4]
    loss = [-math.log(max(1e-6, sum(d.probability for d in full[case.id] if d.id in case.truth))) for case in named]
    positive = [case for case in cases() if case.positive]

    def share(hits: list[bool]) -> float:
        return sum(hits) / len(hits)

    return Figures(
        share([full[case.id][0].id in case.truth for case in named]),
        share([bool({d.id for d in full[case.id][:3]} & case.truth) for case in named]),
        share([bool({d.id for d in assess(case, True).diseases[:3]} & case.truth_any) for case in early]),
        sum(loss) / len(loss),
        share([full[case.id][0].id == case.positive for case in positive]),
    )


def main() -> None:
    print(figures())
    for case in cases():
        first = assess(case, True).diseases
        if "-p" in sys.argv and case.namable and case.facts_full >= 4 and case.facts_presentation >= 4:
            rank = [d.id in case.truth_any for d in first].index(True) + 1
            if rank > 3:
                print(f"  early {case.id} [{rank}] {', '.join(f'{d.id} {d.probability:.2f}' for d in first[:4])}")
    fits = []
    for case in cases():
        result = assess(case)
        first = result.diseases
        fits.append(result.concordance)
        if case.facts_full >= 4 and case.namable and (first[0].id not in case.truth or "-v" in sys.argv):
            rank = [d.id in case.truth for d in first].index(True) + 1
            chance = sum(d.probability for d in first if d.id in case.truth)
            lead = ", ".join(f"{d.id} {d.probability:.2f}" for d in first[:3])
            print(
                f"{case.id} [{rank}] p={chance:.3f} {min(case.truth)} {result.setting}: {lead} fit {result.concordance}"
            )
            if "-v" in sys.argv:
                print("   ", findings_of(case.full, False)[0])
    print("poor fit:", sum(fit < 0.05 for fit in fits), "of", len(fits), "median", sorted(fits)[len(fits) // 2])


if __name__ == "__main__":
    main()
