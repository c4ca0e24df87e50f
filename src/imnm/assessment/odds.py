"""The differential of a case, and of each of its what-ifs, over one setting and one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imnm.logic.evaluate import Result

from .differential import Context, DifferentialResult, chance_of, differential, probabilities


class Leading(NamedTuple):
    """The most probable disease."""

    id: str
    probability: float


class Odds:
    """The differential under one setting, for one person (what stratifies it)."""

    def __init__(self, setting: str, person: Context) -> None:
        self.setting = setting
        self.person = person
        self._now: Leading | None = None

    def full(self, values: Mapping[str, Result]) -> DifferentialResult:
        """The differential with its contributions."""
        return differential(_truths(values), self.setting, self.person)

    def chance(self, finding: str, values: Mapping[str, Result]) -> float | None:
        """How likely a finding is to be present; None if no frequency is known."""
        return chance_of(finding, _truths(values), self.setting, self.person)

    def now(self, values: Mapping[str, Result]) -> Leading:
        """What leads on what is known (worked out once)."""
        if self._now is None:
            self._now = self.leading(values)
        return self._now

    def leading(self, values: Mapping[str, Result]) -> Leading:
        """Only what leads, for what-ifs."""
        shares = probabilities(_truths(values), self.setting, self.person)
        best = max(shares, key=lambda id: (shares[id], id))
        return Leading(best, shares[best])


def _truths(values: Mapping[str, Result]) -> dict[str, bool | None]:
    return {id: value for id, value in values.items() if value is True or value is False}
