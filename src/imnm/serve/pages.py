"""The pages, and the addresses that programs ask for the same."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from imnm import examples
from imnm.assessment import assess_record
from imnm.assessment.engine import KNOWLEDGE_VERSION
from imnm.knowledge.differential import DISEASES
from imnm.knowledge.messages import say
from imnm.report import handout, labels
from imnm.report.blocks import number_words
from imnm.report.view import level_word

from . import forms, worklist
from .letter import letter
from .refusal import Refused
from .requests import form_of, is_date, json_answer, json_body, noted, person_of, record_of, when_ready
from .store import DECIDED, KINDS, STATUSES, Review
from .view import STATIC, answer, page, static, with_links, words

LONGEST_NOTE = 2000
CK_MOST = 10_000_000
SMALLEST = 1e-3
"""A least value below this only says that zero is excluded."""

router = APIRouter(dependencies=[Depends(person_of)])
open_router = APIRouter()


# ---------------------------------------------------------------- start and worklist


@router.get("/")
def start(request: Request) -> Response:
    """The worklist of the source, or what can be done without one."""
    state = request.app.state
    if state.patients.source is None:
        return page(request, "start.html.j2", examples=_examples(), calculators=_calculators())
    when_ready(request)
    view = worklist.View.of(request.query_params)
    shown = worklist.page_of(state.patients.listed, state.store.newest_reviews(), view)
    noted(request, "search", None)
    return page(
        request,
        "worklist.html.j2",
        page=shown,
        view=view,
        read=state.patients.read,
        levels=[(level, level_word(level)) for level in ("established", "high", "moderate")],
        statuses=[("open", words("worklist.open")), *_statuses()],
        sorts=[(sort, words(f"worklist.sort_{sort}")) for sort in worklist.SORTS],
        query={"q": view.text, "level": view.level, "status": view.status, "sort": view.sort},
    )


@router.get("/api/worklist")
def api_worklist(request: Request) -> Response:
    """The listed patients, with the newest review of each."""
    when_ready(request)
    state = request.app.state
    reviews = state.store.newest_reviews()
    noted(request, "search", None)
    rows = []
    for listed in state.patients.listed:
        review = reviews.get(listed.row.patient_id)
        rows.append(msgspec.to_builtins(listed.row) | {"review": review.status if review else None})
    return json_answer({"worklist": rows, "read": {"records": state.patients.read}})


# ---------------------------------------------------------------- one patient


@router.get("/patients/{id}")
def patient(request: Request, id: str) -> Response:
    """Everything about one patient."""
    return _patient(request, id, "read")


def _patient(request: Request, id: str, action: Any, message: str = "", status: int = 200) -> Response:
    state = request.app.state
    record = record_of(request, id)
    assessment = record.assessment
    noted(request, action, record.reading.patient or id)
    listed = state.patients.is_listed(id)
    return page(
        request,
        "patient.html.j2",
        status,
        id=id,
        answer=answer(assessment),
        letter=letter(assessment),
        handout=f"/handout/{quote(id, safe='')}",
        what_if=f"/patients/{quote(id, safe='')}/what-if",
        may_write=listed,
        message=message,
        measures=state.store.measures(id),
        reviews=state.store.reviews(id),
        units=list(forms.UNITS),
        statuses=_statuses(),
        diagnoses=[("imnm", "IMNM"), *((id, labels.disease(id)) for id in DISEASES if id != "other")],
    )


@router.post("/patients/{id}/review")
async def review(request: Request, id: str) -> Response:
    """Keep a review entered on the patient's page."""
    form = await form_of(request)
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
    body = _mapping(await json_body(request))
    return await run_in_threadpool(_api_review, request, patient, body)


def _api_review(request: Request, patient: str, body: Mapping[str, str]) -> Response:
    try:
        review = _keep_review(request, patient, body)
    except ValueError as error:
        raise Refused(422, str(error)) from error
    return json_answer(review._asdict(), 201)


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
    if on and not is_date(on):
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
    form = await form_of(request)
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
    if kind not in KINDS or not is_date(on) or on > dt.date.today().isoformat() or value is None:
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
    record = record_of(request, id)
    noted(request, "read", record.reading.patient or id)
    return Response(handout.handout(record.assessment, back=f"/patients/{quote(id, safe='')}"), media_type="text/html")


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
    low = input_.low if input_.low >= SMALLEST else 0.0
    between = words("calculators.between", low=number_words(low), high=number_words(input_.high))
    return f", {between}"


@router.get("/explain")
def explain_index(request: Request) -> Response:
    """Every id, or the one asked for by the search field."""
    from imnm.report.explain import by_kind

    asked = request.query_params.get("id", "").strip()
    if asked:
        return RedirectResponse(f"/explain/{quote(asked, safe='')}", 303)
    return page(request, "explain.html.j2", id="", text="", error="", kinds=by_kind(), found=[])


@router.get("/explain/{id:path}")
def explain(request: Request, id: str) -> Response:
    """Anything with an id; for other words, what they stand in."""
    from imnm.report.explain import UnknownId, by_kind, matching
    from imnm.report.explain import explain as explained

    shown: dict[str, Any] = {"id": id, "kinds": {}, "found": [], "text": "", "error": ""}
    known = {subject.id for subjects in by_kind().values() for subject in subjects}
    try:
        return page(request, "explain.html.j2", **shown | {"text": with_links(explained(id), known)})
    except UnknownId as error:
        near = [subject for id in error.nearest for subject in matching(id) if subject.id == id]
        found = {subject.id: subject for subject in (*matching(id), *near)}
        sentence = words("explain.nothing" if not found else "explain.other")
        return page(request, "explain.html.j2", 404, **shown | {"found": list(found.values()), "error": sentence})


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


def _mapping(data: bytes) -> dict[str, str]:
    try:
        return msgspec.json.decode(data, type=dict[str, str])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(400, words("error.content_type")) from error


def _decimal(text: str) -> float | None:
    text = text.strip()
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text) else None


def warm_up() -> None:
    """Load the plotting library and the templates, which the first page would wait for."""
    found = examples.EXAMPLES[0]
    answer(assess_record(examples.read(found), found.as_of))
