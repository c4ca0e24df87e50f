"""The calculators of ``imnm calc``: which inputs each asks for and how they become the items of its set."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from imnm.logic.evaluate import Result
from imnm.logic.interval import INF, UNKNOWN, Interval, below, exactly

from ..messages import say
from . import antibody, cancer, enmc_imnm, eular_acr, ibm, measures, myositis, pharmacology, statin
from .calculator import Calculator, Given, Input, InputError, Values, inputs_of, one_of
from .model import CriteriaSet

# ---------------------------------------------------------------- the calculators


def _calculator(criteria: CriteriaSet, *special: Input, **more: Any) -> Calculator:
    without = more.pop("without", frozenset())
    return Calculator(criteria.id, inputs_of(criteria, *special, without=without), lambda values: criteria, **more)


SUBTYPES = ("dermatomyositis", "amyopathic_dermatomyositis", "polymyositis", "imnm", "ibm")
DIAGNOSED_ON = Input("diagnosed_on", "date")
SUBTYPE = Input("iim_subtype", "choice", choices=one_of("subtype_", SUBTYPES, "antisynthetase", "overlap"))
SEX = Input("sex", "choice", choices={"female": {"female": True}, "male": {"female": False}})

# ---- SAMS-CI: what was not done stays unknown

LOCATION = Input(
    "location",
    "choice",
    choices=one_of("sams_", ("thighs_or_hip_flexors", "calves", "proximal_arms"), "asymmetric_or_nonspecific"),
)
DECHALLENGE = Input(
    "dechallenge",
    "choice",
    choices={
        "improved": {"sams_improved_after_stop": True},
        "not_improved": {"sams_improved_after_stop": False},
        "not_done": {"sams_improved_after_stop": None, "sams_improvement_days": UNKNOWN},
    },
)
RECHALLENGE = Input(
    "rechallenge",
    "choice",
    choices={
        "recurred": {"sams_recurred_on_rechallenge": True},
        "did_not_recur": {"sams_recurred_on_rechallenge": False},
        "not_done": {"sams_recurred_on_rechallenge": None, "sams_recurrence_days": UNKNOWN},
    },
)
DAYS = {
    "onset_days": "sams_onset_days",
    "improvement_days": "sams_improvement_days",
    "recurrence_days": "sams_recurrence_days",
}


def _sams(values: Values) -> dict[str, Result]:
    """Days are asked for under short names; a day given says by itself that the thing happened."""
    found: dict[str, Result] = {
        item: exactly(days) for input_, item in DAYS.items() if (days := _number(values[input_])) is not None
    }
    if "sams_improvement_days" in found and values["dechallenge"] is None:
        found["sams_improved_after_stop"] = True
    if "sams_recurrence_days" in found and values["rechallenge"] is None:
        found["sams_recurred_on_rechallenge"] = True
    return found


def _number(value: Given) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


SAMS_INPUTS = (
    LOCATION,
    Input("onset_days", "number", "days", 0, 36_500),
    DECHALLENGE,
    Input("improvement_days", "number", "days", 0, 3_650),
    RECHALLENGE,
    Input("recurrence_days", "number", "days", 0, 3_650),
)

# ---- antibody results: a stated grade is a band of the 20-unit scale, a value counts against its own kit


def _grade(low: float, high: float) -> dict[str, Result]:
    return {"hmgcr_units": Interval(low, high), "hmgcr_tested": True}


P, M, S = (edge.number for edge in (antibody.POSITIVE_FROM, antibody.MODERATE_FROM, antibody.STRONG_FROM))
HMGCR_INPUTS = (
    Input("hmgcr_value", "number", None, 0, 1_000_000),
    Input("hmgcr_scale", "choice", choices={"20_unit": {}, "other": {}}),
    Input("hmgcr_cutoff", "number", None, 1e-9, 1_000_000),
    Input(
        "hmgcr_result",
        "choice",
        choices={
            "negative": _grade(0, below(P)),
            "weak": _grade(P, below(M)),
            "moderate": _grade(M, below(S)),
            "strong": _grade(S, INF),
            "positive": _grade(P, INF),
            "not_tested": {"hmgcr_units": UNKNOWN, "hmgcr_tested": False},
        },
    ),
    Input("hmgcr_assay", "choice", choices={
        "elisa": {"hmgcr_by_blot": False}, "cia": {"hmgcr_by_blot": False},
        "immunoprecipitation": {"hmgcr_by_blot": False}, "line_blot": {"hmgcr_by_blot": True}}),
    Input("srp_result", "choice", choices={
        "negative": {"anti_srp_positive": False, "srp_weak": False, "srp_strong": False, "srp_tested": True},
        "weak": {"anti_srp_positive": True, "srp_weak": True, "srp_strong": False, "srp_tested": True},
        "strong": {"anti_srp_positive": True, "srp_weak": False, "srp_strong": True, "srp_tested": True},
        "positive": {"anti_srp_positive": True, "srp_weak": None, "srp_strong": None, "srp_tested": True},
        "not_tested": {"anti_srp_positive": None, "srp_tested": False}}),
    Input("srp_assay", "choice", choices={
        "elisa": {"srp_by_blot": False}, "immunoprecipitation": {"srp_by_blot": False},
        "line_blot": {"srp_by_blot": True}, "dot_blot": {"srp_by_blot": True}}),
    Input("hep2_pattern", "choice", choices={
        "cytoplasmic_fine_speckled": {"hep2_cytoplasmic": True}, "nuclear": {"hep2_cytoplasmic": False},
        "negative": {"hep2_cytoplasmic": False}}),
)  # fmt: skip


def _antibody(values: Values) -> dict[str, Result]:
    """The value on the 20-unit scale, or against the kit's own cut-off; a panel without HMGCR tested no HMGCR."""
    value, cutoff = _number(values["hmgcr_value"]), _number(values["hmgcr_cutoff"])
    if value is not None and values["hmgcr_scale"] == "20_unit":
        return {"hmgcr_units": exactly(value), "hmgcr_tested": True}
    if value is not None and cutoff is not None:
        return _grade(P, INF) if value >= cutoff else _grade(0, below(P))
    if value is not None and values["hmgcr_result"] is None:
        raise InputError(say("criteria.error.scale_needed"))
    if values["panel_lists_hmgcr"] is False and values["hmgcr_result"] is None:
        return {"hmgcr_tested": False}
    return {}


# ---- pharmacogenetics

DIPLOTYPES = {"*1/*1": "normal", "*1/*5": "decreased", "*5/*5": "poor", "*14/*14": "increased"}
SLCO1B1 = one_of("slco1b1_", ("decreased", "poor"), "normal", "increased")
PGX_INPUTS = (
    Input("statin", "choice", choices=one_of("takes_", pharmacology.STATINS)),
    Input("dose_mg", "number", "mg/day", 0, 200),
    Input("slco1b1", "choice", choices=SLCO1B1, aliases=DIPLOTYPES),
    Input("abcg2", "choice", choices=one_of("abcg2_", ("poor",), "normal", "decreased")),
    Input("cyp2c9", "choice", choices=one_of("cyp2c9_", ("intermediate", "poor"), "normal")),
    Input("interacting_drugs", "choice", choices=one_of("with_", pharmacology.DRUGS, "none"), many=True),
    Input("jurisdiction", "choice", choices=one_of("jurisdiction_", tuple(pharmacology.JURISDICTIONS))),
    Input("last_fusidic_acid_on", "date"),
)

# ---- core set measures at two visits

RANGES: Mapping[str, tuple[str, float]] = {
    "phga": ("cm", 10), "ptga": ("cm", 10), "mmt": ("points", 260), "haq": ("points", 3), "enz": ("as its limit", 1e6),
    "extra": ("cm", 10),
}  # fmt: skip
VISITS = tuple(
    Input(f"{name}_{visit}", "number", unit, 0, most)
    for name, (unit, most) in RANGES.items()
    for visit in ("baseline", "followup")
)
MMT_MAX = Input("mmt_max", "choice", choices={"80": {}, "150": {}, "260": {}})
ENZYME = Input("enzyme", "choice", choices={name: {} for name in measures.ENZYME_RANGE})
ENZYME_ULN = Input("enzyme_uln", "number", "as the enzyme", 1e-9, 100_000)


def _pairs(values: Values) -> dict[str, tuple[Fraction, Fraction]]:
    """The measures given at both visits, as exact fractions of what was written."""
    found = {}
    for name in measures.MEASURES:
        pair = [values[f"{name}_{visit}"] for visit in ("baseline", "followup")]
        if None not in pair:
            found[name] = (Fraction(str(pair[0])), Fraction(str(pair[1])))
    return found


def _range_of(name: str, values: Values) -> Fraction | None:
    """What an absolute change is a percentage of; None if it is not known."""
    if name == "mmt":
        return Fraction(str(values["mmt_max"])) if values["mmt_max"] else None
    if name == "enz":
        if values["enzyme"] is None or values["enzyme_uln"] is None:
            return None
        times = measures.ENZYME_RANGE[str(values["enzyme"])].number
        return Fraction(str(values["enzyme_uln"])) * Fraction(times)
    return Fraction(measures.HAQ.number if name == "haq" else measures.VAS.number)


def _absolute(values: Values) -> dict[str, Result]:
    most = values["mmt_max"]
    for visit in ("baseline", "followup"):
        strength = _number(values[f"mmt_{visit}"])
        if strength is not None and most is not None and strength > float(str(most)):
            raise InputError(say("criteria.error.out_of_range", input=f"mmt_{visit}", low="0", high=str(most)))
    return {
        f"{name}_change": exactly(float(measures.absolute_change(*pair, range_, name == "mmt")))
        for name, pair in _pairs(values).items()
        if (range_ := _range_of(name, values)) is not None
    }


def _relative(values: Values) -> dict[str, Result]:
    """Percent of the value at baseline; a baseline of nothing has no percentage."""
    return {
        f"{name}_change": exactly(float(measures.absolute_change(*pair, pair[0], name == "mmt")))
        for name, pair in _pairs(values).items()
        if pair[0] and values[f"{name}_change"] is None
    }


BEYOND_VISITS = {"mmt": ("mmt_max",), "enz": ("enzyme", "enzyme_uln")}
VISITS_OF = {
    f"{name}_change": (f"{name}_baseline", f"{name}_followup", *BEYOND_VISITS.get(name, ()))
    for name in measures.MEASURES
}
CHANGES = frozenset(f"{name}_change" for name in measures.MEASURES)

# ---- MMT8

SIDES = Input("sides", "choice", choices={"one": {}, "both": {}})
MMT_GROUPS = tuple(
    Input(f"mmt_{name}", "number", "0-10", 0, measures.GROUP_MAX) for name in measures.GROUPS
)  # fmt: skip


def _mmt8_set(values: Values) -> CriteriaSet:
    """One side unless both are asked for, or a side is named in an input."""
    sided = any(values[f"mmt_{name}"] is not None for name in measures.SIDED_GROUPS)
    return measures.MMT8[150 if values["sides"] == "both" or (values["sides"] is None and sided) else 80]


def _mmt8_groups(values: Values) -> dict[str, Result]:
    """A group that was not tested has anything from nothing to full strength."""
    return {f"mmt_{name}": Interval(0, measures.GROUP_MAX) for name in measures.GROUPS if values[f"mmt_{name}"] is None}


CALCULATORS: dict[str, Calculator] = {
    calculator.name: calculator
    for calculator in (
        _calculator(eular_acr.EULAR_ACR_2017),
        _calculator(enmc_imnm.ENMC_2016),
        _calculator(myositis.BOHAN_PETER_1975),
        _calculator(ibm.ENMC_IBM_2011),
        _calculator(myositis.ENMC_DM_2018),
        _calculator(myositis.ANTISYNTHETASE),
        _calculator(myositis.MOHASSEL),
        _calculator(
            statin.SAMS_CI,
            *SAMS_INPUTS,
            without=frozenset(DAYS.values()),
            convert=_sams,
            settled_by={item: (input_,) for input_, item in DAYS.items()},
        ),
        _calculator(statin.CK_BANDS),
        _calculator(antibody.HMGCR_RESULT, *HMGCR_INPUTS, convert=_antibody),
        _calculator(pharmacology.STATIN_PGX, *PGX_INPUTS),
        Calculator("mmt8", (SIDES, *MMT_GROUPS), _mmt8_set, _mmt8_groups),
        _calculator(measures.IMACS_DOI, *VISITS, convert=_relative),
        _calculator(
            measures.TIS_2016,
            *VISITS,
            MMT_MAX,
            ENZYME,
            ENZYME_ULN,
            without=CHANGES,
            convert=_absolute,
            settled_by=VISITS_OF,
        ),
        _calculator(cancer.IMACS_CANCER_2023, SUBTYPE, SEX, DIAGNOSED_ON),
    )
}
"""The calculators by the contract's names (and ``enmc-dm-2018``, which the contract does not list)."""
