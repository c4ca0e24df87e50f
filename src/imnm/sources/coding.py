"""From codes and names to concepts. Every distinct coding is looked up once and remembered.

Codes lead. A name decides where no code is understood, and always for what only words can say: a relative's disease,
a denial, a time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from imnm.knowledge.concepts import CONCEPTS, Domain, Match, implied, lookup_code, lookup_name, with_ancestors
from imnm.logic.truth import Truth

from .structs import CodeableConcept

LocalCodes = Mapping[tuple[str, str], str]
"""A site's own codes: (system, code) to concept id."""

_REMEMBERED = 100_000

ANY_PANEL = "myositis antibody panel"
"""The context in which a name is looked up to see whether it could mean something inside a panel."""

_RELATIVES = re.compile(r"^\s*(?:family history|fam(?:ily)? hx|fhx?)\s*[:,;–-]\s*", re.IGNORECASE)
"""A heading that makes what follows a relative's; as a phrase, a name lookup cannot mistake it."""

ANSWERS: dict[str, bool | None] = {"value_positive": True, "value_negative": False, "value_indeterminate": None}


@dataclass(frozen=True, eq=False)
class Coded:
    """What a coding means, and the words in which it was written. One coding stands for many entries, so that what
    follows from it is worked out once; it is equal to itself alone, which is quick to look up.

    denied: the words deny what the code states (code for a rash, text "no rash").
    """

    matches: tuple[Match, ...]
    text: str
    denied: bool = False

    @cached_property
    def name(self) -> str:
        """What to call it: the words of the record, or our label where it gives only a code."""
        bare = not any(letter.islower() for letter in self.text) and any(digit.isdigit() for digit in self.text)
        return CONCEPTS[self.matches[0].concept].label if bare and self.matches else self.text

    @cached_property
    def stated(self) -> tuple[tuple[Match, Truth], ...]:
        """What an entry that states it says of each concept."""
        return implied(self.matches)

    @cached_property
    def is_result(self) -> bool:
        """Whether it is something that is measured."""
        return any(CONCEPTS[concept].domain == "result" for concept in self.concepts)

    @cached_property
    def concepts(self) -> frozenset[str]:
        """The concepts, whatever is said of them."""
        return frozenset(match.concept for match in self.matches)


NOTHING = Coded((), "")

_CONCEPT = msgspec.json.Decoder(CodeableConcept, strict=False)


class Coder:
    """Looks codings up. A site's own codes come before everything else."""

    def __init__(self, local_codes: LocalCodes | None = None) -> None:
        self._local = {(_bare(system), code): concept for (system, code), concept in (local_codes or {}).items()}
        self._raw: dict[tuple[tuple[Domain, ...], str], dict[bytes, Coded]] = {}
        self._looked_up = 0
        self._mattering: dict[tuple[Domain, ...], dict[bytes, bool]] = {}
        self._named: dict[tuple[Domain, str, str], tuple[Match, ...]] = {}
        self.said: dict[tuple[object, ...], Any] = {}
        """What results with a coding say, for ``results.read_part`` to remember."""

    def raw(self, raw: bytes, domains: tuple[Domain, ...], context: str = "") -> Coded:
        """The meaning of a CodeableConcept as it stands in the file, in the first of these domains that knows it.

        ``context``: the name of the panel around it, which can make a short name clear. Raises msgspec.DecodeError if
        it is no CodeableConcept.
        """
        remembered = self._raw.get((domains, context))
        found = None if remembered is None else remembered.get(raw)
        if found is None:
            found = self.first(_CONCEPT.decode(raw), domains, context)
            if self._looked_up >= _REMEMBERED:  # in all contexts together: their number is the records', not ours
                self._raw.clear()
                self._looked_up = 0
            self._raw.setdefault((domains, context), {})[raw] = found
            self._looked_up += 1
        return found

    def matters(self, raw: bytes, domains: tuple[Domain, ...]) -> bool:
        """Whether a CodeableConcept as it stands in the file means anything to us, be it only inside a panel.

        Raises msgspec.DecodeError if it is no CodeableConcept.
        """
        remembered = self._mattering.setdefault(domains, {})
        found = remembered.get(raw)
        if found is None:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            found = bool(self.raw(raw, domains).matches or self.raw(raw, domains, ANY_PANEL).matches)
            remembered[raw] = found
        return found

    def first(self, coded: CodeableConcept | None, domains: tuple[Domain, ...], context: str = "") -> Coded:
        """The meaning of a CodeableConcept in the first of these domains that knows it."""
        meanings = [self.concept(coded, domain, context) for domain in domains]
        return next((meaning for meaning in meanings if meaning.matches), meanings[0])

    def concept(self, coded: CodeableConcept | None, domain: Domain, context: str = "") -> Coded:
        """The meaning of a CodeableConcept: what its codes stand for, else what its words stand for."""
        if coded is None:
            return NOTHING
        codings = coded.coding or ()
        words = [coded.text] if coded.text else []
        words += [coding.display for coding in codings if coding.display and coding.display not in words]
        text = words[0] if words else next((coding.code for coding in codings if coding.code), "") or ""
        if not words and text.replace(" ", "").isalpha():  # a site's list of names, each its own code
            words = [text]
        by_code = with_ancestors(
            match for coding in codings for match in self._by_code(coding.system or "", coding.code or "")
        )
        by_name = next((found for word in words if (found := self.name(word, domain, context))), ())
        if any(match.family for match in by_name):
            return Coded(by_name, text)
        if not any(match.relation != "broader" for match in by_code):
            return Coded(_joined(by_name, by_code), text)
        said = {match.concept: match for match in by_name}
        denied = any(said[match.concept].polarity is False for match in by_code if match.concept in said)
        return Coded(tuple(_dated(match, said.get(match.concept)) for match in by_code), text, denied)

    def name(self, text: str, domain: Domain, context: str = "") -> tuple[Match, ...]:
        """The meaning of a name."""
        key = (domain, text, context)
        found = self._named.get(key)
        if found is None:
            if len(self._named) >= _REMEMBERED:
                self._named.clear()
            found = self._named[key] = lookup_name(_RELATIVES.sub("family history of ", text), domain, context)
        return found

    def answer(self, system: str, code: str) -> tuple[bool | None, ...]:
        """What an answer code says: True positive, False negative, None indeterminate; empty if it is no answer."""
        return tuple(ANSWERS[match.concept] for match in self._by_code(system, code) if match.concept in ANSWERS)

    def _by_code(self, system: str, code: str) -> tuple[Match, ...]:
        if not code:
            return ()
        local = self._local.get((_bare(system), code))
        return (Match(local, "exact", direct=local),) if local is not None else lookup_code(system, code)


def _joined(first: tuple[Match, ...], then: tuple[Match, ...]) -> tuple[Match, ...]:
    known = {match.concept for match in first}
    return (*first, *(match for match in then if match.concept not in known))


def _dated(match: Match, said: Match | None) -> Match:
    """The code's match with what the words add to it: that it is over, or how long ago it was, or a doubt."""
    if said is None or said.polarity is False:
        return match
    return match._replace(past=said.past, days_ago=said.days_ago, polarity=said.polarity)


def _bare(system: str) -> str:
    """A system address without scheme, version and trailing slash, so that spellings of it are equal."""
    return system.strip().split("|")[0].removeprefix("http://").removeprefix("https://").rstrip("/").lower()
