"""What a sentence states of a finding, and the words every kind of report shares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imnm.logic.truth import Truth

from .lexicon import Tags
from .scope import Sentence, Statement


class Mention(NamedTuple):
    """One statement about a finding. Of several, the strongest holds; at equal strength presence holds."""

    concept: str
    truth: Truth
    strength: int
    start: int
    end: int
    """Where its words stand in the text."""


HEDGED, BARE, PLAIN = 0, 1, 2
"""Strengths: hedged; named without an amount or only by a diagnosis; plainly stated."""

STAINS: Tags = frozenset({"mhc1", "mac", "p62", "mxa", "other_stain"})
FINDINGS: Tags = frozenset({
    "necrosis", "myophagocytosis", "necrotizing", "regeneration", "inflammation", "pauci_inflammation", "macrophage",
    "perifascicular_atrophy", "perifascicular_necrosis", "atrophy", "rimmed", "invasion", "dystrophic", "fibrosis",
    "normal_muscle", "decoy", "granulomas", "amyloid", "autophagic", "glycogen_storage", "lipid_storage",
    "type2_atrophy",
})  # fmt: skip
"""What stands for itself in a biopsy report."""

BIOPSY = FINDINGS | STAINS | {"connective_tissue"}
EMG: Tags = frozenset({
    "irritable", "nonirritable", "spontaneous", "insertional", "myopathic", "neurogenic", "crd", "unit", "conduction",
    "normal_study", "decoy",
})  # fmt: skip
MRI: Tags = frozenset({"edema", "inflammation", "bright", "normal_signal", "fat", "fascia", "normal_study", "decoy"})

_MOST = 12  # a sentence that names a finding more often than this is no sentence


def places(s: Sentence, tag: str) -> list[int]:
    """Where a sentence has this tag."""
    return s.places.get(tag, [])[:_MOST]


def mention(s: Sentence, concept: str, truth: Truth, at: int, strength: int = PLAIN) -> Mention:
    """A mention by the item at ``at``; what is hedged is weak, what stands in an addendum strong."""
    start, end = s.spans[at]
    return Mention(concept, truth, (HEDGED if truth is None else strength) + 3 * s.strength, start, end)


def each(s: Sentence, tag: str) -> Iterator[tuple[int, Statement]]:
    """The items with this tag of which something is said, and what."""
    for at in places(s, tag):
        stated = s.statement(at)
        if stated.said:
            yield at, stated


def normal_word(s: Sentence, concept: str, subjects: frozenset[str]) -> Iterator[Mention]:
    """*Normal* or *abnormal* said of the whole examination: alone, or with the examination as the subject."""
    for at, word in enumerate(s.words):
        tags = s.tags[at]
        if word == "normal" and "normal_muscle" not in tags:
            if _alone(s, at) or _predicative(s, at, subjects):
                yield mention(s, concept, True, at)
        elif word == "not normal":
            yield mention(s, concept, False, at)
        elif word.startswith("abnormal") and "abnormal" in tags:
            stated = s.statement(at)
            of_all = s.end <= 2 or at == 0 or not subjects.isdisjoint(s.words)
            if of_all and stated.said and stated.truth is not None:
                yield mention(s, concept, not stated.truth, at)


def _alone(s: Sentence, at: int) -> bool:
    """Whether *normal* stands alone or opens the report ("Normal.", "Normal, no oedema")."""
    if at == 0:
        return s.end == 1 or s.words[1] in ",.;:("
    return at == 1 and s.end == 2 and bool(s.tags[0]) and s.words[0] != "not"


_PARTIAL = frozenset({"remaining", "other", "rest", "otherwise"})


def _predicative(s: Sentence, at: int, subjects: frozenset[str]) -> bool:
    """Whether *normal* ends its part of the sentence as a predicate of one of the subjects."""
    last = at + 1 == s.end or s.words[at + 1] in ",.;:)(" or bool(s.tags[at + 1] & {"and", "stop", "or"})
    if not last or not _PARTIAL.isdisjoint(s.words[:at]):
        return False
    for before in range(at - 1, max(-1, at - 8), -1):
        if s.words[before] in subjects:
            return s.words[at - 1] != "not"
        if s.words[before] in ",;" or s.tags[before] & s.findings:
            return False
    return False
