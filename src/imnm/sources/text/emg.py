"""What a sentence of an EMG report states."""

from __future__ import annotations

from collections.abc import Iterator

from imnm.logic.truth import AND

from .mentions import BARE, PLAIN, Mention, each, mention, normal_word, places
from .scope import Sentence


def emg(s: Sentence) -> Iterator[Mention]:
    """Mentions in a sentence of an EMG report. Spontaneous activity and unit shape are put together in the end."""
    for at, stated in each(s, "irritable"):
        yield mention(s, "emg_irritable_myopathy", stated.truth, at)
        if stated.truth is not False and "myopathy" in s.words[at]:
            yield mention(s, "emg_myopathic", stated.truth, at)
    for at, stated in each(s, "nonirritable"):
        yield mention(s, "emg_irritable_myopathy", not stated.truth if stated.truth is not None else None, at)
    for at, stated in each(s, "spontaneous"):
        yield mention(s, "spontaneous", stated.truth, at)
    for at, _ in each(s, "insertional"):
        _, end = s.clause(at)
        if s.has("increased", at, end) or any(w in ("prolonged", "increased") for w in s.words[max(0, at - 2) : at]):
            yield mention(s, "spontaneous", True, at, BARE)
    for at, stated in each(s, "myopathic"):
        yield mention(s, "emg_myopathic", stated.truth, at)
    for at, stated in each(s, "neurogenic"):
        yield mention(s, "emg_neurogenic", stated.truth, at)
    for at, stated in each(s, "crd"):
        yield mention(s, "emg_myotonic_or_crd", stated.truth, at)
    yield from _units(s)
    yield from _normal_emg(s)


_SUBJECTS = frozenset({"stop", "spontaneous", "neurogenic", "conduction", "crd"})


def _units(s: Sentence) -> Iterator[Mention]:
    """The shape of motor unit potentials: short, small and early recruited, or large, long and reduced."""
    seen: set[int] = set()
    for at in places(s, "unit"):
        start, end = _about_units(s, at)
        if start in seen or "spontaneous" in s.tags[at] or not s.statement(at).said:
            continue
        seen.add(start)
        short, large = s.find("short", start, end), s.find("large", start, end)
        if short >= 0 and not 0 <= large < short:
            truth = AND[s.statement(at).truth, s.statement(short).truth]
            yield mention(s, "emg_myopathic", truth, short, PLAIN if truth is False else BARE)
        elif large >= 0 and s.words[large] != "high":
            yield mention(s, "emg_neurogenic", s.statement(at).truth, large, BARE)
        elif "normal" in s.words[start:end] and large < 0:
            yield mention(s, "emg_myopathic", False, s.words.index("normal", start), BARE)


def _about_units(s: Sentence, at: int) -> tuple[int, int]:
    """The stretch that describes the units: on through colons, up to a semicolon or the next subject."""
    start, end = at, at + 1
    while start > 0 and s.words[start - 1] not in ";:" and not s.tags[start - 1] & _SUBJECTS:
        start -= 1
    while end < s.end and s.words[end] != ";" and not s.tags[end] & _SUBJECTS:
        end += 1
    return start, end


_STUDY = frozenset({
    "emg", "needle emg", "needle examination", "concentric needle examination", "needle", "examination", "study",
    "electromyography", "electromyogram", "needle study", "concentric needle emg", "neurophysiology", "recording",
    "electrophysiology", "needle electromyography",
})  # fmt: skip


def _normal_emg(s: Sentence) -> Iterator[Mention]:
    conduction = s.has("conduction")
    for at, stated in each(s, "normal_study"):
        yield mention(s, "emg_normal", stated.truth, at)
    for whole in normal_word(s, "emg_normal", _STUDY):
        if not (conduction and whole.truth):
            yield whole
