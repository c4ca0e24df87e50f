"""Numbers as laboratories print them, and the cut-offs that a text states for them."""

from __future__ import annotations

import re

from imnm.logic.truth import Truth

NUMBER = r"\d+(?:[.,]\d+)*"
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_NUMBERS = re.compile(NUMBER)


def number(text: str) -> float:
    """The number in ``13,875``, ``1.234.567``, ``19.6`` or ``1,8``."""
    if _GROUPED.fullmatch(text):
        return float(text.replace(",", ""))
    if _GROUPED_BY_POINTS.fullmatch(text) and (text.count(".") > 1 or "," in text):
        return float(text.replace(".", "").replace(",", "."))
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float(re.sub(r"[.,]", "", text))


class Cutoffs:
    """The cut-offs that a text states: from where on a value is positive, and from where on it is doubtful."""

    def __init__(self) -> None:
        self.positive_from: float | None = None
        self.weak_from: float | None = None
        self.over = False  # positive only above the limit itself

    def read(self, text: str, label: str) -> None:
        """Take in one stated limit. ``label``: the class it is for (``negative``); empty for a reference range."""
        numbers = [number(found) for found in _NUMBERS.findall(text)]
        label = label.lower()
        if label.startswith("pos"):
            self.positive_from = numbers[0]
            self.over = (">" in text and ">=" not in text) or any(w in text for w in ("above", "over", "more than"))
        elif label.startswith(("bord", "equi", "weak", "indet")):
            self.weak_from = numbers[0]
            if self.positive_from is None and len(numbers) > 1:
                self.positive_from, self.over = numbers[1], True
        elif label.startswith(("strong", "moder")):
            return
        elif self.positive_from is None and not (label and self.weak_from is not None):
            self.positive_from = numbers[-1]
            self.over = len(numbers) > 1 or any(mark in text for mark in ("<=", "≤", "up to"))

    def judge(self, low: float, high: float) -> tuple[Truth, str | None]:
        """Truth and grade of a value between these bounds; unknown without a cut-off."""
        limit = self.positive_from
        if limit is None:
            return None, None
        if low > limit or (low == limit and not self.over):
            return True, None
        if self.weak_from is not None and high >= self.weak_from:
            return None, "weak" if low >= self.weak_from else None
        return (False, None) if high <= limit else (None, None)
