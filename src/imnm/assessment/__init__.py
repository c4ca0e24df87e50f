"""The assessment room: one patient's record and a date in, the answer of ``model.Assessment`` out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, NamedTuple

from imnm import __version__
from imnm.sources import Reading, read

from . import aftercare
from .criteria import criteria_of
from .differential import Context, DifferentialResult
from .engine import (
    KNOWLEDGE_VERSION,
    AskError,
    Case,
    biopsies_of,
    ck_series,
    diagnosis_of,
    first_flagged_on,
    genes_of,
    iso,
    known_findings,
    patient_of,
    resolve_as_of,
    setting_of,
    summary_of,
    symptoms_of,
)
from .exposures import exposures_of
from .model import Assessment, Diagnosis, Patient, Step, Suspicion
from .odds import Odds
from .statins import statins_of
from .steps import aftercare_steps, alerts_of, decisive_step, in_order, steps_of, unknowns_of

__all__ = ["AskError", "Assessment", "Outline", "assess_case", "assess_reading", "assess_record", "outline_of"]


def assess_record(
    data: bytes,
    as_of: str | dt.date | None = None,
    setting: str | None = None,
    local_codes: Mapping[tuple[str, str], str] | None = None,
) -> Assessment:
    """Assess one patient's record (a FHIR R4 Bundle or a Phenopacket v2, as bytes) as of a date.

    as_of: a date, ``last`` or None for the newest date on which the record knew anything. setting: whose priors the
    differential uses; None chooses from the record. Raises ``imnm.sources.InputError`` for a record that cannot be
    read and AskError for a question that cannot be asked, each with one sentence.
    """
    return assess_reading(read(data, local_codes=local_codes), as_of, setting)


def assess_reading(reading: Reading, as_of: str | dt.date | None = None, setting: str | None = None) -> Assessment:
    """Assess a record that has been read (see ``assess_record``)."""
    return assess_case(Case(reading, resolve_as_of(reading, as_of)), setting)


class Outline(NamedTuple):
    """The answer in short: what a worklist shows of a person, and what the whole answer is built on."""

    patient: Patient
    setting: str
    odds: Odds
    suspicion: Suspicion
    diagnosis: Diagnosis
    differential: DifferentialResult
    next_steps: list[Step]
    aftercare: dict[str, Any]


def outline_of(case: Case, setting: str | None = None) -> Outline:
    """The answer in short (see ``assess_record``): the same level, diagnosis, differential and steps."""
    chosen = setting_of(case, setting)
    patient = patient_of(case)
    odds = Odds(case, chosen, Context(patient.age, patient.sex, genes=genes_of(case), biopsies=biopsies_of(case)))
    diagnosis = diagnosis_of(case)
    after = aftercare.aftercare_of(case, diagnosis)
    steps = in_order([*steps_of(case, odds), *aftercare_steps(after)])
    decisive = decisive_step(case, steps)
    suspicion = Suspicion(
        case.level,
        summary_of(case, diagnosis, decisive),
        decisive,
        first_flagged_on(case),
        case.truth("already_coded") is True,
    )
    return Outline(patient, chosen, odds, suspicion, diagnosis, odds.full(), steps, after)


def assess_case(case: Case, setting: str | None = None) -> Assessment:
    """Assess a record that has been read and evaluated on a day (see ``assess_record``)."""
    outline = outline_of(case, setting)
    differential = outline.differential
    return Assessment(
        version=__version__,
        knowledge=KNOWLEDGE_VERSION,
        patient=outline.patient,
        as_of=iso(case.as_of) or "",
        setting=outline.setting,
        suspicion=outline.suspicion,
        diagnosis=outline.diagnosis,
        criteria=criteria_of(case),
        differential=differential.diseases,
        differential_kind=differential.kind,
        concordance=differential.concordance,
        none_fits=differential.sentence,
        next_steps=outline.next_steps,
        alerts=alerts_of(case),
        findings=known_findings(case),
        unknown=unknowns_of(case, outline.odds),
        exposures=exposures_of(case),
        series=ck_series(case),
        symptoms=symptoms_of(case),
        input_problems=list(case.reading.problems),
        statins=statins_of(case),
        **outline.aftercare,
    )
