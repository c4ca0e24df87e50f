"""What biopsy, EMG and MRI sentences state, as mentions of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from imnm.logic.truth import AND, Truth

from .scope import NOTHING, Sentence, Statement


class Mention(NamedTuple):
    """One statement about a finding. Of several, the strongest holds; at equal strength presence holds."""

    concept: str
    truth: Truth
    strength: int
    start: int
    end: int
    """Positions in the text."""


BARE = 1  # named without an amount, or only by a diagnosis
PLAIN = 2
HEDGED = 0

_VALUE = frozenset({"low", "high", "some", "upregulated", "increased"})
_BAD_STATED = frozenset({"absent", "resolved"})


def _mention(s: Sentence, concept: str, truth: Truth, at: int, strength: int = PLAIN) -> Mention:
    if truth is None:
        strength = HEDGED
    start, end = s.spans[at]
    return Mention(concept, truth, strength + 3 * s.strength, start, end)


def _each(s: Sentence, tag: str) -> Iterator[tuple[int, Statement]]:
    for at in s.places.get(tag, ()):
        stated = s.statement(at)
        if stated.said:
            yield at, stated


# ---------------------------------------------------------------- biopsy

BIOPSY = frozenset({
    "necrosis", "myophagocytosis", "necrotizing", "regeneration", "inflammation", "pauci_inflammation", "macrophage",
    "perifascicular_atrophy", "perifascicular_necrosis", "atrophy", "rimmed", "invasion", "dystrophic", "fibrosis",
    "connective_tissue", "normal_muscle", "mhc1", "mac", "p62", "mxa", "other_stain", "decoy", "granulomas", "amyloid",
    "autophagic", "glycogen_storage", "lipid_storage", "type2_atrophy",
})  # fmt: skip
_FINDINGS = BIOPSY - {"connective_tissue", "mhc1", "mac", "p62", "mxa", "other_stain"}
STAINS = ("mhc1", "mac", "p62", "mxa", "other_stain")
_STAIN = frozenset(STAINS)
_SIMPLE = {
    "rimmed": "biopsy_rimmed_vacuoles",
    "regeneration": "biopsy_regeneration",
    "dystrophic": "biopsy_dystrophic",
    "fibrosis": "biopsy_fibrosis",
    "granulomas": "biopsy_granulomas",
    "amyloid": "biopsy_amyloid",
    "autophagic": "biopsy_autophagic_vacuoles",
    "glycogen_storage": "biopsy_glycogen_storage",
    "lipid_storage": "biopsy_lipid_storage",
    "type2_atrophy": "biopsy_type2_atrophy",
    "perifascicular_necrosis": "biopsy_perifascicular_necrosis",
    "perifascicular_atrophy": "biopsy_perifascicular_atrophy",
}


def biopsy(s: Sentence) -> Iterator[Mention]:
    """Mentions in a sentence on skeletal muscle."""
    for tag, concept in _SIMPLE.items():
        for at, stated in _each(s, tag):
            if tag != "regeneration" or stated.truth or not _under_stain(s, at):
                yield _mention(s, concept, stated.truth, at)
    yield from _necrosis(s)
    yield from _atrophy(s)
    yield from _inflammation(s)
    yield from _macrophages(s)
    yield from _invasion(s)
    yield from _connective_tissue(s)
    yield from _normal_biopsy(s)
    for stain in ("mhc1", "mxa"):
        yield from _stain(s, stain)
    yield from _complement(s)
    yield from _p62(s)


def _under_stain(s: Sentence, at: int) -> bool:
    """Whether the word only says where a stain lies ("C5b-9: cytoplasm of necrotic fibres only")."""
    stain = max((i for tag in STAINS for i in s.places.get(tag, ()) if i < at), default=-1)
    return stain >= 0 and at < _stain_end(s, stain)


def _foreign(s: Sentence, at: int) -> bool:
    """Whether the word is about something else than muscle fibres ("fat necrosis", "necrosis of vessel walls")."""
    if at > 0 and "tissue_thing" in s.tags[at - 1]:
        return True
    for ahead in range(at + 1, min(s.end, at + 6)):
        if "tissue_thing" in s.tags[ahead]:
            return s.words[at + 1] in ("of", "in") or ahead == at + 1
        if s.words[ahead] in ",.;:(" or s.tags[ahead] & {"fiber", "seen", "absent", "verb", "and", "or"}:
            return False
    return False


def _is_perifascicular(s: Sentence, at: int) -> bool:
    """Whether *perifascicular* qualifies this word, directly, through a list or as the place."""
    for before in range(at - 1, max(-1, at - 7), -1):
        tags = s.tags[before]
        if "perifascicular" in tags or tags & {"perifascicular_atrophy", "perifascicular_necrosis"}:
            listed = s.words[at] in ("necrosis", "atrophy") and (bool(s.tags[at - 1] & {"or", "and"}) or s.words[at - 1] == "/")
            direct = "perifascicular" in tags
            return (direct or listed) and not any(s.words[i] in ",;:" for i in range(before, at))
        if s.words[before] in ",;:" or tags & {"stop", "seen", "absent", "negation"}:
            break
    start, end = s.segment(at)
    clause, _ = s.clause(at)
    if clause > 1 and s.words[clause - 1] == ":" and s.has("perifascicular", s.clause(clause - 2)[0], clause):
        return True
    place = s.find("perifascicular", at + 1, end)
    return place > 0 and s.has("confined", at + 1, place) and not s.has("atrophy", at + 1, place)


def _necrosis(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "necrosis"):
        if _foreign(s, at) or (_under_stain(s, at) and stated.truth is not True):
            continue
        if _is_perifascicular(s, at):
            yield _mention(s, "biopsy_perifascicular_necrosis", stated.truth, at)
            continue
        yield _mention(s, "biopsy_necrosis_present", stated.truth, at, BARE if _under_stain(s, at) else PLAIN)
        if stated.truth is not False and (_only_one(s, at) or _slight(s, at)):
            yield _mention(s, "biopsy_necrosis_predominant", False, at, BARE)
    for at, stated in _each(s, "myophagocytosis"):
        if stated.truth:
            yield _mention(s, "biopsy_necrosis_present", True, at, BARE)
    for at, stated in _each(s, "necrotizing"):
        if not _foreign(s, at):
            strength = PLAIN if stated.truth is False else BARE
            yield _mention(s, "biopsy_necrosis_predominant", stated.truth, at, strength)
    yield from _leading(s)


def _only_one(s: Sentence, at: int) -> bool:
    """Whether a single necrotic fibre is spoken of, which cannot lead the picture."""
    return any(s.words[i] in ("single", "isolated", "one", "solitary", "lone") for i in range(max(0, at - 3), at)) and (
        at + 1 < s.end and s.words[at + 1] == "fiber"
    )


_SLIGHT = frozenset({"inconspicuous", "minor", "insignificant", "negligible", "trivial", "minimal", "not prominent", "not marked",
                     "not extensive", "not striking", "not pronounced", "unimpressive", "not impressive"})  # fmt: skip


def _slight(s: Sentence, at: int) -> bool:
    """Whether necrosis is said to matter little, so that it does not lead."""
    _, end = s.segment(at)
    return any(word in _SLIGHT for word in (*s.words[max(0, at - 1) : at], *s.words[at + 1 : end]))


_CELLS = frozenset({"lymphocyte", "t cell", "mononuclear cell", "round cell", "lymphoid cell", "t lymphocyte", "leukocyte", "leucocyte",
                    "mononuclear", "inflammatory cell", "cuffing"})  # fmt: skip


_LEADERS = frozenset({"necrosis", "inflammation", "macrophage", "regeneration", "dystrophic", "fibrosis", "atrophy",
                      "perifascicular_atrophy", "rimmed", "connective_tissue", "decoy", "pauci_inflammation"})  # fmt: skip


def _leading(s: Sentence) -> Iterator[Mention]:
    """What is said to lead the picture, or to be a minor part of it."""
    for at, tags in enumerate(s.tags):
        leads = "dominant" in tags
        if not leads and "minority" not in tags:
            continue
        led = _led(s, at)
        if led < 0:
            continue
        before = s.statement(at)
        if not before.said:
            continue
        truth: Truth = before.truth if leads else False
        stated = s.statement(led)
        if not stated.said:
            continue
        truth = AND[truth, stated.truth]
        found = s.tags[led]
        if "macrophage" in found:
            yield _mention(s, "biopsy_macrophages_predominant", truth, at)
        elif "necrosis" in found or ("regeneration" in found and _with_necrosis(s, led)):
            yield _mention(s, "biopsy_necrosis_predominant", truth, at)
        elif "inflammation" in found and truth is not None:
            yield _mention(s, "biopsy_inflammation_prominent", truth, at)
            if leads and truth:
                yield _mention(s, "biopsy_necrosis_predominant", False, at, BARE)


def _with_necrosis(s: Sentence, at: int) -> bool:
    for before in range(at - 1, max(-1, at - 4), -1):
        if "necrosis" in s.tags[before]:
            return True
        if not s.tags[before] & {"and", "or", "fiber"} and s.words[before] != "/":
            break
    return at + 2 < s.end and "and" in s.tags[at + 1] and "necrosis" in s.tags[at + 2]


_MAINLY = frozenset({"mainly", "predominantly", "mostly", "chiefly", "largely", "primarily", "almost entirely", "almost exclusively",
                     "entirely"})  # fmt: skip


def _led(s: Sentence, at: int) -> int:
    """The finding that a word such as *predominant* speaks of."""
    for ahead in range(at + 1, min(s.end, at + 7)):
        tags = s.tags[ahead]
        if tags & _LEADERS:
            behind = _finding_left(s, at)
            close = ahead - at <= 2 or s.words[at] in _MAINLY
            adverbial = s.words[ahead - 1] == "of" or s.has("verb", at + 1, ahead) or close
            if "inflammation" in tags and behind >= 0 and "macrophage" in s.tags[behind]:
                return behind
            if adverbial or behind < 0:
                return ahead if s.words[at] not in ("exceed", "outweigh", "out of proportion to", "overshadow", "outnumber") else behind
            break
        if s.words[ahead] in ",;(" or "stop" in tags:
            break
    return _finding_left(s, at)


def _finding_left(s: Sentence, at: int) -> int:
    start, _ = s.clause(at)
    found = _subject(s, start, at)
    if found < 0 and start > 1:
        found = _first(s, s.clause(start - 2)[0], start)
    return found


def _first(s: Sentence, start: int, end: int) -> int:
    for at in range(start, end):
        if s.tags[at] & _LEADERS:
            return at
    return -1


def _subject(s: Sentence, start: int, at: int) -> int:
    """The nearest finding to the left, or the first of those it is listed with."""
    for before in range(at - 1, start - 1, -1):
        if s.tags[before] & _LEADERS and not s.tags[before] & {"connective_tissue"}:
            if "regeneration" in s.tags[before]:
                first = _first(s, start, before)
                return first if first >= 0 and "necrosis" in s.tags[first] else before
            return before
    return -1


def _atrophy(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "atrophy"):
        if _is_perifascicular(s, at) or _place_perifascicular(s, at):
            yield _mention(s, "biopsy_perifascicular_atrophy", stated.truth, at)


def _place_perifascicular(s: Sentence, at: int) -> bool:
    _, end = s.segment(at)
    place = s.find("perifascicular", at + 1, min(end, at + 7))
    return place > 0 and not s.has("necrosis", at + 1, end)


def _inflammation(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "inflammation"):
        if _foreign(s, at) or _marker_of_invasion(s, at):
            continue
        truth, strength = stated.truth, PLAIN
        if truth and _composition(s, at):
            continue
        if truth and stated.amount == "low":
            truth = False
        elif truth and stated.amount != "high":
            if stated.amount == "some" or s.words[at] in _CELLS or s.words[at].startswith("cd"):
                continue  # cells are there, but how many is not said
            strength = BARE
        yield _mention(s, "biopsy_inflammation_prominent", truth, at, strength)
    for at, stated in _each(s, "pauci_inflammation"):
        if stated.truth:
            yield _mention(s, "biopsy_inflammation_prominent", False, at)


def _composition(s: Sentence, at: int) -> bool:
    """Whether an infiltrate is spoken of as known ("the infiltrate consists of macrophages") or made of macrophages."""
    start, end = s.segment(at)
    nearby = range(max(start, at - 3), at)
    known = any(s.words[i] in ("the", "this", "that", "such", "secondary") for i in range(max(start, at - 2), at))
    if known and not s.has("verb", max(start, at - 2), at) and not s.has("high", max(0, at - 3), end):
        return True
    return any("macrophage" in s.tags[i] for i in nearby) or (
        s.has("macrophage", at, end) and s.words[at].endswith("infiltrate") and not s.has("high", max(0, at - 3), at)
    )


def _marker_of_invasion(s: Sentence, at: int) -> bool:
    """Whether cells are named as those that do not invade; then only the invasion is denied."""
    start, end = s.segment(at)
    verb = s.find("invasion", at, end)
    return verb >= 0 and s.words[verb].startswith("invad") and s.statement(at).truth is False and not s.has("negation", start, at)


def _macrophages(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "macrophage"):
        if stated.truth is False and s.has("seen", at + 1, s.segment(at)[1]) is False and not _leads_here(s, at):
            yield _mention(s, "biopsy_macrophages_predominant", False, at, BARE)


def _leads_here(s: Sentence, at: int) -> bool:
    start, end = s.segment(at)
    return s.has("dominant", start, end)


def _invasion(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "invasion"):
        _, end = s.segment(at)
        start = s.segment(at)[0]
        if s.has("necrosis", start, end) and not s.has("viable", start, end):
            continue  # phagocytes in necrotic fibres
        truth = stated.truth
        if at >= 1 and s.words[at - 1] in ("not", "do not", "does not", "did not"):
            truth = False
        yield _mention(s, "biopsy_endomysial_invasion", truth, at)


def _connective_tissue(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "connective_tissue"):
        start, end = s.segment(at)
        first, last = s.clause(at)
        if stated.truth is False:
            yield _mention(s, "biopsy_fibrosis", False, at)
        elif s.has("increased", max(start, at - 5), end) or s.has("fibrosis", first, last):
            yield _mention(s, "biopsy_fibrosis", stated.truth, at)
        elif any(s.words[i] == "normal" for i in range(at + 1, end)):
            yield _mention(s, "biopsy_fibrosis", False, at)


def _normal_biopsy(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "normal_muscle"):
        yield _mention(s, "biopsy_normal", stated.truth, at)
    yield from _normal_word(s, "biopsy_normal", ("muscle biopsy", "biopsy", "muscle", "specimen", "sample"))


def _normal_word(s: Sentence, concept: str, subjects: tuple[str, ...]) -> Iterator[Mention]:
    """*Normal* or *abnormal* said of the whole examination: alone, or with the examination as the subject."""
    for at, word in enumerate(s.words):
        if word == "normal" and "normal_muscle" not in s.tags[at]:
            alone = s.end == 1 or (at == 0 and s.words[1] in ",.;:(") or (at == 1 and s.tags[0] and s.end == 2 and s.words[0] != "not")
            about = at > 0 and not any(w in ("remaining", "other", "rest", "otherwise") for w in s.words[:at]) and any(w in subjects for w in s.words[max(0, at - 7) : at]) and _predicative(s, at, subjects)
            if alone or about:
                yield _mention(s, concept, True, at)
        elif "abnormal" in s.tags[at] and word.startswith("abnormal") and (s.end <= 2 or at == 0 or any(w in subjects for w in s.words)):
            stated = s.statement(at)
            if stated.said and stated.truth is not None:
                yield _mention(s, concept, not stated.truth, at)
        elif "absent" in s.tags[at] and word == "not normal":
            yield _mention(s, concept, False, at)


def _predicative(s: Sentence, at: int, subjects: tuple[str, ...]) -> bool:
    """Whether *normal* ends its part of the sentence as a predicate of one of the subjects."""
    if at + 1 < s.end and s.words[at + 1] not in ",.;:)(" and not s.tags[at + 1] & {"and", "stop", "or"}:
        return False
    for before in range(at - 1, -1, -1):
        if s.words[before] in subjects:
            return not s.words[at - 1] == "not"
        if s.words[before] in ",;" or (s.tags[before] & (BIOPSY | EMG | MRI)):
            return False
    return False


# ------------------------------------------------------------ stains


def _stain_end(s: Sentence, at: int) -> int:
    """Where what is said of a stain ends: the next stain or finding that stands for itself."""
    for ahead in range(at + 1, s.end):
        tags = s.tags[ahead]
        if tags & _STAIN:
            return ahead - 1 if "negation" in s.tags[ahead - 1] and ahead - 1 > at else ahead
        if s.words[ahead] == ";" and not _goes_on(s, ahead):
            return ahead
        if tags & _FINDINGS:
            start = _item_start(s, ahead)
            if start > at:
                return start
        other = tags & BIOPSY - {"necrosis", "regeneration", "connective_tissue"} and not tags & {"upregulated", "high", "low"}
        if other and not _within_comma(s, at, ahead):
            return ahead
    return s.end


_ADJECTIVES = frozenset({"fiber", "low", "high", "some", "section_microscopy_words"})
_PREPOSITIONS = frozenset({"of", "in", "on", "to", "at", "along", "within", "around", "from", "by", "between"})


def _item_start(s: Sentence, at: int) -> int:
    """Where the item starts that a finding stands in for itself; -1 if the word is only the place of a stain."""
    at -= 1
    while at > 0 and s.words[at] != "," and not s.tags[at] - _ADJECTIVES and s.words[at] not in _PREPOSITIONS:
        at -= 1
    if s.words[at] == "," or s.tags[at] & {"negation", "or", "stop"}:
        return at
    alone = "and" in s.tags[at] and not s.tags[at - 1] & {"capillary", "cytoplasm", "regeneration", "necrosis", "sarcolemma"}
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


def _stain_value(s: Sentence, at: int, depth: int = 0) -> Statement:
    """What is said of a stain: positive, negative, doubtful, or not at all."""
    before = _stain_before(s, at)
    end = _stain_end(s, at)
    value = _first_value(s, at + 1, end)
    if value is None and end < s.end and s.tags[end] & _STAIN and depth < 6 and _only_joined(s, at + 1, end):
        shared = _stain_value(s, end, depth + 1)
        value = shared if shared.said or before is None else None
        if before is None and value is None:
            return shared
    if s.has("ask", max(0, at - 6), at) or s.has("plan", *s.segment(at)):
        return NOTHING
    if s.has("generic", *s.clause(at)):
        return Statement(True, False) if s.taken_back(at) else NOTHING
    if before is not None and before.truth is False:
        return before if value is None or value.said else NOTHING
    if value is not None:
        if not value.said:
            return NOTHING
        if value.truth and end < s.end and not _explicit(s, at, end) and s.statement(at).truth is False:
            return s.statement(at)  # "MHC-I upregulation and necrosis are absent"
        if before is not None and before.truth is None and value.truth:
            return before
        return Statement(True, None) if s.asks and value.truth else value
    if before is not None:
        return Statement(True, None) if s.asks else before
    return NOTHING


def _explicit(s: Sentence, at: int, end: int) -> bool:
    return any(s.tags[i] & {"seen", "low", "high", "some"} or s.words[i][0] == "+" or s.words[i].endswith(("ed", "positive")) for i in range(at + 1, end))


def _only_joined(s: Sentence, start: int, end: int) -> bool:
    return all(s.words[i] in ",/()" or s.tags[i] & {"and", "or", "staining"} for i in range(start, end))


def _stain_before(s: Sentence, at: int) -> Statement | None:
    """A value in front of the stain: "patchy MHC-I", "no upregulation of MHC-I", "negative for MHC-I"."""
    left, _ = s.before(at)
    if left is not True:
        return Statement(True, left)
    positive: Statement | None = None
    for before in range(at - 1, max(-1, at - 9), -1):
        tags = s.tags[before]
        if s.words[before] in ";:()," or "stop" in tags or (tags & BIOPSY - {"connective_tissue"} and not tags & _STAIN):
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
        if word in "([":
            close = s.closing.get(at, end)
            if _bare_value(s, at + 1, close):
                return _first_value(s, at + 1, close)
            at = close + 1
            continue
        if word == "," and ("past" in (s.tags[at + 1] if at + 1 < end else ()) or s.has("past", at + 1, s.segment(min(at + 1, s.end - 1))[1])):
            at = s.segment(min(at + 1, s.end - 1))[1]
            continue
        if "skip" in tags:
            return NOTHING
        if word in ",;" or "stop" in tags:
            if positive:
                break
        elif "hedge" in tags or word == "?":
            return Statement(True, None)
        elif tags & _BAD_STATED and not (positive and word in ("intact", "-")):
            return Statement(True, False)
        elif "negation" in tags or "not" in tags:
            return Statement(True, True) if positive else Statement(True, False)
        elif word == "normal" or (tags & {"regeneration", "necrosis"} and _nowhere_else(s, start, end)):
            return Statement(True, False)
        elif tags & _VALUE or (tags & {"sarcolemma", "viable"} and start > 0 and s.words[start - 1] == "(") or "seen" in tags or word[0] == "+" or tags & {"fine", "confined"} or (tags & {"sarcolemma", "viable", "fiber"} and any(s.words[i] in ("on", "along", "at", "of", "in") for i in range(max(start, at - 4), at))):
            positive = True
        at += 1
    return Statement(True, True) if positive or headed else None


def _nowhere_else(s: Sentence, start: int, end: int) -> bool:
    """Whether a stain is said to mark these fibres only."""
    return s.has("confined", start, end) or any(w in ("only", "solely", "exclusively", "alone") for w in s.words[start:end])


def _bare_value(s: Sentence, start: int, close: int) -> bool:
    """Whether a bracket holds the value itself, "(+)", "(negative)", and not another place ("endothelium positive")."""
    return start < close and not any(s.tags[i] & {"capillary"} for i in range(start, close)) and (
        bool(s.tags[start] & (_VALUE | {"absent", "seen", "hedge", "skip", "negation", "not", "sarcolemma", "viable", "fine"})) or s.words[start][0] in "+-"
    )


def _stain(s: Sentence, tag: str) -> Iterator[Mention]:
    concept = {"mhc1": "biopsy_mhc1_upregulation", "mxa": "biopsy_mxa_positive"}[tag]
    for at, tags in enumerate(s.tags):
        if tag in tags:
            value = _stain_value(s, at)
            if value.said:
                if tag == "mxa":
                    if value.truth is False or s.has("perifascicular"):
                        yield _mention(s, "biopsy_mxa_perifascicular", value.truth, at)
                else:
                    yield _mention(s, concept, value.truth, at)


def _complement(s: Sentence) -> Iterator[Mention]:
    for at, tags in enumerate(s.tags):
        if "mac" in tags:
            value = _sarcolemmal(s, at)
            if value.said:
                yield _mention(s, "biopsy_mac_sarcolemmal", value.truth, at)


def _sarcolemmal(s: Sentence, at: int) -> Statement:
    """Whether complement lies on the sarcolemma: what is said of that place, else of the stain as a whole."""
    before = _stain_before(s, at)
    if before is not None and before.truth is not True:
        return before
    if not s.statement(at).said:
        return NOTHING
    overall = _stain_value(s, at)
    end = _stain_end(s, at)
    first = s.segment(at)[0]
    if first > 1 and s.words[first - 1] == ":":
        first = s.clause(first - 2)[0]  # "Sarcolemma: C5b-9 +"
    place = _sarcolemma_at(s, first, at)
    if place >= 0:
        if overall.said or not (_localized(s, at, end) or "deposi" in s.words[at]):
            return overall
        return s.statement(at)
    for start, stop in _parts(s, at + 1, end):
        place = _sarcolemma_at(s, start, stop)
        if place >= 0:
            here = _first_value(s, start, stop)
            if here is None and not overall.said:
                return NOTHING
            return here if here is not None else overall
    if overall.said and overall.truth is not True:
        return overall
    elsewhere = s.has("capillary", at, end) or s.has("necrosis", at, end) or s.has("capillary", first, at)
    only = s.has("confined", at, end) or any(w in ("only", "alone", "exclusively", "solely") for w in s.words[at:end])
    return Statement(True, False) if elsewhere and only else NOTHING


def _localized(s: Sentence, at: int, end: int) -> bool:
    return bool(any(s.tags[i] & {"fiber", "viable"} for i in range(at, end)))


def _sarcolemma_at(s: Sentence, start: int, stop: int) -> int:
    """A word for the surface of intact fibres, or plain fibres where no necrotic ones are meant."""
    for at in range(start, stop):
        if s.tags[at] & {"sarcolemma", "viable"}:
            return at
    for at in range(start, stop):
        if "fiber" in s.tags[at] and not s.has("necrosis", start, stop) and not s.has("capillary", start, stop):
            return at
    return -1


def _parts(s: Sentence, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = start
    for at in range(start, end):
        if s.words[at] in ",;" or "stop" in s.tags[at]:
            yield part, at
            part = at + 1
    yield part, end


def _p62(s: Sentence) -> Iterator[Mention]:
    for at, tags in enumerate(s.tags):
        if "p62" not in tags:
            continue
        value = _stain_value(s, at)
        start = s.segment(at)[0]
        end = _stain_end(s, at)
        diffuse = s.has("fine", start, at) or s.has("fine", at, end)
        if not value.said:
            continue
        if value.truth is True and not diffuse:
            continue
        coarse = s.has("coarse", at, end) and not any(s.words[i] in ("diffuse", "diffusely", "fine", "finely") for i in range(start, end))
        if value.truth is True and coarse:
            continue
        yield _mention(s, "biopsy_p62_diffuse", value.truth, at)


# ---------------------------------------------------------------- EMG

EMG = frozenset({"irritable", "nonirritable", "spontaneous", "insertional", "myopathic", "neurogenic", "crd", "unit", "conduction", "normal_study", "decoy"})  # fmt: skip


def emg(s: Sentence) -> Iterator[Mention]:
    """Mentions in a sentence of an EMG report. Spontaneous activity and unit shape are put together in the end."""
    for at, stated in _each(s, "irritable"):
        yield _mention(s, "emg_irritable_myopathy", stated.truth, at)
        if stated.truth is not False and "myopathy" in s.words[at]:
            yield _mention(s, "emg_myopathic", stated.truth, at)
    for at, stated in _each(s, "nonirritable"):
        yield _mention(s, "emg_irritable_myopathy", not stated.truth if stated.truth is not None else None, at)
    for at, stated in _each(s, "spontaneous"):
        yield _mention(s, "spontaneous", stated.truth, at)
    for at, _ in _each(s, "insertional"):
        _, end = s.clause(at)
        if s.has("increased", at, end) or any(w in ("prolonged", "increased") for w in s.words[max(0, at - 2) : at]):
            yield _mention(s, "spontaneous", True, at, BARE)
    for at, stated in _each(s, "myopathic"):
        yield _mention(s, "emg_myopathic", stated.truth, at)
    for at, stated in _each(s, "neurogenic"):
        yield _mention(s, "emg_neurogenic", stated.truth, at)
    for at, stated in _each(s, "crd"):
        yield _mention(s, "emg_myotonic_or_crd", stated.truth, at)
    yield from _units(s)
    yield from _normal_emg(s)


def _units(s: Sentence) -> Iterator[Mention]:
    """The shape of motor unit potentials: short, small and early recruited, or large, long and reduced."""
    seen: set[int] = set()
    for at, tags in enumerate(s.tags):
        if "unit" not in tags or s.tags[at] & {"spontaneous"}:
            continue
        start, end = _unit_clause(s, at)
        if start in seen or not s.statement(at).said:
            continue
        seen.add(start)
        short = [i for i in range(start, end) if "short" in s.tags[i]]
        large = [i for i in range(start, end) if "large" in s.tags[i]]
        normal = [i for i in range(start, end) if s.words[i] == "normal"]
        if short and not (large and large[0] < short[0]):
            truth = AND[s.statement(at).truth, s.statement(short[0]).truth]
            yield _mention(s, "emg_myopathic", truth, short[0], PLAIN if truth is False else BARE)
        elif large and any(s.words[i] != "high" for i in large):
            truth = s.statement(at).truth
            yield _mention(s, "emg_neurogenic", truth, large[0], BARE)
        elif normal and not s.has("not", start, normal[0]):
            yield _mention(s, "emg_myopathic", False, normal[0], BARE)


def _unit_clause(s: Sentence, at: int) -> tuple[int, int]:
    """The stretch that describes the units: on through colons, up to a semicolon or the next subject."""
    start, end = at, at + 1
    while start > 0 and not (s.words[start - 1] in ";:" or "stop" in s.tags[start - 1]) and not s.tags[start - 1] & {"spontaneous", "neurogenic", "conduction", "crd"}:
        start -= 1
    while end < s.end and s.words[end] != ";" and not s.tags[end] & {"stop", "neurogenic", "conduction", "spontaneous", "crd"}:
        end += 1
    return start, end


def _normal_emg(s: Sentence) -> Iterator[Mention]:
    conduction = s.has("conduction")
    for at, stated in _each(s, "normal_study"):
        yield _mention(s, "emg_normal", stated.truth, at)
    subjects = ("emg", "needle emg", "needle examination", "concentric needle examination", "needle", "examination", "study",
                "electromyography", "electromyogram", "needle study", "concentric needle emg", "neurophysiology", "recording", "electrophysiology",
                "needle electromyography")  # fmt: skip
    for mention in _normal_word(s, "emg_normal", subjects):
        if not (conduction and mention.truth):
            yield mention


# ---------------------------------------------------------------- MRI

MRI = frozenset({"edema", "inflammation", "bright", "normal_signal", "fat", "fascia", "normal_study", "decoy"})


def mri(s: Sentence) -> Iterator[Mention]:
    """Mentions in a sentence of an MRI report."""
    yield from _edema(s)
    yield from _signal(s)
    yield from _fascia(s)
    yield from _fat(s)
    subjects = ("mri", "mr", "examination", "scan", "study", "musculature", "imaging", "muscle", "all muscle")
    for at, stated in _each(s, "normal_study"):
        yield _mention(s, "mri_normal", stated.truth, at)
    for mention in _normal_word(s, "mri_normal", subjects):
        yield mention if _of_all(s) else mention._replace(concept="mri_muscle_normal")


def _of_all(s: Sentence) -> bool:
    """Whether *normal* is said of the examination as a whole, not of the muscles alone."""
    return s.end <= 2 or any(word in ("mri", "mr", "examination", "scan", "study", "imaging") for word in s.words)


def _site(s: Sentence, at: int) -> set[str]:
    """Where an oedema is: the places listed before it, or else those right after it; muscle if none is named."""
    places: set[str] = {"muscle"} if "musc" in s.words[at] else set()
    for before in range(at - 1, max(-1, at - 8), -1):
        tags = s.tags[before]
        if tags & {"fascia", "elsewhere", "muscle"}:
            places |= tags & {"fascia", "elsewhere", "muscle"}
        elif not (tags & {"and", "or", "low", "high"} or s.words[before] in ",/") or (places and "and" in tags and s.tags[before - 1] & {"absent", "seen", "edema"}):
            break
    if places:
        return places
    _, end = s.segment(at)
    for ahead in range(at + 1, min(end, at + 9)):
        tags = s.tags[ahead]
        if tags & {"seen", "absent", "verb", "resolved", "with", "and", "or"} and not tags & {"muscle"}:
            break
        if s.words[ahead] in ("around", "surrounding"):
            return {"fascia"} if s.has("fascia", start := s.clause(at)[0], end) or start < 0 else {"elsewhere"}
        if tags & {"elsewhere", "fascia", "muscle"}:
            return _listed_places(s, ahead, end)
    return _topic(s, at)


_PLACES = frozenset({"elsewhere", "fascia", "muscle"})


def _listed_places(s: Sentence, start: int, end: int) -> set[str]:
    """The places of a list ("of muscle or fascia"); "quadriceps tendon" is no muscle."""
    places: set[str] = set()
    for at in range(start, end):
        tags = s.tags[at]
        if tags & _PLACES:
            if "elsewhere" in tags and "muscle" in places and s.tags[at - 1] & {"muscle"}:
                places.discard("muscle")
            places |= tags & _PLACES
        elif not tags & {"and", "or"} and s.words[at] not in ("the", "of", "/"):
            break
    return places


def _topic(s: Sentence, at: int) -> set[str]:
    """The place that the clause speaks of before the word."""
    start, _ = s.segment(at)
    for before in range(at - 1, start - 1, -1):
        found = s.tags[before] & {"fascia", "elsewhere", "muscle"}
        if found:
            return set(found)
    return {"muscle"}


def _edema(s: Sentence) -> Iterator[Mention]:
    for tag in ("edema", "inflammation"):
        for at, stated in _each(s, tag):
            if "fascia" in s.tags[at]:
                continue
            places = _site(s, at)
            if "fascia" in places:
                yield _mention(s, "mri_fascial_edema", stated.truth, at)
            if "muscle" in places:
                strength = PLAIN if tag == "edema" else BARE
                yield _mention(s, "mri_muscle_edema", stated.truth, at, strength)


def _signal(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "bright"):
        if "normal_signal" in s.tags[at]:
            continue
        start, end = s.segment(at)
        first, last = s.clause(at)
        water = s.has("sequence", first, last) and not _only_t1(s, at)
        if not water and not (s.words[at] != "signal" and "t1" not in s.words[first:last]):
            continue
        places = _site(s, at)
        if any(w in ("t1",) for w in s.words[start:end]) and not s.has("sequence", start, end):
            continue
        truth = stated.truth
        if truth and _doubted(s, at):
            truth = None
        if s.words[at] == "signal" and any(w == "normal" for w in s.words[start:end]):
            truth = False
        strength = BARE
        if "fascia" in places:
            yield _mention(s, "mri_fascial_edema", truth, at)
        elif "muscle" in places:
            yield _mention(s, "mri_muscle_edema", truth, at, PLAIN if truth is False else strength)
    for at, _ in _each(s, "sequence"):
        following = at + 2 if at + 1 < s.end and (s.words[at + 1] == ":" or "verb" in s.tags[at + 1]) else at + 1
        if following < s.end and s.words[following] in ("negative", "normal"):
            yield _mention(s, "mri_muscle_edema", False, at, BARE)
    for at, stated in _each(s, "normal_signal"):
        if "muscle" in _site(s, at) and stated.truth:
            yield _mention(s, "mri_muscle_edema", False, at, BARE)


def _only_t1(s: Sentence, at: int) -> bool:
    for before in range(at - 1, max(-1, at - 5), -1):
        if s.words[before] == "t1":
            return True
        if "sequence" in s.tags[before]:
            return False
    return False


def _doubted(s: Sentence, at: int) -> bool:
    """Whether the same sentence goes on to doubt what a signal means."""
    return s.has("hedge", at + 1, s.end) or s.has("hedge", s.clause(at)[0], at)


def _fascia(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "fascia"):
        first, last = s.clause(at)
        abnormal = s.has("edema", first, last) or s.has("bright", at, last) or s.has("increased", at, last)
        itself = any(w in s.words[at] for w in ("fasciitis", "edema", "fluid", "thickening", "enhancement"))
        if s.has("edema", *s.segment(at)) and not itself:
            continue
        normal = any(s.words[i] == "normal" for i in range(at + 1, min(last, at + 6))) or (
            at + 2 < s.end and s.words[at + 1] == ":" and s.words[at + 2] == "normal"
        )
        if stated.truth is False or (normal and stated.truth):
            yield _mention(s, "mri_fascial_edema", False, at)
        elif itself or (abnormal and stated.truth is not False and not s.has("edema", first, last)):
            yield _mention(s, "mri_fascial_edema", stated.truth, at)


def _fat(s: Sentence) -> Iterator[Mention]:
    for at, stated in _each(s, "fat"):
        if "elsewhere" in s.tags[at] or (s.words[at - 1 : at] in (["subcutaneous"], ["intermuscular"]) and s.words[at] == "fat"):
            continue
        truth = stated.truth
        _, end = s.segment(at)
        rest = s.words[at + 1 : min(s.end, at + 8)]
        if "content" in s.words[at] or s.words[at] in ("fat", "fat fraction", "intramuscular fat", "muscle fat"):
            clause_end = s.clause(at)[1]
            if "normal" in rest and truth:
                truth = False
            elif (truth and s.words[at] in ("fat fraction", "fat content") and not s.has("increased", max(0, at - 4), clause_end)) or (truth and s.words[at] == "fat" and not (s.has("high", max(0, at - 3), at) or s.has("increased", max(0, at - 4), end) or rest[:1] == [":"] or s.has("low", max(0, at - 3), at))):
                continue
        yield _mention(s, "mri_fatty_replacement", truth, at)
    for at, word in enumerate(s.words):
        if word in ("mercuri", "goutallier") and not s.has("fat"):
            grade = next((w for w in s.words[at + 1 : at + 4] if w[:1].isdigit()), None)
            if grade is not None:
                yield _mention(s, "mri_fatty_replacement", grade not in ("0", "0.0"), at)


READERS: dict[str, tuple[Callable[[Sentence], Iterator[Mention]], frozenset[str]]] = {
    "biopsy": (biopsy, BIOPSY),
    "emg": (emg, EMG),
    "mri": (mri, MRI | {"elsewhere"} - {"elsewhere"}),
}
