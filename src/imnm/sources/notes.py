"""What short notes beside an entry say: severity, tempo, side, a contradiction of the entry itself, later strength.

Notes are free text of a few words. Only what is stated is taken; a note that is not understood changes nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from imnm.knowledge.pattern import pattern
from imnm.logic.interval import Interval

from .dates import DAYS_PER_MONTH, DAYS_PER_YEAR

WEAKNESS = frozenset(
    {
        "muscle_weakness",
        "proximal_muscle_weakness",
        "limb_girdle_weakness",
        "distal_weakness",
        "quadriceps_weakness",
        "neck_flexor_weakness",
        "axial_weakness",
        "finger_flexor_weakness",
        "facial_weakness",
        "asymmetric_weakness",
        "difficulty_climbing_stairs",
        "difficulty_rising_from_chair",
        "difficulty_raising_arms",
        "walking_difficulty",
    }
)
"""Concepts whose notes are read for strength grades, tempo and distribution of weakness."""

PAIN = frozenset({"myalgia", "muscle_tenderness"})
RASH = frozenset({"rash_any"})


LONGEST_NOTE = 200
"""Notes beyond this many characters are letters, not remarks on their entry, and are not read as such."""


class Note(NamedTuple):
    """What a note adds to the entry it stands beside.

    grade:       severe, moderate or mild, if stated.
    contradicts: it denies what the entry states.
    past:        it says that the thing is over.
    unlocated:   it says that the distribution is not known, so that a located weakness is only a weakness.
    duration:    how many days it had lasted when it was recorded.
    age:         the days of life at which it began.
    also:        further concepts stated, present or absent.
    """

    grade: str | None = None
    contradicts: bool = False
    past: bool = False
    unlocated: bool = False
    duration: Interval | None = None
    age: Interval | None = None
    also: tuple[tuple[str, bool], ...] = ()


_NOT = r"(?<!no )(?<!not )(?<!non-)(?<!non )(?<!without )(?<!never )"
_SEVERE = pattern(
    _NOT
    + r"\b(?:severe(?:ly)?|profound(?:ly)?|marked(?:ly)?|pronounced|intense|extreme|massive)\b(?!(?: \w+){0,2} atroph)"
    + "|"
    + _NOT
    + r"\b(?:complete paralysis"
    r"|(?:near-?|almost )?bed(?:ridden|bound|fast)|wheelchair(?! for)|stretcher"
    r"|tetrapleg\w+|quadripleg\w+|tetrapares\w+"
    r"|tube[- ]?fe(?:d|eding)|intubat\w+|ventilator|mechanical(?:ly)? ventilat\w+)"
    r"|\b(?:unable|cannot|can ?not|can hardly|could not|inability) (?:to )?(?:walk|stand|rise|get up|be raised|lift)\b"
    r"|\b(?:lost|loss of) ambulation|non-?ambula\w+|cannot be raised|^(?:unable|impossible)$"
)
_MILD = pattern(_NOT + r"\b(?:mild(?:ly)?|slight(?:ly)?|minor|minimal(?:ly)?|subtle|discrete)\b")
_MODERATE = pattern(_NOT + r"\bmoderate(?:ly)?\b")
_MRC = pattern(r"(?<![\d./])([0-5])(?:\.5)?\s*[+-]?\s*(?:(?:-|–|to)\s*([0-5])\s*[+-]?\s*)?/\s*5(?!\d)")
_MRC_WORD = pattern(r"\b(?:mrc|grade|power|strength)\s*(?:grade\s*)?(?:of\s*)?([0-5])(?![\d/.]*\d)(?:\s*-\s*([0-5]))?")
_MRC_SIGN = pattern(r"(?<![\d.])([0-5])[+-](?!\d)")
_FULL = pattern(
    r"\b(?:normal|full)\s+(?:muscle )?(?:power|strength)|(?:power|strength|examination|exam)\s+(?:was |is )?normal"
    r"|normal\s+(?:on\s+)?(?:neurological |clinical |physical )?exam|no (?:objective |demonstrable )weakness"
    r"|weakness (?:was |is )?not (?:confirmed|found|objectified)"
)
_UNABLE = pattern(
    r"\b(?:unable|cannot|can ?not|could not|inability) (?:to )?walk(?! unaided| without| far| long)"
    r"|(?<!near-)(?<!near )(?<!almost )\bbed(?:ridden|bound)|(?:lost|loss of) ambulation|non-?ambula\w+"
)
_PROGRESSIVE = pattern(
    _NOT + r"\b(?:(?:slowly |rapidly )?progress(?:ive|ing|ed|ion)|worsening|deteriorat\w+|increasing)"
)
_RAPID = pattern(
    _NOT + r"\b(?:rapid(?:ly)?|fulminant|precipitous)\b|progress\w* (?:over|within|in) (?:a few |several |some )?days"
    r"|(?:over|within) days\b"
)
_SLOW = pattern(_NOT + r"\b(?:slow(?:ly)?|indolent|insidious(?:ly)?|chronic|long-?standing)\b")
_ACUTE = pattern(_NOT + r"(?<!sub)(?<!sub-)\b(?:acute(?:ly)?|sudden(?:ly)?|abrupt(?:ly)?)\b(?!\s+on\s+chronic)")
_ASYMMETRIC = pattern(r"\basymmetr\w+|\bunilateral|\b(?:left|right)[- ]sided")
_SYMMETRIC = pattern(r"(?<!a)(?<!not )(?<!non-)\bsymmetr\w+")
_PAINLESS = pattern(r"\bpainless|\b(?:no|without|denies) (?:muscle )?(?:pain|myalgia)")
_TENDER = pattern(_NOT + r"\btender(?:ness)?\b")
_EXERTIONAL = pattern(r"\bexercise[- ]induced|\b(?:after|on|during|with) (?:exercise|exertion|effort)")
_UNLOCATED = pattern(
    r"(?:distribution|location|site|pattern) (?:was |is )?"
    r"(?:not (?:given|stated|specified|recorded|known)|unknown|unspecified)"
)
_PAST = pattern(r"\b(?:resolved|recovered fully|in the past|previously|has gone|had gone|now gone|settled)\b")
_LEGS = pattern(
    r"\blegs?\s*(?:>|more than|worse than)\s*(?:the )?arms?|predominantly (?:the )?(?:legs|lower limbs?)|legs more\b"
)
_LIKE_DM = pattern(_NOT + r"\b(?:typical of |like |resembling )?dermatomyositis(?:[- ]like| rash| type)?")
_DROPPED_HEAD = pattern(r"\bdropped head|head drop")

_DENIALS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (pattern(rf"\b(?:no|without|absent|denies|denied|never)\b[^.;]{{0,25}}\b(?:{words})"), frozenset(concepts))
    for words, concepts in (
        (r"skin|rash|erythema|cutaneous|dermat", {"skin_rash", "rash_any", "skin_rash_dm", "heliotrope_rash",
                                                   "gottron_papules", "gottron_sign"}),
        (r"weakness|paresis|loss of (?:power|strength)", WEAKNESS),
        (r"pain|myalgia|tender", PAIN),
        (r"bulbar|dysphagia|swallow", {"dysphagia", "bulbar_weakness"}),
        (r"ptosis|diplopia|ocular|ophthalm", {"ptosis", "ophthalmoparesis", "ocular_weakness", "diplopia",
                                              "fatigable_or_ocular"}),
        (r"urin|myoglobin", {"myoglobinuria", "dark_urine"}),
        (r"lung|ild\b|pulmon|organ|interstitial", {"ild"}),
        (r"respirat|dyspn|breath", {"respiratory_failure", "dyspnoea"}),
        (r"cardiac|heart|myocard", {"cardiac_involvement", "myocarditis", "heart_failure"}),
        (r"atrophy|wasting", {"muscle_atrophy"}),
        (r"fever", {"fever"}),
        (r"joint|arthr|synovit", {"arthritis", "arthralgia"}),
        (r"(?:characteristic |clinical |typical )?(?:signs?|symptoms?|findings?)\b", WEAKNESS | {"skin_rash"}),
    )
)  # fmt: skip

_NUMBERS = {"a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0,
            "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "twelve": 12.0}  # fmt: skip
_UNIT_DAYS = {"day": 1.0, "week": 7.0, "month": DAYS_PER_MONTH, "year": DAYS_PER_YEAR}
_DURATION = pattern(
    r"(?:(?:slowly |rapidly |gradually )?(?:progressive|progressing|worsening|chronic|subacute|acute|present|symptoms?"
    r"|duration|malaise|indolent)?,?\s*(?:over|for|of|during|x|(?:for|over) the (?:last|past)|lasting)?\s*)"
    rf"(\d+(?:\.\d+)?|{'|'.join(_NUMBERS)})[ -](day|week|month|year)s?(?:'? (?:duration|history))?(?:\b[,;].*)?"
)
_FROM_AGE = pattern(r"\b(?:from|since|at) (?:the )?age (?:of )?(\d{1,2})\b")
_CHILDHOOD = pattern(r"\b(?:since|from|in) (?:early )?childhood\b|\bchildhood[- ]onset")
ADULT_AGE = 18


@lru_cache(maxsize=16384)
def read_note(concept: str, text: str) -> Note:
    """What the note says about an entry of this concept."""
    low = " ".join(text.lower().split())
    weak = concept in WEAKNESS
    normal = weak and _FULL.search(low) is not None
    return Note(
        grade=_grade(low, weak),
        contradicts=normal or (concept in PAIN and "painless" in low) or _denied(concept, low),
        past=_PAST.search(low) is not None,
        unlocated=_UNLOCATED.search(low) is not None,
        duration=_duration(low),
        age=_age(low),
        also=tuple(_also(concept, low, weak, normal)),
    )


def _denied(concept: str, low: str) -> bool:
    return any(concept in concepts and pattern.search(low) for pattern, concepts in _DENIALS)


def muscle_grade(text: str) -> float | None:
    """The lowest strength on the 0 to 5 scale (MRC) that the text states; None if it states none."""
    low = text.lower()
    grades = [int(part) for match in _MRC.finditer(low) for part in match.groups() if part]
    grades += [int(part) for match in _MRC_WORD.finditer(low) for part in match.groups() if part]
    grades += [int(match[1]) for match in _MRC_SIGN.finditer(low)]
    return min(grades, default=None)


def _grade(low: str, weak: bool) -> str | None:
    """Severity in words; for weakness MRC 3 or less is severe (the frequency table's definition), MRC 4 is not."""
    if weak:
        strength = muscle_grade(low)
        if strength is not None and strength < 5:
            return "severe" if strength <= 3 else "moderate"
    if _SEVERE.search(low):
        return "severe"
    if _MODERATE.search(low):
        return "moderate"
    return "mild" if _MILD.search(low) else None


def _also(concept: str, low: str, weak: bool, normal: bool) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    if weak:
        found += [
            (other, truth)
            for pattern, other, truth in (
                (_UNABLE, "inability_to_walk", True),
                (_PROGRESSIVE, "progressive_weakness", True),
                (_RAPID, "rapid_progression", True),
                (_SLOW, "slow_course", True),
                (_ACUTE, "acute_onset", True),
                (_ASYMMETRIC, "asymmetric_weakness", True),
                (_SYMMETRIC, "asymmetric_weakness", False),
                (_PAINLESS, "myalgia", False),
                (_TENDER, "muscle_tenderness", True),
                (_LEGS, "lower_limb_predominant", True),
                (_DROPPED_HEAD, "neck_extensor_weakness", True),
            )
            if other != concept and pattern.search(low)
        ]
        if normal:
            found.append(("strength_normal", True))
    elif concept in PAIN and _EXERTIONAL.search(low):
        found.append(("exercise_myalgia", True))
    elif concept in RASH and _LIKE_DM.search(low):
        found.append(("skin_rash_dm", True))
    return found


def _duration(low: str) -> Interval | None:
    """``progressive 3 months`` lasted between two and a half and three and a half months."""
    match = _DURATION.fullmatch(low)
    if match is None:
        return None
    number = _NUMBERS.get(match[1]) or float(match[1])
    unit = _UNIT_DAYS[match[2]]
    return Interval(float(int(max(number - 0.5, 0) * unit)), float(int((number + 0.5) * unit) + 1))


def _age(low: str) -> Interval | None:
    match = _FROM_AGE.search(low)
    if match is not None:
        years = int(match[1])
        return Interval(float(int(years * DAYS_PER_YEAR)), float(int((years + 1) * DAYS_PER_YEAR) + 1))
    return Interval(0.0, float(int(ADULT_AGE * DAYS_PER_YEAR))) if _CHILDHOOD.search(low) else None


# ---------------------------------------------------------------- later strength and course

_WORSE = pattern(_NOT + r"\b(?:worse(?:ned|ning)?|deteriorat\w+|declin\w+|weaker|relaps\w+)\b")
_BETTER = pattern(
    _NOT
    + r"(?<!no adequate )\b(?:better|improv(?:ed|ing|ement)|recover(?:ed|ing|y)|near(?:ly)?[- ]normal|stronger|regained"
    r"|(?:back|return(?:ed)?) to (?:baseline|normal)|^(?:at )?baseline$|normalis\w+|normaliz\w+)\b"
)
_NOT_BETTER = pattern(
    r"\b(?:no|not|without|never)\b[^.;,]{0,20}\b(?:better|improv\w+|respon\w+|recover\w+|change)"
    r"|unchanged|\bstable weakness|same as before"
)
_NORMAL = pattern(
    r"(?<!near )(?<!near-)(?<!nearly )(?<!never )(?<!not )(?<!not yet )(?<!below )"
    r"\b(?:normal(?:i[sz]ed)?|full(?:y)?(?: strength| recovered)?)\b"
)
_STILL_WEAK = pattern(
    r"\b(?:never normal|not (?:yet )?normal|near(?:ly)?[- ]normal|still weak|residual|weakness|weak\b"
    r"|cannot|can not|unable|wheelchair"
    r"|bedridden|largely|partial(?:ly)?|incomplete)"
)


@lru_cache(maxsize=4096)
def read_strength(text: str) -> tuple[tuple[str, bool], ...]:
    """What an examination of strength, or its comparison with before, says: ``strength_normal``,
    ``strength_improved``, ``strength_worse``, each true or false, only as far as stated."""
    low = " ".join(text.lower().split())
    says: dict[str, bool] = {}
    grade = muscle_grade(low)
    worse, not_better = bool(_WORSE.search(low)), bool(_NOT_BETTER.search(low))
    better = bool(_BETTER.search(low)) and not not_better and not worse
    if worse:
        says.update(strength_worse=True, strength_improved=False, strength_normal=False)
    elif better:
        says.update(strength_improved=True, strength_worse=False)
    elif not_better:
        says.update(strength_improved=False)
    if _STILL_WEAK.search(low) and not re.search(r"\bno (?:residual )?weakness", low):
        says["strength_normal"] = False
    elif grade is not None:
        says.update({"strength_normal": grade >= 5} if grade != 4 or not re.search(r"4\s*(?:-|–|to)\s*5", low) else {})
    elif _NORMAL.search(low) or re.search(r"\bno (?:residual )?weakness", low):
        says["strength_normal"] = True
    return tuple(sorted(says.items()))


_ANALYTES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (pattern(words), concepts)
    for words, concepts in (
        (r"\bck\b(?![- ]?mb)|\bcpk\b|creatine (?:phospho)?kinase", ("creatine_kinase_total",)),
        (r"\btsh\b|thyroid (?:tests?|function)", ("tsh",)),
        (r"\bcreatinine\b|renal function|kidney function", ("creatinine",)),
        (r"\bliver (?:tests?|enzymes?|function)|transaminases?|\blfts?\b", ("alt", "ast")),
        (r"\baldolase\b", ("aldolase",)),
        (r"\bldh\b|lactate dehydrogenase", ("ldh",)),
        (r"\btroponin i\b", ("troponin_i",)),
        (r"\btroponin t\b", ("troponin_t",)),
        (r"\besr\b|sedimentation", ("esr",)),
        (r"\bcrp\b|c-reactive", ("crp",)),
    )
)
_RESULT_NORMAL = pattern(
    r"(?<!not )(?<!never )(?<!near )(?<!nearly )(?<!near-)"
    r"\b(?:normal(?:i[sz]ed)?|within normal limits|in the normal range)\b"
)
_RESULT_HIGH = pattern(r"(?<!not )(?<!no longer )\b(?:raised|elevated|high|above normal|still up|increased)\b")


@lru_cache(maxsize=4096)
def read_course(text: str) -> tuple[tuple[str, str], ...]:
    """What a line on the clinical course says of laboratory values: (concept, ``normal`` or ``high``) by clause.

    ``CK, creatinine and liver tests normal after 3 weeks`` says three things; analytes before a word share it.
    """
    found: dict[str, str] = {}
    for clause in re.split(r"[.;]|\bbut\b|\bwhile\b|\bwhereas\b", text.lower()):
        normal, high = _RESULT_NORMAL.search(clause), _RESULT_HIGH.search(clause)
        if (normal is None) == (high is None):
            continue
        level = "normal" if normal is not None else "high"
        for analyte, concepts in _ANALYTES:
            if analyte.search(clause):
                found.update(dict.fromkeys(concepts, level))
    return tuple(found.items())
