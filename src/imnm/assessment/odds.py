"""The differential of a case, and of each of its what-ifs, over one setting and context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from imnm.logic.evaluate import Result

from .differential import DifferentialResult, differential, posterior


class Leading(NamedTuple):
    """The most probable disease."""

    id: str
    probability: float


class Odds:
    """The differential under one setting; ``context`` holds what stratifies it (age, sex)."""

    def __init__(self, setting: str, context: Mapping[str, float | str | None]) -> None:
        self.setting = setting
        self.context = context

    def full(self, values: Mapping[str, Result]) -> DifferentialResult:
        """The differential with its contributions."""
        return differential(_truths(values), self.setting, self.context)

    def leading(self, values: Mapping[str, Result]) -> Leading:
        """Only what leads, for what-ifs."""
        shares = posterior(_truths(values), self.setting, self.context)
        best = max(shares, key=lambda id: (shares[id], id))
        return Leading(best, shares[best])


def _truths(values: Mapping[str, Result]) -> dict[str, bool]:
    return {id: value for id, value in values.items() if value is True or value is False}
