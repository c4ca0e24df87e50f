"""The lexicon of the report reader: words folded to one spelling, phrases found in linear time.

The words themselves are data (``knowledge/data/report_lexicon.toml``). A phrase can carry several tags (``remain`` says
that something is there, and that it is so now); the longest phrase that starts at a place wins.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

Tags = frozenset[str]
NO_TAGS: Tags = frozenset()

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:'[a-z]{1,2}\b)?|\d+(?:[.,]\d+)*|\++|\n|[^\w\s]")
_DASHES = str.maketrans("–—−‐‑’\u00a0", "-----' ")
_MIN_FUZZY = 7  # shorter words of the lexicon have too many neighbours that mean something else
_NO_SLIPS = frozenset({"prevent", "facial", "percent", "section", "strain", "previous"})
_CACHE_LIMIT = 50_000


class Token(NamedTuple):
    """A folded word or a mark, and where it stands in the text."""

    word: str
    start: int
    end: int


def _singular(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]
    return word


_IZE = re.compile(r"(?<=[a-z]{2})(?:is(?=e$|ed$|ing$|ation$)|ys(?=e$|ed$|ing$))")
_KEEP_S = frozenset({"otherwise", "raised", "raise", "exercise", "likewise", "rise", "precise", "noise", "advise",
                     "advised", "comprise", "comprised", "disease", "supervised", "compromise", "rising", "raising",
                     "arising", "arise", "comprising", "exercising", "increased", "wise", "surprise"})  # fmt: skip


def _deletions(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


class Lexicon:
    """Phrases of one kind of report together with the cues that every kind shares."""

    def __init__(self, spelling: dict[str, str], groups: dict[str, list[str]]) -> None:
        self._spelling = spelling
        self._folded: dict[str, str] = {}
        self._words: frozenset[str] = frozenset()
        tagged: dict[tuple[str, ...], set[str]] = {}
        for tag, phrases in groups.items():
            for phrase in phrases:
                words = tuple(token.word for token in self.tokens(phrase.lower()))
                tagged.setdefault(words, set()).add(tag)
        self._phrases: dict[str, list[tuple[tuple[str, ...], Tags]]] = {}
        for words, tags in tagged.items():
            self._phrases.setdefault(words[0], []).append((words, frozenset(tags)))
        for alternatives in self._phrases.values():
            alternatives.sort(key=lambda alternative: -len(alternative[0]))
        self._words = frozenset(word for words in tagged for word in words) | frozenset(spelling)
        self._near: dict[str, str] | None = None
        self._folded.clear()

    def fold(self, word: str) -> str:
        """The word (lower case) in American spelling, singular, a slip of one letter in a long word mended."""
        folded = self._folded.get(word)
        if folded is None:
            if len(self._folded) > _CACHE_LIMIT:
                self._folded.clear()
            folded = self._folded[word] = self._fold(word)
        return folded

    def _fold(self, word: str) -> str:
        single = _singular(word)
        folded = self._spelling.get(word) or self._spelling.get(single)
        if folded:
            return folded
        if single not in _KEEP_S:
            single = _IZE.sub(lambda match: match[0][0] + "z", single)
        if not self._words or single in self._words or word in self._words:
            return single
        return self._mended(single)

    def _mended(self, word: str) -> str:
        if len(word) < _MIN_FUZZY - 1 or not word.isalpha() or word in _NO_SLIPS:
            return word
        if self._near is None:
            self._near = {}
            for known in sorted(self._words):
                if len(known) >= _MIN_FUZZY and known.isalpha():
                    for shorter in _deletions(known):
                        self._near.setdefault(shorter, known)
        for candidate in (word, *sorted(_deletions(word))):
            near = candidate if candidate in self._words and len(candidate) >= _MIN_FUZZY else self._near.get(candidate)
            if near and near[0] == word[0] and abs(len(near) - len(word)) <= 1:
                return self._spelling.get(near, near)
        return word

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text. A hyphen or full stop inside a word joins; a dash between blanks is a colon."""
        lower = text.translate(_DASHES).lower()
        if len(lower) != len(text):  # a letter whose lower case is longer: positions would shift
            lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text.translate(_DASHES))
        found = []
        last = len(lower) - 1
        for match in _WORD.finditer(lower):
            word, start, end = match[0], match.start(), match.end()
            first = word[0]
            if first.isalpha():
                found.append(Token(self.fold(word), start, end))
            elif first in "-.'":
                before = start > 0 and lower[start - 1].isalnum()
                after = start < last and lower[start + 1].isalnum()
                if first == "." and not after:
                    found.append(Token(".", start, end))
                elif first == "-" and not (before and after):
                    blanks = start > 0 and lower[start - 1].isspace() and start < last and lower[start + 1].isspace()
                    found.append(Token(":" if blanks and after is False else "-", start, end))
            elif first != "+" or not (found and found[-1].end == start and found[-1].word[:2] == "cd"):
                found.append(Token(word, start, end))  # the plus of "CD8+" is part of the name
        return found

    def match(self, words: list[str], at: int) -> tuple[int, Tags]:
        """How many words the longest phrase at this place has (1 if none), and its tags."""
        for phrase, tags in self._phrases.get(words[at], ()):
            size = len(phrase)
            if size == 1 or tuple(words[at : at + size]) == phrase:
                return size, tags
        return 1, NO_TAGS


@cache
def data() -> dict[str, Any]:
    """The lexicon file as it stands."""
    path = resources.files("imnm.knowledge") / "data" / "report_lexicon.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def lexicon(kind: str) -> Lexicon:
    """The lexicon for reports of this kind (``biopsy``, ``emg``, ``mri``)."""
    table = data()
    sections = {f"section_{name}": words for name, words in table["sections"].items()}
    tissues = {f"tissue_{name}": words for name, words in table["nonmuscle"].items()}
    groups = {**table["cues"], **{k: v for k, v in table[kind].items()}}
    for name, words in {**sections, **tissues}.items():
        groups[name] = [*groups.get(name, []), *words]
    for name in table["cues"].keys() & table[kind].keys():
        raise ValueError(f"report lexicon: {name!r} stands in [cues] and in [{kind}]")
    return Lexicon(table["spelling"], groups)
