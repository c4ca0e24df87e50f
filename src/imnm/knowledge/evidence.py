"""Where a statement comes from: the bibliography, the evidence tags, and the named thresholds.

Every number and every sentence of the knowledge room names the sources it rests on and how well they were read.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from typing import Literal, NamedTuple, get_args

from imnm.logic.nodes import Threshold

from .files import DATA

Tag = Literal["primary", "secondary", "weak", "derived", "convention", "unverified"]
"""How a statement was verified: read in the primary publication; read in a peer-reviewed or institutional secondary
text; read in a text of low editorial quality; computed from read numbers; a choice of this project; not read."""

TAGS: tuple[Tag, ...] = get_args(Tag)


class Source(NamedTuple):
    """One entry of the bibliography (``data/sources/*.csv``).

    ``locator``: DOI, PMID, PMC id or address; empty if there is none. ``note``: what was read of it.
    """

    id: str
    title: str
    year: str
    locator: str
    note: str


class Evidence(NamedTuple):
    """What a statement rests on: source ids, one tag, and what to know about it."""

    tag: Tag
    sources: tuple[str, ...]
    note: str = ""

    @property
    def provisional(self) -> bool:
        """Whether what follows from it is shown as provisional."""
        return self.tag in ("unverified",)


def evidence(tag: Tag, *sources: str, note: str = "") -> Evidence:
    """Evidence by tag and source ids (``evidence("primary", "lundberg2017")``)."""
    return Evidence(tag, sources, note)


class NamedThreshold(NamedTuple):
    """A number of the medicine: its unit, its meaning and its evidence, kept once."""

    id: str
    number: float
    unit: str
    meaning: str
    evidence: Evidence


_THRESHOLDS: dict[str, NamedThreshold] = {}


def threshold(id: str, number: float, unit: str, meaning: str, evidence: Evidence) -> Threshold:
    """Declare a threshold and return the node that stands for it. Each id is declared once."""
    if id in _THRESHOLDS:
        raise ValueError(f"threshold {id!r} is declared twice")
    _THRESHOLDS[id] = NamedThreshold(id, number, unit, meaning, evidence)
    return Threshold(id, number)


def thresholds() -> Mapping[str, NamedThreshold]:
    """Every declared threshold by id."""
    return _THRESHOLDS


@cache
def sources() -> Mapping[str, Source]:
    """The whole bibliography by id. Raises ValueError on a duplicate id."""
    found: dict[str, Source] = {}
    folder = DATA / "sources"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".csv"):
            continue
        for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
            source = Source(**row)
            if source.id in found:
                raise ValueError(f"source {source.id!r} stands twice in the bibliography (again in {file.name})")
            found[source.id] = source
    return found
