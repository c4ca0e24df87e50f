"""The tables of a screening in DuckDB, and the level of everyone in them by one query."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from operator import attrgetter
from pathlib import Path

import duckdb

from imnm.assessment import program
from imnm.knowledge.limits import CK
from imnm.knowledge.messages import say
from imnm.logic.event import Event, day_number
from imnm.logic.nodes import Value, concepts_of
from imnm.logic.sql import EVENT_COLUMNS, UNREAD, columns_of, compile_sql

from .source import Report, SourceError

PEOPLE_COLUMNS = (
    ("patient", "VARCHAR"),
    ("birth_low", "DOUBLE"),
    ("birth_high", "DOUBLE"),
    ("newest", "DOUBLE"),
    ("passed", "BOOLEAN"),
)
"""One row for everyone: birth as day numbers, the newest day on which the record knew anything (null: none)."""

READ_COLUMNS = (("patient", "VARCHAR"), *((name, kind) for _, name, kind in EVENT_COLUMNS if name not in UNREAD))
"""Those of the events that the level query reads. Where proofs come from the records themselves, the others stay
null."""

LEVEL_COLUMN = "level"


def connect(folder: Path, memory_limit: str | None, threads: int) -> duckdb.DuckDBPyConnection:
    """A database of our own in memory, which DuckDB spills to the folder when that is short (a file would be written
    even when it is not). Raises SourceError for a bad limit."""
    connection = duckdb.connect()
    connection.execute(f"SET temp_directory = {literal(str(folder / 'spill'))}")
    connection.execute(f"SET threads = {threads}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET parquet_metadata_cache = true")  # each table is asked several times
    if memory_limit:
        try:
            connection.execute(f"SET memory_limit = {literal(memory_limit)}")
        except duckdb.Error as error:
            raise SourceError(say("population.error.memory_limit", value=memory_limit)) from error
    columns = ", ".join(f"{name} {kind}" for _, name, kind in EVENT_COLUMNS)
    connection.execute(f"CREATE TABLE events (patient VARCHAR, {columns})")
    connection.execute("CREATE TABLE people (" + ", ".join(f"{name} {kind}" for name, kind in PEOPLE_COLUMNS) + ")")
    return connection


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def csv_row(values: Iterable[object]) -> list[object]:
    """A row as ``load_csv`` takes it: null has a sign of its own, and no text holds a line break (DuckDB's reader ends
    a row at some of them even within quotes)."""
    return ["\\N" if value is None else _one_line(value) if isinstance(value, str) else value for value in values]


def _one_line(text: str) -> str:
    return text if text.isprintable() else _BREAKS.sub(" ", text)


def read_columns(patient: str, events: Iterable[Event]) -> Iterator[list[object]]:
    """A patient's events, those that are read, as rows of ``READ_COLUMNS`` for ``load_csv``."""
    concepts = read_concepts()
    return (csv_row((patient, *_READ(event))) for event in events if event.concept in concepts)


@cache
def read_concepts() -> frozenset[str]:
    """The concepts of which anything is read: by the level query, and the CK of the funnel."""
    return frozenset({CK}).union(*map(concepts_of, definitions().values()))


_READ = attrgetter(*(field for field, name, _ in EVENT_COLUMNS if name not in UNREAD))
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def load_csv(connection: duckdb.DuckDBPyConnection, table: str, files: Iterable[Path]) -> None:
    """Append CSV files written by ``csv_row`` to one of our tables; of the events ``READ_COLUMNS``."""
    paths = [literal(str(path)) for path in files if path.stat().st_size]
    if not paths:
        return
    columns = PEOPLE_COLUMNS if table == "people" else READ_COLUMNS
    names = ", ".join(name for name, _ in columns)
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns)
    connection.execute(
        f"INSERT INTO {table} ({names}) SELECT * FROM read_csv([{', '.join(paths)}], header = false, delim = ',', "
        f"quote = '\"', escape = '\"', nullstr = '\\N', auto_detect = false, columns = {{{types}}}, "
        "max_line_size = 16777216)"
    )


def definitions() -> dict[str, Value]:
    """What the level query computes: the levels and all they depend on."""
    return program.levels().definitions


@cache
def level_query(
    dialect: str = "duckdb", events: str = "events", index: str = "index_rows", pretty: bool = False
) -> str:
    """The query that gives a row for every index row, with a column for every finding and rule behind the level."""
    return compile_sql(definitions(), dialect, events, index, pretty)


def level_case(prefix: str = "") -> str:
    """The level as an expression over the columns of ``level_query``."""
    whens = " ".join(f"WHEN {prefix}\"{rule}\" THEN '{level}'" for rule, level in program.LEVELS_BY_RULE.items())
    return f"CASE {whens} ELSE 'none' END"


def note_future(connection: duckdb.DuckDBPyConnection, report: Report, kind: str) -> None:
    """Say of how many people anything is dated after today. ``kind``: what the source calls its people."""
    today = day_number(dt.date.today())
    future = connection.execute(f"SELECT count(*) FROM people WHERE newest > {today}").fetchall()[0][0]
    if future:
        report.problems.append((kind, 0, say("population.problem.future", count=future)))


def index_rows(connection: duckdb.DuckDBPyConnection, as_of: float | None, today: float) -> None:
    """One index row for everyone who passed the gate: the day asked, or the newest day of their own record."""
    day = f"coalesce(newest, {today!r}::DOUBLE)" if as_of is None else f"{as_of!r}::DOUBLE"
    connection.execute("DROP TABLE IF EXISTS index_rows")
    connection.execute(f"CREATE TABLE index_rows AS SELECT patient, {day} AS as_of FROM people WHERE passed")


def own_query() -> str:
    """The level query as ``compute_levels`` runs it."""
    return level_query(events="level_events")


def compute_levels(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the table *levels*: patient, as_of, level and every column of the query."""
    connection.execute("DROP TABLE IF EXISTS levels")
    if not connection.execute("SELECT EXISTS (FROM index_rows)").fetchall()[0][0]:
        connection.execute(f"CREATE TABLE levels ({', '.join(_level_columns())})")
        return
    _numbered_events(connection)
    # the first takes a third of the planning and finds nothing; the second makes a join of each long list of concepts,
    # which costs more than comparing numbers
    connection.execute("SET disabled_optimizers = 'projection_pullup,in_clause'")
    connection.execute(f"CREATE TABLE levels AS SELECT *, {level_case()} AS level FROM ({own_query()})")
    connection.execute("RESET disabled_optimizers")
    connection.execute("DROP TABLE level_events")
    connection.execute("DROP TYPE level_concept")


def _numbered_events(connection: duckdb.DuckDBPyConnection) -> None:
    """The events that the level query reads, with their concepts as an enumeration: the query compares each with
    hundreds of names, and numbers are compared faster than texts."""
    names = ", ".join(map(literal, sorted(read_concepts())))
    columns = ", ".join(
        "TRY_CAST(concept AS level_concept) AS concept" if name == "concept" else name for name, _ in READ_COLUMNS
    )
    connection.execute(f"CREATE TYPE level_concept AS ENUM ({names})")
    connection.execute(f"CREATE TABLE level_events AS SELECT {columns} FROM events WHERE concept IN ({names})")


def _level_columns() -> list[str]:
    """The columns of *levels*, for a source in which nobody passes the gate: the query need not be planned."""
    kinds = [(name, node.kind) for id, node in definitions().items() for name in columns_of(id, node)]
    columns = [f'"{name}" {"BOOLEAN" if kind == "truth" else "DOUBLE"}' for name, kind in kinds]
    return ["patient VARCHAR", "as_of DOUBLE", *columns, "level VARCHAR"]


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: Iterable[object] = ()
) -> list[Mapping[str, object]]:
    """The rows of a query as dictionaries."""
    cursor = connection.execute(query, list(values)) if values else connection.execute(query)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
