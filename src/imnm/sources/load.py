"""From bytes to a record: the checks that stand before every format, and the choice of the format by content."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from msgspec import Raw

from imnm.knowledge.messages import say

from . import structs
from .reading import InputError, place

LIMIT_MB = 200
"""More than a patient's record can be; larger inputs are refused before anything is decoded."""


class Top(structs.Bundle):
    """The outermost object of either format: a Bundle, or what tells a Phenopacket."""

    resource_type: str | None = None
    subject: Raw = Raw()
    phenotypic_features: Raw = Raw()
    meta_data: Raw = Raw()
    proband: Raw = Raw()
    members: Raw = Raw()


class Entries(structs.Fhir):
    """The entries of a Bundle, each as it stands."""

    entry: list[Raw] = []


_TOP = msgspec.json.Decoder(Top, strict=False)
_ENTRIES = msgspec.json.Decoder(Entries)
_ENTRY = msgspec.json.Decoder(structs.Entry, strict=False)
_OTHER_FIELDS = msgspec.json.Decoder(dict[str, Raw])


def checked(data: bytes) -> bytes:
    """The bytes without byte order mark. Raises InputError for what cannot be JSON text of a sensible size."""
    if len(data) > LIMIT_MB * 1_000_000:
        raise InputError(say("sources.error.too_large", limit=LIMIT_MB))
    if data.startswith((b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh")):
        raise InputError(say("sources.error.compressed"))
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            raise InputError(say("sources.error.not_utf8")) from None
    start = data[:256].lstrip()
    if not start and not data.strip():
        raise InputError(say("sources.error.empty"))
    if start.startswith(b"<"):
        raise InputError(say("sources.error.xml"))
    return data


def top_of(data: bytes) -> tuple[Top, bytes, bool]:
    """The outermost object, the bytes to go on with, and whether numbers that are none had to be replaced.

    Raises InputError if the bytes are no JSON object of a known structure.
    """
    try:
        return _TOP.decode(data), data, False
    except RecursionError:
        raise InputError(say("sources.error.too_deep")) from None
    except msgspec.ValidationError as error:
        return _loose(data, error), data, False
    except msgspec.DecodeError as error:
        mended = _mended(data)
        if mended is None:
            raise InputError(_syntax_error(data, error)) from None
    try:
        return _TOP.decode(mended), mended, True
    except msgspec.DecodeError as error:
        raise InputError(_structure_error(error)) from None


def _loose(data: bytes, error: Exception) -> Top:
    """The outermost object, where single entries are not what an entry is: each of these becomes an empty one."""
    if not place(error).startswith(" at entry["):
        raise InputError(_structure_error(error)) from None
    try:
        entries = _ENTRIES.decode(data).entry
        top = _TOP.decode(msgspec.json.encode({**_OTHER_FIELDS.decode(data), "entry": []}))
    except (msgspec.DecodeError, RecursionError) as other:
        raise InputError(_structure_error(other)) from None
    top.entry = [_entry(raw) for raw in entries]
    return top


def _entry(raw: Raw) -> structs.Entry:
    """The entry; one that is none keeps its bytes as its resource, so that it is noted where it stands."""
    try:
        return _ENTRY.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return structs.Entry(resource=raw)


def _structure_error(error: Exception) -> str:
    where = place(error)
    if where.startswith((" at entry", " at link", " at type", " at timestamp")):
        return say("sources.error.malformed", format="Bundle", path=where)
    return say("sources.error.not_known")


def _mended(data: bytes) -> bytes | None:
    """JSON whose only fault is ``NaN`` or ``Infinity``, with null in their place; None if it has other faults."""
    if not (b"NaN" in data or b"Infinity" in data):
        return None
    try:
        decoded: Any = json.loads(data, parse_constant=str, parse_float=_finite)
        return msgspec.json.encode(decoded)
    except (ValueError, RecursionError, msgspec.EncodeError):
        return None


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _syntax_error(data: bytes, error: Exception) -> str:
    words = str(error)
    if "truncated" in words:
        return say("sources.error.truncated")
    if "trailing characters" in words and data.lstrip().startswith(b"{"):
        return say("sources.error.ndjson")
    return say("sources.error.not_json")
