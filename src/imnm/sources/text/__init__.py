"""Findings in the texts of biopsy, EMG, MRI and laboratory reports.

``read_report`` says what a report states, what it denies and what it leaves open, each with the words it rests on.
What is only asked, planned, taught, remembered of an earlier examination, or seen in another tissue is not stated.

Why not a library: the maintained ones (medspaCy, negspaCy) stand on spaCy, some hundred megabytes and seconds of
loading, too much for a bedside command; they bring negation and hedging, while the work here is in what a stain, a
motor unit or a blot says of which finding. So: the ConText idea on a lexicon that is data
(``knowledge/data/report_lexicon.toml``), without dependencies, linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from imnm.logic.truth import Truth

from .antibodies import antibodies, macro_ck
from .biopsy import biopsy
from .emg import emg
from .lexicon import Tags, lexicon
from .mentions import BIOPSY, EMG, MRI, Mention
from .mri import mri
from .place import header, kind_named, moved, of_muscle, opening
from .scope import Sentence
from .settle import settled
from .split import itemize, sentences

__all__ = ["ReportKind", "TextFinding", "read_report"]

ReportKind = Literal["biopsy", "emg", "mri", "lab", "note"]


class TextFinding(NamedTuple):
    """A finding that a text states.

    concept: the concept id (``biopsy_regeneration``, ``anti_srp``). truth: True stated, False denied, None hedged.
    grade: ``weak``, ``moderate`` or ``strong`` for antibodies. detail: the assay, if stated. matched: the words.
    low, high: the value of an antibody in the assay's own unit, if there is one.
    """

    concept: str
    truth: Truth
    grade: str | None = None
    detail: str | None = None
    matched: str = ""
    low: float | None = None
    high: float | None = None


def read_report(text: str, kind: ReportKind | None, title: str = "") -> list[TextFinding]:
    """What a report text states. ``title``: what the examination is called (``Biopsy of skin``), if known.

    ``kind`` None or ``note``: the text itself must say of which examination it speaks ("EMG: myopathic").
    """
    found = [_finding(text, mention) for mention in settled(_mentions(text, kind, title))]
    found += [
        TextFinding(a.concept, a.truth, a.grade, a.assay, _words(text, a.start, a.end), a.low, a.high)
        for a in antibodies(text, laboratory=kind in ("lab", "note", None), title=title)
    ]
    macro = macro_ck(text)
    if macro is not None:
        truth, start, end = macro
        found.append(TextFinding("macro_ck_detected", truth, matched=_words(text, start, end)))
    return found


def _finding(text: str, mention: Mention) -> TextFinding:
    return TextFinding(mention.concept, mention.truth, matched=_words(text, mention.start, mention.end))


def _words(text: str, start: int, end: int, around: int = 60) -> str:
    """The matched words with the rest of their line, as evidence."""
    left = max(text.rfind(". ", max(0, start - around), start) + 2, text.rfind("\n", max(0, start - around), start) + 1)
    left = max(left, start - around, 0) if left > 1 else max(0, start - around)
    stop = text.find(". ", end, end + around)
    line = text.find("\n", end, end + around)
    ends = [e for e in (stop, line) if e >= 0]
    right = min(ends) if ends else min(len(text), end + around)
    return " ".join(text[left:right].split())


_Reader = Callable[[Sentence], Iterator[Mention]]
_READERS: dict[str, tuple[_Reader, Tags]] = {"biopsy": (biopsy, BIOPSY), "emg": (emg, EMG), "mri": (mri, MRI)}
_RELEVANT: Tags = frozenset({"dominant", "minority", "abnormal", "sequence"})


def _mentions(text: str, kind: ReportKind | None, title: str) -> Iterator[Mention]:
    if kind != "lab":
        for reader, sentence in _sentences(text, kind if kind in _READERS else None, title):
            tags = sentence.findings | _RELEVANT
            if not tags.isdisjoint(sentence.places) or "normal" in sentence.words or "not normal" in sentence.words:
                yield from reader(sentence)


def _sentences(text: str, kind: str | None, title: str) -> list[tuple[_Reader, Sentence]]:
    """The sentences that speak of the examined muscle, each with its reader and linked to the next."""
    place = opening(kind, title)
    words = lexicon(kind or "biopsy")
    read: list[tuple[_Reader, Sentence]] = []
    for number, (tokens, question) in enumerate(sentences(text, words)):
        sentence = itemize(tokens, words)
        place, named = moved(sentence, place, text, tokens[0][1], number == 0)
        if kind is None:
            place = place._replace(kind=kind_named(tokens) or place.kind)
        if place.silent or (place.kind == "biopsy" and not (place.muscle and of_muscle(sentence))):
            continue
        reader, findings = _READERS[place.kind or ""]
        if kind is None:
            sentence = itemize(tokens, lexicon(place.kind or ""))
        if named:
            sentence = sentence.after(header(sentence))
        sentence.findings, sentence.asks, sentence.strength = findings, question, place.strength
        if read:
            read[-1][1].following = sentence
        read.append((reader, sentence))
    return read
