"""What a script asks the catalog before and after a step: calls of `script_functions.sql`."""

from __future__ import annotations

from collections.abc import Sequence

from sql.quoting import literal
from sql.steps.step import (
    ConstraintGone,
    ConstraintStands,
    EndState,
    IndexGone,
    IndexStands,
    MigrationAt,
    StatisticsStand,
    Step,
    Verb,
)


def needed(step: Step) -> str:
    """An SQL expression: whether the step must run; raises where the database is not what the plan saw."""
    itself = _needed(step)
    if step.goal is None or step.goal == step.end:
        return itself
    return f"CASE WHEN {_stands(step.goal)} THEN false ELSE {itself} END"


def proved(step: Step) -> str:
    """An SQL expression that raises unless the catalog shows the step's end state."""
    end = step.end
    if isinstance(end, IndexStands):
        return _call("prove_index", *_index(end))
    if isinstance(end, IndexGone):
        return _call("prove_gone", end.schema, end.name, end.only_dead)
    if isinstance(end, ConstraintStands):
        return _call("prove_constraint", *_constraint(end), end.validated)
    if isinstance(end, ConstraintGone):
        return _call("prove_no_constraint", end.schema, end.table, end.name)
    if isinstance(end, StatisticsStand):
        return _call("prove_statistics", *_statistics(end))
    return _call("prove_revision", end.schema, end.table, end.revision)


def _needed(step: Step) -> str:
    end = step.end
    if isinstance(end, IndexStands):
        return f"NOT ({_stands(end)})" if step.verb is Verb.SWAP_INDEX else _call("lacks_index", *_index(end))
    if isinstance(end, IndexGone):
        if end.was is not None:
            return _call("may_drop_index", *_index(end.was))
        return _call("has_index", end.schema, end.name, end.only_dead)
    if isinstance(end, ConstraintStands):
        if step.verb is Verb.ADD_CONSTRAINT:
            return f"NOT {_call('has_constraint', *_constraint(end))}"
        return f"NOT {_stands(end)}"
    if isinstance(end, ConstraintGone):
        return _call("has_constraint", end.schema, end.table, end.name, end.definition)
    if isinstance(end, StatisticsStand):
        return f"NOT {_call('statistics_stand', *_statistics(end))}"
    return _call("lacks_revision", end.schema, end.table, end.before, end.revision)


def _stands(end: EndState) -> str:
    if isinstance(end, IndexStands):
        return f"pg_temp.pgdeck_index_state({_arguments(*_index(end))}) = 'stands'"
    if isinstance(end, ConstraintStands):
        return _call("constraint_stands", *_constraint(end), end.validated)
    if isinstance(end, MigrationAt):
        return f"NOT {_call('lacks_revision', end.schema, end.table, end.before, end.revision)}"
    raise TypeError(f"{type(end).__name__} is not a goal")


def _index(end: IndexStands) -> tuple[str, str, str, bool, str]:
    return end.schema, end.table, end.name, end.unique, end.tail


def _constraint(end: ConstraintStands) -> tuple[str, str, str, str]:
    return end.schema, end.table, end.name, end.definition


def _statistics(end: StatisticsStand) -> tuple[str, str, Sequence[str]]:
    return end.schema, end.table, end.indexes


def _call(function: str, *arguments: str | bool | Sequence[str]) -> str:
    return f"pg_temp.pgdeck_{function}({_arguments(*arguments)})"


def _arguments(*arguments: str | bool | Sequence[str]) -> str:
    return ", ".join(map(_argument, arguments))


def _argument(argument: str | bool | Sequence[str]) -> str:
    if isinstance(argument, bool):
        return str(argument).lower()
    if isinstance(argument, str):
        return literal(argument)
    return f"ARRAY[{', '.join(map(literal, argument))}]::text[]"
