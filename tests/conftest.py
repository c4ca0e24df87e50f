"""What holds for every test: no example of a property has a deadline, because a busy machine is no defect."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("imnm", deadline=None)
settings.load_profile("imnm")
