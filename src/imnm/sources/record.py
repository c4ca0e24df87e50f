"""What is gathered while a record is read, and the rules every kind of entry shares: dates, words, statements."""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any, NamedTuple

import msgspec

from imnm.knowledge.concepts import CONCEPTS, implied
from imnm.knowledge.limits import within_known_limits
from imnm.knowledge.messages import say
from imnm.knowledge.units import convert
from imnm.logic.event import Event, day_number
from imnm.logic.interval import INF, UNKNOWN, Interval
from imnm.logic.truth import Truth

from .coding import Coded, Coder
from .dates import birth_span, day_span, iso_day
from .notes import Note
from .reading import Exposure, Problem, Reading, newest_known, one_result_a_day, without_repeats


class When(NamedTuple):
    """When something can have happened, and since when the record knew it."""

    span: Interval
    known: float

    @property
    def date(self) -> str:
        """The day for people: the date itself, else the day it was recorded, else that there is none."""
        return iso_day(self.span) or self.recorded or say("sources.text.undated")

    @property
    def recorded(self) -> str | None:
        """The day since when the record knew it."""
        return iso_day(Interval(self.known, self.known))


class NoUnit(NamedTuple):
    """A number without a unit, waiting for the other results of its test: where its event stands, and the number."""

    place: int
    concept: str
    value: Interval
    ref: str


class Record:
    """One patient's record while it is being read."""

    def __init__(self, coder: Coder) -> None:
        self.coder = coder
        self.patient = ""
        self.sex: str | None = None
        self.birth: Interval | None = None
        self.written = INF
        """The day the record was put together; nothing in it is younger. Infinite if it does not say."""
        self.events: list[Event] = []
        self.problems: list[Problem] = []
        self.exposures: list[Exposure] = []
        self.doses: dict[str, tuple[float, str]] = {}
        self.units: dict[str, set[str]] = {}
        """The units in which each concept's other results were given."""
        self.without_unit: list[NoUnit] = []
        self.seen: dict[str, int] = {}
        self.used: dict[str, int] = {}

    # ------------------------------------------------------------ problems and dates

    def problem(self, ref: str, key: str, **values: Any) -> None:
        """Note something that was not understood or not used (``messages/en/sources.toml``, table ``problem``)."""
        self.problems.append(Problem(ref, say(f"sources.problem.{key}", **values)))

    def day(self, ref: str, *texts: str | None) -> Interval | None:
        """The span of the first of these dates that is given; one that is no date is noted and passed over."""
        for text in texts:
            if text:
                span = day_span(text)
                if span is not None:
                    return span
                self.problem(ref, "date")
        return None

    def born(self, ref: str, text: str | None) -> Interval | None:
        """The span of the birth date; one that is impossible is noted and passed over."""
        span = birth_span(text)
        if text and span is None:
            self.problem(ref, "date")
        return span

    def between(self, ref: str, start: str | None, end: str | None) -> Interval | None:
        """From the earliest day of the start to the latest day of the end; open where one is missing. None if both
        are, or if it ends before it starts, which is noted: then nothing is known."""
        first, last = self.day(ref, start), self.day(ref, end)
        if first is None and last is None:
            return None
        span = Interval(first.low if first else -INF, last.high if last else INF)
        if span.low > span.high:
            self.problem(ref, "date")
            return None
        return span

    def at_age(self, age: Interval | None) -> Interval | None:
        """The days on which the patient had this age in days; None if the birth date or the age is not known."""
        if age is None or self.birth is None:
            return None
        return Interval(self.birth.low + age.low, self.birth.high + age.high)

    # ------------------------------------------------------------ statements

    def add(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)

    def state(
        self,
        coded: Coded,
        stated: Truth,
        when: When,
        ref: str,
        *,
        past: bool = False,
        note: Note | None = None,
        grade: str | None = None,
        words: str = "",
    ) -> None:
        """Keep what an entry with this coding, status and note says of each concept it speaks of."""
        name = coded.name + (f" ({words[:80]})" if words else "")
        texts: dict[tuple[Truth, bool], str] = {}
        doubtful = coded.denied or (note is not None and note.contradicts)
        for match, truth in coded.stated if stated is True else implied(coded.matches, stated):
            concept = CONCEPTS[match.concept]
            if concept.domain == "answer":
                continue
            said = None if doubtful and truth is True else truth
            over = past or (not concept.lasting and (match.past or (note is not None and note.past)))
            if note is not None and note.unlocated and truth is True and concept.id in LOCATED_WEAKNESS:
                said = None
            text = texts.get((said, over))
            if text is None:
                text = texts[said, over] = statement_text(name, said, over, when)
            self.add(
                Event(
                    f"{concept.id}.past" if over and said is True else concept.id,
                    when.span.low if match.days_ago is None else when.known - match.days_ago[1],
                    when.span.high if match.days_ago is None else when.known - match.days_ago[0],
                    when.known,
                    truth=said,
                    grade=grade or (note.grade if note is not None and said is not False else None),
                    ref=ref,
                    text=text,
                )
            )
            finding = SEEN_BY_A_TEST.get(concept.id) if match.relation != "broader" else None
            if concept.id == "abnormal_emg" and said is True and MYOPATHIC_EMG.search(coded.text):
                finding = "emg_myopathic"
            if finding is not None:
                self.also(finding, said, when, ref, text)
        if doubtful and stated is True and coded.matches:
            self.problem(ref, "contradiction")

    def also(
        self,
        concept: str,
        truth: Truth,
        when: When,
        ref: str,
        text: str,
        grade: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Keep a further statement of an entry."""
        low, high = when.span.low, when.span.high
        self.add(Event(concept, low, high, when.known, truth=truth, grade=grade, detail=detail, ref=ref, text=text))

    def count(self, kind: str, used: bool) -> None:
        """Count an entry, and whether it gave an event."""
        self.seen[kind] = self.seen.get(kind, 0) + 1
        self.used[kind] = self.used.get(kind, 0) + used

    # ------------------------------------------------------------ the end

    def finish(self, today: dt.date) -> Reading:
        """The record as read."""
        for number in self.without_unit:
            self._with_the_others_unit(number)
        events = without_repeats(map(within_known_limits, one_result_a_day(self.events)))
        limit = day_number(today)
        later = {
            event.ref for event in events if event.ref and (limit < event.start < INF or limit < event.known < INF)
        }
        if later:
            self.problem(min(later), "future", count=len(later))
        for drug, (day, ref) in self.doses.items():
            self.exposures.append(Exposure(drug, iso_day(Interval(day, day)), None, False, ref))
        return Reading(
            patient=self.patient,
            events=events,
            problems=list(dict.fromkeys(self.problems)),
            exposures=self.exposures,
            newest_known=newest_known(events),
            counts={kind: (self.seen[kind], self.used.get(kind, 0)) for kind in sorted(self.seen)},
        )

    def _with_the_others_unit(self, number: NoUnit) -> None:
        """Read a number without a unit in the unit of all other results of its test, if that is one and the same."""
        units = sorted(self.units.get(number.concept, ()))
        ends = {tuple(_in_unit(number.concept, end, unit) for end in number.value) for unit in units}
        low, high = next(iter(ends)) if len(ends) == 1 else (None, None)
        if low is None or high is None:
            self.problem(number.ref, "no_unit")
            return
        self.events[number.place] = msgspec.structs.replace(self.events[number.place], low=low, high=high)
        self.problem(number.ref, "unit_assumed", unit=units[0], reason=say("sources.problem.from_others"))


def _in_unit(concept: str, end: float, unit: str) -> float | None:
    return end if math.isinf(end) else convert(concept, end, unit)


SEEN_BY_A_TEST = {"muscle_fibre_necrosis": "biopsy_necrosis_present", "rimmed_vacuoles": "biopsy_rimmed_vacuoles"}
"""What only a test can show, as the finding of that test."""

MYOPATHIC_EMG = re.compile(r"myopathic|HP:0003458", re.IGNORECASE)
"""How an abnormal EMG is named, or coded in HPO, when it is said to be myopathic."""

LOCATED_WEAKNESS = frozenset(
    {"proximal_muscle_weakness", "distal_weakness", "quadriceps_weakness", "neck_flexor_weakness", "axial_weakness"}
)
"""Weakness of a place: where the place is said to be unknown, only weakness is left."""


def statement_text(name: str, truth: Truth, past: bool, when: When) -> str:
    """The line shown to people for a statement."""
    key = "denied" if truth is False else "doubtful" if truth is None else "past" if past else "stated"
    return say(f"sources.text.{key}", name=name[:120], date=when.date)


def when_recorded(onset: Interval | None, recorded: Interval | None, visit: Interval | None, present: bool) -> When:
    """The time of a problem: from its onset, else up to the day of recording; known from the recording on.

    A problem recorded as present began no later than that, however vague its onset.
    """
    day = recorded or visit
    if onset is None:
        return When(Interval(-INF, day.high) if day else UNKNOWN, day.high if day else -INF)
    if day is not None and present and onset.low <= day.high:
        onset = Interval(onset.low, min(onset.high, day.high))
    return When(onset, day.high if day else onset.high if math.isfinite(onset.high) else -INF)
