"""The files of a FHIR folder as lines of JSON: plain, gz or zst, in parts that several processes can share."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

if sys.version_info >= (3, 14):
    from compression.zstd import ZstdError, ZstdFile
else:
    from backports.zstd import ZstdError, ZstdFile

SUFFIXES = (".ndjson", ".jsonl", ".json")
READ_ERRORS = (OSError, EOFError, zlib.error, ZstdError)
"""What a file that is damaged or cut off raises when it is read."""
BOM = b"\xef\xbb\xbf"
_CHUNK = 64 * 2**20
_BLOCK = 2**18


class Chunk(NamedTuple):
    """A part of a file. ``end`` 0: to its end (compressed files cannot be cut)."""

    file: Path
    start: int = 0
    end: int = 0


class Block(NamedTuple):
    """Whole lines of a file: where they begin in it, and the number of the first (1 in a file that can be read at any
    place, where lines are counted only if one is broken)."""

    start: int
    line: int
    data: bytes


def fhir_files(source: Path) -> list[Path]:
    """The files under a folder (or the file itself) that may hold FHIR as JSON."""
    if source.is_file():
        return [source]
    found = [path for path in source.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return sorted(path for path in found if _bare(path).endswith(SUFFIXES))


def _bare(path: Path) -> str:
    name = path.name.lower()
    return name.removesuffix(".gz").removesuffix(".zst")


def is_compressed(path: Path) -> bool:
    """Whether a file can only be read from its beginning."""
    return path.suffix.lower() in (".gz", ".zst")


def may_be_one_document(path: Path) -> bool:
    """Whether a file is named as one JSON document; it can hold lines of JSON all the same."""
    return _bare(path).endswith(".json")


def chunks(files: list[Path]) -> Iterator[Chunk]:
    """The files in parts of about the same size."""
    for path in files:
        size = path.stat().st_size
        if is_compressed(path) or may_be_one_document(path) or size <= _CHUNK:
            yield Chunk(path)
        else:
            starts = range(0, size, _CHUNK)
            yield from (Chunk(path, start, min(start + _CHUNK, size)) for start in starts)


def size_of(chunk: Chunk) -> int:
    """How many bytes a part has, about as many as they are unpacked."""
    if chunk.end:
        return chunk.end - chunk.start
    return chunk.file.stat().st_size * (8 if is_compressed(chunk.file) else 1)


_LONGEST_LOOK = 2**22


class _TypeOnly(msgspec.Struct):
    resourceType: str | None = None  # noqa: N815


def first_type(path: Path) -> str | None:
    """The type of the first resource in a file; None if it cannot be told."""
    try:
        with opened(path) as handle:
            return _type_of(handle.readline(_LONGEST_LOOK).removeprefix(BOM))
    except READ_ERRORS:
        return None


def last_type(path: Path) -> str | None:
    """The type of the last resource in a file that is not packed; None if it cannot be told."""
    with path.open("rb") as handle:
        handle.seek(max(0, path.stat().st_size - _LONGEST_LOOK))
        return _type_of(handle.read().rstrip().rpartition(b"\n")[2])


def _type_of(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=_TypeOnly).resourceType
    except msgspec.DecodeError:
        return None


def opened(path: Path) -> IO[bytes]:
    """The content of a file, unpacked. Reading raises one of ``READ_ERRORS`` where it is damaged or cut off."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix.lower() == ".zst":
        return ZstdFile(path, "rb")  # type: ignore[return-value]
    return path.open("rb")


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, each with its number; a file that is one JSON document is one line."""
    whole = _whole(path) if may_be_one_document(path) else None
    if whole is not None:
        yield 1, whole
        return
    with opened(path) as handle:
        for number, line in enumerate(handle, 1):
            yield number, line.removeprefix(BOM) if number == 1 else line


def _whole(path: Path) -> bytes | None:
    """A file that is one JSON document, on one line; None if it is lines of JSON, or nothing."""
    with opened(path) as handle:
        data = handle.read().removeprefix(BOM)
    try:
        msgspec.json.decode(data, type=_TypeOnly)
    except msgspec.DecodeError:
        return None
    return data.replace(b"\n", b" ").replace(b"\r", b" ")


def blocks(chunk: Chunk) -> Iterator[Block]:
    """The lines that begin in a chunk, many at a time."""
    packed = is_compressed(chunk.file)
    with opened(chunk.file) as handle:
        place, line = chunk.start, 1
        if place:
            handle.seek(place - 1)
            place += len(handle.readline()) - 1
        while not chunk.end or place < chunk.end:
            data = handle.read(min(_BLOCK, chunk.end - place) if chunk.end else _BLOCK)
            if not data:
                return
            if not data.endswith(b"\n"):
                data += handle.readline()
            mark = len(BOM) if place == 0 and data.startswith(BOM) else 0
            yield Block(place + mark, line, data[mark:])
            place += len(data)
            if packed:
                line += data.count(b"\n")


def line_number(chunk: Chunk, block: Block, offset: int) -> int:
    """The number of a line that begins so far into a block. In a file that can be read at any place the lines before
    it have to be counted."""
    if is_compressed(chunk.file) or may_be_one_document(chunk.file):
        return block.line + block.data.count(b"\n", 0, offset)
    count, left = 1, block.start + offset
    with chunk.file.open("rb") as handle:
        while left > 0:
            before = handle.read(min(left, 2**24))
            count += before.count(b"\n")
            left -= len(before)
    return count
