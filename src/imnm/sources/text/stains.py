"""What a biopsy report says of its stains: MHC class I, complement, p62, MxA.

A stain is not seen or unseen like a finding; it is positive or negative somewhere. So its value is looked for in the
words around it, and for complement also the place, because only the sarcolemma of intact fibres counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from .mentions import BIOPSY, FINDINGS, STAINS, Mention, mention, places
from .scope import NOTHING, Sentence, Statement

_VALUE = frozenset({"low", "high", "some", "upregulated", "increased"})
_DENIED = frozenset({"absent", "resolved"})
_BARE = _VALUE | {"absent", "seen", "hedge", "skip", "negation", "not", "sarcolemma", "viable", "fine"}
_PLACE = frozenset({"capillary", "cytoplasm", "regeneration", "necrosis", "sarcolemma"})
_ONLY = frozenset({"only", "solely", "exclusively", "alone"})
_OTHERS = BIOPSY - {"necrosis", "regeneration", "connective_tissue"}
_ADJECTIVES = frozenset({"fiber", "low", "high", "some", "section_microscopy_words"})
_PREPOSITIONS = frozenset({"of", "in", "on", "to", "at", "along", "within", "around", "from", "by", "between"})


def stains(s: Sentence) -> Iterator[Mention]:
    """Mentions of the stains in a sentence."""
    yield from _mhc1(s)
    yield from _mxa(s)
    yield from _complement(s)
    yield from _p62(s)


def _mhc1(s: Sentence) -> Iterator[Mention]:
    for at in places(s, "mhc1"):
        value = _stain_value(s, at)
        if value.said:
            yield mention(s, "biopsy_mhc1_upregulation", value.truth, at)


def _mxa(s: Sentence) -> Iterator[Mention]:
    for at in places(s, "mxa"):
        value = _stain_value(s, at)
        if value.said and (value.truth is False or s.has("perifascicular")):
            yield mention(s, "biopsy_mxa_perifascicular", value.truth, at)


_DIFFUSE = frozenset({"diffuse", "diffusely", "fine", "finely"})


def _p62(s: Sentence) -> Iterator[Mention]:
    """Diffuse fine p62; what is only coarse or of unknown pattern says nothing of it."""
    for at in places(s, "p62"):
        value = _stain_value(s, at)
        start, end = s.segment(at)[0], stain_end(s, at)
        if any(s.before(i)[0] is False for i in places(s, "fine") if at < i < end):
            value = Statement(True, False)  # "coarse dots, no diffuse staining"
        elif value.truth is True:
            fine = s.has("fine", start, end)
            if not fine or (s.has("coarse", at, end) and _DIFFUSE.isdisjoint(s.words[start:end])):
                continue
        if value.said:
            yield mention(s, "biopsy_p62_diffuse", value.truth, at)


def _complement(s: Sentence) -> Iterator[Mention]:
    for at in places(s, "mac"):
        value = _sarcolemmal(s, at)
        if value.said:
            yield mention(s, "biopsy_mac_sarcolemmal", value.truth, at)


def _sarcolemmal(s: Sentence, at: int) -> Statement:
    """Whether complement lies on the sarcolemma: what is said of that place, else of the stain as a whole."""
    before = _stain_before(s, at)
    if before is not None and before.truth is not True:
        return before
    if not s.statement(at).said:
        return NOTHING
    overall, end = _stain_value(s, at), stain_end(s, at)
    first = _heading(s, at)
    if _on_sarcolemma(s, first, at):
        placed = "deposi" in s.words[at] or s.has("fiber", at, end) or s.has("viable", at, end)
        return s.statement(at) if placed and not overall.said else overall
    for start, stop in _parts(s, at + 1, end):
        if _on_sarcolemma(s, start, stop):
            return _first_value(s, start, stop) or overall
    if overall.said and overall.truth is not True:
        return overall
    elsewhere = s.has("capillary", first, end) or s.has("necrosis", at, end)
    return Statement(True, False) if elsewhere and _nowhere_else(s, at, end) else NOTHING


def _heading(s: Sentence, at: int) -> int:
    """Where the part of the sentence starts that leads to the stain, with its heading ("Sarcolemma: C5b-9 +")."""
    first = s.segment(at)[0]
    return s.clause(first - 2)[0] if first > 1 and s.words[first - 1] == ":" else first


def _on_sarcolemma(s: Sentence, start: int, stop: int) -> bool:
    """Whether the surface of intact fibres is named, or plain fibres where neither necrotic ones nor vessels are."""
    if s.has("sarcolemma", start, stop) or s.has("viable", start, stop):
        return True
    other = s.has("necrosis", start, stop) or s.has("capillary", start, stop)
    return s.has("fiber", start, stop) and not other


def _parts(s: Sentence, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The range in parts at commas, semicolons and words such as *but*."""
    part = start
    for at in range(start, end):
        if s.words[at] in ",;" or "stop" in s.tags[at]:
            yield part, at
            part = at + 1
    yield part, end


def _stain_value(s: Sentence, at: int, depth: int = 0) -> Statement:
    """What is said of a stain: positive, negative, doubtful, or not at all."""
    if s.has("ask", max(0, at - 6), at) or s.has("plan", *s.segment(at)):
        return NOTHING
    if s.has("generic", *s.clause(at)):
        return Statement(True, False) if s.taken_back(at) else NOTHING
    before, end = _stain_before(s, at), stain_end(s, at)
    value = _first_value(s, at + 1, end)
    if value is None and depth < 6 and end < s.end and s.tags[end] & STAINS and _only_joined(s, at + 1, end):
        shared = _stain_value(s, end, depth + 1)  # "MHC-I and C5b-9 negative"
        value = shared if shared.said or before is None else None
    if value is None:
        doubted = s.asks and before is not None
        return Statement(True, None) if doubted else before or NOTHING
    if not value.said:
        return NOTHING
    if before is not None and before.truth is not True:
        return before if value.truth or before.truth is False else value
    if value.truth and end < s.end and not _explicit(s, at, end) and s.statement(at).truth is False:
        return s.statement(at)  # "MHC-I upregulation and necrosis are absent"
    return Statement(True, None) if s.asks and value.truth else value


def _explicit(s: Sentence, at: int, end: int) -> bool:
    """Whether the stain has a predicate or an amount of its own, not only a noun such as *upregulation*."""
    for i in range(at + 1, end):
        if s.words[i][0] == "+" or s.words[i].endswith(("ed", "positive")):
            return True
        if s.tags[i] & {"seen", "low", "high", "some"} and "fine" not in s.tags[i]:
            return True
    return False


def _only_joined(s: Sentence, start: int, end: int) -> bool:
    """Whether nothing but conjunctions stands between two stains, so that they share what follows."""
    return all(s.words[i] in ",/()" or s.tags[i] & {"and", "or", "staining"} for i in range(start, end))


def _stain_before(s: Sentence, at: int) -> Statement | None:
    """A value in front of the stain: "patchy MHC-I", "no upregulation of MHC-I", "negative for MHC-I"."""
    left, _ = s.before(at)
    if left is not True:
        return Statement(True, left)
    positive: Statement | None = None
    for before in range(at - 1, max(-1, at - 9), -1):
        tags = s.tags[before]
        if (
            s.words[before] in ";:(),"
            or "stop" in tags
            or (tags & BIOPSY - {"connective_tissue"} and not tags & STAINS)
        ):
            break
        if "absent" in tags:
            attached = before == at - 1 or s.words[before + 1] in ("for", "staining") or before == 0
            return Statement(True, False) if attached else positive
        if tags & {"skip", "resolved"} or ("seen" in tags and "upregulated" not in tags):
            break
        if tags & _VALUE:
            positive = Statement(True, True)
    return positive


def _first_value(s: Sentence, start: int, end: int) -> Statement | None:
    """The first value after a stain; a doubt or denial that follows in the same part of the sentence wins."""
    positive = headed = False
    at = start
    while at < end:
        tags, word = s.tags[at], s.words[at]
        if word == ":":
            headed, positive = positive, False  # "MHC-I upregulation: none"
        elif word in "([":
            close = s.closing.get(at, end)
            if _bare_value(s, at + 1, close):
                return _first_value(s, at + 1, close)
            at = close
        elif word == "," and _of_the_past(s, at + 1):
            at = s.segment(at + 1)[1] - 1
        elif "skip" in tags:
            return NOTHING
        elif word in ",;" or "stop" in tags:
            if positive:
                break
        elif "hedge" in tags or word == "?":
            return Statement(True, None)
        elif tags & _DENIED and not (positive and word in ("intact", "-")):
            return Statement(True, False)
        elif tags & {"negation", "not"}:
            return Statement(True, positive)
        elif word == "normal" or (tags & {"regeneration", "necrosis"} and _nowhere_else(s, start, end)):
            return Statement(True, False)
        elif _is_positive(s, at, start):
            positive = True
        at += 1
    return Statement(True, True) if positive or headed else None


def _of_the_past(s: Sentence, at: int) -> bool:
    """Whether an aside tells what was reported before (", originally reported as negative,")."""
    return at < s.end and s.has("past", at, s.segment(at)[1])


def _is_positive(s: Sentence, at: int, start: int) -> bool:
    """Whether a word says that the stain is there: an amount, a predicate, a plus sign, or a place it lies on."""
    tags = s.tags[at]
    if tags & _VALUE or tags & {"seen", "fine", "confined"} or s.words[at][0] == "+":
        return True
    if not tags & {"sarcolemma", "viable", "fiber"}:
        return False
    on = any(s.words[i] in ("on", "along", "at", "of", "in") for i in range(max(start, at - 4), at))
    return on or ("fiber" not in tags and at > 0 and s.words[at - 1] == "(")


def _nowhere_else(s: Sentence, start: int, end: int) -> bool:
    """Whether a stain is said to mark these fibres only."""
    return s.has("confined", start, end) or not _ONLY.isdisjoint(s.words[start:end])


def _bare_value(s: Sentence, start: int, close: int) -> bool:
    """Whether a bracket holds the value itself, "(+)", "(negative)", and not another place ("endothelium positive")."""
    if start >= close or s.has("capillary", start, close):
        return False
    return bool(s.tags[start] & _BARE) or s.words[start][0] in "+-"


def stain_end(s: Sentence, at: int) -> int:
    """Where what is said of a stain ends: the next stain or finding that stands for itself."""
    for ahead in range(at + 1, s.end):
        tags = s.tags[ahead]
        if tags & STAINS:
            return next((i for i in range(ahead - 1, max(at, ahead - 4), -1) if "negation" in s.tags[i]), ahead)
        if s.words[ahead] == ";" and not _goes_on(s, ahead):
            return ahead
        if tags & FINDINGS:
            start = _item_start(s, ahead)
            if start > at:
                return start
        if tags & _OTHERS and not tags & {"upregulated", "high", "low"} and not _within_comma(s, at, ahead):
            return ahead
    return s.end


def _item_start(s: Sentence, at: int) -> int:
    """Where the item starts that a finding stands in for itself; -1 if the word is only the place of a stain."""
    at -= 1
    while at > 0 and s.words[at] != "," and not s.tags[at] - _ADJECTIVES and s.words[at] not in _PREPOSITIONS:
        at -= 1
    if s.words[at] == "," or s.tags[at] & {"negation", "or", "stop"}:
        return at
    alone = "and" in s.tags[at] and not s.tags[at - 1] & _PLACE
    return at if alone else -1


def _within_comma(s: Sentence, at: int, ahead: int) -> bool:
    return not any(s.words[i] in ",;" or "stop" in s.tags[i] for i in range(at, ahead))


def _goes_on(s: Sentence, semicolon: int) -> bool:
    """Whether the clause after a semicolon still speaks of the stain ("sarcolemmal staining absent")."""
    end = s.clause(semicolon + 1)[1] if semicolon + 1 < s.end else semicolon
    inside = range(semicolon + 1, end)
    return any(s.tags[i] & {"sarcolemma", "staining", "capillary"} for i in inside) and not any(
        s.tags[i] & (BIOPSY - {"necrosis"}) for i in inside
    )
