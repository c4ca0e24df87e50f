"""What the way from a record to an answer may cost, held by counting: times depend on the machine, counts do not."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imnm import examples
from imnm.assessment import assess_record, program
from imnm.assessment.engine import Case
from imnm.knowledge import messages
from imnm.knowledge.pattern import pattern
from imnm.sources import read

EXAMPLES = Path(examples.__file__).parent
HEAVY = ("duckdb", "sqlglot", "jinja2", "matplotlib", "fastapi", "starlette", "sqlalchemy", "pandas", "numpy",
         "importlib.metadata", "importlib.resources")  # fmt: skip
"""What an answer in JSON never needs."""


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.json")))
def test_an_answer_loads_nothing_heavy(file: str) -> None:
    """A fresh process that reads, assesses and writes JSON has loaded none of the libraries of other faces."""
    code = (
        "import sys; from imnm.assessment import assess_record; import msgspec; "
        "msgspec.json.encode(assess_record(open(sys.argv[1], 'rb').read())); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLES / file)], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "imnm.assessment" in loaded
    assert loaded.isdisjoint(HEAVY)


# ---------------------------------------------------------------- what-ifs and replays


@pytest.fixture
def case() -> Case:
    reading = read(min(EXAMPLES.glob("*.json")).read_bytes())
    evaluated = Case(reading, reading.newest_known)
    assert evaluated.values  # worked out when first asked for, here before anything is counted
    return evaluated


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the definitions that the core program computes, one entry a computation."""
    found: list[str] = []

    def counting(id: str, function: Any) -> Any:
        def counted(context: Any) -> Any:
            found.append(id)
            return function(context)

        return counted

    core = program.core()
    monkeypatch.setattr(core, "_functions", {id: counting(id, f) for id, f in core._functions.items()})
    return found


def test_a_what_if_computes_only_what_depends_on_it(case: Case, computed: list[str]) -> None:
    for id in ("anti_hmgcr_positive", "skin_rash_dm", "proximal_weakness"):
        computed.clear()
        case.what_if({id: not case.truth(id)})
        assert computed, f"nothing depends on {id}"
        assert len(computed) == len(set(computed)), "a definition was computed twice"
        assert set(computed) <= set(program.core().dependents(refs=[id]))
        assert len(computed) < len(program.core().definitions) / 4


def test_a_what_if_that_changes_nothing_computes_nothing(case: Case, computed: list[str]) -> None:
    assert case.what_if({"ck_elevated": case.truth("ck_elevated")}) == case.values
    assert computed == []


def test_a_proof_computes_no_definition_again(case: Case, computed: list[str]) -> None:
    """Values of definitions are read, not worked out again: the prover evaluates only the inside of what it proves."""
    assert case.proof("level_high").value == case.values["level_high"]
    assert computed == []


# ---------------------------------------------------------------- what is loaded when it is asked for


def _entries(table: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, entry in table.items():
        if isinstance(entry, dict):
            yield from _entries(entry, f"{path}.{name}")
        else:
            yield f"{path}.{name}", entry


@pytest.mark.parametrize("file", sorted((Path(messages.__file__).parent / "en").glob("*.toml")), ids=lambda f: f.stem)
def test_tables_read_one_by_one_are_those_of_the_whole_file(file: Path) -> None:
    entries = dict(_entries(tomllib.loads(file.read_text(encoding="utf-8")), file.stem))
    assert entries
    assert {key: messages.say(key) for key in entries} == entries


@pytest.mark.parametrize(
    "key", ["steps", "steps.no_such", "no_such_file.title", "steps.refer:emergency.no_such", "steps.refer:emergency"]
)
def test_a_message_that_is_not_there_is_said_to_be_missing(key: str) -> None:
    with pytest.raises(messages.UnknownMessage):
        messages.say(key)


def test_an_expression_is_compiled_when_it_is_first_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_ = re.compile

    def counting(source: str, flags: int = 0) -> Any:
        compiled.append(source)
        return compile_(source, flags)

    monkeypatch.setattr("imnm.knowledge.pattern.re.compile", counting)
    digits = pattern(r"\d+", re.ASCII)
    assert compiled == []
    assert digits.search("CK 900") and digits.fullmatch("900") and digits.sub("", "a1") == "a"
    assert set(compiled) == {r"\d+"}


def test_an_assessment_leaves_nothing_to_the_garbage_collector() -> None:
    """The screening runs without it: a ring of objects would stay, with the record and all proofs that hang on it."""
    data = examples.read(examples.EXAMPLES[0])
    assess_record(data)
    gc.collect()
    gc.disable()
    try:
        assess_record(data)
        assert gc.collect() == 0
    finally:
        gc.enable()
