"""Sections and tissues: what part of a report speaks of this muscle, now, and how much its words weigh."""

from __future__ import annotations

from typing import NamedTuple

from .lexicon import Token, lexicon
from .mentions import BIOPSY
from .scope import Sentence
from .split import itemize

_SILENT = frozenset({"clinical", "past", "background"})
"""Sections that tell the question, the past or the literature, not what was found."""

_KIND_WORDS = {"biopsy": "biopsy", "histology": "biopsy", "emg": "emg", "electromyography": "emg", "mri": "mri"}
_HEADER_WORDS = 9
_INDENT = 40
_RESULTS = frozenset({
    "diagnosis", "conclusion", "impression", "interpretation", "comment", "finding", "microscopy", "result",
    "histology", "report", "microscopic", "summary", "opinion", "assessment", "imp", "concl", "description",
    "technique", "macroscopy",
})  # fmt: skip
_EXAMINATIONS = frozenset({
    "report", "biopsy", "study", "result", "examination", "mri", "emg", "reading", "finding", "diagnosis", "sample",
    "specimen", "interpretation", "impression",
})  # fmt: skip


class Place(NamedTuple):
    """Where in the report we are: which examination, which kind of section, which tissue, how much it weighs."""

    kind: str | None
    section: str = "report"
    muscle: bool = True
    strength: int = 0

    @property
    def silent(self) -> bool:
        """Whether nothing that stands here is a finding."""
        return self.section in _SILENT or self.kind is None


def kind_named(tokens: list[Token]) -> str | None:
    """The examination that a sentence or title names."""
    return next((_KIND_WORDS[word] for word, _, _ in tokens if word in _KIND_WORDS), None)


def opening(kind: str | None, title: str) -> Place:
    """The place at the start of a report with this title."""
    words = lexicon("biopsy")
    tokens = words.tokens(title)
    sentence = itemize(tokens, words)
    muscle = sentence.has("tissue_muscle") or not sentence.has("tissue_tissue")
    return Place(kind or kind_named(tokens), muscle=muscle)


def header(s: Sentence) -> int:
    """The colon that ends a header at the start of a sentence, or -1."""
    words = s.words[:_HEADER_WORDS]
    return words.index(":") if ":" in words else -1


def moved(s: Sentence, place: Place, text: str, start: int, first: bool) -> tuple[Place, bool]:
    """The place of this sentence, which starts at ``start`` in the text; and whether its header names a section."""
    colon = header(s)
    named = False
    if colon > 0:
        section, strength = _section(s, colon, place)
        named = section is not None
        if section is not None:
            place = place._replace(section=section, strength=strength)
        elif place.section in _SILENT and not s.has("section_clinical_words", 0, colon):
            place = place._replace(section="report")
    elif place.section in _SILENT and _leaves(s, text, start):
        place = place._replace(section="report")
    return place._replace(muscle=_in_muscle(s, colon, place.muscle, first)), named


def _leaves(s: Sentence, text: str, start: int) -> bool:
    """Whether a sentence without a header ends a silent section: on a new line, or by what it speaks of."""
    if _starts_line(text, start) or s.has("section_microscopy_words"):
        return True
    return not s.has("section_clinical_words")


def _starts_line(text: str, at: int) -> bool:
    start = max(0, at - _INDENT)
    line = text.rfind("\n", start, at)
    return (line >= 0 or start == 0) and text[line + 1 : at].strip(" -*•\t") == ""


def _section(s: Sentence, colon: int, place: Place) -> tuple[str | None, int]:
    """The section that a header opens, and how much its statements weigh."""
    words = s.words[:colon]
    of_examination = not _EXAMINATIONS.isdisjoint(words)
    if s.has("family", 0, colon) or s.has("section_clinical", 0, colon):
        return "clinical", 0
    if s.has("section_preliminary", 0, colon) and of_examination:
        return "report", -1
    if s.has("section_past", 0, colon) and of_examination:
        return "past", 0
    if s.has("section_addendum", 0, colon):
        return "report", 1
    if not _RESULTS.isdisjoint(words):
        return "report", max(place.strength, 0)
    if s.has("section_background", 0, colon) and colon <= 2:
        return "background", 0
    return None, 0


def _in_muscle(s: Sentence, colon: int, muscle: bool, first: bool) -> bool:
    """Whether this sentence and what follows speak of skeletal muscle: a header or the label of a part says so."""
    part = s.end > 1 and (s.words[0] in "abcdef123456(" or s.words[0] in ("part", "specimen"))
    limit = colon if colon > 0 else min(s.end, 6 if first or part else 0)
    if s.has("tissue_muscle", 0, limit) and "smooth muscle" not in s.words[:limit]:
        return True
    if s.has("tissue_tissue", 0, limit) and not s.tags[0] & BIOPSY:
        return False
    return muscle


_BEFORE_TISSUE = frozenset({"the", "in", "overlying", "adjacent"})


def of_muscle(s: Sentence) -> bool:
    """Whether a sentence in a muscle report is not about another tissue ("The skin shows ...")."""
    start = header(s) + 1
    for at in range(start, min(start + 3, s.end - 1)):
        if "tissue_tissue" in s.tags[at]:
            if s.words[at + 1] in ",:" or "verb" in s.tags[at + 1]:
                return False
        elif s.words[at] not in _BEFORE_TISSUE:
            break
    return True
