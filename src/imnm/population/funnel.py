"""How the list came about: how many people are left at each step, who fell out on the way and why.

The steps are a chain: people at a step = people at the step before - left out + joined. Only the last step has people
who join, because who falls out of the picture of IMNM in adults can still be listed for something else.
"""

from __future__ import annotations

import datetime as dt

import duckdb
import msgspec

from imnm.assessment import program
from imnm.knowledge.messages import say
from imnm.knowledge.pathway import RULES
from imnm.logic.event import day_number

from .source import Report

LEVELS = ("established", "high", "moderate", "low", "none")
ADULT_YEARS = 18
_REASONS = tuple(rule.id for rule in RULES.values() if rule.part == "explained" and rule.id != "better_explained")
_CHAIN = ("adult", "muscle_signal", "raised_ck", "picture", "not_better_explained")


class FunnelStep(msgspec.Struct):
    """How many people are left at a step, how many fell out on the way there, and how many joined, by reason."""

    step: str
    label: str
    people: int
    left_out: dict[str, int] = {}
    joined: dict[str, int] = {}


class Group(msgspec.Struct):
    """People who fell out at the same step for the same reason (step None: nowhere) and have the same level."""

    step: str | None
    reason: str | None
    level: str
    people: int


def groups(connection: duckdb.DuckDBPyConnection, day: float | None) -> list[Group]:
    """Everyone who was assessed, once, by where they fell out, why, and their level."""
    today = float(day_number(dt.date.today()))
    asked = f"coalesce(p.newest, (SELECT max(newest) FROM people), {today})" if day is None else repr(day)
    first_reason = " ".join(f"WHEN \"{id}\" THEN '{id}'" for id in _REASONS)
    query = f"""
    SELECT CASE WHEN NOT adult OR adult IS NULL THEN 'adult' WHEN level = 'none' THEN 'muscle_signal'
        WHEN ck_elevated IS NOT TRUE THEN 'raised_ck' WHEN picture IS NOT TRUE THEN 'picture'
        WHEN better_explained THEN 'not_better_explained' END AS step,
      CASE WHEN adult IS NULL THEN 'birth' WHEN NOT adult THEN 'younger' WHEN level = 'none' THEN 'none'
        WHEN ck_elevated IS NOT TRUE THEN CASE WHEN ck_elevated IS FALSE THEN 'not_raised'
          WHEN measured THEN 'unknown_ck' ELSE 'no_ck' END
        WHEN picture IS NOT TRUE THEN 'no_picture' WHEN better_explained THEN why END AS reason,
      level, sum(people)::BIGINT
    FROM (SELECT {asked} - p.birth_high >= {ADULT_YEARS * 365.2425} AS adult, coalesce(l.level, 'none') AS level,
        l.ck_elevated, l.picture, l.better_explained, l.why, l.measured, count(*) AS people
      FROM people p LEFT JOIN (SELECT patient, level, ck_elevated, picture, better_explained,
          CASE {first_reason} END AS why,
          patient IN (SELECT patient FROM events WHERE concept = 'creatine_kinase_total') AS measured
        FROM levels) l USING (patient) GROUP BY ALL)
    GROUP BY ALL ORDER BY ALL"""
    return [Group(*row) for row in connection.execute(query).fetchall()]


def funnel(found: list[Group], report: Report, min_level: str) -> list[FunnelStep]:
    """The steps from everyone in the source to the list."""
    steps = [_step("read", report.read), _step("assessed", report.assessed, dict(report.skipped))]
    for name in _CHAIN:
        out = _sums([group for group in found if group.step == name])
        steps.append(_step(name, steps[-1].people - sum(out.values()), _said(out)))
    listed = [group for group in found if program.RANK[group.level] >= program.RANK[min_level]]
    left = _sums([msgspec.structs.replace(g, reason="below") for g in found if g.step is None and g not in listed])
    joined = _sums([msgspec.structs.replace(g, reason=f"joined_{g.step}") for g in listed if g.step is not None])
    steps.append(_step("listed", sum(group.people for group in listed), _said(left), _said(joined)))
    return steps


def _sums(found: list[Group]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for group in found:
        reason = group.reason or "other"
        sums[reason] = sums.get(reason, 0) + group.people
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _said(sums: dict[str, int]) -> dict[str, int]:
    """The same with the reasons in words."""
    return {RULES[id].label if id in RULES else say(f"population.funnel.out_{id}"): n for id, n in sums.items()}


def _step(
    step: str, people: int, left_out: dict[str, int] | None = None, joined: dict[str, int] | None = None
) -> FunnelStep:
    return FunnelStep(step, say(f"population.funnel.{step}"), people, left_out or {}, joined or {})
