"""Published criteria sets and calculators, as declarations over the algebra.

``CRITERIA`` classify a patient from findings; ``CALCULATORS`` are what ``imnm calc`` offers, under the contract's
names. A classification is not a diagnosis: a result says "fulfils" or "does not fulfil", and a set that
``never_lowers`` takes nothing from a suspicion of IMNM.

The calculators are imported when they are asked for, because an assessment never needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imnm.logic.evaluate import EvidenceOf

from . import cancer, enmc_imnm, eular_acr, ibm, myositis
from .model import ITEMS, CriteriaResult, CriteriaSet, Environment, Item, label

if TYPE_CHECKING:
    from .calculator import Calculator, Input, InputError
    from .calculators import CALCULATORS

__all__ = [
    "CALCULATORS",
    "CRITERIA",
    "ITEMS",
    "CalcResult",
    "Calculator",
    "CriteriaResult",
    "CriteriaSet",
    "Input",
    "InputError",
    "Item",
    "evaluate_criteria",
    "label",
]

CalcResult = CriteriaResult
"""A calculator answers in the shape of a criteria set."""

CRITERIA: dict[str, CriteriaSet] = {
    criteria.id: criteria
    for criteria in (
        enmc_imnm.ENMC_2016,
        eular_acr.EULAR_ACR_2017,
        myositis.BOHAN_PETER_1975,
        myositis.ENMC_DM_2018,
        myositis.ANTISYNTHETASE,
        ibm.ENMC_IBM_2011,
        myositis.MOHASSEL,
        cancer.IMACS_CANCER_2023,
    )
}
"""The sets that classify a patient from findings, by id."""


def evaluate_criteria(id: str, environment: Environment, entries_of: EvidenceOf | None = None) -> CriteriaResult:
    """A criteria set on one patient's findings. What the environment lacks is unknown.

    ``entries_of``: gives the record entries of a finding (``Program.entries_of``), for the set's proof.
    Raises KeyError for an id that ``CRITERIA`` does not hold.
    """
    return CRITERIA[id].read(environment, entries_of)


def __getattr__(name: str) -> Any:
    if name == "CALCULATORS":
        from .calculators import CALCULATORS

        return CALCULATORS
    if name in ("Calculator", "Input", "InputError"):
        from . import calculator

        return getattr(calculator, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
