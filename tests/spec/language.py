"""The language of the specifications: Markdown that a clinician can read and a test can run.

A page holds sections, one for each thing that is specified (``## rule course_rise``, ``## alert swallowing``,
``## step test:ck``, ``## finding ck_latest``, ``## statins``, ``## promise as-of``). A section holds
specifications::

    ### CK halves the wrong way round                       the title
    Why it is so (mimics:M33).                              any text
    A woman of 70.                                          who, if it matters
    As of day 3.                                            when it is asked, if not on day 0
    Known defect: what is wrong.                            if the product does not do it yet

    | day | what           | value          | ULN |         what is recorded; ``<ck>`` is filled in below
    | --- | -------------- | -------------- | --- |
    | -14 | Atorvastatin   | stopped        |     |
    | 0   | Creatine kinase| <ck> U/L       | 200 |

    - alert rapid_progression: no                           what must come out in every case

    | <ck>  | course_persist_14 |                           the cases: what is filled in, what must come out
    | ----- | ----------------- |
    | 4,001 | yes               |

Days count from day 0; ``-20 to -10`` is somewhere in between, ``undated`` says what it says. A further column
``known`` of the record gives the day since when the record knew it (the day itself if it is left out).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

PAGES = Path(__file__).parent / "pages"
KINDS = ("rule", "alert", "step", "finding", "criteria", "statins", "promise")


class SpecError(ValueError):
    """A specification that cannot be read; says where and what was expected."""


class Row(NamedTuple):
    """One line of the record, as written."""

    day: str
    what: str
    value: str
    uln: str = ""
    known: str = ""


class Must(NamedTuple):
    """What must come out: ``course_rise: yes``, ``step test:ck: urgent``, ``level: high``."""

    what: str
    want: str


class Case(NamedTuple):
    """One patient with what must come out. ``name``: what was filled in; ``as_of``: the day on which it is asked."""

    name: str
    who: str
    as_of: int
    rows: tuple[Row, ...]
    musts: tuple[Must, ...]


class Spec(NamedTuple):
    """One specification. ``kind`` and ``id``: what it specifies; ``body``: its own Markdown, without the title;
    ``defect``: why it does not hold yet, empty if it does."""

    kind: str
    id: str
    title: str
    body: str
    cases: tuple[Case, ...]
    where: str
    defect: str

    @property
    def name(self) -> str:
        """A name for the test report."""
        return f"{self.kind}:{self.id} {self.title}" if self.id else f"{self.kind}: {self.title}"


@cache
def specs() -> tuple[Spec, ...]:
    """Every specification, page by page."""
    return tuple(spec for page in sorted(PAGES.glob("*.md")) for spec in read_page(page))


def of(kind: str, id: str = "") -> list[Spec]:
    """The specifications of one thing."""
    return [spec for spec in specs() if (spec.kind, spec.id) == (kind, id)]


def read_page(path: Path) -> Iterator[Spec]:
    """The specifications of one page. Raises SpecError with file and line."""
    kind = id = title = ""
    start = 0
    body: list[str] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate([*lines, "## rule end"], 1):
        if line.startswith(("## ", "### ")):
            if title:
                yield _spec(kind, id, title, body, f"{path.name}:{start}")
            title, body, start = "", [], number
        if line.startswith("## "):
            kind, _, id = line[3:].strip().partition(" ")
            if kind not in KINDS:
                raise SpecError(f"{path.name}:{number}: a section is about one of {', '.join(KINDS)}, not {kind!r}")
        elif line.startswith("### "):
            title = line[4:].strip()
        elif title:
            body.append(line)


def _spec(kind: str, id: str, title: str, body: list[str], where: str) -> Spec:
    record: list[dict[str, str]] = []
    cases: list[dict[str, str]] = []
    musts: list[Must] = []
    who, as_of, defect = "", "0", ""
    for block in _blocks(body):
        if block[0].startswith("|"):
            header, rows = _table(block, where)
            if header[:3] == ["day", "what", "value"]:
                record = rows
            else:
                cases += rows
        elif block[0].startswith("- "):
            musts += [_must(line, where) for line in block]
        else:
            for line in block:
                if re.match(r"An? (?:man|woman|person)\b", line):
                    who = line
                if found := re.match(r"As of day (.+)\.$", line):
                    as_of = found[1]
                if line.startswith("Known defect: "):
                    defect = line
    if not cases and not musts:
        raise SpecError(f"{where}: {title!r} says nothing that must come out")
    found_cases = tuple(_case(cells, record, musts, who, as_of, where) for cells in (cases or [{}]))
    return Spec(kind, id, title, "\n".join(body).strip("\n"), found_cases, where, defect)


def _blocks(body: list[str]) -> Iterator[list[str]]:
    """Runs of lines of one sort: a table, a list, or text."""
    block: list[str] = []
    for line in [*body, ""]:
        other_sort = bool(block) and line[:1] != block[-1][:1] and bool({line[:1], block[-1][:1]} & {"|", "-"})
        if block and (other_sort or not line.strip()):
            yield block
            block = []
        if line.strip():
            block.append(line)


def _table(block: list[str], where: str) -> tuple[list[str], list[dict[str, str]]]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block]
    header, rule, *cells = rows
    if not all(re.fullmatch(r":?-+:?", cell) for cell in rule) or any(len(row) != len(header) for row in rows):
        raise SpecError(f"{where}: a table needs a rule below its header and as many cells in each line: {header}")
    return header, [dict(zip(header, row, strict=True)) for row in cells]


def _must(line: str, where: str) -> Must:
    what, colon, want = line[2:].rpartition(": ")
    if not colon:
        raise SpecError(f"{where}: expected '- what: result', received {line!r}")
    return Must(what.strip(), want.strip())


def _case(
    cells: dict[str, str], record: list[dict[str, str]], musts: list[Must], who: str, as_of: str, where: str
) -> Case:
    given = {name: value for name, value in cells.items() if name.startswith("<")}
    asked = [Must(name, value) for name, value in cells.items() if not name.startswith("<") and value]

    def fill(text: str) -> str:
        for name, value in given.items():
            text = text.replace(name, value)
        if "<" in text and re.search(r"<[a-z]", text):
            raise SpecError(f"{where}: nothing says what to fill in for {text!r}")
        return text

    filled = [{name: fill(cell) for name, cell in row.items()} for row in record]
    rows = tuple(
        Row(row["day"], row["what"], row["value"], row.get("ULN", ""), row.get("known", ""))
        for row in filled
        if row["value"] != "nothing"
    )
    name = ", ".join(given.values())
    return Case(name, fill(who), int(fill(as_of)), rows, (*musts, *asked))
