"""What misses IMNM by design is shown and lowers nothing: the EULAR/ACR set with a biopsy, and a low SAMS-CI."""

from __future__ import annotations

from imnm.assessment import assess_reading
from imnm.assessment.model import Assessment
from imnm.knowledge.criteria import CALCULATORS
from imnm.logic.event import Event
from tests.assessment.build import ck, has, has_not, record, statin

WEAK = [
    has("proximal_muscle_weakness", -5),
    has("difficulty_raising_arms", -5),
    has("difficulty_climbing_stairs", -5),
    ck(8000),
    has("dysphagia"),
]
NECROSIS_ONLY = [
    has("muscle_biopsy"),
    *(has_not(id) for id in ("biopsy_inflammation_prominent", "biopsy_endomysial_invasion",
                             "biopsy_perifascicular_atrophy", "biopsy_rimmed_vacuoles")),
]  # fmt: skip


def lowered_by(before: Assessment, after: Assessment) -> set[str]:
    """What the second answer says less of: the level, an alert, an urgency."""
    order = ("insufficient", "none", "low", "moderate", "high", "established")
    found = {"level"} if order.index(after.suspicion.level) < order.index(before.suspicion.level) else set()
    return found | {alert.id for alert in before.alerts} - {alert.id for alert in after.alerts}


def ask(*events: Event | list[Event]) -> Assessment:
    return assess_reading(record(*events, age=62))


def eular(answer: Assessment) -> str | None:
    return next(criterion.class_ for criterion in answer.criteria if criterion.id == "eular-acr-2017")


def test_a_biopsy_that_lowers_the_eular_acr_class_lowers_neither_level_nor_alert() -> None:
    without, with_biopsy = ask(WEAK), ask(WEAK, NECROSIS_ONLY)
    assert eular(with_biopsy) == "not_iim"  # criteria:E3, the set misses it
    assert with_biopsy.suspicion.level == "high"
    assert {"swallowing"} <= {alert.id for alert in with_biopsy.alerts}
    assert lowered_by(without, with_biopsy) == set()


def test_a_low_sams_ci_stands_beside_a_high_level() -> None:
    score = CALCULATORS["sams-ci"].run(
        {
            "location": "thighs_or_hip_flexors",
            "onset_days": 1095,
            "dechallenge": "not_improved",
            "rechallenge": "not_done",
        }
    )
    answer = ask(statin(-1095, -40), WEAK)
    assert score.score_range is not None and score.score_range[0] == 4  # mimics:G7, the band "unlikely"
    assert answer.suspicion.level == "high"
    assert "test:anti_hmgcr" in {step.id for step in answer.next_steps}
    assert all(criterion.id != "sams-ci" for criterion in answer.criteria)
