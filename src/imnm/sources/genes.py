"""Gene reports: whether a gene explains the disease, and which."""

from __future__ import annotations

import re
from typing import NamedTuple

from imnm.knowledge.pattern import pattern
from imnm.logic.truth import Truth

from .quantities import verdict


class GeneResult(NamedTuple):
    """What a gene report concludes. ``truth``: True a fitting genotype, False none found, None not decided;
    ``gene``: the symbol that the conclusion names, if it names one."""

    truth: Truth
    gene: str | None


_SENTENCE = pattern(r"[.;](?=\s|$)|\n")
_SYMBOL = pattern(r"\b([A-Z][A-Z0-9]{2,7})\b")
_NO_SYMBOL = frozenset(
    {"LGMD", "LGMDR", "MLPA", "NGS", "WES", "WGS", "DNA", "RNA", "CDNA", "PCR", "ACMG", "HGVS", "VUS", "FSHD",
     "POSITIVE", "NEGATIVE", "ABNORMAL", "NORMAL", "RESULT", "VARIANT", "EXON", "HOM", "HET",
     "FOR", "WITH", "THE", "GENE", "PANEL"}
)  # fmt: skip
_UNCERTAIN = pattern(
    r"uncertain significance|unknown significance|\bVUS\b|inconclusive|likely benign|unclassified|pending|awaited"
    r"|not (?:yet )?(?:available|back)",
    re.IGNORECASE,
)
_NONE_FOUND = pattern(
    r"\bno (?:[\w-]+ ){0,5}(?:variants?|mutations?|deletions?|abnormalit(?:y|ies)|expansions?)\b"
    r"|\b(?:not|nothing) (?:found|detected|identified|seen)|\bwithout (?:[\w-]+ ){0,3}(?:variants?|mutations?)\b"
    r"|\b(?:negative|normal|unremarkable|unrevealing|non-?diagnostic)\b",
    re.IGNORECASE,
)
_FITTING = pattern(
    r"\b(?<!non-)(?<!non )pathogenic\b|\b(?:homozyg|hemizyg|bi-?allelic)|\bcompound[- ]heterozyg"
    r"|\btwo (?:[\w-]+ ){0,3}(?:variants|mutations)\b|\b(?:repeat )?expansion\b|\bD4Z4\b",
    re.IGNORECASE,
)
_CHANGE = pattern(r"\bc\.[\d*(_-]|\bp\.[(\[A-Z]|\b(?:mutations?|deletions?|duplications?)\b", re.IGNORECASE)
_CARRIER = pattern(r"(?<!manifesting )\bcarrier\b", re.IGNORECASE)
_ONE_ALLELE = pattern(r"\b(?<!compound )(?<!compound-)heterozyg|\bcarrier\b|\bone allele\b", re.IGNORECASE)


def gene_result(text: str) -> GeneResult:
    """The conclusion of a gene report.

    A stated verdict (``Positive. CAPN3``) counts as it stands. Otherwise a genotype fits when it is called pathogenic
    or lies on both alleles (or the only one); a change named without either counts unless it is said to lie on one
    allele, since a carrier is no patient. A variant of uncertain significance decides nothing.
    """
    sentences = [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]
    if not sentences or _UNCERTAIN.search(text):
        return GeneResult(None, None)
    said = verdict(sentences[0])
    if said is not None and said.truth is True:
        return GeneResult(True, _gene(" ".join(sentences[1:])) or _gene(sentences[0]))
    found = [(_fits(sentence), sentence) for sentence in sentences]
    fitting = next((sentence for truth, sentence in found if truth is True), None)
    if fitting is not None:
        return GeneResult(True, _gene(fitting) or _gene(text))
    denied = any(truth is False for truth, _ in found)
    return GeneResult(False if denied and not _ONE_ALLELE.search(text) else None, None)


def _fits(sentence: str) -> Truth:
    if _NONE_FOUND.search(sentence):
        return False
    if _CARRIER.search(sentence):
        return None
    if _FITTING.search(sentence):
        return True
    return True if _CHANGE.search(sentence) and not _ONE_ALLELE.search(sentence) else None


def _gene(text: str) -> str | None:
    return next((symbol for symbol in _SYMBOL.findall(text) if symbol not in _NO_SYMBOL), None)
