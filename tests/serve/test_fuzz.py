"""Nothing that anybody sends is a defect: whatever the request, the answer is no 5xx, and what a program hears of a
refusal is an OperationOutcome. Requests are right ones with something changed, so that they come far."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imnm.serve.app import create_app
from imnm.serve.settings import settings_of

from .calls import call, order, statin_order
from .conftest import BASE, example

VIEW, SIGN = "/cds-services/imnm-patient-view", "/cds-services/imnm-order-sign"
RECORDS = [json.loads(example(id)) for id in ("untested", "srp", "course")]
FEEDBACK = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-01-01T00:00:00Z",
                          "overrideReason": {"reason": {"code": "x", "system": "y"}, "userComment": "z"}},
                         {"card": "d", "outcome": "accepted", "acceptedSuggestions": [{"id": "s"}],
                          "outcomeTimestamp": "2026-01-01T00:00:00Z"}]}  # fmt: skip
EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 10**30, -0.0, 2**63, 1e-9]),
    st.integers(),
    st.integers(-(10**9), 10**9).map(lambda number: number / 1000),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "\ud800",
            "é" * 300,
            "<script>alert(1)</script>",
            "../../etc/passwd",
            "2024-02-30",
            "0000-00-00",
            "9999-12-31T24:00:00+99:99",
            "1e999",
            "NaN",
            "-" * 5000,
            "\u202e",
            "Patient/../x",
            "entered-in-error",
            "OperationOutcome",
            "Bundle",
            "{{context.patientId}}",
            "%00",
            "';--",
        ]
    ),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
    st.just([[[[[[]]]]]]),
    st.just({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Bundle", "entry": None}}]}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every part of a value."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from places(inner, (*path, number))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A value with another one at this path."""
    if not path:
        return by
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], by)
    return copy


@st.composite
def spoilt(draw: st.DrawFn, rights: list[Any]) -> Any:
    """One of these values with one to three of its parts replaced."""
    value = draw(st.sampled_from(rights))
    for _ in range(draw(st.integers(1, 3))):
        value = replaced(value, draw(st.sampled_from(list(places(value)))), draw(ODD))
    return value


@pytest.fixture(scope="module")
def anybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with a listed patient, for the whole module: it must stand all of this."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "records").mkdir()
    (folder / "records" / "srp.json").write_bytes(example("srp"))
    chosen = settings_of({"data": str(folder / "data"), "source": str(folder / "records"), "max_body_mb": 2})
    with TestClient(
        create_app(chosen, background=False), base_url=BASE, raise_server_exceptions=False, follow_redirects=False
    ) as client:
        yield client


def sound(answer: Any, *, program: bool = True) -> None:
    """No defect; and a refusal that a program can read."""
    assert answer.status_code < 500, answer.text[:300]
    if answer.status_code >= 400 and program and answer.content:
        assert answer.json()["resourceType"] == "OperationOutcome"
    if "html" in answer.headers.get("content-type", ""):
        assert not re.search(r"<script>alert", answer.text)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def post(client: TestClient, path: str, content: bytes, kind: str = "application/json", **more: str) -> Any:
    return client.post(path, content=content, headers={"content-type": kind, **more})


VIEWS = [call("patient-view", json.dumps(record).encode()) for record in RECORDS]
SIGNS = [
    call("order-sign", json.dumps(RECORDS[2]).encode(), draftOrders=order(statin_order())),
    call("order-sign", json.dumps(RECORDS[0]).encode(), draftOrders=order(
        statin_order(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}),
        {"resourceType": "Medication", "id": "m", "code": {"text": "Simvastatin 20 mg"}})),
]  # fmt: skip


@given(spoilt(VIEWS))
@EXAMPLES
def test_calls_of_patient_view(anybody: TestClient, body: Any) -> None:
    sound(post(anybody, VIEW, as_json(body)))


@given(spoilt(SIGNS))
@EXAMPLES
def test_calls_of_order_sign(anybody: TestClient, body: Any) -> None:
    sound(post(anybody, SIGN, as_json(body)))


@given(spoilt([FEEDBACK]))
@EXAMPLES
def test_feedback(anybody: TestClient, body: Any) -> None:
    sound(post(anybody, f"{VIEW}/feedback", as_json(body)))


@given(spoilt(RECORDS))
@EXAMPLES
def test_records(anybody: TestClient, body: Any) -> None:
    sound(post(anybody, "/api/assess", as_json(body)))


def test_an_upper_limit_of_next_to_nothing(anybody: TestClient) -> None:
    record = json.loads(example("course"))
    for entry in record["entry"]:
        for limits in entry["resource"].get("referenceRange", ()):
            limits["high"]["value"] = 5e-324
    sound(post(anybody, "/api/assess", as_json(record)))


@given(spoilt([{"status": "reviewed", "note": "n", "diagnosis": "imnm_srp", "diagnosed_on": "2024-01-01"}]))
@EXAMPLES
def test_reviews(anybody: TestClient, body: Any) -> None:
    sound(post(anybody, "/api/reviews/example-srp", as_json(body)))


@given(st.data())
@EXAMPLES
def test_bytes_cut_and_swapped(anybody: TestClient, data: st.DataObject) -> None:
    body = bytearray(as_json(data.draw(st.sampled_from([*VIEWS, *SIGNS, FEEDBACK, *RECORDS]))))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=6))
    path = data.draw(st.sampled_from([VIEW, SIGN, f"{VIEW}/feedback", "/api/assess", "/api/reviews/example-srp"]))
    sound(post(anybody, path, bytes(body)))


FIELDS = ("status", "diagnosis", "diagnosed_on", "note", "seen", "kind", "taken_on", "value", "unit", "uln", "form",
          "birth", "sex", "patient", "as_of", "ck", "pasted", "change", "answer")  # fmt: skip
WORDS = st.one_of(st.sampled_from(["reviewed", "ck", "2024-01-01", "1e999", "-1", "nan", "9" * 400, "٣", "²"]),
                  st.text(max_size=30))  # fmt: skip


@given(
    st.sampled_from(["/patients/example-srp/review", "/patients/example-srp/measures", "/assess", "/assess/bundle",
                     "/patients/nobody/review", "/assess/record"]),
    st.dictionaries(st.sampled_from(FIELDS), WORDS, max_size=8),
    st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x",
                     "text/plain", ""]),
)  # fmt: skip
@EXAMPLES
def test_forms(anybody: TestClient, path: str, fields: dict[str, str], kind: str) -> None:
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}
    sound(anybody.post(path, data=clean), program=False)
    sound(post(anybody, path, as_json(clean), kind), program=False)


PARTS = st.sampled_from(["cds-services", "imnm-patient-view", "feedback", "patients", "example-srp", "api", "assess",
                         "reviews", "reviews.csv", "static", "serve.css", "..", ".", "%2e%2e", "%00", "%2f", "%5c",
                         "explain", "calculators", "handout", "about", "worklist", "measures", "review", "examples", "",
                         "%ff", "%3Cscript%3Ealert(1)", "x" * 3000, "healthz", "sign-in", "é"])  # fmt: skip


@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"]),
    st.lists(PARTS, max_size=5),
    st.dictionaries(st.sampled_from(["as_of", "q", "page", "level", "sort", "status", "all", "age", "ck", "x"]), WORDS,
                    max_size=3),
)  # fmt: skip
@EXAMPLES
def test_addresses(anybody: TestClient, method: str, parts: list[str], query: dict[str, str]) -> None:
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in query.items()}
    sound(anybody.request(method, f"{BASE}/" + "/".join(parts), params=clean), program=False)


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)


@given(
    st.sampled_from(["host", "content-length", "origin", "sec-fetch-site", "authorization", "cookie", "content-type",
                     "if-none-match", "transfer-encoding", "accept", "x-forwarded-for", "x-request-id"]),
    st.one_of(HEADER, st.sampled_from(["[", "[::1", "http://[", "localhost:x", "9" * 5000, "-1",
                                       "Bearer " + "x" * 20_000,
                                       "application/json; charset=utf-16", "null", "a@b:c@d"])),
    st.sampled_from([VIEW, "/", "/assess", "/patients/example-srp/review", "/api/assess", f"{VIEW}/feedback"]),
)  # fmt: skip
@EXAMPLES
def test_headers(anybody: TestClient, name: str, value: str, path: str) -> None:
    headers = {"content-type": "application/json", name: value}
    encoded = {key: text.encode("latin-1") for key, text in headers.items()}
    sound(anybody.post(path, content=as_json(VIEWS[0]), headers=encoded), program=False)  # type: ignore[arg-type]
    sound(anybody.get(path, headers=encoded), program=False)  # type: ignore[arg-type]


def test_the_service_still_works(anybody: TestClient) -> None:
    """After all of this."""
    assert anybody.get("/patients/example-srp").status_code == 200
    assert anybody.get("/readyz").status_code == 200
