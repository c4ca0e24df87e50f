"""What a reader hands over: events, and everything in the input that was not understood or not used."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import attrgetter

import msgspec

from imnm.logic.event import Event
from imnm.logic.interval import INF


class InputError(ValueError):
    """The input as a whole cannot be read; the message is one sentence for the person who gave it."""


class Problem(msgspec.Struct, frozen=True):
    """Something in the input that was not understood or not used, without patient content.

    ref: the record entry (``Observation/abc``), or the kind of input if it is about the whole.
    """

    ref: str
    problem: str


class Exposure(msgspec.Struct, frozen=True):
    """A period on a drug. Dates are ISO 8601 as far as known; ``certain``: both ends are as recorded."""

    drug: str
    start: str | None = None
    stop: str | None = None
    certain: bool = False
    ref: str = ""


class Reading(msgspec.Struct):
    """One patient's record, read.

    newest_known: the newest day on which the record learnt something that was read (``-inf``: no date at all).
    counts:       entries by resource type: how many were there and how many of them gave an event.
    """

    patient: str
    events: list[Event]
    problems: list[Problem] = []
    exposures: list[Exposure] = []
    newest_known: float = -INF
    counts: dict[str, tuple[int, int]] = {}


def newest_known(events: Iterable[Event]) -> float:
    """The newest finite ``known`` of the events; ``-inf`` if there is none."""
    return max([event.known for event in events if -INF < event.known < INF], default=-INF)


def one_result_a_day(events: Iterable[Event]) -> list[Event]:
    """The events, where a result that has only a flag is taken for the valued result of the same test and day.

    Records state the same sample twice, once with its number and once as raised. The flag narrows the multiple of
    the number it can belong to; if it contradicts it, or there are several numbers, both results stay.
    """
    listed = list(events)
    flagged = [
        index
        for index, event in enumerate(listed)
        if (event.times_low > -INF or event.times_high < INF) and event.low == -INF and event.high == INF
    ]
    if not flagged:
        return listed
    valued: dict[tuple[str, float, float], list[int]] = {}
    for index, event in enumerate(listed):
        if event.value.known and math.isfinite(event.start):
            valued.setdefault((event.concept, event.start, event.end), []).append(index)
    dropped: set[int] = set()
    for index in flagged:
        event = listed[index]
        same = valued.get((event.concept, event.start, event.end), [])
        if len(same) != 1:
            continue
        other = listed[same[0]]
        low, high = max(other.times_low, event.times_low), min(other.times_high, event.times_high)
        if low <= high:
            listed[same[0]] = msgspec.structs.replace(other, times_low=low, times_high=high)
            dropped.add(index)
    return [event for index, event in enumerate(listed) if index not in dropped]


_FACT = attrgetter(
    "concept", "start", "end", "low", "high", "times_low", "times_high", "truth", "grade", "detail"
)  # fmt: skip


def without_repeats(events: Iterable[Event]) -> list[Event]:
    """The events, each fact once: the same result sent through two feeds is one result, known since the earlier."""
    kept: dict[tuple[object, ...], Event] = {}
    for event in events:
        key = _FACT(event)
        earlier = kept.get(key)
        if earlier is None or event.known < earlier.known:
            kept[key] = event
    return list(kept.values())


def place(error: Exception) -> str:
    """Where in the input decoding failed (`` at valueQuantity.value``), never what stands there; empty if unknown."""
    path = str(error).rpartition("`$")[2].rstrip("`").lstrip(".") if "`$" in str(error) else ""
    return f" at {path}" if path else ""
