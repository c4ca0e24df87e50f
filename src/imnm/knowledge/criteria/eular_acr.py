"""EULAR/ACR 2017 classification criteria for adult and juvenile idiopathic inflammatory myopathies.

Both published columns (without and with biopsy) are computed; the class comes from the score, never from the
displayed probability, because the published score cut-offs are rounded. Anti-SRP, anti-HMGCR and necrosis score
nothing in these criteria, so that a low class says nothing against IMNM.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import itemgetter

from imnm.logic.evaluate import Result
from imnm.logic.nodes import All, Any_, Compare, IfElse, Not, Score, Threshold, Value

from ..evidence import evidence, threshold
from ..findings import AGE_18, AGE_40
from . import items as i
from .model import OTHERWISE, CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung, part

WEIGHTS = i.WEIGHTS
CUT_OFFS = evidence("primary", "lundberg2017")
TREE = evidence("unverified", "lundberg2017", note="age limit, juvenile leaf and merging of IMNM with PM were not read")

ADULT = Compare(i.AGE_AT_ONSET, ">=", AGE_18)
FROM_40 = Compare(i.AGE_AT_ONSET, ">=", AGE_40)

# Condition, tenths without biopsy, tenths with biopsy. From 40 years on the points of an adult are topped up.
POINTS: tuple[tuple[Value, int, int], ...] = (
    (ADULT, 13, 15),
    (FROM_40, 8, 7),
    (i.PROX_ARMS, 7, 7),
    (i.PROX_LEGS, 8, 5),
    (i.NECK_FLEXORS, 19, 16),
    (i.LEGS_PROXIMAL, 9, 12),
    (i.HELIOTROPE, 31, 32),
    (i.PAPULES, 21, 27),
    (i.SIGN, 33, 37),
    (i.DYSPHAGIA, 7, 6),
    (i.JO1, 39, 38),
    (i.ENZYMES, 13, 14),
)
BIOPSY_POINTS: tuple[tuple[Value, int], ...] = (
    (i.ENDOMYSIAL_CELLS, 17),
    (i.PERIMYSIAL_CELLS, 12),
    (i.PERIFASCICULAR_ATROPHY, 19),
    (i.RIMMED_VACUOLES, 31),
)
WITHOUT_BIOPSY = Score(tuple((condition, points) for condition, points, _ in POINTS), 10)
WITH_BIOPSY = Score((*((condition, points) for condition, _, points in POINTS), *BIOPSY_POINTS), 10)


def _cut_off(class_: str, column: str, number: float) -> Threshold:
    return threshold(
        f"eular_{class_}_{column}",
        number,
        "points",
        f"EULAR/ACR score from which the class is {class_}, {column.replace('_', ' ')}",
        CUT_OFFS,
    )


ID = "eular-acr-2017"
PARTS = {"without_biopsy": WITHOUT_BIOPSY, "with_biopsy": WITH_BIOPSY}
LIMITS = {
    "definite": {"without_biopsy": 7.5, "with_biopsy": 8.7},
    "probable": {"without_biopsy": 5.5, "with_biopsy": 6.7},
    "possible": {"without_biopsy": 5.3, "with_biopsy": 6.5},
}
REACHED: dict[str, dict[str, Value]] = {
    class_: {
        column: Compare(part(ID, column), ">=", _cut_off(class_, column, number)) for column, number in limits.items()
    }
    for class_, limits in LIMITS.items()
}


def _rungs(condition: Callable[[dict[str, Value]], Value]) -> tuple[Rung, ...]:
    reached = (Rung(class_, condition(columns), CUT_OFFS) for class_, columns in REACHED.items())
    return (*reached, Rung("not_iim", OTHERWISE, CUT_OFFS))


CLASSES = Ladder("class", _rungs(lambda columns: IfElse(i.BIOPSY, columns["with_biopsy"], columns["without_biopsy"])))
COLUMNS = tuple(Ladder(column, _rungs(itemgetter(column)), words="class") for column in PARTS)
PROBABLE = CLASSES.rungs[1]

ANY_SKIN = Any_((i.HELIOTROPE, i.PAPULES, i.SIGN))
ANY_WEAKNESS = Any_((i.PROX_ARMS, i.PROX_LEGS, i.NECK_FLEXORS, i.LEGS_PROXIMAL))
IBM_LEAF = Any_((All((i.FINGER_FLEXORS, i.NO_RESPONSE)), i.RIMMED_VACUOLES))
ADULT_SKIN = All((ADULT, ANY_SKIN))
SUBCLASSES = Ladder(
    "subclass",
    (
        Rung("jdm", All((Not(ADULT), ANY_SKIN)), TREE),
        Rung("juvenile_myositis_other_than_jdm", Not(ADULT), TREE),
        Rung("dm", All((ADULT_SKIN, ANY_WEAKNESS)), CUT_OFFS),
        Rung("adm", ADULT_SKIN, evidence("primary", "lundberg-de-visser2018", "concha2019")),
        Rung("ibm", IBM_LEAF, evidence("weak", "eular-weights-copies")),
        Rung("pm_including_imnm", OTHERWISE, TREE),
    ),
)

NOTES = (
    Note(
        "biopsy_recommended",
        All((Not(ANY_SKIN), Not(i.BIOPSY))),
        evidence("secondary", "karolinska-calculator", "eular-progress2014"),
    ),
    Note(
        "imnm_scores_nothing",
        Any_((i.HMGCR, i.SRP, i.NECROSIS)),
        evidence("primary", "lundberg2017", "saygin-scoping2024"),
    ),
    Note("necrosis_lowers_class", All((i.BIOPSY, i.NECROSIS)), evidence("derived", "lundberg2017", "eular-weights")),
)

CONSTANT = evidence(
    "unverified", "bottai2017", note="second decimal from memory; the published cut-offs bound the error to 0.02"
)
CONSTANT_WITHOUT = threshold(
    "eular_logit_without_biopsy", 5.33, "points", "score at a probability of one half", CONSTANT
)
CONSTANT_WITH = threshold("eular_logit_with_biopsy", 6.49, "points", "score at a probability of one half", CONSTANT)
PROBABILITY_ERROR = threshold(
    "eular_probability_error",
    0.02,
    "",
    "most that the displayed probability can be off",
    evidence("derived", "lundberg2017"),
)


def probability(score: float, with_biopsy: bool) -> float:
    """The probability of an inflammatory myopathy that goes with a score: information only, never the class."""
    constant = CONSTANT_WITH if with_biopsy else CONSTANT_WITHOUT
    return 1 / (1 + math.exp(constant.number - score))


BIOPSY_ITEMS = ("bx_endomysial", "bx_perimysial", "biopsy_perifascicular_atrophy", "biopsy_rimmed_vacuoles")


def choose_column(environment: Environment) -> dict[str, Result]:
    """Which column applies: with biopsy where biopsy findings are available, otherwise without (as published)."""
    available = environment.get("muscle_biopsy") is True or any(environment.get(id) is not None for id in BIOPSY_ITEMS)
    return {"muscle_biopsy": available and environment.get("muscle_biopsy") is not False}


def both_columns(result: CriteriaResult, environment: Environment) -> None:
    """Adds the probability to both columns, and the sub-class with what it could still be."""
    if result.result == "not-applicable":
        return
    rules, scores = result.extra.pop("rules"), result.extra.pop("numbers")
    columns = {
        column: {
            "score_range": list(scores[column]),
            "class": rules[column]["class"],
            "could_reach": rules[column]["could_reach"],
            "probability_range": [round(probability(score, column == "with_biopsy"), 4) for score in scores[column]],
        }
        for column in PARTS
    }
    used = "with_biopsy" if environment["muscle_biopsy"] is True else "without_biopsy"
    classified = result.class_ in ("definite", "probable")
    tree = rules["subclass"] if classified else dict.fromkeys(rules["subclass"])
    result.extra |= {
        "column": used,
        "columns": columns,
        "probability": columns[used]["probability_range"][0],
        "probability_error": PROBABILITY_ERROR.number,
        "subclass": tree["class"],
        "subclass_could_be": tree["could_reach"],
        "subclass_text": tree["text"],
        "subclass_provisional": bool(tree["provisional"]),
    }


EULAR_ACR_2017 = CriteriaSet(
    id=ID,
    evidence=WEIGHTS,
    fulfilled=PROBABLE.condition,
    classes=CLASSES,
    score=IfElse(i.BIOPSY, part(ID, "with_biopsy"), part(ID, "without_biopsy")),
    applicable=Not(i.BETTER_EXPLANATION),
    parts=PARTS,
    also=(SUBCLASSES, *COLUMNS),
    numbers={column: part(ID, column) for column in PARTS},
    notes=NOTES,
    prepare=choose_column,
    finish=both_columns,
)
