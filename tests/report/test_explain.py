"""Everything with an id can be explained, and what is said comes from the registries."""

from __future__ import annotations

import pytest

from imnm.knowledge.evidence import sources, thresholds
from imnm.knowledge.findings import FINDINGS, SILENCE_MEANS_NO
from imnm.knowledge.pathway import RULES
from imnm.report.explain import UnknownId, _subjects, explain, index
from imnm.report.text import WIDTH


def _one_line(text: str) -> str:
    return " ".join(text.split())


def test_everything_can_be_explained_within_the_terminal() -> None:
    for id in {subject.id for subject in _subjects()}:
        said = explain(id)
        assert said.strip()
        assert max(map(len, said.splitlines())) <= WIDTH, id


def test_the_index_lists_everything() -> None:
    listed = index()
    assert max(map(len, listed.splitlines())) <= WIDTH
    words = set(listed.split())
    assert {subject.id for subject in _subjects()} <= words
    assert set(RULES) | set(FINDINGS) <= words


def test_no_kind_holds_an_id_twice() -> None:
    keys = [(subject.kind, subject.id) for subject in _subjects()]
    assert len(keys) == len(set(keys))


def test_every_step_of_every_example_can_be_explained() -> None:
    from imnm import assess
    from imnm.examples import EXAMPLES, read

    for example in EXAMPLES:
        for step in assess(read(example), as_of=example.as_of).next_steps:
            assert step.title in _one_line(explain(step.id)) or step.id.startswith("stop:")


def test_a_threshold_says_number_unit_evidence_and_users() -> None:
    used = next(id for rule in RULES.values() for id in _thresholds_in(rule.id))
    known = thresholds()[used]
    said = _one_line(explain(used))
    assert known.unit in said
    assert known.meaning in said
    assert "Used by" in said
    for source in known.evidence.sources:
        assert source in said


def _thresholds_in(rule: str) -> list[str]:
    from imnm.logic.nodes import Threshold, walk

    return [node.id for node in walk(RULES[rule].expression) if isinstance(node, Threshold)]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_its_logic_and_its_sources(rule: str) -> None:
    said = _one_line(explain(rule))
    assert RULES[rule].label in said
    assert "Logic" in said
    for source in RULES[rule].evidence.sources:
        assert f"{source}:" in said


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_says_what_silence_means(finding: str) -> None:
    said = _one_line(explain(finding))
    assert ("counts as no" in said) is (finding in SILENCE_MEANS_NO)


def test_a_source_says_what_rests_on_it() -> None:
    rule = next(rule for rule in RULES.values() if rule.evidence.sources)
    said = _one_line(explain(rule.evidence.sources[0]))
    assert sources()[rule.evidence.sources[0]].title in said
    assert rule.id in said.split("Rests on it: ", 1)[1].replace(",", "").split()


def test_an_id_that_is_not_there_is_answered_with_its_neighbours() -> None:
    with pytest.raises(UnknownId) as error:
        explain("enmc-2015")
    assert "enmc-2016" in error.value.nearest
