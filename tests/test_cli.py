"""The command line: exit codes, sentences, files, streams. What it says of a patient is tested elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import msgspec
import pytest

import imnm
from imnm.assessment.model import Assessment
from imnm.cli import main
from imnm.examples import EXAMPLES, Example, read
from imnm.knowledge.criteria import CALCULATORS
from imnm.report.calculator import ask, calculator, shown

EXAMPLE = str(resources.files("imnm.examples") / "statin_anti_hmgcr_course.json")
OTHER = str(resources.files("imnm.examples") / "statin_myalgia.json")
FORMATS = ("text", "json", "jsonl", "html", "md", "handout")


class Done:
    """What a run gave."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Run = Callable[..., Done]


@pytest.fixture
def run(capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    def run(*arguments: str) -> Done:
        code = main(list(arguments))
        out, err = capsysbinary.readouterr()
        return Done(code, out.decode(), err.decode())

    return run


def _refused(done: Done, *said: str) -> None:
    """Exit 2, one sentence on standard error, nothing on standard output, no traceback."""
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert done.err.startswith("imnm: ")
    assert done.err.rstrip().endswith(".")
    assert "Traceback" not in done.err
    for words in said:
        assert words in done.err


class TestAnswers:
    @pytest.mark.parametrize("format", FORMATS)
    def test_every_format_answers(self, run: Run, format: str) -> None:
        done = run("assess", EXAMPLE, "--format", format)
        assert done.code == 0
        assert done.err == ""
        assert len(done.out) > 200

    def test_text_is_the_default_and_fits_eighty_columns(self, run: Run) -> None:
        done = run("assess", EXAMPLE)
        assert done.out == run("assess", EXAMPLE, "--format", "text").out
        assert max(map(len, done.out.splitlines())) <= 80
        assert "\x1b" not in done.out

    def test_json_is_the_schema_of_the_contract(self, run: Run) -> None:
        answer = msgspec.json.decode(run("assess", EXAMPLE, "--format", "json").out)
        assert answer["schema"] == "imnm/assessment/1"
        assert answer["file"] == EXAMPLE
        assert answer["version"] == imnm.__version__
        assert msgspec.convert(answer, Assessment).patient.sex == "female"

    def test_standard_input(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "imnm.cli", "assess", "-", "--format", "jsonl"],
            input=Path(EXAMPLE).read_bytes(), capture_output=True, check=True,
        )  # fmt: skip
        assert msgspec.json.decode(done.stdout)["file"] == "-"

    def test_as_of_sees_nothing_later(self, run: Run) -> None:
        before = msgspec.json.decode(run("assess", EXAMPLE, "--as-of", "2023-07-01", "--format", "json").out)
        after = msgspec.json.decode(run("assess", EXAMPLE, "--format", "json").out)
        assert before["as_of"] == "2023-07-01"
        assert len(before["series"]["ck"]) < len(after["series"]["ck"])
        assert all(point["on"] <= "2023-07-01" for point in before["series"]["ck"])

    def test_the_setting_is_taken(self, run: Run) -> None:
        done = run("assess", EXAMPLE, "--setting", "neuromuscular-clinic", "--format", "json")
        assert msgspec.json.decode(done.out)["setting"] == "neuromuscular-clinic"

    @pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
    def test_every_example_is_read_without_a_problem(self, example: Example) -> None:
        answer = imnm.assess(read(example), None if example.as_of == "last" else example.as_of)
        assert answer.input_problems == []
        assert answer.suspicion.level != "insufficient"


class TestSeveralFiles:
    def test_lines_keep_the_order_and_bad_files_have_theirs(self, run: Run, tmp_path: Path) -> None:
        bad = tmp_path / "bad.json"
        bad.write_text("{")
        done = run("assess", EXAMPLE, str(bad), OTHER, "nowhere.json", "--format", "jsonl")
        lines = [json.loads(line) for line in done.out.splitlines()]
        assert [line["file"] for line in lines] == [EXAMPLE, str(bad), OTHER, "nowhere.json"]
        assert ["error" in line for line in lines] == [False, True, False, True]
        assert done.code == 2
        assert "2 of 4 files" in done.err

    def test_one_object_is_for_one_file(self, run: Run) -> None:
        _refused(run("assess", EXAMPLE, OTHER, "--format", "json"), "jsonl")

    def test_pages_go_into_a_folder(self, run: Run, tmp_path: Path) -> None:
        folder = tmp_path / "pages"
        assert run("assess", EXAMPLE, OTHER, "--format", "html", "--out", str(folder)).code == 0
        assert sorted(page.name for page in folder.iterdir()) == [
            "statin_anti_hmgcr_course.html", "statin_myalgia.html",
        ]  # fmt: skip

    def test_pages_of_the_same_name_do_not_overwrite_each_other(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        copy = tmp_path / "a" / Path(EXAMPLE).name
        copy.write_bytes(Path(OTHER).read_bytes())
        assert run("assess", EXAMPLE, str(copy), "--format", "html", "--out", str(tmp_path / "pages")).code == 0
        assert len(list((tmp_path / "pages").iterdir())) == 2

    def test_pages_without_a_folder_are_refused(self, run: Run, tmp_path: Path) -> None:
        _refused(run("assess", EXAMPLE, OTHER, "--format", "html"), "--out")
        taken = tmp_path / "taken"
        taken.write_text("mine")
        _refused(run("assess", EXAMPLE, OTHER, "--format", "html", "--out", str(taken)), "folder")
        assert taken.read_text() == "mine"

    def test_text_of_several(self, run: Run) -> None:
        done = run("assess", EXAMPLE, OTHER)
        assert done.out.count("IMNM assessment") == 2


BAD = {
    "empty": b"",
    "blank": b"  \n ",
    "not JSON": b"hello",
    "truncated": b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Pat',
    "not UTF-8": b'{"resourceType": "Bundle", "note": "\xff\xfe"}',
    "a number": b"17",
    "an array": b"[]",
    "null": b"null",
    "another resource": b'{"resourceType": "ValueSet"}',
    "an object of something else": b'{"name": "x"}',
    "no entries": b'{"resourceType": "Bundle", "type": "collection"}',
    "no patient": b'{"resourceType": "Bundle", "type": "collection", "entry": []}',
    "two patients": json.dumps(
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": {"resourceType": "Patient", "id": name}} for name in ("one", "two")]}
    ).encode(),
    "deep nesting": b'{"resourceType": "Bundle", "entry": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "deep and open": b"[" * 100_000,
}  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize("name", BAD)
    def test_bad_input_is_one_sentence(self, run: Run, tmp_path: Path, name: str) -> None:
        file = tmp_path / "record.json"
        file.write_bytes(BAD[name])
        out = tmp_path / "answer.html"
        _refused(run("assess", str(file), "--format", "html", "--out", str(out)), str(file))
        assert not out.exists()
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize(
        "value", ["2024-02-30", "2024-13-01", "yesterday", "2024", "2024-2-1", "20240201", "", "0000-01-01"]
    )
    def test_no_date_of_the_calendar(self, run: Run, value: str) -> None:
        _refused(run("assess", EXAMPLE, "--as-of", value), "--as-of", "YYYY-MM-DD")

    def test_before_birth(self, run: Run) -> None:
        _refused(run("assess", EXAMPLE, "--as-of", "1950-01-01"), "birth")

    def test_a_file_that_cannot_be_read(self, run: Run, tmp_path: Path) -> None:
        _refused(run("assess", str(tmp_path / "none.json")), "none.json", "cannot be read")
        _refused(run("assess", str(tmp_path)), "cannot be read", "directory")
        _refused(run("assess", "a\0b"), "cannot be read")

    def test_a_file_that_cannot_be_written(self, run: Run, tmp_path: Path) -> None:
        _refused(run("assess", EXAMPLE, "--out", str(tmp_path / "none" / "x.txt")), "cannot be written")
        _refused(run("assess", EXAMPLE, "--out", str(tmp_path)), "cannot be written")

    def test_a_file_that_is_too_large(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "large.json"
        with file.open("wb") as handle:
            handle.truncate(200_000_001)  # a sparse file: no disk is used
        _refused(run("assess", str(file)), "larger than 200 MB")

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["unknown"],
            ["assess"],
            ["assess", EXAMPLE, "--format", "pdf"],
            ["assess", EXAMPLE, "--setting", "x"],
            ["assess", EXAMPLE, "--unknown"],
            ["calc"],
            ["explain", "a", "b"],
        ],
    )
    def test_a_wrong_command_line(self, run: Run, arguments: list[str]) -> None:
        _refused(run(*arguments), "--help")

    def test_standard_input_twice(self, run: Run) -> None:
        _refused(run("assess", "-", "-"), "once")


class TestLocalCodes:
    def _assess(self, run: Run, tmp_path: Path, table: str) -> Done:
        codes = tmp_path / "codes.csv"
        codes.write_text(table)
        record = {
            "resourceType": "Bundle", "type": "collection", "entry": [
                {"resource": {"resourceType": "Patient", "id": "p"}},
                {"resource": {"resourceType": "Observation", "id": "o", "status": "final",
                              "code": {"coding": [{"system": "urn:our-lab", "code": "4711"}]},
                              "effectiveDateTime": "2024-01-01", "valueQuantity": {"value": 5000, "unit": "U/L"}}},
            ],
        }  # fmt: skip
        file = tmp_path / "record.json"
        file.write_text(json.dumps(record))
        return run("assess", str(file), "--codes", str(codes), "--format", "json")

    def test_a_sites_own_code_is_understood(self, run: Run, tmp_path: Path) -> None:
        done = self._assess(run, tmp_path, "concept,system,code\ncreatine_kinase_total,urn:our-lab,4711\n")
        assert [point["low"] for point in json.loads(done.out)["series"]["ck"]] == [5000]

    def test_without_it_the_code_says_nothing(self, run: Run, tmp_path: Path) -> None:
        done = self._assess(run, tmp_path, "concept,system,code\n")
        assert not json.loads(done.out)["series"].get("ck")

    def test_a_table_that_does_not_fit_is_refused(self, run: Run, tmp_path: Path) -> None:
        _refused(self._assess(run, tmp_path, "a,b\n1,2\n"), "concept,system,code")
        _refused(self._assess(run, tmp_path, "concept,system,code\nno_such,urn:x,1\n"), "line 2", "no_such")
        _refused(self._assess(run, tmp_path, "concept,system,code\ncreatine_kinase_total,urn:x\n"), "line 2", "code")


class TestStreams:
    def test_a_reader_that_leaves_is_no_error(self) -> None:
        command = f"{sys.executable} -m imnm.cli assess {EXAMPLE} {EXAMPLE} {EXAMPLE} --format json | head -c 1"
        command = command.replace("--format json", "--format jsonl")
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert done.stdout == "{"

    def test_an_old_file_stays_until_the_new_one_is_complete(self, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "answer.txt"
        out.write_text("old")
        bad = tmp_path / "bad.json"
        bad.write_text("{")
        assert run("assess", str(bad), "--out", str(out)).code == 2
        assert out.read_text() == "old"
        assert run("assess", EXAMPLE, "--out", str(out)).code == 0
        assert out.read_text().startswith("IMNM assessment")

    def test_a_link_is_followed_not_replaced(self, run: Run, tmp_path: Path) -> None:
        real, link = tmp_path / "real.txt", tmp_path / "link.txt"
        real.write_text("old")
        link.symlink_to(real)
        assert run("assess", EXAMPLE, "--out", str(link)).code == 0
        assert link.is_symlink()
        assert real.read_text().startswith("IMNM assessment")

    def test_a_pipe_given_as_the_place_is_written_to_not_replaced(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        command = f"{sys.executable} -m imnm.cli assess {EXAMPLE} --out {pipe} & head -c 15 {pipe}; wait"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout == "IMNM assessment"
        assert pipe.is_fifo()

    @pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full on this machine")
    @pytest.mark.parametrize("format", ["text", "jsonl"])
    def test_a_full_disk_behind_standard_output_is_said(self, format: str) -> None:
        command = f"{sys.executable} -m imnm.cli assess {EXAMPLE} --format {format} > /dev/full"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert done.stderr == "imnm: standard output cannot be written: no space left on device.\n"

    @pytest.mark.parametrize(
        ("command", "words"), [("assess - <&-", "-: The input is empty"), (f"assess {EXAMPLE} >&-", "it is closed")]
    )
    def test_a_closed_stream_is_said(self, command: str, words: str) -> None:
        done = subprocess.run(
            ["sh", "-c", f"{sys.executable} -m imnm.cli {command}"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert words in done.stderr

    @pytest.mark.parametrize(
        ("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
    )
    def test_colour_only_on_a_terminal_that_wants_it(self, settings: dict[str, str], coloured: bool) -> None:
        shown = _on_a_terminal(["assess", EXAMPLE], settings)
        assert ("\x1b[" in shown) is coloured

    def test_a_defect_of_ours_is_reported_without_patient_data(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        import imnm.assessment

        def broken(*_: object) -> Assessment:
            raise KeyError("Jane Doe")

        monkeypatch.setattr(imnm.assessment, "assess_record", broken)
        one = run("assess", EXAMPLE)
        assert one.code == 1
        assert "KeyError" in one.err
        assert "Jane" not in one.err
        assert one.err.count("\n") == 1
        several = run("assess", EXAMPLE, OTHER, "--format", "jsonl")
        assert several.code == 1
        assert "Jane" not in several.out + several.err
        assert several.out.count("error") == 2


def _on_a_terminal(arguments: Sequence[str], settings: dict[str, str]) -> str:
    """Run the command with a terminal as its standard output."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | settings
    process = subprocess.Popen([sys.executable, "-m", "imnm.cli", *arguments], stdout=theirs, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


class TestOtherCommands:
    def test_demo_shows_every_example(self, run: Run, tmp_path: Path) -> None:
        done = run("demo", "--out", str(tmp_path / "demo"))
        assert done.code == 0
        pages = {path.name for path in (tmp_path / "demo").iterdir()}
        assert len(pages - {"worklist.html"}) == len(EXAMPLES)
        assert "worklist.html" in pages
        assert "IMNM assessment" in done.out

    @pytest.mark.parametrize("command", [[], ["assess"], ["explain"], ["calc"], ["demo"]])
    def test_help(self, command: list[str]) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "imnm.cli", *command, "--help"], capture_output=True, text=True, check=True
        )
        assert "usage: imnm" in done.stdout
        assert not command or "example: imnm" in done.stdout

    def test_version(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "imnm.cli", "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"imnm {imnm.__version__}\n"


class TestCalculators:
    def test_json_in_json_out(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "inputs.json"
        file.write_text('{"ck": 5400, "uln": 200}')
        answer = json.loads(run("calc", "ck-bands", "--json", str(file)).out)
        assert answer["id"] == "ck-bands"
        assert answer["extra"]["times_uln"] == 27

    def test_asked_one_by_one_an_empty_line_is_unknown(self) -> None:
        groups = "\n".join(["one", "10", "8", "seven", "7", "", "10"]) + "\n"
        done = subprocess.run(
            [sys.executable, "-m", "imnm.cli", "calc", "mmt8"], input=groups, capture_output=True, text=True, check=True
        )
        assert "score between 35 and 75" in done.stdout
        assert done.stdout.count("Below full strength on this scale.") == 1
        assert "fulfilled" not in done.stdout, "a scale is not fulfilled"
        assert done.stderr.count("Give a number") == 1
        assert ">" not in done.stdout

    @pytest.mark.parametrize("name", CALCULATORS)
    def test_everything_is_asked_and_fits_the_terminal(self, name: str) -> None:
        prompts: list[str] = []
        chosen = calculator(name)
        inputs = ask(chosen, lambda prompt: prompts.append(prompt) or "")  # type: ignore[func-returns-value]
        assert inputs == {}
        assert len(prompts) == len(chosen.inputs)
        said = "".join(prompts) + shown(chosen, chosen.run(inputs))
        assert max(map(len, said.splitlines())) <= 80

    @pytest.mark.parametrize("text", ["", "[1]", "{", '{"no_such": 1}', '{"ck": "high"}', '{"ck": -4}'])
    def test_inputs_that_do_not_fit(self, run: Run, tmp_path: Path, text: str) -> None:
        file = tmp_path / "inputs.json"
        file.write_text(text)
        _refused(run("calc", "ck-bands", "--json", str(file)))

    def test_no_such_calculator(self, run: Run) -> None:
        _refused(run("calc", "nope"), "mmt8")


class TestPython:
    def test_a_path_bytes_and_a_mapping_are_the_same_record(self) -> None:
        data = Path(EXAMPLE).read_bytes()
        answers = [imnm.assess(record) for record in (EXAMPLE, Path(EXAMPLE), data, json.loads(data))]
        assert answers[0].file == EXAMPLE
        for answer in answers:
            answer.file = None
        assert all(answer == answers[0] for answer in answers)

    def test_a_date_or_its_text(self) -> None:
        import datetime as dt

        assert imnm.assess(EXAMPLE, as_of=dt.date(2023, 7, 1)) == imnm.assess(EXAMPLE, as_of="2023-07-01")

    def test_a_bad_record_is_an_input_error(self) -> None:
        with pytest.raises(imnm.InputError):
            imnm.assess({"resourceType": "ValueSet"})

    def test_a_notebook_shows_it(self) -> None:
        assert "IMNM assessment" in imnm.assess(EXAMPLE)._repr_html_()
