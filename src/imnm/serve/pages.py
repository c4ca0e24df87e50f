"""The pages, and the addresses that programs ask for the same."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from imnm import examples
from imnm.assessment import AskError, assess_record
from imnm.assessment.engine import KNOWLEDGE_VERSION, SETTINGS
from imnm.assessment.model import Assessment
from imnm.knowledge.differential import DISEASES
from imnm.knowledge.messages import say
from imnm.report import handout, labels
from imnm.report.view import level_word
from imnm.sources import InputError, read

from . import forms, source, worklist
from .letter import letter
from .people import Person
from .refusal import Refused
from .store import DECIDED, KINDS, STATUSES, Measure, Review
from .view import STATIC, answer, page, static, words

LONGEST_NOTE = 2000
CK_MOST = 10_000_000
JSON_TYPES = ("application/json", "application/fhir+json")


def person_of(request: Request) -> Person:
    """Who asks; the request goes no further without."""
    person: Person = request.app.state.people.person(request)
    request.state.person = person.name
    return person


router = APIRouter(dependencies=[Depends(person_of)])
open_router = APIRouter()


def noted(request: Request, action: Any, patient: str | None) -> None:
    """Write who did what to whom, before anything is shown."""
    address = request.client.host if request.client else ""
    request.app.state.trail.note(action, patient, request.state.person, request.state.request_id, address)


# ---------------------------------------------------------------- start and worklist


@router.get("/")
def start(request: Request) -> Response:
    """The worklist of the source, or what can be done without one."""
    state = request.app.state
    if state.patients.source is None:
        return page(request, "start.html.j2", examples=_examples(), calculators=_calculators())
    _ready(request)
    view = worklist.View.of(request.query_params)
    shown = worklist.page_of(state.patients.listed, state.store.newest_reviews(), view)
    noted(request, "search", None)
    return page(
        request,
        "worklist.html.j2",
        page=shown,
        view=view,
        read=state.patients.read,
        levels=[(level, level_word(level)) for level in ("established", "high", "moderate", "low")],
        statuses=[("open", words("worklist.open")), *_statuses()],
        sorts=[(sort, words(f"worklist.sort_{sort}")) for sort in worklist.SORTS],
        query={"q": view.text, "level": view.level, "status": view.status, "sort": view.sort},
    )


@router.get("/api/worklist")
def api_worklist(request: Request) -> Response:
    """The listed patients, with the newest review of each."""
    _ready(request)
    state = request.app.state
    reviews = state.store.newest_reviews()
    noted(request, "search", None)
    rows = []
    for listed in state.patients.listed:
        review = reviews.get(listed.row.patient_id)
        rows.append(msgspec.to_builtins(listed.row) | {"review": review.status if review else None})
    return _json({"worklist": rows, "read": {"records": state.patients.read}})


def _ready(request: Request) -> None:
    patients = request.app.state.patients
    if patients.failure:
        raise Refused(503, words("error.source_failed"))
    if not patients.ready.is_set():
        raise Refused(503, words("error.not_ready"))


# ---------------------------------------------------------------- one patient


@router.get("/patients/{id}")
def patient(request: Request, id: str) -> Response:
    """Everything about one patient."""
    return _patient(request, id, "read")


def _patient(request: Request, id: str, action: Any, message: str = "", status: int = 200) -> Response:
    state = request.app.state
    assessment = _assessment_of(request, id)
    noted(request, action, id)
    listed = state.patients.is_listed(id)
    return page(
        request,
        "patient.html.j2",
        status,
        id=id,
        answer=answer(assessment),
        letter=letter(assessment),
        handout=f"/handout/{quote(id, safe='')}",
        may_write=listed,
        message=message,
        measures=state.store.measures(id),
        reviews=state.store.reviews(id),
        units=list(forms.UNITS),
        statuses=_statuses(),
        diagnoses=[("imnm", "IMNM"), *((id, labels.disease(id)) for id in DISEASES if id != "other")],
    )


def _assessment_of(request: Request, id: str) -> Assessment:
    """The patient's assessment, with what was entered here. Raises Refused."""
    state = request.app.state
    patients: source.Patients = state.patients
    reading = patients.reading(id)
    if reading is None:
        if patients.source is not None:
            _ready(request)
        raise Refused(404, words("error.no_patient_here"))
    measures: Sequence[Measure] = state.store.measures(id)
    as_of, setting = patients.as_of(id), source.SETTING if patients.is_listed(id) else None
    if measures:
        reading = source.joined(reading, [read(forms.measures_bundle(id, measures))])
        as_of = None  # the newest of what is known, the entered results included
    return source.assessed(reading, as_of, setting)


@router.post("/patients/{id}/review")
async def review(request: Request, id: str) -> Response:
    """Keep a review entered on the patient's page."""
    form = await _form(request)
    return await run_in_threadpool(_review_page, request, id, form)


def _review_page(request: Request, id: str, form: Mapping[str, str]) -> Response:
    earlier: list[Review] = request.app.state.store.reviews(id)
    try:
        _keep_review(request, id, form)
    except ValueError as error:
        return _patient(request, id, "read", str(error), 422)
    message = words("review.saved")
    if earlier and earlier[-1].id != form.get("seen", ""):
        message += " " + words("review.meanwhile", who=earlier[-1].who)
    return _patient(request, id, "read", message)


@router.post("/api/reviews/{patient}")
async def api_review(request: Request, patient: str) -> Response:
    """Keep a review: ``{"status": ..., "diagnosis": ..., "diagnosed_on": ..., "note": ...}``."""
    body = _mapping(await _json_body(request))
    return await run_in_threadpool(_api_review, request, patient, body)


def _api_review(request: Request, patient: str, body: Mapping[str, str]) -> Response:
    try:
        review = _keep_review(request, patient, body)
    except ValueError as error:
        raise Refused(422, str(error)) from error
    return _json(review._asdict(), 201)


def _keep_review(request: Request, id: str, given: Mapping[str, str]) -> Review:
    """Raises Refused for a patient who is not listed, ValueError with one sentence for what cannot be kept."""
    state = request.app.state
    if not state.patients.is_listed(id):
        raise Refused(404, words("error.no_patient_here"))
    status, diagnosis = given.get("status", ""), given.get("diagnosis", "")
    if status not in STATUSES:
        raise ValueError(words("review.bad_status", statuses=", ".join(STATUSES)))
    if diagnosis and diagnosis not in {"imnm", "not_imnm", *DISEASES}:
        raise ValueError(words("review.bad_diagnosis"))
    if status in DECIDED and not diagnosis:
        diagnosis = "imnm" if status == "confirmed" else "not_imnm"
    on = given.get("diagnosed_on", "")
    if on and not _is_date(on):
        raise ValueError(words("review.bad_date"))
    note = given.get("note", "").strip()
    if len(note) > LONGEST_NOTE:
        raise ValueError(words("review.long_note", longest=LONGEST_NOTE))
    noted(request, "create", id)
    kept: Review = state.store.add_review(
        id, status, request.state.person, note, diagnosis if status in DECIDED else "", on
    )
    return kept


@router.post("/patients/{id}/measures")
async def measures(request: Request, id: str) -> Response:
    """Keep a CK or MMT8 entered on the patient's page."""
    form = await _form(request)
    return await run_in_threadpool(_measures_page, request, id, form)


def _measures_page(request: Request, id: str, form: Mapping[str, str]) -> Response:
    state = request.app.state
    if not state.patients.is_listed(id):
        raise Refused(404, words("error.no_patient_here"))
    values = _measure(form)
    if values is None:
        return _patient(request, id, "read", words("measure.bad"), 422)
    noted(request, "create", id)
    state.store.add_measure(id, *values, request.state.person)
    return _patient(request, id, "read", words("measure.saved"))


def _mmt8_most(stated: str) -> float:
    """The most points of the form of MMT8 that was used, which must be stated; less than any score if it is not."""
    from imnm.knowledge.criteria.measures import MMT8

    return next((most for most in MMT8 if stated == str(most)), -1)


def _measure(form: Mapping[str, str]) -> tuple[str, str, float, str, float | None] | None:
    """Kind, day, value, unit and limit; None if they make no sense."""
    kind, on = form.get("kind", ""), form.get("on", "")
    value, uln = _decimal(form.get("value", "")), _decimal(form.get("uln", ""))
    if kind not in KINDS or not _is_date(on) or on > dt.date.today().isoformat() or value is None:
        return None
    if kind == "mmt8":
        return (kind, on, value, "points", None) if value <= _mmt8_most(form.get("most", "")) else None
    unit = form.get("unit", "")
    if unit not in forms.UNITS or value > CK_MOST or (form.get("uln", "").strip() and not uln):
        return None
    return kind, on, value, unit, uln


@router.get("/handout/{id}")
def handout_page(request: Request, id: str) -> Response:
    """The page for the person concerned."""
    assessment = _assessment_of(request, id)
    noted(request, "read", id)
    return Response(handout.handout(assessment), media_type="text/html")


# ---------------------------------------------------------------- assessing what is entered


@router.get("/assess")
def assess_form(request: Request) -> Response:
    """The form."""
    return page(request, "assess.html.j2", answer="", error="", open_record=False, **_questions({}, None))


@router.post("/assess")
async def assess_answers(request: Request) -> Response:
    """The assessment of the answers, below the form."""
    answers = await _form(request)
    return await run_in_threadpool(_assess_answers, request, answers)


def _assess_answers(request: Request, answers: Mapping[str, str]) -> Response:
    try:
        assessment = assess_record(forms.bundle_of(answers), answers.get("as_of") or None)
    except (forms.FormError, InputError, AskError) as error:
        shown = _questions(answers, None)
        # A form that is still being filled in is no failure: the part that follows it says what is missing.
        status = 200 if "x-part" in request.headers else 422
        return page(request, "assess.html.j2", status, answer="", error=str(error), open_record=False, **shown)
    return page(
        request,
        "assess.html.j2",
        answer=answer(assessment),
        letter=letter(assessment),
        error="",
        open_record=False,
        **_questions(answers, assessment),
    )


def _questions(answers: Mapping[str, str], assessment: Assessment | None) -> dict[str, Any]:
    """The form's questions in three groups: first, those that would matter now or are answered, the rest."""
    needed = forms.needed(assessment)
    first = [q for q in forms.QUESTIONS if q.first]
    more = [q for q in forms.QUESTIONS if not q.first and (q.id in needed or answers.get(q.id))]
    return {
        "answers": answers,
        "groups": {
            "first": first,
            "needed": more,
            "rest": [q for q in forms.QUESTIONS if q not in first and q not in more],
        },
        "rows": forms.ck_rows(answers),
        "units": [(unit, unit) for unit in forms.UNITS],
        "statins": [(drug, labels.words(drug)) for drug in forms.statins()],
        "answer_words": lambda question: [(value, words(f"answer.{value}")) for value in question.answers],
    }


@router.post("/assess/bundle")
async def save_bundle(request: Request) -> Response:
    """What was entered, as a FHIR Bundle to keep."""
    answers = await _form(request)
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
        assessment = assess_record(data)
    except (InputError, AskError) as error:
        shown = _questions({}, None)
        return page(request, "assess.html.j2", 422, answer="", error=str(error), open_record=True, **shown)
    noted(request, "read", assessment.patient.id or None)
    return page(request, "record.html.j2", answer=answer(assessment), letter=letter(assessment))


@router.post("/api/assess")
async def api_assess(request: Request) -> Response:
    """The assessment of a FHIR Bundle or a Phenopacket as JSON (``imnm/assessment/1``)."""
    data = await _json_body(request)
    as_of, setting = request.query_params.get("as_of"), request.query_params.get("setting")
    if as_of is not None and as_of != "last" and not _is_date(as_of):
        raise Refused(400, words("error.bad_as_of"))
    if setting is not None and setting not in SETTINGS:
        raise Refused(400, say("serve.review.bad_status", statuses=", ".join(SETTINGS)))
    assessment = await run_in_threadpool(_assess_json, data, as_of, setting)
    noted(request, "read", assessment.patient.id or None)
    return _json(assessment)


def _assess_json(data: bytes, as_of: str | None, setting: str | None) -> Assessment:
    try:
        return assess_record(data, as_of, setting)
    except (InputError, AskError) as error:
        raise Refused(422, str(error)) from error


@router.get("/examples/{id}")
def example(request: Request, id: str) -> Response:
    """One of the bundled examples."""
    found = next((example for example in examples.EXAMPLES if example.id == id), None)
    if found is None:
        raise Refused(404, words("error.not_found"))
    assessment = assess_record(examples.read(found), found.as_of)
    return page(request, "record.html.j2", answer=answer(assessment), letter=letter(assessment))


# ---------------------------------------------------------------- calculators, explanations, about


@router.get("/calculators")
def calculators(request: Request) -> Response:
    """The list of calculators."""
    return page(request, "calculators.html.j2", calculators=_calculators())


@router.get("/calculators/{name}")
def calculator(request: Request, name: str) -> Response:
    """A calculator, with its result where inputs are given."""
    from imnm.knowledge.criteria import CALCULATORS, InputError
    from imnm.report.calculator import parse, shown

    chosen = CALCULATORS.get(name)
    if chosen is None:
        raise Refused(404, words("error.not_found"))
    query = request.query_params
    result, error = "", ""
    if "go" in query:
        try:
            inputs: dict[str, Any] = {}
            for input_ in chosen.inputs:
                typed = ",".join(query.getlist(input_.id)) if input_.many else query.get(input_.id, "")
                value = parse(input_, typed.strip())
                if value is not None:
                    inputs[input_.id] = value
            result = shown(chosen, chosen.run(inputs))
        except InputError as problem:
            error = str(problem)
    return page(
        request,
        "calculator.html.j2",
        422 if error else 200,
        calculator=chosen,
        result=result,
        error=error,
        given=dict(query),
        given_many={input_.id: query.getlist(input_.id) for input_ in chosen.inputs if input_.many},
        choice_words=lambda input_: [(choice, input_.choice_label(choice)) for choice in input_.choices],
        range_words=_range_words,
    )


def _range_words(input_: Any) -> str:
    if input_.low is None or input_.high is None:
        return ""
    return f", {words('calculators.between', low=f'{input_.low:g}', high=f'{input_.high:g}')}"


@router.get("/explain")
def explain_index(request: Request) -> Response:
    """Every id, or the one asked for by the search field."""
    from imnm.report.explain import index

    asked = request.query_params.get("id", "").strip()
    if asked:
        return RedirectResponse(f"/explain/{quote(asked, safe='')}", 303)
    return page(request, "explain.html.j2", id="", text=index(), error="")


@router.get("/explain/{id:path}")
def explain(request: Request, id: str) -> Response:
    """Anything with an id."""
    from imnm.report.explain import UnknownId
    from imnm.report.explain import explain as explained

    try:
        return page(request, "explain.html.j2", id=id, text=explained(id), error="")
    except UnknownId as error:
        nearest = words("explain.nearest", ids=", ".join(error.nearest)) if error.nearest else ""
        return page(request, "explain.html.j2", 404, id=id, text="", error=words("explain.nothing", nearest=nearest))


@router.get("/about")
def about(request: Request) -> Response:
    """Intended use, limits, versions, state of the evidence."""
    from imnm import __version__
    from imnm.knowledge.evidence import sources, thresholds
    from imnm.knowledge.findings import FINDINGS
    from imnm.knowledge.pathway import RULES

    patients = request.app.state.patients
    findings, rules, numbers = FINDINGS.values(), RULES.values(), thresholds().values()
    known = [*(f.evidence for f in findings), *(r.evidence for r in rules), *(t.evidence for t in numbers)]
    tags = Counter(evidence.tag for evidence in known)
    listed = words("about.source", count=len(patients.listed), read=patients.read)
    return page(
        request,
        "about.html.j2",
        version=__version__,
        knowledge=KNOWLEDGE_VERSION,
        source_count=len(sources()),
        tags=[(say(f"report.tag.{tag}"), count) for tag, count in tags.most_common()],
        source_words=listed if patients.source is not None else words("about.no_source"),
        hooks_address=f"{request.app.state.settings.address}/cds-services",
    )


# ---------------------------------------------------------------- exports


@router.get("/api/reviews.csv")
def reviews_csv(request: Request) -> Response:
    """The newest decision on each patient as labels for ``imnm evaluate``; with ``all`` every review."""
    everything = "all" in request.query_params
    reviews: list[Review] = request.app.state.store.reviews()
    noted(request, "export", None)
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    if everything:
        writer.writerow(Review._fields)
        writer.writerows([_cell(value) for value in review] for review in reviews)
    else:
        writer.writerow(("patient_id", "diagnosis", "diagnosed_on"))
        newest = {review.patient: review for review in reviews if review.status in DECIDED}
        writer.writerows([_cell(r.patient), r.diagnosis, r.diagnosed_on] for r in newest.values())
    disposition = {"content-disposition": "attachment; filename=reviews.csv"}
    return Response(target.getvalue(), media_type="text/csv", headers=disposition)


def _cell(text: str) -> str:
    """What a spreadsheet would take for a formula is marked as text."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


# ---------------------------------------------------------------- for everyone


@open_router.get("/healthz")
async def health() -> Response:
    """The process answers."""
    return Response("ok\n", media_type="text/plain")


@open_router.get("/readyz")
def ready(request: Request) -> Response:
    """The patients are read and the database answers."""
    state = request.app.state
    good = state.patients.ready.is_set() and state.store.ready()
    return Response("ready\n" if good else "not ready\n", 200 if good else 503, media_type="text/plain")


@open_router.get("/static/{name}")
async def static_file(name: str) -> Response:
    """Style sheets and script."""
    data = static(name)
    if data is None:
        raise Refused(404, words("error.not_found"))
    return Response(data, headers={"content-type": STATIC[name], "cache-control": "max-age=300"})


# ---------------------------------------------------------------- small things


def _examples() -> list[tuple[str, str]]:
    return [(example.id, say(f"examples.{example.id}.title")) for example in examples.EXAMPLES]


def _calculators() -> list[tuple[str, str]]:
    from imnm.knowledge.criteria import CALCULATORS

    return [(name, calculator.title) for name, calculator in CALCULATORS.items()]


def _statuses() -> list[tuple[str, str]]:
    return [(status, words(f"status.{status}")) for status in STATUSES]


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form that a page sent."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused(415, words("error.form_type"))
    form = await request.form(max_fields=200, max_part_size=100_000)
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def _json_body(request: Request) -> bytes:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in JSON_TYPES:
        raise Refused(415, words("error.content_type"))
    return await request.body()


def _mapping(data: bytes) -> dict[str, str]:
    try:
        return msgspec.json.decode(data, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, words("error.content_type")) from error


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _decimal(text: str) -> float | None:
    text = text.strip()
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) else None


def warm_up() -> None:
    """Load the plotting library and the templates, which the first page would wait for."""
    found = examples.EXAMPLES[0]
    answer(assess_record(examples.read(found), found.as_of))
