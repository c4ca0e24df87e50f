"""The same events and levels from Spark and PostgreSQL as from DuckDB: every column of every person.

These need the extras and, for PostgreSQL, a server program (``tests/engines.py``); the default run leaves them out.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest
from sqlglot import exp

from imnm.population import store
from imnm.population.omop import SHAPES, OmopPopulation
from imnm.population.opening import open_population
from imnm.population.query import screening_query
from imnm.population.screen import ScreenOptions, screen
from imnm.population.source import SourceError
from imnm.population.synth import synthesise

from .omop_tables import everyday
from .shared import SHARED, needs_data

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
SYNTHETIC = 20_000
OMOP = SHARED / "data" / "synthea_omop_5_4"


def loaded(source: str | Path, folder: Path, everyone: bool = False, **options: Any) -> duckdb.DuckDBPyConnection:
    """The events, people and index rows of a source; of everyone or of those who pass the gate."""
    folder.mkdir()
    connection = store.connect(folder, None, 2)
    population = open_population(str(source), folder, ScreenOptions(sample=10_000 if everyone else 0, **options))
    population.load(connection, lambda line: None)
    population.close()
    store.index_rows(connection, None, 20000.0)
    if everyone:
        connection.execute("CREATE OR REPLACE TABLE index_rows AS "
                           "SELECT patient, coalesce(newest, 20000) AS as_of FROM people")  # fmt: skip
    return connection


def with_levels(source: Path, folder: Path, everyone: bool = False) -> duckdb.DuckDBPyConnection:
    """The same with the table *levels_duckdb*."""
    connection = loaded(source, folder, everyone)
    store.compute_levels(connection)
    connection.execute("ALTER TABLE levels RENAME TO levels_duckdb")
    return connection


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("synthetic") / "omop"
    synthesise(SYNTHETIC, target, "omop", 3, 0.002)
    return target


def same_rows(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> int:
    """How many rows there are, if the two tables hold the same columns and rows."""
    described = [connection.execute(f"DESCRIBE {table}").fetchall() for table in (one, other)]
    assert sorted(row[0] for row in described[0]) == sorted(row[0] for row in described[1])
    names = ", ".join(f'"{row[0]}"' for row in described[0])
    for left, right in ((one, other), (other, one)):
        query = f"SELECT * FROM (SELECT {names} FROM {left} EXCEPT ALL SELECT {names} FROM {right}) LIMIT 5"
        assert connection.execute(query).fetchall() == []
    return int(connection.execute(f"SELECT count(*) FROM {one}").fetchall()[0][0])


def same_reading(one: duckdb.DuckDBPyConnection, other: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """How many events there are, if both read the same events, people and index rows."""
    count = 0
    for table in ("people", "index_rows", "events"):
        path = store.literal(str(folder / f"{table}.parquet"))
        other.execute(f"COPY {table} TO {path} (FORMAT parquet)")
        one.execute(f"CREATE TABLE other_{table} AS SELECT * FROM read_parquet({path})")
        count = same_rows(one, table, f"other_{table}")
    return count


# ---------------------------------------------------------------- Spark


def compared_on_spark(source: Path, folder: Path, everyone: bool = False) -> int:
    from imnm.population.spark import compute_levels

    connection = with_levels(source, folder, everyone)
    compute_levels(connection)
    return same_rows(connection, "levels", "levels_duckdb")


def test_spark_gives_the_levels_of_synthetic_people(spark: Any, synthetic: Path, tmp_path: Path) -> None:
    assert compared_on_spark(synthetic, tmp_path / "work") > 500


@needs_data
@pytest.mark.parametrize(("name", "people"), [("synthea_omop_5_4", 28), ("synthea_fhir_r4", 94)])
def test_spark_gives_the_levels_of_the_samples(name: str, people: int, spark: Any, tmp_path: Path) -> None:
    assert compared_on_spark(SHARED / "data" / name, tmp_path / "work", everyone=True) == people


class Counted:
    """A database that notes of which clinical tables rows came to us, and how many."""

    def __init__(self, database: Any) -> None:
        self.database, self.rows = database, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def fetch(self, connection: duckdb.DuckDBPyConnection, query: str, into: str) -> None:
        self.database.fetch(connection, query, into)
        if into == "rows_here":
            assert connection.execute("SELECT count(*) FROM rows_here WHERE person NOT IN (SELECT person FROM chosen)"
                                      ).fetchall() == [(0,)]  # fmt: skip
        if into not in ("omop_person", "vocabulary", "related"):
            self.rows += int(connection.execute(f"SELECT count(*) FROM {into}").fetchall()[0][0])


def test_spark_reads_omop_itself_and_sends_only_what_passes_the_gate(
    spark: Any, synthetic: Path, tmp_path: Path
) -> None:
    from imnm.population.spark import SparkDatabase

    folder = tmp_path / "spark"
    folder.mkdir()
    counted = Counted(SparkDatabase(str(synthetic), folder))
    by_spark = store.connect(folder, None, 2)
    OmopPopulation(counted, folder, None, 0).load(by_spark, lambda line: None)
    store.index_rows(by_spark, None, 20000.0)
    assert same_reading(loaded(synthetic, tmp_path / "duckdb"), by_spark, tmp_path) > 10_000
    there = sum(
        duckdb.execute(f"SELECT count(*) FROM '{synthetic}/{table}.parquet'").fetchall()[0][0]
        for table in SHAPES
        if (synthetic / f"{table}.parquet").exists()
    )
    assert counted.rows < 0.1 * there, "what speaks of muscle, and the rows of those it speaks of"


@needs_data
def test_spark_reads_the_omop_sample(spark: Any, tmp_path: Path) -> None:
    by_spark = loaded(OMOP, tmp_path / "spark", everyone=True, engine="spark")
    assert same_reading(loaded(OMOP, tmp_path / "duckdb", everyone=True), by_spark, tmp_path) > 0


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everyday().write(tmp_path_factory.mktemp("small") / "cdm")


@pytest.fixture
def catalogue(spark: Any, small: Path) -> Iterator[tuple[str, str]]:
    """The small database as tables of Spark's catalogue, the vocabulary in a schema of its own."""
    for schema in ("hospital_cdm", "hospital_vocab"):
        spark.sql(f"CREATE SCHEMA {schema}")
    for path in sorted(small.glob("*.parquet")):
        schema = "hospital_vocab" if path.stem.startswith("concept") else "hospital_cdm"
        spark.read.parquet(str(path)).write.saveAsTable(f"{schema}.{path.stem}")
    yield "hospital_cdm", "hospital_vocab"
    for schema in ("hospital_cdm", "hospital_vocab"):
        spark.sql(f"DROP SCHEMA {schema} CASCADE")


def test_a_schema_of_the_catalogue_is_a_source(catalogue: tuple[str, str], small: Path, tmp_path: Path) -> None:
    data, vocabulary = catalogue
    expected = loaded(small, tmp_path / "duckdb")
    by_name = loaded(data, tmp_path / "name", engine="spark", vocabulary_schema=vocabulary)
    assert same_reading(expected, by_name, tmp_path) > 0
    with pytest.raises(SourceError, match="missing or may not be read by this user: concept;"):
        loaded(data, tmp_path / "no_vocabulary", engine="spark")
    with pytest.raises(SourceError, match="user: person, condition_occurrence, measurement, concept;"):
        loaded("nowhere_cdm", tmp_path / "nowhere", engine="spark")


def test_an_address_is_a_source_and_screened_as_on_duckdb(spark: Any, small: Path) -> None:
    by_spark = screen(small.as_uri(), ScreenOptions(engine="spark"))
    by_duckdb = screen(str(small))
    assert by_spark.worklist == by_duckdb.worklist != []
    assert by_spark.disagreements == []


def test_a_cluster_needs_a_folder_that_both_see(
    spark: Any, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imnm.population.spark import _exchange

    class Cluster:
        conf = {"spark.master": "yarn"}

    with pytest.raises(SourceError, match="IMNM_STAGING"), _exchange(Cluster()):
        pass
    monkeypatch.setenv("IMNM_STAGING", str(tmp_path))
    with _exchange(Cluster()) as folder:
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("IMNM_STAGING", str(tmp_path / "none"))
    with pytest.raises(SourceError, match="No such file"):
        loaded(small, tmp_path / "work", engine="spark")


def test_csv_tables_are_read_here_and_judged_on_spark(spark: Any, small: Path, tmp_path: Path) -> None:
    from imnm.population.spark import reads

    for path in small.glob("*.parquet"):
        duckdb.execute(f"COPY (SELECT * FROM '{path}') TO '{tmp_path / path.stem}.csv' (HEADER)")
    assert not reads(str(tmp_path))
    assert same_reading(loaded(small, tmp_path / "a"), loaded(tmp_path, tmp_path / "b", engine="spark"), tmp_path) > 0


# ---------------------------------------------------------------- PostgreSQL


def fill(address: str, folder: Path, schema: str, vocabulary: str | None = None) -> None:
    """A folder of Parquet tables as tables of a schema, by way of CSV."""
    import psycopg

    with psycopg.connect(address) as there:
        for name in {schema, vocabulary or schema}:
            there.execute(f'CREATE SCHEMA IF NOT EXISTS "{name}"')
        for path in sorted(folder.glob("*.parquet")):
            within = vocabulary if vocabulary and path.stem.startswith("concept") else schema
            send(there, duckdb.connect(), f"SELECT * FROM '{path}'", f'"{within}"."{path.stem}"')


def send(there: Any, connection: duckdb.DuckDBPyConnection, query: str, target: str) -> None:
    """The rows of a query here as a new table there."""
    described = connection.execute(f"DESCRIBE {query}").fetchall()
    kinds = {row[0]: exp.DataType.build(row[1], "duckdb").sql("postgres") for row in described}
    there.execute(f"CREATE TABLE {target} ({', '.join(f'{exp.to_identifier(n, True)} {k}' for n, k in kinds.items())})")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        connection.execute(f"COPY ({query}) TO {store.literal(str(path))} (FORMAT csv, HEADER false)")
        with path.open("rb") as rows, there.cursor().copy(f"COPY {target} FROM STDIN (FORMAT csv)") as out:
            while block := rows.read(1 << 20):
                out.write(block)


@pytest.fixture(scope="module")
def hospital(postgres: str, synthetic: Path) -> str:
    """The synthetic people as a schema of the server."""
    fill(postgres, synthetic, "synthetic")
    return postgres


def test_postgres_reads_synthetic_people_alike(hospital: str, synthetic: Path, tmp_path: Path) -> None:
    there = loaded(hospital, tmp_path / "postgres", schema="synthetic")
    assert same_reading(loaded(synthetic, tmp_path / "duckdb"), there, tmp_path) > 10_000


@needs_data
def test_postgres_reads_the_omop_sample_alike(postgres: str, tmp_path: Path) -> None:
    fill(postgres, OMOP, "sample")
    there = loaded(postgres, tmp_path / "postgres", everyone=True, schema="sample")
    assert same_reading(loaded(OMOP, tmp_path / "duckdb", everyone=True), there, tmp_path) > 0


def on_postgres(address: str, connection: duckdb.DuckDBPyConnection, schema: str, query: str) -> None:
    """Run a query over our events on the server and keep its answer in the table *levels*."""
    import psycopg

    with psycopg.connect(address) as there:
        there.execute(f"CREATE SCHEMA {schema}")
        for table in ("events", "index_rows"):
            send(there, connection, f"SELECT * FROM {table}", f"{schema}.{table}")
        found = there.execute(query.encode())
        names = [column.name for column in found.description or ()]
        rows = found.fetchall()
    connection.execute("CREATE OR REPLACE TABLE levels AS SELECT * FROM levels_duckdb LIMIT 0")
    assert names == [row[0] for row in connection.execute("DESCRIBE levels").fetchall()]
    connection.executemany(f"INSERT INTO levels VALUES ({', '.join('?' * len(names))})", rows)


@pytest.mark.parametrize("source", ["synthetic", pytest.param("sample", marks=needs_data)])
def test_postgres_gives_the_same_levels_by_the_printed_query(
    source: str, postgres: str, synthetic: Path, tmp_path: Path
) -> None:
    many = source == "synthetic"
    connection = with_levels(synthetic if many else OMOP, tmp_path / "work", everyone=not many)
    schema = f"printed_{source}"
    query = screening_query("postgres", f"{schema}.events", f"{schema}.index_rows")
    on_postgres(postgres, connection, schema, query)
    assert same_rows(connection, "levels", "levels_duckdb") > (500 if many else 20)


def test_spark_runs_the_printed_query(spark: Any, small: Path, tmp_path: Path) -> None:
    connection = with_levels(small, tmp_path / "work")
    for table in ("events", "index_rows"):
        connection.execute(f"COPY {table} TO '{tmp_path / table}.parquet' (FORMAT parquet)")
        spark.read.parquet(str(tmp_path / f"{table}.parquet")).createOrReplaceTempView(f"site_{table}")
    answer = spark.sql(screening_query("spark", "site_events", "site_index_rows"))
    answer.write.parquet(str(tmp_path / "answer"))
    connection.execute(f"CREATE TABLE levels AS SELECT * FROM '{tmp_path}/answer/*.parquet'")
    assert same_rows(connection, "levels", "levels_duckdb") > 0


@pytest.fixture
def reader(postgres: str, small: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a user who may only read, and neither write nor make temporary tables, with a password."""
    import psycopg

    fill(postgres, small, "cdm", "vocab")
    with psycopg.connect(postgres) as there:
        there.execute("CREATE ROLE reader LOGIN PASSWORD 'only for this test'")
        there.execute("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
        there.execute("GRANT USAGE ON SCHEMA cdm, vocab TO reader")
        there.execute("GRANT SELECT ON ALL TABLES IN SCHEMA cdm, vocab TO reader")
        there.execute("ALTER ROLE reader SET default_transaction_read_only = on")
    monkeypatch.setenv("PGPASSWORD", "only for this test")
    return f"postgresql://reader@127.0.0.1:{parse_qs(urlsplit(postgres).query)['port'][0]}/postgres"


@pytest.fixture
def dropped(postgres: str) -> Iterator[None]:
    """Takes away what ``reader`` made."""
    import psycopg

    yield
    with psycopg.connect(postgres) as there:
        there.execute("DROP SCHEMA cdm, vocab CASCADE")
        there.execute("DROP ROLE reader")


def test_the_right_to_read_is_enough(dropped: None, reader: str, small: Path) -> None:
    answer = screen(reader, ScreenOptions(schema="cdm", vocabulary_schema="vocab"))
    assert {row.patient_id: row.level for row in answer.worklist} == {"1": "high", "3": "established"}
    assert answer.disagreements == []
    assert answer.worklist == screen(str(small)).worklist


def test_what_is_missing_in_a_database_is_named(
    dropped: None, reader: str, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    options = ScreenOptions(schema="cdm", vocabulary_schema="vocab")

    def changed(statement: str) -> str:
        with psycopg.connect(postgres) as there:
            there.execute(statement.encode())
        with pytest.raises(SourceError) as error:
            screen(reader, options)
        return str(error.value)

    with pytest.raises(SourceError, match="user: person, condition_occurrence, measurement, concept;"):
        screen(reader, ScreenOptions(schema="elsewhere"))
    assert "'6.0'" in changed("UPDATE cdm.cdm_source SET cdm_version = '6.0'")
    assert "measurement" in changed("UPDATE cdm.cdm_source SET cdm_version = 'v5.3.1'; "
                                    "ALTER TABLE cdm.measurement DROP COLUMN measurement_date")  # fmt: skip
    assert "measurement_date" in changed("SELECT 1")
    missing = changed("REVOKE SELECT ON cdm.measurement FROM reader")
    assert "missing or may not be read by this user: measurement;" in missing
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises(SourceError, match="cannot be reached") as error:
        screen(reader, options)
    assert "wrong" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://someone:secret@localhost/x",
        "postgresql://localhost/x?user=someone&password=secret",
        "postgres://someone:secret@localhost/x",
    ],
)
def test_a_password_in_an_address_is_refused(address: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SourceError, match="PGPASSWORD") as error:
        screen(address)
    assert "secret" not in str(error.value)


def test_a_server_that_is_not_there_is_named() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(SourceError, match="cannot be reached"):
        screen("postgresql://someone@127.0.0.1:1/x")
    with pytest.raises(SourceError, match="cannot be reached"):
        screen("postgresql://someone@nowhere.invalid/x")
