"""The CK course as a picture: results on a logarithmic scale over the normal band, with the day on which the case could
have been noticed and the day of the assessment; below it drug periods, symptoms and test results.

Drawn by matplotlib (extra ``plots``) as inline SVG whose colours are CSS variables, so that the page's dark and print
styles apply to it. The picture repeats what the tables say; it never says more.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imnm.assessment.model import Assessment, SeriesPoint, Symptom
from imnm.knowledge.concepts import members
from imnm.knowledge.messages import say
from imnm.logic.event import day_date, day_number
from imnm.sources import Exposure

from . import labels
from .blocks import bounds_words, number_words, visible, word
from .labels import drug
from .view import CK, period_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, ROW = 8.0, 4.6, 0.25
"""Inches: the width, the height of what always stands there, and of each lane below it."""
SHOWN_BEFORE = 365
"""Days before the first result from which a start or stop of a drug is still drawn at its place."""
TESTS = ("biopsy", "emg", "mri")
"""Findings whose id begins so are results of these tests: those present are one event on their day."""
ANTIBODIES = ("anti_hmgcr_positive", "anti_srp_positive")
"""Antibodies that are shown whether present or absent."""
OTHER_ANTIBODIES = ("other_msa_positive", "anti_cn1a_positive", "neuromuscular_junction_antibody")
"""Antibodies that are shown if present."""
NARROW = 30
"""Below this ratio of its ends the scale is marked at 2 and 5 besides the powers of ten."""
GAP = 0.5
"""A gap of more than this share of the whole course, and of a year, before which results are left to the table."""

FIRST_DAY, LAST_DAY = day_number(dt.date.min), day_number(dt.date.max)
"""The calendar's own ends: what is entered wrongly (the year 9999) still has to be drawn."""

# Colours that stand for CSS variables of the page: distinct values that matplotlib writes out and we replace.
_INK, _FAINT, _LINE, _BAND, _DRUG, _EVENT = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_STATIN, _SYMPTOM, _NOTICED = "#070707", "#080808", "#090909"
_VARIABLES = {
    _INK: "var(--ink)", _FAINT: "var(--faint)", _LINE: "var(--line)", _BAND: "var(--band)", _DRUG: "var(--drug)",
    _EVENT: "var(--event)", _STATIN: "var(--statin)", _SYMPTOM: "var(--symptom)", _NOTICED: "var(--red)",
}  # fmt: skip

SHOWN_MARKS = 12
MOST_POINTS = 600
SHOWN_SYMPTOMS = 8
LONGEST_TEXT, LONGEST_LABEL = 64, 30


class Dated(NamedTuple):
    """A result that can be drawn; ``on`` in days since 1970-01-01, as in events and as matplotlib counts."""

    on: int
    low: float
    high: float
    point: SeriesPoint


class Mark(NamedTuple):
    """A test result on its day."""

    on: int
    text: str


class Lane(NamedTuple):
    """One symptom with the spans of days on which its entries say it was there; a start of None is not recorded."""

    label: str
    spans: tuple[tuple[int | None, int], ...]
    since: str


class PlotsMissing(Exception):
    """The plotting library is not installed."""


def describe(assessment: Assessment) -> str:
    """The picture in words."""
    points = _dated(assessment.series.get(CK, []))
    if not points:
        return say("report.course.description_none")
    peak = max(points, key=lambda p: p.high)
    sentences = [
        say(
            "report.course.description",
            count=len(points),
            first=points[0].point.on,
            last=points[-1].point.on,
            peak=bounds_words(peak.point.low, peak.point.high),
            peak_on=peak.point.on,
            latest=bounds_words(points[-1].point.low, points[-1].point.high),
        )
    ]
    if len(points) == 1:
        sentences = [say("report.course.description_one", on=peak.point.on, value=bounds_words(*_bounds(peak)))]
    for key, items in (
        ("drugs", [f"{drug(e.drug)} {period_words(e)}" for e in _dated_drugs(assessment)]),
        ("symptoms", [f"{lane.label} {lane.since}" for lane in _lanes(assessment.symptoms)]),
        ("tests", [f"{mark.text} ({day_date(mark.on)})" for mark in _marks(assessment)]),
    ):
        if items:
            sentences.append(say(f"report.course.description_{key}", items="; ".join(items)))
    if assessment.suspicion.first_flagged_on:
        sentences.append(say("report.line.flagged", on=assessment.suspicion.first_flagged_on))
    if earlier := len(points) - len(_shown(points)):
        sentences.append(say("report.course.earlier_one" if earlier == 1 else "report.course.earlier", count=earlier))
    return visible(" ".join(sentences))


def draw(assessment: Assessment) -> str:
    """The picture as one ``<svg>`` element; empty if there is nothing dated to draw.

    Raises PlotsMissing without the extra ``plots``.
    """
    points = _dated(assessment.series.get(CK, []))
    if not points:
        return ""
    try:
        import matplotlib as mpl
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlotsMissing from error
    points, drugs, marks = _thinned(_shown(points)), _dated_drugs(assessment), _marks(assessment)
    lanes = _lanes(assessment.symptoms)
    noticed = assessment.suspicion.first_flagged_on
    days = (_day(noticed) if noticed else None, _day(assessment.as_of))
    ends = _ends(points, drugs, marks, lanes, days)
    with mpl.rc_context(_style()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as a letter that the measuring font lacks: the reader's font has it
        rows = [max(len(some), 0.1) for some in (drugs, lanes, marks)]
        figure = Figure(figsize=(WIDTH, HEIGHT + ROW * sum(rows)), layout="constrained")
        figure.patch.set_alpha(0)
        parts = figure.subplots(4, 1, sharex=True, height_ratios=(HEIGHT - 0.6, *(ROW * row for row in rows)))
        for axes in parts:
            axes.patch.set_alpha(0)
        upper, *lower = parts
        _draw_results(upper, points)
        _draw_days(upper, days, ends)
        _draw_drugs(lower[0], drugs, ends, days[1])
        _draw_symptoms(lower[1], lanes, ends)
        _draw_marks(lower[2], upper, marks, ends)
        upper.set_xlim(*ends)
        _date_axis(lower[2], ends)
        target = io.StringIO()
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return _inline(target.getvalue())


def _style() -> dict[Any, Any]:
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "imnm",
        "font.size": 10,
        "font.family": "sans-serif",
        "text.parse_math": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    return style | dict.fromkeys(
        ("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"), _INK
    )


def _bounds(dated: Dated) -> tuple[float | None, float | None]:
    return dated.point.low, dated.point.high


def _dated_drugs(assessment: Assessment) -> list[Exposure]:
    """Drugs of which a day is known: the statins first."""
    statins = members("statin")
    dated = [e for e in assessment.exposures if e.start or e.stop]
    return sorted(dated, key=lambda e: not _is_statin(e, statins))


def _is_statin(exposure: Exposure, statins: Collection[str]) -> bool:
    return exposure.drug == "statin" or exposure.drug in statins


def _lanes(symptoms: Sequence[Symptom]) -> list[Lane]:
    """The symptoms, the first to be there first."""
    spans: dict[str, list[tuple[int | None, int]]] = {}
    for symptom in symptoms:
        if symptom.last:
            span = (_day(symptom.first) if symptom.first else None, _day(symptom.last))
            spans.setdefault(symptom.label, []).append(span)
    lanes = [Lane(label, tuple(found), _since(found)) for label, found in spans.items()]
    return lanes[:SHOWN_SYMPTOMS]


def _since(spans: Sequence[tuple[int | None, int]]) -> str:
    """When it was there first, as exactly as the record says: ``2023-04`` for a month, ``by 2023-04-10``."""
    start, end = min(spans, key=lambda span: span[1])
    last = str(day_date(end))
    if start is None:
        return say("report.course.by", on=last)
    first = str(day_date(start))
    if first == last:
        return first
    if first[:7] == last[:7]:
        return first[:7]
    return first[:4] if first[:4] == last[:4] else f"{first[:4]}–{last[:4]}"


def _dated(points: Sequence[SeriesPoint]) -> list[Dated]:
    found = []
    for point in points:
        if point.on is None or (point.low is None and point.high is None):
            continue
        low = point.low if point.low is not None else point.high
        high = point.high if point.high is not None else point.low
        assert low is not None
        assert high is not None
        if high > 0:
            found.append(Dated(_day(point.on), max(low, 1.0), max(high, 1.0), point))
    return sorted(found, key=lambda p: p.on)


def _marks(assessment: Assessment) -> list[Mark]:
    """Test results on their days: antibodies each, the findings of a biopsy, EMG or MRI together."""
    together: dict[tuple[int, str], list[str]] = {}
    marks = []
    for f in assessment.findings:
        if f.on is None or not isinstance(f.value, bool) or f.basis == "silence":
            continue
        label = f.label or labels.finding(f.id)
        test = f.id.split("_", 1)[0]
        if test in TESTS and f.value:
            together.setdefault((_day(f.on), test), []).append(label.split(": ", 1)[-1])
        elif f.id in ANTIBODIES or (f.id in OTHER_ANTIBODIES and f.value):
            result = say("report.value.positive" if f.value else "report.value.negative")
            marks.append(Mark(_day(f.on), f"{label}: {result}"))
    for (day, test), said in together.items():
        marks.append(Mark(day, f"{word('report.test', test)}: {', '.join(said)}"))
    return [Mark(mark.on, visible(mark.text)) for mark in sorted(marks)][-SHOWN_MARKS:]


def _shown(points: list[Dated]) -> list[Dated]:
    """The results without what lies before a long gap, which would leave no room for the course."""
    for number in range(len(points) - 1, 0, -1):
        gap = points[number].on - points[number - 1].on
        if gap > max(365, GAP * (points[-1].on - points[0].on)) and len(points) - number > 1:
            return points[number:]
    return points


def _day(text: str) -> int:
    """The number of a day whose date may be partial: then the first it can be."""
    year, month, day = ([int(part) for part in text[:10].split("-")] + [1, 1])[:3]
    return day_number(dt.date(year, month, day))


def _ends(
    points: list[Dated], drugs: list[Exposure], marks: list[Mark], lanes: list[Lane], days: tuple[int | None, int]
) -> tuple[int, int]:
    """The days shown: the results with some room; what was long before does not squeeze them."""
    first, last = points[0].on, max(points[-1].on, days[1], *(mark.on for mark in marks))
    changes = [_day(day) for exposure in drugs for day in (exposure.start, exposure.stop) if day]
    changes += [mark.on for mark in marks] + [end if start is None else start for x in lanes for start, end in x.spans]
    changes += [days[0]] if days[0] is not None else []
    first = min([first, *(day for day in changes if points[0].on - SHOWN_BEFORE <= day)])
    room = max(14, int((last - first) * 0.06))
    return max(first - room, FIRST_DAY), min(last + room, LAST_DAY)


def _thinned(points: list[Dated]) -> list[Dated]:
    """No more results than the picture can show: of each narrow span of days the lowest and the highest."""
    if len(points) <= MOST_POINTS:
        return points
    first, span = points[0].on, (points[-1].on - points[0].on) or 1
    bins: dict[int, list[Dated]] = {}
    for point in points:
        bins.setdefault((point.on - first) * (MOST_POINTS // 2 - 1) // span, []).append(point)
    ends = (extreme for some in bins.values() for extreme in (min(some, key=_low), max(some, key=_high)))
    return sorted({id(p): p for p in (points[0], *ends, points[-1])}.values(), key=lambda p: p.on)


def _low(point: Dated) -> float:
    return point.low


def _high(point: Dated) -> float:
    return point.high


def _draw_results(axes: Axes, points: list[Dated]) -> None:
    axes.set_yscale("log")
    axes.plot(
        [p.on for p in points],
        [p.low if p.point.high is None else p.high for p in points],
        color=_LINE,
        linewidth=1.2,
        zorder=2,
    )
    for marker, some in (
        ("^", [p for p in points if p.point.high is None]),
        ("v", [p for p in points if p.point.high is not None and p.point.low is None]),
        ("o", [p for p in points if p.point.high is not None and p.point.low is not None]),
    ):
        if some:
            on, high = [p.on for p in some], [p.high for p in some]
            axes.plot(on, high, marker=marker, color=_LINE, markersize=6, zorder=3, linestyle="")
    wide = [p for p in points if p.low < p.high]
    axes.vlines([p.on for p in wide], [p.low for p in wide], [p.high for p in wide], color=_LINE, linewidth=3)
    limits = [p.point.uln for p in points if p.point.uln]
    values = [v for p in points for v in (p.low, p.high)]
    bottom = min([*values, *limits]) / 2.5
    if limits:
        # The limit can change with the laboratory; the band shows the last one, the table shows each.
        axes.axhspan(bottom, limits[-1], color=_BAND, linewidth=0, zorder=0)
        axes.text(0.995, limits[-1], f"{say('report.course.band')} ({number_words(limits[-1])})", va="top", ha="right",
                  transform=axes.get_yaxis_transform(), fontsize=9, color=_FAINT)  # fmt: skip
    axes.set_ylim(bottom, max(values) * 2)
    axes.set_ylabel(say("report.course.axis"))
    axes.yaxis.set_major_formatter(lambda value, _: number_words(value))
    few = max(values) * 2 < bottom * NARROW  # then there may be no power of ten, or just one
    axes.yaxis.set_minor_formatter(lambda value, _: number_words(value) if few and f"{value:e}"[0] in "25" else "")
    axes.grid(axis="y", color=_FAINT, alpha=0.25, linewidth=0.6)
    for p in {p.on: p for p in (points[0], max(points, key=lambda p: p.high), points[-1])}.values():
        axes.annotate(bounds_words(p.point.low, p.point.high), (p.on, p.high), xytext=(0, 8),
                      textcoords="offset points", ha="center", fontsize=9)  # fmt: skip


def _draw_days(axes: Axes, days: tuple[int | None, int], ends: tuple[int, int]) -> None:
    """The first day on which the case could have been noticed, and the day of the assessment."""
    for height, day, key, colour in ((1.07, days[0], "noticed", _NOTICED), (1.01, days[1], "today", _INK)):
        if day is None:
            continue
        share = (day - ends[0]) / (ends[1] - ends[0])
        side = "left" if share < 0.35 else "right" if share > 0.65 else "center"
        axes.axvline(day, color=colour, linewidth=1.2, linestyle="-" if key == "noticed" else (0, (1, 2)), zorder=1)
        axes.text(day, height, say(f"report.course.{key}", on=day_date(day)), ha=side, va="bottom", fontsize=9,
                  color=colour, transform=axes.get_xaxis_transform())  # fmt: skip


def _bare(axes: Axes, labels: list[str]) -> None:
    """A lane for each label, without lines around it."""
    axes.set_yticks(range(len(labels)), [_cut(label, LONGEST_LABEL) for label in labels])
    axes.set_ylim(max(len(labels), 1) - 0.5, -0.5)
    axes.tick_params(axis="both", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _cut(text: str, longest: int) -> str:
    text = visible(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _draw_drugs(axes: Axes, drugs: list[Exposure], ends: tuple[int, int], today: int) -> None:
    """One bar a drug; where no stop is recorded an arrow stands at the day of the assessment."""
    statins = members("statin")
    _bare(axes, [drug(e.drug) for e in drugs])
    for row, exposure in enumerate(drugs):
        start = _day(exposure.start) if exposure.start else ends[0]
        stop = _day(exposure.stop) if exposure.stop else today
        colour = _STATIN if _is_statin(exposure, statins) else _DRUG
        if stop < ends[0]:
            axes.annotate(say("report.course.until", on=exposure.stop), (ends[0], row), xytext=(4, 0),
                          textcoords="offset points", va="center", fontsize=8, color=_FAINT)  # fmt: skip
            continue
        start, stop = max(start, ends[0]), min(stop, ends[1])
        axes.barh([row], [stop - start], left=[start], height=0.5,
                  color=colour, alpha=1 if exposure.start else 0.6, linewidth=0)  # fmt: skip
        if not exposure.stop:
            axes.plot([stop], [row], marker=">", color=colour, markersize=7)
        if not exposure.start:
            axes.text(start, row, f" {say('report.course.open_start')}", va="center", fontsize=8)


def _draw_symptoms(axes: Axes, lanes: list[Lane], ends: tuple[int, int]) -> None:
    """One lane a symptom: a bar over the days on which it can have begun; an arrow to the left where that is open."""
    _bare(axes, [lane.label for lane in lanes])
    for row, lane in enumerate(lanes):
        for start, end in lane.spans:
            if end < ends[0] or start is None:
                axes.plot([max(end, ends[0])], [row], marker="<", color=_SYMPTOM, markersize=6)
                continue
            middle = (max(start, ends[0]) + end) / 2
            axes.plot([max(start, ends[0]), end], [row, row], color=_SYMPTOM, linewidth=3)
            axes.plot([middle], [row], marker="s", color=_SYMPTOM, markersize=5)
        latest = max(end for _, end in lane.spans)
        _beside(axes, max(latest, ends[0]), row, lane.since, ends)


def _draw_marks(axes: Axes, upper: Axes, marks: list[Mark], ends: tuple[int, int]) -> None:
    _bare(axes, [])
    axes.spines["bottom"].set_visible(True)
    axes.set_ylim(max(len(marks), 1) - 0.5, -0.5)
    for row, mark in enumerate(marks):
        text = _cut(mark.text, LONGEST_TEXT)
        if mark.on < ends[0]:
            axes.plot([ends[0]], [row], marker="<", color=_EVENT, markersize=6)
            _beside(axes, ends[0], row, f"{day_date(mark.on)}: {text}", ends)
            continue
        upper.axvline(mark.on, color=_EVENT, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        axes.plot([mark.on], [row], marker="D", color=_EVENT, markersize=5)
        _beside(axes, mark.on, row, text, ends)


def _beside(axes: Axes, day: float, row: int, text: str, ends: tuple[int, int]) -> None:
    """A text beside its mark, on the side where there is room."""
    late = (day - ends[0]) / (ends[1] - ends[0]) > 0.5
    axes.annotate(text, (day, row), xytext=(-8 if late else 8, 0), textcoords="offset points",
                  ha="right" if late else "left", va="center", fontsize=9)  # fmt: skip


def _date_axis(axes: Axes, ends: tuple[int, int]) -> None:
    from matplotlib.dates import AutoDateLocator, DateFormatter

    axes.xaxis.set_major_locator(AutoDateLocator(minticks=3, maxticks=7))  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d" if ends[1] - ends[0] < 900 else "%Y"))  # type: ignore[no-untyped-call]
    axes.tick_params(axis="x", length=4)


def _inline(svg: str) -> str:
    """Only the element: no declarations, no style of its own, no fixed size; colours as variables of the page."""
    svg = svg[svg.index("<svg") :]
    view = re.search(r'viewBox="[\d. -]+"', svg)
    assert view
    body = svg[svg.index(">") + 1 :]
    body = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", body, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    return f'<svg {view.group()} aria-hidden="true" focusable="false">{body.strip()}'
