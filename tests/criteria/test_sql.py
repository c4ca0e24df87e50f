"""The sets over a database: the query says what *evaluate* says, for every expression of every set."""

from __future__ import annotations

import random

import pytest

from imnm.logic import nodes as n
from imnm.logic.evaluate import Program, Result
from imnm.logic.event import Event
from imnm.logic.interval import Interval

pytest.importorskip("duckdb")

from tests.logic.engine import run_sql

from .test_criteria import SETS, values_of

DAY = 20_000.0


def recorded(item_id: str, kind: n.Kind) -> n.Value:
    """An item as a finding over events: what the record states, or the latest number."""
    series = n.Events((item_id,))
    return n.Recorded(series, None) if kind == "truth" else n.Latest(series, "value")


def as_event(item_id: str, value: Result) -> Event:
    if isinstance(value, Interval):
        return Event(item_id, start=DAY, end=DAY, low=value.low, high=value.high)
    return Event(item_id, start=DAY, end=DAY, truth=value)


@pytest.mark.parametrize("id", SETS)
def test_the_query_agrees(id: str) -> None:
    criteria, chance = SETS[id], random.Random(id)
    findings = {item.id: recorded(item.id, item.kind) for item in criteria.items}
    definitions = {**findings, **criteria.definitions}
    patients = [
        [as_event(item.id, chance.choice(values_of(item))) for item in criteria.items if chance.random() < share]
        for share in (0, 0.2, 0.5, 0.8, 0.9, 1, 1, 1, 1, 1)
    ]
    program = Program(definitions)
    answers = run_sql(definitions, patients, [DAY])
    for place, record in enumerate(patients):
        assert answers[place, DAY] == dict(program.run(record, DAY))
