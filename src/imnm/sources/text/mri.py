"""What a sentence of an MRI report states of the muscles."""

from __future__ import annotations

from collections.abc import Iterator

from .mentions import BARE, PLAIN, Mention, each, mention, normal_word
from .scope import Sentence

_PLACES = frozenset({"elsewhere", "fascia", "muscle"})


_STUDY = frozenset({"mri", "mr", "examination", "scan", "study", "imaging"})


def mri(s: Sentence) -> Iterator[Mention]:
    """Mentions in a sentence of an MRI report."""
    yield from _edema(s)
    yield from _signal(s)
    yield from _fascia(s)
    yield from _fat(s)
    for at, stated in each(s, "normal_study"):
        yield mention(s, "mri_normal", stated.truth, at)
    for normal in normal_word(s, "mri_normal", _STUDY | {"musculature", "muscle", "all muscle"}):
        yield normal if _of_all(s) else normal._replace(concept="mri_muscle_normal")


def _of_all(s: Sentence) -> bool:
    """Whether *normal* is said of the examination as a whole, not of the muscles alone."""
    return s.end <= 2 or not _STUDY.isdisjoint(s.words)


def _edema(s: Sentence) -> Iterator[Mention]:
    for tag in ("edema", "inflammation"):
        for at, stated in each(s, tag):
            if "fascia" in s.tags[at]:
                continue
            places = _site(s, at)
            if "fascia" in places:
                yield mention(s, "mri_fascial_edema", stated.truth, at)
            if "muscle" in places:
                strength = PLAIN if tag == "edema" else BARE
                yield mention(s, "mri_muscle_edema", stated.truth, at, strength)


def _site(s: Sentence, at: int) -> set[str]:
    """Where an oedema is: the places listed before it, or else those right after it; muscle if none is named."""
    places: set[str] = {"muscle"} if "musc" in s.words[at] else set()
    for before in range(at - 1, max(-1, at - 8), -1):
        tags = s.tags[before]
        if tags & {"fascia", "elsewhere", "muscle"}:
            places |= tags & {"fascia", "elsewhere", "muscle"}
        elif not (tags & {"and", "or", "low", "high"} or s.words[before] in ",/") or (
            places and "and" in tags and s.tags[before - 1] & {"absent", "seen", "edema"}
        ):
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


def _signal(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "bright"):
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
            yield mention(s, "mri_fascial_edema", truth, at)
        elif "muscle" in places:
            yield mention(s, "mri_muscle_edema", truth, at, PLAIN if truth is False else strength)
    for at, _ in each(s, "sequence"):
        following = at + 2 if at + 1 < s.end and (s.words[at + 1] == ":" or "verb" in s.tags[at + 1]) else at + 1
        if following < s.end and s.words[following] in ("negative", "normal"):
            yield mention(s, "mri_muscle_edema", False, at, BARE)
    for at, stated in each(s, "normal_signal"):
        if "muscle" in _site(s, at) and stated.truth:
            yield mention(s, "mri_muscle_edema", False, at, BARE)


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
    for at, stated in each(s, "fascia"):
        first, last = s.clause(at)
        abnormal = s.has("edema", first, last) or s.has("bright", at, last) or s.has("increased", at, last)
        itself = any(w in s.words[at] for w in ("fasciitis", "edema", "fluid", "thickening", "enhancement"))
        if s.has("edema", *s.segment(at)) and not itself:
            continue
        normal = any(s.words[i] == "normal" for i in range(at + 1, min(last, at + 6))) or (
            at + 2 < s.end and s.words[at + 1] == ":" and s.words[at + 2] == "normal"
        )
        if stated.truth is False or (normal and stated.truth):
            yield mention(s, "mri_fascial_edema", False, at)
        elif itself or (abnormal and stated.truth is not False and not s.has("edema", first, last)):
            yield mention(s, "mri_fascial_edema", stated.truth, at)


def _fat(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "fat"):
        if "elsewhere" in s.tags[at] or (
            s.words[at - 1 : at] in (["subcutaneous"], ["intermuscular"]) and s.words[at] == "fat"
        ):
            continue
        truth = stated.truth
        _, end = s.segment(at)
        rest = s.words[at + 1 : min(s.end, at + 8)]
        if "content" in s.words[at] or s.words[at] in ("fat", "fat fraction", "intramuscular fat", "muscle fat"):
            clause_end = s.clause(at)[1]
            if "normal" in rest and truth:
                truth = False
            elif (
                truth
                and s.words[at] in ("fat fraction", "fat content")
                and not s.has("increased", max(0, at - 4), clause_end)
            ) or (
                truth
                and s.words[at] == "fat"
                and not (
                    s.has("high", max(0, at - 3), at)
                    or s.has("increased", max(0, at - 4), end)
                    or rest[:1] == [":"]
                    or s.has("low", max(0, at - 3), at)
                )
            ):
                continue
        yield mention(s, "mri_fatty_replacement", truth, at)
    for at, word in enumerate(s.words):
        if word in ("mercuri", "goutallier") and not s.has("fat"):
            grade = next((w for w in s.words[at + 1 : at + 4] if w[:1].isdigit()), None)
            if grade is not None:
                yield mention(s, "mri_fatty_replacement", grade not in ("0", "0.0"), at)
