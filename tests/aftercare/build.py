"""A patient built as events on calendar dates, for the aftercare tests."""

from __future__ import annotations

import datetime as dt

from imnm.assessment.engine import Case
from imnm.logic.event import Event, day_number
from imnm.sources.reading import Reading

AS_OF = "2024-06-01"
ULN = 200.0


def day(date: str) -> float:
    """An ISO date as a day number."""
    return float(day_number(dt.date.fromisoformat(date)))


def has(concept: str, on: str, truth: bool | None = True, grade: str | None = None, detail: str | None = None) -> Event:
    """A thing stated on a date (an illness, a positive result, a drug started)."""
    at = day(on)
    return Event(concept, at, at, at, truth=truth, grade=grade, detail=detail, ref=f"X/{concept}-{on}", text=concept)


def measured(concept: str, value: float, on: str, uln: float | None = None, detail: str | None = None) -> Event:
    """A number measured on a date."""
    at = day(on)
    times = {"times_low": value / uln, "times_high": value / uln, "uln": uln} if uln else {}
    return Event(concept, at, at, at, value, value, detail=detail, ref=f"X/{concept}-{on}", text=f"{value:g}", **times)


def ck(value: float, on: str, uln: float | None = ULN) -> Event:
    """A CK in U/L."""
    return measured("creatine_kinase_total", value, on, uln)


def ck_days(*results: tuple[int, float], start: str = "2024-01-01") -> list[Event]:
    """CK results by day of a course."""
    first = dt.date.fromisoformat(start)
    return [ck(value, (first + dt.timedelta(days=after)).isoformat()) for after, value in results]


def who(born: str = "1960-01-01", sex: str = "female") -> list[Event]:
    """Birth date and sex."""
    return [
        Event("birth", day(born), day(born), ref="Patient/p"),
        Event("sex", truth=True, detail=sex, ref="Patient/p"),
    ]


def imnm(antibody: str = "anti_hmgcr", born: str = "1960-01-01", sex: str = "female") -> list[Event]:
    """A patient with IMNM by antibody, weak since November 2023, diagnosed in January 2024."""
    return [
        *who(born, sex),
        has("proximal_muscle_weakness", "2023-11-01"),
        has(antibody, "2024-01-10", grade="strong"),
        ck(8000, "2024-01-02"),
    ]


def case(*events: Event, as_of: str = AS_OF) -> Case:
    """The case of these events."""
    return Case(Reading("p", list(events), newest_known=day(as_of)), day(as_of))
