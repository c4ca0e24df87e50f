"""What a CK says about its upper limit of normal when the laboratory's own limit is not on record.

The limit itself is never guessed. But no upper limit for CK in use, nor any healthy percentile read, lies outside the
two bounds below; so a CK beyond them is surely raised or surely normal, and a CK flagged normal surely lies below the
upper bound. Multiples of the limit stay unknown.
"""

from __future__ import annotations

import msgspec

from imnm.logic.event import Event
from imnm.logic.interval import above, below

from .evidence import evidence, threshold

CK = "creatine_kinase_total"
CK_ULN_CEILING = threshold(
    "ck_uln_ceiling",
    1000,
    "U/L",
    "no upper limit of normal for CK reaches this: a CK at or above it is raised, one flagged normal is below it",
    evidence("convention", "kley2018", "cca1999", "medtrib-ck", note="highest limit read: 532 U/L in young men"),
)
CK_ULN_FLOOR = threshold(
    "ck_uln_floor",
    150,
    "U/L",
    "no adult upper limit of normal for CK lies below this: a CK at or below it is normal",
    evidence("convention", "medtrib-ck", note="lowest limit quoted in the dossier: 170 U/L"),
)


def within_known_limits(event: Event) -> Event:
    """The event with what the two bounds add to it; an event of another concept as it is."""
    if event.concept != CK:
        return event
    low, high, times_low, times_high = event.low, event.high, event.times_low, event.times_high
    if low >= CK_ULN_CEILING.number:
        times_low = max(times_low, above(1.0))
    if high <= CK_ULN_FLOOR.number:
        times_high = min(times_high, 1.0)
    if times_high <= 1.0:
        high = min(high, below(CK_ULN_CEILING.number))
    if times_low > times_high or low > high:  # the record contradicts itself: it stays as the record has it
        return event
    return msgspec.structs.replace(event, low=low, high=high, times_low=times_low, times_high=times_high)
