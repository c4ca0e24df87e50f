"""The conformance report: every demand of the specification, each that is ours with tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = (ROOT / "docs" / "cds_hooks_conformance.md").read_text(encoding="utf-8")
DEMANDS = 68
"""MUST, MUST NOT, SHALL and SHALL NOT in the text, counted by hand."""


def rows(columns: int) -> list[list[str]]:
    """The rows of the table with this many columns, without its head."""
    found = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in REPORT.splitlines() if line[:2] == "| "
    ]
    return [row for row in found if len(row) == columns and row[0] not in ("no.", "part", "---")]


def test_every_demand_has_a_row() -> None:
    assert [row[0] for row in rows(5)] == [str(number) for number in range(1, DEMANDS + 1)]
    assert {row[3] for row in rows(5)} == {"service", "client", "both", "hook author", "agreement"}


def test_every_demand_on_us_names_a_test() -> None:
    for row in rows(5):
        if row[3] in ("service", "both"):
            assert "::test_" in row[4], row
        else:
            assert "::test_" in row[4] or row[4] == "not ours", row
    assert len(rows(3)) > 10
    assert all("::test_" in row[2] for row in rows(3))


def test_every_test_that_the_report_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", REPORT))
    assert len(named) > 30
    for file, name in named:
        text = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert f"def {name}(" in text, f"{file} has no {name}"
