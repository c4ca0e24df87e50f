"""Values as laboratories write them: numbers, bounds, titres, words, flags and limits. Units are only carried along.

A text is parsed once; what is ambiguous stays an interval (``12.345`` may be twelve or twelve thousand), and what is
not understood is None, never a guess.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from imnm.knowledge.pattern import pattern
from imnm.logic.interval import INF, Interval, above, below, exactly
from imnm.logic.truth import Truth

_SPACE = "[ \\u00a0\\u202f\\u2009]"
_NUMBER = (
    r"(?P<number>"
    r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d+"  # 1.234.567  1.234,5
    rf"|\d{{1,3}}(?:(?:,|{_SPACE}|')\d{{3}}(?!\d))+(?:\.\d+)?"  # 12,345  12 345  1,234.5
    r"|\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
    r"|\.\d+)"
)
_COMPARATOR = (
    r"(?P<comparator><=|>=|=<|=>|≤|≥|<|>|less than|greater than|more than|over|above|below|under|at least|up to)"
)
_VALUE = pattern(rf"(?:{_COMPARATOR}\s*)?(?P<minus>-\s?)?{_NUMBER}(?P<plus>\s?\+(?!\+))?(?P<rest>.*)", re.DOTALL)
_SPAN = pattern(r"(?P<low>\d[\d,]*(?:\.\d+)?)\s*(?:-|–|—|to)\s*(?P<high>\d[\d,]*(?:\.\d+)?)(?P<rest>.*)", re.DOTALL)
_TITRE = pattern(r"(?P<comparator><=|>=|≤|≥|<|>)?\s*1\s*[:/]\s*(?P<number>\d{1,7})(?![\d.])")
_REFERENCE = pattern(
    r"[(\[]?\s*(?:ref(?:erence)?(?:\s*(?:range|interval))?|normal(?:\s*range)?|cut-?\s?off|uln|negative)?\s*[:=]?\s*"
    r"(?P<body>(?:<=|>=|≤|≥|<|>)?\s*\d[^)\]]*)[)\]]?",
    re.IGNORECASE,
)
_FLAG_WORD = pattern(r"(?<![\w*/])\*?(HH|H|LL|L|HIGH|LOW|N|NORMAL)\*?(?![\w/%])", re.IGNORECASE)
_MARKED = pattern(r"[(\[]|\b(?:ref|normal range|reference|cut-?\s?off|uln)\b", re.IGNORECASE)

_BELOW = frozenset({"<", "less than", "below", "under"})
_AT_MOST = frozenset({"<=", "=<", "≤", "up to"})
_ABOVE = frozenset({">", "greater than", "more than", "over", "above"})


class Limit(NamedTuple):
    """The upper end of a reference range. ``inside``: whether the number itself still counts as normal (None if the
    record does not say, as with a bare upper limit)."""

    number: float
    inside: bool | None


class Measured(NamedTuple):
    """A number as written, its unit as written (empty if none), and the limit and flag that stand beside it."""

    value: Interval
    unit: str = ""
    limit: Limit | None = None
    flag: str = ""
    titre: bool = False
    ambiguous: bool = False


def bounded(number: float, comparator: str | None) -> Interval:
    """A non-negative number with its comparator: ``<20`` is [0, 20), ``>20000`` is (20000, inf)."""
    if not comparator:
        return exactly(number)
    if comparator in _BELOW:
        return Interval(0.0, below(number))
    if comparator in _AT_MOST:
        return Interval(0.0, number)
    if comparator in _ABOVE:
        return Interval(above(number), INF)
    return Interval(number, INF)


@lru_cache(maxsize=65536)
def measured(text: str) -> Measured | None:
    """A result written as text: ``<20``, ``> 20,000 U/L``, ``12 345``, ``1:320 speckled``, ``87 CU (ref <20)``,
    ``352 H``. None if it does not begin with a number."""
    stripped = text.strip().lstrip("*~=").strip()
    if len(stripped) > 200:
        return None
    titre = _TITRE.match(stripped)
    if titre is not None:
        return Measured(bounded(float(titre["number"]), titre["comparator"]), titre=True)
    span = _SPAN.fullmatch(stripped)
    if span is not None:
        low, high = _numbers(span["low"])[0], _numbers(span["high"])[0]
        if low < high:
            unit, limit, flag = _tail(span["rest"])
            return Measured(Interval(low, high), unit, limit, flag)
    match = _VALUE.fullmatch(stripped.lower() if stripped[:1].isalpha() else stripped)
    if match is None:
        return None
    least, most = _numbers(match["number"])
    if match["minus"]:
        least, most = -most, -least
    comparator = match["comparator"] or (">=" if match["plus"] else None)
    unit, limit, flag = _tail(match["rest"])
    if least == most:
        return Measured(bounded(least, comparator), unit, limit, flag)
    value = Interval(bounded(least, comparator).low, bounded(most, comparator).high)
    return Measured(value, unit, limit, flag, ambiguous=True)


def _numbers(text: str) -> tuple[float, float]:
    """The least and the most a written number can mean."""
    bare = re.sub(rf"{_SPACE}|'", "", text)
    if bare.count(".") > 1 or ("." in bare and "," in bare and bare.rindex(",") > bare.rindex(".")):
        number = float(bare.replace(".", "").replace(",", "."))
        return number, number
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", bare) and not bare.startswith("0"):
        number = float(bare.replace(",", ""))
        return number, number
    number = float(bare.replace(",", "."))
    if re.fullmatch(r"[1-9]\d{0,2}\.\d{3}", bare):
        return number, float(bare.replace(".", ""))
    return number, number


def _tail(rest: str) -> tuple[str, Limit | None, str]:
    """Unit, limit and flag of what follows a number."""
    marked = _MARKED.search(rest)
    head, reference = (rest[: marked.start()], rest[marked.start() :]) if marked else (rest, "")
    flag = _FLAG_WORD.search(head)
    unit = head[: flag.start()] if flag else head
    return unit.strip(" ,;."), upper_limit(reference) if reference else None, flag[1].upper() if flag else ""


@lru_cache(maxsize=16384)
def upper_limit(text: str) -> Limit | None:
    """The upper end of a reference range written as text: ``20-200 U/L``, ``<= 29``, ``(ref <20)``."""
    match = _REFERENCE.search(text[:200])
    if match is None:
        return None
    body = match["body"].strip()
    span = _SPAN.match(body)
    if span is not None:
        return Limit(_numbers(span["high"])[0], True)
    value = _VALUE.match(body)
    if value is None:
        return None
    least, most = _numbers(value["number"])
    comparator = value["comparator"]
    if least != most or comparator in _ABOVE or comparator in (">=", "≥", "=>", "at least"):
        return None
    return Limit(least, False if comparator in _BELOW else True if comparator in _AT_MOST else None)


# ---------------------------------------------------------------- words


class Verdict(NamedTuple):
    """What a qualitative result says: positive, negative or neither, and how strongly if stated."""

    truth: Truth
    grade: str | None = None


_UNCLEAR = pattern(
    r"equivocal|borderline|indetermin|inconclusive|\btrace\b|see (?:note|comment|report|below)|pending|\bqns\b"
    r"|h(?:a)?emoly[sz]ed|not (?:performed|done|tested|available|reported|recorded|given)|\btnp\b|cancel|insufficient"
    r"|unsatisf|unknown|invalid|\(\+\)|\+/-|±"
)
_NEGATIVE = pattern(
    r"\bneg(?:ative|\b)|non-? ?reactive|not (?:detect|seen|found|present)|undetect"
    r"|\bnone(?: detected| seen)?\b|\babsent\b|\bnd\b|\bnr\b"
    r"|\b(?:no|not)\b(?: [\w-]+){0,3} (?:positive|reactive|detected|present|seen|found)"
    r"|\bno (?:antibod|evidence|significant)|unremarkable"
)
_POSITIVE = pattern(r"\bpos(?:itive|itivity|\b)|(?<!non)(?<!non-)(?<!non )\breactive|\bdetected|\bpresent\b|^\++$")
_EARLIER = pattern(r"previous|\bprior\b|history|outside|earlier|\blast year\b|repeat")
_STRONG = pattern(r"strong|high(?:ly)?[ -]?(?:positive|titre|titer)|\+\+\+")
_MODERATE = pattern(r"moderate|medium|(?<!\+)\+\+(?!\+)")
_WEAK = pattern(r"weak|low[ -]?(?:positive|titre|titer)|faint|(?<!\+)\+(?!\+)")


@lru_cache(maxsize=16384)
def verdict(text: str) -> Verdict | None:
    """A qualitative result in words (``POSITIVE``, ``Weakly positive``, ``++``, ``Not detected``, ``Equivocal``).

    None if it is not one, or says two things at once, or speaks of an earlier result.
    """
    low = text.strip().lower()
    if not low or len(low) > 120 or _EARLIER.search(low):
        return None
    if _UNCLEAR.search(low):
        return Verdict(None)
    negative, positive = bool(_NEGATIVE.search(low)), bool(_POSITIVE.search(_NEGATIVE.sub(" ", low)))
    if negative == positive:
        return (
            Verdict(True, strength(low)) if strength(low) and re.fullmatch(r"strong|weak|moderate|\++", low) else None
        )
    return Verdict(True, strength(low)) if positive else Verdict(False)


def strength(text: str) -> str | None:
    """``strong``, ``moderate`` or ``weak`` if the words say so."""
    low = text.lower()
    if _WEAK.search(low):
        return "weak"
    if _MODERATE.search(low):
        return "moderate"
    return "strong" if _STRONG.search(low) else None


_FLAGS: dict[str, str] = {
    **dict.fromkeys(
        ("H", "HH", "HU", "HX", ">", "H>", "HIGH", "CRITICAL HIGH", "ABOVE HIGH NORMAL", "ELEVATED"), "high"
    ),
    **dict.fromkeys(("L", "LL", "LU", "LX", "<", "L<", "LOW", "CRITICAL LOW", "BELOW LOW NORMAL"), "low"),
    **dict.fromkeys(("N", "NORMAL"), "normal"),
    **dict.fromkeys(("POS", "DET", "RR", "POSITIVE", "DETECTED", "REACTIVE"), "positive"),
    **dict.fromkeys(("WR", "WEAKLY REACTIVE"), "weak"),
    **dict.fromkeys(("NEG", "ND", "NR", "NEGATIVE", "NOT DETECTED", "NON-REACTIVE"), "negative"),
    **dict.fromkeys(("A", "AA", "ABNORMAL"), "abnormal"),
    **dict.fromkeys(("IND", "E", "I", "INDETERMINATE", "EQUIVOCAL"), "unclear"),
}


def flag(text: str | None) -> str | None:
    """What an interpretation code or word says: high, low, normal, positive, weak, negative, abnormal or unclear."""
    return _FLAGS.get(text.strip().upper()) if text else None
