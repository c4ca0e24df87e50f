"""Names instead of codes: what the words of a problem, a result, a drug or a procedure stand for.

The fallback where a record's code is missing, local or unknown. The lexicon is ``data/names.csv``: phrases of
normalised words, matched longest first, in short texts only (a name, not a report: reports have a reader of their
own). What surrounds a phrase is read too: denial, doubt, a relative, the past, an interval (``three weeks earlier``),
and what makes it no statement at all (``screening for``, ``risk of``).

Caution is one-sided on purpose: a name that is not understood costs a problem in the list of problems, a wrong one
costs a wrong conclusion. So a denial that may have ended (after a comma) leaves doubt, a bare ``SRP`` counts only
beside antibody, blot or myositis words, and only statins are recognised when misspelt (nystatin is none).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from imnm.logic.truth import Truth

from .concepts import CONCEPTS, Domain, Match, Relation, _rows, ancestors, members, with_ancestors

# ---------------------------------------------------------------- words

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "μ": "mu", "κ": "kappa"}
_TOKEN = re.compile(r"[a-z]+|[0-9]+|[.,;:?+()]|/")
_SPELLING = (
    ("ae", "e"), ("oe", "e"), ("tumour", "tumor"), ("colour", "color"), ("isation", "ization"), ("ised", "ized"),
    ("ising", "izing"), ("sulph", "sulf"), ("centre", "center"), ("titre", "titer"), ("ticyd", "ticid"),
)  # fmt: skip
_BREAKS = frozenset(".;:,?+()/")


@lru_cache(maxsize=16384)
def tokens_of(text: str) -> tuple[str, ...]:
    """The words and breaks of a text in one spelling: no accents, no capitals, British as American, singular."""
    text = unicodedata.normalize("NFKC", text).lower()
    for letter, name in _GREEK.items():
        text = text.replace(letter, name)
    text = unicodedata.normalize("NFD", text).replace("'", "").replace("’", "").replace("h/o", "history of")
    text = text.replace("s/p", "status post").replace("r/o", "rule out").replace("w/o", "without")
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
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


# ---------------------------------------------------------------- lexicon


class _Phrase(NamedTuple):
    words: tuple[str, ...]
    concept: str
    relation: Relation
    whole: bool
    """Whether it counts only as the whole name (``MI``, ``RA``: too short to be trusted inside another)."""


class _Hit(NamedTuple):
    start: int
    end: int
    phrase: _Phrase
    misspelt: bool = False


@cache
def lexicon(domain: Domain) -> dict[str, tuple[_Phrase, ...]]:
    """The phrases of a domain by their first word, longest first."""
    found: dict[str, list[_Phrase]] = {}
    for row in _rows("names.csv"):
        if row["domain"] != domain:
            continue
        for name in row["names"].split("|"):
            relation: Relation = "broader" if name.startswith("~") else "narrower" if name.startswith("<") else "exact"
            bare = name.lstrip("~<=")
            words = tuple(token for token in tokens_of(bare) if token not in _BREAKS)
            found.setdefault(words[0], []).append(_Phrase(words, row["concept"], relation, "=" in name[:2]))
    return {first: tuple(sorted(group, key=lambda p: -len(p.words))) for first, group in found.items()}


_TRANSPARENT = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "to",
        "his",
        "her",
        "their",
        "my",
        "both",
        "and",
        "or",
        "with",
        "by",
        "due",
        "upper",
        "lower",
        "left",
        "right",
        "bilateral",
        "symmetrical",
        "symmetric",
        "mild",
        "moderate",
        "severe",
        "severely",
        "marked",
        "markedly",
        "profound",
        "progressive",
        "slowly",
        "rapidly",
        "diffuse",
        "significant",
        "new",
        "newly",
        "onset",
        "recent",
        "recently",
        "acute",
        "subacute",
        "chronic",
        "recurrent",
        "intermittent",
        "persistent",
        "generalized",
        "some",
        "slight",
        "severity",
        "worsening",
        "increasing",
        "prominent",
        "predominantly",
        "mainly",
        "known",
        "primary",
        "major",
        "minor",
        "extensive",
        "isolated",
        "disease",
        "disorder",
        "syndrome",
        "finding",
        "situation",
    ]
)
"""Words that may stand inside a phrase without changing what it names (``weakness of the proximal muscles``)."""

_MAX_SKIPPED = 3


def _reach(words: tuple[str, ...], start: int, phrase: tuple[str, ...]) -> int | None:
    """Where the phrase ends if it stands at ``start``, transparent words allowed inside; None if it does not."""
    position, skipped = start, 0
    for index, word in enumerate(phrase):
        while position < len(words) and words[position] != word:
            loose = words[position] in _TRANSPARENT or words[position] in ",()/"
            if not index or not loose or skipped == _MAX_SKIPPED:
                return None
            position += 1
            skipped += 1
        if position == len(words):
            return None
        position += 1
    return position


def _hits(words: tuple[str, ...], domain: Domain) -> Iterator[_Hit]:
    """The longest phrases, left to right, none overlapping; several concepts if one phrase names several."""
    table = lexicon(domain)
    content = sum(word not in _BREAKS and word not in _CUE_WORDS for word in words)
    position = 0
    while position < len(words):
        best: list[_Hit] = []
        for phrase in table.get(words[position], ()):
            if best and len(phrase.words) < len(best[0].phrase.words):
                break
            end = _reach(words, position, phrase.words)
            if end is not None and (not phrase.whole or content == len(phrase.words)):
                best.append(_Hit(position, end, phrase))
        yield from best
        position = best[0].end if best else position + 1


# ---------------------------------------------------------------- what surrounds a phrase

_NEGATION = frozenset(
    [
        "no",
        "not",
        "without",
        "denied",
        "deny",
        "denying",
        "never",
        "nor",
        "neither",
        "absent",
        "absence",
        "negative",
        "free",
        "lack",
    ]
)
_DOUBT = frozenset(
    [
        "suspected",
        "suspicion",
        "possible",
        "possibly",
        "probable",
        "probably",
        "likely",
        "presumed",
        "query",
        "questionable",
        "concern",
        "consider",
        "differential",
        "versus",
        "vs",
        "unclear",
        "uncertain",
        "suspect",
        "provisional",
        "?",
        "evaluate",
        "unlikely",
        "rule",
    ]
)
_FAMILY = frozenset(
    [
        "family",
        "familial",
        "mother",
        "father",
        "brother",
        "sister",
        "maternal",
        "paternal",
        "sibling",
        "son",
        "daughter",
        "uncle",
        "aunt",
        "cousin",
        "relative",
        "grandmother",
        "grandfather",
        "parent",
        "fh",
        "fhx",
        "fhx",
    ]
)
_PAST = frozenset(
    [
        "history",
        "hx",
        "previous",
        "previously",
        "prior",
        "former",
        "formerly",
        "past",
        "old",
        "remote",
        "status",
        "personal",
        "ex",
    ]
)
_ENDS_NEGATION = frozenset(["but", "however", "although", "except", "though", "yet", "now", ".", ";", ":"])
_NO_STATEMENT_BEFORE = frozenset(
    [
        "screening",
        "screen",
        "risk",
        "fear",
        "prevention",
        "prophylaxis",
        "immunization",
        "counseling",
        "education",
        "exposure",
        "testing",
        "test",
        "encounter",
        "contact",
        "surveillance",
        "monitoring",
        "prophylactic",
        "prevent",
        "research",
    ]
)
_NO_STATEMENT_AFTER = frozenset(
    [
        "screening",
        "screen",
        "vaccine",
        "vaccination",
        "prophylaxis",
        "risk",
        "test",
        "testing",
        "education",
        "monitoring",
        "score",
        "clinic",
        "pathway",
        "immunization",
        "counseling",
        "assessment",
        "scale",
    ]
)
_OVER_AFTER = frozenset(["resolved", "remission", "cured", "recovered"])
_AGO = frozenset(["ago", "earlier", "before", "previously", "prior", "back"])
_UNITS = {"day": (1, 0), "week": (7, 3), "month": (30, 15), "year": (365, 183)}
"""Days in a unit, and half of it: an interval in words is known to about half a unit (a convention)."""
_NUMBERS = {word: n for n, word in enumerate(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"])} | {"a": 1, "an": 1}  # fmt: skip
_CUE_WORDS = (
    _NEGATION | _DOUBT | _FAMILY | _PAST | _OVER_AFTER | _AGO | _TRANSPARENT | frozenset(_UNITS) | frozenset(_NUMBERS)
)


class _Said(NamedTuple):
    """What the words around a phrase say of it."""

    polarity: Truth = True
    past: bool = False
    family: bool = False
    days_ago: tuple[int, int] | None = None
    remission: bool = False


def _said(words: tuple[str, ...], hit: _Hit) -> _Said | None:
    """What is said of the phrase; None if it is no statement about the patient at all."""
    before = _clause_before(words, hit.start)
    after = words[hit.end : _next_break(words, hit.end)]
    if _NO_STATEMENT_BEFORE & set(before) or (after and after[0] in _NO_STATEMENT_AFTER):
        return None
    family = bool(_FAMILY & set(before)) or any(pair == ("family", "history") for pair in zip(words, words[1:]))
    polarity = _polarity(words, hit, before, after)
    remission = bool(_OVER_AFTER & set(after))
    past = remission or bool(_PAST & set(before)) or "history" in after
    if "longer" in before and polarity is False:
        polarity, past = True, True
    return _Said(polarity, past and polarity is True, family, None if remission else _days_ago(words), remission)


def _clause_before(words: tuple[str, ...], start: int) -> tuple[str, ...]:
    """The words before a phrase, back to the last full stop, semicolon or contrast."""
    for position in range(start - 1, -1, -1):
        if words[position] in _ENDS_NEGATION:
            return words[position + 1 : start]
    return words[:start]


def _next_break(words: tuple[str, ...], position: int) -> int:
    while position < len(words) and words[position] not in ".;,":
        position += 1
    return position


def _polarity(words: tuple[str, ...], hit: _Hit, before: tuple[str, ...], after: tuple[str, ...]) -> Truth:
    denied = _last(before, _NEGATION)
    doubted = _last(before, _DOUBT)
    if denied is not None and not (before[denied] == "not" and before[denied + 1 : denied + 2] == ("only",)):
        listed = "," in before[denied:]
        closed = {"or", "nor", "and"} & set(words[hit.start - len(before) + denied : _sentence_end(words, hit.end)])
        return None if listed and not closed else False
    text = " ".join(after)
    if text.startswith(("absent", "denied", "excluded", "ruled out", "negative", "not present", "not seen",
                        "not found", "was excluded", "was ruled out")):  # fmt: skip
        return False
    if doubted is not None or text.startswith(("?", "unlikely", "possible", "suspected", "to be excluded", "vs")):
        return None
    return None if words[hit.end : hit.end + 1] == ("?",) else True


def _sentence_end(words: tuple[str, ...], position: int) -> int:
    while position < len(words) and words[position] not in _ENDS_NEGATION:
        position += 1
    return position


def _last(words: tuple[str, ...], cues: frozenset[str]) -> int | None:
    return next((i for i in range(len(words) - 1, -1, -1) if words[i] in cues), None)


def _days_ago(words: tuple[str, ...]) -> tuple[int, int] | None:
    """The interval that the words name (``three weeks earlier``, ``for 5 years``), in days before the entry."""
    for position, word in enumerate(words):
        if word not in _UNITS or not position:
            continue
        count = words[position - 1]
        number = int(count) if count.isdigit() else _NUMBERS.get(count)
        if number is None or number > 120:
            continue
        days, half = _UNITS[word]
        return number * days - half, number * days + half
    return None


# ---------------------------------------------------------------- conditions

_MUSCLE_DISEASE = frozenset(
    [
        "myopathy_unspecified",
        "muscular_dystrophy",
        "metabolic_myopathy",
        "mitochondrial_myopathy",
        "congenital_myopathy",
        "idiopathic_inflammatory_myopathy",
        "myositis_unspecified",
        "muscle_weakness",
        "elevated_ck",
        "rhabdomyolysis",
        "gne_myopathy",
        "malignant_hyperthermia",
        "family_history_myopathy",
        "muscle_atrophy",
    ]
)


def _of_family(concept: str) -> str | None:
    """What a relative's disease is for us: muscle disease, malignancy, or nothing."""
    lineage = {concept, *ancestors(concept)}
    if lineage & _MUSCLE_DISEASE:
        return "family_history_myopathy"
    if lineage & {"malignancy_any", "family_history_malignancy"}:
        return "family_history_malignancy"
    return None


def _match(hit: _Hit, said: _Said) -> Match | None:
    concept = CONCEPTS[hit.phrase.concept]
    if said.family or concept.id.startswith("family_history"):
        wider = _of_family(concept.id)
        return Match(wider, "exact", True, wider, said.polarity, family=True) if wider else None
    past = said.past
    if concept.lasting or (concept.episode and said.days_ago is not None):
        past = said.remission
    if said.days_ago is not None and not concept.lasting and not concept.episode:
        past = said.past
    return Match(
        concept.id, hit.phrase.relation, not hit.misspelt, concept.id, said.polarity, past, days_ago=said.days_ago
    )


_HEADS = frozenset(
    [
        "weakness",
        "atrophy",
        "wasting",
        "pain",
        "rash",
        "swelling",
        "cancer",
        "carcinoma",
        "failure",
        "myopathy",
        "disease",
    ]
)


def _distributed(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """``proximal and distal weakness`` also read as ``proximal weakness``."""
    for position, word in enumerate(words):
        if word not in ("and", "or", "/") or not position:
            continue
        for end in range(position + 2, min(position + 5, len(words))):
            if words[end] in _HEADS:
                muscle = ("muscle",) if words[end - 1] == "muscle" else ()
                yield (*words[:position], *muscle, *words[end:])
                break


def _named(text: str, domain: Domain) -> Iterator[Match]:
    words = tokens_of(text)
    for reading in (words, *_distributed(words)):
        for hit in _hits(reading, domain):
            said = _said(reading, hit)
            match = _match(hit, said) if said else None
            if match:
                yield match


# ---------------------------------------------------------------- drugs

_LOCAL_FORMS = frozenset(
    [
        "cream",
        "ointment",
        "topical",
        "topically",
        "ophthalmic",
        "ophth",
        "eye",
        "otic",
        "ear",
        "nasal",
        "nasally",
        "intranasal",
        "inhaled",
        "inhaler",
        "inhalation",
        "nebulizer",
        "nebulized",
        "nebulization",
        "rectal",
        "enema",
        "suppository",
        "foam",
        "lotion",
        "gel",
        "shampoo",
        "intraarticular",
        "intravitreal",
        "dermal",
        "cutaneous",
        "mouthwash",
        "lozenge",
        "vaginal",
        "buccal",
        "paste",
        "scalp",
        "oint",
        "crm",
        "opht",
        "supp",
    ]
)
_NO_EXPOSURE = ("intoleran", "allerg", "contraindicat", "hypersensitiv", "adverse")
_NO_STATIN = frozenset(
    [
        "nystatin",
        "pentostatin",
        "cilastatin",
        "somatostatin",
        "sivelestat",
        "cystatin",
        "myostatin",
        "endostatin",
        "angiostatin",
        "bestatin",
        "pepstatin",
        "trichostatin",
        "lactacystin",
        "fostamatinib",
        "astatin",
        "imistatin",
        "candidastatin",
        "zinostatin",
        "imipenem",
    ]
)
_LEAST_STATIN = 8
"""Letters a word must have before it can be a misspelt statin."""


def is_local_form(text: str) -> bool:
    """Whether a route or dose form is local (cream, eye drops, inhaler): no systemic exposure."""
    return not _LOCAL_FORMS.isdisjoint(tokens_of(text)) or "intra articular" in text.lower()


def _drugs(text: str) -> Iterator[Match]:
    words = tokens_of(text)
    if is_local_form(text) or any(word.startswith(_NO_EXPOSURE) for word in words):
        return
    hits = list(_hits(words, "drug"))
    covered = {position for hit in hits for position in range(hit.start, hit.end)}
    hits += _misspelt_statins(words, covered)
    for hit in hits:
        said = _said(words, hit)
        if said is None:
            continue
        stopped = bool({"stopped", "discontinued", "ceased", "withdrawn"} & set(words))
        yield Match(
            hit.phrase.concept, hit.phrase.relation, not hit.misspelt, hit.phrase.concept, said.polarity,
            said.past or stopped, days_ago=said.days_ago if stopped else None,
        )  # fmt: skip


def _misspelt_statins(words: tuple[str, ...], covered: set[int]) -> Iterator[_Hit]:
    for position, word in enumerate(words):
        if position in covered or len(word) < _LEAST_STATIN or word in _NO_STATIN:
            continue
        statin = _nearest_statin(word)
        if statin:
            yield _Hit(position, position + 1, _Phrase((word,), statin, "exact", False), misspelt=True)


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

_OTHER_SPECIMEN = frozenset(
    [
        "urine",
        "urinary",
        "csf",
        "cerebrospinal",
        "fluid",
        "pleural",
        "ascite",
        "ascitic",
        "peritoneal",
        "stool",
        "fecal",
        "sweat",
        "saliva",
        "amniotic",
        "synovial",
        "dialysate",
        "clearance",
        "ratio",
        "isoenzyme",
        "fraction",
        "macro",
        "inhibitor",
        "gene",
        "genotype",
    ]
)
_MYOSITIS_WORDS = frozenset(
    [
        "antibody",
        "ab",
        "igg",
        "autoantibody",
        "anti",
        "blot",
        "immunoblot",
        "myositis",
        "antigen",
        "myopathy",
        "panel",
        "lineblot",
        "dotblot",
        "elisa",
        "cia",
        "54",
        "serology",
        "autoimmune",
    ]
)


def _results(text: str, context: str) -> Iterator[Match]:
    words = tokens_of(text)
    around = set(words) | set(tokens_of(context))
    for hit in _hits(words, "result"):
        inside = set(words[hit.start : hit.end])
        if (_OTHER_SPECIMEN & set(words)) - inside:
            continue
        if hit.phrase.relation == "broader" and not (_MYOSITIS_WORDS & (around - inside)):
            continue
        yield Match(hit.phrase.concept, "exact", True, hit.phrase.concept)


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
