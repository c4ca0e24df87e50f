"""The service as people run it, and a real browser before it. Skipped visibly where either is missing."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imnm import examples

pytest.importorskip("fastapi", reason="the extra serve is not installed")
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


CHROMIUM = os.environ.get("IMNM_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``imnm serve`` over the bundled example Bundles, in a process of its own."""
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium, or set IMNM_CHROMIUM)")
    folder = tmp_path_factory.mktemp("bundles")
    for one in examples.EXAMPLES:
        if json.loads(examples.read(one)).get("resourceType") == "Bundle":
            (folder / one.file).write_bytes(examples.read(one))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = tmp_path_factory.mktemp("data")
    program = "import sys; from imnm.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "serve", str(folder), "--port", str(port), "--data", str(data)]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(20) in (0, -15)


def _wait(url: str) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the service did not become ready")


@pytest.fixture(scope="session")
def browser(address: str) -> Iterator[Any]:
    """Headless Chromium."""
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page of its own; any console error, failed request or script error fails the test."""
    context = browser.new_context(base_url=address, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(15_000)
    opened = context.new_page()
    faults = watched(opened, address)
    yield opened
    context.close()
    assert faults == []


def watched(page: Any, address: str) -> list[str]:
    """What goes wrong on this page from now on: console errors, script errors, failed requests, requests elsewhere."""
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: _failed(request, faults))
    page.on("request", lambda request: _elsewhere(request, address, faults))
    return faults


def _failed(request: Any, faults: list[str]) -> None:
    if "ERR_ABORTED" not in (request.failure or ""):  # a live form gives up on an answer that is out of date
        faults.append(f"failed: {request.url}")


def _elsewhere(request: Any, address: str, faults: list[str]) -> None:
    if not request.url.startswith((address, "data:")):
        faults.append(f"asks elsewhere: {request.url}")


@pytest.fixture(scope="session")
def shots() -> Path | None:
    """The folder for screenshots, if ``IMNM_SCREENSHOTS`` names one."""
    name = os.environ.get("IMNM_SCREENSHOTS")
    if not name:
        return None
    folder = Path(name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
