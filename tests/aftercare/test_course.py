"""The course of CK and strength in plain statements. Published courses: dossier ck_series.csv, dossier section 3."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imnm.assessment import followup
from imnm.assessment.followup import Course, Point, Visit, confirmed_deterioration, deteriorated, halving_days
from imnm.logic.event import Event
from imnm.logic.interval import UNKNOWN

from .build import AS_OF, ck, ck_days, day, has, measured

TREATED = has("systemic_glucocorticoid", "2023-06-01")


def course(*events: Event, as_of: str = AS_OF, **values: Any) -> Course:
    return Course([e for e in events if e.known <= day(as_of)], day(as_of), values)


def said(*events: Event, as_of: str = AS_OF, **values: Any) -> dict[str, str]:
    """The statements about a course, text by id."""
    return {row["id"]: row["text"] for row in followup.trend(course(*events, as_of=as_of, **values))}


def point(on: float, value: float) -> Point:
    return Point(on, value, UNKNOWN, ck(value, "2024-01-01"))


PUBLISHED = [
    pytest.param((0, 4919), (75, 1125), 35, id="S01"),
    pytest.param((0, 13875), (14, 7900), 17, id="S02-prednisone"),
    pytest.param((21, 10807), (30, 4344), 6.8, id="S02-exchange"),
    pytest.param((0, 22255), (2, 9299), 1.6, id="S03"),
    pytest.param((0, 17622), (28, 7400), 22, id="S05"),
    pytest.param((456, 10527), (639, 658), 46, id="S06"),
    pytest.param((0, 9562), (30, 2198), 14, id="S07"),
]


@pytest.mark.parametrize(("first", "last", "expected"), PUBLISHED)
def test_halving_time_of_published_courses(first: tuple[int, float], last: tuple[int, float], expected: float) -> None:
    assert halving_days(point(*first), point(*last)) == pytest.approx(expected, rel=0.03)


@given(st.floats(1, 400), st.floats(50, 30000), st.floats(1, 300))
def test_halving_time_recovers_an_exponential_fall(half: float, start: float, days: float) -> None:
    end = start * 2 ** (-days / half)
    if end < start:
        assert halving_days(point(0, start), point(days, end)) == pytest.approx(half, rel=1e-6)


def test_no_halving_time_for_a_rise() -> None:
    assert halving_days(point(0, 100), point(5, 100)) is None
    assert halving_days(point(5, 200), point(5, 100)) is None


def test_nothing_and_one_result() -> None:
    assert set(said()) == {"none"}
    assert "one" in said(ck(5000, "2024-01-01"))


def test_a_slow_fall_is_damage_dying_down() -> None:
    text = said(*ck_days((0, 9562), (30, 2198)))
    assert "14 days" in text["halving"]
    assert "slow_fall" in text and "wash_out" not in text


def test_a_fall_as_fast_as_clearance_asks_for_another_look() -> None:
    assert {"halving", "wash_out"} <= set(said(*ck_days((0, 22255), (2, 9299))))


def test_an_early_dip_then_a_rise_is_a_rebound() -> None:
    events = [has("statin.stop", "2024-01-01"), *ck_days((0, 22255), (2, 9299), (4, 12000))]
    assert "9,299 to 12,000" in said(*events)["rebound"]


def test_the_same_rise_under_treatment_is_no_rebound() -> None:
    treated = [has("systemic_glucocorticoid", "2024-01-01"), *ck_days((0, 22255), (2, 9299), (4, 12000))]
    assert "rebound" not in said(*treated) and "rising" in said(*treated)


def test_worsening_on_prednisone_is_a_rise() -> None:
    assert "37" in said(TREATED, *ck_days((0, 13875), (14, 7900), (21, 10807)))["rising"]


def test_only_the_present_leg_makes_the_slope() -> None:
    text = said(*ck_days((0, 13875), (14, 7900), (21, 10807), (30, 4344)))
    assert "6.8 days" in text["halving"]
    assert "69 %" in text["since_peak"]


def test_a_small_change_is_called_small_and_the_fall_before_is_kept() -> None:
    text = said(*ck_days((0, 10000), (30, 1000), (40, 1100)))
    assert "small_change" in text and "halving" in text


def test_a_plateau_above_normal() -> None:
    text = said(*ck_days((0, 4200), (40, 4000), (80, 3900)))
    assert "plateau" in text
    assert "plateau" not in said(*ck_days((0, 4200), (20, 4000), (40, 3900)))
    assert "plateau" not in said(*ck_days((0, 120), (40, 118), (80, 122)))


def test_relapse_needs_two_samples_a_week_apart() -> None:
    once = ck_days((0, 8000), (60, 450), (120, 1620))
    assert "relapse_once" in said(TREATED, *once) and "relapse" not in said(TREATED, *once)
    twice = [*once, *ck_days((130, 1500))]
    assert "relapse" in said(TREATED, *twice)
    assert "relapse" not in said(TREATED, *once, *ck_days((124, 1500)))


def test_a_normal_ck_from_before_the_illness_is_no_nadir() -> None:
    before = ck(90, "2018-09-03")
    assert not {"relapse", "relapse_once"} & set(said(TREATED, before, *ck_days((0, 8000), (60, 4000), (120, 1500))))


def test_no_relapse_while_normal_or_untreated() -> None:
    assert not {"relapse", "relapse_once"} & set(said(TREATED, *ck_days((0, 80), (60, 40), (120, 100))))
    assert not {"relapse", "relapse_once"} & set(said(*ck_days((0, 8000), (60, 450), (120, 1620))))


def test_fall_of_strength_with_rising_ck() -> None:
    scores = [measured("mmt8", 140, "2024-02-01", detail="150"), measured("mmt8", 120, "2024-05-01", detail="150")]
    assert "14 %" in said(TREATED, *ck_days((0, 1000), (60, 500), (120, 900)), *scores)["relapse_strength"]
    assert "relapse_strength" not in said(TREATED, *ck_days((0, 1000), (60, 700), (120, 400)), *scores)


def test_a_score_without_its_maximum_is_not_compared() -> None:
    scores = [measured("mmt8", 70, "2024-02-01"), measured("mmt8", 140, "2024-05-01", detail="150")]
    text = said(*ck_days((0, 1000)), *scores)
    assert "scale_unknown" in text and "strength_change" not in text


def test_full_strength_with_high_ck_is_common() -> None:
    assert "strong_but_raised" in said(*ck_days((0, 9000), (100, 4000)), has("strength_normal", "2024-04-15"))
    later = has("strength_worse", "2024-05-15")
    assert "strong_but_raised" not in said(
        *ck_days((0, 9000), (100, 4000)), has("strength_normal", "2024-04-15"), later
    )


def test_a_low_ck_can_mean_little_muscle() -> None:
    fallen = [ck(17000, "2020-01-01"), ck(2600, "2023-07-01")]
    assert "loss of walking" in said(*fallen, has("inability_to_walk", "2023-06-01"))["little_muscle"]
    assert "little_muscle" not in said(*fallen)
    fat = has("mri_fatty_replacement", "2021-01-01")
    assert "little_muscle" in said(*fallen, fat)
    assert "little_muscle" not in said(*fallen, fat, has("strength_improved", "2023-06-01"))


def test_weaker_on_steroids_with_a_quiet_ck() -> None:
    events = [has("systemic_glucocorticoid", "2024-01-01"), *ck_days((0, 6000), (60, 900), (120, 150))]
    worse = has("strength_worse", "2024-04-20")
    assert "steroid_myopathy" in said(*events, worse)
    assert "steroid_myopathy_neck" in said(*events, worse, has("neck_flexor_weakness", "2024-04-20"))
    assert "steroid_myopathy" not in said(*events)
    assert "steroid_myopathy" not in said(*ck_days((0, 6000), (120, 150)), worse)
    rising = [has("systemic_glucocorticoid", "2024-01-01"), *ck_days((0, 600), (60, 900), (120, 3000)), worse]
    assert "steroid_myopathy" not in said(*rising)


def test_antibody_levels_are_compared_on_one_assay_only() -> None:
    same = [
        measured("anti_hmgcr", 90, "2024-01-10", detail="elisa"),
        measured("anti_hmgcr", 60, "2024-05-10", detail="elisa"),
    ]
    assert "titre" in said(*same)
    other = [same[0], measured("anti_hmgcr", 60, "2024-05-10", detail="cia")]
    assert "assay_changed" in said(*other) and "titre" not in said(*other)
    unstated = [measured("anti_hmgcr", 90, "2024-01-10"), measured("anti_hmgcr", 60, "2024-05-10")]
    assert "titre" not in said(*unstated)


def test_bounded_undated_and_future_results_bend_nothing() -> None:
    bounded = Event("creatine_kinase_total", day("2024-02-01"), day("2024-02-01"), low=20000.0, ref="X/b")
    undated = Event("creatine_kinase_total", low=50.0, high=50.0, ref="X/u")
    later = ck(1, "2024-07-01")
    exact = ck_days((0, 9562), (30, 2198))
    assert said(*exact, bounded, undated, later) == said(*exact)


def test_row_order_never_matters() -> None:
    events = [TREATED, *ck_days((0, 13875), (14, 7900), (21, 10807), (30, 4344)), has("strength_worse", "2024-01-20")]
    assert said(*events) == said(*reversed(events))


def test_every_statement_has_entries_and_sources_or_is_a_reading() -> None:
    rows = followup.trend(course(TREATED, *ck_days((0, 13875), (14, 7900), (21, 10807), (30, 4344))))
    for row in rows:
        assert row["evidence"], row["id"]
        assert row["tag"]


# ---------------------------------------------------------------- definitions (dossier 3.3, worked checks)

BASE = Visit(physician=3.0, patient=3.0, extramuscular=1.0, haq=1.0, mmt8=140)


@pytest.mark.parametrize(
    ("visits", "expected"),
    [
        pytest.param([Visit(5.0, 3, 1, 1, 112)] * 2, True, id="global+2-and-mmt-20%-twice"),
        pytest.param([Visit(5.0, 3, 1, 1, 112)], False, id="one-visit-only"),
        pytest.param([Visit(5.0, 3, 1, 1, 112), BASE, Visit(5.0, 3, 1, 1, 112)], False, id="not-in-a-row"),
        pytest.param([Visit(5.0, 3, 1, 1, 140 * 0.81)] * 2, False, id="mmt-19%"),
        pytest.param([Visit(3.9, 3.9, 1, 1.3, 140)] * 2, True, id="haq-patient-physician-30%"),
        pytest.param([Visit(3, 3, 3.0, 1, 140)] * 2, True, id="extramuscular+2"),
        pytest.param([Visit(5.0, 3, 1, 1, None)] * 2, None, id="mmt-missing"),
        pytest.param([Visit(3, 3, 1, 1, None)] * 2, False, id="mmt-missing-but-cannot-matter"),
    ],
)
def test_confirmed_deterioration(visits: list[Visit], expected: bool | None) -> None:
    assert confirmed_deterioration(BASE, visits) is expected


def test_ck_is_no_part_of_deterioration() -> None:
    assert "ck" not in Visit._fields
    assert deteriorated(BASE, BASE) is False


def visit(on: str, **measures: float) -> list[Event]:
    """The core measures of one visit as a record brings them."""
    names = {"physician": "physician_global", "patient": "patient_global", "extramuscular": "extramuscular_global"}
    return [
        measured(names.get(name, name), value, on, detail="150" if name == "mmt8" else None)
        for name, value in measures.items()
    ]


def test_deterioration_from_recorded_visits() -> None:
    first = visit("2024-01-05", physician=3, extramuscular=1, mmt8=140)
    worse = visit("2024-03-05", physician=5, extramuscular=1, mmt8=110)
    worse += visit("2024-05-05", physician=6, extramuscular=1, mmt8=100)
    assert followup.deterioration(course(*first, *worse))["result"] is True
    assert followup.deterioration(course(*first, *worse[:3]))["result"] is None, "one visit does not confirm"
    fallen = [e for e in worse if e.concept == "mmt8"]
    assert followup.deterioration(course(*first, *fallen))["result"] is None, "the global scales were not recorded"
    steady = [*visit("2024-03-05", physician=3, patient=2, extramuscular=1, haq_di=1, mmt8=140),
              *visit("2024-05-05", physician=3, patient=2, extramuscular=1, haq_di=1, mmt8=140)]  # fmt: skip
    base = visit("2024-01-05", physician=3, patient=2, extramuscular=1, haq_di=1, mmt8=140)
    assert followup.deterioration(course(*base, *steady))["result"] is False
    assert followup.deterioration(course())["result"] is None


def test_response_with_all_six_measures_is_the_golden_score() -> None:
    before = visit("2024-01-03", physician=6, patient=7, mmt8=110, haq_di=1.5, extramuscular=2)
    after = visit("2024-05-03", physician=2, patient=3, mmt8=130, haq_di=0.75, extramuscular=1)
    found = followup.response(course(*before, ck(8000, "2024-01-02"), *after, ck(1500, "2024-05-02")))
    assert found is not None and (found["score"], found["class"]) == (67.5, "major")  # criteria:T1


def test_remission_needs_ck_and_three_months_of_stable_strength() -> None:
    strong = [measured("mmt8", 148, "2024-01-15", detail="150"), measured("mmt8", 148, "2024-05-15", detail="150")]
    assert followup.remission(course(ck(350, "2024-05-20"), *strong))["result"] is True
    assert followup.remission(course(ck(450, "2024-05-20"), *strong))["result"] is False
    assert followup.remission(course(ck(350, "2024-05-20")))["result"] is None
    assert followup.remission(course(ck(350, "2024-05-20", uln=None), *strong))["result"] is None
    weaker = [strong[0], measured("mmt8", 140, "2024-05-15", detail="150")]
    assert followup.remission(course(ck(350, "2024-05-20"), *weaker))["result"] is False


# ---------------------------------------------------------------- schedule and response


def test_schedule_follows_the_phase_of_treatment() -> None:
    early = course(has("systemic_glucocorticoid", "2024-04-01"), ck(3000, "2024-05-20"))
    late = course(has("systemic_glucocorticoid", "2022-04-01"), ck(3000, "2024-05-20"))
    rows = {name: {r["id"]: r for r in followup.schedule(c)} for name, c in (("early", early), ("late", late))}
    assert (rows["early"]["ck"]["due_on"], rows["early"]["ck"]["due_by"]) == ("2024-06-03", "2024-06-17")
    assert (rows["late"]["ck"]["due_on"], rows["late"]["ck"]["due_by"]) == ("2024-06-19", "2024-08-19")
    assert rows["late"]["strength"]["status"] == "never"
    assert rows["late"]["ck"]["provisional"]
    assert followup.phase_of(course()) == "untreated"


def test_schedule_says_overdue() -> None:
    rows = {r["id"]: r for r in followup.schedule(course(TREATED, has("pulmonary_function_test", "2023-06-01")))}
    assert rows["lung"]["status"] == "overdue"
    assert rows["lung"]["last_on"] == "2023-06-01"


def test_response_from_recorded_measures_is_a_range_without_class() -> None:
    events = [
        has("systemic_glucocorticoid", "2024-01-05"),
        ck(8000, "2024-01-02"),
        ck(1500, "2024-05-02"),
        measured("mmt8", 110, "2024-01-03", detail="150"),
        measured("mmt8", 130, "2024-05-03", detail="150"),
    ]
    found = followup.response(course(*events))
    assert found is not None
    assert found["score"] is None and found["class"] is None
    assert found["score_range"] == (27.5, 87.5)  # 20 for strength and 7.5 for CK (T1), 60 points not measured
    assert followup.response(course(ck(8000, "2024-01-02"))) is None


# ---------------------------------------------------------------- published courses, if at hand

SHARED = Path(os.environ.get("IMNM_SHARED") or Path(__file__).resolve().parents[2].parent / "shared")
SERIES = SHARED / "dossier" / "ck_series.csv"


@pytest.mark.skipif(not SERIES.exists(), reason="the dossier is not at hand")
def test_every_published_course_reads_without_false_comfort() -> None:
    rows = [row for row in csv.DictReader(SERIES.read_text(encoding="utf-8").splitlines()) if row["day"]]
    ids = {row["series_id"] for row in rows}
    assert len(ids) >= 10
    for id in ids:
        values = [(int(row["day"]), float(row["ck_u_l"])) for row in rows if row["series_id"] == id]
        text = said(*ck_days(*values, start="2000-01-01"))
        assert "latest" in text
        assert ("normal" in text) == (max(values)[1] <= 200)
        assert all(not math.isnan(value) for _, value in values)
