"""From a text to sentences, and from a sentence to phrases with tags."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from .lexicon import NO_TAGS, Lexicon, Tags, Token, data
from .scope import PARTICIPLES, Sentence

_ABSENT: Tags = frozenset({"absent"})
_SKIP: Tags = frozenset({"skip"})
_MINORITY: Tags = frozenset({"minority"})
_RESOLVED: Tags = frozenset({"resolved"})
_MAX_ITEMS = 150  # what runs on longer is cut at the next comma, so that reading stays linear


def _ends(tokens: list[Token], at: int, text: str, abbreviations: frozenset[str]) -> bool:
    """Whether a sentence ends with this mark."""
    word, _, end = tokens[at]
    if word == ".":
        return not at or text[tokens[at - 1][1] : tokens[at - 1][2]].lower() not in abbreviations
    if word == "\n":
        return _line_ends(tokens, at, text)
    return end >= len(text) or text[end].isspace()


def _line_ends(tokens: list[Token], at: int, text: str) -> bool:
    """A line break ends a sentence unless a full line simply runs on."""
    if at + 1 >= len(tokens) or at == 0:
        return True
    previous, following = tokens[at - 1], tokens[at + 1]
    full = text.rfind("\n", max(0, previous[2] - 50), previous[2]) < 0 <= previous[2] - 50
    if following[0] == "\n" or previous[0] in ".;:" or not full:
        return True
    return not (text[following[1]].islower() or previous[0] == ",")


def sentences(text: str, lexicon: Lexicon) -> Iterator[tuple[list[Token], bool]]:
    """The sentences of a text as tokens, each with whether it is a question."""
    abbreviations = _abbreviations()
    tokens = lexicon.tokens(text)
    current: list[Token] = []
    for at, token in enumerate(tokens):
        word = token[0]
        if word in ".!?\n" and _ends(tokens, at, text, abbreviations):
            if current:
                yield current, word == "?"
            current = []
        elif word != "\n":
            current.append(token)
            if len(current) > _MAX_ITEMS and (word in ",;" or len(current) > 2 * _MAX_ITEMS):
                yield current, False
                current = []
    if current:
        yield current, False


@cache
def _abbreviations() -> frozenset[str]:
    return frozenset(data()["abbreviations"]["words"])


def itemize(tokens: list[Token], lexicon: Lexicon) -> Sentence:
    """A sentence as phrases with tags; *not … seen* and its like become one item."""
    words, tags, spans = lexicon.items(tokens)
    for at, found in enumerate(tags):
        if "normality" in found:
            words[at] = "normal"
    for at in range(1, len(words) - 1):
        if "stop" in tags[at] and words[at - 1] == words[at + 1] == ",":
            tags[at] = NO_TAGS  # ", however,"
    if any("not" in found for found in tags):
        _fuse_not(words, tags, spans)
    return Sentence(words, tags, spans)


def _fuse_not(items: list[str], tags: list[Tags], spans: list[tuple[int, int]]) -> None:
    at = 0
    while at < len(items):
        if "not" in tags[at]:
            end = _fused(at, items, tags)
            if end > at:
                tags[at] = _RESOLVED if "resolved" in tags[at] else _denied(tags[end])
                items[at] = " ".join(items[at : end + 1])
                spans[at] = (spans[at][0], spans[end][1])
                del items[at + 1 : end + 1], tags[at + 1 : end + 1], spans[at + 1 : end + 1]
        at += 1


_SAID = frozenset({"seen", "done"})
_DENIABLE = frozenset({"upregulated", "increased", "dominant"})


def _fused(at: int, items: list[str], tags: list[Tags]) -> int:
    """The item that a *not* denies as a predicate, or ``at`` if there is none within four items."""
    for ahead in range(at + 1, min(len(items), at + 5)):
        found = tags[ahead]
        if found & _SAID:
            return ahead
        if found & _DENIABLE:
            return ahead if items[ahead].endswith(PARTICIPLES) or "dominant" in found else at
        if items[ahead] in ",;:()" or found - {"verb", "done", "low", "high", "now", "stop", "pronoun"}:
            break
    return at


def _denied(tags: Tags) -> Tags:
    if "done" in tags and "seen" not in tags:
        return _SKIP
    return _MINORITY if "dominant" in tags else _ABSENT
