"""What if: answers in the place of what a record says, and the records that were dropped in and are asked about again.

An answer takes the place of every record entry that speaks of the same question; CK results are added. Nothing of it is
kept: the record stays as it is, and a dropped record is forgotten after a while.
"""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from imnm.assessment.model import Assessment
from imnm.knowledge.concepts import members
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.messages import say
from imnm.logic.event import Event, day_date
from imnm.logic.nodes import concepts_of
from imnm.report import labels
from imnm.sources import Reading, read

from . import forms
from .forms import QUESTIONS, Answers, Question
from .source import size

NEVER_REPLACED = "creatine_kinase_total"
"""A new CK result does not undo those before it."""
HELD, HELD_EVENTS, HELD_SECONDS = 100, 400_000, 3600.0
"""How many dropped records are remembered, how many events and noted problems they may hold together, and for how
long."""


class Base(NamedTuple):
    """A record and what it says as it stands; ``setting``: as it was asked for."""

    reading: Reading
    assessment: Assessment
    setting: str | None = None


class Held:
    """The records that people dropped in, each under a key that cannot be guessed and for that person only."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, str, Base]] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, base: Base, person: str) -> str:
        """Remember a record; the oldest give way. Returns its key, empty if the record is too large to be held."""
        if size(base.reading) > HELD_EVENTS:
            return ""
        key = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[key] = (self._clock(), person, base)
            self._forget()
        return key

    def get(self, key: str, person: str) -> Base | None:
        """The record that this person dropped in; None if it is not held (any more)."""
        with self._lock:
            self._forget()
            kept = self._kept.get(key)
        return kept[2] if kept is not None and kept[1] == person else None

    def _forget(self) -> None:
        old = self._clock() - HELD_SECONDS
        while self._kept:
            since = next(iter(self._kept.values()))[0]
            events = sum(size(base.reading) for _, _, base in self._kept.values())
            if since >= old and len(self._kept) <= HELD and events <= HELD_EVENTS:
                return
            self._kept.popitem(last=False)


def answered(base: Base, answers: Answers) -> tuple[Reading, str]:
    """The record with the answers in their place, and the day to judge it on. Raises FormError."""
    day = base.assessment.as_of or dt.date.today().isoformat()
    entered = read(forms.bundle_of({**answers, "patient": "", "birth": "", "sex": ""}, dt.date.fromisoformat(day)))
    events, exposures = base.reading.events, base.reading.exposures
    spoken_of = {event.concept for event in entered.events}
    for question in QUESTIONS:
        if answers.get(question.id, "").strip():
            events = _without(events, _replaced(question, spoken_of))
    if answers.get("statin"):
        statins = {"statin", *members("statin")}
        events = _without(events, statins)
        exposures = [exposure for exposure in exposures if exposure.drug not in statins]
    added = [event for event in entered.events if event.concept not in ("birth", "sex")]
    newest = max(base.reading.newest_known, entered.newest_known)
    reading = Reading(
        base.reading.patient, [*events, *added], base.reading.problems, [*exposures, *entered.exposures], newest,
        base.reading.counts,
    )  # fmt: skip
    asked, latest = answers.get("as_of", "").strip(), day_date(entered.newest_known)
    return reading, asked or max(day, str(latest) if latest else "")


def _replaced(question: Question, spoken_of: set[str]) -> set[str]:
    """The concepts whose entries give way to the answer."""
    if question.kind == "drug":
        return {question.concept, *members(question.concept)}
    asked = set(concepts_of(FINDINGS[question.id].expression))
    if question.kind == "report":
        asked |= {concept for concept in spoken_of if concept.startswith(question.id.split("_", 1)[0])}
    return asked - {NEVER_REPLACED}


def _without(events: list[Event], concepts: set[str]) -> list[Event]:
    """The events without those of the entries that speak of these concepts: what an entry says of a drug, it says of
    its class too."""
    gone = {(e.ref, e.text) for e in events if e.concept.split(".", 1)[0] in concepts}
    return [event for event in events if (event.ref, event.text) not in gone]


def recorded(base: Base) -> dict[str, str]:
    """What the record itself says to each question, in words. What is only read as absent because nothing is said of
    it is not recorded."""
    found = {finding.id: finding.value for finding in base.assessment.findings if finding.basis != "silence"}
    said = {}
    for question in QUESTIONS:
        value = found.get(question.id)
        said[question.id] = _as_recorded(_words(question, value))
    drugs = [e for e in base.assessment.exposures if e.drug in {"statin", *members("statin")}]
    names = ", ".join(dict.fromkeys(labels.drug(e.drug) for e in drugs))
    said["statin"] = _as_recorded(names)
    return said


def _as_recorded(value: str) -> str:
    return say("serve.whatif.as_recorded", value=value) if value else say("serve.whatif.nothing")


def _words(question: Question, value: object) -> str:
    if not isinstance(value, bool):
        return ""
    if question.kind == "number":
        return say("serve.whatif.raised" if value else "serve.whatif.not_raised")
    answer = {"antibody": ("positive", "negative")}.get(question.kind, question.answers)
    return say(f"serve.answer.{answer[0] if value else answer[-1]}")
