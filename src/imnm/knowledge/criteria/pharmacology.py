"""Statin pharmacogenetics and interactions: explanation only, of toxic myopathy and never of IMNM.

Each row is a condition with what it asks for. Rules differ between countries, so that a row belongs to one
jurisdiction or to all. Nothing here raises or lowers a suspicion of IMNM.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from imnm.logic.event import day_date
from imnm.logic.interval import Interval
from imnm.logic.nodes import All, Any_, Not, Ref, Threshold, Value

from ..evidence import Evidence, evidence, threshold
from .model import OTHERWISE, CriteriaResult, CriteriaSet, Environment, Ladder, Note, Rung, item, sentence

Action = Literal["contraindicated", "stop_statin", "avoid", "alternative", "max", "start_max", "caution"]
STRICTNESS: tuple[Action, ...] = (
    "contraindicated", "stop_statin", "avoid", "alternative", "max", "start_max", "caution",
)  # fmt: skip

CPIC = evidence("secondary", "cpic-annot")
SIMVA = evidence("primary", "mims-simva", "mhra2012")
UK_2012 = evidence("primary", "mhra2012")
US_2011 = evidence("secondary", "fda2011")
AHA = evidence("secondary", "aha2016-news")
AAFP = evidence("secondary", "aafp2011")
ATORVA = evidence("primary", "mims-atorva")
ATORVA_LABEL = evidence("primary", "label-atorva")
ROSU_LABEL = evidence("primary", "label-rosu")
FUSIDIC = evidence("primary", "mhra2011", "fa2018")

STATINS = ("simvastatin", "lovastatin", "atorvastatin", "pravastatin", "pitavastatin", "rosuvastatin", "fluvastatin")
TAKES = {name: item(f"takes_{name}", evidence("convention")) for name in STATINS}
ANY_STATIN = tuple(STATINS)
UK, US = item("jurisdiction_uk", evidence("convention")), item("jurisdiction_us", evidence("convention"))
OTHER_COUNTRY = item("jurisdiction_other", evidence("convention"))
JURISDICTIONS: dict[str, Ref] = {"uk": UK, "us": US, "other": OTHER_COUNTRY}

SLCO1B1_DECREASED = item("slco1b1_decreased", CPIC)
SLCO1B1_POOR = item("slco1b1_poor", CPIC)
ABCG2_POOR = item("abcg2_poor", CPIC)
CYP2C9_INTERMEDIATE = item("cyp2c9_intermediate", CPIC)
CYP2C9_POOR = item("cyp2c9_poor", CPIC)
SLCO1B1_EITHER = Any_((SLCO1B1_DECREASED, SLCO1B1_POOR))
CYP2C9_EITHER = Any_((CYP2C9_INTERMEDIATE, CYP2C9_POOR))

DRUGS = (
    "itraconazole", "ketoconazole", "posaconazole", "voriconazole", "erythromycin", "clarithromycin", "telithromycin",
    "hiv_protease_inhibitor", "boceprevir", "telaprevir", "nefazodone", "cobicistat", "ciclosporin", "danazol",
    "gemfibrozil", "fibrate_other_than_fenofibrate", "amlodipine", "amiodarone", "verapamil", "diltiazem",
    "ranolazine", "ticagrelor", "fusidic_acid_systemic", "fusidic_acid_topical", "grapefruit_juice_in_quantity",
    "saquinavir_ritonavir", "darunavir_ritonavir", "fosamprenavir", "elbasvir_grazoprevir", "nelfinavir",
    "tipranavir_ritonavir", "glecaprevir_pibrentasvir", "lopinavir_ritonavir", "atazanavir_ritonavir", "niacin_1_g",
    "colchicine", "daptomycin",
)  # fmt: skip
WITH = {drug: item(f"with_{drug}", evidence("convention")) for drug in DRUGS}


class Advice(NamedTuple):
    """One row: when it applies, what it asks for, and up to which daily dose (mg), if it says so."""

    id: str
    condition: Value
    action: Action
    limit: Threshold | None
    evidence: Evidence


ADVICE: dict[str, Advice] = {}


def _add(id: str, condition: Value, action: Action, mg: float | None, source: Evidence) -> None:
    limit = None if mg is None else threshold(f"dose_{id}", mg, "mg/day", f"daily dose limit: {id}", source)
    ADVICE[id] = Advice(id, condition, action, limit, source)


def _gene(statin: str, name: str, condition: Value, action: Action, mg: float | None = None) -> None:
    _add(f"{statin}_{name}", All((TAKES[statin], condition)), action, mg, CPIC)


def _drugs(
    statins: Iterable[str],
    drugs: Iterable[str],
    action: Action,
    source: Evidence,
    mg: float | None = None,
    where: str | None = None,
) -> None:
    for statin in statins:
        for drug in drugs:
            parts: list[Value] = [TAKES[statin], WITH[drug]]
            if where:
                parts.append(JURISDICTIONS[where])
            _add("_".join(filter(None, (statin, drug, where))), All(tuple(parts)), action, mg, source)


for _statin in ("simvastatin", "lovastatin"):
    _gene(_statin, "slco1b1_decreased", SLCO1B1_DECREASED, "alternative", 20)
    _gene(_statin, "slco1b1_poor", SLCO1B1_POOR, "alternative")
_gene("atorvastatin", "slco1b1_decreased", SLCO1B1_DECREASED, "start_max", 40)
_gene("atorvastatin", "slco1b1_poor", SLCO1B1_POOR, "start_max", 20)
_gene("pravastatin", "slco1b1_decreased", SLCO1B1_DECREASED, "caution", 40)
_gene("pravastatin", "slco1b1_poor", SLCO1B1_POOR, "start_max", 40)
_gene("pitavastatin", "slco1b1_decreased", SLCO1B1_DECREASED, "start_max", 2)
_gene("pitavastatin", "slco1b1_poor", SLCO1B1_POOR, "start_max", 1)
_gene("rosuvastatin", "slco1b1_poor", SLCO1B1_POOR, "start_max", 20)
_gene("rosuvastatin", "abcg2_poor", ABCG2_POOR, "max", 20)
_gene("rosuvastatin", "abcg2_poor_slco1b1", All((ABCG2_POOR, SLCO1B1_EITHER)), "max", 10)
_gene("fluvastatin", "slco1b1_poor", SLCO1B1_POOR, "max", 40)
_gene("fluvastatin", "cyp2c9_intermediate", CYP2C9_INTERMEDIATE, "max", 40)
_gene("fluvastatin", "cyp2c9_poor", CYP2C9_POOR, "max", 20)
_gene("fluvastatin", "slco1b1_poor_cyp2c9", All((SLCO1B1_POOR, CYP2C9_EITHER)), "alternative")

_drugs(("simvastatin",), (
    "itraconazole", "ketoconazole", "posaconazole", "voriconazole", "erythromycin", "clarithromycin", "telithromycin",
    "hiv_protease_inhibitor", "boceprevir", "telaprevir", "nefazodone", "cobicistat",
), "contraindicated", SIMVA)  # fmt: skip
_drugs(("simvastatin",), ("ciclosporin", "danazol", "gemfibrozil"), "contraindicated",
       evidence("primary", "mhra2012", "fda2011"))  # fmt: skip
_drugs(("simvastatin",), ("fibrate_other_than_fenofibrate",), "max", UK_2012, 10, "uk")
_drugs(("simvastatin",), ("amlodipine", "amiodarone", "verapamil", "diltiazem"), "max", UK_2012, 20, "uk")
_drugs(("simvastatin",), ("verapamil", "diltiazem"), "max", evidence("secondary", "fda2011", "aha2016-news"), 10, "us")
_drugs(("simvastatin",), ("amlodipine", "ranolazine"), "max", US_2011, 20, "us")
_drugs(("simvastatin",), ("amiodarone",), "max",
       evidence("secondary", "fda2011", note="June 2011 text 10 mg, later sources 20 mg; the stricter is used"),
       10, "us")  # fmt: skip
_drugs(("simvastatin", "lovastatin"), ("ticagrelor",), "max", AHA, 40)
_drugs(ANY_STATIN, ("fusidic_acid_systemic",), "stop_statin", FUSIDIC)
_drugs(("simvastatin", "lovastatin", "atorvastatin"), ("grapefruit_juice_in_quantity",), "avoid",
       evidence("secondary", "aafp2011", "label-atorva"))  # fmt: skip
_drugs(("atorvastatin",), ("clarithromycin",), "max", ATORVA, 20)
_drugs(("atorvastatin",), ("itraconazole",), "caution", ATORVA, 20)
_drugs(("atorvastatin",), ("saquinavir_ritonavir", "darunavir_ritonavir", "fosamprenavir", "elbasvir_grazoprevir"),
       "max", ATORVA_LABEL, 20)  # fmt: skip
_drugs(("atorvastatin",), ("nelfinavir",), "max", ATORVA_LABEL, 40)
_drugs(("atorvastatin",), ("tipranavir_ritonavir", "glecaprevir_pibrentasvir"), "avoid", ATORVA_LABEL)
_drugs(
    ("atorvastatin",), ("glecaprevir_pibrentasvir",), "contraindicated", evidence("secondary", "smpc-uk"), None, "uk"
)
_drugs(("atorvastatin",), ("ciclosporin",), "max", AAFP, 10)
_drugs(("rosuvastatin",), ("ciclosporin",), "max", ROSU_LABEL, 5, "us")
_drugs(("rosuvastatin",), ("ciclosporin",), "contraindicated", evidence("primary", "mims-rosu"), None, "other")
_drugs(("rosuvastatin",), ("gemfibrozil",), "avoid", ROSU_LABEL, 10)
_drugs(("rosuvastatin",), ("lopinavir_ritonavir", "atazanavir_ritonavir"), "max", ROSU_LABEL, 10)
_drugs(("pitavastatin",), ("erythromycin",), "max", AAFP, 1)
_drugs(("pitavastatin", "pravastatin"), ("ciclosporin",), "avoid", AAFP)
_drugs(("lovastatin",), ("diltiazem", "verapamil"), "max", AHA, 20)
_drugs(("lovastatin",), ("amiodarone",), "max", AAFP, 40)
_drugs(("lovastatin", "pravastatin"), ("gemfibrozil",), "avoid", AHA)
_drugs(ANY_STATIN, ("niacin_1_g",), "caution", evidence("primary", "mims-rosu"))
_drugs(ANY_STATIN, ("colchicine", "daptomycin"), "caution", evidence("unverified", "mims-rosu"))

FUSIDIC_GAP = threshold("fusidic_gap", 7, "days", "statin no earlier after the last dose of fusidic acid", FUSIDIC)


def _any(action: Action) -> Value:
    return Any_(tuple(advice.condition for advice in ADVICE.values() if advice.action == action))


SOMETHING = Any_(tuple(advice.condition for advice in ADVICE.values()))


def advice_in_words(result: CriteriaResult, environment: Environment) -> None:
    """Lists each row that holds or could hold, the lowest dose limit, and the day on which a statin may return."""
    dose = _exact(environment.get("dose_mg"))
    truths = result.extra.pop("truths")
    rows = [_row(ADVICE[id], truth) for id, truth in truths.items() if truth is not False]
    rows.sort(key=lambda row: (row["holds"] is not True, STRICTNESS.index(row["action"]), row["limit_mg"] or 0))
    limits = [
        row["limit_mg"] for row in rows if row["holds"] is True and row["limit_mg"] and row["action"] != "caution"
    ]
    restart = _restart(environment)
    result.extra |= {
        "advice": [row for row in rows if row["holds"] is True],
        "would_need_to_know": [row for row in rows if row["holds"] is None] if result.class_ != "nothing" else [],
        "max_mg": min(limits, default=None),
        "dose_within_limit": None if dose is None or not limits else dose <= min(limits),
        "statin_not_before": restart.isoformat() if restart else None,
    }


def _row(advice: Advice, truth: object) -> dict[str, Any]:
    limit = advice.limit.number if advice.limit else None
    text = sentence("statin-pgx", "action", advice.action if limit is None else f"{advice.action}_mg")
    return {
        "id": advice.id,
        "action": advice.action,
        "holds": truth,
        "limit_mg": limit,
        "text": text.format(limit="" if limit is None else f"{limit:g}"),
        "provisional": advice.evidence.provisional,
        "sources": list(advice.evidence.sources),
        "note": advice.evidence.note,
    }


def _exact(value: object) -> float | None:
    return value.low if isinstance(value, Interval) and value.exact else None


def _restart(environment: Environment) -> dt.date | None:
    last = _exact(environment.get("last_fusidic_acid_on"))
    return None if last is None else day_date(last + FUSIDIC_GAP.number)


_TAGS = {action: evidence("secondary", "cpic-annot", "mhra2012", "fda2011") for action in STRICTNESS}

STATIN_PGX = CriteriaSet(
    id="statin-pgx",
    evidence=CPIC,
    fulfilled=SOMETHING,
    classes=Ladder(
        "class",
        (
            *(Rung(action, _any(action), _TAGS[action]) for action in STRICTNESS),
            Rung("nothing", Not(SOMETHING), CPIC),
        ),
    ),
    truths={advice.id: advice.condition for advice in ADVICE.values()},
    notes=(
        Note("not_about_imnm", OTHERWISE, evidence("primary", "spain2022")),
        Note("countries_differ", Any_((UK, US, OTHER_COUNTRY)), evidence("primary", "mhra2012", "label-rosu")),
    ),
    finish=advice_in_words,
)
