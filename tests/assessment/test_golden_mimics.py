"""The golden checks of the dossier on mimics, section 8.3, each under its name (``mimics:M5``).

What the dossier expects is asked of the rules, steps and alerts that carry it. Checks that ask for the reading of an
antibody result alone (M10 to M16, M39 to M41) are asked of the calculator ``hmgcr-result`` in ``tests/criteria``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imnm.assessment import assess_reading
from imnm.assessment.model import Assessment

from .build import TODAY, ck, has, has_not, record, statin, value

WEAK = has("proximal_muscle_weakness", -5)
STRONG = [has("strength_normal", 0), has_not("proximal_muscle_weakness", 0)]
ANTIBODIES = {"test:anti_hmgcr", "test:anti_srp"}


def steps(a: Assessment) -> set[str]:
    return {step.id for step in a.next_steps}


def alerts(a: Assessment) -> dict[str, str]:
    return {alert.id: alert.urgency for alert in a.alerts}


def step(a: Assessment, id: str) -> object:
    return next(s for s in a.next_steps if s.id == id)


def fires(a: Assessment) -> set[str]:
    """The course rules that hold."""
    from imnm.assessment.engine import Case

    case = Case(_reading[id(a)], TODAY)
    return {rule for rule in ("persist_14", "persist_28", "rise", "nhs_42", "acc_60") if case.truth(f"course_{rule}")}


_reading: dict[int, object] = {}


def ask(*events: object, **who: object) -> Assessment:
    reading = record(*events, **who)  # type: ignore[arg-type]
    a = assess_reading(reading)
    _reading[id(a)] = reading
    _keep.append(a)
    return a


_keep: list[Assessment] = []


def stopped(days: float, *events: object) -> Assessment:
    return ask(statin(-700, -days), *events)


def m1() -> None:
    a = ask(statin(-730), WEAK, ck(1000, -20), ck(1000, -5))
    assert steps(a) >= ANTIBODIES
    assert a.suspicion.level == "high"


def m2() -> None:
    a = ask(statin(-730), WEAK, ck(999, -20), ck(999, -5))
    assert not ANTIBODIES & steps(a)
    assert "test:ck_repeat" in steps(a)
    assert a.suspicion.level in ("low", "moderate")


def m3() -> None:
    a = ask(has_not("statin"), has("proximal_muscle_weakness", -90), ck(6500), has("emg_irritable_myopathy"), age=35)
    assert ANTIBODIES | {"test:msa_panel"} <= steps(a)


def m4() -> None:
    a = stopped(28, WEAK, ck(17622, -29), ck(7400))
    assert fires(a) >= {"persist_28"}
    assert "persist_14" not in fires(a)
    assert steps(a) >= ANTIBODIES


def m5() -> None:
    a = ask(statin(-21, None, "simvastatin"), has("myalgia", -3), ck(700), STRONG)
    assert not ANTIBODIES & steps(a)
    assert "test:ck_repeat" in steps(a)


def m6() -> None:
    a = ask(statin(-63, -42, "simvastatin"), has("myalgia", -45), ck(700, -42), STRONG, ck(150))
    assert not ANTIBODIES & steps(a)
    assert a.suspicion.level == "low"


def m7() -> None:
    a = ask(statin(-300, None, "red yeast rice", "red_yeast_rice"), WEAK, ck(4000))
    assert next(f.value for f in a.findings if f.id == "statin_exposure") is True
    assert steps(a) >= ANTIBODIES


def m8() -> None:
    a = stopped(240, WEAK, ck(3000))
    assert next(f.value for f in a.findings if f.id == "statin_exposure") is True
    assert steps(a) >= ANTIBODIES


def m9() -> None:
    a = ask(
        has("lgmd", -400), has("proximal_muscle_weakness", -900), has_not("genetic_test_positive"), ck(9000), age=16
    )
    assert steps(a) >= ANTIBODIES


def m10() -> None:
    a = ask(WEAK, ck(5000), has("anti_hmgcr", 0, "strong"))
    assert a.suspicion.level == "established"
    assert a.diagnosis.id == "imnm_hmgcr"


def m11() -> None:
    a = ask(STRONG, ck(150), has("anti_hmgcr", 0, "weak"))
    assert a.suspicion.level == "high"
    assert a.diagnosis.id is None
    assert "test:antibody_confirm" in steps(a)


def m13() -> None:
    a = ask(STRONG, ck(90), has("anti_srp", 0, "weak"))
    assert a.diagnosis.id is None
    assert "test:antibody_confirm" in steps(a)


def m14() -> None:
    a = ask(WEAK, ck(5000), has("anti_srp", 0, "strong"), has("anti_jo1", 0, "strong"))
    assert "test:antibody_confirm" in steps(a)


def m15() -> None:
    a = ask(WEAK, ck(5000), has_not("anti_srp"), has_not("anti_mi2"))
    assert "test:anti_hmgcr" in steps(a)
    assert "test:anti_srp" not in steps(a)


def m16() -> None:
    a = ask(WEAK, ck(4000), has_not("anti_hmgcr"), has_not("anti_srp"), has_not("anti_mi2"))
    assert {"test:muscle_biopsy", "test:genetic_panel"} <= steps(a)


def m17() -> None:
    a = ask(has("recent_exertion", -1), ck(3000), STRONG)
    assert not ANTIBODIES & steps(a)
    assert a.suspicion.level == "low"
    assert step(a, "test:ck_repeat").not_before == "2024-10-11"  # type: ignore[attr-defined]


def m18() -> None:
    a = ask(has("recent_exertion", -3), ck(12000), STRONG)
    assert not ANTIBODIES & steps(a)
    assert {"test:ck_repeat", "test:creatinine"} <= steps(a)


def m19() -> None:
    a = ask(value("ast", 213, uln=40), value("alt", 180, uln=40), value("ggt", 20, uln=60))
    assert "test:ck" in steps(a)


def m20() -> None:
    a = ask(value("troponin_t", 80, uln=14), value("troponin_i", 5, uln=26), has("proximal_muscle_weakness"), ck(3000))
    assert "cardiac" not in alerts(a)


def m21() -> None:
    a = ask(has("finger_flexor_weakness", -1095), WEAK, ck(1500), age=70)
    assert "test:anti_hmgcr" in steps(a)


def m22() -> None:
    a = ask(has("finger_flexor_weakness", -1095), WEAK, ck(4000), age=70)
    assert "test:anti_hmgcr" in steps(a)
    ibm = next(c for c in a.criteria if c.id == "enmc-ibm-2011")
    assert ibm.result in ("not-fulfilled", "undetermined")
    assert ibm.could_reach in (None, "none")


def m23() -> None:
    a = ask(
        statin(-700, -600),
        has("anti_hmgcr", -200),
        WEAK,
        ck(9000, -200),
        has("systemic_glucocorticoid", -180, detail="prednisone"),
        has("systemic_glucocorticoid.active", 0, detail="prednisone"),
        ck(150, -30),
        ck(140),
        has("strength_worse"),
    )
    statements = {statement["id"] for statement in a.monitoring["trend"]}  # type: ignore[index]
    assert "steroid_myopathy" in statements


def m24() -> None:
    a = ask(value("tsh", 190, uln=4.5), WEAK, ck(5124))
    assert not ANTIBODIES & steps(a)
    assert "test:ck_repeat" in steps(a)
    with_statin = ask(value("tsh", 190, uln=4.5), WEAK, ck(5124), statin(-700))
    assert steps(with_statin) >= ANTIBODIES


def m25() -> None:
    a = ask(has("immune_checkpoint_inhibitor", -10), has("ptosis"), ck(4000))
    assert alerts(a)["ici_triad"] == "emergency"
    assert a.next_steps[0].id == "refer:emergency"
    assert not ANTIBODIES & steps(a)


def m26() -> None:
    a = ask(WEAK, ck(4000), value("vital_capacity_ml_kg", 18))
    assert alerts(a)["respiratory"] == "emergency"


def m27() -> None:
    a = ask(WEAK, ck(4000), value("vital_capacity_ml_kg", 20), value("mip", 31), value("mep", 40))
    assert "respiratory" not in alerts(a)
    assert alerts(a)["respiratory_watch"] == "urgent"


def m28() -> None:
    a = ask(WEAK, ck(5001), value("creatinine", 200, uln=100))
    assert alerts(a)["rhabdomyolysis_aki"] == "emergency"
    assert steps(a) >= ANTIBODIES


def m29() -> None:
    a = ask(has("anti_hmgcr", -400), WEAK, ck(3000, -400), statin(-3, None, "rosuvastatin"))
    assert "statin_after_hmgcr" in alerts(a)
    assert "stop:statin" in steps(a)


def m30() -> None:
    a = ask(ck(600), STRONG, age=30, sex="male")
    assert a.suspicion.level == "low"
    assert not ANTIBODIES & steps(a)


def m31() -> None:
    a = ask(ck(320, -20), ck(320), STRONG)
    assert "test:gaa_enzyme" in steps(a)
    assert not ANTIBODIES & steps(a)


def m32() -> None:
    assert "test:gaa_enzyme" not in steps(ask(ck(300, -20), ck(300), STRONG))


def m33() -> None:
    assert "persist_14" in fires(stopped(14, ck(8000, -14), ck(4100)))


def m34() -> None:
    a = stopped(14, ck(8000, -14), ck(3900))
    assert "persist_14" not in fires(a)
    assert step(a, "test:ck_repeat").not_before == "2024-10-18"  # type: ignore[attr-defined]


def m35() -> None:
    a = stopped(13, ck(8000, -13), ck(7900))
    assert "persist_14" not in fires(a)
    assert steps(stopped(13, WEAK, ck(8000, -13), ck(7900))) >= ANTIBODIES


def m36() -> None:
    assert "persist_28" in fires(stopped(28, ck(3000, -28), ck(1000)))
    assert "persist_28" not in fires(stopped(28, ck(3000, -28), ck(999)))


def m37() -> None:
    a = stopped(7, ck(4515, -7), ck(30000), has("strength_worse"))
    assert "rise" in fires(a)
    assert step(a, "test:anti_hmgcr").urgency == "urgent"  # type: ignore[attr-defined]


def m38() -> None:
    a = ask(
        value("ast", 150, uln=40),
        value("alt", 140, uln=40),
        value("ggt", 25, uln=60),
        value("bilirubin_total", 10, uln=20),
    )
    assert "test:ck" in steps(a)


def m39() -> None:
    a = ask(WEAK, ck(7000), has("anti_srp", 0, "strong", "line_blot"))
    assert a.diagnosis.id == "imnm_srp"


def m42() -> None:
    a = ask(has("immune_checkpoint_inhibitor", -21), statin(-1460), WEAK, ck(9600), has("dyspnoea"))
    assert a.next_steps[0].id == "refer:emergency"
    assert steps(a) >= ANTIBODIES


def m43() -> None:
    a = ask(WEAK, ck(1200, uln=None))
    assert steps(a) >= ANTIBODIES
    assert not {"ck_gt_10x_uln", "ck_peak_1_5x_uln"} & {f.id for f in a.findings}


def m44() -> None:
    fired = fires(stopped(42, ck(6000, -42), ck(450)))
    assert "nhs_42" in fired
    assert "persist_28" not in fired


def m45() -> None:
    a = stopped(41, ck(6000, -41), ck(450))
    assert "nhs_42" not in fires(a)
    assert step(a, "test:ck_repeat").not_before < a.as_of  # type: ignore[attr-defined]


def m46() -> None:
    assert "nhs_42" not in fires(stopped(42, ck(6000, -42), ck(200)))


def m47() -> None:
    a = stopped(45, ck(6000, -45), ck(2400))
    assert "persist_28" in fires(a)
    assert step(a, "test:anti_hmgcr").urgency == "urgent"  # type: ignore[attr-defined]


def m48() -> None:
    a = ask(WEAK, ck(3000), value("fvc_percent", 78), has("morning_headache"))
    assert "respiratory_watch" in alerts(a)


def m49() -> None:
    a = ask(WEAK, ck(3000), value("fvc_percent", 78), value("mip", 45), has_not("dyspnoea"))
    assert not {"respiratory", "respiratory_watch"} & set(alerts(a))


def m50() -> None:
    a = ask(WEAK, ck(3000), value("fvc_percent", 85), value("mip", 38), has_not("dyspnoea"))
    assert "respiratory_watch" in alerts(a)
    assert "respiratory" not in alerts(a)


def m51() -> None:
    a = ask(ck(1900), has("fasciculations"), has("emg_neurogenic"), has("muscle_weakness"))
    other = next(d for d in a.differential if d.id == "other")
    assert other.think_of
    assert steps(a) >= ANTIBODIES


def m52() -> None:
    known = {f.id: f.value for f in ask(WEAK, value("rns_increment_percent", 70)).findings}
    assert known["rns_increment_lems"] is True
    assert known["rns_increment_lems_classic"] is False


def m53() -> None:
    a = stopped(35, has_not("anti_hmgcr"), ck(60000, -36), ck(150), has("myoglobinuria", -36))
    assert not ANTIBODIES & steps(a)
    assert a.suspicion.level == "low"


def m54() -> None:
    fired = fires(stopped(60, ck(900, -60), ck(190), has("myalgia", 0)))
    assert "acc_60" in fired
    assert "nhs_42" not in fired


def m55() -> None:
    a = stopped(60, ck(3000, -60), ck(520), STRONG)
    assert {"nhs_42", "acc_60"} <= fires(a)
    assert not ANTIBODIES & steps(a)


def m56() -> None:
    assert "acc_60" not in fires(stopped(59, ck(900, -59), ck(190), has("myalgia", 0)))


CHECKS: dict[str, Callable[[], None]] = {
    name.upper(): check for name, check in list(globals().items()) if name[0] == "m" and name[1:].isdigit()
}


@pytest.mark.parametrize("name", sorted(CHECKS, key=lambda name: int(name[1:])), ids=lambda name: f"mimics:{name}")
def test_golden(name: str) -> None:
    CHECKS[name]()
