"""A paragraph to paste into the record: plain clinical prose with the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imnm.assessment.model import Assessment, Evidence
from imnm.knowledge.messages import say
from imnm.report import labels
from imnm.report.blocks import visible
from imnm.report.view import criteria_title

WHO = ("age", "female")
"""Findings that say who the patient is, not what they have."""
SHOWN_STEPS = 5
SHOWN_ENTRIES = 8
SHOWN_UNKNOWN = 5


def letter(assessment: Assessment) -> str:
    """The paragraph, as plain text."""
    parts = [say("serve.letter.opening", as_of=assessment.as_of), assessment.suspicion.summary]
    if assessment.diagnosis.id:
        by = criteria_title(assessment, assessment.diagnosis.by or "")
        parts.append(say("serve.letter.diagnosis", disease=labels.disease(assessment.diagnosis.id), by=by))
    parts += [alert.text for alert in assessment.alerts]
    periods = (assessment.statins or {}).get("periods", ())
    if entries := _entries(assessment, {period["ref"] for period in periods}):
        parts.append(say("serve.letter.evidence", entries="; ".join(entries)))
    if periods:
        parts.append(say("serve.letter.statins", periods="; ".join(map(_period, periods))))
    if assessment.next_steps:
        steps = [step.title or labels.step(step.id) for step in assessment.next_steps[:SHOWN_STEPS]]
        parts.append(say("serve.letter.steps", steps="; ".join(steps)))
    if assessment.unknown:
        unknown = [item.label or labels.finding(item.id) for item in assessment.unknown[:SHOWN_UNKNOWN]]
        parts.append(say("serve.letter.unknown", unknown="; ".join(unknown)))
    parts.append(say("serve.letter.closing", version=assessment.version, knowledge=assessment.knowledge))
    return visible(" ".join(part.strip() for part in parts if part.strip()))


def _period(period: Mapping[str, Any]) -> str:
    """A statin with both of its ends: without the second, one long stopped reads as if it were taken."""
    start = period["start"] or say("serve.letter.no_start")
    return say(
        "serve.letter.period", drug=period["drug"], start=start, stop=period["stop"] or say("serve.letter.no_stop")
    )


def _entries(assessment: Assessment, told: set[str]) -> list[str]:
    """The record entries behind alerts, steps and what is present, each once, the first to be cited first, without
    those that are ``told`` of elsewhere."""
    found: dict[str, None] = {}
    person = {item.text for f in assessment.findings if f.id in WHO for item in f.evidence}
    evidence: list[Evidence] = [
        *(item for alert in assessment.alerts for item in alert.evidence),
        *(item for step in assessment.next_steps for item in step.evidence),
        *(item for f in assessment.findings if f.value is True for item in f.evidence),
    ]
    for item in evidence:
        if item.text not in person and item.ref not in told:
            found.setdefault(item.text.strip().rstrip("."), None)
    return [text for text in found if text][:SHOWN_ENTRIES]
