"""Structured logs that cannot hold patient data: one JSON object a line, of named fields only.

The fields are listed here and nowhere else. An exception is logged by its kind and the innermost line of ours, never
by its message, which may quote a record. A path is logged as its route (``/patients/{id}``), never as it was asked.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

FIELDS = ("request", "method", "route", "status", "ms", "bytes", "kind", "place", "reason", "issuer", "tenant", "jti",
          "cards", "count", "address")  # fmt: skip
"""What a log line may hold besides its time, level and event."""

_LOGGER = logging.getLogger("imnm.serve")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON with the allowed fields. Lines of other libraries keep only their logger's name:
    their messages are not ours to vouch for."""

    def format(self, record: logging.LogRecord) -> str:
        time = dt.datetime.fromtimestamp(record.created, dt.UTC)
        line: dict[str, Any] = {"time": time.isoformat(timespec="milliseconds"), "level": record.levelname.lower()}
        if record.name == _LOGGER.name:
            line["event"] = record.msg
            line |= {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
        else:
            line["event"] = "library"
            line["reason"] = record.name
        if record.exc_info and record.exc_info[1] is not None:
            line |= defect(record.exc_info[1])
        return json.dumps(line)


def set_up() -> None:
    """All logging of the process goes through the formatter, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(logging.INFO)


def event(name: str, level: int = logging.INFO, **fields: object) -> None:
    """Log an event with fields of ``FIELDS``. Raises ValueError for another field."""
    unknown = set(fields) - set(FIELDS)
    if unknown:
        raise ValueError(f"a log line has no field {', '.join(sorted(unknown))}")
    _LOGGER.log(level, name, extra=fields)


def defect(error: BaseException) -> dict[str, str]:
    """The kind of an exception and the innermost line of ours it passed."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}imnm{os.sep}" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    return {"kind": type(error).__name__, "place": place}
