"""The statin section: when CK is measured again, and whether a statin may be given again."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pytest

import imnm
from imnm.assessment import assess_reading
from imnm.assessment.engine import iso
from imnm.report import render
from imnm.sources import Exposure

from .build import TODAY, record, statin


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
