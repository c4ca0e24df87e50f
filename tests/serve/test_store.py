"""Both databases keep the same. PostgreSQL is a server of our own (``tests/engines.py``), in the slow run."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from imnm.serve.store import Store


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else ""
    made = Store(tmp_path / "s.sqlite", url)
    yield made
    made.close()


def test_reviews_come_back_in_order(store: Store) -> None:
    patient = str(uuid.uuid4())
    first = store.add_review(patient, "reviewed", "ana", "né ☃ '\"; --")
    second = store.add_review(patient, "confirmed", "bob", diagnosis="imnm", diagnosed_on="2024-01-02")
    assert store.reviews(patient) == [first, second]
    assert store.newest_reviews()[patient] == second


def test_a_character_that_a_database_cannot_keep_is_no_failure(store: Store) -> None:
    patient = str(uuid.uuid4())
    store.add_review(patient, "reviewed", "ana", "a\x00b")
    assert store.reviews(patient)[0].note in ("a\x00b", "a\ufffdb")
    assert store.first_use(patient, "j\x00", time.time() + 60)
    assert not store.first_use(patient, "j\x00", time.time() + 60)


def test_results_come_back_by_day(store: Store) -> None:
    patient = str(uuid.uuid4())
    late = store.add_measure(patient, "ck", "2024-02-01", 900.5, "U/L", 200.0, "ana")
    early = store.add_measure(patient, "mmt8", "2024-01-01", 61.0, "points", None, "ana")
    assert store.measures(patient) == [early, late]


def test_cards_are_shown_once_or_until_overridden(store: Store) -> None:
    to, card = str(uuid.uuid4()), str(uuid.uuid4())
    assert store.may_show(to, "x", critical=False)
    assert store.may_show(to, "x", critical=True)
    store.shown(card, to, "x", "info")
    assert not store.may_show(to, "x", critical=False)
    assert store.may_show(to, "y", critical=False)
    assert store.may_show(to, "x", critical=True)
    store.add_feedback([(card, "s", "overridden", "", "known", "", "2026-01-01T00:00:00Z")])
    assert not store.may_show(to, "x", critical=True)


def test_a_token_is_used_once_even_by_many(store: Store) -> None:
    issuer = str(uuid.uuid4())
    answers: list[bool] = []

    def use() -> None:
        answers.append(store.first_use(issuer, "j", time.time() + 60))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 7 + [True]


def test_many_writers_lose_nothing(store: Store) -> None:
    patient = str(uuid.uuid4())

    def write(who: int) -> None:
        for number in range(20):
            store.add_review(patient, "reviewed", str(who), str(number))

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(r.who, r.note) for r in store.reviews(patient)}) == 80


def test_threads_that_come_and_go_leave_no_connection_open(store: Store) -> None:
    """Threads that answer end when they are idle; each once left a connection behind, until none could be opened."""

    def ask() -> None:
        store.reviews("nobody")

    for _ in range(50):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert len(store._idle) == 1


def test_a_store_that_is_closed_keeps_nothing_open(store: Store) -> None:
    with store._transaction() as run:
        run("SELECT 1")
        store.close()
    assert store._idle == []
