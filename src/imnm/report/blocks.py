"""The blocks a report is made of, and how values are put in words.

Everything is plain text: escaping is the renderer's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imnm.knowledge.messages import has, say

from . import labels


class Cited(NamedTuple):
    """A line with the sources it rests on; as text they stand behind it."""

    text: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.text} [{', '.join(self.sources)}]" if self.sources else self.text


class Weight(NamedTuple):
    """What one finding adds to the odds, as a decimal logarithm with its interval."""

    label: str
    value: float
    low: float
    high: float


class Entry(NamedTuple):
    """One thing said: a title, a mark beside it (urgency, result), further lines, and what it rests on.

    ``weights``: what speaks for and against it, the heaviest first; a page draws the bars. ``detail``: lines that a
    page shows when asked. ``share``: a fraction to draw as a bar; ``proof``: a proof tree as the assessment gives it;
    ``table``: the parts in full, which only a page shows.
    """

    title: str
    mark: str = ""
    tone: str = ""
    lines: tuple[str | Cited, ...] = ()
    weights: tuple[Weight, ...] = ()
    detail: tuple[str | Cited, ...] = ()
    evidence: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    share: float | None = None
    proof: Mapping[str, Any] | None = None
    table: Table | None = None


class Entries(NamedTuple):
    entries: tuple[Entry, ...]
    numbered: bool = False
    kind: str = "entries"


class Table(NamedTuple):
    """``numeric``: the columns that are aligned right; ``folded``: a page shows it only when asked; ``cited``: the
    column that holds ids of sources."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[int, ...] = ()
    folded: bool = False
    cited: int | None = None
    kind: str = "table"


class Paragraph(NamedTuple):
    text: str
    kind: str = "paragraph"


class Figure(NamedTuple):
    """The CK course, which only a page can draw."""

    kind: str = "figure"


Block = Entries | Table | Paragraph | Figure


class Section(NamedTuple):
    id: str
    title: str
    blocks: tuple[Block, ...]


SHOWN_WEIGHTS = 4
"""How many weights a line names on each side; a page draws the double."""


def all_lines(entry: Entry) -> list[str]:
    """Every line of an entry as text."""
    lines = []
    for key, some in (
        ("for", [w for w in entry.weights if w.value > 0]),
        ("against", [w for w in entry.weights if w.value < 0]),
    ):
        if some:
            items = "; ".join(f"{w.label} ({w.value:+.1f})" for w in some[:SHOWN_WEIGHTS])
            lines.append(say(f"report.line.contribution_{key}", items=items + more(some, SHOWN_WEIGHTS)))
    return [*lines, *map(str, entry.lines), *map(str, entry.detail)]


def more(items: Sequence[object], shown: int) -> str:
    """How many there are beyond those shown."""
    return ", " + say("report.line.more", count=len(items) - shown) if len(items) > shown else ""


# ---------------------------------------------------------------- words for values


def visible(text: str) -> str:
    """The text without anything that could steer a terminal, reverse the reading direction or break an encoding."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def value_words(value: Any) -> str:
    """A value as a person writes it: yes, 13,875, 5 to 9, unknown."""
    if value is None:
        return say("report.value.unknown")
    if isinstance(value, bool):
        return say("report.value.yes" if value else "report.value.no")
    if isinstance(value, int | float):
        return number_words(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{labels.words(str(k))}: {value_words(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        numbers = len(value) == 2 and all(v is None or (isinstance(v, int | float) and v is not True) for v in value)
        return bounds_words(*value) if numbers else ", ".join(value_words(v) for v in value)
    return str(value)


def number_words(value: float) -> str:
    """A number with thousands separated, no more digits than it needs."""
    if abs(value) >= 1e15 or value != value:
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else f"{value:.3g}"


def bounds_words(low: float | None, high: float | None) -> str:
    """A bounded value: one number if both bounds are the same, else what is known of it."""
    if low is None and high is None:
        return say("report.value.unknown")
    if low is None:
        return say("report.value.at_most", value=number_words(high or 0.0))
    if high is None:
        return say("report.value.at_least", value=number_words(low))
    if low == high:
        return number_words(low)
    return say("report.value.between", low=number_words(low), high=number_words(high))


def word(table: str, key: str) -> str:
    """The catalogue's word for a key, or the key in plain words."""
    return say(f"{table}.{key}") if has(f"{table}.{key}") else labels.words(key)


def columns(*names: str) -> tuple[str, ...]:
    """Column headings."""
    return tuple(say(f"report.column.{name}") for name in names)


def provisional(provisional: bool) -> str:
    """The mark of what rests on a source that could not be read."""
    return f" ({say('report.line.provisional')})" if provisional else ""
