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


class Top(structs.Fhir):
    """The outermost object of either format, as far as it tells which it is."""

    resource_type: str | None = None
    type: Raw = Raw()
    timestamp: Raw = Raw()
    link: Raw = Raw()
    entry: Raw = Raw()
    subject: Raw = Raw()
    phenotypic_features: Raw = Raw()
    meta_data: Raw = Raw()
    measurements: Raw = Raw()
    diseases: Raw = Raw()
    proband: Raw = Raw()
    members: Raw = Raw()


_TOP = msgspec.json.Decoder(Top)
_BUNDLE = msgspec.json.Decoder(structs.Bundle, strict=False)


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

    Raises InputError if the bytes are no JSON object.
    """
    try:
        return _TOP.decode(data), data, False
    except RecursionError:
        raise InputError(say("sources.error.too_deep")) from None
    except msgspec.ValidationError:
        raise InputError(say("sources.error.not_known")) from None
    except msgspec.DecodeError as error:
        mended = _mended(data)
        if mended is None:
            raise InputError(_syntax_error(data, error)) from None
    try:
        return _TOP.decode(mended), mended, True
    except msgspec.DecodeError:
        raise InputError(say("sources.error.not_known")) from None


def bundle_of(data: bytes) -> structs.Bundle:
    """The Bundle. Raises InputError if it is malformed."""
    try:
        return _BUNDLE.decode(data)
    except RecursionError:
        raise InputError(say("sources.error.too_deep")) from None
    except msgspec.DecodeError as error:
        raise InputError(say("sources.error.malformed", format="Bundle", path=place(error))) from None


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
