"""What a report shows, in which order, in which words: one list of sections that text, Markdown and the page render.

A section holds blocks; a block is a list of entries or a table. Everything here is plain text: escaping is the
renderer's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from imnm.assessment.model import (
    Alert,
    Assessment,
    Contribution,
    Criterion,
    Disease,
    Evidence,
    Finding,
    SeriesPoint,
    Step,
)
from imnm.knowledge.messages import say
from imnm.sources import Exposure

if TYPE_CHECKING:
    from imnm.knowledge.criteria import CriteriaResult

from . import after, labels
from .blocks import (
    Block,
    Entries,
    Entry,
    Figure,
    Paragraph,
    Section,
    Table,
    Weight,
    bounds_words,
    columns,
    more,
    number_words,
    provisional,
    value_words,
    word,
)

CK = "ck"
SHOWN_DISEASES, LEADING_DISEASES, SHOWN_SHARE = 6, 3, 0.01
"""How many explanations are shown: the leading ones always, further ones from this share on."""
LEAST_WEIGHT = 0.05
"""What weighs less is named in the table of all parts only."""
SHOWN_RECORDS = 3
SHOWN_RESULTS, SHOWN_FINDINGS = 6, 12
"""Longer tables are folded on a page, which shows the same in short before."""
MOST_RESULTS = 500
"""How many CK results the table holds, the newest; the JSON has every one."""
SHOWN_PROBLEMS = 20
NO_CLASS = "none"
NOTHING_POINTS = ("none", "insufficient")
"""Levels at which the shares of the differential only say what it would be if there were a muscle disease."""
COMPLETED = ("years", "months")
"""Units of which people count only what is completed: a person is 73 years old, not 73.28."""


class Head(NamedTuple):
    """The top of a report: whom it is about and the answer in short."""

    subject: str
    record: str
    level: str
    tone: str
    summary: str
    lines: tuple[str, ...]


def head(assessment: Assessment) -> Head:
    """The answer in short."""
    suspicion = assessment.suspicion
    lines = []
    if assessment.diagnosis.id:
        by = criteria_title(assessment, assessment.diagnosis.by or "")
        line = say("report.line.diagnosis", disease=labels.disease(assessment.diagnosis.id), by=by)
        lines.append(line + provisional(assessment.diagnosis.provisional))
    if suspicion.decisive_step:
        lines.append(say("report.line.decisive", step=step_title(assessment, suspicion.decisive_step)))
    if suspicion.first_flagged_on:
        lines.append(say("report.line.flagged", on=suspicion.first_flagged_on))
    if suspicion.already_coded:
        lines.append(say("report.line.coded"))
    return Head(
        subject=say("report.title.subject", who=_who(assessment), as_of=assessment.as_of, setting=assessment.setting),
        record=" ".join(part for part in (assessment.file, _reference(assessment.patient.id)) if part),
        level=level_word(suspicion.level),
        tone=suspicion.level,
        summary=suspicion.summary,
        lines=tuple(lines),
    )


def sections(assessment: Assessment, *, brief: bool = False) -> list[Section]:
    """Every section that has something to say, in reading order. ``brief``: only the sources of the steps, alerts and
    criteria are listed."""
    made = [
        ("alerts", _alerts(assessment)),
        ("steps", _steps(assessment)),
        ("differential", _differential(assessment)),
        ("criteria", _criteria(assessment)),
        ("course", _course(assessment)),
        ("exposures", _exposures(assessment)),
        ("statins", after.statins(assessment.statins, brief)),
        ("findings", _findings_in_short(assessment) if brief else _findings(assessment)),
        ("unknown", _unknown(assessment)),
        ("treatment", after.treatment(assessment.treatment)),
        ("monitoring", after.monitoring(assessment.monitoring)),
        ("cancer_screening", after.cancer_screening(assessment.cancer_screening, assessment.as_of)),
        ("trials", after.trials(assessment.trials)),
        ("conflicts", after.conflicts(assessment.conflicts)),
        ("input_problems", _problems(assessment)),
        ("sources", _sources(assessment, brief)),
    ]
    return [Section(id, say(f"report.section.{id}"), blocks) for id, blocks in made if blocks]


# ---------------------------------------------------------------- the parts


def _alerts(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.alerts:
        return ()
    return (
        Entries(
            tuple(
                Entry(
                    title=alert.title or labels.words(alert.id),
                    mark=word("report.urgency", alert.urgency) + provisional(alert.provisional),
                    tone=alert.urgency,
                    lines=(alert.text,),
                    evidence=_texts(alert.evidence),
                    sources=tuple(alert.sources),
                )
                for alert in assessment.alerts
            )
        ),
    )


def _steps(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.next_steps:
        return (Paragraph(say("report.line.no_steps")),)
    return (Entries(tuple(_step(step, assessment.as_of) for step in assessment.next_steps), numbered=True),)


def _step(step: Step, as_of: str) -> Entry:
    dates = [labels.due(step.due_on, as_of)] if step.due_on else []
    dates += [say("report.line.not_before", on=step.not_before)] if step.not_before and step.not_before > as_of else []
    return Entry(
        title=step.title or labels.step(step.id),
        mark=", ".join([word("report.urgency", step.urgency), *dates]) + provisional(step.provisional),
        tone=step.urgency,
        lines=(step.why, *(say("report.line.if_result", result=r.result, then=r.then) for r in step.if_result)),
        evidence=_texts(step.evidence),
        sources=tuple(step.sources),
    )


def _differential(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.differential:
        return ()
    known = {finding.id: finding.label for finding in assessment.findings}
    shown = [
        disease
        for place, disease in enumerate(assessment.differential[:SHOWN_DISEASES])
        if place < LEADING_DISEASES or disease.probability >= SHOWN_SHARE
    ]
    notes = [assessment.none_fits] if assessment.none_fits else []
    cautions = [say("report.line.differential_if")] if assessment.suspicion.level in NOTHING_POINTS else []
    if assessment.differential_kind:
        notes.append(say("report.line.differential_kind", kind=assessment.differential_kind))
    notes.append(say("report.line.concordance", percent=_percent(assessment.concordance)))
    explanations = Entries(tuple(_disease(disease, known) for disease in shown))
    return (*(Paragraph(caution) for caution in cautions), explanations, *(Paragraph(note) for note in notes))


def _disease(disease: Disease, known: Mapping[str, str]) -> Entry:
    ordered = sorted(disease.contributions, key=lambda c: -abs(c.log10_lr))
    lines = (say("report.line.think_of", items=", ".join(disease.think_of)),) if disease.think_of else ()
    return Entry(
        title=labels.disease(disease.id),
        mark=say(
            "report.line.interval",
            percent=_percent(disease.probability),
            low=_percent(disease.low),
            high=_percent(disease.high),
        ),
        lines=lines,
        weights=tuple(_weight(c, known) for c in ordered if abs(c.log10_lr) >= LEAST_WEIGHT),
        share=disease.probability,
        table=_parts(ordered, known),
    )


def _parts(contributions: list[Contribution], known: Mapping[str, str]) -> Table | None:
    """Every part of the odds, so that they can be checked by hand."""
    if not contributions:
        return None
    rows = tuple(
        (
            known.get(c.finding) or labels.finding(c.finding),
            value_words(c.value),
            f"{c.log10_lr:+.2f}",
            f"{c.low:+.2f} … {c.high:+.2f}",
            c.kind,
            ", ".join(c.sources),
        )
        for c in contributions
    )
    return Table(
        say("report.line.parts"), columns("finding", "value", "lr", "interval", "kind", "source"), rows, (2, 3), cited=5
    )


def _weight(contribution: Contribution, known: Mapping[str, str]) -> Weight:
    label = known.get(contribution.finding) or labels.finding(contribution.finding)
    stated = "" if contribution.value is True else f": {value_words(contribution.value)}"
    return Weight(label + stated, contribution.log10_lr, contribution.low, contribution.high)


def _criteria(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.criteria:
        return ()
    return (Entries(tuple(criterion(result, labels.finding) for result in assessment.criteria)),)


def criterion(result: Criterion | CriteriaResult, name: Callable[[str], str]) -> Entry:
    """One criteria set; ``name`` gives what an item that is missing is called."""
    facts = []
    if result.score is not None:
        facts.append(say("report.line.score", score=number_words(result.score)))
    elif result.score_range is not None:
        low, high = (number_words(bound) for bound in result.score_range)
        facts.append(say("report.line.score_between", low=low, high=high))
    lines = ["; ".join(facts)] if facts else []
    for line, reached in (("class", result.class_), ("could_reach", result.could_reach)):
        if reached and reached != NO_CLASS:
            lines.append(say(f"report.line.{line}", name=labels.criteria_class(result.id, reached)))
    if result.missing:
        items = ", ".join(name(item) for item in result.missing[:SHOWN_DISEASES])
        lines.append(say("report.line.missing", items=items + more(result.missing, SHOWN_DISEASES)))
    return Entry(
        title=result.title or labels.criteria(result.id),
        mark=word("report.result", result.result) + provisional(result.provisional),
        tone=result.result,
        lines=(*lines, *result.warnings),
        sources=tuple(result.sources),
        proof=result.proof or None,
    )


def _course(assessment: Assessment) -> tuple[Block, ...]:
    points = assessment.series.get(CK, [])
    if not points:
        return ()
    rows = tuple(
        (
            point.on or say("report.value.unknown"),
            bounds_words(point.low, point.high),
            _uln(point),
            _times(point),
            point.ref,
        )
        for point in points[-MOST_RESULTS:]
    )
    table = Table(
        caption=say("report.course.table", count=len(rows)),
        header=columns("on", "result", "uln", "times", "record"),
        rows=rows,
        numeric=(1, 2, 3),
        folded=len(points) > SHOWN_RESULTS,
    )
    if len(points) <= MOST_RESULTS:
        return Figure(), table
    return Figure(), table, Paragraph(say("report.course.older", count=len(points) - MOST_RESULTS))


def _exposures(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.exposures:
        return ()
    rows = tuple((labels.drug(e.drug), period_words(e), e.ref) for e in assessment.exposures)
    return (Table(say("report.section.exposures"), columns("drug", "period", "record"), rows),)


def period_words(exposure: Exposure) -> str:
    """From when until when a drug was taken, as far as recorded."""
    start = say("report.line.since", on=exposure.start) if exposure.start else say("report.line.start_unknown")
    stop = say("report.line.until", on=exposure.stop) if exposure.stop else say("report.line.stop_unknown")
    return f"{start}, {stop}"


def _findings(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.findings:
        return ()
    present = [f for f in assessment.findings if f.value is not False]
    absent = [f for f in assessment.findings if f.value is False]
    return tuple(
        Table(
            caption=say(f"report.{caption}", count=len(some)),
            header=columns("finding", "value", "on", "basis", "record"),
            rows=tuple(_finding(finding) for finding in some),
            folded=some is absent or len(some) > SHOWN_FINDINGS,
        )
        for caption, some in (("line.all_present", present), ("line.all_absent", absent))
        if some
    )


def _finding(finding: Finding) -> tuple[str, ...]:
    return (
        finding.label or labels.finding(finding.id),
        _value(finding),
        finding.on or "",
        word("report.basis", finding.basis) + provisional(finding.provisional),
        "; ".join(_texts(finding.evidence[:SHOWN_RECORDS])) + more(finding.evidence, SHOWN_RECORDS),
    )


def _findings_in_short(assessment: Assessment) -> tuple[Block, ...]:
    """What is there, each on its line; what is absent, by name only."""
    present = [f for f in assessment.findings if f.value is not False]
    absent = [f for f in assessment.findings if f.value is False]
    entries = tuple(
        Entry(
            f"{f.label or labels.finding(f.id)}: {_value(f)}" + (f", {f.on}" if f.on else ""),
            evidence=tuple(item.ref for item in f.evidence),
        )
        for f in present
    )
    blocks: list[Block] = [Entries(entries)] if entries else []
    for key, some in (
        ("absent", [f for f in absent if f.basis != "silence"]),
        ("silent", [f for f in absent if f.basis == "silence"]),
    ):
        if some:
            items = "; ".join(f.label or labels.finding(f.id) for f in some)
            blocks.append(Paragraph(say(f"report.line.{key}", items=items)))
    return tuple(blocks)


def _value(finding: Finding) -> str:
    value = finding.value
    if finding.unit in COMPLETED:
        value = [_completed(bound) for bound in value] if isinstance(value, list) else _completed(value)
    return value_words(value) + (f" {finding.unit}" if finding.unit else "")


def _completed(number: float | None) -> int | None:
    return None if number is None else math.floor(number)


def _unknown(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.unknown:
        return ()
    entries = tuple(Entry(u.label or labels.finding(u.id), lines=(u.would_matter,)) for u in assessment.unknown)
    return (Entries(entries),)


def _problems(assessment: Assessment) -> tuple[Block, ...]:
    if not assessment.input_problems:
        return ()
    problems = assessment.input_problems
    rows = tuple((problem.ref, problem.problem) for problem in problems[:SHOWN_PROBLEMS])
    table = Table(say("report.section.input_problems"), columns("entry", "problem"), rows)
    rest = len(problems) - SHOWN_PROBLEMS
    return (table, Paragraph(say("report.line.more", count=rest))) if rest > 0 else (table,)


def _sources(assessment: Assessment, brief: bool) -> tuple[Block, ...]:
    cited = sorted({*_cited(assessment), *(() if brief else _cited_in_detail(assessment))})
    if not cited:
        return ()
    rows = tuple((id, labels.citation(id)) for id in cited)
    return (Table(say("report.section.sources"), columns("source", "title"), rows, folded=True),)


def _cited(assessment: Assessment) -> Iterable[str]:
    statements: tuple[Step | Alert | Criterion, ...] = (
        *assessment.next_steps,
        *assessment.alerts,
        *assessment.criteria,
    )
    for statement in statements:
        yield from statement.sources


def _cited_in_detail(assessment: Assessment) -> Iterator[str]:
    for disease in assessment.differential[:SHOWN_DISEASES]:
        for contribution in disease.contributions:
            yield from contribution.sources
    for part in (
        assessment.treatment,
        assessment.statins,
        assessment.monitoring,
        assessment.cancer_screening,
        assessment.trials,
        assessment.conflicts,
    ):
        yield from _named_sources(part)


def _named_sources(part: Any) -> Iterator[str]:
    """Every id under a key ``sources`` in a structure."""
    if isinstance(part, Mapping):
        yield from part.get("sources") or ()
        for inner in part.values():
            yield from _named_sources(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _named_sources(inner)


# ---------------------------------------------------------------- small words


def _uln(point: SeriesPoint) -> str:
    return "" if point.uln is None else number_words(point.uln)


def _times(point: SeriesPoint) -> str:
    if point.uln is None or point.uln <= 0 or point.low is None or point.low != point.high:
        return ""
    return f"{point.low / point.uln:.1f}"


def _percent(share: float) -> str:
    percent = share * 100
    return "<1" if 0 < percent < 1 else f"{percent:.0f}"


def _who(assessment: Assessment) -> str:
    age, sex = assessment.patient.age, assessment.patient.sex
    young = age is not None and age < 18
    words = []
    if sex in ("female", "male"):
        words.append(say("report.title." + {"female": ("woman", "girl"), "male": ("man", "boy")}[sex][young]))
    if age is not None:
        words.append(say("report.title.age", age=age))
    return ", ".join(words) or say("report.title.who_unknown")


def _reference(patient: str) -> str:
    return f"(Patient/{patient})" if patient else ""


def step_title(assessment: Assessment, id: str) -> str:
    """What a step is called in this answer."""
    return next((step.title for step in assessment.next_steps if step.id == id and step.title), labels.step(id))


def criteria_title(assessment: Assessment, id: str) -> str:
    """What a criteria set is called in this answer."""
    return next((c.title for c in assessment.criteria if c.id == id and c.title), labels.criteria(id))


def level_word(level: str) -> str:
    """A level in words."""
    return word("report.level", level)


def leading_words(assessment: Assessment) -> str:
    """The leading explanation with its share."""
    if not assessment.differential:
        return say("report.value.unknown")
    first = assessment.differential[0]
    return f"{labels.disease(first.id)}, {_percent(first.probability)} %"


def _texts(items: Sequence[Evidence]) -> tuple[str, ...]:
    return tuple(f"{item.text} [{item.ref}]" if item.ref else item.text for item in items)
