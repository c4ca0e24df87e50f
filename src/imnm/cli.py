"""The ``imnm`` command: arguments in, an answer or one sentence out.

Exit codes: 0 done; 2 the user must change something (one sentence on standard error); 1 a defect of ours (what and how
to report it, without patient data). Everything heavy is imported by the command that needs it, because a terminal
waits for the imports of every command it starts.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from imnm.knowledge.messages import say

if TYPE_CHECKING:
    from imnm.assessment.model import Assessment

FORMATS = ("text", "json", "jsonl", "html", "md", "handout")
PAGES = ("html", "handout")
SETTINGS = ("statin-user", "neuromuscular-clinic", "general-record", "child")
LIMIT_MB = 200

LocalCodes = dict[tuple[str, str], str]
"""(system, code) to concept."""


class UserError(Exception):
    """Something the user must change; the message is the sentence to show."""


def run() -> NoReturn:
    """The program. What it loads at the start stays to the end, and one answer leaves little behind, so letting the
    garbage collector walk through it would only cost time."""
    gc.disable()
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is returned, not raised."""
    try:
        arguments = _parser().parse_args(argv)
        command: Callable[[argparse.Namespace], int] = arguments.command
        code = command(arguments)
        _print("")
        return code
    except UserError as error:
        sentence = _shown(str(error)).rstrip(".")
        print(f"imnm: {sentence}.", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has seen enough; Python would complain again when it flushes at exit.
        _silence()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"imnm: {say('cli.error.internal', **_defect(error))}", file=sys.stderr)
        return 1


def _silence() -> None:
    """What is still waiting to be written to standard output goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help).")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="imnm", description=say("cli.help.imnm"))
    parser.add_argument("--version", action="version", version=f"imnm {_version()}")
    commands = parser.add_subparsers(parser_class=_Parser, metavar="COMMAND", required=True)

    assess = _command(commands, "assess", _assess)
    assess.add_argument("files", metavar="FILE", nargs="+", help=say("cli.help.file"))
    assess.add_argument("--as-of", metavar="DATE", default="last", help=say("cli.help.as_of"))
    assess.add_argument("--setting", choices=SETTINGS, help=say("cli.help.setting"))
    assess.add_argument("--format", choices=FORMATS, default="text", help=say("cli.help.format"))
    assess.add_argument("--out", metavar="PATH", help=say("cli.help.out"))
    assess.add_argument("--codes", metavar="CSV", help=say("cli.help.codes"))

    explain = _command(commands, "explain", _explain)
    explain.add_argument("id", metavar="ID", nargs="?", help=say("cli.help.explain_id"))

    calc = _command(commands, "calc", _calc)
    calc.add_argument("name", metavar="NAME", help=say("cli.help.calc_name"))
    calc.add_argument("--json", metavar="FILE", help=say("cli.help.calc_json"))
    calc.add_argument("--format", choices=("text", "json"), help=say("cli.help.calc_format"))

    demo = _command(commands, "demo", _demo)
    demo.add_argument("--out", metavar="DIR", help=say("cli.help.demo_out"))

    from imnm.population.commands import register

    register(commands, UserError, _local_codes)
    from imnm.serve.commands import register as register_serve

    register_serve(commands, UserError)
    return parser


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    text = say(f"cli.help.{name}")
    parser = commands.add_parser(name, help=text, description=text, epilog=say(f"cli.help.{name}_example"))
    parser.set_defaults(command=run)
    return parser


# ---------------------------------------------------------------- assess


def _assess(arguments: argparse.Namespace) -> int:
    _check_as_of(arguments.as_of)
    files: list[str] = arguments.files
    if files.count("-") > 1:
        raise UserError(say("cli.error.same_stdin"))
    codes = _local_codes(arguments.codes) if arguments.codes else None
    if len(files) == 1:
        _emit(_assess_file(files[0], arguments, codes), arguments)
        return 0
    return _assess_many(files, arguments, codes)


def _assess_many(files: list[str], arguments: argparse.Namespace, codes: LocalCodes | None) -> int:
    """Every file is answered in the order given; what failed has its line, and the exit code says so at the end."""
    if arguments.format == "json":
        raise UserError(say("cli.error.json_one_file"))
    if arguments.format in PAGES:
        return _assess_pages(files, arguments, codes)
    worst = 0
    failed = 0
    with _Destination(arguments.out) as write:
        for number, (file, answer) in enumerate(_answers(files, arguments, codes)):
            if not isinstance(answer, Failure):
                write(_separator(arguments.format, number) + _render(answer, arguments.format))
                continue
            worst, failed = max(worst, answer.code, key=_severity), failed + 1
            write(_separator(arguments.format, number) + _failure_line(file, answer, arguments.format))
    return _report_failures(worst, failed, len(files))


def _assess_pages(files: list[str], arguments: argparse.Namespace, codes: LocalCodes | None) -> int:
    if not arguments.out:
        raise UserError(say("cli.error.out_needed", format=arguments.format))
    folder = _folder(arguments.out, arguments.format)
    worst = 0
    failed = 0
    names: set[str] = set()
    for file, answer in _answers(files, arguments, codes):
        if isinstance(answer, Failure):
            worst, failed = max(worst, answer.code, key=_severity), failed + 1
            print(f"imnm: {_shown(answer.sentence)}", file=sys.stderr)
            continue
        _write_file(folder / _page_name(file, names), _render(answer, arguments.format))
    return _report_failures(worst, failed, len(files))


class Failure:
    """Why one of several files has no answer: the sentence, and the exit code it calls for."""

    def __init__(self, sentence: str, code: int) -> None:
        self.sentence = sentence
        self.code = code


def _answers(
    files: list[str], arguments: argparse.Namespace, codes: LocalCodes | None
) -> Iterator[tuple[str, Assessment | Failure]]:
    show = sys.stderr.isatty() and (arguments.out or not (sys.stdout is not None and sys.stdout.isatty()))
    for done, file in enumerate(files):
        if show:
            print(f"\r{say('cli.progress.files', done=done, total=len(files))}", end="", file=sys.stderr, flush=True)
        try:
            yield file, _assess_file(file, arguments, codes)
            if not gc.isenabled():  # see run(): what is loaded by now stays, what follows is collected
                gc.freeze()
                gc.enable()
        except UserError as error:
            yield file, Failure(str(error), 2)
        except (BrokenPipeError, KeyboardInterrupt):
            raise
        except Exception as error:
            yield file, Failure(say("cli.error.internal_file", **_defect(error)), 1)
    if show:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _assess_file(file: str, arguments: argparse.Namespace, codes: LocalCodes | None) -> Assessment:
    from imnm.assessment import AskError, assess_record
    from imnm.sources import InputError

    data = _read(file)
    try:
        assessment = assess_record(data, arguments.as_of, arguments.setting, codes)
    except InputError as error:
        raise UserError(f"{file}: {error}") from error
    except AskError as error:
        raise UserError(str(error)) from error
    assessment.file = _shown(file)
    return assessment


def _shown(name: str) -> str:
    """A file name that is not UTF-8, as it can be written."""
    return name.encode("utf-8", "replace").decode()


def _severity(code: int) -> int:
    """A defect of ours (1) outweighs what the user must change (2), which outweighs nothing wrong (0)."""
    return {0: 0, 2: 1, 1: 2}[code]


def _report_failures(worst: int, failed: int, total: int) -> int:
    if failed:
        sys.stdout.flush()
        print(f"imnm: {say('cli.error.several_failed', failed=failed, total=total)}", file=sys.stderr)
    return worst


def _failure_line(file: str, failure: Failure, format: str) -> str:
    if format != "jsonl":
        return f"{failure.sentence}\n"
    import msgspec

    return msgspec.json.encode({"file": _shown(file), "error": _shown(failure.sentence)}).decode() + "\n"


def _separator(format: str, number: int) -> str:
    if format == "jsonl" or number == 0:
        return ""
    return "\n---\n\n" if format == "md" else "\n" + "=" * 80 + "\n\n"


def _render(assessment: Assessment, format: str) -> str:
    from imnm.report import render

    return render(assessment, format, colour=False)


def _emit(assessment: Assessment, arguments: argparse.Namespace) -> None:
    from imnm.report import render

    text = render(assessment, arguments.format, colour=not arguments.out and _colour())
    with _Destination(arguments.out) as write:
        write(text)


def _colour() -> bool:
    return (
        sys.stdout is not None
        and sys.stdout.isatty()
        and "NO_COLOR" not in os.environ
        and os.environ.get("TERM") != "dumb"
    )


def _local_codes(file: str) -> LocalCodes:
    """A site's own codes, each with the concept it stands for."""
    import csv

    from imnm.knowledge.concepts import CONCEPTS

    try:
        lines = _read(file).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(say("cli.error.cannot_read", file=file, reason="it is not UTF-8 text")) from error
    reader = csv.DictReader(lines, skipinitialspace=True)
    if not {"concept", "system", "code"} <= set(reader.fieldnames or ()):
        raise UserError(say("cli.error.codes_columns", file=file))
    codes: LocalCodes = {}
    for row in reader:
        concept = (row["concept"] or "").strip()
        if concept not in CONCEPTS:
            raise UserError(say("cli.error.codes_concept", file=file, line=reader.line_num, concept=concept))
        code = (row["code"] or "").strip()
        if not code:
            raise UserError(say("cli.error.codes_code", file=file, line=reader.line_num))
        codes[(row["system"] or "").strip(), code] = concept
    return codes


def _check_as_of(value: str) -> None:
    if value == "last":
        return
    try:
        valid = dt.date.fromisoformat(value).isoformat() == value
    except ValueError:
        valid = False
    if not valid:
        raise UserError(say("cli.error.not_a_date", value=value))


# ---------------------------------------------------------------- files


def _read(file: str) -> bytes:
    """The bytes of a file or of standard input, at most ``LIMIT_MB``."""
    limit = LIMIT_MB * 1_000_000
    try:
        if file == "-":
            data = sys.stdin.buffer.read(limit + 1) if sys.stdin else b""
        else:
            with open(file, "rb") as handle:
                data = handle.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise UserError(say("cli.error.cannot_read", file=file, reason=_reason(error))) from error
    if len(data) > limit:
        raise UserError(say("cli.error.too_large", file=file, limit=LIMIT_MB))
    return data


class _Destination:
    """Where the answer goes. A file is written beside its place and moved there when complete, or not at all."""

    def __init__(self, path: str | None) -> None:
        self.path = Path(path) if path and path != "-" else None
        self.parts: list[str] = []

    def __enter__(self) -> Callable[[str], object]:
        if self.path is None:
            return _print
        if self.path.is_dir():
            raise UserError(say("cli.error.cannot_write", file=self.path, reason="it is a folder"))
        return self.parts.append

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self.path is not None and kind is None:
            _write_file(self.path, "".join(self.parts))


def _print(text: str) -> None:
    # The answer is UTF-8 wherever it goes: JSON must be, and a terminal of another kind shows ? where it cannot.
    if sys.stdout is None:  # closed by whoever started us
        if text:
            raise UserError(say("cli.error.cannot_write", file=say("cli.error.stdout"), reason="it is closed"))
        return
    try:
        buffer = getattr(sys.stdout, "buffer", None)
        if buffer is None or sys.stdout.isatty():
            encoding = sys.stdout.encoding or "utf-8"
            sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
        else:
            buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk behind a redirection
        _silence()
        raise UserError(say("cli.error.cannot_write", file=say("cli.error.stdout"), reason=_reason(error))) from error


def _write_file(path: Path, text: str) -> None:
    """Write beside the place and move there when complete. A link is followed, and a device or pipe is written to:
    neither is replaced."""
    data = text.encode("utf-8", "replace")
    temporary = None
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise UserError(say("cli.error.cannot_write", file=path, reason=_reason(error))) from error


def _folder(path: str, format: str) -> Path:
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UserError(say("cli.error.out_not_folder", format=format, file=path))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(say("cli.error.cannot_write", file=path, reason=_reason(error))) from error
    return folder


def _page_name(file: str, taken: set[str]) -> str:
    stem = "stdin" if file == "-" else Path(file).stem
    name, number = f"{stem}.html", 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}.html"
    taken.add(name)
    return name


def _reason(error: OSError | ValueError) -> str:
    text = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
    return text[:1].lower() + text[1:]


# ---------------------------------------------------------------- explain, calc, demo


def _explain(arguments: argparse.Namespace) -> int:
    from imnm.report.explain import UnknownId, explain, index

    try:
        _print(index() if arguments.id is None else explain(arguments.id))
    except UnknownId as error:
        ids = ", ".join(error.nearest)
        nearest = say("cli.error.nearest", ids=ids) if ids else ""
        raise UserError(say("cli.error.no_such_id", id=arguments.id, nearest=nearest)) from error
    return 0


def _calc(arguments: argparse.Namespace) -> int:
    import msgspec

    from imnm.report.calculator import ask, calculator, from_json, from_terminal, shown

    try:
        chosen = calculator(arguments.name)
        if arguments.json:
            inputs = from_json(_read(arguments.json), arguments.json)
        else:
            inputs = ask(chosen, from_terminal)
        result = chosen.run(inputs)
    except ValueError as error:
        raise UserError(str(error)) from error
    if arguments.format == "json" or (arguments.format is None and arguments.json):
        _print(msgspec.json.format(msgspec.json.encode(result), indent=2).decode() + "\n")
    else:
        _print(shown(chosen, result))
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from imnm.report.demo import demo

    folder = _folder(arguments.out, "html") if arguments.out else None
    pages = demo(_print, colour=_colour(), pages=folder is not None)
    if folder is not None:
        for name, page in pages.items():
            _write_file(folder / name, page)
        _print(say("cli.demo.pages", folder=folder, first=folder / next(iter(pages))) + "\n")
    from imnm.population.demo import demo as health_system

    health_system(_print, folder)
    return 0


# ---------------------------------------------------------------- defects


def _defect(error: Exception) -> dict[str, str]:
    """What a report needs and no more: the kind of error and the innermost line of ours. Never the message, which may
    quote the record."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"{os.sep}imnm{os.sep}" in f.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    return {"version": _version(), "kind": type(error).__name__, "place": place}


def _version() -> str:
    from imnm import __version__

    return __version__


if __name__ == "__main__":
    run()
