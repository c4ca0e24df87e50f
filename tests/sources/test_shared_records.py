"""Records nobody here wrote: every patient is read, and what they are known to hold is found."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from imnm.sources import Reading, read

from .build import of, shared


class Named(msgspec.Struct, rename="camel"):
    """Whose a resource is and what it refers to, as far as grouping needs it."""

    resource_type: str
    id: str
    subject: dict[str, Any] = {}
    patient: dict[str, Any] = {}
    medication_reference: dict[str, Any] = {}
    ingredient: list[dict[str, Any]] = []

    @property
    def owner(self) -> str:
        """The patient's id."""
        return self.id if self.resource_type == "Patient" else tail(self.subject or self.patient)


def tail(reference: dict[str, Any]) -> str:
    """The id a reference ends with."""
    return str(reference.get("reference", "")).removeprefix("urn:uuid:").split("/")[-1]


def lines(folder: Path) -> Iterator[tuple[Named, bytes]]:
    """Every resource of a folder of NDJSON files; a file that is none is passed over."""
    for file in sorted(folder.glob("*.ndjson*")):
        data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        for line in data.splitlines():
            try:
                yield msgspec.json.decode(line, type=Named), line
            except msgspec.DecodeError:
                break


def bundles(folder: Path) -> dict[str, bytes]:
    """A Bundle per patient, with the medications that are referred to."""
    own: dict[str, list[tuple[Named, bytes]]] = defaultdict(list)
    medications: dict[str, tuple[Named, bytes]] = {}
    for named, line in lines(folder):
        if named.resource_type == "Medication":
            medications[named.id] = (named, line)
        elif named.owner:
            own[named.owner].append((named, line))
    made = {}
    for patient, entries in own.items():
        wanted = {tail(named.medication_reference) for named, _ in entries} & set(medications)
        parts = {tail(part.get("itemReference", {})) for id in wanted for part in medications[id][0].ingredient}
        known = [medications[id][1] for id in sorted(wanted | parts & set(medications))]
        listed = b",".join(b'{"resource":' + line + b"}" for line in [*(line for _, line in entries), *known])
        made[patient] = b'{"resourceType":"Bundle","type":"collection","entry":[' + listed + b"]}"
    return made


@cache
def hospital() -> dict[str, Reading]:
    folder = shared("data", "mimic_iv_demo_fhir")
    rows = csv.DictReader((folder / "local_codes.csv").read_text().splitlines())
    codes = {(row["system"], row["code"]): row["concept"] for row in rows}
    return {patient: read(data, codes) for patient, data in bundles(folder).items()}


def test_every_synthetic_patient_is_read() -> None:
    readings = [read(data) for data in bundles(shared("data", "synthea_fhir_r4")).values()]
    assert len(readings) > 90
    assert all(of(found, "birth") and of(found, "sex") for found in readings)
    on_statins = [found for found in readings if of(found, "statin")]
    assert {event.detail for found in on_statins for event in of(found, "statin")} >= {"simvastatin"}
    assert not any(of(found, "anti_hmgcr") for found in readings)


def test_every_hospital_patient_is_read() -> None:
    readings = hospital()
    assert len(readings) == 45
    highest = max(event.low for found in readings.values() for event in of(found, "creatine_kinase_total"))
    assert 10_000 < highest < 1_000_000
    assert sum(bool(of(found, "statin")) for found in readings.values()) >= 10


def test_nystatin_in_hospital_is_no_statin() -> None:
    for found in hospital().values():
        for event in of(found, "statin"):
            assert "nystatin" not in event.text.lower(), event.text


def test_hospital_problems_without_a_date_are_dated_by_their_encounter() -> None:
    dated = Counter(
        event.known > float("-inf")
        for found in hospital().values()
        for event in found.events
        if event.ref.startswith("Condition/")
    )
    assert dated[True] > 100 and dated[False] <= dated[True] / 20


def test_every_phenopacket_is_read() -> None:
    files = sorted(shared("data", "phenopackets").glob("*.json"))
    readings = [read(file.read_bytes()) for file in files]
    assert len(readings) == 29
    for found in readings:
        assert [event.truth for event in of(found, "genetic_test_positive")] == [True]
        assert found.newest_known > float("-inf")


def test_every_published_case_is_read_and_little_is_left_over() -> None:
    files = sorted(shared("cases", "dev").glob("*/*.json"))
    assert len(files) == 260
    seen = used = 0
    for file in files:
        for kind, (there, gave) in read(file.read_bytes()).counts.items():
            if kind in ("Condition", "Observation", "DiagnosticReport"):
                seen, used = seen + there, used + gave
    assert used / seen > 0.95, (used, seen)
