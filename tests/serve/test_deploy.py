"""What runs the service: the health probe, the systemd unit, the container recipe, a clean end."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PROGRAM = [sys.executable, "-c", "import sys; from imnm.cli import main; sys.exit(main())", "serve"]


def test_a_running_service_is_healthy_and_ends_cleanly(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    arguments = ["--port", port, "--data", str(tmp_path / "data")]
    check = [*PROGRAM, *arguments, "--check-health"]
    assert subprocess.run(check, capture_output=True).returncode == 1
    with open(tmp_path / "log", "wb") as log:
        service = subprocess.Popen([*PROGRAM, *arguments], stderr=log)
    try:
        for _ in range(100):
            if subprocess.run(check, capture_output=True).returncode == 0:
                break
            assert service.poll() is None
            time.sleep(0.1)
        else:
            raise AssertionError("the service does not answer")
    finally:
        service.send_signal(signal.SIGTERM)
    assert service.wait(20) in (0, -signal.SIGTERM)
    log_lines = (tmp_path / "log").read_text()
    assert '"event": "stopped"' in log_lines
    assert "Traceback" not in log_lines
    assert not list((tmp_path / "data").glob("*-wal")), "the database was closed"


def test_the_unit_is_one_and_shuts_the_service_in(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "imnm.service"
    unit.write_text((DEPLOY / "imnm.service").read_text().replace("/opt/imnm/bin/imnm", sys.executable))
    verified = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stderr
    assert "imnm.service" not in verified.stderr
    shut = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=25", "--no-pager", str(unit)],
        capture_output=True, text=True,
    )  # fmt: skip
    if "unrecognized option" in shut.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert shut.returncode == 0, shut.stdout[-200:]


def test_the_recipe_runs_as_nobody_special_and_asks_for_the_options_there_are() -> None:
    recipe = (DEPLOY / "Containerfile").read_text()
    assert re.search(r"^USER imnm$", recipe, re.MULTILINE)
    used = set(re.findall(r"--(config|data|check-health)\b", recipe))
    shown = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True).stdout
    assert used == {"config", "data", "check-health"}
    assert all(f"--{name}" in shown for name in used)
