"""Example patients, invented by this project: no real person, no published case."""

from __future__ import annotations

from importlib import resources
from typing import NamedTuple


class Example(NamedTuple):
    """A bundled record. ``as_of``: the date it is shown on. Its title is the message ``examples.<id>.title``."""

    id: str
    file: str
    as_of: str = "last"


EXAMPLES = (
    Example("untested", "statin_weakness_untested.json"),
    Example("course_before", "statin_anti_hmgcr_course.json", "2023-08-30"),
    Example("course", "statin_anti_hmgcr_course.json"),
    Example("srp", "young_anti_srp.json"),
    Example("myalgia", "statin_myalgia.json"),
    Example("exertion", "exertional_rhabdomyolysis.json"),
    Example("dystrophy", "dystrophy_phenopacket.json"),
)


def read(example: Example) -> bytes:
    """The record as it stands in the package."""
    return (resources.files("imnm.examples") / example.file).read_bytes()
