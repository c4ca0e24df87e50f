"""Kleene's logic: its tables, its laws, and the public cases that other engines are held to."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imnm.logic import nodes as n
from imnm.logic.evaluate import Program, Result, prove, settled
from imnm.logic.event import Event
from imnm.logic.interval import OPS, UNKNOWN, Interval, below, compare, exactly
from imnm.logic.truth import AND, NOT, OR, TRUTHS, Truth, all_of, any_of, at_least

from .engine import run_sql
from .growing import Grower, definitions, learnt, records, results

QUICK = settings(max_examples=300, deadline=None, database=None, derandomize=True)

# ---------------------------------------------------------------- tables

RANK: dict[Truth, int] = {False: 0, None: 1, True: 2}
"""False below unknown below true: AND is the least, OR the greatest, NOT turns the order round."""
TRUTH = {rank: truth for truth, rank in RANK.items()}
PAIRS = list(itertools.product(TRUTHS, repeat=2))


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_tables(a: Truth, b: Truth) -> None:
    assert AND[a, b] is TRUTH[min(RANK[a], RANK[b])]
    assert OR[a, b] is TRUTH[max(RANK[a], RANK[b])]
    assert NOT[a] is TRUTH[2 - RANK[a]]


def test_tables_are_complete() -> None:
    assert set(AND) == set(OR) == set(PAIRS)
    assert set(NOT) == set(TRUTHS)


@pytest.mark.parametrize("parts", [p for size in range(4) for p in itertools.product(TRUTHS, repeat=size)])
def test_many_at_once(parts: tuple[Truth, ...]) -> None:
    ranks = [RANK[part] for part in parts]
    assert all_of(parts) is TRUTH[min(ranks, default=2)]
    assert any_of(parts) is TRUTH[max(ranks, default=0)]
    for count in range(1, 4):
        outcomes = {sum(world) >= count for world in _worlds(parts)}
        assert at_least(count, parts) is (outcomes.pop() if len(outcomes) == 1 else None)


def _worlds(parts: tuple[Truth, ...]) -> list[tuple[bool, ...]]:
    """Every way in which the unknown could turn out."""
    return list(itertools.product(*[(part,) if part is not None else (True, False) for part in parts]))


@given(*[st.integers(0, 4)] * 4, st.sampled_from(OPS))
def test_a_comparison_is_decided_exactly_if_every_value_agrees(a: int, b: int, c: int, d: int, op: str) -> None:
    left, right = Interval(min(a, b), max(a, b)), Interval(min(c, d), max(c, d))
    outcomes = {
        compare(exactly(x), op, exactly(y))  # type: ignore[arg-type]
        for x in range(int(left.low), int(left.high) + 1)
        for y in range(int(right.low), int(right.high) + 1)
    }
    assert compare(left, op, right) is (outcomes.pop() if len(outcomes) == 1 else None)  # type: ignore[arg-type]


# ---------------------------------------------------------------- laws


def truth_of(node: n.Value, record: list[Event]) -> Result:
    return Program({"x": node}).run(record, 2.0)["x"]


@QUICK
@given(st.data())
def test_laws(data: st.DataObject) -> None:
    record = data.draw(records())
    grower = Grower(data.draw, {})
    a, b, c = (grower.value("truth", 2) for _ in range(3))
    for left, right in (
        (n.All((a, b)), n.All((b, a))),
        (n.Any_((a, b)), n.Any_((b, a))),
        (n.All((a, n.All((b, c)))), n.All((n.All((a, b)), c))),
        (n.Any_((a, n.Any_((b, c)))), n.Any_((n.Any_((a, b)), c))),
        (n.Not(n.All((a, b))), n.Any_((n.Not(a), n.Not(b)))),
        (n.Not(n.Any_((a, b))), n.All((n.Not(a), n.Not(b)))),
        (n.All((a, n.Any_((b, c)))), n.Any_((n.All((a, b)), n.All((a, c))))),
        (n.Not(n.Not(a)), a),
        (n.AtLeast(3, (a, b, c)), n.All((a, b, c))),
        (n.AtLeast(1, (a, b, c)), n.Any_((a, b, c))),
    ):
        assert truth_of(left, record) is truth_of(right, record)


OUTSIDE_THE_LAW = (n.Possibly, n.SeenBy, n.WithoutGrade)
"""Node kinds that read the record, not the world: an earlier date, or a grade, that becomes known can turn them."""


def tighter(after: Result, before: Result) -> bool:
    """Whether a value keeps what was known and perhaps says more."""
    if isinstance(before, Interval) and isinstance(after, Interval):
        return before.low <= after.low and after.high <= before.high
    return before is None or after is before


@QUICK
@given(st.data())
def test_learning_what_was_unknown_never_flips_what_was_known(data: st.DataObject) -> None:
    found = data.draw(definitions(8))
    inside = {id: node for id, node in found.items() if not any(isinstance(x, OUTSIDE_THE_LAW) for x in n.walk(node))}
    program = Program(inside)
    record = data.draw(records())
    asked = {"nowhere_truth": data.draw(results("truth"))}
    before, after = program.run(record, 2.0), program.run(data.draw(learnt(record)), 2.0, asked)
    for id in inside:
        assert tighter(after[id], before[id]), (inside[id], before[id], after[id])


# ---------------------------------------------------------------- the public CQL cases, in our words

T, F, U = n.Literal_(True), n.Literal_(False), n.Literal_(None)


def implies(a: n.Value, b: n.Value) -> n.Value:
    return n.Any_((n.Not(a), b))


def exclusive(a: n.Value, b: n.Value) -> n.Value:
    return n.Any_((n.All((a, n.Not(b))), n.All((n.Not(a), b))))


def is_true(a: n.Value) -> n.Value:
    return n.Not(n.Possibly(n.Not(a)))


def is_false(a: n.Value) -> n.Value:
    return n.Not(n.Possibly(a))


def is_unknown(a: n.Value) -> n.Value:
    """For a number or a day: whether it can be told from 7 or from the as-of date, on which nothing here lies."""
    if a.kind == "number":
        a = n.Compare(a, ">=", n.Threshold("seven", 7))
    if a.kind == "day":
        a = n.Compare(a, ">=", n.AsOf())
    return n.All((n.Possibly(a), n.Possibly(n.Not(a))))


def first_known(*parts: n.Value) -> n.Value:
    found = parts[-1]
    for part in reversed(parts[:-1]):
        found = n.IfElse(is_unknown(part), found, part)
    return found


def of(concept: str) -> n.Events:
    return n.Events((concept,))


DATE = 15478.0  # 2012-05-18
TIME = 0.2191383796  # a quarter past five in the morning, as a part of a day
RECORD = [
    *(Event("true_first", truth=truth) for truth in (True, None, None)),
    *(Event("true_last", truth=truth) for truth in (None, None, True)),
    *(
        Event("dates", start=start, end=end)
        for start, end in ((-math.inf, math.inf), (-math.inf, math.inf), (DATE, DATE))
    ),
    *(
        Event("times", start=start, end=end)
        for start, end in ((-math.inf, math.inf), (-math.inf, math.inf), (TIME, TIME))
    ),
    Event("empty_text", detail=""),
    Event("text", detail="abc"),
    Event("one", low=1, high=1),
    Event("zero", low=0, high=0),
    Event("date", start=DATE, end=DATE),
    Event("time", start=TIME, end=TIME),
]
NO_DAY, NO_NUMBER = n.FirstDay(of("nothing")), n.Peak(of("nothing"), "value")


def states(concept: str) -> n.Value:
    """Whether the detail is abc: unknown only where no detail is stated."""
    return n.Exists(n.WithDetail(of(concept), ("abc",)))


def recorded(concept: str) -> n.Value:
    return n.Recorded(of(concept), None)


BINARY: dict[str, tuple[Callable[[n.Value, n.Value], n.Value], str]] = {
    "And": (lambda a, b: n.All((a, b)), "TFU FFF UFU"),
    "Or": (lambda a, b: n.Any_((a, b)), "TTT TFU TUU"),
    "Implies": (implies, "TFU TTT TUU"),
    "Xor": (exclusive, "FTU TFU UUU"),
}
"""Operator and its table: rows by the left truth (true, false, unknown), within a row by the right."""

WORDS = {"True": T, "False": F, "Null": U}
LETTERS: dict[str, Truth] = {"T": True, "F": False, "U": None}

LOGICAL: dict[str, tuple[n.Value, Result]] = {
    f"{left}{name}{right}": (operator(a, b), LETTERS[table.split()[row][column]])
    for name, (operator, table) in BINARY.items()
    for row, (left, a) in enumerate(WORDS.items())
    for column, (right, b) in enumerate(WORDS.items())
}
LOGICAL |= {"NotTrue": (n.Not(T), False), "NotFalse": (n.Not(F), True), "NotNull": (n.Not(U), None)}

NULLOLOGICAL: dict[str, tuple[n.Value, Result]] = {
    "CoalesceANull": (first_known(T, U), True),
    "CoalesceNullA": (first_known(U, T), True),
    "CoalesceEmptyList": (recorded("nothing"), None),
    "CoalesceListFirstA": (recorded("true_first"), True),
    "CoalesceListLastA": (recorded("true_last"), True),
    "CoalesceFirstList": (first_known(n.Count(of("true_first")), NO_NUMBER, NO_NUMBER), exactly(3)),
    "CoalesceLastList": (first_known(NO_NUMBER, NO_NUMBER, n.Count(of("true_last"))), exactly(3)),
    "DateTimeCoalesce": (first_known(NO_DAY, NO_DAY, n.FirstDay(of("date"))), exactly(DATE)),
    "DateTimeListCoalesce": (n.SeenBy(of("dates")), exactly(DATE)),
    "TimeCoalesce": (first_known(NO_DAY, NO_DAY, n.FirstDay(of("time"))), exactly(TIME)),
    "TimeListCoalesce": (n.SeenBy(of("times")), exactly(TIME)),
    "IsNullTrue": (is_unknown(U), True),
    "IsNullFalseEmptyString": (is_unknown(states("empty_text")), False),
    "IsNullAlsoFalseAbcString": (is_unknown(states("text")), False),
    "IsNullAlsoFalseNumber1": (is_unknown(n.Peak(of("one"), "value")), False),
    "IsNullAlsoFalseNumberZero": (is_unknown(n.Peak(of("zero"), "value")), False),
    "IsFalseFalse": (is_false(F), True),
    "IsFalseTrue": (is_false(T), False),
    "IsFalseNull": (is_false(U), False),
    "IsTrueTrue": (is_true(T), True),
    "IsTrueFalse": (is_true(F), False),
    "IsTrueNull": (is_true(U), False),
}

PUBLIC = LOGICAL | NULLOLOGICAL
DAY = 20000.0


def test_all_the_public_cases_are_here() -> None:
    assert (len(LOGICAL), len(NULLOLOGICAL)) == (39, 22)


@pytest.fixture(scope="module")
def by_sql() -> dict[str, Result]:
    return run_sql({name: node for name, (node, _) in PUBLIC.items()}, [RECORD], [DAY])[0, DAY]


@pytest.mark.parametrize("name", PUBLIC)
def test_public_case(name: str, by_sql: dict[str, Result]) -> None:
    node, expected = PUBLIC[name]
    assert Program({name: node}).run(RECORD, DAY)[name] == expected
    assert prove(node, RECORD, DAY).value == expected
    assert by_sql[name] == expected


def test_what_is_settled() -> None:
    assert settled(True) and settled(False) and settled(exactly(0))
    assert not settled(None) and not settled(UNKNOWN) and not settled(Interval(0, below(20)))
