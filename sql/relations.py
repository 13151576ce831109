"""Which table a manifest means: names resolved as PostgreSQL resolves them, but without needing USAGE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sql.declared import SqlName
from sql.quoting import identifier, qualified
from sql.session import Session

TABLE_KINDS = frozenset({"r", "p", "m", "f"})
KIND_WORDS: Mapping[str, str] = {
    "r": "a table",
    "p": "a partitioned table",
    "i": "an index",
    "I": "a partitioned index",
    "S": "a sequence",
    "v": "a view",
    "m": "a materialized view",
    "c": "a composite type",
    "t": "a TOAST table",
    "f": "a foreign table",
}
"""pg_class.relkind in words."""


@dataclass(frozen=True)
class Relation:
    """What a table's name stands for on this server."""

    schema: str | None
    """The schema that it is in or would be in; None where no such schema exists and none is said."""
    name: str
    schema_oid: int | None
    """None: there is no such schema."""
    oid: int | None
    """None: there is no such relation."""
    kind: str = ""
    usable: bool = False
    """We have USAGE on its schema."""
    selectable: bool = False
    """We have SELECT on at least one of its columns."""

    @property
    def label(self) -> str:
        """`schema.table`, each quoted where SQL needs it."""
        return identifier(self.name) if self.schema is None else qualified(self.schema, self.name)

    @property
    def is_table(self) -> bool:
        """Whether it is something that has columns and may have indexes."""
        return self.oid is not None and self.kind in TABLE_KINDS

    def absence(self) -> str:
        """Why there is no such table, a sentence; empty where there is one."""
        if self.schema_oid is None:
            if self.schema is None:
                return f"No schema of the search path exists to hold {self.label}."
            return f"The schema {identifier(self.schema)} does not exist."
        if self.oid is None:
            return f"The table {self.label} does not exist."
        if self.kind not in TABLE_KINDS:
            return f"{self.label} is {KIND_WORDS.get(self.kind, 'no table')}, not a table."
        return ""

    def missing_grant(self, user: str) -> str:
        """The GRANT without which its expressions cannot be compared; empty where nothing is missing."""
        if not self.usable and self.schema is not None:
            return f"GRANT USAGE ON SCHEMA {identifier(self.schema)} TO {identifier(user)}"
        if not self.selectable:
            return f"GRANT SELECT ON {self.label} TO {identifier(user)}"
        return ""


@dataclass(frozen=True)
class Columns:
    """The columns of a table."""

    names: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()
    """Those of type json or jsonb."""
    generated: frozenset[str] = frozenset()
    primary_key: tuple[str, ...] = ()


def effective_path(schemas: Sequence[str], user: str) -> list[str]:
    """The schemas of a search path with `$user` put in."""
    return [user if schema == "$user" else schema for schema in schemas]


async def read_columns(session: Session, tables: Iterable[int]) -> dict[int, Columns]:
    """The columns of tables, by the tables' oids."""
    wanted = list(tables)
    rows = await session.fetch("table_columns", wanted) if wanted else []
    return {
        row["table_oid"]: Columns(
            names=frozenset(row["columns"]),
            json=frozenset(row["json_columns"]),
            generated=frozenset(row["generated_columns"]),
            primary_key=tuple(row["primary_key"]),
        )
        for row in rows
    }


async def resolve(session: Session, names: Iterable[SqlName], path: Sequence[str]) -> dict[SqlName, Relation]:
    """What each name stands for.

    Args:
        names: as a definition says them.
        path: the search path's schemas, in order, without `$user`.
    """
    wanted = list(dict.fromkeys(names))
    rows = await session.fetch("relations", [n.schema for n in wanted], [n.name for n in wanted], list(path))
    found: dict[SqlName, Relation] = {}
    for name, row in zip(wanted, rows, strict=True):
        found[name] = Relation(
            schema=row["schema"] or name.schema or (path[0] if path else None),
            name=name.name,
            schema_oid=row["schema_oid"],
            oid=row["oid"],
            kind=row["kind"] or "",
            usable=bool(row["usable"]),
            selectable=bool(row["selectable"]),
        )
    return found
