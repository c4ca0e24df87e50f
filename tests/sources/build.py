"""Small Bundles for the tests of the readers: each entry is written as records write it."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

from imnm.logic.event import Event, day_date
from imnm.sources import Reading, read

SHARED = Path(os.environ.get("IMNM_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1958-03-04"}
ME = {"reference": "Patient/p1"}
LOINC, SNOMED, RXNORM = "http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"
TODAY = dt.date(2025, 1, 1)


def shared(*path: str) -> Path:
    """A path of the data that are not part of the package; the test is skipped, visibly, where they are absent."""
    found = SHARED.joinpath(*path)
    if not found.exists():
        pytest.skip(f"the shared data {'/'.join(path)} are not at hand (IMNM_SHARED)")
    return found


def coded(text: str | None = None, system: str | None = None, code: str | None = None) -> dict[str, Any]:
    concept: dict[str, Any] = {"text": text} if text else {}
    if code:
        concept["coding"] = [{"system": system, "code": code}]
    return concept


def entry(kind: str, id: str = "x", **fields: Any) -> dict[str, Any]:
    subject = "patient" if kind in ("AllergyIntolerance", "FamilyMemberHistory") else "subject"
    return {"resourceType": kind, "id": id, subject: ME, **fields}


def condition(text: str = "Myalgia", id: str = "c", status: str | None = None, **fields: Any) -> dict[str, Any]:
    if status:
        fields["verificationStatus"] = {"coding": [{"code": status}]}
    return entry("Condition", id, **{"code": coded(text), "recordedDate": "2024-02-10", **fields})


CK = coded("Creatine kinase", LOINC, "2157-6")
HMGCR = coded("HMGCR antibody", LOINC, "93493-5")


def result(code: dict[str, Any] = CK, id: str = "o", **fields: Any) -> dict[str, Any]:
    return entry("Observation", id, **{"status": "final", "code": code, "effectiveDateTime": "2024-01-15", **fields})


def quantity(value: float, unit: str | None = "U/L", **fields: Any) -> dict[str, Any]:
    return {"value": value, **({"unit": unit} if unit else {}), **fields}


def flag(code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"code": code}]}]


def bundle(*resources: dict[str, Any], patient: dict[str, Any] | None = None, **fields: Any) -> bytes:
    entries = [{"resource": resource} for resource in ((patient or PATIENT), *resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries, **fields}).encode()


def reading(*resources: dict[str, Any], **fields: Any) -> Reading:
    return read(bundle(*resources, **fields), today=TODAY)


def of(found: Reading, concept: str) -> list[Event]:
    """The events of a concept."""
    return [event for event in found.events if event.concept == concept]


def one(found: Reading, concept: str) -> Event:
    """The only event of a concept."""
    events = of(found, concept)
    assert len(events) == 1, (concept, [event.concept for event in found.events], found.problems)
    return events[0]


def days(event: Event) -> tuple[str | None, str | None]:
    """The first and last day of an event as dates; None where it is open."""
    start, end = day_date(event.start), day_date(event.end)
    return (start.isoformat() if start else None, end.isoformat() if end else None)


def nearly(event: Event, start: str | None, end: str | None) -> bool:
    """Whether an event's days are these, give or take one (ages are reckoned in mean years)."""
    return all(
        (day is None) == (date is None)
        and (day is None or abs((dt.date.fromisoformat(day) - dt.date.fromisoformat(date or "")).days) <= 1)
        for day, date in zip(days(event), (start, end), strict=True)
    )


def known(event: Event) -> str | None:
    """The day since when the record knew it."""
    day = day_date(event.known)
    return day.isoformat() if day else None


def problems(found: Reading) -> list[str]:
    return [problem.problem for problem in found.problems]
