"""One person at a time, as the screening does it: levels with proof, full assessments and histories, a second a core.

Who: the people of ``imnm synth`` who pass the gate (those it screens in, IMNM at its default prevalence unless asked
otherwise) and the bundled examples, as far as their record gives at most 100 events. Their records are read
beforehand; what is timed starts from the reading, in this one process, by turns:

- *decode*: ``msgspec.json.decode`` of the same records as Bundles, which knows nothing: the machine's own measure;
- *read*: the reader of ``assess`` on the same Bundles (not part of the figures below);
- *level*: the level alone, what the screening asks of those drawn for comparison;
- *level + proof*: the level and the proof tree of its rule (of ``level_low`` where no level holds: why not);
- *why*: everything evaluated, and the rows of ``--why``: every rule that holds, clause by clause, with its entries;
- *assess*: the whole assessment, as ``imnm assess`` makes it of a record that has been read;
- *listed row*: what the screening does for a listed person, the assessment and its row;
- *history*: what ``--history`` adds for a listed person: a row for each day on which the level changed.

Bounds: 2,000 levels with proof, 150 assessments, 500 histories a second of one core. A second is one of this process's
processor time, so that others on the machine disturb little; how much of the waiting was work is printed. The garbage
collector is off, as it is wherever ``imnm screen`` runs (``--gc on``: on, with what was loaded frozen).

usage: python bench/levels.py [--patients N] [--prevalence P] [--rounds N] [--gc on|off] [--profile PART]
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec
from shared.fhir import bundle_of, patients_of
from shared.measure import machine, peak_line, row

from imnm.assessment import assess_reading, program
from imnm.assessment.engine import Case, iso, resolve_as_of
from imnm.examples import EXAMPLES
from imnm.examples import read as example
from imnm.knowledge.criteria import CRITERIA
from imnm.population import store
from imnm.population.opening import open_population
from imnm.population.rows import judged, level_changes, why_rows
from imnm.population.screen import ScreenOptions
from imnm.population.source import cores
from imnm.population.synth import synthesise
from imnm.sources import Reading, read

MOST_EVENTS = 100
SETTING = "general-record"
WANTED = {"level + proof": 2000, "assess": 150, "history": 500}
RULE_OF = {level: rule for rule, level in program.LEVELS_BY_RULE.items()}


class Person(NamedTuple):
    """A record as bytes, what was read of it, and the day on which it is judged."""

    data: bytes
    reading: Reading
    day: float


def people(patients: int, prevalence: float) -> tuple[list[Person], int]:
    """Who is measured, and how many had more events than that. Few of the many synthetic people pass the gate; they
    are found in another process, whose memory is gone when the measuring begins."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        records = apart.submit(records_of, patients, prevalence).result()
    found = [Person(data, reading := read(data), resolve_as_of(reading, None)) for data in records]
    fitting = [person for person in found if len(person.reading.events) <= MOST_EVENTS]
    return fitting, len(found) - len(fitting)


def records_of(patients: int, prevalence: float) -> list[bytes]:
    """The records of those who pass the gate, and the bundled examples."""
    with tempfile.TemporaryDirectory(prefix="imnm-bench-") as work:
        folder = Path(work)
        synthesise(patients, folder / "fhir", "fhir", 7, prevalence)
        passed = set(who_pass(folder))
        records = [bundle_of(lines) for name, lines in patients_of(folder / "fhir").items() if name in passed]
    return records + list(dict.fromkeys(example(each) for each in EXAMPLES))


def who_pass(folder: Path) -> list[str]:
    """The people who pass the gate, as the screening finds them."""
    work = folder / "work"
    work.mkdir()
    connection = store.connect(work, None, cores())
    population = open_population(str(folder / "fhir"), work, ScreenOptions(sample=0))
    population.load(connection, lambda line: None)
    rows = connection.execute("SELECT patient FROM people WHERE passed ORDER BY patient").fetchall()
    population.close()
    connection.close()
    return [patient for (patient,) in rows]


# ---------------------------------------------------------------- what is timed, for one person


def level(person: Person) -> str:
    return judged(person.reading, person.day, setting=SETTING, least="established").level


def level_with_proof(person: Person) -> object:
    known = [event for event in person.reading.events if event.known <= person.day]
    values = program.levels().run(known, person.day)
    rule = RULE_OF.get(program.level_of(values), "level_low")
    return program.levels().prover(values)(rule)


def why(person: Person) -> object:
    return why_rows(Case(person.reading, person.day))


def assess(person: Person) -> object:
    return assess_reading(person.reading, iso(person.day), SETTING)


def listed_row(person: Person) -> object:
    return judged(person.reading, person.day, setting=SETTING).row


Part = tuple[str, Callable[[Person], object]]
PARTS: tuple[Part, ...] = (
    ("decode", lambda person: msgspec.json.decode(person.data)),
    ("read", lambda person: read(person.data)),
    ("level", level),
    ("level + proof", level_with_proof),
    ("why", why),
    ("assess", assess),
    ("listed row", listed_row),
)


def rates(found: list[Person], rounds: int) -> dict[str, float]:
    """People a second of processor time for each part: the median of some rounds, by turns."""
    # the history starts from what has been evaluated for the row already
    cases = [Case(person.reading, person.day) for person in found]
    spent: dict[str, list[float]] = {name: [] for name, _ in PARTS} | {"history": []}
    for _ in range(rounds):
        forget()
        for name, work in PARTS:
            spent[name].append(_seconds(work, found))
        spent["history"].append(_seconds(level_changes, cases))
    return {name: len(found) / statistics.median(times) for name, times in spent.items()}


def forget() -> None:
    """So that no round finds what an earlier one left: what a criteria set said of people of whom the same is known."""
    for criteria in CRITERIA.values():
        criteria._said.cache_clear()


def _seconds(work: Callable[..., object], on: Iterable[object]) -> float:
    start = time.process_time()
    for each in on:
        work(each)
    return time.process_time() - start


# ---------------------------------------------------------------- the report


def spread(numbers: Iterable[int]) -> str:
    """Least, quartiles, 90th percentile and greatest."""
    ordered = sorted(numbers)
    at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0, 0.25, 0.5, 0.75, 0.9, 1)]
    return "least {}, quartiles {} / {} / {}, 90 % {}, most {}".format(*at)


def describe(found: list[Person], larger: int, patients: int) -> None:
    levels = [level(person) for person in found]
    counts = ", ".join(f"{name} {levels.count(name)}" for name in ("none", *reversed(RULE_OF)) if name in levels)
    print(f"{len(found)} people: those of {patients:,} synthetic ones who pass the gate, and the bundled examples "
          f"({larger} with more than {MOST_EVENTS} events left out)")  # fmt: skip
    print(f"  events a person: {spread(len(person.reading.events) for person in found)}")
    print(f"  days on which something became known: "
          f"{spread(len({event.known for event in person.reading.events}) for person in found)}")  # fmt: skip
    print(f"  levels: {counts}")


def show(found: dict[str, float]) -> bool:
    """Print the rates; whether the bounds are kept."""
    print(f"  {'a second, one core':20} {'people':>9} {'ms each':>9} {'x decode':>9}   bound")
    for name, rate in found.items():
        bound = WANTED.get(name)
        kept = "" if bound is None else f"{bound:,}: {'kept' if rate >= bound else 'MISSED'}"
        print(f"  {name:20} {rate:9,.0f} {1000 / rate:9.3f} {found['decode'] / rate:9.1f}   {kept}")
    return all(found[name] >= bound for name, bound in WANTED.items())


def profile(name: str, found: list[Person]) -> int:
    import cProfile
    import pstats

    work = dict(PARTS).get(name, lambda person: level_changes(Case(person.reading, person.day)))
    with cProfile.Profile() as recorded:
        _seconds(work, found)
    pstats.Stats(recorded).sort_stats("tottime").print_stats(40)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=4_000)
    parser.add_argument("--prevalence", type=float, default=0.0002)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--gc", choices=("on", "off"), default="off")
    parser.add_argument("--profile", metavar="PART", help="print where the time of a part goes instead")
    arguments = parser.parse_args()
    print(machine())
    found, larger = people(arguments.patients, arguments.prevalence)
    if arguments.profile:
        return profile(arguments.profile, found)
    describe(found, larger, arguments.patients)
    rates(found[-20:], 1)
    gc.collect()
    if arguments.gc == "on":
        gc.freeze()
    else:
        gc.disable()
    waited, worked = time.perf_counter(), time.process_time()
    rate = rates(found, arguments.rounds)
    good = show(rate)
    share = (time.process_time() - worked) / (time.perf_counter() - waited)
    print(f"  garbage collector {arguments.gc}; {share:.0%} of the waiting was work; {peak_line()}")
    gc.unfreeze()
    of = f"people with at most {MOST_EVENTS} events"
    for name, bound in WANTED.items():
        print(row(f"{name}, {of}, a second a core", f"≥ {bound:,}", f"{rate[name]:,.0f}"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
