"""Dates as records write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imnm.logic.event import day_date
from imnm.logic.interval import Interval
from imnm.sources.dates import age_span, day_span, iso_day


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019", "2019-01-01", "2019-12-31"),
        ("2019-04", "2019-04-01", "2019-04-30"),
        ("2020-02", "2020-02-01", "2020-02-29"),
        ("2019-04-17", "2019-04-17", "2019-04-17"),
        ("2019-04-17T23:59:00-11:00", "2019-04-17", "2019-04-17"),
        ("2019-04-17T00:30:00+14:00", "2019-04-17", "2019-04-17"),
        ("2019-04-17T12:00:00.123Z", "2019-04-17", "2019-04-17"),
        ("2019-04-17 08:00", "2019-04-17", "2019-04-17"),
        ("0001-01-01", "0001-01-01", "0001-01-01"),
        ("9999", "9999-01-01", "9999-12-31"),
    ],
)
def test_a_date_is_the_days_it_can_mean(text: str, first: str, last: str) -> None:
    span = day_span(text)
    assert span is not None
    assert (str(day_date(span.low)), str(day_date(span.high))) == (first, last)


@pytest.mark.parametrize(
    "text", [None, "", "2019-02-30", "2019-13", "17.04.2019", "04/17/2019", "last year", "20190417", "0000", "2019-4-1"]
)
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert day_span(text) is None


@given(st.dates())
def test_dates_come_back(day: object) -> None:
    for text in (str(day), str(day)[:7], str(day)[:4]):
        assert iso_day(day_span(text)) == text


@pytest.mark.parametrize("span", [None, Interval(-float("inf"), 5), Interval(0, 40), Interval(1e12, 1e12)])
def test_a_span_that_is_no_date_has_none(span: Interval | None) -> None:
    assert iso_day(span) is None


@pytest.mark.parametrize(
    ("text", "least", "most"), [("P37Y", 37, 38), ("P37Y6M", 37.5, 37.6), ("P0Y", 0, 1), ("P3W", 21 / 365.25, 28 / 365)]
)
def test_an_age_is_the_days_of_life_it_can_mean(text: str, least: float, most: float) -> None:
    span = age_span(text)
    assert span is not None
    assert span.low / 365.2425 == pytest.approx(least, abs=0.01)
    assert span.high / 365.2425 == pytest.approx(most, abs=0.02)


@pytest.mark.parametrize("text", [None, "", "P", "37", "37 years", "PT5H"])
def test_what_is_no_age_is_none(text: str | None) -> None:
    assert age_span(text) is None


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_dates(text: str) -> None:
    day_span(text)
    age_span(text)
