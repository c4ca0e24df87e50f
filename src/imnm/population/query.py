"""The screening query as text, for teams who run it on an engine we do not connect to."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp

from imnm.knowledge.messages import say
from imnm.logic.dialects import BEYOND, suited
from imnm.logic.sql import query

from . import store
from .gate import gate_concepts
from .source import SourceError

TESTED = ("duckdb", "spark", "postgres")
"""The dialects whose engines the agreement tests run on."""
_PART = r'(?:[A-Za-z_]\w*|"[^"\n]+")'
_TABLE = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
"""A name, perhaps with its schema and catalogue, in quotes or not."""


def screening_query(dialect: str, events: str = "events", index: str = "index_rows") -> str:
    """The level of everyone in the index table with the findings and rules behind it, and how to use it. Raises
    SourceError for what cannot be the name of a table."""
    for name in (events, index):
        if not _TABLE.fullmatch(name):
            raise SourceError(say("population.error.not_a_table", name=name))
    tree = _with_level(query(store.definitions(), dialect, events, index), dialect)
    return "\n".join(f"-- {note}" for note in _notes(dialect, events, index)) + "\n" + tree.sql(dialect, pretty=True)


def _with_level(tree: exp.Select, dialect: str) -> exp.Select:
    """The answer with the level as its last column: one more table at the end of the chain."""
    chain = tree.args["with_"]
    tree.set("with_", None)
    level = store.level_case('"r".')
    outer = sqlglot.parse_one(f'SELECT "r".*, {level} AS "{store.LEVEL_COLUMN}" FROM "_answer" AS "r"', "duckdb")
    assert isinstance(outer, exp.Select)
    outer = suited(outer, dialect)
    name = outer.args["from_"].this.this.copy()
    chain.append("expressions", exp.CTE(this=tree, alias=exp.TableAlias(this=name)))
    outer.set("with_", chain)
    return outer


def _notes(dialect: str, events: str, index: str) -> list[str]:
    gate = ", ".join(f"'{concept}'" for concept in sorted(gate_concepts()))
    notes = [
        say("population.sql.what", dialect=dialect),
        say("population.sql.events", table=events),
        *(f"  {name} {exp.DataType.build(kind, 'duckdb').sql(dialect)}" for name, kind in store.READ_COLUMNS),
        say("population.sql.days"),
        say("population.sql.index", table=index),
        say("population.sql.gate", concepts=gate),
        say("population.sql.answer"),
        say("population.sql.rights"),
    ]
    if dialect in ("snowflake", "tsql"):
        notes.append(say(f"population.sql.{dialect}", beyond=BEYOND))
    if dialect not in TESTED:
        notes.append(say("population.sql.untested", dialect=dialect))
    return notes
