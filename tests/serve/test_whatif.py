"""What if: answers take the place of what a record says, for this view only."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient

from imnm.assessment import assess_reading
from imnm.assessment.model import Assessment
from imnm.serve import whatif
from imnm.serve.forms import QUESTIONS, FormError
from imnm.serve.whatif import Base, Held
from imnm.sources import Problem, Reading, read

from .conftest import example

UNCHANGED = {"statin_name": "statin", "ck1_unit": "U/L"}
"""What a browser sends of a form in which nothing was answered."""


def base(id: str) -> Base:
    reading = read(example(id))
    return Base(reading, assess_reading(reading))


def judged(record: Base, answers: Mapping[str, str]) -> Assessment:
    return assess_reading(*whatif.answered(record, answers))


def value(assessment: Assessment, finding: str) -> object:
    return next((f.value for f in assessment.findings if f.id == finding), None)


def test_no_answer_changes_nothing() -> None:
    record = base("untested")
    assert judged(record, {}) == record.assessment


@pytest.mark.parametrize("id", ["untested", "course", "srp", "dystrophy", "exertion"])
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.id)
def test_every_answer_holds_against_what_is_recorded(id: str, question: whatif.Question) -> None:
    record = base(id)
    for answer in question.answers or ("1",):
        found = value(judged(record, {question.id: answer}), question.id)
        if question.kind == "number":
            assert found is not None
        else:
            assert found is (answer in ("yes", "positive", "weak", "necrosis", "myopathic", "edema"))


def test_the_level_follows() -> None:
    record = base("untested")
    assert record.assessment.suspicion.level == "high"
    assert judged(record, {"anti_hmgcr_positive": "positive"}).suspicion.level == "established"
    established = base("course")
    assert established.assessment.suspicion.level == "established"
    assert judged(established, {"anti_hmgcr_positive": "negative"}).suspicion.level != "established"


def test_a_statin_that_is_denied_leaves_no_period() -> None:
    record = base("untested")
    assert [e.drug for e in record.assessment.exposures] == ["pravastatin"]
    never = judged(record, {"statin": "never"})
    assert never.exposures == []
    assert value(never, "statin_exposure") is False
    other = judged(record, {"statin": "now", "statin_name": "rosuvastatin", "statin_from": "2024-01-01"})
    assert [(e.drug, e.start, e.stop) for e in other.exposures] == [("rosuvastatin", "2024-01-01", None)]


def test_a_ck_result_is_added_and_moves_the_day() -> None:
    record = base("untested")
    more = judged(record, {"ck1_value": "9000", "ck1_on": "2025-04-01"})
    assert len(more.series["ck"]) == len(record.assessment.series["ck"]) + 1
    assert more.as_of == "2025-04-01"


def test_the_record_itself_stays() -> None:
    record = base("untested")
    before = list(record.reading.events)
    judged(record, {"proximal_weakness": "no", "statin": "never"})
    assert record.reading.events == before


def test_what_cannot_be_understood_is_refused() -> None:
    with pytest.raises(FormError):
        whatif.answered(base("untested"), {"ck1_value": "lots"})


def test_what_is_recorded_is_said() -> None:
    said = whatif.recorded(base("course"))
    assert said["anti_hmgcr_positive"] == "as recorded: positive"
    assert said["dysphagia"] == "as recorded: no"
    assert said["second_wind"] == "not recorded"
    assert "atorvastatin" in said["statin"]


def test_a_record_is_held_for_a_person_and_a_time() -> None:
    now = [0.0]
    held = Held(lambda: now[0])
    record = base("untested")
    key = held.hold(record, "anna")
    assert held.get(key, "anna") is record
    assert held.get(key, "berta") is None
    assert held.get(key[:-1], "anna") is None
    now[0] = whatif.HELD_SECONDS + 1
    assert held.get(key, "anna") is None


def test_the_oldest_records_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatif, "HELD", 2)
    held = Held()
    keys = [held.hold(base("untested"), "anna") for _ in range(3)]
    assert [held.get(key, "anna") is None for key in keys] == [True, False, False]
    monkeypatch.setattr(whatif, "HELD_EVENTS", 3)
    assert held.hold(base("untested"), "anna") == ""


def test_what_was_not_understood_of_a_record_takes_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    record = base("untested")
    reading = record.reading
    many = [*reading.problems, *[Problem("Observation/x", "not understood")] * len(reading.events)]
    monkeypatch.setattr(whatif, "HELD_EVENTS", len(reading.events) + len(reading.problems))
    assert Held().hold(record, "anna")
    crowded = Reading(reading.patient, reading.events, many, reading.exposures, reading.newest_known, reading.counts)
    assert Held().hold(record._replace(reading=crowded), "anna") == ""


def test_what_is_read_from_silence_is_not_called_recorded() -> None:
    silent = base("untested")
    read_as_absent = {finding.id: finding.basis for finding in silent.assessment.findings if finding.value is False}
    assert read_as_absent["drug_checkpoint_inhibitor"] == "silence"
    assert whatif.recorded(silent)["drug_checkpoint_inhibitor"] == "not recorded"


def dropped(service: TestClient, id: str) -> str:
    page = service.post("/assess/record", files={"file": ("p.json", example(id), "application/json")})
    assert page.status_code == 200
    found = re.search(r'action="(/assess/record/[^"]+)"', page.text)
    assert found
    return found[1]


@pytest.mark.parametrize("id", ["untested", "dystrophy"])
def test_a_dropped_record_can_be_asked_about(service: TestClient, id: str) -> None:
    place = dropped(service, id)
    changed = service.post(place, data={**UNCHANGED, "anti_hmgcr_positive": "positive", "proximal_weakness": "yes"})
    assert changed.status_code == 200
    assert ">established<" in changed.text
    assert "By the record alone" in changed.text
    assert 'id="letter-text"' not in changed.text
    assert f"{place}/handout" not in changed.text
    back = service.get(place).text
    assert ">established<" not in back
    assert "By the record alone" not in back
    unanswered = service.post(place, data=UNCHANGED).text
    assert "By the record alone" not in unanswered
    assert 'id="letter-text"' in unanswered
    leaflet = service.get(f"{place}/handout")
    assert leaflet.status_code == 200
    assert f'<nav><a href="{place}">' in leaflet.text


def test_what_cannot_be_is_said_in_its_place(service: TestClient) -> None:
    place = dropped(service, "untested")
    assert "must be a number" in service.post(place, data={"ck1_value": "lots"}, headers={"X-Part": "1"}).text
    assert service.post(place, data={"ck1_value": "lots"}).status_code == 422
    assert service.post(place, data={"as_of": "1900-01-01"}).status_code == 422


def test_a_record_that_is_not_held_is_said(service: TestClient) -> None:
    answer = service.get("/assess/record/guessed")
    assert answer.status_code == 404
    assert "no longer held" in answer.text


@pytest.mark.parametrize("place", ["/examples/untested", "/patients/example-untested/what-if"])
def test_examples_and_listed_patients_too(clinic: TestClient, place: str) -> None:
    assert ">high suspicion<" in clinic.get(place).text
    assert ">established<" in clinic.post(place, data={"anti_hmgcr_positive": "positive"}).text
    assert ">high suspicion<" in clinic.get("/patients/example-untested").text


def test_who_asked_is_noted(clinic: TestClient, tmp_path: object) -> None:
    trail = clinic.app.state.trail  # type: ignore[attr-defined]
    before = trail.path.read_bytes().count(b"\n")
    clinic.post("/patients/example-untested/what-if", data={"myalgia": "yes"})
    assert trail.path.read_bytes().count(b"\n") == before + 1


def test_a_wrong_answer_is_told_where_the_page_begins(service: TestClient) -> None:
    """The skip link once led nowhere, and no reader was told."""
    page = service.post("/examples/untested", data={"ck1_value": "many"})
    assert page.status_code == 422
    assert 'role="alert"' in page.text.split("data-live")[0]
    assert 'class="skip" href="#result"' in page.text
    assert '<div id="result" role="main">' in page.text
    assert 'class="skip" href="#answer"' in service.get("/examples/untested").text


def test_a_page_has_one_main_part(service: TestClient) -> None:
    for answers in ({"ck1_value": "5000"}, {"ck1_value": "many"}, {}):
        text = service.post("/assess", data=answers).text
        assert text.count('role="main"') + text.count("<main") == 1
