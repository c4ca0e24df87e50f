"""A FHIR bulk export: the whole screen beside DuckDB's bare typed read of the same needed files and columns.

The export is synthetic (``imnm synth``), with the further types of a full export written beside it (claims, benefits,
immunisations, procedures, care plans), which have to be passed over. By turns, each in a process of its own: *read* is
DuckDB reading the needed files into tables with the columns the screening uses; *screen* is everything: worklist,
differential, steps, comparison of the engines. Bound: screen at most 2.0 times the read.

With ``--peers`` also two straight per-patient pipelines over a smaller export, one with fhir.resources, one with
fhirpathpy (``bench/peers/fhir_pipeline.py``), one process each as such scripts are, and whether they flag the same
patients; bound: 20 times faster, judged from 1,000 patients on. They run where an interpreter that has them is named:

    python3 -m venv /tmp/peers && /tmp/peers/bin/pip install fhir.resources fhirpathpy msgspec
    python bench/population_fhir.py --peers-only --peer-python /tmp/peers/bin/python

usage: python bench/population_fhir.py [--patients N] [--folder DIR] [--rounds N] [--peers [N]] [--peers-only]
           [--peer-python PATH]   (the figures: --patients 30000 --peers 3000)
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
from shared.fhir import NEEDED
from shared.measure import machine, measured, peak_line, row

from imnm.population.screen import screen
from imnm.population.source import cores
from imnm.population.synth import synthesise

PIPELINE = Path(__file__).resolve().parent / "peers" / "fhir_pipeline.py"
NOT_INSTALLED = 3
MOST_TIME, FIGURE_GB = 2.0, 2
LEAST_FASTER, PEER_PATIENTS = 20, 1_000
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
    for _ in range(rounds):
        reads.append(measured(lambda: bare_read(folder)))
        screens.append(measured(lambda: screened(folder)))
    result = screens[-1].result
    read, whole = (statistics.median(found.seconds for found in each) for each in (reads, screens))
    print(f"export {size_of(folder):.2f} GB, needed files {size_of(folder, NEEDED):.2f} GB, "
          f"{result['people']:,} patients; passed the gate {result['passed']:,}, listed {len(result['flagged']):,}; "
          f"engines compared on {result['compared']:,}, differ on {result['differ']}")  # fmt: skip
    print(f"  read   {read:7.2f} s  {size_of(folder, NEEDED) / read * 1000:6.0f} MB/s of needed files, "
          f"peak {max(found.peak for found in reads):.2f} GB")  # fmt: skip
    print(f"  screen {whole:7.2f} s  {size_of(folder) / whole * 1000:6.0f} MB/s of the export, "
          f"peak of one process {max(found.peak for found in screens):.2f} GB")  # fmt: skip
    print(f"  screen / read: {whole / read:.2f} (bound {MOST_TIME})")
    print(row(f"`screen`, FHIR, {size_of(folder):.2f} GB, {result['people']:,} people, beside DuckDB's typed read",
              f"≤ {MOST_TIME} times", f"{whole / read:.2f} times ({whole:.1f} s, {read:.1f} s)"))  # fmt: skip
    return whole / read


# ---------------------------------------------------------------- peers


def peers(folder: Path, python: str) -> Iterator[tuple[float, bool]]:
    """How many times faster the screening is than each straight pipeline, and whether it flags the same patients."""
    ours = measured(lambda: screened(folder))
    flagged = ours.result["flagged"]
    print(f"straight pipelines, {ours.result['people']:,} patients, {size_of(folder, NEEDED):.3f} GB of needed files")
    print(f"  screen         {ours.seconds:7.2f} s, {ours.worked:7.2f} s of processors, peak {ours.peak:.2f} GB, "
          f"{len(flagged)} flagged")  # fmt: skip
    for library in ("fhir.resources", "fhirpathpy"):
        found = piped(library, folder, python)
        if found is None:
            print(f"  {library}: not installed: not compared")
            continue
        other = set(found["flagged"]) ^ flagged
        same = f"{len(other)} other patients flagged" if other else "the same patients flagged"
        faster = found["seconds"] / ours.seconds
        print(f"  {library:14} {found['seconds']:7.2f} s, {found['worked']:7.2f} s of a processor "
              f"({found['library'] / found['seconds']:.0%} in the library), peak {found['peak']:.2f} GB, "
              f"version {found['version']}, {found['rejected']:,} of {found['resources']:,} rejected")  # fmt: skip
        print(f"    screen is {faster:.1f} times faster (bound {LEAST_FASTER}), "
              f"{found['worked'] / ours.worked:.1f} times by processor time; {same}")  # fmt: skip
        print(row(f"{library} {found['version']}, straight pipeline, {ours.result['people']:,} people, beside `screen`",
                  f"≥ {LEAST_FASTER} times", f"{faster:.1f} times, {same}"))  # fmt: skip
        yield faster, not other


def piped(library: str, folder: Path, python: str) -> dict[str, Any] | None:
    """What a straight pipeline in an environment of its own says; None where the library is not installed there."""
    try:
        ended = subprocess.run([python, str(PIPELINE), library, str(folder)], stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None
    if ended.returncode == NOT_INSTALLED:
        return None
    ended.check_returncode()
    said: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=2_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=int, nargs="?", const=PEER_PATIENTS, metavar="N", help="how many patients")
    parser.add_argument("--peers-only", action="store_true", help="leave the read of the large export out")
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH", help="an interpreter with the peers")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="imnm-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}, DuckDB {duckdb.__version__}")
    try:
        good = True
        if not arguments.peers_only:
            target = made(folder, arguments.patients)
            good = compare(target, arguments.rounds) <= MOST_TIME or size_of(target) < FIGURE_GB
        if arguments.peers or arguments.peers_only:
            number = arguments.peers or PEER_PATIENTS
            found = list(peers(made(folder, number), arguments.peer_python))
            good = good and all(same for _, same in found)
            good = good and (number < PEER_PATIENTS or all(faster >= LEAST_FASTER for faster, _ in found))
        print(f"  {peak_line(children=True)}")
        return 0 if good else 1
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
