"""The worklist as it is shown: sorted, filtered, one page of it at a time, with a small CK course in each row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from imnm.assessment.program import RANK
from imnm.knowledge.messages import say
from imnm.report import labels
from imnm.report.blocks import word
from imnm.report.view import level_word

from .source import Listed
from .store import Review

if TYPE_CHECKING:
    from imnm.population.rows import ListedRow

PAGE = 50
SORTS = ("urgency", "level", "patient_id", "first_flagged_on", "ck_peak_u_l", "top_probability")
WIDTH, HEIGHT = 96, 24


class View(NamedTuple):
    """What is asked of the worklist."""

    level: str = ""
    status: str = ""
    text: str = ""
    sort: str = "urgency"
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> View:
        """The view that an address asks for; what makes no sense is left out."""
        page = query.get("page", "1")
        sort = query.get("sort", "urgency")
        return cls(
            level=query.get("level", "") if query.get("level", "") in RANK else "",
            status=query.get("status", "")[:40],
            text=query.get("q", "").strip()[:100],
            sort=sort if sort in SORTS else "urgency",
            page=int(page) if page.isdecimal() and 0 < int(page) < 10**6 else 1,
        )


class Shown(NamedTuple):
    """A row in words."""

    id: str
    level: str
    tone: str
    reasons: str
    step: str
    urgency: str
    diagnosis: str
    leading: str
    flagged: str
    peak: str
    statin: str
    coded: bool
    status: str
    course: Markup
    course_words: str


class Page(NamedTuple):
    """One page of the worklist. ``found``: rows after filtering; ``of``: all."""

    rows: tuple[Shown, ...]
    found: int
    of: int
    page: int
    pages: int


def page_of(listed: Sequence[Listed], reviews: Mapping[str, Review], view: View) -> Page:
    """The page that the view asks for."""
    chosen = [item for item in listed if _fits(item, reviews, view)]
    if view.sort != "urgency":  # the order of the screening is by urgency
        chosen.sort(key=lambda item: _key(item, view.sort))
    pages = max(1, math.ceil(len(chosen) / PAGE))
    page = min(view.page, pages)
    rows = chosen[(page - 1) * PAGE : page * PAGE]
    return Page(tuple(_shown(item, reviews) for item in rows), len(chosen), len(listed), page, pages)


def _fits(item: Listed, reviews: Mapping[str, Review], view: View) -> bool:
    row = item.row
    if view.level and row.level != view.level:
        return False
    review = reviews.get(row.patient_id)
    if view.status == "open":
        if review is not None:
            return False
    elif view.status and (review is None or review.status != view.status):
        return False
    if not view.text:
        return True
    steps = " ".join(labels.step(step) for step in row.next_steps.split())
    diagnosis = labels.disease(row.diagnosis) if row.diagnosis else ""
    words = (
        f"{row.patient_id} {row.reasons} {row.next_steps} {steps} {row.statin or ''} {row.diagnosis or ''} {diagnosis}"
    )
    return view.text.lower() in words.lower()


def _next(row: ListedRow) -> str:
    """The step that would settle it, or else the first that is due."""
    return row.decisive_step or next(iter(row.next_steps.split()), "")


def _key(item: Listed, sort: str) -> tuple[Any, ...]:
    """Greatest first for numbers and levels, oldest first for dates; what is not known comes last."""
    row = item.row
    if sort == "level":
        return (-RANK[row.level], row.patient_id)
    value = getattr(row, sort)
    if isinstance(value, int | float):
        value = -value
    return (value is None, value if value is not None else 0, row.patient_id)


def _shown(item: Listed, reviews: Mapping[str, Review]) -> Shown:
    row = item.row
    review = reviews.get(row.patient_id)
    leading = labels.disease(row.top_disease) if row.top_disease else ""
    if leading and row.top_probability is not None:
        leading = f"{leading} ({round(100 * row.top_probability)} %)"
    return Shown(
        id=row.patient_id,
        level=level_word(row.level),
        tone=row.level,
        reasons=row.reasons,
        step=labels.step(_next(row)) if _next(row) else "",
        urgency=word("report.urgency", row.urgency) if row.urgency in ("emergency", "urgent") else "",
        diagnosis=labels.disease(row.diagnosis) if row.diagnosis else "",
        leading=leading,
        flagged=row.first_flagged_on or "",
        peak="" if row.ck_peak_u_l is None else f"{row.ck_peak_u_l:,.0f} U/L, {row.ck_peak_on or ''}".rstrip(", "),
        statin=labels.words(row.statin or ""),
        coded=row.already_coded,
        status=say(f"serve.status.{review.status}") if review else "",
        course=course(item.course),
        course_words=course_words(item.course),
    )


def course(points: Sequence[tuple[float, float]]) -> Markup:
    """The CK course as a line a word long (logarithmic, no scale): a hint at the shape, which the patient's page draws
    in full. Hundreds stand on a page, so it is a bare line of points and no plot."""
    if len(points) < 2:
        return Markup("")
    days, values = [day for day, _ in points], [math.log10(value) for _, value in points]
    across, up = (max(days) - min(days)) or 1.0, (max(values) - min(values)) or 1.0
    places = " ".join(
        f"{2 + (WIDTH - 4) * (day - min(days)) / across:.1f},{2 + (HEIGHT - 4) * (max(values) - value) / up:.1f}"
        for day, value in zip(days, values, strict=True)
    )
    return Markup(
        f'<svg class="spark" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true">'
        f'<polyline points="{places}"/></svg>'
    )


def course_words(points: Sequence[tuple[float, float]]) -> str:
    """The same for those who do not see it."""
    if not points:
        return ""
    values = [value for _, value in points]
    return say("serve.worklist.course", count=len(points), first=f"{values[0]:,.0f}", peak=f"{max(values):,.0f}",
               last=f"{values[-1]:,.0f}")  # fmt: skip
