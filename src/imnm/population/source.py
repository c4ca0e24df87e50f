"""What every source of a population has in common: how it is found, what it reports, and what can go wrong."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import duckdb

from imnm.sources import Reading

T = TypeVar("T")
Progress = Callable[[str], None]
"""Called with one short line whenever there is something new to show."""


class SourceError(ValueError):
    """A population cannot be read as asked; one sentence for the person who asked."""


def place(file: str, line: int) -> str:
    """Where in the input: the file's name and the line, if it is known."""
    return f"{Path(file).name}:{line}" if line else Path(file).name


@dataclass
class Report:
    """What became of everything in the source. ``read`` people are those assessed and those skipped together.

    skipped:  reason to number of people. problems: (file or table, line or 0, reason), the first of each kind.
    broken:   lines or files that could not be read. entries: record entries by kind: seen, kept.
    mapping:  how the source's codes were understood, in lines for people.
    """

    read: int = 0
    passed: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    problems: list[tuple[str, int, str]] = field(default_factory=list)
    broken: int = 0
    entries: dict[str, tuple[int, int]] = field(default_factory=dict)
    mapping: list[dict[str, object]] = field(default_factory=list)
    unread_files: int = 0

    def skip(self, reason: str, people: int = 1) -> None:
        """Count people who are left out, and why."""
        self.skipped[reason] = self.skipped.get(reason, 0) + people

    @property
    def assessed(self) -> int:
        """The people who were read and not skipped."""
        return self.read - sum(self.skipped.values())


class Early(NamedTuple):
    """What a source works out of people while it has their records in hand, so that they need not be read again.

    judge: of a record on a day. day: that day; NaN: the newest of each record.
    """

    judge: Callable[[Reading, float], Any]
    day: float


class Population(Protocol):
    """A source of many records.

    ``load`` fills the table *events* with the events of everyone who passes the gate and *people* with one row for
    everyone (``store.PEOPLE_COLUMNS``). ``judged`` reads single people again, as the bedside does.
    """

    report: Report
    sample: set[str] | None
    """Those read for comparison though they did not pass the gate; None: anyone can still be read."""
    early: Early | None
    """To be worked out while reading, where the source reads whole records; set before ``load``."""
    verdicts: dict[str, Any]
    """What was worked out so, by patient."""

    def load(self, connection: duckdb.DuckDBPyConnection, progress: Progress) -> None: ...

    def judged(
        self, patients: Mapping[str, float], judge: Callable[[Reading, float], T]
    ) -> Iterator[tuple[str, T]]: ...

    def close(self) -> None: ...


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
