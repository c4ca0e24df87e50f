"""OMOP databases: how rows become events, how concepts are understood, and what is said of bad input."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
from pathlib import Path

import duckdb
import pytest
from backports import zstd

from imnm.assessment.engine import Case
from imnm.logic.event import Event, day_number
from imnm.population.omop import GAP, LocalDatabase, OmopPopulation
from imnm.population.screen import Screening, ScreenOptions, screen
from imnm.population.source import SourceError, cores
from imnm.population.store import connect
from imnm.sources import Reading, read

from .omop_tables import Omop, everyday, id_of
from .shared import SHARED, needs_data


def day(text: str) -> float:
    return float(day_number(dt.date.fromisoformat(text)))


def levels(answer: Screening) -> dict[str, str]:
    return {row.patient_id: row.level for row in answer.worklist}


def _same(reading: Reading, day: float) -> Reading:
    return reading


def readings(made: Omop, folder: Path, sample: int = 100) -> dict[str, Reading]:
    made.write(folder / "omop")
    (folder / "work").mkdir()
    connection = connect(folder / "work", None, cores())
    population = OmopPopulation(LocalDatabase(folder / "omop"), folder / "work", None, sample)
    population.load(connection, lambda line: None)
    everyone = {str(row["person_id"]): 0.0 for row in made.rows["person"]}
    return dict(population.judged(everyone, _same))


def events(reading: Reading, concept: str) -> list[Event]:
    return [event for event in reading.events if event.concept == concept]


EXPECTED = {"1": "high", "3": "established"}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_folders(form: str, tmp_path: Path) -> None:
    answer = screen(str(everyday().write(tmp_path / "cdm", form)))
    assert levels(answer) == EXPECTED
    assert answer.disagreements == []
    assert answer.compared == answer.report.read == 6


def test_duckdb_file_with_two_schemas(tmp_path: Path) -> None:
    path = everyday().duckdb(tmp_path / "site.duckdb", "cdm", "vocabulary")
    before = path.read_bytes()
    answer = screen(str(path), ScreenOptions(schema="cdm", vocabulary_schema="vocabulary"))
    assert levels(answer) == EXPECTED
    assert path.read_bytes() == before


def test_files_have_no_schemas(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    for options in (ScreenOptions(schema="cdm"), ScreenOptions(vocabulary_schema="vocabulary")):
        with pytest.raises(SourceError, match="holds files, which have no schema"):
            screen(str(folder), options)


def test_a_table_spread_over_files(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    (folder / "measurement").mkdir()
    for part in (0, 1):
        duckdb.connect().execute(
            f"COPY (SELECT * FROM '{folder}/measurement.parquet' WHERE measurement_id % 2 = {part}) "
            f"TO '{folder}/measurement/{part}.parquet' (FORMAT parquet)"
        )
    (folder / "measurement.parquet").unlink()
    assert levels(screen(str(folder))) == EXPECTED


def test_units_ranges_operators_and_answers(tmp_path: Path) -> None:
    made = Omop()
    made.person(1)
    made.ck(1, "2022-01-01", 100, unit_concept_id=id_of("ukat/l"), range_high=3.0)
    made.ck(1, "2022-02-01", 5000, operator_concept_id=4172704)
    made.ck(1, "2022-03-01", 700, unit_concept_id=0, unit_source_value="IU/L", range_high=None)
    for name, at in (("positive", "2022-04-01"), ("negative", "2022-05-01")):
        made.add("measurement", 1, id_of("srp"), at, value_as_concept_id=id_of(name))
    made.add("measurement", 1, id_of("srp"), "2022-06-01", value_source_value="Weakly positive")
    reading = readings(made, tmp_path)["1"]
    first, second, third = sorted(events(reading, "creatine_kinase_total"), key=lambda e: e.start)
    assert first.low == first.high == 6000
    assert first.times_low == pytest.approx(100 / 3)
    assert first.start == first.end == first.known == day("2022-01-01")
    assert second.low > 5000 and second.high == float("inf")
    assert (third.low, third.uln) == (700, None)
    assert "2022-03-01" in third.text and third.ref == "measurement/3"
    assert [(e.truth, e.grade) for e in sorted(events(reading, "anti_srp"), key=lambda e: e.start)] == [
        (True, None), (False, None), (True, "weak")]  # fmt: skip


def test_a_number_without_unit_is_read_beside_the_persons_others(tmp_path: Path) -> None:
    made = Omop()
    for person in (1, 2):
        made.person(person)
        made.ck(person, "2022-02-01", 2500, unit_concept_id=0, range_high=None)
    made.ck(1, "2022-01-01", 100)
    found = readings(made, tmp_path)
    assert sorted(e.low for e in events(found["1"], "creatine_kinase_total")) == [100, 2500]
    assert [e.value.known for e in events(found["2"], "creatine_kinase_total")] == [False], "no unit is guessed"


def test_equal_rows_count_once(tmp_path: Path) -> None:
    made = Omop()
    made.person(1)
    for _ in range(3):
        made.ck(1, "2022-02-01", 2500)
        made.add("condition_occurrence", 1, id_of("myalgia"), "2022-02-01")
    reading = readings(made, tmp_path)["1"]
    assert len(events(reading, "creatine_kinase_total")) == len(events(reading, "myalgia")) == 1


def test_courses_of_a_drug(tmp_path: Path) -> None:
    made = Omop()
    made.person(1)
    made.ck(1, "2023-01-01", 100)
    made.drug(1, "2020-01-01", "2020-03-31")
    made.drug(1, "2020-04-20", "2020-06-30")
    made.drug(1, "2021-06-01", "2021-06-10", stop_reason="muscle pain")
    reading = readings(made, tmp_path)["1"]
    starts, stops = events(reading, "statin"), events(reading, "statin.stop")
    assert sorted(e.start for e in starts) == [day("2020-01-01"), day("2021-06-01")]
    assert sorted((e.start, e.known) for e in stops) == [
        (day("2020-06-30"), day("2020-06-30") + GAP), (day("2021-06-10"), day("2021-06-10"))]  # fmt: skip
    assert {e.detail for e in starts} == {"atorvastatin"}
    assert [(e.drug, e.start, e.stop) for e in reading.exposures] == [
        ("atorvastatin", "2020-01-01", "2020-06-30"), ("atorvastatin", "2021-06-01", "2021-06-10")]  # fmt: skip
    assert reading.newest_known == day("2023-01-01")


def test_what_was_in_use_is_known_on_every_earlier_day(tmp_path: Path) -> None:
    """Between its first and its last supply too, and where another statin was stopped meanwhile."""
    made = Omop()
    made.person(1)
    made.rows["concept"].append({"concept_id": 7, "concept_name": "rosuvastatin", "vocabulary_id": "RxNorm",
                                 "concept_code": "301542"})  # fmt: skip
    begin = dt.date(2019, 1, 1)
    for place in range(8):
        start = begin + dt.timedelta(days=90 * place)
        made.drug(1, start.isoformat(), (start + dt.timedelta(days=89)).isoformat())
    made.drug(1, "2019-01-01", "2019-05-15", concept=7)
    made.ck(1, "2020-03-01", 3000)
    reading = readings(made, tmp_path)["1"]
    for on, current in (("2019-02-01", True), ("2019-05-20", True), ("2019-06-20", False), ("2019-07-05", True),
                        ("2020-03-01", True), ("2020-12-01", True), ("2021-03-01", False)):  # fmt: skip
        assert Case(reading, day(on)).values["statin_current"] is current, on
    assert len(events(reading, "statin.active")) == 4
    for on in ("2019-07-05", "2020-03-01"):
        assert not screen(str(tmp_path / "omop"), ScreenOptions(as_of=on, min_level="low")).disagreements


@pytest.mark.parametrize("reason", [None, "muscle pain"])
def test_the_day_of_a_stated_stop_is_on_record_and_that_of_a_last_supply_is_not(
    reason: str | None, tmp_path: Path
) -> None:
    """As of a FHIR prescription that was stopped on that day."""
    made = everyday()
    made.drug(1, "2022-02-20", "2022-03-12", stop_reason=reason)
    row = {row.patient_id: row for row in screen(str(made.write(tmp_path / "cdm"))).worklist}["1"]
    assert row.as_of == ("2022-03-12" if reason else "2022-03-02")
    newest = readings(made, tmp_path)["1"].newest_known
    assert newest == day(row.as_of)
    use = {"resourceType": "MedicationRequest", "id": "m", "status": "stopped", "authoredOn": "2022-02-20",
           "medicationCodeableConcept": {"text": "atorvastatin"},
           "dispenseRequest": {"validityPeriod": {"start": "2022-02-20", "end": "2022-03-12"}}}  # fmt: skip
    entries = [{"resource": {"resourceType": "Patient", "id": "1"}}, {"resource": use}]
    there = read(json.dumps({"resourceType": "Bundle", "entry": entries}).encode())
    assert there.newest_known == day("2022-03-12")


@pytest.mark.parametrize("first", [True, False])
def test_a_reason_stated_on_the_last_day_counts_whichever_row_states_it(first: bool, tmp_path: Path) -> None:
    made = Omop()
    made.person(1)
    for stated in (first, not first):
        made.drug(1, "2021-06-01", "2021-06-10", stop_reason="muscle pain" if stated else None)
    made.ck(1, "2023-01-01", 100)
    (stop,) = events(readings(made, tmp_path)["1"], "statin.stop")
    assert stop.known == stop.start == day("2021-06-10")


def test_eras_stand_in_for_exposures(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    duckdb.connect().execute(
        f"COPY (SELECT 1 AS drug_era_id, 1 AS person_id, {id_of('atorvastatin')} AS drug_concept_id, "
        "DATE '2021-01-01' AS drug_era_start_date, DATE '2021-07-01' AS drug_era_end_date) "
        f"TO '{folder}/drug_era.parquet' (FORMAT parquet)"
    )
    (folder / "drug_exposure.parquet").unlink()
    rows = {row.patient_id: row for row in screen(str(folder)).worklist}
    assert rows["1"].statin == "atorvastatin"


def test_concepts_by_source_code_mapping_ancestor_name_and_local_code(tmp_path: Path) -> None:
    made = everyday()
    made.person(10)
    made.add("condition_occurrence", 10, id_of("myositis"), "2022-01-01",
             condition_source_concept_id=id_of("inflammatory"))  # fmt: skip
    made.person(11)
    made.rows["concept_ancestor"].append({"ancestor_concept_id": id_of("atorvastatin"), "descendant_concept_id":
                                          id_of("tablet"), "min_levels_of_separation": 1})  # fmt: skip
    made.drug(11, "2021-01-01", "2021-02-01", concept=id_of("tablet"))
    made.person(12)
    made.ck(12, "2022-01-01", 900, measurement_concept_id=0, measurement_source_value="HOUSE-17")
    made.person(13)
    made.add("condition_occurrence", 13, 0, "2022-01-01", condition_source_value="Proximal muscle weakness")
    made.person(14)
    made.add("condition_occurrence", 14, id_of("proximal"), "2022-01-01",
             condition_status_concept_id=id_of("provisional"))  # fmt: skip
    folder = made.write(tmp_path / "cdm")
    (tmp_path / "work").mkdir()
    codes = {("house", "HOUSE-17"): "creatine_kinase_total"}
    population = OmopPopulation(LocalDatabase(folder), tmp_path / "work", codes, 100)
    population.load(connect(tmp_path / "work", None, 1), lambda line: None)
    found = dict(population.judged({str(n): 0.0 for n in (10, 11, 12, 13, 14)}, _same))
    assert {e.truth for e in events(found["10"], "imnm_proxy_code")} == {True}
    assert [e.detail for e in events(found["11"], "statin")] == ["atorvastatin"]
    assert [e.low for e in events(found["12"], "creatine_kinase_total")] == [900]
    assert [e.truth for e in events(found["13"], "proximal_muscle_weakness")] == [True]
    assert [e.truth for e in events(found["14"], "proximal_muscle_weakness")] == [None]
    how = {(row["concept_id"], row["source_value"]): row["how"] for row in population.report.mapping}
    assert how[id_of("tablet"), None] == "ancestor"
    assert how[None, "HOUSE-17"] == "local"
    assert how[None, "Proximal muscle weakness"] == "name"


def test_a_row_without_a_concept_is_read_by_its_source(tmp_path: Path) -> None:
    made = everyday()
    for person, nothing in ((20, 0), (21, None)):
        made.person(person)
        made.add("condition_occurrence", person, id_of("proximal"), "2022-01-01", condition_concept_id=nothing,
                 condition_source_concept_id=id_of("inflammatory"))  # fmt: skip
        made.add("condition_occurrence", person, id_of("proximal"), "2022-02-01", condition_concept_id=nothing,
                 condition_source_value="Proximal muscle weakness")  # fmt: skip
    found = readings(made, tmp_path, sample=0)
    for person in ("20", "21"):
        assert [e.start for e in events(found[person], "imnm_proxy_code")] == [day("2022-01-01")]
        assert [e.start for e in events(found[person], "proximal_muscle_weakness")] == [day("2022-02-01")]


def test_a_person_of_two_rows_is_one_whose_birth_may_be_either(tmp_path: Path) -> None:
    made = everyday()
    made.person(1, year=1957)
    reading = readings(made, tmp_path)["1"]
    assert [(e.start, e.end) for e in events(reading, "birth")] == [(day("1955-01-01"), day("1957-12-31"))]
    assert [e.detail for e in events(reading, "sex")] == ["female"]
    answer = screen(str(tmp_path / "omop"), ScreenOptions(up_to_level=True))
    assert answer.report.read == 6
    assert [problem[0] for problem in answer.report.problems] == ["person"]


def test_relationships_stand_in_for_an_empty_ancestor_table(tmp_path: Path) -> None:
    made = Omop()
    made.person(1)
    made.rows["concept"].append({"concept_id": 77, "concept_name": "a component", "vocabulary_id": "RxNorm",
                                 "concept_code": "0000077"})  # fmt: skip
    for one, two, kind in ((id_of("tablet"), 77, "Consists of"), (77, id_of("atorvastatin"), "RxNorm has ing")):
        made.rows["concept_relationship"].append({"concept_id_1": one, "concept_id_2": two, "relationship_id": kind})
    made.drug(1, "2021-01-01", "2021-02-01", concept=id_of("tablet"))
    assert [e.detail for e in events(readings(made, tmp_path)["1"], "statin")] == ["atorvastatin"]


def test_what_was_not_understood_but_sounds_like_muscle_is_reported(tmp_path: Path) -> None:
    made = everyday()
    for number, name in enumerate(("CPK isoform panel weird", "Body height")):
        made.rows["concept"].append({"concept_id": 900 + number, "concept_name": name, "vocabulary_id": "LOINC",
                                     "concept_code": f"x-{number}"})  # fmt: skip
        made.add("measurement", 4, 900 + number, "2022-01-01", value_as_number=1.0)
    rows = {row["concept_id"]: row for row in screen(str(made.write(tmp_path / "cdm"))).report.mapping}
    assert 901 not in rows
    assert rows[900]["understood_as"] is None or "creatine" in str(rows[900]["understood_as"])


# ---------------------------------------------------------------- bad input


def test_version(tmp_path: Path) -> None:
    made = everyday()
    made.rows["cdm_source"][0]["cdm_version"] = "v6.0"
    with pytest.raises(SourceError, match=r"v6\.0"):
        screen(str(made.write(tmp_path / "cdm")))
    made.rows["cdm_source"][0]["cdm_version"] = "v5.3.1"
    assert levels(screen(str(made.write(tmp_path / "older")))) == EXPECTED


def test_missing_table_column_and_damaged_file_are_named(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    measurement = (folder / "measurement.parquet").read_bytes()
    (folder / "measurement.parquet").unlink()
    with pytest.raises(SourceError, match="measurement"):
        screen(str(folder))
    (folder / "measurement.parquet").write_bytes(measurement[: len(measurement) // 2])
    with pytest.raises(SourceError, match="measurement"):
        screen(str(folder))
    duckdb.connect().execute(f"COPY (SELECT 1 AS person_id) TO '{folder}/measurement.parquet' (FORMAT parquet)")
    with pytest.raises(SourceError, match="measurement_date"):
        screen(str(folder))


def _retyped(folder: Path, table: str, column: str, kind: str) -> Path:
    file = folder / f"{table}.parquet"
    query = f"SELECT * REPLACE ({column}::{kind} AS {column}) FROM '{file}'"
    duckdb.connect().execute(f"CREATE TABLE t AS {query}; COPY t TO '{file}' (FORMAT parquet)")
    return folder


@pytest.mark.parametrize(
    ("table", "column"),
    [("measurement", "unit_concept_id"), ("measurement", "value_as_concept_id"), ("measurement", "measurement_date"),
     ("measurement", "measurement_concept_id"), ("condition_occurrence", "condition_status_concept_id"),
     ("condition_occurrence", "person_id"), ("drug_exposure", "route_concept_id"), ("person", "year_of_birth")],
)  # fmt: skip
def test_ids_and_dates_may_be_text(table: str, column: str, tmp_path: Path) -> None:
    folder = _retyped(everyday().write(tmp_path / "cdm"), table, column, "VARCHAR")
    assert levels(screen(str(folder))) == EXPECTED


@pytest.mark.parametrize("form", ["parquet", "duckdb"])
@pytest.mark.parametrize(
    ("table", "column", "id", "written"),
    [("measurement", "measurement_date", 7, "31/12/2022"), ("measurement", "range_high", 7, "< 200"),
     ("measurement", "person_id", 7, "x"), ("drug_exposure", "drug_exposure_end_date", 9, "unknown"),
     ("condition_occurrence", "condition_concept_id", 9, "?")],
)  # fmt: skip
def test_a_text_that_is_no_date_or_number_is_told_by_its_row_and_the_rest_is_used(
    form: str, table: str, column: str, id: int, written: str, tmp_path: Path
) -> None:
    made = everyday()
    made.rows[table].append({**made.rows[table][0], f"{table}_id": id, "person_id": 6})
    folder = made.write(tmp_path / "cdm")
    file = folder / f"{table}.parquet"
    text = f"CASE {table}_id WHEN {id} THEN '{written}' ELSE {column}::VARCHAR END AS {column}"
    duckdb.connect().execute(
        f"CREATE TABLE t AS SELECT * REPLACE ({text}) FROM '{file}'; COPY t TO '{file}' (FORMAT parquet)"
    )
    source = folder
    if form == "duckdb":
        source = tmp_path / "cdm.duckdb"
        with duckdb.connect(str(source)) as connection:
            for path in folder.iterdir():
                connection.execute(f"CREATE TABLE {path.stem} AS FROM '{path}'")
    answer = screen(str(source))
    assert {patient: level for patient, level in levels(answer).items() if patient != "6"} == EXPECTED
    assert answer.report.broken == 1
    (told,) = [(place, reason) for place, _, reason in answer.report.problems if column in reason]
    assert told[0] == f"{table} {id}"
    assert written not in str(answer.report.problems)


def test_many_texts_that_are_no_dates_are_counted(tmp_path: Path) -> None:
    made = everyday()
    for _ in range(20):
        made.rows["measurement"].append({**made.rows["measurement"][0], "measurement_id": 99, "person_id": 6})
    file = made.write(tmp_path / "cdm") / "measurement.parquet"
    text = "CASE measurement_id WHEN 99 THEN 'none' ELSE measurement_date::VARCHAR END AS measurement_date"
    query = f"CREATE TABLE t AS SELECT * REPLACE ({text}) FROM '{file}'; COPY t TO '{file}' (FORMAT parquet)"
    duckdb.connect().execute(query)
    answer = screen(str(tmp_path / "cdm"))
    assert levels(answer) == EXPECTED
    assert answer.report.broken == 20
    assert ("measurement", 0, "and 15 more such") in answer.report.problems


def test_a_number_for_a_date_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    day = "CAST(strftime(measurement_date, '%Y%m%d') AS BIGINT)"
    file = folder / "measurement.parquet"
    query = f"SELECT * REPLACE ({day} AS measurement_date) FROM '{file}'"
    duckdb.connect().execute(f"CREATE TABLE t AS {query}; COPY t TO '{file}' (FORMAT parquet)")
    with pytest.raises(SourceError, match="cannot be read"):
        screen(str(folder))


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("not a database" * 100)
    with pytest.raises(SourceError, match="not a DuckDB database"):
        screen(str(tmp_path / "x.duckdb"))


def reported(answer: Screening) -> set[tuple[str, int]]:
    return {(Path(file).name, line) for file, line, _ in answer.report.problems}


def test_broken_lines_and_cells_of_csv_are_told_by_line_and_the_rest_is_used(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm", "csv")
    path = folder / "measurement.csv"
    lines = path.read_text().splitlines()
    cells = lines[1].split(",")
    bad_date = ",".join([*cells[:3], "the day before", *cells[4:]])
    bad_number = ",".join([*cells[:5], ">9000", *cells[6:]])
    lines[2:2] = ["1,2,3", bad_date, lines[1] + ",too,many", bad_number]
    path.write_bytes("\n".join(lines).encode() + b"\n1,\xff\xfe,3\n")
    answer = screen(str(folder))
    assert levels(answer) == EXPECTED
    assert reported(answer) == {
        ("measurement.csv", 3), ("measurement.csv", 4), ("measurement.csv", 5), ("measurement.csv", 6),
        ("measurement.csv", len(lines) + 1), ("measurement", 0)}  # fmt: skip
    assert answer.report.broken == 5
    assert not any("9000" in reason or "before" in reason for _, _, reason in answer.report.problems), "no data in them"


@pytest.mark.parametrize(
    "way", ["upper", "gz", "zst", "bom", "tabs", "folders", "gz folders", "compact dates", "times"]
)
def test_csv_as_tools_write_it(way: str, tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm", "csv")
    for path in sorted(folder.iterdir()):
        text = path.read_text()
        head, _, rest = text.partition("\n")
        if way == "upper":
            path.unlink()
            (folder / path.name.upper()).write_text(f"{head.upper()}\n{rest}")
        elif way == "bom":
            path.write_text("\ufeff" + text)
        elif way == "tabs":
            path.write_text(text.replace(",", "\t"))
        elif way == "compact dates":
            path.write_text(re.sub(r"(20\d\d)-(\d\d)-(\d\d)", r"\1\2\3", text))
        elif way == "times":
            path.write_text(re.sub(r"(20\d\d-\d\d-\d\d)", r"\1 10:20:30", text))
        else:
            target = folder / path.stem / "part-0000.csv" if "folders" in way else path
            target.parent.mkdir(exist_ok=True)
            (target.parent / "_SUCCESS").write_text("") if "folders" in way else None
            if "gz" in way:
                target.with_name(f"{target.name}.gz").write_bytes(gzip.compress(text.encode()))
            elif way == "zst":
                duckdb.connect().execute(f"COPY (SELECT * FROM read_csv('{path}', all_varchar = true)) TO "
                                         f"'{path}.zst' (FORMAT csv, HEADER, COMPRESSION zstd)")  # fmt: skip
            else:
                target.write_text(text)
            path.unlink()
    answer = screen(str(folder))
    assert levels(answer) == EXPECTED
    assert (answer.report.broken, answer.report.problems) == (0, [])


def test_parquet_in_partitions(tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    duckdb.connect().execute(
        f"COPY (SELECT *, year(measurement_date) AS y FROM '{folder}/measurement.parquet') TO '{folder}/measurement' "
        "(FORMAT parquet, PARTITION_BY (y))"
    )
    (folder / "measurement.parquet").unlink()
    assert levels(screen(str(folder))) == EXPECTED


def test_nobody_is_dropped_silently(tmp_path: Path) -> None:
    made = everyday()
    made.ck(99, "2022-01-01", 5000)
    made.rows["person"].append({"person_id": None, "year_of_birth": 1950})
    made.rows["person"][0].update(month_of_birth=13, day_of_birth=40)
    made.rows["person"][1].update(month_of_birth=2, day_of_birth=30)
    made.rows["person"][2].update(year_of_birth=0)
    made.rows["person"][3].update(year_of_birth=99999999)
    made.ck(2, "2022-03-02", 9000)
    made.rows["measurement"][-1]["measurement_date"] = None
    answer = screen(str(made.write(tmp_path / "cdm")))
    assert levels(answer) == EXPECTED
    assert (answer.report.read, answer.report.assessed) == (8, 6)
    assert sorted(answer.report.skipped.values()) == [1, 1]
    assert reported(answer) == {("person", 0), ("measurement", 0)}


def test_a_version_that_is_not_said_is_no_wrong_version(tmp_path: Path) -> None:
    made = everyday()
    made.rows["cdm_source"][0]["cdm_version"] = " "
    assert levels(screen(str(made.write(tmp_path / "cdm")))) == EXPECTED


@needs_data
def test_sample_set_is_read_completely_and_nothing_is_invented() -> None:
    folder = SHARED / "data" / "synthea_omop_5_4"
    answer = screen(str(folder))
    rows = duckdb.connect().execute(f"SELECT count(*) FROM '{folder}/person.parquet'").fetchall()[0][0]
    assert answer.report.read == answer.report.assessed == rows
    assert {level for level, count in answer.levels.items() if count} == {"none"}
    assert answer.disagreements == []
    understood = {str(row["understood_as"]) for row in answer.report.mapping if row["table"] == "drug_exposure"}
    assert "simvastatin" in understood
    assert not any("creatine_kinase" in str(row["understood_as"]) for row in answer.report.mapping)


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_of_a_packed_table_that_is_cut_off_what_stands_before_is_used(packed: str, tmp_path: Path) -> None:
    made = everyday()
    for number in range(20_000):
        made.rows["measurement"].append({"measurement_id": 1000 + number, "person_id": 4, "measurement_concept_id": 1})
    folder = made.write(tmp_path / "cdm", "csv")
    plain = folder / "measurement.csv"
    whole = (gzip if packed == "gz" else zstd).compress(plain.read_bytes())
    plain.unlink()
    (folder / f"measurement.csv.{packed}").write_bytes(whole[: len(whole) * 3 // 4])
    answer = screen(str(folder))
    assert levels(answer) == EXPECTED
    (told,) = [reason for file, line, reason in answer.report.problems if Path(file).name.endswith(packed) and not line]
    assert "cannot be read to its end" in told
    (folder / f"measurement.csv.{packed}").write_bytes(b"neither")
    with pytest.raises(SourceError, match="measurement cannot be read"):
        screen(str(folder))
