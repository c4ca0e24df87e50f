"""Definitions on an engine: a population in, the result of the query as values by (patient, as-of date)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from imnm.logic import nodes as n
from imnm.logic.event import Event
from imnm.logic.interval import Interval
from imnm.logic.sql import EVENT_COLUMNS, columns_of, compile_sql, event_row
from imnm.logic.truth import Truth

Row = dict[str, Truth | Interval]
Answer = dict[tuple[int, float], Row]
RunSql = Callable[[Mapping[str, n.Value], Sequence[Sequence[Event]], Sequence[float]], Answer]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    columns = ", ".join(f"{name} {kind}" for _, name, kind in EVENT_COLUMNS)
    connection.execute(f"CREATE TABLE events (patient VARCHAR, {columns})")
    connection.execute("CREATE TABLE index_rows (patient VARCHAR, as_of DOUBLE)")
    return connection


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute(f"DELETE FROM {table}")
    if rows:
        places = ", ".join("(" + ", ".join("?" * len(rows[0])) + ")" for _ in rows)
        connection.execute(f"INSERT INTO {table} VALUES {places}", [value for row in rows for value in row])


def _event_rows(patients: Sequence[Sequence[Event]]) -> list[tuple[object, ...]]:
    return [event_row(str(i), event) for i, record in enumerate(patients) for event in record]


def _index_rows(patients: Sequence[Sequence[Event]], days: Sequence[float]) -> list[tuple[object, ...]]:
    return [(str(i), day) for i in range(len(patients)) for day in days]


def run_sql(definitions: Mapping[str, n.Value], patients: Sequence[Sequence[Event]], days: Sequence[float]) -> Answer:
    """What the query says of each patient (by place) on each day, on DuckDB."""
    connection = _connection()
    _fill(connection, "events", _event_rows(patients))
    _fill(connection, "index_rows", _index_rows(patients, days))
    found = connection.execute(compile_sql(definitions))
    return _answer(definitions, [column[0] for column in found.description or []], found.fetchall())


def on_spark(session: Any, folder: Path) -> RunSql:
    """The same on Spark, which reads the tables from Parquet files as it does in a screening."""

    def run(definitions: Mapping[str, n.Value], patients: Sequence[Sequence[Event]], days: Sequence[float]) -> Answer:
        connection = _connection()
        _fill(connection, "events", _event_rows(patients))
        _fill(connection, "index_rows", _index_rows(patients, days))
        for table in ("events", "index_rows"):
            connection.execute(f"COPY {table} TO '{folder / table}.parquet' (FORMAT parquet)")
            session.read.parquet(f"{folder / table}.parquet").createOrReplaceTempView(table)
        found = session.sql(compile_sql(definitions, "spark"))
        return _answer(definitions, found.columns, [tuple(row) for row in found.collect()])

    return run


def on_postgres(server: Any) -> RunSql:
    """The same on PostgreSQL, in temporary tables of this connection."""
    columns = ", ".join(f"{name} {kind.replace('DOUBLE', 'DOUBLE PRECISION')}" for _, name, kind in EVENT_COLUMNS)
    server.execute(f"CREATE TEMP TABLE events (patient VARCHAR, {columns})")
    server.execute("CREATE TEMP TABLE index_rows (patient VARCHAR, as_of DOUBLE PRECISION)")

    def run(definitions: Mapping[str, n.Value], patients: Sequence[Sequence[Event]], days: Sequence[float]) -> Answer:
        for table, rows in (("events", _event_rows(patients)), ("index_rows", _index_rows(patients, days))):
            server.execute(f"TRUNCATE {table}")
            with server.cursor().copy(f"COPY {table} FROM STDIN") as out:
                for row in rows:
                    out.write_row(row)
        found = server.execute(compile_sql(definitions, "postgres"))
        return _answer(definitions, [column.name for column in found.description], found.fetchall())

    return run


def _answer(definitions: Mapping[str, n.Value], names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> Answer:
    named = [dict(zip(names, row, strict=True)) for row in rows]
    return {(int(row["patient"]), row["as_of"]): _values(definitions, row) for row in named}


def _values(definitions: Mapping[str, n.Value], row: Mapping[str, object]) -> Row:
    values: Row = {}
    for id, node in definitions.items():
        cells = [row[name] for name in columns_of(id, node)]
        values[id] = cells[0] if node.kind == "truth" else Interval(*cells)  # type: ignore[assignment,arg-type]
    return values
