"""What things are called: the label the knowledge room gives an id, or the id in plain words where it gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imnm.knowledge.messages import has, say

if TYPE_CHECKING:
    from imnm.knowledge.evidence import Source


def words(id: str) -> str:
    """An id as words: ``ck_peak`` is ``ck peak``."""
    return id.replace("_", " ")


def finding(id: str) -> str:
    """The label of a finding, or of an item that only a criteria set asks for."""
    from imnm.knowledge.findings import FINDINGS

    if id in FINDINGS:
        return FINDINGS[id].label
    return _said(f"criteria.item.{id}.label") or words(id)


def drug(id: str) -> str:
    """What a drug is called in a line of text."""
    return _said(f"report.drug.{id}") or words(id)


def disease(id: str) -> str:
    """The label of a disease."""
    return _said(f"diseases.{id}") or words(id)


def criteria(id: str) -> str:
    """The title of a criteria set."""
    return words(id)


def criteria_class(id: str, name: str) -> str:
    """What a class of a criteria set says."""
    return _said(f"criteria.{id}.class.{name}") or words(name)


def step(id: str) -> str:
    """The title of a step."""
    kind, _, what = id.partition(":")
    return _said(f"steps.{id}.title") or f"{kind} {words(what)}".strip()


def source(id: str) -> Source | None:
    """The bibliography entry; None if there is none."""
    from imnm.knowledge.evidence import sources

    return sources().get(id)


def citation(id: str) -> str:
    """A source as it is cited: title, year, locator; empty if the bibliography does not hold it."""
    found = source(id)
    if found is None:
        return ""
    year = f" ({found.year})" if found.year else ""
    return f"{found.title}{year}. {found.locator}".strip()


def due(on: str, as_of: str) -> str:
    """When something is due, or since when it is overdue (ISO dates)."""
    return say(f"report.line.{'due' if on >= as_of else 'overdue'}", on=on)


def _said(key: str) -> str:
    return say(key) if has(key) else ""
