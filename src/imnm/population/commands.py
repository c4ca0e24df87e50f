"""The subcommands about populations: screen, sql, evaluate, synth. ``cli`` registers them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imnm.knowledge.messages import say

SETTINGS = ("statin-user", "neuromuscular-clinic", "general-record", "child")
LEVELS = ("established", "high", "moderate", "low")
DIALECTS = ("duckdb", "spark", "postgres", "snowflake", "bigquery", "tsql")
FORMATS = ("table", "csv", "parquet", "json", "html", "cohort")
COUNT_FORMATS = ("table", "csv", "json")
ENGINES_DIFFER = 1
_LOGGED_SECONDS = 10.0
"""How often progress is written where standard error is no terminal."""


def register(commands: Any, failure: type[Exception], local_codes: Callable[[str], dict[tuple[str, str], str]]) -> None:
    """Add the subcommands. ``failure``: what to raise for what the user must change; ``local_codes``: reads --codes."""
    _screen_parser(commands, failure, local_codes)
    _sql_parser(commands, failure)
    _evaluate_parser(commands, failure, local_codes)
    _synth_parser(commands, failure)


def _parser(commands: Any, name: str) -> argparse.ArgumentParser:
    text = say(f"population.help.{name}")
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=say(f"population.help.{name}_example")
    )
    return parser


def _option(parser: argparse.ArgumentParser, name: str, **settings: Any) -> None:
    key = name.lstrip("-").replace("-", "_")
    parser.add_argument(name, help=say(f"population.help.{key}"), **settings)


def _source_options(parser: argparse.ArgumentParser) -> None:
    _option(parser, "--as-of", metavar="DATE", default="last")
    _option(parser, "--engine", choices=("duckdb", "spark"), default="duckdb")
    _option(parser, "--codes", metavar="CSV")
    _option(parser, "--schema", metavar="S")
    _option(parser, "--vocabulary-schema", metavar="V")
    _option(parser, "--memory-limit", metavar="SIZE")
    _option(parser, "--setting", choices=SETTINGS, default="general-record")


def _screen_parser(
    commands: Any, failure: type[Exception], local_codes: Callable[[str], dict[tuple[str, str], str]]
) -> None:
    parser = _parser(commands, "screen")
    _option(parser, "source", metavar="SOURCE")
    _source_options(parser)
    _option(parser, "--out", metavar="PATH")
    _option(parser, "--format", choices=FORMATS, default="table")
    _option(parser, "--min-level", choices=LEVELS, default="moderate")
    _option(parser, "--history", action="store_true")
    _option(parser, "--why", metavar="PATH")
    _option(parser, "--counts-only", action="store_true")
    _option(parser, "--min-cell", metavar="N", type=int, default=11)
    _option(parser, "--limit", metavar="N", type=int)
    _option(parser, "--mapping", metavar="PATH")
    parser.set_defaults(command=lambda arguments: _screen(arguments, failure, local_codes))


def _options(arguments: argparse.Namespace, local_codes: Callable[[str], dict[tuple[str, str], str]]) -> Any:
    from .screen import ScreenOptions

    return ScreenOptions(
        as_of=arguments.as_of,
        setting=arguments.setting,
        memory_limit=arguments.memory_limit,
        local_codes=local_codes(arguments.codes) if arguments.codes else None,
        schema=arguments.schema,
        vocabulary_schema=arguments.vocabulary_schema,
        engine=arguments.engine,
    )


def _screen(
    arguments: argparse.Namespace,
    failure: type[Exception],
    local_codes: Callable[[str], dict[tuple[str, str], str]],
) -> int:
    _need_extra(failure)
    from . import mapping, output
    from .files import write_text
    from .interrupt import interruptible
    from .lines import fhir_files
    from .rows import ListedRow
    from .screen import screen
    from .source import SourceError

    _check_screen(arguments, failure)
    options = _options(arguments, local_codes)._replace(
        min_level=arguments.min_level,
        history=arguments.history or arguments.format == "cohort",
        why=bool(arguments.why),
    )
    progress, done = _progress()
    try:
        with interruptible():
            answer = screen(arguments.source, options, progress=progress)
            done()
            if arguments.mapping and not answer.report.mapping and Path(arguments.source).exists():
                files = fhir_files(Path(arguments.source))
                answer.report.mapping = mapping.fhir_mapping(files, options.local_codes, progress)
                done()
            if arguments.why:
                output.write_why(answer, Path(arguments.why))
            if arguments.mapping:
                write_text(Path(arguments.mapping), mapping.as_csv(answer.report.mapping))
            if arguments.counts_only:
                _emit(output.counts_only(answer, arguments.min_cell, arguments.format), arguments.out)
            elif arguments.format == "parquet":
                output.write_parquet(output.limited(answer, arguments.limit), ListedRow, Path(arguments.out))
            else:
                _emit(output.written(answer, arguments.format, arguments.limit), arguments.out)
    except SourceError as error:
        raise failure(str(error)) from error
    finally:
        done()
    if arguments.counts_only:
        for line in output.problem_lines(answer, people=False):
            print(line, file=sys.stderr)
    elif arguments.format != "table" or arguments.out:
        print("\n".join(output.summary_lines(answer)), file=sys.stderr)
    if answer.disagreements:
        print(say("population.summary.report", count=len(answer.disagreements)), file=sys.stderr)
        return ENGINES_DIFFER
    return 0


def _check_screen(arguments: argparse.Namespace, failure: type[Exception]) -> None:
    """What can be refused before a source is read for hours."""
    if arguments.format == "parquet" and not arguments.out:
        raise failure(say("population.error.parquet_out"))
    if arguments.counts_only and arguments.format not in COUNT_FORMATS:
        raise failure(say("population.error.counts_format", format=arguments.format))
    if arguments.why and not arguments.why.endswith((".parquet", ".csv")):
        raise failure(say("population.error.why_ending", file=arguments.why))
    for name in ("limit", "min_cell"):
        if (number := getattr(arguments, name)) is not None and number < 1:
            raise failure(say("population.error.at_least_one", option=f"--{name.replace('_', '-')}"))
    for path in (arguments.out, arguments.why, arguments.mapping):
        _check_target(path, failure)


def _check_target(path: str | None, failure: type[Exception]) -> None:
    """Refuse a place that cannot be written, before the work is done."""
    if not path or path == "-":
        return
    target = Path(path).absolute()
    if not target.parent.is_dir():
        raise failure(say("population.error.no_folder", file=path))
    if target.is_dir():
        raise failure(say("population.error.is_folder", file=path))
    if not os.access(target.parent, os.W_OK):
        raise failure(say("population.error.not_writable", file=path))


def _need_extra(failure: type[Exception]) -> None:
    """The population extra is not part of the bedside install."""
    try:
        import duckdb
        import sqlglot
    except ImportError as error:
        raise failure(say("population.error.extra")) from error
    assert duckdb and sqlglot


def _progress() -> tuple[Callable[[str], None], Callable[[], None]]:
    """Shows one line on a terminal, rewritten in place; elsewhere, as in a log, a line now and then."""
    if sys.stderr.isatty():
        return (
            lambda line: print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True),
            lambda: print("\r\033[K", end="", file=sys.stderr, flush=True),
        )
    last = time.monotonic()

    def log(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _LOGGED_SECONDS:
            last = time.monotonic()
            print(f"imnm: {line}", file=sys.stderr, flush=True)

    return log, lambda: None


def _emit(text: str, out: str | None) -> None:
    if out and out != "-":
        from .files import write_text

        write_text(Path(out), text)
        return
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None or sys.stdout.isatty():
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    else:  # UTF-8 whatever the locale, as every format promises
        sys.stdout.flush()
        buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.flush()


# ---------------------------------------------------------------- sql


def _sql_parser(commands: Any, failure: type[Exception]) -> None:
    parser = _parser(commands, "sql")
    _option(parser, "--dialect", choices=DIALECTS, default="duckdb")
    _option(parser, "--events", metavar="TABLE", default="events")
    _option(parser, "--index", metavar="TABLE", default="index_rows")
    parser.set_defaults(command=lambda arguments: _sql(arguments, failure))


def _sql(arguments: argparse.Namespace, failure: type[Exception]) -> int:
    _need_extra(failure)
    from .query import screening_query
    from .source import SourceError

    try:
        text = screening_query(arguments.dialect, arguments.events, arguments.index)
    except SourceError as error:
        raise failure(str(error)) from error
    sys.stdout.write(text + "\n")
    return 0


# ---------------------------------------------------------------- evaluate


def _evaluate_parser(
    commands: Any, failure: type[Exception], local_codes: Callable[[str], dict[tuple[str, str], str]]
) -> None:
    parser = _parser(commands, "evaluate")
    _option(parser, "source", metavar="SOURCE", nargs="?")
    _source_options(parser)
    _option(parser, "--labels", metavar="CSV")
    _option(parser, "--flag-level", choices=LEVELS, default="high")
    _option(parser, "--prevalence", type=float, metavar="P")
    _option(parser, "--interval", choices=("wilson", "exact"), default="wilson")
    _option(parser, "--format", choices=("table", "json"), default="table")
    _option(parser, "--out", metavar="PATH")
    parser.set_defaults(command=lambda arguments: _evaluate(arguments, failure, local_codes))


def _evaluate(
    arguments: argparse.Namespace,
    failure: type[Exception],
    local_codes: Callable[[str], dict[tuple[str, str], str]],
) -> int:
    from imnm.population import evaluate as evaluation

    from .interrupt import interruptible
    from .source import SourceError

    _check_target(arguments.out, failure)
    progress, done = _progress()
    try:
        if arguments.source is None:
            if arguments.labels:
                raise failure(say("population.error.source_needed"))
            result = evaluation.bundled(arguments.flag_level, arguments.interval, arguments.prevalence)
        else:
            _need_extra(failure)
            if not arguments.labels:
                raise failure(say("population.error.labels_needed"))
            with interruptible():
                result = evaluation.against_labels(
                    arguments.source, Path(arguments.labels), _options(arguments, local_codes), arguments.flag_level,
                    arguments.interval, arguments.prevalence, progress,
                )  # fmt: skip
        text = evaluation.as_json(result) if arguments.format == "json" else evaluation.table(result)
        _emit(text, arguments.out)
    except SourceError as error:
        raise failure(str(error)) from error
    finally:
        done()
    return 0


# ---------------------------------------------------------------- synth


def _synth_parser(commands: Any, failure: type[Exception]) -> None:
    parser = _parser(commands, "synth")
    _option(parser, "--patients", metavar="N", type=int, required=True)
    parser.add_argument("--out", metavar="DIR", required=True, help=say("population.help.synth_out"))
    parser.add_argument("--format", choices=("fhir", "omop"), required=True, help=say("population.help.synth_format"))
    _option(parser, "--seed", metavar="S", type=int, default=1)
    parser.add_argument("--prevalence", type=float, metavar="P", default=0.0002,
                        help=say("population.help.synth_prevalence"))  # fmt: skip
    parser.set_defaults(command=lambda arguments: _synth(arguments, failure))


def _synth(arguments: argparse.Namespace, failure: type[Exception]) -> int:
    _need_extra(failure)
    from .interrupt import interruptible
    from .source import SourceError
    from .synth import synthesise

    progress, done = _progress()
    try:
        with interruptible():
            made = synthesise(arguments.patients, Path(arguments.out), arguments.format, arguments.seed,
                              arguments.prevalence, progress)  # fmt: skip
    except SourceError as error:
        raise failure(str(error)) from error
    finally:
        done()
    print(say("population.summary.synth", patients=made.patients, imnm=made.imnm, folder=arguments.out,
              truth=made.truth))  # fmt: skip
    return 0
