"""A FHIR export: what of it is needed, and gathered by patient as a straight pipeline would. Also for peers in an
environment of their own, so only the standard library is used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

CODING = 'STRUCT(coding STRUCT("system" VARCHAR, "code" VARCHAR, "display" VARCHAR)[], "text" VARCHAR)'
REFERENCE = "STRUCT(reference VARCHAR)"
QUANTITY = 'STRUCT("value" DOUBLE, comparator VARCHAR, unit VARCHAR, "code" VARCHAR)'
PERIOD = 'STRUCT("start" VARCHAR, "end" VARCHAR)'
COMMON = {"resourceType": "VARCHAR", "id": "VARCHAR", "subject": REFERENCE, "encounter": REFERENCE}
NEEDED: dict[str, dict[str, str]] = {
    "Patient": {"id": "VARCHAR", "gender": "VARCHAR", "birthDate": "VARCHAR"},
    "Encounter": {**COMMON, "status": "VARCHAR", "period": PERIOD},
    "Condition": {**COMMON, "code": CODING, "verificationStatus": CODING, "clinicalStatus": CODING,
                  "onsetDateTime": "VARCHAR", "recordedDate": "VARCHAR", "abatementDateTime": "VARCHAR"},
    "Observation": {**COMMON, "status": "VARCHAR", "code": CODING, "effectiveDateTime": "VARCHAR",
                    "issued": "VARCHAR", "valueQuantity": QUANTITY, "valueString": "VARCHAR",
                    "valueCodeableConcept": CODING, "interpretation": f"{CODING}[]",
                    "referenceRange": f"STRUCT(low {QUANTITY}, high {QUANTITY})[]"},
    "MedicationRequest": {**COMMON, "status": "VARCHAR", "intent": "VARCHAR", "medicationCodeableConcept": CODING,
                          "medicationReference": REFERENCE, "authoredOn": "VARCHAR",
                          "dispenseRequest": f"STRUCT(validityPeriod {PERIOD})"},
    "Procedure": {**COMMON, "status": "VARCHAR", "code": CODING, "performedDateTime": "VARCHAR"},
}  # fmt: skip
"""The elements that the screening reads of each type of a synthetic export, with DuckDB's types for them."""


def patients_of(folder: Path) -> dict[str, list[bytes]]:
    """Every line of the needed types by patient."""
    found: dict[str, list[bytes]] = {}
    for kind in NEEDED:
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
