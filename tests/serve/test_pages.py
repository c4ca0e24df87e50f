"""The pages, as a browser without script gets them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from imnm import examples
from imnm.assessment import assess_record

from .conftest import example

PLAIN = ("/", "/assess", "/calculators", "/explain", "/about", "/explain/enmc-2016", "/calculators/enmc-2016")


@pytest.mark.parametrize("path", PLAIN)
def test_every_page_answers_and_carries_its_policy(service: TestClient, path: str) -> None:
    answer = service.get(path)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("<h1") == 1


@pytest.mark.parametrize("one", examples.EXAMPLES, ids=lambda one: one.id)
def test_an_example_shows_its_answer(service: TestClient, one: examples.Example) -> None:
    page = service.get(f"/examples/{one.id}")
    assert page.status_code == 200
    assert "IMNM assessment" in page.text


def test_every_calculator_has_a_page(service: TestClient) -> None:
    from imnm.knowledge.criteria import CALCULATORS

    for name in CALCULATORS:
        empty = service.get(f"/calculators/{name}", params={"go": "1"})
        assert empty.status_code in (200, 422), name
        assert service.get(f"/calculators/{name}").status_code == 200


def test_a_calculator_gives_what_the_calculator_gives(service: TestClient) -> None:
    from imnm.knowledge.criteria import CALCULATORS
    from imnm.report.calculator import shown

    chosen = CALCULATORS["ck-bands"]
    expected = shown(chosen, chosen.run({"ck": 2500.0, "uln": 200.0}))
    page = service.get("/calculators/ck-bands", params={"ck": "2500", "uln": "200", "go": "1"}).text
    assert expected.splitlines()[0] in page


def test_a_calculator_says_what_is_wrong_with_an_input(service: TestClient) -> None:
    page = service.get("/calculators/ck-bands", params={"ck": "much", "go": "1"})
    assert page.status_code == 422
    assert 'role="alert"' in page.text


def test_explain_finds_and_suggests(service: TestClient) -> None:
    assert service.get("/explain/test:anti_hmgcr").status_code == 200
    wrong = service.get("/explain/enmc-2015")
    assert wrong.status_code == 404
    assert "enmc-2016" in wrong.text


def test_the_interface_answers_like_the_command(service: TestClient) -> None:
    data = example("untested")
    answer = service.post("/api/assess", content=data, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 200
    assert answer.json()["suspicion"]["level"] == assess_record(data).suspicion.level
    dated = service.post(
        "/api/assess?as_of=2020-01-01", content=data, headers={"content-type": "application/json"}
    ).json()
    assert dated["as_of"] == "2020-01-01"


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 422),
        (b"nonsense", "application/json", 422),
        (b"", "application/json", 422),
        (b"[" * 10_000, "application/json", 422),
        (b'{"resourceType":' + b"[" * 10_000, "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"<Bundle/>", "application/fhir+xml", 415),
    ],
    ids=["empty", "words", "nothing", "deep", "deep-inside", "no-utf8", "type", "xml"],
)
def test_wrong_input_gets_an_outcome(service: TestClient, content: bytes, kind: str, status: int) -> None:
    answer = service.post("/api/assess", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_record_can_be_pasted_or_dropped(service: TestClient) -> None:
    data = example("untested")
    pasted = service.post("/assess/record", files={"pasted": (None, data.decode())})
    dropped = service.post("/assess/record", files={"file": ("patient.json", data, "application/json")})
    for page in (pasted, dropped):
        assert page.status_code == 200
        assert assess_record(data).suspicion.summary.split(".")[0][:30] in page.text
    nothing = service.post("/assess/record", files={"pasted": (None, "")})
    assert nothing.status_code == 422
    assert 'role="alert"' in nothing.text


def test_the_worklist_lists_what_screening_lists(clinic: TestClient) -> None:
    page = clinic.get("/")
    assert page.status_code == 200
    rows = clinic.get("/api/worklist").json()["worklist"]
    assert {row["patient_id"] for row in rows} == {"example-untested", "example-hmgcr", "example-srp"}
    for row in rows:
        assert f"/patients/{row['patient_id']}" in page.text
    assert clinic.get("/", params={"level": "high"}).text.count("/patients/") == sum(
        row["level"] == "high" for row in rows
    )
    assert "Nobody fits" in clinic.get("/", params={"q": "no such words"}).text


def test_the_page_says_what_the_row_says(clinic: TestClient) -> None:
    for row in clinic.get("/api/worklist").json()["worklist"]:
        page = clinic.get(f"/patients/{row['patient_id']}")
        assert page.status_code == 200
        assert f"tone-{row['level']}" in page.text
    assert clinic.get("/patients/nobody").status_code == 404
    leaflet = clinic.get("/handout/example-hmgcr")
    assert leaflet.status_code == 200
    assert '<nav><a href="/patients/example-hmgcr">' in leaflet.text


def test_entered_results_are_kept_and_used(clinic: TestClient) -> None:
    before = clinic.get("/patients/example-untested").text
    assert "77,777" not in before
    sent = {"kind": "ck", "on": "2024-12-01", "value": "77777", "unit": "U/L", "uln": "200"}
    after = clinic.post("/patients/example-untested/measures", data=sent)
    assert after.status_code == 200
    assert "77,777" in after.text
    assert "77,777" in clinic.get("/patients/example-untested").text
    score = {"kind": "mmt8", "on": "2024-12-02", "value": "61", "most": "80"}
    assert clinic.post("/patients/example-untested/measures", data=score).status_code == 200
    for wrong in (
        {**sent, "value": "-1"},
        {**sent, "on": "2999-01-01"},
        {**sent, "unit": "kU"},
        {**score, "value": "81"},
        {**score, "most": ""},
    ):
        assert clinic.post("/patients/example-untested/measures", data=wrong).status_code == 422


def test_reviews_are_kept_and_exported(clinic: TestClient) -> None:
    first = clinic.post("/patients/example-hmgcr/review", data={"status": "reviewed", "note": "<b>seen</b>"})
    assert first.status_code == 200
    assert "&lt;b&gt;seen" in first.text
    second = clinic.post("/patients/example-hmgcr/review", data={"status": "confirmed", "seen": ""})
    assert "Meanwhile" in second.text
    clinic.post("/api/reviews/example-srp", json={"status": "not_imnm", "note": "=1+1"})
    labels = clinic.get("/api/reviews.csv").text.splitlines()
    assert labels[0] == "patient_id,diagnosis,diagnosed_on"
    assert set(labels[1:]) == {"example-hmgcr,imnm,", "example-srp,not_imnm,"}
    assert "'=1+1" in clinic.get("/api/reviews.csv?all=1").text
    assert clinic.get("/api/reviews.csv?all=1").text.count("\n") == 4
    assert "not IMNM" in clinic.get("/", params={"status": "not_imnm"}).text


@pytest.mark.parametrize(
    ("patient", "body", "status"),
    [
        ("nobody", {"status": "reviewed"}, 404),
        ("example-srp", {"status": "maybe"}, 422),
        ("example-srp", {"status": "confirmed", "diagnosis": "flu"}, 422),
        ("example-srp", {"status": "confirmed", "diagnosed_on": "soon"}, 422),
        ("example-srp", {"status": "reviewed", "note": "x" * 2001}, 422),
        ("example-srp", {"status": 1}, 400),
        ("example-srp", [], 400),
    ],
)
def test_reviews_that_make_no_sense_are_refused(clinic: TestClient, patient: str, body: object, status: int) -> None:
    answer = clinic.post(f"/api/reviews/{patient}", json=body)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert clinic.get("/api/reviews.csv?all=1").text.count("\n") == 1


def test_health_and_readiness(clinic: TestClient, start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert clinic.get("/healthz").status_code == 200
    assert clinic.get("/readyz").status_code == 200
    empty = tmp_path / "nothing"
    empty.mkdir()
    broken = start(source=str(empty))
    assert broken.get("/healthz").status_code == 200
    assert broken.get("/readyz").status_code == 503
    assert broken.get("/").status_code == 503


def test_examples_carry_no_real_id(service: TestClient) -> None:
    assert "example" in json.loads(example("untested"))["entry"][0]["resource"]["id"]


def test_the_worklist_says_what_is_next_and_finds_it(clinic: TestClient) -> None:
    page = clinic.get("/").text
    assert "Order anti-HMGCR by name" in page
    assert "Refer to a neuromuscular or myositis clinic" in page
    assert ">example-untested<" in clinic.get("/", params={"q": "order anti-hmgcr"}).text
    assert ">example-untested<" not in clinic.get("/", params={"q": "plasma exchange"}).text


def test_a_worklist_of_nobody_says_so(start, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    place = tmp_path / "well"
    place.mkdir()
    (place / "one.json").write_bytes(example("myalgia"))
    page = start(source=str(place)).get("/").text
    assert "None of the 1 records" in page
    assert "Nobody fits this filter" not in page


def test_what_is_explained_leads_on(service: TestClient) -> None:
    page = service.get("/explain/anti_hmgcr_positive").text
    assert '<a href="/explain/enmc-2016">enmc-2016</a>' in page
    assert '<a href="/explain/cardiac">cardiac</a>' in page.split("Used by")[1]
    found = service.get("/explain/anti-HMGCR antibody")
    assert found.status_code == 404
    assert 'href="/explain/anti_hmgcr_positive"' in found.text
    nothing = service.get("/explain/<script>alert(1)</script>")
    assert "<script>alert" not in nothing.text


def test_calculators_state_their_range_as_people_write_it(service: TestClient) -> None:
    from imnm.knowledge.criteria import CALCULATORS

    for name in CALCULATORS:
        assert "1e-" not in service.get(f"/calculators/{name}").text
        assert "e+0" not in service.get(f"/calculators/{name}").text


def test_the_paragraph_is_prose(clinic: TestClient) -> None:
    page = clinic.get("/patients/example-hmgcr").text
    paragraph = page.split('id="letter-text"')[1].split("</p>")[0]
    assert "IMNM, ENMC 2016 (224th workshop)" in paragraph
    assert "Anti-HMGCR IgG positive" in paragraph
    assert "atorvastatin 2018-09-10 to 2023-06-20" in paragraph
    assert "Atorvastatin 40 mg" not in paragraph
    for raw in ("enmc-2016", "born 1957", "sex recorded", "Observation/"):
        assert raw not in paragraph
