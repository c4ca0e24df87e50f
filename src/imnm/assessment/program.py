"""The knowledge compiled once: findings and rules, and on top of them alerts and steps.

``LEVELS`` holds only what a level depends on, for replays and what-ifs; ``CORE`` all findings and rules; ``ADVICE``
the conditions of alerts and steps, which refer to CORE.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from imnm.knowledge.alerts import ALERTS
from imnm.knowledge.findings import FINDINGS
from imnm.knowledge.pathway import RULES
from imnm.knowledge.steps import STEPS
from imnm.logic.evaluate import Program, Result
from imnm.logic.nodes import Value, refs_of

LEVEL_RULES = ("level_established", "level_high", "level_moderate", "level_low")
LEVELS_BY_RULE = dict(zip(LEVEL_RULES, ("established", "high", "moderate", "low"), strict=True))
RANK = {"insufficient": 0, "none": 0, "low": 1, "moderate": 2, "high": 3, "established": 4}
FLAGGING = tuple(rule for rule, level in LEVELS_BY_RULE.items() if RANK[level] >= RANK["high"])
"""The rules one of which makes a person first flagged."""


def definitions() -> dict[str, Value]:
    """Every finding and every rule by id."""
    found: dict[str, Value] = {finding.id: finding.expression for finding in FINDINGS.values()}
    found.update({rule.id: rule.expression for rule in RULES.values()})
    return found


def below(ids: tuple[str, ...], among: Mapping[str, Value]) -> dict[str, Value]:
    """The definitions with these ids and all that they refer to."""
    found: dict[str, Value] = {}
    waiting = list(ids)
    while waiting:
        id = waiting.pop()
        if id in among and id not in found:
            found[id] = among[id]
            waiting.extend(refs_of(among[id]))
    return found


@cache
def core() -> Program:
    """All findings and rules."""
    return Program(definitions())


@cache
def levels() -> Program:
    """What a level depends on."""
    return Program(below(LEVEL_RULES, definitions()))


@cache
def advice() -> Program:
    """The conditions of alerts and steps: ``alert.<id>``, ``step.<id>``, and for each step its conditions of urgency
    (``step.<id>.urgency.<n>``) and of wording (``step.<id>.why.<n>``)."""
    found: dict[str, Value] = {f"alert.{alert.id}": alert.when for alert in ALERTS}
    for step in STEPS:
        found[f"step.{step.id}"] = step.when
        for part, choices in (("urgency", step.urgency), ("why", step.whys)):
            for place, (condition, _) in enumerate(choices):
                if condition is not None:
                    found[f"step.{step.id}.{part}.{place}"] = condition
    return Program(found)


def level_of(values: Mapping[str, Result], anything: bool = True) -> str:
    """The level that the rules give; ``anything``: whether the record says anything beyond who it is about."""
    for rule, level in LEVELS_BY_RULE.items():
        if values[rule] is True:
            return level
    return "none" if anything else "insufficient"
