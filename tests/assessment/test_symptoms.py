"""The symptoms that are shown as events, and the days on which findings are dated."""

from __future__ import annotations

import json

from imnm import examples
from imnm.assessment import assess_record


def _example(id: str) -> bytes:
    return examples.read(next(one for one in examples.EXAMPLES if one.id == id))


def test_each_entry_is_one_event_under_its_most_exact_name() -> None:
    symptoms = assess_record(_example("course")).symptoms
    assert [(s.id, s.first, s.last) for s in symptoms] == [
        ("myalgia", "2023-04-01", "2023-04-30"),
        ("difficulty_climbing_stairs", "2023-05-01", "2023-05-31"),
        ("proximal_muscle_weakness", "2023-06-01", "2023-06-30"),
    ]
    assert symptoms[0].ref == "Condition/example-hmgcr-05"


def test_what_is_denied_is_no_event() -> None:
    assert assess_record(_example("myalgia")).symptoms == []


def test_what_was_not_known_yet_is_no_event() -> None:
    assert assess_record(_example("course"), "2018-09-03").symptoms == []


def test_an_open_start_stays_open() -> None:
    record = json.loads(_example("course"))
    for entry in record["entry"]:
        entry["resource"].pop("onsetDateTime", None)
    found = assess_record(json.dumps(record).encode()).symptoms
    assert found
    assert {symptom.first for symptom in found} == {None}


def test_a_birth_dates_no_finding() -> None:
    answer = assess_record(_example("course"))
    on = {finding.id: finding.on for finding in answer.findings}
    assert on["age"] is None
    assert on["age_onset_ge_60"] == "2023-04-30"
