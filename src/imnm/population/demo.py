"""The bundled example health system, screened."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from imnm.knowledge.messages import say

_SHOWN = 12


def demo(write: Callable[[str], object], folder: Path | None) -> None:
    """Write the worklist of the example health system; with a folder also its page, and say where it lies."""
    try:
        from . import output
        from .files import write_text
        from .page import page
        from .screen import screen
    except ImportError:  # the population extra is not installed
        write("\n" + say("population.error.extra") + "\n")
        return
    with resources.as_file(resources.files("imnm.examples") / "health_system") as source:
        answer = screen(str(source))
    write("\n" + say("population.demo.title", people=answer.report.read) + "\n\n")
    write(output.table(answer, _SHOWN))
    if folder is not None:
        target = folder / "worklist.html"
        write_text(target, page(answer))
        write("\n" + say("population.demo.page", page=target) + "\n")
