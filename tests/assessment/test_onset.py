"""How long the illness took until CK was measured."""

from __future__ import annotations

from imnm.assessment.engine import Case
from imnm.logic.event import Event

from .build import TODAY, ck, has, record


def case(*events: Event) -> Case:
    return Case(record(*events), TODAY)


def test_from_the_first_symptom_to_the_first_ck() -> None:
    found = case(has("proximal_muscle_weakness", -100), ck(4000, -80))
    assert (found.number("symptom_duration") or (0, 0)) == (20, 20)
    assert found.truth("onset_acute_lt_6m") is True


def test_a_ck_of_before_the_illness_is_not_what_the_symptom_led_to() -> None:
    """A routine CK of years ago made every later illness an acute one, of minus so many days."""
    years_ago = ck(90, -2000)
    alone = case(years_ago, has("proximal_muscle_weakness", -100))
    assert alone.number("symptom_duration") is None
    assert alone.truth("onset_acute_lt_6m") is None
    soon = case(years_ago, has("proximal_muscle_weakness", -100), ck(4000, -80))
    assert (soon.number("symptom_duration") or (0, 0)) == (20, 20)
    assert soon.truth("onset_acute_lt_6m") is True
    late = case(years_ago, has("proximal_muscle_weakness", -900), ck(4000, -80))
    assert late.number("symptom_duration") is None
    assert late.truth("onset_acute_lt_6m") is None


def test_without_any_ck_it_is_counted_to_today() -> None:
    assert (case(has("proximal_muscle_weakness", -100)).number("symptom_duration") or (0, 0)) == (100, 100)
