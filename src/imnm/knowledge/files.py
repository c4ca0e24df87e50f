"""Where the data files of this room lie."""

from __future__ import annotations

from pathlib import Path

DATA = Path(__file__).parent / "data"
"""The folder. A path, not ``importlib.resources``: importing that costs a terminal more than reading the files."""
