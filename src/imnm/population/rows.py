"""One person judged for the worklist: the row, the changes of level over time, and why.

Runs in worker processes: everything here is plain functions over one reading.
"""

from __future__ import annotations

import math

import msgspec

from imnm.assessment import AskError, Outline, outline_of, program
from imnm.assessment.engine import Case, iso, resolve_as_of
from imnm.assessment.words import key_facts
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.pathway import RULES
from imnm.logic.event import Event
from imnm.logic.interval import Interval
from imnm.logic.nodes import refs_of
from imnm.sources import Reading

IMNM = ("imnm_hmgcr", "imnm_srp", "imnm_seronegative")
_STEPS_SHOWN = 4


class ListedRow(msgspec.Struct):
    """A row of the worklist (docs/population.md). ``changed_on``: set in the rows of ``--history`` only, which say
    which level held from that day on. Dates are ISO 8601."""

    patient_id: str
    level: str
    decisive_step: str | None = None
    diagnosis: str | None = None
    top_disease: str | None = None
    top_probability: float | None = None
    first_flagged_on: str | None = None
    ck_peak_u_l: float | None = None
    ck_peak_on: str | None = None
    statin: str | None = None
    reasons: str = ""
    next_steps: str = ""
    already_coded: bool = False
    as_of: str | None = None
    age: int | None = None
    sex: str | None = None
    urgency: str | None = None
    imnm_probability: float | None = None
    engines_differ: str | None = None
    changed_on: str | None = None


class WhyRow(msgspec.Struct):
    """One record entry behind one clause of one rule that holds for a listed person."""

    patient_id: str
    rule: str
    rule_says: str
    clause: str
    clause_says: str
    verdict: bool | None
    ref: str | None
    entry: str | None
    value_low: float | None
    value_high: float | None
    unit: str | None
    date: str | None
    sources: str
    evidence_tag: str


class Verdict(msgspec.Struct):
    """What *evaluate* says of one person."""

    level: str
    row: ListedRow | None = None
    history: list[ListedRow] = []
    why: list[WhyRow] = []


def judged(
    reading: Reading, day: float, *, setting: str, history: bool = False, why: bool = False, least: str = "none"
) -> Verdict:
    """Assess one person on a day (NaN: the newest of the record). Of those below the ``least`` level that is listed
    only the level is worked out."""
    if math.isnan(day):
        try:
            day = resolve_as_of(reading, None)
        except AskError:  # born after everything on record: nothing to judge
            return Verdict("insufficient")
    case = Case(reading, day)
    if program.RANK[case.level] < program.RANK[least]:
        return Verdict(case.level)
    answer = outline_of(case, setting)
    return Verdict(
        answer.suspicion.level,
        _row(answer, case),
        _history(case, answer) if history else [],
        why_rows(case) if why else [],
    )


def _row(answer: Outline, case: Case) -> ListedRow:
    diseases = answer.differential.diseases
    leading = diseases[0] if diseases else None
    peak = _peak(case)
    return ListedRow(
        patient_id=answer.patient.id,
        level=answer.suspicion.level,
        decisive_step=answer.suspicion.decisive_step,
        diagnosis=answer.diagnosis.id,
        top_disease=leading.id if leading else None,
        top_probability=round(leading.probability, 4) if leading else None,
        first_flagged_on=answer.suspicion.first_flagged_on,
        ck_peak_u_l=_finite(peak.low) if peak else None,
        ck_peak_on=iso(peak.end) if peak else None,
        statin=statin_of(case),
        reasons=key_facts(case),
        next_steps=" ".join(step.id for step in answer.next_steps[:_STEPS_SHOWN]),
        already_coded=answer.suspicion.already_coded,
        as_of=iso(case.as_of),
        age=answer.patient.age,
        sex=answer.patient.sex,
        urgency=answer.next_steps[0].urgency if answer.next_steps else None,
        imnm_probability=round(sum(d.probability for d in diseases if d.id in IMNM), 4),
    )


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else round(value, 2)


def _peak(case: Case) -> Event | None:
    """The CK result with the greatest value that is known from below; the earliest of several."""
    found = [e for e in case.events if e.concept == "creatine_kinase_total" and e.low > 0]
    return max(found, key=lambda e: (e.low, -e.end, e.ref), default=None)


def statin_of(case: Case) -> str | None:
    """The statins taken by name, else ``yes`` (one that is not named) or ``no`` (denied); None if nothing is known."""
    names = {e.detail for e in case.events if e.concept in ("statin", "red_yeast_rice") and e.truth and e.detail}
    if names:
        return " ".join(sorted(names))
    taken = case.truth("statin_exposure")
    return None if taken is None else "yes" if taken else "no"


# ---------------------------------------------------------------- the changes of level


def _history(case: Case, answer: Outline) -> list[ListedRow]:
    """A row for each day on which the level changed."""
    return [
        ListedRow(answer.patient.id, level, changed_on=iso(day), as_of=iso(case.as_of))
        for day, level in level_changes(case)
    ]


def level_changes(case: Case) -> list[tuple[float, str]]:
    """The days on which a level began to hold, with the level, earliest first."""
    days = sorted({event.known for event in case.events if math.isfinite(event.known)} | {case.as_of})
    found: list[tuple[float, str]] = []
    for day, values in program.levels().replay(case.events, days):
        level = program.level_of(values)
        if not found or found[-1][1] != level:
            found.append((day, level))
    return found


# ---------------------------------------------------------------- why


def why_rows(case: Case) -> list[WhyRow]:
    """The rules of the pathway that hold, clause by clause, each with the record entries behind it."""
    by_ref: dict[tuple[str, str], Event] = {(event.ref, event.text): event for event in case.events}
    found: list[WhyRow] = []
    for rule in RULES.values():
        if case.values[rule.id] is not True:
            continue
        for clause in sorted(refs_of(rule.expression)):
            found += _clause_rows(case, rule.id, clause, by_ref)
    return found


def _clause_rows(case: Case, rule_id: str, clause: str, by_ref: dict[tuple[str, str], Event]) -> list[WhyRow]:
    rule = RULES[rule_id]
    value = case.values.get(clause)
    if value is None or (isinstance(value, Interval) and not value.known):
        return []
    verdict = None if isinstance(value, Interval) else value
    stated = FINDINGS.get(clause)
    label = stated.label if stated else RULES[clause].label if clause in RULES else clause
    basis = (stated or rule).evidence
    sources = " ".join(basis.sources)
    blank = WhyRow(case.reading.patient, rule_id, rule.label, clause, label, verdict, None, None, None, None,
                   stated.unit if stated else None, None, sources, basis.tag)  # fmt: skip
    entries = case.evidence(clause)
    if not entries:
        return [blank]
    return [_with_entry(blank, entry.ref, entry.text, by_ref.get((entry.ref, entry.text))) for entry in entries]


def _with_entry(blank: WhyRow, ref: str, text: str, event: Event | None) -> WhyRow:
    row = msgspec.structs.replace(blank, ref=ref, entry=text)
    if event is not None:
        row.date = iso(event.end)
        row.value_low, row.value_high = _finite(event.low), _finite(event.high)
        if event.concept == "creatine_kinase_total":
            row.unit = "U/L"
    return row
