"""The first look at many lines at once finds what the look at one resource at a time finds."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imnm.population import versions
from imnm.population.gate import gate_concepts
from imnm.sources.bulk import AT_A_GLANCE, USES, Narrower, entry_of, pairs

CODES: list[Any] = [
    {"text": "proximal muscle weakness"}, {"text": "CK"}, {"text": "muscle biopsy"}, {"text": "atorvastatin"},
    {"text": "Creatinine"}, {"text": "dialysis"}, {"text": "hypothyroidism"}, {"text": "nothing we know"},
    {"coding": [{"system": "http://loinc.org", "code": "2157-6"}]},
    {"text": "CK", "extension": [{"code": {"text": "nothing we know"}}]}, {}, None,
]  # fmt: skip
METAS: list[Any] = [
    None, {}, {"versionId": "1"}, {"versionId": 1}, {"versionId": "2"}, {"lastUpdated": "2024-01-01T00:00:00Z"},
    {"versionId": "1", "lastUpdated": "2024-01-01T00:00:00Z"},
    {"versionId": "3", "lastUpdated": "2024-02-01T00:00:00Z"},
]  # fmt: skip
WHO: list[Any] = [
    {"reference": "Patient/p"}, {"reference": "Patient/q"}, {"reference": "http://h/Patient/p/_history/2"},
    {"reference": "urn:uuid:p"}, {"display": "somebody"}, {"reference": "Patient?x=p"}, None,
]  # fmt: skip
NOTES: list[Any] = [None, [], [{"text": "weak"}]]


def _fields(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    code = st.sampled_from(CODES)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "code": code, "medicationCodeableConcept": code, "medicationReference": st.sampled_from(WHO),
        "component": st.lists(st.fixed_dictionaries({}, optional={"code": code}), max_size=2) | st.none(),
        "subject": st.sampled_from(WHO), "patient": st.sampled_from(WHO), "meta": st.sampled_from(METAS),
        "note": st.sampled_from(NOTES), "contained": st.just([{"resourceType": kind, "code": CODES[1]}]),
    }  # fmt: skip
    needed = {"resourceType": st.just(kind), "id": st.text(max_size=3)}
    likely = {"medicationCodeableConcept" if kind in USES else "code": code, "subject": st.sampled_from(WHO[:3])}
    others = {name: value for name, value in optional.items() if name not in likely}
    return st.fixed_dictionaries(needed, optional=optional) | st.fixed_dictionaries(needed | likely, optional=others)


@st.composite
def _line(draw: st.DrawFn, kind: str) -> bytes:
    """A resource as one line: its fields in any order, some twice (the last counts), spaced and escaped or not."""
    fields = list(draw(_fields(kind)).items())
    fields += list(draw(_fields(kind)).items())[: draw(st.integers(0, 2))]
    apart, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]))
    inner = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    texts = [
        json.dumps(name) + colon + json.dumps(value, separators=inner) for name, value in draw(st.permutations(fields))
    ]
    line = "{" + apart.join(texts) + "}" + draw(st.sampled_from(["", " ", "\r"]))
    if draw(st.booleans()):
        line = line.replace('"code"', '"c\\u006fde"').replace('"component"', '"\\u0063omponent"')
    return line.encode()


@st.composite
def _blocks(draw: st.DrawFn) -> tuple[str, bytes]:
    kind = draw(st.sampled_from(sorted(AT_A_GLANCE)))
    lines = draw(st.lists(_line(kind), min_size=1, max_size=8))
    return kind, b"\n".join(lines) + draw(st.sampled_from([b"", b"\n"]))


Found = tuple[list[tuple[str, str, str, bytes]], set[versions.Version], dict[str, int], dict[str, int], int]


def _at_once(narrower: Narrower, data: bytes) -> Found | None:
    glanced = narrower.glance_at_lines(data)
    if glanced is None:
        return None
    assert not glanced.closer
    found = [
        (patient, kind, mark, entry_of(kind, data[start:end]))
        for (patient, kind, mark), spots in glanced.kept.items()
        for start, end in pairs(spots)
    ]
    return _counted(narrower, found, set(versions.later_in_lines(data, glanced.later)))


def _one_by_one(narrower: Narrower, data: bytes) -> Found | None:
    try:
        pieces = [piece for line in data.splitlines(keepends=True) for piece in narrower.pieces(line)]
    except msgspec.DecodeError:  # a code that is none
        return None
    later = {version for piece in pieces for version in versions.later_piece(piece)}
    return _counted(narrower, [(one.patient, one.kind, one.mark, one.entry) for one in pieces], later)


def _counted(narrower: Narrower, found: list[tuple[str, str, str, bytes]], later: set[versions.Version]) -> Found:
    return sorted(found), later, narrower.seen, narrower.kept, narrower.without_patient


PANEL = b"""{"resourceType":"Observation","code":{"text":"nothing we know"},"component":[{"code":{"text":"CK"}}],\
"subject":{"reference":"Patient/p"}}"""


@given(_blocks())
@example(("Observation", PANEL))
def test_lines_looked_at_at_once_are_what_they_are_one_by_one(block: tuple[str, bytes]) -> None:
    kind, data = block
    expected = _one_by_one(Narrower(gate_concepts()), data)
    assert _at_once(Narrower(gate_concepts()), data) == expected
    typed = Narrower(gate_concepts())
    typed.glance_at_lines(b'{"resourceType":"%s"}\n' % kind.encode())  # from here on lines of this type are expected
    typed.seen, typed.kept, typed.without_patient = {}, {}, 0
    assert _at_once(typed, data) == expected
    typed.seen, typed.kept, typed.without_patient = {}, {}, 0
    assert _at_once(typed, data) == expected  # now that all it says has been looked up


CK = b'{"resourceType":"Observation","code":{"text":"CK"},"subject":{"reference":"Patient/p"}}'


@pytest.mark.parametrize(
    "odd",
    [b"", b"\n", CK + CK, CK + b"\n\n" + CK, CK + CK + b"\n\n", CK[:-1], b" " + CK, b"[]", b"5", CK + b"\n\xff"],
)
def test_lines_that_are_not_one_resource_each_are_left_to_be_read_one_by_one(odd: bytes) -> None:
    narrower = Narrower(gate_concepts())
    assert narrower.glance_at_lines(CK + b"\n" + CK + b"\n") is not None
    before = narrower.seen, narrower.kept, narrower.without_patient
    found = narrower.glance_at_lines(CK + b"\n" + odd + b"\n" + CK + b"\n")
    assert found is None
    assert (narrower.seen, narrower.kept, narrower.without_patient) == before
