"""Regular expressions that are compiled when they are first used: a record meets few of those a reader knows."""

from __future__ import annotations

import re
from typing import Any, cast


class _Pattern:
    """Stands for a compiled expression; each of its methods is there once it has been asked for."""

    def __init__(self, source: str, flags: re.RegexFlag) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked by copy and pickle, not by a reader
            raise AttributeError(name)
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def pattern(source: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """``re.compile``, put off until the first use; a wrong expression raises ``re.error`` then."""
    return cast("re.Pattern[str]", _Pattern(source, flags))
