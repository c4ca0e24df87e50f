"""Do *sql* and *evaluate* give the same level to everyone of a synthetic population, listed or not?

Everyone is compared, those who did not pass the gate too (for *sql* their level is none; *evaluate* has to say so
itself). Exit code 1: someone differs; who, and what each says, is printed.

usage: python bench/agreement_population.py [--people N]   (the figure: 100,000; about 1,000 a second on two cores)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from shared.measure import machine, peak_line, row

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.population.agreement import agreement  # noqa: E402

SHOWN = 20


def show(done: int) -> None:
    if done % 1000 == 0 and sys.stderr.isatty():
        print(f"\r\033[K{done:,} compared", end="", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10_000)
    arguments = parser.parse_args()
    print(machine())
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="imnm-bench-") as folder:
        found = agreement(arguments.people, Path(folder), show)
    seconds = time.perf_counter() - start
    print(f"{found.compared:,} of {arguments.people:,} people compared, {found.passed:,} passed the gate, "
          f"{found.with_level:,} have a level; disagreements: {len(found.differ)}")  # fmt: skip
    for patient, by_sql, by_evaluate in found.differ[:SHOWN]:
        print(f"  person {patient}: sql {by_sql}, evaluate {by_evaluate}")
    print(f"  {seconds:.1f} s, making the people included; {peak_line(children=True)}")
    same = found.compared - len(found.differ)
    print(row(f"*sql* and *evaluate* agree on the level of {arguments.people:,} people", "all", f"{same:,}"))
    return 0 if found.compared == arguments.people and not found.differ else 1


if __name__ == "__main__":
    sys.exit(main())
