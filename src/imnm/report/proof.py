"""A proof tree in the words of people: what was asked, what came of it, and the record entries it rests on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imnm.knowledge.evidence import thresholds
from imnm.knowledge.messages import say
from imnm.logic.interval import INF

from . import labels
from .blocks import more, number_words, value_words

SHOWN_ENTRIES = 6
DEEPEST = 30
_JOINED = {"All": "all", "Any_": "any"}
_OPS = {">=": "at_least_op", ">": "more_than", "<=": "at_most", "<": "less_than"}
_COMPARED = re.compile(r" (>=|<=|>|<) ")

Proof = Mapping[str, Any]
"""A node as the assessment gives it: kind, id, value, text, evidence, missing, parts."""


class Said(NamedTuple):
    """One line of the tree with the lines below it. ``evidence`` stands where nothing is below."""

    verdict: str
    text: str
    evidence: tuple[str, ...]
    missing: str
    parts: tuple[Said, ...]


def trees(proof: Proof | None) -> list[Said]:
    """A proof, or several by name (a criteria set has one for its verdict, its class and its score)."""
    if not proof:
        return []
    if "kind" in proof:
        return [_with_missing(proof, "")]
    return [_with_missing(tree, labels.words(name)) for name, tree in proof.items() if tree]


def _with_missing(proof: Proof, name: str) -> Said:
    said = _said(proof, 0)
    items = [labels.finding(item) for item in proof.get("missing") or ()]
    missing = say("report.line.missing", items=", ".join(items)) if items else ""
    return said._replace(text=f"{name}: {said.text}" if name else said.text, missing=missing)


def _said(proof: Proof, depth: int) -> Said:
    shown = _below(proof) if depth < DEEPEST else ()
    return Said(
        verdict=_value(proof),
        text=_text(proof),
        evidence=() if shown else _evidence(proof.get("evidence") or ()),
        missing="",
        parts=tuple(_said(part, depth + 1) for part in shown),
    )


def _below(proof: Proof) -> Sequence[Proof]:
    """The parts that say more than the line itself does."""
    parts: Sequence[Proof] = proof.get("parts") or ()
    match proof.get("kind"):
        case "Compare":
            return _below(parts[0]) if parts else ()
        case "Not" if parts and parts[0].get("kind") == "Ref":
            return _below(parts[0])
        case "Not" if parts and parts[0].get("kind") in _JOINED:
            return _below(parts[0])
        case "Ref" if len(parts) == 1:
            return _below(parts[0])
    return parts


def _text(proof: Proof) -> str:
    parts: Sequence[Proof] = proof.get("parts") or ()
    kind, text = proof.get("kind"), str(proof.get("text") or "")
    match kind:
        case "Ref":
            return _name(str(proof.get("id")), text)
        case "Threshold":
            return _number(proof)
        case "All" | "Any_":
            return say(f"logic.words.{_JOINED[kind]}")
        case "AtLeast" if number := re.search(r"\d+", text):
            return say("logic.words.at_least", n=number.group())
        case "Not" if parts and parts[0].get("kind") in _JOINED:
            return say(f"report.proof.not_{_JOINED[parts[0]['kind']]}")
        case "Not" if parts:
            return say("logic.words.not", part=_text(parts[0]))
        case "Compare" if len(parts) == 2 and (op := _COMPARED.search(text)):
            return say("logic.words.compare", left=_measured(parts[0]), op=say(f"logic.words.{_OPS[op[1]]}"),
                       right=_text(parts[1]))  # fmt: skip
        case "Score":
            return say("report.proof.score")
        case "IfElse":
            return say("report.proof.if_else")
        case "Literal_":
            return say("report.proof.literal")
    return text or str(kind)


def _name(id: str, text: str) -> str:
    """What the finding or part is called, with what the proof remarks on it."""
    remark = text.removeprefix(id) if text.startswith(id) else ""
    return labels.finding(id) + remark if "/" not in id else labels.words(id.rpartition("/")[2]) + remark


def _measured(proof: Proof) -> str:
    value = _value(proof)
    name = _text(proof)
    return name if value == say("report.value.unknown") else f"{name} ({value})"


def _number(proof: Proof) -> str:
    known = thresholds().get(str(proof.get("id")))
    unit = known.unit if known else ""
    words = {"x ULN": say("report.proof.times_uln")}.get(unit, unit)
    return f"{number_words(known.number) if known else _value(proof)} {words}".strip()


def _value(proof: Proof) -> str:
    """What it comes to, in words; a bound that is open is not shown as a number."""
    value = proof.get("value")
    if isinstance(value, list | tuple):
        bounds = [None if bound is None or abs(bound) == INF else round(bound, 1) for bound in value]
        return value_words(bounds)
    return value_words(value)


def _evidence(entries: Sequence[Any]) -> tuple[str, ...]:
    """Entries are objects with ``ref`` and ``text``, or pairs."""
    pairs = [(e.get("ref"), e.get("text")) if isinstance(e, Mapping) else (e[0], e[1]) for e in entries[:SHOWN_ENTRIES]]
    lines = [f"{text} [{ref}]" if ref else str(text) for ref, text in pairs]
    rest = more(entries, SHOWN_ENTRIES)
    return (*lines, rest.lstrip(", ")) if rest else tuple(lines)
