"""Write docs/rules: every rule, alert, step, finding, threshold, criteria set and source, from the knowledge itself.

    python tools/build_docs.py           writes the pages
    python tools/build_docs.py --check   says which are out of date; exit code 1 if any is

The logic is put in words by ``imnm.logic.words``, the examples are the specifications that the tests run
(``tests/spec/pages``). Nothing about medicine is said here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import imnm.knowledge  # noqa: E402
from imnm.knowledge.alerts import ALERTS  # noqa: E402
from imnm.knowledge.concepts import CONCEPTS  # noqa: E402
from imnm.knowledge.criteria import CRITERIA, CriteriaSet  # noqa: E402
from imnm.knowledge.evidence import TAGS, Evidence, sources, thresholds  # noqa: E402
from imnm.knowledge.findings import FINDINGS, SILENCE_MEANS_NO  # noqa: E402
from imnm.knowledge.messages import say  # noqa: E402
from imnm.knowledge.pathway import RULES  # noqa: E402
from imnm.knowledge.steps import STEPS, StepRule  # noqa: E402
from imnm.logic import nodes as n  # noqa: E402
from imnm.logic.words import Labels, outline  # noqa: E402
from imnm.report.blocks import number_words  # noqa: E402
from tests.spec.language import Spec, of  # noqa: E402

FOLDER = ROOT / "docs" / "rules"
INDEX = ROOT / "docs" / "index.md"
PARTS = {
    "definition": ("definitions", "Definitions: when IMNM is established"),
    "entry": ("entry", "The picture: what calls for the IMNM antibodies"),
    "course": ("course", "The course after the statin was stopped"),
    "explained": ("explained", "Better explained by something else on record"),
    "need": ("needs", "What is due"),
    "level": ("levels", "Levels of suspicion"),
}
"""The page and the title of each part of the pathway, in the order in which the pathway asks."""
PROMISES = ("as-of", "first-flagged", "silence", "monotone")
HEAD = "<!-- Written by tools/build_docs.py from the knowledge room and tests/spec; do not edit. -->"
SHOWN = (
    "Each example below is a test: it runs on events, as SQL over a database, and, where it can be written, as FHIR."
)


def pages() -> dict[Path, str]:
    """Every page by its path."""
    for module in walk_packages(imnm.knowledge.__path__, "imnm.knowledge."):
        import_module(module.name)  # thresholds declare themselves when their module is loaded
    found = {FOLDER / f"{page}.md": text(title, part_page(part)) for part, (page, title) in PARTS.items()}
    found |= {
        FOLDER / "alerts.md": text("Alerts: what cannot wait", alert_page()),
        FOLDER / "steps.md": text("Next steps", step_page()),
        FOLDER / "statins.md": text("Statins, as a lipid clinic asks", [SHOWN, *examples("statins")]),
        FOLDER / "promises.md": text("Promises about time, silence and suppression", promise_page()),
        FOLDER / "findings.md": text("Findings", finding_page()),
        FOLDER / "thresholds.md": text("Thresholds", threshold_page()),
        FOLDER / "sources.md": text("Sources", source_page()),
    }
    found |= {FOLDER / f"criteria-{id}.md": text(each.title, criteria_page(each)) for id, each in CRITERIA.items()}
    found[INDEX] = text("imnm: documentation", index_page())
    return found


def text(title: str, lines: Iterable[str]) -> str:
    """A page with its title, without runs of empty lines."""
    whole = "\n".join([f"# {title}", "", HEAD, "", *lines])
    return re.sub(r"\n{3,}", "\n\n", whole).rstrip() + "\n"


# ---------------------------------------------------------------- links and words


def anchor(id: str) -> str:
    """The anchor under which a heading of this id is found."""
    return re.sub(r"[^\w-]", "", id.lower())


@cache
def homes() -> Mapping[str, str]:
    """The page on which each finding and rule stands."""
    found = dict.fromkeys(FINDINGS, "findings")
    return found | {rule.id: PARTS[rule.part][0] for rule in RULES.values() if rule.part in PARTS}


def linked(id: str) -> str:
    """The name of a finding or rule, as a link to where it is explained."""
    label = FINDINGS[id].label if id in FINDINGS else RULES[id].label if id in RULES else id.replace("_", " ")
    return f"[{plain(label)}]({homes()[id]}.md#{anchor(id)})" if id in homes() else plain(label)


def plain(words: str) -> str:
    """Text that Markdown shows as it is."""
    return re.sub(r"([\\`*<>\[\]|])", r"\\\1", words)


def concept(id: str) -> str:
    name, _, part = id.partition(".")
    label = CONCEPTS[name].label if name in CONCEPTS else name.replace("_", " ")
    return plain(say(f"report.explain.concept_{part}", label=label) if part else label)


def number(id: str, value: float) -> str:
    known = thresholds().get(id)
    unit = known.unit if known and known.unit != "x ULN" else ""
    words = f"{number_words(value)} {unit}".strip()
    return f"[{words}](thresholds.md#{anchor(id)})" if known else words


WORDS = Labels(concept=concept, ref=linked, threshold=number, say=partial(say, language="en"))


def logic(expression: n.Value) -> Iterator[str]:
    """An expression as nested bullets."""
    yield from ("  " * line.depth + f"- {line.text}" for line in outline(expression, WORDS))
    yield ""


def rests_on(evidence: Evidence) -> Iterator[str]:
    """The tag, the sources and what to know about them."""
    cited = ", ".join(f"[{id}](sources.md#{anchor(id)})" for id in evidence.sources)
    mark = " **Provisional.**" if evidence.provisional else ""
    note = f" {plain(evidence.note)}." if evidence.note else ""
    yield f"Evidence: {evidence.tag}{': ' + cited if cited else ''}.{note}{mark}"
    yield ""


def examples(kind: str, id: str = "") -> Iterator[str]:
    """The specifications of one thing, as they are written."""
    for spec in of(kind, id):
        yield from example(spec)


def example(spec: Spec) -> Iterator[str]:
    yield from ("", f"#### {spec.title}", "", *spaced(spec.body.splitlines()), "")


def spaced(lines: list[str]) -> Iterator[str]:
    """The lines with an empty one before and after each table; ``<ck>`` stays what it is."""
    inside = False
    for line in lines:
        table = line.startswith("|")
        if table != inside:
            yield ""
        inside = table
        yield re.sub(r"<([a-z]+)>", r"\\<\1\\>", line)


# ---------------------------------------------------------------- pages


def part_page(part: str) -> Iterator[str]:
    yield SHOWN
    for rule in RULES.values():
        if rule.part == part:
            yield from ("", f"## {rule.id}", "", f"{plain(rule.label)}.", "", *logic(rule.expression))
            yield from rests_on(rule.evidence)
            yield from examples("rule", rule.id)


def alert_page() -> Iterator[str]:
    yield SHOWN
    for alert in ALERTS:
        yield from ("", f"## {alert.id}", "", f"**{say(f'alerts.{alert.id}.title')}: {alert.urgency}.**", "")
        yield from (say(f"alerts.{alert.id}.text"), "", "It sounds when:", "", *logic(alert.when))
        yield from rests_on(alert.evidence)
        yield from examples("alert", alert.id)


def step_page() -> Iterator[str]:
    yield SHOWN
    for step in STEPS:
        yield from ("", f"## {step.id}", "", f"**{say(f'steps.{step.id}.title')}.**", "")
        yield from ("It is shown when:", "", *logic(step.when))
        yield from choices(step)
        if step.results:
            yield from (f"Results: {'; '.join(plain(result.name) for result in step.results)}.", "")
        yield from rests_on(step.evidence)
        yield from examples("step", step.id)


def choices(step: StepRule) -> Iterator[str]:
    """How soon, and what is said: the first that holds."""
    for urgency_condition, urgency in step.urgency:
        yield f"Urgency **{urgency}**{' when:' if urgency_condition is not None else '.'}"
        yield from ("", *(logic(urgency_condition) if urgency_condition is not None else ()))
    for condition, why in step.whys:
        yield f"> {say(f'steps.{step.id}.{why}')}"
        yield from ("", *(("Said when:", "", *logic(condition)) if condition is not None else ()))


def promise_page() -> Iterator[str]:
    yield SHOWN
    for promise in PROMISES:
        yield from ("", f"## {promise}", *examples("promise", promise))


def finding_page() -> Iterator[str]:
    yield "A finding is unknown unless the record says it. The few whose silence means no say why."
    for finding in FINDINGS.values():
        unit = f" ({finding.unit})" if finding.unit else ""
        yield from ("", f"## {finding.id}", "", f"{plain(finding.label)}{unit}.", "", *logic(finding.expression))
        if finding.id in SILENCE_MEANS_NO:
            yield from (f"**Silence means no**: {plain(SILENCE_MEANS_NO[finding.id])}.", "")
        yield from rests_on(finding.evidence)
        yield from examples("finding", finding.id)


def threshold_page() -> Iterator[str]:
    yield "Every number of the medicine, declared once. Tags: " + ", ".join(TAGS) + "."
    used = users()
    for _, named in sorted(thresholds().items()):  # they declare themselves in no fixed order
        shown = f"{number_words(named.number)} {named.unit}".strip()
        yield from ("", f"## {named.id}", "", f"**{shown}**: {plain(named.meaning)}.", "")
        yield from rests_on(named.evidence)
        if named.id in used:
            yield from (f"Used by: {', '.join(dict.fromkeys(used[named.id]))}.", "")


def users() -> dict[str, list[str]]:
    """The findings, rules, alerts and steps that use each threshold."""
    found: dict[str, list[str]] = {}
    expressions = [(linked(id), FINDINGS[id].expression) for id in FINDINGS]
    expressions += [(linked(rule.id), rule.expression) for rule in RULES.values()]
    expressions += [(f"[alert {alert.id}](alerts.md#{anchor(alert.id)})", alert.when) for alert in ALERTS]
    expressions += [(f"[step {step.id}](steps.md#{anchor(step.id)})", step.when) for step in STEPS]
    for name, expression in expressions:
        for node in n.walk(expression):
            if isinstance(node, n.Threshold):
                found.setdefault(node.id, []).append(name)
    return found


def criteria_page(criteria: CriteriaSet) -> Iterator[str]:
    yield from (plain(criteria.about), "", *rests_on(criteria.evidence))
    for id, expression in criteria.definitions.items():
        yield from ("", f"## {id.split('/', 1)[1]}", "", *logic(expression))
    yield from examples("criteria", criteria.id)


def source_page() -> Iterator[str]:
    for source in sources().values():
        year = f" ({source.year})" if source.year else ""
        yield from ("", f"## {source.id}", "", f"{plain(source.title)}{year}. {plain(source.locator)}", "")
        if source.note:
            yield from (f"Read: {plain(source.note)}", "")


def index_page() -> Iterator[str]:
    yield "- [Architecture](architecture.md): record, events, findings, conclusions, faces"
    yield "- [A whole health system at once](population.md): `imnm screen`, `evaluate`, `synth`, `sql`"
    yield "- [Pages and CDS Hooks](serve.md): `imnm serve`; [what the specification demands](cds_hooks_conformance.md)"
    yield "- [Performance](performance.md): what is measured, how to run it, and what others have published"
    yield from ("", "## The rules", "")
    yield "Written from the knowledge room by `make docs`; the examples on these pages are tests."
    yield ""
    yield from (f"- [{title}](rules/{page}.md)" for page, title in PARTS.values())
    yield "- [Alerts](rules/alerts.md), [next steps](rules/steps.md), [statins](rules/statins.md)"
    yield "- [Promises about time, silence and suppression](rules/promises.md)"
    yield "- [Findings](rules/findings.md), [thresholds](rules/thresholds.md), [sources](rules/sources.md)"
    yield from ("", "## Published criteria", "")
    yield from (f"- [{plain(each.title)}](rules/criteria-{id}.md)" for id, each in CRITERIA.items())


# ---------------------------------------------------------------- writing


def outdated() -> list[Path]:
    """The pages that are missing, are not as they would be written now, or are no longer written."""
    wanted = pages()
    stale = [path for path, page in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != page]
    return stale + [path for path in FOLDER.glob("*.md") if path not in wanted]


def main(arguments: list[str]) -> int:
    stale = outdated()
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is out of date: run make docs", file=sys.stderr)
        return 1 if stale else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in stale:
        if path in wanted:
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    print(f"{len(stale)} of {len(wanted)} pages written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
