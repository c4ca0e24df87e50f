"""Codings whose code is a name, as in a site's own lists."""

from __future__ import annotations

import pytest

from imnm.sources.coding import Coder
from imnm.sources.structs import CodeableConcept, Coding


def concepts(code: str, display: str | None = None) -> frozenset[str]:
    found = CodeableConcept((Coding("http://site.example/medication-name", code, display),))
    return Coder().concept(found, "drug").concepts


@pytest.mark.parametrize("code", ["Atorvastatin", "Rosuvastatin Calcium", "simvastatin"])
def test_a_code_that_is_a_name_is_read_as_one(code: str) -> None:
    assert "statin" in concepts(code)


@pytest.mark.parametrize("code", ["Nystatin Oral Suspension", "INSRPB", "STATIN7", "617318"])
def test_other_codes_are_not(code: str) -> None:
    assert "statin" not in concepts(code)


def test_a_name_that_is_given_leads() -> None:
    assert "statin" not in concepts("Atorvastatin", "Paracetamol")
