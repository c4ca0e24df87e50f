"""Programs: order, what-if, replay and proofs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imnm.logic import nodes as n
from imnm.logic.evaluate import Context, DefinitionError, Program, Proof, Result, compile, formula, prove
from imnm.logic.event import Event
from imnm.logic.interval import UNKNOWN, Interval, exactly

from .growing import Case, cases, definitions, records, results

QUICK = settings(max_examples=100, deadline=None, database=None, derandomize=True)


def one_by_one(program: Program, record: list[Event], day: float, given: dict[str, Result]) -> dict[str, Result]:
    """Every definition computed plainly, in order."""
    values = dict(given)
    for id, node in program.definitions.items():
        if id not in given:
            values[id] = compile(node)(Context.of(record, day, values))
    return values


@QUICK
@given(st.data())
def test_a_what_if_equals_a_full_run(data: st.DataObject) -> None:
    program = Program(data.draw(definitions(12)))
    record, day = data.draw(records()), data.draw(st.sampled_from([0.0, 2.0, 5.0]))
    before = program.run(record, day)
    kept = dict(before)
    ids = data.draw(st.lists(st.sampled_from(sorted(program.definitions)), max_size=3, unique=True))
    overrides = {id: data.draw(results(program.definitions[id].kind)) for id in ids}
    overrides |= {"nowhere_truth": data.draw(results("truth"))}
    assert program.rerun(before, overrides) == one_by_one(program, record, day, overrides)
    assert before == kept == program.run(record, day)
    after = program.rerun(before, overrides)
    assert after.changed == {id for id, value in after.items() if id not in before or before[id] != value}
    again = program.rerun(program.rerun(before, {"nowhere_number": exactly(1)}), overrides)
    assert again == one_by_one(program, record, day, {"nowhere_number": exactly(1), **overrides})


@QUICK
@given(cases(12))
def test_a_replay_equals_a_run_on_each_day(case: Case) -> None:
    program = Program(case.definitions)
    days = [0.0, 1.0, 2.0, 5.0, 9.0]
    for record in case.patients:
        replayed = list(program.replay(record, reversed(days)))
        assert [day for day, _ in replayed] == days
        plainly = [one_by_one(program, record, day, {}) for day in days]
        assert [dict(values) for _, values in replayed] == plainly
        assert [dict(program.run(record, day)) for day in days] == plainly


@QUICK
@given(st.data())
def test_a_what_if_on_a_replayed_day_equals_one_on_a_run(data: st.DataObject) -> None:
    program = Program(data.draw(definitions(8)))
    record = data.draw(records())
    for day, values in list(program.replay(record, [0.0, 2.0])):
        assert program.rerun(values, {"nowhere_truth": True}) == program.run(record, day, {"nowhere_truth": True})


@QUICK
@given(cases(12))
def test_what_is_called_out_of_reach_holds_on_no_day(case: Case) -> None:
    program = Program(case.definitions)
    truths = [id for id, node in program.definitions.items() if node.kind == "truth"]
    for record in case.patients:
        days = [values for _, values in program.replay(record, [-2.0, 0.0, 1.0, 2.0, 5.0, 9.0])]
        held = {id for id in truths if any(values[id] is True for values in days)}
        assert held <= {id for id in truths if program.may_have_held([id], record)}


T = n.Threshold
CK = n.Events(("ck",))
RAISED = n.Compare(n.Ref("peak", "number"), ">=", T("limit", 1000))
PROGRAM = Program(
    {
        "suspected": n.All((n.Ref("raised", "truth"), n.Ref("weak", "truth"))),
        "raised": RAISED,
        "peak": n.Peak(CK, "value"),
        "weak": n.Recorded(n.Events(("weak",)), None),
        "recent": n.Exists(n.InWindow(CK, n.AsOf(), T("before", -2), T("today", 0))),
    }
)
RECORD = [
    Event("ck", 1, 1, 1, 5000, 5000, ref="Observation/1", text="CK 5000 U/L"),
    Event("ck", 4, 4, 4, 90, 90, ref="Observation/2", text="CK 90 U/L"),
    Event("weak", 2, 2, 3, truth=True, ref="Condition/1", text="weakness"),
]


def test_definitions_run_in_the_order_of_their_dependencies() -> None:
    order = list(PROGRAM.definitions)
    assert order.index("peak") < order.index("raised") < order.index("suspected")


def test_the_dependency_index_is_transitive() -> None:
    assert PROGRAM.dependents(concepts=["ck"]) == ("peak", "raised", "suspected", "recent")
    assert PROGRAM.dependents(refs=["weak"]) == ("suspected",)
    assert PROGRAM.dependents(refs=["suspected"]) == ()
    assert PROGRAM.dependents(as_of=True) == ("recent",)


def test_what_nothing_on_record_can_bring_about_is_out_of_reach() -> None:
    high, low, weak = RECORD
    strong = Event("weak", 2, 2, 3, truth=False)
    assert PROGRAM.may_have_held(["suspected"], RECORD)
    assert not PROGRAM.may_have_held(["suspected"], [high, low])
    assert not PROGRAM.may_have_held(["suspected"], [high, strong])
    assert not PROGRAM.may_have_held(["suspected"], [low, weak])
    assert PROGRAM.may_have_held(["recent", "suspected"], [low])
    assert not PROGRAM.may_have_held(["nowhere"], RECORD)
    assert Program({"none_yet": n.Not(n.Exists(CK))}).may_have_held(["none_yet"], RECORD)


def test_only_what_was_known_on_the_day_is_seen() -> None:
    assert {day: values["suspected"] for day, values in PROGRAM.replay(RECORD, range(5))} == {
        0: None,
        1: None,
        2: None,
        3: True,
        4: True,
    }


def test_a_what_if_recomputes_only_what_depends_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    values = PROGRAM.run(RECORD, 4)
    computed: list[str] = []

    def counted(id: str, function: Callable[[Context], Result]) -> Callable[[Context], Result]:
        def count(context: Context) -> Result:
            computed.append(id)
            return function(context)

        return count

    for id, function in PROGRAM._functions.items():
        monkeypatch.setitem(PROGRAM._functions, id, counted(id, function))
    assert PROGRAM.rerun(values, {"weak": False})["suspected"] is False
    assert computed == ["suspected"]
    computed.clear()
    PROGRAM.rerun(values, {"peak": exactly(7000)})
    assert computed == ["raised"], "raised came out the same, so suspected was left alone"


def test_circles_are_refused_with_their_path() -> None:
    with pytest.raises(DefinitionError, match="in a circle: a → b → a"):
        Program({"a": n.Not(n.Ref("b", "truth")), "b": n.Not(n.Ref("a", "truth"))})
    with pytest.raises(DefinitionError, match="in a circle: a → a"):
        Program({"a": n.Ref("a", "truth")})


def test_references_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(DefinitionError, match="a refers to b as a truth, but b is a number"):
        Program({"a": n.Ref("b", "truth"), "b": T("x", 1)})
    with pytest.raises(DefinitionError, match="weak is a truth and cannot be set to"):
        PROGRAM.rerun(PROGRAM.run(RECORD, 4), {"weak": UNKNOWN})
    with pytest.raises(DefinitionError, match="peak is a number and cannot be set to True"):
        PROGRAM.rerun(PROGRAM.run(RECORD, 4), {"peak": True})


@pytest.mark.parametrize("day", [float("inf"), float("nan")])
def test_the_day_must_be_finite(day: float) -> None:
    with pytest.raises(ValueError, match="as-of date must be a finite day number"):
        PROGRAM.run(RECORD, day)


def test_a_long_chain_of_definitions_runs() -> None:
    chain: dict[str, n.Value] = {"d0": n.Literal_(True)}
    chain |= {f"d{i}": n.Not(n.Ref(f"d{i - 1}", "truth")) for i in range(1, 5000)}
    assert Program(dict(reversed(chain.items()))).run([], 0)["d4999"] is False


# ---------------------------------------------------------------- proofs


def proof_of(id: str, day: float = 4, record: list[Event] = RECORD) -> Proof:
    return PROGRAM.prover(PROGRAM.run(record, day))(id)


def refs(proof: Proof) -> list[str]:
    return [entry.ref for entry in proof.evidence]


def test_a_proof_carries_the_entries_that_decide() -> None:
    proof = proof_of("suspected")
    assert proof.value is True
    assert refs(proof) == ["Observation/1", "Condition/1"], "the peak, not the later normal result"
    assert proof.missing == []


def test_what_is_missing_is_named_at_its_root() -> None:
    proof = proof_of("suspected", day=2)
    assert proof.value is None
    assert proof.missing == ["weak"]
    assert proof_of("suspected", day=0).missing == ["peak", "weak"]


def test_a_false_conjunction_is_carried_by_what_is_false() -> None:
    denied = [*RECORD[:2], msgspec.structs.replace(RECORD[2], truth=False)]
    proof = proof_of("suspected", record=denied)
    assert proof.value is False
    assert refs(proof) == ["Condition/1"]


def test_a_no_shows_what_was_looked_at() -> None:
    high = n.Exists(n.ValueIs(CK, "value", ">", T("limit", 9000)))
    proof = prove(high, RECORD, 4)
    assert proof.value is False
    assert refs(proof) == ["Observation/1", "Observation/2"]


def test_a_decided_comparison_misses_nothing() -> None:
    proof = prove(RAISED, [], 0, {"peak": Interval(2000, float("inf"))})
    assert (proof.value, proof.missing) == (True, [])
    assert prove(RAISED, [], 0, {"peak": Interval(500, float("inf"))}).missing == ["peak"]


def test_proofs_are_json() -> None:
    text = msgspec.json.encode(proof_of("suspected", day=0))
    assert msgspec.json.decode(text)["missing"] == ["peak", "weak"]


@QUICK
@given(cases(12))
def test_proofs_through_references_give_the_values_of_the_run(case: Case) -> None:
    program = Program(case.definitions)
    for record in case.patients:
        values = program.run(record, case.days[0])
        proof = program.prover(values)
        assert {id: proof(id).value for id in case.definitions} == {id: values[id] for id in case.definitions}


@QUICK
@given(cases(12))
def test_what_is_proved_for_everyone_is_what_would_be_proved_of_this_record(case: Case) -> None:
    program = Program(case.definitions)
    for record in case.patients:
        for day in case.days:
            values = program.run(record, day)
            shared, alone = program.prover(values), program.prover(values, formula)
            assert {id: shared(id) for id in case.definitions} == {id: alone(id) for id in case.definitions}


@QUICK
@given(cases(12))
def test_what_is_missing_is_found_without_a_proof(case: Case) -> None:
    program = Program(case.definitions)
    for record in case.patients:
        values = program.run(record, case.days[0])
        proof = program.prover(values)
        assert {id: program.open_in(values, [id]) for id in case.definitions} == {
            id: proof(id).missing for id in case.definitions
        }


@QUICK
@given(cases(12))
def test_the_entries_behind_a_value_are_found_without_a_proof(case: Case) -> None:
    program = Program(case.definitions)
    for record in case.patients:
        values = program.run(record, case.days[0])
        proof, entries_of = program.prover(values), program.entries_of(values)
        assert {id: entries_of(id) for id in case.definitions} == {id: proof(id).evidence for id in case.definitions}
