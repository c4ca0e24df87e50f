"""One answer for each finding: the strongest of its mentions, and what follows from the others."""

from __future__ import annotations

from collections.abc import Iterable

from imnm.logic.truth import Truth

from .mentions import BARE, Mention


def settled(mentions: Iterable[Mention]) -> list[Mention]:
    """One mention for each finding that a text states."""
    best: dict[str, Mention] = {}
    for mention in mentions:
        old = best.get(mention.concept)
        if old is None or _rank(mention) > _rank(old):
            best[mention.concept] = mention
    _derive_biopsy(best)
    _derive_emg(best)
    _derive_mri(best)
    return [m for m in best.values() if "_" in m.concept]


def _rank(mention: Mention) -> tuple[int, int]:
    return mention.strength, {True: 2, False: 1, None: 0}[mention.truth]


def _derive(best: dict[str, Mention], concept: str, truth: Truth, source: Mention) -> None:
    """What follows from a mention, unless the text itself says something of it."""
    best.setdefault(concept, source._replace(concept=concept, truth=truth))


_ABNORMAL = (
    "biopsy_necrosis_present",
    "biopsy_regeneration",
    "biopsy_inflammation_prominent",
    "biopsy_rimmed_vacuoles",
    "biopsy_dystrophic",
    "biopsy_perifascicular_atrophy",
    "biopsy_mhc1_upregulation",
    "biopsy_mac_sarcolemmal",
    "biopsy_autophagic_vacuoles",
    "biopsy_glycogen_storage",
    "biopsy_lipid_storage",
    "biopsy_granulomas",
)


_NOT_IN_NORMAL = (
    "biopsy_necrosis_present",
    "biopsy_necrosis_predominant",
    "biopsy_inflammation_prominent",
    "biopsy_dystrophic",
)


def _derive_biopsy(best: dict[str, Mention]) -> None:
    normal = best.get("biopsy_normal")
    type2 = best.pop("biopsy_type2_atrophy", None)
    leads = best.get("biopsy_necrosis_predominant")
    for concept in ("biopsy_perifascicular_necrosis", "biopsy_necrosis_predominant"):
        mention = best.get(concept)
        if mention is not None and mention.truth:
            _derive(best, "biopsy_necrosis_present", True, mention)
    necrosis = best.get("biopsy_necrosis_present")
    if necrosis is not None and necrosis.truth is False and (leads is None or leads.strength <= BARE + 3):
        best["biopsy_necrosis_predominant"] = necrosis._replace(concept="biopsy_necrosis_predominant")
    positive = [best[c] for c in _ABNORMAL if c in best and best[c].truth]
    if type2 is not None and type2.truth and not positive:
        best["biopsy_type2_atrophy_only"] = type2._replace(concept="biopsy_type2_atrophy_only")
    if positive:
        _derive(best, "biopsy_normal", False, positive[0])
    elif normal is not None and normal.truth:
        for concept in _NOT_IN_NORMAL:
            _derive(best, concept, False, normal)


def _derive_emg(best: dict[str, Mention]) -> None:
    spontaneous = best.pop("spontaneous", None)
    normal = best.get("emg_normal")
    if normal is not None and normal.truth:
        for concept in ("emg_myopathic", "emg_irritable_myopathy"):
            _derive(best, concept, False, normal)
    irritable = best.get("emg_irritable_myopathy")
    if irritable is not None and irritable.truth:
        _derive(best, "emg_myopathic", True, irritable)
    myopathic = best.get("emg_myopathic")
    if irritable is None or irritable.truth is None:
        _derive_irritable(best, spontaneous, myopathic)
    for concept in ("emg_myopathic", "emg_neurogenic", "emg_irritable_myopathy"):
        mention = best.get(concept)
        if mention is not None and mention.truth:
            _derive(best, "emg_normal", False, mention)


def _derive_irritable(best: dict[str, Mention], spontaneous: Mention | None, myopathic: Mention | None) -> None:
    """Irritable myopathy is spontaneous activity in a myopathic EMG; in denervation it means something else."""
    concept = "emg_irritable_myopathy"
    neurogenic = best.get("emg_neurogenic")
    if myopathic is not None and myopathic.truth is False:
        best[concept] = myopathic._replace(concept=concept)
    elif spontaneous is not None and spontaneous.truth is False:
        best[concept] = spontaneous._replace(concept=concept)
    elif spontaneous is not None and myopathic is None and neurogenic is not None and neurogenic.truth:
        best[concept] = neurogenic._replace(concept=concept, truth=False)
    elif spontaneous is not None:
        truth = True if spontaneous.truth and myopathic is not None and myopathic.truth else None
        best[concept] = spontaneous._replace(concept=concept, truth=truth)


def _derive_mri(best: dict[str, Mention]) -> None:
    normal = best.get("mri_normal")
    muscle = best.pop("mri_muscle_normal", None)
    if normal is not None and normal.truth:
        for concept in ("mri_muscle_edema", "mri_fatty_replacement"):
            _derive(best, concept, False, normal)
    elif muscle is not None and muscle.truth:
        _derive(best, "mri_muscle_edema", False, muscle)
    for concept in ("mri_muscle_edema", "mri_fatty_replacement", "mri_fascial_edema"):
        mention = best.get(concept)
        if mention is not None and mention.truth:
            _derive(best, "mri_normal", False, mention)
