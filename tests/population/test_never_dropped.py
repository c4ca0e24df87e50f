"""Whatever a folder holds, everyone in it is assessed or skipped with a reason, and nothing fails inside."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imnm.population.screen import Screening, ScreenOptions, screen
from imnm.population.source import SourceError

from .omop_tables import Omop, id_of

Resource = dict[str, Any]


def resources(patient: str) -> list[Resource]:
    subject = {"reference": f"Patient/{patient}"}
    return [
        {"resourceType": "Patient", "id": patient, "birthDate": "1950-03-01", "gender": "female"},
        {"resourceType": "Observation", "id": f"ck-{patient}", "status": "final", "subject": subject,
         "code": {"coding": [{"system": "http://loinc.org", "code": "2157-6"}]}, "effectiveDateTime": "2024-01-01",
         "valueQuantity": {"value": 9000, "unit": "U/L"}},
        {"resourceType": "Condition", "id": f"w-{patient}", "subject": subject, "recordedDate": "2024-01-02",
         "code": {"text": "Proximal muscle weakness"}},
    ]  # fmt: skip


GARBAGE = (
    b"{", b"null", b"[]", b"1", b'"Patient"', b"{}", b"\x00\x00", b"\xff\xfe{", b"<html>", b"version https://git-lfs",
    b'{"resourceType":"Patient"}', b'{"resourceType":7,"id":"x"}', b'{"resourceType":"Bundle","entry":"no"}',
    b'{"resourceType":"Observation","subject":{"reference":7}}', b'{"resourceType":"Observation","code":5}',
    b'{"resourceType":"Condition","code":{"text":"myalgia"}}', b"[" * 5000, b'{"resourceType":"Patient","id":""}',
)  # fmt: skip


NOISE = {
    "empty.ndjson": b"",
    "empty.json.gz": b"",
    "cut.ndjson.gz": gzip.compress(b"{}" * 99)[:-9],
    "noise.ndjson.gz": b"no gzip",
    "noise.ndjson.zst": b"no zst",
}


class Folder:
    """A folder in the making: lines in files of several kinds, and the patients whose Patient line is intact."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.intact: set[str] = set()
        self.lines: list[bytes] = []
        for number in range(dice.randint(1, 6)):
            self._patient(f"p{number}")
        self.lines += dice.choices(GARBAGE, k=dice.randint(0, 5))
        dice.shuffle(self.lines)

    def _patient(self, name: str) -> None:
        for resource in resources(name):
            line = json.dumps(resource).encode()
            change = self.dice.random()
            if change < 0.12:  # lost
                continue
            if change < 0.24:  # broken
                self.lines.append(line[: self.dice.randrange(1, len(line) - 1)])
                continue
            if change < 0.34:  # of another type than FHIR says
                del resource[self.dice.choice([key for key in resource if key not in ("resourceType", "id")])]
                line = json.dumps(resource).encode()
            if change > 0.9:  # twice
                self.lines.append(line)
            self.lines.append(line)
            if resource["resourceType"] == "Patient":
                self.intact.add(name)

    def write(self, folder: Path) -> None:
        parts: list[list[bytes]] = [[] for _ in range(self.dice.randint(1, 3))]
        for line in self.lines:
            self.dice.choice(parts).append(line)
        for number, part in enumerate(parts):
            end = self.dice.choice((b"\n", b"\r\n", b"\n\n"))
            data = end.join(part) + self.dice.choice((b"", b"\n"))
            if self.dice.random() < 0.3:
                (folder / f"{number}.ndjson.gz").write_bytes(gzip.compress(data))
            else:
                (folder / f"{number}.ndjson").write_bytes(data)
        for name, data in NOISE.items():
            if self.dice.random() < 0.2:
                (folder / name).write_bytes(data)


def answered(source: Path) -> Screening | None:
    """The answer, or None where there is nobody to read."""
    try:
        answer = screen(str(source), ScreenOptions(min_level="low"))
    except SourceError:
        return None
    report = answer.report
    assert report.read == report.assessed + sum(report.skipped.values())
    assert report.assessed == sum(answer.levels.values())
    assert all(reason and count > 0 for reason, count in report.skipped.items())
    assert answer.funnel[0].people == report.read
    assert answer.funnel[1].people == report.assessed
    assert answer.disagreements == []
    return answer


def fhir(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = Folder(random.Random(seed))
        made.write(Path(folder))
        answer = answered(Path(folder))
        if answer is None:
            assert not made.intact
        else:
            assert answer.report.assessed == len(made.intact)
            assert answer.report.read >= len(made.intact)


def untidy(dice: random.Random) -> tuple[Omop, int]:
    """A database with rows that make no sense, and how many people have a row of their own."""
    made = Omop()
    for person in range(1, dice.randint(2, 7)):
        made.person(person, dice.choice((1955, 0, 99999)))
        made.rows["person"][-1].update(month_of_birth=dice.choice((None, 2, 13)), day_of_birth=dice.choice((None, 31)))
    people = len(made.rows["person"])
    for _ in range(dice.randint(0, 3)):
        made.rows["person"].append(dict(dice.choice(made.rows["person"])))
    for _ in range(dice.randint(0, 12)):
        who = dice.randint(1, 9)
        made.ck(who, "2022-01-01", dice.choice((None, 9000, -5, float("inf"))), range_high=dice.choice((None, 200, 0)))
        written = dice.choice((None, "", "Proximal muscle weakness", "x'; --", "é\n"))
        concept = dice.choice((id_of("proximal"), 0, 987654321))
        made.add("condition_occurrence", who, concept, "2022-01-01", condition_source_value=written)
        made.drug(who, "2021-06-01", "2020-01-01", days_supply=dice.choice((None, 0, -3, 30)))
        made.rows["measurement"][-1]["person_id"] = dice.choice((who, who, None))
    return made, people


def omop(seed: int, form: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made, people = untidy(random.Random(seed))
        answer = answered(made.write(Path(folder) / "cdm", form))
        assert answer is not None
        assert answer.report.assessed + answer.report.skipped.get("born after the as-of date", 0) == people


SEEDS, FORMS = st.integers(0, 2**32), st.sampled_from(("parquet", "csv"))
FEW = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
MANY = settings(FEW, max_examples=80)


@FEW
@given(SEEDS)
def test_everyone_in_a_fhir_folder_is_accounted_for(seed: int) -> None:
    fhir(seed)


@FEW
@given(SEEDS, FORMS)
def test_everyone_in_an_omop_database_is_accounted_for(seed: int, form: str) -> None:
    omop(seed, form)


@pytest.mark.slow
@MANY
@given(SEEDS)
def test_everyone_in_many_fhir_folders_is_accounted_for(seed: int) -> None:
    fhir(seed)


@pytest.mark.slow
@MANY
@given(SEEDS, FORMS)
def test_everyone_in_many_omop_databases_is_accounted_for(seed: int, form: str) -> None:
    omop(seed, form)
