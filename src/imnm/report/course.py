"""The CK course as a picture: results on a logarithmic scale over the normal band, drug periods and test results below.

Drawn by matplotlib (extra ``plots``) as inline SVG whose colours are CSS variables, so that the page's dark and print
styles apply to it. The picture repeats what the tables say; it never says more.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imnm.assessment.model import Assessment, SeriesPoint
from imnm.knowledge.messages import say
from imnm.logic.event import day_number
from imnm.sources import Exposure

from . import labels
from .blocks import bounds_words, number_words, value_words, visible, word
from .view import CK, period_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 8.0, 4.6
SHOWN_BEFORE = 365
"""Days before the first result from which a start or stop of a drug is still drawn at its place."""
TESTS = ("biopsy", "emg", "mri")
"""Findings whose id begins so are results of these tests: those present are one event on their day."""
ANTIBODIES = ("anti_hmgcr_positive", "anti_srp_positive")
"""Antibodies that are shown whether present or absent; other antibodies only if present."""
GAP = 0.5
"""A gap of more than this share of the whole course, and of a year, before which results are left to the table."""

# Colours that stand for CSS variables of the page: distinct values that matplotlib writes out and we replace.
_INK, _FAINT, _LINE, _BAND, _DRUG, _EVENT = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_VARIABLES = {
    _INK: "var(--ink)", _FAINT: "var(--faint)", _LINE: "var(--line)", _BAND: "var(--band)", _DRUG: "var(--drug)",
    _EVENT: "var(--event)",
}  # fmt: skip


SHOWN_MARKS = 12


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


class PlotsMissing(Exception):
    """The plotting library is not installed."""


def describe(assessment: Assessment) -> str:
    """The picture in words."""
    points = _dated(assessment.series.get(CK, []))
    if not points:
        return say("report.course.description_none")
    earlier = len(points) - len(_shown(points))
    peak = max(points, key=lambda p: p.high)
    drugs = " ".join(
        say("report.course.description_drug", drug=labels.words(e.drug), period=period_words(e))
        for e in assessment.exposures
    )
    return say(
        "report.course.description",
        count=len(points),
        first=points[0].point.on,
        last=points[-1].point.on,
        peak=bounds_words(peak.point.low, peak.point.high),
        peak_on=peak.point.on,
        latest=bounds_words(points[-1].point.low, points[-1].point.high),
        drugs=drugs,
    ).strip() + (" " + say("report.course.earlier", count=earlier) if earlier else "")


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
    drugs = [e for e in assessment.exposures if e.start or e.stop]
    points, marks = _shown(points), _marks(assessment)
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": "imnm",
        "font.size": 10,
        "font.family": "sans-serif",
        "text.parse_math": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    style |= dict.fromkeys(("axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "text.color"), _INK)
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as a letter that the measuring font lacks: the reader's font has it
        figure = Figure(figsize=(WIDTH, HEIGHT + 0.22 * (len(drugs) + len(marks))), layout="constrained")
        figure.patch.set_alpha(0)
        rows = max(len(drugs), 1)
        upper, middle, lower = figure.subplots(
            3, 1, sharex=True, height_ratios=(12, 0.75 * rows, max(0.75 * len(marks), 0.1))
        )
        for axes in (upper, middle, lower):
            axes.patch.set_alpha(0)
        ends = _ends(points, drugs, marks, assessment.as_of)
        _draw_results(upper, points)
        _draw_drugs(middle, drugs, ends)
        _draw_marks(lower, upper, marks)
        upper.set_xlim(*ends)
        _date_axis(lower, ends)
        target = io.StringIO()
        FigureCanvasSVG(figure).print_svg(target, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return _inline(target.getvalue())


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
        elif f.id in ANTIBODIES:
            marks.append(Mark(_day(f.on), f"{label}: {value_words(f.value)}"))
    for (day, test), said in together.items():
        marks.append(Mark(day, f"{word('report.test', test)}: {', '.join(said)}"))
    return [Mark(mark.on, visible(mark.text)) for mark in sorted(marks)][:SHOWN_MARKS]


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


def _ends(points: list[Dated], drugs: list[Exposure], marks: list[Mark], as_of: str) -> tuple[int, int]:
    """The days shown: the results and tests with some room; a drug's earlier years do not squeeze the results."""
    days = [p.on for p in points] + [m.on for m in marks]
    first, last = min(days), max(*days, _day(as_of))
    changes = [_day(day) for exposure in drugs for day in (exposure.start, exposure.stop) if day]
    first = min([first, *(day for day in changes if first - SHOWN_BEFORE <= day)])
    room = max(14, int((last - first) * 0.06))
    return first - room, last + room


def _draw_results(axes: Axes, points: list[Dated]) -> None:
    axes.set_yscale("log")
    axes.plot(
        [p.on for p in points],
        [p.low if p.point.high is None else p.high for p in points],
        color=_LINE,
        linewidth=1.2,
        zorder=2,
    )
    for p in points:
        open_above, open_below = p.point.high is None, p.point.low is None
        marker = "^" if open_above else "v" if open_below else "o"
        axes.plot([p.on], [p.high], marker=marker, color=_LINE, markersize=6, zorder=3)
        if p.low < p.high:
            axes.vlines([p.on], p.low, p.high, color=_LINE, linewidth=3)
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
    axes.grid(axis="y", color=_FAINT, alpha=0.25, linewidth=0.6)
    for p in {p.on: p for p in (points[0], max(points, key=lambda p: p.high), points[-1])}.values():
        axes.annotate(bounds_words(p.point.low, p.point.high), (p.on, p.high), xytext=(0, 8),
                      textcoords="offset points", ha="center", fontsize=9)  # fmt: skip


def _draw_drugs(axes: Axes, drugs: list[Exposure], ends: tuple[int, int]) -> None:
    """One bar a drug; an end that is not recorded fades out at the edge of the picture or at the known day."""
    axes.set_yticks(range(len(drugs)), [visible(labels.words(e.drug)[:28]) for e in drugs])
    axes.set_ylim(len(drugs) - 0.5, -0.5)
    axes.tick_params(axis="both", length=0)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    for row, exposure in enumerate(drugs):
        start = _day(exposure.start) if exposure.start else ends[0]
        stop = _day(exposure.stop) if exposure.stop else ends[1]
        start, stop = max(start, ends[0]), min(stop, ends[1])
        if stop < start:
            continue
        sure = bool(exposure.start)
        axes.barh([row], [stop - start], left=[start], height=0.5,
                  color=_DRUG, alpha=0.9 if sure else 0.45, linewidth=0)  # fmt: skip
        if not exposure.start:
            axes.text(start, row, f" {say('report.course.open_start')}", va="center", fontsize=8)


def _draw_marks(axes: Axes, upper: Axes, marks: list[Mark]) -> None:
    axes.set_yticks([])
    axes.set_ylim(len(marks) - 0.5, -0.5)
    for side in ("left", "top", "right"):
        axes.spines[side].set_visible(False)
    middle = len(marks) / 2
    for row, mark in enumerate(marks):
        upper.axvline(mark.on, color=_EVENT, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
        axes.plot([mark.on], [row], marker="D", color=_EVENT, markersize=5)
        late = marks and mark.on > marks[0].on and row >= middle
        axes.annotate(mark.text[:64], (mark.on, row), xytext=(-8 if late else 8, 0),
                      textcoords="offset points", ha="right" if late else "left", va="center", fontsize=9)  # fmt: skip


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
