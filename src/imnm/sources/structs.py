"""The parts of FHIR R4 that are read: structures that know only the fields that are used."""

from __future__ import annotations

import msgspec
from msgspec import Raw


class Fhir(msgspec.Struct, gc=False, rename="camel"):
    """A FHIR element; every field may be absent."""


class Value(msgspec.Struct, gc=False, rename="camel", frozen=True):
    """A part of an element that can be looked up, to see whether the same has been read before."""


class Reference(Fhir):
    reference: str | None = None
    display: str | None = None


class Coding(Value, frozen=True):
    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Value, frozen=True):
    coding: tuple[Coding, ...] | None = None
    text: str | None = None


class Quantity(Value, frozen=True):
    value: float | str | None = None
    comparator: str | None = None
    unit: str | None = None
    code: str | None = None


class Period(Fhir):
    start: str | None = None
    end: str | None = None


class Range(Value, frozen=True):
    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Value, frozen=True):
    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Annotation(Fhir):
    text: str | None = None


class Attachment(Fhir):
    content_type: str | None = None
    data: str | None = None
    url: str | None = None


class Meta(Fhir):
    version_id: str | int | None = None  # which some write as a number
    last_updated: str | None = None


class ReferenceRange(Value, frozen=True):
    low: Quantity | None = None
    high: Quantity | None = None
    type: CodeableConcept | None = None
    applies_to: tuple[CodeableConcept, ...] | None = None
    text: str | None = None


class Head(Fhir):
    """What decides whether a resource is read at all. Codes stay as bytes: equal bytes are looked up once."""

    resource_type: str | None = None
    id: str | None = None
    code: Raw = Raw()
    component: Raw = Raw()
    medication_codeable_concept: Raw = Raw()
    medication_reference: Reference | None = None
    contained: list[Raw] | None = None
    result: list[Reference] | None = None
    has_member: list[Reference] | None = None


class Link(Fhir):
    relation: str | None = None


class Entry(Fhir):
    full_url: str | None = None
    resource: Raw = Raw()


class Bundle(Fhir):
    type: str | None = None
    timestamp: str | None = None
    link: list[Link] | None = None
    entry: list[Entry] | None = None


class Patient(Fhir):
    id: str | None = None
    gender: str | None = None
    birth_date: str | None = None


class Encounter(Fhir):
    status: str | None = None
    period: Period | None = None


class Issue(Fhir):
    severity: str | None = None


class OperationOutcome(Fhir):
    issue: list[Issue] | None = None


class Resource(Fhir):
    """What the clinical resources share."""

    id: str | None = None
    meta: Meta | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    encounter: Reference | None = None
    context: Reference | None = None
    note: list[Annotation] | None = None


class Condition(Resource):
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    severity: CodeableConcept | None = None
    code: CodeableConcept | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    onset_age: Quantity | None = None
    onset_string: str | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    abatement_age: Quantity | None = None
    abatement_range: Range | None = None
    abatement_string: str | None = None
    recorded_date: str | None = None


class Measurement(Resource):
    """What an Observation and its components share."""

    code: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_string: str | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_boolean: bool | None = None
    value_integer: int | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: tuple[CodeableConcept, ...] | None = None
    reference_range: tuple[ReferenceRange, ...] | None = None


class Observation(Measurement):
    status: str | None = None
    focus: list[Reference] | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    method: CodeableConcept | None = None
    component: list[Measurement] | None = None


class DiagnosticReport(Resource):
    status: str | None = None
    category: list[CodeableConcept] | None = None
    code: CodeableConcept | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    conclusion: str | None = None
    conclusion_code: list[CodeableConcept] | None = None
    presented_form: list[Attachment] | None = None


class Content(Fhir):
    attachment: Attachment | None = None


class EncounterLink(Fhir):
    encounter: list[Reference] | None = None
    period: Period | None = None


class DocumentReference(Fhir):
    id: str | None = None
    status: str | None = None
    doc_status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    date: str | None = None
    description: str | None = None
    content: list[Content] | None = None
    context: EncounterLink | None = None


class Procedure(Resource):
    status: str | None = None
    code: CodeableConcept | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None
    performed_string: str | None = None
    report: list[Reference] | None = None
    outcome: CodeableConcept | None = None


class Reaction(Fhir):
    substance: CodeableConcept | None = None
    manifestation: list[CodeableConcept] | None = None
    onset: str | None = None


class AllergyIntolerance(Resource):
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    onset_date_time: str | None = None
    recorded_date: str | None = None
    reaction: list[Reaction] | None = None


class FamilyCondition(Fhir):
    code: CodeableConcept | None = None


class FamilyMemberHistory(Resource):
    status: str | None = None
    date: str | None = None
    relationship: CodeableConcept | None = None
    condition: list[FamilyCondition] | None = None


class Ingredient(Fhir):
    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None


class Identifier(Fhir):
    value: str | None = None


class Medication(Fhir):
    id: str | None = None
    code: CodeableConcept | None = None
    form: CodeableConcept | None = None
    identifier: list[Identifier] | None = None
    ingredient: list[Ingredient] | None = None


class Dosage(Fhir):
    text: str | None = None
    route: CodeableConcept | None = None


class DispenseRequest(Fhir):
    validity_period: Period | None = None


class MedicationUse(Resource):
    """What a request, a statement, an administration and a dispense of a drug share or have of their own."""

    status: str | None = None
    intent: str | None = None
    do_not_perform: bool | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    authored_on: str | None = None
    date_asserted: str | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    when_prepared: str | None = None
    when_handed_over: str | None = None
    dispense_request: DispenseRequest | None = None
    dosage_instruction: list[Dosage] | None = None
    dosage: Raw = Raw()
