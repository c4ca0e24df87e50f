"""``imnm calc``: one published calculator, its inputs given as JSON or asked for one by one."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from imnm.knowledge.criteria import CALCULATORS, Calculator, CriteriaResult, Input, InputError
from imnm.knowledge.criteria.calculator import check
from imnm.knowledge.messages import say

from . import labels
from .blocks import all_lines, provisional, value_words
from .text import wrap
from .view import criterion

GRADED = ("sams-ci", "ck-bands", "hmgcr-result", "statin-pgx", "mmt8", "tis-2016", "imacs-cancer-2023")
"""These place a patient in a class; only of the others it means something to be fulfilled or not."""

Ask = Callable[[str], str | None]
"""Shows a prompt and returns the line typed; None at the end of the input."""


def calculator(name: str) -> Calculator:
    """The calculator of this name. Raises ValueError with the names there are."""
    if name not in CALCULATORS:
        raise ValueError(say("cli.error.no_such_calculator", name=name, names=", ".join(CALCULATORS)))
    return CALCULATORS[name]


def from_json(raw: bytes, file: str) -> dict[str, Any]:
    """The inputs of a JSON object. Raises ValueError with one sentence."""
    try:
        inputs = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(say("cli.error.calc_not_json", file=file, reason="it cannot be parsed")) from error
    if not isinstance(inputs, dict):
        raise ValueError(say("cli.error.calc_not_json", file=file, reason="it is something else"))
    return inputs


def ask(chosen: Calculator, line: Ask) -> dict[str, Any]:
    """The inputs, asked for one by one; an empty line, or the end of the input, is unknown."""
    found: dict[str, Any] = {}
    intro = "\n".join(wrap(say("cli.calc.intro", title=chosen.title))) + "\n\n"
    for input_ in chosen.inputs:
        prompt, intro = intro + _prompt(input_), ""
        while (typed := line(prompt)) is not None:
            try:
                value = parse(input_, typed.strip())
            except InputError as error:
                prompt = say("cli.calc.again", problem=str(error)) + "\n" + _prompt(input_)
                continue
            if value is not None:
                found[input_.id] = value
            break
        else:
            break
    return found


def parse(input_: Input, typed: str) -> Any:
    """What was typed as a value of the input; None if nothing was. Raises InputError with what is expected."""
    if typed in ("", "?"):
        return None
    value: Any = typed
    if input_.kind == "truth":
        value = {"y": True, "yes": True, "n": False, "no": False}.get(typed.lower(), typed)
    elif input_.kind == "number":
        value = _number(typed)
    elif input_.kind == "choice":
        value = _choice(input_, typed)
    try:
        return check(input_, value)
    except InputError as error:
        expected = say(f"cli.calc.expected_{input_.kind}", choices=", ".join(input_.choices))
        raise InputError(f"{error} {expected}" if input_.kind == "number" else expected) from error


def _number(typed: str) -> float | str:
    try:
        return float(typed)
    except ValueError:
        return typed


def _choice(input_: Input, typed: str) -> str | list[str]:
    """A choice by its name or its number in the list; several separated by commas where several are allowed."""
    names = list(input_.choices)
    parts = [part.strip() for part in typed.split(",")] if input_.many else [typed]
    chosen = [names[int(p) - 1] if p.isdecimal() and 0 < int(p) <= len(names) and p not in names else p for p in parts]
    return chosen if input_.many else chosen[0]


def _prompt(input_: Input) -> str:
    hint = f" [{input_.unit}]" if input_.unit else ""
    if input_.kind == "truth":
        hint += say("cli.calc.yes_no")
    if input_.low is not None and input_.high is not None and input_.unit != f"{input_.low:g}-{input_.high:g}":
        hint += f" ({value_words([input_.low, input_.high])})"
    lines = wrap(f"{input_.label}{hint}")
    if input_.help:
        lines += wrap(input_.help, "  ", "  ")
    for number, choice in enumerate(input_.choices, 1):
        lines += wrap(f"{number} {input_.choice_label(choice)}", "  ", "    ")
    return "\n".join(lines) + "\n> "


def from_terminal(prompt: str) -> str | None:
    """Ask on the terminal. The prompts go to standard error, so that standard output is the result alone."""
    print(prompt, end="", file=sys.stderr, flush=True)
    typed = sys.stdin.readline()
    return typed if typed else None


def shown(chosen: Calculator, result: CriteriaResult) -> str:
    """The result for a terminal."""
    inputs = {input_.id: input_.label for input_ in chosen.inputs}
    entry = criterion(result, lambda id: inputs.get(id) or labels.finding(id))
    graded = result.id in GRADED and result.result in ("fulfilled", "not-fulfilled")
    lines = wrap(entry.title if graded else f"{entry.title}: {entry.mark}")
    for line in all_lines(entry):
        lines += wrap(line, "  ", "    ")
    for name, value in result.extra.items():
        if name != "text":
            lines += _extra(name, value)
        elif not any(value in line for line in all_lines(entry)):
            lines += wrap(value, "  ", "    ")
    for id in result.sources:
        lines += wrap(f"{id}: {labels.citation(id)}", "  ", "    ")
    return "\n".join([*lines, *wrap(chosen.about)]) + "\n"


def _extra(name: str, value: Any, indent: str = "  ") -> list[str]:
    """What belongs to this calculator alone, as an outline."""
    if isinstance(value, Mapping) and "text" in value:
        cited = f" [{', '.join(value['sources'])}]" if value.get("sources") else ""
        line = f"{labels.words(name)}: {value['text']}{provisional(bool(value.get('provisional')))}{cited}"
        return wrap(line, indent, indent + "  ")
    if isinstance(value, Mapping) and value:
        lines = wrap(f"{labels.words(name)}:", indent, indent)
        return lines + [line for key, inner in value.items() for line in _extra(str(key), inner, indent + "  ")]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        lines = wrap(f"{labels.words(name)}:", indent, indent)
        return lines + [line for inner in value for line in wrap(value_words(inner), indent + "  - ", indent + "    ")]
    words = value.isoformat() if isinstance(value, dt.date) else value_words(value)
    return wrap(f"{labels.words(name)}: {words}", indent, indent + "  ")
