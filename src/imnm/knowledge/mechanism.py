"""What is known of the mechanism in numbers: the parameters a simulation or an explanation may use, with evidence.

No rule about a patient reads them. ``data/mechanism.csv`` holds one row a number; a range where sources differ.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

import msgspec

from imnm.logic.interval import Interval

from .evidence import Evidence, Tag
from .files import DATA


class Parameter(NamedTuple):
    """One number of the mechanism: its range, unit, meaning and evidence."""

    id: str
    value: Interval
    unit: str
    meaning: str
    evidence: Evidence


@cache
def parameters() -> Mapping[str, Parameter]:
    """Every parameter by id. Raises ValueError on a duplicate id."""
    text = (DATA / "mechanism.csv").read_text(encoding="utf-8")
    found: dict[str, Parameter] = {}
    for row in csv.DictReader(text.splitlines()):
        if row["id"] in found:
            raise ValueError(f"parameter {row['id']!r} stands twice in mechanism.csv")
        basis = Evidence(msgspec.convert(row["tag"], Tag), tuple(row["sources"].split()))
        value = Interval(float(row["low"]), float(row["high"]))
        found[row["id"]] = Parameter(row["id"], value, row["unit"], row["meaning"], basis)
    return found


def evidence_in_use() -> Iterator[Evidence]:
    """Every piece of evidence of this module, for the check that each source exists and is used."""
    yield from (parameter.evidence for parameter in parameters().values())
