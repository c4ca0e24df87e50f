"""How long one record takes, beside bare decoding of the same bytes in the same run.

A Bundle of about 1 MB (compact JSON, 1,500 resources of which about 100 say something about muscle) is decoded with
``msgspec.json.decode`` and assessed with ``imnm.assessment.assess_record``, by turns, so that both meet the same
machine. Bounds: the assessment's median at most 5 times, its 99th percentile at most 10 times the decode's median.

Garbage collector: after the warm-up everything loaded is collected once and frozen (``gc.collect(); gc.freeze()``), as
a server does after it has started; the collector then runs with its default thresholds while the clock runs. With
``--gc off`` it is disabled, as the command line does for its one record.

usage: python bench/bundle.py [--rounds N] [--gc on|off] [--profile]
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from shared.measure import machine, peak_line, row

from imnm.assessment import assess_record

RESOURCES = 1_500
RELEVANT = 100
WANTED_P50, WANTED_P99 = 5.0, 10.0
LOINC, SNOMED, RXNORM = "http://loinc.org", "http://snomed.info/sct", "http://www.nlm.nih.gov/research/umls/rxnorm"

OTHER_RESULTS = (
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 11, 16),
    ("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 70, 180),
    ("8867-4", "Heart rate", "/min", 55, 100),
    ("29463-7", "Body weight", "kg", 60, 95),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 100, 160),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 140, 260),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", 4, 11),
)
OTHER_CONDITIONS = ("Acute bronchitis", "Otitis media", "Chronic sinusitis", "Osteoarthritis of knee", "Cataract")
OTHER_DRUGS = ("Amoxicillin 500 MG Oral Capsule", "Metformin 500 MG Oral Tablet", "Lisinopril 10 MG Oral Tablet")


def bundle(seed: int = 1) -> bytes:
    """The record, the same for the same seed."""
    chance = random.Random(seed)
    subject = {"reference": "urn:uuid:patient-0"}
    entries = [_entry({"resourceType": "Patient", "id": "patient-0", "gender": "female", "birthDate": "1957-05-11"})]
    relevant = list(_relevant(chance, subject))
    other = [_other(chance, subject, number) for number in range(RESOURCES - len(relevant) - 1)]
    resources = relevant + other
    chance.shuffle(resources)
    entries += [_entry(resource) for resource in resources]
    return msgspec.json.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _entry(resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}


def _relevant(chance: random.Random, subject: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A statin user whose CK rises over two years: results, symptoms, drugs, reports, antibodies."""
    for number in range(60):
        code, text, unit, high = (
            ("2157-6", "Creatine kinase", "U/L", 200),
            ("1920-8", "AST", "U/L", 40),
            ("1742-6", "ALT", "U/L", 41),
        )[number % 3]
        value = round(high * (1 + number / 3) * chance.uniform(0.8, 1.2))
        yield _result(subject, f"lab-{number}", code, text, unit, value, _day(number), high)
    symptoms = ("Proximal muscle weakness", "Myalgia", "Difficulty climbing stairs", "Fatigue", "Dysphagia")
    for number in range(20):
        yield _condition(subject, f"symptom-{number}", symptoms[number % 5], _day(40 + number))
    for number in range(14):
        yield _drug(subject, f"statin-{number}", "Atorvastatin 40 MG Oral Tablet", "83367", _day(number * 3))
    report = "Scattered necrotic and regenerating fibres with little inflammation. No perifascicular atrophy."
    for number, (name, text) in enumerate((("Muscle biopsy", report), ("Electromyography", "Irritable myopathy."))):
        yield {
            "resourceType": "DiagnosticReport", "id": f"report-{number}", "status": "final", "subject": subject,
            "code": {"text": name}, "effectiveDateTime": _day(58), "conclusion": text,
        }  # fmt: skip
    for number, (code, text) in enumerate((("93493-5", "Anti-HMGCR IgG"), ("33921-8", "Anti-SRP antibody"))):
        yield {
            "resourceType": "Observation", "id": f"antibody-{number}", "status": "final", "subject": subject,
            "code": {"coding": [{"system": LOINC, "code": code}], "text": text}, "effectiveDateTime": _day(59),
            "valueString": ("POSITIVE", "NEGATIVE")[number],
        }  # fmt: skip


def _other(chance: random.Random, subject: dict[str, str], number: int) -> dict[str, Any]:
    """What most of a record is: vital signs, other results, visits, bills, vaccinations."""
    kind = chance.random()
    id, day = f"other-{number}", _day(chance.randrange(100))
    if kind < 0.55:
        code, text, unit, low, high = chance.choice(OTHER_RESULTS)
        return _result(subject, id, code, text, unit, round(chance.uniform(low, high), 1), day, None)
    if kind < 0.65:
        return _condition(subject, id, chance.choice(OTHER_CONDITIONS), day)
    if kind < 0.75:
        return _drug(subject, id, chance.choice(OTHER_DRUGS), str(chance.randrange(100_000, 999_999)), day)
    base = {"id": id, "status": "finished", "meta": {"lastUpdated": f"{day}T08:00:00.000+00:00"}}
    if kind < 0.88:
        return base | {
            "resourceType": "Encounter", "subject": subject, "class": {"code": "AMB"},
            "type": [{"coding": [{"system": SNOMED, "code": "185349003"}], "text": "Encounter for check up"}],
            "period": {"start": f"{day}T08:00:00+00:00", "end": f"{day}T08:30:00+00:00"},
            "participant": [{"individual": {"reference": "urn:uuid:practitioner-1", "display": "Dr. Example"}}],
        }  # fmt: skip
    return base | {
        "resourceType": chance.choice(("Claim", "ExplanationOfBenefit", "Immunization", "CarePlan")),
        "patient": subject, "created": f"{day}T09:00:00+00:00",
        "total": {"value": round(chance.uniform(20, 900), 2), "currency": "USD"},
        "item": [{"sequence": n, "encounter": [{"reference": f"urn:uuid:other-{number - n}"}],
                  "productOrService": {"coding": [{"system": SNOMED, "code": "185349003"}]}} for n in range(3)],
    }  # fmt: skip


def _result(
    subject: dict[str, str], id: str, code: str, text: str, unit: str, value: float, day: str, high: float | None
) -> dict[str, Any]:
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    made: dict[str, Any] = {
        "resourceType": "Observation", "id": id, "status": "final", "subject": subject,
        "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]},
        "category": [{"coding": [{"system": category, "code": "laboratory", "display": "Laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": code, "display": text}], "text": text},
        "encounter": {"reference": f"urn:uuid:encounter-{day}"},
        "effectiveDateTime": f"{day}T07:45:00+00:00", "issued": f"{day}T12:00:00.000+00:00",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }  # fmt: skip
    if high is not None:
        made["referenceRange"] = [{"high": {"value": high, "unit": unit}}]
    return made


def _condition(subject: dict[str, str], id: str, text: str, day: str) -> dict[str, Any]:
    status = "http://terminology.hl7.org/CodeSystem/condition-"
    return {
        "resourceType": "Condition", "id": id, "subject": subject, "code": {"text": text}, "recordedDate": day,
        "clinicalStatus": {"coding": [{"system": status + "clinical", "code": "active"}]},
        "verificationStatus": {"coding": [{"system": status + "ver-status", "code": "confirmed"}]},
        "onsetDateTime": day, "encounter": {"reference": f"urn:uuid:encounter-{day}"},
    }  # fmt: skip


def _drug(subject: dict[str, str], id: str, text: str, code: str, day: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest", "id": id, "status": "active", "intent": "order", "subject": subject,
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": code, "display": text}], "text": text},
        "authoredOn": f"{day}T08:10:00+00:00", "requester": {"reference": "urn:uuid:practitioner-1"},
        "dosageInstruction": [{"sequence": 1, "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}],
    }  # fmt: skip


def _day(week: int) -> str:
    """A day in the two years before 2024, a week apart."""
    return f"{2022 + week // 52}-{1 + (week % 52) * 12 // 52:02d}-{1 + (week * 7) % 28:02d}"


def measure(work: Callable[[bytes], object], other: Callable[[bytes], object], data: bytes, rounds: int) -> Any:
    """Seconds that each took, by turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for spent, run in zip(times, (other, work), strict=True):
            start = time.perf_counter()
            run(data)
            spent.append(time.perf_counter() - start)
    return times


def percentile(times: list[float], share: float) -> float:
    """The smallest time that this share of the times does not exceed."""
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--gc", choices=("on", "off"), default="on")
    arguments.add_argument("--profile", action="store_true", help="print where the time goes instead")
    options = arguments.parse_args()
    data = bundle()
    decode: Callable[[bytes], object] = msgspec.json.Decoder().decode
    for _ in range(3):
        decode(data)
        answer = assess_record(data)
    if options.profile:
        return profile(data)
    gc.collect()
    gc.freeze()
    if options.gc == "off":
        gc.disable()
    decoding, assessing = measure(assess_record, decode, data, options.rounds)
    base = statistics.median(decoding)
    p50, p99 = percentile(assessing, 0.50), percentile(assessing, 0.99)
    print(machine())
    print(f"bundle            {len(data) / 1e6:.2f} MB, {RESOURCES} resources, level {answer.suspicion.level}")
    print(f"rounds            {options.rounds}, garbage collector {options.gc}, frozen after warm-up")
    print(f"decode p50        {base * 1e3:.2f} ms")
    print(f"assess p50        {p50 * 1e3:.2f} ms = {p50 / base:.2f} x decode (wanted <= {WANTED_P50:g})")
    print(f"assess p99        {p99 * 1e3:.2f} ms = {p99 / base:.2f} x decode (wanted <= {WANTED_P99:g})")
    print(peak_line())
    print(row("one record of 1 MB assessed, beside decoding it, p50 / p99", f"≤ {WANTED_P50:g} / {WANTED_P99:g} times",
              f"{p50 / base:.1f} / {p99 / base:.1f} times ({p50 * 1e3:.0f} / {p99 * 1e3:.0f} ms)"))  # fmt: skip
    return 0 if p50 <= WANTED_P50 * base and p99 <= WANTED_P99 * base else 1


def profile(data: bytes) -> int:
    import cProfile
    import pstats

    with cProfile.Profile() as recorded:
        for _ in range(20):
            assess_record(data)
    pstats.Stats(recorded).sort_stats("cumulative").print_stats(45)
    return 0


if __name__ == "__main__":
    sys.exit(main())
