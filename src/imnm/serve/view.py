"""Templates filled: the environment of the report with the server's own templates before it."""

from __future__ import annotations

import re
import threading
from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from imnm.assessment.model import Assessment
from imnm.knowledge.messages import say
from imnm.report import html

from .people import LOCAL

STATIC = {
    "serve.css": "text/css; charset=utf-8",
    "serve.js": "text/javascript; charset=utf-8",
    "report.css": "text/css; charset=utf-8",
}


@cache
def environment() -> Environment:
    """Everything that is not marked safe is escaped, as in the report."""
    made = html.environment().overlay(
        loader=ChoiceLoader([PackageLoader("imnm.serve"), PackageLoader("imnm.report")]), trim_blocks=True
    )
    made.globals["t"] = words
    return made


def words(key: str, **values: object) -> str:
    """A sentence of the server's messages."""
    return say(f"serve.{key}", language="en", **values)


def page(request: Request, template: str, status: int = 200, **content: Any) -> Response:
    """A page for the person who asks."""
    state = request.app.state
    person = getattr(request.state, "person", "")
    content = {
        "here": request.url.path,
        "has_source": state.patients.source is not None,
        "person": "" if person == LOCAL else person,
        "can_sign_out": state.settings.sign_in.kind == "oidc",
    } | content
    return HTMLResponse(environment().get_template(template).render(content), status)


def with_links(text: str, known: Collection[str]) -> Markup:
    """An explanation in which known ids lead on. Ids that are ordinary words are links only where ids are listed."""
    lists = tuple(f"{say(f'report.explain.{heading}')}:" for heading in ("used_by", "rests_on_it"))
    paragraphs = []
    for paragraph in text.split("\n\n"):
        listed = paragraph.startswith(lists)
        pieces = re.split(r"([A-Za-z0-9](?:[\w.:/+-]*\w)?)", paragraph)
        paragraphs.append(
            Markup("").join(
                Markup('<a href="/explain/{}">{}</a>').format(quote(piece, safe=""), piece)
                if piece in known and (listed or re.search(r"[_:\d-]", piece))
                else escape(piece)
                for piece in pieces
            )
        )
    return Markup("\n\n").join(paragraphs)


_DRAWING = threading.Lock()


def answer(assessment: Assessment) -> Markup:
    """The parts of the report, as ``imnm assess --format html`` has them. One at a time: the plotting library keeps
    its settings for the whole process."""
    with _DRAWING:
        return html.answer(assessment)


@cache
def static(name: str) -> bytes | None:
    """A file that every page uses; None if there is none of this name."""
    if name not in STATIC:
        return None
    if name == "report.css":
        return str(html.style()).encode()
    return (resources.files("imnm.serve") / "static" / name).read_bytes()
