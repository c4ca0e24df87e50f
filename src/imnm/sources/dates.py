"""Dates as records write them, as spans of days.

A date belongs to the day on which its own clock stood: a time zone is not converted, because the day a clinician
would name is the local one.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from functools import lru_cache

from imnm.logic.event import day_number
from imnm.logic.interval import Interval

_DURATION = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T.*)?", re.ASCII)

DAYS_PER_YEAR = 365.2425
DAYS_PER_MONTH = DAYS_PER_YEAR / 12


@lru_cache(maxsize=65536)
def day_span(text: str | None) -> Interval | None:
    """The days an ISO 8601 date, partial date or date-time can mean (``2019-04``: all of April); None if it is none."""
    if not text:
        return None
    try:
        if len(text) == 4:
            year = int(text)
            return _span(dt.date(year, 1, 1), dt.date(year, 12, 31))
        if len(text) == 7 and text[4] == "-":
            year, month = int(text[:4]), int(text[5:])
            return _span(dt.date(year, month, 1), dt.date(year, month, calendar.monthrange(year, month)[1]))
        if len(text) >= 10 and text[10:11] in ("", "T", "t", " "):
            day = dt.date.fromisoformat(text[:10]) if text[4] == "-" else None
            return None if day is None else _span(day, day)
    except ValueError:
        return None
    return None


BIRTH_YEARS = range(1800, 2401)
"""The years in which somebody on record can be born (de-identified records are shifted into the future); what is
outside, such as 0001 and 9999, stands for a date that is not known."""


def birth_span(text: str | None) -> Interval | None:
    """The days a birth date can mean; None if it is no date, or none on which anybody on record was born."""
    span = day_span(text)
    return span if span is not None and text and int(text[:4]) in BIRTH_YEARS else None


def _span(first: dt.date, last: dt.date) -> Interval:
    return Interval(float(day_number(first)), float(day_number(last)))


@lru_cache(maxsize=4096)
def age_span(duration: str | None) -> Interval | None:
    """The days of life an ISO 8601 age can mean: ``P37Y`` is from the 37th birthday to the 38th (mean years)."""
    match = _DURATION.fullmatch(duration or "")
    if match is None or not any(match.groups()):
        return None
    years, months, weeks, days = (int(part) if part else 0 for part in match.groups())
    least = years * DAYS_PER_YEAR + months * DAYS_PER_MONTH + weeks * 7 + days
    grain = 1.0 if match[4] else 7.0 if match[3] else DAYS_PER_MONTH if match[2] else DAYS_PER_YEAR
    return Interval(float(int(least)), float(int(least + grain)))


@lru_cache(maxsize=65536)
def iso_day(span: Interval | None) -> str | None:
    """The span as a date, as exact as it is (``2019``, ``2019-04`` or ``2019-04-17``); None if it is not one."""
    if span is None or not span.known or abs(span.low) == float("inf") or abs(span.high) == float("inf"):
        return None
    try:
        first = dt.date(1970, 1, 1) + dt.timedelta(days=int(span.low))
        last = dt.date(1970, 1, 1) + dt.timedelta(days=int(span.high))
    except OverflowError:
        return None
    if first == last:
        return first.isoformat()
    if first.year == last.year and (first.month, first.day, last.month, last.day) == (1, 1, 12, 31):
        return f"{first.year:04d}"
    month = f"{first.year:04d}-{first.month:02d}"
    return month if day_span(month) == span else None
