"""Assessing what is entered: the form, a record that is dropped in, an example; and what would follow if an answer were
another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from imnm import examples
from imnm.assessment import AskError, assess_reading, assess_record
from imnm.assessment.engine import SETTINGS
from imnm.assessment.model import Assessment
from imnm.knowledge.messages import say
from imnm.report import handout, labels
from imnm.report.view import level_word
from imnm.sources import InputError, read

from . import forms, whatif
from .letter import letter
from .refusal import Refused
from .requests import form_of, is_date, json_answer, json_body, noted, person_of, record_of
from .view import answer, page, words
from .whatif import Base

UNITS_AND_NAMES = frozenset({"statin_name", *(f"ck{n}_unit" for n in range(1, 100))})
"""Fields that are always filled; by themselves they answer nothing."""

router = APIRouter(dependencies=[Depends(person_of)])


@router.get("/assess")
def assess_form(request: Request) -> Response:
    """The form."""
    return page(request, "assess.html.j2", open_record=False, **_nothing(""), **_questions({}, None))


@router.post("/assess")
async def assess_answers(request: Request) -> Response:
    """The assessment of the answers, below the form."""
    answers = await form_of(request)
    return await run_in_threadpool(_assess_answers, request, answers)


def _assess_answers(request: Request, answers: Mapping[str, str]) -> Response:
    try:
        assessment = assess_record(forms.bundle_of(answers), answers.get("as_of") or None)
    except (forms.FormError, InputError, AskError) as error:
        shown = _questions(answers, None)
        # A form that is still being filled in is no failure: the part that follows it says what is missing.
        status = 200 if "x-part" in request.headers else 422
        return page(request, "assess.html.j2", status, open_record=False, **_nothing(str(error)), **shown)
    return page(request, "assess.html.j2", open_record=False, **_result(assessment), **_questions(answers, assessment))


def _nothing(error: str) -> dict[str, Any]:
    """In place of a result: why there is none."""
    return {"answer": "", "error": error, "said": "", "letter": "", "handout": "", "notice": ""}


def _result(assessment: Assessment) -> dict[str, Any]:
    """An assessment as the pages show it; ``said``: in one sentence."""
    said = f"{level_word(assessment.suspicion.level)}. {assessment.suspicion.summary}"
    return _nothing("") | {"answer": answer(assessment), "said": said, "letter": letter(assessment)}


def _questions(
    answers: Mapping[str, str], assessment: Assessment | None, recorded: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The form's questions in three groups: first, those that would matter now or are answered, the rest."""
    needed = forms.needed(assessment)
    first = [q for q in forms.QUESTIONS if q.first]
    more = [q for q in forms.QUESTIONS if not q.first and (q.id in needed or answers.get(q.id))]
    return {
        "answers": answers,
        "recorded": recorded,
        "groups": {
            "first": first,
            "needed": more,
            "rest": [q for q in forms.QUESTIONS if q not in first and q not in more],
        },
        "rows": forms.ck_rows(answers, forms.CK_ROWS if recorded is None else 1),
        "units": [(unit, unit) for unit in forms.UNITS],
        "statins": [(drug, labels.words(drug)) for drug in forms.statins()],
        "answer_words": lambda question: [(value, words(f"answer.{value}")) for value in question.answers],
    }


@router.post("/assess/bundle")
async def save_bundle(request: Request) -> Response:
    """What was entered, as a FHIR Bundle to keep."""
    answers = await form_of(request)
    try:
        body = forms.bundle_of(answers)
    except forms.FormError as error:
        raise Refused(422, str(error)) from error
    name = "attachment; filename=imnm-entered.json"
    return Response(body, media_type="application/fhir+json", headers={"content-disposition": name})


@router.post("/assess/record")
async def assess_file(request: Request) -> Response:
    """The assessment of a record that was dropped in or pasted."""
    form = await request.form(max_files=1, max_fields=5, max_part_size=request.app.state.settings.max_body_mb * 10**6)
    file = form.get("file")
    data = b"" if file is None or isinstance(file, str) else await file.read()
    pasted = form.get("pasted")
    if not data and isinstance(pasted, str):
        data = pasted.encode()
    await form.close()
    return await run_in_threadpool(_assess_file, request, data)


def _assess_file(request: Request, data: bytes) -> Response:
    try:
        if not data.strip():
            raise InputError(words("assess.record_none"))
        reading = read(data)
        base = Base(reading, assess_reading(reading))
    except (InputError, AskError) as error:
        shown = _questions({}, None)
        return page(request, "assess.html.j2", 422, open_record=True, **_nothing(str(error)), **shown)
    noted(request, "read", base.assessment.patient.id or None)
    key = request.app.state.held.hold(base, request.state.person)
    return _record(request, base, f"/assess/record/{key}" if key else "", {})


@router.get("/assess/record/{key}")
def held_record(request: Request, key: str) -> Response:
    """A record that was dropped in a while ago, as it stands."""
    return _record(request, _held(request, key), f"/assess/record/{key}", {})


@router.post("/assess/record/{key}")
async def held_record_if(request: Request, key: str) -> Response:
    """The same with answers in the place of what it says."""
    answers = await form_of(request)
    return await run_in_threadpool(lambda: _record(request, _held(request, key), f"/assess/record/{key}", answers))


@router.get("/assess/record/{key}/handout")
def held_handout(request: Request, key: str) -> Response:
    """The page for the person concerned."""
    return _handout(_held(request, key), f"/assess/record/{key}")


def _handout(base: Base, back: str) -> Response:
    """The handout, with a link to where it was asked for."""
    return Response(handout.handout(base.assessment, back=back), media_type="text/html")


def _held(request: Request, key: str) -> Base:
    base: Base | None = request.app.state.held.get(key, request.state.person)
    if base is None:
        raise Refused(404, words("whatif.forgotten"))
    noted(request, "read", base.assessment.patient.id or None)
    return base


@router.get("/patients/{id}/what-if")
def patient_as_recorded(request: Request, id: str) -> Response:
    """A patient's record, ready for other answers."""
    return _patient_if(request, id, {})


@router.post("/patients/{id}/what-if")
async def patient_if(request: Request, id: str) -> Response:
    """The same with answers in the place of what it says."""
    answers = await form_of(request)
    return await run_in_threadpool(_patient_if, request, id, answers)


def _patient_if(request: Request, id: str, answers: Mapping[str, str]) -> Response:
    base = record_of(request, id)
    noted(request, "read", base.reading.patient or id)
    place = quote(id, safe="")
    return _record(request, base, f"/patients/{place}/what-if", answers, f"/handout/{place}", f"/patients/{place}")


def _record(
    request: Request, base: Base, action: str, answers: Mapping[str, str], leaflet: str = "", back: str = ""
) -> Response:
    """A record with the questions that can be answered otherwise. ``action``: where the answers go; none if the record
    cannot be asked about again."""
    asked = {name: value for name, value in answers.items() if value.strip()}
    changed = any(name not in UNITS_AND_NAMES for name in asked)
    status, result, assessment = 200, _nothing(""), base.assessment
    try:
        if changed:
            reading, as_of = whatif.answered(base, asked)
            assessment = assess_reading(reading, as_of, base.setting)
        result = _result(assessment)
    except (forms.FormError, InputError, AskError) as error:
        status = 200 if "x-part" in request.headers else 422
        result = _nothing(str(error))
    if changed and result["answer"]:
        recorded = level_word(base.assessment.suspicion.level)
        result |= {"letter": "", "notice": words("whatif.notice", recorded=recorded)}
    elif action and not changed:
        result["handout"] = leaflet or f"{action}/handout"
    shown = _questions(answers, assessment, whatif.recorded(base))
    return page(request, "record.html.j2", status, action=action, changed=changed, back=back, **result, **shown)


@router.post("/api/assess")
async def api_assess(request: Request) -> Response:
    """The assessment of a FHIR Bundle or a Phenopacket as JSON (``imnm/assessment/1``)."""
    data = await json_body(request)
    as_of, setting = request.query_params.get("as_of"), request.query_params.get("setting")
    if as_of is not None and as_of != "last" and not is_date(as_of):
        raise Refused(400, words("error.bad_as_of"))
    if setting is not None and setting not in SETTINGS:
        raise Refused(400, say("serve.review.bad_status", statuses=", ".join(SETTINGS)))
    assessment = await run_in_threadpool(_assess_json, data, as_of, setting)
    noted(request, "read", assessment.patient.id or None)
    return json_answer(assessment)


def _assess_json(data: bytes, as_of: str | None, setting: str | None) -> Assessment:
    try:
        return assess_record(data, as_of, setting)
    except (InputError, AskError) as error:
        raise Refused(422, str(error)) from error


@router.get("/examples/{id}")
def example(request: Request, id: str) -> Response:
    """One of the bundled examples."""
    return _record(request, _example(id), f"/examples/{id}", {})


@router.post("/examples/{id}")
async def example_if(request: Request, id: str) -> Response:
    """The same with answers in the place of what it says."""
    answers = await form_of(request)
    return await run_in_threadpool(lambda: _record(request, _example(id), f"/examples/{id}", answers))


@router.get("/examples/{id}/handout")
def example_handout(request: Request, id: str) -> Response:
    """The page for the person concerned."""
    return _handout(_example(id), f"/examples/{id}")


def _example(id: str) -> Base:
    found = next((example for example in examples.EXAMPLES if example.id == id), None)
    if found is None:
        raise Refused(404, words("error.not_found"))
    reading = read(examples.read(found))
    return Base(reading, assess_reading(reading, found.as_of))
