"""One patient on one date: run the knowledge over the events and gather what follows, with its proof."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from imnm.knowledge.concepts import CONCEPTS
from imnm.knowledge.differential import default_setting
from imnm.knowledge.findings import FINDINGS, SHOWN_SYMPTOMS, SILENCE_MEANS_NO
from imnm.knowledge.messages import say
from imnm.logic.evaluate import EvidenceOf, Proof, Result, Values
from imnm.logic.event import ByConcept, Event, day_date, day_number
from imnm.logic.interval import UNKNOWN, Interval
from imnm.sources import Reading

from . import model, program
from .words import fact, key_facts

KNOWLEDGE_VERSION = "2026.11"
WHO = frozenset({"birth", "sex"})
SETTINGS = ("statin-user", "neuromuscular-clinic", "general-record", "child")


class AskError(ValueError):
    """The question cannot be answered as asked; one sentence for the person who asked."""


class Case:
    """One patient on one date: the values of all definitions and the means to prove them, each worked out when it is
    first asked for, so that whoever asks only for the level does not wait for the rest."""

    def __init__(self, reading: Reading, as_of: float) -> None:
        self.reading = reading
        self.as_of = as_of
        self.events: Sequence[Event] = [event for event in reading.events if event.known <= as_of]
        self.by_concept = ByConcept(self.events)
        self.anything = not self.by_concept.concepts <= WHO

    @cached_property
    def level(self) -> str:
        """The level: from all values if they are there, else from what it depends on alone."""
        values = self.values if "values" in self.__dict__ else program.levels().run(self.events, self.as_of)
        return program.level_of(values, self.anything)

    @cached_property
    def values(self) -> Values:
        """The values of all findings and rules."""
        return program.core().run(self.events, self.as_of)

    @cached_property
    def advice(self) -> Values:
        """The conditions of alerts and steps."""
        return program.advice().run(self.events, self.as_of, self.values)

    @cached_property
    def proof(self) -> Callable[[str], Proof]:
        """The proof of a finding or rule by id."""
        return program.core().prover(self.values)

    @cached_property
    def entries(self) -> EvidenceOf:
        """The record entries behind a finding or rule by id."""
        return program.core().entries_of(self.values)

    @cached_property
    def dates(self) -> dict[tuple[str, str], float]:
        """The day of each record entry, by reference and line; a birth dates nothing."""
        return {(e.ref, e.text): e.end for e in self.events if e.concept != "birth"}

    def of(self, *concepts: str) -> list[Event]:
        """The events of any of these concepts, in the order of the record."""
        return self.by_concept.of(*concepts)

    def truth(self, id: str) -> bool | None:
        """The truth of a finding or rule."""
        value = self.values.get(id)
        return value if value is None or isinstance(value, bool) else None

    def number(self, id: str) -> Interval | None:
        """The number of a finding, None if nothing is known of it."""
        value = self.values.get(id)
        return value if isinstance(value, Interval) and value.known else None

    def evidence(self, *ids: str) -> list[model.Evidence]:
        """The record entries behind these findings that are known, each once."""
        behind = [self.entries(id) for id in ids if id in FINDINGS and self.known(id)]
        entries = behind[0] if len(behind) == 1 else dict.fromkeys(chain.from_iterable(behind))
        return [model.Evidence(entry.ref, entry.text) for entry in entries]

    def known(self, id: str) -> bool:
        """Whether anything is known of the finding."""
        value = self.values.get(id)
        return value.known if isinstance(value, Interval) else value is not None

    def what_if(self, overrides: Mapping[str, Result]) -> Values:
        """The values that level and differential would have if these findings were so."""
        return program.core().rerun(self.values, overrides)


def resolve_as_of(reading: Reading, as_of: str | dt.date | None) -> float:
    """The as-of day: a date, or for None and ``last`` the newest day on which the record knew anything.

    Raises AskError for what is no calendar date, and for a day before the birth.
    """
    if as_of is None or as_of == "last":
        day = reading.newest_known
        if math.isinf(day):
            day = float(day_number(dt.date.today()))
    else:
        try:
            day = float(day_number(as_of if isinstance(as_of, dt.date) else dt.date.fromisoformat(as_of)))
        except ValueError:
            raise AskError(f"--as-of {as_of!r} is not a calendar date; write it as 2024-02-01, or 'last'") from None
    births = [event for event in reading.events if event.concept == "birth"]
    if births and day < min(event.start for event in births):
        raise AskError("the as-of date lies before the patient's birth; give a later --as-of")
    return day


def setting_of(case: Case, asked: str | None) -> str:
    """The setting whose priors the differential uses: as asked, or chosen from the record."""
    if asked is not None:
        if asked not in SETTINGS:
            raise AskError(f"--setting {asked!r} is not known; choose one of {', '.join(SETTINGS)}")
        return asked
    age = case.number("age")
    truths = {id: value for id, value in case.values.items() if value is True or value is False}
    return default_setting(truths, age.low if age is not None else None)


def genes_of(case: Case) -> tuple[str, ...]:
    """The genes in which a test found what explains the disease, as named in the record."""
    return tuple(
        dict.fromkeys(event.detail for event in case.of("genetic_test_positive") if event.truth and event.detail)
    )


def biopsies_of(case: Case) -> tuple[str, ...]:
    """The diagnoses that a muscle biopsy itself made."""
    return tuple(
        dict.fromkeys(e.detail for e in case.events if e.concept == "biopsy_diagnosis" and e.truth and e.detail)
    )


def first_flagged_on(case: Case) -> str | None:
    """The first day on which what was known gave a level of high or established (replay over known days)."""
    if program.RANK[case.level] == 0 and not case.anything:
        return None
    if not program.levels().may_have_held(program.FLAGGING, case.events):
        return None
    days = sorted({event.known for event in case.events if math.isfinite(event.known)} | {case.as_of})
    for day, values in program.levels().replay(case.events, days):
        if any(values[rule] is True for rule in program.FLAGGING):
            date = day_date(day)
            return date.isoformat() if date else None
    return None


@lru_cache(maxsize=20_000)
def iso(day: float) -> str | None:
    """A day number as an ISO date; None if it is open."""
    date = day_date(day)
    return date.isoformat() if date else None


def _plain(value: Result) -> Any:
    """A value for JSON: a truth, a number if it is exact, else its bounds (None: open)."""
    if not isinstance(value, Interval):
        return value
    if round(value.low, 6) == round(value.high, 6):
        return _number(value.low)
    return [_number(value.low), _number(value.high)]


def _number(value: float) -> float | int | None:
    if math.isinf(value):
        return None
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded


def known_findings(case: Case) -> list[model.Finding]:
    """Every finding of which something is known, with the record entries behind it."""
    found: list[model.Finding] = []
    for finding in FINDINGS.values():
        value = case.values.get(finding.id)
        if value is None or value == UNKNOWN:
            continue
        if isinstance(value, Interval) and finding.expression.kind == "day":
            shown: Any = [iso(value.low), iso(value.high)]
        else:
            shown = _plain(value)
        evidence = case.evidence(finding.id)
        found.append(
            model.Finding(
                finding.id,
                shown,
                finding.label,
                finding.unit,
                _on(case, evidence),
                _basis(finding.id, value, evidence),
                finding.evidence.provisional,
                evidence,
            )
        )
    return found


def _basis(id: str, value: Result, evidence: list[model.Evidence]) -> str:
    if value is not False:
        return "recorded"
    return "silence" if not evidence and id in SILENCE_MEANS_NO else "refuted"


def _on(case: Case, evidence: list[model.Evidence]) -> str | None:
    """The day of the first entry behind it; a birth dates nothing but the person."""
    for entry in evidence:
        day = case.dates.get((entry.ref, entry.text), math.inf)
        if math.isfinite(day):
            return iso(day)
    return None


def patient_of(case: Case) -> model.Patient:
    """Who it is about: id, completed years of age on the as-of date, sex."""
    years = _years(case)
    female = case.truth("female")
    sex = None if female is None else "female" if female else "male"
    return model.Patient(case.reading.patient, years, sex)


def _years(case: Case) -> int | None:
    """Completed years of age by the calendar; None if the birth date is too vague to say. Ages given in years become
    spans of days with a day's play, which is allowed for."""
    births = case.of("birth")
    today = day_date(case.as_of)
    if not births or today is None:
        return None
    play = 0 if births[0].start == births[0].end else 1
    ends = [day_date(day) for day in (births[0].start + play, births[0].end - play)]
    ages = {today.year - born.year - ((today.month, today.day) < (born.month, born.day)) for born in ends if born}
    return ages.pop() if len(ages) == 1 and None not in ends else None


def ck_series(case: Case) -> dict[str, list[model.SeriesPoint]]:
    """The CK results in order of time."""
    points = case.of("creatine_kinase_total")
    points.sort(key=lambda event: (event.end, event.start, event.ref))
    return {
        "ck": [model.SeriesPoint(iso(e.end), _number(e.low), _number(e.high), e.uln, e.ref, e.text) for e in points]
    }


def symptoms_of(case: Case) -> list[model.Symptom]:
    """Each symptom stated as present, in order of time, one for an entry under its most exact name."""
    found: dict[tuple[str, str], Event] = {}
    for event in case.of(*SHOWN_SYMPTOMS):
        if event.truth and math.isfinite(event.end):
            found.setdefault((event.ref, event.text), event)
    return [
        model.Symptom(e.concept, CONCEPTS[e.concept].label, iso(e.start), iso(e.end), e.ref, e.text)
        for e in sorted(found.values(), key=lambda e: (e.end, e.start, e.ref, e.concept))
    ]


def explanations(case: Case) -> list[str]:
    """The ids of the rules that say something else on record explains the picture better."""
    return [id for id in program.core().definitions if id.startswith("explained_") and case.truth(id)]


def diagnosis_of(case: Case) -> model.Diagnosis:
    """The subtype whose published definition is fulfilled."""
    if case.truth("established"):
        hmgcr, srp = case.truth("anti_hmgcr_full_weight"), case.truth("anti_srp_full_weight")
        if hmgcr and not srp:
            return model.Diagnosis("imnm_hmgcr", "enmc-2016")
        if srp and not hmgcr:
            return model.Diagnosis("imnm_srp", "enmc-2016")
        return model.Diagnosis(None, None)
    if case.truth("seronegative_pattern") and not case.truth("better_explained"):
        return model.Diagnosis("imnm_seronegative", "enmc-2016", provisional=True)
    return model.Diagnosis()


def summary_of(case: Case, diagnosis: model.Diagnosis, decisive: str | None) -> str:
    """One sentence a clinician would write."""
    facts = key_facts(case)
    explained = [say(f"pathway.{id}.short") for id in explanations(case)]
    step = say(f"pathway.decisive.{decisive.replace(':', '_')}") if decisive else ""
    if case.level == "established" and diagnosis.id:
        return say(f"pathway.summary.established_{diagnosis.id}", facts=facts)
    if case.level == "low" and explained:
        return say("pathway.summary.low_explained", facts=facts, explanation=" and ".join(explained))
    if case.level in ("high", "moderate") and diagnosis.id:
        return say("pathway.summary.seronegative", facts=facts)
    key = f"pathway.summary.{case.level}" + ("" if step or case.level in ("none", "insufficient") else "_watch")
    return say(key, facts=facts, step=step)


__all__ = ["AskError", "Case", "Proof", "fact"]
