"""What protects patients: who may ask, from where; what is written down of it; what is never written down."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from imnm.serve import audit, logs
from imnm.serve.settings import SettingsError, settings_of
from imnm.serve.store import Store

from .calls import call
from .conftest import example

OUTSIDE = {"host": "0.0.0.0", "base_url": "https://imnm.example"}


# ---------------------------------------------------------------- where it may listen


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"host": "0.0.0.0", "base_url": "https://imnm.example"}, "sign in"),
        ({"host": "192.0.2.1", "sign_in": {"kind": "proxy"}}, "encrypted"),
        ({"host": "::", "sign_in": {"kind": "proxy"}, "base_url": "http://imnm.example"}, "encrypted"),
        ({"sign_in": {"kind": "oidc"}}, "issuer"),
        ({"sign_in": {"kind": "oidc", "issuer": "https://id.example", "client_id": "x"}}, "IMNM_OIDC_SECRET"),
        ({"sign_in": {"kind": "magic"}}, "setting"),
        ({"hosts": "x"}, "setting"),
        ({"max_body_mb": 0}, "max_body_mb"),
        ({"cds_clients": [{"issuer": "x"}]}, "jwks_file or jku"),
        ({"cds_clients": [{"issuer": "x", "jku": "http://x"}]}, "https"),
    ],
)
def test_unsafe_settings_stop_the_service(values: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMNM_OIDC_SECRET", raising=False)
    with pytest.raises(SettingsError, match=words):
        settings_of(values)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_loopback_needs_no_sign_in(host: str) -> None:
    assert settings_of({"host": host}).loopback


def test_another_name_of_the_machine_is_refused(service: TestClient) -> None:
    """A page elsewhere could have its own name point here."""
    for host in ("evil.example", "evil.example:8000", "", "localhost.evil.example", "[", "[::1"):
        assert service.get("/about", headers={"host": host}).status_code == 400, host
    assert service.get("/about", headers={"host": "127.0.0.1:8000"}).status_code == 200
    for probe in ("/healthz", "/readyz"):
        assert service.get(probe, headers={"host": "10.1.2.3"}).status_code == 200, "a load balancer asks by address"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://["}, 403),
        ({"origin": "http://localhost:8000"}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({}, 200),
    ],
)
def test_forms_of_other_sites_are_refused(clinic: TestClient, headers: dict[str, str], status: int) -> None:
    answer = clinic.post("/patients/example-srp/review", data={"status": "reviewed"}, headers=headers)
    assert answer.status_code == status
    assert len(clinic.app.state.store.reviews()) == (status == 200)  # type: ignore[attr-defined]


SANDBOX = "https://sandbox.example"


def test_only_listed_origins_may_call_from_a_browser(start: Callable[..., TestClient]) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    view, allowed = "/cds-services/imnm-patient-view", "access-control-allow-origin"
    open_to = start(cors_origins=[SANDBOX])
    preflight = open_to.options(view, headers={"origin": SANDBOX, **asks})
    assert (preflight.status_code, preflight.headers[allowed]) == (200, SANDBOX)
    assert open_to.get("/cds-services", headers={"origin": SANDBOX}).headers[allowed] == SANDBOX
    refusal = open_to.post(view, json={}, headers={"origin": SANDBOX})
    assert (refusal.status_code, refusal.headers[allowed]) == (400, SANDBOX), "the caller can read why"
    for path, origin in ((view, "https://evil.example"), ("/api/worklist", SANDBOX), ("/", SANDBOX)):
        assert allowed not in open_to.options(path, headers={"origin": origin, **asks}).headers
        assert allowed not in open_to.get(path, headers={"origin": origin}).headers


def test_no_origin_may_call_unless_listed(service: TestClient) -> None:
    assert "access-control-allow-origin" not in service.get("/cds-services", headers={"origin": SANDBOX}).headers


def test_the_proxy_names_the_person(start: Callable[..., TestClient], folder: Path) -> None:
    wide = start(**OUTSIDE, source=str(folder), sign_in={"kind": "proxy", "allowed": ["ana"]})
    assert wide.get("/").status_code == 401
    assert wide.get("/", headers={"x-forwarded-user": "bob"}).status_code == 403
    both = [("x-forwarded-user", "ana"), ("x-forwarded-user", "eve")]
    assert wide.get("/", headers=both).status_code == 401
    page = wide.get("/", headers={"x-forwarded-user": "ana"})
    assert page.status_code == 200
    assert "Signed in as ana" in page.text
    assert "strict-transport-security" in page.headers
    assert wide.get("/healthz").status_code == 200
    wide.post("/api/reviews/example-srp", json={"status": "reviewed"}, headers={"x-forwarded-user": "ana"})
    assert wide.app.state.store.reviews()[0].who == "ana"  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/", "/patients/x", "/assess", "/api/worklist", "/api/reviews.csv", "/handout/x",
                                  "/about", "/explain", "/calculators", "/examples/course"])  # fmt: skip
def test_nothing_is_shown_without_sign_in(start: Callable[..., TestClient], path: str) -> None:
    wide = start(**OUTSIDE, sign_in={"kind": "proxy"})
    assert wide.get(path).status_code == 401


def test_only_the_proxy_is_believed(start: Callable[..., TestClient]) -> None:
    wide = start(**OUTSIDE, sign_in={"kind": "proxy", "proxy_addresses": ["192.0.2.7"]})
    assert wide.get("/about", headers={"x-forwarded-user": "ana"}).status_code == 403


def test_openid_connect_sends_a_browser_to_the_sign_in(
    start: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMNM_OIDC_SECRET", "secret")
    sign_in = {"kind": "oidc", "issuer": "https://id.example", "client_id": "imnm"}
    wide = start(**OUTSIDE, sign_in=sign_in)
    answer = wide.get("/", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert wide.get("/api/worklist").status_code == 401
    assert wide.post("/assess", data={}).status_code == 401
    assert (
        wide.get("/", headers={"cookie": "imnm_session=eyJuYW1lIjoiYW5hIn0=.x.y"}, follow_redirects=False).status_code
        == 303
    )


def test_who_signed_in_with_the_wrong_account_can_sign_out(
    start: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were once held by a page without a way out until the session ended."""
    monkeypatch.setenv("IMNM_OIDC_SECRET", "secret")
    monkeypatch.setattr("imnm.serve.people.People._from_session", lambda *_: "mallory")
    sign_in = {"kind": "oidc", "issuer": "https://id.example", "client_id": "imnm", "allowed": ["ana"]}
    page = start(**OUTSIDE, sign_in=sign_in).get("/")
    assert page.status_code == 403
    assert "mallory" in page.text
    assert "<button>Sign out</button>" in page.text


@pytest.mark.parametrize(("verified", "name"), [(True, "ana@x"), ("true", "ana@x"), ("false", "7"), (False, "7")])
def test_an_address_counts_only_if_it_was_verified(verified: object, name: str) -> None:
    """Some issuers state truths as texts; ``"false"`` once counted as true."""
    from imnm.serve.people import _name_of

    assert _name_of({"sub": "7", "email": "ana@x", "email_verified": verified}) == name


def test_no_redirect_leads_to_the_address_in_the_clear(start: Callable[..., TestClient]) -> None:
    """A proxy that ends TLS speaks plain HTTP with us; a redirect once sent the browser on in the clear."""
    wide = start(**OUTSIDE, sign_in={"kind": "proxy"})
    wide.base_url = "http://imnm.example"
    answer = wide.get("/about/", headers={"x-forwarded-user": "ana"}, follow_redirects=False)
    assert answer.headers["location"] == "https://imnm.example/about"


def test_a_defect_shows_nothing_of_itself(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CANARY-Smith-1950")

    monkeypatch.setattr("imnm.serve.assess.assess_record", fail)
    answer = service.post("/api/assess", content=b"{}", headers={"content-type": "application/json"})
    assert answer.status_code == 500
    assert "CANARY" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


TRICKS = (
    "/static/../settings.py",
    "/static/%2e%2e/settings.py",
    "/static/serve.css%00",
    "/nothing",
    "/patients/..%2f..%2fetc%2fpasswd",
    "/examples/../course",
    "/evil.example//",
    "/explain/%3Cscript%3Ealert(1)%3C/script%3E",
    "/calculators/x",
)


@pytest.mark.parametrize("path", TRICKS)
def test_path_tricks_get_a_404(service: TestClient, path: str) -> None:
    answer = service.get(path, follow_redirects=False)
    assert answer.status_code in (404, 307)
    assert "<script>alert" not in answer.text
    assert "location" not in answer.headers or answer.headers["location"].startswith("http://localhost:8000/")


# ---------------------------------------------------------------- who saw whom


def events(service: TestClient) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.app.state.trail.path.read_bytes().splitlines()]  # type: ignore[attr-defined]


def test_every_look_at_a_patient_is_written_down(clinic: TestClient) -> None:
    clinic.get("/patients/example-srp")
    clinic.get("/handout/example-srp")
    clinic.post("/patients/example-srp/review", data={"status": "reviewed"})
    clinic.post("/cds-services/imnm-patient-view", json=call("patient-view", example("myalgia"), user="Practitioner/7"))
    clinic.get("/")
    found = events(clinic)
    seen = [
        (e["action"], next((x["what"]["reference"] for x in e["entity"] if "reference" in x["what"]), None))
        for e in found
    ]
    whom = "Patient/example-srp"
    assert seen == [("R", whom), ("R", whom), ("C", whom), ("R", whom), ("R", "Patient/example-myalgia"), ("E", None)]
    assert found[4]["agent"][0]["who"]["identifier"]["value"].startswith("Practitioner/7")
    for event in found:
        assert event["resourceType"] == "AuditEvent"
        dt.datetime.fromisoformat(event["recorded"])
    assert audit.check(clinic.app.state.trail.path) is None  # type: ignore[attr-defined]


def test_nothing_is_shown_that_cannot_be_written_down(clinic: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("imnm.serve.audit.os.write", full)
    answer = clinic.get("/patients/example-srp")
    assert answer.status_code == 503
    assert "anti-SRP" not in answer.text
    view = clinic.post("/cds-services/imnm-patient-view", json=call("patient-view", example("srp")))
    assert (view.status_code, view.json()["resourceType"]) == (503, "OperationOutcome")


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[audit.Trail]:
    made = audit.Trail(tmp_path / "trail.ndjson")
    for number in range(5):
        made.note("read", f"p{number}", "ana", "r")
    yield made
    made.close()


def test_a_full_disk_leaves_no_half_line(trail: audit.Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trail.path.read_bytes()
    real = os.write
    monkeypatch.setattr("imnm.serve.audit.os.write", lambda file, data: real(file, data[:40]))
    with pytest.raises(audit.AuditError):
        trail.note("read", "p", "ana", "r")
    assert trail.path.read_bytes() == whole
    monkeypatch.undo()
    trail.note("read", "p", "ana", "r")
    assert audit.check(trail.path) is None
    assert len(trail.path.read_bytes().splitlines()) == 6


def test_a_line_that_was_cut_off_does_not_spoil_the_next(trail: audit.Trail) -> None:
    with open(trail.path, "ab") as file:
        file.write(b'{"resourceType":"AuditEv')
    trail.note("read", "p", "ana", "r")
    lines = trail.path.read_bytes().splitlines()
    assert len(lines) == 7
    assert json.loads(lines[6])["extension"][0]["valueString"] == hashlib.sha256(lines[5]).hexdigest()
    assert audit.check(trail.path) == 6, "the cut is told of, and only the cut"


@pytest.mark.parametrize("change", ["edit", "remove", "insert", "swap", "garbage"])
def test_the_chain_breaks_where_somebody_changed_it(trail: audit.Trail, change: str) -> None:
    lines = trail.path.read_bytes().splitlines()
    if change == "edit":
        lines[2] = lines[2].replace(b"p2", b"p9")
    elif change == "remove":
        del lines[2]
    elif change == "insert":
        lines.insert(2, lines[0])
    elif change == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    else:
        lines[2] = b"{"
    trail.path.write_bytes(b"\n".join(lines) + b"\n")
    assert audit.check(trail.path) in (3, 4)


def test_many_writers_make_one_chain(trail: audit.Trail) -> None:
    second = audit.Trail(trail.path)

    def write(to: audit.Trail) -> None:
        for _ in range(50):
            to.note("read", "p", "ana", "r")

    threads = [threading.Thread(target=write, args=(to,)) for to in (trail, second, trail, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    second.close()
    assert len(trail.path.read_bytes().splitlines()) == 205
    assert audit.check(trail.path) is None


# ---------------------------------------------------------------- logs

CANARY = "KANARIENVOGEL"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything the process logs, as it would be printed."""
    target = io.StringIO()
    handler = logging.StreamHandler(target)
    handler.setFormatter(logs.JsonFormatter())
    root, own = logging.getLogger(), logging.getLogger("imnm.serve")
    root.addHandler(handler)
    before = own.level
    own.setLevel(logging.INFO)
    yield target
    own.setLevel(before)
    root.removeHandler(handler)


def poisoned(value: Any) -> Any:
    """A record with the canary in every text."""
    if isinstance(value, dict):
        return {k: v if k in ("resourceType", "system", "status") else poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(item) for item in value]
    return f"{value} {CANARY}" if isinstance(value, str) else value


def test_no_patient_data_in_logs(clinic: TestClient, written: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    record = json.loads(example("course"))
    request = call("patient-view", example("course"), user=f"Practitioner/{CANARY}") | {
        "fhirServer": f"https://ehr.example/{CANARY}",
        "fhirAuthorization": {"access_token": CANARY, "token_type": "Bearer"},
    }
    for body in (request, poisoned(request), request | {"prefetch": poisoned(request["prefetch"])}):
        clinic.post("/cds-services/imnm-patient-view", json=body, headers={"authorization": f"Bearer {CANARY}"})
    for data in (record, poisoned(record), {"resourceType": CANARY}):
        clinic.post("/api/assess", json=data)
    clinic.post(f"/api/assess?as_of={CANARY}", json=record)
    clinic.get(f"/patients/{CANARY}?q={CANARY}")
    clinic.get(f"/{CANARY}", headers={"x-request-id": CANARY, "user-agent": CANARY, "referer": CANARY})
    clinic.post("/patients/example-srp/review", data={"status": CANARY, "note": CANARY})
    clinic.post("/assess", data={"birth": CANARY, "patient": CANARY})
    monkeypatch.setattr("imnm.serve.hooks.cards.case_of", lambda reading: 1 / 0 if reading else CANARY)
    assert clinic.post("/cds-services/imnm-patient-view", json=request).status_code == 500
    logging.getLogger("uvicorn.error").error("Exception for %s", CANARY)
    lines = written.getvalue().splitlines()
    assert len(lines) >= 12
    assert CANARY not in written.getvalue()
    for line in lines:
        assert set(json.loads(line)) <= {"time", "level", "event", *logs.FIELDS}


def test_a_field_that_is_not_on_the_list_cannot_be_logged() -> None:
    with pytest.raises(ValueError, match="patient"):
        logs.event("seen", patient="x")


# ---------------------------------------------------------------- two people at once


def test_two_people_at_once_lose_nothing(clinic: TestClient) -> None:
    def review(who: int) -> None:
        for number in range(10):
            note = {"status": "reviewed", "note": f"{who}-{number}"}
            assert clinic.post("/api/reviews/example-srp", json=note).status_code == 201

    threads = [threading.Thread(target=review, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    notes = {r.note for r in clinic.app.state.store.reviews("example-srp")}  # type: ignore[attr-defined]
    assert notes == {f"{who}-{number}" for who in range(4) for number in range(10)}


def test_what_is_entered_outlives_the_process(tmp_path: Path) -> None:
    first = Store(tmp_path / "s.sqlite")
    first.add_review("p", "confirmed", "ana", diagnosis="imnm_srp")
    first.close()
    second = Store(tmp_path / "s.sqlite")
    assert [r.diagnosis for r in second.reviews()] == ["imnm_srp"]
    second.close()
    assert (tmp_path / "s.sqlite").stat().st_mode & 0o077 == 0
