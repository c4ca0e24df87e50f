"""The differential on published patients, and the committed tables against the dossier. Skipped without the dossier."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import published
import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "build_likelihood.py"
FREQUENCIES = published.SHARED / "dossier" / "frequencies.csv"


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(TOOL))


def test_published_patients() -> None:
    if not published.DEV.is_dir():
        pytest.skip("published cases are not there (set IMNM_SHARED)")
    figures = published.figures()
    assert figures.top1 >= 0.75
    assert figures.top3 >= 0.93
    assert figures.logloss <= 0.9
    assert figures.subtype >= 0.97


def test_the_committed_tables_are_those_of_the_dossier(tool: dict[str, Any]) -> None:
    if not FREQUENCIES.is_file():
        pytest.skip("the dossier is not there (set IMNM_SHARED)")
    rows, _ = tool["read"](FREQUENCIES)
    from imnm.knowledge import differential as know

    cells = tool["tables"](rows)
    for key, cell in know.cells().items():
        assert cell.mean == pytest.approx(cells[key].mean, abs=2e-3), key
        assert cell.sources == cells[key].sources
    assert [(s, d, p) for s, d, p in tool["priors"](rows)] == [
        (s, d, p) for s in know.SETTINGS for d, p in zip(know.DISEASES, know.priors(s), strict=True)
    ]


def test_no_row_that_must_not_be_pooled_is_pooled(tool: dict[str, Any]) -> None:
    row = tool["Row"]("becker", "calf_hypertrophy", 9.0, 10.0, 0.9, True, "x", True, "", "a")
    kept = tool["tables"]([row])["calf_hypertrophy", "becker", ""]
    assert kept == (9.5, 1.5, True, ("a",))
    out = row._replace(pooled=False, note="NO_POOL (subset)")
    assert ("calf_hypertrophy", "becker", "") not in tool["tables"]([out])


def test_studies_that_disagree_count_less_than_their_patients(tool: dict[str, Any]) -> None:
    row = tool["Row"]("becker", "cramps", 40.0, 50.0, 0.8, True, "one", True, "", "a")
    alike = tool["pool"]([row, row._replace(population="two", source="b")])
    apart = tool["pool"]([row, row._replace(population="two", source="b", with_it=5.0, frequency=0.1)])
    assert alike.alpha + alike.beta == pytest.approx(101)
    assert apart.alpha + apart.beta < 12
    assert apart.mean == pytest.approx(0.45, abs=0.02)


def test_percentages_and_estimates_weigh_little(tool: dict[str, Any]) -> None:
    row = tool["Row"]("becker", "cramps", None, None, 0.4, True, "one", True, "", "a")
    percentage = tool["pool"]([row])
    estimate = tool["pool"]([row._replace(reported=False)])
    assert percentage.alpha + percentage.beta == pytest.approx(16)
    assert estimate.alpha + estimate.beta == pytest.approx(8)
    assert not estimate.reported


def test_of_overlapping_cohorts_the_larger_counts(tool: dict[str, Any]) -> None:
    row = tool["Row"]("becker", "cramps", 4.0, 8.0, 0.5, True, "Johns Hopkins n=8", True, "", "a")
    larger = row._replace(with_it=12.0, total=14.0, population="Johns Hopkins n=18", source="b")
    assert tool["pool"]([row, larger]).sources == ("b",)
