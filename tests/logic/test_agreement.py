"""*prove*, *value* and *sql* say the same of every generated definition and every generated record."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from imnm.logic import compiled
from imnm.logic import nodes as n
from imnm.logic.evaluate import Program, prove
from imnm.logic.event import Event

from .engine import RunSql, run_sql
from .growing import GROWN, Case, cases, definitions, records, smallest

reached: set[type[n.Node]] = set()
examples = 0


def differences(case: Case, run: RunSql = run_sql) -> list[str]:
    """One short text for each value on which an interpreter differs from *value*. ``run``: the engine of *sql*."""
    program = Program(case.definitions)
    by_sql = run(case.definitions, case.patients, case.days)
    found = []
    for place, record in enumerate(case.patients):
        for day in case.days:
            values = program.run(record, day)
            for id, node in case.definitions.items():
                said = {"sql": by_sql[place, day][id], "prove": prove(node, record, day, values).value}
                for name, answer in said.items():
                    if answer != values[id] or type(answer) is not type(values[id]):
                        about = f"on day {day}, of {node} with {short(record)}"
                        found.append(f"{name} says {answer}, value says {values[id]}, {about}")
    return found


def short(record: list[Event]) -> str:
    """The events without what is default."""
    return str([_stated(event) for event in record])


def _stated(event: Event) -> dict[str, object]:
    plain = Event(event.concept)
    names = [name for name in event.__struct_fields__ if getattr(event, name) != getattr(plain, name)]
    return {name: getattr(event, name) for name in ["concept", *names]}


@settings(max_examples=150, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
@given(cases())
def check_agreement(case: Case) -> None:
    global examples
    examples += len(case.definitions)
    reached.update(type(below) for node in case.definitions.values() for below in n.walk(node))
    if differences(case):
        case = smallest(case, lambda candidate: bool(differences(candidate)))
        pytest.fail(differences(case)[0], pytrace=False)


def test_interpreters_agree_and_every_node_kind_is_reached() -> None:
    check_agreement()
    assert {kind.__name__ for kind in reached} == set(n.NODE_KINDS)
    assert examples >= 1500


def test_every_node_kind_can_be_grown() -> None:
    assert {kind.__name__ for kind in GROWN} == set(n.NODE_KINDS)


def test_a_disagreement_is_found_and_printed_small(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(node: n.WithGrade) -> compiled.Function:
        series, grades = compiled.function_of(node.series), node.grades
        return lambda ctx: [(e, sure) for e, sure in series(ctx) if e.grade is None or e.grade in grades]

    monkeypatch.setitem(compiled._COMPILERS, n.WithGrade, wrong)
    with pytest.raises(pytest.fail.Exception) as failure:
        check_agreement()
    message = str(failure.value)
    assert "WithGrade" in message
    assert message.count("concept'") == 1, "one event is enough to show it"
    assert len(message) < 300


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.data())
def test_row_order_never_matters(data: st.DataObject) -> None:
    record = data.draw(records(8))
    program = Program(data.draw(definitions(8)))
    other = data.draw(st.permutations(record))
    assert program.run(record, 2.0) == program.run(other, 2.0)
