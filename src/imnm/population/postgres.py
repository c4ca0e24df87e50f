"""OMOP tables in PostgreSQL: the same SELECTs there, their rows copied to us. Nothing is written on the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb

from imnm.knowledge.messages import say

from . import store
from .omop import VOCABULARY
from .source import SourceError

_TYPES = {16: "BOOLEAN", 20: "BIGINT", 21: "BIGINT", 23: "BIGINT", 700: "DOUBLE", 701: "DOUBLE", 1082: "DATE",
          1700: "DOUBLE"}  # fmt: skip
"""PostgreSQL type numbers as DuckDB types; everything else is text."""


class PostgresDatabase:
    """A PostgreSQL address. The password comes from the environment (PGPASSWORD) or PostgreSQL's own password file."""

    dialect = "postgres"

    def __init__(
        self, address: str, folder: Path, schema: str | None = None, vocabulary_schema: str | None = None
    ) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise SourceError(say("population.error.extra_postgres")) from error
        if _names_password(address):
            raise SourceError(say("population.error.password"))
        self.folder, self.schema, self.vocabulary_schema = folder, schema or "public", vocabulary_schema
        self.error = psycopg.Error
        self._columns: dict[str, set[str] | None] = {}
        try:
            self.server: Any = psycopg.connect(address, connect_timeout=10)
            self.server.read_only = True
        except psycopg.Error as error:
            raise SourceError(say("population.error.unreachable", reason=_first_line(error))) from error

    def name(self, table: str) -> str:
        """How SQL calls a table."""
        schema = self.vocabulary_schema if table in VOCABULARY and self.vocabulary_schema else self.schema
        return f'"{schema}"."{table}"'

    def columns(self, table: str) -> set[str] | None:
        """The columns of a table in lower case; None if it is not there."""
        if table not in self._columns:
            schema = self.vocabulary_schema if table in VOCABULARY and self.vocabulary_schema else self.schema
            query = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
            try:
                rows = self.server.execute(query, (schema, table)).fetchall()
            except self.error as error:
                raise SourceError(say("population.error.database", reason=_first_line(error))) from error
            self._columns[table] = {str(name).lower() for (name,) in rows} or None
        return self._columns[table]

    def fetch(self, connection: duckdb.DuckDBPyConnection, query: str, into: str) -> None:
        """Run a SELECT there and copy its rows into a table here. Raises SourceError if the server refuses."""
        path = self.folder / f"{into}.csv"
        try:
            described = self.server.execute(f"SELECT * FROM ({query}) AS q LIMIT 0").description
            with path.open("wb") as handle, self.server.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as rows:
                for block in rows:
                    handle.write(block)
        except self.error as error:
            raise SourceError(say("population.error.database", reason=_first_line(error))) from error
        types = ", ".join(
            f"{store.literal(c.name)}: {store.literal(_TYPES.get(c.type_code, 'VARCHAR'))}" for c in described
        )
        connection.execute(
            f"CREATE OR REPLACE TABLE {into} AS SELECT * FROM read_csv({store.literal(str(path))}, header = false, "
            f"delim = ',', quote = '\"', escape = '\"', auto_detect = false, columns = {{{types}}})"
        )
        path.unlink()

    def close(self) -> None:
        """Let go of the server."""
        self.server.close()


def _names_password(address: str) -> bool:
    """Before the @, or among the settings behind the question mark."""
    parts = urlsplit(address)
    return bool(parts.password) or any(name.lower() == "password" for name, _ in parse_qsl(parts.query, True))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
