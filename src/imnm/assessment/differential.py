"""The differential: from findings to the probability of each disease, by likelihood ratios that can be recomputed.

For each disease, ``10 ** (log10_prior + sum of the contributions' log10_lr)``, divided by the sum of the same over all
diseases, is its probability. A likelihood ratio compares how often the finding is seen in the disease with how often
it is seen among everyone in the setting (before anything is known), so 0 means "as in everyone". An unknown finding
contributes nothing. Findings that share a cause are weighed together (``knowledge.differential.GROUPS``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from operator import add, attrgetter, mul
from typing import Any, NamedTuple

from imnm.assessment.model import Contribution, Disease
from imnm.knowledge import differential as know
from imnm.knowledge.messages import say

Z95 = 1.959964
LN10 = math.log(10)
LEAST = 5e-4
"""No finding is taken to prove or exclude a disease: chances stay between this and one minus this."""
PRIOR_VARIANCE = (math.log(2) / Z95) ** 2
"""The priors are allocations, taken to be right within a factor of two (a convention)."""


class Context(NamedTuple):
    """What is known of the person beyond findings. Unknown is None.

    ``age`` in years; ``region`` is ``western`` or ``east_asian``, where stated; ``genes``: the genes in which a fitting
    genotype was found (symbols); ``biopsies``: the diagnoses that a biopsy made (concepts).
    """

    age: float | None = None
    sex: str | None = None
    region: str | None = None
    genes: tuple[str, ...] = ()
    biopsies: tuple[str, ...] = ()


NOBODY = Context()


class DifferentialResult(NamedTuple):
    """The differential of one patient. ``concordance``: the share of patients with the leading disease whose record
    would fit no better than this one, 0 to 1. ``sentence`` is said where none of the diseases fits well. ``kind``:
    ``reported`` if every contribution rests on published figures, else ``estimated``."""

    diseases: list[Disease]
    concordance: float
    none_fits: bool
    sentence: str | None
    setting: str
    kind: str


# A hypothesis is a disease, or one of the entities that a disease id holds.
_WHOLE = tuple(disease for disease in know.DISEASES if disease not in know.ENTITIES)
_PARTS = tuple((disease, entity) for disease, entities in know.ENTITIES.items() for entity in entities)
_HYPOTHESES: tuple[tuple[str, str], ...] = (*((disease, "") for disease in _WHOLE), *_PARTS)
_N = len(_HYPOTHESES)
_MEMBERS = {disease: tuple(i for i, (of, _) in enumerate(_HYPOTHESES) if of == disease) for disease in know.DISEASES}

_OF_PARTS = {disease: _MEMBERS[disease] for disease in know.ENTITIES}

Vector = tuple[float, ...]


class _Evidence(NamedTuple):
    """One observation. Natural logarithms, one value per hypothesis.

    ``lr``: of the likelihood ratio against everyone in the setting; ``variance``: of that; ``own``: the part of it that
    is the disease's own (everyone cancels out of a probability); ``centred``: ``lr`` less its
    mean over the hypotheses, for comparing observations; ``strength``: the greatest distance from it. ``fits``: how
    surprising the observation is in each (``_fit``). ``reported`` and ``sources`` per hypothesis. ``groups``: those in
    which it counts; ``rank``: its place when observations are weighed, the first first, whatever the order in which the
    findings were given.
    """

    finding: str
    value: Any
    lr: Vector
    variance: Vector
    own: Vector
    centred: Vector
    strength: float
    fits: tuple[Vector, ...]
    reported: tuple[bool, ...]
    sources: tuple[tuple[str, ...], ...]
    groups: tuple[know.Group, ...]
    rank: tuple[int, float, str]


class _Table:
    """The evidence of every observation in one setting and stratum, computed when first asked for."""

    def __init__(self, setting: str, entered: bool, strata: tuple[str, ...], statin_user: bool) -> None:
        self.setting = know.SETTINGS[setting]
        self.entered = entered
        self.strata = strata
        self.statin_user = statin_user
        self.seen: dict[Any, _Evidence | None] = {}
        self.known_cells: dict[str, list[know.Cell] | None] = {}
        self.printed: dict[tuple[int, float], list[Contribution]] = {}
        self.scaled: dict[tuple[int, float], Vector] = {}
        self.alike: dict[tuple[int, int], bool] = {}
        shares = dict(zip(know.DISEASES, know.priors(setting), strict=True))
        prior = [shares[disease] * know.ENTITIES.get(disease, {}).get(entity, 1.0) for disease, entity in _HYPOTHESES]
        if not entered:
            prior = [share / chance for share, chance in zip(prior, self._entry(), strict=True)]
        total = sum(prior)
        self.prior = tuple(share / total for share in prior)
        self.log_prior = tuple(math.log(share) for share in self.prior)
        self.log10_prior = {
            disease: round(math.log10(sum(self.prior[i] for i in members)), 6) for disease, members in _MEMBERS.items()
        }

    def _entry(self) -> Vector:
        """The chance of the entry condition in each hypothesis."""
        if self.setting.high_ck:
            return self._set_chances("ck_peak", know.HIGH_CK)[0]
        if self.setting.entry is None or self.setting.entry == "statin_exposure":
            return (1.0,) * _N
        if self.setting.entry in know.AGE_BANDS:
            return self._set_chances("age_onset", frozenset({self.setting.entry}))[0]
        return tuple(_bounded(cell.mean) for cell in self.cells(self.setting.entry) or ())

    def cells(self, finding: str) -> list[know.Cell] | None:
        """The cell of every hypothesis; None if the table cannot weigh the finding."""
        if finding not in self.known_cells:
            found = [
                know.cell(finding, disease, (entity, *self.strata) if entity else self.strata, self.statin_user)
                for disease, entity in _HYPOTHESES
            ]
            present = [cell for cell in found if cell is not None]
            self.known_cells[finding] = present if len(present) == len(found) else None
        return self.known_cells[finding]

    def _members(self, name: str) -> dict[str, list[know.Cell]]:
        members = know.EXCLUSIVE_SETS.get(name, know.STATIN_LATENCY)
        return {member: cells for member in members if (cells := self.cells(member)) is not None}

    def _set_chances(self, name: str, allowed: frozenset[str]) -> tuple[Vector, list[dict[str, float]]]:
        """The chance that one of the allowed members is true, and the chance of each member."""
        cells = self._members(name)
        each = []
        for i in range(_N):
            chances = {member: of[i].mean for member, of in cells.items()}
            if name not in know.EXCLUSIVE_SETS:
                chances[know.REST] = max(LEAST, 1 - sum(chances.values()))
            total = sum(chances.values())
            each.append({member: chance / total for member, chance in chances.items()})
        # added in the order of the members, not of the set, so that the last digit is the same in every run
        return tuple(_bounded(sum(c for member, c in chances.items() if member in allowed)) for chances in each), each

    def truth(self, finding: str, present: bool) -> _Evidence | None:
        """The evidence of a finding that is present or absent; None if the table cannot weigh it."""
        key = (finding, present)
        if key not in self.seen:
            cells = self.cells(finding)
            self.seen[key] = None if cells is None else self._truth(finding, present, cells)
        return self.seen[key]

    def _truth(self, finding: str, present: bool, cells: list[know.Cell]) -> _Evidence:
        means = [_bounded(cell.mean) for cell in cells]
        chances = tuple(mean if present else 1 - mean for mean in means)
        told = 1.0 if finding in know.ALWAYS_RECORDED or finding.startswith("anti_") else know.ABSENCE_RECORDED
        recorded = [mean / (mean + told * (1 - mean)) for mean in means]
        fits = [_fit((r, 1 - r), r if present else 1 - r) for r in recorded]
        return self._evidence(finding, present, chances, [cell.size for cell in cells], fits, cells)

    def unexplained(self, finding: str, present: bool) -> _Evidence | None:
        """The evidence of a finding whose cause is not on record: it is as frequent in the disease that the cause
        defines as in everyone else."""
        key = (finding, present, "unexplained")
        cells = self.cells(finding)
        if key not in self.seen and cells is not None:
            defined = know.FOLLOWS_FROM[finding][0]
            others = [(s, c.mean) for s, c, (d, _) in zip(self.prior, cells, _HYPOTHESES, strict=True) if d != defined]
            mean = sum(share * chance for share, chance in others) / sum(share for share, _ in others)
            stand_in = know.Cell(8 * mean, 8 * (1 - mean), False, ())
            cells = [stand_in if d == defined else c for c, (d, _) in zip(cells, _HYPOTHESES, strict=True)]
            self.seen[key] = self._truth(finding, present, cells)
        return self.seen.get(key)

    def statin_of_the_past(self) -> _Evidence | None:
        """The evidence of a statin that was stopped long before the illness: the diseases that a statin in use defines
        are as unlikely as without any."""
        key = ("statin_exposure", "past")
        cells = self.cells("statin_exposure")
        if key not in self.seen and cells is not None:
            cells = [
                cell._replace(alpha=cell.beta, beta=cell.alpha) if disease in know.STATIN_IN_USE else cell
                for cell, (disease, _) in zip(cells, _HYPOTHESES, strict=True)
            ]
            self.seen[key] = self._truth("statin_exposure", True, cells)._replace(value="stopped before onset")
        return self.seen.get(key)

    def genotype(self, genes: tuple[str, ...]) -> _Evidence | None:
        """The evidence of a fitting genotype in a named gene: the disease of that gene, or a chance finding, which
        falls on each gene alike."""
        meant = frozenset(know.GENES[gene] for gene in genes if gene in know.GENES)
        if not meant or not set(genes) <= set(know.GENES):
            return self.truth("genetic_test_positive", True)
        key = ("genetic_test_positive", meant)
        own = self.cells("genetic_test_positive")
        if key not in self.seen and own is not None:
            base = know.cells()["genetic_test_positive", know.CONTROLS[0], ""]
            share = sum(of in meant for of in know.GENES.values()) / len(know.GENES)
            chance = base._replace(alpha=base.alpha * share, beta=base.size - base.alpha * share)
            cells = [
                cell if disease in meant or entity in meant else chance
                for (disease, entity), cell in zip(_HYPOTHESES, own, strict=True)
            ]
            self.seen[key] = self._truth("genetic_test_positive", True, cells)
        return self.seen.get(key)

    def biopsy_diagnosis(self, meant: frozenset[str]) -> _Evidence | None:
        """The evidence of a biopsy that makes a diagnosis: one of these diseases or entities."""
        key = ("biopsy_diagnosis", meant)
        finding, has, lacks = know.PATHOGNOMONIC
        own, chance = (know.cell(finding, disease, (), False) for disease in (has, lacks))
        if key not in self.seen and own is not None and chance is not None:
            cells = [own if disease in meant or entity in meant else chance for disease, entity in _HYPOTHESES]
            found = self._truth("biopsy_diagnosis", True, [cell._replace(reported=False) for cell in cells])
            self.seen[key] = found
        return self.seen.get(key)

    def one_of(self, name: str, allowed: frozenset[str]) -> _Evidence:
        """The evidence that one of these members of an exclusive set is true."""
        key = (name, allowed)
        if key not in self.seen:
            chances, each = self._set_chances(name, allowed)
            fits = [_fit(tuple(of.values()), chance) for of, chance in zip(each, chances, strict=True)]
            cells = next(iter(self._members(name).values()))
            if name == "ck_peak" and self.setting.high_ck and self.entered:
                entry = self._set_chances(name, know.HIGH_CK)[0]
                ratios = tuple(min(1.0, chance / of) for chance, of in zip(chances, entry, strict=True))
            else:
                ratios = chances
            finding, value = _named(name, allowed)
            self.seen[key] = self._evidence(finding, value, ratios, [cell.size for cell in cells], fits, cells)
        found = self.seen[key]
        assert found is not None
        return found

    def ck_multiple(self, allowed: frozenset[str]) -> _Evidence | None:
        """The evidence of a CK that is known only as a multiple of the upper limit (normal, 1 to 5, above)."""
        key = ("ck_multiple", allowed)
        if key not in self.seen:
            cells = self.cells("ck_peak_1_5x_uln")
            if cells is None:
                return None
            normal = self._set_chances("ck_peak", frozenset({"ck_peak_normal"}))[0]
            chances, fits = [], []
            for cell, low in zip(cells, normal, strict=True):
                middle = min(cell.mean, 1 - low - LEAST)
                each = {"ck_peak_normal": low, "ck_peak_1_5x_uln": middle, "above": 1 - low - middle}
                chances.append(_bounded(sum(c for member, c in each.items() if member in allowed)))
                fits.append(_fit(tuple(each.values()), chances[-1]))
            value = "ck_peak_1_5x_uln" in allowed
            size = [cell.size for cell in cells]
            self.seen[key] = self._evidence("ck_peak_1_5x_uln", value, tuple(chances), size, fits, cells)
        return self.seen[key]

    def shown(self, evidence: _Evidence, weight: float) -> list[Contribution]:
        """How a weighed observation is printed, per hypothesis."""
        key = (id(evidence), weight)  # the table keeps its evidence, so that ids stay
        if key not in self.printed:
            found: list[Contribution] = []
            for lr, variance, both, named in zip(
                evidence.lr, evidence.variance, evidence.reported, evidence.sources, strict=True
            ):
                middle, reach = weight * lr / LN10, Z95 * weight * math.sqrt(variance) / LN10
                low, high = round(middle - reach, 6), round(middle + reach, 6)
                kind = "reported" if both else "estimated"
                found.append(Contribution(evidence.finding, evidence.value, round(middle, 6), low, high, kind, named))
            self.printed[key] = found
        return self.printed[key]

    def counted(self, evidence: _Evidence, weight: float) -> Vector:
        """The logarithms of the likelihood ratios of a weighed observation."""
        key = (id(evidence), weight)
        if key not in self.scaled:
            self.scaled[key] = tuple(weight * x for x in evidence.lr)
        return self.scaled[key]

    def same_way(self, one: _Evidence, other: _Evidence) -> bool:
        """Whether two observations speak for and against the same diseases."""
        key = (id(one), id(other))
        if key not in self.alike:
            self.alike[key] = sum(map(mul, one.centred, other.centred)) > 0
        return self.alike[key]

    def _evidence(
        self,
        finding: str,
        value: Any,
        chances: Sequence[float],
        sizes: Sequence[float],
        fits: Sequence[Vector],
        cells: Sequence[know.Cell],
    ) -> _Evidence:
        everyone = sum(share * chance for share, chance in zip(self.prior, chances, strict=True))
        lr = tuple(math.log(chance / everyone) for chance in chances)
        own = [(1 - chance) / (size * chance + 0.5) for chance, size in zip(chances, sizes, strict=True)]
        weights = [share * chance / everyone for share, chance in zip(self.prior, chances, strict=True)]
        of_everyone = sum(weight**2 * variance for weight, variance in zip(weights, own, strict=True))
        published = sum(weight for weight, cell in zip(weights, cells, strict=True) if cell.reported) >= 0.5
        mean = sum(lr) / _N
        centred = tuple(x - mean for x in lr)
        strength = max(abs(x) for x in centred)
        return _Evidence(
            finding,
            value,
            lr,
            tuple(variance + of_everyone for variance in own),
            tuple(own),
            centred,
            strength,
            tuple(fits),
            tuple(cell.reported and published for cell in cells),
            tuple(cell.sources for cell in cells),
            _groups(finding),
            (_rank(finding, value), -strength, finding),
        )


def _bounded(chance: float) -> float:
    return min(1 - LEAST, max(LEAST, chance))


def _fit(chances: Sequence[float], observed: float) -> Vector:
    """(surplus of the surprise of what was observed over the mean, variance and third moment of the surprise)."""
    surprises = [(chance, -math.log(chance)) for chance in chances if chance > 0]
    mean = sum(chance * surprise for chance, surprise in surprises)
    variance = sum(chance * (surprise - mean) ** 2 for chance, surprise in surprises)
    third = sum(chance * (surprise - mean) ** 3 for chance, surprise in surprises)
    return -math.log(observed) - mean, variance, third


def _named(name: str, allowed: frozenset[str]) -> tuple[str, Any]:
    """How a set is shown: the member that is true, or the set with the members that are left."""
    if len(allowed) == 1 and (only := next(iter(allowed))) != know.REST:
        return only, True
    return name, sorted(allowed)


@lru_cache(maxsize=64)
def _table(setting: str, entered: bool, strata: tuple[str, ...], statin_user: bool) -> _Table:
    return _Table(setting, entered, strata, statin_user)


# ---------------------------------------------------------------- from findings to observations


def _normalised(findings: Mapping[str, bool | None], context: Context) -> dict[str, bool]:
    """The known findings, each under one name."""
    known = {finding: value for finding, value in findings.items() if value is not None}
    for name, (finding, same) in know.IMPLIES.items():
        if name in known:
            known.setdefault(finding, known.pop(name) == same)
    for name, finding in know.IMPLIES_IF_PRESENT.items():
        if known.pop(name, False):
            known[finding] = True
    for name, finding in know.IMPLIES_IF_ABSENT.items():
        if known.get(name) is False:
            known.setdefault(finding, False)
    if all(known.get(finding) is value for finding, value in know.NECROTIZING):
        known.setdefault("biopsy_necrosis_predominant", True)
    if context.sex in ("female", "male"):
        known.setdefault("female", context.sex == "female")
    for together, members in know.ANY_OF.items():
        if together in known or not known.keys().isdisjoint(members):
            _gather(known, together, members)
    return known


def _gather(known: dict[str, bool], together: str, members: Iterable[str]) -> None:
    """Absences of single members give way to the absence of any."""
    absent = [member for member in members if known.get(member) is False]
    if any(known.get(member) for member in members):
        for member in absent:
            del known[member]
        if known.get(together) is False:
            del known[together]
    elif known.get(together) is False or len(absent) == len(tuple(members)):
        known[together] = False
        for member in absent:
            del known[member]
    elif known.get(together):
        for member in absent:
            del known[member]


def _allowed(known: Mapping[str, bool], members: tuple[str, ...]) -> frozenset[str]:
    """The members of an exclusive set that can still be the true one."""
    if known.keys().isdisjoint(members):
        return _all_of(members)
    true = [member for member in members if known.get(member)]
    if true:
        return frozenset(true)
    return frozenset(member for member in members if known.get(member) is not False)


@cache
def _all_of(members: tuple[str, ...]) -> frozenset[str]:
    return frozenset(members)


def _ck_allowed(known: Mapping[str, bool]) -> frozenset[str]:
    allowed = _allowed(known, know.CK_BANDS)
    for finding, bands in know.CK_AROUND_1000.items():
        if finding in known:
            allowed &= bands if known[finding] else _ANY_CK - bands
    if known.get("ck_elevated") is False:
        allowed &= {"ck_peak_normal"}
    return allowed or _ANY_CK


_ANY_CK = frozenset(know.CK_BANDS)
_RAISED = frozenset(know.CK_BANDS[1:])
_CK_FAMILY = {*know.CK_BANDS, *know.CK_AROUND_1000, "ck_peak_1_5x_uln", "ck_elevated"}
_IN_SETS = {*_CK_FAMILY, *know.AGE_BANDS, *know.ONSETS, *know.STATIN_LATENCY}
_CONDITIONAL = frozenset(
    {"elevated_ast_alt", "statin_exposure", "genetic_test_positive", *_IN_SETS, *know.STATIN_FINDINGS,
     *know.REPLACED_BY_GENOTYPE, *know.FOLLOWS_FROM, *(setting.entry for setting in know.SETTINGS.values())}
)  # fmt: skip
"""Findings whose weight hangs on something else than whether they are present."""
_ENTANGLED = (_CONDITIONAL - {*know.REPLACED_BY_GENOTYPE} | _IN_SETS) | know.named_in(
    *(know.IMPLIES, tuple(know.IMPLIES_IF_PRESENT), tuple(know.IMPLIES_IF_ABSENT), know.NECROTIZING, know.ANY_OF),
    *(know.DRUG_STRATA, know.STATIN_OF_THE_PAST, know.FOLLOWS_FROM, know.BIOPSY_SIGNS, tuple(know.EXCLUSIVE_SETS)),
    *("recent_exertion", "biopsy_diagnosis", "female"),
)
"""These, the findings on which the weight of others hangs (beside what groups say), and names under which others, or
what is known beside findings, are weighed."""


def _entangled_with() -> dict[str, frozenset[str]]:
    found = {finding: frozenset({"genetic_test_positive"}) for finding in know.REPLACED_BY_GENOTYPE}
    for name, finding in (*know.IMPLIES_IF_PRESENT.items(), *know.IMPLIES_IF_ABSENT.items()):
        found[finding] = found.get(finding, frozenset()) | {name}
    return found | {"biopsy_necrosis_predominant": frozenset(finding for finding, _ in know.NECROTIZING)}


_ENTANGLED_WITH = _entangled_with()
"""Findings that weigh by themselves unless one of these is known: from which they follow, or which says the same."""


def _ck(table: _Table, known: Mapping[str, bool], allowed: frozenset[str]) -> _Evidence | None:
    """One observation of CK, from the most telling family that is known; transaminases only where CK is unknown."""
    if allowed not in (_ANY_CK, _RAISED):
        return table.one_of("ck_peak", allowed)
    multiple = known.get("ck_peak_1_5x_uln")
    if multiple is not None:
        over = {"above"} if allowed == _RAISED else {"above", "ck_peak_normal"}
        return table.ck_multiple(frozenset({"ck_peak_1_5x_uln"} if multiple else over))
    if allowed == _RAISED:
        return table.truth("ck_elevated", True)
    if "elevated_ast_alt" in known:
        return table.truth("elevated_ast_alt", known["elevated_ast_alt"])
    return None


class _Question(NamedTuple):
    """The observations of one patient with the weight of each, and the table that they come from."""

    table: _Table
    observed: list[tuple[_Evidence, float]]


class _Told(NamedTuple):
    """The observations of one patient before they are weighed, the table that they come from, and the findings that
    the setting itself holds."""

    table: _Table
    observed: list[_Evidence]
    leading: set[str]

    def weighed(self) -> _Question:
        return _Question(self.table, _weighed(self.table, self.observed, self.leading))


def _question(findings: Mapping[str, bool | None], setting: str, context: Context) -> _Question:
    return _told(findings, setting, context).weighed()


def _told(findings: Mapping[str, bool | None], setting: str, context: Context) -> _Told:
    if setting not in know.SETTINGS:
        raise ValueError(f"there is no setting {setting!r}; choose one of {', '.join(know.SETTINGS)}")
    known = _normalised(findings, context)
    ck = _ck_allowed(known)
    child = setting == "child" or (context.age is not None and context.age < 18)
    statin = setting == "statin-user" or known.get("statin_exposure") is True
    rules = know.SETTINGS[setting]
    if rules.high_ck:
        entered = ck <= know.HIGH_CK
    elif rules.entry in know.AGE_BANDS:
        entered = known.get(rules.entry) is not False and not any(known.get(band) for band in know.AGE_BANDS[1:])
    else:
        entered = rules.entry is None or known.get(rules.entry) is True
    table = _table(setting, entered, _strata(known, context, child), statin)
    leading = {rules.entry} if entered and rules.entry else set()
    return _Told(table, list(_observations(table, known, ck, context, child, statin)), leading)


def _strata(known: Mapping[str, bool], context: Context, child: bool) -> tuple[str, ...]:
    """What singles out published rows, what bears on the illness before who the patient is: where a disease has rows
    for several, the first counts."""
    strata = [stratum for drug, stratum in know.DRUG_STRATA.items() if known.get(drug)]
    if known.get("recent_exertion"):
        strata.append("exertional")
    if child:
        strata.append("child")
    if context.region:
        strata.append(context.region)
    return tuple(strata)


def _observations(
    table: _Table, known: Mapping[str, bool], ck: frozenset[str], context: Context, child: bool, statin: bool
) -> Iterable[_Evidence]:
    """The observations, before they are weighed."""
    genotype = known.get("genetic_test_positive") is True
    if (evidence := _ck(table, known, ck)) is not None:
        yield evidence
    for name, members in (("age_onset", know.AGE_BANDS), ("onset", know.ONSETS)):
        allowed = _allowed(known, members)
        entry = table.setting.entry in members and table.entered
        inherited = genotype and allowed <= set(know.REPLACED_BY_GENOTYPE)
        if 0 < len(allowed) < len(members) and not entry and not inherited:
            yield table.one_of(name, allowed)
    if statin and len(latency := _allowed(known, know.STATIN_LATENCY)) < len(know.STATIN_LATENCY):
        yield table.one_of("statin_latency", latency)
    for finding, present in known.items():
        if finding not in _CONDITIONAL:
            if (found := table.truth(finding, present)) is not None:
                yield found
            continue
        if finding in _IN_SETS or finding == "elevated_ast_alt":
            continue
        if table.entered and finding == table.setting.entry:
            continue
        if finding == "statin_exposure" and (child or table.setting.entry == finding):
            continue  # no child with the disease took one, and no other child either
        if finding in know.STATIN_FINDINGS and not statin:
            continue
        if genotype and finding in know.REPLACED_BY_GENOTYPE:
            continue
        if genotype and finding == "genetic_test_positive":
            found = table.genotype(context.genes)
        elif finding == "statin_exposure" and present and known.get(know.STATIN_OF_THE_PAST):
            found = table.statin_of_the_past()
        elif finding in know.FOLLOWS_FROM and not known.get(know.FOLLOWS_FROM[finding][1]):
            found = table.unexplained(finding, present)
        else:
            found = table.truth(finding, present)
        if found is not None:
            yield found
    named = [know.BIOPSY_DIAGNOSES[diagnosis] for diagnosis in context.biopsies if diagnosis in know.BIOPSY_DIAGNOSES]
    seen = [means for sign, means in know.BIOPSY_SIGNS.items() if known.get(sign)]
    if (named or seen) and (evidence := table.biopsy_diagnosis(frozenset(named or seen))) is not None:
        yield evidence


# ---------------------------------------------------------------- dependence

_GROUPS_OF: dict[str, list[know.Group]] = {}
for _group in know.GROUPS:
    for _member in _group.members:
        _GROUPS_OF.setdefault(_member, []).append(_group)
_SET_OF = {member: name for name, members in know.EXCLUSIVE_SETS.items() for member in members} | {
    "ck_elevated": "ck_peak",
    "ck_peak_1_5x_uln": "ck_peak",
}
_FIRST = {member: rank for group in know.GROUPS for rank, member in enumerate(group.first) if group.rule == "one"}


def _groups(finding: str) -> tuple[know.Group, ...]:
    """The groups in which this observation counts."""
    name = _SET_OF.get(finding, finding)
    return tuple(group for group in _GROUPS_OF.get(name, ()) if know.NARROW.get((group.id, name), finding) == finding)


def _rank(finding: str, value: Any) -> int:
    """Members that a group puts first come first; a named antibody that is present before the panel."""
    name = _SET_OF.get(finding, finding)
    if name == "ck_peak" or (name in know.NAMED_ANTIBODIES and value is True):
        return -1
    return _FIRST.get(name, len(know.STATIN_FINDINGS))


def _weighed(table: _Table, observed: list[_Evidence], leading: set[str]) -> list[tuple[_Evidence, float]]:
    """Each observation with its weight (0: not counted), so that what shares a cause is not multiplied."""
    leaders: dict[str, list[_Evidence]] = {}
    present = {group.id for finding in leading for group in _GROUPS_OF.get(finding, ())}
    weighed = []
    negative_biopsy = False
    for evidence in sorted(observed, key=attrgetter("rank")):
        weight = 1.0
        if evidence.finding == "genetic_test_positive" and evidence.value is False:
            weight = know.NEGATIVE_PANEL
        for group in evidence.groups:
            others = leaders.get(group.id)
            if group.rule == "one" and (others or group.id in present):
                weight = 0.0
            elif evidence.finding in group.full:
                continue
            elif group.id in present or (others and any(table.same_way(evidence, other) for other in others)):
                weight = min(weight, know.HALF)
        if evidence.finding in know.BIOPSY and evidence.value is False:
            weight, negative_biopsy = (0.0, True) if negative_biopsy else (weight, True)
        if weight:
            for group in evidence.groups:
                leaders.setdefault(group.id, []).append(evidence)
            weighed.append((evidence, weight))
    return weighed


# ---------------------------------------------------------------- the answer


def _scores(question: _Question) -> list[float]:
    """The log of prior times likelihood ratios, per hypothesis."""
    table = question.table
    counted = [e.lr if weight == 1.0 else table.counted(e, weight) for e, weight in question.observed]
    return list(map(sum, zip(table.log_prior, *counted, strict=True)))


def _shares(scores: Sequence[float]) -> list[float]:
    """The probability of each hypothesis."""
    top = max(scores)
    odds = list(map(math.exp, [score - top for score in scores]))
    total = sum(odds)
    return [x / total for x in odds]


def probabilities(findings: Mapping[str, bool | None], setting: str, context: Context = NOBODY) -> dict[str, float]:
    """The probability of each disease, without its parts: what ``differential`` gives, faster (for what-if)."""
    shares = _shares(_scores(_question(findings, setting, context)))
    found = dict(zip(_WHOLE, shares, strict=False))
    return found | {disease: sum([shares[i] for i in _MEMBERS[disease]]) for disease in know.ENTITIES}


Chance = Callable[[str], float | None]
"""How likely a finding not yet known is to be present; None if no frequency is known."""


class Leading:
    """The most probable disease; how probable it is, is worked out when it is asked for. ``scores``: gives the log of
    prior times likelihood ratios, per hypothesis."""

    def __init__(self, id: str, scores: Callable[[], Sequence[float]]) -> None:
        self.id, self._scores = id, scores

    @classmethod
    def of(cls, scores: Sequence[float]) -> Leading:
        """That of these scores; of equal ones the first in the order of the declarations."""
        whole = scores[: len(_WHOLE)]  # the parts come after the whole diseases
        best = max(whole)
        id = _WHOLE[whole.index(best)]
        for disease, members in _OF_PARTS.items():
            parts = [scores[i] for i in members]
            if max(parts) + math.log(len(parts)) > best and (together := _together(parts)) > best:
                best, id = together, disease
        return cls(id, lambda: scores)

    @property
    def probability(self) -> float:
        """The probability of the disease."""
        shares = _shares(self._scores())
        return sum([shares[i] for i in _MEMBERS[self.id]])


def _lead(scores: Sequence[float]) -> float:
    """By how much the log of the odds of the most probable disease is above that of the next."""
    each = [*scores[: len(_WHOLE)], *(_together([scores[i] for i in members]) for members in _OF_PARTS.values())]
    best, second = sorted(each, reverse=True)[:2]
    return best - second


def _together(scores: Sequence[float]) -> float:
    """The log of the summed odds of several hypotheses, given the logs."""
    top = max(scores)
    return top + math.log(sum([math.exp(score - top) for score in scores]))


class WhatIf:
    """What leads for one patient, as things are and if findings were otherwise: the greatest of ``probabilities``.

    A finding that weighs by itself only adds an observation or takes one away; for other findings all is told anew.
    Where one observation is added that shares no cause with another, that is all that is weighed.
    """

    def __init__(self, findings: Mapping[str, bool], setting: str, context: Context) -> None:
        self.findings, self.setting, self.context = findings, setting, context
        self._as_is = _told(findings, setting, context)
        self._question = self._as_is.weighed()
        self._scores = _scores(self._question)
        self._leading = Leading.of(self._scores)
        self._lead = _lead(self._scores) - 1e-9  # less than any rounding could make up
        self._observed = set(map(id, self._as_is.observed))  # a table keeps its evidence, so that ids stay
        self._causes = set(_causes_of(self._as_is.observed))
        self._causes |= {group.id for finding in self._as_is.leading for group in _GROUPS_OF.get(finding, ())}

    def full(self) -> DifferentialResult:
        """The differential as things are (see ``differential``)."""
        return _answer(self._question, self.findings, self.setting)

    def chances(self) -> Chance:
        """A function that says how likely a finding not yet known is to be present, as things are: its frequency in
        each disease weighed by the disease's probability. None if the table does not weigh it."""
        shares, cells_of = _shares(self._scores), self._question.table.cells

        def chance_of(finding: str) -> float | None:
            cells = cells_of(finding)
            return None if cells is None else sum(s * cell.mean for s, cell in zip(shares, cells, strict=True))

        return chance_of

    def leading(self, changes: Mapping[str, bool | None]) -> Leading:
        """What would lead if these findings were present, absent or unknown."""
        told = self._told_if(changes)
        added = self._added(told)
        if added is None:
            return Leading.of(_scores(told.weighed()))
        if not added:
            return self._leading
        ratios = added[0].lr
        if max(ratios) - min([ratios[i] for i in _MEMBERS[self._leading.id]]) < self._lead:
            return Leading(self._leading.id, lambda: self._scores_with(ratios))  # nothing else can overtake it
        return Leading.of(self._scores_with(ratios))

    def _scores_with(self, ratios: Vector) -> Sequence[float]:
        return list(map(add, self._scores, ratios))

    def _told_if(self, changes: Mapping[str, bool | None]) -> _Told:
        if not changes:
            return self._as_is
        if self._are_entangled(changes):
            return _told({**self.findings, **changes}, self.setting, self.context)
        table, observed, leading = self._as_is
        new = [table.truth(finding, value) for finding, value in changes.items() if value is not None]
        others = [evidence for evidence in observed if evidence.finding not in changes]
        return _Told(table, others + [evidence for evidence in new if evidence is not None], leading)

    def _are_entangled(self, changes: Iterable[str]) -> bool:
        known = self.findings.keys()
        return any(id in _ENTANGLED or not known.isdisjoint(_ENTANGLED_WITH.get(id, ())) for id in changes)

    def _added(self, told: _Told) -> list[_Evidence] | None:
        """None or one observation that is weighed in full beside those there are, in a list; None if that is not all
        that is new."""
        table, observed, leading = self._as_is
        more = len(told.observed) - len(observed)
        if told.table is not table or told.leading != leading or more not in (0, 1):
            return None
        new = [evidence for evidence in told.observed if id(evidence) not in self._observed]
        if more != len(new) or not self._causes.isdisjoint(_causes_of(new)):
            return None
        return new if all(map(_counts_in_full, new)) else None


def _counts_in_full(evidence: _Evidence) -> bool:
    """Whether an observation that shares no cause with others is weighed in full, whatever else there is."""
    absent = evidence.value is False
    return not (absent and (evidence.finding == "genetic_test_positive" or evidence.finding in know.BIOPSY))


def _causes_of(observed: Iterable[_Evidence]) -> Iterator[str]:
    return (group.id for evidence in observed for group in evidence.groups)


def differential(findings: Mapping[str, bool | None], setting: str, context: Context = NOBODY) -> DifferentialResult:
    """The diseases by probability, with the parts of each.

    ``findings``: finding id to present (True), absent (False) or unknown (None, or not there); ids that the table does
    not weigh are ignored. Raises ValueError if there is no such setting.
    """
    return _answer(_question(findings, setting, context), findings, setting)


def _answer(question: _Question, findings: Mapping[str, bool | None], setting: str) -> DifferentialResult:
    scores = _scores(question)
    chances = _shares(scores)
    best = {disease: max(members, key=lambda i: scores[i]) for disease, members in _MEMBERS.items()}
    by_hypothesis = _variances(question)
    variances = {disease: by_hypothesis[i] for disease, i in best.items()}
    total = {disease: sum(chances[i] for i in members) for disease, members in _MEMBERS.items()}
    joint = sum(total[disease] ** 2 * variance for disease, variance in variances.items())
    known = {finding: value for finding, value in findings.items() if value is not None}
    diseases = []
    shown = [question.table.shown(evidence, weight) for evidence, weight in question.observed]
    for disease in sorted(total, key=lambda d: -total[d]):  # equal ones in the order of the declarations
        low, high = _interval(total[disease], variances[disease], joint)
        diseases.append(
            Disease(
                disease,
                round(total[disease], 9),
                round(low, 9),
                round(high, 9),
                _contributions(question, shown, disease, best[disease], scores),
                question.table.log10_prior[disease],
                _think_of(disease, known),
            )
        )
    fit = _fit_of(question, best[diseases[0].id])
    likely = [best[disease.id] for disease in diseases if disease.probability >= know.WORTH_NAMING]
    poor = bool(question.observed) and all(
        _fit_of(question, i) < know.POOR_FIT for i in (best[diseases[0].id], *likely)
    )
    kinds = {part.kind for disease in diseases for part in disease.contributions}
    return DifferentialResult(
        diseases,
        round(fit, 4),
        poor,
        say("differential.none_fits") if poor else None,
        setting,
        "estimated" if "estimated" in kinds or not kinds else "reported",
    )


def _variances(question: _Question) -> list[float]:
    """The variance of the log of each hypothesis's odds."""
    own = [
        evidence.own if weight == 1.0 else tuple(weight**2 * x for x in evidence.own)
        for evidence, weight in question.observed
    ]
    return [PRIOR_VARIANCE + sum(each) for each in zip(*own, strict=True)] or [PRIOR_VARIANCE] * _N


def _interval(chance: float, variance: float, joint: float) -> tuple[float, float]:
    """95 % interval of a probability on the logit scale (delta method over the logs of the likelihoods)."""
    chance = min(1 - 1e-9, max(1e-12, chance))
    others = (joint - chance**2 * variance) / (1 - chance) ** 2
    reach = Z95 * math.sqrt(max(0.0, variance + others))
    logit = math.log(chance / (1 - chance))
    return 1 / (1 + math.exp(min(700.0, reach - logit))), 1 / (1 + math.exp(max(-700.0, -logit - reach)))


def _contributions(
    question: _Question, shown: list[list[Contribution]], disease: str, hypothesis: int, scores: list[float]
) -> list[Contribution]:
    """The parts of a disease, the weightiest first. ``shown``: how each observation is printed, per hypothesis."""
    parts = sorted([each[hypothesis] for each in shown], key=_weightiness)
    if disease in know.ENTITIES:
        parts.append(_entity(question, disease, hypothesis, scores))
    return parts


def _weightiness(part: Contribution) -> float:
    return -abs(part.log10_lr)


def _entity(question: _Question, disease: str, hypothesis: int, scores: list[float]) -> Contribution:
    """Parts are those of the entity that fits best; this one adds that the id holds others too."""
    members = _MEMBERS[disease]
    all_of_them = sum(math.exp(scores[i] - scores[hypothesis]) for i in members)
    share = question.table.prior[hypothesis] / sum(question.table.prior[i] for i in members)
    lr = round(math.log10(all_of_them * share), 6)
    return Contribution("entity", _HYPOTHESES[hypothesis][1], lr, lr, lr, "estimated")


def _fit_of(question: _Question, hypothesis: int) -> float:
    """The share of patients with this disease whose record would fit it no better than this one."""
    surplus = variance = third = 0.0
    for evidence, weight in question.observed:
        of, spread, skewed = evidence.fits[hypothesis]
        surplus, variance, third = surplus + weight * of, variance + weight**2 * spread, third + weight**3 * skewed
    if variance <= 0:
        return 0.5
    deviate, skew = surplus / math.sqrt(variance), third / variance**1.5
    if abs(skew) > 1e-3:  # Wilson and Hilferty: few rare signs are far from a normal distribution
        deviate = 6 / skew * (max(0.0, 1 + skew * deviate / 2) ** (1 / 3) - 1) + skew / 6
    return 0.5 * math.erfc(deviate / math.sqrt(2))


def _think_of(disease: str, known: Mapping[str, bool | None]) -> list[str]:
    """What hides in the id where the record points there, in words."""
    return [
        say(f"differential.think_of.{hint.id}")
        for hint in know.HINTS
        if hint.of == disease and any(all(known.get(finding) is value for finding, value in way) for way in hint.when)
    ]
