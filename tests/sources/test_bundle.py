"""Bundles: whose record it is, references, duplicates, pages, nested Bundles, and what cannot be read."""

from __future__ import annotations

import copy
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imnm.sources import InputError, read

from .build import (
    CK,
    HMGCR,
    ME,
    PATIENT,
    SNOMED,
    TODAY,
    bundle,
    coded,
    condition,
    entry,
    flag,
    of,
    one,
    problems,
    quantity,
    reading,
    result,
)


def error(data: bytes) -> str:
    with pytest.raises(InputError) as raised:
        read(data)
    text = str(raised.value)
    assert text.endswith(".") and "\n" not in text and len(text) < 160, text
    return text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"hello", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"<Bundle/>", "XML"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b'{"resourceType": "Bundle", "entry": [', "ends in the middle"),
        (bundle()[:-20], "ends in the middle"),
        (b'{"resourceType": "Bundle"}\n{"resourceType": "Bundle"}', "more than one JSON document"),
        ("{}".encode("utf-16"), "UTF-8"),
        (b'{"resourceType": "Bundle", "x": "\xff"}', "UTF-8"),
        (b"[]", "neither"),
        (b"{}", "neither"),
        (b"5", "neither"),
        (b'"text"', "neither"),
        (b'{"resourceType": 5}', "neither"),
        (json.dumps(PATIENT).encode(), "single FHIR resource of type Patient"),
        (b'{"resourceType": "Bundle"}', "no Patient"),
        (b'{"resourceType": "Bundle", "entry": []}', "no Patient"),
        (b'{"resourceType": "Bundle", "entry": {}}', "does not have the structure"),
        (bundle({**PATIENT, "id": "p2"}), "more than one patient"),
        (b'{"proband": {}}', "Family"),
        (b"[" * 10_000 + b"]" * 10_000, "neither"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
        (b'{"resourceType":"Bundle","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "neither"),
        (b'{"resourceType":"Bundle","entry":[{"resource":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}]}",
         "nested too deeply"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_in_one_sentence(data: bytes, words: str) -> None:
    assert words in error(data)


def test_more_than_200_mb() -> None:
    assert "larger than 200 MB" in error(b" " * 200_000_001)


def test_a_bad_resource_is_left_out_and_the_good_ones_are_read() -> None:
    bad: list[Any] = [
        {"resourceType": "Condition", "id": "b1", "code": 5},
        {"resourceType": "Condition", "id": "b2", "code": coded("Myalgia"), "recordedDate": {"a": 1}},
        {"resourceType": "Observation", "id": 7, "code": CK},
        {"resourceType": "Observation", "id": "b3", "code": CK, "valueQuantity": [1]},
        {"id": "b4"},
        "text",
        5,
        None,
        [],
    ]
    found = reading(result(valueQuantity=quantity(500)), *bad)
    assert one(found, "creatine_kinase_total").low == 500
    assert {"Condition/b1", "Condition/b2", "Observation/b3"} <= {problem.ref for problem in found.problems}
    assert len(found.problems) >= 6


def test_an_entry_that_is_none_is_left_out() -> None:
    whole = json.loads(bundle(condition("Muscle pain"), type="searchset"))
    junk: list[Any] = [5, "text", [], None, [[[]]]]
    for bad in junk:
        whole["entry"].insert(1, bad)
    found = read(json.dumps(whole).encode())
    assert one(found, "myalgia").truth is True
    assert {problem.ref for problem in found.problems} >= {"Bundle.entry[4]", "Bundle.entry[5]"}


def test_problems_hold_no_content() -> None:
    found = reading({"resourceType": "Condition", "id": "b", "code": coded("Myalgia"), "recordedDate": ["Jane Doe"]})
    assert problems(found) == ["could not be read at recordedDate; it was left out"]


@pytest.mark.parametrize(
    "reference", ["Patient/p1", "http://a.example/fhir/Patient/p1", "urn:uuid:p1", "Patient?identifier=1"]
)
def test_references_to_the_patient(reference: str) -> None:
    assert of(reading(condition("Muscle pain", subject={"reference": reference})), "myalgia")


def test_a_patient_known_by_address_only() -> None:
    entries = [
        {"fullUrl": "urn:uuid:aa-bb", "resource": {"resourceType": "Patient", "gender": "male"}},
        {"fullUrl": "urn:uuid:cc", "resource": condition("Muscle pain", subject={"reference": "urn:uuid:aa-bb"})},
    ]
    found = read(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode())
    assert found.patient == "aa-bb"
    assert of(found, "myalgia")


def test_another_patients_entry_is_left_out() -> None:
    found = reading(condition("Muscle pain", subject={"reference": "Patient/other"}))
    assert not of(found, "myalgia")
    assert problems(found) == ["belongs to another patient; it was left out"]


def test_the_same_entry_twice() -> None:
    ck = result(valueQuantity=quantity(500))
    assert one(reading(ck, ck), "creatine_kinase_total").low == 500
    assert not reading(ck, ck).problems
    newer = {**result(valueQuantity=quantity(700)), "meta": {"lastUpdated": "2024-05-01"}}
    older = {**ck, "meta": {"lastUpdated": "2024-04-01"}}
    for pair in ((older, newer), (newer, older)):
        found = reading(*pair)
        assert one(found, "creatine_kinase_total").low == 700
        assert "newest version" in problems(found)[0]


def test_a_newer_version_that_means_nothing_to_us_overrules() -> None:
    weak = condition(text="Proximal muscle weakness")
    older = {**weak, "meta": {"versionId": "9"}}
    newer = {**weak, "code": {"text": "Zzyzx"}, "meta": {"versionId": "10"}}
    for pair in ((older, newer), (newer, older)):
        found = reading(*pair)
        assert not of(found, "proximal_muscle_weakness")
        assert "newest version" in problems(found)[0]
    assert not reading(newer, {**newer, "meta": {}}).problems


def test_one_result_through_two_feeds_is_one() -> None:
    found = reading(
        result(valueQuantity=quantity(500)), result(id="copy", valueQuantity=quantity(500), issued="2024-02-01")
    )
    assert len(of(found, "creatine_kinase_total")) == 1


def test_a_page_of_a_search() -> None:
    found = reading(type="searchset", link=[{"relation": "next", "url": "http://a.example/page2"}])
    assert problems(found) == ["the Bundle is one page of a longer search result; the rest is missing"]


def test_bundles_in_a_batch_response() -> None:
    inner = json.loads(bundle(condition("Muscle pain")))
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}
    outer = {"resourceType": "Bundle", "type": "batch-response",
             "entry": [{"resource": inner}, {"resource": outcome}, {"response": {"status": "204"}}]}  # fmt: skip
    found = read(json.dumps(outer).encode())
    assert of(found, "myalgia")
    assert "reported an error" in problems(found)[0]


def test_bundles_nested_without_end() -> None:
    inner: dict[str, Any] = json.loads(bundle())
    for _ in range(50):
        inner = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": inner}]}
    assert any("innermost" in problem for problem in problems(read(json.dumps(inner).encode())))


def test_other_resources_are_passed_over_quietly() -> None:
    found = reading(entry("Claim"), entry("CarePlan"), {"resourceType": "Unheard", "x": [1]})
    assert not found.problems
    assert found.counts["Claim"] == (1, 0)


def test_dates_after_today_are_used_and_noted() -> None:
    found = reading(result(valueQuantity=quantity(500), effectiveDateTime="2180-01-01"))
    assert one(found, "creatine_kinase_total").low == 500
    assert problems(found) == ["entries with a date after today: 1; they are used as they stand"]


def test_the_newest_known_day() -> None:
    from imnm.logic.event import day_date

    found = reading(condition("Muscle pain"), result(valueQuantity=quantity(5), issued="2024-03-05"))
    assert str(day_date(found.newest_known)) == "2024-03-05"
    assert reading().newest_known == float("-inf")


def test_local_codes() -> None:
    code = coded(None, "http://lab.example/codes", "50910")
    data = bundle(result(code, valueQuantity=quantity(900)))
    assert not of(read(data, today=TODAY), "creatine_kinase_total")
    found = read(data, {("http://lab.example/codes", "50910"): "creatine_kinase_total"})
    assert one(found, "creatine_kinase_total").low == 900


def test_references_are_resolved_in_linear_time() -> None:
    def seconds(n: int) -> float:
        visits = [
            {"resourceType": "Encounter", "id": f"e{i}", "period": {"start": "2024-01-01", "end": "2024-01-02"}}
            for i in range(n)
        ]
        uses = [
            {"resourceType": "Condition", "id": f"c{i}", "subject": ME, "code": coded("Muscle pain"),
             "encounter": {"reference": f"http://a.example/Encounter/e{n - 1 - i}"}}
            for i in range(n)
        ]  # fmt: skip
        data = bundle(*visits, *uses)
        start = time.perf_counter()
        found = read(data)
        assert found.counts["Condition"][0] == n
        return time.perf_counter() - start

    seconds(100)
    small, large = seconds(2_500), seconds(25_000)
    assert large < 10 * small * 4, (small, large)


@pytest.mark.parametrize(
    "text", ["no " * 300_000, "1" * 900_000, "(" * 900_000, "severe 3/5, " * 80_000, "<" * 900_000]
)
def test_hostile_texts_cost_no_more_than_their_length(text: str) -> None:
    start = time.perf_counter()
    reading(
        condition("Proximal muscle weakness", note=[{"text": text}]),
        condition(text[:900_000], "c2"),
        result(valueString=text, note=[{"text": text}], referenceRange=[{"text": text}]),
        result(HMGCR, "o2", valueString=text),
        result(coded("Clinical course"), "o3", valueString=text),
        result(coded("Muscle strength compared with before"), "o4", valueString=text),
    )
    assert time.perf_counter() - start < 20


def test_reading_does_not_hoard_memory() -> None:
    data = bundle(*(result(id=f"o{i}", valueQuantity=quantity(i % 500 + 1)) for i in range(2000)))
    tracemalloc.start()
    read(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * len(data)


# ---------------------------------------------------------------- mutations

WHOLE: dict[str, Any] = json.loads(
    bundle(
        condition("Proximal muscle weakness", "c1", severity=coded("severe"), note=[{"text": "MRC 3/5, progressive"}],
                  onsetDateTime="2023-06", clinicalStatus={"coding": [{"code": "active"}]}),
        condition("Heliotrope rash", "c2", status="refuted"),
        result(valueQuantity=quantity(13875), referenceRange=[{"high": quantity(200)}], interpretation=flag("H")),
        result(HMGCR, "o2", valueString="POSITIVE", issued="2024-02-01T10:00:00Z", method=coded("ELISA")),
        result(coded("Myositis antibody panel"), "o3",
               component=[{"code": coded("SRP"), "valueCodeableConcept": coded("Negative", SNOMED, "260385009")}]),
        entry("DiagnosticReport", "r", status="final", code=coded("Muscle biopsy", SNOMED, "178263003"),
              effectiveDateTime="2024-01-20", conclusion="Necrotic fibres, no infiltrate.",
              presentedForm=[{"contentType": "text/plain", "data": "TmVjcm9zaXM="}]),
        entry("MedicationStatement", "m", status="stopped", medicationCodeableConcept=coded("Simvistatin 10 MG"),
              effectivePeriod={"start": "2019", "end": "2023-12-01"}, dateAsserted="2024-01-01"),
        entry("MedicationRequest", "m2", status="active", intent="order", authoredOn="2024-01-01",
              medicationReference={"reference": "#d"},
              contained=[{"resourceType": "Medication", "id": "d", "code": coded("prednisone")}]),
        entry("AllergyIntolerance", "a", code=coded("statin"), recordedDate="2020",
              reaction=[{"manifestation": [coded("myalgia")]}]),
        entry("FamilyMemberHistory", "f", status="completed", condition=[{"code": coded("muscular dystrophy")}]),
        entry("Procedure", "p", status="completed", code=coded("Muscle biopsy"),
              performedPeriod={"start": "2024-01-20"}),
        {"resourceType": "Encounter", "id": "e", "period": {"start": "2024-01-01"}},
    )
)  # fmt: skip

JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just([]), st.just({}),
    st.sampled_from(["2024-13-45", "<20", ">", "1:0", "#", "urn:uuid:", "Patient/", "-", "NaN", "9" * 400]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*at, key))
    return found


PATHS = paths(WHOLE)


def read_or_refuse(data: bytes) -> None:
    """Read the record; a refusal must be one sentence, any other error is a defect."""
    refusal = "."
    try:
        read(data)
    except InputError as refused:
        refusal = str(refused)
    assert refusal.endswith(".") and "\n" not in refusal


def mutated(changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(json.dumps(WHOLE))
    for path, junk in changes:
        parent: Any = whole
        try:
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = copy.deepcopy(junk)  # one empty value may be drawn for two places
        except (KeyError, IndexError, TypeError):
            continue
    return whole


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PATHS), JUNK), min_size=1, max_size=6))
def test_a_mutated_record_is_read_or_refused_in_one_sentence(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    read_or_refuse(json.dumps(mutated(changes)).encode("utf-8", "surrogatepass"))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutated_bytes_are_read_or_refused_in_one_sentence(data: st.DataObject) -> None:
    raw = bytearray(json.dumps(WHOLE).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    read_or_refuse(bytes(raw))
