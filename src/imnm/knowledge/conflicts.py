"""Where sources disagree: both statements with their sources, which one the rules follow, and why.

``data/conflicts.toml`` holds the structure, ``messages/<language>/conflicts.toml`` the sentences.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

import msgspec

from .evidence import Evidence, Tag
from .files import DATA
from .messages import say

Follows = Literal["a", "b", "both", "neither"]


class Conflict(msgspec.Struct, frozen=True):
    """Two statements that do not fit together.

    a, b: the sources of each. also: where our review of the literature lists it. shown: the situations in which a
    patient's assessment shows it (``explain`` shows all).
    """

    id: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    follows: Follows
    tag: Tag
    also: tuple[str, ...]
    shown: tuple[str, ...]

    def text(self, part: Literal["topic", "a", "b", "rule", "why"], language: str = "en") -> str:
        """One of its sentences."""
        return say(f"conflicts.{self.id}.{part}", language=language)


@cache
def conflicts() -> Mapping[str, Conflict]:
    """Every conflict by id, in the order of the file. Raises ValueError on a duplicate id."""
    text = (DATA / "conflicts.toml").read_text(encoding="utf-8")
    found: dict[str, Conflict] = {}
    for conflict in msgspec.convert(tomllib.loads(text)["conflict"], list[Conflict]):
        if conflict.id in found:
            raise ValueError(f"conflict {conflict.id!r} stands twice in conflicts.toml")
        found[conflict.id] = conflict
    return found


def shown_in(situations: frozenset[str]) -> tuple[Conflict, ...]:
    """The conflicts that concern any of these situations."""
    return tuple(conflict for conflict in conflicts().values() if situations.intersection(conflict.shown))


def evidence_in_use() -> Iterator[Evidence]:
    """Every piece of evidence of this module, for the check that each source exists and is used."""
    for conflict in conflicts().values():
        yield Evidence(conflict.tag, (*conflict.a, *conflict.b))
