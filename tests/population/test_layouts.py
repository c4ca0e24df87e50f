"""However an export is laid out, screen says of everyone what assess says one by one."""

from __future__ import annotations

import gzip
import json
import math
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imnm.population.rows import judged
from imnm.population.screen import ScreenOptions, screen
from imnm.sources import read

EXAMPLES = Path(__file__).resolve().parents[2] / "src" / "imnm" / "examples"
ENDS = ([b"\n"], [b"\r\n"], [b"\n", b"\n\n"], [b"\n", b"\n \r\n"], [b"\n "])
BOM = b"\xef\xbb\xbf"

Resource = dict[str, Any]


def records() -> list[list[Resource]]:
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(EXAMPLES.glob("*.json"))]
    return [[entry["resource"] for entry in one["entry"]] for one in found if one.get("resourceType") == "Bundle"]


def bundle(resources: list[Resource], indent: int | None = None) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}, indent=indent).encode()


def write(people: list[list[Resource]], folder: Path, dice: random.Random) -> None:
    """Everything in files by type, by chance, or as Bundles of one or of several people."""
    groups: dict[str, list[Resource]] = {}
    by = dice.choice(("type", "chance", "person"))
    for number, resources in enumerate(people):
        for resource in resources:
            name = {"type": resource["resourceType"], "chance": str(dice.randint(0, 3)), "person": str(number)}[by]
            groups.setdefault("shared" if dice.random() < 0.1 else name, []).append(resource)
    for name, resources in groups.items():
        dice.shuffle(resources)
        if by == "person" or dice.random() < 0.2:
            data, ending = bundle(resources, dice.choice((None, 0, 1))), ".json"
        else:
            ends = dice.choice(ENDS)
            data = b"".join(json.dumps(resource).encode() + dice.choice(ends) for resource in resources)
            ending = dice.choice((".ndjson", ".jsonl", ".json"))
        data = dice.choice((b"", b"", BOM)) + (data.rstrip() if dice.random() < 0.5 else data)
        pack, packed = dice.choice(((bytes, ""), (bytes, ""), (gzip.compress, ".gz"), (zstd.compress, ".zst")))
        (folder / f"{name}{ending}{packed}").write_bytes(pack(data))


def laid_out(seed: int) -> None:
    dice = random.Random(seed)
    people = records()
    people = dice.sample(people, dice.randint(1, len(people)))
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("imnm.population.lines._CHUNK", dice.choice((2**26, 3000, 20_000)))
        patch.setattr("imnm.population.lines._BLOCK", dice.choice((2**17, 700, 5000)))
        patch.setattr("imnm.population.fhir._PARTITION", dice.choice((2**27, 10_000)))
        write(people, Path(name), dice)
        answer = screen(name, ScreenOptions(min_level="low"))
    expected = [judged(read(bundle(one)), math.nan, setting="general-record", least="low").row for one in people]
    listed = {row.patient_id: row for row in answer.worklist}
    assert listed == {row.patient_id: row for row in expected if row is not None}
    assert (answer.report.read, answer.report.broken, answer.disagreements) == (len(people), 0, [])


SEEDS = st.integers(0, 2**32)
FEW = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(SEEDS)
def test_screen_is_assess_however_the_files_are_laid_out(seed: int) -> None:
    laid_out(seed)


@pytest.mark.slow
@settings(FEW, max_examples=60)
@given(SEEDS)
def test_screen_is_assess_in_many_layouts(seed: int) -> None:
    laid_out(seed)
