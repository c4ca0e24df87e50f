"""Definitions on DuckDB: a population in, the result of the query as values by (patient, as-of date)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import duckdb

from imnm.logic import nodes as n
from imnm.logic.event import Event
from imnm.logic.interval import Interval
from imnm.logic.sql import EVENT_COLUMNS, columns_of, compile_sql, event_row
from imnm.logic.truth import Truth

Row = dict[str, Truth | Interval]


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


def run_sql(
    definitions: Mapping[str, n.Value], patients: Sequence[Sequence[Event]], days: Sequence[float]
) -> dict[tuple[int, float], Row]:
    """What the query says of each patient (by place) on each day."""
    connection = _connection()
    _fill(connection, "events", [event_row(str(i), event) for i, record in enumerate(patients) for event in record])
    _fill(connection, "index_rows", [(str(i), day) for i in range(len(patients)) for day in days])
    found = connection.execute(compile_sql(definitions))
    names = [column[0] for column in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {(int(row["patient"]), row["as_of"]): _values(definitions, row) for row in rows}


def _values(definitions: Mapping[str, n.Value], row: Mapping[str, object]) -> Row:
    values: Row = {}
    for id, node in definitions.items():
        cells = [row[name] for name in columns_of(id, node)]
        values[id] = cells[0] if node.kind == "truth" else Interval(*cells)  # type: ignore[assignment,arg-type]
    return values
