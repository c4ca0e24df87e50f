"""The faces of an answer: text, JSON, Markdown, a page, a handout. Each format is loaded when it is asked for."""

from __future__ import annotations

import msgspec

from imnm.assessment.model import Assessment


def render(assessment: Assessment, format: str, *, colour: bool = False) -> str:
    """The answer in this format (``text``, ``json``, ``jsonl``, ``html``, ``md``, ``handout``), ending in a newline.

    ``colour``: whether text may carry terminal colour codes. Raises ValueError for an unknown format.
    """
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(assessment), indent=2).decode() + "\n"
    if format == "jsonl":
        return msgspec.json.encode(assessment).decode() + "\n"
    if format == "text":
        from .text import text

        return text(assessment, colour=colour)
    if format == "md":
        from .markdown import markdown

        return markdown(assessment)
    if format == "html":
        from .html import page

        return page(assessment)
    if format == "handout":
        from .handout import handout

        return handout(assessment)
    raise ValueError(f"there is no format {format!r}")
