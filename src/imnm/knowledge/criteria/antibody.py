"""How far to trust an anti-HMGCR or anti-SRP result: the 20-unit bands, line blots, and what the picture adds.

Units of different kits are never compared: a value counts on the 20-unit scale only if the kit uses it, otherwise
against the kit's own cut-off. No reading here lowers a suspicion that rests on the picture.
"""

from __future__ import annotations

from imnm.logic.nodes import All, Any_, Compare, Not, Threshold, Value

from ..evidence import evidence, threshold
from ..findings import CK_1000
from . import items as i
from .model import CriteriaSet, Ladder, Note, Rung, item
from .statin import CK_NOW

BANDS = evidence("secondary", "iowa", "arup")
READING = evidence("convention", "iowa", "arup", "uk-hmgcr2022", note="bands read; wording of the cells is ours")
BLOT = evidence("convention", "to2020", "tansley2020")
PICARD = evidence("primary", "picard2016")
SUZUKI = evidence("primary", "suzuki2015")
WEIGHT = evidence("convention", "to2020", "uk-hmgcr2022")

UNITS = item("hmgcr_units", BANDS, "number", "units of a 20-unit kit", 0, 1_000_000)
TESTED = item("hmgcr_tested", BANDS)
HMGCR_BLOT = item("hmgcr_by_blot", WEIGHT)
SRP_TESTED = item("srp_tested", BANDS)
SRP_BLOT = item("srp_by_blot", WEIGHT)
SRP_STRONG = item("srp_strong", BLOT)
SRP_WEAK = item("srp_weak", BLOT)
CYTOPLASMIC = item("hep2_cytoplasmic", PICARD)
SEVERAL = item("several_msa_on_blot", BLOT)
ON_PANEL = item("panel_lists_hmgcr", evidence("secondary", "f4"))


def _band(name: str, number: float) -> Threshold:
    return threshold(f"hmgcr_{name}", number, "units", f"anti-HMGCR is {name} from here (20-unit kits)", BANDS)


POSITIVE_FROM, MODERATE_FROM, STRONG_FROM = _band("positive", 20), _band("moderate", 40), _band("strong", 60)
POSITIVE = Compare(UNITS, ">=", POSITIVE_FROM)
WEAK = All((POSITIVE, Compare(UNITS, "<", MODERATE_FROM)))
MODERATE = All((Compare(UNITS, ">=", MODERATE_FROM), Compare(UNITS, "<", STRONG_FROM)))
STRONG = Compare(UNITS, ">=", STRONG_FROM)
PICTURE = All((i.CK_RAISED, i.PROXIMAL))
NO_PICTURE = All((Not(i.CK_RAISED), Not(i.PROXIMAL)))


def _rung(id: str, *parts: Value) -> Rung:
    return Rung(id, All(parts), READING)


HMGCR_LADDER = Ladder(
    "class",
    (
        Rung("not_tested", Not(TESTED), evidence("secondary", "f4")),
        _rung("strong_with_picture", STRONG, PICTURE),
        _rung("moderate_with_picture", MODERATE, PICTURE),
        _rung("weak_with_picture", WEAK, PICTURE),
        _rung("positive_with_picture", POSITIVE, PICTURE),
        _rung("strong_without_picture", STRONG, NO_PICTURE),
        _rung("moderate_without_picture", MODERATE, NO_PICTURE),
        _rung("weak_without_picture", WEAK, NO_PICTURE),
        _rung("positive_without_picture", POSITIVE, NO_PICTURE),
        _rung("positive_part_of_picture", POSITIVE, Any_((i.CK_RAISED, i.PROXIMAL)), Not(PICTURE)),
        _rung("negative_with_picture", Not(POSITIVE), PICTURE),
        _rung("negative", Not(POSITIVE)),
        _rung("positive", POSITIVE),
    ),
    ranked=False,
)

SRP_CONSISTENT = Any_((
    All((SRP_BLOT, SRP_STRONG, Compare(CK_NOW, ">=", CK_1000), i.PROXIMAL)),
    All((Not(SRP_BLOT), i.SRP, PICTURE)),
))  # fmt: skip
SRP_LADDER = Ladder(
    "srp",
    (
        Rung("not_tested", Not(SRP_TESTED), BANDS),
        Rung("technical_false_positive_likely", All((i.SRP, SEVERAL)), BLOT),
        Rung("consistent", All((i.SRP, SRP_CONSISTENT)), BLOT),
        Rung("probable_false_positive", All((i.SRP, SRP_WEAK, Any_((Not(i.PROXIMAL), Not(i.CK_RAISED))))), BLOT),
        Rung("positive_without_pattern", All((i.SRP, Not(CYTOPLASMIC))), PICARD),
        Rung("positive_confirm", i.SRP, BLOT),
        Rung("negative_srp54", All((Not(i.SRP), SRP_BLOT)), SUZUKI),
        Rung("negative", Not(i.SRP), BANDS),
    ),
    ranked=False,
)

FULL_WEIGHT = Any_((
    All((POSITIVE, Not(HMGCR_BLOT))),
    All((i.SRP, Not(SRP_BLOT))),
    All((POSITIVE, HMGCR_BLOT, STRONG, Any_((i.CK_RAISED, i.PROXIMAL)))),
    All((i.SRP, SRP_BLOT, SRP_STRONG, Any_((i.CK_RAISED, i.PROXIMAL)))),
))  # fmt: skip
ANY_POSITIVE = Any_((POSITIVE, i.SRP))
NONE_POSITIVE = All((Not(POSITIVE), Not(i.SRP)))

HMGCR_RESULT = CriteriaSet(
    id="hmgcr-result",
    evidence=READING,
    fulfilled=Any_((All((Compare(UNITS, ">=", MODERATE_FROM), PICTURE)), All((i.SRP, SRP_CONSISTENT, Not(SEVERAL))))),
    classes=HMGCR_LADDER,
    also=(
        SRP_LADDER,
        Ladder(
            "weight",
            (
                Rung("full", FULL_WEIGHT, WEIGHT),
                Rung("needs_confirmation", All((ANY_POSITIVE, Not(FULL_WEIGHT))), WEIGHT),
                Rung("nothing_positive", NONE_POSITIVE, WEIGHT),
            ),
        ),
    ),
    notes=(
        Note("hmgcr_not_on_panel", All((Not(ON_PANEL), Not(TESTED))), evidence("secondary", "f4")),
        Note("several_msa", All((ANY_POSITIVE, SEVERAL)), evidence("primary", "cavazzana2016", "hmgcr-4cohorts")),
        Note("dual_antibody", All((POSITIVE, i.SRP)), evidence("primary", "kassardjian2015", "suzuki2015")),
        Note("both_negative_with_picture", All((NONE_POSITIVE, PICTURE)), evidence("secondary", "f4")),
        Note("srp_cytoplasmic_supports", All((i.SRP, CYTOPLASMIC)), PICARD),
        Note("own_trend_only", ANY_POSITIVE, evidence("primary", "werner2012", "hmgcr-iso2024")),
    ),
    assumed={"several_msa_on_blot": False},
)
