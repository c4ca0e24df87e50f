"""OMOP CDM 5.3 and 5.4 as a population.

Everything large happens where the data are, in plain SELECTs: which concepts are used, who has one that tells of
muscle, and these people's rows. The rest happens here: each distinct raw row is read once (``imnm.sources.omop``), and
the dates and people are joined to what it says.

What the tables mean in events: a condition began on its start date; a measurement, observation or procedure is of its
date; exposures of a drug not more than ``GAP`` days apart are one course, which is known to have ended when ``GAP``
days have passed without a refill, or on its last day where a reason for stopping is stated. Notes are not read.
"""

from __future__ import annotations

import csv
import datetime as dt
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import duckdb
import msgspec

from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.messages import say
from imnm.logic.event import Event
from imnm.logic.interval import INF, Interval
from imnm.logic.sql import EVENT_COLUMNS, event_row
from imnm.sources import Exposure, LocalCodes, Reading
from imnm.sources.coding import Coded
from imnm.sources.dates import BIRTH_YEARS, iso_day
from imnm.sources.omop import DAY_0, Known, Meaning, OmopCodes, RawResult, Table, Template, exposures_of
from imnm.sources.record import Record, When

from . import mapping, store
from .gate import gate_concepts
from .source import Early, Progress, Report, SourceError, cores
from .tables import SHOWN, Tables, cast, csv_type

T = TypeVar("T")
GAP = 30
"""Days without supply after which a course counts as ended (the persistence window of OMOP's own drug eras)."""
EXPANDED = frozenset({"muscle_fibre_necrosis", "muscle_biopsy", "muscle_biopsy_specimen", "myositis_antibody_panel",
                      "strength_compared", "clinical_course", "abnormal_emg"})  # fmt: skip
"""Concepts whose rows may speak of others than themselves (as in ``imnm.sources.bulk``)."""
ISA_LEVELS = 6
_FEW = 200


class Shape(NamedTuple):
    """A clinical table: its columns as SQL, by our names. ``needed``: those it cannot do without."""

    id: str
    day: str
    concept: str
    source_concept: str
    source_value: str
    extra: Mapping[str, tuple[str, str]]
    """Further columns: our name to (column, SQL type)."""


_VALUE = {
    "number": ("value_as_number", "DOUBLE PRECISION"),
    "operator": ("operator_concept_id", "BIGINT"),
    "answer": ("value_as_concept_id", "BIGINT"),
    "unit": ("unit_concept_id", "BIGINT"),
    "unit_text": ("unit_source_value", "VARCHAR"),
    "low": ("range_low", "DOUBLE PRECISION"),
    "high": ("range_high", "DOUBLE PRECISION"),
    "text": ("value_source_value", "VARCHAR"),
}
SHAPES: dict[Table, Shape] = {
    "condition_occurrence": Shape("condition_occurrence_id", "condition_start_date", "condition_concept_id",
                                  "condition_source_concept_id", "condition_source_value",
                                  {"status": ("condition_status_concept_id", "BIGINT")}),
    "measurement": Shape("measurement_id", "measurement_date", "measurement_concept_id",
                         "measurement_source_concept_id", "measurement_source_value", _VALUE),
    "observation": Shape("observation_id", "observation_date", "observation_concept_id",
                         "observation_source_concept_id", "observation_source_value",
                         {**_VALUE, "text": ("value_as_string", "VARCHAR")}),
    "procedure_occurrence": Shape("procedure_occurrence_id", "procedure_date", "procedure_concept_id",
                                  "procedure_source_concept_id", "procedure_source_value", {}),
    "drug_exposure": Shape("drug_exposure_id", "drug_exposure_start_date", "drug_concept_id",
                           "drug_source_concept_id", "drug_source_value",
                           {"finish": ("drug_exposure_end_date", "DATE"), "supply": ("days_supply", "BIGINT"),
                            "stop_reason": ("stop_reason", "VARCHAR"), "route": ("route_concept_id", "BIGINT")}),
}  # fmt: skip
ERA = Shape("drug_era_id", "drug_era_start_date", "drug_concept_id", "", "", {"finish": ("drug_era_end_date", "DATE")})
"""Drug eras stand in for exposures where there are none."""
USED_COLUMNS = frozenset(
    {
        "person_id", "year_of_birth", "month_of_birth", "day_of_birth", "gender_concept_id", "gender_source_value",
        "concept_id", "concept_name", "domain_id", "vocabulary_id", "concept_code", "concept_id_1", "concept_id_2",
        "relationship_id", "ancestor_concept_id", "descendant_concept_id", "min_levels_of_separation", "cdm_version",
        *(name for shape in (*SHAPES.values(), ERA) for name in shape[:5]),
        *(column for shape in (*SHAPES.values(), ERA) for column, _ in shape.extra.values()),
    }
)  # fmt: skip
"""Every column that is read; what other columns hold is never looked at."""
NEEDED = ("person", "condition_occurrence", "measurement", "concept")
_EVENT = ", ".join(f"{name} {kind}" for _, name, kind in EVENT_COLUMNS)
_LARGEST_ID = 2**63 - 1


class Said(NamedTuple):
    """What distinct rows say: templates by key, and the keys of those that can only be judged beside other results of
    the person."""

    templates: list[tuple[Any, ...]]
    beside: list[tuple[int]]


class Database(Protocol):
    """Where the tables are. ``columns``: those of a table in lower case, None if it is not there. ``name``: how SQL
    calls it. ``fetch``: run a SELECT there and put its rows in a local table."""

    dialect: str

    def columns(self, table: str) -> set[str] | None: ...

    def name(self, table: str) -> str: ...

    def fetch(self, connection: duckdb.DuckDBPyConnection, query: str, into: str) -> None: ...

    def close(self) -> None: ...


class OmopPopulation:
    """The people of an OMOP database. ``sample``: how many people are read beside those who pass the gate, so that
    they can be compared as well."""

    def __init__(
        self,
        database: Database,
        folder: Path,
        local_codes: LocalCodes | None = None,
        sample: int = 1000,
        also: Iterable[str] = (),
    ) -> None:
        self.database, self.folder, self.local_codes = database, folder, local_codes
        self.report = Report()
        self.sample_size = sample
        named = [int(patient) for patient in also if patient.isdecimal() and len(patient) <= len(str(_LARGEST_ID))]
        self.also = [person for person in named if person <= _LARGEST_ID]
        self.sample: set[str] | None = set()
        self.early: Early | None = None  # not used: the tables are read as a whole, not person by person
        self.verdicts: dict[str, Any] = {}
        self.codes = OmopCodes({}, {}, {}, local_codes)
        self.meanings: dict[int, Coded] = {}
        self.tables: dict[Table, Shape] = {}
        self.connection: duckdb.DuckDBPyConnection

    # ------------------------------------------------------------ the way

    def load(self, connection: duckdb.DuckDBPyConnection, progress: Progress) -> None:
        """See ``Population``. Raises SourceError for missing tables or columns and for another version."""
        self.connection = connection
        self._check()
        progress(say("population.progress.omop_codes"))
        with ThreadPoolExecutor(1) as reader:  # does in Python what it can while DuckDB is at work
            gate = reader.submit(gate_concepts)
            self._people()
            self._used()
            gate.result()
            self._understand()
            progress(say("population.progress.omop_rows"))
            self.run("CREATE SEQUENCE template_keys")
            self._chosen()
            if self.database.dialect != "spark":
                reader.submit(store.own_query)  # made, and remembered
            meant: dict[Table, Future[Said]] = {}
            for table in sorted(self.tables, key="measurement".__ne__):  # the largest first
                self._rows(table)
                if table != "drug_exposure":
                    meant[table] = reader.submit(self._read, table, self._keys(table))
            progress(say("population.progress.omop_events"))
            self._events(meant, reader)
        self._passed()
        self.report.broken += getattr(self.database, "broken", 0)
        self.report.problems = [*getattr(self.database, "problems", ()), *self.report.problems]

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def run(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query on our own tables."""
        return self.connection.execute(query).fetchall()

    # ------------------------------------------------------------ what is there

    def _check(self) -> None:
        missing = [table for table in NEEDED if self.database.columns(table) is None]
        if missing:
            raise SourceError(say("population.error.no_table", tables=", ".join(missing)))
        self._check_version()
        self._need("person", ("person_id", "year_of_birth"))
        self._need("concept", ("concept_id", "concept_name", "vocabulary_id", "concept_code"))
        for table, shape in SHAPES.items():
            if table == "drug_exposure" and not self._has_rows(table) and self._has_rows("drug_era"):
                self._need("drug_era", ("person_id", ERA.day, ERA.concept))
                self.tables[table] = ERA
            elif self.database.columns(table) is not None:
                self._need(table, ("person_id", shape.day, shape.concept))
                self.tables[table] = shape

    def _has_rows(self, table: str) -> bool:
        if self.database.columns(table) is None:
            return False
        self.database.fetch(self.connection, f"SELECT 1 AS one FROM {self.database.name(table)} LIMIT 1", "has_rows")
        return bool(self.run("SELECT * FROM has_rows"))

    def _need(self, table: str, columns: Iterable[str]) -> None:
        there = self.database.columns(table) or set()
        missing = [column for column in columns if column not in there]
        if missing:
            raise SourceError(say("population.error.no_column", table=table, columns=", ".join(missing)))

    def _check_version(self) -> None:
        if "cdm_version" not in (self.database.columns("cdm_source") or ()):
            return
        source = self.database.name("cdm_source")
        self.database.fetch(self.connection, f"SELECT CAST(cdm_version AS VARCHAR) AS v FROM {source}", "version")
        for (version,) in self.run("SELECT DISTINCT v FROM version WHERE trim(v) <> ''"):
            if not version.lower().lstrip("v cdm").startswith(("5.3", "5.4")):
                raise SourceError(say("population.error.version", version=version))

    def _table(self, table: Table) -> str:
        shape = self.tables[table]
        return self.database.name("drug_era" if shape is ERA else table)

    def _columns(self, table: Table, *names: str) -> str:
        """Our columns of a clinical table as SQL; what the table does not have is null."""
        shape = self.tables[table]
        there = self.database.columns("drug_era" if shape is ERA else table) or set()
        found = []
        for name in names:
            if name in ("person", "id"):
                found.append(f"CAST({'person_id' if name == 'person' else shape.id} AS BIGINT) AS {name}")
            elif name == "day":
                found.append(f"{self._day(shape.day)} AS day")
            elif name in ("concept", "source_concept"):
                found.append(f"{self._id(table, name)} AS {name}")
            elif name == "source_value":
                value = f"CAST({shape.source_value} AS VARCHAR)" if shape.source_value in there else "NULL"
                zero = f"{self._id(table, 'concept')} = 0 AND {self._id(table, 'source_concept')} = 0"
                found.append(f"CASE WHEN {zero} THEN {value} END AS source_value")
            else:
                column, kind = shape.extra.get(name, ("", "VARCHAR"))
                empty = f"CAST(NULL AS {'BIGINT' if kind == 'DATE' else kind})"
                if column not in there:
                    found.append(f"{empty} AS {name}")
                else:
                    found.append(f"{self._day(column) if kind == 'DATE' else f'CAST({column} AS {kind})'} AS {name}")
        return ", ".join(found)

    def _day(self, column: str) -> str:
        if self.database.dialect == "spark":
            return f"CAST(date_diff('day', DATE '1970-01-01', CAST({column} AS DATE)) AS BIGINT)"
        return f"CAST(CAST({column} AS DATE) - DATE '1970-01-01' AS BIGINT)"

    def _id(self, table: Table, name: str) -> str:
        shape = self.tables[table]
        column = shape.concept if name == "concept" else shape.source_concept
        there = self.database.columns("drug_era" if shape is ERA else table) or set()
        return f"coalesce(CAST({column} AS BIGINT), 0)" if column in there else "CAST(0 AS BIGINT)"

    # ------------------------------------------------------------ people and codes

    def _people(self) -> None:
        there = self.database.columns("person") or set()
        optional = [name for name in ("month_of_birth", "day_of_birth", "gender_concept_id") if name in there]
        columns = ["CAST(person_id AS BIGINT) AS person", "CAST(year_of_birth AS BIGINT) AS year_of_birth"]
        columns += [f"CAST({name} AS BIGINT) AS {name}" for name in optional]
        columns += ["CAST(gender_source_value AS VARCHAR) AS gender"] if "gender_source_value" in there else []
        query = f"SELECT {', '.join(columns)} FROM {self.database.name('person')}"
        self.database.fetch(self.connection, query, "omop_person")
        for name in ("month_of_birth", "day_of_birth", "gender_concept_id"):
            if name not in optional:
                self.run(f"ALTER TABLE omop_person ADD COLUMN {name} BIGINT")
        if "gender_source_value" not in there:
            self.run("ALTER TABLE omop_person ADD COLUMN gender VARCHAR")
        nameless = self.run("SELECT count(*) FROM omop_person WHERE person IS NULL")[0][0]
        self.run("DELETE FROM omop_person WHERE person IS NULL")
        rows, people = self.run("SELECT count(*), count(DISTINCT person) FROM omop_person")[0]
        if not people:
            raise SourceError(say("population.error.no_person"))
        self.report.read = people
        if nameless:
            self.report.read += nameless
            self.report.skip(say("population.read.no_person_id"), nameless)
        self.run(_BIRTHS)
        if people < rows:
            self.report.problems.append(("person", 0, say("population.problem.repeated_person", count=rows - people)))
            self.run("CREATE OR REPLACE TABLE births AS SELECT person, min(low) AS low, max(high) AS high, "
                     "min(sex) AS sex, bool_or(impossible) AS impossible FROM births GROUP BY person")  # fmt: skip
        impossible = self.run("SELECT count(*) FROM births WHERE impossible")[0][0]
        if impossible:
            self.report.problems.append(("person", 0, say("population.problem.birth", count=impossible)))

    def _used(self) -> None:
        """Which concepts the tables use, and how often."""
        self.run(
            "CREATE TABLE used (tab VARCHAR, concept BIGINT, source_concept BIGINT, source_value VARCHAR, n BIGINT)"
        )
        for table in self.tables:
            pair = self._columns(table, "concept", "source_concept")
            named = self._columns(table, "concept", "source_concept", "source_value")
            zero = f"{self._id(table, 'concept')} = 0 AND {self._id(table, 'source_concept')} = 0"
            whole = "CAST(NULL AS VARCHAR) AS source_value, count(*) AS n"
            for columns, kept, value, grouped in (
                (pair, f"NOT ({zero})", whole, ""),
                (named, zero, "source_value, count(*) AS n", ", source_value"),
            ):
                rows = f"(SELECT {columns} FROM {self._table(table)} WHERE {kept}) AS t"
                query = f"SELECT concept, source_concept, {value} FROM {rows} GROUP BY concept, source_concept{grouped}"
                self.database.fetch(self.connection, query, "used_here")
                self.run(f"INSERT INTO used SELECT '{table}', concept, source_concept, source_value, n FROM used_here")
            seen = self.run(f"SELECT coalesce(sum(n), 0) FROM used WHERE tab = '{table}'")[0][0]
            self.report.entries[table] = (int(seen), 0)

    def _understand(self) -> None:
        """What every used code means; kept in the table *codes*, with a number each."""
        ids = {id for row in self.run("SELECT DISTINCT concept, source_concept FROM used") for id in row if id}
        self.codes = OmopCodes(*self._vocabulary(ids), self.local_codes)
        telling = gate_concepts() | EXPANDED
        rows: list[tuple[object, ...]] = []
        used = self.run("SELECT tab, concept, source_concept, source_value, n FROM used ORDER BY n DESC, 1, 2, 3, 4")
        for tab, concept, source_concept, source_value, n in used:
            meaning = self.codes.meaning(tab, concept, source_concept, source_value)
            self._map(tab, concept, source_concept, source_value, n, meaning)
            if meaning.coded.matches:
                number = len(self.meanings)
                self.meanings[number] = meaning.coded
                tells = not telling.isdisjoint(meaning.coded.concepts)
                rows.append((tab, concept, source_concept, source_value, number, tells))
                before = self.report.entries[tab]
                self.report.entries[tab] = (before[0], before[1] + n)
        self._insert("codes (tab VARCHAR, concept BIGINT, source_concept BIGINT, source_value VARCHAR, code BIGINT, "
                     "telling BOOLEAN)", rows)  # fmt: skip

    def _map(self, tab: str, concept: int, source: int, value: str | None, n: int, meaning: Meaning) -> None:
        """A row of the mapping report: what was understood, and what is not but sounds like muscle."""
        name = meaning.coded.text or value or ""
        direct = sorted({match.direct for match in meaning.coded.matches})
        near = not direct and mapping.is_near(name)
        if direct or near:
            self.report.mapping.append(
                {"table": tab, "concept_id": concept or source or None, "source_value": value, "name": name,
                 "rows": n, "understood_as": " ".join(direct) or None, "how": meaning.how or None,
                 "matters": mapping.matters(meaning.coded)}
            )  # fmt: skip

    def _vocabulary(
        self, ids: set[int]
    ) -> tuple[dict[int, Known], dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
        """The used concepts, what they map to, and which of our concepts' codes lie above them."""
        name = self.database.name
        concepts: dict[int, Known] = {}
        columns = "CAST(concept_id AS BIGINT) AS id, vocabulary_id, CAST(concept_code AS VARCHAR) AS code, concept_name"
        everything = f"SELECT {columns} FROM {name('concept')}"
        units = f"{everything} WHERE vocabulary_id = 'UCUM' OR domain_id IN ('Meas Value', 'Unit')"
        has_domain = "domain_id" in (self.database.columns("concept") or ())
        self._add(concepts, [units] if has_domain else [f"{everything} WHERE vocabulary_id = 'UCUM'"])
        self._add(concepts, [f"{everything} WHERE concept_id IN ({chunk})" for chunk in _lists(ids)])
        answers = self._values_used()
        self._add(concepts, [f"{everything} WHERE concept_id IN ({chunk})" for chunk in _lists(answers)])
        maps_to = self._relations(ids, ("Maps to",))
        targets = {target for found in maps_to.values() for target in found} - set(concepts)
        self._add(concepts, [f"{everything} WHERE concept_id IN ({chunk})" for chunk in _lists(targets)])
        unknown = {id for id in ids if not any(self._is_known(concepts, other) for other in (id, *maps_to.get(id, ())))}
        ancestors = self._ancestors(unknown)
        above = {id for found in ancestors.values() for id in found} - set(concepts)
        self._add(concepts, [f"{everything} WHERE concept_id IN ({chunk})" for chunk in _lists(above)])
        return concepts, maps_to, ancestors

    @staticmethod
    def _is_known(concepts: Mapping[int, Known], id: int) -> bool:
        from imnm.knowledge.concepts import lookup_code

        known = concepts.get(id)
        return known is not None and bool(lookup_code(known.vocabulary, known.code))

    def _add(self, concepts: dict[int, Known], queries: Iterable[str]) -> None:
        for query in queries:
            self.database.fetch(self.connection, query, "vocabulary")
            for id, vocabulary, code, name in self.run("SELECT id, vocabulary_id, code, concept_name FROM vocabulary"):
                concepts[id] = Known(vocabulary or "", code or "", name or "")

    def _values_used(self) -> set[int]:
        """The concepts that stand as answers, statuses and routes."""
        found: set[int] = set()
        for table, shape in self.tables.items():
            there = self.database.columns("drug_era" if shape is ERA else table) or set()
            for name in ("answer", "status", "route", "unit"):
                column = shape.extra.get(name, ("", ""))[0]
                if column and column in there:
                    number = f"CAST({column} AS BIGINT)"
                    query = f"SELECT DISTINCT {number} AS id FROM {self._table(table)} WHERE {number} > 0"
                    self.database.fetch(self.connection, query, "values_used")
                    found |= {id for (id,) in self.run("SELECT id FROM values_used")}
        return found

    def _relations(self, ids: set[int], kinds: tuple[str, ...]) -> dict[int, tuple[int, ...]]:
        found: dict[int, tuple[int, ...]] = {}
        if self.database.columns("concept_relationship") is None:
            return found
        names = ", ".join(store.literal(kind) for kind in kinds)
        for chunk in _lists(ids):
            query = (
                "SELECT CAST(concept_id_1 AS BIGINT) AS one, CAST(concept_id_2 AS BIGINT) AS two FROM "
                f"{self.database.name('concept_relationship')} WHERE relationship_id IN ({names}) "
                f"AND concept_id_1 IN ({chunk}) AND concept_id_1 <> concept_id_2"
            )
            self.database.fetch(self.connection, query, "related")
            for one, two in self.run("SELECT DISTINCT one, two FROM related ORDER BY one, two"):
                found[one] = (*found.get(one, ()), two)
        return found

    def _ancestors(self, ids: set[int]) -> dict[int, tuple[int, ...]]:
        """What lies above: by concept_ancestor, nearest first; where that is empty, by walking the relationships."""
        found: dict[int, tuple[int, ...]] = {}
        if self.database.columns("concept_ancestor") is not None and self._has_rows("concept_ancestor"):
            for chunk in _lists(ids):
                query = (
                    "SELECT CAST(descendant_concept_id AS BIGINT) AS one, CAST(ancestor_concept_id AS BIGINT) AS two, "
                    f"min_levels_of_separation AS far FROM {self.database.name('concept_ancestor')} "
                    f"WHERE descendant_concept_id IN ({chunk}) AND descendant_concept_id <> ancestor_concept_id"
                )
                self.database.fetch(self.connection, query, "related")
                for one, two in self.run("SELECT one, two FROM related ORDER BY one, far, two"):
                    found[one] = (*found.get(one, ()), two)
            return found
        front = {id: {id} for id in ids}
        for _ in range(ISA_LEVELS):
            here = {id for reached in front.values() for id in reached}
            related = self._relations(here, ("Is a", "RxNorm has ing", "Tradename of", "Consists of", "Maps to"))
            following: dict[int, set[int]] = {}
            for id, reached in front.items():
                above = {two for one in reached for two in related.get(one, ())} - set(found.get(id, ())) - {id}
                if above:
                    found[id] = (*found.get(id, ()), *sorted(above))
                    following[id] = above
            front = following
        return found

    # ------------------------------------------------------------ rows

    def _which(self, table: Table, telling: bool) -> str | None:
        """The condition on a clinical table to speak of something we know (of muscle); None if no row does."""
        where = f"tab = '{table}'" + (" AND telling" if telling else "")
        codes = self.run(f"SELECT concept, source_concept, source_value FROM codes WHERE {where}")
        ids = {concept for concept, _, _ in codes if concept}
        sources = {source for concept, source, _ in codes if not concept and source}
        values = {value for _, _, value in codes if value is not None}
        shape = self.tables[table]
        found = []
        if ids:
            found.append(f"{shape.concept} IN ({', '.join(map(str, sorted(ids)))})")
        if sources:
            found.append(f"{shape.source_concept} IN ({', '.join(map(str, sorted(sources)))})")
        if values:
            found.append(f"{shape.source_value} IN ({', '.join(map(store.literal, sorted(values)))})")
        if not found:
            return None
        condition = "(" + " OR ".join(found) + ")"
        if sources or values:  # said again of one column, by which Parquet's row groups are skipped without being read
            listed = ", ".join(map(str, [0, *sorted(ids)]))
            condition = f"({shape.concept} IN ({listed}) OR {shape.concept} IS NULL) AND {condition}"
        return condition

    def _chosen(self) -> None:
        """Those who have anything that tells of muscle, and some others for comparison."""
        self.run("CREATE TABLE telling (person BIGINT)")
        for table in self.tables:
            condition = self._which(table, telling=True)
            if condition is not None:
                columns = self._columns(table, "person", "concept", "source_concept", "source_value")
                query = f"SELECT DISTINCT {columns} FROM {self._table(table)} WHERE {condition}"
                self.database.fetch(self.connection, query, "telling_here")
                self.run(
                    "INSERT INTO telling SELECT DISTINCT t.person FROM telling_here t "
                    f"JOIN codes c ON c.tab = '{table}' AND c.telling AND {_SAME_CODE}"
                )
        self.run("CREATE TABLE chosen AS SELECT DISTINCT person, true AS telling FROM telling "
                 "WHERE person IN (SELECT person FROM omop_person)")  # fmt: skip
        orphans = self.run("SELECT count(DISTINCT person) - (SELECT count(*) FROM chosen) FROM telling")[0][0]
        if orphans:
            self.report.read += orphans
            self.report.skip(say("population.read.no_person"), orphans)
        self._insert("also (person BIGINT)", [(person,) for person in self.also])
        self.run("INSERT INTO chosen SELECT person, false FROM births WHERE person NOT IN (SELECT person FROM chosen) "
                 "AND person IN (SELECT person FROM also)")  # fmt: skip
        if self.sample_size:
            self.run(
                "INSERT INTO chosen SELECT person, false FROM births WHERE person NOT IN (SELECT person FROM chosen) "
                f"ORDER BY hash(person, {self.sample_size}), person LIMIT {self.sample_size}"
            )
        self.sample = {str(person) for (person,) in self.run("SELECT person FROM chosen WHERE NOT telling")}

    def _rows(self, table: Table) -> None:
        """The rows of the chosen people that speak of something we know, with their code, in ``raw_<table>``."""
        names = ("person", "id", "day", "concept", "source_concept", "source_value", *self.tables[table].extra)
        condition = self._which(table, telling=False)
        if condition is None:
            condition = "1 = 0"
        people = self._people_condition()
        query = f"SELECT {self._columns(table, *names)} FROM {self._table(table)} WHERE {condition}{people}"
        coded = (
            "SELECT t.* EXCLUDE (concept, source_concept, source_value), c.code FROM {rows} t "
            f"LEFT JOIN codes c ON c.tab = '{table}' AND {_SAME_CODE}"
        )
        if self.database.dialect == "duckdb":  # which sees our tables: only the code is kept
            self.database.fetch(self.connection, coded.format(rows=f"({query})"), f"rows_{table}")
            rows = f"rows_{table}"
        else:
            self.database.fetch(self.connection, query, f"rows_{table}")
            rows = f"({coded.format(rows=f'rows_{table}')}) SEMI JOIN chosen USING (person)"
        self.run(f"CREATE VIEW raw_{table} AS SELECT * FROM {rows} WHERE day IS NOT NULL AND code IS NOT NULL")
        undated = self.run(f"SELECT count(*) FROM rows_{table} WHERE day IS NULL")[0][0]
        if undated:
            self.report.problems.append((table, 0, say("population.problem.undated", count=undated)))

    def _people_condition(self) -> str:
        """The condition on a clinical table to be about a chosen person. Another database does not see our tables, so
        it is told again how they were chosen."""
        if self.database.dialect == "duckdb":
            return " AND CAST(person_id AS BIGINT) IN (SELECT person FROM chosen)"
        found = []
        for other in self.tables:
            condition = self._which(other, telling=True)
            if condition is not None:
                found.append(f"person_id IN (SELECT person_id FROM {self._table(other)} WHERE {condition})")
        people = [str(person) for (person,) in self.run("SELECT person FROM chosen WHERE NOT telling ORDER BY 1")]
        if people:
            found.append(f"person_id IN ({', '.join(people)})")
        return f" AND ({' OR '.join(found)})" if found else " AND 1 = 0"

    # ------------------------------------------------------------ events

    def _keys(self, table: Table) -> list[tuple[Any, ...]]:
        """The distinct rows of a table, person and date set aside, with a key each: in the table *keys_<table>*."""
        columns = _keyed(table)
        self.run(f"CREATE TABLE keys_{table} AS SELECT nextval('template_keys') AS key, * "
                 f"FROM (SELECT DISTINCT {_columns(columns)} FROM raw_{table})")  # fmt: skip
        return self.run(f"SELECT key, {', '.join(columns)} FROM keys_{table}")

    def _read(self, table: Table, keys: list[tuple[Any, ...]]) -> Said:
        """What the distinct rows of a table say, each read once."""
        said = Said([], [])
        for key, code, *values in keys:
            template = self._template(table, self.meanings[code], values)
            said.templates.extend((key, *event_row("", event)[1:]) for event in template.events)
            if not template.alone:
                said.beside.append((key,))
        return said

    def _events(self, meant: Mapping[Table, Future[Said]], reader: Executor) -> None:
        """The view *events*: entries, which say on their day what a template says; what is known of the people
        themselves; courses of drugs; and what can only be read beside the rest of a record. ``meant``: what the rows of
        each table say, to be waited for."""
        self.run(f"CREATE TABLE templates (key BIGINT, {_EVENT})")
        self.run("CREATE TABLE entries (person BIGINT, day BIGINT, key BIGINT, id BIGINT)")
        self.run(f"CREATE TABLE single_events (person BIGINT, {_EVENT})")
        for table in meant:
            self._entries(table)
        beside = []
        for table, said in meant.items():
            self._templates(table, said.result())
            if said.result().beside:
                beside.append(reader.submit(self._read_beside, table, self._beside(table, said.result().beside)))
        courses = self._drugs() if "drug_exposure" in self.tables else ()
        for found in beside:
            self._insert(f"beside_events (person BIGINT, {_EVENT})", found.result())
            self.run("INSERT INTO single_events FROM beside_events")
        self.run(_DATED + "".join(f" UNION ALL {part}" for part in (_SEXES, *courses)))
        self.run("DROP TABLE events")
        self.run("CREATE VIEW events AS SELECT person::VARCHAR AS patient, * EXCLUDE (person) FROM dated")

    def _entries(self, table: Table) -> None:
        """The entries of a table; of equal rows of a day one is kept."""
        columns = _keyed(table)
        same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM r.{name}" for name in columns)
        self.run("INSERT INTO entries SELECT r.person, r.day, k.key, min(r.id) "
                 f"FROM (SELECT person, day, id, {_columns(columns)} FROM raw_{table}) r JOIN keys_{table} k ON {same} "
                 "GROUP BY r.person, r.day, k.key")  # fmt: skip

    def _templates(self, table: Table, said: Said) -> None:
        """What the entries of a table say."""
        self._insert(f"templates_here (key BIGINT, {_EVENT})", said.templates)
        self.run(f"INSERT INTO templates SELECT * REPLACE ('{table}/' AS ref) FROM templates_here")

    def _template(self, table: Table, coded: Coded, values: list[Any]) -> Template:
        if table not in _RESULTS:
            return self.codes.statement(coded, *values)
        raw = RawResult(*values)
        return self.codes.statement(coded) if _states(table, raw) else self.codes.result(coded, raw)

    def _beside(self, table: Table, keys: list[tuple[int]]) -> list[tuple[Any, ...]]:
        """The rows of people with results that can only be judged beside their others: they are read one by one."""
        self._insert("beside_keys (key BIGINT)", keys)
        self.run("CREATE OR REPLACE TABLE beside AS SELECT DISTINCT person FROM entries "
                 "WHERE key IN (SELECT key FROM beside_keys)")  # fmt: skip
        self.run("DELETE FROM entries WHERE person IN (SELECT person FROM beside) "
                 f"AND key IN (SELECT key FROM keys_{table})")  # fmt: skip
        return self.run(
            f"SELECT person, id, day, {_columns(_keyed(table))} FROM raw_{table} JOIN beside USING (person) "
            "ORDER BY person, id"
        )

    def _read_beside(self, table: Table, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The events of these people's rows."""
        rows: list[tuple[Any, ...]] = []
        record, current = Record(self.codes.coder), None
        for person, id, day, code, *values in found:
            if person != current:
                rows += self._finished(current, record)
                record, current = Record(self.codes.coder), person
            self._read_row(record, table, id, day, self.meanings[code], RawResult(*values))
        return rows + self._finished(current, record)

    def _read_row(self, record: Record, table: str, id: int, day: int, coded: Coded, raw: RawResult) -> None:
        when = When(Interval(float(day), float(day)), float(day))
        if _states(table, raw):
            record.state(coded, True, when, f"{table}/{id}")
        else:
            self.codes.read_result(record, coded, raw, when, f"{table}/{id}")

    @staticmethod
    def _finished(person: int | None, record: Record) -> list[tuple[Any, ...]]:
        if person is None:
            return []
        return [(person, *event_row("", event)[1:]) for event in record.finish(dt.date.max).events]

    def _drugs(self) -> tuple[str, ...]:
        """The courses of drugs, in the table *courses*, and as events. A class and its only member taken are told by
        the same rows and have the same courses: courses are found once for each such set of rows, a *supply*."""
        era = self.tables["drug_exposure"] is ERA
        columns = (
            "NULL::BIGINT AS supply, NULL AS stop_reason, 0 AS route"
            if era
            else "supply, stop_reason, coalesce(route, 0) AS route"
        )
        told_by: dict[tuple[str, str | None], set[tuple[int, int]]] = {}
        names: dict[int, str] = {}
        pairs = self.run(f"SELECT DISTINCT code, route FROM (SELECT code, {columns} FROM raw_drug_exposure)")
        for code, route in pairs:
            place = self.codes.concepts.get(route)
            for drug in exposures_of(self.meanings[code], place.name if place else None):
                told_by.setdefault((drug.concept, drug.ingredient), set()).add((code, route))
                names[code] = drug.name
        supplies = {rows: number for number, rows in enumerate(dict.fromkeys(map(frozenset, told_by.values())))}
        self._insert("supplies (supply BIGINT, code BIGINT, route BIGINT)",
                     [(number, *row) for rows, number in supplies.items() for row in rows])  # fmt: skip
        self._insert("drugs (supply BIGINT, concept VARCHAR, ingredient VARCHAR)",
                     [(supplies[frozenset(rows)], *drug) for drug, rows in told_by.items()])  # fmt: skip
        self._insert("drug_texts (code BIGINT, taken VARCHAR, stopped VARCHAR, used VARCHAR)",
                     [(code, *(say(f"sources.text.{key}", name=name, date=DAY_0) for key in _COURSE_TEXTS))
                      for code, name in names.items()])  # fmt: skip
        self.run(_COURSES.format(columns=columns, gap=GAP))
        self.run(_RESUMED.format(columns=columns))
        return _COURSE_EVENTS

    def _passed(self) -> None:
        """Everyone, with the newest day of the record and whether anything on it tells of muscle."""
        gate = ", ".join(map(store.literal, sorted(gate_concepts())))
        stopped = (
            "courses WHERE reason"
            if "drug_exposure" in self.tables
            else "(SELECT person, NULL::BIGINT AS finish FROM births WHERE false)"
        )
        self.run(
            "INSERT INTO people SELECT person, b.low, b.high, greatest(e.newest, s.newest), "
            f"person IN (SELECT person FROM dated WHERE split_part(concept, '.', 1) IN ({gate})) "
            "FROM births b LEFT JOIN (SELECT person, max(known_day) AS newest FROM dated WHERE "
            "known_day > '-Infinity'::DOUBLE AND NOT ends_with(concept, '.stop') GROUP BY person) e USING (person) "
            # a stop that is stated was learnt on its day; an end of supply is of no day on which anything was recorded
            f"LEFT JOIN (SELECT person, max(finish) AS newest FROM {stopped} GROUP BY person) s USING (person)"
        )
        self.report.passed = self.run("SELECT count(*) FROM people WHERE passed")[0][0]
        store.note_future(self.connection, self.report, "person")

    # ------------------------------------------------------------ tables of our own

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """A new table of ours with these rows, by way of a file: thousands of rows are slow as parameters."""
        name = table.split(" ", 1)[0]
        self.run(f"CREATE OR REPLACE TABLE {table}")
        path = self.folder / f"{name}.csv"
        self._write(path, rows)
        if rows:
            kinds = [tuple(column.split(" ", 1)) for column in table[table.index("(") + 1 : -1].split(", ")]
            types = ", ".join(f"'{column}': '{kind}'" for column, kind in kinds)
            self.run(f"INSERT INTO {name} SELECT * FROM {_csv(path, types)}")

    @staticmethod
    def _write(path: Path, rows: list[tuple[Any, ...]]) -> None:
        with path.open("w", encoding="utf-8", newline="") as handle:
            csv.writer(handle).writerows(map(store.csv_row, rows))

    # ------------------------------------------------------------ one by one

    def judged(self, patients: Mapping[str, float], judge: Callable[[Reading, float], T]) -> Iterator[tuple[str, T]]:
        """Each of these people from their events, judged by ``judge``, on every processor if they are many."""
        if not patients:
            return
        tasks = ((reading, patients[reading.patient], judge) for reading in self._readings(patients))
        if len(patients) < _FEW or cores() == 1:
            yield from map(_judge, tasks)
            return
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        with ProcessPoolExecutor(cores(), context) as pool:
            yield from pool.map(_judge, tasks, chunksize=32)

    def _readings(self, patients: Iterable[str]) -> Iterator[Reading]:
        self._insert("wanted (person BIGINT)", [(patient,) for patient in patients])
        cursor = self.connection.cursor()
        names = ", ".join(f"e.{name}" for _, name, _ in EVENT_COLUMNS)
        cursor.execute(
            f"SELECT w.person::VARCHAR, {names} FROM wanted w LEFT JOIN dated e USING (person) "
            "ORDER BY w.person, e.ref, e.concept, e.start_day"
        )
        current: str | None = None
        events: list[Event] = []
        while rows := cursor.fetchmany(10_000):
            for patient, *values in rows:
                if patient != current:
                    if current is not None:
                        yield _reading(current, events)
                    current, events = patient, []
                if values[0] is not None:
                    events.append(_dated(Event(*values)))
        if current is not None:
            yield _reading(current, events)


def _judge(task: tuple[Reading, float, Callable[[Reading, float], T]]) -> tuple[str, T]:
    reading, day, judge = task
    return reading.patient, judge(reading, day)


def _dated(event: Event) -> Event:
    """The event with its date in its text, where it is a template's: that of its beginning, else when it was known."""
    if DAY_0 not in event.text:
        return event
    day = event.start if event.concept.endswith(".stop") or event.known == -INF else event.known
    return msgspec.structs.replace(event, text=event.text.replace(DAY_0, iso_day(Interval(day, day)) or ""))


def _reading(patient: str, events: list[Event]) -> Reading:
    told = (e.known for e in events if not e.concept.endswith(".stop") or e.known == e.start)
    newest = max((day for day in told if -INF < day < INF), default=-INF)
    return Reading(patient, events, exposures=_exposures(events), newest_known=newest)


def _exposures(events: list[Event]) -> list[Exposure]:
    """The courses of single drugs, from their first and last events."""
    found: list[Exposure] = []
    drugs = {e.concept for e in events if e.concept in CONCEPTS and CONCEPTS[e.concept].domain == "drug"}
    for drug in sorted(drugs):
        starts = sorted((e.start, e.ref) for e in events if e.concept == drug and e.detail == drug)
        stops = sorted(e.start for e in events if e.concept == f"{drug}.stop" and e.detail == drug)
        for place, (start, ref) in enumerate(starts):
            following = starts[place + 1][0] if place + 1 < len(starts) else INF
            stop = next((day for day in stops if start <= day < following), None)
            shown = iso_day(Interval(stop, stop)) if stop is not None else None
            found.append(Exposure(drug, iso_day(Interval(start, start)), shown, stop is not None, ref))
    return found


# ---------------------------------------------------------------- queries on our own tables

_SAME_CODE = (
    "c.concept = t.concept AND c.source_concept = t.source_concept "
    "AND c.source_value IS NOT DISTINCT FROM t.source_value"
)

_BIRTHS = f"""
CREATE TABLE births AS SELECT person, low, high, sex,
  low IS NULL AND year_of_birth <> 0 OR month IS NULL AND month_of_birth <> 0 OR day IS NULL AND
    day_of_birth <> 0 AS impossible
FROM (SELECT *, epoch(first + coalesce(day - 1, 0)::INT) / 86400 AS low,
    epoch(CASE WHEN day IS NOT NULL THEN first + (day - 1)::INT WHEN month IS NOT NULL THEN last_day(first)
      ELSE make_date(year::INT, 12, 31) END) / 86400 AS high
  FROM (SELECT *, CASE WHEN day_of_birth BETWEEN 1 AND day(last_day(first)) AND month IS NOT NULL
      THEN day_of_birth END AS day
    FROM (SELECT *, make_date(year::INT, coalesce(month, 1)::INT, 1) AS first
      FROM (SELECT *,
          CASE WHEN year_of_birth BETWEEN {BIRTH_YEARS[0]} AND {BIRTH_YEARS[-1]} THEN year_of_birth END AS year,
          CASE WHEN month_of_birth BETWEEN 1 AND 12 THEN month_of_birth END AS month,
          CASE WHEN gender_concept_id = 8532 OR (coalesce(gender_concept_id, 0) = 0
            AND upper(gender) IN ('F', 'FEMALE')) THEN 'female'
            WHEN gender_concept_id = 8507 OR (coalesce(gender_concept_id, 0) = 0
            AND upper(gender) IN ('M', 'MALE')) THEN 'male' END AS sex
        FROM omop_person))))"""

_UNBOUNDED = "'-Infinity'::DOUBLE, 'Infinity'::DOUBLE, '-Infinity'::DOUBLE, 'Infinity'::DOUBLE"
_DATE = "strftime(DATE '1970-01-01' + {day}::INT, '%Y-%m-%d')"

_SEXES = f"""
SELECT person, 'birth', low, high, '-Infinity'::DOUBLE, {_UNBOUNDED}, true, NULL, NULL, NULL,
  'person/' || person, replace({store.literal(say("sources.text.born", date="~"))}, '~', {_DATE.format(day="low")})
FROM births JOIN chosen USING (person) WHERE low IS NOT NULL
UNION ALL
SELECT person, 'sex', '-Infinity'::DOUBLE, 'Infinity'::DOUBLE, '-Infinity'::DOUBLE, {_UNBOUNDED}, true, NULL,
  sex, NULL, 'person/' || person, replace({store.literal(say("sources.text.sex", sex="~"))}, '~', sex)
FROM births JOIN chosen USING (person) WHERE sex IS NOT NULL"""

_COURSE_TEXTS = ("drug", "drug_stopped", "drug_active")

_COURSES = """
CREATE TABLE courses AS
WITH rows AS (
  SELECT r.person, x.supply, r.code, r.id, r.day,
    CASE WHEN r.finish > r.day THEN r.finish WHEN r.supply > 0 THEN r.day + r.supply END AS finish,
    r.stop_reason IS NOT NULL AS reason
  FROM (SELECT person, id, day, code, finish, {columns} FROM raw_drug_exposure) r
  JOIN supplies x ON x.code = r.code AND x.route = r.route),
breaks AS (
  SELECT *, CASE WHEN day <= max(coalesce(finish, day)) OVER (
      PARTITION BY person, supply ORDER BY day, finish, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) + {gap} THEN 0 ELSE 1 END AS fresh FROM rows),
numbered AS (
  SELECT *, sum(fresh) OVER (PARTITION BY person, supply ORDER BY day, finish, id
    ROWS UNBOUNDED PRECEDING) AS course FROM breaks)
SELECT person, supply, course, min(day) AS first, max(day) AS latest,
  CASE WHEN bool_and(finish IS NOT NULL) THEN max(finish) END AS finish,
  arg_max(reason, 2 * coalesce(finish, day) + reason::INT) AS reason, min(id) AS id, min(taken) AS taken,
  min(stopped) AS stopped, min(used) AS used
FROM numbered JOIN drug_texts USING (code) GROUP BY person, supply, course"""


_RESUMED = """
CREATE TABLE resumed AS
WITH other AS (
  SELECT DISTINCT c.person, c.supply, c.course, c.latest, s.finish
  FROM courses c JOIN courses s ON s.person = c.person AND s.finish >= c.first AND s.finish < c.latest
  JOIN (SELECT DISTINCT a.supply AS one, b.supply AS two FROM drugs a JOIN drugs b USING (concept)
    WHERE a.supply <> b.supply) x ON x.one = c.supply AND x.two = s.supply),
supplied AS (
  SELECT o.person, o.supply, o.course, min(r.day) AS again, min(r.day) FILTER (r.day > o.finish) AS later
  FROM other o JOIN supplies x USING (supply)
  JOIN (SELECT person, day, code, {columns} FROM raw_drug_exposure) r
    ON r.person = o.person AND r.code = x.code AND r.route = x.route AND r.day BETWEEN o.finish AND o.latest
  GROUP BY o.person, o.supply, o.course, o.finish)
SELECT DISTINCT c.person, c.supply, c.id, c.used, d.day FROM courses c JOIN (
  SELECT person, supply, course, first AS day FROM courses
  UNION ALL SELECT person, supply, course, again FROM supplied
  UNION ALL SELECT person, supply, course, later FROM supplied) d USING (person, supply, course)
WHERE d.day < c.latest"""
"""The days before its last supply on which a course shows that the drug is in use: its first, and the first ones after
another course of the same class ended. They decide what was known on an earlier day; other refills say nothing new."""


def _course_event(suffix: str, text: str, day: str, known: str, table: str = "courses") -> str:
    """What is said by each course that has this day."""
    return (
        f"SELECT person, concept, {day}, {day}, {known}, {_UNBOUNDED}, true, NULL, ingredient, NULL, "
        f"'drug_exposure/' || id, {text} FROM {table} "
        f"JOIN (SELECT supply, concept || '{suffix}' AS concept, ingredient FROM drugs) USING (supply) "
        f"WHERE {day} IS NOT NULL"
    )


_COURSE_EVENTS = (
    _course_event("", "taken", "first", "first"),
    _course_event(".active", "used", "latest", "latest"),
    _course_event(".active", "used", "day", "day", "resumed"),
    _course_event(".stop", "stopped", "finish", f"finish + CASE WHEN reason THEN 0 ELSE {GAP} END"),
)

_RESULTS: tuple[Table, ...] = ("measurement", "observation")
_RESULT = {
    "number": "number",
    "operator": "coalesce(operator, 0)",
    "answer": "coalesce(answer, 0)",
    "unit": "coalesce(unit, 0)",
    "unit_text": "unit_text",
    "low": "low",
    "high": "high",
    "text": "CASE WHEN number IS NULL AND coalesce(answer, 0) = 0 THEN text END",
}
"""The value of a row, as ``RawResult`` has it: what does not matter to its meaning is left out."""


def _keyed(table: Table) -> dict[str, str]:
    """What a row says beside who and when: its columns by name, as expressions over the row."""
    status = {"status": "coalesce(status, 0)"} if table == "condition_occurrence" else {}
    return {"code": "code", **(_RESULT if table in _RESULTS else status)}


def _columns(named: Mapping[str, str]) -> str:
    return ", ".join(f"{value} AS {name}" for name, value in named.items())


def _states(table: str, raw: RawResult) -> bool:
    """Whether a row says what its concept says, as a condition does, rather than give a value of it."""
    return table == "observation" and raw == RawResult()


_DATED = """
CREATE VIEW dated AS FROM single_events UNION ALL
SELECT r.person, x.* EXCLUDE (key) REPLACE (x.start_day + r.day AS start_day, x.end_day + r.day AS end_day,
  x.known_day + r.day AS known_day, x.ref || r.id AS ref)
FROM entries r JOIN templates x USING (key)"""


def _csv(path: Path, types: str) -> str:
    return (
        f"read_csv({store.literal(str(path))}, header = false, delim = ',', quote = '\"', escape = '\"', "
        f"nullstr = '\\N', auto_detect = false, columns = {{{types}}})"
    )


def _lists(ids: Iterable[int], size: int = 20_000) -> Iterator[str]:
    """Ids as SQL lists of a size that databases accept."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), size):
        yield ", ".join(map(str, ordered[start : start + size]))


# ---------------------------------------------------------------- databases

_ROW_IDS: dict[str, str] = {"drug_era": ERA.id, "person": "person_id"}
_ROW_IDS |= {table: shape.id for table, shape in SHAPES.items()}
"""By which column a row of a table is told."""


class LocalDatabase:
    """OMOP tables that DuckDB reads itself: a folder of Parquet or CSV, or a DuckDB file."""

    dialect = "duckdb"

    def __init__(
        self, path: Path, schema: str | None = None, vocabulary_schema: str | None = None, work: Path | None = None
    ) -> None:
        self.path, self.schema, self.vocabulary_schema = path, schema, vocabulary_schema
        self._columns: dict[str, set[str] | None] = {}
        self._typed: dict[str, str] = {}
        self._text_problems: list[tuple[str, int, str]] = []
        self._text_broken = 0
        self.tables = Tables(path, work) if path.is_dir() else None
        self._ready = False
        self.connection = duckdb.connect()
        if not path.is_dir():
            self._attach(self.connection)

    @property
    def problems(self) -> list[tuple[str, int, str]]:
        """Where lines and cells could not be read."""
        return [*(self.tables.problems if self.tables else ()), *self._text_problems]

    @property
    def broken(self) -> int:
        """How many."""
        return self._text_broken + (self.tables.broken if self.tables else 0)

    def _attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        try:
            connection.execute(f"ATTACH {store.literal(str(self.path))} AS source (READ_ONLY)")
        except duckdb.Error as error:
            raise SourceError(say("population.error.not_duckdb", file=self.path)) from error

    def name(self, table: str) -> str:
        """How SQL calls a table; where columns are text that should not be, a query that reads them as they should."""
        self.columns(table)
        return self._typed.get(table) or self._name(table)

    def _name(self, table: str) -> str:
        if self.tables is not None:
            return self.tables.sql(table, USED_COLUMNS)
        schema = self.vocabulary_schema if table in VOCABULARY and self.vocabulary_schema else self.schema
        return f'source."{schema or "main"}"."{table}"'

    def columns(self, table: str) -> set[str] | None:
        """The columns of a table in lower case; None if it is not there."""
        if table not in self._columns:
            self._columns[table] = self._described(table)
        return self._columns[table]

    def _described(self, table: str) -> set[str] | None:
        if self.tables is not None and table not in self.tables.files:
            return None
        try:
            rows = self.connection.execute(f"DESCRIBE SELECT * FROM {self._name(table)}").fetchall()
            self._read_texts(table, {str(row[0]).lower() for row in rows if row[1] == "VARCHAR"})
        except duckdb.CatalogException:
            return None
        except duckdb.Error as error:
            raise SourceError(say("population.error.table_unreadable", table=table)) from error
        return {str(row[0]).lower() for row in rows}

    def _read_texts(self, table: str, texts: set[str]) -> None:
        """Dates and numbers that are kept as text are read row by row, as those of CSV are: a row whose value is none
        is told of, and the others are used."""
        columns = sorted(name for name in texts & USED_COLUMNS if csv_type(name) != "VARCHAR")
        if not columns:
            return
        plain = self._name(table)
        self._typed[table] = f"(SELECT * REPLACE ({', '.join(f'{cast(c, c)} AS {c}' for c in columns)}) FROM {plain})"
        bad = {column: f"trim({column}) <> '' AND {cast(column, column)} IS NULL" for column in columns}
        counts = self.connection.execute(
            f"SELECT {', '.join(f'count(*) FILTER ({condition})' for condition in bad.values())} FROM {plain}"
        ).fetchone()
        for column, count in zip(columns, counts or (), strict=True):
            if count:
                self._text_broken += count
                self._text_problems += self._odd_texts(table, column, bad[column], count)

    def _odd_texts(self, table: str, column: str, bad: str, count: int) -> Iterator[tuple[str, int, str]]:
        """The first rows whose value is none, by their id."""
        reason = say("population.problem.no_value", column=column, kind=say(f"population.kind.{csv_type(column)}"))
        query = f"SELECT {_ROW_IDS.get(table, 'NULL')} FROM {self._name(table)} WHERE {bad} ORDER BY 1 LIMIT {SHOWN}"
        rows = self.connection.execute(query).fetchall()
        yield from ((f"{table} {id}" if id is not None else table, 0, reason) for (id,) in rows)
        if count > len(rows):
            yield table, 0, say("population.problem.more", count=count - len(rows))

    def fetch(self, connection: duckdb.DuckDBPyConnection, query: str, into: str) -> None:
        """Run a SELECT and put its rows in a table of the connection. Raises SourceError if a file is broken."""
        if not self._ready and not self.path.is_dir():
            self._attach(connection)
        self._ready = True
        try:
            connection.execute(f"CREATE OR REPLACE TABLE {into} AS {query}")
        except (
            duckdb.InvalidInputException,
            duckdb.IOException,
            duckdb.ConversionException,
            duckdb.BinderException,  # a column of another type than the model's, such as a number for a date
        ) as error:
            raise SourceError(say("population.error.data", reason=str(error).splitlines()[0][:200])) from error

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()
        if self.tables is not None:
            self.tables.close()


VOCABULARY = frozenset({"concept", "concept_relationship", "concept_ancestor", "vocabulary"})
