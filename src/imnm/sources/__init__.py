"""Records in, events out: FHIR R4 Bundles and GA4GH Phenopackets v2.

``read`` finds the format by content. What was not understood is in ``Reading.problems``; what cannot be read at all
raises ``InputError`` with one sentence.
"""

from __future__ import annotations

import datetime as dt

from imnm.knowledge.messages import say

from .coding import Coder, LocalCodes
from .load import checked, top_of
from .reading import Exposure, InputError, Problem, Reading
from .record import Record

__all__ = ["Exposure", "InputError", "LocalCodes", "Problem", "Reading", "read"]

_CODER = Coder()


def read(data: bytes, local_codes: LocalCodes | None = None, today: dt.date | None = None) -> Reading:
    """Read one patient's record.

    ``local_codes``: a site's own codes, (system, code) to concept id. ``today``: the day after which dates are noted
    as lying in the future (the day of the call). Raises InputError for what is no record of one patient.
    """
    data = checked(data)
    top, data, mended = top_of(data)
    record = Record(Coder(local_codes) if local_codes else _CODER)
    if mended:
        record.problem("", "not_a_number")
    if top.resource_type == "Bundle":
        from .bundle import BundleReader

        BundleReader(record).read(top)
    elif top.resource_type is not None:
        raise InputError(say("sources.error.bare_resource", type=top.resource_type[:60]))
    elif top.proband or top.members:
        raise InputError(say("sources.error.family"))
    elif top.phenotypic_features or (top.subject and top.meta_data):
        from .phenopacket import read_phenopacket

        read_phenopacket(record, data)
    else:
        raise InputError(say("sources.error.not_known"))
    return record.finish(today or dt.date.today())
