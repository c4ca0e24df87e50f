"""CDS Hooks: discovery, cards, prefetch in every state, quiet, feedback, wrong requests."""

from __future__ import annotations

import copy
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from imnm.serve.cards import escape
from imnm.serve.store import Store

from .calls import RESPONSE, SERVICES, broken_invariants, call, faults, order, prefetch, statin_order
from .conftest import example

VIEW, SIGN = "/cds-services/imnm-patient-view", "/cds-services/imnm-order-sign"


def cards(answer: Any) -> list[dict[str, Any]]:
    """The cards of an answer that keeps to the specification's model."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(faults(body, RESPONSE)) == []
    assert list(broken_invariants(body)) == []
    found: list[dict[str, Any]] = body["cards"]
    return found


def refused(answer: Any, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome"
    sentence: str = body["issue"][0]["details"]["text"]
    return sentence


@pytest.mark.parametrize(
    "change",
    [{"summary": ...}, {"summary": None}, {"summary": ""}, {"links": []}, {"source": {}}, {"detail": None},
     {"invented": 1}, {"indicator": 5}, {"overrideReasons": [{}]}],
)  # fmt: skip
def test_the_check_of_answers_finds_what_is_wrong(service: TestClient, change: dict[str, Any]) -> None:
    """Missing, null, empty, of another type, or not defined: else the tests below would show nothing."""
    (card,) = cards(service.post(VIEW, json=call("patient-view", example("untested"))))
    spoilt = {name: value for name, value in (card | change).items() if value is not ...}
    assert list(faults({"cards": [spoilt]}, RESPONSE))


# ---------------------------------------------------------------- discovery


def test_discovery_is_as_the_specification_has_it(service: TestClient) -> None:
    answer = service.get("/cds-services")
    assert answer.status_code == 200
    assert list(faults(answer.json(), SERVICES)) == []
    assert {(s["id"], s["hook"]) for s in answer.json()["services"]} == {
        ("imnm-patient-view", "patient-view"),
        ("imnm-order-sign", "order-sign"),
    }
    again = service.get("/cds-services", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


def test_prefetch_templates_are_bound_and_use_what_clients_support(service: TestClient) -> None:
    for one in service.get("/cds-services").json()["services"]:
        for key, template in one["prefetch"].items():
            assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]
            assert template.count("{") == template.count("}") == 2
            if key != "patient":
                assert "_count=" in template
                names = {part.split("=")[0] for part in template.split("?")[1].split("&")}
                assert names <= {"patient", "code", "_sort", "_count"}
            assert len(template) < 1000


# ---------------------------------------------------------------- patient-view


def test_a_suspected_patient_gets_a_card(service: TestClient) -> None:
    (card,) = cards(service.post(VIEW, json=call("patient-view", example("untested"))))
    assert card["indicator"] == "warning"
    assert card["links"][0]["url"] == "http://127.0.0.1:8000/patients/example-untested"
    orders = [s["actions"][0]["resource"] for s in card["suggestions"]]
    assert {"resourceType": "ServiceRequest", "status": "draft"}.items() <= orders[0].items()
    assert orders[0]["code"]["coding"][0]["system"] == "http://loinc.org"
    assert orders[0]["subject"] == {"reference": "Patient/example-untested"}
    assert all("id" not in order for order in orders), "an order to be created is new"
    assert card["selectionBehavior"] == "any"
    assert service.get("/patients/example-untested").status_code == 200


def test_urgent_cards_come_first(service: TestClient) -> None:
    found = cards(service.post(VIEW, json=call("patient-view", example("srp"))))
    order_of = ["critical", "warning", "info"]
    assert [c["indicator"] for c in found] == sorted((c["indicator"] for c in found), key=order_of.index)
    assert len(found) == 2


@pytest.mark.parametrize("id", ["myalgia", "exertion"])
def test_silent_at_low_and_below(service: TestClient, id: str) -> None:
    assert cards(service.post(VIEW, json=call("patient-view", example(id)))) == []


def test_silent_for_an_empty_record(service: TestClient) -> None:
    request = call("patient-view", example("untested"))
    request["prefetch"] = {"patient": request["prefetch"]["patient"], "ck": None}
    assert cards(service.post(VIEW, json=request)) == []


def test_a_card_is_shown_once_for_unchanged_data(service: TestClient) -> None:
    request = call("patient-view", example("untested"))
    assert len(cards(service.post(VIEW, json=request))) == 1
    assert cards(service.post(VIEW, json=request)) == []
    colleague = call("patient-view", example("untested"), user="Practitioner/2")
    assert len(cards(service.post(VIEW, json=colleague))) == 1
    news = copy.deepcopy(request)
    news["prefetch"]["ck"]["entry"].append(
        {"resource": {"resourceType": "Observation", "id": "new", "status": "final", "effectiveDateTime": "2025-04-01",
                      "code": {"coding": [{"system": "http://loinc.org", "code": "2157-6"}]},
                      "valueQuantity": {"value": 5000, "unit": "U/L"}}}
    )  # fmt: skip
    assert len(cards(service.post(VIEW, json=news))) == 1


def test_a_critical_card_stays_until_it_is_overridden(service: TestClient) -> None:
    request = call("order-sign", example("course"), draftOrders=order(statin_order()))
    (first,) = cards(service.post(SIGN, json=request))
    (again,) = cards(service.post(SIGN, json=request))
    assert first["indicator"] == again["indicator"] == "critical"
    assert first["uuid"] != again["uuid"]
    told = {"card": again["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-01-01T10:00:00Z",
            "overrideReason": {"reason": {"code": "known", "system": "urn:imnm:cds-override-reason"}}}  # fmt: skip
    assert service.post(f"{SIGN}/feedback", json={"feedback": [told]}).status_code == 200
    assert cards(service.post(SIGN, json=request)) == []


def test_every_card_can_be_overridden_for_reasons_in_words(service: TestClient) -> None:
    found = cards(service.post(VIEW, json=call("patient-view", example("srp"))))
    found += cards(service.post(SIGN, json=call("order-sign", example("course"), draftOrders=order(statin_order()))))
    assert {card["indicator"] for card in found} >= {"critical"}
    for card in found:
        assert len({reason["code"] for reason in card["overrideReasons"]}) > 1
        assert all(" " in reason["display"] or len(reason["display"]) > 4 for reason in card["overrideReasons"])


# ---------------------------------------------------------------- order-sign


def test_a_statin_in_anti_hmgcr_disease(service: TestClient) -> None:
    (card,) = cards(service.post(SIGN, json=call("order-sign", example("course"), draftOrders=order(statin_order()))))
    action = card["suggestions"][0]["actions"][0]
    assert action == {"type": "delete", "description": action["description"], "resourceId": "MedicationRequest/draft-1"}


def test_a_statin_while_ck_is_raised_off_statin(service: TestClient) -> None:
    (card,) = cards(service.post(SIGN, json=call("order-sign", example("untested"), draftOrders=order(statin_order()))))
    assert "still raised" in card["summary"]


@pytest.mark.parametrize(
    "resources",
    [
        [],
        [statin_order(medicationCodeableConcept={"text": "Metformin 500 mg"})],
        [statin_order(medicationCodeableConcept={"text": "Nystatin 100000 units"})],
        [statin_order(status="cancelled")],
        [statin_order(doNotPerform=True)],
        [{"resourceType": "ServiceRequest", "id": "x", "status": "draft", "code": {"text": "statin level"}}],
    ],
    ids=["none", "metformin", "nystatin", "cancelled", "do-not", "service"],
)
def test_silent_for_other_orders(service: TestClient, resources: list[dict[str, Any]]) -> None:
    request = call("order-sign", example("course"), draftOrders=order(*resources))
    assert cards(service.post(SIGN, json=request)) == []


def test_other_orders_need_no_data(service: TestClient) -> None:
    """What is not asked of the record is not demanded: no 412 for every order that is signed."""
    metformin = statin_order(medicationCodeableConcept={"text": "Metformin 500 mg"})
    request = call("order-sign", example("course"), draftOrders=order(metformin))
    del request["prefetch"]
    assert cards(service.post(SIGN, json=request)) == []
    request["context"]["draftOrders"] = order(statin_order())
    refused(service.post(SIGN, json=request), 412)


def test_silent_for_a_statin_where_nothing_speaks_against_it(service: TestClient) -> None:
    request = call("order-sign", example("exertion"), draftOrders=order(statin_order()))
    assert cards(service.post(SIGN, json=request)) == []


@pytest.mark.parametrize(
    "resources",
    [
        [statin_order(medicationCodeableConcept={"coding": [
            {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "83367"}]})],
        [statin_order(medicationCodeableConcept=None,
                      medicationReference={"reference": "Medication/m", "display": "Simvastatin"})],
        [statin_order(medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}),
         {"resourceType": "Medication", "id": "m", "code": {"text": "Simvastatin 20 mg"}}],
    ],
    ids=["code", "display", "reference"],
)  # fmt: skip
def test_a_statin_is_known_however_it_is_named(service: TestClient, resources: list[dict[str, Any]]) -> None:
    request = call("order-sign", example("course"), draftOrders=order(*resources))
    assert len(cards(service.post(SIGN, json=request))) == 1


# ---------------------------------------------------------------- prefetch

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
FAILED = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": OUTCOME}]}


@pytest.mark.parametrize("key", ["patient", "ck"])
@pytest.mark.parametrize("state", ["absent", "outcome", "failed"])
def test_412_where_data_cannot_be_had(service: TestClient, key: str, state: str) -> None:
    request = call("patient-view", example("untested"))
    if state == "absent":
        del request["prefetch"][key]
    else:
        request["prefetch"][key] = OUTCOME if state == "outcome" else FAILED
    assert key in refused(service.post(VIEW, json=request), 412)


@pytest.mark.parametrize("given", [None, {}, "none"], ids=["null", "empty", "left-out"])
def test_412_without_prefetch(service: TestClient, given: object) -> None:
    request = call("patient-view", example("untested"))
    if given == "none":
        del request["prefetch"]
    else:
        request["prefetch"] = given
    refused(service.post(VIEW, json=request), 412)


def test_412_for_a_patient_who_is_null(service: TestClient) -> None:
    request = call("patient-view", example("untested"))
    request["prefetch"]["patient"] = None
    refused(service.post(VIEW, json=request), 412)


@pytest.mark.parametrize("state", [OUTCOME, FAILED, "absent"], ids=["outcome", "failed", "absent"])
def test_what_was_not_supplied_is_said(service: TestClient, state: object) -> None:
    request = call("patient-view", example("untested"))
    if state == "absent":
        del request["prefetch"]["reports"]
    else:
        request["prefetch"]["reports"] = state
    (card,) = cards(service.post(VIEW, json=request))
    assert "reports" in card["detail"]


@pytest.mark.parametrize("state", [None, {"resourceType": "Bundle", "type": "searchset"}], ids=["null", "empty"])
def test_nothing_there_is_not_the_same_as_not_supplied(service: TestClient, state: object) -> None:
    request = call("patient-view", example("untested"))
    request["prefetch"]["reports"] = state
    (card,) = cards(service.post(VIEW, json=request))
    assert "reports" not in card["detail"]


def test_a_first_page_only_is_said(service: TestClient) -> None:
    request = call("patient-view", example("untested"))
    request["prefetch"]["ck"]["link"] = [{"relation": "next", "url": "https://ehr.example/next"}]
    (card,) = cards(service.post(VIEW, json=request))
    assert "first page of: ck" in card["detail"]


def test_keys_we_did_not_ask_for_are_not_used(service: TestClient) -> None:
    request = call("patient-view", example("myalgia"))
    request["prefetch"]["other"] = prefetch(example("untested"))["ck"]
    assert cards(service.post(VIEW, json=request)) == []


def test_an_access_token_is_taken_and_kept_nowhere(service: TestClient, tmp_path: Path) -> None:
    """We never call the client's server, so its token is of no use to us and must not lie about."""
    secret = "token-KANARIENVOGEL"
    request = call("patient-view", example("untested")) | {
        "fhirServer": "https://ehr.example/KANARIENVOGEL",
        "fhirAuthorization": {"access_token": secret, "token_type": "Bearer", "expires_in": 300,
                              "scope": "KANARIENVOGEL", "subject": "KANARIENVOGEL"},
    }  # fmt: skip
    answer = service.post(VIEW, json=request)
    assert len(cards(answer)) == 1
    kept = [file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()]
    assert len(kept) >= 2, "the audit trail and the database"
    assert all(b"KANARIENVOGEL" not in data for data in (*kept, answer.content))


@pytest.mark.parametrize("extension", [{"com.example.x": {"y": [1]}}, {}, None, "x", [1]])
def test_an_extension_does_not_disturb(service: TestClient, extension: object) -> None:
    request = call("patient-view", example("untested")) | {"extension": extension}
    request["context"]["extension"] = extension
    answer = service.post(VIEW, json=request)
    assert len(cards(answer)) == 1
    assert '"extension"' not in answer.text + service.get("/cds-services").text


def test_a_patient_named_by_a_reference_is_the_same(service: TestClient) -> None:
    """The context holds an id, but some systems send a reference; the link names the patient all the same."""
    request = call("patient-view", example("untested"))
    assert len(cards(service.post(VIEW, json=request))) == 1
    request["context"]["patientId"] = "Patient/example-untested"
    assert cards(service.post(VIEW, json=request)) == []
    request["context"]["userId"] = "Practitioner/9"
    (card,) = cards(service.post(VIEW, json=request))
    assert card["links"][0]["url"].endswith("/patients/example-untested")
    assert service.get("/patients/example-untested").status_code == 200


def test_another_patient_is_refused(service: TestClient) -> None:
    request = call("patient-view", example("untested"))
    request["context"]["patientId"] = "somebody-else"
    refused(service.post(VIEW, json=request), 400)


# ---------------------------------------------------------------- wrong requests

WRONG: dict[str, Any] = {
    "no object": [],
    "nothing": {},
    "wrong hook": {"hook": "order-select"},
    "hook no string": {"hook": 7},
    "hook null": {"hook": None},
    "no hook": {"hook": ...},
    "no instance": {"hookInstance": ...},
    "instance no uuid": {"hookInstance": "1"},
    "no context": {"context": ...},
    "context no object": {"context": "x"},
    "no user": {"context": {"patientId": "example-untested"}},
    "no patient": {"context": {"userId": "Practitioner/1"}},
    "patient null": {"context": {"userId": "Practitioner/1", "patientId": None}},
    "patient empty": {"context": {"userId": "Practitioner/1", "patientId": ""}},
    "patient reference to nobody": {"context": {"userId": "Practitioner/1", "patientId": "Patient/"}},
    "patient number": {"context": {"userId": "Practitioner/1", "patientId": 5}},
    "patient with a line break": {"context": {"userId": "Practitioner/1", "patientId": "a\nb"}},
    "patient very long": {"context": {"userId": "Practitioner/1", "patientId": "a" * 201}},
    "prefetch no object": {"prefetch": "x"},
    "prefetch array": {"prefetch": [1]},
    "patient no resource": {"prefetch": {"patient": 5, "ck": None}},
    "patient array": {"prefetch": {"patient": [], "ck": None}},
    "patient without type": {"prefetch": {"patient": {}, "ck": None}},
    "two patients": {"prefetch": {"patient": {"resourceType": "Bundle", "type": "searchset", "entry": [
        {"resource": {"resourceType": "Patient", "id": "a"}}, {"resource": {"resourceType": "Patient", "id": "b"}}]},
        "ck": None}},
    "authorization without server": {"fhirAuthorization": {"access_token": "x"}},
    "server no string": {"fhirServer": 7},
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_get_a_4xx_with_an_outcome(service: TestClient, name: str) -> None:
    change = WRONG[name]
    request: Any = change
    if change:
        request = call("patient-view", example("untested")) | change
        request = {key: value for key, value in request.items() if value is not ...}
    refused(service.post(VIEW, json=request), 400)


@pytest.mark.parametrize(
    "orders",
    [..., None, [], "x", {"resourceType": "Patient"}, {"resourceType": "Bundle", "entry": 5},
     {"resourceType": "Bundle", "entry": [7]}],
)  # fmt: skip
def test_wrong_orders_get_a_400(service: TestClient, orders: object) -> None:
    context = {} if orders is ... else {"draftOrders": orders}
    refused(service.post(SIGN, json=call("order-sign", example("course"), **context)), 400)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"{" * 10_000, "application/json", 400),
        (b'{"prefetch":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001, "application/json", 400),
        (b'{"hook":"patient-view","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "application/xml", 415),
    ],
    ids=["empty", "no-utf8", "deep", "deep-prefetch", "deep-unknown", "text", "xml"],
)
def test_wrong_bodies(service: TestClient, body: bytes, kind: str, status: int) -> None:
    refused(service.post(VIEW, content=body, headers={"content-type": kind}), status)


def test_deep_prefetch_is_no_defect(service: TestClient) -> None:
    request = json.dumps(call("patient-view", example("untested")))
    deep = request.replace(
        '"labs": ', '"labs": {"resourceType":"Bundle","entry":' + "[" * 10_000 + "]" * 10_000 + '},"x":'
    )
    assert service.post(VIEW, content=deep, headers={"content-type": "application/json"}).status_code in (200, 400)


def test_unknown_services_and_methods(service: TestClient) -> None:
    refused(service.post("/cds-services/other", json={}), 404)
    refused(service.post("/cds-services/other/feedback", json={}), 404)
    refused(service.get(VIEW), 405)
    refused(service.post("/cds-services", json={}), 405)
    for path in ("/cds-services/..%2f..%2fetc", "/cds-services/imnm-patient-view/x", "/cds-services/%00"):
        refused(service.post(path, json={}), 404)


def test_a_body_that_is_too_large(start: Any) -> None:
    small = start(max_body_mb=1)
    refused(small.post(VIEW, content=b" " * 1_000_001, headers={"content-type": "application/json"}), 413)

    def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    refused(small.post(VIEW, content=chunks(), headers={"content-type": "application/json"}), 413)


# ---------------------------------------------------------------- feedback


@pytest.mark.parametrize(
    "change",
    [{"card": ...}, {"card": ""}, {"outcome": "ignored"}, {"outcome": "accepted"}, {"outcomeTimestamp": "yesterday"},
     {"outcomeTimestamp": ...}, {"overrideReason": {}}, {"overrideReason": {"reason": {"code": "x"}}}],
)  # fmt: skip
def test_wrong_feedback_is_refused_as_a_whole(service: TestClient, change: dict[str, Any]) -> None:
    good = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-01-01T00:00:00Z"}
    bad = {key: value for key, value in (good | change).items() if value is not ...}
    refused(service.post(f"{VIEW}/feedback", json={"feedback": [good, bad]}), 400)
    store: Store = service.app.state.store  # type: ignore[attr-defined]
    assert store.feedback() == []


def test_feedback_is_kept(service: TestClient) -> None:
    accepted = {"card": "c", "outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}, {"id": "s2"}],
                "outcomeTimestamp": "2026-01-01T00:00:00.5+01:00"}  # fmt: skip
    overridden = {"card": "d", "outcome": "overridden", "outcomeTimestamp": "2026-01-01T00:00:00Z",
                  "overrideReason": {"userComment": "known"}}  # fmt: skip
    answer = service.post(f"{VIEW}/feedback", json={"feedback": [accepted, overridden]})
    assert answer.status_code == 200
    kept = service.app.state.store.feedback()  # type: ignore[attr-defined]
    assert {(f.card, f.outcome, f.accepted, f.comment) for f in kept} == {
        ("c", "accepted", "s1 s2", ""),
        ("d", "overridden", "", "known"),
    }


# ---------------------------------------------------------------- Markdown

HARMLESS = {"root", "inline", "paragraph_open", "paragraph_close", "text", "softbreak", "text_special"}


def token_kinds(text: str) -> set[str]:
    """What a Markdown renderer with tables, strikethrough and links for addresses makes of a text."""
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text)
    return {t.type for t in tokens} | {c.type for t in tokens for c in t.children or ()}


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "![x](http://e/x.png)", "[x](javascript:alert(1))", "<http://e>", "# h", "- l",
     "1. l", "> q", "a\n\n# b", "`c`", "**b**", "|a|\n|-|\n|b|", "~~s~~", "<!-- c -->", "&lt;b&gt;", "---", "***",
     "===", "\\<b>",
     "    code", "```\nx", "[a]: http://e", "+ x", "<img src=x onerror=alert(1)>", "1) x", "\t* x"],
)  # fmt: skip
def test_markdown_of_the_record_means_nothing(text: str) -> None:
    assert token_kinds(escape(text)) <= HARMLESS


@given(st.text(alphabet=st.sampled_from("<>[]()!*_`~#-+=|&;:/.\\\n\t 1ax\"'$@{}"), max_size=40))
@settings(max_examples=400, deadline=None)
def test_no_text_of_the_record_becomes_markup(text: str) -> None:
    assert token_kinds(escape(text)) <= HARMLESS


@pytest.mark.parametrize("text", ["http://evil.example/x", "HTTPS://evil.example", "www.evil.example", "ftp://e"])
def test_no_address_of_the_record_becomes_a_link(text: str) -> None:
    assert "://" not in escape(text)
    assert "www." not in escape(text)


def test_script_in_every_text_of_a_record_stays_text(service: TestClient) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'[x](javascript:alert(3))"
    record = json.loads(example("course"))

    def poison(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: v + attack if k in ("text", "display", "conclusion", "valueString") and isinstance(v, str)
                    else poison(v) for k, v in value.items()}  # fmt: skip
        return [poison(item) for item in value] if isinstance(value, list) else value

    poisoned = json.dumps(poison(record)).encode()
    for card in cards(service.post(VIEW, json=call("patient-view", poisoned))):
        html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(card["detail"])
        assert "<script" not in html
        assert "<img" not in html
        assert "<a " not in html
    for page in (
        service.get("/patients/example-hmgcr"),
        service.post("/assess/record", files={"pasted": (None, poisoned)}),
    ):
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
