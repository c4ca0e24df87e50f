"""What can have held on an earlier day, without going through the days.

On an earlier day the record held some of its entries. ``Reach`` bounds what a truth can have been on any such day from
the entries that are there now. It errs to one side only: what it calls out of reach never held; what it calls within
reach may never have held either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from . import nodes as n
from .compiled import NO_MEMBERS, Members, bounds_of
from .event import Event
from .interval import Interval, compare, exactly

Constant = Callable[[str], bool]
"""Whether a definition is what it is on an empty record, whatever the day."""


class Reach:
    """What can have been so of one patient. rows: all events by concept. definitions: what may be referred to.
    silence: the values on an empty record, and ``is_silent``: which definitions have none but these."""

    def __init__(
        self, rows: Mapping[str, Members], definitions: Mapping[str, n.Value], silence: Mapping[str, Any],
        is_silent: Constant,
    ) -> None:  # fmt: skip
        self.rows, self.definitions, self.silence, self.is_silent = rows, definitions, silence, is_silent
        self._found: dict[tuple[str, bool], bool] = {}

    def definition(self, id: str, truth: bool) -> bool:
        """Whether the definition can have been true (false) on some day."""
        if id not in self.definitions:
            return False  # unknown on every day
        if self.is_silent(id):
            return self.silence[id] is truth
        key = id, truth
        if key not in self._found:
            self._found[key] = self.truth(self.definitions[id], truth)
        return self._found[key]

    def truth(self, node: n.Node, truth: bool) -> bool:
        """Whether an expression can have been true (false) on some day."""
        ask = _TRUTHS.get(type(node))
        return True if ask is None else ask(self, node, truth)

    def expression(self, node: n.Value) -> n.Value:
        """What a value stands for, if it only refers."""
        return self.definitions.get(node.id, node) if isinstance(node, n.Ref) else node

    def surely(self, series: n.Node) -> Iterator[Event]:
        """The events that can have been sure members of a series."""
        if isinstance(series, n.Events):
            for concept in series.concepts:
                for event, _ in self.rows.get(concept, NO_MEMBERS):
                    yield event
            return
        parts = series.parts if isinstance(series, n.Union) else (series.series,)  # type: ignore[attr-defined]
        holds = _holds(series)
        for part in parts:
            yield from filter(holds, self.surely(part))


def _holds(series: n.Node) -> Callable[[Event], bool]:
    """What a sure member of a series has to be, beyond being one of what the series is made from."""
    if isinstance(series, n.WithTruth):
        return lambda event: event.truth is series.truth
    if isinstance(series, n.ValueIs) and isinstance(series.bound, n.Threshold):
        value, limit = bounds_of(series.field), exactly(series.bound.number)
        return lambda event: compare(Interval(*value(event)), series.op, limit) is True
    return _anything


def _anything(event: Event) -> bool:
    return True


# ---------------------------------------------------------------- one question a node; of the others anything can be so


def _ref(reach: Reach, node: n.Ref, truth: bool) -> bool:
    return reach.definition(node.id, truth)


def _literal(reach: Reach, node: n.Literal_, truth: bool) -> bool:
    return node.truth is truth


def _all(reach: Reach, node: n.All, truth: bool) -> bool:
    return (all if truth else any)(reach.truth(part, truth) for part in node.parts)


def _any(reach: Reach, node: n.Any_, truth: bool) -> bool:
    return (any if truth else all)(reach.truth(part, truth) for part in node.parts)


def _not(reach: Reach, node: n.Not, truth: bool) -> bool:
    return reach.truth(node.part, not truth)


def _possibly(reach: Reach, node: n.Possibly, truth: bool) -> bool:
    return truth or reach.truth(node.part, False)


def _exists(reach: Reach, node: n.Exists, truth: bool) -> bool:
    return not truth or any(True for _ in reach.surely(node.series))


def _recorded(reach: Reach, node: n.Recorded, truth: bool) -> bool:
    return not truth or any(event.truth is True for event in reach.surely(node.series))


def _compare(reach: Reach, node: n.Compare, truth: bool) -> bool:
    """A result that is more than a limit rests on a sure member that is."""
    result, limit = reach.expression(node.left), node.right
    if not (truth and node.op in (">", ">=") and isinstance(limit, n.Threshold)):
        return True
    if not isinstance(result, n.Peak | n.Latest | n.First):
        return True
    value, bound = bounds_of(result.field), exactly(limit.number)
    return any(compare(exactly(value(event)[0]), node.op, bound) for event in reach.surely(result.series))


_TRUTHS: dict[type[n.Node], Callable[[Reach, Any, bool], bool]] = {
    n.Ref: _ref,
    n.Literal_: _literal,
    n.All: _all,
    n.Any_: _any,
    n.Not: _not,
    n.Possibly: _possibly,
    n.Exists: _exists,
    n.Recorded: _recorded,
    n.Compare: _compare,
}
