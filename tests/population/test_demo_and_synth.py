"""The bundled example health system, synthetic populations, and their agreement between engines."""

from __future__ import annotations

import csv
import filecmp
import json
import os
from pathlib import Path

import duckdb
import pytest

from imnm.examples import EXAMPLES, read
from imnm.population.demo import demo
from imnm.population.screen import screen
from imnm.population.source import SourceError
from imnm.population.synth import IMNM, synthesise

from .agreement import agreement


def test_demo_lists_the_needles_and_writes_the_page(tmp_path: Path) -> None:
    lines: list[str] = []
    demo(lambda text: lines.append(text), tmp_path)
    text = "".join(lines)
    needles = {json.loads(read(e))["entry"][0]["resource"].get("id") for e in EXAMPLES if b'"Bundle"' in read(e)}
    assert sum(str(needle) in text for needle in needles) >= 3
    assert [path.name for path in tmp_path.iterdir()] == ["worklist.html"]


@pytest.mark.parametrize("form", ["omop", "fhir"])
def test_the_same_seed_gives_the_same_people(form: str, tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        synthesise(300, tmp_path / name, form, seed, 0.01)
    truth = [(tmp_path / name / "truth.csv").read_text() for name in ("one", "two", "three")]
    assert truth[0] == truth[1] != truth[2]
    one, two, three = (sorted(path.name for path in (tmp_path / n).iterdir()) for n in ("one", "two", "three"))
    assert one == two == three
    if form == "fhir":
        rows = [sorted((tmp_path / n / "Patient.ndjson").read_text().splitlines()) for n in ("one", "two", "three")]
        assert rows[0] == rows[1] != rows[2]
    else:
        assert filecmp.cmp(tmp_path / "one" / "concept.parquet", tmp_path / "three" / "concept.parquet")


def test_prevalence_and_shape(tmp_path: Path) -> None:
    made = synthesise(2000, tmp_path / "omop", "omop", 1, 0.02)
    assert made.imnm == 40
    with made.truth.open(newline="") as handle:
        diseases = [row["diagnosis"] for row in csv.DictReader(handle)]
    assert sum(disease in IMNM for disease in diseases) == 40
    count = duckdb.connect().execute(f"SELECT count(*) FROM '{tmp_path / 'omop' / 'person.parquet'}'").fetchall()
    assert count == [(2000,)]


def test_every_synthetic_person_is_read_and_both_forms_can_be(tmp_path: Path) -> None:
    for form in ("omop", "fhir"):
        synthesise(200, tmp_path / form, form, 2, 0.05)
        answer = screen(str(tmp_path / form))
        assert (answer.report.read, answer.report.assessed) == (200, 200)
        assert answer.disagreements == []
        assert answer.worklist


def test_impossible_arguments(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    for patients, folder, prevalence in ((0, "a", 0.1), (5, "b", 0.9), (5, "full", 0.1)):
        with pytest.raises(SourceError):
            synthesise(patients, tmp_path / folder, "omop", 1, prevalence)


def test_sql_and_evaluate_agree_on_everyone(tmp_path: Path) -> None:
    found = agreement(3000, tmp_path)
    assert found.differ == []
    assert found.compared == 3000
    assert found.with_level > 40


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("IMNM_LONG"), reason="takes many minutes: set IMNM_LONG=1 to run it")
def test_sql_and_evaluate_agree_on_a_hundred_thousand(tmp_path: Path) -> None:
    found = agreement(100_000, tmp_path)
    assert found.differ == []
    assert found.compared == 100_000
    assert found.with_level > 1500
