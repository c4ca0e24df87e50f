"""A calculator run as the published golden checks put it: what is not listed is answered no."""

from __future__ import annotations

from imnm.knowledge.criteria import CALCULATORS, CriteriaResult


def answered(name: str, **inputs: object) -> CriteriaResult:
    """The calculator with every yes/no question that is not answered set to no."""
    calculator = CALCULATORS[name]
    no = {input_.id: False for input_ in calculator.inputs if input_.kind == "truth"}
    return calculator.run({**no, **inputs})


def run(name: str, **inputs: object) -> CriteriaResult:
    """The calculator with these inputs; everything else unknown."""
    return CALCULATORS[name].run(inputs)


def yes(*ids: str) -> dict[str, bool]:
    """These items answered yes."""
    return dict.fromkeys(ids, True)
