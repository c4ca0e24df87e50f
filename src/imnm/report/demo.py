"""The main job on the bundled example patients: a table of all, one in full, a page for each."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import resources

from imnm.assessment import assess_record
from imnm.assessment.model import Assessment
from imnm.examples import EXAMPLES, Example, read
from imnm.knowledge.messages import say

from . import render
from .blocks import Table
from .text import table
from .view import leading_words, level_word, step_title


def demo(write: Callable[[str], object], *, colour: bool, pages: bool) -> dict[str, str]:
    """Write the demonstration and return the pages by file name (empty without ``pages``)."""
    answers = [(example, _assess(example)) for example in EXAMPLES]
    write(say("cli.demo.title", count=len({example.file for example in EXAMPLES})) + "\n\n")
    write("\n".join(table(_overview(answers))) + "\n\n")
    first, answer = answers[0]
    write(say("cli.demo.full", file=_path(first)) + "\n\n" + render(answer, "text", colour=colour))
    return {f"{example.id}.html": render(answer, "html") for example, answer in answers} if pages else {}


def _assess(example: Example) -> Assessment:
    answer = assess_record(read(example), example.as_of)
    answer.file = _path(example)
    return answer


def _path(example: Example) -> str:
    """Where the record lies, seen from here."""
    path = str(resources.files("imnm.examples") / example.file)
    return min(path, os.path.relpath(path), key=len)


def _overview(answers: list[tuple[Example, Assessment]]) -> Table:
    rows = tuple(
        (
            level_word(answer.suspicion.level),
            answer.as_of,
            f"{say(f'examples.{example.id}.title')}. {say('cli.demo.leads', disease=leading_words(answer))}"
            + (
                f" {say('cli.demo.next', step=step_title(answer, answer.next_steps[0].id))}"
                if answer.next_steps
                else ""
            ),
        )
        for example, answer in answers
    )
    header = tuple(say("cli.demo.columns").split("|"))
    return Table(say("cli.demo.title", count=len(rows)), header, rows)
