"""The handout: plain, complete, safe to print, and no diagnosis where there is none."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from imnm.assessment import assess_record
from imnm.assessment.aftercare import aftercare_of
from imnm.assessment.engine import diagnosis_of
from imnm.assessment.model import Alert, Assessment, Diagnosis, Disease, Finding, Patient, Step, Suspicion
from imnm.examples import EXAMPLES, Example
from imnm.examples import read as read_example
from imnm.knowledge import messages as catalogue
from imnm.knowledge import plain
from imnm.knowledge.alerts import ALERTS
from imnm.knowledge.messages import has, say
from imnm.knowledge.steps import STEPS
from imnm.knowledge.treatment import IMNM_SUBTYPES, SAFETY_CHECKS
from imnm.report.handout import content, handout, plain_step, plain_text

from .build import case, imnm
from .build import has as stated
from .readability import grade, syllables
from .test_knowledge import messages


def words_of(text: str) -> list[str]:
    """The words of a text, so that the lists of the contract stay readable here."""
    return text.split()


TESTS = """
    ck ck_repeat anti_hmgcr anti_srp antibody_confirm msa_panel tsh emg mri_muscle muscle_biopsy genetic_panel
    gaa_enzyme pft hrct troponin_i echo swallow_study urine_myoglobin creatinine vitamin_d cancer_screen_basic
    cancer_screen_enhanced hepatitis_b tb immunoglobulins tpmt bone_density
"""
REFERRALS = "neuromuscular rheumatology genetics emergency speech_language physiotherapy"
CONTRACT_STEPS = (
    *(f"test:{name}" for name in words_of(TESTS)),
    *(f"refer:{name}" for name in words_of(REFERRALS)),
    "stop:statin",
    "avoid:statin",
)
CONTRACT_ALERTS = (
    "respiratory", "swallowing", "cardiac", "rhabdomyolysis_aki", "ici_triad", "rapid_progression",
    "statin_after_hmgcr", "statin_rechallenge",
)  # fmt: skip
DISEASES = """
    imnm_hmgcr imnm_srp imnm_seronegative dermatomyositis antisynthetase_syndrome inclusion_body_myositis
    polymyositis_overlap statin_toxic_myopathy statin_myalgia rhabdomyolysis_other hypothyroid_myopathy lgmd
    dysferlinopathy lgmd_r9_fkrp lgmd_r12_ano5 becker ici_myositis metabolic_myopathy idiopathic_hyperckemia
    polymyalgia_rheumatica toxic_myopathy_other other
"""
CONTRACT_DISEASES = words_of(DISEASES)
LEVELS = ("established", "high", "moderate", "low", "none", "insufficient")


def answer(level: str, diagnosis: str | None = None, *leading: str, **more: object) -> Assessment:
    """A small answer of this level."""
    diseases = [Disease(id, 0.6 if n == 0 else 0.3, 0.1, 0.9) for n, id in enumerate(leading)]
    fields: dict[str, object] = {
        "version": "0", "knowledge": "0", "patient": Patient("p-17", 66, "female"), "as_of": "2024-02-01",
        "setting": "statin-user", "suspicion": Suspicion(level, "summary"), "diagnosis": Diagnosis(diagnosis),
        "differential": diseases,
    }  # fmt: skip
    return Assessment(**{**fields, **more})  # type: ignore[arg-type]


def text(assessment: Assessment) -> str:
    return plain_text(content(assessment))


# ---------------------------------------------------------------- readability


@pytest.mark.parametrize(
    ("word", "expected"),
    [("muscle", 2), ("antibody", 4), ("used", 1), ("tested", 2), ("weak", 1), ("causes", 2), ("biopsy", 3),
     ("illness", 2), ("physiotherapy", 6), ("makes", 1), ("helped", 1)],
)  # fmt: skip
def test_syllables(word: str, expected: int) -> None:
    assert syllables(word) == expected


def test_the_measure_knows_hard_from_easy() -> None:
    easy = "The cat sat on the mat. It was warm. The sun was out."
    hard = "Immunosuppressive pharmacotherapy necessitates comprehensive interdisciplinary laboratory surveillance."
    assert grade(easy) < 3 < 12 < grade(hard)


AGE_12 = 6.5
"""The grade that children of 11 to 12 years read."""
SENTENCES = {key: value for key, value in messages("handout").items() if len(value.split()) > 7}
PRINTED_NAMES = ("immune-mediated necrotizing myopathy", "anti-HMGCR", "red yeast rice")


@pytest.mark.parametrize("key", sorted(SENTENCES))
def test_every_passage_is_readable(key: str) -> None:
    passage = SENTENCES[key]
    for name in PRINTED_NAMES:
        passage = passage.replace(name, "this")
    assert grade(passage) <= AGE_12 + 2, passage
    longest = max(len(sentence.split()) for sentence in re.split(r"[.!?:]", passage))
    assert longest <= 22, passage


@pytest.mark.parametrize("subtype", IMNM_SUBTYPES)
def test_a_whole_handout_reads_at_age_12(subtype: str) -> None:
    """Titles and single words are left out: they would make any page look easy."""
    parts = content(answer("established", subtype))
    passages = [item.text for part in parts for item in part.items if len(item.text.split()) > 7]
    assert 2 < grade(" ".join(passages)) <= AGE_12


# ---------------------------------------------------------------- complete


def test_every_illness_step_and_warning_has_plain_words() -> None:
    assert set(plain.DISEASES) == set(CONTRACT_DISEASES)
    for id in CONTRACT_DISEASES:
        assert all(has(f"handout.disease.{id}.{part}") for part in ("name", "what", "course")), id
    for id in CONTRACT_STEPS:
        assert plain_step(id) == id
    for alert in CONTRACT_ALERTS:
        assert has(f"handout.alert.{alert}")


def test_every_step_and_alert_of_the_rules_has_plain_words() -> None:
    for step in STEPS:
        assert plain_step(step.id) not in ("other",), step.id
    for alert in ALERTS:
        assert has(f"handout.alert.{alert.id}"), alert.id


def test_every_check_that_can_be_open_has_plain_words() -> None:
    for check in SAFETY_CHECKS:
        if check.done_by:
            assert has(f"handout.check.{check.id}"), check.id


def test_no_plain_sentence_without_use() -> None:
    groups = {
        "living": {*plain.LIVING, *(f"{id}_title" for id in plain.LIVING)},
        "questions": {*plain.QUESTIONS_OPEN, *plain.QUESTIONS_DIAGNOSED, *plain.QUESTIONS_STATIN_OPEN,
                      *plain.QUESTIONS_STATIN_DIAGNOSED, *plain.QUESTIONS_INHERITED},
        "urgent": {*plain.URGENT, *plain.URGENT_TREATED, "intro", "now_title", "number"},
        "treatment": {*(id for ids in plain.TREATMENT.values() for id in ids), *plain.TREATMENT_ALWAYS, "options"},
        "disease": set(plain.DISEASES),
        "check": {check.id for check in SAFETY_CHECKS if check.done_by},
    }  # fmt: skip
    for group, used in groups.items():
        keys = {key.split(".")[2] for key in messages("handout") if key.startswith(f"handout.{group}.")}
        assert keys == used, group


def test_unknown_steps_fall_back_to_their_kind() -> None:
    assert plain_step("stop:colchicine") == "stop:drug"
    assert plain_step("ask:neck_flexor_weakness") == "ask"
    assert plain_step("test:something_new") == "other"


# ---------------------------------------------------------------- honest


@pytest.mark.parametrize("level", LEVELS)
def test_only_an_established_diagnosis_is_called_one(level: str) -> None:
    page = text(answer(level, "imnm_hmgcr", "imnm_hmgcr"))
    fits = "fit an illness called anti-HMGCR myopathy" in page
    assert fits == (level == "established")
    assert ("How it is treated" in page) == (level == "established")


def test_an_unproved_illness_is_named_only_when_likely() -> None:
    assert "hypothyroid" not in text(answer("low", None, "hypothyroid_myopathy")).lower()
    assert "weak muscles from a slow thyroid" in text(answer("low", None, "hypothyroid_myopathy"))
    unlikely = answer("moderate", differential=[Disease("lgmd", 0.4, 0.2, 0.6)])
    assert "dystrophy" not in text(unlikely)
    assert "not clear yet" in text(unlikely)
    assert "dystrophy" not in text(answer("none", None, "lgmd"))


@pytest.mark.parametrize("level", LEVELS)
def test_advice_for_myositis_only_with_myositis(level: str) -> None:
    page = text(answer(level, "imnm_srp" if level == "established" else None))
    assert (say("handout.living.move") in page) == (level == "established")
    assert ("myositis.org" in page) == (level in ("established", "high"))


def test_two_antibodies_leave_the_form_open() -> None:
    assert "Which form it is, is not clear yet" in text(answer("established", None))


def test_warnings_of_the_moment_come_first() -> None:
    page = text(answer("high", alerts=[Alert("swallowing", "urgent", "text"), Alert("brand_new", "urgent", "text")]))
    assert page.index(say("handout.alert.swallowing")) < page.index(say("handout.urgent.breath"))
    assert say("handout.alert.other") in page


def test_steps_keep_their_order_and_dates() -> None:
    steps = [
        Step("refer:emergency", "emergency", "why"),
        Step("test:ck_repeat", "soon", "why", due_on="2024-03-05"),
        Step("ask:falls", "routine", "why"),
        Step("ask:rash", "routine", "why"),
    ]
    page = text(answer("high", next_steps=steps))
    assert page.index("Go to the hospital now") < page.index("CK once more")
    assert "best by 5 March 2024" in page
    assert page.count("A question to you") == 1


def test_a_day_that_is_over_is_not_named() -> None:
    """A guide made in June once said "planned for 11 April"."""
    made = answer(
        "high", next_steps=[Step("test:ck_repeat", "soon", "why", due_on="2024-03-05", not_before="2024-02-20")]
    )
    assert "best by 5 March 2024" in text(made) and "not before 20 February 2024" in text(made)
    made.as_of = "2024-03-01"
    assert "best by 5 March 2024" in text(made) and "not before" not in text(made)
    made.as_of = "2024-03-05"
    assert "March 2024; " not in text(made) and "best by" not in text(made)


def test_statin_questions_only_with_a_statin() -> None:
    statin = [Finding("statin_exposure", True)]
    assert say("handout.questions.statin_now") in text(answer("high", findings=statin))
    assert say("handout.questions.statin_now") not in text(answer("high"))
    assert say("handout.questions.lipid") in text(answer("established", "imnm_hmgcr", findings=statin))


def test_open_checks_come_from_the_record() -> None:
    patient = case(*imnm(), stated("hbv_surface_antigen", "2024-01-03", truth=False))
    diagnosis = diagnosis_of(patient)
    page = text(answer("established", diagnosis.id, **aftercare_of(patient, diagnosis)))
    assert say("handout.check.hepatitis_b") in page
    assert say("handout.check.tpmt") not in page


# ---------------------------------------------------------------- the page


class Checker(HTMLParser):
    """Collects tags and every attribute that could load something or run something."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in ("src", "srcset") or name.startswith("on")]
        self.loads += [f"href={value}" for name, value in attrs if name == "href" and not str(value).startswith("#")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("level", LEVELS)
def test_one_well_formed_page_without_network_or_script(level: str) -> None:
    page = handout(answer(level, "imnm_srp" if level == "established" else None, "dermatomyositis"))
    checker = Checker()
    checker.feed(page)
    assert not checker.open and not checker.loads
    assert "script" not in checker.tags and checker.tags.count("h1") == 1
    assert "@media print" in page and 'lang="en"' in page


def test_nothing_from_the_record_but_dates_is_on_the_page() -> None:
    nasty = "<script>alert(1)</script>"
    assessment = answer("high", alerts=[Alert(nasty, "urgent", nasty)], next_steps=[Step(nasty, "soon", nasty)])
    assessment = msgspec.structs.replace(assessment, patient=Patient(nasty, 66, nasty), file=nasty)
    page = handout(assessment)
    assert "script" not in page and "p-17" not in handout(answer("high"))


def test_no_emergency_number_is_written_anywhere() -> None:
    for key, sentence in messages("handout").items():
        assert not re.search(r"\b(911|112|999|000|15|144|110|119)\b", sentence), key
    assert say("handout.urgent.number") in handout(answer("high"))


def test_the_page_names_what_it_rests_on() -> None:
    assert "Myositis" in handout(answer("established", "imnm_hmgcr")).split("<footer>")[1]


# ---------------------------------------------------------------- another language


def _shouted(table: dict[str, Any]) -> dict[str, Any]:
    """A catalogue in capitals, its ``{names}`` kept: a language that is easy to tell from English."""
    return {
        key: _shouted(value) if isinstance(value, dict) else re.sub(r"\{\w+\}|[a-z]+", _shout, value)
        for key, value in table.items()
    }


def _shout(match: re.Match[str]) -> str:
    return match[0] if match[0].startswith("{") else match[0].upper()


def test_a_second_language_is_only_a_second_file(monkeypatch: pytest.MonkeyPatch) -> None:
    english = catalogue._table
    monkeypatch.setattr(
        catalogue,
        "_table",
        lambda language, *place: _shouted(english("en", *place)) if language == "xx" else english("en", *place),
    )
    steps = [Step("test:anti_hmgcr", "urgent", "why", due_on="2024-03-05"), Step("stop:colchicine", "soon", "why")]
    alerts = [Alert("swallowing", "urgent", "text")]
    for level, diagnosis in (("established", "imnm_hmgcr"), ("high", None), ("low", None)):
        assessment = answer(level, diagnosis, "dermatomyositis", next_steps=steps, alerts=alerts)
        page = plain_text(content(assessment, "xx"))
        assert not re.search(r"[a-z]{2,}", page), re.findall(r"[a-z]{2,}", page)[:5]


# ---------------------------------------------------------------- for this person only


def _page(id: str) -> dict[str, str]:
    """The parts of the handout of a bundled example, as text."""
    one = next(example for example in EXAMPLES if example.id == id)
    return {part.id: plain_text([part]) for part in content(assess_record(read_example(one), one.as_of))}


@pytest.mark.parametrize("id", ["exertion", "myalgia", "dystrophy"])
def test_who_is_not_suspected_reads_nothing_of_the_antibodies(id: str) -> None:
    text = " ".join(_page(id).values())
    for word in ("HMGCR", "SRP", "IMNM", "Steroid"):
        assert word not in text


def test_who_stopped_the_statin_is_not_told_to_ask_whether_to_stop() -> None:
    assert "Should I stop my statin" not in _page("untested")["questions"]


def test_who_is_not_weak_is_not_called_weak() -> None:
    assert "Why am I weak" not in _page("exertion")["questions"]
    assert "Why am I weak" in _page("untested")["questions"]


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.id)
def test_the_hard_words_of_the_page_are_explained(one: Example) -> None:
    parts = content(assess_record(read_example(one), one.as_of))
    text = plain_text([part for part in parts if part.id != "words"])
    explained = next((plain_text([part]) for part in parts if part.id == "words"), "")
    for word in ("HMGCR", "SRP", "CK", "IMNM", "ntibod"):
        if word in text:
            assert word in explained, word
