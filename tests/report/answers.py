"""Answers made by hand, so that the faces are tested by themselves."""

from __future__ import annotations

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
                proof={
                    "kind": "All",
                    "value": None,
                    "text": f"all of {word}",
                    "parts": [
                        {
                            "kind": "Exists",
                            "value": True,
                            "text": "CK is raised",
                            "evidence": [["Observation/1", word]],
                        },
                    ],
                },
            )
        ],
        differential=[
            Disease(
                "imnm_hmgcr",
                0.82,
                0.6,
                0.93,
                [
                    Contribution("statin_exposure", True, 0.7, 0.5, 0.9, "reported", ["x"]),
                    Contribution("ck_peak_band", word, -0.2, -0.3, -0.1, "estimated", []),
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
        treatment={"options": [{"title": f"Intravenous immunoglobulin {word}", "tag": "primary"}], "note": word},
        monitoring={"schedule": [{"what": "CK", "due_on": "2024-03-01"}]},
        conflicts=[{"title": f"Steroids {word}", "statements": ["first", "second"]}],
        input_problems=[Problem("Observation/9", f"unit not understood: {word}")],
    )


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
