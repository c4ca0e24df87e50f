"""Who saw whom: FHIR AuditEvents, one a line, append-only, each naming the SHA-256 of the line before it.

A changed, removed or inserted line breaks the chain, which ``check`` finds. What is cut off at the end is found only
against a hash kept elsewhere: ``head`` is that hash. The shape follows IHE's Basic Audit Log Patterns (a read or a
query by a user about one patient, with the request's id).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
import uuid
from pathlib import Path
from typing import Any, Literal

import msgspec

START = hashlib.sha256(b"imnm audit trail").hexdigest()
PREVIOUS = "urn:imnm:audit:sha256-of-the-line-before"

Action = Literal["read", "create", "update", "search", "export"]
_ACTIONS: dict[str, tuple[str, str]] = {
    "read": ("R", "read"),
    "create": ("C", "create"),
    "update": ("U", "update"),
    "search": ("E", "search"),
    "export": ("R", "search"),
}


class AuditError(Exception):
    """The trail could not be written; what was asked for must not be shown."""


class Trail:
    """One trail in one file. Writers in other processes on this machine may append to it too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = -1
        self._head = START

    def note(self, action: Action, patient: str | None, person: str, request: str, address: str = "") -> None:
        """Write one event. Raises AuditError."""
        try:
            with self._lock, _Locked(self._file):
                self._catch_up()
                line = msgspec.json.encode(_event(action, patient, person, request, address, self._head))
                self._append(line + b"\n")
                self._head = hashlib.sha256(line).hexdigest()
        except OSError as error:
            raise AuditError from error

    def head(self) -> str:
        """The hash of the last line, to be kept elsewhere."""
        with self._lock, _Locked(self._file):
            self._catch_up()
            return self._head

    def close(self) -> None:
        """Everything on disk."""
        os.fsync(self._file)
        os.close(self._file)

    def _append(self, data: bytes) -> None:
        """Write all of it or nothing: on a full disk the system writes a part and calls that success."""
        written = os.write(self._file, data)
        if written != len(data):
            os.ftruncate(self._file, self._size)
            raise OSError("the line was written in part")
        self._size += written

    def _catch_up(self) -> None:
        """The hash of the last line, read anew if another process has written. A line that the machine's sudden end
        cut off gets an end of its own, so that it stays what it is and the next one is whole."""
        size = os.fstat(self._file).st_size
        if size == self._size:
            return
        with open(self.path, "rb") as file:
            file.seek(max(0, size - 65_536))
            tail = file.read()
        if tail and not tail.endswith(b"\n"):
            size += os.write(self._file, b"\n")
        lines = tail.splitlines()
        last = lines[-1] if lines else b""
        self._head = hashlib.sha256(last).hexdigest() if last else START
        self._size = size


class _Locked:
    """The file locked against other processes, where the system can."""

    def __init__(self, file: int) -> None:
        self.file = file

    def __enter__(self) -> None:
        self._flock("LOCK_EX")

    def __exit__(self, *_: object) -> None:
        self._flock("LOCK_UN")

    def _flock(self, name: str) -> None:
        try:
            import fcntl
        except ImportError:  # not on Windows, where one process writes
            return
        fcntl.flock(self.file, getattr(fcntl, name))


def check(path: Path) -> int | None:
    """The number of the first line that does not follow from the one before it; None if the trail is whole."""
    expected = START
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip(b"\n")
            try:
                event: Any = msgspec.json.decode(line)
                stated = event["extension"][0]["valueString"]
            except (msgspec.DecodeError, KeyError, IndexError, TypeError):
                return number
            if stated != expected:
                return number
            expected = hashlib.sha256(line).hexdigest()
    return None


def _event(
    action: Action, patient: str | None, person: str, request: str, address: str, previous: str
) -> dict[str, Any]:
    letter, interaction = _ACTIONS[action]
    agent: dict[str, Any] = {
        "type": _coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"),
        "who": {"identifier": {"value": person}},
        "requestor": True,
    }
    if address:
        agent["network"] = {"address": address, "type": "2"}
    entities: list[dict[str, Any]] = [
        {
            "what": {"identifier": {"value": request}},
            "type": {
                "system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType",
                "code": "XrequestId",
            },
        }
    ]
    if patient is not None:
        entities.append(
            {
                "what": {"reference": f"Patient/{patient}"},
                "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-entity-type", "code": "1"},
                "role": {"system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"},
            }
        )
    return {
        "resourceType": "AuditEvent",
        "id": str(uuid.uuid4()),
        "extension": [{"url": PREVIOUS, "valueString": previous}],
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"system": "http://hl7.org/fhir/restful-interaction", "code": interaction}],
        "action": letter,
        "recorded": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "outcome": "0",
        "agent": [agent],
        "source": {"observer": {"display": "imnm serve"}},
        "entity": entities,
    }


def _coding(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
