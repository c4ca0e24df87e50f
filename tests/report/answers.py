"""Answers made by hand, so that the faces are tested by themselves."""

from __future__ import annotations

from typing import Any

from imnm.assessment.model import (
    Alert,
    Assessment,
    Contribution,
    Criterion,
    Diagnosis,
    Disease,
    Evidence,
    Exposure,
    Finding,
    IfResult,
    Patient,
    Problem,
    SeriesPoint,
    Step,
    Suspicion,
    Symptom,
    Unknown,
)


def answer(word: str = "plain") -> Assessment:
    """An answer with something in every part; ``word`` stands wherever the record's own words can."""
    ck = Evidence(f"Observation/{word}", f"CK 13,875 U/L, 2024-01-15 {word}")
    return Assessment(
        version="0.1.0",
        knowledge="2026-11",
        patient=Patient(word, 66, "female"),
        as_of="2024-02-01",
        setting="statin-user",
        file=f"{word}.json",
        suspicion=Suspicion("high", f"Likely immune-mediated: {word}.", "test:anti_hmgcr", "2024-01-15"),
        diagnosis=Diagnosis("imnm_hmgcr", "enmc-2016", True),
        criteria=[
            Criterion(
                "enmc-2016",
                "undetermined",
                title="ENMC 2016",
                score_range=(5.8, 9.2),
                could_reach="definite",
                missing=["anti_srp"],
                warnings=[f"A warning about {word}."],
                proof={"fulfilled": _proof(word), "score": {"kind": "Score", "value": [5.8, 9.2], "text": "the score"}},
            )
        ],
        differential=[
            Disease(
                "imnm_hmgcr",
                0.82,
                0.6,
                0.93,
                [
                    Contribution("statin_exposure", True, 0.7, 0.5, 0.9, "reported", ("x",)),
                    Contribution("ck_peak_band", word, -0.2, -0.3, -0.1, "estimated"),
                ],
            ),
            Disease("other", 0.18, 0.05, 0.4, think_of=[f"motor neurone disease {word}"]),
        ],
        differential_kind="likelihood ratios",
        concordance=0.7,
        next_steps=[
            Step(
                "test:anti_hmgcr",
                "urgent",
                f"It decides {word}.",
                title="Test anti-HMGCR antibodies",
                due_on="2024-02-03",
                if_result=[IfResult("positive", f"confirms {word}"), IfResult("negative", "biopsy")],
                evidence=[ck],
                sources=["source-that-is-not-there"],
            )
        ],
        alerts=[Alert("swallowing", "emergency", f"Trouble swallowing {word}.", evidence=[ck])],
        symptoms=[
            Symptom("myalgia", f"Muscle pain {word}", "2023-12-01", "2023-12-31", f"Condition/{word}"),
            Symptom("dysphagia", "Dysphagia", None, "2024-01-20", f"Condition/{word}"),
            Symptom("falls", "Falls", "2010-01-01", "2010-12-31", f"Condition/{word}"),
        ],
        findings=[
            Finding("ck_peak", 13875, "Highest CK", "U/L", "2024-01-15", evidence=[ck]),
            Finding("anti_srp_positive", False, "Anti-SRP antibodies", on="2024-01-20", basis="refuted", evidence=[ck]),
            Finding("anti_hmgcr_positive", True, f"Anti-HMGCR {word}", on="2024-01-25", evidence=[ck]),
        ],
        unknown=[Unknown("neck_flexor_weakness", f"It would speak for it: {word}.", "Neck flexor weakness")],
        exposures=[Exposure(word, "2019-03-01", "2024-01-16", True), Exposure("rosuvastatin")],
        series={
            "ck": [
                SeriesPoint("2023-12-01", 9000, 9000, 200, "Observation/1"),
                SeriesPoint("2024-01-15", 13875, 13875, 200, f"Observation/{word}", word),
                SeriesPoint("2024-01-30", 20000, None, None, "Observation/3"),
                SeriesPoint(None, None, 200, None, "Observation/4"),
            ]
        },
        treatment=_treatment(word),
        monitoring={
            "notice": "Measure by turns.",
            "trend": [{"id": "falling", "text": f"CK is falling {word}.", "evidence": [_record(word)]}],
            "schedule": [{"id": "ck", "title": "CK", "every": "monthly", "text": "due by 2024-03-01", "evidence": []}],
            "definitions": [{"id": "r", "text": "Remission.", "result": None, "evidence": [], "provisional": True}],
        },
        cancer_screening={
            "category": "high",
            "provisional": True,
            "notice": "Screening as the guideline says.",
            "panels": [{"id": "basic", "title": "Basic", "due_on": "2024-02-01", "items": [{"title": "Chest X-ray"}]}],
            "notes": ["And what age and sex call for."],
            "sources": ["oldroyd2023"],
        },
        trials=[
            {
                "title": f"A trial of {word}",
                "design": "Randomised.",
                "status_text": "recruiting on 2024-01-01",
                "fit_text": "may fit",
                "criteria": [{"text": f"Adult {word}", "result": True, "evidence": [_record(word)]}],
                "sources": [],
            }
        ],
        conflicts=[
            {
                "title": f"Steroids {word}",
                "a": {"text": "Combine early.", "sources": ["f3"], "date": "2024"},
                "b": {"text": "Spare them.", "sources": ["f4"], "date": "2023"},
                "rule": "Both are shown.",
                "why": "Neither was tried.",
                "sources": ["f3", "f4"],
            }
        ],
        input_problems=[Problem("Observation/9", f"unit not understood: {word}")],
    )


def _record(word: str) -> dict[str, str]:
    return {"ref": f"Observation/{word}", "text": f"CK 9,000 U/L {word}"}


def _proof(word: str) -> dict[str, Any]:
    raised = {"kind": "Exists", "value": True, "text": "CK is raised", "evidence": [_record(word)], "parts": []}
    return {"kind": "All", "value": None, "text": f"all of {word}", "missing": ["anti_srp_positive"], "parts": [raised]}


def _treatment(word: str) -> dict[str, Any]:
    reason = {"text": f"It helps {word}.", "evidence": [_record(word)], "sources": ["x"]}
    return {
        "notice": "None is an order.",
        "options": [
            {
                "title": f"Intravenous immunoglobulin {word}",
                "role_text": "first treatment",
                "state": {"text": "in use", "evidence": [_record(word)]},
                "for": [reason],
                "against": [],
                "unknown": [{**reason, "evidence": []}],
                "facts": [{"text": "Three of three improved.", "sources": ["mammen2015"]}],
            }
        ],
        "safety": [
            {
                "title": "Hepatitis B",
                "phase_text": "before",
                "status_text": "not done",
                "on": None,
                "due_on": "2024-02-01",
                "evidence": [],
            }
        ],
        "lipid_lowering": {
            "rule": "No statin again.",
            "options": [{"text": f"PCSK9 inhibitors {word}", "sources": []}],
            "red_yeast_rice": "Nor red yeast rice.",
            "labels": [{"text": "The label does not say so.", "date": "2024-01-01"}],
            "label_gap": "Labels differ.",
            "evidence": [_record(word)],
            "sources": ["mammen-review"],
        },
    }


def bare() -> Assessment:
    """An answer about a record that says almost nothing."""
    return Assessment(
        version="0.1.0",
        knowledge="2026-11",
        patient=Patient(""),
        as_of="2024-02-01",
        setting="general-record",
        suspicion=Suspicion("insufficient", "Nothing recorded allows a judgement."),
        diagnosis=Diagnosis(),
    )
