"""What comes out for a case, by the names under which a specification asks for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from imnm.assessment import assess_reading, model, program
from imnm.assessment.criteria import criteria_of
from imnm.assessment.engine import Case as Patient
from imnm.assessment.engine import diagnosis_of, first_flagged_on
from imnm.assessment.statins import statins_of
from imnm.assessment.steps import alerts_of, steps_of
from imnm.logic.event import day_date, day_number
from imnm.logic.interval import Interval
from imnm.sources import Reading
from tests.assessment.build import TODAY

YES_NO = {True: "yes", False: "no", None: "unknown"}


class UnknownOutcome(ValueError):
    """A specification asks for something that has no such name."""


class Outcome:
    """The answer about one record on one day. ``day``: counted from day 0 of the specification."""

    def __init__(self, reading: Reading, day: float) -> None:
        self.reading = reading
        self.patient = Patient(reading, TODAY + day)

    # ------------------------------------------------ asked once

    @cached_property
    def answer(self) -> model.Assessment:
        return assess_reading(self.reading, day_date(self.patient.as_of))

    @cached_property
    def steps(self) -> dict[str, model.Step]:
        return {step.id: step for step in steps_of(self.patient, None)}

    @cached_property
    def alerts(self) -> dict[str, str]:
        return {alert.id: alert.urgency for alert in alerts_of(self.patient)}

    @cached_property
    def statins(self) -> dict[str, Any]:
        return statins_of(self.patient) or {}

    @cached_property
    def criteria(self) -> dict[str, model.Criterion]:
        return {criterion.id: criterion for criterion in criteria_of(self.patient)}

    # ------------------------------------------------ by name

    def of(self, what: str) -> str:
        """What comes out under this name, in the words of a specification. Raises UnknownOutcome."""
        if what in self.patient.values:
            return words(self.patient.values[what])
        head, _, rest = what.partition(" ")
        if head in _HEADS:
            return _HEADS[head](self, rest)
        raise UnknownOutcome(f"nothing comes out under the name {what!r}")

    def step(self, rest: str) -> str:
        id, _, part = rest.partition(" ")
        if part:
            step = self.steps.get(id) or next(step for step in self.answer.next_steps if step.id == id)
            return _day({"due": step.due_on, "not before": step.not_before}[part])
        if id in self.steps:
            return self.steps[id].urgency
        return "no" if f"step.{id}" in program.advice().definitions else self._step_in_full(id)

    def _step_in_full(self, id: str) -> str:
        return next((step.urgency for step in self.answer.next_steps if step.id == id), "no")

    def section(self, rest: str) -> str:
        """The statin section."""
        if not self.statins:
            return "none"
        if rest == "rechallenge":
            return str(self.statins["rechallenge"]["answer"])
        if rest == "course":
            return ", ".join(entry["id"] for entry in self.statins["course"]) or "none"
        if rest in ("recheck due", "recheck not before"):
            recheck = self.statins["recheck"] or {}
            return _day(recheck.get("due_on" if rest.endswith("due") else "not_before"))
        if rest == "interactions":
            return ", ".join(entry["id"] for entry in self.statins["interactions"]) or "none"
        if rest.startswith("class "):
            classes = {entry["body"]: entry["class"] for entry in self.statins["symptom_class"]}
            return str(classes.get(rest[6:], "none"))
        value = self.statins[rest.replace(" ", "_")]
        if rest == "last stop":
            return _day(value)
        return words(value) if value is None or isinstance(value, bool) else str(value)

    def criterion(self, rest: str) -> str:
        id, _, part = rest.partition(" ")
        found = self.criteria[id]
        return (found.class_ or "none") if part == "class" else found.result


def _day(date: str | None) -> str:
    return "none" if date is None else str(int(day_number(dt.date.fromisoformat(date)) - TODAY))


def words(value: object) -> str:
    """A truth as yes, no or unknown; a number as it is written; bounds as ``5 to 9``."""
    if isinstance(value, Interval):
        if not value.known:
            return "unknown"
        return _number(value.low) if value.exact else f"{_number(value.low)} to {_number(value.high)}"
    return YES_NO[value]  # type: ignore[index]


def _number(value: float) -> str:
    return f"{value:,.6g}" if abs(value) < 1000 else f"{value:,.0f}"


_HEADS: Mapping[str, Callable[[Outcome, str], str]] = {
    "level": lambda outcome, _: outcome.patient.level,
    "diagnosis": lambda outcome, _: diagnosis_of(outcome.patient).id or "none",
    "provisional": lambda outcome, _: words(diagnosis_of(outcome.patient).provisional),
    "first": lambda outcome, _: _day(first_flagged_on(outcome.patient)),  # first flagged
    "leading": lambda outcome, _: outcome.answer.differential[0].id,  # leading disease
    "decisive": lambda outcome, _: outcome.answer.suspicion.decisive_step or "none",  # decisive step
    "step": Outcome.step,
    "alert": lambda outcome, id: outcome.alerts.get(_known_alert(id), "no"),
    "statins": Outcome.section,
    "criteria": Outcome.criterion,
}


def _known_alert(id: str) -> str:
    if f"alert.{id}" not in program.advice().definitions:
        raise UnknownOutcome(f"there is no alert {id!r}")
    return id
