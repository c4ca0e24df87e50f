"""A cohort by windows of time: our algebra compiled to SQL, beside es-aces and a hand-written query.

The task is ACES's own example, in-hospital mortality (``bench/peers/in_hospital_mortality.yaml``), on synthetic data
in the MEDS format with about 164 rows a person. Each way reads the same Parquet file and writes its rows (person,
moment of admission, label) as Parquet; all have to be the same rows. *algebra*: the task as values of ``imnm.logic``,
which know nothing of hospitals, run on DuckDB; its clock counts seconds here. *by hand*: one query written for this
task alone. es-aces runs where an interpreter that has it is named:

    python3 -m venv /tmp/aces && /tmp/aces/bin/pip install 'es-aces==0.7.*'
    python bench/windows.py --peer-python /tmp/aces/bin/python

Bounds where es-aces is there: algebra at least 15 times faster, at most a fifth of its memory, the same rows. They are
judged from 50,000 people on; below that starting up is most of it.

usage: python bench/windows.py [--people N] [--rounds N] [--peer-python PATH]   (the figure: 50,000)
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
from shared.measure import Measured, machine, measured, peak_line, row

from imnm.logic import nodes as n
from imnm.logic.sql import EVENT_COLUMNS, compile_sql
from imnm.population.source import cores

PEERS = Path(__file__).resolve().parent / "peers"
NOT_INSTALLED = 3
DAY = 86_400
CHANGE = "code IN ('ADMISSION', 'DISCHARGE', 'DEATH')"
ROWS_A_PERSON = 160
FIGURE = 50_000
LEAST_FASTER, LEAST_LESS = 15, 5


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {cores()}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection


# ---------------------------------------------------------------- the data


def write(path: Path, people: int) -> int:
    """Synthetic people: one to three stays each, some of which end in death and some not on record; visits, results
    and drugs in and between the stays. How many rows."""
    connection = connect()
    connection.execute(f"""
        CREATE MACRO chance(a, b, salt) AS (hash(a::BIGINT * 1009 + b::BIGINT * 31 + salt) % 1000000) / 1000000.0;
        CREATE TABLE stays AS
        SELECT p AS subject_id, s AS stay,
               1262304000 + 60 * floor(5256000 * chance(p, s, 1))::BIGINT AS begun,
               60 * (30 + floor(-5760 * ln(1 - chance(p, s, 2))))::BIGINT AS lasted,
               chance(p, s, 3) AS fate
        FROM range({people}) people(p), range(3) stays(s) WHERE s = 0 OR chance(p, s, 4) < 0.35;
        CREATE TABLE rows AS
        SELECT subject_id, begun AS t, 'ADMISSION' AS code FROM stays
        UNION ALL SELECT subject_id, begun + lasted, CASE WHEN fate < 0.03 THEN 'DEATH' ELSE 'DISCHARGE' END
        FROM stays WHERE fate < 0.97
        UNION ALL SELECT subject_id, begun + 300 * floor(lasted / 300 * chance(subject_id * 3 + stay, i, 5))::BIGINT,
               'LAB//' || (i % 60) FROM stays, range({ROWS_A_PERSON // 3}) entries(i)
        UNION ALL SELECT p, 1262304000 + 3600 * floor(87600 * chance(p, i, 6))::BIGINT, 'VISIT//' || (i % 9)
        FROM range({people}) people(p), range({ROWS_A_PERSON // 2}) entries(i)
    """)
    connection.execute(f"""
        COPY (SELECT subject_id::BIGINT AS subject_id, make_timestamp(t * 1000000) AS time, code,
                     NULL::FLOAT AS numeric_value FROM rows ORDER BY subject_id, time) TO '{path}'
    """)
    return int(connection.execute("SELECT count(*) FROM rows").fetchall()[0][0])


# ---------------------------------------------------------------- the algebra


def after(id: str, seconds: int) -> n.Threshold:
    return n.Threshold(id, seconds)


def task() -> dict[str, n.Value]:
    """The task; a window that begins after a moment begins a second later."""
    admission = n.AsOf()
    one, two = after("one_day", DAY), after("two_days", 2 * DAY)
    moments = n.InWindow(n.Events(("moment",)), admission, None, one)
    changes = n.InWindow(n.Events(("ADMISSION", "DISCHARGE", "DEATH")), admission, after("gap", DAY + 1), two)
    ends = n.InWindow(n.Events(("DISCHARGE", "DEATH")), admission, after("target", 2 * DAY + 1), None)
    same = after("same", 0)
    return {
        "known": n.Compare(n.Count(moments), ">=", n.Threshold("five", 5)),
        "quiet": n.Not(n.Exists(changes)),
        "ended": n.Exists(ends),
        "end": n.FirstDay(ends),
        "asked": n.All((n.Ref("known", "truth"), n.Ref("quiet", "truth"), n.Ref("ended", "truth"))),
        "died": n.Exists(n.InWindow(n.Events(("DEATH",)), n.Ref("end", "day"), same, same)),
    }


def by_algebra(data: Path, result: Path) -> None:
    """The events the task needs, and the compiled query over them. Everything is always seen (``known`` is open): the
    label looks ahead on purpose."""
    connection = connect()
    known = {"concept": "concept", "start": "t", "end": "t"}
    unknown = dict.fromkeys(("known", "low", "times_low"), "'-inf'") | dict.fromkeys(("high", "times_high"), "'inf'")
    columns = ", ".join(
        f"{(known | unknown).get(name, 'NULL')}::{kind} AS {column}" for name, column, kind in EVENT_COLUMNS
    )
    # a table first: over a view of this union the query now and then never ended (DuckDB 2.0.0, every thread waiting)
    connection.execute(f"""
        CREATE TABLE narrow AS
        SELECT *, 'moment' AS concept FROM (SELECT DISTINCT subject_id, epoch(time) AS t FROM '{data}')
        UNION ALL SELECT subject_id, epoch(time), code FROM '{data}' WHERE {CHANGE}
    """)
    connection.execute(f"CREATE VIEW events AS SELECT subject_id AS patient, {columns} FROM narrow")
    connection.execute("""
        CREATE TABLE index_rows AS
        SELECT DISTINCT subject_id AS patient, t AS as_of FROM narrow WHERE concept = 'ADMISSION'
    """)
    connection.execute(f"""
        COPY (SELECT patient AS subject_id, to_timestamp(as_of)::TIMESTAMP AS moment, died AS label
              FROM ({compile_sql(task())}) WHERE asked) TO '{result}'
    """)


# ---------------------------------------------------------------- the others


def by_hand(data: Path, result: Path) -> None:
    connect().execute(f"""
        COPY (
            WITH changes AS (SELECT DISTINCT subject_id, time, code FROM '{data}' WHERE {CHANGE}),
            admissions AS (SELECT subject_id, time AS moment FROM changes WHERE code = 'ADMISSION'),
            moments AS (SELECT subject_id, time, row_number() OVER (PARTITION BY subject_id ORDER BY time) AS number
                        FROM (SELECT DISTINCT subject_id, time FROM '{data}')),
            known AS (SELECT a.subject_id, a.moment FROM admissions a ASOF JOIN moments m
                      ON a.subject_id = m.subject_id AND a.moment + INTERVAL 24 HOUR >= m.time WHERE m.number >= 5),
            quiet AS (SELECT * FROM known k WHERE NOT EXISTS (
                          SELECT 1 FROM changes c WHERE c.subject_id = k.subject_id
                          AND c.time > k.moment + INTERVAL 24 HOUR AND c.time <= k.moment + INTERVAL 48 HOUR)),
            ends AS (SELECT subject_id, time, bool_or(code = 'DEATH') AS died FROM changes
                     WHERE code <> 'ADMISSION' GROUP BY ALL)
            SELECT q.subject_id, q.moment, e.died AS label FROM quiet q ASOF JOIN ends e
            ON q.subject_id = e.subject_id AND q.moment + INTERVAL 48 HOUR < e.time
        ) TO '{result}'
    """)


def by_aces(peer: str, data: Path, result: Path) -> Measured | None:
    """What es-aces took, its version as the result; None where it is not installed."""
    command = [peer, str(PEERS / "aces_task.py"), str(PEERS / "in_hospital_mortality.yaml"), str(data), str(result)]
    try:
        ended = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None
    if ended.returncode == NOT_INSTALLED:
        return None
    ended.check_returncode()
    said = json.loads(ended.stdout.splitlines()[-1])
    return Measured(said["seconds"], said["peak"], said["version"], said["worked"])


# ---------------------------------------------------------------- comparison


def compare(folder: Path, people: int, rounds: int, peer: str) -> int:
    data = folder / "meds.parquet"
    rows = measured(lambda: write(data, people)).result  # elsewhere: its memory would be counted with what is forked
    print(f"{people:,} people, {rows:,} rows, {data.stat().st_size / 1e6:.0f} MB of Parquet")
    spent: dict[str, list[Measured]] = {"algebra": [], "by hand": [], "es-aces": []}
    results = {name: folder / f"{name}.parquet" for name in spent}
    for _ in range(rounds):
        spent["algebra"].append(measured(lambda: by_algebra(data, results["algebra"])))
        spent["by hand"].append(measured(lambda: by_hand(data, results["by hand"])))
        found = by_aces(peer, data, results["es-aces"])
        spent["es-aces"] += [] if found is None else [found]
    total, patients, positive = connect().execute(
        f"SELECT count(*), count(DISTINCT subject_id), count(*) FILTER (label) FROM '{results['algebra']}'"
    ).fetchall()[0]  # fmt: skip
    print(f"  answer: {total:,} rows, {patients:,} people, {positive:,} with the label")
    same = report(spent, results)
    print(f"  {peak_line(children=True)}")
    return 0 if same and (kept(spent) or people < FIGURE) else 1


def report(spent: dict[str, list[Measured]], results: dict[str, Path]) -> bool:
    """A line for each way; whether all gave the same rows."""
    same = True
    for name, found in spent.items():
        if not found:
            print(f"  {name}: not installed: not compared")
            continue
        took, different = middle(found), differing(results["algebra"], results[name])
        version = f" {took.result}" if name == "es-aces" else ""
        print(f"  {name + version:14} {took.seconds:7.2f} s, {took.worked:7.2f} s of processors, "
              f"peak {took.peak:5.2f} GB; rows that differ from the algebra's: {different}")  # fmt: skip
        same = same and not different
    return same


def kept(spent: dict[str, list[Measured]]) -> bool:
    """Print our ways beside es-aces; whether the algebra keeps the bounds (missed is nothing where es-aces is not)."""
    if not spent["es-aces"]:
        return True
    theirs = middle(spent["es-aces"])
    fine = {}
    for name in ("algebra", "by hand"):
        ours = middle(spent[name])
        faster, less = theirs.seconds / ours.seconds, theirs.peak / ours.peak
        fine[name] = faster >= LEAST_FASTER and less >= LEAST_LESS
        print(f"  es-aces / {name}: {faster:.1f} times the time (bound {LEAST_FASTER}), "
              f"{theirs.worked / ours.worked:.1f} times that of processors, {less:.1f} times the memory "
              f"(bound {LEAST_LESS})")  # fmt: skip
        print(row(f"es-aces {theirs.result} beside {name}, time / memory", f"≥ {LEAST_FASTER} / {LEAST_LESS} times",
                  f"{faster:.1f} / {less:.1f} times ({theirs.seconds:.1f} s, {theirs.peak:.1f} GB; "
                  f"{ours.seconds:.1f} s, {ours.peak:.1f} GB)"))  # fmt: skip
    return fine["algebra"]


def middle(found: list[Measured]) -> Measured:
    """The median of the times, and the greatest peak."""
    seconds, worked = (statistics.median(times) for times in zip(*((f.seconds, f.worked) for f in found), strict=True))
    return Measured(seconds, max(f.peak for f in found), found[-1].result, worked)


def differing(one: Path, other: Path) -> int:
    """How many rows are in one result and not in the other."""
    connection, columns = connect(), "subject_id, moment, label"

    def only(here: Path, there: Path) -> int:
        query = f"FROM (SELECT {columns} FROM '{here}' EXCEPT ALL SELECT {columns} FROM '{there}')"
        return int(connection.execute(f"SELECT count(*) {query}").fetchall()[0][0])

    return only(one, other) + only(other, one)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH", help="an interpreter with es-aces")
    arguments = parser.parse_args()
    print(f"{machine()}, DuckDB {duckdb.__version__}")
    with tempfile.TemporaryDirectory(prefix="imnm-bench-") as work:
        return compare(Path(work), arguments.people, arguments.rounds, arguments.peer_python)


if __name__ == "__main__":
    sys.exit(main())
