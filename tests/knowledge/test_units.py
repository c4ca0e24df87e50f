"""Units: what is understood, what is not, and that nothing is guessed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imnm.knowledge import units
from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.units import canonical_unit, convert, factor_of, unit_of_range

CK = "creatine_kinase_total"
NUMBERS = st.floats(min_value=0, max_value=1e7, allow_nan=False)
PAIRS = [(concept, unit) for concept, table in units._FACTORS.items() for unit in table]


@pytest.mark.parametrize(
    "unit",
    ["U/L", "u/l", "U/l", "IU/L", "UI/L", "[iU]/L", "[IU]/L", "[U]/L", "UNIT/L", "Units/L", "U/L37°C", "U L-1",
     "U.L-1", "mU/mL", "IU/litre"],
)  # fmt: skip
def test_spellings_of_units_per_litre(unit: str) -> None:
    assert convert(CK, 13875, unit) == 13875


@pytest.mark.parametrize(
    ("unit", "factor"),
    [("µkat/L", 60), ("μkat/L", 60), ("ukat/l", 60), ("nkat/L", 0.06), ("kU/L", 1000), ("U/mL", 1000)],
)
def test_other_enzyme_units(unit: str, factor: float) -> None:
    assert convert(CK, 2.5, unit) == pytest.approx(2.5 * factor)


def test_both_mu_characters_are_one() -> None:
    assert factor_of(CK, "\u00b5kat/L") == factor_of(CK, "\u03bckat/L") == 60


@pytest.mark.parametrize(
    ("concept", "value", "unit", "wanted"),
    [
        ("creatinine", 1.0, "mg/dL", 88.42),
        ("creatinine", 88.42, "µmol/L", 88.42),
        ("bilirubin_total", 1.0, "mg/dL", 17.1),
        ("free_t4", 1.0, "ng/dL", 12.87),
        ("vitamin_d_25oh", 20, "ng/mL", 49.92),
        ("tsh", 4.2, "uIU/mL", 4.2),
        ("tsh", 4.2, "µIU/mL", 4.2),
        ("tsh", 4.2, "m[IU]/L", 4.2),
        ("tsh", 4.2, "mU/L", 4.2),
        ("crp", 1.2, "mg/dL", 12),
        ("troponin_t", 0.05, "ng/mL", 50),
        ("troponin_i", 12, "pg/mL", 12),
        ("troponin_i", 0.1, "ug/L", 100),
        ("myoglobin_serum", 500, "ng/mL", 500),
        ("potassium", 4.1, "mEq/L", 4.1),
        ("esr", 40, "mm/hr", 40),
        ("esr", 40, "mm/h", 40),
        ("egfr", 55, "mL/min/{1.73_m2}", 55),
        ("egfr", 55, "mL/min/1.73m²", 55),
        ("fvc_percent", 62, "% predicted", 62),
        ("creatine_kinase_mb", 9, "ng/mL", 9),
    ],
)
def test_conversions(concept: str, value: float, unit: str, wanted: float) -> None:
    assert convert(concept, value, unit) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("concept", "unit"),
    [(CK, None), (CK, ""), (CK, "kU"), (CK, "U"), (CK, "IU/h"), (CK, "mg/dL"), (CK, "mU/L"), (CK, "%"),
     ("creatine_kinase_mb", "U/L"), ("troponin_t", None), ("fvc_percent", "L"), ("egfr", "mL/min"),
     ("creatinine", "U/L"), ("tsh", "ng/mL"), ("ast", "ng/mL"), ("no_such_concept", "U/L")],
)  # fmt: skip
def test_not_understood_is_none(concept: str, unit: str | None) -> None:
    assert convert(concept, 1.0, unit) is None


def test_antibody_units_are_kept() -> None:
    assert convert("anti_hmgcr", 87, "CU") == 87
    assert convert("anti_hmgcr", 87, None) == 87
    assert canonical_unit("anti_hmgcr") is None
    assert convert("achr_antibody", 3.2, "nmol/L") == 3.2


def test_no_number_is_none() -> None:
    assert convert(CK, math.nan, "U/L") is None
    assert convert("anti_hmgcr", math.nan, "CU") is None


@pytest.mark.parametrize(("concept", "unit"), PAIRS)
def test_the_canonical_unit_is_its_own_and_every_factor_is_positive(concept: str, unit: str) -> None:
    own = canonical_unit(concept)
    assert own
    assert factor_of(concept, own) == 1
    factor = factor_of(concept, unit)
    assert factor is not None
    assert factor > 0


def test_every_concept_with_a_unit_can_be_converted() -> None:
    for concept in CONCEPTS.values():
        if concept.unit:
            assert factor_of(concept.id, concept.unit) == 1, concept.id
    assert all(concept in CONCEPTS for concept in units._FACTORS)


@given(st.sampled_from(PAIRS), NUMBERS, NUMBERS)
def test_conversion_keeps_order_and_ratio(pair: tuple[str, str], a: float, b: float) -> None:
    concept, unit = pair
    left, right = convert(concept, a, unit), convert(concept, b, unit)
    assert left is not None
    assert right is not None
    assert (left < right) <= (a < b)
    factor = factor_of(concept, unit)
    assert factor is not None
    assert left == pytest.approx(a * factor)


@given(st.text(max_size=12), NUMBERS)
def test_any_text_is_a_known_factor_or_none(unit: str, value: float) -> None:
    result = convert(CK, value, unit)
    factor = factor_of(CK, unit) if unit else None
    assert result is None if factor is None else result == value * factor
    assert factor in (None, *units._FACTORS[CK].values())


@given(st.sampled_from(PAIRS), st.booleans(), st.sampled_from(["", " ", "\u00a0"]))
def test_case_and_spaces_do_not_matter(pair: tuple[str, str], upper: bool, space: str) -> None:
    concept, unit = pair
    written = space + (unit.upper() if upper else unit) + space
    assert factor_of(concept, written) == factor_of(concept, unit)


def test_a_ck_range_without_unit() -> None:
    assert unit_of_range(CK, 200) == "U/L"
    assert unit_of_range(CK, 3.3) == "ukat/L"
    assert unit_of_range(CK, 30) is None
    assert unit_of_range("ast", 40) is None
