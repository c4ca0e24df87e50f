"""How long a terminal waits: ``imnm assess FILE`` on one record, beside ``python -c 'import msgspec'``.

Both start as processes of their own, by turns, with bytecode in place (a folder of this run's own, written by one
start that is not timed), so that both meet the same machine. Bound: the median start of the command at most 0.3 s
above that of the bare import. The processor time of both is printed too: on a busy machine it is the truer figure.

usage: python bench/cold_start.py [--rounds N] [FILE]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from shared.measure import machine, peak_line, row

WANTED = 0.3
"""Seconds above the bare import."""
EXAMPLES = Path(__file__).resolve().parents[1] / "src" / "imnm" / "examples"
BARE = (sys.executable, "-c", "import msgspec")
COMMAND = (sys.executable, "-c", "from imnm.cli import run; run()", "assess")


class Spent(NamedTuple):
    """Seconds from the start of a process to its end, and of the processor."""

    waited: float
    worked: float


def spent(command: tuple[str, ...], environment: dict[str, str]) -> Spent:
    """What one run of a command takes."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    waited, after = time.perf_counter() - start, os.times()
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(waited, worked)


def middle(runs: Iterable[Spent]) -> Spent:
    """The median of each figure."""
    return Spent(*map(statistics.median, zip(*runs, strict=True)))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("file", metavar="FILE", nargs="?", default=str(min(EXAMPLES.glob("*.json"))))
    options = arguments.parse_args()
    command = (*COMMAND, options.file)
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        for warm in (BARE, command):
            spent(warm, environment)
        pairs = [(spent(BARE, environment), spent(command, environment)) for _ in range(options.rounds)]
    bare, assess = (middle(runs) for runs in zip(*pairs, strict=True))
    more = assess.waited - bare.waited
    print(machine())
    print(f"file              {Path(options.file).name}, {options.rounds} starts")
    print(f"import msgspec    {bare.waited:.3f} s, processor {bare.worked:.3f} s")
    print(f"imnm assess       {assess.waited:.3f} s, processor {assess.worked:.3f} s")
    print(f"more              {more:.3f} s (wanted <= {WANTED:g}), processor {assess.worked - bare.worked:.3f} s")
    print(peak_line(children=True))
    print(row("`imnm assess` from a terminal, beside `import msgspec`", f"≤ {WANTED:g} s more", f"{more:.2f} s more"))
    return 0 if more <= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
