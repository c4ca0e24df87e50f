"""Reports and notes: what was done, what was concluded in codes, and what the text says."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Literal

from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.messages import say
from imnm.logic.event import Event
from imnm.logic.interval import INF, Interval

from .clinical import period_span
from .coding import Coded
from .genes import gene_result
from .record import Record, When
from .structs import Attachment, CodeableConcept, DiagnosticReport, DocumentReference

Kind = Literal["biopsy", "emg", "mri", "lab", "note"]

_NO_REPORT = frozenset({"entered-in-error", "cancelled", "registered"})
_KINDS: dict[str, Kind] = {
    "muscle_biopsy": "biopsy",
    "muscle_biopsy_specimen": "biopsy",
    "electromyography": "emg",
    "nerve_conduction_study": "emg",
    "mri_muscle": "mri",
    "myositis_antibody_panel": "lab",
}

_SEEN_IN: dict[Kind | None, dict[str, str]] = {
    "emg": {"muscle_fibrillation_emg": "emg_irritable_myopathy"},
    "mri": {"muscle_fatty_replacement": "mri_fatty_replacement"},
}
"""What a concluding code means as a finding of the test that it concludes."""

_NOT_DONE = re.compile(r"^\W*(?:not (?:performed|done|carried out)|cancelled|declined|refused)", re.IGNORECASE)
_NORMAL = re.compile(r"^\W*(?:(?:within )?normal|unremarkable|negative|no abnormalit)", re.IGNORECASE)
_ABNORMAL = re.compile(r"^\W*(?:abnormal|pathological|positive)", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;,:\n]")
_HEDGE = re.compile(
    r"exclude|suggest|consistent|compatible|possib|suspect|probab|likely|might|may be|could"
    r"|differential|\bvs\b|versus|\?",
    re.IGNORECASE,
)
PROVED_BY_BIOPSY = frozenset(
    {"inclusion_body_myositis", "mcardle", "pompe", "dysferlinopathy", "lgmd_r9_fkrp", "lgmd_r1_calpain3", "duchenne",
     "becker", "neutral_lipid_storage_myopathy", "madd", "mitochondrial_myopathy", "al_amyloidosis", "sarcoid_myositis",
     "granulomatous_myositis", "imam_macrophagic_myopathy"}
)  # fmt: skip
"""Diagnoses that a muscle biopsy makes by what is seen, stained or missing. Others need the clinic or the blood."""

_MISSING = tuple(
    (
        re.compile(
            rf"\b(?:no|absent|absence of|lack(?:ing)?(?: of)?|deficien(?:t|cy)(?: of| in)?) (?:\w+ )?(?:{protein})\b"
            rf"|\b(?:{protein})[- ](?:is |was )?(?:deficien|absent|negative|not detect)",
            re.IGNORECASE,
        ),
        disease,
    )
    for protein, disease in (
        ("myophosphorylase", "mcardle"),
        ("dysferlin", "dysferlinopathy"),
        ("acid maltase|alpha-glucosidase|α-glucosidase", "pompe"),
    )
)
"""Proteins whose absence from the muscle is the disease itself."""

_TAG = re.compile(r"<[^<>]{0,500}>")


def kind_of(coded: Coded, laboratory: bool = False) -> Kind | None:
    """What kind of report a code announces; None if it could be any."""
    for match in coded.matches:
        if match.concept in _KINDS:
            return _KINDS[match.concept]
    if laboratory or any(CONCEPTS[concept].domain == "result" for concept in coded.concepts):
        return "lab"
    return None


def read_text(record: Record, text: str, kind: Kind | None, when: When, ref: str, name: str) -> int:
    """Keep what a text says; returns how many findings it gave."""
    from .text import read_report  # the lexicon is loaded only when there is a text

    findings = read_report(text, kind, name)
    for finding in findings:
        record.add(
            Event(
                finding.concept,
                when.span.low,
                when.span.high,
                when.known,
                -INF if finding.low is None else finding.low,
                INF if finding.high is None else finding.high,
                truth=finding.truth,
                grade=finding.grade,
                detail=finding.detail,
                ref=ref,
                text=say("sources.text.report", name=name[:80], matched=finding.matched[:160], date=when.date),
            )
        )
    return len(findings)


def read_diagnostic_report(
    record: Record, report: DiagnosticReport, coded: Coded, ref: str, visit: Interval | None
) -> None:
    """A report: the test it shows to have been done, its concluding codes, its text."""
    if (report.status or "") in _NO_REPORT:
        return
    span = record.day(ref, report.effective_date_time) or period_span(record, ref, report.effective_period) or visit
    issued = record.day(ref, report.issued)
    known = issued.high if issued else visit.high if visit and visit.high < INF else span.high if span else -INF
    when = When(span or Interval(-INF, known if known > -INF else INF), known if known < INF else -INF)
    kind = kind_of(coded, _is_laboratory(report.category))
    texts = [text for text in (report.conclusion, *attached(record, report.presented_form, ref)) if text]
    _read_report(record, texts, report.conclusion_code, kind, coded, when, ref)


def _read_report(
    record: Record,
    texts: list[str],
    codes: Iterable[CodeableConcept] | None,
    kind: Kind | None,
    coded: Coded,
    when: When,
    ref: str,
) -> None:
    lead = texts[0] if texts else ""
    if _NOT_DONE.match(lead):
        return
    if any(CONCEPTS[concept].domain == "procedure" for concept in coded.concepts):
        grade = "normal" if _NORMAL.match(lead) else "abnormal" if _ABNORMAL.match(lead) else None
        record.state(coded, True, when, ref, grade=grade)
    if "genetic_test" in coded.concepts and texts:
        _read_genes(record, " ".join(texts), when, ref, coded.name)
        texts = []  # a gene called HMGCR is no antibody
    for code in codes or ():
        _read_concluded(record, code, kind, when, ref)
    for text in texts:
        read_text(record, text, kind, when, ref, coded.name)
        if kind == "biopsy":
            _read_diagnoses(record, text, when, ref, coded.name)


def _read_concluded(record: Record, code: CodeableConcept, kind: Kind | None, when: When, ref: str) -> None:
    """A concluding code: a finding of the test where it is one, else what the patient has."""
    coded = record.coder.concept(code, "condition")
    record.state(coded, True, when, ref)
    for match in coded.matches:
        finding = _SEEN_IN.get(kind, {}).get(match.concept)
        if finding is not None and match.relation != "broader":
            record.also(finding, True, when, ref, say("sources.text.stated", name=coded.name, date=when.date))


def _read_diagnoses(record: Record, text: str, when: When, ref: str, name: str) -> None:
    """The diagnoses a biopsy can prove, where the pathologist states one; a hedged one stays open."""
    for clause in _CLAUSE.split(text[:4000]):
        words = clause.strip()
        if not words or len(words) > 120:
            continue
        stated = {match.concept: match.polarity for match in record.coder.name(words, "condition") if not match.family}
        stated |= {disease: True for pattern, disease in _MISSING if pattern.search(words)}
        line = say("sources.text.report", name=name, matched=words, date=when.date)
        for concept in sorted(stated.keys() & PROVED_BY_BIOPSY):
            truth = None if stated[concept] is True and _HEDGE.search(words) else stated[concept]
            record.also(concept, truth, when, ref, line)
            if truth is not False:  # one disease excluded says nothing of the others
                record.also("biopsy_diagnosis", truth, when, ref, line, detail=concept)


def _read_genes(record: Record, text: str, when: When, ref: str, name: str) -> None:
    """A gene test: whether it explains the disease, with the gene that it names."""
    truth, gene = gene_result(text)
    line = say("sources.text.report", name=name, matched=text[:160], date=when.date)
    record.add(
        Event(
            "genetic_test_positive",
            when.span.low,
            when.span.high,
            when.known,
            truth=truth,
            detail=gene,
            ref=ref,
            text=line,
        )
    )


def _is_laboratory(category: list[CodeableConcept] | None) -> bool:
    codes = {(coding.code or "").upper() for entry in category or () for coding in entry.coding or ()}
    return bool(codes & {"LAB", "LABORATORY", "SR", "IMM"})


def read_document(record: Record, document: DocumentReference, coded: Coded, ref: str, visit: Interval | None) -> None:
    """A document whose text is inside the record."""
    if (document.status or "") == "entered-in-error" or (document.doc_status or "") == "entered-in-error":
        return
    written = record.day(ref, document.date)
    span = (period_span(record, ref, document.context.period) if document.context else None) or written or visit
    known = written.high if written else span.high if span and span.high < INF else -INF
    when = When(span or Interval(-INF, known if known > -INF else INF), known)
    texts = attached(record, [content.attachment for content in document.content or () if content.attachment], ref)
    _read_report(record, [text for text in texts if text], None, kind_of(coded), coded, when, ref)


def attached(record: Record, attachments: list[Attachment] | None, ref: str) -> list[str]:
    """The text of attachments that are text and inside the record; others are noted."""
    texts = []
    for attachment in attachments or ():
        if not attachment.data:
            continue
        kind = (attachment.content_type or "text/plain").split(";")[0].strip().lower()
        if not kind.startswith("text/") and kind != "application/xhtml+xml":
            record.problem(ref, "form", format=kind[:60])
            continue
        try:
            text = base64.b64decode(attachment.data, validate=False).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            record.problem(ref, "attachment")
            continue
        texts.append(_TAG.sub(" ", text) if "html" in kind else text)
    return texts
