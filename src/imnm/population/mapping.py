"""How the codes and names of a source were understood, and which frequent ones near ours were not.

A screening is only as good as this table: a hospital whose CK is a local code without a name we know has no CK at all.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Raw

from imnm.knowledge.concepts import Domain
from imnm.knowledge.messages import say
from imnm.sources import LocalCodes
from imnm.sources.bulk import tail
from imnm.sources.bundle import DRUG, REPORT
from imnm.sources.coding import Coded, Coder
from imnm.sources.results import RESULT
from imnm.sources.structs import CodeableConcept, Fhir

from .gate import gate_concepts
from .lines import READ_ERRORS, lines_of
from .source import Progress

Row = dict[str, object]
COLUMNS = ("table", "concept_id", "source_value", "name", "rows", "understood_as", "how")
SHOWN = 8
"""How many codes of each kind are printed; the file has all."""

_NEAR = re.compile(
    r"creatine? (?:phospho)?kinase|kreatin|\bcp?k\b|v[ai]statin|\bstatins?\b|myositi|myopath|(?<!fibro)myalgi"
    r"|rhabdomyol|\bhmg|\bsrp\b|signal recognition"
    r"|muscle (?:weakness|pain|biopsy)|muscular dystroph|electromyogra|\bemg\b|aldolase",
    re.IGNORECASE,
)
"""What a name that was not understood must contain to be shown."""


def is_near(name: str) -> bool:
    """Whether a name that means nothing to us sounds as if it should."""
    return bool(_NEAR.search(name))


def matters(coded: Coded) -> bool:
    """Whether a coding can decide who is listed: what the gate asks for, and statins."""
    return not coded.concepts.isdisjoint(gate_concepts() | {"statin"})


# ---------------------------------------------------------------- FHIR

_DOMAINS: dict[str, tuple[Domain, ...]] = {
    "Condition": ("condition",),
    "Observation": RESULT,
    "Procedure": ("procedure",),
    "DiagnosticReport": REPORT,
    "Medication": DRUG,
    **dict.fromkeys(
        ("MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"), DRUG
    ),
}


class _Part(Fhir):
    code: Raw = Raw()


class _Coded(Fhir):
    resource_type: str | None = None
    id: str | None = None
    code: Raw = Raw()
    component: list[_Part] | None = None
    medication_codeable_concept: Raw = Raw()
    entry: list[_Entry] | None = None


class _Entry(Fhir):
    resource: Raw = Raw()


_CODED = msgspec.json.Decoder(_Coded, strict=False)
_CONCEPT = msgspec.json.Decoder(CodeableConcept, strict=False)
Counts = dict[tuple[str, bytes], int]
"""How often each coding, as it stands in the file, occurs in each type of resource."""


def fhir_mapping(files: Iterable[Path], codes: LocalCodes | None, progress: Progress = lambda line: None) -> list[Row]:
    """The table of a folder of FHIR files, by a pass of its own over their codes."""
    counts: Counts = {}
    paths = list(files)
    for done, path in enumerate(paths, 1):
        progress(say("population.progress.mapping", done=done, total=len(paths)))
        try:
            for _, line in lines_of(path):
                _count(line, counts)
        except READ_ERRORS:  # told of by the reading itself
            continue
    return rows_of(counts, Coder(codes))


def _count(line: bytes, counts: Counts) -> None:
    try:
        found = _CODED.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    kind = found.resource_type or ""
    for entry in found.entry or () if kind == "Bundle" else ():
        _count(bytes(entry.resource), counts)
    if kind in _DOMAINS:
        parts = [part.code for part in found.component or ()]
        for code in (found.code, found.medication_codeable_concept, *parts):
            if code:
                key = kind, bytes(code)
                counts[key] = counts.get(key, 0) + 1


def rows_of(counts: Mapping[tuple[str, bytes], int], coder: Coder) -> list[Row]:
    """A row for each distinct coding that was understood, and for each that was not but sounds like muscle."""
    sums: dict[tuple[str, str, str, str | None, str | None, bool], int] = {}
    for (kind, raw), count in counts.items():
        try:
            concept = _CONCEPT.decode(raw)
            coded = coder.raw(raw, _DOMAINS[kind])
        except msgspec.DecodeError:
            continue
        direct = " ".join(sorted({match.direct for match in coded.matches})) or None
        name = coded.text
        if direct or is_near(" ".join([name, *(c.display or "" for c in concept.coding or ())])):
            written = " ".join(f"{_system(c.system)}|{c.code}" for c in concept.coding or () if c.code)
            how = _how(concept, coded, coder, kind) if direct else None
            key = (kind, written, name, direct, how, matters(coded))
            sums[key] = sums.get(key, 0) + count
    rows: list[Row] = [
        {"table": kind, "concept_id": None, "source_value": written or None, "name": name, "rows": count,
         "understood_as": direct, "how": how, "matters": deciding}
        for (kind, written, name, direct, how, deciding), count in sums.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-int(str(row["rows"])), str(row["table"]), str(row["source_value"])))


def _how(concept: CodeableConcept, coded: Coded, coder: Coder, kind: str) -> str:
    bare = CodeableConcept(tuple(msgspec.structs.replace(c, display=None) for c in concept.coding or ()))
    by_code = coder.first(bare, _DOMAINS[kind])
    return "code" if by_code.matches and coded.concepts & by_code.concepts else "name"


def _system(system: str | None) -> str:
    known = {"http://loinc.org": "LOINC", "http://snomed.info/sct": "SNOMED",
             "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm"}  # fmt: skip
    return known.get(system or "", tail(system))


# ---------------------------------------------------------------- words


def as_csv(rows: Iterable[Row]) -> str:
    """The table as CSV; nothing in ``understood_as``: not understood."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if row.get(name) is None else row[name] for name in COLUMNS] for row in rows)
    return buffer.getvalue()


def lines(rows: list[Row]) -> list[str]:
    """What a person has to see of it: how much was understood, the most frequent, and what was not but sounds near."""
    understood = [row for row in rows if row["understood_as"]]
    missed = [row for row in rows if not row["understood_as"]]
    if not rows:
        return []
    concepts = {concept for row in understood for concept in str(row["understood_as"]).split()}
    found = [say("population.mapping.understood", codes=len(understood), rows=_total(understood), names=len(concepts))]
    deciding = [row for row in understood if row["matters"]]
    if deciding:
        found.append(say("population.mapping.deciding", codes=len(deciding), rows=_total(deciding)))
        found += [_line(row) for row in deciding[:SHOWN]]
    else:
        found.append(say("population.mapping.none_deciding"))
    if missed:
        found.append(say("population.mapping.missed", codes=len(missed), rows=_total(missed)))
        found += [_line(row) for row in missed[:SHOWN]]
    else:
        found.append(say("population.mapping.none_missed"))
    return found


def _total(rows: list[Row]) -> int:
    return sum(int(str(row["rows"])) for row in rows)


def _line(row: Row) -> str:
    code = str(row["source_value"] or row["concept_id"] or "")
    name = str(row["name"] or "")
    said = " ".join(part for part in (name if name != code else "", f"[{code}]" if code else "") if part)
    means = f" → {row['understood_as']} ({row['how']})" if row["understood_as"] else ""
    return f"  {int(str(row['rows'])):>10,}  {row['table']}: {said}{means}"
