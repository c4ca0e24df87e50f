"""Definitions as one staged query over the events of many patients.

The query reads two tables: *events* (``EVENT_COLUMNS``; unknown bounds are infinite, never null) and *index rows*
(patient, as_of). Its result has a row for every index row: a truth is TRUE, FALSE or NULL, a number or a day is two
columns, ``<id>__low`` and ``<id>__high``.

How it is staged. The chain of tables ``_p0``, ``_p1`` ... holds a row for every index row and ever more columns. A
*scan* reads the events once and makes every reduction that needs only columns already in the chain; a *layer* adds
columns made of columns. A place in the chain is (scan, layer). Which rows are members of a series is a pair of flags
of the row, surely and possibly, so that every reduction is two aggregates and SQL's skipping of NULL in aggregates
never meets a truth.

The tree is built with sqlglot from constructs that DuckDB, Spark and PostgreSQL share; days are numbers, so there is
no date arithmetic. What differs between them is ``_MATERIALIZED``; what others lack is in ``dialects``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from sqlglot import exp

from . import nodes as n
from .dialects import suited
from .event import Event
from .program import in_order

EVENT_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("concept", "concept", "VARCHAR"),
    ("start", "start_day", "DOUBLE"),
    ("end", "end_day", "DOUBLE"),
    ("known", "known_day", "DOUBLE"),
    ("low", "low", "DOUBLE"),
    ("high", "high", "DOUBLE"),
    ("times_low", "times_low", "DOUBLE"),
    ("times_high", "times_high", "DOUBLE"),
    ("truth", "truth", "BOOLEAN"),
    ("grade", "grade", "VARCHAR"),
    ("detail", "detail", "VARCHAR"),
    ("uln", "uln", "DOUBLE"),
    ("ref", "ref", "VARCHAR"),
    ("text", "text", "VARCHAR"),
)
"""The events table: field of ``Event``, column, type. Before these stands ``patient``."""

UNREAD = ("uln", "ref", "text")
"""Columns of the events that no query reads; they are for the proof."""


def event_row(patient: str, event: Event) -> tuple[Any, ...]:
    """An event as a row of the events table."""
    return (patient, *_FIELDS_OF_EVENT(event))


_FIELDS_OF_EVENT = attrgetter(*(field for field, _, _ in EVENT_COLUMNS))


def columns_of(id: str, node: n.Value) -> tuple[str, ...]:
    """The columns of a definition in the result."""
    return (id,) if node.kind == "truth" else (f"{id}__low", f"{id}__high")


def compile_sql(
    definitions: Mapping[str, n.Value],
    dialect: str = "duckdb",
    events_table: str = "events",
    index_table: str = "index_rows",
    pretty: bool = False,
) -> str:
    """The query as text. Raises DefinitionError as ``Program`` does, ValueError for an id that cannot be a column."""
    return query(definitions, dialect, events_table, index_table).sql(dialect, pretty=pretty, copy=False)


def query(
    definitions: Mapping[str, n.Value],
    dialect: str = "duckdb",
    events_table: str = "events",
    index_table: str = "index_rows",
) -> exp.Select:
    """The query as a tree."""
    for id in definitions:
        if id.startswith("_") or id.lower() in _KEYS:
            raise ValueError(f"a definition cannot be called {id!r} in a query: the name is taken")
    # Parts that stand in several places are one object while the tree is made; the copy makes them separate.
    tree = _Chain(definitions, events_table, index_table).query(dialect in _MATERIALIZED).copy()
    return suited(tree, dialect)


_MATERIALIZED = ("duckdb", "postgres")
"""Dialects in which the tables of the chain are marked AS MATERIALIZED: their planners would otherwise put each layer's
expressions into the next, which grows with every layer (measured on DuckDB 2.0: 19 of 21 s for 300 rules)."""


# ---------------------------------------------------------------- small trees

_E = TypeVar("_E", bound=exp.Expr)


def _double(number: float) -> exp.Expr:
    text = {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(number, repr(float(number)))
    return exp.Cast(this=exp.Literal.string(text), to=exp.DataType(this=exp.DType.DOUBLE))


def _infinity() -> exp.Expr:
    return _double(float("inf"))


def _minus_infinity() -> exp.Expr:
    return _double(float("-inf"))


def _whole(number: int) -> exp.Expr:
    literal = exp.Literal.number(abs(number))
    return literal if number >= 0 else exp.Neg(this=literal)


def _null_truth() -> exp.Expr:
    return exp.Cast(this=exp.null(), to=exp.DataType(this=exp.DType.BOOLEAN))


def _truth(value: bool | None) -> exp.Expr:
    return _null_truth() if value is None else exp.true() if value else exp.false()


def _column(name: str, table: str) -> exp.Expr:
    return exp.column(name, table=table, quoted=True)


def _group(part: exp.Expr) -> exp.Expr:
    return exp.Paren(this=part) if isinstance(part, exp.Binary | exp.Not | exp.Neg) else part


def _binary(kind: type[exp.Binary], left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return kind(this=_group(left), expression=_group(right))


def _balanced(kind: type[exp.Binary], parts: Sequence[exp.Expr]) -> exp.Expr:
    """The parts joined as a shallow tree, so that a hundred of them are not a hundred levels."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return _binary(kind, _balanced(kind, parts[:half]), _balanced(kind, parts[half:]))


def _and(*parts: exp.Expr) -> exp.Expr:
    return _balanced(exp.And, parts)


def _or(*parts: exp.Expr) -> exp.Expr:
    return _balanced(exp.Or, parts)


def _not(part: exp.Expr) -> exp.Expr:
    return exp.Not(this=_group(part))


def _plus(parts: Sequence[exp.Expr]) -> exp.Expr:
    """Added from left to right, as *evaluate* does."""
    return reduce(lambda left, right: exp.Add(this=left, expression=_group(right)), parts)


def _minus(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    return _binary(exp.Sub, left, right)


def _is_null(part: exp.Expr) -> exp.Expr:
    return exp.Is(this=part, expression=exp.null())


def _in(part: exp.Expr, names: Iterable[str]) -> exp.Expr:
    literals = [exp.Literal.string(name) for name in dict.fromkeys(names)]
    return exp.In(this=part, expressions=literals) if literals else exp.false()


def _coalesce(part: exp.Expr, default: exp.Expr) -> exp.Expr:
    return exp.Coalesce(this=part, expressions=[default])


def _case(*whens: tuple[exp.Expr, exp.Expr], default: exp.Expr | None = None) -> exp.Expr:
    return exp.Case(ifs=[exp.If(this=when, true=then) for when, then in whens], default=default)


def _greatest(parts: Sequence[exp.Expr]) -> exp.Expr:
    """The greatest of what is never null (sqlglot guards against nulls otherwise)."""
    return parts[0] if len(parts) == 1 else exp.Greatest(this=parts[0], expressions=list(parts[1:]), ignore_nulls=True)


def _least(parts: Sequence[exp.Expr]) -> exp.Expr:
    return parts[0] if len(parts) == 1 else exp.Least(this=parts[0], expressions=list(parts[1:]), ignore_nulls=True)


def _named(part: exp.Expr, name: str) -> exp.Expr:
    return exp.Alias(this=part, alias=exp.to_identifier(name, quoted=True))


def _table(name: str, alias: str) -> exp.Expr:
    """One of our own tables under an alias."""
    return exp.alias_(exp.Table(this=exp.to_identifier(name, quoted=True)), alias, table=True, quoted=True)


def _given(name: str, alias: str) -> exp.Expr:
    """A table of the caller's, perhaps with its schema, under an alias."""
    return exp.alias_(exp.to_table(name), alias, table=True, quoted=True)


def _all_of_p() -> exp.Expr:
    return exp.Column(this=exp.Star(), table=exp.to_identifier("p", quoted=True))


def _select(
    columns: Iterable[exp.Expr],
    source: exp.Expr,
    *joins: tuple[exp.Expr, exp.Expr, str],
    where: exp.Expr | None = None,
    group: Iterable[exp.Expr] = (),
) -> exp.Select:
    """SELECT columns FROM source JOIN (table, condition, side) ...; sqlglot's own builders copy at every step."""
    select = exp.Select(expressions=list(columns), from_=exp.From(this=source))
    select.set("joins", [exp.Join(this=table, on=on, side=side or None) for table, on, side in joins])
    if where is not None:
        select.set("where", exp.Where(this=where))
    if group:
        select.set("group", exp.Group(expressions=list(group)))
    return select


def _nested(select: exp.Select, alias: str) -> exp.Expr:
    return exp.Subquery(this=select, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def _same(left: str, right: str, names: Iterable[str]) -> exp.Expr:
    return _and(*(exp.EQ(this=_column(name, left), expression=_column(name, right)) for name in names))


# ---------------------------------------------------------------- cells and flags

Place = tuple[int, int]
"""(scan, layer) in the chain of patient tables."""

_KEYS = ("patient", "as_of")
_SPAN = ("start_day", "end_day")
_FIELDS = {"value": ("low", "high"), "times_uln": ("times_low", "times_high")}
_COMPARE: dict[str, type[exp.Binary]] = {">=": exp.GTE, ">": exp.GT, "<=": exp.LTE, "<": exp.LT}
_OPPOSITE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
_INLINE = 24
"""An expression larger than this becomes a column, so that what uses it twice does not grow with its depth."""


class _Cell(NamedTuple):
    """A patient value: where in the chain it can be read, how large it is, and its one or two expressions."""

    place: Place
    size: int
    trees: tuple[exp.Expr, ...]

    def on_rows(self) -> _Cell:
        """As it is read beside an event row: what is known before any scan (the as-of date) stands there too."""
        if self.place > (0, 0):
            return self
        trees = [tree.copy() for tree in self.trees]
        for column in [column for tree in trees for column in tree.find_all(exp.Column)]:
            column.set("table", exp.to_identifier("e", quoted=True))
        return self._replace(trees=tuple(trees))

    @property
    def truth(self) -> exp.Expr:
        return self.trees[0]

    @property
    def low(self) -> exp.Expr:
        return self.trees[0]

    @property
    def high(self) -> exp.Expr:
        return self.trees[1]


@dataclass
class _Flags:
    """The conditions on an event row to be a sure and a possible member, from which place on they can be asked, and
    which tables of near events they read."""

    place: Place
    sure: exp.Expr
    possible: exp.Expr
    near: tuple[str, ...] = ()


@dataclass
class _Scan:
    """One reading of the events: flags by (series, role), aggregates by (function, column, flag)."""

    flags: dict[str, _Flags] = field(default_factory=dict)
    aggregates: dict[tuple[str, str, str], str] = field(default_factory=dict)


@dataclass
class _Near:
    """The days of a series that have an event of the other near them (``NotNear``)."""

    name: str
    series: _Flags
    other: _Flags
    before: float
    after: float


def _later(*places: Place) -> Place:
    return max(places, default=(0, 0))


# ---------------------------------------------------------------- the chain


class _Chain:
    def __init__(self, definitions: Mapping[str, n.Value], events_table: str, index_table: str) -> None:
        self.wanted, self.definitions = definitions, in_order(definitions)
        self.events_table, self.index_table = events_table, index_table
        self.concepts: set[str] = set()
        self.cells: dict[n.Value, _Cell] = {}
        self.members: dict[n.Series, _Flags] = {}
        self.flag_names: dict[tuple[n.Series, str], str] = {}
        self.scans: dict[int, _Scan] = {}
        self.layers: dict[Place, list[exp.Expr]] = {}
        self.nears: dict[Place, list[_Near]] = {}
        self.count = 0
        self.named: dict[str, _Cell] = {}
        referred = {ref for node in self.definitions.values() for ref in n.refs_of(node)}
        for id, node in self.definitions.items():
            cell = self.cell(node)
            self.named[id] = self.settled(cell, columns_of(id, node)) if id in referred else cell

    def new_name(self, letter: str) -> str:
        self.count += 1
        return f"_{letter}{self.count}"

    # ------------------------------------------------ patient values

    def cell(self, node: n.Value) -> _Cell:
        if isinstance(node, n.Ref):
            return self.named.get(node.id) or _Cell((0, 0), 1, _unknown(node.of))
        if node not in self.cells:
            cell = _CELLS[type(node)](self, node)
            if cell.size > _INLINE:
                cell = self.settled(cell, tuple(self.new_name("v") for _ in cell.trees))
            self.cells[node] = cell
        return self.cells[node]

    def settled(self, cell: _Cell, names: tuple[str, ...]) -> _Cell:
        """The cell as columns of a further layer; as it is if it is small."""
        if cell.size <= 1:
            return cell
        place = (cell.place[0], cell.place[1] + 1)
        self.layers.setdefault(place, []).extend(map(_named, cell.trees, names))
        return _Cell(place, 1, tuple(_column(name, "p") for name in names))

    def combined(self, node_parts: Sequence[_Cell], *trees: exp.Expr, extra: int = 4) -> _Cell:
        """A cell made of others."""
        size = extra * len(node_parts) + sum(part.size for part in node_parts)
        return _Cell(_later(*(part.place for part in node_parts)), size, trees)

    # ------------------------------------------------ members of series

    def flags(self, series: n.Series) -> _Flags:
        if series not in self.members:
            self.members[series] = _FLAGS[type(series)](self, series)
        return self.members[series]

    def near(self, node: n.NotNear) -> _Near:
        near = _Near(
            self.new_name("near"),
            self.flags(node.series),
            self.flags(node.other),
            node.before.number,
            node.after.number,
        )
        self.nears.setdefault(_later(near.series.place, near.other.place), []).append(near)
        return near

    def flag(self, series: n.Series, role: str) -> tuple[int, str]:
        """The scan and the column in which a row says whether it has this role in the series."""
        base = self.flags(series)
        if role in _RANKS:
            flags, tree = base, _RANKS[role](base)
        elif role in ("sure", "possible"):
            flags = base
            tree = base.sure if role == "sure" else base.possible
            if role == "possible" and tree is base.sure:
                role = "sure"
        else:
            flags, tree = self._turn(series, role)
        scan = flags.place[0] + 1
        name = self.flag_names.get((series, role))
        if name is None:
            name = self.flag_names[series, role] = self.new_name("f")
            found = self.scans.setdefault(scan, _Scan())
            found.flags[name] = _Flags(flags.place, tree, tree, flags.near)
        return scan, name

    def _turn(self, series: n.Series, role: str) -> tuple[_Flags, exp.Expr]:
        """Tied on the last (first) day, or another that can lie on it; see ``Newest`` and ``First``."""
        base, last = self.flags(series), role.endswith("last")
        day = self.turn_day(series, last)
        tied = _tied(base, day)
        if role.startswith("tied"):
            tree = tied
        elif last:
            tree = _and(base.possible, exp.GTE(this=_column("end_day", "e"), expression=day.low), _not(tied))
        else:
            tree = _and(base.possible, exp.LTE(this=_column("start_day", "e"), expression=day.low), _not(tied))
        return _Flags(_later(base.place, day.place), tree, tree, base.near), tree

    def turn_day(self, series: n.Series, last: bool) -> _Cell:
        """The greatest start (least end) of the sure members; infinite if there is none."""
        if last:
            day = self.aggregate("max", "start_day", series, "sure")
            return _Cell(day.place, 1, (_coalesce(day.low, _minus_infinity()),))
        day = self.aggregate("min", "end_day", series, "sure")
        return _Cell(day.place, 1, (_coalesce(day.low, _infinity()),))

    def aggregate(self, function: str, column: str, series: n.Series, role: str) -> _Cell:
        """An aggregate over the rows with a role in the series; null if there is none (a count: 0)."""
        scan, flag = self.flag(series, role)
        return self._aggregate(scan, (function, column, flag))

    def greatest_rank(self, series: n.Series, role: str) -> _Cell:
        """The greatest rank that a row has; null if no row has one."""
        scan, flag = self.flag(series, role)
        return self._aggregate(scan, ("max", flag, ""))

    def _aggregate(self, scan: int, key: tuple[str, str, str]) -> _Cell:
        names = self.scans[scan].aggregates
        name = names.setdefault(key, f"_a{len(names) + 1}_{scan}")
        return _Cell((scan, 0), 1, (_column(name, "p"),))

    # ------------------------------------------------ the tables

    def query(self, materialized: bool) -> exp.Select:
        tables: list[tuple[str, exp.Select]] = []
        if self.scans:
            tables.append(("_events", self._events()))
        current = "_p0"
        tables.append((current, _select(self._keys("i"), _given(self.index_table, "i"))))
        places = {(scan, 0) for scan in self.scans} | set(self.layers) | set(self.nears)
        chained: list[str] = []
        for place in sorted(places):
            if place[0] and place[1] == 0:
                scan = self.scans[place[0]]
                tables.extend(self._scan_tables(place[0], current, chained, len(tables), materialized))
                chained += scan.aggregates.values()
                current = tables[-1][0]
            if place in self.layers:
                layer = _select([_all_of_p(), *self.layers[place]], _table(current, "p"))
                tables.append((f"_p{len(tables)}", layer))
                chained += [column.alias for column in self.layers[place]]
                current = tables[-1][0]
            for near in self.nears.get(place, ()):
                tables.extend(self._near_tables(near, current))
        result = _select([*self._keys("p"), *self._result()], _table(current, "p"))
        return _with(result, tables, materialized)

    def _keys(self, table: str) -> list[exp.Expr]:
        return [_column(name, table) for name in _KEYS]

    def _result(self) -> list[exp.Expr]:
        return [
            _named(tree, name)
            for id, node in self.wanted.items()
            for tree, name in zip(self.named[id].trees, columns_of(id, node), strict=True)
        ]

    def _events(self) -> exp.Select:
        """The events that any definition reads, as known on each index row's date; a row of nulls where none is."""
        read = [column for _, column, _ in EVENT_COLUMNS if column not in ("known_day", *UNREAD)]
        known = _and(
            _same("v", "i", ("patient",)),
            exp.LTE(this=_column("known_day", "v"), expression=_column("as_of", "i")),
            _in(_column("concept", "v"), sorted(self.concepts)),
        )
        columns = [*self._keys("i"), *(_column(name, "v") for name in read)]
        return _select(columns, _given(self.index_table, "i"), (_given(self.events_table, "v"), known, "LEFT"))

    def _flagged(
        self, flags: Mapping[str, _Flags], columns: Iterable[str], current: str, chained: Sequence[str] = ()
    ) -> exp.Select:
        """The events with their flags as columns, and these columns of the chain. Beside the chain stand only events
        that can have a flag; as in *_events*, what has none of them has a row of nulls."""
        named = [_named(flag.sure, name) for name, flag in flags.items()]
        taken = [_column(name, "p") for name in chained]
        source, joins = "e", []
        table = _table("_events", "e")
        if chained or any(flag.place > (0, 0) for flag in flags.values()):
            able = _in(_column("concept", "e"), sorted(_concepts(flags)))
            source, joins = "p", [(table, _and(_same("e", "p", _KEYS), able), "LEFT")]
            table = _table(current, "p")
        for near in sorted({name for flag in flags.values() for name in flag.near}):
            joins.append((_table(near, near), _same(near, "e", (*_KEYS, *_SPAN)), "LEFT"))
        read = [*self._keys(source), *(_column(name, "e") for name in columns), *named, *taken]
        return _select(read, table, *joins)

    def _scan_tables(
        self, number: int, current: str, chained: Sequence[str], made: int, materialized: bool
    ) -> list[tuple[str, exp.Select]]:
        """The next table of the chain, with what a reading of the events adds.

        Where tables are kept it is the last one joined to the scan. Elsewhere a table that is named twice is computed
        twice, and four scans would compute the first sixteen times: there the columns so far go through the scan.
        """
        scan = self.scans[number]
        found = [_named(_filtered(*key), name) for key, name in scan.aggregates.items()]
        columns = sorted({column for _, column, flag in scan.aggregates if flag})
        if not materialized:
            carried = [_named(exp.AnyValue(this=_column(name, "f")), name) for name in chained]
            rows = _nested(self._flagged(scan.flags, columns, current, chained), "f")
            return [(f"_p{made}", _select([*self._keys("f"), *carried, *found], rows, group=self._keys("f")))]
        rows = _nested(self._flagged(scan.flags, columns, current), "f")
        scanned = f"_scan{number}"
        joined = [_all_of_p(), *(_column(name, "s") for name in scan.aggregates.values())]
        same = _same("s", "p", _KEYS)
        return [
            (scanned, _select([*self._keys("f"), *found], rows, group=self._keys("f"))),
            (f"_p{made + 1}", _select(joined, _table(current, "p"), (_table(scanned, "s"), same, ""))),
        ]

    def _near_tables(self, near: _Near, current: str) -> list[tuple[str, exp.Select]]:
        """By day of the series, whether an event of the other is surely near; a day without a row has none near."""
        flags = {
            "_member": _Flags(near.series.place, near.series.possible, near.series.possible, near.series.near),
            "_sure": _Flags(near.other.place, near.other.sure, near.other.sure, near.other.near),
            "_possible": _Flags(near.other.place, near.other.possible, near.other.possible, near.other.near),
        }
        rows = f"{near.name}_rows"
        keys = (*_KEYS, *_SPAN)
        days = _select([_column(name, "r") for name in keys], _table(rows, "r"), where=_column("_member", "r"))
        days.set("distinct", exp.Distinct())
        read = [_column(name, "r") for name in (*keys, "_sure")]
        others = _select(read, _table(rows, "r"), where=_column("_possible", "r"))
        before, after = _double(near.before), _double(near.after)
        start, end, other_start, other_end = (_column(name, table) for table in "do" for name in _SPAN)
        possibly = _and(
            _same("o", "d", _KEYS),
            exp.GTE(this=other_end, expression=_minus(start, before)),
            exp.LTE(this=other_start, expression=exp.Add(this=end, expression=after)),
        )
        surely = _and(
            _column("_sure", "o"),
            exp.GTE(this=other_start, expression=_minus(end, before)),
            exp.LTE(this=other_end, expression=exp.Add(this=start, expression=after)),
        )
        found = _named(exp.Max(this=_case((surely, _whole(1)), default=_whole(0))), "surely")
        group = [_column(name, "d") for name in keys]
        table = _select([*group, found], _nested(days, "d"), (_nested(others, "o"), possibly, ""), group=group)
        return [(rows, self._flagged(flags, _SPAN, current)), (near.name, table)]


def _with(select: exp.Select, tables: Iterable[tuple[str, exp.Select]], materialized: bool) -> exp.Select:
    """The select with these tables before it. Set as a whole, because adding one at a time copies all before it."""
    ctes = []
    for name, table in tables:
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        kept = {"materialized": True} if materialized and name.startswith("_p") else {}
        ctes.append(exp.CTE(this=table, alias=alias, **kept))
    select.set("with_", exp.With(expressions=ctes))
    return select


def _filtered(function: str, column: str, flag: str) -> exp.Expr:
    """CASE within the aggregate, not FILTER behind it: five times as fast on DuckDB, and understood everywhere."""
    kinds: dict[str, Callable[..., exp.Expr]] = {"max": exp.Max, "min": exp.Min, "count": exp.Count}
    value = _column(column, "f")
    return kinds[function](this=_case((_column(flag, "f"), value)) if flag else value)


def _concepts(flags: Mapping[str, _Flags]) -> set[str]:
    """Those that a row must have one of to get any of these flags."""
    lists = (found for flag in flags.values() for found in flag.sure.find_all(exp.In))
    return {name.this for found in lists if found.this.name == "concept" for name in found.expressions}


def _tied(flags: _Flags, day: _Cell) -> exp.Expr:
    """A sure member that lies on exactly that day."""
    return _and(flags.sure, *(exp.EQ(this=_column(name, "e"), expression=day.low) for name in _SPAN))


def _unknown(kind: n.Kind) -> tuple[exp.Expr, ...]:
    return (_null_truth(),) if kind == "truth" else (_minus_infinity(), _infinity())


# ---------------------------------------------------------------- series

_FLAGS: dict[type[n.Node], Callable[[_Chain, Any], _Flags]] = {}
_CELLS: dict[type[n.Node], Callable[[_Chain, Any], _Cell]] = {}

_R = TypeVar("_R")
_F = Callable[[_Chain, Any], _R]


def _flags_of(kind: type[n.Node]) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        _FLAGS[kind] = function
        return function

    return register


def _cell_of(*kinds: type[n.Node]) -> Callable[[Any], Any]:
    def register(function: Any) -> Any:
        _CELLS.update(dict.fromkeys(kinds, function))
        return function

    return register


def _narrowed(base: _Flags, sure: exp.Expr, possible: exp.Expr, place: Place = (0, 0)) -> _Flags:
    return _Flags(_later(base.place, place), _and(base.sure, sure), _and(base.possible, possible), base.near)


@_flags_of(n.Events)
def _events(chain: _Chain, node: n.Events) -> _Flags:
    chain.concepts.update(node.concepts)
    tree = _in(_column("concept", "e"), node.concepts)
    return _Flags((0, 0), tree, tree)


@_flags_of(n.Union)
def _union(chain: _Chain, node: n.Union) -> _Flags:
    parts = [chain.flags(part) for part in node.parts]
    return _Flags(
        _later(*(part.place for part in parts)),
        _or(*(part.sure for part in parts)),
        _or(*(part.possible for part in parts)),
        tuple(name for part in parts for name in part.near),
    )


@_flags_of(n.WithTruth)
def _with_truth(chain: _Chain, node: n.WithTruth) -> _Flags:
    stated = [_coalesce(_column("truth", "e"), _truth(default)) for default in (False, True)]
    sure, possible = stated if node.truth else (_not(stated[1]), _not(stated[0]))
    return _narrowed(chain.flags(node.series), sure, possible)


def _stated(column: str, names: tuple[str, ...]) -> tuple[exp.Expr, exp.Expr]:
    """Whether the row states one of these, and whether it states one of these or nothing; never null."""
    stated = _column(column, "e")
    nothing = _is_null(stated)
    one = _and(_not(nothing), _in(stated, names))
    return one, _or(nothing, one)


@_flags_of(n.WithGrade)
def _with_grade(chain: _Chain, node: n.WithGrade) -> _Flags:
    return _narrowed(chain.flags(node.series), *_stated("grade", node.grades))


@_flags_of(n.WithoutGrade)
def _without_grade(chain: _Chain, node: n.WithoutGrade) -> _Flags:
    one, _ = _stated("grade", node.grades)
    return _narrowed(chain.flags(node.series), _not(one), _not(one))


@_flags_of(n.WithDetail)
def _with_detail(chain: _Chain, node: n.WithDetail) -> _Flags:
    return _narrowed(chain.flags(node.series), *_stated("detail", node.details))


def _three_valued(op: str, left: tuple[Any, Any], right: tuple[Any, Any]) -> tuple[exp.Expr, exp.Expr]:
    """When the comparison of two intervals is surely true, and when it is surely false (``interval.compare``)."""
    (a_low, a_high), (b_low, b_high) = left, right
    upward = op in (">=", ">")
    sure = (a_low, b_high) if upward else (a_high, b_low)
    never = (a_high, b_low) if upward else (a_low, b_high)
    return (
        _COMPARE[op](this=_group(sure[0]), expression=_group(sure[1])),
        _COMPARE[_OPPOSITE[op]](this=_group(never[0]), expression=_group(never[1])),
    )


@_flags_of(n.ValueIs)
def _value_is(chain: _Chain, node: n.ValueIs) -> _Flags:
    bound = chain.cell(node.bound).on_rows()
    low, high = (_column(name, "e") for name in _FIELDS[node.field])
    sure, never = _three_valued(node.op, (low, high), (bound.low, bound.high))
    return _narrowed(chain.flags(node.series), sure, _not(never), bound.place)


@_flags_of(n.InWindow)
def _in_window(chain: _Chain, node: n.InWindow) -> _Flags:
    anchor = chain.cell(node.anchor).on_rows()
    start, end = (_column(name, "e") for name in _SPAN)
    sure: list[exp.Expr] = []
    possible: list[exp.Expr] = []
    if node.first is not None:
        first = _double(node.first.number)
        sure.append(exp.GTE(this=start, expression=_plus([anchor.high, first])))
        possible.append(exp.GTE(this=end, expression=_plus([anchor.low, first])))
    if node.last is not None:
        last = _double(node.last.number)
        sure.append(exp.LTE(this=end, expression=_plus([anchor.low, last])))
        possible.append(exp.LTE(this=start, expression=_plus([anchor.high, last])))
    return _narrowed(chain.flags(node.series), _and(*sure), _and(*possible), anchor.place)


@_flags_of(n.NotNear)
def _not_near(chain: _Chain, node: n.NotNear) -> _Flags:
    near = chain.near(node)
    surely = _column("surely", near.name)
    none = _is_null(surely)
    not_surely = exp.EQ(this=_coalesce(surely, _whole(0)), expression=_whole(0))
    found = _narrowed(near.series, none, not_surely, near.other.place)
    found.near = (*near.series.near, near.name)
    return found


@_flags_of(n.Newest)
def _newest(chain: _Chain, node: n.Newest) -> _Flags:
    base = chain.flags(node.series)
    day = chain.turn_day(node.series, last=True)
    members = chain.aggregate("count", "concept", node.series, "possible")
    others = chain.aggregate("count", "concept", node.series, "other_last")
    tied = _and(
        *(exp.EQ(this=_column(name, "e"), expression=day.low) for name in _SPAN),
        exp.EQ(this=others.low, expression=_whole(0)),
    )
    alone = exp.EQ(this=members.low, expression=_whole(1))
    possible = exp.GTE(this=_column("end_day", "e"), expression=day.low)
    return _narrowed(base, _or(tied, alone), possible, _later(day.place, others.place))


# ---------------------------------------------------------------- reductions


def _rank_exists(flags: _Flags) -> exp.Expr:
    """2 for a sure member, 1 for another possible one."""
    return _case((flags.sure, _whole(2)), (flags.possible, _whole(1)))


def _rank_recorded(flags: _Flags) -> exp.Expr:
    """3 for a sure member that is true, 2 for a possible one that may be, 1 for a sure one that is false."""
    true, not_false = (_coalesce(_column("truth", "e"), _truth(default)) for default in (False, True))
    return _case(
        (_and(flags.sure, true), _whole(3)),
        (_and(flags.possible, not_false), _whole(2)),
        (_and(flags.sure, _not(not_false)), _whole(1)),
    )


_RANKS: dict[str, Callable[[_Flags], exp.Expr]] = {"exists": _rank_exists, "recorded": _rank_recorded}
"""What a row says, as a number whose greatest decides: one aggregate instead of two or three."""


def _ranked(chain: _Chain, series: n.Series, role: str, verdicts: Sequence[bool | None], silence: bool | None) -> _Cell:
    """The verdict of the greatest rank (the first is that of the highest), or of silence."""
    rank = chain.greatest_rank(series, role)
    whens = [
        (exp.EQ(this=rank.low, expression=_whole(len(verdicts) - place)), _truth(verdict))
        for place, verdict in enumerate(verdicts)
    ]
    return chain.combined([rank], _case(*whens, default=_truth(silence)), extra=4 * len(verdicts))


@_cell_of(n.Exists)
def _exists(chain: _Chain, node: n.Exists) -> _Cell:
    return _ranked(chain, node.series, "exists", (True, None), False)


@_cell_of(n.Recorded)
def _recorded(chain: _Chain, node: n.Recorded) -> _Cell:
    return _ranked(chain, node.series, "recorded", (True, None, False), node.silence)


@_cell_of(n.Count)
def _count(chain: _Chain, node: n.Count) -> _Cell:
    counts = [chain.aggregate("count", "concept", node.series, role) for role in ("sure", "possible")]
    return chain.combined(
        counts, *(exp.Cast(this=count.low, to=exp.DataType(this=exp.DType.DOUBLE)) for count in counts), extra=2
    )


def _if_any(sure: _Cell, low: exp.Expr, high: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    """The interval if there is a sure member, else unknown. ``sure``: an aggregate over the sure members."""
    return (
        _case((_is_null(sure.low), _minus_infinity()), default=low),
        _case((_is_null(sure.low), _infinity()), default=high),
    )


@_cell_of(n.Peak)
def _peak(chain: _Chain, node: n.Peak) -> _Cell:
    low, high = _FIELDS[node.field]
    sure = chain.aggregate("max", low, node.series, "sure")
    most = chain.aggregate("max", high, node.series, "possible")
    return chain.combined([sure, most], *_if_any(sure, sure.low, most.low))


@_cell_of(n.Trough)
def _trough(chain: _Chain, node: n.Trough) -> _Cell:
    low, high = _FIELDS[node.field]
    least = chain.aggregate("min", low, node.series, "possible")
    sure = chain.aggregate("min", high, node.series, "sure")
    return chain.combined([sure, least], *_if_any(sure, least.low, sure.low))


@_cell_of(n.Latest, n.First)
def _turn_value(chain: _Chain, node: n.Latest | n.First) -> _Cell:
    last = isinstance(node, n.Latest)
    low, high = _FIELDS[node.field]
    tied, other = ("tied_last", "other_last") if last else ("tied_first", "other_first")
    day = ("max", "start_day") if last else ("min", "end_day")
    sure = chain.aggregate(*day, node.series, "sure")
    tied_low, tied_high = (chain.aggregate("max", name, node.series, tied) for name in (low, high))
    other_low = chain.aggregate("min", low, node.series, other)
    other_high = chain.aggregate("max", high, node.series, other)
    least = _least([_coalesce(cell.low, _infinity()) for cell in (tied_low, other_low)])
    most = _greatest([_coalesce(cell.low, _minus_infinity()) for cell in (tied_high, other_high)])
    return chain.combined([sure, tied_low, tied_high, other_low, other_high], *_if_any(sure, least, most))


@_cell_of(n.FirstDay)
def _first_day(chain: _Chain, node: n.FirstDay) -> _Cell:
    least = chain.aggregate("min", "start_day", node.series, "possible")
    sure = chain.aggregate("min", "end_day", node.series, "sure")
    return chain.combined([sure, least], *_if_any(sure, least.low, sure.low))


@_cell_of(n.LastDay)
def _last_day(chain: _Chain, node: n.LastDay) -> _Cell:
    sure = chain.aggregate("max", "start_day", node.series, "sure")
    most = chain.aggregate("max", "end_day", node.series, "possible")
    return chain.combined([sure, most], *_if_any(sure, sure.low, most.low))


@_cell_of(n.SeenBy)
def _seen_by(chain: _Chain, node: n.SeenBy) -> _Cell:
    sure = chain.aggregate("min", "end_day", node.series, "sure")
    dated = exp.LT(this=sure.low, expression=_infinity())
    low, high = _case((dated, sure.low), default=_minus_infinity()), _coalesce(sure.low, _infinity())
    return chain.combined([sure], low, high)


@_cell_of(n.SpanDays)
def _span_days(chain: _Chain, node: n.SpanDays) -> _Cell:
    last, first = (chain.aggregate(*of, node.series, "sure") for of in (("max", "start_day"), ("min", "end_day")))
    most, least = (chain.aggregate(*of, node.series, "possible") for of in (("max", "end_day"), ("min", "start_day")))
    low, high = _greatest([_double(0), _minus(last.low, first.low)]), _minus(most.low, least.low)
    return chain.combined([last, first, most, least], *_if_any(last, low, high))


# ---------------------------------------------------------------- patient values


@_cell_of(n.Literal_)
def _literal(chain: _Chain, node: n.Literal_) -> _Cell:
    return _Cell((0, 0), 1, (_truth(node.truth),))


@_cell_of(n.Threshold)
def _threshold(chain: _Chain, node: n.Threshold) -> _Cell:
    return _Cell((0, 0), 1, (_double(node.number), _double(node.number)))


@_cell_of(n.AsOf)
def _as_of(chain: _Chain, node: n.AsOf) -> _Cell:
    return _Cell((0, 0), 1, (_column("as_of", "p"), _column("as_of", "p")))


@_cell_of(n.DaysBetween)
def _days_between(chain: _Chain, node: n.DaysBetween) -> _Cell:
    earlier, later = chain.cell(node.earlier), chain.cell(node.later)
    return chain.combined([earlier, later], _minus(later.low, earlier.high), _minus(later.high, earlier.low))


@_cell_of(n.Compare)
def _compare(chain: _Chain, node: n.Compare) -> _Cell:
    left, right = chain.cell(node.left), chain.cell(node.right)
    sure, never = _three_valued(node.op, (left.low, left.high), (right.low, right.high))
    return chain.combined([left, right], _case((sure, _truth(True)), (never, _truth(False))))


@_cell_of(n.All)
def _all(chain: _Chain, node: n.All) -> _Cell:
    parts = [chain.cell(part) for part in node.parts]
    return chain.combined(parts, _and(*(part.truth for part in parts)), extra=1)


@_cell_of(n.Any_)
def _any(chain: _Chain, node: n.Any_) -> _Cell:
    parts = [chain.cell(part) for part in node.parts]
    return chain.combined(parts, _or(*(part.truth for part in parts)), extra=1)


@_cell_of(n.Not)
def _not_value(chain: _Chain, node: n.Not) -> _Cell:
    part = chain.cell(node.part)
    return chain.combined([part], _not(part.truth), extra=1)


@_cell_of(n.Possibly)
def _possibly(chain: _Chain, node: n.Possibly) -> _Cell:
    part = chain.cell(node.part)
    return chain.combined([part], _coalesce(part.truth, _truth(True)), extra=2)


def _points(truth: exp.Expr, if_true: int, otherwise: int) -> exp.Expr:
    return _case((truth, _whole(if_true)), default=_whole(otherwise))


@_cell_of(n.AtLeast)
def _at_least(chain: _Chain, node: n.AtLeast) -> _Cell:
    parts = [chain.cell(part) for part in node.parts]
    sure = _plus([_points(part.truth, 1, 0) for part in parts])
    possible = _plus([_points(_not(part.truth), 0, 1) for part in parts])
    enough = exp.GTE(this=_group(sure), expression=_whole(node.n))
    never = exp.LT(this=_group(possible), expression=_whole(node.n))
    return chain.combined(parts, _case((enough, _truth(True)), (never, _truth(False))))


@_cell_of(n.Score)
def _score(chain: _Chain, node: n.Score) -> _Cell:
    parts = [chain.cell(item) for item, _ in node.items]
    points = [number for _, number in node.items]
    if_sure = [_points(part.truth, point, 0) for part, point in zip(parts, points, strict=True)]
    if_possible = [_points(_not(part.truth), 0, point) for part, point in zip(parts, points, strict=True)]
    low = [sure if point >= 0 else may for sure, may, point in zip(if_sure, if_possible, points, strict=True)]
    high = [may if point >= 0 else sure for sure, may, point in zip(if_sure, if_possible, points, strict=True)]
    return chain.combined(parts, *(_divided(_plus(total), node.divisor) for total in (low, high)))


def _divided(total: exp.Expr, divisor: int) -> exp.Expr:
    whole = exp.Cast(this=total, to=exp.DataType(this=exp.DType.DOUBLE))
    return whole if divisor == 1 else exp.Div(this=whole, expression=_double(divisor), typed=True)


@_cell_of(n.Scale)
def _scale(chain: _Chain, node: n.Scale) -> _Cell:
    part, factor = chain.cell(node.part), _double(node.factor.number)
    return chain.combined([part], *(_binary(exp.Mul, tree, factor) for tree in (part.low, part.high)))


@_cell_of(n.Sum)
def _sum(chain: _Chain, node: n.Sum) -> _Cell:
    parts = [chain.cell(part) for part in node.parts]
    return chain.combined(parts, _plus([part.low for part in parts]), _plus([part.high for part in parts]), extra=1)


@_cell_of(n.Greatest)
def _greatest_value(chain: _Chain, node: n.Greatest) -> _Cell:
    parts = [chain.cell(part) for part in node.parts]
    low, high = _greatest([part.low for part in parts]), _greatest([part.high for part in parts])
    return chain.combined(parts, low, high, extra=1)


@_cell_of(n.Bands)
def _bands(chain: _Chain, node: n.Bands) -> _Cell:
    part = chain.cell(node.part)
    edges, points = [edge.number for edge in node.edges], [point.number for point in node.points]
    not_above, above = (exp.LT, exp.GTE) if node.lower_closed else (exp.LTE, exp.GT)
    least: list[exp.Expr] = []
    most: list[exp.Expr] = []
    for place, point in enumerate(points):
        touched: list[exp.Expr] = []
        if place < len(edges):
            touched.append(not_above(this=_group(part.low), expression=_double(edges[place])))
        if place > 0:
            touched.append(above(this=_group(part.high), expression=_double(edges[place - 1])))
        least.append(_case((_and(*touched), _double(point)), default=_infinity()))
        most.append(_case((_and(*touched), _double(point)), default=_minus_infinity()))
    return chain.combined([part] * len(points), _least(least), _greatest(most), extra=8)


@_cell_of(n.IfElse)
def _if_else(chain: _Chain, node: n.IfElse) -> _Cell:
    condition, then, other = chain.cell(node.condition), chain.cell(node.then), chain.cell(node.other)
    if node.kind == "truth":
        agree = exp.EQ(this=_group(then.truth), expression=_group(other.truth))
        tree = _case((condition.truth, then.truth), (_not(condition.truth), other.truth), (agree, then.truth))
        return chain.combined([condition, then, other], tree)
    trees = [
        _case((condition.truth, yes), (_not(condition.truth), no), default=pick([yes, no]))
        for yes, no, pick in ((then.low, other.low, _least), (then.high, other.high, _greatest))
    ]
    return chain.combined([condition, then, other], *trees)
