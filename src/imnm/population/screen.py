"""Screening a population: read, gate, level in SQL, and the listed assessed one by one as at the bedside."""

from __future__ import annotations

import datetime as dt
import math
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from imnm.assessment import program
from imnm.knowledge.messages import say
from imnm.logic.event import day_number
from imnm.sources import LocalCodes, Reading

from . import store
from .files import is_full
from .funnel import LEVELS, FunnelStep, Group, funnel, groups
from .interrupt import scratch
from .rows import ListedRow, Verdict, WhyRow, judged
from .source import Early, Population, Progress, Report, SourceError, cores, place

SAMPLE = 1000
"""How many of those who are not listed are compared with *evaluate* as well."""
Judge = Callable[[Reading, float], Verdict]
URGENCIES = ("emergency", "urgent", "soon", "routine")


class ScreenOptions(NamedTuple):
    """What is asked of a screening.

    as_of: an ISO date or ``last`` (for each patient the newest day of the record). min_level: the least level that is
    listed. memory_limit: what DuckDB may use, such as ``4GB``. engine: where the level query runs, ``duckdb`` or
    ``spark`` (an OMOP source is then read there as well). up_to_level: stop before anyone is assessed one by one.
    also: people who are read even if they do not pass the gate.
    """

    as_of: str = "last"
    setting: str = "general-record"
    min_level: str = "moderate"
    history: bool = False
    why: bool = False
    memory_limit: str | None = None
    local_codes: LocalCodes | None = None
    up_to_level: bool = False
    sample: int = SAMPLE
    also: tuple[str, ...] = ()
    engine: str = "duckdb"
    schema: str | None = None
    vocabulary_schema: str | None = None


class Screening(msgspec.Struct):
    """The answer: the worklist, the funnel, the count of what was read, and where the two engines differ."""

    worklist: list[ListedRow]
    funnel: list[FunnelStep]
    report: Report
    levels: dict[str, int]
    groups: list[Group] = []
    why: list[WhyRow] = []
    compared: int = 0
    disagreements: list[str] = []
    as_of: str = "last"
    min_level: str = "moderate"
    timings: dict[str, float] = {}


def screen(
    source: str,
    options: ScreenOptions | None = None,
    open_source: Callable[[str, Path, ScreenOptions], Population] | None = None,
    progress: Progress = lambda line: None,
) -> Screening:
    """Screen a population. Raises SourceError with one sentence if it cannot be read as asked."""
    from .opening import open_population

    options = options or ScreenOptions()
    day = day_asked(options.as_of)
    with scratch("imnm-screen-") as folder, enough_room(options.memory_limit):
        population = (open_source or open_population)(source, folder, options)
        connection = store.connect(folder, options.memory_limit, cores())
        try:
            return _screened(population, connection, day, options, progress)
        finally:
            population.close()
            connection.close()


@contextmanager
def enough_room(limit: str | None) -> Iterator[None]:
    """Says in one sentence that the memory or the disk is too small: DuckDB spills most of its work, but not all."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise SourceError(say(f"population.error.memory_{'small' if limit else 'full'}", value=limit)) from error
    except (OSError, duckdb.Error) as error:
        if not is_full(error):
            raise
        raise SourceError(say("population.error.disk_full", folder=tempfile.gettempdir())) from error


def day_asked(as_of: str) -> float | None:
    """The day number of an as-of date; None for ``last``. Raises SourceError for what is no date."""
    if as_of == "last":
        return None
    try:
        return float(day_number(dt.date.fromisoformat(as_of)))
    except ValueError:
        raise SourceError(say("population.error.not_a_date", value=as_of)) from None


def _screened(
    population: Population,
    connection: duckdb.DuckDBPyConnection,
    day: float | None,
    options: ScreenOptions,
    progress: Progress,
) -> Screening:
    if not options.up_to_level:
        population.early = Early(_judges(options)[1], math.nan if day is None else day)
    population.load(connection, progress)
    progress(say("population.progress.levels", people=population.report.passed))
    today = float(day_number(dt.date.today()))
    _skip_unborn(connection, population.report, day, today)
    _need_somebody(population.report)
    store.index_rows(connection, day, today)
    _levels(connection, options)
    counts = dict(connection.execute("SELECT level, count(*) FROM levels GROUP BY level").fetchall())
    answer = Screening([], [], population.report, {level: counts.get(level, 0) for level in LEVELS},
                       as_of=options.as_of, min_level=options.min_level)  # fmt: skip
    answer.levels["none"] = population.report.assessed - sum(answer.levels[level] for level in LEVELS[:-1])
    answer.groups = groups(connection, day)
    answer.funnel = funnel(answer.groups, population.report, options.min_level)
    if not options.up_to_level:
        _list(answer, population, connection, day, options, progress)
    return answer


def _levels(connection: duckdb.DuckDBPyConnection, options: ScreenOptions) -> None:
    if options.engine == "spark":
        from .spark import compute_levels

        compute_levels(connection)
    else:
        store.compute_levels(connection)


def _skip_unborn(connection: duckdb.DuckDBPyConnection, report: Report, day: float | None, today: float) -> None:
    # of whom nothing tells of muscle the newest entry is not known: de-identified records lie in the future as a whole
    newest = f"CASE WHEN passed THEN coalesce(newest, {today!r}) ELSE newest END"
    born_later = f"FROM people WHERE birth_low > {newest if day is None else repr(day)}"
    count = connection.execute(f"SELECT count(*) {born_later}").fetchall()[0][0]
    if count:
        report.skip(say("population.read.not_born"), count)
        connection.execute(f"DELETE {born_later}")


def _need_somebody(report: Report) -> None:
    """An empty worklist would look as if nobody needed looking at. Raises SourceError if nobody was assessed."""
    if report.assessed:
        return
    reasons = "; ".join(
        say("population.error.left_out", count=n, reason=reason) for reason, n in report.skipped.items()
    )
    message = say("population.error.nobody_assessed", reasons=reasons)
    broken = [(file, line, reason) for file, line, reason in report.problems if line]
    if broken:
        file, line, reason = broken[0]
        message += say("population.error.and_broken", count=report.broken, place=place(file, line), reason=reason)
    raise SourceError(message)


def _list(
    answer: Screening,
    population: Population,
    connection: duckdb.DuckDBPyConnection,
    day: float | None,
    options: ScreenOptions,
    progress: Progress,
) -> None:
    """Assess those who reach the level, and compare them, some others and whoever was judged while being read with
    what SQL said."""
    wanted = [level for level in LEVELS if program.RANK[level] >= program.RANK[options.min_level]]
    by_sql: dict[str, str] = dict(connection.execute("SELECT patient, level FROM levels").fetchall())
    days: dict[str, float] = dict(connection.execute("SELECT patient, as_of FROM levels").fetchall())
    listed = {patient: days[patient] for patient, level in by_sql.items() if level in wanted}
    unlisted = _unlisted(connection, listed)
    drawn = None if population.sample is None else population.sample | days.keys()
    chosen = _sample(unlisted, options.sample, drawn)
    chosen |= population.verdicts.keys() & set(unlisted)
    when = math.nan if day is None else day
    sampled = {patient: days.get(patient, when) for patient in unlisted if patient in chosen}
    judge, quick = _judges(options)
    answer.worklist = []
    for done, (patient, verdict) in enumerate(_verdicts(population, listed, judge), 1):
        progress(say("population.progress.assess", done=done, total=len(listed)))
        _keep(answer, verdict, by_sql[patient])
    for patient, verdict in _verdicts(population, sampled, quick, rows=False):
        _compare(answer, patient, verdict.level, by_sql.get(patient, "none"))
        if verdict.row is not None:
            _keep(answer, verdict, by_sql.get(patient, "none"), compared=True)
    answer.worklist = _ordered(answer.worklist)
    place = {row.patient_id: number for number, row in enumerate(answer.worklist)}
    answer.why.sort(key=lambda row: place[row.patient_id])


def _judges(options: ScreenOptions) -> tuple[Judge, Judge]:
    """One that gives everyone a row of the worklist, and one that gives it to those who reach the level asked for."""
    judge = partial(judged, setting=options.setting, history=options.history, why=options.why)
    return judge, partial(judge, least=options.min_level)


def _verdicts(
    population: Population, people: Mapping[str, float], judge: Judge, rows: bool = True
) -> Iterator[tuple[str, Verdict]]:
    """What *evaluate* says of people: of those who were judged while they were read, that; the others are read again.
    ``rows``: everyone needs a row of the worklist."""
    found = {patient: population.verdicts[patient] for patient in people if patient in population.verdicts}
    yield from ((patient, verdict) for patient, verdict in found.items() if verdict.row is not None or not rows)
    left = {p: day for p, day in people.items() if p not in found or (rows and found[p].row is None)}
    if left:
        yield from population.judged(left, judge)


def _unlisted(connection: duckdb.DuckDBPyConnection, listed: Mapping[str, float]) -> list[str]:
    people = connection.execute("SELECT patient FROM people ORDER BY patient").fetchall()
    return [patient for (patient,) in people if patient not in listed]


def _sample(unlisted: list[str], size: int, drawn: Set[str] | None) -> set[str]:
    """Some of those who are not listed, drawn at random but the same in every run. ``drawn``: among these, where the
    source had to choose beforehand whom to read."""
    others = [patient for patient in unlisted if drawn is None or patient in drawn]
    return set(others if len(others) <= size else random.Random(size).sample(others, size))


def _keep(answer: Screening, verdict: Verdict, by_sql: str, compared: bool = False) -> None:
    assert verdict.row is not None
    if not compared:
        _compare(answer, verdict.row.patient_id, verdict.level, by_sql)
    verdict.row.engines_differ = f"{by_sql} / {verdict.level}" if not same_level(verdict.level, by_sql) else None
    answer.worklist += [verdict.row, *verdict.history]
    answer.why += verdict.why


def same_level(one: str, other: str) -> bool:
    """Whether two engines agree; SQL does not tell ``insufficient`` from ``none``."""
    return one == other or {one, other} == {"none", "insufficient"}


def _compare(answer: Screening, patient: str, level: str, by_sql: str) -> None:
    answer.compared += 1
    if not same_level(level, by_sql):
        answer.disagreements.append(patient)


def _ordered(rows: list[ListedRow]) -> list[ListedRow]:
    """Most urgent first, and under each row the changes of that person's level."""
    people = sorted((row for row in rows if row.changed_on is None), key=_order)
    changes: dict[str, list[ListedRow]] = {}
    for row in rows:
        if row.changed_on is not None:
            changes.setdefault(row.patient_id, []).append(row)
    return [row for person in people for row in (person, *changes.get(person.patient_id, ()))]


def _order(row: ListedRow) -> tuple[object, ...]:
    return (
        row.engines_differ is None,
        URGENCIES.index(row.urgency) if row.urgency in URGENCIES else len(URGENCIES),
        -program.RANK[row.level],
        -(row.imnm_probability or 0.0),
        row.patient_id,
    )


__all__ = ["FunnelStep", "ScreenOptions", "Screening", "same_level", "screen"]
