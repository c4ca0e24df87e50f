"""Definitions with one number moved by a hair, and whether a specification notices."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from imnm.assessment import program
from imnm.knowledge.evidence import thresholds
from imnm.logic import nodes as n
from imnm.logic.evaluate import Program, Result, Values, compile

from .language import Case, Must
from .outcome import Outcome, words


class Edge(NamedTuple):
    """One definition with one threshold moved. ``function``: what it then says of a case."""

    name: str
    id: str
    function: Callable[[Any], Result]


def edges(definitions: Mapping[str, n.Value]) -> Iterator[Edge]:
    """Each threshold of each definition, once moved up and once moved down."""
    for id, value in definitions.items():
        for threshold in dict.fromkeys(node for node in n.walk(value) if isinstance(node, n.Threshold)):
            for way, sign in (("up", 1), ("down", -1)):
                moved = n.Threshold(threshold.id, threshold.number + sign * _hair(threshold))
                yield Edge(f"{threshold.id} {way} in {id}", id, compile(_replaced(value, threshold, moved)))


def _hair(threshold: n.Threshold) -> float:
    """A day for days, one per cent for anything else."""
    named = thresholds().get(threshold.id)
    return 1.0 if named is not None and named.unit == "days" else abs(threshold.number) / 100


def _replaced(node: Any, old: n.Node, new: n.Node) -> Any:
    if node == old:
        return new
    if isinstance(node, tuple):
        return tuple(_replaced(part, old, new) for part in node)
    if not isinstance(node, n.Node):
        return node
    fields = {f.name: _replaced(getattr(node, f.name), old, new) for f in dataclasses.fields(node)}  # type: ignore[arg-type]
    return type(node)(**fields)


def noticed(edge: Edge, cases: Iterable[Case], run: Callable[[Case], Outcome]) -> bool:
    """Whether a case would come out otherwise than it must."""
    return any(_differs(edge, case, run(case)) for case in cases)


def _differs(edge: Edge, case: Case, outcome: Outcome) -> bool:
    values, advice = outcome.patient.values, outcome.patient.advice
    if edge.id in values:
        now = edge.function(values.context())
        return now != values[edge.id] and _wrong_after(edge.id, now, case, outcome)
    now = edge.function(advice.context())
    return now != advice[edge.id] and _asked_of_advice(edge.id, now, case)


def _wrong_after(id: str, now: Result, case: Case, outcome: Outcome) -> bool:
    values = program.core().rerun(outcome.patient.values, {id: now})
    advice: Values | None = None
    for must in case.musts:
        if must.what in values:
            if words(values[must.what]) != must.want:
                return True
        elif must.what == "level":
            if program.level_of(values, outcome.patient.anything) != must.want:
                return True
        elif must.what.startswith(("step ", "alert ")):
            advice = advice or _advice().run(outcome.patient.events, outcome.patient.as_of, values)
            if (advice.get(_advice_id(must)) is True) == (must.want == "no"):
                return True
    return False


def _asked_of_advice(id: str, now: Result, case: Case) -> bool:
    return any(_advice_id(must) == id and (now is True) == (must.want == "no") for must in case.musts)


def _advice_id(must: Must) -> str:
    return must.what.replace(" ", ".", 1)


def _advice() -> Program:
    return program.advice()
