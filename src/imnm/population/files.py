"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from imnm.knowledge.messages import say

from .interrupt import unfinished
from .source import SourceError

_FULL = os.strerror(errno.ENOSPC)


def is_full(error: Exception) -> bool:
    """Whether the disk is full, whoever says so and in whatever kind of error."""
    return getattr(error, "errno", None) == errno.ENOSPC or _FULL in str(error)


def reason_of(error: Exception) -> str:
    """Why something cannot be written, for a person."""
    if is_full(error):
        return _FULL
    return getattr(error, "strerror", None) or str(error).splitlines()[0]


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path beside the target to write to, moved to its place when complete. A link is followed; a device or a pipe
    is written to, not replaced. Raises SourceError where nothing can be written."""
    path = target.resolve()
    special = path.exists() and not path.is_file()
    part = Path(tempfile.gettempdir() if special else path.parent) / f".{path.name}.{os.getpid()}.part"
    try:
        with unfinished(part):
            yield part
            if special:
                with part.open("rb") as source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                part.replace(path)
    except (OSError, duckdb.IOException) as error:
        raise SourceError(say("population.error.cannot_write", file=target, reason=reason_of(error))) from error


def write_text(target: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    with whole(target) as part:
        part.write_text(text, encoding="utf-8", errors="replace", newline="")
