"""What people and record systems tell us: reviews, entered results, shown cards, feedback. SQLite, or PostgreSQL.

Every table is append-only, so two people at once lose nothing: a review does not replace another, the newest counts
and all are kept. The few statements are plain SQL that both databases understand.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from imnm.knowledge.messages import say

STATUSES = ("reviewed", "testing_ordered", "confirmed", "not_imnm")
"""What a reviewer says of a listed patient."""
DECIDED = ("confirmed", "not_imnm")
"""The ones that label the patient for ``imnm evaluate``."""
KINDS = ("ck", "mmt8")

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS review (id TEXT PRIMARY KEY, patient TEXT NOT NULL, status TEXT NOT NULL, "
    "diagnosis TEXT NOT NULL, diagnosed_on TEXT NOT NULL, note TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS review_patient ON review (patient, at)",
    "CREATE TABLE IF NOT EXISTS measure (id TEXT PRIMARY KEY, patient TEXT NOT NULL, kind TEXT NOT NULL, "
    "taken_on TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL, uln REAL, who TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS measure_patient ON measure (patient)",
    "CREATE TABLE IF NOT EXISTS card (id TEXT PRIMARY KEY, shown_to TEXT NOT NULL, content TEXT NOT NULL, "
    "indicator TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS card_shown ON card (shown_to, content)",
    "CREATE TABLE IF NOT EXISTS feedback (id TEXT PRIMARY KEY, card TEXT NOT NULL, service TEXT NOT NULL, "
    "outcome TEXT NOT NULL, accepted TEXT NOT NULL, reason TEXT NOT NULL, comment TEXT NOT NULL, "
    "outcome_at TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS feedback_card ON feedback (card)",
    "CREATE TABLE IF NOT EXISTS nonce (issuer TEXT NOT NULL, jti TEXT NOT NULL, expires REAL NOT NULL, "
    "PRIMARY KEY (issuer, jti))",
    "CREATE INDEX IF NOT EXISTS nonce_expires ON nonce (expires)",
)


class StoreError(Exception):
    """The database cannot be reached or written; one sentence."""


class Review(NamedTuple):
    """What somebody found on looking at a listed patient. ``diagnosis``: a disease id, ``imnm`` or ``not_imnm`` where
    the review decides, else empty; ``diagnosed_on``: an ISO date or empty; ``at``: when it was entered (UTC)."""

    id: str
    patient: str
    status: str
    diagnosis: str
    diagnosed_on: str
    note: str
    who: str
    at: str


class Measure(NamedTuple):
    """A result entered on a patient's page. kind: ``ck`` (value and limit in ``unit``) or ``mmt8`` (points)."""

    id: str
    patient: str
    kind: str
    taken_on: str
    value: float
    unit: str
    uln: float | None
    who: str
    at: str


class Feedback(NamedTuple):
    """What became of a card: ``accepted`` (ids of suggestions, joined by spaces) or ``overridden`` with reason."""

    id: str
    card: str
    service: str
    outcome: str
    accepted: str
    reason: str
    comment: str
    outcome_at: str
    at: str


class Store:
    """The database. ``url``: ``postgresql://...``; else a SQLite file at ``path``."""

    def __init__(self, path: Path, url: str = "") -> None:
        self.url = url
        self.path = path
        self._idle: list[Any] = []
        self._closed = False
        self._lock = threading.Lock()
        self._pruned = 0.0
        if not url:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
        with self._transaction() as run:
            if not url:
                run("PRAGMA journal_mode=WAL")
            for statement in _SCHEMA:
                run(statement)

    @property
    def distant(self) -> bool:
        """Whether the database is another machine's, for whose answer nobody else should have to wait."""
        return bool(self.url)

    # ------------------------------------------------------------ reviews

    def add_review(self, patient: str, status: str, who: str, note: str = "", diagnosis: str = "",
                   diagnosed_on: str = "") -> Review:  # fmt: skip
        """Keep a review; nothing before it is touched."""
        review = Review(_id(), patient, status, diagnosis, diagnosed_on, note, who, now())
        self._insert("review", review)
        return review

    def reviews(self, patient: str | None = None) -> list[Review]:
        """All reviews, or those of one patient, oldest first."""
        where, values = ("", ()) if patient is None else (" WHERE patient = ?", (patient,))
        return [Review(*row) for row in self._rows(f"SELECT * FROM review{where} ORDER BY at, id", values)]

    def newest_reviews(self) -> dict[str, Review]:
        """The newest review of each patient."""
        return {review.patient: review for review in self.reviews()}

    # ------------------------------------------------------------ entered results

    def add_measure(self, patient: str, kind: str, taken_on: str, value: float, unit: str, uln: float | None,
                    who: str) -> Measure:  # fmt: skip
        """Keep a result."""
        measure = Measure(_id(), patient, kind, taken_on, value, unit, uln, who, now())
        self._insert("measure", measure)
        return measure

    def measures(self, patient: str) -> list[Measure]:
        """The results entered for a patient, in order of their day."""
        rows = self._rows("SELECT * FROM measure WHERE patient = ? ORDER BY taken_on, at", (patient,))
        return [Measure(*row) for row in rows]

    # ------------------------------------------------------------ cards

    def may_show(self, shown_to: str, content: str, critical: bool) -> bool:
        """Whether a card is shown: one that is not critical once for the same person, patient and content; a critical
        one until somebody has overridden it."""
        if not critical:
            return not self._rows("SELECT 1 FROM card WHERE shown_to = ? AND content = ? LIMIT 1", (shown_to, content))
        overridden = self._rows(
            "SELECT 1 FROM card JOIN feedback ON feedback.card = card.id WHERE card.shown_to = ? AND card.content = ? "
            "AND feedback.outcome = 'overridden' LIMIT 1",
            (shown_to, content),
        )
        return not overridden

    def shown(self, id: str, shown_to: str, content: str, indicator: str) -> None:
        """Remember a card that was sent."""
        self._insert("card", (id, shown_to, content, indicator, now()))

    def add_feedback(self, items: Sequence[tuple[str, str, str, str, str, str, str]]) -> None:
        """Keep feedback: (card, service, outcome, accepted, reason, comment, when); all of it or none."""
        with self._transaction() as run:
            for item in items:
                run(_insertion("feedback", 9), (_id(), *item, now()))

    def feedback(self) -> list[Feedback]:
        """All feedback, oldest first."""
        return [Feedback(*row) for row in self._rows("SELECT * FROM feedback ORDER BY at, id", ())]

    # ------------------------------------------------------------ tokens

    def first_use(self, issuer: str, jti: str, expires: float) -> bool:
        """Whether a token is used for the first time; it is used from now on."""
        with self._transaction() as run:
            if time.time() - self._pruned > 60:
                self._pruned = time.time()
                run("DELETE FROM nonce WHERE expires < ?", (time.time() - 300,))
            cursor = run(
                "INSERT INTO nonce (issuer, jti, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (issuer, jti, expires),
            )
            return bool(cursor.rowcount == 1)

    # ------------------------------------------------------------ the database

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            self._rows("SELECT 1", ())
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Close every connection; one in use is closed when it comes back."""
        self._closed = True
        self._close_idle()

    def _insert(self, table: str, row: Sequence[object]) -> None:
        with self._transaction() as run:
            run(_insertion(table, len(row)), tuple(row))

    def _rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        with self._transaction() as run:
            return list(run(statement, values).fetchall())

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """Run statements that take effect together. Raises StoreError."""
        try:
            connection = self._take()
            try:
                with connection:
                    yield self._runner(connection)
            finally:
                self._give_back(connection)
        except self._errors() as error:
            raise StoreError(say("serve.error.store")) from error

    def _take(self) -> Any:
        """A connection nobody uses. They are not kept by thread: the threads that answer come and go, and each would
        leave one open."""
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _postgresql(self.url) if self.url else _sqlite(self.path)

    def _give_back(self, connection: Any) -> None:
        broken = getattr(connection, "closed", False)
        if broken:  # the database went away; the others will not have outlived it
            self._close_idle()
        if broken or self._closed:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)

    def _close_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _runner(self, connection: Any) -> Any:
        if not self.url:
            return connection.execute
        return lambda statement, values=(): connection.execute(
            statement.replace("?", "%s"), tuple(_without_nul(value) for value in values)
        )

    def _errors(self) -> tuple[type[Exception], ...]:
        if not self.url:
            return (sqlite3.Error, OSError)
        import psycopg

        return (psycopg.Error, OSError)


def _without_nul(value: object) -> object:
    """The one character that PostgreSQL cannot keep, as the sign for what cannot be shown."""
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


def _insertion(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"


def _sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    return connection


class _Postgresql:
    """A connection whose ``with`` is one transaction and leaves it open (psycopg's own closes the connection)."""

    def __init__(self, url: str) -> None:
        import psycopg

        self._connection = psycopg.connect(url, connect_timeout=10)
        self.execute = self._connection.execute

    @property
    def closed(self) -> bool:
        return bool(self._connection.closed)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> _Postgresql:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.closed:
            return
        if kind is None:
            self._connection.commit()
        else:
            self._connection.rollback()


def _postgresql(url: str) -> _Postgresql:
    try:
        return _Postgresql(url)
    except ImportError as error:
        raise StoreError(say("serve.error.no_psycopg")) from error


def _id() -> str:
    return str(uuid.uuid4())


def now() -> str:
    """The time now, UTC, ISO 8601 to the microsecond, so that text order is time order."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")
