"""CDS Hooks 2.0: discovery, the two services, feedback.

A call carries its data as prefetch; nothing is ever fetched from the caller's server. A key may be absent (not
fetched: unknown), null (the record has nothing), an OperationOutcome (failed: unknown), a resource or a Bundle.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Request
from msgspec import Raw
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from imnm.assessment import AskError
from imnm.assessment.engine import Case
from imnm.knowledge.concepts import codes
from imnm.knowledge.messages import say
from imnm.sources import InputError, Reading, read

from . import cards, logs
from .cards import About, Shown
from .clients import Caller
from .refusal import Refused
from .settings import MEGABYTE

SPECIFICATION = "2.0"
INLINE = MEGABYTE * 2
"""Bodies up to this size are answered at once; larger ones leave the others their turn."""
LONGEST_TEXT = 2000
MOST_FEEDBACK = 100

LABS = ("creatine_kinase_total", "anti_hmgcr", "anti_srp", "tsh", "creatinine", "ast", "alt", "troponin_i")
"""The results whose LOINC codes the templates ask for, CK apart from the others."""
REQUIRED = ("patient", "ck")
"""Without these the question cannot be judged: CK is what IMNM shows itself by."""

router = APIRouter()


class Service(NamedTuple):
    """One service: its hook, and the fields its context must have."""

    id: str
    hook: str
    message: str
    context: tuple[str, ...]


SERVICES = {
    service.id: service
    for service in (
        Service("imnm-patient-view", "patient-view", "patient_view", ("userId", "patientId")),
        Service("imnm-order-sign", "order-sign", "order_sign", ("userId", "patientId", "draftOrders")),
    )
}


class HookRequest(msgspec.Struct, rename="camel"):
    """A call. Parts that are not needed stay bytes."""

    hook: str
    hook_instance: str
    context: dict[str, Raw]
    fhir_server: str | None = None
    fhir_authorization: Raw = Raw()
    prefetch: dict[str, Raw] | None = None


class _Look(msgspec.Struct, rename="camel"):
    """A first look at a prefetched value."""

    resource_type: str | None = None
    id: str | None = None
    link: list[dict[str, Any]] | None = None


class _Coding(msgspec.Struct):
    code: str
    system: str
    display: str = ""


class _Accepted(msgspec.Struct):
    id: str


class _Reason(msgspec.Struct, rename="camel"):
    reason: _Coding | None = None
    user_comment: str = ""


class _Outcome(msgspec.Struct, rename="camel"):
    card: str
    outcome: str
    outcome_timestamp: str
    accepted_suggestions: list[_Accepted] | None = None
    override_reason: _Reason | None = None


class _Feedback(msgspec.Struct):
    feedback: list[_Outcome]


_REQUEST = msgspec.json.Decoder(HookRequest)
_LOOK = msgspec.json.Decoder(_Look)
_FEEDBACK = msgspec.json.Decoder(_Feedback)


# ---------------------------------------------------------------- discovery


@cache
def templates() -> Mapping[str, str]:
    """The prefetch templates: only what is used, newest first, never more than a page."""
    patient = "patient={{context.patientId}}"
    return {
        "patient": "Patient/{{context.patientId}}",
        "ck": f"Observation?{patient}&code={_loinc(LABS[:1])}&_sort=-date&_count=50",
        "labs": f"Observation?{patient}&code={_loinc(LABS[1:])}&_sort=-date&_count=60",
        "conditions": f"Condition?{patient}&_count=200",
        "medications": f"MedicationRequest?{patient}&_sort=-authoredon&_count=100",
        "statements": f"MedicationStatement?{patient}&_count=50",
        "allergies": f"AllergyIntolerance?{patient}&_count=50",
        "reports": f"DiagnosticReport?{patient}&_sort=-date&_count=20",
    }


def _loinc(concepts: Sequence[str]) -> str:
    found = [
        f"http://loinc.org|{code}"
        for code, rows in codes("loinc").items()
        if any(row.concept in concepts and row.relation == "exact" and row.verified for row in rows)
    ]
    return ",".join(found)


@cache
def discovery() -> bytes:
    """The answer to discovery."""
    services = [
        {
            "hook": service.hook,
            "title": say(f"serve.cds.{service.message}_title"),
            "description": say(f"serve.cds.{service.message}_description"),
            "id": service.id,
            "prefetch": templates(),
            "usageRequirements": say("serve.cds.usage"),
        }
        for service in SERVICES.values()
    ]
    return msgspec.json.encode({"services": services})


@router.get("/cds-services")
async def discover(request: Request) -> Response:
    """Which services there are. Holds no patient data and needs no token."""
    tag = f'"{hashlib.sha256(discovery()).hexdigest()[:32]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    return Response(discovery(), media_type="application/json", headers={"etag": tag})


# ---------------------------------------------------------------- a call


@router.post("/cds-services/{id}")
async def call(request: Request, id: str) -> Response:
    """Answer a call with cards."""
    caller = await _caller(request, f"/cds-services/{id}")
    service = _service(id)
    body = await _body(request)
    if len(body) > INLINE or request.app.state.store.distant:
        return await run_in_threadpool(_answer, request, service, body, caller)
    return _answer(request, service, body, caller)


def _answer(request: Request, service: Service, body: bytes, caller: Caller) -> Response:
    asked = _asked(service, body)
    patient, user = _text(asked.context, "patientId").removeprefix("Patient/"), _text(asked.context, "userId")
    state = request.app.state
    address = request.client.host if request.client else ""
    person = f"{user} ({caller.issuer or 'local'})"
    state.trail.note("read", patient, person, request.state.request_id, address)
    shown = _shown(state, service, asked, patient, _page_of(patient, caller, len(state.clients.keys) > 1))
    shown_to = msgspec.json.encode((caller.issuer, caller.tenant, user, patient, service.id)).decode()
    news = _news(state.store, shown, shown_to)
    logs.event("hook", request=state_id(request), issuer=caller.issuer or None, tenant=caller.tenant or None,
               cards=len(news), bytes=len(body))  # fmt: skip
    return Response(msgspec.json.encode({"cards": news}), media_type="application/json")


def _page_of(patient: str, caller: Caller, several: bool) -> str:
    """Under which id the patient's record has its page. Two record systems may call two people by the same id; then
    each gets a sign that cannot stand in an id."""
    if not (several or caller.tenant):
        return patient
    origin = hashlib.sha256(msgspec.json.encode(caller)).hexdigest()[:12]
    return f"{patient}~{origin}"


def _shown(state: Any, service: Service, asked: HookRequest, patient: str, place: str) -> list[Shown]:
    """What there is to say. Most orders are not for a statin; for those the record is not even read. ``place``: the id
    of the patient's page."""
    signing = service.hook == "order-sign"
    orders = _statin_orders(asked.context["draftOrders"], patient) if signing else []
    if signing and not orders:
        return []
    reading, about = _reading(asked, patient)
    case = _case(reading)
    link = f"{state.settings.address}/patients/{quote(place, safe='')}"
    shown = cards.order_sign(case, orders, link, about) if signing else cards.patient_view(case, link, about)
    if shown:
        state.patients.remember(reading, place)
    return shown


def state_id(request: Request) -> str:
    """The request's id."""
    return str(request.state.request_id)


def _news(store: Any, shown: Sequence[Shown], shown_to: str) -> list[cards.Card]:
    """The cards that are news to this person about this patient."""
    news = []
    for card, content, critical in shown:
        if store.may_show(shown_to, content, critical):
            store.shown(card["uuid"], shown_to, content, card["indicator"])
            news.append(card)
    return news


async def _caller(request: Request, *paths: str) -> Caller:
    """Who calls one of these addresses. Raises Refused."""
    caller: Caller = await request.app.state.clients.caller(request.headers.getlist("authorization"), paths)
    return caller


def _service(id: str) -> Service:
    if id not in SERVICES:
        raise Refused(404, say("serve.cds.no_such_service"))
    return SERVICES[id]


async def _body(request: Request) -> bytes:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, say("serve.error.content_type"))
    return await request.body()


def _asked(service: Service, body: bytes) -> HookRequest:
    """The call. Raises Refused for what is not one."""
    try:
        asked = _REQUEST.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, say("serve.cds.not_json", reason=_reason(error))) from error
    if asked.hook != service.hook:
        raise Refused(400, say("serve.cds.wrong_hook", hook=service.hook))
    try:
        uuid.UUID(asked.hook_instance)
    except ValueError:
        raise Refused(400, say("serve.cds.hook_instance")) from None
    if bytes(asked.fhir_authorization) not in (b"", b"null") and not asked.fhir_server:
        raise Refused(400, say("serve.cds.server_missing"))
    for field in service.context[:2]:
        if not _text(asked.context, field).removeprefix("Patient/"):
            raise Refused(400, say("serve.cds.field_missing", field=f"context.{field}"))
    if "draftOrders" in service.context:
        _draft_orders(asked.context.get("draftOrders"))
    return asked


def _reason(error: Exception) -> str:
    """Where decoding failed; never what stands there."""
    if not isinstance(error, msgspec.ValidationError):
        return say("serve.cds.not_utf8")
    text = str(error)
    return re.sub(r"[^A-Za-z0-9 $.\[\]`,|_-]", "", text)[:160]


def _text(context: Mapping[str, Raw], field: str) -> str:
    try:
        value = msgspec.json.decode(context[field], type=str)
    except (KeyError, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Refused(400, say("serve.cds.field_missing", field=f"context.{field}")) from None
    if not 0 < len(value.strip()) <= 200 or not value.isprintable():
        raise Refused(400, say("serve.cds.field_missing", field=f"context.{field}"))
    return value


# ---------------------------------------------------------------- prefetch


def _reading(asked: HookRequest, patient: str) -> tuple[Reading, About]:
    """The prefetched data as one record, and what is missing of it. Raises Refused (412 without what is required)."""
    given: list[Raw] = []
    missing: list[str] = []
    partial: list[str] = []
    for key in templates():
        raw = (asked.prefetch or {}).get(key, _ABSENT)
        if raw == _NULL and key != "patient":
            continue
        look = None if raw in (_ABSENT, _NULL) else _looked(key, raw)
        if look is None or look.resource_type == "OperationOutcome" or _has_failed(raw):
            missing.append(key)
            continue
        if any(link.get("relation") == "next" for link in look.link or ()):
            partial.append(key)
        given.append(raw)
    lacking = [key for key in REQUIRED if key in missing]
    if lacking:
        raise Refused(412, say("serve.cds.missing", keys=", ".join(lacking)))
    try:
        reading = read(_bundle(given))
    except InputError as error:
        raise Refused(400, say("serve.cds.unreadable")) from error
    if reading.patient not in ("", patient):
        raise Refused(400, say("serve.cds.other_patient"))
    reading.patient = patient
    return reading, About(tuple(missing), tuple(partial))


_ABSENT, _NULL = Raw(), Raw(b"null")


def _looked(key: str, raw: Raw) -> _Look:
    try:
        look = _LOOK.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Refused(400, say("serve.cds.wrong_prefetch", key=key)) from None
    if not look.resource_type:
        raise Refused(400, say("serve.cds.wrong_prefetch", key=key))
    return look


class _Failure(msgspec.Struct):
    """A Bundle looked at for what failed."""

    entry: list[Any] | None = None


_OUTCOME = re.compile(rb"OperationOutcome")


def _has_failed(raw: Raw) -> bool:
    """Whether a Bundle holds nothing but OperationOutcomes: its search failed."""
    if not _OUTCOME.search(memoryview(raw)):
        return False
    entries = msgspec.json.decode(raw, type=_Failure).entry or []
    kinds = {_kind_in(entry) for entry in entries}
    return kinds == {"OperationOutcome"}


def _kind_in(entry: Any) -> object:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return resource.get("resourceType") if isinstance(resource, dict) else None


def _bundle(resources: Sequence[bytes | Raw]) -> bytes:
    """Resources and Bundles as one Bundle, without decoding them; their bytes are copied once."""
    parts: list[bytes | memoryview] = [b'{"resourceType":"Bundle","type":"collection","entry":[']
    for place, resource in enumerate(resources):
        parts += [b',{"resource":' if place else b'{"resource":', memoryview(resource), b"}"]
    return b"".join([*parts, b"]}"])


def _case(reading: Reading) -> Case:
    try:
        return cards.case_of(reading)
    except AskError as error:
        raise Refused(400, say("serve.cds.unreadable")) from error


# ---------------------------------------------------------------- draft orders


def _draft_orders(raw: Raw | None) -> list[dict[str, Any]]:
    """The resources of the orders being signed. Raises Refused."""
    try:
        bundle = msgspec.json.decode(raw or b"", type=dict[str, Any])
        entries = bundle.get("entry") or []
        if bundle.get("resourceType") != "Bundle":
            raise TypeError
        return [entry["resource"] for entry in entries if isinstance(entry.get("resource"), dict)]
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, TypeError, AttributeError, KeyError):
        raise Refused(400, say("serve.cds.field_missing", field="context.draftOrders")) from None


def _statin_orders(raw: Raw, patient: str) -> list[tuple[str, str]]:
    """The id and the drug of every statin among the orders."""
    resources = _draft_orders(raw)
    medications = [r for r in resources if r.get("resourceType") == "Medication"]
    found = []
    for order in resources:
        if order.get("resourceType") != "MedicationRequest":
            continue
        stated = {key: value for key, value in order.items() if value is not None}
        entry = stated | {"subject": {"reference": f"Patient/{patient}"}, "intent": "order"}
        if order.get("status") in (None, "draft"):
            entry["status"] = "active"  # a draft is about to be active; the reader knows nothing of drafts
        reference = order.get("medicationReference")
        if isinstance(reference, dict) and reference.get("display") and not order.get("medicationCodeableConcept"):
            entry["medicationCodeableConcept"] = {"text": reference["display"]}
        drug = _statin(entry, medications, patient)
        if drug:
            id = order.get("id")
            found.append((id if isinstance(id, str) and re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", id) else "", drug))
    return found


def _statin(order: dict[str, Any], medications: Sequence[dict[str, Any]], patient: str) -> str:
    """The statin that an order is for, as the reader of records understands it; empty if none."""
    resources = [{"resourceType": "Patient", "id": patient}, order, *medications]
    try:
        reading = read(_bundle([msgspec.json.encode(resource) for resource in resources]))
    except (InputError, RecursionError):
        return ""
    drugs = [event.detail or "statin" for event in reading.events if event.concept == "statin" and event.truth]
    return drugs[0] if drugs else ""


# ---------------------------------------------------------------- feedback


@router.post("/cds-services/{id}/feedback")
async def feedback(request: Request, id: str) -> Response:
    """Keep what became of cards. The token may name this address or the service's own."""
    await _caller(request, f"/cds-services/{id}/feedback", f"/cds-services/{id}")
    _service(id)
    body = await _body(request)
    try:
        given = _FEEDBACK.decode(body).feedback
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, say("serve.cds.feedback_shape", reason=_reason(error))) from error
    if not 0 < len(given) <= MOST_FEEDBACK:
        raise Refused(400, say("serve.cds.feedback_shape", reason="feedback"))
    await run_in_threadpool(request.app.state.store.add_feedback, [_kept(item, id) for item in given])
    return Response(status_code=200)


def _kept(item: _Outcome, service: str) -> tuple[str, str, str, str, str, str, str]:
    """One outcome as it is kept. Raises Refused for what the specification does not allow."""
    accepted = item.accepted_suggestions or []
    reason = item.override_reason
    faults = {
        "card": not 0 < len(item.card) <= 100,
        "outcome": item.outcome not in ("accepted", "overridden"),
        "acceptedSuggestions": item.outcome == "accepted" and not accepted,
        "overrideReason": reason is not None and reason.reason is None and not reason.user_comment,
        "outcomeTimestamp": not re.fullmatch(
            r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", item.outcome_timestamp
        ),
    }
    if any(faults.values()):
        raise Refused(400, say("serve.cds.feedback_shape", reason=next(name for name, bad in faults.items() if bad)))
    code = reason.reason.code if reason and reason.reason else ""
    comment = reason.user_comment if reason else ""
    ids = " ".join(suggestion.id for suggestion in accepted)
    return (item.card, service, item.outcome, ids[:LONGEST_TEXT], code[:200], comment[:LONGEST_TEXT],
            item.outcome_timestamp)  # fmt: skip


def warm_up() -> None:
    """Compile the rules and load what the first call would wait for."""
    from imnm import examples

    discovery()
    for example in examples.EXAMPLES[:4]:
        cards.patient_view(cards.case_of(read(examples.read(example))), "http://localhost/patients/x", About())
