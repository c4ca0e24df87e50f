"""The narrow event table: one row for each thing a record says, in every source and every engine.

Two clocks. ``start``/``end``: the earliest and latest day on which it can have happened (a partial date is a span,
an undated event is ``(-inf, inf)``). ``known``: the day from which the record knew it; ``-inf`` if that is not
recorded, so that it is always seen. The as-of cut uses ``known`` only, windows and durations use the span only.

Values are intervals in the concept's canonical unit (``low``/``high``), and, separately, in multiples of the
laboratory's own upper limit of normal (``times_low``/``times_high``), because a flag H says nothing of the absolute
value and much of the multiple. Nothing known is ``(-inf, inf)``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Set
from operator import itemgetter

import msgspec

from .interval import INF, Interval

EPOCH = dt.date(1970, 1, 1)


class Event(msgspec.Struct, frozen=True, gc=False):
    """One row. Days are days since 1970-01-01.

    concept: what it is about (an id of the knowledge room).
    truth:   True stated present or positive, False stated absent or negative, None stated neither way.
    grade:   the category of a result or of an illness (``weak``, ``strong``, ``severe`` ...), if stated.
    detail:  a further name (drug ingredient, assay, body site), if stated.
    uln:     the laboratory's upper limit of normal in the canonical unit, if stated.
    ref:     the record entry (``Observation/abc``); text: what it says, for people.
    """

    concept: str
    start: float = -INF
    end: float = INF
    known: float = -INF
    low: float = -INF
    high: float = INF
    times_low: float = -INF
    times_high: float = INF
    truth: bool | None = None
    grade: str | None = None
    detail: str | None = None
    uln: float | None = None
    ref: str = ""
    text: str = ""

    @property
    def dates(self) -> Interval:
        """The span of days on which it can have happened."""
        return Interval(self.start, self.end)

    @property
    def value(self) -> Interval:
        """The value in the concept's canonical unit."""
        return Interval(self.low, self.high)

    @property
    def times_uln(self) -> Interval:
        """The value in multiples of the upper limit of normal."""
        return Interval(self.times_low, self.times_high)


class ByConcept:
    """A patient's events, found by what they are about."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._placed: dict[str, list[tuple[int, Event]]] = {}
        for place, event in enumerate(events):
            self._placed.setdefault(event.concept, []).append((place, event))

    @property
    def concepts(self) -> Set[str]:
        """What there are events of."""
        return self._placed.keys()

    def of(self, *concepts: str) -> list[Event]:
        """The events of any of these concepts, in the order in which they were given."""
        found = [placed for concept in dict.fromkeys(concepts) for placed in self._placed.get(concept, ())]
        if len(concepts) > 1:
            found.sort(key=itemgetter(0))
        return [event for _, event in found]


def day_number(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return (date - EPOCH).days


def day_date(day: float) -> dt.date | None:
    """The calendar date of a day number; None if it is infinite or outside the calendar."""
    if math.isinf(day):
        return None
    try:
        return EPOCH + dt.timedelta(days=int(day))
    except OverflowError:
        return None
