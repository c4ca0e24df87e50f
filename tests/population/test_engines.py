"""The same levels from Spark and PostgreSQL as from DuckDB: every column of every person.

These need the extras and, for PostgreSQL, a server program; they start what they need and stop it, and are left out of
the default run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from imnm.logic.sql import EVENT_COLUMNS
from imnm.population import store
from imnm.population.opening import open_population
from imnm.population.screen import ScreenOptions, screen
from imnm.population.source import SourceError
from imnm.population.synth import synthesise

from .omop_tables import everyday
from .shared import SHARED, needs_data

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SYNTHETIC = 20_000


def loaded(source: Path, folder: Path) -> duckdb.DuckDBPyConnection:
    folder.mkdir()
    connection = store.connect(folder, None, 2)
    population = open_population(str(source), folder, ScreenOptions(sample=0))
    population.load(connection, lambda line: None)
    store.index_rows(connection, None, 20000.0)
    store.compute_levels(connection)
    return connection


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("synthetic") / "omop"
    synthesise(SYNTHETIC, target, "omop", 3, 0.002)
    return target


def same_levels(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows there are, if the tables *levels* and *levels_duckdb* hold the same."""
    columns = [row[0] for row in connection.execute("DESCRIBE levels_duckdb").fetchall()]
    names = ", ".join(f'"{name}"' for name in columns)
    for one, other in (("levels", "levels_duckdb"), ("levels_duckdb", "levels")):
        query = f"SELECT patient FROM (SELECT {names} FROM {one} EXCEPT ALL SELECT {names} FROM {other}) LIMIT 5"
        assert connection.execute(query).fetchall() == []
    return int(connection.execute("SELECT count(*) FROM levels").fetchall()[0][0])


# ---------------------------------------------------------------- Spark


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyspark")
    from imnm.population.spark import session

    made = session()
    yield made
    made.stop()


def compared_on_spark(source: Path, folder: Path) -> int:
    from imnm.population.spark import compute_levels

    connection = loaded(source, folder)
    connection.execute("ALTER TABLE levels RENAME TO levels_duckdb")
    compute_levels(connection)
    return same_levels(connection)


def test_spark_on_synthetic_people(spark: Any, synthetic: Path, tmp_path: Path) -> None:
    assert compared_on_spark(synthetic, tmp_path / "work") > 500


@needs_data
@pytest.mark.parametrize("name", ["synthea_omop_5_4", "synthea_fhir_r4", "mimic_iv_demo_fhir"])
def test_spark_on_the_samples(name: str, spark: Any, tmp_path: Path) -> None:
    compared_on_spark(SHARED / "data" / name, tmp_path / "work")


def test_spark_reads_omop_itself(spark: Any, tmp_path: Path) -> None:
    folder = everyday().write(tmp_path / "cdm")
    by_spark = screen(str(folder), ScreenOptions(engine="spark"))
    by_duckdb = screen(str(folder))
    assert by_spark.worklist == by_duckdb.worklist != []
    assert by_spark.disagreements == []


# ---------------------------------------------------------------- PostgreSQL


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own on a socket in a folder of our own."""
    pytest.importorskip("psycopg")
    initdb = shutil.which("initdb")
    if initdb is None:
        pytest.skip("no PostgreSQL server program is installed (package postgresql)")
    place = Path(tmp_path_factory.mktemp("pg"))
    data, socket = place / "data", place / "s"
    socket.mkdir()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        for path in (place, socket):
            shutil.chown(path, "postgres")
        for path in (place, *place.parents):
            if path.stat().st_mode & 0o001 == 0 and path.owner() == "root":
                path.chmod(path.stat().st_mode | 0o011)
        user = {"user": "postgres"}
    run = {"check": True, "capture_output": True, "cwd": place, **user}
    subprocess.run([initdb, "-D", data, "-U", "imnm", "--auth=trust", "-E", "UTF8"], **run)
    options = f"-k {socket} -c listen_addresses='' -c fsync=off"
    log = place / "s" / "log"
    subprocess.run([shutil.which("pg_ctl") or "pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start"], **run)
    yield f"postgresql://imnm@/postgres?host={socket}"
    subprocess.run([shutil.which("pg_ctl") or "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)


def copied(address: str, connection: duckdb.DuckDBPyConnection, table: str, target: str, columns: str) -> None:
    import psycopg

    with psycopg.connect(address) as there:
        there.execute(f"DROP TABLE IF EXISTS {target}")
        there.execute(f"CREATE TABLE {target} ({columns})")
        with there.cursor().copy(f"COPY {target} FROM STDIN") as out:
            for row in connection.execute(f"SELECT * FROM {table}").fetchall():
                out.write_row(row)


def test_postgres_computes_the_same_levels(server: str, synthetic: Path, tmp_path: Path) -> None:
    import psycopg

    connection = loaded(synthetic, tmp_path / "work")
    columns = ", ".join(f"{name} {kind.replace('DOUBLE', 'DOUBLE PRECISION')}" for _, name, kind in EVENT_COLUMNS)
    copied(server, connection, "events", "events", f"patient VARCHAR, {columns}")
    copied(server, connection, "index_rows", "index_rows", "patient VARCHAR, as_of DOUBLE PRECISION")
    with psycopg.connect(server) as there:
        found = there.execute(store.level_query("postgres").encode())
        names = [column.name for column in found.description or ()]
        answer = {row[names.index("patient")]: dict(zip(names, row, strict=True)) for row in found.fetchall()}
    expected = {str(row["patient"]): row for row in store.rows(connection, "SELECT * EXCLUDE (level) FROM levels")}
    assert len(answer) > 500
    assert answer == expected


def test_screening_a_postgres_database(server: str) -> None:
    import psycopg

    made = everyday()
    connection = duckdb.connect()
    made.fill(connection)
    with psycopg.connect(server) as there:
        there.execute("CREATE SCHEMA cdm")
        there.execute("CREATE SCHEMA vocab")
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        schema = "vocab" if table.startswith("concept") else "cdm"
        columns = ", ".join(
            f"{row[0]} {row[1].replace('DOUBLE', 'DOUBLE PRECISION')}"
            for row in connection.execute(f"DESCRIBE {table}").fetchall()
        )
        copied(server, connection, table, f"{schema}.{table}", columns)
    with psycopg.connect(server) as there:
        there.execute("CREATE ROLE reader LOGIN")
        there.execute("GRANT USAGE ON SCHEMA cdm, vocab TO reader")
        there.execute("GRANT SELECT ON ALL TABLES IN SCHEMA cdm, vocab TO reader")
    answer = screen(server.replace("imnm@", "reader@"), ScreenOptions(schema="cdm", vocabulary_schema="vocab"))
    assert {row.patient_id: row.level for row in answer.worklist} == {"1": "high", "3": "established"}
    assert answer.disagreements == []
    with pytest.raises(SourceError, match="missing"):
        screen(server, ScreenOptions(schema="elsewhere"))


def test_what_can_go_wrong_with_an_address() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SourceError, match="PGPASSWORD"):
        screen("postgresql://someone:secret@localhost/x")
    with pytest.raises(SourceError, match="cannot be reached"):
        screen("postgresql://someone@127.0.0.1:1/x")
