"""Closed intervals of numbers: what is known of a value that may be bounded, partial or missing.

A measured 13,875 is ``(13875, 13875)``; ``<20`` is ``[0, 20)``, stored with the next float below 20 so that every
interval is closed; nothing known is ``(-inf, inf)``. Days are numbers too (days since 1970-01-01), so a partial date
is an interval and a difference of dates is a subtraction in every engine.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from .truth import Truth

INF = math.inf

Op = Literal[">=", ">", "<=", "<"]
OPS: tuple[Op, ...] = (">=", ">", "<=", "<")


class Interval(NamedTuple):
    """The least and the most a value can be, both included. Unit: that of the thing measured."""

    low: float
    high: float

    @property
    def exact(self) -> bool:
        """Whether only one value is possible."""
        return self.low == self.high

    @property
    def known(self) -> bool:
        """Whether anything at all is known."""
        return self.low > -INF or self.high < INF


UNKNOWN = Interval(-INF, INF)


def exactly(value: float) -> Interval:
    """The interval that holds ``value`` alone."""
    return Interval(value, value)


def below(value: float) -> float:
    """The largest float less than ``value``: the closed upper end of an interval open at ``value``."""
    return math.nextafter(value, -INF)


def above(value: float) -> float:
    """The smallest float greater than ``value``: the closed lower end of an interval open at ``value``."""
    return math.nextafter(value, INF)


def hull(a: Interval, b: Interval) -> Interval:
    """The smallest interval that holds both."""
    return Interval(min(a.low, b.low), max(a.high, b.high))


def compare(a: Interval, op: Op, b: Interval) -> Truth:
    """Three-valued comparison: true or false only if it is so for every value in ``a`` and ``b``."""
    low, high = a
    least, most = b
    if op == ">=":
        return True if low >= most else False if high < least else None
    if op == ">":
        return True if low > most else False if high <= least else None
    if op == "<=":
        return True if high <= least else False if low > most else None
    return True if high < least else False if low >= most else None
