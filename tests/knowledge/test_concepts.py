"""Concepts, code lookup and their licences."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from imnm.knowledge import concepts
from imnm.knowledge.concepts import CONCEPTS, Match, implied, lookup_code, lookup_name, system_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("IMNM_SHARED", ROOT.parent / "shared"))
DATA = resources.files("imnm.knowledge") / "data"

needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the shared folder with the dossier is not here")


def found(matches: tuple[Match, ...]) -> dict[str, str]:
    return {match.concept: match.relation for match in matches}


# ---------------------------------------------------------------- the data hold together


def test_parents_exist_and_have_no_cycles() -> None:
    for concept in CONCEPTS.values():
        assert all(parent in CONCEPTS for parent in concept.parents), concept.id
        assert concept.id not in concepts.ancestors(concept.id)


def test_every_code_row_names_a_concept_and_no_row_stands_twice() -> None:
    for system in concepts.SYSTEMS:
        for code, rows in concepts.codes(system).items():
            assert all(row.concept in CONCEPTS for row in rows), (system, code)
            assert len({row.concept for row in rows}) == len(rows), (system, code)


def test_ranges_are_in_order() -> None:
    rows = list(concepts.rows_of("codes", "icd_ranges.csv"))
    for row in rows:
        assert row["concept"] in CONCEPTS
        assert row["first"] <= row["last"] and len(row["first"]) == len(row["last"]), row


def luhn_like_loinc(code: str) -> bool:
    """LOINC's check digit (mod 10)."""
    body, check = code.split("-")
    digits = [int(d) for d in reversed(body)]
    doubled = sum(sum(divmod(2 * d, 10)) for d in digits[::2])
    return (10 - (doubled + sum(digits[1::2])) % 10) % 10 == int(check)


def test_loinc_check_digits() -> None:
    numbers = [code for code in concepts.codes("loinc") if not code.startswith("LA")]
    assert len(numbers) > 150
    assert [code for code in numbers if not luhn_like_loinc(code)] == []


def verhoeff(number: str) -> bool:
    """SNOMED CT's check digit."""
    d = [[(i + j) % 5 if i < 5 and j < 5 else 0 for j in range(10)] for i in range(10)]
    for i in range(10):
        for j in range(10):
            if i < 5:
                d[i][j] = (i + j) % 5 if j < 5 else 5 + (i + j - 5) % 5
            else:
                d[i][j] = 5 + (i - 5 - j) % 5 if j < 5 else (i - j) % 5
    p = [list(range(10)), [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
    for i in range(2, 8):
        p.append([p[i - 1][p[1][j]] for j in range(10)])
    check = 0
    for i, digit in enumerate(reversed(number)):
        check = d[check][p[i % 8][int(digit)]]
    return check == 0


def test_snomed_check_digits() -> None:
    codes = list(concepts.codes("snomed"))
    assert len(codes) > 190
    assert [code for code in codes if not verhoeff(code)] == []
    assert not verhoeff("249939005")


def dossier(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((SHARED / "dossier" / name).read_text(encoding="utf-8").splitlines()))


@needs_shared
def test_nothing_of_the_code_dossier_is_lost() -> None:
    """Every row of the dossier is found with its own concept; class rows come through the hierarchy."""
    uris = {"ICD10CM": "icd10cm", "ICD10": "icd10", "ICD9CM": "icd9cm", "HPO": "hpo", "RxNorm": "rxnorm"}
    split = {"bempedoic_ezetimibe", "nivolumab_relatlimab", "nirmatrelvir_ritonavir", "abnormal_emg"}
    for row in dossier("codes.csv"):
        if row["system"] == "UCUM" or row["concept"] in split:
            continue
        matches = found(lookup_code(uris.get(row["system"], row["system"].lower()), row["code"]))
        assert row["concept"] in matches, row
        if row["relation"] == "broader":
            assert matches[row["concept"]] == "broader", row
        else:
            assert matches[row["concept"]] != "broader", row


@needs_shared
def test_unverified_rows_stay_unverified() -> None:
    for row in dossier("codes.csv"):
        if row["verified"] == "no":
            assert not lookup_code(row["system"].lower(), row["code"])[0].verified, row


# ---------------------------------------------------------------- systems and codes


@pytest.mark.parametrize(
    ("uri", "system"),
    [
        ("http://loinc.org", "loinc"),
        ("https://loinc.org/", "loinc"),
        ("urn:oid:2.16.840.1.113883.6.1", "loinc"),
        ("http://snomed.info/sct", "snomed"),
        ("http://snomed.info/sct/900000000000207008/version/20240101", "snomed"),
        ("urn:oid:2.16.840.1.113883.6.96", "snomed"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "icd10cm"),
        ("urn:oid:2.16.840.1.113883.6.90", "icd10cm"),
        ("http://hl7.org/fhir/sid/icd-10", "icd10"),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "icd10"),
        ("http://hl7.org/fhir/sid/icd-9-cm", "icd9cm"),
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd9", "icd9cm"),
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-diagnosis-icd10", "icd10cm"),
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "rxnorm"),
        ("http://www.whocc.no/atc", "atc"),
        ("http://human-phenotype-ontology.org", "hpo"),
        ("http://purl.obolibrary.org/obo/hp.owl", "hpo"),
        ("http://purl.obolibrary.org/obo/mondo.owl", "mondo"),
        ("http://www.orpha.net", "orpha"),
        ("http://mimic.mit.edu/fhir/mimic/CodeSystem/mimic-procedure-icd9", None),
        ("http://hl7.org/fhir/sid/ndc", None),
        ("urn:oid:1.2.3", None),
        ("", None),
    ],
)
def test_systems_as_records_write_them(uri: str, system: str | None) -> None:
    assert system_of(uri) == system


CODES = [
    # system, code, concept, relation (None: not that concept)
    ("http://loinc.org", "2157-6", "creatine_kinase_total", "exact"),
    ("http://loinc.org", "13969-1", "creatine_kinase_total", None),
    ("http://snomed.info/sct", "249939004", "proximal_muscle_weakness", "exact"),
    ("http://snomed.info/sct", "249939004", "muscle_weakness", "narrower"),
    ("", "HP:0003701", "proximal_muscle_weakness", "exact"),
    ("http://purl.obolibrary.org/obo/hp.owl", "HP_0003701", "proximal_muscle_weakness", "exact"),
    ("http://human-phenotype-ontology.org", "HP:0000988", "rash_any", "exact"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "M60.80", "imnm_proxy_code", "broader"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "M6080", "myositis_unspecified", "exact"),
    ("http://hl7.org/fhir/sid/icd-10", "M60.80", "imnm_proxy_code", "broader"),
    ("http://hl7.org/fhir/sid/icd-10", "M33.25", "polymyositis", "narrower"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "G72.49", "imnm", "broader"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "M62.82", "rhabdomyolysis", "exact"),
    ("http://hl7.org/fhir/sid/icd-10", "M62.82", "rhabdomyolysis", None),  # there: a site, the upper arm
    ("http://hl7.org/fhir/sid/icd-10-cm", "C34.31", "malignancy_any", "narrower"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "C34.31", "malignancy_lung", "narrower"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "C44.91", "malignancy_any", None),
    ("http://hl7.org/fhir/sid/icd-10-cm", "C96.9", "malignancy_haematological", "narrower"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "D05.1", "malignancy_any", None),
    ("http://hl7.org/fhir/sid/icd-10-cm", "I21.4", "myocardial_infarction", "narrower"),
    ("http://hl7.org/fhir/sid/icd-10-cm", "I25.2", "myocardial_infarction", None),
    ("http://mimic.mit.edu/x-icd9", "41001", "myocardial_infarction", "narrower"),
    ("http://mimic.mit.edu/x-icd9", "20300", "malignancy_any", "narrower"),
    ("http://www.whocc.no/atc", "C10BX03", "statin", "narrower"),
    ("http://www.whocc.no/atc", "C10BX03", "atorvastatin", "narrower"),
    ("http://www.whocc.no/atc", "C10BA10", "statin", None),
    ("http://www.whocc.no/atc", "C10AA99", "statin", "narrower"),
    ("http://www.whocc.no/atc", "L01FF02", "immune_checkpoint_inhibitor", "narrower"),
    ("http://www.whocc.no/atc", "L01XC18", "immune_checkpoint_inhibitor", "narrower"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "36567", "statin", "narrower"),
    ("http://www.nlm.nih.gov/research/umls/rxnorm", "4719", "statin_interacting_drug", "narrower"),
    ("http://purl.obolibrary.org/obo/mondo.owl", "MONDO:0016098", "imnm", "exact"),
    ("http://www.orpha.net", "ORPHA:206569", "imnm", "exact"),
    ("http://snomed.info/sct", "10828004", "value_positive", "exact"),
    ("http://loinc.org", "LA6577-6", "value_negative", "exact"),
]


@pytest.mark.parametrize(("uri", "code", "concept", "relation"), CODES)
def test_codes(uri: str, code: str, concept: str, relation: str | None) -> None:
    assert found(lookup_code(uri, code)).get(concept) == relation


def test_false_friends_are_not_imnm() -> None:
    for uri, code in (("icd10cm", "G72.81"), ("icd10cm", "M72.6"), ("", "MONDO:0979337"), ("", "ORPHA:699702")):
        matches = found(lookup_code(uri, code))
        assert "imnm_false_friend" in matches
        assert "imnm" not in matches


def test_exact_comes_first() -> None:
    order = [concepts.RELATIONS.index(match.relation) for match in lookup_code("icd10cm", "G71.033")]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("system", "domain", "least"),
    [("hpo", "condition", 0.85), ("mondo", "condition", 0.95), ("orpha", "condition", 0.95),
     ("icd9cm", "condition", 0.85), ("rxnorm", "drug", 1.0), ("loinc", "result", 0.9)],
)  # fmt: skip
def test_names_agree_with_the_displays_of_codes(system: str, domain: concepts.Domain, least: float) -> None:
    """The display of a code, read as a name, means what the code means: a check of the lexicon by others' words."""
    agree = count = 0
    for rows in concepts.codes(system).values():
        if CONCEPTS[rows[0].concept].domain != "answer":
            meant = {name for row in rows for name in (row.concept, *concepts.ancestors(row.concept))}
            count += 1
            agree += not meant.isdisjoint(match.concept for match in lookup_name(rows[0].display, domain))
    assert count > 20
    assert agree >= least * count


# ---------------------------------------------------------------- what follows


def truths(matches: tuple[Match, ...], stated: bool | None) -> dict[str, bool | None]:
    return {match.concept: truth for match, truth in implied(matches, stated)}


def test_a_narrower_thing_denied_denies_nothing_wider() -> None:
    lung = lookup_code("icd10cm", "C34.90")
    assert truths(lung, True) == {"malignancy_lung": True, "malignancy_any": True}
    assert truths(lung, False) == {"malignancy_lung": False}
    assert truths(lung, None) == {"malignancy_lung": None, "malignancy_any": None}


def test_a_broader_code_proves_nothing_but_its_absence_does() -> None:
    other = lookup_code("icd10cm", "G72.49")
    assert truths(other, True)["imnm"] is None
    assert truths(other, False)["imnm"] is False
    assert truths(other, True)["imnm_proxy_code"] is True  # that the code stands there is a fact
    assert "imnm_proxy_code" not in truths(other, False)


def test_words_and_status_together() -> None:
    denied = lookup_name("no proximal weakness", "condition")
    assert truths(denied, True) == {"proximal_muscle_weakness": False}
    assert truths(denied, False) == {}
    assert truths(lookup_name("suspected polymyositis", "condition"), True)["polymyositis"] is None


# ---------------------------------------------------------------- crosswalk


def test_crosswalk_names_concepts() -> None:
    assert all(row.concept in CONCEPTS for row in concepts.crosswalk())
    assert concepts.finding_id("difficulty_lifting_arms") == "proximal_weakness"
    assert concepts.finding_id("colchicine") == "drug_colchicine"
    assert concepts.finding_id("ck_elevated") == "ck_elevated"
    assert concepts.finding_id("no_such_thing") is None


@needs_shared
def test_crosswalk_ids_are_those_of_the_frequency_table() -> None:
    rows = dossier("frequencies.csv")
    known = {"finding": {row["finding"] for row in rows}, "disease": {row["disease"] for row in rows}}
    for row in concepts.crosswalk():
        assert row.id in known[row.kind], row


# ---------------------------------------------------------------- licences


SYSTEM_FILES = sorted(path.name for path in (DATA / "codes").iterdir() if path.name.endswith(".csv"))


@pytest.mark.parametrize("name", SYSTEM_FILES)
def test_each_file_carries_its_notice_and_the_notice_file_names_it(name: str) -> None:
    text = (DATA / "codes" / name).read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert name in (ROOT / "NOTICE").read_text(encoding="utf-8")


def test_notices_say_what_the_licences_ask_for() -> None:
    notice = " ".join((ROOT / "NOTICE").read_text(encoding="utf-8").split())
    assert "This material contains content from LOINC (http://loinc.org)." in notice
    assert "available at no cost under the license at http://loinc.org/license" in notice
    assert "uses the Human Phenotype Ontology" in notice
    assert "https://creativecommons.org/licenses/by/4.0/" in notice
    assert "courtesy of the U.S. National Library of Medicine" in notice
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("system", ["snomed", "atc", "icd10", "omop"])
def test_no_term_is_copied_where_only_codes_may_be(system: str) -> None:
    assert all(not row.display for rows in concepts.codes(system).values() for row in rows)


@pytest.mark.parametrize("names", ["snomed,atc", "SNOMED, atc"])
def test_a_site_can_switch_systems_off(monkeypatch: pytest.MonkeyPatch, names: str) -> None:
    caches = (concepts.disabled_systems, concepts.codes, concepts._ranges, lookup_code)
    monkeypatch.setenv("IMNM_DISABLE_SYSTEMS", names)
    for cache in caches:
        cache.cache_clear()
    try:
        assert lookup_code("http://snomed.info/sct", "249939004") == ()
        assert lookup_code("http://www.whocc.no/atc", "C10AA01") == ()
        assert lookup_code("http://loinc.org", "2157-6")
        monkeypatch.setenv("IMNM_DISABLE_SYSTEMS", "snomde")
        concepts.disabled_systems.cache_clear()
        with pytest.raises(ValueError, match="snomde"):
            concepts.disabled_systems()
    finally:
        monkeypatch.delenv("IMNM_DISABLE_SYSTEMS")
        for cache in caches:
            cache.cache_clear()


# ---------------------------------------------------------------- bibliography and speed


def test_the_bibliography_of_the_mimics_dossier() -> None:
    rows = {row["id"]: row for row in concepts.rows_of("sources", "mimics.csv")}
    for id in ("f1", "f2", "f3", "f4", "f5", "eas2015", "nhs-sip", "mammen-review", "fda-5-2", "dro-esc"):
        assert rows[id]["title"]
    assert rows["eas2015"]["locator"].startswith("doi:10.1093/eurheartj/ehv043")
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id) for id in rows)


@needs_shared
def test_every_source_of_the_mimics_bibliography_is_one_of_the_dossier() -> None:
    text = (SHARED / "dossier" / "mimics_and_tests.md").read_text(encoding="utf-8")
    listed = text[text.index("### 9.1") :]
    cells = [line.split("|")[1].strip() for line in listed.splitlines() if line.startswith("| ")]
    names = {re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") for cell in cells for name in cell.split(" / ")}
    assert {row["id"] for row in concepts.rows_of("sources", "mimics.csv")} <= names


def test_import_and_first_lookups_are_quick() -> None:
    """Importing and looking up one code and one name, beyond what starting Python and its csv module costs."""
    program = (
        "import csv, pathlib, time, imnm.logic.nodes\n"
        "start = time.process_time()\n"
        "from imnm.knowledge.concepts import lookup_code, lookup_name\n"
        "assert lookup_code('http://loinc.org', '2157-6') and lookup_name('muscle pain', 'condition')\n"
        "print(time.process_time() - start)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", program]
    runs = [
        float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)
        for _ in range(5)
    ]
    assert min(runs) < 0.04
