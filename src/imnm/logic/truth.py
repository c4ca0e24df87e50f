"""Kleene's three-valued logic, once, as data.

A truth is ``True``, ``False`` or ``None`` (unknown: not recorded, or not decidable from what is recorded).
The tables below are the only definition; the interpreters, the documentation and the tests read them.
"""

from __future__ import annotations

from collections.abc import Iterable

Truth = bool | None
"""``True``, ``False`` or ``None`` for unknown."""

TRUTHS: tuple[Truth, ...] = (True, False, None)

NOT: dict[Truth, Truth] = {True: False, False: True, None: None}

AND: dict[tuple[Truth, Truth], Truth] = {
    (True, True): True,
    (True, False): False,
    (True, None): None,
    (False, True): False,
    (False, False): False,
    (False, None): False,
    (None, True): None,
    (None, False): False,
    (None, None): None,
}

OR: dict[tuple[Truth, Truth], Truth] = {
    (True, True): True,
    (True, False): True,
    (True, None): True,
    (False, True): True,
    (False, False): False,
    (False, None): None,
    (None, True): True,
    (None, False): None,
    (None, None): None,
}


def all_of(truths: Iterable[Truth]) -> Truth:
    """True if every one is true, False if any is false, otherwise unknown. Empty: True."""
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        result = AND[result, truth]
    return result


def any_of(truths: Iterable[Truth]) -> Truth:
    """True if any one is true, False if every one is false, otherwise unknown. Empty: False."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        result = OR[result, truth]
    return result


def at_least(n: int, truths: Iterable[Truth]) -> Truth:
    """True if at least ``n`` are true whatever the unknowns turn out to be, False if they cannot be, else unknown."""
    sure = possible = 0
    for truth in truths:
        sure += truth is True
        possible += truth is not False
    if sure >= n:
        return True
    return False if possible < n else None
