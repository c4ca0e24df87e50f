"""How a sentence states what it names: present, absent, left open, or only mentioned.

The idea is that of ConText: a cue acts on what it governs, in one direction, until something ends its reach. Here the
reach follows the punctuation and the conjunctions, so that in "no inflammation or necrosis but regenerating fibres" the
regeneration is not denied. Every scan is bounded (:data:`REACH`), so reading is linear in the length of the text.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from imnm.logic.truth import Truth

from .lexicon import NO_TAGS, Tags

REACH = 40  # words on either side that can govern a finding; longer sentences are lists or no sentences at all
DISEASES: Tags = frozenset({"necrotizing", "dystrophic", "myopathic", "irritable", "neurogenic", "decoy"})
"""Findings that are named like diseases: where a disease is only compared with, they are not stated."""
_OWN: Tags = frozenset({"absent", "seen", "skip", "low", "high", "some", "hedge", "capillary"})
PARTICIPLES = ("ed", "positive", "bright")  # "not upregulated", but not "does not show upregulation"
_BREAKS = frozenset({";", ":"})


class Statement(NamedTuple):
    """How something is stated. ``said`` is False where it is only named (not examined, asked, history, teaching)."""

    said: bool
    truth: Truth = True
    amount: str | None = None
    """``low`` or ``high`` if an amount is stated."""


NOTHING = Statement(False)


class Sentence:
    """One sentence as items (phrases and single words), each with its tags."""

    __slots__ = (
        "_clauses",
        "_segments",
        "asks",
        "cache",
        "closing",
        "end",
        "findings",
        "following",
        "places",
        "spans",
        "strength",
        "tags",
        "words",
    )

    def __init__(self, words: list[str], tags: list[Tags], spans: list[tuple[int, int]]) -> None:
        self.words = words
        self.tags = tags
        self.spans = spans
        self.end = len(words)
        self.asks = False  # ends with a question mark
        self.following: Sentence | None = None
        self.strength = 0  # +1 in an addendum, -1 in a preliminary report
        self.findings: Tags = NO_TAGS
        self.cache: dict[int, Statement] = {}
        self.places: dict[str, list[int]] = {}
        for at, found in enumerate(tags):
            for tag in found:
                self.places.setdefault(tag, []).append(at)
        self.closing = _brackets(words)
        stops = self.places.get("stop", ())
        breaks = [at for at, word in enumerate(words) if word in _BREAKS or at in stops]
        self._clauses = _parts(breaks, self.end)
        self._segments = _parts(sorted({*breaks, *(at for at, word in enumerate(words) if word in ",()")}), self.end)

    def after(self, at: int) -> Sentence:
        """The sentence behind its header."""
        return Sentence(self.words[at + 1 :], self.tags[at + 1 :], self.spans[at + 1 :])

    def find(self, tag: str, start: int = 0, end: int | None = None) -> int:
        """The first item in the range with this tag, or -1."""
        end = self.end if end is None else end
        for at in self.places.get(tag, ()):
            if at >= end:
                break
            if at >= start:
                return at
        return -1

    def has(self, tag: str, start: int = 0, end: int | None = None) -> bool:
        """Whether an item in the range has this tag."""
        return tag in self.places and self.find(tag, start, end) >= 0

    def segment(self, at: int) -> tuple[int, int]:
        """The bounds of the comma-separated part around an item."""
        return self._segments[at]

    def clause(self, at: int) -> tuple[int, int]:
        """The bounds of the clause around an item (semicolons, colons and words such as *but*)."""
        return self._clauses[at]

    # ------------------------------------------------------------ how a finding is stated

    def statement(self, at: int, size: int = 1) -> Statement:
        """How the finding at this item is stated."""
        known = self.cache.get(at)
        if known is None:
            known = self.cache[at] = self._statement(at, at + size)
        return known

    def _statement(self, start: int, end: int) -> Statement:
        if self._only_named(start):
            first, last = self.clause(start)
            taken = self.has("generic", first, last) or self.has("ask", first, start)
            return Statement(True, False) if taken and self.taken_back(start) else NOTHING
        if self._of_the_past(start):
            return Statement(True, False) if self.taken_back(start) else NOTHING
        left, amount = self.before(start)
        said, right, amount_after = self._after(end)
        if not said or amount == "skip":
            return NOTHING
        amount = amount or amount_after
        if left is False or right is False:
            return Statement(True, False, amount)
        if left is None or right is None or self.asks:
            return Statement(True, None, amount)
        return Statement(True, True, amount)

    def _only_named(self, start: int) -> bool:
        """Whether it is asked, taught, planned or of a relative."""
        first, last = self.clause(start)
        segment_start, segment_end = self.segment(start)
        if self.has("ask", first, start) or self.has("family", 0, start) or self.has("generic", first, last):
            return True
        if self.has("readas", segment_start, start):
            return True
        if self.tags[start] & DISEASES and self.has("background", segment_start, start):
            return True
        return self.has("plan", 0, 1) or self.has("plan", segment_start, segment_end)

    def _of_the_past(self, start: int) -> bool:
        """Whether it is told of an earlier examination and of no other."""
        first, last = self.clause(start)
        segment_end = self.segment(start)[1]
        if self._of_now(start, first, last):
            return False
        if first > 1 and self.words[first - 1] == "which" and self._told(self.clause(first - 2)[0], first):
            return True
        comparing = False
        for at in range(first, segment_end):
            tags = self.tags[at]
            if at > start and "readas" in tags:
                break
            if "compare" in tags:
                comparing = True
            elif self.words[at] == ",":
                comparing = False
            elif not comparing and self._told(at, at + 1) and not self._parenthetical(at, start):
                return True
        return False

    def _told(self, start: int, end: int) -> bool:
        """Whether an earlier examination is named in the range: by a word, or by its year ("the biopsy of 2019")."""
        for at in range(max(0, start), end):
            if "past" in self.tags[at]:
                return True
            word = self.words[at]
            if (
                len(word) == 4
                and word[:2] in ("19", "20")
                and word.isdigit()
                and at > 0
                and self.words[at - 1] in ("in", "of", "from")
            ):
                return True
        return False

    def _of_now(self, start: int, first: int, last: int) -> bool:
        """Whether the clause says that it is so now, or no longer."""
        if self.has("resolved", first, last):
            return True
        _, segment_end = self.segment(start)
        if self.has("now", first, segment_end):
            return True
        at = segment_end
        while at < last:
            if (
                self.words[at] == ","
                and self._tags(at + 1) & {"verb", "now"}
                and self.has("now", at, self.segment(min(at + 1, self.end - 1))[1])
            ):
                return True
            at += 1
        return False

    def taken_back(self, start: int) -> bool:
        """Whether what was told of the past is then denied by a back reference ("the present sample shows neither")."""
        for at in range(start, self.end):
            if "backref" in self.tags[at] and not self._names_finding(at, self._item_end(at)):
                return True
            if self.words[at] in ",;" and self._refers_back(at + 1):
                return True
        after = self.following
        return after is not None and (after._refers_back(0) or after._all_denied())

    def _refers_back(self, start: int) -> bool:
        """Whether a clause starts with a pronoun, names nothing and denies: "these are no longer seen"."""
        end = self._item_end(start)
        return (
            "pronoun" in self._tags(start)
            and not self._names_finding(start, end)
            and any(self.tags[at] & {"absent", "resolved"} for at in range(start, end))
        )

    def _all_denied(self) -> bool:
        at = self.find("backref")
        return at >= 0 and not self._names_finding(at, self._item_end(at))

    def _parenthetical(self, at: int, target: int) -> bool:
        start, end = self.segment(at)
        return not start <= target < end and start > 0 and self.words[start - 1] in ",(" and at > target

    def before(self, start: int) -> tuple[Truth, str | None]:
        """What stands before: denied, hedged, or neither; and the amount."""
        amount: str | None = None
        crossed_finding = verb = False
        at = start - 1
        while at >= 0 and at > start - REACH:
            word, tags = self.words[at], self.tags[at]
            if word in ")]" and at in self.closing:
                at = self.closing[at] - 1
                continue
            if word in "([":
                if self._inherits(at):
                    return self.statement(self._finding_before(at)).truth, amount
                break
            if word == ":":
                return self._headed(at), amount
            if word == ";" or "stop" in tags:
                break
            if word == ",":
                if self._own_item(at + 1, start):
                    break
            elif "negation" in tags or ("not" in tags and "absent" not in tags):
                blocked = verb and (crossed_finding or word in ("without", "lacking any"))
                return (True, amount) if blocked else (False, amount)
            elif "hedge" in tags and any(self.tags[i] & {"not", "negation"} for i in range(max(0, at - 2), at)):
                return False, amount  # "not suggestive of"
            elif "hedge" in tags and not crossed_finding:
                return None, amount
            elif "hedge" in tags:
                return (None, amount) if not verb else (True, amount)
            elif "verb" in tags or "with" in tags:
                verb = True
            elif "seen" in tags and at > 0 and "negation" in self.tags[at - 1]:
                pass  # "no demonstrable necrosis"
            elif "skip" in tags and self.words[at + 1] == "for":
                return None, "skip"
            elif "absent" in tags and "or" in self.tags[at + 1]:
                return False, amount  # "not thickened or bright"
            elif self._predicate(at):
                inverted = "absent" in tags and self.clause(at)[0] == at and "verb" in self.tags[at + 1]
                return not inverted, amount  # "not seen are …"
            elif "and" in tags and amount is not None and not crossed_finding:
                break
            elif amount is None and not crossed_finding and not verb:
                verb = "dominant" in tags
                amount = "low" if "low" in tags else "high" if "high" in tags else "some" if "some" in tags else None
            if tags & self.findings:
                if verb:
                    break
                crossed_finding = True
            at -= 1
        return True, amount

    def _headed(self, colon: int) -> Truth:
        """What a heading says of the list under it ("Absent: …"); nothing if it is none."""
        if colon > 0 and self.clause(colon - 1)[0] == colon - 1:
            tags = self.tags[colon - 1]
            return False if "absent" in tags else None if tags & {"hedge", "skip"} else True
        return True

    def _predicate(self, at: int) -> bool:
        tags = self.tags[at]
        return bool(tags & {"absent", "seen", "skip", "resolved"}) and not tags & self.findings

    def _own_item(self, start: int, target: int) -> bool:
        """Whether a comma starts an item with an amount or a predicate of its own, which a denial does not reach."""
        if start < self.end and self.tags[start] & {"with", "now"}:
            return True
        if any(self.tags[at] & {"low", "high", "some"} for at in range(start, target)):
            return True
        for at in range(target + 1, min(self.end, target + REACH)):
            word, tags = self.words[at], self.tags[at]
            if word in ",;:([" or tags & {"or", "and", "stop"}:
                return False
            if tags & _OWN or word[0] == "+" or ("upregulated" in tags and word.endswith(PARTICIPLES)):
                return True
        return False

    def _inherits(self, opening: int) -> bool:
        """Whether a bracket only spells out the finding before it: "no infiltrate (lymphocytes or macrophages)"."""
        finding = self._finding_before(opening)
        if finding < 0:
            return False
        close = self.closing.get(opening, self.end)
        stated = {"negation", "absent", "seen", "hedge", "low", "high", "verb", "skip"}
        return not any(self.tags[at] & stated for at in range(opening + 1, close))

    def _finding_before(self, at: int) -> int:
        before = at - 1
        return before if before >= 0 and self.tags[before] & self.findings else -1

    def _after(self, end: int) -> tuple[bool, Truth, str | None]:
        """What follows: whether it is said at all, denied or hedged, and the amount."""
        amount: str | None = None
        verb = listed = False
        at = end
        while at < self.end and at < end + REACH:
            word, tags = self.words[at], self.tags[at]
            if word in "([":
                inside = at + 1
                close = self.closing.get(at, self.end - 1)
                verdict = self._verdict(inside) if inside < close else None
                if verdict is not None and not self._names_finding(inside, close):
                    return verdict
                if amount is None and not self._names_finding(inside, close):
                    amount = next(
                        (a for i in range(inside, close) for a in ("low", "high", "some") if a in self.tags[i]), None
                    )
                at = close + 1
                continue
            if word in ")]" or word == ";":
                break
            if word == "?":
                return True, None, amount
            if "stop" in tags:
                if (
                    at + 1 < self.end
                    and self.tags[at + 1] & {"absent", "resolved"}
                    and not self._names_finding(at + 1, self._item_end(at + 1))
                ):
                    return True, False, amount
                break
            if word == ",":
                following = self._continues(at, listed)
                if following < 0:
                    break
                listed = True
                at = following
                continue
            if word == ":":
                verb = True
                if self._names_finding(at + 1, self._item_end(at + 1)) and "negation" not in self._tags(at + 1):
                    break
            elif "negation" in tags or ("not" in tags and "absent" not in tags):
                last = self._item_end(at + 1) == at + 1
                if (verb or last) and not self._names_finding(at + 1, self._item_end(at + 1)):
                    return True, False, amount
                break
            elif "with" in tags and "verb" not in tags:
                break
            elif "and" in tags:
                if self._singular_predicate(at):
                    break
                listed = True
            elif tags & self.findings:
                if not listed and verb:
                    break
            else:
                verdict = self._verdict(at)
                if verdict is not None:
                    return verdict[0], verdict[1], verdict[2] or amount
                if "verb" in tags:
                    verb = True
                elif amount is None and tags & {"low", "high"}:
                    amount = "low" if "low" in tags else "high"
                    if verb and "and" in self._tags(at + 1):
                        return True, True, amount  # "is marked and …"
            at += 1
        return True, True, amount

    def _tags(self, at: int) -> Tags:
        return self.tags[at] if at < self.end else NO_TAGS

    def _verdict(self, at: int) -> tuple[bool, Truth, str | None] | None:
        """What a predicate says, or None if the item is none."""
        tags, word = self.tags[at], self.words[at]
        if "skip" in tags:
            return False, True, None
        if "absent" in tags or "resolved" in tags:
            return True, False, None
        if "minority" in tags:
            return True, True, "low"
        if "hedge" in tags or word == "?":
            return True, None, None
        if word[0] == "+":
            return True, True, None if word == "+" else "high"
        if "seen" in tags:
            return self._participle(at)
        return None

    def _participle(self, at: int) -> tuple[bool, Truth, str | None]:
        """*Seen* holds, unless it only qualifies and the predicate follows ("those recorded then have resolved")."""
        if at == 0 or not self.tags[at - 1] & {"verb", "low", "high"}:
            _, end = self.segment(at)
            verb = self.find("verb", at + 1, end)
            later = self.find("resolved", at + 1, end)
            if later < 0 and verb >= 0:
                later = self.find("absent", verb, end)
            if later >= 0:
                return True, False, None
        if (
            at + 2 < self.end
            and "stop" in self.tags[at + 1]
            and not self._names_finding(at + 2, self._item_end(at + 2))
        ):
            return (
                True,
                True,
                next((a for a in ("low", "high") if a in self.tags[at + 2]), None),
            )  # "present but sparse"
        return True, True, None

    def _names_finding(self, start: int, end: int) -> bool:
        return any(self.tags[at] & self.findings for at in range(start, min(end, self.end)))

    def _item_end(self, start: int) -> int:
        at = start
        while at < self.end and self.words[at] not in ",;" and "stop" not in self.tags[at]:
            at += 1
        return at

    def _continues(self, comma: int, listed: bool) -> int:
        """Where a scan to the right goes on after a comma: into a list or past an apposition; -1 if it ends."""
        first = self._tags(comma + 1)
        if first & {"absent", "seen", "skip", "resolved", "verb", "pronoun"}:
            return comma + 1
        if first & {"hedge"} and not self._names_finding(comma + 1, self._item_end(comma + 1)):
            return -1
        end = self._item_end(comma + 1)
        aside = "apposition" in first or "apposition" in self._tags(comma + 2)
        if aside or (not self._names_finding(comma + 1, end) and not first & {"and", "or"}):
            if first & {"low", "high"}:
                return comma + 1
            later = self._tags(end + 1) if end < self.end and self.words[end] == "," else NO_TAGS
            return end + 1 if later & {"absent", "seen", "skip", "resolved", "verb", "hedge", "low", "high"} else -1
        if first & {"low", "high", "some", "negation", "not"}:
            return -1
        return comma + 1 if self._list_with_predicate(comma + 1) else -1

    def _list_with_predicate(self, start: int) -> bool:
        """Whether items follow that are joined by *and* or *or* and share one predicate ("A, B and C are absent")."""
        joined = False
        for at in range(start, min(self.end, start + REACH)):
            word, tags = self.words[at], self.tags[at]
            if word == ";" or tags & {"stop", "negation", "low", "high", "some"}:
                return False
            if tags & {"and", "or"}:
                if self._singular_predicate(at):
                    return False
                joined = True
            elif word == ":":
                return True
            elif tags & {"absent", "seen", "skip", "hedge", "resolved"}:
                return joined
        return False

    def _singular_predicate(self, conjunction: int) -> bool:
        """Whether what follows *and* has its own predicate ("necrosis and the fascia is not thickened")."""
        if "and" not in self.tags[conjunction]:
            return False
        following = self._tags(conjunction + 1)
        if following & {"verb", "absent", "seen", "resolved"}:
            return False  # the same subject goes on
        if following & {"low", "high", "negation"} and "fine" not in following:
            return True
        for at in range(conjunction + 1, min(self.end, conjunction + 8)):
            if self.words[at] in ",;:":
                return False
            if self.words[at] in ("is", "was", "has", "show", "appear"):
                return True
        return False


def _brackets(words: list[str]) -> dict[int, int]:
    """Each bracket with its partner, in both directions."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for at, word in enumerate(words):
        if word in "([":
            opened.append(at)
        elif word in ")]" and opened:
            start = opened.pop()
            closing[start] = at
            closing[at] = start
    return closing


def _parts(bounds: list[int], end: int) -> list[tuple[int, int]]:
    """For each item the part between bounds that it stands in; a bound counts with what follows it."""
    parts: list[tuple[int, int]] = []
    edges = [-1, *bounds, end]
    for left, right in pairwise(edges):
        inside = (left + 1, right)
        if left >= 0:
            parts.append((left, right))  # asked of the bound itself
        parts += [inside] * (right - left - 1)
    return parts
