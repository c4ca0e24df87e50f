"""The statin section: when CK is measured again, and whether a statin may be given again."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest
from msgspec.structs import replace

import imnm
from imnm.assessment import assess_reading
from imnm.assessment.engine import iso
from imnm.logic.event import Event
from imnm.logic.interval import INF
from imnm.report import render
from imnm.sources import Exposure, Reading

from .build import TODAY, ck, record, statin


def _statins(example: str, as_of: str = "last") -> dict[str, Any]:
    found = imnm.assess(str(resources.files("imnm.examples") / f"{example}.json"), as_of=as_of).statins
    assert found is not None
    return found


def test_ck_is_due_four_to_six_weeks_after_the_stop_until_it_was_measured_then() -> None:
    waiting = _statins("statin_weakness_untested", "2025-02-18")["recheck"]
    assert (waiting["not_before"], waiting["due_on"]) == ("2025-02-25", "2025-03-11")
    assert _statins("statin_weakness_untested", "2025-03-11")["recheck"] is None


def test_no_result_leads_to_a_statin_once_the_disease_is_shown() -> None:
    shown = _statins("statin_anti_hmgcr_course")
    assert shown["recheck"] is None
    assert shown["rechallenge"]["answer"] == "never"


@pytest.mark.parametrize(("as_of", "answer"), [("2024-03-04", "not_now"), ("2024-05-06", "may")])
def test_a_statin_again_only_when_ck_has_settled(as_of: str, answer: str) -> None:
    assert _statins("statin_myalgia", as_of)["rechallenge"]["answer"] == answer


@pytest.mark.parametrize(
    ("as_of", "drugs"),
    [("2023-06-01", []), ("2023-08-30", ["atorvastatin"])],
)
def test_no_drug_that_was_recorded_later_is_seen(as_of: str, drugs: list[str]) -> None:
    file = str(resources.files("imnm.examples") / "statin_anti_hmgcr_course.json")
    assert [e.drug for e in imnm.assess(file, as_of=as_of).exposures] == drugs


def test_an_end_that_came_later_is_not_seen() -> None:
    events = statin(-100)
    ended = Exposure("atorvastatin", iso(TODAY - 100), iso(TODAY + 30), True, events[0].ref)
    seen = record(events)
    seen.exposures.append(ended)
    (shown,) = assess_reading(seen, "last").exposures
    assert (shown.start, shown.stop) == (ended.start, None)


@pytest.mark.parametrize("format", ["text", "md", "html"])
def test_the_answer_is_shown(format: str) -> None:
    answer = imnm.assess(str(resources.files("imnm.examples") / "statin_weakness_untested.json"))
    assert "A statin again? Not now" in render(answer, format)


def _refills(*starts_and_ends: tuple[int, int]) -> list[Event]:
    """Prescriptions that are over by now, each for a while, as a record says of them in hindsight."""
    return [event for start, end in starts_and_ends for event in statin(start, end)]


def _by(events: list[Event], day: int) -> Reading:
    """What was on record on that day: the end of a prescription is known when it has come."""
    ends = [replace(e, known=max(e.known, e.end)) if e.concept.endswith(".stop") else e for e in events]
    return record([e for e in ends if e.known <= TODAY + day])


def test_who_is_between_two_refills_has_not_stopped() -> None:
    events = [*_refills((-250, -161), (-160, -71), (-70, 19)), ck(5000, -5)]
    found = assess_reading(_by(events, 0), iso(TODAY))
    assert found.statins is not None
    assert (found.statins["current"], found.statins["days_since_stop"], found.statins["course"]) == (True, None, [])
    assert found.suspicion.level == "moderate"
    assert "stop:statin" in [step.id for step in found.next_steps]


def test_who_took_no_statin_after_the_last_prescription_ended_has_stopped() -> None:
    found = assess_reading(_by([*_refills((-250, -161), (-160, -71)), ck(5000, -5)], 0), iso(TODAY))
    assert found.statins is not None
    assert (found.statins["current"], found.statins["days_since_stop"]) == (False, 71)
    assert found.suspicion.level == "high"


def test_a_beginning_that_may_lie_before_the_stop_is_no_new_one() -> None:
    events = [*statin(-100, -71), replace(statin(-60)[0], start=-INF)]
    found = assess_reading(record([*events, ck(5000, -5)]), iso(TODAY))
    assert found.statins is not None
    assert found.statins["current"] is False


def test_a_ck_while_a_statin_is_taken_is_of_no_course_after_a_stop() -> None:
    events = [*_refills((-250, -161), (-160, -71)), *statin(-70), ck(3000, -75), ck(5000, -5)]
    found = assess_reading(record(events), iso(TODAY))
    courses = ("ck_rising_after_statin_stop", "ck_normalised_within_8w_of_stop", "ck_persists_3m_after_statin_stop")
    assert found.statins is not None
    assert found.statins["current"] is True
    assert not {finding.id for finding in found.findings} & set(courses)


@pytest.mark.parametrize(
    "later",
    [statin(-71, name="rosuvastatin")[:1], [replace(statin(-71)[1], start=TODAY - 71, end=TODAY - 71)]],
    ids=["a switch", "the last dose"],
)
def test_in_use_on_the_day_of_the_stop_leaves_open_which_came_first(later: list[Event]) -> None:
    events = [*statin(-160, -71), *later, ck(5000, -5)]
    found = assess_reading(record(events), iso(TODAY))
    assert found.statins is not None
    assert (found.statins["current"], found.statins["days_since_stop"]) == (None, None)
    assert "course_persist_14" not in [rule["id"] for rule in found.statins["course"]]
    assert found.suspicion.level == "moderate"
