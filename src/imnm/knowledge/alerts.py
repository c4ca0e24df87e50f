"""Urgency, apart from probability: what cannot wait, whatever the cause turns out to be (mimics, section 6)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from imnm.logic.nodes import All, Any_, Compare, Events, Exists, Latest, Not, Possibly, Ref, Trough, Value, WithTruth

from . import findings as f
from .evidence import Evidence, evidence, threshold
from .pathway import DEFINED, IMNM_ANTIBODY, MYOSITIS_CODE, PICTURE, surely

Urgency = Literal["emergency", "urgent", "soon", "routine"]
URGENCIES: tuple[Urgency, ...] = ("emergency", "urgent", "soon", "routine")


class AlertRule(NamedTuple):
    """An alert: when it sounds, how urgent it is, which findings it shows as evidence. Its text is the message
    ``alerts.<id>.text``."""

    id: str
    urgency: Urgency
    when: Value
    shows: tuple[str, ...]
    evidence: Evidence


def _truth(id: str) -> Ref:
    return Ref(id, "truth")


LAWN = evidence("primary", "lawn2001", note="derived in Guillain-Barre syndrome, applied by analogy")
CHEST = evidence("secondary", "chest2023")
VC_20 = threshold("vc_20", 20, "mL/kg", "vital capacity of an emergency", LAWN)
MIP_30 = threshold("mip_30", 30, "cmH2O", "inspiratory pressure (magnitude) of an emergency", LAWN)
MEP_40 = threshold("mep_40", 40, "cmH2O", "expiratory pressure of an emergency", LAWN)
MIP_40 = threshold("mip_40", 40, "cmH2O", "inspiratory pressure (magnitude) for ventilation assessment", CHEST)
FVC_50 = threshold("fvc_50", 50, "%", "forced vital capacity that calls for ventilation assessment", CHEST)
FVC_80 = threshold("fvc_80", 80, "%", "forced vital capacity that calls for it when there are symptoms", CHEST)

BREATHING_TESTS_LOW = Any_(
    (
        Compare(Trough(Events(("vital_capacity_ml_kg",)), "value"), "<", VC_20),
        Compare(Trough(Events(("mip",)), "value"), "<", MIP_30),
        Compare(Trough(Events(("mep",)), "value"), "<", MEP_40),
    )
)
VENTILATION_ASSESSMENT = Any_(
    (
        Compare(Latest(Events(("fvc_percent",)), "value"), "<", FVC_50),
        All((Compare(Latest(Events(("fvc_percent",)), "value"), "<", FVC_80), surely(f.DYSPNOEA))),
        All(
            (
                Compare(Latest(Events(("fvc_percent",)), "value"), "<", FVC_80),
                Exists(WithTruth(Events(("morning_headache", "orthopnoea", "nocturnal_hypoventilation")), True)),
            )
        ),
        Compare(Trough(Events(("mip", "snip")), "value"), "<", MIP_40),
    )
)
RELEVANT = Any_(
    (surely(f.WEAKNESS), surely(PICTURE), surely(DEFINED), surely(IMNM_ANTIBODY), MYOSITIS_CODE, surely(f.CK_RAISED))
)

ALERTS: tuple[AlertRule, ...] = (
    AlertRule(
        "respiratory",
        "emergency",
        Any_((surely(BREATHING_TESTS_LOW), All((RELEVANT, surely(f.RESPIRATORY_FAILURE))))),
        ("respiratory_failure", "dyspnea_or_respiratory"),
        LAWN,
    ),
    AlertRule(
        "respiratory_watch",
        "urgent",
        All(
            (
                RELEVANT,
                Any_((surely(VENTILATION_ASSESSMENT), All((surely(f.DYSPNOEA), surely(f.WEAKNESS))))),
                Not(Any_((surely(BREATHING_TESTS_LOW), surely(f.RESPIRATORY_FAILURE)))),
            )
        ),
        ("dyspnea_or_respiratory",),
        CHEST,
    ),
    AlertRule(
        "swallowing",
        "urgent",
        All((RELEVANT, surely(f.DYSPHAGIA))),
        ("dysphagia",),
        evidence("primary", "suzuki2015"),
    ),
    AlertRule(
        "cardiac",
        "urgent",
        All((RELEVANT, Any_((surely(_truth("troponin_i_elevated")), surely(f.CARDIAC))))),
        ("cardiac_involvement", "troponin_i_elevated"),
        evidence("primary", "lilleker2018", "liu2023"),
    ),
    AlertRule(
        "rhabdomyolysis_aki",
        "emergency",
        Any_(
            (
                surely(f.CK_NOW_GT_50X),
                All((surely(f.CK_NOW_GT_40X), surely(f.DARK_URINE))),
                All(
                    (
                        Any_((surely(f.CK_NOW_GT_10X), surely(f.CK_NOW_GE_1000))),
                        Any_((surely(f.AKI), surely(f.CREATININE_RAISED))),
                    )
                ),
            )
        ),
        ("ck_latest", "acute_kidney_injury", "creatinine_elevated", "dark_urine"),
        evidence("secondary", "nhs-sip", "ccf", "eas2015"),
    ),
    AlertRule(
        "ici_triad",
        "emergency",
        All(
            (
                surely(f.ICI),
                Any_((surely(f.OCULAR), surely(f.WEAKNESS), surely(f.DYSPNOEA), surely(f.CARDIAC))),
                surely(f.CK_RAISED),
            )
        ),
        ("drug_checkpoint_inhibitor", "fatigable_or_ocular", "weakness_any", "ck_peak"),
        evidence("primary", "pathak2021"),
    ),
    AlertRule(
        "rapid_progression",
        "emergency",
        All((surely(f.RAPID), Any_((surely(f.CK_RAISED), Possibly(f.CK_RAISED))))),
        ("rapid_progression", "severe_weakness"),
        evidence("convention", "pathway"),
    ),
    AlertRule(
        "statin_after_hmgcr",
        "urgent",
        All((surely(f.ANTI_HMGCR), surely(f.STATIN_CURRENT))),
        ("anti_hmgcr_positive", "statin_current"),
        evidence("primary", "mammen-review"),
    ),
    AlertRule(
        "statin_rechallenge",
        "urgent",
        All(
            (
                Exists(Events(f.STATIN_STOP)),
                surely(f.STATIN_CURRENT),
                surely(f.CK_RAISED_NOW),
                surely(PICTURE),
                Not(surely(f.ANTI_HMGCR)),
            )
        ),
        ("statin_current", "ck_latest"),
        evidence("secondary", "nhs-sip"),
    ),
)
