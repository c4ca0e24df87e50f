"""A straight per-patient pipeline, run by an interpreter that has the library: PYTHON fhir_pipeline.py LIBRARY EXPORT

The export's lines are gathered by patient; every resource is put through the library (``fhir.resources``: parsed,
validated and written again; ``fhirpathpy``: rebuilt from what one compiled path for each needed element gives); then
our own reader and rules judge the patient, the whole assessment only where the level is moderate or above, as in the
screening. So what is compared is the way the records are read, and whether anything is lost on it. A resource that
the library rejects goes on as it stands, and is counted.

Prints one line of JSON: seconds, those spent in the library, seconds of the processor, peak memory in GB, patients,
resources, how many were rejected, version, the flagged. Exit code 3: the library, or what our own rules need (msgspec),
is not installed.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NOT_INSTALLED = 3
BENCH = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCH), str(BENCH.parent / "src")]

from shared.fhir import NEEDED, bundle_of, patients_of  # noqa: E402
from shared.measure import peak_gb  # noqa: E402

Through = Callable[[bytes], bytes | None]
"""A resource put through a library; None: rejected."""


def with_fhir_resources() -> Through:
    from fhir.resources.R4B import get_fhir_model_class

    models = {kind: get_fhir_model_class(kind) for kind in NEEDED}

    def through(line: bytes) -> bytes | None:
        kind = json.loads(line)["resourceType"]
        try:
            return bytes(models[kind].model_validate_json(line).model_dump_json().encode())
        except ValueError:
            return None

    return through


def with_fhirpathpy() -> Through:
    from fhirpathpy import compile

    paths = {kind: {name: compile(f"{kind}.{name}") for name in elements} for kind, elements in NEEDED.items()}

    def through(line: bytes) -> bytes | None:
        document: dict[str, Any] = json.loads(line)
        kind = document["resourceType"]
        made: dict[str, Any] = {"resourceType": kind}
        for name, path in paths[kind].items():
            if found := path(document):
                made[name] = found if NEEDED[kind][name].endswith("[]") else found[0]
        return json.dumps(made, default=str).encode()

    return through


LIBRARIES = {"fhir.resources": with_fhir_resources, "fhirpathpy": with_fhirpathpy}


def main(library: str, export: str) -> int:
    try:
        through = LIBRARIES[library]()
        from imnm.assessment import AskError, assess_reading, program
        from imnm.assessment.engine import iso, resolve_as_of
        from imnm.sources import read
    except ModuleNotFoundError:
        return NOT_INSTALLED

    def flagged(record: bytes) -> bool:
        reading = read(record)
        try:
            day = resolve_as_of(reading, None)
        except AskError:  # born after everything on record
            return False
        known = [event for event in reading.events if event.known <= day]
        if program.RANK[program.level_of(program.levels().run(known, day))] < program.RANK["moderate"]:
            return False
        assess_reading(reading, iso(day), "general-record")
        return True

    began, worked = time.perf_counter(), time.process_time()
    in_library, rejected = 0.0, 0
    patients = patients_of(Path(export))
    found = []
    for name, lines in patients.items():
        start = time.perf_counter()
        passed = [through(line) for line in lines]
        in_library += time.perf_counter() - start
        rejected += passed.count(None)
        if flagged(bundle_of(line if made is None else made for line, made in zip(lines, passed, strict=True))):
            found.append(name)
    print(json.dumps({
        "seconds": time.perf_counter() - began, "library": in_library, "worked": time.process_time() - worked,
        "peak": peak_gb(), "patients": len(patients), "resources": sum(map(len, patients.values())),
        "rejected": rejected, "version": importlib.metadata.version(library), "flagged": sorted(found),
    }))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
