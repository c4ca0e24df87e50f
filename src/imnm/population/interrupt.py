"""Stopping a long command by a signal: its workers stop too, temporary files go, nothing half-written stays."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from imnm.knowledge.messages import say

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_unfinished: set[Path] = set()
"""Files and folders that must not outlive us."""


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """A file or folder that is removed at the end, whatever the end is; who keeps it moves it away before."""
    _unfinished.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _unfinished.discard(path)


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A temporary folder."""
    with unfinished(Path(tempfile.mkdtemp(prefix=prefix))) as folder:
        yield folder


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it, a signal to stop ends the process with the code that shells expect (128 + signal).

    It ends at once and does not unwind: a pool of workers waits for them as it is closed, and one that was stopped in
    the middle of an answer leaves it waiting for ever.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mine = os.getpid()

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() == mine:
            for other in _SIGNALS:  # one is enough: what follows must not be cut short
                signal.signal(other, signal.SIG_IGN)
            _end()
        os._exit(128 + number)  # also a worker, which inherited this handler

    before: dict[Any, Any] = {}
    try:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                before[number] = signal.signal(number, stop)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end() -> None:
    for worker in multiprocessing.active_children():
        worker.kill()
    for _ in range(40):  # a thread may still be writing
        for path in list(_unfinished):
            _remove(path)
        if not any(path.exists() for path in _unfinished):
            break
        time.sleep(0.05)
    print(f"\nimnm: {say('population.error.interrupted')}", file=sys.stderr, flush=True)
