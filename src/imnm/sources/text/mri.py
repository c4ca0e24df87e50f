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
    """Where an oedema is: the places listed before it, or else those right after it, or else the topic."""
    return _places_before(s, at) or _places_after(s, at) or _topic(s, at)


def _places_before(s: Sentence, at: int) -> set[str]:
    """The places listed before ("muscle, fascial and subcutaneous oedema")."""
    places: set[str] = {"muscle"} if "musc" in s.words[at] else set()
    for before in range(at - 1, max(-1, at - 8), -1):
        tags = s.tags[before]
        if tags & _PLACES:
            places |= tags & _PLACES
        elif not (tags & {"and", "or", "low", "high"} or s.words[before] in ",/"):
            break
        elif places and "and" in tags and s.tags[before - 1] & {"absent", "seen", "edema"}:
            break  # another statement ends there
    return places


def _places_after(s: Sentence, at: int) -> set[str]:
    """The places named right after ("oedema of the vasti"); fluid around a muscle lies in its fascia."""
    _, end = s.segment(at)
    for ahead in range(at + 1, min(end, at + 9)):
        tags = s.tags[ahead]
        if tags & {"seen", "absent", "verb", "resolved", "with", "and", "or"} and "muscle" not in tags:
            break
        if s.words[ahead] in ("around", "surrounding"):
            return {"fascia"} if s.has("fascia", s.clause(at)[0], end) else {"elsewhere"}
        if tags & _PLACES:
            return _listed_places(s, ahead, end)
    return set()


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
    """The place that this part of the sentence speaks of before the word; muscle if it names none."""
    start, _ = s.segment(at)
    for before in range(at - 1, start - 1, -1):
        if s.tags[before] & _PLACES:
            return set(s.tags[before] & _PLACES)
    return {"muscle"}


def _signal(s: Sentence) -> Iterator[Mention]:
    """Bright muscle on a fluid-sensitive sequence is oedema; bright on T1 is not."""
    for at, stated in each(s, "bright"):
        if "normal_signal" in s.tags[at] or not _fluid_sensitive(s, at):
            continue
        start, end = s.segment(at)
        truth = None if stated.truth and _doubted(s, at) else stated.truth
        if s.words[at] == "signal" and "normal" in s.words[start:end]:
            truth = False
        where = _site(s, at)
        if "fascia" in where:
            yield mention(s, "mri_fascial_edema", truth, at)
        elif "muscle" in where:
            yield mention(s, "mri_muscle_edema", truth, at, PLAIN if truth is False else BARE)
    for at, _ in each(s, "sequence"):
        verdict = at + 2 if at + 1 < s.end and (s.words[at + 1] == ":" or "verb" in s.tags[at + 1]) else at + 1
        if verdict < s.end and s.words[verdict] in ("negative", "normal"):
            yield mention(s, "mri_muscle_edema", False, at, BARE)
    for at, stated in each(s, "normal_signal"):
        if stated.truth and "muscle" in _site(s, at):
            yield mention(s, "mri_muscle_edema", False, at, BARE)


def _fluid_sensitive(s: Sentence, at: int) -> bool:
    """Whether a signal is seen on a fluid-sensitive sequence, or plainly called hyperintense without naming T1."""
    start, end = s.segment(at)
    first, last = s.clause(at)
    if "t1" in s.words[start:end] and not s.has("sequence", start, end):
        return False
    if s.has("sequence", first, last):
        return not _only_t1(s, at)
    return s.words[at] != "signal" and "t1" not in s.words[first:last]


def _only_t1(s: Sentence, at: int) -> bool:
    """Whether the sequence named last before the word is T1."""
    for before in range(at - 1, max(-1, at - 5), -1):
        if s.words[before] == "t1" or "sequence" in s.tags[before]:
            return s.words[before] == "t1"
    return False


def _doubted(s: Sentence, at: int) -> bool:
    """Whether the same sentence goes on to doubt what a signal means."""
    return s.has("hedge", at + 1, s.end) or s.has("hedge", s.clause(at)[0], at)


_FASCIAL = ("fasciitis", "edema", "fluid", "thickening", "enhancement")


def _fascia(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "fascia"):
        first, last = s.clause(at)
        itself = any(word in s.words[at] for word in _FASCIAL)
        if s.has("edema", *s.segment(at)) and not itself:
            continue  # said of the oedema
        if itself:
            yield mention(s, "mri_fascial_edema", stated.truth, at)
            continue
        change = max(s.find("bright", at, last), s.find("increased", at, last))
        denied = change > 0 and s.statement(change).truth is False
        normal = bool(stated.truth) and "normal" in s.words[at + 1 : at + 6]
        if stated.truth is False or denied or normal:
            yield mention(s, "mri_fascial_edema", False, at)
        elif change > 0 and not s.has("edema", first, last):
            yield mention(s, "mri_fascial_edema", stated.truth, at)


_AMOUNTS = frozenset({"fat", "fat fraction", "fat content", "intramuscular fat", "muscle fat"})


def _fat(s: Sentence) -> Iterator[Mention]:
    for at, stated in each(s, "fat"):
        under_skin = s.words[at] == "fat" and s.words[at - 1] in ("subcutaneous", "intermuscular")
        if under_skin or "elsewhere" in s.tags[at]:
            continue
        truth = stated.truth
        if truth and s.words[at] in _AMOUNTS:
            normal = "normal" in s.words[at + 1 : at + 8]
            if not normal and not _much(s, at):
                continue  # fat is named, but not how much
            truth = not normal
        yield mention(s, "mri_fatty_replacement", truth, at)
    for at, word in enumerate(s.words):
        if word in ("mercuri", "goutallier") and not s.has("fat"):
            grade = next((w for w in s.words[at + 1 : at + 4] if w[:1].isdigit()), None)
            if grade is not None:
                yield mention(s, "mri_fatty_replacement", grade not in ("0", "0.0"), at)


def _much(s: Sentence, at: int) -> bool:
    """Whether an amount of fat is called increased, patchy and so on, or listed under a heading."""
    if s.has("increased", max(0, at - 4), s.clause(at)[1]):
        return True
    headed = s.words[at + 1 : at + 2] == [":"]
    return headed or any(s.tags[i] & {"low", "high", "some"} for i in range(max(0, at - 3), at))
