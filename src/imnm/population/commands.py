"""The subcommands about populations: screen, sql, evaluate, synth. ``cli`` registers them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imnm.knowledge.messages import say

SETTINGS = ("statin-user", "neuromuscular-clinic", "general-record", "child")
LEVELS = ("established", "high", "moderate", "low")
DIALECTS = ("duckdb", "spark", "postgres", "snowflake", "bigquery", "tsql")
FORMATS = ("table", "csv", "parquet", "json", "html", "cohort")
ENGINES_DIFFER = 1


def register(commands: Any, failure: type[Exception], local_codes: Callable[[str], dict[tuple[str, str], str]]) -> None:
    """Add the subcommands. ``failure``: what to raise for what the user must change; ``local_codes``: reads --codes."""
    _screen_parser(commands, failure, local_codes)
    _sql_parser(commands)
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
    from . import output
    from .rows import ListedRow
    from .screen import screen
    from .source import SourceError

    if arguments.format == "parquet" and not arguments.out:
        raise failure(say("population.error.parquet_out"))
    for path in (arguments.out, arguments.why, arguments.mapping):
        if path and not Path(path).absolute().parent.is_dir():
            raise failure(say("population.error.no_folder", file=path))
    if arguments.why and not arguments.why.endswith((".parquet", ".csv")):
        raise failure(say("population.error.why_ending", file=arguments.why))
    options = _options(arguments, local_codes)._replace(
        min_level=arguments.min_level, history=arguments.history, why=bool(arguments.why)
    )
    progress, done = _progress()
    try:
        answer = screen(arguments.source, options, progress=progress)
        done()
        if arguments.why:
            output.write_why(answer, Path(arguments.why))
        if arguments.mapping:
            _write(Path(arguments.mapping), output.mapping_csv(answer))
        if arguments.counts_only:
            form = arguments.format if arguments.format in ("json", "csv") else "table"
            _emit(output.counts_only(answer, arguments.min_cell, form), arguments.out)
        elif arguments.format == "parquet":
            output.write_parquet(answer.worklist[: arguments.limit or None], ListedRow, Path(arguments.out))
        else:
            _emit(output.written(answer, arguments.format, arguments.limit), arguments.out)
    except SourceError as error:
        done()
        raise failure(str(error)) from error
    if arguments.format != "table" or arguments.out:
        print("\n".join(output.summary_lines(answer)), file=sys.stderr)
    if answer.disagreements:
        print(say("population.summary.report", count=len(answer.disagreements)), file=sys.stderr)
        return ENGINES_DIFFER
    return 0


def _need_extra(failure: type[Exception]) -> None:
    """The population extra is not part of the bedside install."""
    try:
        import duckdb
        import sqlglot
    except ImportError as error:
        raise failure(say("population.error.extra")) from error
    assert duckdb and sqlglot


def _progress() -> tuple[Callable[[str], None], Callable[[], None]]:
    """Shows one line on a terminal, rewritten in place; elsewhere nothing."""
    if not sys.stderr.isatty():
        return (lambda line: None), (lambda: None)

    def show(line: str) -> None:
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    return show, lambda: print("\r\033[K", end="", file=sys.stderr, flush=True)


def _emit(text: str, out: str | None) -> None:
    if out and out != "-":
        _write(Path(out), text)
    else:
        sys.stdout.write(text)


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# ---------------------------------------------------------------- sql


def _sql_parser(commands: Any) -> None:
    parser = _parser(commands, "sql")
    _option(parser, "--dialect", choices=DIALECTS, default="duckdb")
    _option(parser, "--events", metavar="TABLE", default="events")
    _option(parser, "--index", metavar="TABLE", default="index_rows")
    parser.set_defaults(command=_sql)


def _sql(arguments: argparse.Namespace) -> int:
    from .query import screening_query

    sys.stdout.write(screening_query(arguments.dialect, arguments.events, arguments.index) + "\n")
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

    from .source import SourceError

    try:
        if arguments.source is None:
            result = evaluation.bundled(arguments.flag_level, arguments.interval, arguments.prevalence)
        else:
            _need_extra(failure)
            if not arguments.labels:
                raise failure(say("population.error.labels_needed"))
            progress, done = _progress()
            result = evaluation.against_labels(
                arguments.source, Path(arguments.labels), _options(arguments, local_codes), arguments.flag_level,
                arguments.interval, arguments.prevalence, progress,
            )  # fmt: skip
            done()
    except SourceError as error:
        raise failure(str(error)) from error
    text = evaluation.as_json(result) if arguments.format == "json" else evaluation.table(result)
    _emit(text, arguments.out)
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
    from .source import SourceError
    from .synth import synthesise

    progress, done = _progress()
    try:
        made = synthesise(arguments.patients, Path(arguments.out), arguments.format, arguments.seed,
                          arguments.prevalence, progress)  # fmt: skip
    except SourceError as error:
        raise failure(str(error)) from error
    finally:
        done()
    print(say("population.summary.synth", patients=made.patients, imnm=made.imnm, folder=arguments.out,
              truth=made.truth))  # fmt: skip
    return 0
