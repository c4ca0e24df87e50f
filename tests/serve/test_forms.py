"""The form: every answer is understood by the reader of records, and nothing is guessed."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from imnm.assessment import assess_record
from imnm.serve import forms
from imnm.serve.forms import QUESTIONS, FormError, Question, bundle_of
from imnm.sources import read

ANSWERED = [(question, answer) for question in QUESTIONS for answer in question.answers or ("1",)]


@pytest.mark.parametrize(("question", "answer"), ANSWERED, ids=lambda value: getattr(value, "id", value))
def test_every_answer_reaches_its_finding(question: Question, answer: str) -> None:
    """Each answer settles the finding it is asked for, and where there are two, they settle it differently."""
    record = bundle_of({question.id: answer, "birth": "1960"}, dt.date(2024, 5, 1))
    reading = read(record)
    assert reading.problems == []
    found = {f.id: f.value for f in assess_record(record).findings}
    assert question.id in found, f"{question.id} is not settled by {answer}"
    if question.kind != "number":
        positive = answer in ("yes", "positive", "weak", "necrosis", "myopathic", "edema")
        assert found[question.id] is positive


def test_ck_statin_and_person_are_recorded() -> None:
    answers = {
        "birth": "1955-03", "sex": "male", "ck1_value": "4500", "ck1_uln": "200", "ck1_on": "2024-01-10",
        "ck2_value": "20.5", "ck2_unit": "µkat/L", "ck2_uln": "3", "ck2_on": "2024-02",
        "statin": "stopped", "statin_name": "simvastatin", "statin_from": "2019", "statin_to": "2024-01-15",
        "as_of": "2024-03-01",
    }  # fmt: skip
    answer = assess_record(bundle_of(answers))
    assert (answer.patient.sex, answer.as_of) == ("male", "2024-03-01")
    assert [(p.low, p.uln) for p in answer.series["ck"]] == [(4500, 200.0), (1230, 180.0)]
    (period,) = answer.exposures
    assert (period.drug, period.start, period.stop) == ("simvastatin", "2019", "2024-01-15")


@pytest.mark.parametrize("statin", forms.statins())
def test_every_statin_is_understood(statin: str) -> None:
    for taken in ("now", "stopped"):
        reading = read(bundle_of({"statin": taken, "statin_name": statin}))
        assert any(event.concept == "statin" and event.truth for event in reading.events)
    never = read(bundle_of({"statin": "never"}))
    assert [event.truth for event in never.events if event.concept == "statin"] == [False]


def test_nothing_entered_says_nothing() -> None:
    record = bundle_of({"birth": " ", "ck1_value": "", "myalgia": ""})
    assert len(json.loads(record)["entry"]) == 1
    assert assess_record(record).suspicion.level == "insufficient"


@pytest.mark.parametrize(
    "answers",
    [
        {"birth": "yesterday"}, {"birth": "1960-13"}, {"birth": "2024-02-30"}, {"as_of": "2024"},
        {"ck1_value": "1,250"}, {"ck1_value": "-5"}, {"ck1_value": "1e9"},
        {"ck1_value": "10", "ck1_unit": "kU/L"}, {"ck1_value": "9" * 12},
        {"statin": "now", "statin_name": "nystatin"}, {"proximal_weakness": "maybe"}, {"tsh_high": "high"},
        {"patient": "Anna Smith"}, {"patient": "x" * 65}, {"patient": "<script>"},
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused(answers: dict[str, str]) -> None:
    with pytest.raises(FormError):
        bundle_of(answers)


def test_questions_that_would_matter_are_asked() -> None:
    suspected = {"ck1_value": "6000", "ck1_uln": "200", "proximal_weakness": "yes", "statin": "now"}
    assert "anti_hmgcr_positive" in forms.needed(assess_record(bundle_of(suspected)))
    assert forms.needed(None) == frozenset()
