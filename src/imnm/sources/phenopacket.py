"""GA4GH Phenopackets v2 (JSON): one person's features, measurements, diseases, treatments and interpretations.

Phenopackets speak in ages. Where no birth date is given, the birth is reckoned back from the age at the last
encounter and the day on which the Phenopacket was made; that day is also since when everything in it is known.
"""

from __future__ import annotations

import msgspec

from imnm.knowledge.messages import say
from imnm.logic.event import Event
from imnm.logic.interval import INF, UNKNOWN, Interval

from .clinical import severity_grade
from .coding import Coded
from .dates import age_span, iso_day
from .drugs import Course, ingredients, take
from .notes import read_note
from .reading import Exposure, InputError, place
from .record import Record, When, when_recorded
from .results import any_domain, read_part
from .structs import CodeableConcept, Coding, Fhir, Measurement, Quantity, ReferenceRange


class OntologyClass(Fhir):
    id: str | None = None
    label: str | None = None


class Age(Fhir):
    iso8601duration: str | None = None


class AgeRange(Fhir):
    start: Age | None = None
    end: Age | None = None


class TimeInterval(Fhir):
    start: str | None = None
    end: str | None = None


class TimeElement(Fhir):
    """One of: an age, a range of ages, a moment, an interval, or a period of life by name."""

    age: Age | None = None
    age_range: AgeRange | None = None
    timestamp: str | None = None
    interval: TimeInterval | None = None
    ontology_class: OntologyClass | None = None


class Individual(Fhir):
    id: str | None = None
    sex: str | None = None
    date_of_birth: str | None = None
    time_at_last_encounter: TimeElement | None = None


class Feature(Fhir):
    type: OntologyClass | None = None
    excluded: bool = False
    negated: bool = False
    severity: OntologyClass | None = None
    modifiers: list[OntologyClass] = []
    onset: TimeElement | None = None
    resolution: TimeElement | None = None
    description: str | None = None


class Bounds(Fhir):
    low: float | None = None
    high: float | None = None


class PhenoQuantity(Fhir):
    unit: OntologyClass | None = None
    value: float | str | None = None
    reference_range: Bounds | None = None


class PhenoValue(Fhir):
    quantity: PhenoQuantity | None = None
    ontology_class: OntologyClass | None = None


class TypedQuantity(Fhir):
    type: OntologyClass | None = None
    quantity: PhenoQuantity | None = None


class ComplexValue(Fhir):
    typed_quantities: list[TypedQuantity] = []


class PhenoMeasurement(Fhir):
    assay: OntologyClass | None = None
    value: PhenoValue | None = None
    complex_value: ComplexValue | None = None
    time_observed: TimeElement | None = None
    description: str | None = None


class Disease(Fhir):
    term: OntologyClass | None = None
    excluded: bool = False
    onset: TimeElement | None = None
    resolution: TimeElement | None = None


class GeneContext(Fhir):
    symbol: str | None = None


class VariationDescriptor(Fhir):
    gene_context: GeneContext | None = None


class VariantInterpretation(Fhir):
    acmg_pathogenicity_classification: str | None = None
    variation_descriptor: VariationDescriptor | None = None


class GenomicInterpretation(Fhir):
    interpretation_status: str | None = None
    gene: GeneContext | None = None
    variant_interpretation: VariantInterpretation | None = None


class Diagnosis(Fhir):
    disease: OntologyClass | None = None
    genomic_interpretations: list[GenomicInterpretation] = []


class Interpretation(Fhir):
    progress_status: str | None = None
    diagnosis: Diagnosis | None = None


class DoseInterval(Fhir):
    interval: TimeInterval | None = None


class Treatment(Fhir):
    agent: OntologyClass | None = None
    route_of_administration: OntologyClass | None = None
    dose_intervals: list[DoseInterval] = []


class Performed(Fhir):
    code: OntologyClass | None = None
    performed: TimeElement | None = None


class MedicalAction(Fhir):
    treatment: Treatment | None = None
    procedure: Performed | None = None
    treatment_termination_reason: OntologyClass | None = None


class MetaData(Fhir):
    created: str | None = None
    phenopacket_schema_version: str | None = None


class Phenopacket(Fhir):
    id: str | None = None
    subject: Individual | None = None
    phenotypic_features: list[msgspec.Raw] = []
    measurements: list[msgspec.Raw] = []
    diseases: list[msgspec.Raw] = []
    interpretations: list[msgspec.Raw] = []
    medical_actions: list[msgspec.Raw] = []
    meta_data: MetaData | None = None


_PACKET = msgspec.json.Decoder(Phenopacket, strict=False)
_PARTS: dict[str, msgspec.json.Decoder[Feature | PhenoMeasurement | Disease | Interpretation | MedicalAction]] = {
    "phenotypicFeatures": msgspec.json.Decoder(Feature, strict=False),
    "measurements": msgspec.json.Decoder(PhenoMeasurement, strict=False),
    "diseases": msgspec.json.Decoder(Disease, strict=False),
    "interpretations": msgspec.json.Decoder(Interpretation, strict=False),
    "medicalActions": msgspec.json.Decoder(MedicalAction, strict=False),
}


def read_phenopacket(record: Record, data: bytes) -> None:
    """Read everything into the record. Raises InputError if the Phenopacket is malformed or has no subject."""
    try:
        packet = _PACKET.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(say("sources.error.malformed", format="Phenopacket", path=place(error))) from None
    if packet.subject is None:
        raise InputError(say("sources.error.no_subject"))
    reader = PhenopacketReader(record, packet)
    for field, raws in (
        ("phenotypicFeatures", packet.phenotypic_features),
        ("measurements", packet.measurements),
        ("diseases", packet.diseases),
        ("interpretations", packet.interpretations),
        ("medicalActions", packet.medical_actions),
    ):
        for number, raw in enumerate(raws):
            reader.read(field, raw, f"{field}/{number}")


class PhenopacketReader:
    """Reads the parts of one Phenopacket into a record."""

    def __init__(self, record: Record, packet: Phenopacket) -> None:
        self.record = record
        meta = packet.meta_data or MetaData()
        self.created = record.day("metaData", meta.created)
        if (meta.phenopacket_schema_version or "").startswith("1"):
            record.problem("metaData", "version1")
        subject = packet.subject or Individual()
        record.patient = subject.id or packet.id or ""
        self._who(subject)

    def _who(self, subject: Individual) -> None:
        birth = self.record.born("subject", subject.date_of_birth)
        age = self._age(subject.time_at_last_encounter)
        if birth is None and age is not None and self.created is not None:
            birth = Interval(self.created.low - age.high, self.created.high - age.low)
        self.record.birth = birth
        if birth is not None:
            text = say(
                "sources.text.born", date=iso_day(birth) or f"{iso_day(Interval(birth.low, birth.low))} or later"
            )
            self.record.add(Event("birth", birth.low, birth.high, truth=True, ref="subject", text=text))
        sex = (subject.sex or "").lower()
        if sex in ("female", "male"):
            self.record.sex = sex
            text = say("sources.text.sex", sex=sex)
            self.record.add(Event("sex", truth=True, detail=sex, ref="subject", text=text))
        self.record.count("subject", used=True)

    # ------------------------------------------------------------ times

    @staticmethod
    def _age(time: TimeElement | None) -> Interval | None:
        """The days of life a time means, if it is an age."""
        if time is None:
            return None
        if time.age is not None:
            return age_span(time.age.iso8601duration)
        if time.age_range is None:
            return None
        start = age_span(time.age_range.start.iso8601duration if time.age_range.start else None)
        end = age_span(time.age_range.end.iso8601duration if time.age_range.end else None)
        return Interval(start.low if start else 0.0, end.high if end else INF) if start or end else None

    def _days(self, time: TimeElement | None, ref: str) -> Interval | None:
        """The days a time means."""
        if time is None:
            return None
        if time.timestamp:
            return self.record.day(ref, time.timestamp)
        if time.interval is not None:
            return self._interval(time.interval, ref)
        return self.record.at_age(self._age(time))

    def _interval(self, interval: TimeInterval, ref: str) -> Interval | None:
        return self.record.between(ref, interval.start, interval.end)

    def _when(self, time: TimeElement | None, ref: str, present: bool = True) -> When:
        return when_recorded(self._days(time, ref), self.created, None, present)

    # ------------------------------------------------------------ parts

    def read(self, field: str, raw: msgspec.Raw, ref: str) -> None:
        """Read one part; one that cannot be decoded is noted and left out."""
        before = len(self.record.events)
        try:
            part = _PARTS[field].decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            self.record.problem(ref, "resource", path=place(error))
        else:
            if isinstance(part, Feature):
                self._feature(part, ref)
            elif isinstance(part, PhenoMeasurement):
                self._measurement(part, ref)
            elif isinstance(part, Disease):
                self._disease(part, ref)
            elif isinstance(part, Interpretation):
                self._interpretation(part, ref)
            else:
                self._action(part, ref)
        self.record.count(field, used=len(self.record.events) > before)

    def _feature(self, feature: Feature, ref: str) -> None:
        coded = self.record.coder.concept(_concept(feature.type), "condition")
        present = not (feature.excluded or feature.negated)
        lead = coded.matches[0].concept if coded.matches else ""
        words = " ".join([*(modifier.label or "" for modifier in feature.modifiers), feature.description or ""]).strip()
        note = read_note(lead, words) if words else None
        when = self._when(feature.onset, ref, present)
        over = present and feature.resolution is not None
        self.record.state(
            coded, present, when, ref, past=over, note=note, grade=severity_grade(_concept(feature.severity))
        )
        if note is not None and present and not over:
            for concept, truth in note.also:
                text = say("sources.text.report", name=coded.name, matched=words[:160], date=when.date)
                self.record.also(concept, truth, when, ref, text)

    def _disease(self, disease: Disease, ref: str) -> None:
        coded = self.record.coder.concept(_concept(disease.term), "condition")
        present = not disease.excluded
        over = present and disease.resolution is not None
        self.record.state(coded, present, self._when(disease.onset, ref, present), ref, past=over)

    def _interpretation(self, interpretation: Interpretation, ref: str) -> None:
        diagnosis = interpretation.diagnosis
        if diagnosis is None or interpretation.progress_status == "UNSOLVED":
            return
        solved = True if interpretation.progress_status in ("SOLVED", "COMPLETED") else None
        when = self._when(None, ref)
        self.record.state(self.record.coder.concept(_concept(diagnosis.disease), "condition"), solved, when, ref)
        genes = [gene for item in diagnosis.genomic_interpretations if (gene := _causative_gene(item)) is not None]
        if genes:
            name = (diagnosis.disease.label if diagnosis.disease else None) or genes[0]
            text = say("sources.text.report", name=name, matched=genes[0], date=when.date)
            self.record.add(
                Event(
                    "genetic_test_positive",
                    when.span.low,
                    when.span.high,
                    when.known,
                    truth=solved,
                    detail=genes[0] or None,
                    ref=ref,
                    text=text,
                )
            )

    def _measurement(self, measurement: PhenoMeasurement, ref: str) -> None:
        when = self._when(measurement.time_observed, ref)
        if measurement.time_observed is None:
            when = When(Interval(-INF, when.known) if when.known > -INF else UNKNOWN, when.known)
        value = measurement.value or PhenoValue()
        self._result(measurement.assay, value, when, ref, measurement.description or "")
        for typed in measurement.complex_value.typed_quantities if measurement.complex_value else ():
            self._result(typed.type, PhenoValue(quantity=typed.quantity), when, ref, "")

    def _result(self, assay: OntologyClass | None, value: PhenoValue, when: When, ref: str, note: str) -> None:
        code = _concept(assay)
        coded = any_domain(self.record, code)
        if coded.matches:
            part = Measurement(
                code=code,
                value_quantity=_quantity(value.quantity),
                value_codeable_concept=_concept(value.ontology_class),
                reference_range=_range(value.quantity),
            )
            read_part(self.record, part, coded, when, ref, note, "")

    def _action(self, action: MedicalAction, ref: str) -> None:
        if action.procedure is not None:
            coded = self.record.coder.concept(_concept(action.procedure.code), "procedure")
            self.record.state(coded, True, self._when(action.procedure.performed, ref), ref)
        treatment = action.treatment
        if treatment is not None:
            coded = self.record.coder.concept(_concept(treatment.agent), "drug")
            ended = action.treatment_termination_reason is not None
            self._treatment(coded, treatment, ended, ref)

    def _treatment(self, coded: Coded, treatment: Treatment, ended: bool, ref: str) -> None:
        intervals = [dose.interval for dose in treatment.dose_intervals if dose.interval is not None]
        starts = [day for interval in intervals if (day := self.record.day(ref, interval.start)) is not None]
        ends = [day for interval in intervals if (day := self.record.day(ref, interval.end)) is not None]
        start, stop = min(starts, default=None), max(ends, default=None)
        status = "stopped" if ended or stop is not None else "unknown"
        known = self.created.high if self.created else -INF
        take(self.record, coded, "MedicationStatement", status, Course(start, stop, self.created, known), ref)
        for drug in ingredients(coded):
            certain = start is not None and stop is not None
            self.record.exposures.append(Exposure(drug, iso_day(start), iso_day(stop), certain, ref))


def _concept(ontology: OntologyClass | None) -> CodeableConcept | None:
    """An ontology class as a coding: its id carries its system."""
    if ontology is None:
        return None
    code = ontology.id or ""
    prefix, _, bare = code.partition(":")
    system = {"LOINC": "http://loinc.org", "SNOMED": "http://snomed.info/sct", "SNOMEDCT": "http://snomed.info/sct",
              "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm"}.get(prefix.upper())  # fmt: skip
    coding = Coding(system, bare if system else code, ontology.label)
    return CodeableConcept((coding,), ontology.label)


def _quantity(quantity: PhenoQuantity | None) -> Quantity | None:
    if quantity is None:
        return None
    unit = quantity.unit or OntologyClass()
    code = (unit.id or "").partition(":")[2] if (unit.id or "").upper().startswith("UCUM:") else None
    return Quantity(quantity.value, None, unit.label, code)


def _range(quantity: PhenoQuantity | None) -> tuple[ReferenceRange, ...] | None:
    bounds = quantity.reference_range if quantity else None
    if bounds is None or bounds.high is None:
        return None
    return (ReferenceRange(Quantity(bounds.low) if bounds.low is not None else None, Quantity(bounds.high)),)


def _causative_gene(item: GenomicInterpretation) -> str | None:
    """The gene of an interpretation that calls its variant causative; empty if it is unnamed; None if it does not."""
    if item.interpretation_status not in ("CAUSATIVE", "CONTRIBUTORY"):
        return None
    variant = item.variant_interpretation
    if variant is not None and variant.acmg_pathogenicity_classification in (
        "BENIGN",
        "LIKELY_BENIGN",
        "UNCERTAIN_SIGNIFICANCE",
    ):
        return None
    descriptor = variant.variation_descriptor if variant else None
    context = item.gene or (descriptor.gene_context if descriptor else None)
    return (context.symbol if context else None) or ""
