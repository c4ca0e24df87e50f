"""The shape of the query; what it says is held by the agreement tests."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given, settings
from sqlglot import exp

from imnm.logic import nodes as n
from imnm.logic.evaluate import DefinitionError
from imnm.logic.event import Event
from imnm.logic.interval import UNKNOWN, exactly
from imnm.logic.sql import compile_sql, query

from .engine import run_sql
from .growing import definitions

T = n.Threshold
CK = n.Events(("ck",))


def tables(found: dict[str, n.Value]) -> dict[str, exp.Expr]:
    return {cte.alias: cte.this for cte in query(found).find_all(exp.CTE)}


def test_findings_that_need_no_other_take_one_scan() -> None:
    found: dict[str, n.Value] = {
        f"f{i}": n.Recorded(n.InWindow(n.Events((f"c{i}",)), n.AsOf(), T("year", -365), None), None) for i in range(200)
    }
    assert list(tables(found)) == ["_events", "_p0", "_scan1", "_p3"]


def test_a_reduction_that_needs_another_waits_for_the_next_scan() -> None:
    onset = n.FirstDay(n.Events(("weak",)))
    found: dict[str, n.Value] = {"after": n.Peak(n.InWindow(CK, onset, T("zero", 0), None), "value")}
    assert [name for name in tables(found) if "scan" in name] == ["_scan1", "_scan2"]


def test_equal_reductions_are_made_once() -> None:
    found: dict[str, n.Value] = {f"d{i}": n.Compare(n.Peak(CK, "value"), ">=", T(f"t{i}", i)) for i in range(5)}
    assert len(list(tables(found)["_scan1"].find_all(exp.Max))) == 2, "low and high of one peak"


def test_the_events_are_cut_to_the_concepts_asked_for() -> None:
    assert "IN ('ck', 'ldh')" in compile_sql({"a": n.Exists(CK), "b": n.Exists(n.Events(("ldh",)))})


def test_every_index_row_has_its_row() -> None:
    found: dict[str, n.Value] = {"any": n.Exists(CK), "peak": n.Peak(CK, "value"), "fixed": n.Literal_(True)}
    rows = run_sql(found, [[], [Event("other", known=9)], [Event("ck", known=9)]], [1.0, 2.0])
    assert len(rows) == 6
    assert all(row == {"any": False, "peak": UNKNOWN, "fixed": True} for row in rows.values())


def test_a_later_scan_takes_only_what_it_can_use() -> None:
    found: dict[str, n.Value] = {"newest": n.Count(n.Newest(CK)), "weak": n.Exists(n.Events(("weak",)))}
    joined = [table.find(exp.Join) for name, table in tables(found).items() if name in ("_scan2", "_scan3")]
    assert [join.args["on"].find(exp.In).sql() for join in joined if join] == ['"e"."concept" IN (\'ck\')'] * 2
    rows = run_sql(found, [[], [Event("weak", known=9)], [Event("ck", start=9, end=9, known=9)]], [9.0])
    assert [(row["newest"], row["weak"]) for _, row in sorted(rows.items())] == [
        (exactly(0), False),
        (exactly(0), True),
        (exactly(1), False),
    ]


def test_definitions_without_events_read_none() -> None:
    assert "events" not in compile_sql({"a": n.Literal_(True), "b": n.Compare(n.AsOf(), ">=", n.AsOf())})


@pytest.mark.parametrize("id", ["patient", "As_Of", "_a1"])
def test_names_that_are_taken_are_refused(id: str) -> None:
    with pytest.raises(ValueError, match=f"cannot be called '{id}' in a query"):
        compile_sql({id: n.Literal_(True)})


def test_circles_are_refused() -> None:
    with pytest.raises(DefinitionError, match="in a circle"):
        compile_sql({"a": n.Not(n.Ref("a", "truth"))})


def test_names_are_quoted() -> None:
    odd = 'say "no"; DROP TABLE events; --'
    found: dict[str, n.Value] = {odd: n.Exists(n.WithDetail(n.Events(("it's",)), ("'; --",)))}
    assert run_sql(found, [[Event("it's", detail="'; --")]], [1.0]) == {(0, 1.0): {odd: True}}


@pytest.mark.parametrize("dialect", ["duckdb", "spark", "postgres"])
def test_every_dialect_is_written_and_read_back(dialect: str) -> None:
    @settings(max_examples=15, deadline=None, database=None, derandomize=True)
    @given(definitions(10))
    def check(found: dict[str, n.Value]) -> None:
        text = compile_sql(found, dialect)
        assert sqlglot.parse_one(text, dialect=dialect).sql(dialect) == text
        assert ("MATERIALIZED" in text) is (dialect != "spark")

    check()


def test_nested_conditions_do_not_multiply() -> None:
    def nested(depth: int) -> n.Value:
        condition: n.Value = n.Exists(CK)
        for i in range(depth):
            condition = n.IfElse(condition, n.Compare(n.Count(CK), ">=", T(f"t{i}", i)), n.Literal_(None))
        return condition

    short, long = (len(compile_sql({"x": nested(depth)})) for depth in (10, 20))
    assert long < 3 * short, "a condition stands three times in its CASE"
