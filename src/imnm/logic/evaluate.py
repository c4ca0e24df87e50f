"""The algebra over one patient's events, in two modes.

*value*: ``compile`` turns an expression into a closure; ``Program`` holds many named expressions in the order of
their dependencies, runs them, re-runs only what a what-if touches, and replays them over many dates.
*prove*: ``prove`` gives the value with the tree of what led to it, the record entries that carry it, and what is
missing; ``Program.prover`` does so through references.
"""

from .compiled import Context, Members, Result, compile, unknown
from .program import DefinitionError, Program, Values
from .proof import Entry, EvidenceOf, Proof, formula, prove, settled, with_entries

__all__ = [
    "Context",
    "DefinitionError",
    "Entry",
    "EvidenceOf",
    "Members",
    "Program",
    "Proof",
    "Result",
    "Values",
    "compile",
    "formula",
    "prove",
    "settled",
    "unknown",
    "with_entries",
]
