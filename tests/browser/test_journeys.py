"""The journeys of a clinician, in a browser. Slow: ``pytest -m slow tests/browser``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imnm import examples

from .conftest import watched

pytestmark = pytest.mark.slow

PAGES = ("/", "/patients/example-hmgcr", "/patients/example-untested", "/assess", "/calculators",
         "/calculators/enmc-2016", "/calculators/statin-pgx", "/explain", "/explain/enmc-2016",
         "/handout/example-hmgcr", "/about", "/examples/srp", "/nothing",
         "/patients/example-untested/what-if")  # fmt: skip
WIDTHS = {"wide": 1200, "phone": 320}


def name_of(path: str) -> str:
    return path.strip("/").replace("/", "-") or "worklist"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "patient.json"
    place.write_bytes(examples.read(next(one for one in examples.EXAMPLES if one.id == "untested")))
    return place


def test_worklist_to_patient_to_proof_to_source_to_review(page: Any) -> None:
    page.goto("/")
    row = page.get_by_role("row").filter(has_text="example-untested")
    assert row.get_by_text("high suspicion").is_visible()
    row.get_by_role("link", name="example-untested").click()
    page.get_by_role("heading", name="Next steps").wait_for()
    entry = page.locator("#steps li.entry").first
    entry.locator("summary").click()
    assert "Observation/" in entry.inner_text() or "Condition/" in entry.inner_text()
    source = entry.locator("details a").first
    id = source.inner_text()
    source.click()
    target = page.locator(page.url[page.url.index("#") :])
    assert id in target.inner_text()
    page.get_by_label("testing ordered").check()
    page.get_by_label("Note").fill("anti-HMGCR sent")
    page.get_by_role("button", name="Save the review").click()
    assert page.get_by_role("status").first.inner_text() == "The review is saved."
    page.goto("/?status=testing_ordered")
    assert page.get_by_role("link", name="example-untested").is_visible()


def test_the_assessment_follows_the_answers(page: Any) -> None:
    page.goto("/assess")
    page.get_by_label("Born (YYYY").fill("1955")
    page.locator("#f-ck1_value").fill("8200")
    page.locator("#f-ck1_uln").fill("190")
    page.locator("#f-statin").select_option("stopped")
    page.locator("#f-proximal_weakness-yes").check()
    page.locator("#result .level").filter(has_text="high suspicion").wait_for()
    assert page.locator("#f-ck1_value").input_value() == "8200"
    page.locator("#f-anti_hmgcr_positive-positive").check()
    page.locator("#result .level").filter(has_text="established").wait_for()
    page.locator("#f-anti_hmgcr_positive-negative").check()
    page.locator("#result .level").filter(has_not_text="established").wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as a FHIR Bundle").click()
    bundle = json.loads(Path(saved.value.path()).read_bytes())
    assert bundle["resourceType"] == "Bundle"


def test_an_answer_that_cannot_be_is_said(page: Any) -> None:
    page.goto("/assess")
    page.locator("#f-ck1_value").fill("lots")
    page.locator("#f-ck1_value").blur()
    page.locator("#result").filter(has_text="must be a number").wait_for()
    assert "must be a number" in page.locator("#live-status").inner_text()
    assert page.locator("#f-ck1_value").input_value() == "lots"


def test_a_bundle_is_dropped_in(page: Any, file: Path) -> None:
    page.goto("/assess")
    page.locator(".drop summary").click()
    page.evaluate(
        """text => {
          const data = new DataTransfer();
          data.items.add(new File([text], "patient.json", {type: "application/json"}));
          const area = document.querySelector(".drop");
          area.dispatchEvent(new DragEvent("dragover", {dataTransfer: data, bubbles: true, cancelable: true}));
          area.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        file.read_text(),
    )
    page.get_by_role("heading", name="IMNM assessment").wait_for()
    assert page.locator(".answer .level").inner_text().lower() == "high suspicion"


def test_an_answer_is_changed_in_a_dropped_bundle(page: Any, file: Path) -> None:
    page.goto("/assess")
    page.locator(".drop summary").click()
    page.get_by_label("File").set_input_files(str(file))
    page.get_by_role("button", name="Assess this record").click()
    page.locator("#result .level").filter(has_text="high suspicion").wait_for()
    page.get_by_text("What if: change an answer").click()
    assert page.locator("#questions").get_by_text("as recorded: yes").first.is_visible()
    page.locator("#f-anti_hmgcr_positive-positive").check()
    page.locator("#result .level").filter(has_text="established").wait_for()
    assert "By the record alone: high suspicion" in page.locator("#notice").inner_text()
    assert page.locator("#live-status").inner_text().startswith("established")
    assert page.evaluate("document.activeElement.id") == "f-anti_hmgcr_positive-positive"
    page.get_by_role("link", name="Back to what is recorded").click()
    page.locator("#result .level").filter(has_text="high suspicion").wait_for()
    assert page.locator("#notice").count() == 0


def test_a_listed_patient_is_asked_about_and_stays(page: Any) -> None:
    page.goto("/patients/example-untested")
    page.get_by_role("link", name="What if: change an answer").click()
    page.locator("#f-anti_hmgcr_positive-positive").check()
    page.locator("#result .level").filter(has_text="established").wait_for()
    page.get_by_role("link", name="Back to the patient").click()
    page.locator(".answer .level").filter(has_text="high suspicion").wait_for()


def test_a_file_is_chosen(page: Any, file: Path) -> None:
    page.goto("/assess")
    page.locator(".drop summary").click()
    page.get_by_label("File").set_input_files(str(file))
    page.get_by_role("button", name="Assess this record").click()
    page.get_by_role("heading", name="IMNM assessment").wait_for()


def test_without_script_the_buttons_do_the_same(browser: Any, address: str, file: Path) -> None:
    context = browser.new_context(base_url=address, java_script_enabled=False)
    plain = context.new_page()
    plain.goto("/assess")
    plain.locator("#f-ck1_value").fill("8200")
    plain.locator("#f-proximal_weakness-yes").check()
    plain.get_by_role("button", name="Assess", exact=True).click()
    assert plain.locator("#result .level").inner_text()
    context.close()


def test_by_keyboard_alone(page: Any) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "example-untested":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Next steps").wait_for()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_an_entered_ck_is_kept_and_drawn(page: Any) -> None:
    page.goto("/patients/example-srp")
    assert "3 CK results" in page.locator("#course-words").inner_text()
    page.get_by_role("link", name="Enter results").click()
    form = page.get_by_role("form", name="Creatine kinase (CK)")
    form.get_by_label("Date").fill("2024-11-18")
    form.get_by_label("Value").fill("1810")
    form.get_by_label("Upper limit of normal").fill("200")
    form.get_by_role("button", name="Keep this result").click()
    page.get_by_text("The result is kept.").wait_for()
    assert "4 CK results from 2024-08-19 to 2024-11-18" in page.locator("#course-words").inner_text()
    assert page.locator("#course svg").get_by_text("1,810").is_visible()
    assert page.locator("#course svg").get_by_text("as of 2024-11-18").is_visible()


def test_a_review_is_written_by_keyboard_alone(page: Any) -> None:
    page.goto("/patients/example-srp")
    tab_to(page, "Review")
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "status":
            break
    page.keyboard.press("Space")
    tab_to(page, "Save the review")
    page.keyboard.press("Enter")
    page.get_by_text("The review is saved.").wait_for()
    assert page.locator(".reviews li").first.inner_text().startswith("reviewed by")


def test_an_answer_is_changed_by_keyboard_alone(page: Any) -> None:
    page.goto("/examples/untested")
    tab_to(page, "What if: change an answer")
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "anti_hmgcr_positive":
            break
    page.keyboard.press("ArrowRight")
    page.locator("#result .level").filter(has_text="established").wait_for()
    assert page.evaluate("document.activeElement.id") == "f-anti_hmgcr_positive-positive"
    page.keyboard.press("ArrowLeft")
    page.locator("#result .level").filter(has_text="high suspicion").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") != "anti_hmgcr_positive"  # no trap


def tab_to(page: Any, words: str) -> None:
    """Press Tab until what is focused says these words."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == words:
            return
    raise AssertionError(f"{words!r} is not reached by Tab")


def test_a_paragraph_is_copied(browser: Any, address: str) -> None:
    context = browser.new_context(base_url=address, permissions=["clipboard-read", "clipboard-write"])
    opened = context.new_page()
    opened.goto("/patients/example-hmgcr")
    opened.get_by_role("button", name="Copy").click()
    opened.get_by_text("Copied.").wait_for()
    copied = opened.evaluate("navigator.clipboard.readText()")
    context.close()
    assert copied == opened_text(copied)
    assert "anti-HMGCR" in copied


def opened_text(text: str) -> str:
    """One paragraph: no line breaks, no markup."""
    return " ".join(text.split())


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_say_nothing_on_the_console_and_are_shot(
    browser: Any, address: str, shots: Path | None, path: str, width: str
) -> None:
    context = browser.new_context(base_url=address, viewport={"width": WIDTHS[width], "height": 900})
    opened = context.new_page()
    faults = watched(opened, address)
    answer = opened.goto(path)
    if shots:
        opened.screenshot(path=shots / f"{name_of(path)}-{width}.png", full_page=True)
    across = opened.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert across <= WIDTHS[width]
    if answer.status < 400:  # a page that is refused is itself an error on the console
        assert faults == []


def test_print_and_dark_views(browser: Any, address: str, shots: Path | None) -> None:
    for view in ("print", "dark"):
        context = browser.new_context(base_url=address, color_scheme="dark" if view == "dark" else "light")
        opened = context.new_page()
        if view == "print":
            opened.emulate_media(media="print")
        opened.goto("/patients/example-hmgcr")
        colour = opened.evaluate("getComputedStyle(document.querySelector('.imnm')).color")
        assert colour == ("rgb(0, 0, 0)" if view == "print" else "rgb(230, 237, 243)")
        if view == "print":
            assert not opened.locator(".site").is_visible()
            assert not opened.get_by_role("button", name="Save the review").is_visible()
            pdf = opened.pdf()
            assert pdf.startswith(b"%PDF")
        if shots:
            opened.screenshot(path=shots / f"patient-{view}.png", full_page=True)
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_no_serious_accessibility_fault(browser: Any, address: str, path: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    context = browser.new_context(base_url=address, color_scheme=scheme, bypass_csp=True)
    opened = context.new_page()
    opened.goto(path)
    opened.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    result = axe.Axe().run(opened)
    context.close()
    serious = [fault for fault in result.response["violations"] if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in serious] == []
