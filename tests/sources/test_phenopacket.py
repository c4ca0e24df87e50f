"""GA4GH Phenopackets v2."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imnm.sources import InputError, Reading, read

from .build import TODAY, days, known, nearly, of, one, problems

SUBJECT: dict[str, Any] = {"id": "I-1", "sex": "MALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P40Y"}}}
META = {"created": "2024-06-01T10:00:00Z", "phenopacketSchemaVersion": "2.0"}


def term(id: str, label: str = "") -> dict[str, str]:
    return {"id": id, "label": label}


def packet(subject: dict[str, Any] = SUBJECT, **fields: Any) -> Reading:
    return read(json.dumps({"id": "x", "subject": subject, "metaData": META, **fields}).encode(), today=TODAY)


def test_who() -> None:
    found = packet()
    assert found.patient == "I-1"
    assert one(found, "sex").detail == "male"
    assert nearly(one(found, "birth"), "1983-06-02", "1984-06-01")
    exact = packet({**SUBJECT, "dateOfBirth": "1984-01-05T00:00:00Z"})
    assert days(one(exact, "birth")) == ("1984-01-05", "1984-01-05")


def test_features() -> None:
    found = packet(phenotypicFeatures=[
        {"type": term("HP:0003701", "Proximal muscle weakness"), "severity": term("HP:0012828", "Severe")},
        {"type": term("HP:0003326", "Myalgia"), "excluded": True},
        {"type": term("HP:0002015", "Dysphagia"), "onset": {"age": {"iso8601duration": "P20Y"}}},
        {"type": term("HP:0003713", "Muscle fiber necrosis")},
        {"type": term("HP:9999999", "Something else")},
    ])  # fmt: skip
    weak = one(found, "proximal_muscle_weakness")
    assert (weak.truth, weak.grade, weak.ref, days(weak)) == (
        True,
        "severe",
        "phenotypicFeatures/0",
        (None, "2024-06-01"),
    )
    assert one(found, "myalgia").truth is False
    assert nearly(one(found, "dysphagia"), "2003-06-02", "2005-06-01")
    assert known(one(found, "dysphagia")) == "2024-06-01"
    assert one(found, "biopsy_necrosis_present").truth is True


def test_a_feature_that_is_over() -> None:
    found = packet(
        phenotypicFeatures=[{"type": term("HP:0003326"), "resolution": {"timestamp": "2020-01-01T00:00:00Z"}}]
    )
    assert one(found, "myalgia.past").truth is True


def test_measurements() -> None:
    quantity = {
        "unit": term("UCUM:U/L", "enzyme unit per litre"),
        "value": 4000,
        "referenceRange": {"low": 30, "high": 200},
    }
    found = packet(measurements=[
        {"assay": term("LOINC:2157-6", "Creatine kinase"), "value": {"quantity": quantity},
         "timeObserved": {"timestamp": "2021-02-03T00:00:00Z"}},
        {"assay": term("LOINC:93493-5"), "value": {"ontologyClass": term("NCIT:C25247", "Positive")}},
    ])  # fmt: skip
    ck = one(found, "creatine_kinase_total")
    assert (ck.value, ck.times_uln, days(ck)) == ((4000, 4000), (20, 20), ("2021-02-03", "2021-02-03"))
    assert one(found, "anti_hmgcr").truth is True


def test_interpretations() -> None:
    def interpretation(status: str, acmg: str) -> dict[str, Any]:
        variant = {"acmgPathogenicityClassification": acmg, "variationDescriptor": {"geneContext": {"symbol": "CAPN3"}}}
        genomic = [{"interpretationStatus": "CAUSATIVE", "variantInterpretation": variant}]
        return {
            "progressStatus": status,
            "diagnosis": {"disease": term("X:1", "LGMD"), "genomicInterpretations": genomic},
        }

    gene = one(packet(interpretations=[interpretation("SOLVED", "PATHOGENIC")]), "genetic_test_positive")
    assert (gene.truth, gene.detail) == (True, "CAPN3")
    assert (
        one(packet(interpretations=[interpretation("IN_PROGRESS", "PATHOGENIC")]), "genetic_test_positive").truth
        is None
    )
    for other in (interpretation("UNSOLVED", "PATHOGENIC"), interpretation("SOLVED", "UNCERTAIN_SIGNIFICANCE")):
        assert not of(packet(interpretations=[other]), "genetic_test_positive")


def test_diseases_and_treatments() -> None:
    found = packet(
        diseases=[{"term": term("MONDO:0016098", "immune-mediated necrotizing myopathy")},
                  {"term": term("MONDO:0016367", "dermatomyositis"), "excluded": True}],
        medicalActions=[{"treatment": {"agent": term("", "atorvastatin"), "doseIntervals": [
            {"interval": {"start": "2019-01-01T00:00:00Z", "end": "2020-01-01T00:00:00Z"}}]}}],
    )  # fmt: skip
    assert one(found, "imnm").truth is True
    assert one(found, "dermatomyositis").truth is False
    assert days(one(found, "statin")) == ("2019-01-01", "2019-01-01")
    assert days(one(found, "statin.stop")) == ("2020-01-01", "2020-01-01")
    assert [exposure.drug for exposure in found.exposures] == ["atorvastatin"]


def test_a_bad_part_is_left_out() -> None:
    found = packet(phenotypicFeatures=[5, {"type": 7}, {"type": term("HP:0003326")}], measurements=[{"assay": [1]}])
    assert one(found, "myalgia").truth is True
    assert len(problems(found)) == 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"id": "x", "metaData": META, "phenotypicFeatures": []}, "no subject"),
        ({"subject": 5, "metaData": {}}, "does not have the structure of its format at subject"),
    ],
)
def test_what_cannot_be_read(data: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        read(json.dumps(data).encode())
