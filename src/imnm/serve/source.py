"""The patients the pages know: the listed of a screened SOURCE, and the records that CDS Hooks calls brought lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from imnm.assessment import AskError, assess_reading
from imnm.assessment.model import Assessment
from imnm.sources import InputError, Reading

if TYPE_CHECKING:
    import duckdb

    from imnm.population.rows import ListedRow
    from imnm.population.screen import Screening, ScreenOptions
    from imnm.population.source import Early, Population, Progress, Report

T = TypeVar("T")
SETTING = "general-record"
"""Whose priors a screened population is judged with, here as in ``imnm screen``."""
RECENT = 200
RECENT_EVENTS = 200_000
"""How many records of CDS Hooks calls are remembered for their page, and how many events and noted problems they
may hold together."""


class Listed(NamedTuple):
    """A listed patient: the row of the worklist and the CK results for its small picture (day, U/L)."""

    row: ListedRow
    course: tuple[tuple[float, float], ...]


class Patients:
    """Everyone who has a page. Records are looked up by the patient's id."""

    def __init__(self, source: str | None) -> None:
        self.source = source
        self.listed: list[Listed] = []
        self.read = 0
        self.failure = ""
        self.ready = threading.Event()
        self._readings: dict[str, Reading] = {}
        self._recent: OrderedDict[str, Reading] = OrderedDict()
        self._recent_events = 0
        self._lock = threading.Lock()
        if source is None:
            self.ready.set()

    def load(self) -> None:
        """Screen the source. What goes wrong is said in ``failure``, for whoever runs the service."""
        if self.source is None:
            return
        from imnm.population.screen import ScreenOptions, screen
        from imnm.population.source import SourceError

        kept: dict[str, Reading] = {}
        try:
            answer = screen(self.source, ScreenOptions(setting=SETTING), open_source=partial(_keeping, kept))
        except (SourceError, InputError) as error:
            self.failure = str(error)
            return
        self._take(answer, kept)
        self.ready.set()

    def _take(self, answer: Screening, kept: dict[str, Reading]) -> None:
        self.read = answer.report.read
        self.listed = [Listed(row, _course(kept[row.patient_id])) for row in answer.worklist]
        ids = {listed.row.patient_id for listed in self.listed}
        self._readings = {id: reading for id, reading in kept.items() if id in ids}

    def reading(self, id: str) -> Reading | None:
        """The record of a patient; None if nobody with this id is known here."""
        with self._lock:
            return self._readings.get(id) or self._recent.get(id)

    def is_listed(self, id: str) -> bool:
        """Whether the patient stands in the worklist."""
        return id in self._readings

    def as_of(self, id: str) -> str | None:
        """The day on which the worklist judged the patient; None if not listed."""
        return next((listed.row.as_of for listed in self.listed if listed.row.patient_id == id), None)

    def remember(self, reading: Reading, id: str) -> None:
        """Keep a record that a CDS Hooks call brought, so that the card's link leads somewhere; the oldest give way.
        ``id``: under which it has its page."""
        if id in self._readings or size(reading) > RECENT_EVENTS:
            return
        with self._lock:
            self._forget(id)
            self._recent[id] = reading
            self._recent_events += size(reading)
            while len(self._recent) > RECENT or self._recent_events > RECENT_EVENTS:
                self._forget(next(iter(self._recent)))

    def _forget(self, id: str) -> None:
        earlier = self._recent.pop(id, None)
        if earlier is not None:
            self._recent_events -= size(earlier)


def size(reading: Reading) -> int:
    """How much a record holds in memory: what was read of it, and what was noted because it could not be."""
    return len(reading.events) + len(reading.problems)


def assessed(reading: Reading, as_of: str | None, setting: str | None) -> Assessment:
    """The assessment of a record. Raises AskError."""
    return assess_reading(reading, as_of, setting)


def joined(reading: Reading, more: Iterable[Reading]) -> Reading:
    """A record with what was entered here besides."""
    events, newest = list(reading.events), reading.newest_known
    for other in more:
        events += [event for event in other.events if event.concept not in ("birth", "sex")]
        newest = max(newest, other.newest_known)
    return Reading(reading.patient, events, reading.problems, reading.exposures, newest, reading.counts)


def _course(reading: Reading) -> tuple[tuple[float, float], ...]:
    points = [
        (event.end, event.low)
        for event in reading.events
        if event.concept == "creatine_kinase_total" and event.low > 0 and abs(event.end) < 1e9
    ]
    return tuple(sorted(points))


# ---------------------------------------------------------------- keeping the records of the listed


def _keeping(kept: dict[str, Reading], source: str, folder: Path, options: ScreenOptions) -> Population:
    from imnm.population.opening import open_population

    return _Keeping(open_population(source, folder, options), kept)


def _both(judge: Callable[[Reading, float], T], reading: Reading, day: float) -> tuple[T, Reading]:
    return judge(reading, day), reading


class _Keeping:
    """A population that keeps the record of everyone who is assessed one by one."""

    def __init__(self, population: Population, kept: dict[str, Reading]) -> None:
        self.population = population
        self.kept = kept
        self.report: Report = population.report
        self.early: Early | None = None  # not handed on: whose record is kept has to be read for it
        self.verdicts: dict[str, Any] = {}

    @property
    def sample(self) -> set[str] | None:
        return self.population.sample

    @sample.setter
    def sample(self, wanted: set[str] | None) -> None:
        self.population.sample = wanted

    def load(self, connection: duckdb.DuckDBPyConnection, progress: Progress) -> None:
        self.population.load(connection, progress)

    def judged(self, patients: Mapping[str, float], judge: Callable[[Reading, float], T]) -> Iterator[tuple[str, T]]:
        for patient, (verdict, reading) in self.population.judged(patients, partial(_both, judge)):
            self.kept[patient] = reading
            yield patient, verdict

    def close(self) -> None:
        self.population.close()


__all__ = ["AskError", "Listed", "Patients", "assessed", "joined", "size"]
