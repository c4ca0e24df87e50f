"""The printed queries, run on DuckDB (the foreign ones as sqlglot reads them back), give the levels."""

from __future__ import annotations

import duckdb
import pytest
from sqlglot import exp, parse_one

from imnm.logic.dialects import BEYOND
from imnm.population import store
from imnm.population.commands import DIALECTS
from imnm.population.opening import open_population
from imnm.population.query import TESTED, screening_query
from imnm.population.screen import ScreenOptions
from imnm.population.source import SourceError
from tests.logic.test_dialects import read_back

from .omop_tables import everyday


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The events of the everyday people, and their levels."""
    folder = tmp_path_factory.mktemp("query")
    connection = store.connect(folder, None, 1)
    population = open_population(str(everyday().write(folder / "cdm")), folder, ScreenOptions())
    population.load(connection, lambda line: None)
    store.index_rows(connection, None, 20000.0)
    store.compute_levels(connection)
    return connection


def levels(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    found = connection.execute(query)
    names = [column[0] for column in found.description or []]
    assert names[:2] == ["patient", "as_of"] and names[-1] == "level"
    return {row[0]: row[-1] for row in found.fetchall()}


def expected(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = dict(connection.execute("SELECT patient, level FROM levels").fetchall())
    assert {"established", "high"} <= set(found.values())
    return found


def test_the_printed_query_gives_the_level(judged: duckdb.DuckDBPyConnection) -> None:
    assert levels(judged, screening_query("duckdb")) == expected(judged)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", [dialect for dialect in DIALECTS if dialect not in TESTED])
def test_a_foreign_query_read_back_gives_the_level(dialect: str, judged: duckdb.DuckDBPyConnection) -> None:
    limit = float(BEYOND) if dialect == "tsql" else float("inf")
    judged.execute("CREATE SCHEMA IF NOT EXISTS site")
    bounds = ("start_day", "end_day", "known_day", "low", "high", "times_low", "times_high")
    limited = ", ".join(f"greatest(least({name}, '{limit}'::DOUBLE), '-{limit}'::DOUBLE) AS {name}" for name in bounds)
    judged.execute(f"CREATE OR REPLACE TABLE site.events AS SELECT * REPLACE ({limited}) FROM events")
    text = screening_query(dialect, "site.events", "index_rows")
    assert levels(judged, read_back(text, dialect)) == expected(judged)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_query_says_what_it_needs(dialect: str) -> None:
    text = screening_query(dialect, "site.events", "site.who")
    head = [line for line in text.splitlines() if line.startswith("--")]
    kinds = dict(line[len("--   ") :].split(" ", 1) for line in head if line.startswith("--   "))
    assert {"patient", "concept", "start_day", "times_high", "truth", "detail"} <= set(kinds)
    assert kinds["start_day"] == exp.DataType.build("DOUBLE").sql(dialect)
    said = " ".join(head)
    assert "site.events" in said and "site.who" in said and "SELECT on both tables is enough" in said
    assert ("was not tested" in said) is (dialect not in TESTED)
    assert parse_one(text, dialect).sql(dialect, pretty=True, comments=False) == text[len("\n".join(head)) + 1 :]


@pytest.mark.parametrize("name", ["", "events; DROP x", "(SELECT 1)", "events -- x", "a\nb", "f(x)", "a.b.c.d"])
def test_what_is_no_table_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="not the name of a table"):
        screening_query("duckdb", name)


@pytest.mark.parametrize("name", ["events", "site.events", "lake.site.events", '"my schema"."Events"'])
def test_a_name_may_have_its_schema_and_quotes(name: str) -> None:
    assert f"FROM {name} " in screening_query("duckdb", index=name).replace("\n", " ")
    assert f"FROM {name} " in screening_query("snowflake", index=name).replace("\n", " ")


def test_the_events_that_are_loaded_are_those_that_are_read() -> None:
    """What a source of whole records leaves out of the table of events, no query asks for."""
    asked = {
        literal.this
        for part in parse_one(store.level_query(), read="duckdb").find_all(exp.In, exp.EQ)
        if isinstance(part.this, exp.Column) and part.this.name == "concept"
        for literal in part.find_all(exp.Literal)
    }
    assert asked <= store.read_concepts()
    assert "creatine_kinase_total" in store.read_concepts()
