"""Statins and muscle: the SAMS clinical index and what each body says of a CK, side by side.

SAMS-CI asks whether an ache is a side effect of the statin. It is no IMNM score: typical IMNM scores low. It never
lowers a suspicion, and with CK from 1,000 U/L or objective weakness it is greyed.
"""

from __future__ import annotations

from functools import cache

from imnm.logic.interval import Interval
from imnm.logic.nodes import All, Any_, Compare, IfElse, Not, Sum, Threshold, Value

from ..evidence import Evidence, evidence, threshold
from ..findings import CK_10X, CK_40X, CK_50X, CK_1000, DAYS_28, DAYS_42, ONE_TIMES_ULN
from ..pathway import CK_1_5X
from . import items as i
from .model import CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung, finding, item, sentence

# ---------------------------------------------------------------- SAMS-CI

SAMS = evidence("secondary", "samsci2017", "samsci-repro")
EDGE = evidence("convention", "samsci-repro", note="the printed bands leave the boundary days open")

THIGHS, CALVES, ARMS = (item(f"sams_{place}", SAMS) for place in ("thighs_or_hip_flexors", "calves", "proximal_arms"))
ONSET_DAYS = item("sams_onset_days", SAMS, "number", "days", 0, 36_500)
IMPROVED = item("sams_improved_after_stop", SAMS)
IMPROVED_DAYS = item("sams_improvement_days", SAMS, "number", "days", 0, 3_650)
RECURRED = item("sams_recurred_on_rechallenge", SAMS)
RECURRED_DAYS = item("sams_recurrence_days", SAMS, "number", "days", 0, 3_650)
CK_NOW = item("ck_u_l", evidence("convention"), "number", "U/L", 0, 1_000_000)
CK_NOW_TIMES = item("ck_times_uln", evidence("convention"), "number", "x ULN", 0, 10_000)

WEEKS_2 = threshold("samsci_2_weeks", 14, "days", "two weeks after stopping", EDGE)
WEEKS_4 = threshold("samsci_4_weeks", 28, "days", "four weeks", EDGE)
WEEKS_12 = threshold("samsci_12_weeks", 84, "days", "twelve weeks", EDGE)


@cache
def _points(n: int) -> Threshold:
    return threshold(f"samsci_points_{n}", n, "points", f"{n} points of the SAMS-CI", SAMS)


def _banded(days: Value, first: Threshold, second: Threshold, points: tuple[int, int, int]) -> IfElse:
    """Points before the first edge, from it up to and with the second, and after."""
    before, between, after = (_points(n) for n in points)
    return IfElse(Compare(days, "<", first), before, IfElse(Compare(days, "<=", second), between, after))


LOCATION = IfElse(THIGHS, _points(3), IfElse(Any_((CALVES, ARMS)), _points(2), _points(1)))
ONSET = _banded(ONSET_DAYS, WEEKS_4, WEEKS_12, (3, 2, 1))
DECHALLENGE = IfElse(IMPROVED, _banded(IMPROVED_DAYS, WEEKS_2, WEEKS_4, (2, 1, 0)), _points(0))
RECHALLENGE = IfElse(RECURRED, _banded(RECURRED_DAYS, WEEKS_4, WEEKS_12, (3, 1, 0)), _points(0))
SAMS_TOTAL = Sum((LOCATION, ONSET, DECHALLENGE, RECHALLENGE))
PROBABLE_FROM = threshold("samsci_probable", 9, "points", "probable statin symptoms", SAMS)
POSSIBLE_FROM = threshold("samsci_possible", 7, "points", "possible statin symptoms", SAMS)
FROM_9, FROM_7 = Compare(SAMS_TOTAL, ">=", PROBABLE_FROM), Compare(SAMS_TOTAL, ">=", POSSIBLE_FROM)

IMNM_FIRST = Any_((Compare(CK_NOW, ">=", CK_1000), i.PROXIMAL))
REPEATED_EXPOSURE = ("sams_recurred_on_rechallenge", "sams_recurrence_days")


def imnm_first(result: CriteriaResult, environment: Environment) -> None:
    """Says what the band would be with the unanswered counted as nothing; greys the index where IMNM comes first."""
    low = (result.score_range or (0.0, 0.0))[0]
    limits = (("probable", PROBABLE_FROM), ("possible", POSSIBLE_FROM))
    assumed = next((band for band, limit in limits if low >= limit.number), "unlikely")
    result.extra |= {
        "greyed": "imnm_first" in result.notes,
        "complete": result.score is not None,
        "class_if_unknown_counts_nothing": assumed,
        "class_if_unknown_text": sentence(result.id, "class", assumed),
    }
    if result.extra["greyed"]:
        result.missing = [id for id in result.missing if id not in REPEATED_EXPOSURE]


SAMS_CI = CriteriaSet(
    id="sams-ci",
    evidence=SAMS,
    fulfilled=FROM_9,
    classes=Ladder(
        "class",
        (
            Rung("probable", FROM_9, SAMS),
            Rung("possible", All((FROM_7, Not(FROM_9))), SAMS),
            Rung("unlikely", Not(FROM_7), SAMS),
        ),
    ),
    score=SAMS_TOTAL,
    score_matters=True,
    numbers={"A": LOCATION, "B": ONSET, "C": DECHALLENGE, "D": RECHALLENGE},
    notes=(
        Note("imnm_first", IMNM_FIRST, evidence("convention", "samsci-repro", "f4")),
        Note("not_an_imnm_score", Not(IMNM_FIRST), evidence("convention", "samsci-repro")),
    ),
    finish=imnm_first,
)

# ---------------------------------------------------------------- CK bands, body by body

SYMPTOMS = item("muscle_symptoms", i.STATIN)
TOLERABLE = item("symptoms_tolerable", i.STATIN)
CONCERN = item("clinical_concern", i.STATIN)
KIDNEY = item("kidney_function_unstable", i.STATIN)
MYOGLOBINURIA = item("myoglobinuria", i.STATIN)
BASELINE = item("before_statin", evidence("primary", "mims-atorva"))
STATIN = finding("statin_exposure")
DAYS_OFF = item("days_since_statin_stop", i.STATIN, "number", "days", 0, 36_500)
PROGRESSIVE = finding("progressive_weakness")

EAS = evidence("primary", "eas2015")
NHS = evidence("secondary", "nhs-sip")
NLA = evidence("unverified", "nla2014", note="the class was read, its tiers were not")
NLA_QUOTED = evidence("secondary", "medlink")
SRM = evidence("unverified", "alfirevic2014", note="names read; CK bands agree with the NHS cut-points, not read")
ACC_2002 = evidence("primary", "acc2002")
ESC = evidence("weak", "dro-esc")
LABEL = evidence("primary", "mims-atorva")
NICE = evidence("secondary", "nice-sec")
BNF = evidence("secondary", "bmj-rr")
UK_GP = evidence("secondary", "kassianos")
US_REVIEW = evidence("primary", "pmc2496987")
RACGP = evidence("weak", "racgp-notes")
EAN = evidence("primary", "efns2010", "ean2024")


def _times(body: str, number: float, source: Evidence) -> Threshold:
    name = f"{number:g}".replace(".", "_")
    return threshold(f"{body}_{name}x_uln", number, "x ULN", f"CK edge of {body.upper()}", source)


def _from(edge: Threshold) -> Compare:
    return Compare(CK_NOW_TIMES, ">=", edge)


def _above(edge: Threshold) -> Compare:
    return Compare(CK_NOW_TIMES, ">", edge)


def _both(*parts: Value) -> All:
    return All(parts)


RAISED = _above(ONE_TIMES_ULN)
EAS_4 = _times("eas", 4, EAS)
NHS_4, NHS_10 = _times("nhs", 4, NHS), _times("nhs", 10, NHS)
NLA_3, NLA_10, NLA_50 = (_times("nla", n, NLA) for n in (3, 10, 50))
NLA_Q3, NLA_Q10 = (_times("nla_quoted", n, NLA_QUOTED) for n in (3, 10))
SRM_4, SRM_10, SRM_50 = (_times("srm", n, SRM) for n in (4, 10, 50))
ACC_10 = _times("acc_2002", 10, ACC_2002)
ESC_4, ESC_10 = (_times("esc", n, ESC) for n in (4, 10))
LABEL_5, LABEL_10 = (_times("label", n, LABEL) for n in (5, 10))
NICE_5, BNF_5 = _times("nice", 5, NICE), _times("bnf", 5, BNF)
UK_5, UK_20 = (_times("uk_primary_care", n, UK_GP) for n in (5, 20))
US_10 = _times("us_review", 10, US_REVIEW)
US_10000 = threshold("us_review_10000", 10_000, "U/L", "CK at which an older US review admits", US_REVIEW)
RACGP_5 = _times("racgp", 5, RACGP)
EAN_1_5 = CK_1_5X

EAS_2015 = Ladder(
    "class",
    (
        Rung("rhabdomyolysis", _both(SYMPTOMS, _from(CK_40X), Any_((KIDNEY, MYOGLOBINURIA))), EAS),
        Rung("above_10x", _both(SYMPTOMS, _from(CK_10X)), EAS),
        Rung("from_4x_to_10x", _both(SYMPTOMS, _from(EAS_4)), EAS),
        Rung("above_uln_below_4x", _both(SYMPTOMS, RAISED), EAS),
        Rung("myalgia_normal_ck", _both(SYMPTOMS, Not(RAISED)), EAS),
        Rung("no_symptoms_from_4x", _both(Not(SYMPTOMS), _from(EAS_4)), EAS),
        Rung("no_symptoms_above_uln_below_4x", _both(Not(SYMPTOMS), RAISED), EAS),
        Rung("no_symptoms_normal_ck", _both(Not(SYMPTOMS), Not(RAISED)), EAS),
    ),
)
NHS_LADDER = Ladder(
    "nhs_england",
    (
        Rung("st5", Any_((_from(CK_50X), _both(_from(NHS_10), KIDNEY))), NHS),
        Rung("st4", _from(NHS_10), NHS),
        Rung("st3", Any_((_from(NHS_4), Not(TOLERABLE), CONCERN)), NHS),
        Rung("st2", _both(Not(_from(NHS_4)), TOLERABLE), NHS),
    ),
)
NHS_AFTER_STOP = Ladder(
    "nhs_after_stop",
    (
        Rung("st6", _both(Compare(DAYS_OFF, ">=", DAYS_42), RAISED), NHS),
        Rung("recheck_due", _both(Compare(DAYS_OFF, ">=", DAYS_28), RAISED), NHS),
        Rung("normalised", _both(Compare(DAYS_OFF, ">=", DAYS_28), Not(RAISED)), NHS),
        Rung("too_early", Compare(DAYS_OFF, "<", DAYS_28), NHS),
    ),
)
OTHER_BODIES = (
    Ladder(
        "srm",
        (
            Rung("srm6", _both(PROGRESSIVE, RAISED, Compare(DAYS_OFF, ">=", DAYS_28)), NHS),
            Rung("srm5", Any_((_from(SRM_50), _both(_from(SRM_10), KIDNEY))), SRM),
            Rung("srm4", _from(SRM_10), SRM),
            Rung("srm3", _from(SRM_4), SRM),
            Rung("srm2", _both(SYMPTOMS, Not(TOLERABLE)), SRM),
            Rung("srm1", _both(SYMPTOMS, TOLERABLE, Not(RAISED)), SRM),
            Rung("srm0", Not(_from(SRM_4)), SRM),
        ),
    ),
    Ladder(
        "nla_2014",
        (
            Rung("severe_myonecrosis", _from(NLA_50), NLA),
            Rung("moderate_myonecrosis", _from(NLA_10), NLA),
            Rung("mild_myonecrosis", _from(NLA_3), NLA),
            Rung("none", Not(_from(NLA_3)), NLA),
        ),
    ),
    Ladder(
        "nla_no_symptoms",
        (
            Rung("no_change", _both(Not(SYMPTOMS), _from(NLA_Q3), Not(_from(NLA_Q10))), NLA_QUOTED),
            Rung("says_nothing", Any_((SYMPTOMS, Not(_from(NLA_Q3)), _from(NLA_Q10))), NLA_QUOTED),
        ),
    ),
    Ladder(
        "acc_aha_2002",
        (
            Rung("rhabdomyolysis", _both(SYMPTOMS, _from(ACC_10), KIDNEY), ACC_2002),
            Rung("none", Not(_both(SYMPTOMS, _from(ACC_10), KIDNEY)), ACC_2002),
        ),
    ),
    Ladder(
        "esc_eas_2016",
        (
            Rung("do_not_start", _both(BASELINE, _above(ESC_4)), ESC),
            Rung("stop", _both(Not(BASELINE), _from(ESC_10)), ESC),
            Rung("stop_and_follow", _both(Not(BASELINE), SYMPTOMS, _from(ESC_4)), ESC),
            Rung("continue_and_follow", _both(Not(BASELINE), Not(SYMPTOMS), Not(_from(ESC_10))), ESC),
            Rung("do_not_stop_at_once", _both(Not(BASELINE), SYMPTOMS, Not(_from(ESC_4))), ESC),
            Rung("may_start", _both(BASELINE, Not(_above(ESC_4))), ESC),
        ),
    ),
    Ladder(
        "label",
        (
            Rung("do_not_start", _both(BASELINE, _above(LABEL_5)), LABEL),
            Rung("myopathy", _both(Not(BASELINE), SYMPTOMS, _above(LABEL_10)), LABEL),
            Rung("says_nothing", Any_((_both(BASELINE, Not(_above(LABEL_5))),
                                       _both(Not(BASELINE), Any_((Not(SYMPTOMS), Not(_above(LABEL_10))))))), LABEL),
        ),
    ),
    Ladder(
        "nice",
        (
            Rung("repeat_7_days", _both(BASELINE, _above(NICE_5)), NICE),
            Rung("says_nothing", Any_((Not(BASELINE), Not(_above(NICE_5)))), NICE),
        ),
    ),
    Ladder(
        "bnf",
        (
            Rung("stop", _both(Not(BASELINE), _above(BNF_5)), BNF),
            Rung("says_nothing", Any_((BASELINE, Not(_above(BNF_5)))), BNF),
        ),
    ),
    Ladder(
        "uk_primary_care",
        (
            Rung("rhabdomyolysis", _both(_above(UK_20), KIDNEY), UK_GP),
            Rung("myositis", _from(UK_5), UK_GP),
            Rung("says_nothing", Not(_from(UK_5)), UK_GP),
        ),
    ),
    Ladder(
        "us_review",
        (
            Rung("admit", Any_((_from(US_10), Compare(CK_NOW, ">", US_10000))), US_REVIEW),
            Rung("continue_or_lower", _both(Not(_from(US_10)), Compare(CK_NOW, "<=", US_10000)), US_REVIEW),
        ),
    ),
    Ladder(
        "racgp_notes",
        (
            Rung("stop_6_to_8_weeks", _above(RACGP_5), RACGP),
            Rung("stop_2_to_4_weeks", Not(_above(RACGP_5)), RACGP),
        ),
    ),
    Ladder(
        "ean_2024",
        (Rung("hyperckemia", _above(EAN_1_5), EAN), Rung("none", Not(_above(EAN_1_5)), EAN)),
    ),
)  # fmt: skip

FROM_1000 = Compare(CK_NOW, ">=", CK_1000)


def in_multiples(result: CriteriaResult, environment: Environment) -> None:
    """Adds the multiple of the upper limit, or says that there is none."""
    times, ck = environment["ck_times_uln"], environment["ck_u_l"]
    assert isinstance(times, Interval)
    assert isinstance(ck, Interval)
    result.extra["times_uln"] = times.low if times.exact else None
    if ck.known and not times.known:
        result.notes.append("no_uln_no_multiples")
        result.warnings.append(sentence(result.id, "note", "no_uln_no_multiples"))


CK_BANDS = CriteriaSet(
    id="ck-bands",
    evidence=EAS,
    fulfilled=RAISED,
    classes=EAS_2015,
    also=(NHS_LADDER, NHS_AFTER_STOP, *OTHER_BODIES),
    notes=(
        Note("st8", _both(STATIN, i.PROXIMAL, FROM_1000), evidence("secondary", "f4")),
        Note("p3", _both(i.PROXIMAL, FROM_1000), evidence("secondary", "f4")),
        Note("p3b", _both(i.PROXIMAL, Not(FROM_1000), _from(CK_10X)), evidence("convention", "f4")),
        Note("imnm_screen", _from(CK_10X), evidence("convention", "eas2015")),
        Note("rhabdomyolysis_limits", _from(CK_40X), evidence("primary", "eas2015", "nhs-sip")),
        Note("ancestry", _both(RAISED, Not(FROM_1000)), evidence("primary", "george2016")),
    ),
    finish=in_multiples,
)
