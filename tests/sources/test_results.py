"""Results: units, limits, flags, words, panels; antibodies judged by what stands beside them."""

from __future__ import annotations

from typing import Any

import pytest

from imnm.logic.interval import INF, above, below
from imnm.sources import read

from .build import (
    CK,
    HMGCR,
    LOINC,
    SNOMED,
    TODAY,
    bundle,
    coded,
    days,
    entry,
    flag,
    known,
    of,
    one,
    problems,
    quantity,
    reading,
    result,
)

SRP = coded("SRP antibody", LOINC, "33921-8")
ULN_200 = [{"high": {"value": 200, "unit": "U/L"}}]


def test_a_value_with_its_limit() -> None:
    event = one(reading(result(valueQuantity=quantity(13875), referenceRange=ULN_200)), "creatine_kinase_total")
    assert event.value == (13875, 13875)
    assert event.times_uln == (69.375, 69.375)
    assert (event.uln, event.truth) == (200, None)
    assert event.text == "Creatine kinase 13,875 U/L (upper limit 200), 2024-01-15"
    assert (days(event), known(event)) == (("2024-01-15", "2024-01-15"), "2024-01-15")


@pytest.mark.parametrize(
    ("fields", "low", "high"),
    [
        ({"valueQuantity": quantity(20000, comparator=">")}, above(20000), INF),
        ({"valueQuantity": quantity(20, comparator="<")}, 0, below(20)),
        ({"valueQuantity": quantity(50, "µkat/L")}, 3000, 3000),
        ({"valueQuantity": quantity(50, "\u03bckat/L")}, 3000, 3000),
        ({"valueQuantity": quantity(5, "kU/L")}, 5000, 5000),
        ({"valueQuantity": quantity(500, "IU/L")}, 500, 500),
        ({"valueQuantity": {"value": 500, "unit": "units", "code": "U/L"}}, 500, 500),
        ({"valueString": "12,345 U/L"}, 12345, 12345),
        ({"valueString": ">20000 U/L"}, above(20000), INF),
        ({"valueRange": {"low": quantity(100), "high": quantity(300)}}, 100, 300),
    ],
)
def test_values_in_every_spelling(fields: dict[str, Any], low: float, high: float) -> None:
    assert one(reading(result(**fields)), "creatine_kinase_total").value == pytest.approx((low, high), rel=1e-12)


def test_a_unit_that_is_not_understood_is_noted_and_not_guessed() -> None:
    found = reading(result(valueQuantity=quantity(500, "kU"), referenceRange=[{"high": quantity(200, "kU")}]))
    event = one(found, "creatine_kinase_total")
    assert not event.value.known
    assert event.times_uln == (2.5, 2.5)
    assert problems(found) == ["unit not understood: 'kU'"]


@pytest.mark.parametrize("unit", ["Jane Doe", "Hildegard", "see note of 3 May", "x" * 60])
def test_what_is_not_written_like_a_unit_is_not_repeated(unit: str) -> None:
    found = reading(result(valueQuantity=quantity(500, unit)))
    assert not one(found, "creatine_kinase_total").value.known
    assert problems(found) == ["unit not understood: it is not written like a unit"]


def test_a_missing_unit_is_taken_only_from_the_range_or_the_other_results() -> None:
    bare = quantity(3600, None)
    alone = reading(result(valueQuantity=bare))
    assert not one(alone, "creatine_kinase_total").value.known
    assert problems(alone) == ["the result has no unit; its number was not used"]
    ranged = reading(result(valueQuantity=bare, referenceRange=[{"high": {"value": 190}}]))
    assert one(ranged, "creatine_kinase_total").value == (3600, 3600)
    assert "assumed" in problems(ranged)[0]
    beside = reading(
        result(valueQuantity=bare), result(id="o2", valueQuantity=quantity(99), effectiveDateTime="2024-03-01")
    )
    assert sorted(event.low for event in of(beside, "creatine_kinase_total")) == [99, 3600]
    assert "assumed" in problems(beside)[0]


@pytest.mark.parametrize("value", [-5, 1e9, 1e300])
def test_an_impossible_number_is_noted_and_not_used(value: float) -> None:
    found = reading(result(valueQuantity=quantity(value)))
    assert not of(found, "creatine_kinase_total")
    assert problems(found) == ["the number is not possible for this test; the result was not used"]


def test_a_number_that_is_none() -> None:
    data = bundle(result(valueQuantity=quantity(12345.5)), result(SRP, "s", valueString="POSITIVE"))
    found = read(data.replace(b"12345.5", b"NaN"))
    assert not of(found, "creatine_kinase_total") or not one(found, "creatine_kinase_total").value.known
    assert one(found, "anti_srp").truth is True
    assert found.problems


@pytest.mark.parametrize(
    ("code", "low", "high"),
    [("H", above(1.0), INF), ("HH", above(1.0), INF), ("N", -INF, 1.0), ("L", -INF, 1.0), ("xyz", -INF, INF)],
)
def test_a_flag_without_a_value(code: str, low: float, high: float) -> None:
    absent = {"text": "not recorded"}
    event = one(reading(result(interpretation=flag(code), dataAbsentReason=absent)), "creatine_kinase_total")
    assert event.times_uln == (low, high)
    assert not event.value.exact


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        (CK, {"valueQuantity": quantity(900), "referenceRange": ULN_200, "interpretation": flag("N")}),
        (CK, {"valueQuantity": quantity(900, "furlongs")}),
        (CK, {"valueQuantity": quantity(900, None)}),
        (CK, {"valueQuantity": quantity(-5)}),
        (CK, {"valueString": "900 U/L (ref <200) H"}),
        (CK, {"interpretation": flag("H")}),
        (coded("CK \0"), {"valueQuantity": quantity(900)}),
        (HMGCR, {"valueString": "positive", "interpretation": flag("NEG")}),
        (HMGCR, {"valueQuantity": quantity(87, "CU"), "note": [{"text": "high titre"}]}),
    ],
)
def test_a_result_that_was_read_before_says_the_same_as_one_that_was_not(
    code: dict[str, Any], fields: dict[str, Any]
) -> None:
    other = result(CK, "other", valueQuantity=quantity(700), effectiveDateTime="2020-05-06")
    again = result(code, "again", effectiveDateTime="2021-03-04", issued="2021-03-05", **fields)
    reading(result(code, "first", **fields))
    fresh = {("a site", "with a code"): "statin"}  # a site's own codes: nothing is remembered yet
    assert reading(other, again) == read(bundle(other, again), fresh, TODAY)


def test_a_nought_has_no_sign() -> None:
    for zero in (-0.0, 0.0):
        assert (
            "Creatine kinase 0 U/L" in one(reading(result(valueQuantity=quantity(zero))), "creatine_kinase_total").text
        )


def test_a_flag_that_contradicts_its_number_is_dropped() -> None:
    found = reading(result(valueQuantity=quantity(150), referenceRange=ULN_200, interpretation=flag("H")))
    assert one(found, "creatine_kinase_total").times_uln == (0.75, 0.75)
    assert problems(found) == ["the number and its flag disagree; the flag was not used"]


def test_a_flag_and_a_number_of_one_day_are_one_result() -> None:
    found = reading(result(interpretation=flag("H")), result(id="o2", valueQuantity=quantity(9000)))
    event = one(found, "creatine_kinase_total")
    assert event.value == (9000, 9000)
    assert event.times_low > 1


def test_limits_that_differ_by_sex() -> None:
    ranges = [
        {"high": quantity(308), "appliesTo": [coded("male")]},
        {"high": quantity(192), "appliesTo": [coded("female")]},
    ]
    assert one(reading(result(valueQuantity=quantity(384), referenceRange=ranges)), "creatine_kinase_total").uln == 192


def test_a_range_as_text() -> None:
    event = one(reading(result(valueQuantity=quantity(400), referenceRange=[{"text": "20-200 U/L"}])),
                "creatine_kinase_total")  # fmt: skip
    assert event.times_uln == (2, 2)


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "registered"])
def test_results_that_are_none(status: str) -> None:
    assert not of(reading(result(status=status, valueQuantity=quantity(500))), "creatine_kinase_total")


@pytest.mark.parametrize("reason", ["not-performed", "error", "not-applicable"])
def test_what_was_not_measured_is_no_result(reason: str) -> None:
    absent = {"coding": [{"code": reason}]}
    assert not of(reading(result(dataAbsentReason=absent)), "creatine_kinase_total")
    assert not of(reading(result(HMGCR, dataAbsentReason=absent)), "anti_hmgcr")


@pytest.mark.parametrize(
    ("fields", "day"),
    [
        ({"issued": "2024-01-17T08:00:00Z"}, "2024-01-17"),
        ({"encounter": {"reference": "Encounter/e1"}}, "2024-01-20"),
        ({}, "2024-01-15"),
    ],
)
def test_when_a_result_was_known(fields: dict[str, Any], day: str) -> None:
    visit = {"resourceType": "Encounter", "id": "e1", "period": {"start": "2024-01-10", "end": "2024-01-20"}}
    assert known(one(reading(visit, result(valueQuantity=quantity(500), **fields)), "creatine_kinase_total")) == day


@pytest.mark.parametrize("code", ["13969-1", "49136-8"])
def test_isoenzymes_are_not_ck(code: str) -> None:
    assert not of(
        reading(result(coded(None, LOINC, code), valueQuantity=quantity(50, "ng/mL"))), "creatine_kinase_total"
    )


@pytest.mark.parametrize(
    ("name", "is_ck"), [("CPK", True), ("CK total", True), ("Creatine phosphokinase", True), ("CK-MB", False)]
)
def test_ck_by_its_name(name: str, is_ck: bool) -> None:
    found = reading(result(coded(name), valueQuantity=quantity(500)))
    assert bool(of(found, "creatine_kinase_total")) == is_ck


# ---------------------------------------------------------------- antibodies


@pytest.mark.parametrize(
    ("fields", "truth", "grade"),
    [
        ({"valueString": "POSITIVE"}, True, None),
        ({"valueString": "Weakly positive"}, True, "weak"),
        ({"valueString": "+++"}, True, "strong"),
        ({"valueString": "Not detected"}, False, None),
        ({"valueString": "Borderline"}, None, None),
        ({"valueString": "see comment"}, None, None),
        ({"valueCodeableConcept": coded("Positive", SNOMED, "10828004")}, True, None),
        ({"valueCodeableConcept": coded(None, SNOMED, "10828004")}, True, None),
        ({"valueCodeableConcept": coded("Negative", SNOMED, "260385009")}, False, None),
        ({"valueBoolean": True}, True, None),
        ({"interpretation": flag("POS")}, True, None),
        ({"interpretation": flag("H")}, True, None),
        ({"interpretation": flag("NEG")}, False, None),
        ({"interpretation": flag("ND")}, False, None),
        ({"interpretation": flag("WR")}, True, "weak"),
        ({"interpretation": flag("IND")}, None, None),
        ({"interpretation": [*flag("H"), *flag("POS")]}, True, None),
        ({"dataAbsentReason": coded("unknown")}, None, None),
        ({"valueString": "POSITIVE", "note": [{"text": "strongly positive"}]}, True, "strong"),
        ({"valueString": "1:320"}, True, None),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 640}}}, True, None),
        ({"valueQuantity": quantity(80, "AU", comparator=None)}, None, None),
        ({"valueQuantity": quantity(80, "AU"), "referenceRange": [{"high": {"value": 11}}]}, True, None),
        ({"valueQuantity": quantity(5, "AU"), "referenceRange": [{"high": {"value": 11}}]}, False, None),
        ({"valueQuantity": quantity(11, "AU"), "referenceRange": [{"text": "<11"}]}, True, None),
        ({"valueQuantity": quantity(11, "AU"), "referenceRange": [{"text": "0-11"}]}, False, None),
    ],
)
def test_anti_srp(fields: dict[str, Any], truth: bool | None, grade: str | None) -> None:
    event = one(reading(result(SRP, **fields)), "anti_srp")
    assert (event.truth, event.grade) == (truth, grade)


@pytest.mark.parametrize(
    ("value", "fields", "truth", "grade"),
    [
        (352, {}, True, "strong"),
        (60, {}, True, "strong"),
        (45, {}, True, "moderate"),
        (25, {}, True, "weak"),
        (20, {}, True, "weak"),
        (12, {}, False, None),
        (25, {"referenceRange": [{"high": {"value": 20}, "text": "<20 negative"}]}, True, "weak"),
        (20, {"referenceRange": [{"high": {"value": 20}, "text": "<20 negative"}]}, True, "weak"),
        (25, {"referenceRange": [{"high": {"value": 30}}]}, False, None),
        (80, {"referenceRange": [{"high": {"value": 30}}]}, True, None),
    ],
)
def test_anti_hmgcr_by_its_own_cut_off_else_the_20_unit_scale(
    value: float, fields: dict[str, Any], truth: bool, grade: str | None
) -> None:
    event = one(reading(result(HMGCR, valueQuantity=quantity(value, "U"), **fields)), "anti_hmgcr")
    assert (event.truth, event.grade, event.value) == (truth, grade, (value, value))


def test_a_result_that_says_both() -> None:
    found = reading(result(HMGCR, valueString="POSITIVE", interpretation=flag("NEG")))
    assert one(found, "anti_hmgcr").truth is None
    assert problems(found) == ["the result states both positive and negative; it counts as unknown"]


def test_a_value_in_the_note() -> None:
    event = one(reading(result(HMGCR, interpretation=flag("POS"), note=[{"text": "87 U/mL (ref <20)"}])), "anti_hmgcr")
    assert (event.truth, event.grade, event.low) == (True, "strong", 87)


@pytest.mark.parametrize(
    ("fields", "assay"),
    [
        ({"method": coded("ELISA")}, "elisa"),
        ({"method": coded("Line blot")}, "line_blot"),
        ({"note": [{"text": "by immunoprecipitation"}]}, "immunoprecipitation"),
        ({}, None),
    ],
)
def test_the_assay_if_stated(fields: dict[str, Any], assay: str | None) -> None:
    assert one(reading(result(SRP, valueString="POSITIVE", **fields)), "anti_srp").detail == assay


@pytest.mark.parametrize("name", ["HMGCR Ab", "Anti-HMG-CoA reductase antibody", "HMG CoA Reductase IgG"])
def test_local_names_of_anti_hmgcr(name: str) -> None:
    assert one(reading(result(coded(name), valueString="POSITIVE")), "anti_hmgcr").truth is True


def test_components_of_a_panel() -> None:
    panel = result(coded("Myositis antibody panel"), component=[
        {"code": SRP, "valueString": "Positive"},
        {"code": coded("Jo-1 antibody", LOINC, "8076-2"), "interpretation": flag("NEG")},
        {"code": HMGCR, "dataAbsentReason": {"coding": [{"code": "not-performed"}]}},
    ])  # fmt: skip
    found = reading(panel)
    assert one(found, "anti_srp").truth is True
    assert one(found, "anti_jo1").truth is False
    assert not of(found, "anti_hmgcr")


def test_members_of_a_panel_are_counted_once() -> None:
    panel = result(coded("Myositis antibody panel"), hasMember=[{"reference": "Observation/s"}])
    assert one(reading(panel, result(SRP, "s", valueString="POSITIVE")), "anti_srp").truth is True


@pytest.mark.parametrize("kind", ["report", "panel", "method", "contained"])
def test_a_name_that_is_clear_only_inside_its_panel(kind: str) -> None:
    bare = result(coded("SRP"), "s1", valueString="POSITIVE")
    refer = [{"reference": "Observation/s1"}]
    name = coded("Myositis specific antibodies")
    found = {
        "report": lambda: reading(bare, report(name, result=refer)),
        "panel": lambda: reading(bare, result(name, hasMember=refer)),
        "method": lambda: reading({**bare, "method": coded("Line blot")}),
        "contained": lambda: reading(report(name, contained=[bare])),
    }[kind]()
    assert one(found, "anti_srp").truth is True


def test_a_bare_short_name_is_not_guessed() -> None:
    assert not of(reading(result(coded("SRP"), valueString="POSITIVE")), "anti_srp")
    other = report(coded("Full blood count"), result=[{"reference": "Observation/o"}])
    assert not of(reading(result(coded("SRP"), valueString="POSITIVE"), other), "anti_srp")


def test_a_panel_in_words() -> None:
    found = reading(result(coded("Myositis antibody panel"), valueString="SRP positive. HMGCR negative."))
    assert (one(found, "anti_srp").truth, one(found, "anti_hmgcr").truth) == (True, False)


# ---------------------------------------------------------------- examinations and course


def test_strength_compared_with_before() -> None:
    found = reading(result(coded("Muscle strength compared with before"), valueString="worse"))
    assert one(found, "strength_worse").truth is True
    assert one(found, "strength_improved").truth is False


def test_the_course_in_words() -> None:
    event = one(reading(result(coded("Clinical course"), valueString="CK normalised")), "creatine_kinase_total")
    assert event.times_uln == (-INF, 1.0)
    assert days(event) == ("2024-01-15", "2024-01-15")


def test_a_finding_as_question_and_answer() -> None:
    code = coded("Dysphagia", SNOMED, "40739000")
    assert one(reading(result(code, valueBoolean=False)), "dysphagia").truth is False
    assert one(reading(result(code, valueString="present")), "dysphagia").truth is True
    assert not of(reading(result(code)), "dysphagia")


def test_an_observation_about_something_else() -> None:
    found = reading(result(valueQuantity=quantity(900), focus=[{"reference": "Patient/donor"}]))
    assert not of(found, "creatine_kinase_total")
    assert found.problems


# ---------------------------------------------------------------- reports

BIOPSY = coded("Muscle biopsy", SNOMED, "178263003")


def report(code: dict[str, Any] = BIOPSY, **fields: Any) -> dict[str, Any]:
    return entry(
        "DiagnosticReport", "r", **{"status": "final", "code": code, "effectiveDateTime": "2024-01-20", **fields}
    )


def test_a_biopsy_report() -> None:
    found = reading(report(conclusion="Necrotizing myopathy. No inflammatory infiltrate."))
    assert one(found, "muscle_biopsy").truth is True
    assert one(found, "biopsy_necrosis_predominant").truth is True
    assert one(found, "biopsy_inflammation_prominent").truth is False


@pytest.mark.parametrize(
    ("conclusion", "concept", "truth"),
    [
        ("Positive. IBM", "inclusion_body_myositis", True),
        ("Absent myophosphorylase", "mcardle", True),
        ("Acid maltase deficiency.", "pompe", True),
        ("No features of inclusion body myositis", "inclusion_body_myositis", False),
        ("Consistent with inclusion body myositis", "inclusion_body_myositis", None),
        ("Cannot exclude Pompe disease", "pompe", None),
    ],
)
def test_a_diagnosis_that_a_biopsy_makes(conclusion: str, concept: str, truth: bool | None) -> None:
    found = reading(report(conclusion=conclusion))
    assert one(found, concept).truth is truth
    made = [(event.truth, event.detail) for event in found.events if event.concept == "biopsy_diagnosis"]
    assert made == ([] if truth is False else [(truth, concept)])


@pytest.mark.parametrize(
    "conclusion", ["Polymyositis", "Dermatomyositis", "Necrotizing myopathy", "Myophosphorylase normal"]
)
def test_a_diagnosis_that_a_biopsy_does_not_make(conclusion: str) -> None:
    concepts = {event.concept for event in reading(report(conclusion=conclusion)).events}
    assert not concepts & {"polymyositis", "dermatomyositis", "imnm", "mcardle"}


def test_a_concluding_code() -> None:
    code = [{"coding": [{"system": "http://human-phenotype-ontology.org", "code": "HP:0003713"}]}]
    assert one(reading(report(conclusionCode=code)), "biopsy_necrosis_present").truth is True


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "registered"])
def test_reports_that_are_none(status: str) -> None:
    assert not of(reading(report(status=status, conclusion="Necrotizing myopathy.")), "muscle_biopsy")


def test_attached_text() -> None:
    import base64

    text = base64.b64encode(b"Scattered necrotic fibres. MHC class I upregulated.").decode()
    found = reading(report(presentedForm=[{"contentType": "text/plain; charset=utf-8", "data": text}]))
    assert one(found, "biopsy_mhc1_upregulation").truth is True
    for kind in ("application/pdf", "application/rtf"):
        unread = reading(report(presentedForm=[{"contentType": kind, "data": text}]))
        assert problems(unread) == [f"an attached document in the format {kind} was not read"]


def test_a_note_as_document() -> None:
    import base64

    data = base64.b64encode(b"<p>Anti-SRP antibody: <b>positive</b>.</p>").decode()
    note = entry("DocumentReference", "d", status="current", date="2024-02-02T10:00:00Z",
                 content=[{"attachment": {"contentType": "text/html", "data": data}}])  # fmt: skip
    event = one(reading(note), "anti_srp")
    assert (event.truth, known(event)) == (True, "2024-02-02")


def test_an_antibody_panel_report() -> None:
    found = reading(report(coded("Myositis antibody panel"), conclusion="SRP: +++ (line blot). Jo-1: neg."))
    assert (one(found, "anti_srp").truth, one(found, "anti_jo1").truth) == (True, False)
    assert not of(found, "anti_hmgcr")


def test_a_gene_test() -> None:
    name = coded("Genetic test for muscle disease")
    found = one(reading(report(name, conclusion="Positive. CAPN3 homozygous")), "genetic_test_positive")
    assert (found.truth, found.detail) == (True, "CAPN3")
    assert one(reading(report(name, conclusion="Negative. panel")), "genetic_test_positive").truth is False
    unsure = report(name, conclusion="Positive. DYSF variant of uncertain significance")
    assert one(reading(unsure), "genetic_test_positive").truth is None


def test_results_inside_a_report() -> None:
    inner = {"resourceType": "Observation", "id": "s", "status": "final", "code": SRP, "valueString": "POSITIVE"}
    found = reading(report(coded("Serology"), contained=[inner]))
    assert one(found, "anti_srp").ref == "DiagnosticReport/r#s"
