"""The other engines say the same as *value*: an engine counts as supported only because of this test.

Fewer examples than on DuckDB, since Spark takes seconds to plan a query that DuckDB answers in milliseconds; a case
holds up to twenty definitions, and every kind of node is reached.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from imnm.logic import nodes as n

from .engine import RunSql, on_postgres, on_spark
from .growing import Case, cases
from .test_agreement import differences

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


def check_agreement(run: RunSql, examples: int) -> None:
    reached: set[type[n.Node]] = set()

    @settings(max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    @given(cases(20))
    def check(case: Case) -> None:
        reached.update(type(below) for node in case.definitions.values() for below in n.walk(node))
        found = differences(case, run)
        if found:
            pytest.fail(found[0], pytrace=False)

    check()
    assert {kind.__name__ for kind in reached} == set(n.NODE_KINDS)


def test_spark_agrees_and_every_node_kind_is_reached(spark: Any, tmp_path: Path) -> None:
    check_agreement(on_spark(spark, tmp_path), 40)


def test_postgres_agrees_and_every_node_kind_is_reached(postgres: str) -> None:
    import psycopg

    with psycopg.connect(postgres) as server:
        check_agreement(on_postgres(server), 150)
