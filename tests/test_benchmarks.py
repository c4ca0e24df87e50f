"""The benchmarks run, each at a size that says nothing about speed, and print their lines for docs/performance.md."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TINY = {
    "bundle.py": ("--rounds", "3"),
    "cold_start.py": ("--rounds", "1"),
    "levels.py": ("--patients", "200", "--rounds", "1"),
    "agreement_population.py": ("--people", "200"),
    "population_fhir.py": ("--patients", "60", "--rounds", "1", "--peers", "60"),
    "population_omop.py": ("--people", "500", "--rounds", "1"),
    "windows.py": ("--people", "200", "--rounds", "1"),
}
MISSED_A_BOUND = 1


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, str(ROOT / "bench" / script), *arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("script", TINY)
def test_it_runs_and_prints_its_rows(script: str) -> None:
    ended = run(script, *TINY[script])
    assert ended.returncode in (0, MISSED_A_BOUND), ended.stderr
    assert "Traceback" not in ended.stderr
    assert "peak memory" in ended.stdout
    rows = [line for line in ended.stdout.splitlines() if line.startswith("| ")]
    assert rows or script == "windows.py"  # whose rows are about es-aces
    assert all(line.count("|") == 4 for line in rows)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["windows.py", "population_fhir.py"])
def test_where_a_peer_is_missing_it_says_so(script: str, tmp_path: Path) -> None:
    small = ("--people", "200", "--rounds", "1") if script == "windows.py" else ("--peers-only", "--peers", "60")
    ended = run(script, *small, "--peer-python", str(tmp_path / "python"))
    assert ended.returncode == 0, ended.stderr
    assert "not installed: not compared" in ended.stdout
