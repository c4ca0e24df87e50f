"""What records speak of: the concepts, the codes that stand for them, and how a code or a name is looked up.

The data are files: ``data/concepts.csv`` (each concept once, with its parents), ``data/codes/*.csv`` (one file per
code system, each with its licence notice; a site can switch systems off), ``data/codes/icd_ranges.csv`` (whole
ranges of ICD), ``data/names.csv`` (see ``imnm.knowledge.names``) and ``data/crosswalk.csv`` (concept, finding, label).

A code is seen *from the concept*: ``exact``; ``narrower``, the code says more than the concept (safe to accept);
``broader``, the code also covers other things (evidence, never proof). What follows for the concept from a stated,
denied or doubtful entry is decided once, in ``implied``.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Literal, NamedTuple, get_args

from imnm.logic.truth import Truth

from .files import DATA

Relation = Literal["exact", "narrower", "broader"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)

Domain = Literal["condition", "result", "drug", "procedure"]
"""Where a name was read: a problem list, a result, a medication, a procedure."""


class Concept(NamedTuple):
    """One thing a record can speak of.

    domain:  condition, result, drug, procedure, report (a finding of a report text), code_family (a bucket of codes)
             or answer (positive, negative ...).
    parents: the wider concepts it also is (a statin's ingredient is a ``statin``).
    unit:    the canonical unit of its values, empty if it has none or its units are arbitrary (antibodies).
    lasting: it does not end, so "history of" it means that it is there.
    episode: it happens at a time and is over (an infarction, a fall), so "three weeks ago" dates it.
    """

    id: str
    domain: str
    parents: tuple[str, ...]
    label: str
    unit: str
    lasting: bool
    episode: bool
    description: str


class Match(NamedTuple):
    """A concept that a code or a name stands for.

    direct:    the concept the code or name itself names; ``concept`` is this or one of its ancestors.
    verified:  the code was seen in a public source, or the name was matched as spelt.
    polarity:  what the words say of it: True present, False denied, None in doubt.
    past:      the words say that it is over (``in remission``, ``previous``).
    family:    the words speak of a relative; ``concept`` is then a ``family_history_...`` concept.
    days_ago:  when the words date it by an interval (``three weeks earlier``): least and most days before the entry.
    """

    concept: str
    relation: Relation
    verified: bool = True
    direct: str = ""
    polarity: Truth = True
    past: bool = False
    family: bool = False
    days_ago: tuple[int, int] | None = None


# ---------------------------------------------------------------- concepts


def rows_of(*path: str) -> Iterator[dict[str, str]]:
    """The rows of a data file, without its comment lines."""
    file = DATA.joinpath(*path)
    lines = file.read_text(encoding="utf-8").splitlines()
    return csv.DictReader(line for line in lines if not line.startswith("#"))


def _concepts() -> dict[str, Concept]:
    found: dict[str, Concept] = {}
    for row in rows_of("concepts.csv"):
        parents = tuple(row["parents"].split(";")) if row["parents"] else ()
        course = row["course"]
        found[row["id"]] = Concept(
            row["id"], row["domain"], parents, row["label"], row["unit"], course == "lasting", course == "episode",
            row["description"],
        )  # fmt: skip
    return found


CONCEPTS: Mapping[str, Concept] = _concepts()
"""Every concept by id."""


@cache
def ancestors(concept: str) -> tuple[str, ...]:
    """The wider concepts that this one also is, nearest first; without itself."""
    found: dict[str, None] = {}
    for parent in CONCEPTS[concept].parents:
        found[parent] = None
        found.update(dict.fromkeys(ancestors(parent)))
    return tuple(found)


@cache
def members(concept: str) -> tuple[str, ...]:
    """The narrower concepts that are also this one (``members("statin")``: the ingredients), in file order."""
    return tuple(id for id in CONCEPTS if concept in ancestors(id))


# ---------------------------------------------------------------- code systems

_SYSTEMS: dict[str, tuple[str, ...]] = {
    "loinc": ("loinc.org", "2.16.840.1.113883.6.1", "loinc", "ln"),
    "snomed": ("snomed.info/sct", "2.16.840.1.113883.6.96", "snomed", "snomedct", "snomed-ct", "snomed ct", "sct"),
    "icd10cm": ("hl7.org/fhir/sid/icd-10-cm", "2.16.840.1.113883.6.90", "icd10cm", "icd-10-cm"),
    "icd10": ("hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.3", "icd10", "icd-10", "hl7.org/fhir/sid/icd-10-uk",
              "fhir.de/codesystem/bfarm/icd-10-gm", "fhir.de/codesystem/dimdi/icd-10-gm"),
    "icd9cm": ("hl7.org/fhir/sid/icd-9-cm", "hl7.org/fhir/sid/icd-9-cm/diagnosis", "2.16.840.1.113883.6.103",
               "2.16.840.1.113883.6.2", "hl7.org/fhir/sid/icd-9", "icd9cm", "icd-9-cm", "icd9"),
    "rxnorm": ("nlm.nih.gov/research/umls/rxnorm", "2.16.840.1.113883.6.88", "rxnorm", "rxnorm extension"),
    "atc": ("whocc.no/atc", "2.16.840.1.113883.6.73", "fhir.de/codesystem/bfarm/atc",
            "fhir.de/codesystem/dimdi/atc", "atc"),
    "hpo": ("human-phenotype-ontology.org", "purl.obolibrary.org/obo/hp.owl", "purl.obolibrary.org/obo/hp.fhir",
            "purl.obolibrary.org/obo/hp", "hpo.jax.org", "hpo.jax.org/app", "hp", "hpo"),
    "mondo": ("purl.obolibrary.org/obo/mondo.owl", "purl.obolibrary.org/obo/mondo", "mondo.monarchinitiative.org",
              "monarchinitiative.org/mondo", "mondo"),
    "orpha": ("orpha.net", "orphadata.com", "orpha.net/ordo", "orpha", "orphanet", "ordo"),
    "omop": ("omop", "ohdsi", "fhir-terminology.ohdsi.org"),
}  # fmt: skip
"""Our short names of the code systems, each with the URIs, OIDs and names under which records carry it."""

SYSTEMS: tuple[str, ...] = tuple(_SYSTEMS)
_BY_NAME = {name: system for system, names in _SYSTEMS.items() for name in names}
_PREFIXES = {"HP": "hpo", "MONDO": "mondo", "ORPHA": "orpha", "ORPHANET": "orpha", "LOINC": "loinc",
             "SNOMED": "snomed", "SNOMEDCT": "snomed", "RXNORM": "rxnorm", "ATC": "atc"}  # fmt: skip
_LOCAL_ICD = re.compile(r"icd-?(9|10)(?![0-9])")


@lru_cache(maxsize=1024)
def system_of(uri: str) -> str | None:
    """Our short name of the code system with this URI, OID or name (``loinc``); None if it is another system.

    Local systems that carry ICD say so in their address (``.../mimic-diagnosis-icd9``) and are read as such.
    """
    name = uri.strip().lower().removeprefix("urn:oid:").removeprefix("http://").removeprefix("https://")
    name = name.removeprefix("www.").split("|")[0].rstrip("/#")
    if name in _BY_NAME:
        return _BY_NAME[name]
    if name.startswith(("snomed.info/sct/", "snomed.info/id")):
        return "snomed"
    local = _LOCAL_ICD.search(name)
    if local and "proc" not in name and "pcs" not in name:
        return "icd9cm" if local[1] == "9" else "icd10" if "who" in name or "gm" in name else "icd10cm"
    return None


@cache
def disabled_systems() -> frozenset[str]:
    """The systems a site has switched off: short names in ``IMNM_DISABLE_SYSTEMS``, separated by commas.

    Raises ValueError for a name that is no system.
    """
    names = {name.strip().lower() for name in os.environ.get("IMNM_DISABLE_SYSTEMS", "").split(",")} - {""}
    if unknown := names - set(SYSTEMS):
        raise ValueError(
            f"IMNM_DISABLE_SYSTEMS names no code system: {', '.join(sorted(unknown))} (known: {', '.join(SYSTEMS)})"
        )
    return frozenset(names)


class Code(NamedTuple):
    """One row of a code file. ``omop``: the OMOP standard concept id, where a public source gave it."""

    concept: str
    relation: Relation
    verified: bool
    display: str
    omop: str


@cache
def codes(system: str) -> Mapping[str, tuple[Code, ...]]:
    """The rows of a code system by code (ICD without its dot); empty if the site switched the system off."""
    if system in disabled_systems():
        return {}
    found: dict[str, tuple[Code, ...]] = {}
    for row in rows_of("codes", f"{system}.csv"):
        code = _plain(system, row["code"])
        entry = Code(row["concept"], _relation(row["relation"]), row["verified"] == "yes", row["display"], row["omop"])
        found[code] = (*found.get(code, ()), entry)
    return found


@cache
def _ranges(system: str) -> tuple[tuple[str, str, Code], ...]:
    if system in disabled_systems():
        return ()
    return tuple(
        (row["first"], row["last"], Code(row["concept"], _relation(row["relation"]), True, "", ""))
        for row in rows_of("codes", "icd_ranges.csv")
        if row["system"] == system
    )


def _relation(text: str) -> Relation:
    if text not in RELATIONS:
        raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, not {text!r}")
    return text


def _plain(system: str, code: str) -> str:
    """The code as our tables hold it: ICD without dot, ontology ids with their prefix and a colon."""
    code = code.strip()
    if system.startswith("icd"):
        return code.upper().replace(".", "")
    if system in ("hpo", "mondo"):
        prefix = "HP" if system == "hpo" else "MONDO"
        digits = re.split(r"[:_/]", code)[-1]
        return f"{prefix}:{digits}" if digits.isdigit() else code
    if system == "orpha":
        return re.split(r"[:_/]", code)[-1]
    return code.upper() if system == "atc" else code


# ---------------------------------------------------------------- lookup


@lru_cache(maxsize=16384)
def lookup_code(system_uri: str, code: str) -> tuple[Match, ...]:
    """The concepts a code stands for, with their ancestors; exact ones first. Empty if we do not know it.

    ``system_uri`` may be a FHIR URI, ``urn:oid:...`` or a name; empty if the code carries its system
    (``HP:0003701``, as Phenopackets do). An ICD code below one of our rows counts as narrower than that row.
    """
    system = system_of(system_uri) if system_uri else None
    if system is None and not system_uri and ":" in code:
        system = _PREFIXES.get(code.split(":")[0].upper())
    if system is None:
        return ()
    return with_ancestors(_direct(system, _plain(system, code)))


def _direct(system: str, code: str) -> Iterator[Match]:
    rows: Iterable[tuple[Code, bool]]
    if system.startswith("icd"):
        rows = _icd(system, code)
    elif system == "atc":
        rows = _below(codes("atc"), code, shortest=4)
    else:
        rows = ((row, True) for row in codes(system).get(code, ()))
    for row, same in rows:
        relation: Relation = row.relation if same or row.relation == "broader" else "narrower"
        yield Match(row.concept, relation, row.verified, row.concept)


def _below(table: Mapping[str, tuple[Code, ...]], code: str, shortest: int) -> Iterator[tuple[Code, bool]]:
    """The rows of the code itself (True) and of every code it lies below (False)."""
    for length in range(len(code), shortest - 1, -1):
        for row in table.get(code[:length], ()):
            yield row, length == len(code)


def _icd(system: str, code: str) -> Iterator[tuple[Code, bool]]:
    found = list(_below(codes(system), code, shortest=3))
    sister = {"icd10": "icd10cm", "icd10cm": "icd10"}.get(system)
    if not found and sister and not _differs(code):
        found = [(row, True) for row in codes(sister).get(code, ())]
    yield from found
    for first, last, row in _ranges("icd10cm" if system == "icd10" else system):
        if first <= code[: len(first)] and code[: len(last)] <= last:
            yield row, code == first == last


def _differs(code: str) -> bool:
    """Whether ICD-10 and ICD-10-CM may mean different things: chapter M has other fifth characters in each."""
    return code.startswith("M") and len(code) > 4


def with_ancestors(direct: Iterable[Match]) -> tuple[Match, ...]:
    """The matches and, for each, its ancestors (``narrower``, or ``broader`` if the match was); best ones kept."""
    best: dict[str, Match] = {}
    for match in direct:
        _keep(best, match)
        wider: Relation = "broader" if match.relation == "broader" else "narrower"
        for ancestor in ancestors(match.concept):
            _keep(best, match._replace(concept=ancestor, relation=wider))
    return tuple(sorted(best.values(), key=lambda match: RELATIONS.index(match.relation)))


def _keep(best: dict[str, Match], match: Match) -> None:
    known = best.get(match.concept)
    if known is None or RELATIONS.index(match.relation) < RELATIONS.index(known.relation):
        best[match.concept] = match


def lookup_name(text: str, domain: Domain, context: str = "") -> tuple[Match, ...]:
    """The concepts a name stands for; see ``imnm.knowledge.names.lookup_name`` (loaded at the first call)."""
    from . import names

    return names.lookup_name(text, domain, context)


def implied(matches: Iterable[Match], stated: Truth = True) -> tuple[tuple[Match, Truth], ...]:
    """What a record entry with these matches says of each concept; what it does not speak of is left out.

    ``stated``: the entry's own status (True confirmed, False refuted or not done, None suspected). It is combined
    with the words (``no``, ``suspected``). A narrower thing that is present proves the wider one, its absence proves
    nothing (no lung cancer is not no cancer). A broader thing that is present proves nothing and leaves the concept
    in doubt; its absence proves the concept's. Membership of a code family is a fact about the code.
    """
    found: list[tuple[Match, Truth]] = []
    for match in matches:
        truth: Truth = match.polarity if stated is True else (False if stated is False else None)
        if stated is False and match.polarity is not True:
            continue  # a denial refuted, or a doubt: says nothing that could be relied on
        if CONCEPTS[match.concept].domain == "code_family":
            if truth is True:
                found.append((match, True))
        elif match.relation == "broader":
            found.append((match, False if truth is False else None))
        elif match.relation == "exact" or truth is not False:
            found.append((match, truth))
    return tuple(found)


# ---------------------------------------------------------------- crosswalk


class Crossing(NamedTuple):
    """One row of the crosswalk: a concept, the finding or disease it bears on, and other spellings of that id.

    kind: ``finding`` or ``disease``; note: what the finding asks beyond the concept (a time window, a cause).
    """

    concept: str
    kind: str
    id: str
    labels: tuple[str, ...]
    note: str


@cache
def crosswalk() -> tuple[Crossing, ...]:
    """Concepts, findings or diseases, and label spellings (``data/crosswalk.csv``)."""
    return tuple(
        Crossing(
            row["concept"], row["kind"], row["id"], tuple(row["label"].split(";")) if row["label"] else (), row["note"]
        )
        for row in rows_of("crosswalk.csv")
    )


@cache
def finding_id(spelling: str) -> str | None:
    """The finding or disease id that a spelling stands for: the id itself, another label of it, or the only one that
    a concept bears on; None if there is none or more than one."""
    rows = crosswalk()
    found = {row.id for row in rows if spelling == row.id} or {row.id for row in rows if spelling in row.labels}
    found = found or {row.id for row in rows if spelling == row.concept}
    return found.pop() if len(found) == 1 else None
