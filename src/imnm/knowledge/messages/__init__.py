"""The message catalogue: every sentence shown to a person, by key. English first; a language is a folder.

A folder holds TOML files; the key of a message is ``file.table.name`` (``steps.test_anti_hmgcr.why``). Sentences use
``{name}`` for what is filled in.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any


class UnknownMessage(KeyError):
    """A message key that the catalogue does not hold."""


_HEADER = re.compile(r"^\[([^\[\]]+)\]\s*$", re.MULTILINE)


@cache
def _texts(language: str, name: str) -> dict[str, str]:
    """The text of each table of a file by the table's name; what stands before the first by the empty name."""
    path = Path(__file__).parent / language / f"{name}.toml"
    first, *rest = _HEADER.split(path.read_text(encoding="utf-8"))
    return {"": first, **dict(zip((header.replace('"', "") for header in rest[::2]), rest[1::2], strict=True))}


@cache
def _table(language: str, name: str, table: str) -> dict[str, Any]:
    """One table of a file. Only tables that are asked for are parsed: a short answer needs few of a long file."""
    return tomllib.loads(_texts(language, name)[table])


def say(key: str, /, *, language: str = "en", **values: object) -> str:
    """The sentence with this key, filled in. Raises UnknownMessage if there is none."""
    entry = _entry(language, key)
    return entry.format(**values) if values else entry


@cache
def _entry(language: str, key: str) -> str:
    name, _, path = key.partition(".")
    table, _, last = path.rpartition(".")
    try:
        entry = _table(language, name, table)[last]
    except (KeyError, FileNotFoundError) as error:
        raise UnknownMessage(key) from error
    if not isinstance(entry, str):
        raise UnknownMessage(key)
    return entry


def has(key: str, /, *, language: str = "en") -> bool:
    """Whether the catalogue holds this key."""
    try:
        say(key, language=language)
    except UnknownMessage:
        return False
    return True
