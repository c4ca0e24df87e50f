"""Which kind of population a source is, found by what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from imnm.knowledge.messages import say

from .lines import fhir_files
from .omop import LocalDatabase, OmopPopulation
from .source import Population, SourceError
from .tables import is_omop_folder

if TYPE_CHECKING:
    from .screen import ScreenOptions


def open_population(source: str, folder: Path, options: ScreenOptions) -> Population:
    """The population at a path or address. Raises SourceError with one sentence if there is none."""
    if source.startswith(("postgresql://", "postgres://")):
        from .postgres import PostgresDatabase

        there = PostgresDatabase(source, folder, options.schema, options.vocabulary_schema)
        return OmopPopulation(there, folder, options.local_codes, options.sample, options.also)
    if options.engine == "spark":
        from . import spark

        if spark.reads(source):
            cluster = spark.SparkDatabase(source, folder, options.schema, options.vocabulary_schema)
            return OmopPopulation(cluster, folder, options.local_codes, options.sample, options.also)
    path = Path(source)
    if not source or not path.exists():  # an empty name would be the folder that the command runs in
        raise SourceError(say("population.error.not_there", source=source or "''"))
    if path.is_file() and path.suffix.lower() in (".duckdb", ".db", ".ddb"):
        database = LocalDatabase(path, options.schema, options.vocabulary_schema)
        return OmopPopulation(database, folder, options.local_codes, options.sample, options.also)
    if options.schema or options.vocabulary_schema:
        raise SourceError(say("population.error.no_schemas", source=source))
    if path.is_dir() and is_omop_folder(path):
        tables = LocalDatabase(path, work=folder)
        return OmopPopulation(tables, folder, options.local_codes, options.sample, options.also)
    files = fhir_files(path)
    if not files:
        raise SourceError(say("population.error.nothing_readable"))
    from .fhir import FhirPopulation

    return FhirPopulation(files, folder, options.local_codes, options.sample, options.also)
