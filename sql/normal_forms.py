"""What an expression means to the connected server: its own planner prints it, without running anything.

`EXPLAIN (VERBOSE) SELECT (expression) FROM ONLY table` prints the expression after parsing and constant
folding. Two spellings that print alike mean the same there; it works on a standby and in a READ ONLY
transaction, assigns no transaction id and takes no more than AccessShareLock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sql.errors import ReadingError
from sql.quoting import qualified
from sql.relations import Relation
from sql.session import DEPARSE_SETTINGS, Session

BATCH = 400
"""Expressions in one EXPLAIN; a target list may hold 1664 (MaxTupleAttributeNumber)."""
CONSTANTS = frozenset({"true", "false", "NULL::boolean"})
CANNOT_TELL = frozenset({"42501", "55P03", "57014", "25006", "40001"})
"""SQLSTATEs that say nothing about the expression: privilege, lock, time limit, cancelled on a standby."""
NOT_APPLICABLE = "42"
"""Class of "undefined column", "undefined function", "type mismatch" … (errcodes.txt)."""


@dataclass(frozen=True)
class NormalForm:
    """How the server prints an expression; or why it would not."""

    text: str | None
    reason: str = ""
    """Why there is no text, a clause without a full stop."""
    applies: bool = True
    """False: the expression does not fit the table (no such column, function or operator)."""


@dataclass(frozen=True)
class Sameness:
    """Whether two expressions mean the same."""

    same: bool | None
    """None: it cannot be told here."""
    reason: str = ""
    """Where they differ or why it cannot be told; a clause without a full stop."""


async def normal_forms(
    session: Session, search_path: str, wanted: Mapping[Relation, Iterable[str]]
) -> dict[tuple[Relation, str], NormalForm]:
    """The normal form of each expression of each table.

    Args:
        search_path: under which all the expressions are read and printed.
        wanted: SQL expressions by the table whose columns they use.
    """
    settings = {
        **DEPARSE_SETTINGS,
        "search_path": search_path,
        "lock_timeout": "1000",
        "max_parallel_workers_per_gather": "0",
    }
    forms: dict[tuple[Relation, str], NormalForm] = {}
    for relation, expressions in wanted.items():
        distinct = list(dict.fromkeys(expressions))
        grant = relation.missing_grant(session.identity.user)
        if grant:
            refused = NormalForm(None, f"comparing expressions needs {grant}")
            forms.update({(relation, text): refused for text in distinct})
            continue
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            printed = await _explained(session, settings, relation, batch)
            forms.update({(relation, text): form for text, form in zip(batch, printed, strict=True)})
    return forms


def compare(
    forms: Mapping[tuple[Relation, str], NormalForm], relation: Relation, declared: str, live: str
) -> Sameness:
    """Whether a declared expression and a live one of the same table mean the same."""
    left, right = forms[relation, declared], forms[relation, live]
    if left.text is None:
        if not left.applies and right.text is not None:
            return Sameness(False, f"the declared one does not fit the table ({left.reason})")
        return Sameness(None, left.reason)
    if right.text is None:
        return Sameness(None, right.reason)
    if left.text != right.text:
        return Sameness(False)
    if left.text in CONSTANTS and declared != live:
        return Sameness(None, f"the server reduces both to {left.text}")
    return Sameness(True)


async def _explained(
    session: Session, settings: Mapping[str, str], relation: Relation, expressions: Sequence[str]
) -> list[NormalForm]:
    """One EXPLAIN for all of them; where the server refuses, halves, until the culprit stands alone."""
    assert relation.schema is not None
    table = qualified(relation.schema, relation.name)
    outputs = ", ".join(f"({text})" for text in expressions)
    sql = f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT {outputs} FROM ONLY {table}"  # noqa: S608
    try:
        rows = await session.fetch_composed(sql, settings=settings)
    except ReadingError as error:
        state = error.sqlstate or ""
        if len(expressions) == 1 or state in {"55P03", "57014"}:
            fits = state in CANNOT_TELL or not state.startswith(NOT_APPLICABLE)
            return [NormalForm(None, error.reason, applies=fits)] * len(expressions)
        middle = len(expressions) // 2
        left = await _explained(session, settings, relation, expressions[:middle])
        return left + await _explained(session, settings, relation, expressions[middle:])
    printed = json.loads(rows[0][0])[0]["Plan"]["Output"]
    if len(printed) != len(expressions):
        return [NormalForm(None, "the server printed another number of expressions")] * len(expressions)
    return [NormalForm(text) for text in printed]
