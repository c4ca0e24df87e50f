"""The differential of a case, and of each of its what-ifs, over one setting and one person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from imnm.knowledge.differential import heard
from imnm.logic.evaluate import Result

from . import program
from .differential import Chance, Context, DifferentialResult, chances, differential, probabilities

if TYPE_CHECKING:
    from .engine import Case


class Leading(NamedTuple):
    """The most probable disease."""

    id: str
    probability: float


class Odds:
    """The differential under one setting, for one person (what stratifies it). What-ifs that come to the same
    findings are weighed once."""

    def __init__(self, setting: str, person: Context) -> None:
        self.setting = setting
        self.person = person
        self._leading: dict[tuple[Result, ...], Leading] = {}
        self._what_if: dict[frozenset[tuple[str, Result]], tuple[str, Leading]] = {}

    def full(self, values: Mapping[str, Result]) -> DifferentialResult:
        """The differential with its contributions."""
        return differential(_truths(values), self.setting, self.person)

    def chances(self, values: Mapping[str, Result]) -> Chance:
        """A function that says how likely a finding is to be present; None if no frequency is known."""
        return chances(_truths(values), self.setting, self.person)

    def leading(self, values: Mapping[str, Result]) -> Leading:
        """Only what leads, for what-ifs."""
        heard_of = tuple(map(values.get, _heard()))
        if heard_of not in self._leading:
            known = {id: value for id, value in zip(_heard(), heard_of, strict=True) if value is True or value is False}
            shares = probabilities(known, self.setting, self.person)
            best = max(shares, key=lambda id: (shares[id], id))
            self._leading[heard_of] = Leading(best, shares[best])
        return self._leading[heard_of]

    def what_if(self, case: Case, sets: Mapping[str, Result]) -> tuple[str, Leading]:
        """The level, and what would lead, if these findings of the person's case were so."""
        key = frozenset(sets.items())
        if key not in self._what_if:
            values = case.what_if(sets)
            self._what_if[key] = program.level_of(values), self.leading(values)
        return self._what_if[key]


@cache
def _heard() -> tuple[str, ...]:
    """The ids that the differential listens to, in the order in which values are computed."""
    return tuple(id for id in program.core().definitions if id in heard())


def _truths(values: Mapping[str, Result]) -> dict[str, bool | None]:
    return {id: value for id in _heard() if (value := values.get(id)) is True or value is False}
