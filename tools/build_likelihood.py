"""Pool the dossier's disease x finding table into the compact tables that the package carries.

usage: build_likelihood.py FREQUENCIES_CSV [PACKAGE_DATA_FOLDER]

For maintainers; the package never runs it. Writes ``likelihood.csv`` (a beta distribution per finding, disease and
stratum), ``priors.csv`` (the share of each disease per setting) and ``sources/frequencies.csv`` (the bibliography).

How a cell is pooled: reported rows with counts by a beta-binomial random effect (each study counts with its effective
size, 0.5 added to both sides); a row that gives only a percentage as 15 patients; an estimate as 8 patients. Rows
marked NO_POOL enter only the stratum that they describe. Of two rows of one cell from overlapping cohorts the larger
one counts.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from imnm.knowledge.differential import (
    CONTROLS,
    DISEASES,
    ENTITIES,
    EXCLUSIVE_SETS,
    LOW_CK,
    SETTINGS,
)

ESTIMATE_PATIENTS = 8.0  # the guide: an estimate is a beta prior of about 5 to 10 pseudo-patients
PERCENTAGE_PATIENTS = 15.0  # the guide: a percentage without a count is weak evidence, about 10 to 20 patients
ESTIMATE_SOURCE = "frequencies-estimate"
SINGLE_ENTITY_ROWS = 20  # a cell that one rare entity with fewer patients describes is drawn towards its relatives

SAME_FINDING = {
    "dark_urine_myoglobinuria": "dark_urine",
    "alt_ast_elevated": "elevated_ast_alt",
    "drug_checkpoint_inhibitor": "ici_exposure",
    "achr_antibody": "neuromuscular_junction_antibody",
}
COMPLEMENTS = {"weakness_any": "weakness_absent_on_examination", "amyopathic": "proximal_weakness"}
"""Rows that state the opposite of a finding. An amyopathic patient has no proximal weakness: the only series of
dermatomyositis that counts weakness was selected for it (70 of 70), the population cohort was not (6 of 29)."""

ANTIBODY_CLASSES: dict[str, tuple[str, ...]] = {
    "anti_ars": ("anti_jo1", "anti_pl7", "anti_pl12"),
    "dm_antibody_positive": ("anti_mi2", "anti_tif1g", "anti_nxp2", "anti_mda5", "anti_sae1"),
}
"""Classes of named antibodies, counted as the sum of their members in one series; antisynthetase syndrome has an
antisynthetase antibody by definition."""
BY_DEFINITION = {("anti_ars", "antisynthetase_syndrome"): "other_msa_positive"}
NAMED_ANTIBODY_FALSE_POSITIVE = 0.018
"""Share of false positives of one antibody on a line blot: specificity above 98.2 % [To2020], so an upper bound."""
NAMED_ANTIBODY_SOURCE = ("To2020-blot", "Line blot specificity of single myositis antibodies (To 2020)", "2020", "", "")

DROPPED = {
    "ck_peak_lt_1000": "the first two bands together",
    "onset_gt_6m": "cut of one paper",
    "onset_lt_12m": "cut of one paper",
}
COMPLAINT = "complaint"
"""Weakness that was complained of says nothing about strength on examination."""
FULL_STRENGTH = "proximal_weakness"
"""Who has full strength on examination has no proximal weakness: a stratum that counts the one counts the other."""
ALSO_COUNTS = {("hypothyroid_myopathy", "neuromuscular_complaints"): "myalgia"}
"""The one count of muscle pain in hypothyroidism comes from a mostly subclinical group, which the guide calls not
usable for hypothyroid myopathy; complaints in overt disease (19 of 24) bound it from above. Both together."""
POOLED_ALL_THE_SAME = {("statin_toxic_myopathy", "myalgia")}
"""The only poolable row (45 of 45) counts patients who were chosen by their pain; the case reports of the severe form
(64 of 112), which the guide keeps apart, show that pain can be missing. Both together, as unlike as they are."""
SET_MEMBERS = {member for members in EXCLUSIVE_SETS.values() for member in members}

OVERLAPPING = ("Johns Hopkins", "Mayo", "NZ ", "EuroMyositis")
JAPANESE_REGISTRY = re.compile(r"Japanese (biopsy registry|muscle-pathology referral)")

STATIN_REGION = {
    "western": ("Williams", "St Louis", "Johns Hopkins anti-HMGCR n=104", "Dutch/Belgian", "Mayo, NAM", "NZ ", "Spain"),
    "east_asian": ("Chinese", "Japanese", "Korean"),
}
STRATUM_OF_POPULATION = (
    ("toxic_myopathy_other", "hydroxychloroquine or chloroquine", "hydroxychloroquine"),
    ("toxic_myopathy_other", "colchicine at", "colchicine"),
    ("toxic_myopathy_other", "alcohol", "alcohol"),
    ("metabolic_myopathy", "late-onset Pompe", "pompe"),
    ("metabolic_myopathy", "McArdle", "mcardle"),
    ("metabolic_myopathy", "lipid storage", "lipid_storage"),
    ("metabolic_myopathy", "CPT II", "lipid_storage"),
)
STRATUM_OF_NOTE = (
    ("paediatric stratum", "child"),
    ("child stratum", "child"),
    ("exertional stratum", "exertional"),
)
STRATA_OF_DISEASE = {
    "child": ("imnm_hmgcr", "rhabdomyolysis_other", "becker"),
    "exertional": ("rhabdomyolysis_other",),
}

ONLY_IN_ENTITY = {
    "second_wind": "mcardle",
    "scapular_winging": "pompe",
    "dyspnea_or_respiratory": "pompe",
    "respiratory_failure": "pompe",
    "emg_myotonic_or_crd": "pompe",
}
"""Signs that belong to one of the metabolic myopathies; the others have the value of unexplained hyperCKemia."""
STAND_IN = {("pompe", "exercise_intolerance"): "lgmd", ("pompe", "dark_urine"): "idiopathic_hyperckemia"}
"""Late-onset Pompe disease is a limb-girdle disease: where only McArdle disease was counted, a dystrophy
stands in; dark urine is not part of it."""

RELATIVES = {"lgmd": ("dysferlinopathy", "lgmd_r9_fkrp", "lgmd_r12_ano5", "becker")}
BACK_OFF = {"imnm_hmgcr": "imnm_any", "imnm_srp": "imnm_any", "imnm_seronegative": "imnm_any"}


class Row(NamedTuple):
    """One row of the dossier, cleaned."""

    disease: str
    finding: str
    with_it: float | None
    total: float | None
    frequency: float
    reported: bool
    population: str
    pooled: bool
    note: str
    source: str


class Cell(NamedTuple):
    """A beta distribution, whether a figure was reported, and from where."""

    alpha: float
    beta: float
    reported: bool
    sources: tuple[str, ...]

    @property
    def mean(self) -> float:
        return self.alpha / (self.alpha + self.beta)


def slug(title: str, year: str) -> str:
    words = re.findall(r"[a-z0-9]+", title.lower())
    telling = [word for word in words if word not in ("a", "an", "the", "of", "in", "and", "with", "for", "to", "on")]
    return "-".join([*telling[:5], re.sub(r"\W", "", year) or "nd"])


def read(path: Path) -> tuple[list[Row], dict[str, tuple[str, str, str]]]:
    rows: list[Row] = []
    sources: dict[str, tuple[str, str, str]] = {}
    for line in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
        if not line["frequency"] or line["finding"].startswith("info_"):
            continue
        reported = line["kind"] == "reported"
        source = slug(line["source_title"], line["year"]) if reported else ESTIMATE_SOURCE
        if reported:
            sources[source] = (line["source_title"], line["year"], line["doi_or_pmid_or_url"])
        counted = bool(line["n_with"] and line["n_total"])
        row = Row(
            line["disease"],
            line["finding"],
            float(line["n_with"]) if counted else None,
            float(line["n_total"]) if counted else None,
            float(line["frequency"]),
            reported,
            line["population"],
            not line["note"].startswith("NO_POOL") or (line["disease"], line["finding"]) in POOLED_ALL_THE_SAME,
            line["note"],
            source,
        )
        rows += renamed(row)
    return rows, sources


def renamed(row: Row) -> list[Row]:
    """The row under the name that the package uses, and what else it counts."""
    if row.finding == "weakness_any" and COMPLAINT in row.note:
        return []
    if row.finding in COMPLEMENTS:
        return [opposite(row, COMPLEMENTS[row.finding])]
    if row.finding == "weakness_absent_on_examination" and any(words in row.note for words, _ in STRATUM_OF_NOTE):
        return [row, opposite(row, FULL_STRENGTH)]
    name = ALSO_COUNTS.get((row.disease, row.finding)) or SAME_FINDING.get(row.finding, row.finding)
    return [row._replace(finding=name)]


def opposite(row: Row, finding: str) -> Row:
    with_it = None if row.with_it is None or row.total is None else row.total - row.with_it
    return row._replace(finding=finding, with_it=with_it, frequency=1 - row.frequency)


def cohort(row: Row) -> str:
    """Rows with one key may hold the same patients."""
    if JAPANESE_REGISTRY.search(row.population):
        return "Japanese pathology registry"
    for name in OVERLAPPING:
        if row.population.startswith(name):
            return name
    return row.population + row.source


def studies(rows: Iterable[Row]) -> list[tuple[float, float, str]]:
    """(with the finding, patients, source) of the reported rows, the largest of each cohort."""
    largest: dict[str, tuple[float, float, str]] = {}
    for row in rows:
        if not row.reported:
            continue
        total = row.total or PERCENTAGE_PATIENTS
        with_it = row.with_it if row.with_it is not None else row.frequency * PERCENTAGE_PATIENTS
        if cohort(row) not in largest or largest[cohort(row)][1] < total:
            largest[cohort(row)] = (with_it, total, row.source)
    return list(largest.values())


def correlation(counts: list[tuple[float, float]]) -> float:
    """How alike patients of one study are beyond chance (analysis of variance estimator, 0 to 0.99)."""
    k, n = len(counts), sum(total for _, total in counts)
    if k < 2 or n <= k:
        return 0.0
    mean = sum(with_it for with_it, _ in counts) / n
    between = sum(total * (with_it / total - mean) ** 2 for with_it, total in counts) / (k - 1)
    within = sum(with_it * (1 - with_it / total) for with_it, total in counts) / (n - k)
    size = (n - sum(total**2 for _, total in counts) / n) / (k - 1)
    if between + (size - 1) * within <= 0:
        return 0.0
    return min(0.99, max(0.0, (between - within) / (between + (size - 1) * within)))


def pool(rows: Iterable[Row], prior: float | None = None) -> Cell | None:
    """The pooled cell; ``prior``: an estimate that stands in where the rows hold none."""
    rows = list(rows)
    found = studies(rows)
    estimates = [row.frequency for row in rows if not row.reported] or ([prior] if prior is not None else [])
    estimate = sum(estimates) / len(estimates) if estimates else None
    if not found:
        return None if estimate is None else estimated(estimate)
    rho = correlation([(with_it, total) for with_it, total, _ in found])
    alpha = beta = 0.5
    for with_it, total, _ in found:
        weight = 1 / (1 + rho * (total - 1))
        alpha, beta = alpha + weight * with_it, beta + weight * (total - with_it)
    if estimate is not None:
        alpha, beta = alpha + ESTIMATE_PATIENTS * estimate, beta + ESTIMATE_PATIENTS * (1 - estimate)
    return Cell(alpha, beta, True, tuple(sorted({source for _, _, source in found})))


def estimated(frequency: float) -> Cell:
    return Cell(ESTIMATE_PATIENTS * frequency, ESTIMATE_PATIENTS * (1 - frequency), False, (ESTIMATE_SOURCE,))


def stratum_of(row: Row) -> str | None:
    """The stratum that a row describes, if any."""
    for disease, start, stratum in STRATUM_OF_POPULATION:
        if row.disease == disease and row.population.startswith(start):
            return stratum
    if row.disease == "imnm_hmgcr" and row.finding == "statin_exposure" and row.pooled:
        for stratum, populations in STATIN_REGION.items():
            if any(name in row.population for name in populations):
                return stratum
    for words, stratum in STRATUM_OF_NOTE:
        if words in row.note and row.disease in STRATA_OF_DISEASE[stratum]:
            return stratum
    return None


def tables(rows: list[Row]) -> dict[tuple[str, str, str], Cell]:
    cells: dict[tuple[str, str, str], Cell] = {}
    by_cell: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        if row.finding != "prior" and row.finding not in DROPPED:
            by_cell[row.finding, row.disease].append(row)
    for (finding, disease), members in by_cell.items():
        pooled = [row for row in members if row.pooled]
        if finding in SET_MEMBERS and disease in DISEASES:
            pooled = [row for row in pooled if not row.reported]  # the guide: the estimated set as a whole
        if disease != "metabolic_myopathy" and (cell := pool(pooled)):
            cells[finding, disease, ""] = cell
        for stratum in {stratum_of(row) for row in members} - {None, *ENTITIES["metabolic_myopathy"]}:
            prior = cells[finding, disease, ""].mean if (finding, disease, "") in cells else None
            prior = None if finding == "statin_exposure" else prior
            cell = pool((row for row in members if stratum_of(row) == stratum), prior)
            assert cell is not None and stratum is not None
            cells[finding, disease, stratum] = cell
    regions(cells)
    back_off(cells)
    relatives(cells, by_cell)
    named_antibodies(cells, by_cell)
    connective_tissue_disease(cells)
    metabolic(cells, by_cell)
    return cells


def regions(cells: dict[tuple[str, str, str], Cell]) -> None:
    """Where the region is unknown: half of each stratum, as uncertain as the two differ, instead of the pool of all
    rows, which fits no population."""
    west, east = (cells.get(("statin_exposure", "imnm_hmgcr", region)) for region in STATIN_REGION)
    if west is None or east is None:
        return
    middle = (west.mean + east.mean) / 2
    size = middle * (1 - middle) / ((west.mean - east.mean) / 2) ** 2 - 1
    sources = tuple(sorted({*west.sources, *east.sources}))
    cells["statin_exposure", "imnm_hmgcr", ""] = Cell(size * middle, size * (1 - middle), True, sources)


def back_off(cells: dict[tuple[str, str, str], Cell]) -> None:
    for finding in {finding for finding, _, _ in cells}:
        for disease, group in BACK_OFF.items():
            if (finding, disease, "") not in cells and (finding, group, "") in cells:
                cells[finding, disease, ""] = cells[finding, group, ""]


def relatives(cells: dict[tuple[str, str, str], Cell], by_cell: dict[tuple[str, str], list[Row]]) -> None:
    """A mixture that only a handful of patients of one entity describe is drawn towards the estimates of its kin."""
    for disease, kin in RELATIVES.items():
        for finding in {finding for finding, of, _ in cells if of == disease}:
            members = [row for row in by_cell[finding, disease] if row.pooled]
            alone = all(row.reported for row in members) and sum(row.total or 0 for row in members) < SINGLE_ENTITY_ROWS
            values = [cells[finding, other, ""].mean for other in kin if (finding, other, "") in cells]
            if members and alone and values and (cell := pool(members, sum(values) / len(values))):
                cells[finding, disease, ""] = cell


def named_antibodies(cells: dict[tuple[str, str, str], Cell], by_cell: dict[tuple[str, str], list[Row]]) -> None:
    """Antibodies counted only where they belong: elsewhere the false positives of a blot."""
    for name, members in ANTIBODY_CLASSES.items():
        for antibody in (*members, name):
            many = len(members) if antibody == name else 1
            chance = 1 - (1 - NAMED_ANTIBODY_FALSE_POSITIVE) ** many
            cells.pop((antibody, "iim_any", ""), None)
            cells[antibody, CONTROLS[0], ""] = estimated(chance)._replace(sources=(NAMED_ANTIBODY_SOURCE[0],))
        for disease in DISEASES:
            parts = [row for antibody in members for row in by_cell.get((antibody, disease), ())]
            if parts and len({row.total for row in parts}) == 1:
                whole = parts[0]._replace(finding=name, with_it=sum(row.with_it or 0 for row in parts))
                cells[name, disease, ""] = pool([whole]) or cells[name, CONTROLS[0], ""]
            whole_class = cells.get((BY_DEFINITION.get((name, disease), ""), disease, ""))
            if whole_class is not None:
                cells[name, disease, ""] = whole_class


def connective_tissue_disease(cells: dict[tuple[str, str, str], Cell]) -> None:
    """Counted in IMNM, polymyositis and IBM only. The other inflammatory diseases stand as IMNM, all else as IBM, the
    one comparison group with a count (0 of 18)."""
    finding, ibm = "connective_tissue_disease", "inclusion_body_myositis"
    if (finding, ibm, "") in cells:
        cells[finding, CONTROLS[0], ""] = estimated(cells[finding, ibm, ""].mean)
        for disease in ("dermatomyositis", "antisynthetase_syndrome", "ici_myositis"):
            cells[finding, disease, ""] = estimated(cells[finding, "imnm_any", ""].mean)


def metabolic(cells: dict[tuple[str, str, str], Cell], by_cell: dict[tuple[str, str], list[Row]]) -> None:
    """The metabolic myopathies, each by itself."""
    disease = "metabolic_myopathy"
    for finding in {finding for finding, _, _ in cells}:
        members = by_cell[finding, disease]
        if finding in SET_MEMBERS:
            members = [row for row in members if not row.reported]
        mixture = pool(row for row in members if not row.reported)
        elsewhere = pool(row for row in members if row.reported and row.pooled)
        for entity in ENTITIES[disease]:
            own = [row for row in members if row.reported and stratum_of(row) == entity]
            home = ONLY_IN_ENTITY.get(finding, entity)
            if home != entity:
                away = cells.get((finding, "idiopathic_hyperckemia", "")) or cells.get((finding, CONTROLS[0], ""))
                cell = None if away is None else estimated(away.mean)
            elif not own and (entity, finding) in STAND_IN:
                cell = estimated(cells[finding, STAND_IN[entity, finding], ""].mean)
            elif not own and mixture is not None and finding in ONLY_IN_ENTITY:
                cell = estimated(min(0.95, mixture.mean / ENTITIES[disease][entity]))  # the mixture's share is all here
            else:
                guess = mixture or (elsewhere if not own else None)
                cell = pool(own, guess.mean if guess else None)
            if cell is not None:
                cells[finding, disease, entity] = cell


def usable(cells: dict[tuple[str, str, str], Cell]) -> set[str]:
    """The findings that have a value for every disease, its own or a base rate."""
    names: dict[str, set[str]] = defaultdict(set)
    for finding, disease, stratum in cells:
        if not stratum or disease == "metabolic_myopathy":
            names[finding].add(disease)
    known = {finding: have for finding, have in names.items() if have & set(DISEASES)}
    return {finding for finding, have in known.items() if have & set(CONTROLS) or set(DISEASES) <= have}


def priors(rows: list[Row]) -> list[tuple[str, str, float]]:
    found = []
    for setting in SETTINGS.values():
        of_setting = [r for r in rows if r.finding == "prior" and r.pooled and r.population.startswith(setting.rows)]
        shares = {row.disease: row.frequency for row in of_setting}
        assert set(shares) == set(DISEASES), setting.id
        assert abs(sum(shares.values()) - 1) < 1e-6, (setting.id, sum(shares.values()))
        found += [(setting.id, disease, shares[disease]) for disease in DISEASES]
    return found


def write(path: Path, head: tuple[str, ...], lines: Iterable[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(lines)


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    default = Path(__file__).resolve().parents[1] / "src/imnm/knowledge/data"
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else default
    rows, titles = read(Path(sys.argv[1]))
    cells = tables(rows)
    keep = usable(cells)
    wanted = {
        key: cell
        for key, cell in sorted(cells.items())
        if key[0] in keep and (key[1] in DISEASES or key[1] in CONTROLS)
    }
    for members in EXCLUSIVE_SETS.values():
        for disease in DISEASES:
            have = [cell.mean for key, cell in wanted.items() if key[0] in members and key[1:] == (disease, "")]
            assert disease == "metabolic_myopathy" or abs(sum(have) - 1) < 0.006, (members, disease, sum(have))
    lines = [
        (
            *key,
            f"{cell.alpha:.4g}",
            f"{cell.beta:.4g}",
            "reported" if cell.reported else "estimated",
            " ".join(cell.sources),
        )
        for key, cell in wanted.items()
    ]
    write(folder / "likelihood.csv", ("finding", "disease", "stratum", "alpha", "beta", "kind", "sources"), lines)
    write(folder / "priors.csv", ("setting", "disease", "share"), priors(rows))
    used = {source for cell in wanted.values() for source in cell.sources}
    bibliography: list[tuple[object, ...]] = [
        (source, *titles[source], "abstract or table read for the frequency table")
        for source in sorted(used)
        if source in titles
    ]
    bibliography.append(
        (
            ESTIMATE_SOURCE,
            "Estimate of this project where no figure was found",
            "",
            "",
            "conservative; 8 patients' weight",
        )
    )
    bibliography.append((*NAMED_ANTIBODY_SOURCE[:4], "specificity above 98.2 % for single antibodies"))
    (folder / "sources").mkdir(exist_ok=True)
    write(folder / "sources/frequencies.csv", ("id", "title", "year", "locator", "note"), bibliography)
    print(f"{len(lines)} cells, {len(keep)} findings, {len(bibliography)} sources; low CK: {LOW_CK}")


if __name__ == "__main__":
    main()
