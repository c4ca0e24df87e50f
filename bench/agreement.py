"""How many generated examples a second the agreement of *prove*, *value* and *sql* checks, and how fast a program is.

    python bench/agreement.py [SECONDS]

An example is one expression on one population of a few patients. Every run draws new ones; the default test run
(tests/logic/test_agreement.py) draws the same ones every time. Exit code 1: a disagreement, printed small.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import Phase, given, settings
from shared.measure import machine, peak_line

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from imnm.logic import nodes as n  # noqa: E402
from imnm.logic.evaluate import Program  # noqa: E402
from imnm.logic.event import Event  # noqa: E402
from tests.logic.growing import Case, cases, smallest  # noqa: E402
from tests.logic.test_agreement import differences  # noqa: E402


def agreement(seconds: float) -> str | None:
    """Draw and compare for so long; the smallest disagreement in words, or None."""
    reached: Counter[str] = Counter()
    examples = values = 0
    failed: list[Case] = []
    began = time.perf_counter()

    @settings(max_examples=20, deadline=None, database=None, phases=[Phase.generate])
    @given(cases())
    def check_some(case: Case) -> None:
        nonlocal examples, values
        if differences(case):
            failed.append(case)
        examples += len(case.definitions)
        values += len(case.definitions) * len(case.patients) * len(case.days)
        reached.update(type(below).__name__ for node in case.definitions.values() for below in n.walk(node))

    while time.perf_counter() - began < seconds and not failed:
        check_some()
    took = time.perf_counter() - began
    rarest = min(n.NODE_KINDS, key=lambda kind: reached[kind])
    print(f"{examples} examples in {took:.1f} s: {examples / took:.0f} a second, {values} values compared three ways")
    print(f"node kinds reached: {len(reached)} of {len(n.NODE_KINDS)}, the rarest {rarest} {reached[rarest]} times")
    return differences(smallest(failed[0], lambda case: bool(differences(case))))[0] if failed else None


def program() -> None:
    """200 findings and 300 rules over 100 events: one run, 60 what-ifs and 20 replay dates."""
    draw = random.Random(1)
    definitions = _definitions(draw)
    made = Program(definitions)
    events = [_event(draw) for _ in range(100)]
    days = sorted(draw.sample(range(1000), 20))
    findings = [id for id in definitions if id.startswith("f") and definitions[id].kind == "truth"][:30]
    took = []
    for _ in range(15):
        began = time.perf_counter()
        values = made.run(events, 1000)
        ran = time.perf_counter()
        for id in findings:
            made.rerun(values, {id: True})
            made.rerun(values, {id: False})
        varied = time.perf_counter()
        list(made.replay(events, days))
        ended = time.perf_counter()
        took.append((ended - began, ran - began, varied - ran, ended - varied))
    total, run, what_if, replay = (1000 * part for part in sorted(took)[len(took) // 2])
    parts = f"run {run:.2f}, 60 what-ifs {what_if:.2f}, 20 replay dates {replay:.2f}"
    print(f"500 definitions, 100 events: {total:.2f} ms ({parts})")


def _definitions(draw: random.Random) -> dict[str, n.Value]:
    found: dict[str, n.Value] = {}
    for i in range(200):
        series = n.Events((f"c{i % 120}",))
        recent = n.InWindow(series, n.AsOf(), n.Threshold("year", -365), n.Threshold("today", 0))
        shapes = (
            *[n.Recorded(series, None)] * 5,
            n.Peak(series, "times_uln"),
            n.Exists(recent),
            n.Latest(series, "value"),
            n.Exists(n.ValueIs(series, "value", ">=", n.Threshold("limit", 1000))),
            n.Recorded(n.WithTruth(recent, True), None),
        )
        found[f"f{i}"] = shapes[i % len(shapes)]
    for i in range(300):
        earlier = [n.Ref(id, "truth") for id, node in found.items() if node.kind == "truth"][-250:]
        parts = tuple(draw.sample(earlier, 4))
        number = n.Ref(draw.choice([id for id, node in found.items() if node.kind == "number"]), "number")
        shapes = (
            n.All(parts),
            n.Any_(parts),
            n.AtLeast(2, parts),
            n.Compare(number, ">=", n.Threshold("ten", 10)),
            n.Compare(n.Score(tuple(zip(parts, (1, 2, 3, 4), strict=True)), 1), ">=", n.Threshold("five", 5)),
        )
        found[f"r{i}"] = shapes[i % len(shapes)]
    return found


def _event(draw: random.Random) -> Event:
    day, value = draw.randrange(1000), draw.choice([100, 5000, 20000])
    truth = draw.choice([True, False, None])
    return Event(f"c{draw.randrange(120)}", day, day, day, value, value, value / 200, value / 200, truth)


if __name__ == "__main__":
    print(machine())
    program()
    disagreement = agreement(float(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(peak_line())
    if disagreement:
        print(disagreement)
        sys.exit(1)
