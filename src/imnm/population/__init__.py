"""The population room: the same findings and rules over every patient of a record system.

A source brings events (``fhir``, ``omop``), the store keeps them in DuckDB, the gate says who can have a level at all,
the level is computed in SQL for these, and the listed are assessed one by one, as at the bedside (``screen.screen``).

Nothing is imported here, because the command line knows this room without using it.
"""
