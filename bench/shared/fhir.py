"""An export gathered by patient, as a straight pipeline would: also for peers in an environment of their own, so
only the standard library is used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

USED_TYPES = ("Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "Procedure")
"""The types of a synthetic export that a record is read from."""


def patients_of(folder: Path) -> dict[str, list[bytes]]:
    """Every line of the used types by patient."""
    found: dict[str, list[bytes]] = {}
    for kind in USED_TYPES:
        for path in sorted(folder.glob(f"{kind}*.ndjson")):
            for line in path.read_bytes().splitlines():
                head = json.loads(line)
                name = head["id"] if kind == "Patient" else head["subject"]["reference"].split("/")[1]
                found.setdefault(name, []).append(line)
    return found


def bundle_of(lines: Iterable[bytes]) -> bytes:
    """Resources as one Bundle."""
    entries = b",".join(b'{"resource":%s}' % line for line in lines)
    return b'{"resourceType":"Bundle","type":"collection","entry":[%s]}' % entries
