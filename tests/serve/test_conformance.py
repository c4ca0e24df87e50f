"""The conformance report names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = (ROOT / "docs" / "cds_hooks_conformance.md").read_text(encoding="utf-8")


def test_every_test_that_the_report_names_exists() -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", REPORT)
    assert len(named) > 30
    for file, name in named:
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert f"def {name}(" in text, f"{file} has no {name}"


def test_every_row_names_a_test() -> None:
    rows = [line for line in REPORT.splitlines() if line.startswith("| ") and not line.startswith(("| part", "| ---"))]
    assert len(rows) > 20
    assert all("::test_" in row for row in rows)
