"""The specifications hold: on events by *evaluate*, over a database by SQL, and through a FHIR Bundle."""

from __future__ import annotations

import pytest

from .language import Spec, specs
from .running import by_bundle, by_events, by_sql, definitions, every_case, fails

SPECS = [
    pytest.param(spec, id=spec.name, marks=[pytest.mark.xfail(strict=True, reason=spec.defect)] if spec.defect else [])
    for spec in specs()
]


@pytest.mark.parametrize("spec", SPECS)
def test_on_events(spec: Spec) -> None:
    wrong: list[str] = []
    for case in spec.cases:
        wrong += [f"[{case.name}] {why}" for must in case.musts if (why := fails(by_events(case), must))]
    assert not wrong, f"{spec.where}\n" + "\n".join(wrong)


@pytest.mark.parametrize("spec", SPECS)
def test_through_a_bundle(spec: Spec) -> None:
    wrong: list[str] = []
    said = [(case, outcome) for case in spec.cases if (outcome := by_bundle(case)) is not None]
    if not said:
        pytest.skip("the builder of Bundles has no words for this record")
    for case, outcome in said:
        wrong += [f"[{case.name}] {why}" for must in case.musts if (why := fails(outcome, must))]
    assert not wrong, f"{spec.where}\n" + "\n".join(wrong)


def test_most_cases_go_through_a_bundle() -> None:
    cases = every_case()
    said = [case for case in cases if by_bundle(case) is not None]
    assert len(said) >= 0.8 * len(cases)


def test_the_query_says_the_same_of_every_case() -> None:
    pytest.importorskip("duckdb")
    wrong: list[str] = []
    for case, row in by_sql().items():
        patient = by_events(case).patient
        for id in definitions():
            expected = patient.values[id] if id in patient.values else patient.advice[id]
            if row[id] != expected:
                wrong.append(f"{id}: evaluate {expected}, sql {row[id]} in {case.rows}")
    assert not wrong, "\n".join(wrong[:20])
