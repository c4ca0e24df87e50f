"""What an SQL dialect lacks, and what stands for it: truths and infinities where there are none, names in capitals.

DuckDB, Spark, PostgreSQL and BigQuery take the query as ``sql`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

BEYOND = "1e300"
"""Stands for infinity in T-SQL, whose FLOAT has none: beyond every value, and far enough from the largest number that
adding days or doubling does not overflow."""

_PREDICATES = (exp.And, exp.Or, exp.Not, exp.EQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Is, exp.Boolean)


def suited(tree: exp.Select, dialect: str) -> exp.Select:
    """The query as that dialect can run it. The tree may be changed."""
    change = _CHANGES.get(dialect)
    return change(tree) if change else tree


def _snowflake(tree: exp.Select) -> exp.Select:
    """Names in capitals, as Snowflake keeps what was not quoted, but for the caller's own tables; its word for
    infinity."""
    for name in tree.find_all(exp.Identifier):
        if not isinstance(name.parent, exp.Table) or name.name.startswith("_"):
            name.set("this", name.name.upper())
    return _infinity_as(tree, "inf")


def _tsql(tree: exp.Select) -> exp.Select:
    """Truths as 1, 0 and NULL: T-SQL has conditions, but no value that is one."""
    for select in list(tree.find_all(exp.Select)):
        select.set("expressions", [_value(column) for column in select.expressions])
        for clause in [join for join in select.args.get("joins") or [] if join.args.get("on")]:
            clause.set("on", _condition(clause.args["on"]))
        if where := select.args.get("where"):
            where.set("this", _condition(where.this))
    return _infinity_as(tree, BEYOND)


def _infinity_as(tree: exp.Select, text: str) -> exp.Select:
    for literal in tree.find_all(exp.Literal):
        if literal.name in ("Infinity", "-Infinity") and isinstance(literal.parent, exp.Cast):
            literal.set("this", literal.name.replace("Infinity", text))
    return tree


def _value(part: exp.Expr) -> exp.Expr:
    """The expression where a value is wanted."""
    if isinstance(part, exp.Boolean):
        return exp.Literal.number(int(part.this))
    if isinstance(part, exp.Paren) and isinstance(part.this, _PREDICATES):
        return _value(part.this)
    if isinstance(part, _PREDICATES):
        holds = exp.If(this=_condition(part.copy()), true=exp.Literal.number(1))
        fails = exp.If(this=exp.Not(this=exp.Paren(this=_condition(part))), true=exp.Literal.number(0))
        return exp.Case(ifs=[holds, fails])
    if isinstance(part, exp.Case):
        for when in part.args["ifs"]:
            when.set("this", _condition(when.this))
            when.set("true", _value(when.args["true"]))
        if (default := part.args.get("default")) is not None:
            part.set("default", _value(default))
        return part
    if isinstance(part, exp.Cast) and isinstance(part.this, exp.Null) and part.to.this is exp.DType.BOOLEAN:
        return exp.Cast(this=exp.null(), to=exp.DataType(this=exp.DType.INT))
    if isinstance(part, exp.Select | exp.Subquery):
        return part
    return _with_parts(part, _value)


def _condition(part: exp.Expr) -> exp.Expr:
    """The expression where a condition is wanted."""
    if isinstance(part, exp.And | exp.Or | exp.Not | exp.Paren):
        return _with_parts(part, _condition)
    if isinstance(part, exp.Boolean):
        return exp.EQ(this=exp.Literal.number(1), expression=exp.Literal.number(int(part.this)))
    if isinstance(part, _PREDICATES):
        return _with_parts(part, _value)
    return exp.EQ(this=_value(part), expression=exp.Literal.number(1))


def _with_parts(part: exp.Expr, change: Callable[[exp.Expr], exp.Expr]) -> exp.Expr:
    for name, below in list(part.args.items()):
        if isinstance(below, exp.Expr) and not isinstance(below, exp.Identifier | exp.DataType):
            part.set(name, change(below))
        elif isinstance(below, list):
            part.set(name, [change(item) if isinstance(item, exp.Expr) else item for item in below])
    return part


_CHANGES: dict[str, Callable[[exp.Select], exp.Select]] = {"snowflake": _snowflake, "tsql": _tsql}
