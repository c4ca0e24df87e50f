"""Every format says the same, and nothing in a record can become more than text."""

from __future__ import annotations

import html.parser
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import msgspec
import pytest

from imnm.assessment import assess_record
from imnm.assessment.model import Assessment, SeriesPoint
from imnm.examples import EXAMPLES, Example, read
from imnm.report import render
from imnm.report.course import describe, draw
from imnm.report.html import fragment
from imnm.report.proof import Said, trees
from imnm.report.text import WIDTH

from .answers import answer, bare

TEXTUAL = ("text", "md", "html")
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
    "$\\frac{1}{0}$ $x^$",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe",
    "line\nbreak | cell\r\n# heading",
    "[link](http://example.org) ![image](http://example.org/x.png) `code` *bold* <http://example.org>",
    "x" * 400,
    "漢字 ✓ \ud800",
)


@pytest.mark.parametrize("format", TEXTUAL)
def test_that_nothing_fits_is_said_where_the_explanations_stand(format: str) -> None:
    some = answer()
    some.none_fits = "None of these fits well."
    assert some.none_fits in render(some, format)
    assert some.none_fits not in render(answer(), format)


class Page(html.parser.HTMLParser):
    """What a browser would build: the elements, their attributes, and the text outside the style sheet."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.styles: list[str] = []
        self.inside: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        (self.styles if self.inside and self.inside[-1] == "style" else self.words).append(data)


@cache
def _harmless() -> Page:
    return Page(render(answer("plain"), "html"))


PUBLICATIONS = ("https://doi.org/10.", "https://pmc.ncbi.nlm.nih.gov/articles/PMC", "https://pubmed.ncbi.nlm.nih.gov/")


def _elsewhere(page: Page) -> set[str]:
    """Where the page leads or asks, itself apart."""
    return {value for _, name, value in page.attributes if name in ("href", "src") and not value.startswith("#")}


@pytest.mark.parametrize("word", HOSTILE)
def test_a_page_never_runs_what_a_record_says(word: str) -> None:
    harmless, hostile = _harmless(), Page(render(answer(word), "html"))
    assert sorted(set(hostile.tags)) == sorted(set(harmless.tags))
    assert "script" not in hostile.tags
    assert {name for _, name, _ in hostile.attributes} == {name for _, name, _ in harmless.attributes}
    assert _elsewhere(hostile) == _elsewhere(harmless)
    assert all(link.startswith(PUBLICATIONS) for link in _elsewhere(hostile))
    assert hostile.styles == harmless.styles


@pytest.mark.parametrize("word", HOSTILE)
def test_text_never_steers_the_terminal(word: str) -> None:
    for line in render(answer(word), "text").splitlines():
        assert line.isprintable()
        assert len(line) <= WIDTH


def test_colour_is_only_ours() -> None:
    plain, coloured = (render(answer("\x1b[31m"), "text", colour=colour) for colour in (False, True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert coloured != plain


@pytest.mark.parametrize("word", HOSTILE)
def test_markdown_shows_text_only(word: str) -> None:
    made = render(answer(word), "md")
    unescaped = re.sub(r"\\.", "", made)
    assert not re.search(r"[<>`\[\]]", unescaped)
    assert len(re.findall(r"(?m)^#", made)) == len(re.findall(r"(?m)^#", render(answer("plain"), "md")))


@pytest.mark.parametrize("format", TEXTUAL)
@pytest.mark.parametrize(
    "said",
    [
        "13,875", "2024-01-15", "Test anti-HMGCR antibodies", "due 2024-02-03", "Neck flexor weakness", "82 %",
        "confirms plain", "Trouble swallowing", "5.8", "definite", "not a diagnosis", "provisional", "+0.7",
        "rosuvastatin", "unit not understood", "at least 20,000",
    ],
)  # fmt: skip
def test_every_format_says_it(format: str, said: str) -> None:
    made = "" if format == "html" else render(answer(), format)
    text = " ".join(_harmless().words) if format == "html" else made.replace("\\", "")
    assert said in " ".join(text.split())


@pytest.mark.parametrize("format", TEXTUAL)
def test_a_record_that_says_nothing_is_shown(format: str) -> None:
    assert "Nothing recorded allows a judgement." in render(bare(), format)


def test_json_is_one_object_and_jsonl_one_line() -> None:
    one, line = render(answer(), "json"), render(answer(), "jsonl")
    assert msgspec.json.decode(one) == msgspec.json.decode(line)
    assert line.count("\n") == 1
    assert msgspec.json.decode(one, type=Assessment) == answer()


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="no format 'pdf'"):
        render(bare(), "pdf")


class TestPage:
    def test_it_needs_no_network(self) -> None:
        page = _harmless()
        outside = {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        assert not outside & set(page.tags)
        assert "url(" not in "".join(page.styles)
        assert "@import" not in "".join(page.styles)

    def test_headings_are_in_order_and_tables_have_headers(self) -> None:
        page = _harmless()
        headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
        assert headings[0] == 1
        assert headings.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(headings))
        assert page.tags.count("caption") == page.tags.count("table") > 0
        scopes = [value for tag, name, value in page.attributes if tag == "th" and name == "scope"]
        assert len(scopes) == page.tags.count("th")

    def test_every_link_has_its_place(self) -> None:
        page = _harmless()
        ids = [value for _, name, value in page.attributes if name == "id"]
        targets = {value[1:] for _, name, value in page.attributes if name == "href" and value.startswith("#")}
        assert targets
        assert targets <= set(ids)

    def test_what_speaks_for_and_against_is_drawn_and_said(self) -> None:
        page = _harmless()
        bars = [v for _, name, v in page.attributes if name == "class" and v in ("for", "against")]
        assert bars == ["for", "against"]
        places = [v for tag, name, v in page.attributes if tag == "span" and name == "style"]
        assert "left:50.0%;width:14.0%" in places  # +0.7 of 2.5, to the right of the middle
        assert "left:46.0%;width:4.0%" in places  # -0.2, to the left
        assert "+0.7" in " ".join(page.words)

    def test_a_statement_opens_its_source_and_the_source_its_publication(self) -> None:
        made = _harmless()
        cited = {v for _, name, v in made.attributes if name == "href" and v.startswith("#source-")}
        assert "#source-x" in cited
        assert _elsewhere(made)

    @pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.id)
    def test_a_proof_is_in_words(self, one: Example) -> None:
        """No id of the knowledge, no name of a node and no bound that is open stands in a proof."""

        def lines(said: Said) -> Iterator[Said]:
            yield said
            for part in said.parts:
                yield from lines(part)

        for criterion in assess_record(read(one), one.as_of).criteria:
            for tree in trees(criterion.proof):
                for said in lines(tree):
                    words = f"{said.verdict} {said.text} {said.missing}"
                    assert not re.search(r"_|\binf\b|IfElse|Literal|Any_|>=|\d\.\d{3}", words), words
                    assert said.verdict
                    assert said.text

    def test_a_proof_ends_at_the_record_entries(self) -> None:
        found = assess_record(read(EXAMPLES[2])).criteria[0]
        assert found.id == "enmc-2016"
        said = str(trees(found.proof))
        assert "Anti-HMGCR IgG positive (168 CU (upper limit 20)), 2023-10-05 [Observation/example-hmgcr-21]" in said
        assert "CK above the upper limit" in said

    def test_where_nothing_points_to_muscle_the_shares_are_folded_and_said_to_be_no_finding(self) -> None:
        made = answer()
        caution = "no finding"
        assert caution not in render(made, "html")
        made.suspicion.level = "none"
        assert caution in render(made, "html")
        assert caution in " ".join(render(made, "text").split())

    def test_language_title_and_width_are_stated(self) -> None:
        page = _harmless()
        assert ("html", "lang", "en") in page.attributes
        assert any(tag == "meta" and value.startswith("width=device-width") for tag, _, value in page.attributes)
        assert "title" in page.tags


class TestCourse:
    def test_the_picture_has_words_and_a_table(self) -> None:
        page = _harmless()
        picture = [(name, value) for tag, name, value in page.attributes if tag in ("div", "figcaption")]
        assert picture.count(("role", "img")) == 1
        assert ("aria-describedby", "course-words") in picture
        assert ("id", "course-words") in picture
        assert describe(answer()) in " ".join(page.words)
        assert "highest at least 20,000 U/L on 2024-01-30" in describe(answer())

    def test_results_drugs_and_tests_are_drawn(self) -> None:
        picture = draw(answer("atorvastatin"))
        for said in ("9,000", "atorvastatin", "Anti-SRP antibodies: negative", "Anti-HMGCR atorvastatin: positive"):
            assert said in picture
        for colour in ("statin", "band", "symptom", "event"):
            assert f"var(--{colour})" in picture

    def test_symptoms_are_events_with_their_time(self) -> None:
        picture, words = draw(answer()), describe(answer())
        for said in ("Muscle pain plain", "2023-12", "Dysphagia", "by 2024-01-20", "Falls", "2010"):
            assert said in picture
            assert said in words
        without = answer()
        without.symptoms = []
        assert "Muscle pain" not in draw(without)
        assert "var(--symptom)" not in draw(without)

    def test_the_first_day_to_notice_and_the_day_of_the_assessment_are_drawn(self) -> None:
        made = answer()
        assert "could have been noticed on 2024-01-15" in draw(made)
        assert "as of 2024-02-01" in draw(made)
        assert "noticed on 2024-01-15" in describe(made)
        made.suspicion.first_flagged_on = None
        assert "noticed" not in draw(made)
        assert "noticed" not in describe(made)

    def test_what_was_long_before_leaves_room_for_the_course(self) -> None:
        made = answer()
        made.symptoms = [made.symptoms[2]]
        assert "2010-" not in draw(made)
        assert ">2010<" in draw(made)

    def test_a_narrow_scale_is_marked_in_plain_numbers(self) -> None:
        """Between 1,000 and 10,000 the library's own marks were shown as its mark-up ("\\mathdefault")."""
        made = answer()
        made.series = {"ck": [SeriesPoint(f"2024-01-0{n}", 1000.0 * n, 1000.0 * n, None, "") for n in (1, 3)]}
        picture = draw(made)
        assert "math" not in picture
        assert {">500<", ">1,000<", ">2,000<", ">5,000<"} <= set(re.findall(r">[\d,]+<", picture))
        assert ">2,000<" not in draw(answer())

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    def test_the_ends_of_the_calendar_can_be_drawn(self, day: str) -> None:
        made = answer()
        made.as_of = max(made.as_of, day)
        made.series = {"ck": [SeriesPoint(day, 900.0, 900.0, 200.0, "Observation/1")]}
        assert draw(made).startswith("<svg")

    def test_more_results_are_more_points(self) -> None:
        more, fewer = answer(), answer()
        fewer.series["ck"] = fewer.series["ck"][:1]
        marks = [draw(made).count("<use ") for made in (fewer, more)]
        assert marks[0] < marks[1]

    def test_more_results_than_can_be_seen_are_thinned_and_keep_their_extremes(self) -> None:
        made = answer()
        days = [f"20{10 + n // 336}-{1 + n // 28 % 12:02}-{1 + n % 28:02}" for n in range(5_000)]
        values = [500.0 + n % 7 for n in range(5_000)]
        points = [SeriesPoint(days[n], value, value, 200.0, f"Observation/{n}") for n, value in enumerate(values)]
        points[2_345] = SeriesPoint(days[2_345], 77_777.0, 77_777.0, 200.0, "Observation/peak")
        made.series = {"ck": points}
        picture = draw(made)
        assert "77,777" in picture
        assert picture.count("<use ") < 700
        page = render(made, "html")
        assert "Observation/4999" in page
        assert "4500 older results" in page
        assert len(page) < 500_000

    def test_the_same_answer_is_the_same_picture(self) -> None:
        assert draw(answer()) == draw(answer())

    def test_without_a_dated_result_there_is_no_picture(self) -> None:
        undated = answer()
        undated.series = {"ck": undated.series["ck"][3:]}
        assert draw(undated) == ""
        assert "no dated CK result" in render(undated, "html")

    def test_without_the_library_the_page_has_the_table(self) -> None:
        program = (
            "import sys; sys.modules['matplotlib'] = None; sys.path.insert(0, sys.argv[1]); "
            "from report.answers import answer; from imnm.report import render; print(render(answer(), 'html'))"
        )
        tests = str(__file__).rsplit("/report/", 1)[0]
        done = subprocess.run([sys.executable, "-c", program, tests], capture_output=True, text=True, check=True)
        assert "<svg" not in done.stdout
        assert "imnm[plots]" in done.stdout
        assert "13,875" in done.stdout


def test_a_notebook_shows_the_answer() -> None:
    made = fragment(answer("<b>"))
    assert made.startswith('<div class="imnm">')
    assert "<html" not in made
    assert "High" in made or "high" in made
    assert "<b>" not in made


def test_what_was_due_before_the_day_of_asking_is_overdue() -> None:
    late = msgspec.structs.replace(answer(), as_of="2024-03-05")
    assert "overdue since 2024-02-03" in render(late, "text")
    assert "overdue since" not in render(answer(), "text")
