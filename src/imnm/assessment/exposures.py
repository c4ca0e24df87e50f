"""The periods on drugs as they were known on the as-of date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from imnm.sources import Exposure

from .engine import iso

if TYPE_CHECKING:
    from .engine import Case


def exposures_of(case: Case) -> list[Exposure]:
    """What had been recorded and begun by then; an end that came later is not known yet."""
    today = iso(case.as_of) or ""
    recorded = {event.ref for event in case.events}
    known = [e for e in case.reading.exposures if e.ref in recorded and not _after(e.start, today)]
    return [msgspec.structs.replace(e, stop=None) if _after(e.stop, today) else e for e in known]


def _after(date: str | None, today: str) -> bool:
    return date is not None and date > today
