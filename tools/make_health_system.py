"""Writes src/imnm/examples/health_system: an invented health system as a small FHIR bulk export.

Everyday people from ``imnm synth`` and, among them, the invented example patients of the package under other ids.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from pathlib import Path

from imnm.population.synth import synthesise

EXAMPLES = Path(__file__).resolve().parents[1] / "src" / "imnm" / "examples"
OUT = EXAMPLES / "health_system"
PEOPLE, SEED = 150, 11


def main() -> int:
    lines: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "people"
        synthesise(PEOPLE, folder, "fhir", SEED, 0.0)
        for path in sorted(folder.glob("*.ndjson")):
            lines[path.name.split(".")[0]] = sorted(path.read_text(encoding="utf-8").splitlines())
    for path in sorted(EXAMPLES.glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for entry in document.get("entry", ()):
            resource = entry["resource"]
            lines.setdefault(resource["resourceType"], []).append(json.dumps(resource, separators=(",", ":")))
    OUT.mkdir(exist_ok=True)
    for kind, found in lines.items():
        with (OUT / f"{kind}.ndjson.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as handle:
            handle.write(("\n".join(found) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
