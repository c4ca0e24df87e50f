"""Expressions in words."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings

from imnm.knowledge.messages import say
from imnm.logic import nodes as n
from imnm.logic.words import Labels, Line, outline, sentence

from .growing import definitions

T = n.Threshold
LABELS = Labels(
    concept=lambda id: {"ck": "CK", "ldh": "LDH"}.get(id, id),
    ref=lambda id: id.replace("_", " "),
    threshold=lambda id, number: f"{number:g}" + (" days" if id.startswith("days") else ""),
    say=say,
)
CK = n.Events(("ck",))
RECENT = n.InWindow(n.Events(("ck", "ldh")), n.AsOf(), T("days_year", -365), T("days_none", 0))
STRONG = n.WithGrade(n.WithTruth(n.Events(("anti_hmgcr",)), True), ("moderate", "strong"))

SENTENCES = [
    (n.Compare(n.Peak(CK, "times_uln"), ">=", T("ten", 10)),
     "the highest CK in multiples of the upper limit of normal is at least 10"),
    (n.Exists(RECENT), "there is CK or LDH from 365 days before the as-of date to the as-of date"),
    (n.Exists(STRONG), "there is anti_hmgcr stated as present graded moderate or strong"),
    (n.Recorded(n.Events(("rash",)), False), "rash is on record (silence counts as no)"),
    (n.All((n.Ref("weak_legs", "truth"), n.Any_((n.Ref("anti_srp", "truth"), n.Ref("anti_hmgcr", "truth"))))),
     "weak legs and (anti srp or anti hmgcr)"),
    (n.Count(n.NotNear(CK, n.Events(("biopsy",)), T("days_7", 7), T("days_1", 1))),
     "the number of CK without biopsy from 7 days before to 1 days after"),
    (n.Compare(n.FirstDay(CK), "<", n.AsOf()), "the first day of CK is before the as-of date"),
    (n.Bands(n.Ref("age", "number"), (T("a", 18), T("b", 40)), (T("p", 0), T("q", 1.5), T("r", 2)), True),
     "by age: 0 below 18; 1.5 below 40; 2 beyond"),
]  # fmt: skip


@pytest.mark.parametrize(("node", "text"), SENTENCES)
def test_sentences(node: n.Node, text: str) -> None:
    assert sentence(node, LABELS) == text


def test_an_outline_puts_parts_below_what_combines_them() -> None:
    node = n.All(
        (
            n.Ref("weakness", "truth"),
            n.AtLeast(
                1, (n.Ref("anti_srp", "truth"), n.Not(n.Any_((n.Ref("rash", "truth"), n.Ref("fever", "truth")))))
            ),
        )
    )
    assert outline(node, LABELS) == [
        Line(0, "all of:"),
        Line(1, "weakness"),
        Line(1, "at least 1 of:"),
        Line(2, "anti srp"),
        Line(2, "not:"),
        Line(3, "any of:"),
        Line(4, "rash"),
        Line(4, "fever"),
    ]


SPOKEN: set[str] = set()


def listening(key: str, /, **values: Any) -> str:
    SPOKEN.add(key.rpartition(".")[2])
    return say(key, **values)


MARKED = Labels(lambda id: f"<{id}>", lambda id: f"<{id}>", lambda id, number: f"<{id}>", listening)


@settings(max_examples=400, deadline=None, database=None, derandomize=True)
@given(definitions(12))
def check_that_nothing_is_left_out(found: dict[str, n.Value]) -> None:
    for node in found.values():
        names = {f"<{name}>" for below in n.walk(node) for name in _names(below)} - {"<t_0>"}  # 0 days from: "on"
        text = sentence(node, MARKED)
        lines = "\n".join(line.text for line in outline(node, MARKED))
        assert all(name in text and name in lines for name in names)


def _names(node: n.Node) -> tuple[str, ...]:
    if isinstance(node, n.Events):
        return node.concepts
    return (node.id,) if isinstance(node, n.Ref | n.Threshold) else ()


def test_nothing_is_left_out_and_every_phrase_is_used() -> None:
    check_that_nothing_is_left_out()
    file = resources.files("imnm.knowledge.messages") / "en" / "logic.toml"
    assert set(tomllib.loads(file.read_text(encoding="utf-8"))["words"]) == SPOKEN
