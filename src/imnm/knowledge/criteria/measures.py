"""Strength and response: MMT8, the IMACS definition of improvement, the ACR/EULAR 2016 Total Improvement Score.

The core set measures are given at two visits; percent changes are computed as exact fractions, because the published
bands are open on the left and a binary fraction would fall into the wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from imnm.logic.nodes import All, AtLeast, Bands, Compare, Not, Sum, Threshold, Value

from ..evidence import Evidence, evidence, threshold
from . import items as i
from .model import OTHERWISE, CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung, item, sentence

TABLE_3 = evidence("primary", "rider2017", "aggarwal2017")
RELATIVE = evidence("primary", "rider2004", "nct01813617")
EXTRAPOLATED = evidence("primary", "aggarwal2017")
FORM_04 = evidence("secondary", "imacs-forms", "nct01813617")

MEASURES = ("phga", "ptga", "mmt", "haq", "enz", "extra")
CHANGES: Mapping[str, Value] = {
    name: item(f"{name}_change", i.RESPONSE, "number", "%", -1_000_000, 1_000_000) for name in MEASURES
}

# ---------------------------------------------------------------- Total Improvement Score 2016


def _edge(name: str, n: int, percent: float) -> Threshold:
    return threshold(f"tis_{name}_edge_{n}", percent, "%", f"edge {n} of the bands of improvement ({name})", TABLE_3)


EDGES = tuple(_edge("general", n, percent) for n, percent in enumerate((5, 15, 25, 40), 1))
MMT_EDGES = tuple(_edge("mmt", n, percent) for n, percent in enumerate((2, 10, 20, 30), 1))
POINTS: Mapping[str, tuple[float, ...]] = {
    "phga": (0, 7.5, 15, 17.5, 20),
    "ptga": (0, 2.5, 5, 7.5, 10),
    "mmt": (0, 10, 20, 27.5, 32.5),
    "haq": (0, 5, 7.5, 7.5, 10),
    "enz": (0, 2.5, 5, 7.5, 7.5),
    "extra": (0, 7.5, 12.5, 15, 20),
}


def _points(name: str) -> Bands:
    points = tuple(
        threshold(f"tis_{name}_points_{n}", points, "points", f"points of band {n} ({name})", TABLE_3)
        for n, points in enumerate(POINTS[name])
    )
    return Bands(CHANGES[name], MMT_EDGES if name == "mmt" else EDGES, points, lower_closed=False)


TIS_PARTS: Mapping[str, Value] = {name: _points(name) for name in MEASURES}
TIS = Sum(tuple(TIS_PARTS.values()))


def _levels(id: str, minimal: float, moderate: float, major: float) -> Ladder:
    limits = {"major": major, "moderate": moderate, "minimal": minimal}
    rungs = tuple(
        Rung(
            name,
            Compare(TIS, ">=", threshold(f"tis_{id}_{name}", limit, "points", f"{name} response", TABLE_3)),
            TABLE_3,
        )
        for name, limit in limits.items()
    )
    return Ladder(id, (*rungs, Rung("none", Not(rungs[-1].condition), TABLE_3)))


ADULT = _levels("class", 20, 40, 60)
JUVENILE = _levels("juvenile", 30, 45, 70)

ENZYME_RANGES: Mapping[str, tuple[float, Evidence]] = {
    "ck": (15, evidence("weak", "czech-myositis-code")),
    "ldh": (3, evidence("weak", "czech-myositis-code")),
    "ast": (3, evidence("weak", "czech-myositis-code")),
    "alt": (3, evidence("weak", "czech-myositis-code")),
    "aldolase": (6, evidence("unverified", "rider2017")),
}
"""The range of each enzyme in multiples of the ULN, over which an absolute change is counted."""
ENZYME_RANGE = {
    name: threshold(f"tis_range_{name}", number, "x ULN", f"range of {name} in the improvement score", source)
    for name, (number, source) in ENZYME_RANGES.items()
}
VAS = threshold("tis_range_vas", 10, "cm", "range of the visual analogue scales", evidence("primary", "rider2011"))
HAQ = threshold("tis_range_haq", 3, "points", "range of the HAQ-DI", evidence("secondary", "haq-glossary"))


def absolute_change(baseline: Fraction, follow_up: Fraction, range_: Fraction, higher_is_better: bool) -> Fraction:
    """Percent of the range by which a measure improved (worse: negative)."""
    gain = follow_up - baseline if higher_is_better else baseline - follow_up
    return 100 * gain / range_


def partial_sum(result: CriteriaResult, environment: Environment) -> None:
    """With a measure missing there is a partial sum and no class (the published score asks for all six)."""
    points = result.extra["numbers"]
    result.extra["partial"] = sum(points[name].low for name in MEASURES if points[name].exact)
    if result.score is None and result.score_range is not None:
        result.extra["max_possible"] = result.score_range[1]
        _without_class(result)


def _without_class(result: CriteriaResult) -> None:
    result.could_reach, result.class_ = result.could_reach or result.class_, None
    result.result, result.extra["text"] = "undetermined", sentence(result.id, "class", None)
    for rule in result.extra["rules"].values():
        rule |= {
            "could_reach": rule["could_reach"] or rule["class"],
            "class": None,
            "text": sentence(result.id, "class", None),
        }


TIS_2016 = CriteriaSet(
    id="tis-2016",
    evidence=TABLE_3,
    fulfilled=ADULT.rungs[2].condition,
    classes=ADULT,
    score=TIS,
    score_matters=True,
    also=(JUVENILE,),
    numbers=TIS_PARTS,
    notes=(Note("extrapolated_to_imnm", OTHERWISE, EXTRAPOLATED),),
    finish=partial_sum,
)

# ---------------------------------------------------------------- IMACS definition of improvement

BETTER_20 = threshold("imacs_better", 20, "%", "least improvement of a measure that counts", RELATIVE)
WORSE_25 = threshold("imacs_worse", -25, "%", "worsening of a measure that counts", RELATIVE)
BETTER = tuple(Compare(change, ">=", BETTER_20) for change in CHANGES.values())
WORSE = {name: Compare(change, "<=", WORSE_25) for name, change in CHANGES.items()}
IMPROVED = All((AtLeast(3, BETTER), Not(AtLeast(3, tuple(WORSE.values()))), Not(WORSE["mmt"])))

IMACS_DOI = CriteriaSet(
    id="imacs-doi",
    evidence=RELATIVE,
    fulfilled=IMPROVED,
    classes=Ladder("class", (Rung("improved", IMPROVED, RELATIVE), Rung("not_improved", Not(IMPROVED), RELATIVE))),
    notes=(Note("strength_worse", WORSE["mmt"], RELATIVE),),
)

# ---------------------------------------------------------------- MMT8

ONE_SIDE_GROUPS = (
    "neck_flexors", "deltoid", "biceps", "wrist_extensors", "gluteus_maximus", "gluteus_medius", "quadriceps",
    "ankle_dorsiflexors",
)  # fmt: skip
GROUP_MAX = 10
SIDED_GROUPS = tuple(f"{group}_{side}" for group in ONE_SIDE_GROUPS[1:] for side in ("right", "left"))
GROUPS: Mapping[str, Value] = {
    name: item(f"mmt_{name}", FORM_04, "number", "0-10", 0, GROUP_MAX) for name in (*ONE_SIDE_GROUPS, *SIDED_GROUPS)
}
MMT8_ONE_SIDE = Sum(tuple(GROUPS[name] for name in ONE_SIDE_GROUPS))
MMT8_BOTH_SIDES = Sum(tuple(GROUPS[name] for name in ("neck_flexors", *SIDED_GROUPS)))


def _mmt8(total: Value, most: int) -> CriteriaSet:
    full = threshold(f"mmt8_max_{most}", most, "points", f"full strength on the scale 0 to {most}", FORM_04)
    at_full = Compare(total, ">=", full)
    return CriteriaSet(
        id="mmt8",
        evidence=FORM_04,
        fulfilled=at_full,
        classes=Ladder("class", (Rung("full", at_full, FORM_04), Rung("reduced", Not(at_full), FORM_04))),
        score=total,
        score_matters=True,
        notes=(Note("never_mix_ranges", OTHERWISE, FORM_04),),
    )


MMT8 = {80: _mmt8(MMT8_ONE_SIDE, 80), 150: _mmt8(MMT8_BOTH_SIDES, 150)}
"""The two ranges in use: one side of the body (0-80) and both sides with the neck counted once (0-150)."""
