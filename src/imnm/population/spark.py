"""Spark: OMOP tables read where they are, and the level query on a cluster, by the same text in Spark's dialect.

Between Spark and us rows travel as Parquet files in a folder that both see: on one machine a temporary one, for a
cluster the folder that ``IMNM_STAGING`` names.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import sqlglot

from imnm.knowledge.messages import say

from . import store
from .omop import VOCABULARY
from .source import SourceError

_SETTINGS = ("PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR", "SPARK_REMOTE", "SPARK_HOME")
"""What in the environment tells Spark where to run; then nothing is settled here."""
_HERE = {
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}
"""Of a session on this machine: no page, nothing open to the network, and few parts, since tables are small."""


def session() -> Any:
    """The Spark session that is there, else the one that Spark's own settings name, else one on this machine. Raises
    SourceError if Spark is not installed."""
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise SourceError(say("population.error.extra_spark")) from error
    try:
        builder = SparkSession.builder.appName("imnm").config("spark.sql.session.timeZone", "UTC")
        if SparkSession.getActiveSession() is None and not any(name in os.environ for name in _SETTINGS):
            builder = builder.config(map=_HERE)
        return builder.getOrCreate()
    except Exception as error:  # pyspark has no common class for a Java that is missing or too old
        raise SourceError(say("population.error.spark", reason=type(error).__name__)) from error


@contextmanager
def _exchange(spark: Any, folder: Path | None = None) -> Iterator[Path]:
    """A folder for rows on their way. Raises SourceError where a cluster would write to its own disks instead."""
    shared = os.environ.get("IMNM_STAGING")
    if not shared and not str(spark.conf.get("spark.master", "")).startswith("local"):
        raise SourceError(say("population.error.spark_staging"))
    try:
        with tempfile.TemporaryDirectory(prefix="imnm-spark-", dir=shared or folder) as name:
            yield Path(name)
    except OSError as error:
        raise SourceError(say("population.error.spark", reason=error.strerror or type(error).__name__)) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _write(spark: Any, query: str, target: Path) -> None:
    try:
        spark.sql(query).write.parquet(target.as_uri())
    except Exception as error:  # whatever the JVM raises
        raise SourceError(say("population.error.spark", reason=_first_line(error))) from error


def compute_levels(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the table *levels* from *events* and *index_rows*, with the query run by Spark."""
    spark = session()
    with _exchange(spark) as folder:
        for table in ("events", "index_rows"):
            path = folder / f"{table}.parquet"
            connection.execute(f"COPY {table} TO {store.literal(str(path))} (FORMAT parquet)")
            spark.read.parquet(path.as_uri()).createOrReplaceTempView(f"imnm_{table}")
        _write(spark, store.level_query("spark", "imnm_events", "imnm_index_rows"), folder / "levels")
        rows = f"SELECT * FROM read_parquet({store.literal(str(folder / 'levels' / '*.parquet'))})"
        connection.execute("DROP TABLE IF EXISTS levels")
        connection.execute(f"CREATE TABLE levels AS SELECT *, {store.level_case()} AS level FROM ({rows})")


def reads(source: str) -> bool:
    """Whether Spark can read OMOP tables there itself: a folder of Parquet or its address, else a schema's name."""
    path = Path(source)
    if not path.exists():
        return True
    return path.is_dir() and any(p.is_dir() or p.suffix == ".parquet" for p in path.glob("person*"))


class SparkDatabase:
    """OMOP tables that Spark reads: a folder of Parquet (a path, or an address such as hdfs://), or a schema of its
    catalogue."""

    dialect = "spark"

    def __init__(
        self, source: str, folder: Path, schema: str | None = None, vocabulary_schema: str | None = None
    ) -> None:
        self.spark = session()
        self.folder, self.schema, self.vocabulary_schema = folder, schema or source, vocabulary_schema
        path = Path(source)
        self.files = path.absolute().as_uri() if path.is_dir() else source.rstrip("/") if "://" in source else None
        self._columns: dict[str, set[str] | None] = {}

    def name(self, table: str) -> str:
        """How SQL calls a table."""
        if self.files is not None:
            return f"imnm_{table}"
        schema = self.vocabulary_schema if table in VOCABULARY and self.vocabulary_schema else self.schema
        return f"{schema}.{table}"

    def columns(self, table: str) -> set[str] | None:
        """The columns of a table in lower case; None if it is not there."""
        if table not in self._columns:
            try:
                self._columns[table] = self._described(table)
            except Exception as error:  # whatever the JVM raises
                raise SourceError(say("population.error.spark", reason=_first_line(error))) from error
        return self._columns[table]

    def _described(self, table: str) -> set[str] | None:
        if self.files is None:
            there = self.spark.catalog.tableExists(self.name(table))
            return {name.lower() for name in self.spark.table(self.name(table)).columns} if there else None
        frames = (self._read(f"{self.files}/{table}{ending}") for ending in (".parquet", ""))
        frame = next((frame for frame in frames if frame is not None), None)
        if frame is None:
            return None
        frame.createOrReplaceTempView(self.name(table))
        return {name.lower() for name in frame.columns}

    def _read(self, address: str) -> Any:
        from pyspark.errors import AnalysisException

        try:
            return self.spark.read.parquet(address)
        except AnalysisException as error:
            if error.getCondition() == "PATH_NOT_FOUND":
                return None
            raise

    def fetch(self, connection: duckdb.DuckDBPyConnection, query: str, into: str) -> None:
        """Run a SELECT on Spark and put its rows in a table here. Raises SourceError if Spark refuses."""
        with _exchange(self.spark, self.folder) as folder:
            _write(self.spark, sqlglot.transpile(query, "duckdb", "spark")[0], folder / "rows")
            rows = f"read_parquet({store.literal(f'{folder}/rows/*.parquet')})"
            connection.execute(f"CREATE OR REPLACE TABLE {into} AS SELECT * FROM {rows}")

    def close(self) -> None:
        """The session may be someone else's and stays."""
