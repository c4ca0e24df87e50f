"""What a sentence of a biopsy report states of skeletal muscle."""

from __future__ import annotations

from collections.abc import Iterator

from imnm.logic.truth import AND

from .mentions import BARE, BIOPSY, PLAIN, STAINS, Mention, each, mention, normal_word, places
from .scope import Sentence
from .stains import stain_end, stains

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
_SLIGHT = frozenset({
    "inconspicuous", "minor", "insignificant", "negligible", "trivial", "minimal", "not prominent", "not marked",
    "not extensive", "not striking", "not pronounced", "unimpressive", "not impressive",
})  # fmt: skip
_CELLS = frozenset({
    "lymphocyte", "t cell", "mononuclear cell", "round cell", "lymphoid cell", "t lymphocyte", "leukocyte",
    "leucocyte", "mononuclear", "inflammatory cell", "cuffing",
})  # fmt: skip
_LEADERS = frozenset({
    "necrosis", "inflammation", "macrophage", "regeneration", "dystrophic", "fibrosis", "atrophy", "rimmed", "decoy",
    "perifascicular_atrophy", "connective_tissue", "pauci_inflammation",
})  # fmt: skip
_MAINLY = frozenset({
    "mainly", "predominantly", "mostly", "chiefly", "largely", "primarily", "almost entirely", "almost exclusively",
    "entirely",
})  # fmt: skip


def biopsy(s: Sentence) -> Iterator[Mention]:
    """Mentions in a sentence on skeletal muscle."""
    for tag, concept in _SIMPLE.items():
        for at, stated in each(s, tag):
            if tag != "regeneration" or stated.truth or not _under_stain(s, at):
                yield mention(s, concept, stated.truth, at)
    yield from _necrosis(s)
    yield from _atrophy(s)
    yield from _inflammation(s)
    yield from _macrophages(s)
    yield from _invasion(s)
    yield from _connective_tissue(s)
    yield from _normal_biopsy(s)
    yield from stains(s)


def _under_stain(s: Sentence, at: int) -> bool:
    """Whether the word only says where a stain lies ("C5b-9: cytoplasm of necrotic fibres only")."""
    stain = max((i for tag in STAINS for i in s.places.get(tag, ()) if i < at), default=-1)
    return stain >= 0 and at < stain_end(s, stain)


_FATTY = frozenset({"fatty", "adipose", "fibrofatty", "lipomatous"})


def _foreign(s: Sentence, at: int) -> bool:
    """Whether the word is about something else than muscle fibres ("fat necrosis", "necrosis of vessel walls")."""
    if at > 0 and ("tissue_thing" in s.tags[at - 1] or s.words[at - 1] in _FATTY):
        return True
    for ahead in range(at + 1, min(s.end, at + 6)):
        if "tissue_thing" in s.tags[ahead]:
            return s.words[at + 1] in ("of", "in") or ahead == at + 1
        if s.words[ahead] in ",.;:(" or s.tags[ahead] & {"fiber", "seen", "absent", "verb", "and", "or"}:
            return False
    return False


def _is_perifascicular(s: Sentence, at: int) -> bool:
    """Whether *perifascicular* qualifies this word, directly, through a list, by a heading or as the place."""
    for before in range(at - 1, max(-1, at - 7), -1):
        tags = s.tags[before]
        if s.words[before] in ",;:" or tags & {"stop", "seen", "absent", "negation"}:
            break
        if "perifascicular" in tags:
            return True
        if tags & {"perifascicular_atrophy", "perifascicular_necrosis"}:  # "perifascicular atrophy or necrosis"
            joined = bool(s.tags[at - 1] & {"or", "and"}) or s.words[at - 1] == "/"
            return joined and s.words[at] in ("necrosis", "atrophy")
    clause, _ = s.clause(at)
    if clause > 1 and s.words[clause - 1] == ":" and s.has("perifascicular", s.clause(clause - 2)[0], clause):
        return True
    _, end = s.segment(at)
    place = s.find("perifascicular", at + 1, end)
    return place > 0 and s.has("confined", at + 1, place) and not s.has("atrophy", at + 1, place)


def _necrosis(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "necrosis"):
        if _foreign(s, at) or (_under_stain(s, at) and stated.truth is not True):
            continue
        if _is_perifascicular(s, at):
            yield mention(s, "biopsy_perifascicular_necrosis", stated.truth, at)
            continue
        yield mention(s, "biopsy_necrosis_present", stated.truth, at, BARE if _under_stain(s, at) else PLAIN)
        if stated.truth is not False and (_only_one(s, at) or _slight(s, at)):
            yield mention(s, "biopsy_necrosis_predominant", False, at, BARE)
    for at, stated in each(s, "myophagocytosis"):
        if stated.truth:
            yield mention(s, "biopsy_necrosis_present", True, at, BARE)
    for at, stated in each(s, "necrotizing"):
        if not _foreign(s, at) and s.words[max(0, at - 1)] != "non":  # non-necrotizing granulomas
            strength = PLAIN if stated.truth is False else BARE
            yield mention(s, "biopsy_necrosis_predominant", stated.truth, at, strength)
    yield from _leading(s)


_SINGLE = frozenset({"single", "isolated", "one", "solitary", "lone"})


def _only_one(s: Sentence, at: int) -> bool:
    """Whether a single necrotic fibre is spoken of, which cannot lead the picture."""
    return s.words[at + 1 : at + 2] == ["fiber"] and not _SINGLE.isdisjoint(s.words[max(0, at - 3) : at])


_JOINS = frozenset({"with", "and", "without", "but", ",", "&", "or"})


def _slight(s: Sentence, at: int) -> bool:
    """Whether necrosis is said to matter little, so that it does not lead; *minimal* before another finding is said
    of that (``necrosis with minimal inflammation``)."""
    _, end = s.segment(at)
    other = next((i for i in range(at + 1, end) if s.tags[i] & (BIOPSY - {"necrosis", "regeneration"})), end)
    if other < end:
        end = next((i for i in range(at + 1, other) if s.words[i] in _JOINS), other)
    return not _SLIGHT.isdisjoint(s.words[max(0, at - 1) : end])


def _leading(s: Sentence) -> Iterator[Mention]:
    """What is said to lead the picture, or to be a minor part of it."""
    for at in sorted(places(s, "dominant") + places(s, "minority")):
        led = _led(s, at)
        if led < 0 or not (s.statement(at).said and s.statement(led).said):
            continue
        leads = "dominant" in s.tags[at]
        truth = AND[s.statement(at).truth if leads else False, s.statement(led).truth]
        found = s.tags[led]
        if "macrophage" in found:
            yield mention(s, "biopsy_macrophages_predominant", truth, at)
        elif "necrosis" in found or ("regeneration" in found and _with_necrosis(s, led)):
            yield mention(s, "biopsy_necrosis_predominant", truth, at)
        elif "inflammation" in found and truth is not None:
            yield mention(s, "biopsy_inflammation_prominent", truth, at)
            if truth:
                yield mention(s, "biopsy_necrosis_predominant", False, at, BARE)


_EXCEED = frozenset({"exceed", "outweigh", "out of proportion to", "overshadow", "outnumber"})


def _led(s: Sentence, at: int) -> int:
    """The finding that a word such as *predominant* speaks of: what it qualifies, else the subject before it."""
    behind = _finding_left(s, at)
    for ahead in range(at + 1, min(s.end, at + 7)):
        tags = s.tags[ahead]
        if s.words[ahead] in ",;(" or "stop" in tags:
            break
        if tags & _LEADERS:
            of_cells = "inflammation" in tags and behind >= 0 and "macrophage" in s.tags[behind]
            if of_cells or (s.words[at] in _EXCEED and behind >= 0):
                return behind  # "macrophages are the dominant inflammatory cell", "necrosis exceeds inflammation"
            near = ahead - at <= 2 or s.words[at] in _MAINLY or s.words[ahead - 1] == "of"
            return ahead if near or behind < 0 or s.has("verb", at + 1, ahead) else behind
    return behind


def _with_necrosis(s: Sentence, at: int) -> bool:
    """Whether regeneration is named together with necrosis ("necrotic and regenerating fibres")."""
    for before in range(at - 1, max(-1, at - 4), -1):
        if "necrosis" in s.tags[before]:
            return True
        if not s.tags[before] & {"and", "or", "fiber"} and s.words[before] != "/":
            break
    return at + 2 < s.end and "and" in s.tags[at + 1] and "necrosis" in s.tags[at + 2]


def _finding_left(s: Sentence, at: int) -> int:
    """The subject of the clause, or else the first finding of the clause before ("…; this is the main abnormality")."""
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
    for at, stated in each(s, "atrophy"):
        if _is_perifascicular(s, at) or _place_perifascicular(s, at):
            yield mention(s, "biopsy_perifascicular_atrophy", stated.truth, at)


def _place_perifascicular(s: Sentence, at: int) -> bool:
    _, end = s.segment(at)
    place = s.find("perifascicular", at + 1, min(end, at + 7))
    return place > 0 and not s.has("necrosis", at + 1, end)


def _inflammation(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "inflammation"):
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
        yield mention(s, "biopsy_inflammation_prominent", truth, at, strength)
    for at, stated in each(s, "pauci_inflammation"):
        if stated.truth:
            yield mention(s, "biopsy_inflammation_prominent", False, at)


def _composition(s: Sentence, at: int) -> bool:
    """Whether an infiltrate is spoken of as known ("the infiltrate consists of ...") or is one of macrophages."""
    start, end = s.segment(at)
    close = range(max(start, at - 2), at)
    if any(s.words[i] in _KNOWN for i in close) and not any("verb" in s.tags[i] for i in close):
        return not s.has("high", max(0, at - 3), end)
    if s.has("macrophage", max(start, at - 3), at):
        return True
    macrophages = s.words[at].endswith("infiltrate") and s.has("macrophage", at, end)
    return macrophages and not s.has("high", max(0, at - 3), at)


_KNOWN = frozenset({"the", "this", "that", "such", "secondary"})


def _marker_of_invasion(s: Sentence, at: int) -> bool:
    """Whether cells are named as those that do not invade; then only the invasion is denied."""
    start, end = s.segment(at)
    verb = s.find("invasion", at, end)
    invades = verb >= 0 and s.words[verb].startswith("invad")
    return invades and s.statement(at).truth is False and not s.has("negation", start, at)


def _macrophages(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "macrophage"):
        if stated.truth is False:
            yield mention(s, "biopsy_macrophages_predominant", False, at, BARE)


def _invasion(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "invasion"):
        start, end = s.segment(at)
        if not s.has("necrosis", start, end) or s.has("viable", start, end):  # else: phagocytes in necrotic fibres
            yield mention(s, "biopsy_endomysial_invasion", stated.truth, at)


def _connective_tissue(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "connective_tissue"):
        start, end = s.segment(at)
        first, last = s.clause(at)
        if stated.truth is False:
            yield mention(s, "biopsy_fibrosis", False, at)
        elif s.has("increased", max(start, at - 5), end) or s.has("fibrosis", first, last):
            yield mention(s, "biopsy_fibrosis", stated.truth, at)
        elif any(s.words[i] == "normal" for i in range(at + 1, end)):
            yield mention(s, "biopsy_fibrosis", False, at)


_COMPARED = frozenset({"than", "in", "of", "to", "like", "from", "with", "some", "remaining", "adjacent", "residual"})
_WHOLE = frozenset({"muscle biopsy", "biopsy", "muscle", "specimen", "sample"})


def _normal_biopsy(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "normal_muscle"):
        if s.words[max(at - 1, 0)] not in _COMPARED and s.words[at + 1 : at + 2] != ["fiber"]:
            yield mention(s, "biopsy_normal", stated.truth, at)
    yield from normal_word(s, "biopsy_normal", _WHOLE)
