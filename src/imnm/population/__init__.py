"""The population room: the same findings and rules over every patient of a record system.

A source brings events (``fhir``, ``omop``), the store keeps them in DuckDB, the gate says who can have a level at all,
the level is computed in SQL for these, and the listed are assessed one by one, as at the bedside (``screen``).

What it needs is loaded when it is asked for, because the command line knows this room without using it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .screen import Screening, ScreenOptions, screen
    from .source import SourceError

__all__ = ["ScreenOptions", "Screening", "SourceError", "screen"]


def __getattr__(name: str) -> Any:
    if name == "SourceError":
        from .source import SourceError

        return SourceError
    if name in __all__:
        from importlib import import_module

        return getattr(import_module("imnm.population.screen"), name)
    raise AttributeError(name)
