"""Antibody results in running text: panels, line blots, values with their cut-off, and what was not tested.

Silence is no result: an antibody that a blot does not list was not tested. "Panel negative" speaks for the antibodies
that usual myositis panels hold, never for anti-HMGCR, which is a separate test. The words are data
(``knowledge/data/antibody_lexicon.toml``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple

from imnm.knowledge.files import DATA
from imnm.logic.interval import INF
from imnm.logic.truth import Truth

from .cutoffs import NUMBER, Cutoffs, number


class Antibody(NamedTuple):
    """One antibody result. ``truth`` None: a doubtful result, or a value without a cut-off."""

    concept: str
    truth: Truth
    grade: str | None
    assay: str | None
    low: float | None
    high: float | None
    start: int
    end: int


class _Item(NamedTuple):
    """A word that matters in a sentence: an antigen, a verdict, a value, a limit, a break."""

    kind: str
    text: str
    start: int
    end: int
    concept: str = ""
    low: float = -INF
    high: float = INF
    label: str = ""


class _Result(NamedTuple):
    """What a sentence says of one antigen."""

    item: _Item
    truth: Truth | Literal["untested"]
    grade: str | None = None
    low: float | None = None
    high: float | None = None


_VERDICTS: dict[str, Truth] = {"positive": True, "negative": False, "weak": None}
_UNTESTED: Literal["untested"] = "untested"


# ---------------------------------------------------------------- the words


@cache
def _data() -> dict[str, Any]:
    path = DATA / "antibody_lexicon.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _either(words: list[str]) -> str:
    return "|".join(words).replace(" ?", r"\s*").replace(" ", r"\s+")


@cache
def _words(table: str, name: str) -> re.Pattern[str]:
    """One word list of the lexicon as a pattern of whole words."""
    return re.compile(rf"\b(?:{_either(_data()[table][name])})(?!\w)", re.I)


@cache
def _starts(name: str) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:the |on )?(?:{_either(_data()['words'][name])})(?!\w)", re.I)


@cache
def _names_by_case() -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?:anti-?)?({'|'.join(_data()['names_by_case'])})(?![A-Za-z0-9/])")


@cache
def _event() -> re.Pattern[str]:
    """Everything that matters in a sentence, one alternative for each kind of item."""
    words = {name: _either(fragments) for name, fragments in _data()["words"].items()}
    names = "|".join(f"(?P<{name}>{_either(fragments)})" for name, fragments in _data()["names"].items())
    unit = rf"(?:\s*(?:{words['unit']})\b)?"
    compare = rf"(?:<=?|>=?|[≤≥]|(?:{words['compare']})\b)"
    span = rf"{NUMBER}\s*[-–]\s*{NUMBER}"
    lists = "".join(rf"| (?P<{kind}>\b(?:{words[kind]})(?!\w))" for kind in ("lead", "undone", "negative"))
    after = "".join(rf"| (?P<{kind}>\b(?:{words[kind]})(?!\w))" for kind in ("done", "past"))
    source = rf"""(?:(?<![a-z0-9])|(?=[^\sa-z0-9])) (?:
      (?P<cutoff> [(\[]?\s*\b(?:{words["limit"]})[^\w()<>≤≥]*(?:is\s+|for\s+\w+\s+|positive\s+|negative\s+)?
          {compare}?\s*{NUMBER}(?:\s*[-–]\s*{NUMBER})?{unit}\s*\)?
        | \b(?P<label>{words["class"]})\b\.?\s*[:=(]?\s*(?:{compare}\s*{NUMBER}|{span})(?!\s*:)
        | [(\[]\s*(?:<=?|≤)\s*{NUMBER}{unit}\s*[)\]] | [(\[]\s*{span}{unit}\s*[)\]] )
      | (?P<antigen> (?<![a-z0-9])(?:anti[- ]?|α-)?(?:{names})(?![a-z0-9]) )
      {lists}
      | (?P<weak> \b(?:{words["weak"]})(?!\w) | \(\s*\+\s*\) | \+/- | ± )
      | (?P<positive> (?P<strong>\b(?:{words["strong"]})(?!\w)|\+\+\+) | \b(?:{words["positive"]})(?!\w) | \+{{1,4}} )
      {after.replace("(?P<past>", "(?P<value>__value__) | (?P<past>", 1)}
      | (?P<break> [,()|] | \b(?:{words["break"]})(?!\w) ) )"""
    value = rf"(?<![\w:./-])(?P<sign><=?|>=?|[≤≥])?\s*(?P<titre>1\s*[:/]\s*)?(?P<number>{NUMBER})(?![\w:%]){unit}"
    return re.compile(source.replace("__value__", value), re.I | re.X)


_SENTENCE = re.compile(
    r"\.(?=\s|$)(?<!\bref\.)(?<!\bca\.)(?<!\bapprox\.)(?<!\bvs\.)(?<!\bincl\.)(?<!\.\.)|[;\n]|\?(?<=\w\?)", re.I
)
_MINUS = re.compile(r"\s*(?:ab|antibod(?:y|ies)|igg)?\s*[:=(]?\s*[-–−](?=\s*(?:[,;.)|]|$))", re.I)


def _split(text: str) -> Iterator[tuple[int, int, bool]]:
    """The sentences of a text, each with whether it is a question."""
    start = 0
    for match in _SENTENCE.finditer(text):
        if text[start : match.start()].strip():
            yield start, match.start(), match[0] == "?"
        start = match.end()
    if text[start:].strip():
        yield start, len(text), False


def _hinted(text: str) -> bool:
    hints, lower = _data()["hints"], text.lower()
    return any(hint in lower for hint in hints["any_case"]) or any(hint in text for hint in hints["this_case"])


def _of_a_gene(sentence: str) -> bool:
    """Whether it speaks of a gene that is called like an antigen (HMGCR), and of no antibody."""
    return bool(_words("words", "gene").search(sentence)) and not _words("words", "antibody").search(sentence)


def _items(text: str, start: int, end: int) -> list[_Item]:
    """The items of a sentence, in order."""
    found: list[_Item] = []
    for match in _names_by_case().finditer(text, start, end):
        found += _named(match, _data()["names_by_case"][match[1]], text, end)
    taken = {at for item in found for at in range(item.start, item.end)}
    for match in _event().finditer(text, start, end):
        if match.start() not in taken:
            found += _read(match, text, end)
    return sorted(found, key=lambda item: item.start)


def _named(match: re.Match[str], concept: str, text: str, end: int) -> list[_Item]:
    """An antigen, and the minus sign behind it, which stands for negative."""
    items = [_Item("antigen", match[0], match.start(), match.end(), concept)]
    minus = _MINUS.match(text, match.end(), end)
    if minus:
        items.append(_Item("negative", "-", minus.start(), minus.end()))
    return items


def _read(match: re.Match[str], text: str, end: int) -> list[_Item]:
    groups = match.groupdict()
    start, stop = match.span()
    if groups["antigen"]:
        return _named(match, next(name for name in _data()["names"] if groups[name]), text, end)
    if groups["cutoff"]:
        return [_Item("cutoff", match[0], start, stop, label=groups["label"] or "")]
    if groups["value"]:
        value, sign = number(groups["number"]), (groups["sign"] or "")[:1]
        low, high = (-INF, value) if sign in ("<", "≤") else (value, INF) if sign else (value, value)
        return [_Item("titre" if groups["titre"] else "value", match[0], start, stop, low=low, high=high)]
    kind = next(kind for kind in _KINDS if groups[kind])
    return [_Item(kind, match[0].lower(), start, stop, label="strong" if groups["strong"] else "")]


_KINDS = ("lead", "undone", "negative", "weak", "positive", "done", "past", "break")


# ---------------------------------------------------------------- one sentence


def _results(items: list[_Item], text: str, cutoffs: Cutoffs, lone: str | None, laboratory: bool) -> Iterator[_Result]:
    """What a sentence says of each antigen it names. ``lone``: the verdict that stood alone before it."""
    items = _verdicts_with_limit(_without_past(items))
    names = [at for at, item in enumerate(items) if item.kind == "antigen"]
    lead = lone
    waiting: list[_Item] = []  # antigens of a list that still has no result
    cursor = 0
    for order, at in enumerate(names):
        before, lead = lead, _leading(items[cursor:at], text, items[at], order == 0, lead)
        if waiting and (lead != before or not _listed(text, waiting[-1], items[at])):
            yield from _by_lead(waiting, before)
            waiting = []
        following = names[order + 1] if order + 1 < len(names) else len(items)
        own = _own(items[at + 1 : following], text, items[following] if following < len(items) else None)
        result = _judge(items[at], own, lead, cutoffs, laboratory)
        waiting.append(items[at])
        if result is not None:
            yield from (_Result(earlier, result.truth, result.grade) for earlier in waiting[:-1])
            yield result
            waiting = []
        cursor = at + 1
    yield from _by_lead(waiting, lead)


def _by_lead(waiting: list[_Item], lead: str | None) -> Iterator[_Result]:
    """The antigens of a list without a result of their own have that of the verdict that leads it, if one does."""
    for item in waiting if lead else ():
        yield _Result(item, _VERDICTS.get(lead or "", _UNTESTED), "weak" if lead == "weak" else None)


def _without_past(items: list[_Item]) -> list[_Item]:
    """The items without the parts that speak of an earlier sample ("positive in two earlier sera")."""
    kept: list[_Item] = []
    part: list[_Item] = []
    for item in [*items, _Item("break", ",", 0, 0)]:
        if item.kind != "break":
            part.append(item)
            continue
        past = any(inside.kind == "past" for inside in part)
        kept += [inside for inside in part if not past or inside.kind in ("antigen", "undone")]
        kept.append(item)
        part = []
    return kept[:-1]


def _verdicts_with_limit(items: list[_Item]) -> list[_Item]:
    """A class with a limit right behind the antigen is a verdict ("negative <20"), not a statement of the cut-off."""
    kept = []
    for at, item in enumerate(items):
        if item.kind == "cutoff" and item.label and not item.text.lstrip().startswith("("):
            before = next((i.kind for i in reversed(items[:at]) if i.kind != "break" or i.text == "("), "")
            if before == "antigen":
                item = item._replace(kind=_class(item.label), label="")
        kept.append(item)
    return kept


def _class(label: str) -> str:
    label = label.lower()
    if label.startswith("neg"):
        return "negative"
    return "positive" if label.startswith(("pos", "str", "mod")) else "weak"


def _leading(between: list[_Item], text: str, name: _Item, first: bool, lead: str | None) -> str | None:
    """The verdict that stands before a list and governs it ("negative for", "Positive: …", "no antibodies to")."""
    for item in reversed(between):
        if item.kind == "lead":
            return "positive" if item.text.startswith(("pos", "react")) else "negative"
        if item.kind in _VERDICTS or item.kind == "undone":
            governs = first or (_opens_list(text, item, name) and "|" not in text[item.end : name.start])
            return item.kind if governs else None
        if item.kind == "value" or (item.kind == "break" and item.text[0].isalpha()):
            return None
    return lead


def _opens_list(text: str, verdict: _Item, name: _Item) -> bool:
    """Whether a verdict is followed by the antigens it speaks of ("negative (Jo-1, Mi-2)")."""
    opens = _either(_data()["words"]["opens"])
    return re.fullmatch(rf"\s*(?:{opens})\s*(?:anti-?)?\s*", text[verdict.end : name.start], re.I) is not None


def _own(following: list[_Item], text: str, name: _Item | None) -> list[_Item]:
    """The items that speak of the antigen before them: up to the verdict that leads the next list."""
    own: list[_Item] = []
    for item in following:
        verdict = item.kind in _VERDICTS or item.kind == "undone"
        if item.kind == "lead" or (item.kind == "break" and item.text[0].isalpha()):
            break
        if verdict and name is not None and _opens_list(text, item, name):
            break
        own.append(item)
    return own


def _judge(name: _Item, own: list[_Item], lead: str | None, cutoffs: Cutoffs, laboratory: bool) -> _Result | None:
    """The result of one antigen from its own items; None if they hold none."""
    kinds = {item.kind for item in own}
    value = next((item for item in own if item.kind == "value"), None) if laboratory else None
    low, high = (value.low, value.high) if value else (None, None)
    done = {item.text for item in own if item.kind == "done"}
    if "undone" in kinds or (lead == "negative" and done - {"found", "seen"} and not kinds & {"positive", "negative"}):
        return _Result(name, _UNTESTED)
    if lead == "negative" and kinds & {"positive", "done"} and "negative" not in kinds:
        return _Result(name, False, None, low, high)  # "no antibodies to … were detected"
    for item in own:
        if item.kind == "weak":
            return _Result(name, True if "pos" in item.text else None, "weak", low, high)
    for item in own:
        if item.kind in ("positive", "negative"):
            positive = item.kind == "positive"
            return _Result(name, positive, _grade(own) if positive else None, low, high)
    return _by_value(name, own, value, cutoffs, bool(done & {"found", "seen"})) if laboratory and not lead else None


def _by_value(name: _Item, own: list[_Item], value: _Item | None, cutoffs: Cutoffs, seen: bool) -> _Result | None:
    """The result that a laboratory gives by number: against its cut-off, by titre, or zero."""
    if value is not None:
        truth, grade = (False, None) if value.high == 0 else cutoffs.judge(value.low, value.high)
        return _Result(name, truth, grade, value.low, value.high)
    for item in own:
        if item.kind == "titre":
            return _Result(name, item.low > -INF)
    return _Result(name, True) if seen else None


def _grade(own: list[_Item]) -> str | None:
    plus = next((len(item.text) for item in own if item.kind == "positive" and item.text.startswith("+")), 0)
    if plus >= 3 or any(item.label == "strong" for item in own):
        return "strong"
    return "moderate" if plus == 2 or any(item.text.startswith("moderate") for item in own) else None


def _listed(text: str, earlier: _Item, later: _Item) -> bool:
    """Whether only commas, conjunctions and other antigens stand between."""
    between = _event().sub(lambda m: " " if m["antigen"] else m[0], text[earlier.end : later.start])
    link = rf"(?:[\s,/&()+:|-]|\b(?:{_either(_data()['words']['link'])})\b)*"
    return re.fullmatch(link, _names_by_case().sub(" ", between), re.I) is not None


def _plain(items: list[_Item]) -> bool:
    """Whether a teaching sentence gives a result all the same: a value or an unmistakable verdict."""
    vague = ("detected", "present", "identified")
    return any(item.kind == "value" or (item.kind in _VERDICTS and item.text not in vague) for item in items)


# ---------------------------------------------------------------- the whole text


class _Reader:
    """Reads a text sentence by sentence and remembers what sentences without a name refer to."""

    def __init__(self, text: str, title: str, laboratory: bool) -> None:
        self.text, self.title, self.laboratory = text, title, laboratory
        self.assay = _assay(f"{title} {text[:400]}") if laboratory else None
        self.cutoffs = Cutoffs()
        self.found: dict[str, Antibody] = {}
        self.untested: set[str] = set()
        self.panel: list[Antibody] = []
        self.lone: _Item | None = None  # a sentence that was only a verdict: "Negative."
        self.last: list[str] = []  # the antibodies that the last sentence named

    def read(self) -> Iterator[Antibody]:
        for start, end, asked in _split(self.text):
            sentence = self.text[start:end]
            if (self.laboratory or _hinted(sentence)) and not _of_a_gene(sentence):
                self._sentence(start, end, asked)
        for result in self.panel:
            if result.concept not in self.untested:
                self.found.setdefault(result.concept, result)
        yield from self.found.values()

    def _sentence(self, start: int, end: int, asked: bool) -> None:
        items = _items(self.text, start, end)
        for item in items:
            if item.kind == "cutoff":
                self.cutoffs.read(item.text, item.label)
        if not any(item.kind == "antigen" for item in items):
            self._without_name(items, start, end, asked)
        elif not asked:
            self._with_names(items, start, end)

    def _with_names(self, items: list[_Item], start: int, end: int) -> None:
        sentence = self.text[start:end]
        assay = (_assay(sentence) if self.laboratory else None) or self.assay
        teaching = _words("words", "teaching").search(sentence) is not None and not _plain(items)
        lone, self.lone, self.last = self.lone, None, []
        if lone is not None:  # "Negative. PL-7, PL-12": these, not the whole panel
            self.panel = [result for result in self.panel if result.start != lone.start]
        results = _results(items, self.text, self.cutoffs, lone.kind if lone else None, self.laboratory)
        for item, truth, grade, low, high in results:
            if truth == _UNTESTED:
                self.untested.add(item.concept)
            elif teaching:
                continue
            else:
                new = Antibody(item.concept, truth, grade, assay, low, high, item.start, item.end)
                self.found[item.concept] = _stronger(self.found.get(item.concept), new)
            self.last.append(item.concept)
        self._the_rest(items, start, end)

    def _the_rest(self, items: list[_Item], start: int, end: int) -> None:
        """What "all others negative" says of the antibodies that are not named."""
        but = _words("panel", "all_but").search(self.text, start, end)
        rest = _words("panel", "rest").search(self.text, start, end)
        negative = next((item for item in items if item.kind == "negative"), None)
        if negative is None or not (but or rest):
            return
        listed = not but and rest and any(item.kind == "antigen" and item.start > rest.end() for item in items)
        if not listed:
            self._whole_panel(start, end)

    def _without_name(self, items: list[_Item], start: int, end: int, asked: bool) -> None:
        verdicts = [item for item in items if item.kind in _VERDICTS]
        verdicts = verdicts or [item._replace(kind="negative") for item in items if item.kind == "lead"]
        self.lone = None
        if not verdicts:
            return
        verdict, sentence = verdicts[0], self.text[start:end]
        if self.last and self._of_last(sentence):
            for concept in self.last:
                old = self.found.get(concept) or Antibody(concept, None, None, self.assay, None, None, start, end)
                grade = "weak" if verdict.kind == "weak" else old.grade
                self.found[concept] = old._replace(truth=_VERDICTS[verdict.kind], grade=grade)
                self.untested.discard(concept)
        elif not asked and not _words("words", "teaching").search(sentence):
            if verdict.kind == "negative" and self._of_panel(sentence, start):
                self._whole_panel(start, end)
            if len(items) == 1 and len(sentence.split()) <= 2:
                self.lone = verdict._replace(start=start)

    def _of_last(self, sentence: str) -> bool:
        """Whether a sentence without a name gives the verdict on the antibodies before it, or a newer one."""
        if _starts("newer").match(sentence):
            return True
        result = self.found.get(self.last[-1])
        return result is not None and result.truth is None and _starts("verdict").match(sentence) is not None

    def _of_panel(self, sentence: str, start: int) -> bool:
        """Whether a verdict without a name speaks for a myositis panel, named here or in the title."""
        if _words("panel", "named").search(sentence):
            return True
        myositis, panel = _words("panel", "myositis"), _words("panel", "unnamed")
        if panel.search(sentence):
            about = myositis.search(self.title) or myositis.search(self.text)
            return about is not None and not _words("panel", "foreign").search(sentence)
        return start == 0 and bool(myositis.search(self.title) and panel.search(self.title))

    def _whole_panel(self, start: int, end: int) -> None:
        usual = _data()["panel"]["usual"]
        self.panel += [Antibody(concept, False, None, self.assay, None, None, start, end) for concept in usual]


def _stronger(old: Antibody | None, new: Antibody) -> Antibody:
    """Of two results of one antibody (two bands, a repeat): a positive one, then a doubtful one."""
    if old is None or old.truth is new.truth:
        return new
    rank = {True: 2, None: 1 if "weak" in (old.grade, new.grade) else -1, False: 0}
    return old if rank[old.truth] > rank[new.truth] else new


def _assay(text: str) -> str | None:
    return next((name for name in _data()["assays"] if _words("assays", name).search(text)), None)


def antibodies(text: str, *, laboratory: bool = True, title: str = "") -> Iterator[Antibody]:
    """The antibody results in a text. ``laboratory``: a laboratory report, where a bare value is a result."""
    if _hinted(text) or (laboratory and _words("panel", "myositis").search(f"{title} {text}")):
        yield from _Reader(text, title, laboratory).read()


# ---------------------------------------------------------------- macro-CK


def macro_ck(text: str) -> tuple[Truth, int, int] | None:
    """Whether macro-CK was found, with the place of the words; None if the text does not say."""
    if "macro" not in text.lower():
        return None
    for start, end, asked in _split(text):
        named = _words("macro_ck", "named").search(text, start, end)
        if named and not asked and not _words("macro_ck", "unsure").search(text, start, end):
            return _words("macro_ck", "no").search(text, start, end) is None, named.start(), named.end()
    return None
