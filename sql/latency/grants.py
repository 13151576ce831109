"""Which grants a role lacks that may not run a probe; the tables come of the probe's parse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sql.declared import SqlName
from sql.quoting import identifier, qualified
from sql.statements import statement

if TYPE_CHECKING:
    from sql.latency.lane import Lane

NOT_ALLOWED = "42501: "
"""How the sentence of a statement begins that the role may not run (insufficient_privilege)."""
NOT_FOUND = "42P01: "
"""undefined_table; without USAGE on its schema an unqualified name is passed over too (namespace.c)."""


def may_be_a_grant(error: str) -> bool:
    """Whether a grant could mend a run that failed so."""
    return error.startswith((NOT_ALLOWED, NOT_FOUND))


async def missing_grants(lane: Lane, sql: str) -> tuple[str, ...]:
    """The GRANT statements without which `sql` cannot read its tables, in the order in which they work.

    Empty where nothing is missing, where the parse cannot tell, or where one of the tables does not exist:
    then no grant alone would mend it.

    Raises:
        RefusedError, SessionError: as `Lane.aside`.
    """
    names = tables_of(sql)
    if not names:
        return ()
    (whose,) = await lane.aside("SELECT current_user::text AS role")
    role: str = whose["role"]
    rows = await lane.aside(
        statement("relations", lane.version_num),
        [name.schema for name in names],
        [name.name for name in names],
        ["pg_catalog", *_path(lane.search_path, role)],
        search_path="pg_catalog",
    )
    if any(row["oid"] is None for row in rows):
        return ()
    found = [grant for name, row in zip(names, rows, strict=True) for grant in _grants(name, row, role)]
    return tuple(dict.fromkeys(found))


def tables_of(sql: str) -> tuple[SqlName, ...]:
    """The tables and views that a query names, without its own WITH; none where it cannot be parsed."""
    from sql.parsing import DefinitionError, statements, walk

    try:
        nodes = [each for _, statement in statements(sql) for each in walk(statement)]
    except DefinitionError:
        return ()
    own = {each.ctename for each in nodes if type(each).__name__ == "CommonTableExpr"}
    named = [
        SqlName(each.schemaname or None, each.relname)
        for each in nodes
        if type(each).__name__ == "RangeVar" and (each.schemaname or each.relname not in own)
    ]
    return tuple(dict.fromkeys(named))


def _path(search_path: str, role: str) -> list[str]:
    from sql.relations import effective_path
    from sql.requirements import schemas_of

    return effective_path(schemas_of(search_path), role)


def _grants(name: SqlName, row: Any, role: str) -> list[str]:
    to = identifier(role)
    found = []
    if not row["usable"]:
        found.append(f"GRANT USAGE ON SCHEMA {identifier(row['schema'])} TO {to}")
    if not row["selectable"]:
        found.append(f"GRANT SELECT ON {qualified(row['schema'], name.name)} TO {to}")
    return found
