"""imnm: decision support and case finding for immune-mediated necrotizing myopathy.

``imnm.assess("patient.json")`` reads one patient's record and says what it could be, what would settle it, what is
urgent and what is next, with proof and source. In a notebook the answer shows itself as a page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imnm.api import Assessment, InputError, assess

__version__ = "0.1.0"
__all__ = ["Assessment", "InputError", "__version__", "assess"]


def __getattr__(name: str) -> object:
    # Loaded on first use, so that importing one room does not pay for all of them.
    if name in ("Assessment", "InputError", "assess"):
        from imnm import api

        return getattr(api, name)
    raise AttributeError(f"module 'imnm' has no attribute {name!r}")
