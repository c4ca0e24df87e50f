"""The screening query as text, for teams who run it on an engine we do not connect to."""

from __future__ import annotations

import sqlglot

from imnm.knowledge.messages import say
from imnm.logic.sql import EVENT_COLUMNS

from . import store


def screening_query(dialect: str, events: str = "events", index: str = "index_rows") -> str:
    """The level of everyone in the index table with the findings and rules behind it, and what the tables must hold."""
    columns = ", ".join(name for _, name, _ in EVENT_COLUMNS)
    notes = [
        say("population.sql.what", dialect=dialect),
        say("population.sql.events", table=events, columns=columns),
        say("population.sql.index", table=index),
        say("population.sql.levels", case=sqlglot.transpile(store.level_case(), "duckdb", dialect)[0]),
    ]
    if dialect not in ("duckdb", "spark", "postgres"):
        notes.append(say("population.sql.untested", dialect=dialect))
    return "\n".join(f"-- {note}" for note in notes) + "\n" + store.level_query(dialect, events, index, pretty=True)
