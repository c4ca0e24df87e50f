"""The worklist in its formats, and the commands: exit codes, files, sentences."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
import sqlglot

from imnm.assessment import program
from imnm.cli import main
from imnm.population import output
from imnm.population.funnel import _CHAIN, Group, funnel
from imnm.population.rows import ListedRow, WhyRow
from imnm.population.screen import FunnelStep, Screening, ScreenOptions, screen
from imnm.population.source import Report

from .omop_tables import everyday, id_of

CONTRACT = (
    *("patient_id", "level", "decisive_step", "diagnosis", "top_disease", "top_probability", "first_flagged_on"),
    *("ck_peak_u_l", "ck_peak_on", "statin", "reasons", "next_steps", "already_coded"),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return everyday().write(tmp_path_factory.mktemp("omop") / "cdm")


@pytest.fixture(scope="module")
def answer(source: Path) -> Screening:
    return screen(str(source), ScreenOptions(history=True, why=True))


def test_rows_hold_what_the_contract_promises(answer: Screening) -> None:
    assert list(ListedRow.__struct_fields__[: len(CONTRACT)]) == list(CONTRACT)
    row = next(row for row in answer.worklist if row.patient_id == "1" and row.changed_on is None)
    assert (row.level, row.ck_peak_u_l, row.ck_peak_on, row.statin) == ("high", 8400, "2022-03-02", "atorvastatin")
    assert row.first_flagged_on == "2022-03-02"
    assert "test:anti_hmgcr" in row.next_steps.split()
    assert "8,400" in row.reasons
    assert row.top_probability is not None and 0 < row.top_probability <= 1


def test_history_ends_at_the_level_of_the_row(answer: Screening) -> None:
    for row in [row for row in answer.worklist if row.changed_on is None]:
        changes = [r for r in answer.worklist if r.patient_id == row.patient_id and r.changed_on is not None]
        assert changes[-1].level == row.level
        assert [r.changed_on for r in changes] == sorted(r.changed_on or "" for r in changes)


def test_csv_parquet_and_json_say_the_same(answer: Screening, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(output.written(answer, "csv", None))))
    whole = json.loads(output.written(answer, "json", None))
    output.write_parquet(answer.worklist, ListedRow, tmp_path / "list.parquet")
    stored = duckdb.connect().execute(f"SELECT patient_id, level, ck_peak_u_l, already_coded FROM "
                                      f"'{tmp_path / 'list.parquet'}'").fetchall()  # fmt: skip
    assert [row["patient_id"] for row in rows] == [row["patient_id"] for row in whole["worklist"]]
    assert sorted(stored, key=str) == sorted(
        ((r.patient_id, r.level, r.ck_peak_u_l, r.already_coded) for r in answer.worklist), key=str
    )
    assert set(whole) >= {"worklist", "funnel", "read"}
    assert whole["read"]["people"] == 6
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_why_names_rule_entry_value_date_and_source(answer: Screening, tmp_path: Path) -> None:
    rows = [row for row in answer.why if row.patient_id == "1" and row.rule == "entry_weakness_ck_1000"]
    by_ref = {row.ref: row for row in rows}
    ck = by_ref["measurement/2"] if "measurement/2" in by_ref else by_ref["measurement/1"]
    assert (ck.value_low, ck.unit, ck.date, ck.verdict) == (8400, "U/L", "2022-03-02", True)
    assert any(row.clause == "proximal_weakness" or "weakness" in row.clause for row in rows)
    assert all(row.sources or row.evidence_tag in ("convention", "derived") for row in answer.why)
    assert any(row.sources for row in rows)
    for name in ("why.parquet", "why.csv"):
        output.write_why(answer, tmp_path / name)
        query = f"SELECT count(*) FROM '{tmp_path / name}'"
        assert duckdb.connect().execute(query).fetchall()[0][0] == len(answer.why)


def test_cohort_rows(answer: Screening) -> None:
    rows = list(csv.DictReader(io.StringIO(output.cohort(answer))))
    assert {(row["subject_id"], row["cohort_definition_id"]) for row in rows} == {("3", "1"), ("1", "2")}
    assert all(r["cohort_start_date"] <= r["cohort_end_date"] for r in rows)


def test_a_cohort_begins_on_the_day_the_level_was_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = everyday()
    made.person(20)
    made.drug(20, "2021-01-01", "2021-03-31")
    made.ck(20, "2021-05-01", 3000)
    made.ck(20, "2023-01-01", 2500, unit_concept_id=0, unit_source_value="U/L")
    made.add("condition_occurrence", 20, id_of("hypertension"), "2023-06-01")
    code, out, _ = run(capsys, "screen", made.write(tmp_path / "cdm"), "--format", "cohort")
    assert code == 0
    answer = screen(str(tmp_path / "cdm"), ScreenOptions(history=True))
    row = next(row for row in csv.DictReader(io.StringIO(out)) if row["subject_id"] == "20")
    level = next(r.level for r in answer.worklist if r.patient_id == "20")
    reached = [r.changed_on for r in answer.worklist if r.patient_id == "20" and r.changed_on is not None
               and program.RANK[r.level] >= program.RANK[level]]  # fmt: skip
    assert row["cohort_start_date"] == reached[0] == "2021-05-01"
    assert row["cohort_end_date"] == "2023-06-01"


def test_everyone_listed_is_explained_in_the_order_of_the_list(source: Path) -> None:
    answer = screen(str(source), ScreenOptions(min_level="low", why=True))
    listed = [row.patient_id for row in answer.worklist]
    assert list(dict.fromkeys(row.patient_id for row in answer.why)) == listed
    for patient in listed:
        assert any(row.ref and row.date for row in answer.why if row.patient_id == patient)


def test_the_page_needs_nothing_and_hides_nothing(answer: Screening) -> None:
    answer.worklist[0].reasons += " <script>alert(1)</script>"
    page = output.written(answer, "html", None)
    answer.worklist[0].reasons = answer.worklist[0].reasons.removesuffix(" <script>alert(1)</script>")
    assert "<script>alert" not in page
    assert not re.search(r"(?:src|href)\s*=|@import|https?://", page)
    assert page.count("<tr data-level") == 2
    assert "default-src 'none'" in page


def test_funnel_only_loses_people_and_says_where(answer: Screening) -> None:
    steps = {step.step: step.people for step in answer.funnel}
    assert steps["read"] == 6
    assert steps["assessed"] == 6
    assert steps["adult"] >= steps["muscle_signal"] >= steps["raised_ck"] >= steps["picture"]
    assert steps["picture"] >= steps["not_better_explained"]
    assert steps["muscle_signal"] == 3
    assert steps["listed"] == 2


# ---------------------------------------------------------------- counts to share


def shared_counts(people: list[int], levels: dict[str, int], least: int = 11) -> str:
    steps = [FunnelStep(f"s{i}", f"step {i}", n) for i, n in enumerate(people)]
    return output.counts_only(Screening([], steps, Report(), levels), least, "json")


def test_no_small_count_and_none_by_subtraction() -> None:
    shown = json.loads(shared_counts([500, 497, 200, 4], {"high": 4, "low": 196, "none": 300}))
    given = [int(step["people"]) for step in shown["counts"] if str(step["people"]).isdigit()]
    assert given[0] == 500
    gaps = [abs(a - b) for a in given for b in given if a != b]
    assert all(gap >= 11 for gap in gaps)
    assert 4 not in given and "4" not in shown["levels"].values()
    exact = [int(n) for n in shown["levels"].values() if n.isdigit()]
    assert sum(exact) < 490, "the small level cannot be found by subtraction"


def test_large_counts_are_exact() -> None:
    shown = json.loads(shared_counts([500, 400, 100], {"high": 100, "none": 400}))
    assert [step["people"] for step in shown["counts"]] == ["500", "400", "100"]
    assert shown["levels"] == {"high": "100", "none": "400"}


# ---------------------------------------------------------------- commands


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_screen_writes_a_table_and_counts(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "screen", source)
    assert code == 0
    assert "6 people in the source, 6 assessed" in out
    assert "no difference" in out


def test_screen_to_files(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("table", "csv", "parquet", "json", "html", "cohort"):
        out = tmp_path / f"list.{form}"
        code, printed, _ = run(capsys, "screen", source, "--format", form, "--out", out, "--why", tmp_path / "w.csv")
        assert (code, printed) == (0, "")
        assert out.stat().st_size
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "list.cohort", "list.csv", "list.html", "list.json", "list.parquet", "list.table", "w.csv"]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nothing at nowhere"),
        (("SOURCE", "--as-of", "2024-13-01"), "not a date"),
        (("SOURCE", "--memory-limit", "lots"), "not a size"),
        (("SOURCE", "--format", "parquet"), "--out"),
        (("SOURCE", "--why", "why.txt"), "why table"),
        (("SOURCE", "--out", "no/such/folder/x"), "folder"),
    ],
)
def test_what_the_user_must_change_is_one_sentence(
    arguments: tuple[str, ...], words: str, source: Path, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "screen", *(str(source) if a == "SOURCE" else a for a in arguments))
    assert code == 2
    assert words in err
    assert err.count("\n") == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_counts_to_share_say_nothing_of_few_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor on standard error, where files and lines that cannot be read are named, a line each."""
    lines = [{"resourceType": "Patient", "id": "p", "birthDate": "none"}, {"resourceType": "Patient", "id": "q"}]
    (tmp_path / "all.ndjson").write_text("\n".join([*map(json.dumps, lines), "{"]) + "\n")
    assert main(["screen", str(tmp_path), "--counts-only"]) == 0
    said = capsys.readouterr()
    assert said.err == "1 lines, cells or files could not be read:\n  all.ndjson:3: not JSON\n"
    assert "birth date that" not in said.out


def test_what_is_worth_knowing_stands_apart_from_what_could_not_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{"resourceType": "Patient", "id": "p", "birthDate": "none"}, {"resourceType": "Patient", "id": "q"}]
    (tmp_path / "all.ndjson").write_text("\n".join([*map(json.dumps, lines), "{"]) + "\n")
    assert main(["screen", str(tmp_path)]) == 0
    said = capsys.readouterr().out.splitlines()
    place = said.index("1 lines, cells or files could not be read:")
    assert said[place + 1] == "  all.ndjson:3: not JSON"
    assert said[place + 2] == "Worth knowing about what was read:"
    assert said[place + 3].startswith("  Patient: ")


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        ([{"resourceType": "Condition", "subject": {"reference": "Patient/p"}, "code": {"text": "myalgia"}}], [],
         "nobody in the source can be assessed (1: entries that name a patient for whom there is no "
         "Patient resource). Could not be read: 1 lines, cells or files, the first at all.ndjson:2 (not JSON)."),
        ([{"resourceType": "Patient", "id": "p", "birthDate": "2001-01-01"}], ["--as-of", "1999-01-01"],
         "nobody in the source can be assessed (1: born after the as-of date). Could not be read"),
    ],
)  # fmt: skip
def test_a_source_of_which_nobody_can_be_assessed_is_no_empty_list(
    lines: list[dict[str, Any]], options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all.ndjson").write_text("\n".join([*map(json.dumps, lines), "{"]) + "\n")
    out = tmp_path / "out.csv"
    assert main(["screen", str(tmp_path), "--format", "csv", "--out", str(out), *options]) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert not out.exists()


def test_a_disagreement_is_listed_first_and_fails(
    source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import imnm.population.store as store

    monkeypatch.setattr(store, "level_case", lambda prefix="": "CASE WHEN patient = '1' THEN 'moderate' WHEN patient = "
                        "'2' THEN 'established' ELSE 'none' END")  # fmt: skip
    code, out, err = run(capsys, "screen", source)
    assert code == 1
    assert "differ on 3 people" in err
    rows = [line.split()[0] for line in out.splitlines() if line[:2] in ("1 ", "2 ", "3 ")]
    assert sorted(rows[:3]) == ["1", "2", "3"], "one listed by SQL alone, one higher by evaluate, one not listed by SQL"


@pytest.mark.parametrize("dialect", ["duckdb", "spark", "postgres", "snowflake", "bigquery", "tsql"])
def test_sql_in_every_dialect_can_be_parsed(dialect: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "sql", "--dialect", dialect)
    assert code == 0
    assert len(sqlglot.parse(out, dialect)) == 1


def test_sql_runs_on_the_events_it_describes(capsys: pytest.CaptureFixture[str]) -> None:
    _, query, _ = run(capsys, "sql", "--events", "site.events", "--index", "site.who")
    connection = duckdb.connect()
    from imnm.logic.sql import EVENT_COLUMNS

    columns = ", ".join(f"{name} {kind}" for _, name, kind in EVENT_COLUMNS)
    connection.execute(f"CREATE SCHEMA site; CREATE TABLE site.events (patient VARCHAR, {columns})")
    connection.execute("CREATE TABLE site.who AS SELECT 'p' AS patient, 19000.0::DOUBLE AS as_of")
    assert len(connection.execute(query).fetchall()) == 1


def test_why_row_fields_are_documented_in_order() -> None:
    assert WhyRow.__struct_fields__[:4] == ("patient_id", "rule", "rule_says", "clause")


# ---------------------------------------------------------------- the funnel adds up, and nothing can be found from it


def assert_adds_up(answer: Screening) -> None:
    for before, after in itertools.pairwise(answer.funnel):
        expected = before.people - sum(after.left_out.values()) + sum(after.joined.values())
        assert after.people == expected, (before, after)
    assert answer.funnel[0].people == answer.report.read
    assert answer.funnel[1].people == answer.report.assessed == sum(group.people for group in answer.groups)
    wanted = {level for level in answer.levels if program.RANK[level] >= program.RANK[answer.min_level]}
    assert answer.funnel[-1].people == sum(answer.levels[level] for level in wanted)


@pytest.mark.parametrize("least", ["established", "high", "moderate", "low"])
@pytest.mark.parametrize("as_of", ["last", "2022-03-02"])
def test_the_funnel_adds_up(least: str, as_of: str, source: Path) -> None:
    answer = screen(str(source), ScreenOptions(as_of=as_of, min_level=least))
    assert_adds_up(answer)
    listed = [row for row in answer.worklist if row.changed_on is None]
    assert answer.funnel[-1].people == len(listed)


def test_every_reason_of_the_funnel_is_said_in_words(source: Path) -> None:
    with as_file(files("imnm.examples") / "health_system") as examples:
        answer = screen(str(examples), ScreenOptions(min_level="high"))
    assert_adds_up(answer)
    reasons = [reason for step in answer.funnel for reason in (*step.left_out, *step.joined)]
    assert reasons and not any(reason.startswith("out_") or "_" in reason for reason in reasons)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_shared_fits_more_than_one_population(seed: int) -> None:
    """For every group of fewer than eleven there is another size that gives the same numbers."""
    dice = random.Random(seed)
    steps = (*_CHAIN, None)
    groups = [
        Group(step, "younger", level, dice.choice((0, 1, 3, 9, 12, 40, 300)))
        for step in steps
        for level in (("none",) if step in ("adult", "muscle_signal") else ("low", "moderate", "high"))
    ]

    def shared(found: list[Group]) -> str:
        report = Report(read=1000 + sum(g.people for g in groups))
        report.skip("unread", report.read - sum(group.people for group in found))
        levels = {name: sum(g.people for g in found if g.level == name) for name in ("high", "moderate", "low", "none")}
        counted = Screening([], funnel(found, report, "moderate"), report, levels, groups=found)
        return output.counts_only(counted, 11, "json")

    real = shared(groups)
    assert not any(f'"{n}"' in real for n in range(1, 11))
    for place, group in enumerate(groups):
        if 0 < group.people < 11:
            assert any(shared(other) == real for other in _others(groups, place)), group


def _others(groups: list[Group], place: int) -> Iterator[list[Group]]:
    """The same population with another size of one group, be it made up for by another."""
    for people in set(range(11)) - {groups[place].people}:
        for other in range(len(groups)):
            for moved in (0, groups[place].people - people):
                sizes = [group.people for group in groups]
                sizes[place] = people
                sizes[other] += moved
                if min(sizes) >= 0:
                    yield [msgspec.structs.replace(g, people=n) for g, n in zip(groups, sizes, strict=True)]


# ---------------------------------------------------------------- history, limit, stopping


def test_history_stands_under_its_person_and_the_limit_counts_people(source: Path) -> None:
    answer = screen(str(source), ScreenOptions(history=True, min_level="low"))
    people = [row.patient_id for row in answer.worklist]
    assert [key for key, _ in itertools.groupby(people)] == list(dict.fromkeys(people)), "no person in two places"
    for form in ("csv", "json", "html", "cohort", "table"):
        text = output.written(answer, form, 1)
        first, second = list(dict.fromkeys(people))[:2]
        cells = {"csv": (f"\n{first},", f"\n{second},"), "cohort": (f",{first},", f",{second},")}
        here, there = cells.get(form, (first, ""))
        assert here in text
        assert not there or there not in text
    assert {row.patient_id for row in output.limited(answer, 1)} == {people[0]}
    assert len(output.limited(answer, 1)) > 1, "with the changes of level"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--limit", "0"), "--limit must be 1 or more"),
        (("--min-cell", "-3"), "--min-cell must be 1 or more"),
        (("--counts-only", "--format", "html"), "not as html"),
        (("--out", "."), "it is a folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(
    arguments: tuple[str, ...], words: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "screen", source, *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_a_device_is_written_to_and_not_replaced(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "screen", source, "--format", "csv", "--out", "/dev/null")[0] == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["screen", "synth"])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, command: str, source: Path, tmp_path: Path) -> None:
    place, temporary = tmp_path / "place", tmp_path / "tmp"
    place.mkdir()
    temporary.mkdir()
    arguments = {
        "screen": ["screen", str(source), "--out", str(place / "list.csv"), "--format", "csv"],
        "synth": ["synth", "--patients", "3000", "--out", str(place / "people"), "--format", "omop"],
    }[command]
    # the signal comes when progress is first reported, which is in the middle of the work
    script = (
        "import os, sys, signal; import imnm.population.commands as c; from imnm.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"c._progress = lambda: (lambda line: os.kill(os.getpid(), {int(number)}), lambda: None)\n"
        f"sys.exit(main({arguments!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert done.returncode == 128 + number, done.stderr
    assert "nothing was written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(place.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (duckdb.OutOfMemoryException("out"), "--memory-limit 9GB is too small"),
        (OSError(28, "No space left on device"), "set TMPDIR"),
        (duckdb.TransactionException('could not write "x": No space left on device'), "set TMPDIR"),
    ],
)
def test_no_room_is_one_sentence(
    error: Exception, words: str, source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr("imnm.population.store.compute_levels", full)
    code, out, err = run(capsys, "screen", source, "--memory-limit", "9GB")
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1
