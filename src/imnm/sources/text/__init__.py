"""Findings in the texts of biopsy, EMG, MRI and laboratory reports.

``read_report`` says what a report states, what it denies and what it leaves open, each with the words it rests on.
What is only asked, planned, taught, remembered of an earlier examination, or seen in another tissue is not stated.

Why not a library: the maintained ones (medspaCy, negspaCy) stand on spaCy, some hundred megabytes and seconds of
loading, too much for a bedside command; they bring negation and hedging, while the work here is in what a stain, a
motor unit or a blot says of which finding. So: the ConText idea on a lexicon that is data
(``knowledge/data/report_lexicon.toml``), without dependencies, linear in the length of the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

from imnm.logic.truth import Truth

from .antibodies import antibodies, macro_ck
from .biopsy import biopsy
from .emg import emg
from .lexicon import Tags, Token, lexicon
from .mentions import BARE, BIOPSY, EMG, MRI, Mention
from .mri import mri
from .scope import Sentence, itemize, sentences

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
    found = [_finding(text, mention) for mention in _settled(_mentions(text, kind, title))]
    found += [
        TextFinding(a.concept, a.truth, a.grade, a.assay, _words(text, a.start, a.end), a.low, a.high)
        for a in antibodies(text, laboratory=kind == "lab", title=title)
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


# ---------------------------------------------------------------- sections and tissues


class _Place(NamedTuple):
    """Where in the report we are: which examination, which kind of section, which tissue."""

    kind: str | None
    section: str = "report"
    muscle: bool = True
    strength: int = 0


_READERS: dict[str, tuple[Callable[[Sentence], Iterator[Mention]], Tags]] = {
    "biopsy": (biopsy, BIOPSY),
    "emg": (emg, EMG),
    "mri": (mri, MRI),
}


def _mentions(text: str, kind: ReportKind | None, title: str) -> Iterator[Mention]:
    fixed = kind if kind in _READERS else None
    if kind == "lab":
        return
    place = _Place(fixed or _kind_named(lexicon("biopsy").tokens(title)), muscle=_tissue_of_title(title))
    words = lexicon(fixed or "biopsy")
    first = True
    previous: Sentence | None = None
    read: list[tuple[Callable[[Sentence], Iterator[Mention]], Sentence]] = []
    for tokens, question in sentences(text, words):
        sentence = itemize(tokens, words)
        body, place = _placed(sentence, place, text, tokens, first)
        first = False
        if fixed is None:
            place = place._replace(kind=_kind_named(tokens) or place.kind)
        if place.section in ("clinical", "past", "background") or place.kind is None:
            continue
        if place.kind == "biopsy" and not (place.muscle and _about_muscle(sentence)):
            continue
        reader, tags = _READERS[place.kind]
        if fixed is None and place.kind != "biopsy":
            sentence = itemize(tokens, lexicon(place.kind))
        sentence = _from(sentence, body) if body else sentence
        sentence.findings = tags
        sentence.asks = question
        sentence.strength = place.strength
        if previous is not None:
            previous.following = sentence
        previous = sentence
        read.append((reader, sentence))
    for reader, sentence in read:
        yield from reader(sentence)


def _from(sentence: Sentence, start: int) -> Sentence:
    return Sentence(sentence.words[start:], sentence.tags[start:], sentence.spans[start:])


_KIND_WORDS = {"biopsy": "biopsy", "histology": "biopsy", "emg": "emg", "electromyography": "emg", "mri": "mri"}


def _kind_named(tokens: list[Token]) -> str | None:
    return next((_KIND_WORDS[t[0]] for t in tokens if t[0] in _KIND_WORDS), None)


def _tissue_of_title(title: str) -> bool:
    if not title:
        return True
    sentence = itemize(lexicon("biopsy").tokens(title), lexicon("biopsy"))
    return sentence.has("tissue_muscle") or not sentence.has("tissue_tissue")


_HEADER_WORDS = 9


def _header(sentence: Sentence) -> int:
    """The colon that ends a header at the start of a sentence, or -1."""
    for at in range(min(sentence.end, _HEADER_WORDS)):
        if sentence.words[at] == ":":
            return at
    return -1


def _placed(s: Sentence, place: _Place, text: str, tokens: list[Token], first: bool) -> tuple[int, _Place]:
    """Where this sentence stands, and the item at which its body starts."""
    colon = _header(s)
    line_start = _starts_line(text, tokens[0][1])
    body = 0
    if colon > 0:
        section, strength = _section(s, colon, place)
        if section is not None:
            place = place._replace(section=section, strength=strength)
            body = colon + 1
        elif place.section in ("clinical", "past", "background") and not s.has("section_clinical_words", 0, colon):
            place = place._replace(section="report")
    elif place.section != "report" and _leaves(s, place, line_start):
        place = place._replace(section="report")
    muscle = _tissue(s, colon, place.muscle, first)
    return body, place._replace(muscle=muscle)


_INDENT = 40


def _starts_line(text: str, at: int) -> bool:
    start = max(0, at - _INDENT)
    line = text.rfind("\n", start, at)
    return (line >= 0 or start == 0) and text[line + 1 : at].strip(" -*•\t") == ""


def _leaves(s: Sentence, place: _Place, line_start: bool) -> bool:
    if place.section not in ("clinical", "past", "background"):
        return False
    if line_start or s.has("section_microscopy_words"):
        return True
    return not s.has("section_clinical_words")


def _section(s: Sentence, colon: int, place: _Place) -> tuple[str | None, int]:
    """The section that a header opens, and how much its statements weigh."""
    if s.has("family", 0, colon) or s.has("section_clinical", 0, colon):
        return "clinical", 0
    if s.has("section_preliminary", 0, colon) and _header_noun(s, colon):
        return "report", -1
    if s.has("section_past", 0, colon) and _header_noun(s, colon):
        return "past", 0
    if s.has("section_addendum", 0, colon):
        return "report", 1
    words = s.words[:colon]
    if any(
        w
        in (
            "diagnosis",
            "conclusion",
            "impression",
            "interpretation",
            "comment",
            "finding",
            "microscopy",
            "result",
            "histology",
            "report",
            "microscopic",
            "summary",
            "opinion",
            "assessment",
            "imp",
            "concl",
            "description",
            "technique",
            "macroscopy",
        )
        for w in words
    ):
        return "report", place.strength if place.strength > 0 else 0
    if s.has("section_background", 0, colon) and colon <= 2:
        return "background", 0
    return None, 0


def _header_noun(s: Sentence, colon: int) -> bool:
    return any(
        w
        in (
            "report",
            "biopsy",
            "study",
            "result",
            "examination",
            "mri",
            "emg",
            "reading",
            "finding",
            "diagnosis",
            "sample",
            "specimen",
            "interpretation",
            "impression",
        )
        for w in s.words[:colon]
    )


def _tissue(s: Sentence, colon: int, muscle: bool, first: bool) -> bool:
    """Whether the sentence and what follows speak of skeletal muscle."""
    enumerated = s.end > 1 and (s.words[0] in "abcdef123456(" or s.words[0] in ("part", "specimen"))
    limit = colon if colon > 0 else min(s.end, 6 if first or enumerated else 0)
    if limit <= 0:
        return muscle
    smooth = any(s.words[i] == "smooth muscle" for i in range(limit))
    if s.has("tissue_muscle", 0, limit) and not smooth:
        return True
    if s.has("tissue_tissue", 0, limit) and not (s.tags[0] & BIOPSY):
        return False
    return muscle


def _about_muscle(s: Sentence) -> bool:
    """Whether a sentence within a muscle report has another tissue as its subject ("The skin shows ...")."""
    start = _header(s) + 1
    for at in range(start, min(start + 3, s.end)):
        if "tissue_tissue" in s.tags[at] and at + 1 < s.end and (s.words[at + 1] in ",:" or "verb" in s.tags[at + 1]):
            return False
        if s.words[at] not in ("the", "in", "overlying", "adjacent") and "tissue_tissue" not in s.tags[at]:
            break
    return True


# ---------------------------------------------------------------- one answer for each finding


def _settled(mentions: Iterable[Mention]) -> list[Mention]:
    best: dict[str, Mention] = {}
    for mention in mentions:
        old = best.get(mention.concept)
        if old is None or _rank(mention) > _rank(old):
            best[mention.concept] = mention
    _derive_biopsy(best)
    _derive_emg(best)
    _derive_mri(best)
    return [m for m in best.values() if "_" in m.concept]


def _rank(mention: Mention) -> tuple[int, int]:
    return mention.strength, {True: 2, False: 1, None: 0}[mention.truth]


def _derive(best: dict[str, Mention], concept: str, truth: Truth, source: Mention) -> None:
    """What follows from a mention, unless the text itself says something of it."""
    best.setdefault(concept, source._replace(concept=concept, truth=truth))


_ABNORMAL = (
    "biopsy_necrosis_present",
    "biopsy_regeneration",
    "biopsy_inflammation_prominent",
    "biopsy_rimmed_vacuoles",
    "biopsy_dystrophic",
    "biopsy_perifascicular_atrophy",
    "biopsy_mhc1_upregulation",
    "biopsy_mac_sarcolemmal",
    "biopsy_autophagic_vacuoles",
    "biopsy_glycogen_storage",
    "biopsy_lipid_storage",
    "biopsy_granulomas",
)


def _derive_biopsy(best: dict[str, Mention]) -> None:
    leads = best.get("biopsy_necrosis_predominant")
    for concept in ("biopsy_perifascicular_necrosis", "biopsy_necrosis_predominant"):
        mention = best.get(concept)
        if mention is not None and mention.truth:
            _derive(best, "biopsy_necrosis_present", True, mention)
    necrosis = best.get("biopsy_necrosis_present")
    if necrosis is not None and necrosis.truth is False and (leads is None or leads.strength <= BARE + 3):
        best["biopsy_necrosis_predominant"] = necrosis._replace(concept="biopsy_necrosis_predominant")
    elif leads is not None and leads.truth is None and necrosis is None:
        pass
    type2 = best.pop("biopsy_type2_atrophy", None)
    positive = [best[c] for c in _ABNORMAL if c in best and best[c].truth]
    if type2 is not None and type2.truth and not positive:
        best["biopsy_type2_atrophy_only"] = type2._replace(concept="biopsy_type2_atrophy_only")
    if positive:
        _derive(best, "biopsy_normal", False, positive[0])


def _derive_emg(best: dict[str, Mention]) -> None:
    spontaneous = best.pop("spontaneous", None)
    normal = best.get("emg_normal")
    if normal is not None and normal.truth:
        for concept in ("emg_myopathic", "emg_irritable_myopathy"):
            _derive(best, concept, False, normal)
    irritable = best.get("emg_irritable_myopathy")
    if irritable is not None and irritable.truth:
        _derive(best, "emg_myopathic", True, irritable)
    myopathic = best.get("emg_myopathic")
    if irritable is None or irritable.truth is None:
        _derive_irritable(best, spontaneous, myopathic)
    for concept in ("emg_myopathic", "emg_neurogenic", "emg_irritable_myopathy"):
        mention = best.get(concept)
        if mention is not None and mention.truth:
            _derive(best, "emg_normal", False, mention)


def _derive_irritable(best: dict[str, Mention], spontaneous: Mention | None, myopathic: Mention | None) -> None:
    """Irritable myopathy is spontaneous activity in a myopathic EMG; in denervation it means something else."""
    concept = "emg_irritable_myopathy"
    neurogenic = best.get("emg_neurogenic")
    if myopathic is not None and myopathic.truth is False:
        best[concept] = myopathic._replace(concept=concept)
    elif spontaneous is not None and spontaneous.truth is False:
        best[concept] = spontaneous._replace(concept=concept)
    elif spontaneous is not None and myopathic is None and neurogenic is not None and neurogenic.truth:
        best[concept] = neurogenic._replace(concept=concept, truth=False)
    elif spontaneous is not None:
        truth = True if spontaneous.truth and myopathic is not None and myopathic.truth else None
        best[concept] = spontaneous._replace(concept=concept, truth=truth)


def _derive_mri(best: dict[str, Mention]) -> None:
    normal = best.get("mri_normal")
    muscle = best.pop("mri_muscle_normal", None)
    if normal is not None and normal.truth:
        for concept in ("mri_muscle_edema", "mri_fatty_replacement"):
            _derive(best, concept, False, normal)
    elif muscle is not None and muscle.truth:
        _derive(best, "mri_muscle_edema", False, muscle)
    for concept in ("mri_muscle_edema", "mri_fatty_replacement", "mri_fascial_edema"):
        mention = best.get(concept)
        if mention is not None and mention.truth:
            _derive(best, "mri_normal", False, mention)
