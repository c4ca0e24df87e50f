"""A FHIR bulk export: the whole screen beside DuckDB's bare typed read of the same needed files and columns.

The export is synthetic (``imnm synth``), with the further types of a full export written beside it (claims, benefits,
immunisations, procedures, care plans), which have to be passed over. By turns, each in a process of its own: *read* is
DuckDB reading the needed files into tables with the columns the screening uses; *screen* is everything: worklist,
differential, steps, comparison of the engines. Bound: screen at most 2.0 times the read.

With ``--peers`` also two straight per-patient pipelines over a smaller export, one with fhir.resources, one with
fhirpathpy (both have to be installed), and whether they flag the same patients; bound: 20 times faster.

usage: python bench/population_fhir.py [--patients N] [--folder DIR] [--rounds N] [--peers]   (the figure: 30,000)
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from population_omop import measured

from imnm.assessment import assess_record, program
from imnm.population.screen import screen
from imnm.population.source import cores
from imnm.population.synth import synthesise

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
FILLER = {"Claim": 1500, "ExplanationOfBenefit": 4500, "Immunization": 550, "CarePlan": 1200, "Goal": 450}
"""Further types and the bytes of one of them, as in a Synthea export."""


def made(folder: Path, patients: int) -> Path:
    """The export; the filler is written last, so that an interrupted run is started again."""
    target = folder / f"fhir-{patients}"
    if not (target / "Goal.ndjson").exists():
        shutil.rmtree(target, ignore_errors=True)
        start = time.perf_counter()
        synthesise(patients, target, "fhir", 7)
        print(f"synth: {patients / (time.perf_counter() - start):,.0f} patients a second")
        write_filler(target, patients)
    return target


def write_filler(target: Path, patients: int) -> None:
    with (target / "Procedure.ndjson").open("w", encoding="utf-8") as handle:
        for number in range(patients * 4):
            handle.write(json.dumps({
                "resourceType": "Procedure", "id": f"pr{number}", "status": "completed",
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": "430193006",
                                     "display": "Medication reconciliation"}]},
                "subject": {"reference": f"Patient/{number % patients + 1}"}, "performedDateTime": "2020-02-02",
            }) + "\n")  # fmt: skip
    for kind, size in FILLER.items():
        text = "x" * (size - 120)
        with (target / f"{kind}.ndjson").open("w", encoding="utf-8") as handle:
            for number in range(patients * 5):
                subject = f'{{"reference":"Patient/{number % patients + 1}"}}'
                handle.write(f'{{"resourceType":"{kind}","id":"{number}","subject":{subject},"note":"{text}"}}\n')


def bare_read(folder: Path) -> int:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {cores()}")
    connection.execute("SET preserve_insertion_order = false")
    for kind, columns in NEEDED.items():
        types = ", ".join(f"'{name}': '{type}'" for name, type in columns.items())
        connection.execute(
            f"CREATE TABLE {kind} AS SELECT * FROM read_json('{folder}/{kind}*.ndjson', "
            f"format = 'newline_delimited', columns = {{{types}}})"
        )
    return int(connection.execute("SELECT count(*) FROM Observation").fetchall()[0][0])


def screened(folder: Path) -> dict[str, Any]:
    answer = screen(str(folder))
    flagged = {row.patient_id for row in answer.worklist}
    return {"people": answer.report.read, "passed": answer.report.passed, "flagged": flagged,
            "differ": len(answer.disagreements), "compared": answer.compared}  # fmt: skip


def size_of(folder: Path, kinds: Any = None) -> float:
    """Gigabytes of the files (of these types)."""
    files = [path for path in folder.glob("*.ndjson") if kinds is None or path.name.split(".")[0] in kinds]
    return sum(path.stat().st_size for path in files) / 1e9


def compare(folder: Path, rounds: int) -> float:
    reads, screens = [], []
    result: dict[str, Any] = {}
    for _ in range(rounds):
        reads.append(measured(lambda: bare_read(folder)))
        screens.append(measured(lambda: screened(folder)))
        result = screens[-1][2]
    read, whole = (statistics.median(s for s, _, _ in found) for found in (reads, screens))
    print(f"export {size_of(folder):.2f} GB, needed files {size_of(folder, NEEDED):.2f} GB, "
          f"{result['people']:,} patients; passed the gate {result['passed']:,}, listed {len(result['flagged']):,}; "
          f"engines compared on {result['compared']:,}, differ on {result['differ']}")  # fmt: skip
    print(f"  read   {read:7.2f} s  {size_of(folder, NEEDED) / read * 1000:6.0f} MB/s of needed files, "
          f"peak {max(m for _, m, _ in reads):.2f} GB")  # fmt: skip
    print(f"  screen {whole:7.2f} s  {size_of(folder) / whole * 1000:6.0f} MB/s of the export, "
          f"peak of one process {max(m for _, m, _ in screens):.2f} GB")  # fmt: skip
    print(f"  screen / read: {whole / read:.2f} (bound 2.0)")
    return whole / read


# ---------------------------------------------------------------- peers


def patients_of(folder: Path) -> dict[str, list[bytes]]:
    """Every line of the needed files by patient, as a straight pipeline would gather them."""
    found: dict[str, list[bytes]] = {}
    for kind in NEEDED:
        for path in sorted(folder.glob(f"{kind}*.ndjson")):
            for line in path.read_bytes().splitlines():
                head = json.loads(line)
                name = head["id"] if kind == "Patient" else head["subject"]["reference"].split("/")[1]
                found.setdefault(name, []).append(line)
    return found


def flagged_by(folder: Path, through: Callable[[bytes], Any]) -> set[str]:
    """The patients at level moderate or above, each read and assessed alone, every resource put through a library."""
    flagged = set()
    for name, lines in patients_of(folder).items():
        entries = [{"resource": resource} for line in lines if (resource := through(line)) is not None]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        answer = assess_record(msgspec.json.encode(bundle), None, "general-record")
        if program.RANK[answer.suspicion.level] >= program.RANK["moderate"]:
            flagged.add(name)
    return flagged


def with_fhir_resources() -> Callable[[bytes], Any]:
    from fhir.resources.R4B import get_fhir_model_class

    def through(line: bytes) -> Any:
        document = json.loads(line)
        return json.loads(get_fhir_model_class(document["resourceType"]).model_validate(document).model_dump_json())

    return through


def with_fhirpath() -> Callable[[bytes], Any]:
    from fhirpathpy import compile
    from fhirpathpy.models import models

    names = ("code.coding.code", "code.text", "valueQuantity.value", "valueQuantity.unit", "subject.reference")
    paths = [compile(path, models["r4"]) for path in (*names, "effectiveDateTime")]

    def through(line: bytes) -> Any:
        document = json.loads(line)
        for path in paths:
            path(document)
        return document

    return through


def peers(folder: Path) -> Iterator[float]:
    start = time.perf_counter()
    ours = screened(folder)["flagged"]
    mine = time.perf_counter() - start
    for name, library in (("fhir.resources", with_fhir_resources), ("fhirpathpy", with_fhirpath)):
        try:
            through = library()
        except ImportError:
            print(f"  {name} is not installed: not compared")
            continue
        start = time.perf_counter()
        theirs = flagged_by(folder, through)
        seconds = time.perf_counter() - start
        same = "the same patients" if theirs == ours else f"other patients ({len(theirs ^ ours)})"
        print(f"  {name}: {seconds:.1f} s, screen {mine:.2f} s: {seconds / mine:.0f} times faster, {same} flagged")
        yield seconds / mine


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="imnm-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{cores()} processors, DuckDB {duckdb.__version__}, Python {sys.version.split()[0]}")
    try:
        target = made(folder, arguments.patients)
        ratio = compare(target, arguments.rounds)
        faster = list(peers(made(folder, min(3_000, arguments.patients)))) if arguments.peers else []
        fine = ratio <= 2 and all(times >= 20 for times in faster)
        return 0 if fine or size_of(target) < 2 else 1
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
