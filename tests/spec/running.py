"""Running a case: by *evaluate* on its events, through a FHIR Bundle, and by SQL with all others in one query."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from imnm.assessment import program
from imnm.logic import nodes as n
from imnm.logic.event import Event
from imnm.logic.interval import Interval
from tests.assessment.build import TODAY

from .language import Case, Must, specs
from .outcome import Outcome
from .record import Unsayable, as_reading, from_bundle


@cache
def by_events(case: Case) -> Outcome:
    """The answer on the events of the case."""
    return Outcome(as_reading(case), case.as_of)


@cache
def by_bundle(case: Case) -> Outcome | None:
    """The answer on the case written as a FHIR Bundle and read again; None if it cannot be written so."""
    try:
        return Outcome(from_bundle(case), case.as_of)
    except Unsayable:
        return None


def fails(outcome: Outcome, must: Must) -> str:
    """Empty if it comes out as it must, else what came out instead."""
    got = outcome.of(must.what)
    agrees = got != "no" if must.want == "yes" and _is_advice(must.what) else got == must.want
    return "" if agrees else f"{must.what}: {must.want} expected, {got} came out"


def _is_advice(what: str) -> bool:
    return what.startswith(("step ", "alert ")) and what.count(" ") == 1


@cache
def definitions() -> Mapping[str, n.Value]:
    """Every finding, rule, alert and step condition."""
    return program.core().definitions | program.advice().definitions


@cache
def every_case() -> tuple[Case, ...]:
    """All cases of all specifications, each once."""
    return tuple(dict.fromkeys(case for spec in specs() for case in spec.cases))


@cache
def by_sql() -> Mapping[Case, Mapping[str, bool | Interval | None]]:
    """What the query over the events of all cases says of each on its day."""
    from tests.logic.engine import run_sql

    cases = every_case()
    records: list[list[Event]] = [as_reading(case).events for case in cases]
    days = sorted({TODAY + case.as_of for case in cases})
    rows = run_sql(definitions(), records, days)
    return {case: rows[place, TODAY + case.as_of] for place, case in enumerate(cases)}
