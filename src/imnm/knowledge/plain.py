"""The plain words for people: which illnesses, steps, warnings and parts of the handout there are, and what each part
rests on. The sentences stand in ``messages/<language>/handout.toml``; a second language is a second file.
"""

from __future__ import annotations

from collections.abc import Iterator

from .differential import DISEASES
from .evidence import Evidence, evidence, threshold

__all__ = ["DISEASES", "NAMED_FROM", "evidence_in_use"]

NAMED_FROM = threshold(
    "handout_named_from",
    0.5,
    "",
    "share of the differential from which an illness not yet proved is named to the patient",
    evidence("convention"),
)

URGENT: tuple[str, ...] = ("breath", "swallow", "strength", "urine", "heart")
"""Signs that call for help at once, for everybody (``handout.urgent.<id>``)."""

URGENT_TREATED: tuple[str, ...] = ("fever", "ivig", "steroid")
"""The same for people under treatment."""

QUESTIONS_OPEN: tuple[str, ...] = ("why_weak", "next_test", "hmgcr_on_list", "biopsy", "when_back")
QUESTIONS_SUSPECTED: frozenset[str] = frozenset({"hmgcr_on_list", "biopsy"})
"""Of the open questions those that only concern people in whom IMNM is suspected."""
QUESTIONS_WEAK: frozenset[str] = frozenset({"why_weak"})
"""And those that only concern people who are weak."""
QUESTIONS_DIAGNOSED: tuple[str, ...] = (
    "which_antibody", "baseline", "goal", "second_drug", "checks_done", "taper", "cancer", "physio", "trial", "life",
)  # fmt: skip
QUESTIONS_STATIN_OPEN: tuple[str, ...] = ("statin_now",)
QUESTIONS_STATIN_DIAGNOSED: tuple[str, ...] = ("lipid",)
QUESTIONS_INHERITED: tuple[str, ...] = ("gene",)
"""Questions to ask (``handout.questions.<id>``), by situation."""

INHERITED: frozenset[str] = frozenset(
    {"lgmd", "dysferlinopathy", "lgmd_r9_fkrp", "lgmd_r12_ano5", "becker", "metabolic_myopathy"}
)

TREATMENT: dict[str, tuple[str, ...]] = {
    "imnm_hmgcr": ("stop_statin", "steroid", "second", "ivig"),
    "imnm_srp": ("steroid", "second", "rituximab", "ivig"),
    "imnm_seronegative": ("cause", "steroid", "second", "ivig"),
}
"""What is said of treatment (``handout.treatment.<id>``), by subtype; never an order."""

TREATMENT_ALWAYS: tuple[str, ...] = ("no_own_drug", "slow", "relapse")

LIVING: tuple[str, ...] = ("move", "device", "swallow", "tired", "drugs", "mood")
COMMON: dict[str, tuple[str, ...]] = {
    "imnm_hmgcr": ("stopped", "again", "biopsy", "off", "ck_low", "ck_high", "inherit"),
    "imnm_srp": ("biopsy", "off", "ck_low", "ck_high", "inherit"),
    "imnm_seronegative": ("biopsy", "off", "ck_low", "ck_high", "inherit"),
}
COMMON_OPEN: tuple[str, ...] = ("panel",)
ORGANISATIONS: tuple[str, ...] = ("tma", "msu", "mda")
WORDS: tuple[str, ...] = ("imnm", "ck", "antibody", "hmgcr", "steroid", "flare")

RESTS_ON: dict[str, Evidence] = {
    "disease_imnm": evidence("secondary", "f2", "f3", "f4", "f5"),
    "disease_other": evidence("unverified", note="general medical knowledge in plain words"),
    "steps": evidence("secondary", "f3", "f4", "f5"),
    "urgent": evidence("unverified", "f3", "f4", note="general medical knowledge; for a clinician to review"),
    "treatment": evidence("secondary", "f1", "f3", "f4", "f5"),
    "exercise": evidence("primary", "alexanderson2018"),
    "common": evidence("secondary", "f4", "tiniakou2017", "mammen-review"),
    "organisations": evidence("secondary", "f1", "f2", "f5"),
}
"""What each part of the handout rests on."""


def evidence_in_use() -> Iterator[Evidence]:
    """Every piece of evidence of this module, for the check that each source exists and is used."""
    yield from RESTS_ON.values()
