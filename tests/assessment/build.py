"""Small records for tests, built as events: days count from the as-of date (0), earlier is negative."""

from __future__ import annotations

from imnm.logic.event import Event
from imnm.logic.interval import INF, above, below
from imnm.sources.reading import Reading

TODAY = 20000.0
ULN = 200.0


def ck(value: float, day: float = 0, uln: float | None = ULN) -> Event:
    """A CK in U/L; the limits that the reader adds for a missing ULN are added here too (``quantities``)."""
    low, high = (value / uln, value / uln) if uln else (above(1.0), INF) if value >= 1000 else (-INF, INF)
    return _event("creatine_kinase_total", day, low=value, high=value, times_low=low, times_high=high, uln=uln,
                  text=f"CK {value:,.0f} U/L")  # fmt: skip


def raised_ck(day: float = 0) -> Event:
    """A CK whose number is lost, flagged H."""
    return _event("creatine_kinase_total", day, low=0, times_low=above(1.0), text="CK raised")


def normal_ck(day: float = 0) -> Event:
    """A CK whose number is lost, flagged N."""
    return _event(
        "creatine_kinase_total", day, low=0, high=below(1000.0), times_low=0, times_high=1.0, text="CK normal"
    )


def value(concept: str, number: float, day: float = 0, uln: float | None = None) -> Event:
    """Any measured value in its canonical unit."""
    times = (number / uln, number / uln) if uln else (-INF, INF)
    return _event(concept, day, low=number, high=number, times_low=times[0], times_high=times[1], uln=uln)


def has(concept: str, day: float = 0, grade: str | None = None, detail: str | None = None) -> Event:
    """A problem, a positive result or a finding of a report, dated that day."""
    return _event(concept, day, truth=True, grade=grade, detail=detail)


def has_not(concept: str, day: float = 0) -> Event:
    """The same, stated to be absent or negative."""
    return _event(concept, day, truth=False)


def statin(start: float, stop: float | None = None, name: str = "atorvastatin", concept: str = "statin") -> list[Event]:
    """A statin period; ``stop`` None is in use today."""
    events = [_event(concept, start, truth=True, detail=name)]
    end = "active" if stop is None else "stop"
    events.append(_event(f"{concept}.{end}", 0 if stop is None else stop, truth=True, detail=name))
    return events


def who(age: float = 60, sex: str = "female") -> list[Event]:
    """Birth date and sex."""
    born = TODAY - age * 365.2425
    return [
        Event("birth", start=born, end=born, ref="Patient/p"),
        Event("sex", truth=True, detail=sex, ref="Patient/p"),
    ]


def record(*events: Event | list[Event], age: float = 60, sex: str = "female") -> Reading:
    """A record of these events."""
    flat = [*who(age, sex)]
    for event in events:
        flat.extend(event if isinstance(event, list) else [event])
    return Reading("p", flat, newest_known=TODAY)


_count = 0


def _event(concept: str, day: float, **fields: object) -> Event:
    global _count
    _count += 1
    fields.setdefault("text", concept)
    at = TODAY + day
    return Event(concept, start=at, end=at, known=min(at, TODAY), ref=f"Entry/{_count}", **fields)  # type: ignore[arg-type]
