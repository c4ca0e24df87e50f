"""Records outside the repository, for tests that skip where they are absent."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("IMNM_SHARED", Path(__file__).resolve().parents[2].parent / "shared"))
needs_data = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the shared records are not here")
needs_cases = pytest.mark.skipif(not (SHARED / "cases" / "dev").is_dir(), reason="the published cases are not here")


def write_export(bundles: list[Path], folder: Path) -> None:
    """Write Bundles of one patient each as one bulk export: a file a type, resources in no order."""
    by_type: dict[str, list[dict[str, Any]]] = {}
    for path in bundles:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            resource = entry["resource"]
            by_type.setdefault(resource["resourceType"], []).append(resource)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, resources in by_type.items():
        lines = sorted((json.dumps(resource) for resource in resources), key=lambda line: zlib.crc32(line.encode()))
        (folder / f"Cases{kind}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
