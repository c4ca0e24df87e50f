"""A million synthetic people in OMOP: the whole screen up to the level, beside a bare scan of the same columns.

Three programs, by turns, each in a process of its own so that peak memory is its own: *scan* reads the same columns of
measurement, drug_exposure and condition_occurrence, filtered to the same concepts, and touches every value; *table*
writes them to a table as well; *screen* is everything up to the level. Bounds: screen at most 2.5 times the bare scan
to a table, at most 6 GB, at most 11 times the time for 10 times the people. The ratio to the scan that keeps nothing
is printed beside it.

usage: python bench/population_omop.py [--people N] [--folder DIR] [--rounds N]   (the figures: --people 1000000)
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from shared.measure import Measured, machine, measured, peak_line, row

from imnm.population.omop import LocalDatabase, OmopPopulation
from imnm.population.screen import ScreenOptions, screen
from imnm.population.source import cores
from imnm.population.synth import synthesise

COLUMNS = {
    "measurement": "person_id, measurement_id, measurement_date, value_as_number, operator_concept_id, "
    "value_as_concept_id, unit_concept_id, unit_source_value, range_low, range_high, value_source_value",
    "condition_occurrence": "person_id, condition_occurrence_id, condition_start_date, condition_status_concept_id, "
    "condition_source_value, condition_source_concept_id",
    "drug_exposure": "person_id, drug_exposure_id, drug_exposure_start_date, drug_exposure_end_date, days_supply, "
    "stop_reason, route_concept_id",
}
KEYS = {"measurement": "measurement", "condition_occurrence": "condition", "drug_exposure": "drug"}


def files(folder: Path, table: str) -> str:
    whole = folder / f"{table}.parquet"
    return f"'{whole if whole.exists() else folder / table / '*.parquet'}'"


def concepts(folder: Path) -> dict[str, str]:
    """The concepts the screening itself finds to matter, as SQL lists."""
    with tempfile.TemporaryDirectory() as work:
        connection = duckdb.connect()
        population = OmopPopulation(LocalDatabase(folder), Path(work), None, 0)
        population.connection = connection
        for step in (population._check, population._people, population._used, population._understand):
            step()
        rows = connection.execute("SELECT tab, concept FROM codes").fetchall()
    return {table: ", ".join(str(id) for tab, id in rows if tab == table) for table in COLUMNS}


def scan(folder: Path, ids: dict[str, str], keep: bool) -> None:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {cores()}")
    connection.execute("SET preserve_insertion_order = false")
    for table, columns in COLUMNS.items():
        rows = f"FROM {files(folder, table)} WHERE {KEYS[table]}_concept_id IN ({ids[table]})"
        if keep:
            connection.execute(f"CREATE TABLE {table} AS SELECT {KEYS[table]}_concept_id, {columns} {rows}")
        else:
            touched = ", ".join(f"max({column})" for column in columns.split(", "))
            connection.execute(f"SELECT {touched} {rows}").fetchall()


def screened(folder: Path) -> dict[str, Any]:
    answer = screen(str(folder), ScreenOptions(up_to_level=True, sample=0))
    return {"people": answer.report.read, "passed": answer.report.passed, "levels": answer.levels}


def made(folder: Path, people: int) -> Path:
    target = folder / f"omop-{people}"
    if not target.exists():
        start = time.perf_counter()
        synthesise(people, target, "omop", 7)
        print(f"synth: {people / (time.perf_counter() - start):,.0f} people a second")
    return target


def compare(folder: Path, rounds: int) -> tuple[float, bool]:
    ids = concepts(folder)
    times: dict[str, list[Measured]] = {"scan": [], "table": [], "screen": []}
    for _ in range(rounds):
        times["scan"].append(measured(lambda: scan(folder, ids, False)))
        times["table"].append(measured(lambda: scan(folder, ids, True)))
        times["screen"].append(measured(lambda: screened(folder)))
    result = times["screen"][-1].result
    middle = {name: statistics.median(each.seconds for each in found) for name, found in times.items()}
    peak = max(each.peak for each in times["screen"])
    rows = sum(duckdb.connect().execute(f"SELECT count(*) FROM {files(folder, t)}").fetchall()[0][0] for t in COLUMNS)
    people = result["people"]
    print(f"{people:,} people, {rows:,} rows; passed the gate: {result['passed']:,} ({result['passed'] / people:.1%})")
    print(f"  levels: {result['levels']}")
    for name, seconds in middle.items():
        print(f"  {name:7} {seconds:7.2f} s   {rows / seconds / 1e6:6.1f} million rows a second")
    ratio = middle["screen"] / middle["table"]
    print(f"  screen / scan to a table: {ratio:.2f} (bound 2.5); screen / scan that keeps nothing: "
          f"{middle['screen'] / middle['scan']:.2f}; peak {peak:.2f} GB (bound 6)")  # fmt: skip
    print(row(f"`screen` up to the level, OMOP, {people:,} people, {rows / 1e6:.1f} M rows, beside a scan to a table",
              "≤ 2.5 times, ≤ 6 GB", f"{ratio:.2f} times ({middle['screen']:.1f} s), {peak:.2f} GB"))  # fmt: skip
    return middle["screen"], ratio <= 2.5 and peak <= 6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="imnm-bench-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{machine()}, DuckDB {duckdb.__version__}")
    try:
        small, _ = compare(made(folder, arguments.people // 10), arguments.rounds)
        large, good = compare(made(folder, arguments.people), arguments.rounds)
        print(f"growth of time for 10 times the people: {large / small:.1f} (bound 11)")
        print(row("growth of that time for ten times the people", "≤ 11 times", f"{large / small:.1f} times"))
        print(f"  {peak_line(children=True)}")
        # the ratio has a meaning only where the scan takes longer than starting does
        return 0 if arguments.people < 1_000_000 or (good and large / small <= 11) else 1
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
