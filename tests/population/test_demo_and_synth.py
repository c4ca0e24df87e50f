"""The bundled example health system, synthetic populations, and their agreement between engines."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import duckdb
import pytest

from imnm.examples import EXAMPLES, read
from imnm.population import synth
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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["omop", "fhir"])
def test_the_same_seed_gives_the_same_bytes_whatever_the_machine(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synth, "_CHUNK", {"omop": 100, "fhir": 100})
    for name, seed, threads in (("one", 5, 1), ("two", 5, 3), ("three", 6, 1)):
        monkeypatch.setattr(synth, "cores", lambda threads=threads: threads)
        synthesise(300, tmp_path / name, form, seed, 0.01)
    one, two, three = (contents(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert set(one) == set(three)
    same = {name for name in one if one[name] == three[name]}
    vocabulary = {"concept.parquet", "concept_relationship.parquet", "concept_ancestor.parquet", "cdm_source.parquet"}
    assert same == (vocabulary if form == "omop" else set())
    assert len(one) >= 12


def test_the_parts_do_not_change_the_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthesise(300, tmp_path / "whole", "fhir", 5, 0.01)
    monkeypatch.setattr(synth, "_CHUNK", {"omop": 70, "fhir": 70})
    synthesise(300, tmp_path / "parts", "fhir", 5, 0.01)
    for kind in ("Patient", "Condition", "Observation", "MedicationRequest", "Encounter"):
        parts = sorted((tmp_path / "parts").glob(f"{kind}.*.ndjson"))
        assert len(parts) == 5
        lines = sorted(line for path in parts for line in path.read_text().splitlines())
        assert lines == sorted((tmp_path / "whole" / f"{kind}.ndjson").read_text().splitlines())


def test_ids_are_unique_and_records_are_untidy_as_real_ones_are(tmp_path: Path) -> None:
    folder = tmp_path / "omop"
    synthesise(6000, folder, "omop", 1, 0.02)

    def one(query: str) -> tuple[int, ...]:
        return tuple(duckdb.connect().execute(query).fetchall()[0])

    for table, id in (("measurement", "measurement_id"), ("drug_exposure", "drug_exposure_id"),
                      ("condition_occurrence", "condition_occurrence_id"), ("visit_occurrence", "visit_occurrence_id"),
                      ("person", "person_id")):  # fmt: skip
        rows, distinct = one(f"SELECT count(*), count(DISTINCT {id}) FROM '{folder}/{table}.parquet'")
        assert rows == distinct > 0
    ck = f"'{folder}/measurement.parquet' WHERE measurement_source_value IN ('2157-6', 'CPK TOTAL', 'Creatine kinase')"
    rows, limit, unit, local, people = one(
        "SELECT count(*), count(*) FILTER (range_high IS NULL), count(*) FILTER (unit_source_value IS NULL), "
        f"count(*) FILTER (measurement_concept_id = 0), count(DISTINCT person_id) FROM {ck}"
    )
    assert 0.05 < limit / rows < 0.4
    assert 0 < unit / rows < 0.1
    assert 0 < local / rows < 0.2
    assert people < 0.1 * 6000, "CK is measured when there is reason"
    drugs = f"'{folder}/drug_exposure.parquet'"
    assert one(f"SELECT count(*) FROM {drugs} WHERE drug_concept_id = 0 AND drug_source_value LIKE '%STATIN%'")[0]
    statins = "drug_source_value IN ('83367', '36567', '301542')"
    switched, stopped = one(
        "SELECT count(*) FILTER (kinds > 1), count(*) FILTER (last < DATE '2021-01-01') FROM (SELECT person_id, "
        "count(DISTINCT drug_concept_id) AS kinds, max(drug_exposure_end_date) AS last "
        f"FROM {drugs} WHERE {statins} GROUP BY 1)"
    )
    assert switched and stopped
    coded = {code for (code,) in duckdb.connect().execute(
        f"SELECT DISTINCT condition_source_value FROM '{folder}/condition_occurrence.parquet'").fetchall()}  # fmt: skip
    assert coded >= {"M79.10", "M62.82", "G71.09", "22298006", "125605004", "40930008", "417746004"}
    assert coded & {"G72.49", "G72.0", "M60.9", "M33.20", "G72.9"}


def test_a_stop_or_a_fault_leaves_no_half_population(tmp_path: Path) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(300, tmp_path / "people", "omop", 1, 0.01, stop)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot be written"):
        synthesise(300, tmp_path / "file" / "people", "omop", 1, 0.01)


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
