"""The lexicon of the report reader: words folded to one spelling, phrases found in linear time.

The words themselves are data (``knowledge/data/report_lexicon.toml``). A phrase can carry several tags (``remain`` says
that something is there, and that it is so now); the longest phrase that starts at a place wins.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from typing import Any

from imnm.knowledge.files import DATA

Tags = frozenset[str]
NO_TAGS: Tags = frozenset()

_WORD = re.compile(r"[^\W\d_][^\W_]*(?:'[a-z]{1,2}\b)?|\d+(?:[.,]\d+)*|\++|\n|[^\w\s]")
_DASHES = str.maketrans("–—−‐‑’\u00a0", "-----' ")
_MIN_FUZZY = 7  # shorter words of the lexicon have too many neighbours that mean something else
_LONGEST = 24  # longer words are no words
_NO_SLIPS = frozenset({"prevent", "facial", "percent", "section", "strain", "previous"})
_CACHE_LIMIT = 50_000


Token = tuple[str, int, int]
"""A folded word or a mark, and where it stands in the text."""

_Trie = dict[str | None, Any]


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
                words = tuple(word for word, _, _ in self.tokens(phrase))
                tagged.setdefault(words, set()).add(tag)
        self._trie: _Trie = {}
        for words, tags in tagged.items():
            node = self._trie
            for word in words:
                node = node.setdefault(word, {})
            node[None] = frozenset(tags)
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
        if len(word) > 2 * _LONGEST:
            return word
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
        if not _MIN_FUZZY <= len(word) + 1 <= _LONGEST or not word.isalpha() or word in _NO_SLIPS:
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
        found: list[Token] = []
        folded = self._folded
        last = len(lower) - 1
        for match in _WORD.finditer(lower):
            start, end = match.span()
            first = lower[start]
            if first.isalpha():
                word = match[0]
                found.append((folded.get(word) or self.fold(word), start, end))
            elif first in "-.'":
                mark = _mark(lower, start, last)
                if mark:
                    found.append((mark, start, end))
            elif first != "+" or not (found and found[-1][2] == start and found[-1][0][:2] == "cd"):
                found.append((match[0], start, end))  # the plus of "CD8+" is part of the name
        return found

    def items(self, tokens: list[Token]) -> tuple[list[str], list[Tags], list[tuple[int, int]]]:
        """The phrases and words of a sentence, with their tags and places."""
        words: list[str] = []
        tags: list[Tags] = []
        spans: list[tuple[int, int]] = []
        at, size = 0, len(tokens)
        trie = self._trie
        while at < size:
            word, start, end = tokens[at]
            node = trie.get(word)
            if node is None:
                words.append(word)
                tags.append(NO_TAGS)
                spans.append((start, end))
                at += 1
                continue
            found, stop = node.get(None, NO_TAGS), at + 1
            ahead = at + 1
            while ahead < size:
                node = node.get(tokens[ahead][0])
                if node is None:
                    break
                ahead += 1
                if None in node:
                    found, stop = node[None], ahead
            words.append(word if stop == at + 1 else " ".join(token[0] for token in tokens[at:stop]))
            tags.append(found)
            spans.append((start, tokens[stop - 1][2]))
            at = stop
        return words, tags, spans


def _mark(text: str, at: int, last: int) -> str | None:
    """What a hyphen, full stop or apostrophe is: part of a word (None), a sign, or the colon that a dash stands for."""
    mark = text[at]
    before = at > 0 and text[at - 1].isalnum()
    after = at < last and text[at + 1].isalnum()
    if mark == ".":
        return None if after else "."
    if mark == "'" or before:
        return None  # within a word, or hanging ("T1- and STIR-weighted")
    blanks = at > 0 and text[at - 1].isspace() and at < last and text[at + 1].isspace()
    return ":" if blanks else "-"


@cache
def data() -> dict[str, Any]:
    """The lexicon file as it stands."""
    path = DATA / "report_lexicon.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def lexicon(kind: str) -> Lexicon:
    """The lexicon for reports of this kind (``biopsy``, ``emg``, ``mri``)."""
    table = data()
    sections = {f"section_{name}": words for name, words in table["sections"].items()}
    tissues = {f"tissue_{name}": words for name, words in table["nonmuscle"].items()}
    groups = {**table["cues"], **table[kind]}
    for name, words in {**sections, **tissues}.items():
        groups[name] = [*groups.get(name, []), *words]
    for name in table["cues"].keys() & table[kind].keys():
        raise ValueError(f"report lexicon: {name!r} stands in [cues] and in [{kind}]")
    return Lexicon(table["spelling"], groups)
