"""Entries of an export that a later version gave to another patient: only the newest version counts, for both.

A laboratory corrects a result that was filed under the wrong person by a new version of the same resource. The reader
of one record sees both versions and takes the newer; here they go to the records of different people. So versions that
may be later ones are noted while reading, and whoever is read closely loses what a later version took away.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import msgspec

from imnm.sources.bulk import Glance, Piece, may_be_later, tail
from imnm.sources.bundle import version_of
from imnm.sources.structs import Meta

from . import store

_APART = ("Patient", "Encounter", "Bundle")
"""What is not looked for: who somebody is, visits (which say only when), and Bundles, whose ids are their own."""
_COLUMNS = "{'ref': 'VARCHAR', 'patient': 'VARCHAR', 'updated': 'VARCHAR', 'number': 'HUGEINT'}"

Version = tuple[str, str, str, int]
"""Of a resource: ``Type/id``, whose it is, and by what its versions are told apart (``version_of``)."""


class _Named(msgspec.Struct, rename="camel"):
    resource_type: str | None = None
    id: str | None = None
    meta: Meta | None = None


class _Entry(msgspec.Struct, rename="camel"):
    resource: _Named
    full_url: str | None = None


_NAMED = msgspec.json.Decoder(_Named, strict=False)
_ENTRY = msgspec.json.Decoder(_Entry, strict=False)


def later_in_lines(data: bytes, later: Iterable[Glance]) -> Iterator[Version]:
    """The resources kept of many lines that may be later versions."""
    for patient, kind, _, start, end in later:
        if patient and kind not in _APART:
            named = _NAMED.decode(data[start:end])
            if named.id:
                yield f"{named.resource_type}/{named.id}", patient, *version_of(named.meta)


def later_piece(piece: Piece) -> Iterator[Version]:
    """A single resource that is kept, if it may be a later version."""
    if piece.kind not in _APART and b'"meta"' in piece.entry:
        found = _ENTRY.decode(piece.entry)
        meta = found.resource.meta
        if meta is not None and may_be_later(meta) and (ref := _ref(found)):
            yield ref, piece.patient, *version_of(meta)


def held(patient: str, entries: Iterable[bytes]) -> Iterator[Version]:
    """The versions in a patient's record."""
    for entry in entries:
        if ref := ref_of(entry):
            yield ref, patient, *version_of(_ENTRY.decode(entry).resource.meta)


def ref_of(entry: bytes) -> str:
    """``Type/id`` of a Bundle entry; empty if it has no id, or is no resource that can be read."""
    try:
        return _ref(_ENTRY.decode(entry))
    except msgspec.DecodeError:
        return ""


def _ref(entry: _Entry) -> str:
    name = entry.resource.id or tail(entry.full_url)
    return f"{entry.resource.resource_type}/{name}" if name else ""


def append(folder: Path, kind: str, versions: Iterable[Version]) -> None:
    """Write versions to a file of this process: ``later`` or ``held``."""
    with (folder / f"{os.getpid()}.{kind}.csv").open("a", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(map(store.csv_row, versions))


def any_later(folder: Path) -> bool:
    """Whether anything was met that may be a later version."""
    return any(folder.glob("*.later.csv"))


_MOVED = """
SELECT DISTINCT h.patient, h.ref
FROM (SELECT ref, patient, max((updated, number)) AS version FROM {held} GROUP BY ALL) h JOIN {later} l USING (ref)
WHERE l.patient <> h.patient AND (l.updated, l.number) > h.version"""


def moved(connection: duckdb.DuckDBPyConnection, folder: Path) -> dict[str, frozenset[str]]:
    """What later versions took away from those whose versions are ``held``: refs by patient."""
    tables = {
        kind: f"read_csv({store.literal(str(folder / f'*.{kind}.csv'))}, header = false, delim = ',', quote = '\"', "
        f"escape = '\"', nullstr = '\\N', auto_detect = false, max_line_size = 16777216, columns = {_COLUMNS})"
        for kind in ("held", "later")
    }
    found: dict[str, set[str]] = {}
    for patient, ref in connection.execute(_MOVED.format(**tables)).fetchall():
        found.setdefault(patient, set()).add(ref)
    return {patient: frozenset(refs) for patient, refs in found.items()}
