"""What a gene report concludes, however it says it."""

from __future__ import annotations

import pytest

from imnm.logic.truth import Truth
from imnm.sources.genes import gene_result


@pytest.mark.parametrize(
    ("text", "truth", "gene"),
    [
        ("Positive. ANO5", True, "ANO5"),
        ("ANO5 c.191dupA homozygous", True, "ANO5"),
        ("Two pathogenic variants in DYSF were found.", True, "DYSF"),
        ("DMD: deletion of exons 45-47", True, "DMD"),
        ("LGMD panel: biallelic FKRP variants", True, "FKRP"),
        ("DYSF: no variant detected. CAPN3: c.550delA, homozygous.", True, "CAPN3"),
        ("Heterozygous pathogenic variant in LMNA", True, "LMNA"),
        ("Negative. 328-gene panel", False, None),
        ("No disease-causing variants in a panel of 230 genes.", False, None),
        ("Whole exome sequencing was unremarkable", False, None),
        ("CAPN3 c.550delA heterozygous; second allele not found", None, None),
        ("Carrier of a pathogenic GAA variant", None, None),
        ("DYSF variant of uncertain significance", None, None),
        ("Negative. inconclusive", None, None),
        ("non-pathogenic ANO5 polymorphism", None, None),
        ("Sample received; result pending", None, None),
        ("", None, None),
    ],
)
def test_the_conclusion_of_a_gene_report(text: str, truth: Truth, gene: str | None) -> None:
    assert gene_result(text) == (truth, gene)
