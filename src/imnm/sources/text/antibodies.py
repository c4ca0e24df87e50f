"""Antibody results in running text: panels, line blots, values with their cut-off, and what was not tested.

Silence is no result: an antibody that a blot does not list was not tested. "Panel negative" speaks for the antibodies
that usual myositis panels hold (:data:`USUAL_PANEL`), never for anti-HMGCR, which is a separate test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imnm.logic.interval import INF
from imnm.logic.truth import Truth

_NAMES: tuple[tuple[str, str], ...] = (
    ("anti_hmgcr", r"3-?hydroxy-?3-?methyl-?glutaryl[- ]?co(?:enzyme)?[- ]?a[- ]reductase|hmg[- ]?co[- ]?a(?:[- ]?r\b|[- ]reductase|r)?|hmg[- ]?cr|hmg[- ]?co[- ]?r|hmgcr"),
    ("anti_srp", r"srp(?:[- ]?54\b(?!\s*(?:c?u\b|units?|si\b|iu|au)))?|signal[- ]recognition[- ]particle"),
    ("anti_jo1", r"jo[- ]?1|histidyl[- ]trna[- ]synthetase"),
    ("anti_pl12", r"pl[- ]?12"),
    ("anti_pl7", r"pl[- ]?7"),
    ("anti_mi2", r"mi[- ]?2(?:[- ]?(?:alpha|beta|[abαβ]))?"),
    ("anti_mda5", r"mda[- ]?5|cadm[- ]?140"),
    ("anti_tif1g", r"tif[- ]?1(?:[- ]?(?:gamma|[γgy]))?|p155(?:/140)?"),
    ("anti_nxp2", r"nxp[- ]?2"),
    ("anti_sae1", r"sae(?:[- ]?[12](?:/2)?)?"),
    ("anti_pm_scl", r"pm[-/ ]?scl(?:[- ]?(?:75|100))?"),
    ("anti_ro52", r"(?:ssa/)?ro[- ]?52(?:/trim21)?|ss-?a[- /]?52|trim21"),
    ("anti_ro60", r"ro[- ]?60|ss-?a[- /]?60"),
    ("anti_ssa", r"ss[- ]?a(?:/ro)?|ro/ss[- ]?a"),
    ("anti_cn1a", r"cn[- ]?1a|nt5c1a|mup44"),
    ("anti_u1_rnp", r"u1[- ]?(?:sn)?rnp"),
    ("anti_u3_rnp", r"u3[- ]?(?:sn)?rnp|fibrillarin"),
    ("anti_aminoacyl_trna_synthetase_any", r"antisynthetase(?! syndrome)|aminoacyl[- ]trna[- ]synthetase|anti-?ars\b"),
)  # fmt: skip
_CASED = {"Ku": "anti_ku", "KU": "anti_ku", "EJ": "anti_ej", "OJ": "anti_oj", "KS": "anti_ks", "Zo": "anti_zo",
          "ZO": "anti_zo", "Ha": "anti_ha", "MJ": "anti_nxp2", "ARS": "anti_aminoacyl_trna_synthetase_any",
          "U1RNP": "anti_u1_rnp"}  # fmt: skip

_HINTS = ("hmg", "glutaryl", "srp", "recognition", "jo-1", "jo1", "jo 1", "histidyl", "pl-", "pl7", "pl 7", "pl1", "pl 1", "mi-2", "mi2",
          "mi 2", "mda", "cadm", "tif", "p155", "nxp", "sae", "scl", "ro-", "ro5", "ro6", "ro 5", "ro 6", "trim21", "ssa", "ss-a", "n1a",
          "n-1a", "mup44", "rnp", "fibrillarin", "synthetase", "anti-")  # fmt: skip
_CASED_HINTS = ("Ku", "KU", "EJ", "OJ", "KS", "Zo", "ZO", "MJ", "ARS")
"""Letters without which a text names no antibody: a look before the work."""

USUAL_PANEL = ("anti_srp", "anti_jo1", "anti_pl7", "anti_pl12", "anti_ej", "anti_oj", "anti_mi2", "anti_mda5",
               "anti_tif1g", "anti_nxp2", "anti_sae1", "anti_ku", "anti_pm_scl")  # fmt: skip
"""What commercial myositis blots hold (dossier codes.md, section 4). Anti-HMGCR is not among them."""

_ANTIGEN = "|".join(f"(?P<{concept}>{pattern})" for concept, pattern in _NAMES)
_NUMBER = r"\d+(?:[.,]\d+)*"
_UNIT = r"(?:c\.?u\.?|u/ml|iu/ml|au/ml|ku/l|units?|ru/ml|eu|si|au|iu|ui/ml|mg/l|u)\b"
_COMPARE = r"(?:<=?|>=?|[≤≥]|below|under|less than|up to|above|over|more than|greater than|from|at least)"
_EVENT = re.compile(
    rf"""
    (?:(?<![a-z0-9])|(?=[^\sa-z0-9])) (?:
    (?P<cutoff> [(\[]?\s*\b(?:ref(?:erence)?\b\.?(?:\s+(?:range|interval|value|limit))?|normal(?:\s+range)?|cut-?\s?off|decision\s+limit)
        [^\w()<>≤≥]*(?:is\s+|for\s+\w+\s+|positive\s+|negative\s+)?{_COMPARE}?\s*{_NUMBER}(?:\s*[-–]\s*{_NUMBER})?\s*(?:{_UNIT})?\s*\)?
      | \b(?P<label>neg(?:ative)?|pos(?:itive)?|borderline|equivocal|weak(?:ly)?(?:\s+pos(?:itive)?)?|indeterminate|strong(?:ly)?(?:\s+pos(?:itive)?)?|moderate(?:\s+pos(?:itive)?)?)\b\.?
        \s*[:=(]?\s*(?:{_COMPARE}\s*{_NUMBER}|{_NUMBER}\s*[-–]\s*{_NUMBER})(?!\s*:)
      | [(\[]\s*(?:<=?|≤)\s*{_NUMBER}\s*(?:{_UNIT})?\s*[)\]] | [(\[]\s*{_NUMBER}\s*[-–]\s*{_NUMBER}\s*(?:{_UNIT})?\s*[)\]] )
  | (?P<antigen> (?<![a-z0-9])(?:anti[- ]?|α-)?(?:(?:{_ANTIGEN})(?![a-z0-9])) )
  | (?P<lead> \b(?:sero)?negative\s+(?:for|against)\b | \bneg\s+for\b | \bpositive\s+(?:for|against)\b | \bno\s+(?:other\s+)?(?:(?:(?:auto)?antibod(?:y|ies)|evidence|anti)\b(?:\s+(?:to|against|for|of|with))?|(?:reactivity|bands?)\s+(?:to|against|for|with)\b)
        | \b(?:react(?:s|ed|ive|ing)?|reactivity)\s+(?:with|to|against)\b | \bneither\b | \bwithout\s+(?=(?:any\s+)?(?:auto)?anti|evidence) | \babsence\s+of\b | \bno\s+(?=anti) )
  | (?P<undone> \b(?:not|never)\s+(?:yet\s+|been\s+|be\s+|also\s+)*(?:tested|performed|done|included|requested|repeated|available|reported|measured|assessed|determined|covered|contained|part|on|run|offered|ordered|examined|evaluated|processed|assayed|carried|in|among|received|covered|represented|analysed|analyzed|sent|possible)\b
        | \b(?:can\s?not|could\s+not)\s+be\s+(?:performed|tested|determined|measured|reported|processed|done|run|assayed|carried|evaluated|interpreted|assessed)\b
        | \b(?:run|panel|profile|performed|blot|done|assay)\s+without\s+(?!any)
        | \b(?:pending|awaited|to\s+follow|in\s+progress|qns|tnp|insufficient|cancelled|canceled|omitted|untested|outstanding|unavailable|declined|withdrawn|retracted|invalid|lost|failed|n/?a)\b )
  | (?P<negative> \b(?:not\s+(?:been\s+|be\s+)?(?:detected|detectable|detectible|found|present|seen|observed|reactive|positive|elevated|raised|increased|identified|demonstrated|confirmed)|undetectable|undetected|negative|neg|non-?reactive|absent|no\s+(?:bands?|reactivity|reactions?|signals?)|none(?:\s+(?:was|were|of\s+them|is|are))?(?:\s+(?:detected|found|present|positive|reactive|seen|identified))?|without\s+(?:any\s+)?(?:reactivity|reaction|bands?|signal)|normal|below\s+(?:the\s+)?(?:cut-?\s?off|threshold|limit\w*)|did\s+not|no\s+longer\s+(?:detect\w+|positive|present|found)|nil|lacking|disappeared)\b )
  | (?P<weak> \b(?:weak(?:ly)?(?:[- ]+(?:pos(?:itive|itivity)?|reactive|reactivity|band))?|low[- ]+positive|borderline|equivocal|indeterminate|trace|inconclusive|doubtful|faint(?:\s+band)?|questionable)\b | \(\s*\+\s*\) | \+/- | ± )
  | (?P<positive> \b(?P<strong>strong(?:ly)?[- ]+(?:pos(?:itive)?|reactive|band)|strong(?!\s+suspicion)|high(?:ly)?[- ]+(?:titre|titer|pos(?:itive)?)|\+\+\+)|\b(?:positive|pos|positivity|reactive|detected|detectable|present|elevated|raised|reacted|identified|confirmed\s+positive|moderate)\b | \+{{1,4}} )
  | (?P<done> \b(?:tested|performed|repeated|included|requested|measured|found|examined|seen)\b )
  | (?P<value> (?<![\w:./-])(?P<sign><=?|>=?|[≤≥])?\s*(?P<titre>1\s*[:/]\s*)?(?P<number>{_NUMBER})(?![\w:%])(?:\s*(?P<unit>{_UNIT}))? )
  | (?P<past> \b(?:previous(?:ly)?|earlier|prior|formerly|in\s+(?:19|20)\d\d|last\s+(?:year|month|sample|serum)|historical(?:ly)?|before\s+treatment|years?\s+ago|months?\s+ago|initially|at\s+presentation|at\s+diagnosis)\b )
  | (?P<break> ,|\(|\)|\b(?:but|whereas|while|except|save|other\s+than|apart\s+from)\b|\|) )
    """,
    re.X | re.I,
)  # fmt: skip
_CASED_NAME = re.compile(r"(?<![A-Za-z0-9])(?:anti-?)?(" + "|".join(_CASED) + r")(?![A-Za-z0-9/])")
_GENERIC = re.compile(
    r"\b(?:usually|often|typically|frequently|commonly|associated with|(?:of|in) (?:\S+ ){0,3}patients|possibility|recommend\w*|"
    r"advis(?:ed|able)|suggest(?:ed)? (?:testing|that|adding)|please|consider|correlat\w+|testing for|should be tested|can be (?:added|requested)|"
    r"is available|are available|may be (?:found|seen|positive|added)|can be (?:found|seen)|pattern|does not exclude|cannot be excluded|not be inferred|"
    r"raises|request:|question|query|rule out|exclude[sd]?|known to)\b",
    re.I,
)
_SENTENCE = re.compile(
    r"\.(?=\s|$)(?<!\bref\.)(?<!\bca\.)(?<!\bapprox\.)(?<!\bvs\.)(?<!\bincl\.)(?<!\.\.)|[;\n]|\?(?<=\w\?)", re.I
)
_PANEL = re.compile(
    r"\b(?:(?:myositis|msa|maa)[- ]*(?:\w+[- ]+){0,3}(?:panel|profile|blot|line|screen|strip|antibod(?:y|ies)|work-?up|serology)"
    r"|(?:line|immuno|dot)[- ]?(?:blot|assay|immuno-?assay)|euroline|all (?:other )?(?:bands|antigens)|(?:other|remaining) (?:bands|antigens))\b",
    re.I,
)
_ANY_PANEL = re.compile(
    r"\b(?:panel|profile|antibod(?:y|ies)|autoantibodies|screen|all others?|the rest|others|remainder|work-?up)\b", re.I
)
_OTHER_PANEL = re.compile(
    r"\b(?:ena|ana|anca|hepatitis|viral|virus|hiv|c?ccp|coeliac|celiac|thyroid|liver|gene\w*|drug|tumou?r|infection)\b",
    re.I,
)
_MYOSITIS = re.compile(r"\b(?:myositis|msa)\b", re.I)
_REST = re.compile(r"\b(?:all (?:the )?others?|other|remaining|remainder|the rest|others)\b", re.I)
_ALL_BUT = re.compile(r"\ball\b.*\bnegative\b.*\b(?:except|apart from|other than|but)\b", re.I)
_ASSAYS = (
    ("immunoprecipitation", re.compile(r"immuno-?precipitation|\bIP\b(?! address)", re.I)),
    ("line_blot", re.compile(r"(?:line|immuno|dot)[- ]?(?:blot|assay)|\bblot\b|euroline|\bstrip\b|\bLIA\b|\bbands?\b", re.I)),
    ("elisa", re.compile(r"\bELISA\b|\bEIA\b", re.I)),
    ("cia", re.compile(r"chemiluminescen\w+|\bCIA\b|\bCLIA\b|\bCU\b", re.I)),
    ("immunofluorescence", re.compile(r"immuno-?fluorescence|\bIIF\b|HEp-?2", re.I)),
)  # fmt: skip


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
    kind: str
    text: str
    start: int
    end: int
    concept: str = ""
    low: float = -INF
    high: float = INF
    label: str = ""


class _Cutoffs:
    """The cut-offs that a text states, from the lowest class up."""

    def __init__(self) -> None:
        self.positive_from: float | None = None
        self.weak_from: float | None = None
        self.over: bool = False  # positive only above the limit itself

    def read(self, text: str, label: str) -> None:
        numbers = [number(n) for n in re.findall(_NUMBER, text)]
        label = label.lower()
        over = (">" in text and ">=" not in text) or "above" in text or "over" in text or "more than" in text
        if label.startswith("pos"):
            self.positive_from, self.over = numbers[0], over
        elif label.startswith(("bord", "equi", "weak", "indet")):
            self.weak_from = numbers[0]
            if self.positive_from is None and len(numbers) > 1:
                self.positive_from, self.over = numbers[1], True
        elif label.startswith(("strong", "moder")):
            return
        elif self.positive_from is None and not (label.startswith("neg") and self.weak_from is not None):
            self.positive_from = numbers[-1]
            self.over = len(numbers) > 1 or "<=" in text or "≤" in text or "up to" in text

    def judge(self, low: float, high: float) -> tuple[Truth, str | None]:
        """Truth and grade of a value; unknown without a cut-off."""
        limit = self.positive_from
        if limit is None:
            return None, None
        if low > limit or (low == limit and not self.over):
            return True, None
        if self.weak_from is not None and high >= self.weak_from:
            return (None, "weak") if low >= self.weak_from else (None, None)
        return (False, None) if high <= limit else (None, None)


def number(text: str) -> float:
    """A number as laboratories print it: ``13,875``, ``3.120`` (three digits after the mark: thousands) or ``1,8``."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?", text) and (text.count(".") > 1 or "," in text):
        return float(text.replace(".", "").replace(",", "."))
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float(re.sub(r"[.,]", "", text))


def antibodies(text: str, *, laboratory: bool = True, title: str = "") -> Iterator[Antibody]:
    """The antibody results in a text. ``laboratory``: a laboratory report, where a bare value is a result."""
    if not _hinted(text) and not (laboratory and _MYOSITIS.search(f"{title} {text}")):
        return
    default_assay = _assay(f"{title} {text[:400]}") if laboratory else None
    cutoffs = _Cutoffs()
    found: dict[str, Antibody] = {}
    untested: set[str] = set()
    panel: list[Antibody] = []
    lone: tuple[str, int, int] | None = None  # a sentence that was only a verdict: "Negative."
    last: list[str] = []
    for start, end, asked in _split(text):
        if not laboratory and not _hinted(text[start:end]):
            continue
        items = list(_items(text, start, end))
        for item in items:
            if item.kind == "cutoff":
                cutoffs.read(item.text, item.label)
        names = [item for item in items if item.kind == "antigen"]
        verdicts = [item for item in items if item.kind in ("positive", "negative", "weak")]
        if not names:
            verdicts = verdicts or [item._replace(kind="negative") for item in items if item.kind == "lead"]
            if last and verdicts and _speaks_of_last(text[start:end], found.get(last[-1])):
                for concept in last:
                    verdict = _with_verdict(
                        found.get(concept) or _unread(concept, default_assay, start, end), verdicts[0]
                    )
                    found[concept] = verdict
                    untested.discard(concept)
            elif verdicts and not asked and not _GENERIC.search(text, start, end):
                if _of_panel(text, start, end, title):
                    panel += _whole_panel(verdicts[0], text, start, end, default_assay)
                lone = (verdicts[0].kind, start, end) if len(items) == 1 and len(text[start:end].split()) <= 2 else None
            continue
        if asked:
            continue
        assay = (_assay(text[start:end]) if laboratory else None) or default_assay
        generic = _GENERIC.search(text, start, end) is not None
        results = list(_results(items, text, cutoffs, lone[0] if lone else None, laboratory))
        if lone and any(result[0].kind == "antigen" for result in results):
            panel = [result for result in panel if result.start != lone[1]]  # "Negative. PL-7, PL-12": these, not all
        lone = None
        last = []
        for item, truth, grade, value in results:
            if truth == "untested":
                untested.add(item.concept)
                last.append(item.concept)
                continue
            if generic and not _explicit(items):
                continue
            low, high = value
            result = Antibody(
                item.concept, truth if truth in (True, False) else None, grade, assay, low, high, item.start, item.end
            )
            last.append(item.concept)
            found[item.concept] = _stronger(found.get(item.concept), result)
        if (
            (_REST.search(text, start, end) or _ALL_BUT.search(text, start, end))
            and any(v.kind == "negative" for v in verdicts)
            and not _rest_listed(items, text, start, end)
        ):
            verdict = next(v for v in verdicts if v.kind == "negative")
            panel += _whole_panel(verdict, text, start, end, default_assay)
    for result in panel:
        if result.concept not in found and result.concept not in untested:
            found[result.concept] = result
    yield from found.values()


def _hinted(text: str) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in _HINTS) or any(hint in text for hint in _CASED_HINTS)


def _of_panel(text: str, start: int, end: int, title: str) -> bool:
    """Whether a verdict without a name speaks for a myositis panel: named here, or the title, the verdict standing alone."""
    if _PANEL.search(text, start, end):
        return True
    myositis = _MYOSITIS.search(title) or _MYOSITIS.search(text)
    if _ANY_PANEL.search(text, start, end):
        return myositis is not None and _OTHER_PANEL.search(text, start, end) is None
    return start == 0 and _MYOSITIS.search(title) is not None and _ANY_PANEL.search(title) is not None


def _split(text: str) -> Iterator[tuple[int, int, bool]]:
    start = 0
    for match in _SENTENCE.finditer(text):
        if text[start : match.start()].strip():
            yield start, match.start(), match[0] == "?"
        start = match.end()
    if text[start:].strip():
        yield start, len(text), False


def _items(text: str, start: int, end: int) -> Iterator[_Item]:
    cased = {m.start(1): m for m in _CASED_NAME.finditer(text, start, end)}
    taken = start
    events = iter(_EVENT.finditer(text, start, end))
    pending = sorted(cased)
    for match in events:
        while pending and pending[0] < match.start():
            at = pending.pop(0)
            if at >= taken:
                yield _name(cased[at], _CASED[cased[at][1]])
                yield from _sign(text, cased[at].end(1), end)
        if match.start() < taken:
            continue
        taken = match.end()
        yield from _item(match, text, end)
        while pending and pending[0] < taken:
            pending.pop(0)
    for at in pending:
        if at >= taken:
            yield _name(cased[at], _CASED[cased[at][1]])
            yield from _sign(text, cased[at].end(1), end)


def _name(match: re.Match[str], concept: str) -> _Item:
    return _Item("antigen", match[0], match.start(), match.end(), concept)


_SIGN = re.compile(r"\s*(?:ab|antibod(?:y|ies)|igg)?\s*[:=(]?\s*[-–−](?=\s*(?:[,;.)|]|$))", re.I)


def _sign(text: str, at: int, end: int) -> Iterator[_Item]:
    """A minus sign that stands for negative."""
    match = _SIGN.match(text, at, end)
    if match:
        yield _Item("negative", "-", match.start(), match.end())


def _item(match: re.Match[str], text: str, end: int) -> Iterator[_Item]:
    kind = match.lastgroup or ""
    start = match.start()
    if match["antigen"]:
        concept = next(name for name, _ in _NAMES if match[name])
        yield _name(match, concept)
        yield from _sign(text, match.end(), end)
    elif match["cutoff"]:
        yield _Item("cutoff", match["cutoff"], start, match.end(), label=match["label"] or "")
    elif match["value"]:
        value = number(match["number"])
        sign = match["sign"] or ""
        low, high = (-INF, value) if sign[:1] in "<≤" and sign else (value, INF) if sign else (value, value)
        yield _Item("titre" if match["titre"] else "value", match[0], start, match.end(), low=low, high=high)
    else:
        for kind in ("lead", "undone", "negative", "weak", "positive", "done", "past", "break"):
            if match[kind]:
                yield _Item(kind, match[0], start, match.end(), label="strong" if match["strong"] else "")
                return


_Result = tuple[_Item, object, str | None, tuple[float | None, float | None]]


def _results(items: list[_Item], text: str, cutoffs: _Cutoffs, lone: str | None, laboratory: bool) -> Iterator[_Result]:
    """The result of each antigen of one sentence."""
    items = _without_past(items)
    items = _demote_limits(items)
    names = [i for i, item in enumerate(items) if item.kind == "antigen"]
    lead: str | None = lone
    waiting: list[_Item] = []
    cursor = 0
    for order, at in enumerate(names):
        before, lead = lead, _leading(items[cursor:at], text, items[at], order == 0, lead)
        if waiting and (lead != before or not _listed(text, waiting[-1], items[at])):
            yield from _by_lead(waiting, before)
            waiting = []
        following = names[order + 1] if order + 1 < len(names) else len(items)
        own = _own(items[at + 1 : following], text, items[following] if following < len(items) else None)
        result = _judge(own, lead, cutoffs, laboratory)
        waiting.append(items[at])
        if result is not None:
            for earlier in waiting[:-1]:
                yield earlier, result[0], result[1], (None, None)
            yield items[at], *result
            waiting = []
        cursor = at + 1
    yield from _by_lead(waiting, lead)


def _by_lead(waiting: list[_Item], lead: str | None) -> Iterator[_Result]:
    """The antigens of a list without a result of their own have that of the verdict that leads it, if one does."""
    for item in waiting if lead else ():
        truth: object = _TRUTH[lead] if lead in _TRUTH else "untested"
        yield item, truth, "weak" if lead == "weak" else None, (None, None)


_TRUTH: dict[str, Truth] = {"positive": True, "negative": False, "weak": None}


def _without_past(items: list[_Item]) -> list[_Item]:
    """The items without the parts that speak of an earlier sample ("positive in two earlier sera")."""
    kept: list[_Item] = []
    part: list[_Item] = []
    for item in [*items, _Item("break", ",", 0, 0)]:
        if item.kind == "break":
            past = any(p.kind == "past" for p in part)
            kept += [p for p in part if not past or p.kind in ("antigen", "undone")]
            part = []
            kept.append(item)
        else:
            part.append(item)
    return kept[:-1]


def _demote_limits(items: list[_Item]) -> list[_Item]:
    """A verdict with a limit outside brackets and without a value before it is a verdict ("negative <20")."""
    kept = []
    for at, item in enumerate(items):
        if item.kind == "cutoff" and item.label and not item.text.lstrip().startswith("("):
            before = next((i.kind for i in reversed(items[:at]) if i.kind != "break" or i.text == "("), "")
            if before == "antigen":
                label = item.label.lower()
                kind = (
                    "negative"
                    if label.startswith("neg")
                    else "positive"
                    if label.startswith(("pos", "str", "mod"))
                    else "weak"
                )
                kept.append(item._replace(kind=kind, label=""))
                continue
        kept.append(item)
    return kept


def _leading(between: list[_Item], text: str, name: _Item, first: bool, lead: str | None) -> str | None:
    """The verdict that stands before a list and governs it ("negative for", "Positive: …", "no antibodies to")."""
    for item in reversed(between):
        if item.kind == "lead":
            return "positive" if item.text.lower().startswith(("pos", "react")) else "negative"
        if item.kind in ("positive", "negative", "weak", "undone") and (first or _opens_list(text, item, name)):
            gap = text[item.end : name.start]
            if re.search(r"\.|\|", gap) and not first:
                return None
            return item.kind
        if item.kind in ("positive", "negative", "weak", "undone", "value"):
            return None
        if item.kind == "break" and item.text[0].isalpha():
            return None
    return lead


def _opens_list(text: str, verdict: _Item, name: _Item) -> bool:
    return (
        re.fullmatch(
            r"\s*(?:[:(]|for|are|were|against|to|including|incl\.?|such as|namely|\(\s*incl(?:uding|\.)?)\s*(?:anti-?)?\s*",
            text[verdict.end : name.start],
            re.I,
        )
        is not None
    )


def _own(following: list[_Item], text: str, next_name: _Item | None) -> list[_Item]:
    """The items that speak of the antigen before them: up to a verdict that opens the next list."""
    own = []
    for item in following:
        if item.kind == "lead" or (
            next_name is not None
            and item.kind in _TRUTH | {"undone": None}
            and _opens_list(text, item, next_name)
            and text[item.end : next_name.start].strip()[:1] in (":", "(", "f", "a", "w", "t")
        ):
            break
        if item.kind == "break" and item.text[0].isalpha():
            break
        own.append(item)
    return own


def _judge(
    own: list[_Item], lead: str | None, cutoffs: _Cutoffs, laboratory: bool
) -> tuple[object, str | None, tuple[float | None, float | None]] | None:
    """Truth, grade and value of one antigen from its own items; None if there are none."""
    kinds = {item.kind for item in own}
    value = next((item for item in own if item.kind == "value"), None) if laboratory else None
    titre = next((item for item in own if item.kind == "titre"), None)
    bounds: tuple[float | None, float | None] = (value.low, value.high) if value else (None, None)
    if "undone" in kinds or (
        "done" in kinds
        and lead == "negative"
        and not kinds & {"positive", "negative"}
        and any(i.text.lower() not in ("found", "seen") for i in own if i.kind == "done")
    ):
        return "untested", None, (None, None)
    if lead == "negative" and kinds & {"positive", "done"} and "negative" not in kinds:
        return False, None, bounds
    weak = next((i for i in own if i.kind == "weak"), None)
    if weak is not None:
        certain = "pos" in weak.text.lower()
        return (True if certain else None), "weak", bounds
    verdict = next((i for i in own if i.kind in ("positive", "negative")), None)
    if verdict is not None:
        truth = verdict.kind == "positive"
        return truth, _grade(own) if truth else None, bounds
    if value is not None and lead is None:
        if value.high == 0:
            return False, None, bounds
        truth_, grade = cutoffs.judge(value.low, value.high)
        return truth_, grade, bounds
    if titre is not None and laboratory and lead is None:
        return (False if titre.high < INF and titre.low == -INF else True), None, (None, None)
    if (
        laboratory
        and "done" in kinds
        and lead is None
        and any(i.text.lower() in ("found", "seen") for i in own if i.kind == "done")
    ):
        return True, None, bounds
    return None


def _grade(own: list[_Item]) -> str | None:
    plus = next((i.text for i in own if i.kind == "positive" and i.text.startswith("+")), "")
    if any(i.label == "strong" for i in own) or len(plus) >= 3:
        return "strong"
    if len(plus) == 2 or any(i.text.lower().startswith("moderate") for i in own):
        return "moderate"
    return None


_LINK = re.compile(
    r"(?:[\s,/&()+:|-]|\band\b|\bor\b|\bnor\b|\banti\b|\bto\b|\bantibod(?:y|ies)\b|\bigg\b|\bab\b|\bboth\b|\bplus\b|\bas well as\b|\bthe\b)*",
    re.I,
)


def _listed(text: str, earlier: _Item, later: _Item) -> bool:
    """Whether only commas, conjunctions and other antigens stand between."""
    between = _EVENT.sub(lambda m: " " if m["antigen"] else m[0], text[earlier.end : later.start])
    return _LINK.fullmatch(_CASED_NAME.sub(" ", between)) is not None


def _explicit(items: list[_Item]) -> bool:
    return any(item.kind == "value" for item in items) or any(
        item.kind in ("positive", "negative", "weak") and item.text.lower() not in ("detected", "present", "identified")
        for item in items
    )


_REPEAT = re.compile(
    r"\s*(?:the |on )?(?:repeat|current|new|fresh|present|today|now|control|final|overall|second|still|remains?|again)\b",
    re.I,
)


def _unread(concept: str, assay: str | None, start: int, end: int) -> Antibody:
    return Antibody(concept, None, None, assay, None, None, start, end)


def _speaks_of_last(sentence: str, result: Antibody | None) -> bool:
    """Whether a sentence without a name gives the verdict on the antibody before it, or a newer one."""
    if _REPEAT.match(sentence):
        return True
    if result is None or result.truth is not None:
        return False
    return (
        re.match(
            r"\s*(?:(?:this\s+is\s+)?(?:reported|read|interpreted|regarded|considered)\s+as|result\s*:|interpretation|conclusion|i\.e|thus|therefore|positive|negative|weak|borderline|equivocal|strong)",
            sentence,
            re.I,
        )
        is not None
    )


def _with_verdict(result: Antibody, verdict: _Item) -> Antibody:
    truth = _TRUTH[verdict.kind]
    return result._replace(truth=truth, grade="weak" if verdict.kind == "weak" else result.grade)


def _stronger(old: Antibody | None, new: Antibody) -> Antibody:
    """Of two results of one antibody (two bands, a repeat): a positive one, then a doubtful one."""
    if old is None:
        return new
    rank = {True: 2, None: 1, False: 0}
    if old.grade == "weak" and old.truth is None and new.truth is False:
        return old
    return old if rank[old.truth] > rank[new.truth] else new


def _rest_listed(items: list[_Item], text: str, start: int, end: int) -> bool:
    """Whether "all others negative" goes on to list them."""
    match = None if _ALL_BUT.search(text, start, end) else _REST.search(text, start, end)
    return match is not None and any(item.kind == "antigen" and item.start > match.end() for item in items)


def _whole_panel(verdict: _Item, text: str, start: int, end: int, assay: str | None) -> list[Antibody]:
    if verdict.kind != "negative":
        return []
    return [Antibody(concept, False, None, assay, None, None, start, end) for concept in USUAL_PANEL]


def _assay(text: str) -> str | None:
    return next((name for name, pattern in _ASSAYS if pattern.search(text)), None)


# ---------------------------------------------------------------- macro-CK

_MACRO = re.compile(
    r"\bmacro[- ]?(?:ck|creatine kinase)\b|\bck[- ]macro[- ]?(?:form|enzyme)?|\bmacro-?enzyme\b|\bmacro[- ]?form\b",
    re.I,
)
_MACRO_NO = re.compile(r"\b(?:no|not|without|negative|absent|excluded|none|nil|neither|undetect\w+)\b", re.I)
_MACRO_UNSURE = re.compile(
    r"\b(?:possible|suspected|cannot|pending|requested|to follow|exclude|rule out|consider|may|might|question|recommend\w*|advised|suggest\w*)\b|\?",
    re.I,
)


def macro_ck(text: str) -> tuple[Truth, int, int] | None:
    """Whether macro-CK was found, with the place of the words; None if the text does not say."""
    if "macro" not in text.lower():
        return None
    for start, end, asked in _split(text):
        match = _MACRO.search(text, start, end)
        if match is None:
            continue
        if asked or _MACRO_UNSURE.search(text, start, end):
            continue
        return _MACRO_NO.search(text, start, end) is None, match.start(), match.end()
    return None
