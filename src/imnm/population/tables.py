"""OMOP tables as files: which are there, and CSV files made into typed ones once.

A hospital's CSV export has lines that are no lines of the table and cells that are no dates. They are counted and named
by file and line, and the rest is used: a table is not refused because of a line.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import duckdb

from imnm.knowledge.messages import say

from .interrupt import unfinished
from .lines import READ_ERRORS, is_compressed, opened
from .source import SourceError
from .store import literal

SUFFIXES = ("parquet", "csv", "csv.gz", "csv.zst")
SHOWN = 5
_LONGEST_LINE = 16_777_216
_PIECE = 2**20


class Tables:
    """The files of each table of a folder. ``broken``: lines and cells that cannot be read; ``problems``: where.
    ``work``: where typed copies of CSV files may be written; without it a temporary folder of our own."""

    def __init__(self, folder: Path, work: Path | None = None) -> None:
        self.files = table_files(folder)
        self.work = work
        self._own: Path | None = None
        self.broken = 0
        self.problems: list[tuple[str, int, str]] = []

    def sql(self, table: str, used: frozenset[str]) -> str:
        """A table as SQL. A CSV table is written as Parquet first, with those of its columns that are used. Raises
        SourceError if a file is of another kind."""
        files = self.files[table]
        if _suffix(files[0]) == "parquet":
            return f"read_parquet([{', '.join(literal(str(path)) for path in files)}], union_by_name = true)"
        if self.work is None:
            self.work = self._own = Path(tempfile.mkdtemp(prefix="imnm-omop-"))
        target = self.work / "tables" / table
        if not target.exists():
            target.mkdir(parents=True)
            for number, path in enumerate(files):
                self._stage(table, path, target / f"{number:06d}.parquet", used)
        return f"read_parquet({literal(str(target / '*.parquet'))}, union_by_name = true)"

    def close(self) -> None:
        """Remove the copies."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)

    def _stage(self, table: str, path: Path, target: Path, used: frozenset[str]) -> None:
        """Write a CSV file as Parquet; of one that is packed and cut off what stands before the end. DuckDB fails at
        the end of such a gz, and takes that of a zst for the end of the table, so we read that through before."""
        try:
            if _compression(path) == "zstd" and _salvaged(path, Path(os.devnull)):
                raise SourceError(say("population.error.table_unreadable", table=table))
            self._typed(table, path, path, target, used)
        except SourceError:
            with unfinished(target.with_suffix(".csv")) as unpacked:
                reason = _salvaged(path, unpacked)
                if reason is None:
                    raise
                self._typed(table, path, unpacked, target, used)
            self.broken += 1
            self.problems.append((str(path), 0, say("population.problem.cut_off", reason=reason)))

    def _typed(self, table: str, path: Path, file: Path, target: Path, used: frozenset[str]) -> None:
        """Write the columns that are used, each as its type. ``file``: where the content of ``path`` stands."""
        try:
            delimiter, names = _heading(file)
            columns = {f"c{place}": name for place, name in enumerate(names)}
            chosen = {alias: name for alias, name in columns.items() if name in used}
            if not chosen:
                raise SourceError(say("population.error.table_unreadable", table=table))
            types = ", ".join(f"{literal(alias)}: 'VARCHAR'" for alias in columns)
            casts = ", ".join(f'{cast(alias, name)} AS "{name}"' for alias, name in chosen.items())
            typed = [(alias, name) for alias, name in chosen.items() if csv_type(name) != "VARCHAR"]
            whens = " ".join(f"WHEN trim({a}) <> '' AND {cast(a, n)} IS NULL THEN '{n}'" for a, n in typed)
            bad = f"CASE {whens} END" if whens else "NULL::VARCHAR"
            connection = duckdb.connect()
            connection.execute("SET preserve_insertion_order = true")
            connection.execute(
                f"COPY (SELECT {casts}, {bad} AS _bad, row_number() OVER () AS _row FROM read_csv("
                f"{literal(str(file))}, auto_detect = false, header = true, delim = {literal(delimiter)}, "
                f"quote = '\"', escape = '\"', columns = {{{types}}}, store_rejects = true, rejects_limit = 0, "
                f"max_line_size = {_LONGEST_LINE}, compression = '{_compression(file)}')) "
                f"TO {literal(str(target))} (FORMAT parquet)"
            )
        except (OSError, EOFError, UnicodeDecodeError, duckdb.Error) as error:
            raise SourceError(say("population.error.table_unreadable", table=table)) from error
        rejected = connection.execute("SELECT DISTINCT line FROM reject_errors ORDER BY 1").fetchall()
        lines = [line for (line,) in rejected]
        self._tell(path, lines, say("population.problem.no_row", table=table))
        query = f"FROM read_parquet({literal(str(target))}) WHERE _bad IS NOT NULL"
        for (column,) in connection.execute(f"SELECT DISTINCT _bad {query} ORDER BY 1").fetchall():
            found = connection.execute(f"SELECT _row {query} AND _bad = ? ORDER BY 1", [column]).fetchall()
            reason = say("population.problem.no_value", column=column, kind=say(f"population.kind.{csv_type(column)}"))
            self._tell(path, [_line(row, lines) for (row,) in found], reason)
        connection.close()

    def _tell(self, path: Path, lines: list[int], reason: str) -> None:
        self.broken += len(lines)
        self.problems += [(str(path), line, reason) for line in lines[:SHOWN]]
        if len(lines) > SHOWN:
            self.problems.append((str(path), 0, say("population.problem.more", count=len(lines) - SHOWN)))


def _salvaged(path: Path, target: Path) -> str | None:
    """Unpack a file as far as it goes; why it goes no further, or None if it is whole or nothing of it can be read."""
    if not is_compressed(path):
        return None
    found = 0
    with opened(path) as source, target.open("wb") as sink:
        try:
            # read would lose what it has when it fails
            while piece := source.read1(_PIECE):  # type: ignore[attr-defined]
                found += sink.write(piece)
        except READ_ERRORS as error:
            return str(error) if found else None
    return None


def _line(row: int, rejected: list[int]) -> int:
    """The line of a row that was read: the heading and the lines that were not read come before it."""
    line = row + 1
    for other in rejected:
        line += other <= line
    return line


def csv_type(column: str) -> str:
    """The type of a column of the model: guessed types differ from file to file and are text where empty."""
    if column in ("value_as_number", "range_low", "range_high"):
        return "DOUBLE"
    if column.endswith("_date"):
        return "DATE"
    whole = column.startswith(("year_of", "month_of", "day_of", "days_", "concept_id_")) or "levels_of" in column
    named = column in ("domain_id", "vocabulary_id", "concept_class_id", "relationship_id")
    return "BIGINT" if whole or (column.endswith("_id") and not named) else "VARCHAR"


def cast(alias: str, column: str) -> str:
    """A text, in a column of this alias, as the type that a column of the model has; null if it is none."""
    kind = csv_type(column)
    if kind == "VARCHAR":
        return f"nullif({alias}, '')"
    value = f"nullif(trim({alias}), '')"
    if kind == "DATE":  # also as 20220302; days and months in another order are not guessed
        compact = f"CASE WHEN regexp_full_match({value}, '[0-9]{{8}}') THEN try_strptime({value}, '%Y%m%d') END"
        return f"coalesce(TRY_CAST({value} AS DATE), TRY_CAST({compact} AS DATE))"
    return f"TRY_CAST({value} AS {kind})"


def _heading(path: Path) -> tuple[str, list[str]]:
    """The delimiter and the column names, in lower case, of a CSV file."""
    line = _first_line(path).removeprefix("\ufeff").rstrip("\r\n")
    delimiter = max(",\t;|", key=line.count)
    return delimiter, [name.strip().lower() for name in next(csv.reader(io.StringIO(line), delimiter=delimiter), [])]


def _first_line(path: Path) -> str:
    if _compression(path) == "zstd":  # which Python reads from 3.14 on only
        rows = duckdb.connect().execute(
            f"SELECT line FROM read_csv({literal(str(path))}, columns = {{'line': 'VARCHAR'}}, header = false, "
            "delim = '\\0', quote = '', escape = '', compression = 'zstd', auto_detect = false, strict_mode = false, "
            f"max_line_size = {_LONGEST_LINE}) LIMIT 1"
        ).fetchall()  # fmt: skip
        return str(rows[0][0]) if rows else ""
    with gzip.open(path, "rb") if _compression(path) == "gzip" else path.open("rb") as handle:
        return handle.readline(_LONGEST_LINE).decode("utf-8")


def _compression(path: Path) -> str:
    return {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower(), "none")


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(f".{suffix}")), None)


def table_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each table: a file named after it, or a folder of files, however deep, as other tools write them."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        files = [path] if path.is_file() else sorted(_within(path)) if path.is_dir() else []
        first = next((_suffix(file) for file in files if _suffix(file)), None)
        kept = [file for file in files if _suffix(file) and (_suffix(file) == "parquet") == (first == "parquet")]
        if kept and not path.name.startswith((".", "_")):
            found.setdefault(path.name.lower().split(".")[0], []).extend(kept)
    return found


def _within(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
            yield path


def is_omop_folder(folder: Path) -> bool:
    """Whether a folder holds OMOP tables rather than FHIR files."""
    return not {"person", "measurement", "condition_occurrence", "concept"}.isdisjoint(table_files(folder))
