"""The published criteria sets, read on the findings of a case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imnm.knowledge.criteria import CRITERIA, CriteriaResult
from imnm.logic.evaluate import Result

from .model import Criterion

if TYPE_CHECKING:
    from .engine import Case

SHOWN = ("enmc-2016", "eular-acr-2017", "bohan-peter-1975", "enmc-dm-2018", "antisynthetase", "enmc-ibm-2011",
         "mohassel")  # fmt: skip
"""In the order in which they are shown; cancer risk stands with the screening plan."""
NOT_INFLAMMATORY = ("gene", "thyroid", "acute_trigger", "myotoxic_drug", "metabolic", "junction", "motor_neurone",
                    "macro_ck")  # fmt: skip


def criteria_of(case: Case) -> list[Criterion]:
    """Every set that is shown, with score, class, what is missing and its proof."""
    environment: dict[str, Result] = dict(case.values)
    environment["better_explanation"] = any(case.truth(f"explained_{id}") is True for id in NOT_INFLAMMATORY)
    return [_criterion(CRITERIA[id].read(environment, case.entries)) for id in SHOWN]


def _criterion(result: CriteriaResult) -> Criterion:
    return Criterion(
        id=result.id,
        result=result.result,
        title=result.title,
        score=result.score,
        score_range=result.score_range,
        class_=result.class_,
        could_reach=result.could_reach,
        missing=result.missing,
        provisional=result.provisional,
        warnings=result.warnings,
        sources=result.sources,
        proof=result.proof,
        extra=result.extra,
    )
