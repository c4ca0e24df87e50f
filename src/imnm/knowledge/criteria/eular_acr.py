"""EULAR/ACR 2017 classification criteria for adult and juvenile idiopathic inflammatory myopathies.

Both published columns (without and with biopsy) are computed; the class comes from the score, never from the
displayed probability, because the published score cut-offs are rounded. Anti-SRP, anti-HMGCR and necrosis score
nothing in these criteria, so that a low class says nothing against IMNM.
"""

from __future__ import annotations

import math

from imnm.logic.evaluate import Result
from imnm.logic.nodes import All, Any_, Compare, IfElse, Not, Score, Threshold, Value

from ..evidence import evidence, threshold
from ..findings import AGE_18, AGE_40
from . import items as i
from .model import OTHERWISE, CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung

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


def _reaches(class_: str, without: float, with_: float) -> Rung:
    condition = IfElse(
        i.BIOPSY,
        Compare(WITH_BIOPSY, ">=", _cut_off(class_, "with_biopsy", with_)),
        Compare(WITHOUT_BIOPSY, ">=", _cut_off(class_, "without_biopsy", without)),
    )
    return Rung(class_, condition, CUT_OFFS)


DEFINITE = _reaches("definite", 7.5, 8.7)
PROBABLE = _reaches("probable", 5.5, 6.7)
POSSIBLE = _reaches("possible", 5.3, 6.5)

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
    """Adds both columns with their probability, the sub-class, and which subclasses stay open."""
    if result.result == "not-applicable":
        return
    columns = {}
    for column, with_biopsy in (("without_biopsy", False), ("with_biopsy", True)):
        reading = COLUMNS.read({**environment, "muscle_biopsy": with_biopsy})
        low, high = reading.score_range or (0.0, 0.0)
        columns[column] = {
            "score_range": [low, high],
            "class": reading.class_,
            "could_reach": reading.could_reach,
            "probability_range": [round(probability(score, with_biopsy), 4) for score in (low, high)],
        }
    used = "with_biopsy" if environment["muscle_biopsy"] is True else "without_biopsy"
    tree = result.extra.pop("rules")["subclass"]
    classified = result.class_ in ("definite", "probable")
    result.extra |= {
        "column": used,
        "columns": columns,
        "probability": columns[used]["probability_range"][0],  # type: ignore[index]
        "probability_error": PROBABILITY_ERROR.number,
        "subclass": tree["class"] if classified else None,
        "subclass_could_be": tree["could_reach"] if classified else None,
        "subclass_text": tree["text"] if classified else None,
        "subclass_provisional": tree["provisional"] if classified else False,
    }


CLASSES = Ladder("class", (DEFINITE, PROBABLE, POSSIBLE, Rung("not_iim", OTHERWISE, CUT_OFFS)))
SCORE = IfElse(i.BIOPSY, WITH_BIOPSY, WITHOUT_BIOPSY)
APPLICABLE = Not(i.BETTER_EXPLANATION)

COLUMNS = CriteriaSet(id="eular-acr-2017", evidence=WEIGHTS, fulfilled=PROBABLE.condition, classes=CLASSES, score=SCORE)

EULAR_ACR_2017 = CriteriaSet(
    id="eular-acr-2017",
    evidence=WEIGHTS,
    fulfilled=PROBABLE.condition,
    classes=CLASSES,
    score=SCORE,
    applicable=APPLICABLE,
    also=(SUBCLASSES,),
    notes=NOTES,
    prepare=choose_column,
    finish=both_columns,
)
