"""Names instead of codes: what the words of a problem, a result, a drug or a procedure stand for.

The fallback where a record's code is missing, local or unknown. The lexicon is ``data/names.csv``: phrases of
normalised words, matched longest first, in short texts only (a name, not a report: reports have a reader of their
own). What surrounds a phrase is read too (cue words in ``data/cues.csv``): denial, doubt, a relative, the past, an
interval (``three weeks earlier``), and what makes it no statement at all (``screening for``, ``risk of``).

Caution is one-sided on purpose: a name that is not understood costs a line in the list of problems, a wrong one
costs a wrong conclusion. So a denial that may have ended leaves doubt, a bare ``SRP`` counts only beside antibody,
blot or myositis words, and of misspelt names only statins are recognised (nystatin is none).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from imnm.logic.truth import Truth

from .concepts import CONCEPTS, Domain, Match, Relation, ancestors, members, rows_of, with_ancestors

Words = tuple[str, ...]

# ---------------------------------------------------------------- words

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "μ": "mu", "κ": "kappa"}
_ABBREVIATIONS = {"h/o": "history of", "s/p": "previous", "status post": "previous", "r/o": "rule out",
                  "w/o": "without", "c/o": "", "can't": "cannot", "can’t": "cannot", "can not": "cannot",
                  "late effects of": "previous",
                  "late effect of": "previous", "sequelae of": "previous", "sequela of": "previous",
                  "years old": "", "year old": "", "year-old": ""}  # fmt: skip
_JOINED = re.compile(r"(?<=\bnon)[- ](?=[a-z])|(?<=[a-z])['’](?=s\b)")
_INNER_POINT = re.compile(r"(?<=[a-z0-9])\.(?=[a-z0-9])")
_TOKEN = re.compile(r"[a-z]+|[0-9]+|[.,;:?+()/]")
_SPELLING = (
    ("ae", "e"), ("oe", "e"), ("tumour", "tumor"), ("colour", "color"), ("isation", "ization"), ("ised", "ized"),
    ("ising", "izing"), ("sulph", "sulf"), ("centre", "center"), ("titre", "titer"), ("neurone", "neuron"),
    ("fibre", "fiber"),
)  # fmt: skip
_BREAKS = frozenset(".;:,?+()/")


@lru_cache(maxsize=16384)
def tokens_of(text: str) -> Words:
    """The words and breaks of a text in one spelling: no accents, no capitals, British as American, singular."""
    text = unicodedata.normalize("NFKC", text).lower()
    for written, meant in (*_GREEK.items(), *_ABBREVIATIONS.items()):
        if written in text:
            text = text.replace(written, meant)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    text = _INNER_POINT.sub(" ", _JOINED.sub("", text))
    return tuple(_word(token) for token in _TOKEN.findall(text))


@lru_cache(maxsize=16384)
def _word(token: str) -> str:
    for british, american in _SPELLING:
        token = token.replace(british, american)
    if len(token) > 4 and token.endswith("ies"):
        return token[:-3] + "y"
    if len(token) > 3 and token.endswith("s") and not token.endswith(("ss", "us", "is")):
        return token[:-1]
    return token


_CUES = {row["set"]: frozenset(map(_word, row["words"].split())) for row in rows_of("cues.csv")}
_UNITS = {"day": (1, 0), "week": (7, 3), "month": (30, 15), "year": (365, 183)}
"""Days in a unit, and half of it: an interval in words is known to about half a unit (a convention)."""
_NUMBERS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
            "nine": 9, "ten": 10, "eleven": 11, "twelve": 12}  # fmt: skip
_AGO = frozenset(("ago", "earlier", "before", "previously", "prior", "back"))
_EMPTY_WORDS = _BREAKS.union(_UNITS, _NUMBERS, _AGO, *(
    _CUES[name] for name in ("denial", "doubt", "relative", "past", "over", "inside")))  # fmt: skip
"""Words that do not count when it is asked whether a phrase is the whole name."""

# ---------------------------------------------------------------- lexicon


class _Phrase(NamedTuple):
    """A name in the lexicon. ``concept`` is empty for a false friend that must not be read as its parts."""

    words: Words
    concept: str
    relation: Relation
    whole: bool
    denies: bool


class _Hit(NamedTuple):
    start: int
    end: int
    phrase: _Phrase
    misspelt: bool = False


@cache
def _names(domain: Domain) -> dict[str, list[tuple[str, str]]]:
    """The names of a domain as written, with their concept, by the letter they begin with once normalised."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows_of("names.csv"):
        if row["domain"] == domain:
            for name in row["names"].split("|"):
                bare = name.lstrip("~<=!")
                letter = "e" if bare.startswith(("ae", "oe")) else bare[0]
                found.setdefault(letter, []).append((name, row["concept"]))
    return found


@cache
def lexicon(domain: Domain, letter: str) -> dict[str, tuple[_Phrase, ...]]:
    """The phrases of a domain that begin with a letter, by their first word, longest first. Made when first asked
    for: most texts need few letters."""
    found: dict[str, list[_Phrase]] = {}
    for name, concept in _names(domain).get(letter, ()):
        phrase = _phrase(name, concept)
        found.setdefault(phrase.words[0], []).append(phrase)
    return {first: tuple(sorted(group, key=lambda p: -len(p.words))) for first, group in found.items()}


_PLAIN = re.compile(r"(?!non )[a-z]+(?: (?!non )[a-z]+)*")


def _phrase(name: str, concept: str) -> _Phrase:
    bare = name.lstrip("~<=!")
    marks = name[: len(name) - len(bare)]
    relation: Relation = "broader" if "~" in marks else "narrower" if "<" in marks else "exact"
    if _PLAIN.fullmatch(bare):
        words = tuple(map(_word, bare.split()))
    else:
        words = tuple(token for token in tokens_of(bare) if token not in _BREAKS)
    return _Phrase(words, concept, relation, "=" in marks, "!" in marks)


_MOST_SKIPPED = 3


def _reach(words: Words, start: int, phrase: Words) -> int | None:
    """Where the phrase ends if it stands at ``start``; words that change nothing may stand inside (``weakness of
    the proximal muscles``). None if it does not stand there."""
    position, skipped = start, 0
    for index, word in enumerate(phrase):
        while position < len(words) and words[position] != word:
            loose = words[position] in _CUES["inside"] or words[position] in ",()/+"
            if not index or not loose or skipped == _MOST_SKIPPED:
                return None
            position += 1
            skipped += 1
        if position == len(words):
            return None
        position += 1
    return position


def _hits(words: Words, domain: Domain) -> Iterator[_Hit]:
    """The longest phrases, left to right, none overlapping; several concepts if one phrase names several."""
    content = sum(word not in _EMPTY_WORDS for word in words)
    position = 0
    while position < len(words):
        best: list[_Hit] = []
        for phrase in lexicon(domain, words[position][0]).get(words[position], ()):
            if best and len(phrase.words) < len(best[0].phrase.words):
                break
            end = _reach(words, position, phrase.words)
            if end is not None and (not phrase.whole or content <= len(phrase.words)):
                best.append(_Hit(position, end, phrase))
        yield from best
        position = best[0].end if best else position + 1


# ---------------------------------------------------------------- what surrounds a phrase


class _Said(NamedTuple):
    """What the words around a phrase say of it. ``over``: that it is over, in so many words (``in remission``)."""

    polarity: Truth
    past: bool
    family: bool
    over: bool
    days_ago: tuple[int, int] | None


def _said(words: Words, hit: _Hit) -> _Said | None:
    """What is said of the phrase; None if it is no statement about this person at all."""
    before = _back_to(words[: hit.start], _CUES["contrast"])
    after = _up_to(words[hit.end :], ".;,")
    if _CUES["no_statement_before"] & set(before) or _CUES["no_statement_after"] & set(after[:1]):
        return None
    if "without" in before[1:] and hit.phrase.concept and CONCEPTS[hit.phrase.concept].episode:
        return None  # qualifies what stands before it (a hernia without gangrene), and no more
    family = bool(_CUES["relative"] & set(before + after))
    polarity = False if hit.phrase.denies else _polarity(before, after, _up_to(words[hit.end :], ".;"))
    no_longer = polarity is False and "longer" in before
    rest = _up_to(words[hit.end :], ".;")
    over = no_longer or bool(_CUES["over"] & set(after)) or _in_remission(rest)
    ago = None if over else _days_ago(words)
    past = over or bool(_CUES["past"] & set(before)) or "history" in after or after[:1] == ("status",)
    past = past or (ago is not None and bool(_AGO & set(after)))
    return _Said(True if no_longer else polarity, past, family, over, ago)


def _in_remission(rest: Words) -> bool:
    return "remission" in rest and _last(rest[: rest.index("remission")], _CUES["denial"]) is None


def _back_to(words: Words, ends: Iterable[str]) -> Words:
    """The last words, after the last of these."""
    start = next((i + 1 for i in range(len(words) - 1, -1, -1) if words[i] in ends), 0)
    return words[start:]


def _up_to(words: Words, ends: str) -> Words:
    """The first words, up to the first of these."""
    return words[: next((i for i, word in enumerate(words) if word in ends), len(words))]


_DENIED_AFTER = ("absent", "denied", "excluded", "ruled out", "negative", "not present", "not seen", "not found",
                 "was excluded", "was ruled out", "naive", "not detected", "none", "never")  # fmt: skip
_DOUBTED_AFTER = ("unlikely", "possible", "suspected", "to be excluded", "vs", "versus", "not excluded")


def _polarity(before: Words, after: Words, rest: Words) -> Truth:
    """True stated, False denied, None in doubt. ``rest``: the words to the end of the sentence."""
    text = " ".join(after).removeprefix(": ").removeprefix("is ").removeprefix("are ")
    if text == "no" or text.startswith(_DENIED_AFTER):
        return False
    denied = _last(before, _CUES["denial"])
    if denied is not None and before[denied : denied + 2] != ("not", "only"):
        return None if _may_have_ended(before[denied:], rest) else False
    asked = after[:1] == ("?",) and after[1:2] not in (("cause",), ("etiology",))
    if asked or text.startswith(_DOUBTED_AFTER) or _CUES["doubt"] & set(_back_to(before, ",")):
        return None
    return True


def _may_have_ended(since: Words, rest: Words) -> bool:
    """Whether a denial may no longer hold: a comma without a closing ``or`` lies between, or a ``with``."""
    closed = {"or", "nor", "and"} & set(since + rest)
    return "with" in since or ("," in since and not closed)


def _last(words: Words, cues: frozenset[str]) -> int | None:
    return next((i for i in range(len(words) - 1, -1, -1) if words[i] in cues), None)


def _days_ago(words: Words) -> tuple[int, int] | None:
    """The interval that the words name (``three weeks earlier``, ``for 5 years``), in days before the entry."""
    for position, word in enumerate(words):
        if word not in _UNITS or not position:
            continue
        count = words[position - 1]
        number = int(count) if count.isdigit() else _NUMBERS.get(count)
        if number is not None and number <= 120:
            days, half = _UNITS[word]
            return number * days - half, number * days + half
    return None


# ---------------------------------------------------------------- problems and procedures

_MUSCLE_DISEASE = frozenset(
    ("myopathy_unspecified", "muscular_dystrophy", "metabolic_myopathy", "mitochondrial_myopathy", "elevated_ck",
     "congenital_myopathy", "idiopathic_inflammatory_myopathy", "myositis_unspecified", "muscle_weakness",
     "rhabdomyolysis", "gne_myopathy", "malignant_hyperthermia", "muscle_atrophy", "family_history_myopathy")
)  # fmt: skip


def _of_family(concept: str) -> str | None:
    """What a relative's disease is for us: muscle disease, malignancy, or nothing."""
    lineage = {concept, *ancestors(concept)}
    if lineage & _MUSCLE_DISEASE:
        return "family_history_myopathy"
    return "family_history_malignancy" if lineage & {"malignancy_any", "family_history_malignancy"} else None


def _match(hit: _Hit, said: _Said) -> Match | None:
    concept = CONCEPTS[hit.phrase.concept]
    if said.family or concept.id.startswith("family_history"):
        wider = _of_family(concept.id)
        return Match(wider, "exact", True, wider, said.polarity, family=True) if wider else None
    dated_episode = concept.episode and said.days_ago is not None
    past = said.over if concept.lasting or dated_episode else said.past and concept.domain != "drug"
    return Match(concept.id, hit.phrase.relation, not hit.misspelt, concept.id, said.polarity,
                 past and said.polarity is True, days_ago=said.days_ago)  # fmt: skip


def _distributed(words: Words) -> Iterator[Words]:
    """``proximal and distal weakness`` read as ``proximal weakness`` too."""
    for position, word in enumerate(words):
        if word not in ("and", "or", "/") or not position:
            continue
        for end in range(position + 2, min(position + 5, len(words))):
            if words[end] in _CUES["head"]:
                muscle = ("muscle",) if words[end - 1] == "muscle" else ()
                yield (*words[:position], *muscle, *words[end:])
                break


_LONGEST = 100
"""Words of a sentence that are read: a name has fewer, and what is longer is no name."""


def _sentences(words: Words) -> Iterator[Words]:
    start = 0
    for position, word in enumerate((*words, ".")):
        if word in (".", ";"):
            if position > start:
                yield words[start : min(position, start + _LONGEST)]
            start = position + 1


_ANTIBODY_WORDS = frozenset(("antibody", "autoantibody", "ab", "positive", "positivity", "seropositive", "anti"))


def _antibodies(words: Words) -> Iterator[_Hit]:
    """Antibodies named among problems (``anti-HMGCR antibody positive``), which the result lexicon knows."""
    if _ANTIBODY_WORDS.isdisjoint(words) or not _CUES["other_specimen"].isdisjoint(words):
        return
    for hit in _hits(words, "result"):
        if hit.phrase.concept.startswith("anti_"):
            end = hit.end
            while end < len(words) and words[end] in ("antibody", "autoantibody", "ab", "igg"):
                end += 1
            yield hit._replace(end=end, phrase=hit.phrase._replace(relation="exact"))


def _named(text: str, domain: Domain) -> Iterator[Match]:
    for sentence in _sentences(tokens_of(text)):
        for reading in (sentence, *_distributed(sentence)):
            for hit in (*_hits(reading, domain), *(_antibodies(reading) if domain == "condition" else ())):
                said = _said(reading, hit) if hit.phrase.concept else None
                match = _match(hit, said) if said else None
                if match:
                    yield match
                    yield from _tempo(match, reading[: hit.start])


def _tempo(match: Match, before: Words) -> Iterator[Match]:
    """That a weakness gets worse, where the words before it say so."""
    worse = _last(before, _CUES["worse"])
    if worse is None or match.family or "muscle_weakness" not in (match.concept, *ancestors(match.concept)):
        return
    rapid = worse > 0 and before[worse - 1] == "rapidly"
    for concept in ("progressive_weakness", *(("rapid_progression",) if rapid else ())):
        yield match._replace(concept=concept, direct=concept, relation="exact")


# ---------------------------------------------------------------- drugs

_NO_EXPOSURE = ("intoleran", "allerg", "contraindicat", "hypersensitiv", "adverse")
_LEAST_STATIN = 8
"""Letters a word must have before it can be a misspelt statin."""


def is_local_form(text: str) -> bool:
    """Whether a route or dose form is local (cream, eye drops, inhaler): no systemic exposure."""
    words = tokens_of(text)
    return not _CUES["local_form"].isdisjoint(words) or "intra articular" in " ".join(words)


def _drugs(text: str) -> Iterator[Match]:
    words = tokens_of(text)
    if is_local_form(text) or any(word.startswith(_NO_EXPOSURE) for word in words):
        return
    hits = list(_hits(words, "drug"))
    covered = {position for hit in hits for position in range(hit.start, hit.end)}
    stopped = not _CUES["stopped"].isdisjoint(words)
    for hit in (*hits, *_misspelt_statins(words, covered)):
        said = _said(words, hit) if hit.phrase.concept else None
        if said:
            yield Match(hit.phrase.concept, hit.phrase.relation, not hit.misspelt, hit.phrase.concept, said.polarity,
                        (said.past or stopped) and said.polarity is True)  # fmt: skip


def _misspelt_statins(words: Words, covered: set[int]) -> Iterator[_Hit]:
    for position, word in enumerate(words):
        if position in covered or len(word) < _LEAST_STATIN or word in _CUES["no_statin"]:
            continue
        statin = _nearest_statin(word)
        if statin:
            yield _Hit(position, position + 1, _Phrase((word,), statin, "exact", False, False), misspelt=True)


@lru_cache(maxsize=4096)
def _nearest_statin(word: str) -> str | None:
    """The one statin a word is a misspelling of: same first letter, at most two slips, and nearer than any other."""
    statins = [name for name in members("statin") if name.endswith("statin") and name[0] == word[0]]
    slips = sorted((_slips(word, name), name) for name in statins if abs(len(name) - len(word)) <= 2)
    if not slips or slips[0][0] > 2 or (len(slips) > 1 and slips[0][0] == slips[1][0]):
        return None
    return slips[0][1]


def _slips(a: str, b: str) -> int:
    """The edit distance, a swap of neighbours counting once (optimal string alignment)."""
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]


# ---------------------------------------------------------------- results


def _results(text: str, context: str) -> Iterator[Match]:
    words = tokens_of(text)
    around = set(words) | set(tokens_of(context))
    for hit in _hits(words, "result"):
        inside = set(words[hit.start : hit.end])
        if not hit.phrase.concept or (_CUES["other_specimen"] & set(words)) - inside:
            continue
        if hit.phrase.relation == "broader" and not (_CUES["myositis"] & (around - inside)):
            continue
        yield Match(hit.phrase.concept, "exact", True, hit.phrase.concept)


def makes_clear(context: str) -> bool:
    """Whether the name of a panel or report makes the short name of an antibody inside it safe."""
    return not _CUES["myositis"].isdisjoint(tokens_of(context))


# ---------------------------------------------------------------- lookup


@lru_cache(maxsize=16384)
def lookup_name(text: str, domain: Domain, context: str = "") -> tuple[Match, ...]:
    """The concepts that a name stands for, with their ancestors; empty if it is not understood.

    ``domain``: where the name was read. ``context``: the name of the panel or report around it, which can make a
    short name of an antibody safe (``SRP`` in a myositis panel).
    """
    if domain == "drug":
        found: Iterable[Match] = _drugs(text)
    elif domain == "result":
        found = _results(text, context)
    else:
        found = _named(text, domain)
    return with_ancestors(found)
