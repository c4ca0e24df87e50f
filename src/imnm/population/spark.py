"""Spark: OMOP tables read where they are, and the level query on a cluster, by the same text in Spark's dialect."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

from imnm.knowledge.messages import say

from . import store
from .omop import VOCABULARY
from .source import SourceError


def session() -> Any:
    """The Spark session that is there, else one on this machine. Raises SourceError if Spark is not installed."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SourceError(say("population.error.extra_spark")) from error
    try:
        builder = SparkSession.builder.appName("imnm").config("spark.sql.session.timeZone", "UTC")
        if SparkSession.getActiveSession() is None:
            builder = builder.config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "8")
        return builder.getOrCreate()
    except Exception as error:  # pyspark has no common class for a Java that is missing or too old
        raise SourceError(say("population.error.spark", reason=type(error).__name__)) from error


def compute_levels(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the table *levels* from *events* and *index_rows*, with the query run by Spark."""
    spark = session()
    with tempfile.TemporaryDirectory(prefix="imnm-spark-") as name:
        folder = Path(name)
        for table in ("events", "index_rows"):
            path = folder / f"{table}.parquet"
            connection.execute(f"COPY {table} TO {store.literal(str(path))} (FORMAT parquet)")
            spark.read.parquet(str(path)).createOrReplaceTempView(f"imnm_{table}")
        answer = spark.sql(store.level_query("spark", "imnm_events", "imnm_index_rows"))
        answer.write.parquet(str(folder / "levels"))
        rows = f"SELECT * FROM read_parquet({store.literal(str(folder / 'levels' / '*.parquet'))})"
        connection.execute(f"CREATE OR REPLACE TABLE levels AS SELECT *, {store.level_case()} AS level FROM ({rows})")


class SparkDatabase:
    """OMOP tables that Spark reads: a folder of Parquet, or a schema of its catalogue."""

    dialect = "spark"

    def __init__(
        self, source: str, folder: Path, schema: str | None = None, vocabulary_schema: str | None = None
    ) -> None:
        self.spark = session()
        self.folder, self.schema, self.vocabulary_schema = folder, schema or source, vocabulary_schema
        self.source = Path(source) if Path(source).is_dir() else None
        self._columns: dict[str, set[str] | None] = {}

    def name(self, table: str) -> str:
        """How SQL calls a table."""
        if self.source is not None:
            return f"imnm_{table}"
        schema = self.vocabulary_schema if table in VOCABULARY and self.vocabulary_schema else self.schema
        return f"{schema}.{table}"

    def columns(self, table: str) -> set[str] | None:
        """The columns of a table in lower case; None if it is not there."""
        if table not in self._columns:
            self._columns[table] = self._described(table)
        return self._columns[table]

    def _described(self, table: str) -> set[str] | None:
        if self.source is None:
            there = self.spark.catalog.tableExists(self.name(table))
            return {name.lower() for name in self.spark.table(self.name(table)).columns} if there else None
        path = next((p for p in (self.source / f"{table}.parquet", self.source / table) if p.exists()), None)
        if path is None:
            return None
        frame = self.spark.read.parquet(str(path))
        frame.createOrReplaceTempView(self.name(table))
        return {name.lower() for name in frame.columns}

    def fetch(self, connection: duckdb.DuckDBPyConnection, query: str, into: str) -> None:
        """Run a SELECT on Spark and put its rows in a table here. Raises SourceError if Spark refuses."""
        text = sqlglot.transpile(query, "duckdb", "spark")[0]
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            try:
                self.spark.sql(text).write.parquet(f"{name}/rows")
            except Exception as error:  # whatever the JVM raises
                raise SourceError(say("population.error.spark", reason=str(error).splitlines()[0][:200])) from error
            rows = f"read_parquet({store.literal(f'{name}/rows/*.parquet')})"
            connection.execute(f"CREATE OR REPLACE TABLE {into} AS SELECT * FROM {rows}")

    def close(self) -> None:
        """The session may be someone else's and stays."""
