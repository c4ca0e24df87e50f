"""The same screening up to the level on DuckDB and on Spark, for a growing number of synthetic people.

Spark runs here on two cores of one machine: what is asked is how the time grows, not how fast a cluster is. One session
does all sizes; the first run, in which Spark compiles what it uses, is printed by itself. Seconds of the processors are
printed beside those of the clock, because a busy machine disturbs them less.

usage: python bench/engines.py [--people N ...]   (needs the extra imnm[spark] and Java 17; make engines)
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
from shared.measure import machine, row

from imnm.population.omop import SHAPES
from imnm.population.screen import ScreenOptions, screen
from imnm.population.synth import synthesise


def session() -> Any:
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "2", "spark.driver.memory": "4g",
        "spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1", "spark.sql.session.timeZone": "UTC",
    }  # fmt: skip
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def worked(pid: int | None) -> float:
    """Seconds of the processors that this process, and that one, have used so far (Linux)."""
    own = sum(os.times()[:2])
    if pid is None:
        return own
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def timed(source: Path, engine: str, pid: int | None) -> tuple[float, float, tuple[int, dict[str, int]]]:
    """Seconds, those of the processors, and what came out: how many passed the gate, and the levels."""
    began, before = time.perf_counter(), worked(pid)
    answer = screen(str(source), ScreenOptions(engine=engine, up_to_level=True, sample=0))
    return time.perf_counter() - began, worked(pid) - before, (answer.report.passed, answer.levels)


def rows_of(source: Path) -> int:
    """Of the clinical tables, each of which is a file or a folder of files."""
    files = [path for table in SHAPES for path in (source / f"{table}.parquet", source / table / "*.parquet")]
    there = [path for path in files if path.exists() or (path.parent.name in SHAPES and path.parent.is_dir())]
    return sum(duckdb.execute(f"SELECT count(*) FROM '{path}'").fetchall()[0][0] for path in there)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[20_000, 100_000])
    sizes = parser.parse_args().people
    try:
        import pyspark
    except ImportError:
        print("pyspark is not installed: not compared")
        return 0
    print(f"{machine()}, DuckDB {duckdb.__version__}, Spark {pyspark.__version__} local[2]")
    spark = session()
    pid = int(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid())
    with tempfile.TemporaryDirectory(prefix="imnm-bench-") as name:
        for people in sizes:
            synthesise(people, Path(name) / str(people), "omop", 3, 0.0002)
        first = timed(Path(name) / str(sizes[0]), "spark", pid)
        print(f"first run on Spark, {sizes[0]:,} people: {first[0]:.1f} s ({first[1]:.1f} s of the processors)")
        for people in sizes:
            source = Path(name) / str(people)
            by_duckdb, by_spark = timed(source, "duckdb", None), timed(source, "spark", pid)
            if by_duckdb[2] != by_spark[2]:
                print(f"the engines differ: {by_duckdb[2]}, {by_spark[2]}")
                return 1
            found = ", ".join(
                f"{engine} {took[0]:.1f} s ({took[1]:.1f} s of the processors)"
                for engine, took in (("DuckDB", by_duckdb), ("Spark", by_spark))
            )
            what = f"`screen` up to the level, OMOP, {people:,} people, {rows_of(source) / 1e6:.1f} M rows"
            what += f", {by_spark[2][0] / people:.1%} through the gate"
            print(row(what, "the same levels", found), flush=True)
    spark.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
