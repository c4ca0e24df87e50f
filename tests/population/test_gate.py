"""Who does not pass the gate cannot have a level: shown of the derivation, and of records of every kind."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from imnm.assessment import program
from imnm.logic import nodes as n
from imnm.logic.event import Event
from imnm.population.gate import base, can_rise, gate_concepts

CONCEPTS = sorted({c for node in program.levels().definitions.values() for c in n.concepts_of(node)})
OUTSIDE = [concept for concept in CONCEPTS if base(concept) not in gate_concepts()]
DAYS = st.one_of(st.integers(17000, 17400).map(float), st.just(float("-inf")))


@st.composite
def events(draw: st.DrawFn) -> Event:
    start = draw(DAYS)
    value = draw(st.sampled_from([(-float("inf"), float("inf")), (5.0, 5.0), (9000.0, float("inf"))]))
    times = draw(st.sampled_from([(-float("inf"), float("inf")), (0.5, 0.5), (45.0, 45.0)]))
    return Event(
        draw(st.sampled_from(OUTSIDE)), start, draw(st.sampled_from([start, 17400.0])),
        draw(st.sampled_from([start, 17400.0])), *value, *times,
        truth=draw(st.sampled_from([True, False, None])), ref=f"r{draw(st.integers(0, 9))}",
    )  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.lists(events(), max_size=25))
def test_no_level_without_a_gate_concept(record: list[Event]) -> None:
    assert program.level_of(program.levels().run(record, 17400.0)) == "none"


def test_the_gate_is_small_and_no_part_of_it_is_idle() -> None:
    gate = gate_concepts()
    assert not can_rise(gate, program.levels().definitions)
    assert all(can_rise(gate - {concept}, program.levels().definitions) for concept in gate)
    assert not gate & {"statin", "tsh", "systemic_glucocorticoid", "myocardial_infarction"}


def test_every_level_can_be_reached_through_the_gate() -> None:
    """The records of the generator are not all harmless: with gate concepts among them, levels rise."""
    chooser = random.Random(4)
    found = set()
    for _ in range(4000):
        record = [Event(chooser.choice(CONCEPTS), 17000.0, 17000.0, 17000.0, 9000.0, 9000.0, 45.0, 45.0, truth=True)
                  for _ in range(6)]  # fmt: skip
        found.add(program.level_of(program.levels().run(record, 17400.0)))
    assert found >= {"none", "low", "moderate", "high"}
