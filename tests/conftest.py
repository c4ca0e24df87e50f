"""What holds for every test: no example of a property has a deadline, because a busy machine is no defect.

In continuous integration examples are drawn the same way each time, so that a change is judged by itself; elsewhere
they are new each time.
"""

from __future__ import annotations

import os

from hypothesis import settings

from .engines import postgres, spark

__all__ = ["postgres", "spark"]

settings.register_profile("imnm", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("imnm")
