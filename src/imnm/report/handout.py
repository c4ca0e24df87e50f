"""The handout: one self-contained page in plain words for the person concerned, to print and take along.

It names an illness as theirs only where a definition is fulfilled. Every sentence stands in the message catalogue
(``handout.toml``), so another language is another folder there.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from imnm.assessment.model import Assessment, Step
from imnm.knowledge import plain
from imnm.knowledge.evidence import sources
from imnm.knowledge.messages import has, say
from imnm.knowledge.treatment import IMNM_SUBTYPES


class Item(NamedTuple):
    """A line with an optional title before it and a small remark (how soon, when)."""

    text: str
    title: str = ""
    remark: str = ""


class Section(NamedTuple):
    """One part of the page. ``kind``: how it is set: paragraphs, list, definitions or urgent."""

    id: str
    title: str
    kind: str
    items: tuple[Item, ...]
    intro: str = ""


class Words:
    """The handout's sentences in one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, **values: str) -> str:
        return say(f"handout.{key}", language=self.language, **values)

    def has(self, key: str) -> bool:
        """Whether the catalogue holds this sentence."""
        return has(f"handout.{key}", language=self.language)

    def date(self, iso: str) -> str:
        """A date as people say it."""
        day = dt.date.fromisoformat(iso)
        return self("when.date", day=str(day.day), month=self(f"when.m{day.month}"), year=str(day.year))


def handout(assessment: Assessment, language: str = "en", back: str = "") -> str:
    """The page as HTML. ``back``: where a link leads that is not printed; none if there is nothing to go back to."""
    from .html import environment

    words = Words(language)
    return (
        environment()
        .get_template("handout.html.j2")
        .render(
            language=language,
            title=words("page.title"),
            as_of=words("page.as_of", date=words.date(assessment.as_of)),
            notice=words("page.notice"),
            skip=words("page.skip"),
            number=words("urgent.number"),
            back=back,
            back_words=words("page.back"),
            sections=content(assessment, language),
            sources=words("page.sources", sources="; ".join(source_names())),
            signs_note=words("page.signs_note"),
        )
        + "\n"
    )


def content(assessment: Assessment, language: str = "en") -> list[Section]:
    """What the page says, in order, as plain text."""
    words = Words(language)
    subtype = subtype_of(assessment)
    parts = (
        _now(assessment, words),
        _urgent(assessment, words),
        _what(assessment, words),
        _next(assessment, words),
        _treatment(subtype, words),
        _checks(assessment, words),
        _common(assessment, words),
        _questions(assessment, words),
        _living(subtype, words),
        _organisations(assessment, words),
    )
    shown = [part for part in parts if part is not None and part.items]
    explained = _words(shown, words)
    return [*shown, explained] if explained.items else shown


def subtype_of(assessment: Assessment) -> str | None:
    """The subtype of IMNM if it is diagnosed and established, else None."""
    id = assessment.diagnosis.id
    return id if assessment.suspicion.level == "established" and id in IMNM_SUBTYPES else None


def named(assessment: Assessment) -> list[str]:
    """The illnesses the page speaks of: the diagnosed one, or those likely enough to be named as possible."""
    subtype = subtype_of(assessment)
    if subtype is not None:
        return [subtype]
    if assessment.suspicion.level in ("none", "insufficient", "established"):
        return []
    likely = [d.id for d in assessment.differential if d.probability >= plain.NAMED_FROM.number]
    return [id for id in likely if id in plain.DISEASES and id != "other"]


# ---------------------------------------------------------------- parts


def _now(assessment: Assessment, words: Words) -> Section:
    level, subtype = assessment.suspicion.level, subtype_of(assessment)
    if level == "established":
        name = words(f"disease.{subtype}.name") if subtype else ""
        sentence = words("level.established", name=name) if subtype else words("level.established_unsure")
    else:
        sentence = words(f"level.{level}")
    items = [Item(sentence)]
    if level in ("high", "moderate", "low"):
        possible = named(assessment)
        items.extend(Item(words("level.could_be", name=words(f"disease.{id}.name"))) for id in possible)
        if not possible:
            items.append(Item(words("level.not_clear")))
    return Section("now", words("section.now"), "paragraphs", tuple(items))


def _urgent(assessment: Assessment, words: Words) -> Section:
    treated = subtype_of(assessment) is not None
    now = dict.fromkeys(
        words(f"alert.{alert.id}" if words.has(f"alert.{alert.id}") else "alert.other") for alert in assessment.alerts
    )
    signs = (*plain.URGENT, *(plain.URGENT_TREATED if treated else ()))
    items = [Item(text, words("urgent.now_title")) for text in now]
    items.extend(Item(words(f"urgent.{sign}")) for sign in signs)
    return Section("urgent", words("section.urgent"), "urgent", tuple(items), words("urgent.intro"))


def _what(assessment: Assessment, words: Words) -> Section:
    known = subtype_of(assessment) is not None
    items = [
        Item(words(f"disease.{id}.{part}"), words(f"disease.{id}.name") if part == "what" and not known else "")
        for id in named(assessment)
        for part in ("what", "course")
    ]
    return Section("what", words("section.what" if known else "section.could"), "paragraphs", tuple(items))


def _next(assessment: Assessment, words: Words) -> Section:
    items = dict.fromkeys(_step(step, assessment.as_of, words) for step in assessment.next_steps)
    return Section("next", words("section.next"), "list", tuple(items))


def _step(step: Step, as_of: str, words: Words) -> Item:
    key = plain_step(step.id, words)
    dates = [words(f"when.{name}", date=words.date(day)) for name, day in _dates(step, as_of)]
    return Item(
        words(f"step.{key}.text"), words(f"step.{key}.name"), "; ".join([words(f"urgency.{step.urgency}"), *dates])
    )


def _dates(step: Step, as_of: str) -> Iterator[tuple[str, str]]:
    """The days that still lie ahead; one that is over tells nobody when to come."""
    if step.due_on and step.due_on > as_of:
        yield "due", step.due_on
    if step.not_before and step.not_before > as_of:
        yield "not_before", step.not_before


def plain_step(id: str, words: Words | None = None) -> str:
    """The step under which the catalogue speaks of this one (``stop:colchicine`` is ``stop:drug``)."""
    words = words or Words("en")
    if words.has(f"step.{id}.name"):
        return id
    kind = id.partition(":")[0]
    return {"stop": "stop:drug", "ask": "ask"}.get(kind, "other")


def _treatment(subtype: str | None, words: Words) -> Section | None:
    if subtype is None:
        return None
    ids = (*plain.TREATMENT[subtype], *plain.TREATMENT_ALWAYS)
    items = tuple(Item(words(f"treatment.{id}")) for id in ids)
    return Section("treatment", words("section.treatment"), "list", items, words("treatment.options"))


def _checks(assessment: Assessment, words: Words) -> Section | None:
    if subtype_of(assessment) is None or not assessment.treatment:
        return None
    open_ = [row["id"] for row in assessment.treatment.get("safety", ()) if row["status"] in ("missing", "overdue")]
    items = dict.fromkeys(Item(words(f"check.{id}")) for id in open_ if words.has(f"check.{id}"))
    if not items:
        return None
    return Section("checks", words("section.checks"), "list", tuple(items), words("checks.intro"))


def _suspected(assessment: Assessment) -> bool:
    """Whether IMNM is spoken of: what does not concern a person frightens them."""
    return assessment.suspicion.level in ("established", "high", "moderate")


def _common(assessment: Assessment, words: Words) -> Section | None:
    if not _suspected(assessment):
        return None
    subtype = subtype_of(assessment)
    ids = plain.COMMON[subtype] if subtype else plain.COMMON_OPEN
    items = [Item(words(f"common.{id}_a"), words(f"common.{id}_q")) for id in ids]
    if subtype:
        items.append(Item(words(f"common.cancer_a_{subtype.removeprefix('imnm_')}"), words("common.cancer_q")))
    return Section("common", words("section.common"), "definitions", tuple(items))


def _questions(assessment: Assessment, words: Words) -> Section:
    present = {finding.id for finding in assessment.findings if finding.value is True}
    diagnosed = subtype_of(assessment) is not None
    ids: list[str] = list(plain.QUESTIONS_DIAGNOSED if diagnosed else plain.QUESTIONS_OPEN)
    if not _suspected(assessment):
        ids = [id for id in ids if id not in plain.QUESTIONS_SUSPECTED]
    if "weakness_any" not in present:
        ids = [id for id in ids if id not in plain.QUESTIONS_WEAK]
    if "statin_exposure" in present and diagnosed:
        ids += plain.QUESTIONS_STATIN_DIAGNOSED
    elif "statin_exposure" in present and "statin_stopped" not in present:
        ids += plain.QUESTIONS_STATIN_OPEN
    if plain.INHERITED.intersection(named(assessment)):
        ids += plain.QUESTIONS_INHERITED
    return Section("questions", words("section.questions"), "list", tuple(Item(words(f"questions.{id}")) for id in ids))


def _living(subtype: str | None, words: Words) -> Section | None:
    """For people with IMNM only: what is safe in myositis need not be safe in what a record cannot name yet."""
    if subtype is None:
        return None
    items = tuple(Item(words(f"living.{id}"), words(f"living.{id}_title")) for id in plain.LIVING)
    return Section("living", words("section.living"), "definitions", items)


def _organisations(assessment: Assessment, words: Words) -> Section | None:
    """Where myositis is diagnosed or likely; a wrong club frightens."""
    if assessment.suspicion.level not in ("established", "high"):
        return None
    items = [Item(words(f"organisations.{id}_site"), words(f"organisations.{id}")) for id in plain.ORGANISATIONS]
    items.append(Item(words("organisations.more")))
    return Section("organisations", words("section.organisations"), "list", tuple(items), words("organisations.intro"))


def _words(parts: Sequence[Section], words: Words) -> Section:
    """The words that the page uses, explained."""
    said = plain_text(parts).casefold()
    items = []
    for name in plain.WORDS:
        title = words(f"words.{name}_q")
        if any(re.search(rf"\b{re.escape(one)}", said) for one in title.casefold().split(", ")):
            items.append(Item(words(f"words.{name}_a"), title))
    return Section("words", words("section.words"), "definitions", tuple(items))


# ---------------------------------------------------------------- text and sources


def plain_text(parts: Iterable[Section]) -> str:
    """What the page says as running text, a line for each item: for the measure of readability, and for mail."""
    lines: list[str] = []
    for part in parts:
        lines += [part.title, *([part.intro] if part.intro else [])]
        lines += [" ".join(piece for piece in (item.title, item.text, item.remark) if piece) for item in part.items]
    return "\n".join(lines)


def source_names() -> list[str]:
    """The titles of what the handout rests on, each once."""
    ids = dict.fromkeys(id for basis in plain.RESTS_ON.values() for id in basis.sources)
    return [sources()[id].title for id in ids if id in sources()]
