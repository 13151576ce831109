"""Composes every statement that changes something; nothing else does.

From quoted identifiers and from slices of the manifest's own text, which are sent as the operator wrote them.
Tables and indexes are always qualified; IF [NOT] EXISTS is never used: it takes a name for a definition.
"""

from __future__ import annotations

from sql.declared import CheckDefinition
from sql.quoting import MAX_NAME_BYTES, identifier, literal, qualified, table_name
from sql.steps.step import ConstraintStands, IndexStands

NEW = "__pgdeck_new"
OLD = "__pgdeck_old"


def beside(name: str, suffix: str) -> str:
    """The name under which a replacement stands beside `name`, the same every time, at most 63 bytes."""
    room = MAX_NAME_BYTES - len(suffix)
    if len(name.encode()) <= room:
        return name + suffix
    from hashlib import sha256

    mark = sha256(name.encode()).hexdigest()[:8]
    cut = name.encode()[: room - len(mark) - 1].decode(errors="ignore")
    return f"{cut}_{mark}{suffix}"


def create_index(index: IndexStands) -> str:
    """CREATE INDEX CONCURRENTLY; the index goes to its table's schema."""
    unique = "UNIQUE " if index.unique else ""
    table = qualified(index.schema, index.table)
    return f"CREATE {unique}INDEX CONCURRENTLY {identifier(index.name)} ON {table} {index.tail}"


def drop_index(schema: str, name: str) -> str:
    """DROP INDEX CONCURRENTLY."""
    return f"DROP INDEX CONCURRENTLY {qualified(schema, name)}"


def rename_index(schema: str, name: str, to: str) -> str:
    """ALTER INDEX … RENAME."""
    return f"ALTER INDEX {qualified(schema, name)} RENAME TO {identifier(to)}"


def renamed_index(sql: str) -> str | None:
    """The index that a `rename_index` renames; its name may hold any text, quoted."""
    before, after = "ALTER INDEX ", " RENAME TO "
    place = sql.find(after) if sql.startswith(before) else -1
    while place >= 0:
        found = table_name(sql[len(before) : place])
        if found is not None:
            return found[1]
        place = sql.find(after, place + 1)
    return None


def analyze(schema: str, table: str) -> str:
    """ANALYZE of one table, its indexes' expressions with it."""
    return f"ANALYZE {qualified(schema, table)}"


def check(definition: CheckDefinition) -> str:
    """`CHECK (…)`, with NO INHERIT where it was written."""
    return f"CHECK ({definition.expression})" + (" NO INHERIT" if definition.no_inherit else "")


def add_constraint(constraint: ConstraintStands) -> str:
    """ADD CONSTRAINT … NOT VALID: no scan under the lock that stops everything."""
    named = f"ADD CONSTRAINT {identifier(constraint.name)} {constraint.definition}"
    return f"{_alter(constraint.schema, constraint.table)} {named} NOT VALID"


def validate_constraint(schema: str, table: str, name: str) -> str:
    """VALIDATE CONSTRAINT."""
    return f"{_alter(schema, table)} VALIDATE CONSTRAINT {identifier(name)}"


def drop_constraint(schema: str, table: str, name: str) -> str:
    """DROP CONSTRAINT."""
    return f"{_alter(schema, table)} DROP CONSTRAINT {identifier(name)}"


def rename_constraint(schema: str, table: str, name: str, to: str) -> str:
    """RENAME CONSTRAINT."""
    return f"{_alter(schema, table)} RENAME CONSTRAINT {identifier(name)} TO {identifier(to)}"


def set_migration(schema: str, table: str, old: str, new: str) -> str:
    """Set the revision, only where the expected one stands (a stale plan changes no row)."""
    change = f"SET version_num = {literal(new)} WHERE version_num = {literal(old)}"
    return f"UPDATE {qualified(schema, table)} {change}"


def list_violations(schema: str, table: str, definition: CheckDefinition) -> str:
    """The rows that break a CHECK: NULL passes, so only FALSE counts."""
    only = "ONLY " if definition.no_inherit else ""
    rows = f"{only}{qualified(schema, table)} WHERE ({definition.expression}) IS FALSE"
    return f"SELECT * FROM {rows} LIMIT 100"  # noqa: S608 - quoted names and the manifest's own text


def _alter(schema: str, table: str) -> str:
    return f"ALTER TABLE {qualified(schema, table)}"
