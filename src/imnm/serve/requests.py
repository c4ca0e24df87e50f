"""What every page asks of a request: who it is, what was sent, whose record is meant, and that it is written down."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import Request
from starlette.responses import Response

from imnm.sources import read

from . import forms, source
from .people import Person
from .refusal import Refused
from .store import Measure
from .view import words
from .whatif import Base

JSON_TYPES = ("application/json", "application/fhir+json")


def person_of(request: Request) -> Person:
    """Who asks; the request goes no further without."""
    person: Person = request.app.state.people.person(request)
    request.state.person = person.name
    return person


def noted(request: Request, action: Any, patient: str | None) -> None:
    """Write who did what to whom, before anything is shown."""
    address = request.client.host if request.client else ""
    request.app.state.trail.note(action, patient, request.state.person, request.state.request_id, address)


def json_answer(value: Any, status: int = 200) -> Response:
    """Anything as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that a page sent."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Refused(415, words("error.form_type"))
    form = await request.form(max_fields=200, max_part_size=100_000)
    return {name: value for name, value in form.items() if isinstance(value, str)}


async def json_body(request: Request) -> bytes:
    """The body, which must be said to be JSON."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() not in JSON_TYPES:
        raise Refused(415, words("error.content_type"))
    return await request.body()


def is_date(text: str) -> bool:
    """Whether it is a day of the calendar (YYYY-MM-DD)."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def when_ready(request: Request) -> None:
    """Raises Refused while the patients are being read."""
    patients = request.app.state.patients
    if patients.failure:
        raise Refused(503, words("error.source_failed"))
    if not patients.ready.is_set():
        raise Refused(503, words("error.not_ready"))


def record_of(request: Request, id: str) -> Base:
    """The record of a patient who has a page, with what was entered there, assessed. Raises Refused."""
    state = request.app.state
    patients: source.Patients = state.patients
    reading = patients.reading(id)
    if reading is None:
        if patients.source is not None:
            when_ready(request)
        raise Refused(404, words("error.no_patient_here"))
    measures: Sequence[Measure] = state.store.measures(id)
    as_of, setting = patients.as_of(id), source.SETTING if patients.is_listed(id) else None
    if measures:
        reading = source.joined(reading, [read(forms.measures_bundle(id, measures))])
        as_of = None  # the newest of what is known, the entered results included
    return Base(reading, source.assessed(reading, as_of, setting), setting)
