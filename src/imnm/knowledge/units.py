"""Units of laboratory values: what a written unit means for a concept, and its factor to the canonical unit.

A unit that is not in the table of its concept is not understood: the answer is None, never a guess. Writing is
normalised first (Unicode NFKC, so that both mu characters are one; case; brackets; ``/L`` however it is spelt).
Antibody units are arbitrary and are kept as they are: they compare only with the cut-off of the same result.

Factors: concept dossier (codes.md, section 5), where the enzyme factors were checked with the UCUM library; mass to
mole factors are those of creatinine 88.42, bilirubin 17.1, free T4 12.87 and 25-OH vitamin D 2.496.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from .concepts import CONCEPTS
from .evidence import evidence, threshold
from .pattern import pattern

_ENZYME = {
    "u/l": 1.0, "mu/ml": 1.0, "u/dl": 10.0, "ku/l": 1000.0, "u/ml": 1000.0,
    "ukat/l": 60.0, "nkat/ml": 60.0, "nkat/l": 0.06,
}  # fmt: skip
_MASS_UG_L = {"ug/l": 1.0, "ng/ml": 1.0, "mg/l": 1000.0, "ug/ml": 1000.0, "ng/l": 0.001, "pg/ml": 0.001, "ug/dl": 10.0}
_MASS_NG_L = {"ng/l": 1.0, "pg/ml": 1.0, "ug/l": 1000.0, "ng/ml": 1000.0}
_BILIRUBIN = {"umol/l": 1.0, "mmol/l": 1000.0, "mg/dl": 17.1, "mg/l": 1.71}
_PRESSURE = {"cm[h2o]": 1.0, "cmh2o": 1.0, "kpa": 10.19716, "mmhg": 1.35951}
_PERCENT = {"%": 1.0, "percent": 1.0, "%pred": 1.0, "%predicted": 1.0, "%ofpredicted": 1.0}

_FACTORS: Mapping[str, Mapping[str, float]] = {
    **dict.fromkeys(("creatine_kinase_total", "aldolase", "ast", "alt", "ldh", "ggt"), _ENZYME),
    **dict.fromkeys(("creatine_kinase_mb", "ferritin", "myoglobin_serum"), _MASS_UG_L),
    **dict.fromkeys(("troponin_t", "troponin_i", "troponin_unspecified"), _MASS_NG_L),
    **dict.fromkeys(
        ("creatine_kinase_mb_fraction", "creatine_kinase_mm_fraction", "creatine_kinase_bb_fraction", "fvc_percent",
         "rns_increment_percent"),
        _PERCENT,
    ),
    "tsh": {"mu/l": 1.0, "uu/ml": 1.0, "mu/ml": 1000.0, "nu/ml": 0.001, "uu/l": 0.001},
    "free_t4": {"pmol/l": 1.0, "ng/dl": 12.87, "ng/l": 1.287, "pg/ml": 1.287, "nmol/l": 1000.0},
    "creatinine": {"umol/l": 1.0, "mmol/l": 1000.0, "mg/dl": 88.42, "mg/l": 8.842},
    **dict.fromkeys(("bilirubin_total", "bilirubin_direct"), _BILIRUBIN),
    "crp": {"mg/l": 1.0, "ug/ml": 1.0, "mg/dl": 10.0, "ug/l": 0.001, "ng/ml": 0.001},
    "esr": dict.fromkeys(("mm/h", "mm/hr", "mm/hour", "mm/1h", "mm/1hr", "mm/firsthour", "mmper1hour", "mm/1sthour",
                          "mm/60min"), 1.0),
    "vitamin_d_25oh": {"nmol/l": 1.0, "ng/ml": 2.496, "ug/l": 2.496},
    "potassium": {"mmol/l": 1.0, "meq/l": 1.0},
    "egfr": dict.fromkeys(("ml/min/1.73m2", "ml/min/1.73", "ml/min/1.73m^2", "ml/min/1.73sqm", "ml/min/1.73_m2",
                           "ml/min/1.73.m2"), 1.0),
    "gaa_enzyme_activity": {"nmol/h/ml": 1.0, "nmol/ml/h": 1.0, "nmol/hr/ml": 1.0, "nmol/ml/hr": 1.0,
                            "umol/h/l": 1.0, "umol/l/h": 1.0, "umol/l/hr": 1.0, "umol/hr/l": 1.0},
    "vital_capacity_ml_kg": {"ml/kg": 1.0, "l/kg": 1000.0},
    **dict.fromkeys(("mip", "mep", "snip"), _PRESSURE),
    "mmt8": dict.fromkeys(("points", "point", "score", "1", "pts"), 1.0),
}  # fmt: skip

CK_RANGE_U_L = (
    threshold("ck_range_u_l_least", 60, "U/L", "least upper limit that shows a CK range to be in U/L",
              evidence("convention", "medtrib-ck", note="printed upper limits read: 200 to 320 U/L")),
    threshold("ck_range_u_l_most", 1000, "U/L", "greatest upper limit that shows a CK range to be in U/L",
              evidence("convention", "cca1999", note="97.5th percentiles read: up to 532 U/L")),
)  # fmt: skip
CK_RANGE_UKAT_L = (
    threshold("ck_range_ukat_l_least", 1, "ukat/L", "least upper limit that shows a CK range to be in ukat/L",
              evidence("derived", note="60 U/L divided by 60")),
    threshold("ck_range_ukat_l_most", 17, "ukat/L", "greatest upper limit that shows a CK range to be in ukat/L",
              evidence("derived", note="1,000 U/L divided by 60")),
)  # fmt: skip


def canonical_unit(concept: str) -> str | None:
    """The unit in which values of this concept are kept; None if it has none or its units are arbitrary."""
    known = CONCEPTS.get(concept)
    return known.unit or None if known else None


def convert(concept: str, value: float, unit: str | None) -> float | None:
    """The value in the concept's canonical unit; None if the unit is missing, not understood, or not one of the
    concept's. Antibody values come back as they are, whatever their unit. A value that is no number gives None."""
    if math.isnan(value):
        return None
    if is_arbitrary(concept):
        return float(value)
    factor = factor_of(concept, unit) if unit else None
    return None if factor is None else value * factor


@lru_cache(maxsize=4096)
def is_arbitrary(concept: str) -> bool:
    """Whether values of this concept have arbitrary units (antibodies): comparable only within one result."""
    known = CONCEPTS.get(concept)
    return known is not None and not known.unit and (concept.startswith("anti_") or concept.endswith("_antibody"))


@lru_cache(maxsize=4096)
def factor_of(concept: str, unit: str) -> float | None:
    """What one such unit is in the concept's canonical unit; None if it is not understood for this concept."""
    return _FACTORS.get(concept, {}).get(_plain(unit))


def unit_of_range(concept: str, upper_limit: float) -> str | None:
    """The unit that a CK reference range without a unit can only be in, judged by its upper limit; None if it could
    be either or the concept is not CK. What rests on it is to be reported as an assumed unit."""
    if concept != "creatine_kinase_total":
        return None
    for (least, most), unit in ((CK_RANGE_U_L, "U/L"), (CK_RANGE_UKAT_L, "ukat/L")):
        if least.number <= upper_limit <= most.number:
            return unit
    return None


_SPELLINGS = (
    (pattern(r"37\s*°?c\b|@37c?"), ""),
    (pattern(r"[\[\]{}()\s'·*]"), ""),
    (pattern(r"\.?l(\^?-1|⁻¹)$"), "/l"),
    (pattern(r"^mcg|(?<=/)mcg"), "ug"),
    (pattern(r"^μ"), "u"),
    (pattern(r"^mc(?=kat|mol|u|iu)|^micro"), "u"),
    (pattern(r"litre|liter|lt$"), "l"),
    (pattern(r"units?"), "u"),
    (pattern(r"per(?=ml|l|dl)"), "/"),
    (pattern(r"iu|ui"), "u"),
)


def _plain(unit: str) -> str:
    """The spelling under which our tables hold a unit."""
    text = unicodedata.normalize("NFKC", unit).lower()
    for written, replacement in _SPELLINGS:
        text = written.sub(replacement, text)
    return text
