"""The differential of a case and of each of its what-ifs, under one setting."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, cached_property
from typing import TYPE_CHECKING

from imnm.knowledge.differential import heard
from imnm.logic.evaluate import Result
from imnm.logic.interval import Interval

from . import program
from .differential import Chance, Context, DifferentialResult, Leading, WhatIf

if TYPE_CHECKING:
    from .engine import Case


class Odds:
    """The differential of a case under one setting, and what would lead if findings were otherwise. What-ifs that
    come to the same findings are weighed once.

    person: what is known of the patient beyond findings.
    """

    def __init__(self, case: Case, setting: str, person: Context) -> None:
        self.case = case
        self.setting = setting
        self.person = person
        self._known = {id: value for id in _heard() if (value := case.values.get(id)) is True or value is False}
        self._leading: dict[frozenset[tuple[str, Result]], Leading] = {}
        self._what_if: dict[frozenset[tuple[str, Result]], tuple[str, Leading]] = {}

    @cached_property
    def _asked(self) -> WhatIf:
        return WhatIf(self._known, self.setting, self.person)

    def full(self) -> DifferentialResult:
        """The differential with its contributions."""
        return self._asked.full()

    def chances(self) -> Chance:
        """A function that says how likely a finding is to be present; None if no frequency is known."""
        return self._asked.chances()

    @property
    def now(self) -> tuple[str, Leading]:
        """The level, and what leads, as the case stands."""
        return self.case.level, self._leads(frozenset())

    def what_if(self, sets: Mapping[str, Result]) -> tuple[str, Leading]:
        """The level, and what would lead, if these findings of the case were so."""
        key = frozenset(sets.items())
        if key not in self._what_if:
            values = self.case.what_if(sets)
            changes = frozenset((id, values[id]) for id in _heard() & values.changed)
            self._what_if[key] = program.level_of(values), self._leads(changes)
        return self._what_if[key]

    def _leads(self, changes: frozenset[tuple[str, Result]]) -> Leading:
        """What leads if these findings have changed."""
        if changes not in self._leading:
            otherwise = {id: value for id, value in changes if not isinstance(value, Interval)}
            self._leading[changes] = self._asked.leading(otherwise)
        return self._leading[changes]


@cache
def _heard() -> frozenset[str]:
    """The ids that the differential listens to."""
    return heard().intersection(program.core().definitions)
