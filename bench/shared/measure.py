"""Time, memory, and the machine they were measured on."""

from __future__ import annotations

import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

_UNIT = 2**30 if sys.platform == "darwin" else 2**20
"""``ru_maxrss`` counts bytes on macOS, kilobytes elsewhere."""


def peak_gb(children: bool = False) -> float:
    """The most memory that this process (the largest of its ended children) has held, in GB."""
    who = resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss / _UNIT


def peak_line(children: bool = False) -> str:
    """Peak memory in words."""
    own = f"peak memory {_size(peak_gb())}"
    return f"{own}, largest child process {_size(peak_gb(children=True))}" if children else own


def _size(gb: float) -> str:
    return f"{gb:.2f} GB" if gb >= 1 else f"{gb * 1000:.0f} MB"


def machine() -> str:
    """When and on what: the date, the processors in use, how busy they were, and Python's version."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    model = _processor()
    load = os.getloadavg()[0]
    return (
        f"measured on {time.strftime('%Y-%m-%d')}, {cores} cores{f' ({model})' if model else ''}, "
        f"load {load:.1f} at the start, Python {platform.python_version()}"
    )


def row(what: str, bound: str, found: str) -> str:
    """A line of the table in docs/performance.md, to be copied there."""
    return f"| {what} | {bound} | {found} |"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


class Measured(NamedTuple):
    """What a task took: seconds, the most GB one process held, its result, and seconds of processors."""

    seconds: float
    peak: float
    result: Any
    worked: float


def measured(task: Callable[[], Any]) -> Measured:
    """Run a task in a process of its own (whose start is not counted). The peak is that of the largest process: the
    task's own or one that it started; the processor time is that of all of them."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def run() -> None:
        start, before = time.perf_counter(), os.times()
        result = task()
        seconds, after = time.perf_counter() - start, os.times()
        worked = sum(after[:4]) - sum(before[:4])
        sender.send(Measured(seconds, max(peak_gb(), peak_gb(children=True)), result, worked))

    process = context.Process(target=run)
    process.start()
    sender.close()
    try:
        found: Measured = receiver.recv()
    except EOFError:
        sys.exit("The measured task ended without an answer (see above).")
    finally:
        process.join()
    return found
