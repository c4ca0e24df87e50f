"""An expression in words: as one sentence, or as an outline for what is long.

The words themselves are not here. ``Labels`` brings the names of concepts, definitions and thresholds, and the
phrases (keys ``logic.words.*`` of the message catalogue), so that this room stays free of medicine and of language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from . import nodes as n


class Labels(NamedTuple):
    """What things are called.

    concept, ref: by id. threshold: by id, of a number (which for days before something is the threshold's without
    its sign), with its unit. say: the phrase with a key, filled in with keywords.
    """

    concept: Callable[[str], str]
    ref: Callable[[str], str]
    threshold: Callable[[str, float], str]
    say: Callable[..., str]


class Line(NamedTuple):
    """One line of an outline; ``depth`` 0 is the outermost."""

    depth: int
    text: str


def sentence(node: n.Node, labels: Labels) -> str:
    """The expression as one phrase, brackets where parts could be misread."""
    return _Speaker(labels).phrase(node)


def outline(node: n.Node, labels: Labels) -> list[Line]:
    """The expression as lines: what combines others has them below it, one level deeper."""
    return list(_Speaker(labels).lines(node, 0))


_JOINED = (n.All, n.Any_, n.AtLeast, n.Sum, n.Greatest)
_BRACKETED = (n.All, n.Any_, n.AtLeast, n.Not, n.Possibly, n.IfElse, n.Score, n.Bands, n.Compare, n.Sum)
_OPS = {">=": "at_least_op", ">": "more_than", "<=": "at_most", "<": "less_than"}
_NAMES = {
    n.All: "all",
    n.Any_: "any",
    n.Sum: "sum",
    n.Greatest: "greatest",
    n.Peak: "peak",
    n.Trough: "trough",
    n.Latest: "latest",
    n.First: "first",
    n.Exists: "exists",
    n.Count: "count",
    n.FirstDay: "first_day",
    n.LastDay: "last_day",
    n.SeenBy: "seen_by",
    n.SpanDays: "span_days",
    n.Newest: "newest",
}


class _Speaker:
    def __init__(self, labels: Labels) -> None:
        self.labels = labels

    def say(self, key: str, /, **values: object) -> str:
        return self.labels.say(f"logic.words.{key}", **values)

    def listed(self, texts: Iterable[str], key: str) -> str:
        return self.say(key).join(texts)

    def part(self, node: n.Node) -> str:
        """A phrase that stands within another."""
        text = self.phrase(node)
        return f"({text})" if isinstance(node, _BRACKETED) else text

    def threshold(self, node: n.Threshold) -> str:
        return self.labels.threshold(node.id, node.number)

    # ------------------------------------------------ sentences

    def phrase(self, node: n.Node) -> str:
        if isinstance(node, n.Series):
            return self.series(node)
        if hasattr(node, "series"):
            return self.reduction(node)
        return self.value(node)

    def series(self, node: n.Series) -> str:
        match node:
            case n.Events():
                return self.listed(map(self.labels.concept, node.concepts), "or")
            case n.Union():
                return self.listed(map(self.series, node.parts), "or")
            case n.WithTruth():
                return self.say("stated_present" if node.truth else "stated_absent", series=self.series(node.series))
            case n.WithGrade():
                return self.say("with_grade", series=self.series(node.series), grades=self.listed(node.grades, "or"))
            case n.WithoutGrade():
                return self.say("without_grade", series=self.series(node.series), grades=self.listed(node.grades, "or"))
            case n.WithDetail():
                return self.say("with_detail", series=self.series(node.series), details=self.listed(node.details, "or"))
            case n.ValueIs():
                key = f"value_is_{node.field}"
                return self.say(key, series=self.series(node.series), op=self.op(node.op), bound=self.part(node.bound))
            case n.InWindow():
                return self.window(node)
            case n.NotNear():
                return self.say(
                    "not_near",
                    series=self.series(node.series),
                    other=self.series(node.other),
                    before=self.threshold(node.before),
                    after=self.threshold(node.after),
                )
        return self.say(_NAMES[type(node)], series=self.series(node.series))  # type: ignore[attr-defined]

    def window(self, node: n.InWindow) -> str:
        anchor = self.part(node.anchor)
        ends = {name: self.offset(edge, anchor) for name, edge in (("first", node.first), ("last", node.last)) if edge}
        return self.say("_".join(["window", *ends]), series=self.series(node.series), **ends)

    def offset(self, edge: n.Threshold, anchor: str) -> str:
        if edge.number == 0:
            return anchor
        key = "days_before" if edge.number < 0 else "days_after"
        return self.say(key, days=self.labels.threshold(edge.id, abs(edge.number)), anchor=anchor)

    def op(self, op: str) -> str:
        return self.say(_OPS[op])

    def reduction(self, node: Any) -> str:
        series = self.series(node.series)
        if isinstance(node, n.Recorded):
            return self.say("recorded" if node.silence is None else "recorded_or_no", series=series)
        field = f"_{node.field}" if hasattr(node, "field") else ""
        return self.say(_NAMES[type(node)] + field, series=series)

    def value(self, node: n.Node) -> str:
        match node:
            case n.Literal_():
                return self.say({True: "true", False: "false", None: "unknown"}[node.truth])
            case n.Threshold():
                return self.threshold(node)
            case n.AsOf():
                return self.say("as_of")
            case n.Ref():
                return self.labels.ref(node.id)
            case n.DaysBetween():
                return self.say("days_between", earlier=self.part(node.earlier), later=self.part(node.later))
            case n.Compare():
                key = "compare_day" if node.left.kind == "day" else "compare"
                op = self.say(f"{_OPS[node.op]}_day") if node.left.kind == "day" else self.op(node.op)
                return self.say(key, left=self.part(node.left), op=op, right=self.part(node.right))
            case n.Not() | n.Possibly():
                return self.say("not" if isinstance(node, n.Not) else "possibly", part=self.part(node.part))
            case n.Scale():
                return self.say("scale", part=self.part(node.part), factor=self.threshold(node.factor))
            case n.Bands():
                return self.say("bands", part=self.part(node.part), bands=self.listed(self.bands(node), "then"))
            case n.IfElse():
                condition, then, other = (self.part(part) for part in (node.condition, node.then, node.other))
                return self.say("if_else", condition=condition, then=then, other=other)
            case n.Score():
                items = self.listed((self.item(points, self.part(item)) for item, points in node.items), "then")
                return self.head(node) + " " + items
            case n.All() | n.Any_() | n.Sum():
                return self.listed(map(self.part, node.parts), f"{_NAMES[type(node)]}_between")
            case n.AtLeast() | n.Greatest():
                return self.head(node) + " " + self.listed(map(self.part, node.parts), "then")
        raise TypeError(f"{type(node).__name__} has no words")

    def item(self, points: int, text: str) -> str:
        return self.say("points", points=points, item=text)

    def bands(self, node: n.Bands) -> list[str]:
        points = [self.threshold(point) for point in node.points]
        key = "band_below" if node.lower_closed else "band_to"
        found = [
            self.say(key, points=point, edge=self.threshold(edge))
            for point, edge in zip(points[:-1], node.edges, strict=True)
        ]
        return [*found, self.say("band_last", points=points[-1])]

    def head(self, node: n.Node) -> str:
        """The line above the parts of what combines them."""
        if isinstance(node, n.AtLeast):
            return self.say("at_least", n=node.n)
        if isinstance(node, n.Score):
            return self.say("score" if node.divisor == 1 else "score_divided", divisor=node.divisor)
        return self.say(_NAMES[type(node)])

    # ------------------------------------------------ outlines

    def lines(self, node: n.Node, depth: int) -> Iterable[Line]:
        for text, below in self.shape(node):
            yield Line(depth, text)
            for part in below:
                yield from self.lines(part, depth + 1)

    def shape(self, node: n.Node) -> Sequence[tuple[str, Sequence[n.Node]]]:
        """The node's own lines, each with the nodes that stand below it."""
        match node:
            case n.All() | n.Any_() | n.AtLeast() | n.Sum() | n.Greatest() if len(node.parts) > 1:
                return [(self.head(node), node.parts)]
            case n.Not() | n.Possibly() if isinstance(node.part, _BRACKETED):
                return [(self.say("not_head" if isinstance(node, n.Not) else "possibly_head"), [node.part])]
            case n.Score():
                return [(self.head(node), ()), *((self.item(p, self.part(item)), ()) for item, p in node.items)]
            case n.IfElse():
                heads = zip(("if", "then_head", "otherwise"), (node.condition, node.then, node.other), strict=True)
                return [(self.say(key), [part]) for key, part in heads]
            case n.Compare() if isinstance(node.left, n.Score | n.Sum | n.Greatest):
                op, right = self.op(node.op), self.part(node.right)
                return [(self.say("compare_head", op=op, right=right), [node.left])]
        return [(self.phrase(node), ())]
