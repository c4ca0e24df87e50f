"""Every fact of the five founding documents is represented where the table says, or left out for a stated reason."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from imnm.knowledge.alerts import ALERTS
from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.conflicts import conflicts
from imnm.knowledge.evidence import sources, thresholds
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import has
from imnm.knowledge.pathway import RULES
from imnm.knowledge.plain import DISEASES
from imnm.knowledge.steps import STEPS
from imnm.knowledge.treatment import OPTIONS
from imnm.knowledge.trials import trials

TABLE = Path(__file__).resolve().parents[2] / "docs" / "coverage" / "founding_documents.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
DOCUMENTS = ("f1", "f2", "f3", "f4", "f5")
FEWEST = {"f1": 20, "f2": 25, "f3": 50, "f4": 40, "f5": 25}
"""What a reader counts at least in each document; the table may not shrink below it."""


def _constant(place: str) -> bool:
    module, _, name = place.partition(":")
    return hasattr(importlib.import_module(module), name)


PLACES: dict[str, Callable[[str], bool]] = {
    "message": has,
    "threshold": lambda id: id in thresholds(),
    "finding": lambda id: id in FINDINGS,
    "concept": lambda id: id in CONCEPTS,
    "conflict": lambda id: id in conflicts(),
    "rule": lambda id: id in RULES,
    "alert": lambda id: id in {alert.id for alert in ALERTS},
    "step": lambda id: id in {step.id for step in STEPS},
    "option": lambda id: id in {option.id for option in OPTIONS},
    "trial": lambda id: id in trials(),
    "disease": lambda id: id in DISEASES,
    "source": lambda id: id in sources(),
    "const": _constant,
}


def exists(place: str) -> bool:
    """Whether the knowledge holds this place (``kind:id``)."""
    kind, _, id = place.partition(":")
    return kind in PLACES and PLACES[kind](id)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_document_is_covered(document: str) -> None:
    facts = [row for row in ROWS if row["document"] == document]
    assert len(facts) >= FEWEST[document]
    assert len({row["fact"] for row in facts}) == len(facts)


def test_every_row_names_a_place_or_a_reason() -> None:
    for row in ROWS:
        assert row["document"] in DOCUMENTS
        assert bool(row["place"]) != bool(row["left_out_because"]), row


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["place"]], ids=lambda row: f"{row['document']}:{row['place']}"
)
def test_the_place_exists(row: dict[str, str]) -> None:
    assert exists(row["place"]), row["fact"]


@pytest.mark.parametrize("place", ["message:treatment.fact.nonsense", "finding:no_such_finding", "nowhere:x", "rule:"])
def test_a_place_that_is_not_there_is_noticed(place: str) -> None:
    assert not exists(place)
