"""``imnm explain``: anything with an id: what it says, its logic in words, its evidence, and what rests on it.

Everything is read from the registries of the knowledge room; nothing about medicine is said here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib import import_module
from pkgutil import walk_packages
from typing import NamedTuple

import imnm.knowledge
from imnm.knowledge.evidence import Evidence, sources, thresholds
from imnm.knowledge.messages import has, say
from imnm.logic.nodes import (
    Node,
    Threshold,
    Value,
    refs_of,
    walk,
)

from . import labels
from .blocks import number_words
from .text import wrap


class UnknownId(KeyError):
    """Nothing has this id; ``nearest`` are the ids most like it."""

    def __init__(self, id: str, nearest: tuple[str, ...]) -> None:
        super().__init__(id)
        self.nearest = nearest


class Subject(NamedTuple):
    """One thing that can be explained. ``body``: its own lines; ``logic``: its expressions, each with a heading;
    ``uses``: ids it refers to besides those in its logic."""

    kind: str
    id: str
    label: str
    evidence: tuple[Evidence, ...] = ()
    body: Callable[[], Iterable[str]] = tuple
    logic: tuple[tuple[str, Value], ...] = ()


def index() -> str:
    """Every id by kind, with its label."""
    lines = [say("report.explain.index")]
    for kind, members in by_kind().items():
        lines += ["", f"{kind} ({len(members)})"]
        for member in members:
            lines += wrap(member.label, f"  {member.id}  ", "    ")
    return "\n".join(lines) + "\n"


def by_kind() -> dict[str, list[Subject]]:
    """What can be explained, by the word for its kind."""
    kinds: dict[str, list[Subject]] = {}
    for subject in _subjects():
        kinds.setdefault(_kind(subject.kind), []).append(subject)
    return kinds


def matching(words: str, most: int = 30) -> list[Subject]:
    """What has these words in its id or label."""
    asked = words.casefold()
    return [s for s in _subjects() if asked in s.id.casefold() or asked in s.label.casefold()][:most]


def explain(id: str) -> str:
    """Everything with this id. Raises UnknownId."""
    found = [subject for subject in _subjects() if subject.id == id]
    if not found:
        every = sorted({subject.id for subject in _subjects()})
        raise UnknownId(id, tuple(difflib.get_close_matches(id, every, n=3)))
    return "\n\n".join("\n".join(_explained(subject)) for subject in found) + "\n"


def _explained(subject: Subject) -> Iterator[str]:
    yield from wrap(f"{subject.id} ({_kind(subject.kind)}): {subject.label}")
    for line in subject.body():
        yield from wrap(line, "", "  ")
    for heading, expression in subject.logic:
        yield ""
        yield from wrap(heading)
        yield from _outline(expression)
    for evidence in dict.fromkeys(subject.evidence):
        yield ""
        yield from _evidence(evidence)
    using = _used_by(subject)
    if using:
        heading = "rests_on_it" if subject.kind == "source" else "used_by"
        yield ""
        yield from wrap(f"{say(f'report.explain.{heading}')}: {', '.join(using)}", "", "  ")


def _kind(kind: str) -> str:
    return say(f"report.explain.kind_{kind}")


def _evidence(evidence: Evidence) -> Iterator[str]:
    yield from wrap(say("report.explain.evidence", tag=say(f"report.tag.{evidence.tag}")))
    for id in evidence.sources:
        yield from wrap(f"{id}: {labels.citation(id)}", "  ", "    ")
    if evidence.note:
        yield from wrap(say("report.explain.evidence_note", note=evidence.note), "  ", "    ")
    if evidence.provisional:
        yield from wrap(say("report.explain.provisional"), "  ", "    ")


def _outline(expression: Value) -> Iterator[str]:
    from imnm.logic.words import Labels, outline

    names = Labels(concept=_concept, ref=_reference, threshold=_number, say=partial(say, language="en"))
    for line in outline(expression, names):
        indent = "  " * (line.depth + 1)
        yield from wrap(line.text, indent, indent + "  ")


def _number(id: str, number: float) -> str:
    known = thresholds().get(id)
    # A multiple of the limit is said as such by the sentence around it.
    unit = known.unit if known and known.unit != "x ULN" else ""
    return f"{number_words(number)} {unit}".strip()


def _concept(id: str) -> str:
    from imnm.knowledge.concepts import CONCEPTS

    name, _, part = id.partition(".")
    label = CONCEPTS[name].label if name in CONCEPTS else labels.words(name)
    return say(f"report.explain.concept_{part}", label=label) if part else label


def _reference(id: str) -> str:
    """The label, and the id by which it can be explained in turn."""
    return f"{_label(id)} ({id})"


@cache
def _label(id: str) -> str:
    return next((subject.label for subject in _subjects() if subject.id == id), labels.words(id))


# ---------------------------------------------------------------- what there is


@cache
def _subjects() -> tuple[Subject, ...]:
    for module in walk_packages(imnm.knowledge.__path__, "imnm.knowledge."):
        import_module(module.name)  # thresholds declare themselves when their module is loaded
    return (
        *_rules(),
        *_findings(),
        *_criteria(),
        *_calculators(),
        *_diseases(),
        *_alerts(),
        *_steps(),
        *_aftercare_steps(),
        *_options(),
        *_trials(),
        *_conflicts(),
        *_thresholds(),
        *_concepts(),
        *_sources(),
    )


def _logic_of(expression: Value) -> tuple[tuple[str, Value], ...]:
    return ((say("report.explain.logic"), expression),)


def _rules() -> Iterator[Subject]:
    from imnm.knowledge.pathway import RULES

    for rule in RULES.values():
        yield Subject("rule", rule.id, rule.label, (rule.evidence,), logic=_logic_of(rule.expression))


def _findings() -> Iterator[Subject]:
    from imnm.knowledge.findings import FINDINGS, SILENCE_MEANS_NO

    for finding in FINDINGS.values():
        lines = [say("report.explain.unit", unit=finding.unit)] if finding.unit else []
        reason = SILENCE_MEANS_NO.get(finding.id)
        lines.append(
            say("report.explain.absence_no", reason=reason) if reason else say("report.explain.absence_unknown")
        )
        yield Subject(
            "finding", finding.id, finding.label, (finding.evidence,), lines.copy, _logic_of(finding.expression)
        )


def _criteria() -> Iterator[Subject]:
    from imnm.knowledge.criteria import CRITERIA

    for criteria in CRITERIA.values():
        logic = tuple((id.split("/", 1)[1].replace("/", ": "), value) for id, value in criteria.definitions.items())
        yield Subject("criteria", criteria.id, criteria.title, (criteria.evidence,), (criteria.about,).__iter__, logic)


def _calculators() -> Iterator[Subject]:
    from imnm.knowledge.criteria import CALCULATORS, CRITERIA

    for name, calculator in CALCULATORS.items():
        if name in CRITERIA:
            continue
        inputs = [f"{item.id}: {item.label}" + (f" ({item.unit})" if item.unit else "") for item in calculator.inputs]
        yield Subject("calculator", name, calculator.title, (), [say("report.explain.inputs"), *inputs].copy)


def _diseases() -> Iterator[Subject]:
    from imnm.knowledge.differential import DISEASES

    for disease in DISEASES:
        yield Subject("disease", disease, labels.disease(disease), body=partial(_disease_lines, disease))


def _disease_lines(disease: str) -> Iterator[str]:
    """How often each finding is present, the most frequent first: what the differential rests on."""
    from imnm.knowledge.differential import DISEASES, SETTINGS, cells, priors

    place = DISEASES.index(disease)
    shares = ", ".join(f"{name} {100 * priors(name)[place]:.2g} %" for name in SETTINGS)
    yield say("report.explain.prior", shares=shares)
    rows = [(finding, cell) for (finding, of, stratum), cell in cells().items() if of == disease and not stratum]
    for finding, cell in sorted(rows, key=lambda row: -row[1].mean):
        kind = say("report.explain.reported" if cell.reported else "report.explain.estimated")
        cited = f" [{', '.join(cell.sources)}]" if cell.sources else ""
        yield f"- {labels.finding(finding)} ({finding}): {100 * cell.mean:.0f} %, {kind}{cited}"


def _alerts() -> Iterator[Subject]:
    from imnm.knowledge.alerts import ALERTS

    for alert in ALERTS:
        lines = [say(f"report.urgency.{alert.urgency}"), say(f"alerts.{alert.id}.text")]
        title = say(f"alerts.{alert.id}.title") if has(f"alerts.{alert.id}.title") else labels.words(alert.id)
        yield Subject("alert", alert.id, title, (alert.evidence,), lines.copy, _logic_of(alert.when))


def _steps() -> Iterator[Subject]:
    from imnm.knowledge.steps import STEPS

    for step in STEPS:
        keys = [f"steps.{step.id}.{name}" for _, name in step.whys]
        lines = [say(key) for key in keys if has(key)]
        yield Subject("step", step.id, labels.step(step.id), (step.evidence,), lines.copy, _logic_of(step.when))


def _aftercare_steps() -> Iterator[Subject]:
    from imnm.assessment.steps import CHECK_STEPS
    from imnm.knowledge.criteria.cancer import PANELS
    from imnm.knowledge.treatment import SAFETY_CHECKS

    checks = {check.id: check for check in SAFETY_CHECKS}
    for id, step in CHECK_STEPS.items():
        yield Subject("step", step, labels.step(step), (checks[id].evidence,), [say(f"treatment.check.{id}.why")].copy)
    for step in ("test:cancer_screen_basic", "test:cancer_screen_enhanced"):
        yield Subject("step", step, labels.step(step), (PANELS,))


def _options() -> Iterator[Subject]:
    from imnm.knowledge.treatment import OPTIONS

    for option in OPTIONS:
        lines = [f"- {say(f'treatment.fact.{fact.id}')} [{', '.join(fact.evidence.sources)}]" for fact in option.facts]
        logic = tuple((say(f"treatment.consider.{c.id}"), c.condition) for c in option.considerations)
        basis = (*(fact.evidence for fact in option.facts), *(c.evidence for c in option.considerations))
        yield Subject("option", option.id, say(f"treatment.option.{option.id}.title"), basis, lines.copy, logic)


def _trials() -> Iterator[Subject]:
    from imnm.knowledge.trials import CRITERIA, trials

    for trial in trials().values():
        logic = tuple((say(f"trials.{trial.id}.{c.id}"), c.condition) for c in CRITERIA.get(trial.id, ()))
        lines = [say(f"trials.{trial.id}.design"), f"{labels.words(trial.status)} {trial.status_on}".strip()]
        basis = Evidence(trial.tag, tuple(trial.sources))
        yield Subject("trial", trial.id, say(f"trials.{trial.id}.title"), (basis,), lines.copy, logic)


def _conflicts() -> Iterator[Subject]:
    from imnm.knowledge.conflicts import Conflict, conflicts

    def lines(conflict: Conflict) -> Iterator[str]:
        yield f"1. {conflict.text('a')} [{', '.join(conflict.a)}]"
        yield f"2. {conflict.text('b')} [{', '.join(conflict.b)}]"
        yield f"{conflict.text('rule')} {conflict.text('why')}"

    for conflict in conflicts().values():
        basis = Evidence(conflict.tag, tuple(dict.fromkeys((*conflict.a, *conflict.b))))
        yield Subject("conflict", conflict.id, conflict.text("topic"), (basis,), partial(lines, conflict))


def _thresholds() -> Iterator[Subject]:
    for threshold in thresholds().values():
        label = f"{number_words(threshold.number)} {threshold.unit}: {threshold.meaning}"
        yield Subject("threshold", threshold.id, label, (threshold.evidence,))


def _concepts() -> Iterator[Subject]:
    from imnm.knowledge.concepts import CONCEPTS

    for concept in CONCEPTS.values():
        lines = [concept.description] if concept.description else []
        lines += [say("report.explain.unit", unit=concept.unit)] if concept.unit else []
        yield Subject("concept", concept.id, concept.label, (), lines.copy)


def _sources() -> Iterator[Subject]:
    for source in sources().values():
        lines = [part for part in (source.locator, source.note) if part]
        yield Subject("source", source.id, source.title + (f" ({source.year})" if source.year else ""), (), lines.copy)


# ---------------------------------------------------------------- what rests on what


@cache
def _uses() -> dict[tuple[str, str], tuple[str, ...]]:
    """(kind, id) to the ids that use it: a threshold or concept in logic, a finding by reference, a source as
    evidence."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for subject in _subjects():
        for _, expression in subject.logic:
            for node in walk(expression):
                for key in _mentioned(node):
                    found.setdefault(key, {})[subject.id] = None
        for evidence in subject.evidence:
            for source in evidence.sources:
                found.setdefault(("source", source), {})[subject.id] = None
    return {key: tuple(ids) for key, ids in found.items()}


def _mentioned(node: Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, Threshold):
        yield "threshold", node.id
    for concept in getattr(node, "concepts", ()):
        yield "concept", concept
    for id in refs_of(node) if not list(node.children()) else ():
        yield "finding", id
        yield "rule", id


def _used_by(subject: Subject) -> tuple[str, ...]:
    return tuple(id for id in _uses().get((subject.kind, subject.id), ()) if id != subject.id)
