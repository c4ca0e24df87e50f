"""The Python interface: ``imnm.assess``."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from imnm.assessment import assess_record, model
from imnm.sources import InputError

__all__ = ["Assessment", "InputError", "assess"]


class Assessment(model.Assessment):
    """The answer for one patient on one date, with the fields of schema ``imnm/assessment/1``. In a notebook it shows
    itself; ``render`` gives every format of the command line."""

    def _repr_html_(self) -> str:
        from imnm.report.html import fragment

        return fragment(self)

    def render(self, format: str = "text") -> str:
        """The answer as ``text``, ``json``, ``jsonl``, ``html``, ``md`` or ``handout``."""
        from imnm.report import render

        return render(self, format)


def assess(
    record: str | os.PathLike[str] | bytes | Mapping[str, Any],
    as_of: str | dt.date | None = None,
    setting: str | None = None,
) -> Assessment:
    """Assess one patient's record.

    ``record``: a path, the bytes of a JSON document, or the document as a mapping (a FHIR R4 Bundle or a GA4GH
    Phenopacket v2). ``as_of``: the date to judge on, as a date or ``YYYY-MM-DD``; without it the newest entry read.
    ``setting``: ``statin-user``, ``neuromuscular-clinic``, ``general-record`` or ``child``; without it chosen from the
    record. Raises ``InputError`` with one clear sentence if the record cannot be read, and ``OSError`` if the file
    cannot.
    """
    if isinstance(record, bytes):
        data = record
    elif isinstance(record, Mapping):
        data = msgspec.json.encode(record)
    else:
        with open(record, "rb") as file:
            data = file.read()
    day = as_of.isoformat() if isinstance(as_of, dt.date) else as_of
    answer = assess_record(data, day, setting)
    if isinstance(record, str | os.PathLike):
        answer.file = os.fspath(record)
    return Assessment(**{name: getattr(answer, name) for name in answer.__struct_fields__})
