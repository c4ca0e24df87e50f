"""Dialects of engines that are not here: their text, read back by sqlglot and run on DuckDB, says what *value* says.

That shows that the rewriting keeps the meaning and the text is well-formed, not that the engine itself agrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import pytest
import sqlglot
from hypothesis import Phase, given, settings
from sqlglot import exp

from imnm.logic import nodes as n
from imnm.logic.dialects import BEYOND
from imnm.logic.event import Event
from imnm.logic.interval import INF, Interval
from imnm.logic.sql import EVENT_COLUMNS, columns_of, compile_sql, event_row

from .engine import Answer, Row, RunSql
from .growing import Case, cases
from .test_agreement import differences


def read_back(text: str, dialect: str) -> str:
    """The query in DuckDB's dialect, with its names in lower case and its floats in double precision."""
    tree = sqlglot.parse_one(text, dialect)
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
    for kind in tree.find_all(exp.DataType):
        if kind.this is exp.DType.FLOAT:
            kind.set("this", exp.DType.DOUBLE)
    return tree.sql("duckdb")


def near(number: float, beyond: float) -> float:
    """What stands for infinity there as the infinity."""
    if abs(number) < beyond / 1000:
        return number
    return INF if number > 0 else -INF


def through(dialect: str) -> RunSql:
    """Runs definitions by way of that dialect's text."""
    beyond = float(BEYOND) if dialect == "tsql" else INF

    def limited(value: object) -> object:
        return max(-beyond, min(beyond, value)) if isinstance(value, float) else value

    def run(definitions: Mapping[str, n.Value], patients: Sequence[Sequence[Event]], days: Sequence[float]) -> Answer:
        connection = duckdb.connect()
        connection.execute("SET threads = 1")
        kinds = ", ".join(f"{name} {kind}" for _, name, kind in EVENT_COLUMNS)
        connection.execute(f"CREATE TABLE events (patient VARCHAR, {kinds})")
        connection.execute("CREATE TABLE index_rows (patient VARCHAR, as_of DOUBLE)")
        places = ", ".join("?" * (len(EVENT_COLUMNS) + 1))
        for i, record in enumerate(patients):
            for event in record:
                row = [limited(value) for value in event_row(str(i), event)]
                connection.execute(f"INSERT INTO events VALUES ({places})", row)
            for day in days:
                connection.execute("INSERT INTO index_rows VALUES (?, ?)", [str(i), day])
        found = connection.execute(read_back(compile_sql(definitions, dialect), dialect))
        names = [column[0] for column in found.description or []]
        answer: Answer = {}
        for values in found.fetchall():
            cells = dict(zip(names, values, strict=True))
            row: Row = {}
            for id, node in definitions.items():
                parts = [cells[name] for name in columns_of(id, node)]
                if node.kind == "truth":
                    row[id] = None if parts[0] is None else bool(parts[0])
                else:
                    row[id] = Interval(*(near(part, beyond) if beyond < INF else part for part in parts))
            answer[int(cells["patient"]), cells["as_of"]] = row
        return answer

    return run


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "tsql"])
def test_what_the_text_says_is_what_value_says(dialect: str) -> None:
    @settings(max_examples=40, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(cases(15))
    def check(case: Case) -> None:
        found = differences(case, through(dialect))
        if found:
            pytest.fail(found[0], pytrace=False)

    check()


def test_tsql_has_no_truth_as_a_value_and_no_infinity() -> None:
    weak = n.Recorded(n.Events(("weak",)), None)
    text = compile_sql({"a": weak, "b": n.Not(n.Ref("a", "truth")), "c": n.Peak(n.Events(("ck",)), "value")}, "tsql")
    tree = sqlglot.parse_one(text, "tsql")
    assert "Infinity" not in text
    assert not list(tree.find_all(exp.Boolean))
    values = [column.unalias() for select in tree.find_all(exp.Select) for column in select.expressions]
    assert not [value for value in values if isinstance(value, exp.Predicate | exp.Connector | exp.Not)]
