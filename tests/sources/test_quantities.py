"""Values as laboratories write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imnm.logic.interval import INF, above, below
from imnm.sources.quantities import Limit, bounded, flag, measured, upper_limit, verdict


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("13875", 13875, 13875),
        ("12,345", 12345, 12345),
        ("12 345", 12345, 12345),
        ("12\u202f345", 12345, 12345),
        ("1'234", 1234, 1234),
        ("1,234.5", 1234.5, 1234.5),
        ("1.234,5", 1234.5, 1234.5),
        ("1.234.567", 1234567, 1234567),
        ("5,6", 5.6, 5.6),
        ("0.123", 0.123, 0.123),
        ("1.2e3", 1200, 1200),
        (">20000", above(20000), INF),
        ("> 20,000", above(20000), INF),
        ("≥22000", 22000, INF),
        (">=22000", 22000, INF),
        ("<20", 0, below(20)),
        ("<=20.0", 0, 20),
        ("less than 20", 0, below(20)),
        ("greater than 20000", above(20000), INF),
        ("20000+", 20000, INF),
        ("100-200", 100, 200),
        ("*1234 H", 1234, 1234),
        ("1:320", 320, 320),
        ("1:80 speckled", 80, 80),
        ("<1:40", 0, below(40)),
        (">=1:1280", 1280, INF),
        ("-5", -5, -5),
    ],
)
def test_a_number_as_written(text: str, low: float, high: float) -> None:
    found = measured(text)
    assert found is not None
    assert (found.value.low, found.value.high) == (low, high)


def test_a_point_before_three_digits_can_mean_two_things() -> None:
    found = measured("12.345")
    assert found is not None and found.ambiguous
    assert found.value == (12.345, 12345)


@pytest.mark.parametrize(
    ("text", "unit", "limit", "flagged"),
    [
        ("87 CU (ref <20)", "CU", Limit(20, False), ""),
        ("352 U/mL (<20), age 13", "U/mL", Limit(20, False), ""),
        ("200 U/ml (ref 20)", "U/ml", Limit(20, None), ""),
        ("13875 U/L [20-200]", "U/L", Limit(200, True), ""),
        ("352 H", "", None, "H"),
        ("12 units", "units", None, ""),
        ("55 U/L HIGH", "U/L", None, "HIGH"),
    ],
)
def test_what_stands_behind_a_number(text: str, unit: str, limit: Limit | None, flagged: str) -> None:
    found = measured(text)
    assert found is not None
    assert (found.unit, found.limit, found.flag) == (unit, limit, flagged)


@pytest.mark.parametrize("text", ["", "see note", "positive", "QNS", "*", "-", "x" * 5000, "3 and 4 and 5 " * 100])
def test_what_is_no_number_is_none(text: str) -> None:
    assert measured(text) is None


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("20-200 U/L", Limit(200, True)),
        ("20 – 200", Limit(200, True)),
        ("<20", Limit(20, False)),
        ("<= 29", Limit(29, True)),
        ("< 20 negative", Limit(20, False)),
        ("Negative: <20", Limit(20, False)),
        ("0-1,200", Limit(1200, True)),
        (">60", None),
        ("see report", None),
    ],
)
def test_the_upper_end_of_a_written_range(text: str, limit: Limit | None) -> None:
    assert upper_limit(text) == limit


@pytest.mark.parametrize(
    ("text", "truth", "grade"),
    [
        ("POSITIVE", True, None),
        ("Pos", True, None),
        ("POS H", True, None),
        ("Strong Positive (>=60)", True, "strong"),
        ("Weakly positive", True, "weak"),
        ("low positive", True, "weak"),
        ("moderately positive", True, "moderate"),
        ("+", True, "weak"),
        ("++", True, "moderate"),
        ("+++", True, "strong"),
        ("Reactive", True, None),
        ("Detected", True, None),
        ("Present", True, None),
        ("NEGATIVE", False, None),
        ("neg.", False, None),
        ("Not detected", False, None),
        ("Non-reactive", False, None),
        ("nonreactive", False, None),
        ("absent", False, None),
        ("None detected", False, None),
        ("not HIV positive", False, None),
        ("no antibody detected", False, None),
        ("Borderline", None, None),
        ("(+)", None, None),
        ("Equivocal", None, None),
        ("Indeterminate", None, None),
        ("SEE NOTE", None, None),
        ("Pending", None, None),
        ("Hemolyzed", None, None),
        ("Not performed", None, None),
        ("TNP", None, None),
        ("QNS", None, None),
    ],
)
def test_a_result_in_words(text: str, truth: bool | None, grade: str | None) -> None:
    assert verdict(text) == (truth, grade)


@pytest.mark.parametrize(
    "text", ["", "-", "*", "previously positive", "outside report: positive", "HMGCR positive, SRP negative", "brown"]
)
def test_words_that_are_no_result(text: str) -> None:
    assert verdict(text) is None


@pytest.mark.parametrize(
    ("code", "meaning"),
    [("H", "high"), ("HH", "high"), ("N", "normal"), ("L", "low"), ("POS", "positive"), ("NEG", "negative"),
     ("ND", "negative"), ("DET", "positive"), ("WR", "weak"), ("IND", "unclear"), ("A", "abnormal"), (">", "high"),
     ("", None), ("xyz", None)],
)  # fmt: skip
def test_flags(code: str, meaning: str | None) -> None:
    assert flag(code) == meaning


@given(st.floats(0, 1e9, allow_nan=False), st.sampled_from(["<", "<=", ">", ">=", None]))
def test_a_bound_holds_what_it_allows(number: float, comparator: str | None) -> None:
    low, high = bounded(number, comparator)
    assert low <= high or (comparator == "<" and number == 0)
    if comparator == "<":
        assert high < number
    if comparator == ">":
        assert low > number
    if comparator is None:
        assert low == high == number


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading_of_values(text: str) -> None:
    found = measured(text)
    assert found is None or not math.isnan(found.value.low)
    verdict(text)
    upper_limit(text)
    flag(text)
