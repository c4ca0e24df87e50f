"""Flags against labels: the figures against published values, what is said of bad labels, and the bundled cases."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from imnm.cli import main
from imnm.population import evaluate
from imnm.population.evaluate import BASELINES, Flags, Label, bundled, days_saved, evaluation, rate_of
from imnm.population.source import SourceError

from .omop_tables import Omop, everyday, id_of


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("count", "of", "interval", "low", "high"),
    [  # Wilson: Newcombe 1998, table I (81/263, 15/148, 0/20, 1/29); exact: the same table
        (81, 263, "wilson", 0.2553, 0.3662),
        (15, 148, "wilson", 0.0624, 0.1605),
        (0, 20, "wilson", 0.0, 0.1611),
        (1, 29, "wilson", 0.0061, 0.1718),
        (81, 263, "exact", 0.2527, 0.3676),
        (15, 148, "exact", 0.0578, 0.1617),
        (0, 20, "exact", 0.0, 0.1684),
        (1, 29, "exact", 0.0009, 0.1776),
        (20, 20, "exact", 0.8316, 1.0),
    ],
)
def test_intervals_are_the_published_ones(count: int, of: int, interval: str, low: float, high: float) -> None:
    rate = rate_of(count, of, interval)
    assert (rate.low, rate.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


def test_nobody_to_count_is_not_nothing() -> None:
    assert rate_of(0, 0).value is None


def flags(high: bool, first: float | None = None, **others: bool) -> Flags:
    rules = dict.fromkeys(("low", "moderate", "high", "established", *BASELINES), False) | {"high": high} | others
    return Flags(rules, {} if first is None else {"high": first})


def people(*cells: int) -> tuple[dict[str, Label], dict[str, Flags]]:
    """True positives, false positives, false negatives, true negatives."""
    labels, found = {}, {}
    for number, (cell, (ill, flagged)) in enumerate(
        zip(cells, ((True, True), (False, True), (True, False), (False, False)), strict=True)
    ):
        for place in range(cell):
            labels[f"{number}-{place}"] = Label(ill, None)
            found[f"{number}-{place}"] = flags(flagged)
    return labels, found


def test_matrix_predictive_values_and_tests_per_case() -> None:
    labels, found = people(8, 2, 2, 88)
    result = evaluation("t", labels, found, "high", "wilson", 0.001)
    row = result.rows[0]
    assert (row.true_positive, row.false_positive, row.false_negative, row.true_negative) == (8, 2, 2, 88)
    assert (row.sensitivity.value, row.ppv.value, row.npv.value) == (0.8, 0.8, pytest.approx(88 / 90))
    assert row.number_needed_to_test == pytest.approx(1.25)
    expected = 0.8 * 0.001 / (0.8 * 0.001 + (2 / 90) * 0.999)
    assert row.ppv_at_prevalence is not None
    assert row.ppv_at_prevalence.value == pytest.approx(expected)
    assert row.tests_per_case_at_prevalence == pytest.approx(1 / expected)
    low, high = row.ppv_at_prevalence.low, row.ppv_at_prevalence.high
    assert low is not None and high is not None and low < expected < high
    assert [row.rule for row in result.rows] == ["high", "moderate", *BASELINES]


def test_days_saved_are_those_of_the_flagged_with_a_date() -> None:
    day = dt.date(2022, 1, 1)
    zero = float((day - dt.date(1970, 1, 1)).days)
    labels = {name: Label(True, day) for name in "abcde"} | {"undated": Label(True, None), "well": Label(False, day)}
    found = {name: flags(True, zero - saved) for name, saved in zip("abcd", (100, 40, -10, 0), strict=True)}
    found |= {"e": flags(False), "undated": flags(True, zero - 500), "well": flags(True, zero - 900)}
    saved = days_saved(labels, found, "high")
    assert saved is not None
    assert (saved.people, saved.dated, saved.before) == (4, 5, 2)
    assert (saved.lower_quartile, saved.median, saved.upper_quartile) == (-2.5, 20, 55)
    assert days_saved({"e": labels["e"]}, found, "high") is None


# ---------------------------------------------------------------- a source


def reviewed(folder: Path, *lines: str) -> Path:
    path = folder / "labels.csv"
    path.write_text("\n".join(["patient_id,diagnosis,diagnosed_on", *lines]) + "\n")
    return path


def source(folder: Path) -> Path:
    made: Omop = everyday()
    made.add("condition_occurrence", 3, id_of("inflammatory"), "2022-05-01")
    return made.write(folder / "cdm")


def test_a_source_against_labels_beside_the_baselines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = reviewed(tmp_path, "1,imnm_hmgcr,2022-06-10", "3,imnm,2022-04-11", "2,not_imnm,", "4,dermatomyositis,",
                      "5,not_imnm,", "77,imnm,2020-01-01", "nobody,not_imnm,")  # fmt: skip
    code, out, err = run(capsys, "evaluate", source(tmp_path), "--labels", labels, "--format", "json",
                         "--prevalence", "0.0002")  # fmt: skip
    assert (code, err) == (0, "")
    whole = json.loads(out)
    rows = {row["rule"]: row for row in whole["rows"]}
    matrix = {rule: tuple(row[name] for name in ("true_positive", "false_positive", "false_negative", "true_negative"))
              for rule, row in rows.items()}  # fmt: skip
    assert matrix["high"] == (2, 0, 0, 3)
    assert matrix["coded"] == (1, 0, 1, 3)
    assert matrix["ck_1000"] == (2, 0, 0, 3)
    assert matrix["ck_1000_statin"] == (1, 0, 1, 3)
    assert (whole["people"], whole["with_imnm"], whole["missing"]) == (5, 2, 2)
    assert whole["missing_ids"] == ["77", "nobody"]
    assert rows["high"]["days_saved"]["median"] == (100 + 40) / 2, "from 2 March, when both were known"
    assert rows["ck_1000"]["days_saved"] == rows["high"]["days_saved"]
    assert rows["coded"]["days_saved"] == {"people": 1, "dated": 2, "before": 0, "median": -20.0,
                                           "lower_quartile": -20.0, "upper_quartile": -20.0}  # fmt: skip
    assert rows["eular_acr"]["days_saved"] is None
    assert whole["days_saved"] == rows["high"]["days_saved"]
    code, out, _ = run(capsys, "evaluate", tmp_path / "cdm", "--labels", labels, "--interval", "exact")
    assert code == 0
    assert "77, nobody" in out
    assert "2 / 2" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient_id,diagnosis\n1,banana\n", "line 2: 'banana' is no diagnosis"),
        ("patient_id,diagnosis\n1\n", "line 2"),
        ("who,what\n1,imnm\n", "lacks a heading"),
        ("patient_id;diagnosis\n1;imnm\n", "lacks a heading"),
        ("patient_id,diagnosis\n", "holds no label"),
        ("", "lacks a heading"),
        ("patient_id,diagnosis,diagnosed_on\n1,imnm,11/04/2022\n", "line 2: diagnosed_on is not a date"),
        ("patient_id,diagnosis\n1,imnm\n1,not_imnm\n", "line 3: the patient '1' has a label already"),
        ("patient_id,diagnosis\n900,imnm\n", "nobody in"),
        ("patient_id,diagnosis\n1,imnm,2022-06-10\n", "line 2: there are more values than columns"),
    ],
)
def test_bad_labels_are_one_sentence(text: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "labels.csv").write_text(text)
    code, out, err = run(capsys, "evaluate", source(tmp_path), "--labels", tmp_path / "labels.csv")
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_headings_may_have_spaces_around_them(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(" patient_id , diagnosis, diagnosed_on \n1,imnm,2022-06-10\n")
    assert evaluate.labels_of(tmp_path / "labels.csv") == {"1": Label(True, dt.date(2022, 6, 10))}


@pytest.mark.parametrize("as_of", ["last", "2022-12-31"])
def test_who_is_born_after_the_day_judged_on_is_left_out(
    as_of: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = everyday()
    made.person(8, year=2023)
    made.ck(8, "2022-03-02", 8400)
    labels = reviewed(tmp_path, "1,imnm,", "8,not_imnm,")
    code, out, err = run(capsys, "evaluate", made.write(tmp_path / "cdm"), "--labels", labels, "--format", "json",
                         "--as-of", as_of)  # fmt: skip
    assert (code, err) == (0, "")
    whole = json.loads(out)
    assert (whole["people"], whole["missing_ids"]) == (1, ["8"])


def test_labels_are_needed_and_a_prevalence_is_a_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--labels is needed" in run(capsys, "evaluate", source(tmp_path))[2]
    assert "between 0 and 1" in run(capsys, "evaluate", "--prevalence", "2")[2]
    with pytest.raises(SourceError):
        evaluate.labels_of(tmp_path)
    (tmp_path / "labels.csv").write_text("patient_id,diagnosis\n1,imnm\n99999999999999999999,not_imnm\n")
    with_labels = ("--labels", tmp_path / "labels.csv")
    for arguments, said in (
        (("evaluate", *with_labels), "in a source"),
        (("evaluate", "", *with_labels), "nothing at ''"),
        (("screen", ""), "nothing at ''"),
        (("evaluate", source(tmp_path), "--labels", tmp_path / "no.csv"), "no such file"),
        (("evaluate", source(tmp_path), *with_labels, "--as-of", "2024-13-01"), "is not a date"),
    ):
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert said in err
    assert run(capsys, "evaluate", source(tmp_path), *with_labels)[0] == 0


# ---------------------------------------------------------------- the bundled cases


def test_the_bundled_cases_say_what_they_are() -> None:
    result = bundled("high", "wilson", None)
    assert (result.people, result.with_imnm) == (130, 44)
    assert any("rules were written on" in note for note in result.notes)
    assert all(row.days_saved is None for row in result.rows), "their dates are not real"
    rows = {row.rule: row for row in result.rows}
    assert rows["moderate"].sensitivity.value is not None
    assert rows["moderate"].true_positive > rows["high"].true_positive > rows["ck_1000_statin"].true_positive
    assert rows["high"].false_positive < rows["ck_1000"].false_positive
    for row in result.rows:
        assert row.true_positive + row.false_negative == 44
        assert row.false_positive + row.true_negative == 86
