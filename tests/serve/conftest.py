"""The service in process, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra serve is not installed")

from fastapi.testclient import TestClient

from imnm import examples
from imnm.serve.app import create_app
from imnm.serve.settings import settings_of

BASE = "http://localhost:8000"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., TestClient]]:
    """Start a service with these settings; it is stopped after the test."""
    running: list[TestClient] = []

    def run(**values: Any) -> TestClient:
        settings = settings_of({"data": str(tmp_path / "data"), **values})
        client = TestClient(
            create_app(settings, background=False),
            base_url=values.get("base_url", BASE),
            raise_server_exceptions=False,
            client=("127.0.0.1", 50000),
        )
        client.__enter__()
        running.append(client)
        return client

    yield run
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def service(start: Callable[..., TestClient]) -> TestClient:
    """A service without patients."""
    return start()


def example(id: str) -> bytes:
    """A bundled record."""
    return examples.read(next(one for one in examples.EXAMPLES if one.id == id))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of Bundles: the bundled examples."""
    place = tmp_path / "bundles"
    place.mkdir()
    for one in examples.EXAMPLES:
        record = json.loads(examples.read(one))
        if record.get("resourceType") == "Bundle":
            (place / one.file).write_bytes(examples.read(one))
    return place


@pytest.fixture
def clinic(start: Callable[..., TestClient], folder: Path) -> TestClient:
    """A service with the example patients in its worklist."""
    return start(source=str(folder))
