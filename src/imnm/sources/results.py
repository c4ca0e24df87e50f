"""What was measured: laboratory results and examinations, with units, limits, flags and cut-offs.

An antibody is judged by what the result itself says: its words, its flag, its own cut-off. Only for anti-HMGCR, whose
published kits share a 20-unit scale, a number without a cut-off is judged by that scale. A titre that is reported
without ``<`` is reactive at that dilution.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import cache, lru_cache
from operator import attrgetter
from typing import NamedTuple

from imnm.knowledge.concepts import CONCEPTS, Domain
from imnm.knowledge.messages import say
from imnm.knowledge.pattern import pattern
from imnm.knowledge.units import canonical_unit, convert, unit_of_range
from imnm.logic.event import Event
from imnm.logic.interval import INF, UNKNOWN, Interval, above, below
from imnm.logic.truth import Truth

from .clinical import note_text, period_span, status_code
from .coding import Coded
from .notes import read_course, read_strength
from .quantities import Limit, Measured, Verdict, bounded, flag, measured, strength, upper_limit, verdict
from .reading import Problem
from .record import NoUnit, Record, When
from .reports import read_text
from .structs import CodeableConcept, Measurement, Observation, Quantity, Ratio, ReferenceRange

_LIKE_A_UNIT = re.compile(r"[a-zµμ%]{1,3}|[a-zµμ%\[\]]{1,6}(?:/[a-zµμ\d.\[\]]{1,6}){1,2}", re.IGNORECASE)
"""Only this is repeated in a problem: whatever else stands where a unit should be may be about the patient."""

RESULT: tuple[Domain, ...] = ("result", "condition", "procedure")
"""Where the code of a result is looked up: a test, else a finding or a procedure that is answered."""

_NO_RESULT = frozenset({"entered-in-error", "cancelled", "registered"})
_NOT_MEASURED = frozenset({"not-performed", "not-applicable", "error", "not-a-number", "negative-infinity",
                           "positive-infinity", "not-permitted", "unsupported", "temp-unknown"})  # fmt: skip
_MOST = {"U/L": 1e7, "mIU/L": 1e5, "umol/L": 1e5, "%": 1000.0, "mmol/L": 1000.0, "mm/h": 1000.0}
_MOST_OF_ANY = 1e8
"""Numbers beyond these are no results of these tests (convention; CK published up to seven digits)."""

_ASSAYS = tuple(
    (pattern(words, re.IGNORECASE), assay)
    for words, assay in (
        (r"immuno-?precipitation|\bIP\b", "immunoprecipitation"),
        (r"line ?(?:immuno)?(?:blot|assay)|immuno-?blot|dot ?blot|immunodot|\bLIA\b|\bblot\b", "line_blot"),
        (r"\bELISA\b|enzyme[- ]linked", "elisa"),
        (r"chemi-?lumin|\bCL?IA\b", "cia"),
        (r"immuno-?fluorescence|\bI?IFA?T?\b|\bIIF\b", "immunofluorescence"),
    )
)


def assay_of(text: str) -> str | None:
    """The assay a text names, if it does."""
    return next((assay for pattern, assay in _ASSAYS if pattern.search(text)), None)


# ---------------------------------------------------------------- numbers


class Number(NamedTuple):
    """A number as the record has it, before units are understood."""

    value: Interval = UNKNOWN
    units: tuple[str, ...] = ()
    limit: Limit | None = None
    limit_units: tuple[str, ...] = ()
    titre: bool = False
    words: tuple[str, ...] = ()


def _of_quantity(quantity: Quantity | None) -> Measured | None:
    if quantity is None or quantity.value is None:
        return None
    if isinstance(quantity.value, str):
        return measured(quantity.value)
    number = float(quantity.value) + 0.0  # a nought has no sign
    if number < 0 or not math.isfinite(number):
        return Measured(Interval(number, number))
    return Measured(bounded(number, quantity.comparator))


def _units(*quantities: Quantity | None) -> tuple[str, ...]:
    """The units a quantity states: its code leads, its text follows."""
    found = []
    for quantity in quantities:
        if quantity is not None:
            found += [unit for unit in (quantity.code, quantity.unit) if unit]
    return tuple(found)


def _of_ratio(ratio: Ratio | None) -> Measured | None:
    """A titre: one to so many."""
    if ratio is None or _of_quantity(ratio.numerator) is None:
        return None
    below_line = _of_quantity(ratio.denominator)
    return None if below_line is None else below_line._replace(titre=True)


def _number(part: Measurement, sex: str | None) -> Number:
    """The number of a result, its units and its upper limit, wherever they stand."""
    quantity = part.value_quantity
    units = _units(quantity)
    found = _of_quantity(quantity) or _of_ratio(part.value_ratio)
    if found is None and part.value_integer is not None:
        found = Measured(Interval(float(part.value_integer), float(part.value_integer)))
    if found is None and part.value_range is not None:
        low, high = _of_quantity(part.value_range.low), _of_quantity(part.value_range.high)
        found = Measured(Interval(low.value.low if low else -INF, high.value.high if high else INF))
        units = _units(part.value_range.low, part.value_range.high)
    words = [part.value_string] if part.value_string else []
    if part.value_codeable_concept is not None:
        words += _words(part.value_codeable_concept)
    if found is None:
        found = next((number for word in words if (number := measured(word)) is not None), None)
    limit, limit_units = _limit(part.reference_range, sex)
    if found is None:
        return Number(limit=limit, limit_units=limit_units, words=tuple(words))
    if limit is None and found.limit is not None:
        limit, limit_units = found.limit, (found.unit,) if found.unit else ()
    flags = (found.flag,) if found.flag else ()
    return Number(found.value, units or ((found.unit,) if found.unit else ()), limit, limit_units, found.titre,
                  (*words, *flags))  # fmt: skip


def _words(concept: CodeableConcept) -> list[str]:
    words = [concept.text] if concept.text else []
    return words + [coding.display for coding in concept.coding or () if coding.display and coding.display not in words]


def _limit(ranges: tuple[ReferenceRange, ...] | None, sex: str | None) -> tuple[Limit | None, tuple[str, ...]]:
    """The upper limit of normal: of the normal range, for the patient's sex where ranges differ by sex."""
    candidates = [entry for entry in ranges or () if status_code(entry.type) in ("", "normal", "normal range")]
    if sex is not None and len(candidates) > 1:
        fitting = [entry for entry in candidates if _applies(entry, sex)]
        candidates = fitting or candidates
    limits = [(limit, units) for entry in candidates for limit, units in (_limit_of(entry),) if limit is not None]
    if not limits:
        return None, ()
    if len({limit.number for limit, _ in limits}) > 1:
        return None, ()
    return limits[0]


def _applies(entry: ReferenceRange, sex: str) -> bool:
    words = " ".join([*(word for to in entry.applies_to or () for word in _words(to)), entry.text or ""]).lower()
    codes = {coding.code for to in entry.applies_to or () for coding in to.coding or ()}
    if sex == "female":
        return "female" in words or "women" in words or "248152002" in codes
    return bool(re.search(r"\bmale|\bmen\b", words)) or "248153007" in codes


_LEAST_LIMIT = 1e-12
"""Less than any limit in any unit (170 U/L of CK are 2.8e-6 kat/L): a result in multiples of it would be no number."""


def _limit_of(entry: ReferenceRange) -> tuple[Limit | None, tuple[str, ...]]:
    written = upper_limit(entry.text) if entry.text else None
    high = _of_quantity(entry.high)
    if high is None or not _LEAST_LIMIT < high.value.high < INF:
        return written, ()
    number = entry.high.value if entry.high is not None and isinstance(entry.high.value, float) else high.value.high
    inside = written.inside if written is not None and written.number == number else None
    if entry.high is not None and entry.high.comparator == "<":
        inside = False
    elif entry.low is not None:
        inside = True
    return Limit(float(number), inside), _units(entry.high)


# ---------------------------------------------------------------- canonical values


class Canonical(NamedTuple):
    """A result in the concept's canonical unit and in multiples of its upper limit of normal."""

    value: Interval
    times: Interval
    uln: float | None


def _canonical(record: Record, concept: str, number: Number, ref: str) -> Canonical | None:
    """The result in canonical units; None if the number is impossible (noted)."""
    if not _possible(number.value, concept):
        record.problem(ref, "absurd")
        return None
    times = _times(number)
    unit = canonical_unit(concept) or ""
    if not number.value.known:
        return Canonical(UNKNOWN, times, _convert(concept, number.limit, number.limit_units))
    if not unit:
        return Canonical(number.value, times, number.limit.number if number.limit else None)
    units = number.units or _assumed(record, concept, number, ref)
    for written in units:
        value = _converted(concept, number.value, written)
        if value is not None:
            if not _possible(value, concept):
                record.problem(ref, "absurd")
                return None
            record.units.setdefault(concept, set()).add(written)
            return Canonical(value, times, _convert(concept, number.limit, (*number.limit_units, written)))
    if units:
        unit = units[0].strip()
        if _LIKE_A_UNIT.fullmatch(unit):
            record.problem(ref, "unit", unit=unit)
        else:
            record.problem(ref, "unit_words")
    return Canonical(UNKNOWN, times, None)


def _possible(value: Interval, concept: str) -> bool:
    """Whether a number can be a result at all: finite, not negative, not beyond every published one."""
    most = _MOST.get(canonical_unit(concept) or "", _MOST_OF_ANY)
    if value.exact:
        return 0 <= value.low <= most
    finite = [end for end in value if not math.isinf(end)]
    if any(math.isnan(end) or end < 0 or end > most for end in finite):
        return False
    return bool(finite) or not value.exact


def _assumed(record: Record, concept: str, number: Number, ref: str) -> tuple[str, ...]:
    """The unit of a result that states none: that of its range, or the only one the range can be in."""
    if number.limit_units:
        return number.limit_units
    unit = unit_of_range(concept, number.limit.number) if number.limit else None
    if unit is None:
        record.without_unit.append(NoUnit(len(record.events), concept, number.value, ref))
        return ()
    record.problem(ref, "unit_assumed", unit=unit, reason=say("sources.problem.from_range"))
    return (unit,)


def _converted(concept: str, value: Interval, unit: str) -> Interval | None:
    low = value.low if math.isinf(value.low) else convert(concept, value.low, unit)
    if value.exact:
        return None if low is None else Interval(low, low)
    high = value.high if math.isinf(value.high) else convert(concept, value.high, unit)
    return None if low is None or high is None else Interval(low, high)


def _convert(concept: str, limit: Limit | None, units: Iterable[str]) -> float | None:
    if limit is None:
        return None
    return next((number for unit in units if (number := convert(concept, limit.number, unit)) is not None), None)


def _times(number: Number) -> Interval:
    """The number in multiples of its own limit: the unit cancels where both have the same one."""
    limit = number.limit
    if limit is None or limit.number <= 0 or not number.value.known:
        return UNKNOWN
    if number.units and number.limit_units and set(number.units).isdisjoint(number.limit_units):
        return UNKNOWN
    return Interval(number.value.low / limit.number, number.value.high / limit.number)


_FLAGGED = {"high": Interval(above(1.0), INF), "normal": Interval(-INF, 1.0), "low": Interval(-INF, 1.0)}


def _with_flag(record: Record, times: Interval, flags: set[str], ref: str) -> Interval:
    """The multiple narrowed by the flag; a flag that contradicts the number is noted and dropped."""
    for name in ("high", "normal", "low"):
        if name in flags:
            low, high = max(times.low, _FLAGGED[name].low), min(times.high, _FLAGGED[name].high)
            if low <= high:
                return Interval(low, high)
            record.problem(ref, "flag_clash")
    return times


def _flags(part: Measurement, words: Iterable[str]) -> set[str]:
    found = {flag(word) for word in words}
    for concept in part.interpretation or ():
        found |= {flag(coding.code) or flag(coding.display) for coding in concept.coding or ()}
        found.add(flag(concept.text))
    return {name for name in found if name}


# ---------------------------------------------------------------- observations


def read_observation(record: Record, observation: Observation, coded: Coded, ref: str, visit: Interval | None) -> None:
    """A result, an examination or a panel of them. Members of a panel are entries of their own."""
    if (observation.status or "") in _NO_RESULT:
        return
    if observation.focus:
        record.problem(ref, "other_focus")
        return
    span = (
        record.day(ref, observation.effective_date_time, observation.effective_instant)
        or period_span(record, ref, observation.effective_period)
        or visit
    )
    issued = record.day(ref, observation.issued)
    known = issued.high if issued else visit.high if visit and visit.high < INF else span.high if span else -INF
    when = When(span or Interval(-INF, known if known > -INF else INF), known if known < INF else -INF)
    notes = note_text(observation.note) if observation.note else ""
    method = " ".join(_words(observation.method)) if observation.method else ""
    read_part(record, observation, coded, when, ref, notes, method)
    for part in observation.component or ():
        inside = record.coder.first(part.code, RESULT, f"{coded.text} {method}".strip())
        read_part(record, part, inside, when, ref, note_text(part.note), method)


def any_domain(record: Record, code: CodeableConcept | None) -> Coded:
    """What a result's code means: a test, else a finding or a procedure that is answered."""
    return record.coder.first(code, RESULT)


def read_part(record: Record, part: Measurement, coded: Coded, when: When, ref: str, notes: str, method: str) -> None:
    concepts = coded.concepts
    text = part.value_string or (part.value_codeable_concept.text if part.value_codeable_concept else None) or ""
    if "strength_compared" in concepts:
        _read_strength(record, " ".join((text, notes)), when, ref, coded.name)
    elif "clinical_course" in concepts:
        _read_course(record, " ".join((text, notes)), when, ref, coded.name)
    elif "myositis_antibody_panel" in concepts:
        if text or notes:
            read_text(record, ". ".join(filter(None, (text, notes))), "lab", when, ref, coded.name)
    elif coded.is_result:
        said = _said(record, part, coded, method) if not notes else None
        if said is None:
            _read_result(record, part, coded, when, ref, notes, method)
        else:
            _say_again(said, record, when, ref)
    elif concepts:
        _read_answer(record, part, coded, when, ref)


def _read_answer(record: Record, part: Measurement, coded: Coded, when: When, ref: str) -> None:
    """A finding or procedure written as a question and its answer; without an answer nothing is said."""
    verdicts = _verdicts(record, part, _number(part, None).words, _flags(part, ()))
    if part.value_boolean is not None:
        verdicts.append(Verdict(part.value_boolean))
    words = (part.value_string or "").strip().lower()
    if words in ("yes", "no"):
        verdicts.append(Verdict(words == "yes"))
    if not verdicts:
        return
    grade = next((verdict.grade for verdict in verdicts if verdict.grade), None)
    record.state(coded, _agreed(record, verdicts, ref), when, ref, grade=grade)


def _read_strength(record: Record, text: str, when: When, ref: str, name: str) -> None:
    for concept, truth in read_strength(text):
        line = say("sources.text.report", name=name, matched=text.strip()[:160], date=when.date)
        record.also(concept, truth, when, ref, line)


def _read_course(record: Record, text: str, when: When, ref: str, name: str) -> None:
    line = say("sources.text.report", name=name, matched=text.strip()[:160], date=when.date)
    for concept, level in read_course(text):
        times = _FLAGGED[level]
        record.add(
            Event(
                concept,
                when.span.low,
                when.span.high,
                when.known,
                times_low=times.low,
                times_high=times.high,
                ref=ref,
                text=line,
            ),
        )
    if re.search(r"strength|weak|power", text, re.IGNORECASE):
        _read_strength(record, text, when, ref, name)


def _read_result(
    record: Record, part: Measurement, coded: Coded, when: When, ref: str, notes: str, method: str
) -> None:
    number = _number(part, record.sex)
    if _not_measured(part, number):
        return
    flags = _flags(part, number.words)
    for match, _ in coded.stated:
        concept = CONCEPTS[match.concept]
        if concept.domain != "result" or match.relation == "broader":
            continue
        if concept.unit:
            if match.concept == match.direct:
                _read_quantity(record, concept.id, part, number, flags, when, ref, coded.name)
        else:
            name = " ".join((coded.text, method, notes))
            _read_antibody(record, concept.id, part, number, flags, when, ref, coded.name, name, notes)
    for match, truth in coded.stated:
        if match.relation == "broader" and not CONCEPTS[match.concept].unit and truth is None:
            record.also(match.concept, None, when, ref, _result_text(coded.text, "", when))


# ---------------------------------------------------------------- the same result again


_AfterDays = tuple[float, float, float, float, Truth, str | None, str | None, float | None]


class Said(NamedTuple):
    """What a result says, whoever had it on whatever day. events: the concept, what follows the days, and the line for
    people before and after the date."""

    events: tuple[tuple[str, _AfterDays, str, str], ...]
    problems: tuple[str, ...]
    units: tuple[tuple[str, frozenset[str]], ...]
    without_unit: tuple[NoUnit, ...]


_BLANK = "\0"
"""Where the date is to stand."""
_REMEMBERED = 20_000


class _AnyDay(When):
    """In place of the day that a result is of."""

    @property
    def date(self) -> str:
        return _BLANK


_ANY_DAY = _AnyDay(UNKNOWN, -INF)


def _said(record: Record, part: Measurement, coded: Coded, method: str) -> Said | None:
    """What a result without a note says, worked out once for every way in which it is written: laboratories write few,
    and people have many. None if it cannot be told apart from its day."""
    key = (
        coded, record.sex, method, part.value_quantity, part.value_string, part.value_codeable_concept,
        part.value_boolean, part.value_integer, part.value_range, part.value_ratio, part.data_absent_reason,
        part.interpretation, part.reference_range,
    )  # fmt: skip
    remembered: dict[tuple[object, ...], Said | None] = record.coder.said
    try:
        return remembered[key]
    except KeyError:
        pass
    if len(remembered) >= _REMEMBERED:
        remembered.clear()
    blank = Record(record.coder)
    blank.sex = record.sex
    _read_result(blank, part, coded, _ANY_DAY, "", "", method)
    remembered[key] = found = _without_day(blank)
    return found


def _without_day(blank: Record) -> Said | None:
    """What was read into a record on any day; None if a line for people does not have one place for the date."""
    events = []
    for event in blank.events:
        before, *after = event.text.split(_BLANK)
        if len(after) != 1:
            return None
        events.append((event.concept, _AFTER_DAYS(event), before, after[0]))
    return Said(
        tuple(events),
        tuple(problem.problem for problem in blank.problems),
        tuple((concept, frozenset(units)) for concept, units in blank.units.items()),
        tuple(blank.without_unit),
    )


_AFTER_DAYS = attrgetter("low", "high", "times_low", "times_high", "truth", "grade", "detail", "uln")


def _say_again(said: Said, record: Record, when: When, ref: str) -> None:
    """Keep what a result says as that of this record, on this day."""
    for number in said.without_unit:
        record.without_unit.append(number._replace(place=len(record.events) + number.place, ref=ref))
    for problem in said.problems:
        record.problems.append(Problem(ref, problem))
    for concept, units in said.units:
        record.units.setdefault(concept, set()).update(units)
    (start, end), known, date = when.span, when.known, when.date
    for concept, rest, before, after in said.events:
        record.add(Event(concept, start, end, known, *rest, ref, f"{before}{date}{after}"))


def _not_measured(part: Measurement, number: Number) -> bool:
    """Whether the result says that nothing was measured."""
    nothing = not number.value.known and not number.words and part.value_boolean is None and not part.interpretation
    return nothing and status_code(part.data_absent_reason) in _NOT_MEASURED


def _read_quantity(
    record: Record, concept: str, part: Measurement, number: Number, flags: set[str], when: When, ref: str, name: str
) -> None:
    result = _canonical(record, concept, number, ref)
    if result is None:
        return
    times = _with_flag(record, result.times, flags, ref)
    if number.words and not number.value.known and not flags and verdict(number.words[0]) is None:
        record.problem(ref, "value")
    record.add(
        Event(
            concept,
            when.span.low,
            when.span.high,
            when.known,
            result.value.low,
            result.value.high,
            times.low,
            times.high,
            uln=result.uln,
            ref=ref,
            text=_result_text(name, value_text(number, times), when),
        )
    )


def _result_text(name: str, value: str, when: When) -> str:
    return say("sources.text.result", name=name[:120], value=value, date=when.date)


def value_text(number: Number, times: Interval) -> str:
    """A value for people, in the record's own unit: ``13,875 U/L (upper limit 200)``, ``above the upper limit``."""
    shown = " ".join(filter(None, (_shown(number.value), *number.units[-1:])))
    limit = _limit_text(number.limit.number) if number.limit else ""
    if number.value.known:
        return shown + limit
    if times.low >= 1:
        return say("sources.text.high")
    return say("sources.text.normal" if times.high <= 1 else "sources.text.no_value")


@lru_cache(maxsize=4096)
def _limit_text(limit: float) -> str:
    return say("sources.text.limit", limit=plain_number(limit))


def _shown(value: Interval) -> str:
    if value.exact:
        return plain_number(value.low)
    if value.high == INF and value.low > -INF:
        return f"≥{plain_number(value.low)}" if _round(value.low) else f">{plain_number(below(value.low))}"
    if value.low <= 0 and value.high < INF:
        return f"≤{plain_number(value.high)}" if _round(value.high) else f"<{plain_number(above(value.high))}"
    return f"{plain_number(value.low)} to {plain_number(value.high)}" if value.known else ""


def _round(number: float) -> bool:
    return number == round(number, 6)


def plain_number(number: float) -> str:
    """A number with thousands separators and no more digits than it has."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.6g}"


# ---------------------------------------------------------------- antibodies


@cache
def _hmgcr_scale() -> tuple[float, float, float]:
    """From which number of units anti-HMGCR is positive, moderate and strong (imported only when a number needs it)."""
    from imnm.knowledge.criteria.antibody import MODERATE_FROM, POSITIVE_FROM, STRONG_FROM

    return POSITIVE_FROM.number, MODERATE_FROM.number, STRONG_FROM.number


def _read_antibody(
    record: Record,
    concept: str,
    part: Measurement,
    number: Number,
    flags: set[str],
    when: When,
    ref: str,
    name: str,
    words: str,
    notes: str,
) -> None:
    """A qualitative result; a number counts with the cut-off that stands beside it."""
    if not _possible(number.value, concept):
        record.problem(ref, "absurd")
        return
    noted = _noted(notes)
    if noted is not None and not number.value.known:
        number = number._replace(value=noted.value, limit=number.limit or noted.limit, titre=noted.titre)
    verdicts = _verdicts(record, part, number.words, flags)
    if "high" in flags or "abnormal" in flags:
        verdicts.append(Verdict(True))
    if "normal" in flags:
        verdicts.append(Verdict(False))
    by_number = _by_cut_off(concept, number)
    if by_number is not None:
        verdicts.append(by_number)
    truth = _agreed(record, verdicts, ref)
    grade = None
    if truth is True:
        grade = next((verdict.grade for verdict in reversed(verdicts) if verdict.grade), None) or _noted_grade(notes)
    value = number.value
    shown = value_text(number, UNKNOWN) if value.known else ""
    said = say(f"sources.text.{'positive' if truth else 'negative' if truth is False else 'indeterminate'}")
    record.add(
        Event(
            concept,
            when.span.low,
            when.span.high,
            when.known,
            value.low,
            value.high,
            truth=truth,
            grade=grade,
            detail=assay_of(words),
            ref=ref,
            text=_result_text(name, f"{said} ({shown})" if shown else said, when),
        )
    )


def _verdicts(record: Record, part: Measurement, words: Iterable[str], flags: set[str]) -> list[Verdict]:
    """What the words, answer codes and flags of a result say."""
    found = [said for word in words if measured(word) is None and (said := verdict(word)) is not None]
    if part.value_boolean is not None:
        found.append(Verdict(part.value_boolean))
    for coding in (part.value_codeable_concept.coding or ()) if part.value_codeable_concept else ():
        answers = record.coder.answer(coding.system or "", coding.code or "")
        found += [Verdict(answer) for answer in answers]
    if "positive" in flags:
        found.append(Verdict(True))
    if "weak" in flags:
        found.append(Verdict(True, "weak"))
    if "negative" in flags:
        found.append(Verdict(False))
    if "unclear" in flags:
        found.append(Verdict(None))
    return found


def _agreed(record: Record, verdicts: list[Verdict], ref: str) -> Truth:
    """The one truth of several statements; unknown if they contradict each other, or none is made."""
    truths = {verdict.truth for verdict in verdicts}
    if True in truths and False in truths:
        record.problem(ref, "result_clash")
        return None
    if None in truths:
        return None
    return next(iter(truths), None)


def _by_cut_off(concept: str, number: Number) -> Verdict | None:
    """What the number says against the cut-off of the same result, or on the 20-unit scale of anti-HMGCR."""
    value, limit = number.value, number.limit
    if not value.known:
        return None
    scale = concept == "anti_hmgcr" and not number.titre and (limit is None or limit.number in (19.0, 19.9, 20.0))
    if limit is not None:
        if value.low > limit.number or (value.low == limit.number and limit.inside is False):
            return Verdict(True, _hmgcr_grade(value) if scale else None)
        if value.high < limit.number or (value.high == limit.number and limit.inside):
            return Verdict(False)
        return None
    if number.titre:
        return Verdict(value.low > 0) if value.low > 0 or value.high < INF else None
    if scale and value.low >= _hmgcr_scale()[0]:
        return Verdict(True, _hmgcr_grade(value))
    return Verdict(False) if scale and value.high < _hmgcr_scale()[0] else None


def _hmgcr_grade(value: Interval) -> str | None:
    """The band of the 20-unit scale in which the whole value lies."""
    _, moderate, strong = _hmgcr_scale()
    if value.low >= strong:
        return "strong"
    if value.low >= moderate and value.high < strong:
        return "moderate"
    return "weak" if value.high < moderate else None


@lru_cache(maxsize=4096)
def _noted(notes: str) -> Measured | None:
    """A value that stands in the note (``200 U/ml (ref 20)``, ``1:320``); a bare number is no value."""
    found = measured(notes.split(", age")[0]) if notes else None
    return found if found is not None and (found.unit or found.limit or found.titre) else None


def _noted_grade(notes: str) -> str | None:
    low = notes.strip().lower()
    if re.fullmatch(r"(?:very )?high(?: titre| titer| level)?", low):
        return "strong"
    return strength(low) if "positive" in low or "titre" in low or "titer" in low else None
