"""The knowledge room is sound: every statement cites, every citation exists and is used, every id is there."""

from __future__ import annotations

from imnm.knowledge.check import problems


def test_the_knowledge_has_no_problem() -> None:
    assert problems() == []
