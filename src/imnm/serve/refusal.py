"""Saying no: an error as a FHIR OperationOutcome for programs, or as a sentence on a page for people."""

from __future__ import annotations

import json
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

PROGRAM_PATHS = ("/api/", "/cds-services")
"""Paths that programs call; what stands under other paths is read by people."""

_CODES = {400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 405: "not-supported", 409: "conflict",
          412: "incomplete", 413: "too-long", 415: "not-supported", 422: "invalid", 503: "transient"}  # fmt: skip
"""The FHIR issue type for a status."""


class Refused(Exception):
    """The request is answered with this status and one sentence, which names no patient."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def outcome(status: int, sentence: str) -> Response:
    """A FHIR OperationOutcome with this status."""
    issue = {"severity": "error", "code": _CODES.get(status, "processing"), "details": {"text": sentence}}
    body = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    return Response(body, status, media_type="application/json")


def for_program(request: Request) -> bool:
    """Whether a program asks, which reads an OperationOutcome."""
    return request.url.path.startswith(PROGRAM_PATHS)


def phrase(status: int) -> str:
    """The standard words of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
