"""Whether *sql* and *evaluate* give the same level to everyone of a synthetic population, listed or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from imnm.assessment import program
from imnm.population.opening import open_population
from imnm.population.rows import Verdict, judged
from imnm.population.screen import ScreenOptions, same_level
from imnm.population.source import cores
from imnm.population.store import compute_levels, connect, index_rows
from imnm.population.synth import synthesise
from imnm.sources import Reading

SEED, PREVALENCE, TODAY = 9, 0.001, 20000.0


class Agreement(NamedTuple):
    """How many people were compared, how many passed the gate and have a level, and who differs: (who, what *sql* says,
    what *evaluate* says)."""

    compared: int
    passed: int
    with_level: int
    differ: list[tuple[str, str, str]]


def level(reading: Reading, day: float) -> Verdict:
    return judged(reading, day, setting="general-record", least="established")


def agreement(people: int, folder: Path, progress: Callable[[int], None] = lambda done: None) -> Agreement:
    """Compare the levels of so many synthetic people (OMOP), everyone. ``progress``: told how many were compared."""
    synthesise(people, folder / "omop", "omop", SEED, PREVALENCE)
    (folder / "work").mkdir()
    connection = connect(folder / "work", None, cores())
    population = open_population(str(folder / "omop"), folder / "work", ScreenOptions(sample=people))
    population.load(connection, lambda line: None)
    index_rows(connection, None, TODAY)
    compute_levels(connection)
    by_sql = dict(connection.execute("SELECT patient, level FROM levels").fetchall())
    days = dict(connection.execute("SELECT patient, as_of FROM levels").fetchall())
    everyone = {p: days.get(p, float("nan")) for (p,) in connection.execute("SELECT patient FROM people").fetchall()}
    compared = 0
    differ: list[tuple[str, str, str]] = []
    for patient, verdict in population.judged(everyone, level):
        compared += 1
        progress(compared)
        said = by_sql.get(patient, "none")
        if not same_level(verdict.level, said):
            differ.append((patient, said, verdict.level))
    population.close()
    connection.close()
    return Agreement(compared, len(by_sql), sum(program.RANK[found] > 0 for found in by_sql.values()), differ)
