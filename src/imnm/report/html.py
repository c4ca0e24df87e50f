"""The report as one self-contained page, and as a fragment for notebooks. No script, no network.

Everything from the record is escaped by the templates; only the style sheet and the picture are inserted as they are.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from imnm.assessment.model import Assessment
from imnm.knowledge.messages import say

from .blocks import SHOWN_WEIGHTS, Section, Weight
from .course import PlotsMissing, describe, draw
from .proof import trees
from .view import CK, NOTHING_POINTS, head, sections

WIDEST = 2.5
"""The weight (decimal logarithm of a likelihood ratio) at which a bar ends."""
_ADDRESSES = {
    "doi": "https://doi.org/",
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
    "pmc": "https://pmc.ncbi.nlm.nih.gov/articles/",
    "trial": "https://clinicaltrials.gov/study/",
    "web": "",
}
_LOCATOR = re.compile(
    r"doi:(?P<doi>10\.[^\s;,]+[^\s;,.)])|pmid:\s?(?P<pmid>\d+)|(?P<pmc>PMC\d+)|(?P<trial>NCT\d{8})|(?P<web>https://[^\s;,]+[^\s;,.)])",
    re.IGNORECASE,
)
FOLDED = ("trials", "conflicts")
"""Sections that a reader opens if they want them."""


def page(assessment: Assessment) -> str:
    """A complete HTML document."""
    return environment().get_template("page.html.j2").render(**_content(assessment), contents=True, style=style())


def fragment(assessment: Assessment) -> str:
    """The same without the document around it, for a notebook cell."""
    body = environment().get_template("answer.html.j2").render(**_content(assessment), contents=False)
    return f'<div class="imnm"><style>{style()}</style>{body}</div>'


def answer(assessment: Assessment) -> Markup:
    """The same for a page of the server, which has the style sheet from elsewhere."""
    return Markup(environment().get_template("answer.html.j2").render(**_content(assessment), contents=True))


@cache
def environment() -> Environment:
    """The templates of the report, which escape everything that is not marked safe."""
    made = Environment(
        loader=PackageLoader("imnm.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
    )
    made.globals.update(
        proofs=trees,
        anchor=_anchor,
        ids=_ids,
        bar=_bar,
        linked=_linked,
        drawn=2 * SHOWN_WEIGHTS,
    )
    return made


@cache
def style() -> Markup:
    """The style sheet, which touches nothing outside ``.imnm``."""
    return Markup((resources.files("imnm.report") / "templates" / "style.css").read_text(encoding="utf-8"))


def _content(assessment: Assessment) -> dict[str, Any]:
    return {
        "head": head(assessment),
        "sections": _picture_first(sections(assessment)),
        "course": _course(assessment),
        "folded": (*FOLDED, "differential") if assessment.suspicion.level in NOTHING_POINTS else FOLDED,
        "words": {
            "page": say("report.title.page"),
            "skip": say("report.page.skip"),
            "contents": say("report.page.contents"),
            "course": say("report.course.title"),
            "show": say("report.page.show"),
            "proof": say("report.line.proof"),
            "record": say("report.line.evidence", items=""),
            "sources": say("report.line.sources", items=""),
            "weights": say("report.line.weights"),
        },
        "footer": say(
            "report.page.footer", version=assessment.version, knowledge=assessment.knowledge, notice=assessment.notice
        ),
    }


def _picture_first(parts: list[Section]) -> list[Section]:
    """On a page the course stands where the eye goes after the steps: before what explains it."""
    order = {"alerts": 0, "steps": 1, "course": 2, "exposures": 3, "statins": 4}
    return sorted(parts, key=lambda section: order.get(section.id, len(order)))


def _course(assessment: Assessment) -> dict[str, Any]:
    if not assessment.series.get(CK):
        return {"svg": "", "description": "", "missing": ""}
    missing = ""
    try:
        svg = draw(assessment)
    except PlotsMissing:
        svg, missing = "", say("report.course.no_plots")
    return {"svg": Markup(svg), "description": describe(assessment), "missing": missing}


def _anchor(id: str) -> str:
    return "source-" + re.sub(r"[^a-z0-9-]+", "-", id.lower())


def _ids(cell: str) -> list[str]:
    """The ids of sources in a cell."""
    return [id for id in cell.split(", ") if id]


def _bar(weight: Weight) -> dict[str, str]:
    """Where a weight's bar and its interval stand, in percent of the width; the middle is no weight."""
    low, high = sorted(min(max(end, -WIDEST), WIDEST) for end in (weight.low, weight.high))
    value = min(max(weight.value, -WIDEST), WIDEST)
    left = min(value, 0.0)
    return {
        "left": _place(left),
        "width": f"{50 * abs(value) / WIDEST:.1f}",
        "from": _place(low),
        "to": f"{50 * (high - low) / WIDEST:.1f}",
        "side": "for" if value > 0 else "against",
    }


def _place(value: float) -> str:
    return f"{50 + 50 * value / WIDEST:.1f}"


def _linked(text: str) -> Markup:
    """A citation whose DOI, PubMed, PMC and trial numbers and addresses lead to the publication."""
    parts, end = [], 0
    for found in _LOCATOR.finditer(text):
        name = found.lastgroup or ""
        link = Markup('<a href="{}" rel="noreferrer">{}</a>').format(_ADDRESSES[name] + found[name], found[0])
        parts += [escape(text[end : found.start()]), link]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])
