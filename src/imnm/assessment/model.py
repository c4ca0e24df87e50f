"""The answer, as the contract fixes it: JSON schema ``imnm/assessment/1``. Dates are ISO 8601 strings."""

from __future__ import annotations

from typing import Any

import msgspec

from imnm.sources.reading import Exposure, Problem

SCHEMA = "imnm/assessment/1"


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """A record entry that a statement rests on."""

    ref: str
    text: str


class Patient(msgspec.Struct):
    id: str
    age: int | None = None
    sex: str | None = None


class Suspicion(msgspec.Struct):
    """``level``: established, high, moderate, low, none or insufficient."""

    level: str
    summary: str
    decisive_step: str | None = None
    first_flagged_on: str | None = None
    already_coded: bool = False


class Diagnosis(msgspec.Struct):
    """Only where a published definition is fulfilled."""

    id: str | None = None
    by: str | None = None
    provisional: bool = False


class Criterion(msgspec.Struct):
    """One published criteria set. ``result``: fulfilled, not-fulfilled, undetermined or not-applicable."""

    id: str
    result: str
    title: str = ""
    score: float | None = None
    score_range: tuple[float, float] | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    could_reach: str | None = None
    missing: list[str] = []
    provisional: bool = False
    warnings: list[str] = []
    sources: list[str] = []
    proof: dict[str, Any] = {}
    extra: dict[str, Any] = {}


class Contribution(msgspec.Struct, frozen=True, gc=False):
    """What one finding adds to one disease: the decimal logarithm of its likelihood ratio, with an interval. The same
    object stands in every answer in which the finding says the same."""

    finding: str
    value: Any
    log10_lr: float
    low: float
    high: float
    kind: str
    sources: tuple[str, ...] = ()


class Disease(msgspec.Struct):
    id: str
    probability: float
    low: float
    high: float
    contributions: list[Contribution] = []
    log10_prior: float | None = None
    think_of: list[str] = []


class IfResult(msgspec.Struct, gc=False):
    """What one result would lead to. ``probability``: of the disease that would lead; ``chance``: of this result."""

    result: str
    then: str
    level: str | None = None
    leading: str | None = None
    probability: float | None = None
    chance: float | None = None


class Step(msgspec.Struct):
    """What to do next. ``urgency``: emergency, urgent, soon or routine.

    value: how much its results are expected to change (0 nothing, 1 certain to change the level or the leading
    disease); burden: 0 a question or a blood sample, 1 an examination, 3 an operation; turnaround in days.
    """

    id: str
    urgency: str
    why: str
    title: str = ""
    due_on: str | None = None
    not_before: str | None = None
    if_result: list[IfResult] = []
    evidence: list[Evidence] = []
    sources: list[str] = []
    provisional: bool = False
    value: float | None = None
    burden: int | None = None
    turnaround_days: int | None = None


class Alert(msgspec.Struct):
    id: str
    urgency: str
    text: str
    title: str = ""
    evidence: list[Evidence] = []
    sources: list[str] = []
    provisional: bool = False


class Finding(msgspec.Struct):
    """A known finding. ``basis``: recorded, refuted or silence."""

    id: str
    value: Any
    label: str = ""
    unit: str | None = None
    on: str | None = None
    basis: str = "recorded"
    provisional: bool = False
    evidence: list[Evidence] = []


class Unknown(msgspec.Struct):
    id: str
    would_matter: str
    label: str = ""


class SeriesPoint(msgspec.Struct):
    """One result: bounds in the canonical unit (None: open), the laboratory's upper limit, the record entry."""

    on: str | None
    low: float | None
    high: float | None
    uln: float | None
    ref: str
    text: str = ""


class Symptom(msgspec.Struct):
    """A symptom or sign that a record entry states as present: the first and the last day on which it can have been
    there (None: open), and what it is called."""

    id: str
    label: str
    first: str | None
    last: str | None
    ref: str
    text: str = ""


class Assessment(msgspec.Struct):
    """One patient on one date: what is known, what follows, what is next, with proof and sources."""

    version: str
    knowledge: str
    patient: Patient
    as_of: str
    setting: str
    suspicion: Suspicion
    diagnosis: Diagnosis
    criteria: list[Criterion] = []
    differential: list[Disease] = []
    differential_kind: str = ""
    concordance: float = 0.0
    none_fits: str | None = None
    next_steps: list[Step] = []
    alerts: list[Alert] = []
    findings: list[Finding] = []
    unknown: list[Unknown] = []
    exposures: list[Exposure] = []
    series: dict[str, list[SeriesPoint]] = {}
    symptoms: list[Symptom] = []
    cancer_screening: dict[str, Any] | None = None
    treatment: dict[str, Any] | None = None
    monitoring: dict[str, Any] | None = None
    statins: dict[str, Any] | None = None
    trials: list[dict[str, Any]] = []
    conflicts: list[dict[str, Any]] = []
    input_problems: list[Problem] = []
    notice: str = "decision support; not a diagnosis"
    file: str | None = None
    schema: str = SCHEMA
