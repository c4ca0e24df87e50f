"""The message catalogue: every sentence shown to a person, by key. English first; a language is a folder.

A folder holds TOML files; the key of a message is ``file.table.name`` (``steps.test_anti_hmgcr.why``). Sentences use
``{name}`` for what is filled in.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


class UnknownMessage(KeyError):
    """A message key that the catalogue does not hold."""


@cache
def _file(language: str, name: str) -> dict[str, Any]:
    path = resources.files("imnm.knowledge.messages") / language / f"{name}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def say(key: str, /, *, language: str = "en", **values: object) -> str:
    """The sentence with this key, filled in. Raises UnknownMessage if there is none."""
    entry = _entry(language, key)
    return entry.format(**values) if values else entry


@cache
def _entry(language: str, key: str) -> str:
    name, *path = key.split(".")
    try:
        entry: Any = _file(language, name)
        for part in path:
            entry = entry[part]
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
