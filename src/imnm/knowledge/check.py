"""The check of the knowledge room: every statement cites, every citation exists and is used, every id is there.

``problems`` returns a list of sentences; it is empty when the knowledge is sound. The tests fail on any.
"""

from __future__ import annotations

from collections.abc import Iterator

from imnm.logic.nodes import Node, concepts_of, refs_of

from . import concepts, conflicts, limits, mechanism, monitoring, plain, treatment, trials
from .alerts import ALERTS
from .criteria import CRITERIA, ITEMS, CriteriaSet, antibody, measures, pharmacology, statin
from .criteria.calculators import CALCULATORS
from .differential import DISEASES, cells
from .evidence import TAGS, Evidence, sources, thresholds
from .findings import FINDINGS, SILENCE_MEANS_NO
from .messages import has
from .pathway import RULES
from .steps import STEPS, STOP_DRUGS

CONTRACT_DISEASES = """
    imnm_hmgcr imnm_srp imnm_seronegative dermatomyositis antisynthetase_syndrome inclusion_body_myositis
    polymyositis_overlap statin_toxic_myopathy statin_myalgia rhabdomyolysis_other hypothyroid_myopathy lgmd
    dysferlinopathy lgmd_r9_fkrp lgmd_r12_ano5 becker ici_myositis metabolic_myopathy idiopathic_hyperckemia
    polymyalgia_rheumatica toxic_myopathy_other other
"""
CONTRACT_CALCULATORS = """
    eular-acr-2017 enmc-2016 bohan-peter-1975 enmc-ibm-2011 antisynthetase mohassel sams-ci ck-bands hmgcr-result
    statin-pgx mmt8 imacs-doi tis-2016 imacs-cancer-2023
"""
CONTRACT_STEPS = """
    test:ck test:ck_repeat test:anti_hmgcr test:anti_srp test:antibody_confirm test:msa_panel test:tsh test:emg
    test:mri_muscle test:muscle_biopsy test:genetic_panel test:gaa_enzyme test:pft test:hrct test:troponin_i test:echo
    test:swallow_study test:urine_myoglobin test:creatinine test:vitamin_d test:cancer_screen_basic
    test:cancer_screen_enhanced test:hepatitis_b test:tb test:immunoglobulins test:tpmt test:bone_density stop:statin
    avoid:statin stop:drug refer:neuromuscular refer:rheumatology refer:genetics refer:emergency refer:speech_language
    refer:physiotherapy
"""
CONTRACT_ALERTS = """
    respiratory swallowing cardiac rhabdomyolysis_aki ici_triad rapid_progression statin_after_hmgcr statin_rechallenge
"""
SHOWN_ALONE = (
    statin.SAMS_CI,
    statin.CK_BANDS,
    antibody.HMGCR_RESULT,
    pharmacology.STATIN_PGX,
    measures.TIS_2016,
    measures.IMACS_DOI,
    *measures.MMT8.values(),
)
"""Sets that are calculators only."""
MADE_BY_READERS = frozenset({"birth", "sex", "strength_normal", "strength_improved", "strength_worse", "slow_course"})
"""Concepts that no code stands for: readers make them (``docs/architecture.md``)."""


def statements() -> Iterator[tuple[str, Evidence]]:
    """Everything in the room that rests on evidence, by what it is called."""
    assert limits.CK_ULN_CEILING  # its thresholds are declared on import
    for threshold in thresholds().values():
        yield f"threshold {threshold.id}", threshold.evidence
    for finding in FINDINGS.values():
        yield f"finding {finding.id}", finding.evidence
    for rule in RULES.values():
        yield f"rule {rule.id}", rule.evidence
    for alert in ALERTS:
        yield f"alert {alert.id}", alert.evidence
    for step in STEPS:
        yield f"step {step.id}", step.evidence
    for criteria in (*CRITERIA.values(), *SHOWN_ALONE):
        for evidence in _of_criteria(criteria):
            yield f"criteria {criteria.id}", evidence
    for item in ITEMS.values():
        yield f"item {item.id}", item.evidence
    for module in (treatment, monitoring, trials, conflicts, mechanism, plain):
        for evidence in module.evidence_in_use():
            yield f"a statement of {module.__name__.rpartition('.')[2]}", evidence


def _of_criteria(criteria: CriteriaSet) -> Iterator[Evidence]:
    yield criteria.evidence
    for ladder in (criteria.classes, *criteria.also):
        yield from (rung.evidence for rung in ladder.rungs)
    yield from (note.evidence for note in criteria.notes)
    yield from (advice.evidence for advice in pharmacology.ADVICE.values() if criteria is pharmacology.STATIN_PGX)


def problems() -> list[str]:
    """What is wrong with the knowledge, a sentence each."""
    return [
        *_uncited(),
        *_unused(),
        *_missing_ids(),
        *_loose_references(),
        *_silences(),
        *_unworded(),
        *_shared_codes(),
    ]


def _uncited() -> Iterator[str]:
    known = sources()
    for name, evidence in statements():
        if evidence.tag not in TAGS:
            yield f"{name} has the evidence tag {evidence.tag!r}, which is none of {', '.join(TAGS)}"
        if not evidence.sources and evidence.tag not in ("convention", "derived", "unverified"):
            yield f"{name} cites nothing"
        for source in evidence.sources:
            if source not in known:
                yield f"{name} cites {source!r}, which the bibliography does not hold"


def _unused() -> Iterator[str]:
    """Sources of the bibliography that nothing rests on."""
    used = {source for _, evidence in statements() for source in evidence.sources}
    used |= {source for cell in cells().values() for source in cell.sources}
    for source in sources():
        if source not in used:
            yield f"the source {source!r} stands in the bibliography and nothing cites it"


def _missing_ids() -> Iterator[str]:
    found = {
        "disease": (CONTRACT_DISEASES, frozenset(DISEASES)),
        "calculator": (CONTRACT_CALCULATORS, frozenset(CALCULATORS)),
        "alert": (CONTRACT_ALERTS, frozenset(alert.id for alert in ALERTS)),
    }
    for kind, (wanted, there) in found.items():
        for id in sorted(set(wanted.split()) - there):
            yield f"the {kind} {id!r} of the contract is missing"
    for id in sorted(CONTRACT_STEPS.split()):
        if not has(f"steps.{id}.title"):
            yield f"the step {id!r} of the contract has no wording"


def _expressions() -> Iterator[tuple[str, Node]]:
    for finding in FINDINGS.values():
        yield f"finding {finding.id}", finding.expression
    for rule in RULES.values():
        yield f"rule {rule.id}", rule.expression
    for alert in ALERTS:
        yield f"alert {alert.id}", alert.when
    for step in STEPS:
        yield f"step {step.id}", step.when
        for condition, _ in (*step.urgency, *step.whys):
            if condition is not None:
                yield f"step {step.id}", condition


def _loose_references() -> Iterator[str]:
    defined = FINDINGS.keys() | RULES.keys()
    spoken = concepts.CONCEPTS.keys() | MADE_BY_READERS
    for name, expression in _expressions():
        for ref in sorted(refs_of(expression) - defined):
            yield f"{name} refers to {ref!r}, which is no finding and no rule"
        for concept in sorted(concepts_of(expression)):
            if concept.partition(".")[0] not in spoken:
                yield f"{name} asks for the concept {concept!r}, which no reader produces"


def _silences() -> Iterator[str]:
    for id, reason in SILENCE_MEANS_NO.items():
        if not reason:
            yield f"silence on {id!r} counts as no without a reason"
    for id in ("statin_exposure", "skin_rash_dm", "rash_any", "family_history_myopathy"):
        if id in SILENCE_MEANS_NO:
            yield f"silence on {id!r} may never count as no"


def _unworded() -> Iterator[str]:
    keys = [f"alerts.{alert.id}.{part}" for alert in ALERTS for part in ("title", "text")]
    keys += [f"steps.{step.id}.title" for step in STEPS]
    keys += [f"steps.{step.id}.{why}" for step in STEPS for _, why in step.whys]
    keys += [f"diseases.{disease}" for disease in DISEASES]
    keys += [f"pathway.{rule.id}.short" for rule in RULES.values() if rule.id.startswith("explained_")]
    for key in keys:
        if not has(key):
            yield f"the message {key!r} is missing"
    for drug in STOP_DRUGS:
        if drug not in concepts.CONCEPTS:
            yield f"the drug {drug!r} of a stop step is no concept"


EXCLUDE_EACH_OTHER = (
    ("value_positive", "value_negative", "value_indeterminate"),
    ("imnm", "imnm_false_friend"),
    ("creatine_kinase_total", "creatine_kinase_mb", "creatine_kinase_mb_fraction", "creatine_kinase_mm_fraction"),
    ("troponin_t", "troponin_i"),
    (
        "anti_hmgcr",
        "anti_srp",
        "anti_jo1",
        "anti_mi2",
        "anti_mda5",
        "anti_tif1g",
        "anti_nxp2",
        "anti_ku",
        "anti_u1_rnp",
    ),
    ("statin", "bempedoic_ezetimibe", "pcsk9_inhibitor"),
)
"""Concepts of which a code can mean one only."""


def _shared_codes() -> Iterator[str]:
    """A code that means two concepts that exclude each other."""
    for system in concepts.SYSTEMS:
        for code, entries in concepts.codes(system).items():
            meant = {entry.concept for entry in entries if entry.relation != "broader"}
            for group in EXCLUDE_EACH_OTHER:
                if len(meant & set(group)) > 1:
                    yield f"{system} {code} means {' and '.join(sorted(meant & set(group)))}"
