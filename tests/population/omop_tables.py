"""Small OMOP databases for tests, written from rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

CONCEPTS: dict[str, tuple[int, str, str, str]] = {
    "ck": (3007220, "LOINC", "2157-6", "Creatine kinase [Enzymatic activity/volume] in Serum or Plasma"),
    "srp": (40766285, "LOINC", "33921-8", "Signal Recognition Particle (SRP) Ab [Presence] in Serum"),
    "hmgcr": (2000000001, "LOINC", "93493-5", "HMG-CoA reductase (HMGCR) IgG Ab in Serum"),
    "proximal": (2000000002, "SNOMED", "249939004", "Proximal muscle weakness"),
    "myalgia": (442752, "SNOMED", "68962001", "Muscle pain"),
    "inflammatory": (2000000003, "ICD10CM", "G72.49", "Other inflammatory and immune myopathies"),
    "myositis": (73001, "SNOMED", "26889001", "Myositis"),
    "hypertension": (320128, "SNOMED", "59621000", "Essential hypertension"),
    "atorvastatin": (1545958, "RxNorm", "83367", "atorvastatin"),
    "tablet": (1545959, "RxNorm", "617318", "some 20 MG Oral Tablet of a maker"),
    "u/l": (8645, "UCUM", "U/L", "unit per liter"),
    "ukat/l": (8646, "UCUM", "ukat/L", "microkatal per liter"),
    "positive": (9191, "SNOMED", "10828004", "Positive"),
    "negative": (9189, "SNOMED", "260385009", "Negative"),
    "provisional": (32899, "SNOMED", "148006", "Preliminary diagnosis"),
}

_TABLES = {
    "person": "person_id BIGINT, gender_concept_id BIGINT, year_of_birth BIGINT, month_of_birth BIGINT, "
    "day_of_birth BIGINT, gender_source_value VARCHAR",
    "condition_occurrence": "condition_occurrence_id BIGINT, person_id BIGINT, condition_concept_id BIGINT, "
    "condition_start_date DATE, condition_status_concept_id BIGINT, condition_source_value VARCHAR, "
    "condition_source_concept_id BIGINT",
    "measurement": "measurement_id BIGINT, person_id BIGINT, measurement_concept_id BIGINT, measurement_date DATE, "
    "operator_concept_id BIGINT, value_as_number DOUBLE, value_as_concept_id BIGINT, unit_concept_id BIGINT, "
    "range_low DOUBLE, range_high DOUBLE, measurement_source_value VARCHAR, measurement_source_concept_id BIGINT, "
    "unit_source_value VARCHAR, value_source_value VARCHAR",
    "drug_exposure": "drug_exposure_id BIGINT, person_id BIGINT, drug_concept_id BIGINT, drug_exposure_start_date "
    "DATE, drug_exposure_end_date DATE, days_supply BIGINT, stop_reason VARCHAR, route_concept_id BIGINT, "
    "drug_source_value VARCHAR, drug_source_concept_id BIGINT",
    "concept": "concept_id BIGINT, concept_name VARCHAR, domain_id VARCHAR, vocabulary_id VARCHAR, "
    "concept_code VARCHAR",
    "concept_relationship": "concept_id_1 BIGINT, concept_id_2 BIGINT, relationship_id VARCHAR",
    "concept_ancestor": "ancestor_concept_id BIGINT, descendant_concept_id BIGINT, min_levels_of_separation BIGINT",
    "cdm_source": "cdm_source_name VARCHAR, cdm_version VARCHAR",
}
KEYS = {"condition_occurrence": "condition", "measurement": "measurement", "drug_exposure": "drug"}


def id_of(name: str) -> int:
    return CONCEPTS[name][0]


class Omop:
    """A database in the making; ``write`` puts it into a folder, ``duckdb`` into a file."""

    def __init__(self, version: str = "5.4") -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in _TABLES}
        self.rows["cdm_source"].append({"cdm_source_name": "test", "cdm_version": version})
        for id, vocabulary, code, name in CONCEPTS.values():
            self.rows["concept"].append(
                {"concept_id": id, "concept_name": name, "vocabulary_id": vocabulary, "concept_code": code}
            )

    def person(self, id: int, year: int = 1955, gender: int = 8532) -> None:
        self.rows["person"].append({"person_id": id, "year_of_birth": year, "gender_concept_id": gender})

    def add(self, table: str, person: int, concept: int, day: str, **extra: Any) -> None:
        key = KEYS[table]
        date = (
            f"{key}_exposure_start_date"
            if key == "drug"
            else f"{key}_start_date"
            if key == "condition"
            else f"{key}_date"
        )
        row = {f"{table}_id": len(self.rows[table]) + 1, "person_id": person, f"{key}_concept_id": concept,
               date: dt.date.fromisoformat(day)}  # fmt: skip
        self.rows[table].append(row | extra)

    def ck(self, person: int, day: str, value: float | None, **extra: Any) -> None:
        settings = {"value_as_number": value, "unit_concept_id": id_of("u/l"), "range_high": 200.0} | extra
        self.add("measurement", person, id_of("ck"), day, **settings)

    def drug(self, person: int, day: str, end: str, concept: int | None = None, **extra: Any) -> None:
        finish = dt.date.fromisoformat(end)
        chosen = id_of("atorvastatin") if concept is None else concept
        self.add("drug_exposure", person, chosen, day, drug_exposure_end_date=finish, **extra)

    def fill(self, connection: duckdb.DuckDBPyConnection, schema: str = "main", vocabulary: str | None = None) -> None:
        for table, columns in _TABLES.items():
            place = vocabulary if vocabulary and table.startswith("concept") else schema
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place}")
            connection.execute(f"CREATE TABLE {place}.{table} ({columns})")
            for row in self.rows[table]:
                names, places = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {place}.{table} ({names}) VALUES ({places})", list(row.values()))

    def write(self, folder: Path, form: str = "parquet") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        connection = duckdb.connect()
        self.fill(connection)
        for table in _TABLES:
            connection.execute(f"COPY {table} TO '{folder / f'{table}.{form}'}' (FORMAT {form})")
        return folder

    def duckdb(self, path: Path, schema: str = "main", vocabulary: str | None = None) -> Path:
        connection = duckdb.connect(str(path))
        self.fill(connection, schema, vocabulary)
        connection.close()
        return path


def everyday() -> Omop:
    """Six people: one who should be tested, one recovered, one with a positive antibody, and everyday records."""
    made = Omop()
    for person in range(1, 7):
        made.person(person)
    made.add("condition_occurrence", 1, id_of("proximal"), "2022-03-01")
    made.ck(1, "2022-03-02", 8400)
    made.drug(1, "2021-01-01", "2021-03-31", days_supply=90)
    made.drug(1, "2021-04-02", "2021-07-01", days_supply=90)
    made.add("condition_occurrence", 2, id_of("myalgia"), "2022-03-01")
    made.ck(2, "2022-03-02", 150)
    made.add("condition_occurrence", 3, id_of("proximal"), "2022-03-01")
    made.ck(3, "2022-03-02", 140, unit_concept_id=id_of("ukat/l"), range_high=3.3)
    made.add("measurement", 3, id_of("hmgcr"), "2022-04-01", value_as_concept_id=id_of("positive"))
    made.add("condition_occurrence", 4, id_of("hypertension"), "2022-03-01")
    made.add("condition_occurrence", 5, id_of("hypertension"), "2022-03-01")
    made.drug(5, "2021-01-01", "2021-03-31")
    return made
