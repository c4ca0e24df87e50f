"""A criteria set as a calculator: typed inputs, units, and one clear sentence for what cannot be used.

Every input may be left out, null or ``"unknown"``. Numbers become intervals, choices become the truths of the items
they stand for, CK with its unit and upper limit becomes the findings of CK.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from imnm.logic.evaluate import Result
from imnm.logic.event import day_number
from imnm.logic.interval import UNKNOWN, exactly

from ..evidence import evidence, threshold
from ..messages import has, say
from .model import CriteriaResult, CriteriaSet, Item, label

InputKind = Literal["truth", "number", "choice", "date"]
Given = bool | float | str | dt.date | list[str] | None


class InputError(ValueError):
    """An input that cannot be used; the message says which and why in one sentence."""


class Input(NamedTuple):
    """One input. ``low``/``high``: the range allowed (numbers). ``choices``: what each choice sets. ``many``: a list
    of choices may be given. ``aliases``: other spellings of a choice."""

    id: str
    kind: InputKind
    unit: str | None = None
    low: float | None = None
    high: float | None = None
    choices: Mapping[str, Mapping[str, Result]] = {}
    many: bool = False
    aliases: Mapping[str, str] = {}

    @property
    def label(self) -> str:
        """What is asked for."""
        key = f"criteria.input.{self.id}.label"
        return say(key) if has(key) else label(self.id)

    @property
    def help(self) -> str:
        """What exactly counts; empty if the label says all."""
        keys = (f"criteria.input.{self.id}.help", f"criteria.item.{self.id}.help")
        return next((say(key) for key in keys if has(key)), "")

    def choice_label(self, choice: str) -> str:
        """What a choice is called."""
        key = f"criteria.input.{self.id}.choice.{choice}"
        return say(key) if has(key) else choice.replace("_", " ")


Values = dict[str, Given]
Convert = Callable[[Values], dict[str, Any]]


class Calculator(NamedTuple):
    """One published calculator. ``criteria``: its set, or how the set follows from the inputs. ``convert``: what is
    computed from the inputs beyond their plain meaning. ``settled_by``: the inputs behind an item that is no input."""

    name: str
    inputs: tuple[Input, ...]
    criteria: Callable[[Values], CriteriaSet]
    convert: Convert | None = None
    settled_by: Mapping[str, tuple[str, ...]] = {}

    @property
    def title(self) -> str:
        """The name of the calculator."""
        return say(f"criteria.{self.name}.title")

    @property
    def about(self) -> str:
        """What it is for, and what it is not."""
        return say(f"criteria.{self.name}.about")

    def run(self, inputs: Mapping[str, object]) -> CriteriaResult:
        """The result for these inputs. Raises InputError for an input that does not exist or cannot be used."""
        values = self.checked(inputs)
        environment = self.environment(values)
        result = self.criteria(values).read(environment)
        result.missing = self._asked(result.missing, values)
        return result

    def checked(self, inputs: Mapping[str, object]) -> Values:
        """The inputs by id, each of its kind and in its range; what is left out is None."""
        known = {input_.id: input_ for input_ in self.inputs}
        for id in inputs:
            if id not in known:
                raise InputError(say("criteria.error.no_such_input", name=self.name, input=id, inputs=", ".join(known)))
        return {id: check(input_, inputs.get(id)) for id, input_ in known.items()}

    def environment(self, values: Values) -> dict[str, Result]:
        """The items that the inputs stand for."""
        found: dict[str, Result] = {}
        for input_ in self.inputs:
            found |= plain(input_, values[input_.id])
        found |= ck_items(values)
        if self.convert is not None:
            found |= self.convert(values)
        return found

    def _asked(self, missing: list[str], values: Values) -> list[str]:
        """The missing items as the inputs that would settle them: those not given, or else all of them."""
        settles: dict[str, tuple[str, ...]] = {**CK_SETTLED_BY, **self.settled_by}
        for input_ in self.inputs:
            settles |= {item: (input_.id,) for sets in input_.choices.values() for item in sets}
        asked: dict[str, None] = {}
        for item in missing:
            inputs = settles.get(item, (item,))
            asked |= dict.fromkeys([id for id in inputs if values[id] is None] or inputs)
        return list(asked)


# ---------------------------------------------------------------- checking one input


def check(input_: Input, value: object) -> Given:
    """The value, of the kind and in the range of the input; None if unknown. Raises InputError."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "unknown")):
        return None
    return _CHECKS[input_.kind](input_, value)


def _error(key: str, input_: Input, **values: str) -> InputError:
    return InputError(say(f"criteria.error.{key}", input=input_.id, **values))


def _truth(input_: Input, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _error("not_a_truth", input_)


def _number(input_: Input, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _error("not_a_number", input_, unit=f" ({input_.unit})" if input_.unit else "")
    low = -math.inf if input_.low is None else input_.low
    high = math.inf if input_.high is None else input_.high
    if not low <= value <= high:
        raise _error("out_of_range", input_, low=f"{low:,.10g}", high=f"{high:,.10g}")
    return value


def _choice(input_: Input, value: object) -> str | list[str]:
    if input_.many and isinstance(value, list):
        return [_one_choice(input_, part) for part in value]
    return _one_choice(input_, value)


def _one_choice(input_: Input, value: object) -> str:
    name = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value
    if isinstance(name, str) and input_.aliases.get(name, name) in input_.choices:
        return input_.aliases.get(name, name)
    raise _error("not_a_choice", input_, choices=", ".join(input_.choices))


def _date(input_: Input, value: object) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    try:
        return dt.date.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise _error("not_a_date", input_) from None


_CHECKS: Mapping[InputKind, Callable[[Input, object], Given]] = {
    "truth": _truth,
    "number": _number,
    "choice": _choice,
    "date": _date,
}


# ---------------------------------------------------------------- inputs as items


def plain(input_: Input, value: Given) -> dict[str, Result]:
    """What an input says by itself: an item of the same id, or the items its choice stands for."""
    if value is None:
        return {}
    if input_.kind == "choice":
        chosen = value if isinstance(value, list) else [str(value)]
        return _any_chosen([input_.choices[name] for name in chosen])
    if isinstance(value, dt.date):
        return {input_.id: exactly(day_number(value))}
    return {input_.id: value if isinstance(value, bool) else exactly(float(value))}  # type: ignore[arg-type]


def _any_chosen(sets: list[Mapping[str, Result]]) -> dict[str, Result]:
    """Several choices at once: a truth that any of them sets is set."""
    found: dict[str, Result] = {}
    for one in sets:
        found |= {id: True if found.get(id) is True else value for id, value in one.items()}
    return found


def one_of(prefix: str, names: tuple[str, ...], *more: str) -> dict[str, Mapping[str, Result]]:
    """Choices that set one truth and deny the others; ``more`` are choices that deny all."""
    return {
        chosen: {f"{prefix}{name}": name == chosen for name in names}
        for chosen in (*names, *more)
    }  # fmt: skip


# ---------------------------------------------------------------- CK

MICROKATAL = threshold(
    "u_l_per_microkatal", 60, "U/L", "one µkat/L of enzyme activity in U/L", evidence("primary", "kley2018")
)
UNITS: Mapping[str, float] = {"U/L": 1, "µkat/L": MICROKATAL.number}
UNIT_CHOICES: Mapping[str, Mapping[str, Result]] = {unit: {} for unit in UNITS}
UNIT_ALIASES = {"IU/L": "U/L", "ukat/L": "µkat/L", "\N{GREEK SMALL LETTER MU}kat/L": "µkat/L"}
CK_INPUTS = (
    Input("ck", "number", "U/L", 0, 1_000_000),
    Input("ck_unit", "choice", choices=UNIT_CHOICES, aliases=UNIT_ALIASES),
    Input("uln", "number", "U/L", 1e-9, 100_000),
    Input("uln_unit", "choice", choices=UNIT_CHOICES, aliases=UNIT_ALIASES),
)
CK_SETTLED_BY = {
    "ck_u_l": ("ck",),
    "ck_peak": ("ck",),
    "ck_elevated": ("ck", "uln"),
    "ck_times_uln": ("ck", "uln"),
    "ck_peak_times_uln": ("ck", "uln"),
}


def _in_units(value: Given, unit: Given) -> float | None:
    """A CK in U/L. Without a unit the one the input declares (U/L) holds."""
    if value is None:
        return None
    assert isinstance(value, int | float)
    return value * UNITS[str(unit or "U/L")]


def ck_items(values: Values) -> dict[str, Result]:
    """The findings of CK from its number, unit and the laboratory's upper limit; no limit, no multiple."""
    ck, uln = (_in_units(values.get(name), values.get(f"{name}_unit")) for name in ("ck", "uln"))
    if ck is None:
        return {}
    times = UNKNOWN if uln is None else exactly(ck / uln)
    found: dict[str, Result] = {"ck_peak": exactly(ck), "ck_u_l": exactly(ck)}
    if uln is not None:
        found |= {"ck_peak_times_uln": times, "ck_times_uln": times, "ck_elevated": ck > uln}
    return found


# ---------------------------------------------------------------- inputs from items


def inputs_of(criteria: CriteriaSet, *special: Input, without: frozenset[str] = frozenset()) -> tuple[Input, ...]:
    """The inputs of a set: its special ones, CK with unit and limit where CK is asked for, and one for each item that
    no special input sets. ``ck_elevated`` stays beside CK for a CK that is only said to be raised."""
    set_by_choice = {id for input_ in special for sets in input_.choices.values() for id in sets}
    asks_ck = any(item.id in CK_SETTLED_BY for item in criteria.items)
    plain_items = [
        item_input(item)
        for item in criteria.items
        if item.id not in set_by_choice | without and (item.id not in CK_SETTLED_BY or item.id == "ck_elevated")
    ]
    return (*special, *(CK_INPUTS if asks_ck else ()), *plain_items)


def item_input(item: Item) -> Input:
    """The input for one item."""
    if item.kind == "number":
        return Input(item.id, "number", item.unit, item.low, item.high)
    return Input(item.id, "truth" if item.kind == "truth" else "date")
