"""Stopping a long command by a signal: its workers stop too, temporary files go, nothing half-written stays."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from imnm.knowledge.messages import say

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def interruptible() -> Iterator[None]:
    """Within it, a signal to stop unwinds the command as an error would, so that everything opened is closed; then the
    process ends with the code that shells expect (128 + signal)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    mine, caught = os.getpid(), []

    def stop(number: int, frame: FrameType | None) -> None:
        if os.getpid() != mine:  # a worker that inherited the handler
            os._exit(128 + number)
        for other in _SIGNALS:  # one is enough: what follows must not be cut short
            signal.signal(other, signal.SIG_IGN)
        caught.append(number)
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise KeyboardInterrupt

    before: dict[Any, Any] = {}
    try:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                before[number] = signal.signal(number, stop)
        yield
    except BaseException:
        if not caught:
            raise
        # a library may have turned our KeyboardInterrupt into an error of its own
        print(f"\nimnm: {say('population.error.interrupted')}", file=sys.stderr)
        raise SystemExit(128 + caught[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
