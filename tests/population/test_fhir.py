"""FHIR folders: what the worklist says is what ``assess`` says one by one, however the files are written."""

from __future__ import annotations

import gzip
import json
import math
import shutil
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from backports import zstd

from imnm.assessment import assess_record, program
from imnm.population import store
from imnm.population.fhir import FhirPopulation
from imnm.population.gate import base, gate_concepts
from imnm.population.lines import fhir_files
from imnm.population.screen import Screening, ScreenOptions, screen
from imnm.population.source import SourceError
from imnm.population.synth import synthesise
from imnm.sources import read
from imnm.sources.bulk import Narrower

from .shared import SHARED, needs_cases, needs_data, write_export

EXAMPLES = Path(__file__).resolve().parents[2] / "src" / "imnm" / "examples"


def levels_of(answer: Screening) -> dict[str, str]:
    return {row.patient_id: row.level for row in answer.worklist if row.changed_on is None}


@pytest.fixture(scope="module")
def bundles() -> list[Path]:
    found = [path for path in sorted(EXAMPLES.glob("*.json")) if json.loads(path.read_text()).get("resourceType")]
    assert len(found) >= 4
    return found


@pytest.fixture(scope="module")
def singly(bundles: list[Path]) -> dict[str, str]:
    answers = [assess_record(path.read_bytes(), None, "general-record") for path in bundles]
    return {answer.patient.id: answer.suspicion.level for answer in answers}


def listed(levels: dict[str, str], least: str = "moderate") -> dict[str, str]:
    return {id: level for id, level in levels.items() if program.RANK[level] >= program.RANK[least]}


def test_export_and_bundles_give_what_assess_gives(bundles: list[Path], singly: dict[str, str], tmp_path: Path) -> None:
    write_export(bundles, tmp_path / "export")
    (tmp_path / "bundles").mkdir()
    for path in bundles:
        shutil.copy(path, tmp_path / "bundles")
    assert listed(singly)
    for folder in ("export", "bundles"):
        answer = screen(str(tmp_path / folder))
        assert levels_of(answer) == listed(singly)
        assert answer.disagreements == []
        assert answer.report.read == len(singly) == answer.report.assessed


def test_compressed_spread_mixed_and_repeated_files_change_nothing(
    bundles: list[Path], singly: dict[str, str], tmp_path: Path
) -> None:
    write_export(bundles, tmp_path / "plain")
    lines = [line for path in sorted((tmp_path / "plain").iterdir()) for line in path.read_text().splitlines()]
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.ndjson").write_text("\n".join(lines[::3]) + "\n")
    (folder / "b.ndjson.gz").write_bytes(gzip.compress(("\n".join(lines[1::3]) + "\n").encode()))
    (folder / "again.ndjson").write_text("\n".join(lines[::5]) + "\n")
    plain = folder / "c.ndjson"
    plain.write_text("\n".join(lines[2::3]) + "\n")
    duckdb.connect().execute(
        f"COPY (SELECT line FROM read_csv('{plain}', columns={{'line': 'VARCHAR'}}, header=false, delim='\\0', "
        f"quote='', escape='', auto_detect=false)) TO '{folder / 'c.ndjson.zst'}' "
        "(FORMAT csv, HEADER false, DELIMITER '\\0', QUOTE '', ESCAPE '', COMPRESSION zstd)"
    )
    plain.unlink()
    answer = screen(str(folder))
    assert levels_of(answer) == listed(singly)
    assert answer.report.broken == 0


def test_several_processes_and_partitions_give_the_same(
    bundles: list[Path], singly: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_export(bundles, tmp_path / "export")
    monkeypatch.setattr("imnm.population.fhir._SMALL", 0)
    monkeypatch.setattr("imnm.population.fhir._PARTITION", 20_000)
    monkeypatch.setattr("imnm.population.lines._CHUNK", 7_000)
    monkeypatch.setattr("imnm.population.fhir.cores", lambda: 2)
    answer = screen(str(tmp_path / "export"))
    assert levels_of(answer) == listed(singly)
    assert answer.report.broken == 0
    assert answer.report.read == len(singly)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_of_visits_and_drugs_may_hold_anything(
    suffix: str, bundles: list[Path], singly: dict[str, str], tmp_path: Path
) -> None:
    """They are looked at last, and of people who do not matter nothing is kept of them: unless one of them turns out
    to tell, or names somebody who is named nowhere else."""
    write_export(bundles, tmp_path / "plain")
    lines = [line for path in sorted((tmp_path / "plain").iterdir()) for line in path.read_text().splitlines()]
    visit = {"resourceType": "Encounter", "id": "of-nobody", "subject": {"reference": "Patient/nobody"}}
    use = {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "simvastatin"}}
    texts = {"Encounter.ndjson": [json.dumps(visit), *lines[1:]], "MedicationRequest.ndjson": [json.dumps(use)],
             "others.ndjson": [json.dumps({"resourceType": "Basic"}), *lines[:1]]}  # fmt: skip
    (tmp_path / "export").mkdir()
    for name, held in texts.items():
        text = ("\n".join(held) + "\n").encode()
        (tmp_path / "export" / f"{name}{suffix}").write_bytes(gzip.compress(text) if suffix else text)
    everyone, few = (screen(str(tmp_path / "export"), ScreenOptions(sample=sample)) for sample in (1000, 0))
    assert levels_of(everyone) == levels_of(few) == listed(singly)
    assert few.worklist == everyone.worklist
    assert few.disagreements == []
    assert few.report == everyone.report
    assert few.report.read == len(singly) + 1
    assert list(few.report.skipped.values()) == [1]
    assert few.report.entries["entries that name no patient"] == (1, 0)


def test_as_many_as_asked_for_are_compared_beside_those_who_pass_the_gate(tmp_path: Path) -> None:
    synthesise(400, tmp_path / "people", "fhir", 3, 0.1)
    answer = screen(str(tmp_path / "people"), ScreenOptions(sample=100))
    passed = answer.levels["low"] + len(answer.worklist)
    assert passed > 50
    assert passed + 100 <= answer.compared < 400
    assert not answer.disagreements


def test_people_asked_for_can_be_read_though_they_neither_tell_nor_are_drawn(tmp_path: Path) -> None:
    of = {"subject": {"reference": "Patient/p"}}
    lines = {"Patient": {"id": "p", "birthDate": "1950"},
             "MedicationRequest": {**of, "id": "m", "status": "active", "authoredOn": "2020-01-01",
                                   "medicationCodeableConcept": {"text": "simvastatin"}}}  # fmt: skip
    for kind, fields in lines.items():
        (tmp_path / f"{kind}.ndjson").write_text(json.dumps({"resourceType": kind, **fields}) + "\n")
    found = {}
    for name, also in (("asked", ("p",)), ("other", ())):
        (tmp_path / name).mkdir()
        population = FhirPopulation(fhir_files(tmp_path), tmp_path / name, sample=0, also=also)
        population.load(store.connect(tmp_path / name, None, 1), lambda line: None)
        found[name] = dict(population.judged({"p": 0.0}, _events))["p"]
    assert any("statin" in event for event in found["asked"])
    assert not any("statin" in event for event in found["other"])


@pytest.mark.parametrize("kind", ["Condition", "Observation", "Procedure"])
def test_lines_of_one_type_are_looked_at_as_any_lines_are(kind: str) -> None:
    """When a block is known to be of one type, less of it is decoded; what is found is the same."""
    of, nothing = {"subject": {"reference": "Patient/p"}}, {"text": "nothing we know"}
    known = {"text": {"Condition": "proximal muscle weakness", "Observation": "CK", "Procedure": "muscle biopsy"}[kind]}
    fields: list[dict[str, Any]] = [
        {**of, "code": known}, {**of, "code": nothing}, {**of, "code": known, "note": [{"text": "weak"}]},
        {**of, "code": nothing, "note": [{"text": "weak"}]}, {**of, "code": nothing, "meta": {"versionId": "2"}},
        {**of, "code": nothing, "component": [{"code": known}]}, {**of, "code": {"text": "Creatinine"}},
        {"patient": {"reference": "Patient/q"}, "code": known}, {"code": known}, of,
    ]  # fmt: skip
    data = "".join(json.dumps({"resourceType": kind, **one}) + "\n" for one in fields).encode()
    others = [{"code": known}, {"resourceType": "Encounter", **of}]
    mixed = data + "".join(json.dumps(one) + "\n" for one in others).encode()
    narrower = Narrower(gate_concepts())
    once = narrower.glance_at_lines(data)
    seen, kept, nobody = dict(narrower.seen), dict(narrower.kept), narrower.without_patient
    assert once is not None
    assert {patient for patient, *_ in once.kept} == {"p", "q"}
    assert narrower.glance_at_lines(data) == once
    assert narrower.seen == {kind: 2 * seen[kind]} == {kind: 2 * len(fields)}
    assert narrower.kept == {kind: 2 * number for kind, number in kept.items()}
    assert narrower.without_patient == 2 * nobody
    assert narrower.glance_at_lines(mixed) == Narrower(gate_concepts()).glance_at_lines(mixed) != once
    assert narrower.glance_at_lines(data[:-1] * 2 + b"\n\n") is None


def test_a_newer_version_replaces_an_older_one(tmp_path: Path) -> None:
    def condition(version: int, code: str, status: str) -> dict[str, Any]:
        return {
            "resourceType": "Condition", "id": "c", "meta": {"versionId": str(version),
            "lastUpdated": f"2024-01-0{version}T00:00:00Z"}, "subject": {"reference": "Patient/p"},
            "code": {"text": code}, "recordedDate": "2024-01-01",
            "verificationStatus": {"coding": [{"code": status}]},
        }  # fmt: skip

    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1950"}
    for newer in (condition(2, "Essential hypertension", "confirmed"),
                  condition(2, "Proximal muscle weakness", "entered-in-error")):  # fmt: skip
        lines = [newer, patient, condition(1, "Proximal muscle weakness", "confirmed")]
        (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
        assert screen(str(tmp_path)).levels["low"] == 0
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines[1:])) + "\n")
    assert screen(str(tmp_path)).levels["low"] == 1


@pytest.mark.parametrize("meta", [
    ({"versionId": "1"}, {"versionId": "2"}),
    ({"lastUpdated": "2024-02-01T00:00:00Z"}, {"lastUpdated": "2024-02-02T00:00:00Z"}),
    ({"versionId": "MTY", "lastUpdated": "2024-02-01T00:00:00Z"}, {"versionId": "AAA", "lastUpdated": "2024-02-02"}),
    ({"versionId": 9}, {"versionId": 10}),
    ({}, {"versionId": "7"}),
])  # fmt: skip
@pytest.mark.parametrize("form", ["lines", "packed", "processes", "bundle"])
def test_a_result_that_a_later_version_gives_to_another_patient_is_only_that_ones(
    form: str, meta: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where one record holds both versions: the newer counts, which names somebody else."""
    people = [{**ME, "id": id} for id in "ab"]
    first, second = ({**raised_ck(id), "id": "ck", "meta": version} for id, version in zip("ab", meta, strict=True))
    for versions in ([first, second], [second, first]):
        alone = read(as_bundle(people[0], *versions).encode())
        assert not [event for event in alone.events if event.concept == "creatine_kinase_total"]
        lines = [*people, weak("a"), weak("b"), *versions]
        text = "\n".join(map(json.dumps, lines)) + "\n"
        if form == "processes":
            monkeypatch.setattr("imnm.population.fhir._SMALL", 0)
            monkeypatch.setattr("imnm.population.fhir._PARTITION", 500)
            monkeypatch.setattr("imnm.population.lines._CHUNK", 300)
            monkeypatch.setattr("imnm.population.fhir.cores", lambda: 2)
        name = {"packed": "all.ndjson.gz", "bundle": "all.json"}.get(form, "all.ndjson")
        data = (as_bundle(*lines) if form == "bundle" else text).encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if form == "packed" else data)
        answer = screen(str(tmp_path), ScreenOptions(min_level="low"))
        assert {row.patient_id: row.ck_peak_u_l for row in answer.worklist} == {"a": None, "b": 9000.0}
        assert answer.disagreements == []
        assert [(kind, line) for kind, line, _ in answer.report.problems] == [("Observation", 0)]


def test_a_result_that_was_given_back_stays_and_one_of_equal_versions_too(tmp_path: Path) -> None:
    first, second, third = ({**raised_ck(id), "id": "ck", "meta": {"versionId": str(number)}}
                            for number, id in enumerate("aba", 1))  # fmt: skip
    people = [{**ME, "id": id} for id in "ab"]
    for versions, having in (
        ([first, second, third], {"a"}),
        ([second, {**first, "meta": second["meta"]}], {"a", "b"}),
    ):
        lines = [*people, weak("a"), weak("b"), *versions]
        (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
        answer = screen(str(tmp_path), ScreenOptions(min_level="low"))
        assert {row.patient_id for row in answer.worklist if row.ck_peak_u_l} == having


def test_a_drug_given_to_another_patient_of_no_interest_is_no_longer_the_first_ones(tmp_path: Path) -> None:
    """Drugs are looked at last, and those of people who do not matter are not kept."""
    people = [{**ME, "id": id} for id in "ab"]
    first, second = (about(id, "MedicationRequest", "m", medicationCodeableConcept={"text": "simvastatin"},
                           authoredOn="2023-12-01", status="active", meta={"versionId": str(number)})
                     for number, id in enumerate("ab", 1))  # fmt: skip
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [*people, weak("a"), raised_ck("a")])) + "\n")
    for uses, statin in (([first], "simvastatin"), ([first, second], None)):
        (tmp_path / "MedicationRequest.ndjson").write_text("\n".join(map(json.dumps, uses)) + "\n")
        (row,) = screen(str(tmp_path), ScreenOptions(sample=0)).worklist
        assert (row.patient_id, row.statin) == ("a", statin)


def test_broken_input_is_told_by_file_and_line_and_the_rest_is_done(
    bundles: list[Path], singly: dict[str, str], tmp_path: Path
) -> None:
    write_export(bundles, tmp_path)
    (tmp_path / "bad.ndjson").write_text('{"resourceType":"Condition","id":"x"}\n{"resourceType":"Cond\n\n')
    (tmp_path / "pointer.ndjson").write_text("version 1\noid sha256\n")
    whole = gzip.compress(b'{"resourceType":"Basic"}\n' * 5000)
    (tmp_path / "cut.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    stray = {"resourceType": "Condition", "subject": {"reference": "Patient/nobody"}, "code": {"text": "myalgia"}}
    (tmp_path / "stray.ndjson").write_text(json.dumps(stray) + "\n")
    answer = screen(str(tmp_path))
    assert levels_of(answer) == listed(singly)
    places = {(Path(file).name, line) for file, line, _ in answer.report.problems}
    assert places == {("bad.ndjson", 2), ("pointer.ndjson", 1), ("cut.ndjson.gz", 0)}
    assert answer.report.read == len(singly) + 1
    assert answer.report.assessed == len(singly)
    assert list(answer.report.skipped.values()) == [1]


def test_entries_are_counted_the_same_however_they_are_packed(bundles: list[Path], tmp_path: Path) -> None:
    write_export(bundles, tmp_path / "plain")
    (tmp_path / "packed").mkdir()
    for path in (tmp_path / "plain").iterdir():
        (tmp_path / "packed" / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    plain, packed = (screen(str(tmp_path / folder)).report for folder in ("plain", "packed"))
    assert plain.entries == packed.entries
    assert plain.entries["Patient"] == (len(bundles), len(bundles))


def test_what_only_overrules_is_counted_the_same_wherever_it_stands(tmp_path: Path) -> None:
    newer = about("p", "Condition", "c", code={"text": "nothing we know"}, meta={"versionId": "2"})
    for name in ("all.ndjson", "all.json"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("\n".join(map(json.dumps, [ME, newer])) + "\n")
    lines, document = (screen(str(tmp_path / name)).report.entries for name in ("all.ndjson", "all.json"))
    assert lines == document == {"Patient": (1, 1), "Condition": (1, 0)}


@pytest.mark.parametrize("name", ["all.ndjson", "all.json", "all.ndjson.gz"])
def test_a_byte_order_mark_costs_nobody(name: str, tmp_path: Path) -> None:
    lines = [{"resourceType": "Patient", "id": str(number), "birthDate": "1950"} for number in range(3)]
    data = b"\xef\xbb\xbf" + "\n".join(map(json.dumps, lines)).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    report = screen(str(tmp_path)).report
    assert (report.read, report.broken) == (3, 0)


def test_ids_with_line_breaks_and_tabs_take_nobody_down(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [{"resourceType": "Patient", "id": "good", "birthDate": "1950"}]
    for id in ("a\nb", "a\tc", "a\r"):
        weak = {"text": "Proximal muscle weakness"}
        lines.append({"resourceType": "Patient", "id": id, "birthDate": "1950"})
        lines.append({"resourceType": "Condition", "subject": {"reference": f"Patient/{id}"}, "code": weak,
                      "recordedDate": "2024-01-01"})  # fmt: skip
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
    answer = screen(str(tmp_path))
    assert answer.report.read == answer.report.assessed == 4
    assert answer.levels["low"] == 3


def test_a_zst_that_is_cut_off_is_told(tmp_path: Path) -> None:
    lines = [json.dumps({"resourceType": "Patient", "id": f"{number:04}"}) + "\n" for number in range(2000)]
    whole = zstd.compress("".join(lines).encode())
    (tmp_path / "Patient.ndjson.zst").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.ndjson").write_text('{"resourceType": "Patient", "id": "other"}\n')
    report = screen(str(tmp_path)).report
    assert [Path(file).name for file, _, _ in report.problems] == ["Patient.ndjson.zst"]
    assert report.read >= 1


def test_line_numbers_hold_within_a_chunk(bundles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_export(bundles, tmp_path)
    good = '{"resourceType":"Basic","id":"' + "x" * 80 + '"}\n'
    (tmp_path / "long.ndjson").write_text(good * 700 + "{broken\n" + good * 300)
    monkeypatch.setattr("imnm.population.lines._CHUNK", 10_000)
    problems = screen(str(tmp_path)).report.problems
    assert [(Path(file).name, line) for file, line, _ in problems] == [("long.ndjson", 701)]


# ---------------------------------------------------------------- odd layouts


ME = {"resourceType": "Patient", "id": "p", "birthDate": "1950-01-01"}


def about(patient: str, kind: str, id: str, **fields: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": id, "subject": {"reference": f"Patient/{patient}"}, **fields}


def weak(patient: str) -> dict[str, Any]:
    return about(patient, "Condition", f"w-{patient}", code={"text": "Proximal muscle weakness"},
                 recordedDate="2024-01-02")  # fmt: skip


def raised_ck(patient: str) -> dict[str, Any]:
    return about(patient, "Observation", f"ck-{patient}", code={"coding": [{"system": "http://loinc.org",
                 "code": "2157-6"}]}, effectiveDateTime="2024-01-01", status="final",
                 valueQuantity={"value": 9000, "unit": "U/L"})  # fmt: skip


def as_bundle(*resources: dict[str, Any]) -> str:
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]})


def listed_in(folder: Path) -> dict[str, str]:
    answer = screen(str(folder))
    assert answer.disagreements == []
    return levels_of(answer)


def person(id: str) -> list[dict[str, Any]]:
    return [{**ME, "id": id}, weak(id), raised_ck(id)]


@pytest.mark.parametrize("packed", [False, True])
def test_two_resources_on_one_line_are_told_and_move_no_other(packed: bool, tmp_path: Path) -> None:
    """With a blank line there are as many lines as resources."""
    visit = about("a", "Encounter", "v", status="finished")
    one = [json.dumps(resource) for resource in (*person("a"), visit)]
    text = "\n".join([*one, one[-1] + one[-1], "", *map(json.dumps, person("b"))]) + "\n"
    path = tmp_path / ("all.ndjson.gz" if packed else "all.ndjson")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    answer = screen(str(tmp_path))
    assert levels_of(answer) == {"a": "high", "b": "high"}
    assert [(line, reason) for _, line, reason in answer.report.problems] == [(5, "not JSON")]


def test_an_entry_that_cannot_be_read_takes_nobody_else_along(tmp_path: Path) -> None:
    bad = about("a", "Condition", "bad", code=5)
    (tmp_path / "all.json").write_text(as_bundle(*person("a"), bad, *person("b"), *person("c")))
    answer = screen(str(tmp_path))
    assert levels_of(answer) == dict.fromkeys("abc", "high")
    assert answer.report.broken == len(answer.report.problems) == 1


def test_a_bundle_read_with_other_entries_may_hold_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(as_bundle(ME, weak("p"), {**raised_ck("p"), "id": "x", "code": 5}))
    (tmp_path / "two.json").write_text(as_bundle(ME, raised_ck("p"), {**ME, "gender": 7}))
    assert list(listed_in(tmp_path)) == ["p"]


@pytest.mark.parametrize("telling", [True, False])
def test_a_visit_that_cannot_be_read_stops_nothing(telling: bool, tmp_path: Path) -> None:
    lines = [*(person("p") if telling else [ME]), about("p", "Encounter", "v", status={"no": "text"})]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)))
    assert listed_in(tmp_path) == ({"p": "high"} if telling else {})


def test_a_patient_whose_drug_stands_in_one_of_two_bundles(tmp_path: Path) -> None:
    drug = {"resourceType": "Medication", "id": "m", "code": {"text": "atorvastatin 40 mg tablet"}}
    use = about("p", "MedicationRequest", "u", status="active", authoredOn="2023-01-01",
                medicationReference={"reference": "Medication/m"})  # fmt: skip
    (tmp_path / "one.json").write_text(as_bundle(ME, drug, use))
    (tmp_path / "two.json").write_text(as_bundle(*person("p")))
    assert screen(str(tmp_path)).worklist[0].statin == "atorvastatin"


def test_a_medication_that_is_known_in_one_file_only(tmp_path: Path) -> None:
    for number, words in enumerate(("site item 17", "atorvastatin 40 mg tablet", "site item 17")):
        drug = {"resourceType": "Medication", "id": "m", "code": {"text": words}}
        (tmp_path / f"Medication{number}.ndjson").write_text(json.dumps(drug) + "\n")
    use = about("p", "MedicationRequest", "u", status="active", authoredOn="2023-01-01",
                medicationReference={"reference": "Medication/m"})  # fmt: skip
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [*person("p"), use])))
    assert screen(str(tmp_path)).worklist[0].statin == "atorvastatin"


def test_a_medication_that_is_known_in_one_line_only(tmp_path: Path) -> None:
    first, second = ({"resourceType": "Medication", "id": "m", "code": {"text": words}}
                     for words in ("site item 17", "atorvastatin 40 mg tablet"))  # fmt: skip
    use = about("p", "MedicationRequest", "u", status="active", authoredOn="2023-01-01",
                medicationReference={"reference": "Medication/m"})  # fmt: skip
    (tmp_path / "all.json").write_text("\n".join(map(json.dumps, [*person("p"), first, use, second])))
    assert screen(str(tmp_path)).worklist[0].statin == "atorvastatin"


def test_a_drug_that_is_stopped_before_it_starts_was_stopped_by_when_that_was_written(tmp_path: Path) -> None:
    use = about("p", "MedicationStatement", "u", status="stopped", effectivePeriod={"start": "2024-01-01"},
                dateAsserted="2021-02-03", medicationCodeableConcept={"text": "simvastatin"})  # fmt: skip
    stops = [event for event in read(as_bundle(ME, use).encode()).events if event.concept == "simvastatin.stop"]
    assert [(event.start, event.end) for event in stops] == [(-math.inf, 18661.0)]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [*person("p"), use])))
    assert screen(str(tmp_path)).disagreements == []


def test_a_visit_that_ends_before_it_starts_has_no_date(tmp_path: Path) -> None:
    visit = about("p", "Encounter", "v", status="finished", period={"start": "2024-02-01", "end": "2024-01-01"})
    ck = about("p", "Observation", "late", code={"text": "CK"}, status="final", encounter={"reference": "Encounter/v"},
               valueQuantity={"value": 9, "unit": "U/L"})  # fmt: skip
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [*person("p"), visit, ck])))
    assert listed_in(tmp_path) == {"p": "high"}


def test_a_bundle_with_one_patient_and_entries_of_another(tmp_path: Path) -> None:
    first, *others = person("b")
    (tmp_path / "one.json").write_text(as_bundle(*person("a"), *others))
    (tmp_path / "two.json").write_text(as_bundle(first))
    assert listed_in(tmp_path) == {"a": "high", "b": "high"}


@pytest.mark.parametrize("panel", ["Myositis antibody panel", "Juvenile myositis work-up"])
@pytest.mark.parametrize(("kind", "members"), [("DiagnosticReport", "result"), ("Observation", "hasMember")])
def test_a_short_name_is_clear_inside_its_panel(panel: str, kind: str, members: str, tmp_path: Path) -> None:
    srp = about("p", "Observation", "srp", code={"text": "SRP"}, status="final", effectiveDateTime="2024-01-05",
                valueString="positive")  # fmt: skip
    whole = about("p", kind, "all", code={"text": panel}, status="final", effectiveDateTime="2024-01-05")
    whole[members] = [{"reference": "Observation/srp"}]
    record = [*person("p"), srp, whole]
    assert assess_record(as_bundle(*record).encode()).suspicion.level == "established"
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, record)))
    assert listed_in(tmp_path) == {"p": "established"}


def test_two_patients_whose_ids_print_alike_are_left_out_with_a_reason(tmp_path: Path) -> None:
    lines = [*person("fine"), {**ME, "id": "p"}, {**ME, "id": "p\u0001"}]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)))
    report = screen(str(tmp_path)).report
    assert (report.read, report.assessed) == (2, 1)


def test_a_patient_of_two_births_has_the_same_one_in_every_run(tmp_path: Path) -> None:
    births = set()
    for number, years in enumerate((("1950", "2015"), ("2015", "1950"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        lines = [json.dumps({"resourceType": "Patient", "id": "p", "birthDate": year}) for year in years]
        (folder / "Patient.ndjson").write_text("\n".join(lines) + "\n")
        population, connection = FhirPopulation(fhir_files(folder), folder), store.connect(folder, None, 1)
        population.load(connection, lambda line: None)
        births |= set(connection.execute("SELECT birth_low FROM people").fetchall())
    assert len(births) == 1


def test_the_line_of_a_patient_who_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [*person("a"), {**ME, "id": 7}, *person("c")]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)))
    for size in (2**20, 300):
        monkeypatch.setattr("imnm.population.lines._CHUNK", size)
        report = screen(str(tmp_path)).report
        assert [line for _, line, _ in report.problems] == [4]
        assert report.broken == 1


@pytest.mark.parametrize("field", [{"birthDate": 1950}, {"gender": {}}])
@pytest.mark.parametrize("form", ["lines", "bundle", "bundles"])
@pytest.mark.parametrize("telling", [True, False])
def test_a_patient_whose_birth_or_sex_cannot_be_read_is_assessed_without(
    telling: bool, form: str, field: dict[str, Any], tmp_path: Path
) -> None:
    odd = {**ME, "gender": "female", **field}
    lines = [odd, *([weak("p"), raised_ck("p")] if telling else [])]
    alone = assess_record(as_bundle(*lines).encode(), None, "general-record")
    assert (alone.patient.age, alone.patient.sex) == (None, None)
    text = {"lines": "\n".join(map(json.dumps, lines)) + "\n", "bundle": as_bundle(*lines),
            "bundles": as_bundle(*lines, {**ME, "id": "other"})}[form]  # fmt: skip
    (tmp_path / ("all.ndjson" if form == "lines" else "all.json")).write_text(text)
    answer = screen(str(tmp_path))
    assert answer.report.read == answer.report.assessed == 1 + (form == "bundles")
    assert answer.disagreements == []
    if telling:
        (row,) = answer.worklist
        assert (row.level, row.age, row.sex) == (alone.suspicion.level, None, None)
    if form != "bundle" or telling:  # of a whole Bundle only the Patient's id is kept at first look
        assert answer.report.problems


def test_a_patient_with_an_odd_version_is_read_as_any(tmp_path: Path) -> None:
    lines = [{**ME, "meta": {"versionId": 5}}, {**ME, "id": "q", "subject": 7}]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
    answer = screen(str(tmp_path))
    assert answer.report.problems == []
    assert {step.step: step.people for step in answer.funnel}["adult"] == 2


@pytest.mark.parametrize("telling", [True, False])
@pytest.mark.parametrize("birth", ["1950-13-45", "not known", "0001-01-01", "9999-12-31"])
def test_an_impossible_birth_date_is_told_and_counts_as_not_known(birth: str, telling: bool, tmp_path: Path) -> None:
    lines = [{**ME, "birthDate": birth}, *([weak("p"), raised_ck("p")] if telling else [])]
    alone = assess_record(as_bundle(*lines).encode(), None, "general-record")
    assert alone.patient.age is None
    assert alone.input_problems
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
    answer = screen(str(tmp_path))
    assert answer.report.assessed == 1
    assert [(kind, line) for kind, line, _ in answer.report.problems] == [("Patient", 0)]
    assert {row.patient_id: row.level for row in answer.worklist} == ({"p": alone.suspicion.level} if telling else {})


@pytest.mark.parametrize("dated", [True, False])
def test_who_is_born_after_everything_on_record_is_left_out_with_the_reason(dated: bool, tmp_path: Path) -> None:
    sign = {**weak("p"), "recordedDate": "2024-01-02" if dated else None}
    lines = [{**ME, "birthDate": "2290-01-01"}, sign, {**ME, "id": "q"}]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
    report = screen(str(tmp_path)).report
    assert (report.read, report.skipped) == (2, {"born after the as-of date": 1})


def test_records_that_were_shifted_into_the_future_are_assessed(tmp_path: Path) -> None:
    """As de-identification does, birth and entries alike."""
    seen = about("p", "Condition", "c", code={"text": "Essential hypertension"}, recordedDate="2188-01-01")
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [{**ME, "birthDate": "2120-01-01"}, seen])) + "\n")
    assert screen(str(tmp_path)).report.skipped == {}


def test_entries_of_the_future_are_told(tmp_path: Path) -> None:
    lines = [ME, {**weak("p"), "recordedDate": "2290-01-01"}]
    (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
    ((kind, _, reason),) = screen(str(tmp_path)).report.problems
    assert (kind, reason) == ("Patient", "1 people have entries dated after today, which are used")


def test_of_a_patient_the_newest_version_counts(tmp_path: Path) -> None:
    old, new = ({**ME, "birthDate": year, "meta": {"versionId": id}} for year, id in (("1999", "1"), ("1950", "2")))
    for versions in ([old, new], [new, old]):
        for telling in ([], [weak("p")]):
            (tmp_path / "all.ndjson").write_text("\n".join(map(json.dumps, [*versions, *telling])) + "\n")
            (tmp_path / "work").mkdir()
            population = FhirPopulation(fhir_files(tmp_path), tmp_path / "work")
            connection = store.connect(tmp_path / "work", None, 1)
            population.load(connection, lambda line: None)
            assert connection.execute("SELECT birth_low FROM people").fetchall() == [(-7305.0,)]
            shutil.rmtree(tmp_path / "work")


@pytest.mark.parametrize("content", [None, "no JSON at all\n"])
def test_a_folder_with_nothing_readable_is_one_sentence(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "x.ndjson").write_text(content)
    with pytest.raises(SourceError, match="holds no patient"):
        screen(str(tmp_path))


def test_on_a_date_nothing_later_is_seen(bundles: list[Path], tmp_path: Path) -> None:
    write_export(bundles, tmp_path)
    day = "2023-08-30"
    expected = {}
    for path in bundles:
        try:
            answer = assess_record(path.read_bytes(), day, "general-record")
        except ValueError:
            continue
        expected[answer.patient.id] = answer.suspicion.level
    assert levels_of(screen(str(tmp_path), ScreenOptions(as_of=day))) == listed(expected)


# ---------------------------------------------------------------- records nobody here wrote


@needs_cases
@needs_data
@pytest.mark.parametrize("folder", ["presentation", pytest.param("full", marks=pytest.mark.slow)])
def test_published_cases_among_everyday_records(folder: str, tmp_path: Path) -> None:
    """What the worklist of one export says of everyone in it equals what ``assess`` says one by one."""
    cases = sorted((SHARED / "cases" / "dev" / folder).glob("*.json"))
    write_export(cases, tmp_path)
    for path in (SHARED / "data" / "synthea_fhir_r4").glob("*.ndjson.gz"):
        shutil.copy(path, tmp_path)
    answer = screen(str(tmp_path), ScreenOptions(min_level="low"))
    singly = [assess_record(path.read_bytes(), None, "general-record") for path in cases]
    assert levels_of(answer) == listed({a.patient.id: a.suspicion.level for a in singly}, "low")
    assert answer.disagreements == []
    rows = {row.patient_id: row for row in answer.worklist}
    for one in singly:
        row = rows.get(one.patient.id)
        if row is not None:
            imnm = sum(disease.probability for disease in one.differential if disease.id.startswith("imnm"))
            assert (row.as_of, row.decisive_step) == (one.as_of, one.suspicion.decisive_step)
            assert (row.diagnosis, row.already_coded) == (one.diagnosis.id, one.suspicion.already_coded)
            assert (row.top_disease, row.top_probability) == (
                one.differential[0].id, round(one.differential[0].probability, 4))  # fmt: skip
            assert row.imnm_probability == pytest.approx(imnm, abs=1e-4)
            assert row.first_flagged_on == one.suspicion.first_flagged_on
            assert row.next_steps.split() == [step.id for step in one.next_steps[:4]]


@needs_cases
def test_a_bulk_export_gives_the_events_of_the_bundle(tmp_path: Path) -> None:
    """The event rows of both paths are the same on every record at hand."""
    cases = sorted((SHARED / "cases" / "dev" / "full").glob("*.json"))
    write_export(cases, tmp_path / "export")
    (tmp_path / "work").mkdir()
    population = FhirPopulation(fhir_files(tmp_path / "export"), tmp_path / "work")
    population._scan(lambda line: None)
    single = {reading.patient: reading for reading in (read(path.read_bytes()) for path in cases)}
    bulk = dict(population.judged(dict.fromkeys(single, 0.0), _events))
    for patient, reading in single.items():
        assert bulk[patient] == _events(reading, 0.0), patient


def _events(reading: Any, day: float) -> list[str]:
    """Without the entry: of two entries that state the same fact, the first in the file is named."""
    return sorted(repr(msgspec.structs.replace(event, ref="", text="")) for event in reading.events)


@needs_data
@pytest.mark.parametrize(("folder", "people"), [("synthea_fhir_r4", 94), ("mimic_iv_demo_fhir", 45)])
def test_nobody_of_the_sample_records_is_left_out(folder: str, people: int) -> None:
    report = screen(str(SHARED / "data" / folder), ScreenOptions(up_to_level=True)).report
    assert (report.read, report.skipped) == (people, {})


@needs_data
@pytest.mark.parametrize("folder", ["synthea_fhir_r4", "mimic_iv_demo_fhir"])
def test_who_does_not_tell_has_no_gate_event(folder: str, tmp_path: Path) -> None:
    """The first look never misses what the full reading would find."""
    gate = gate_concepts()
    narrower = Narrower(gate)
    kept: dict[str, list[tuple[bytes, bytes]]] = {}
    telling = set()
    for path in sorted((SHARED / "data" / folder).glob("*.gz")):
        with gzip.open(path) as handle:
            for line in handle:
                for piece in narrower.pieces(line.strip()):
                    kept.setdefault(piece.patient, []).append((b"-", piece.entry))
                    telling |= {piece.patient} if piece.mark == "telling" else set()
    from imnm.sources.bulk import read_entries

    for patient, pieces in kept.items():
        reading = read_entries([entry for _, entry in pieces], narrower.met)
        assert patient in telling or not {base(event.concept) for event in reading.events} & gate


@pytest.mark.parametrize(
    ("name", "last"), [("Claim.ndjson", "needed"), ("ClaimsAndResults.ndjson", "claim"), ("Claim.ndjson", "broken")]
)
def test_a_file_that_only_begins_as_an_unneeded_one_is_read(name: str, last: str, tmp_path: Path) -> None:
    claim = about("p", "Claim", "c")
    ends = {"needed": [], "claim": [json.dumps(claim)], "broken": ["{"]}
    lines = [json.dumps(each) for each in (claim, *person("p"))] + ends[last]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    assert set(listed_in(tmp_path)) == {"p"}


def test_a_file_of_an_unneeded_type_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "Patient.ndjson").write_text(json.dumps({"resourceType": "Patient", "id": "p"}) + "\n")
    (tmp_path / "1.Claim.000.ndjson").write_text(json.dumps(about("p", "Claim", "c")) + "\n")
    report = screen(str(tmp_path)).report
    assert (report.read, report.unread_files, report.entries.get("Claim")) == (1, 1, None)
