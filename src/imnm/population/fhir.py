"""FHIR folders as a population: bulk-export NDJSON and Bundles, larger than memory, on every processor.

Two passes. The first looks at every resource once and writes to a spool, sorted into partitions by patient, what
matters: the entry itself, or where it stands in a file that can be read at any place. Files of visits and of drugs,
which say of nobody that he has to be read, come last: by then it is known of whom they matter. The second pass takes
one partition at a time, puts each patient's entries together and has the bedside reader read those who pass the gate.
"""

from __future__ import annotations

import contextlib
import csv
import gc
import math
import mmap
import multiprocessing
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib import resources
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import duckdb
import msgspec

from imnm.knowledge.messages import say
from imnm.logic.interval import Interval
from imnm.sources import InputError, LocalCodes, Reading, read
from imnm.sources.bulk import USED_TYPES, USES, Narrower, Spots, entries_of, entry_of, learn, pairs, read_entries
from imnm.sources.bundle import version_of
from imnm.sources.dates import birth_span
from imnm.sources.structs import Meta

from . import store, versions
from .gate import base, gate_concepts
from .lines import (
    READ_ERRORS,
    Block,
    Chunk,
    blocks,
    chunks,
    first_type,
    is_compressed,
    last_type,
    line_number,
    lines_of,
    may_be_one_document,
    size_of,
)
from .source import Early, Progress, Report, SourceError, cores

T = TypeVar("T")
_PARTITION = 64 * 2**20
_SHOWN_PROBLEMS = 5
_SMALL = 24 * 2**20
"""Sources up to this size are read by one process: starting others would take longer."""
_LATER = USES | {"Encounter"}
"""Types whose files are looked at last: they say when and with what, rarely that a patient has to be read."""


class Wanted:
    """Whose visits and drugs are kept of the files that are looked at last: these people's, and those of a share of
    all, drawn at random. ``again``: the files are gone through once more for these people, for nothing else."""

    def __init__(self, people: set[str], share: float, again: bool = False) -> None:
        self.people, self.share, self.again = people, share, again
        self.let_go: set[str] = set()
        """The others, whom the chunk at hand names."""

    def keeps(self, patient: str, kind: str) -> bool:
        """Whether an entry of this type (or ``VOID``) is kept."""
        if kind not in _LATER:
            return not self.again
        if patient in self.let_go:
            return False
        if self.wants(patient):
            return True
        self.let_go.add(patient)
        return False

    def wants(self, patient: str) -> bool:
        return patient in self.people or _drawn(patient.encode(), self.share)


class Scanned(NamedTuple):
    """What a worker found in a chunk."""

    seen: dict[str, int]
    kept: dict[str, int]
    without_patient: int
    medications: dict[str, bytes | None]
    problems: list[tuple[str, int, str]]
    broken: int
    telling: set[str]


class Gathered(NamedTuple):
    """What a worker found in a partition: people, those who passed, those left out by reason, those of the others who
    are kept for comparison, what was worked out of both, and how many have a birth date that is none."""

    people: int
    passed: int
    skipped: dict[str, int]
    sample: list[str]
    events: Path
    persons: Path
    verdicts: dict[str, Any]
    odd_births: int


class FhirPopulation:
    """A folder of FHIR files. ``folder``: where the spool may be written. ``also``: people who can be read again even
    if they neither pass the gate nor are drawn."""

    def __init__(
        self,
        files: list[Path],
        folder: Path,
        local_codes: LocalCodes | None = None,
        sample: int = 1000,
        also: Iterable[str] = (),
    ) -> None:
        self.files, self.folder, self.codes, self.sample_size, self.also = files, folder, local_codes, sample, also
        self.report = Report()
        self.sample: set[str] | None = None
        self.early: Early | None = None
        self.verdicts: dict[str, Any] = {}
        size = sum(map(size_of, map(Chunk, files)))
        self.workers = 1 if size <= _SMALL else cores()
        self.partitions = max(1, min(1024, size // _PARTITION))
        self.medications: dict[str, bytes | None] = {}
        gate_concepts()  # derived once here rather than in every process
        self.telling: set[str] = set()
        self.wanted: Wanted | None = None
        self.moved: dict[str, frozenset[str]] = {}
        self.prepared = False
        self.spool = folder / "spool"
        self.spool.mkdir()

    # ------------------------------------------------------------ the two passes

    def load(self, connection: duckdb.DuckDBPyConnection, progress: Progress) -> None:
        """Read everything; see ``Population``. Raises SourceError if nothing could be read."""
        self._scan(progress)
        self._find_moved(connection, progress)
        share = self._share()
        tasks = [(place, share, self.early) for place in range(self.partitions)]
        gathered = list(self._run(_gather, tasks, progress, "population.progress.gather"))
        self.sample = {patient for part in gathered for patient in part.sample}
        for part in gathered:
            self.verdicts.update(part.verdicts)
            self.report.read += part.people
            self.report.passed += part.passed
            for reason, count in part.skipped.items():
                self.report.skip(reason, count)
        if not self.report.read:
            raise SourceError(say("population.error.nothing_readable"))
        store.load_csv(connection, "events", [part.events for part in gathered])
        store.load_csv(connection, "people", [part.persons for part in gathered])
        if odd := sum(part.odd_births for part in gathered):
            self.report.problems.append(("Patient", 0, say("population.problem.no_birth", count=odd)))
        store.note_future(connection, self.report, "Patient")

    def judged(self, patients: Mapping[str, float], judge: Callable[[Reading, float], T]) -> Iterator[tuple[str, T]]:
        """Read these people again, one by one, and judge each on the given day."""
        by_partition: dict[int, dict[str, float]] = {}
        for patient, day in patients.items():
            by_partition.setdefault(partition_of(patient, self.partitions), {})[patient] = day
        tasks = [(place, wanted, judge) for place, wanted in by_partition.items()]
        for found in self._run(_judge, tasks, None, ""):
            yield from found

    def close(self) -> None:
        """Nothing is held open; the spool goes with its folder."""

    def _share(self) -> float:
        """Which part of the people met so far is drawn: a few more than asked for, since that is left to chance."""
        people = sum(self.report.entries.get(kind, (0, 0))[1] for kind in ("Patient", "Bundle"))
        return min(1.0, (self.sample_size + 3 * math.sqrt(self.sample_size)) / max(people, 1))

    def _scan(self, progress: Progress) -> None:
        types = {path: first_type(path) for path in self.files}
        drugs = [path for path, kind in types.items() if kind == "Medication"]
        later = [path for path, kind in types.items() if kind in _LATER]
        apart = {*drugs, *later}
        others = [path for path in types if path not in apart and not self._unneeded(path, types[path])]
        self._look_at(drugs, progress)
        self._look_at(others, progress)
        # whoever is met only in the files that follow makes the share that is drawn smaller, never larger
        self.wanted = Wanted(self.telling.union(self.also), self._share())
        self._look_at(later, progress)
        late = {patient for patient in self.telling if not self.wanted.wants(patient)}
        if late:  # files of visits or drugs also held what tells of muscle
            self.wanted = Wanted(late, 0.0, again=True)
            for _ in self._run(_scan, list(chunks(later)), progress, "population.progress.scan"):
                pass
        self.wanted = None

    def _find_moved(self, connection: duckdb.DuckDBPyConnection, progress: Progress) -> None:
        """What a later version gave to another patient."""
        if not versions.any_later(self.spool):
            return
        read_closely = self.telling.union(self.also)
        for _ in self._run(_hold, [(place, read_closely) for place in range(self.partitions)], progress,
                           "population.progress.versions"):  # fmt: skip
            pass
        self.moved = versions.moved(connection, self.spool)
        kinds = Counter(ref.partition("/")[0] for refs in self.moved.values() for ref in refs)
        for kind, count in sorted(kinds.items()):
            self.report.problems.append((kind, 0, say("population.problem.moved", count=count)))

    def _look_at(self, files: list[Path], progress: Progress) -> None:
        """Scan files, the largest parts first, so that the processes end at about the same time. What is found is put
        together in the order of the files."""
        parts = list(chunks(files))
        large_first = sorted(parts, key=size_of, reverse=True)
        found = dict(zip(large_first, self._run(_scan, large_first, progress, "population.progress.scan"), strict=True))
        for scanned in map(found.__getitem__, parts):
            self._count(scanned)
            learn(self.medications, scanned.medications)
            self.telling |= scanned.telling

    def _unneeded(self, path: Path, kind: str | None) -> bool:
        """A file that is named after a type we do not use, begins with it and, as far as that can be seen, ends with
        it."""
        named = kind is not None and re.search(f"{re.escape(kind)}(?![a-z])", path.name)
        if not named or kind in USED_TYPES:
            return False
        unneeded = is_compressed(path) or last_type(path) == kind
        self.report.unread_files += unneeded
        return unneeded

    def _count(self, scanned: Scanned) -> None:
        for kind, seen in scanned.seen.items():
            before = self.report.entries.get(kind, (0, 0))
            self.report.entries[kind] = (before[0] + seen, before[1] + scanned.kept.get(kind, 0))
        self.report.problems += scanned.problems
        self.report.broken += scanned.broken
        if scanned.without_patient:
            kind = say("population.read.no_subject")
            before = self.report.entries.get(kind, (0, 0))
            self.report.entries[kind] = (before[0] + scanned.without_patient, 0)

    def _run(
        self, function: Callable[[Any], T], tasks: list[Any], progress: Progress | None, message: str
    ) -> Iterator[T]:
        """The results of the tasks, each worked on by one of our processes."""
        setup = (self.spool, self.partitions, self.codes, self.medications, self.telling, self.wanted, self.files,
                 self.moved)  # fmt: skip
        here = self.workers == 1 or len(tasks) <= 1
        if here:
            _start(*setup)
            results: Iterable[T] = map(function, tasks)
            pool: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        else:
            context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
            gc.freeze()  # what is there by now stays; the processes started here need not look at it again
            workers = ProcessPoolExecutor(self.workers, context, _start_apart, setup)
            results, pool = workers.map(function, tasks), workers
            self._prepare()
        try:
            with pool:
                for done, result in enumerate(results, 1):
                    if progress is not None:
                        progress(say(message, done=done, total=len(tasks)))
                    yield result
        finally:
            gc.unfreeze()
        if here:
            _worker.close()

    def _prepare(self) -> None:
        """While the others work, make what is made once and remembered: the level query, and what the first record that
        is read and judged takes along. Processes started later have it from the start."""
        if self.prepared:
            return
        self.prepared = True
        store.own_query()
        if self.early is not None:
            example = resources.files("imnm.examples") / "statin_weakness_untested.json"
            self.early.judge(read(example.read_bytes()), self.early.day)


def partition_of(patient: str, partitions: int) -> int:
    """Where a patient's entries are spooled; the same in every process."""
    return zlib.crc32(patient.encode()) % partitions


# ---------------------------------------------------------------- in the worker processes


class _Pointers:
    """Where in a file the entries stand that are kept, by patient, type and mark."""

    def __init__(self) -> None:
        self.spots: Spots = {}

    def add(self, offset: int, kept: Spots) -> None:
        """Those kept of lines that begin so far into the file."""
        for who, spots in kept.items():
            self.spots.setdefault(who, []).extend([offset + spot for spot in spots])

    def spool(self, file: int) -> None:
        """Write them, a line for each patient and type: the file, and start and end of every entry."""
        for (patient, kind, mark), spots in self.spots.items():
            _spool(patient, _MARKS[mark], b"@%s %d %s" % (kind.encode(), file, msgspec.json.encode(spots)))


class _Worker:
    """What a worker process keeps between tasks."""

    ready = False
    spool: Path
    partitions: int
    codes: LocalCodes | None
    narrower: Narrower
    medications: dict[str, bytes | None]
    telling: set[str]
    tell: set[bytes]
    """The same, as they stand in the spool."""
    wanted: Wanted | None
    files: list[Path]
    moved: dict[str, frozenset[str]]
    later: list[versions.Version]
    places: dict[Path, int]
    out: dict[int, IO[bytes]]
    mapped: dict[int, mmap.mmap]

    def close(self) -> None:
        for handle in self.out.values():
            handle.close()
        for mapped in self.mapped.values():
            mapped.close()
        self.out, self.mapped = {}, {}
        self.ready = False


_worker = _Worker()


def _start(
    spool: Path,
    partitions: int,
    codes: LocalCodes | None,
    medications: dict[str, bytes | None],
    telling: set[str],
    wanted: Wanted | None,
    files: list[Path],
    moved: dict[str, frozenset[str]],
) -> None:
    _worker.moved, _worker.later = moved, []
    _worker.spool, _worker.partitions, _worker.codes = spool, partitions, codes
    _worker.narrower = Narrower(gate_concepts(), codes)
    _worker.narrower.medications = dict(medications)
    _worker.medications = medications
    _worker.telling, _worker.wanted = telling, wanted
    _worker.tell = set(map(str.encode, telling))
    _worker.files, _worker.places = files, {path: place for place, path in enumerate(files)}
    _worker.out, _worker.mapped = {}, {}
    _worker.ready = True


def _start_apart(*setup: Any) -> None:
    """Start in a process of our own. Records are trees, and little of what they leave behind needs the collector; but
    without it, as in the process that the command runs in, proofs would pile up."""
    gc.set_threshold(200_000, 20, 50)
    gc.enable()
    _start(*setup)


_MARKS = {"patient": b"P", "telling": b"T", "other": b"-", "bundle": b"B"}
_NAMED = b"N"
"""The mark of somebody who is named by an entry that is not kept."""


def _scan(chunk: Chunk) -> Scanned:
    """Spool what matters in a chunk."""
    narrower = _worker.narrower
    narrower.seen, narrower.kept, narrower.met, narrower.without_patient = {}, {}, {}, 0
    found = Scanned(narrower.seen, narrower.kept, 0, narrower.met, [], 0, set())
    pointers = _Pointers()
    broken = 0
    try:
        if may_be_one_document(chunk.file):
            documents = (Block(0, number, line) for number, line in lines_of(chunk.file))
            broken = sum(_scan_line(chunk, document, 0, document.data, found) for document in documents)
        else:
            for block in blocks(chunk):
                broken += _scan_block(chunk, block, found, pointers)
        if broken and not sum(narrower.seen.values()):
            found.problems[:] = [(str(chunk.file), 1, say("population.problem.no_json", lines=broken))]
    except READ_ERRORS as error:
        broken += 1
        found.problems.append((str(chunk.file), 0, say("population.problem.cut_off", reason=_reason(error))))
    pointers.spool(_worker.places[chunk.file])
    if _worker.wanted is not None:
        for patient in _worker.wanted.let_go:
            _spool(patient, _NAMED, b"")
        _worker.wanted.let_go.clear()
    for handle in _worker.out.values():
        handle.flush()
    if _worker.later:
        versions.append(_worker.spool, "later", _worker.later)
        _worker.later.clear()
    return found._replace(without_patient=narrower.without_patient, broken=broken)


def _scan_line(chunk: Chunk, block: Block, offset: int, line: bytes, found: Scanned) -> int:
    """Spool what matters of a line, which begins so far into a block; how much of it was broken: 0, 1 or, of a Bundle,
    the number of entries."""
    narrower = _worker.narrower
    narrower.unreadable = narrower.by_id_alone = 0
    try:
        for piece in narrower.pieces(line):
            if piece.mark == "telling" or piece.mark == "bundle":
                found.telling.add(piece.patient)
            _worker.later += versions.later_piece(piece)
            if _worker.wanted is None or _worker.wanted.keeps(piece.patient, piece.kind):
                _spool(piece.patient, _MARKS[piece.mark], piece.entry)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        if not line.strip():
            return 0
        fault, broken = _fault(error), 1
    else:
        fault = say("population.problem.not_fhir" if narrower.unreadable else "population.problem.patient")
        broken = narrower.unreadable + narrower.by_id_alone
    if broken and len(found.problems) < _SHOWN_PROBLEMS:
        found.problems.append((str(chunk.file), line_number(chunk, block, offset), fault))
    return broken


def _scan_block(chunk: Chunk, block: Block, found: Scanned, pointers: _Pointers) -> int:
    """Spool what matters of many lines, which are decoded at once; how many were broken. If they do not decode, or are
    not one resource a line, they are gone through one by one."""
    try:
        glanced = _worker.narrower.glance_at_lines(block.data)
    except RecursionError:
        glanced = None
    if glanced is None:
        offset, broken = 0, 0
        for line in block.data.splitlines(keepends=True):
            broken += _scan_line(chunk, block, offset, line, found)
            offset += len(line)
        return broken
    found.telling.update(patient for patient, _, mark in glanced.kept if mark == "telling")
    kept = glanced.kept
    _worker.later += versions.later_in_lines(block.data, glanced.later)
    if _worker.wanted is not None:
        keeps = _worker.wanted.keeps
        kept = {who: spots for who, spots in kept.items() if keeps(who[0], who[1])}
    if is_compressed(chunk.file):
        for (patient, kind, mark), spots in kept.items():
            for start, end in pairs(spots):
                _spool(patient, _MARKS[mark], entry_of(kind, block.data[start:end]))
    else:
        pointers.add(block.start, kept)
    return sum(_scan_line(chunk, block, start, block.data[start:end], found) for start, end in glanced.closer)


def _reason(error: Exception) -> str:
    return type(error).__name__ if not str(error) else str(error).splitlines()[0][:120]


def _fault(error: Exception) -> str:
    return say(
        "population.problem.not_fhir" if isinstance(error, msgspec.ValidationError) else "population.problem.json"
    )


def _spool(patient: str, mark: bytes, entry: bytes) -> None:
    if b"\n" in entry or b"\r" in entry:
        entry = entry.replace(b"\r", b" ").replace(b"\n", b" ")
    _handle(patient).write(b"%s\t%s\t%s\n" % (patient.encode(), mark, entry))


def _handle(patient: str) -> IO[bytes]:
    """The part of the spool in which a patient's entries are kept together."""
    place = partition_of(patient, _worker.partitions)
    if place not in _worker.out:
        _worker.out[place] = (_worker.spool / f"{place}.{os.getpid()}.lines").open("ab", buffering=2**18)
    return _worker.out[place]


Pieces = list[tuple[bytes, bytes]]


def _drawn(patient: bytes, share: float) -> bool:
    """Whether a patient belongs to a random share that is the same in every run."""
    return zlib.crc32(patient, 1) < share * 2**32


def _spooled(place: int, wanted: Callable[[bytes], bool]) -> dict[str, Pieces]:
    """The pieces of a partition by patient, as (mark, entry): all of those who are wanted, of the others who they
    are."""
    found: dict[bytes, Pieces] = {}
    for path in sorted(_worker.spool.glob(f"{place}.*.lines")):
        with path.open("rb") as handle:
            for line in handle:
                patient, mark, entry = line.split(b"\t", 2)
                pieces = found.setdefault(patient, [])
                if mark == b"P" or (mark != _NAMED and wanted(patient)):
                    pieces.append((mark, entry[:-1]))
    return {patient.decode(): pieces for patient, pieces in found.items()}


def _resolved(pieces: Pieces) -> Iterator[tuple[bytes, bytes]]:
    """Pieces with the entries themselves, where the spool says where they stand."""
    for mark, entry in pieces:
        if not entry.startswith(b"@"):
            yield mark, entry
            continue
        name, file, places = entry[1:].split(b" ")
        kind, text, spots = name.decode(), _mapped(int(file)), _SPOTS.decode(places)
        for start, end in pairs(spots):
            yield mark, entry_of(kind, text[start:end])


_SPOTS = msgspec.json.Decoder(list[int])


def _mapped(place: int) -> mmap.mmap:
    """A file of the source, to be read at any place."""
    if place not in _worker.mapped:
        with _worker.files[place].open("rb") as handle:
            _worker.mapped[place] = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
    return _worker.mapped[place]


def _hold(task: tuple[int, set[str]]) -> None:
    """Note which versions are in the records of these people."""
    place, people = task
    for patient, pieces in _spooled(place, lambda patient: patient.decode() in people).items():
        entries = (entry for mark, entry in _resolved(pieces) if mark not in (b"P", b"B"))
        versions.append(_worker.spool, "held", versions.held(patient, entries))


def _reading(patient: str, pieces: Pieces) -> Reading:
    """The record of one patient. Raises InputError."""
    pieces = list(_resolved(pieces))
    bundles = [entry for mark, entry in pieces if mark == b"B"]
    if len(pieces) == 1 and bundles:
        return read(bundles[0], _worker.codes)
    entries = [entry for mark, entry in pieces if mark != b"B"]
    if moved := _worker.moved.get(patient):
        entries = [entry for entry in entries if versions.ref_of(entry) not in moved]
    for bundle in bundles:
        entries += entries_of(bundle)
    # in a fixed order, whichever process spooled them first
    return read_entries(sorted(entries), _worker.medications, _worker.codes)


class _Born(msgspec.Struct, rename="camel"):
    birth_date: str | None = None
    meta: Meta | None = None


class _BornEntry(msgspec.Struct):
    resource: _Born


_BORN = msgspec.json.Decoder(_BornEntry, strict=False)


def _gather(task: tuple[int, float, Early | None]) -> Gathered:
    """Read everyone of a partition who may pass the gate; write events and persons. Of the others a random share is
    read as well, to be judged for comparison."""
    place, share, early = task
    verdicts: dict[str, Any] = {}
    gate = gate_concepts()
    tell = _worker.tell
    spooled = _spooled(place, lambda patient: patient in tell or _drawn(patient, share))
    sample = [patient for patient in spooled if patient not in _worker.telling and _drawn(patient.encode(), share)]
    skipped: dict[str, int] = {}
    people = passed = odd = 0
    events, persons = (_worker.spool / f"{place}.{name}.csv" for name in ("events", "people"))
    with events.open("w", encoding="utf-8", newline="") as one, persons.open("w", encoding="utf-8", newline="") as two:
        event_writer, person_writer = csv.writer(one), csv.writer(two)
        for patient, pieces in spooled.items():
            people += 1
            try:
                reading = _telling(patient, pieces, gate)
                passes = reading is not None
                if early is not None and (passes or _drawn(patient.encode(), share)):
                    verdicts[patient] = early.judge(reading or _reading(patient, pieces), early.day)
            except InputError as error:
                skipped[str(error)] = skipped.get(str(error), 0) + 1
                continue
            newest = -math.inf
            if reading is not None:
                passed += 1
                newest = reading.newest_known
                event_writer.writerows(store.read_columns(patient, reading.events))
            birth, is_odd = _birth(pieces, reading)
            odd += is_odd
            span = (birth.low, birth.high) if birth else (None, None)
            row = (patient, *span, newest if newest > -math.inf else None, passes)
            person_writer.writerow(store.csv_row(row))
    return Gathered(people, passed, skipped, sample, events, persons, verdicts, odd)


def _telling(patient: str, pieces: Pieces, gate: frozenset[str]) -> Reading | None:
    """The record if it passes the gate, None if it does not. Raises InputError where the patient is to be left out."""
    marks = {mark for mark, _ in pieces}
    if marks.isdisjoint((b"P", b"B")):
        raise InputError(say("population.read.no_patient"))
    if marks.isdisjoint((b"T", b"B")):
        return None
    reading = _reading(patient, pieces)
    return reading if any(base(event.concept) in gate for event in reading.events) else None


def _birth(pieces: Pieces, reading: Reading | None) -> tuple[Interval | None, bool]:
    """The span of the birth date, if it is known, and whether one is given that is none."""
    if reading is not None:
        spans = [event.dates for event in reading.events if event.concept == "birth"]
        return (spans[0], False) if spans else (None, any(one.ref.startswith("Patient") for one in reading.problems))
    patients = [_BORN.decode(entry).resource for mark, entry in sorted(pieces) if mark == b"P"]
    text = max(reversed(patients), key=lambda one: version_of(one.meta)).birth_date if patients else None
    span = birth_span(text)
    return span, bool(text) and span is None


def _judge(task: tuple[int, Mapping[str, float], Callable[[Reading, float], T]]) -> list[tuple[str, T]]:
    place, wanted, judge = task
    spooled = _spooled(place, lambda patient: patient.decode() in wanted)
    return [
        (patient, judge(_reading(patient, spooled[patient]), day))
        for patient, day in wanted.items()
        if patient in spooled
    ]
