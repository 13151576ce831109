"""What a definition says, taken apart: what both a manifest's and the server's text become.

Names are as the catalog would store them (unquoted ones folded to lower case). Expressions are the bytes as
written, never printed anew: a printer that differs in one spelling makes a difference that is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Options: TypeAlias = tuple[tuple[str, str], ...]
"""Storage parameters or operator class parameters, sorted by name, values as text in one spelling."""


@dataclass(frozen=True)
class SqlName:
    """A name in SQL, with the schema where one is said."""

    schema: str | None
    name: str


@dataclass(frozen=True)
class IndexKey:
    """One key column of an index: a plain column or an expression."""

    column: str | None
    """The column's name; None for an expression."""
    expression: str | None = None
    """The expression as written, without its own parentheses; None for a plain column."""
    collation: SqlName | None = None
    opclass: SqlName | None = None
    opclass_options: Options = ()
    descending: bool = False
    nulls_first: bool = False
    """Resolved: DESC without a word on nulls puts them first."""

    def order(self) -> str:
        """`ASC` or `DESC`, with the nulls where they are not in their usual place."""
        word = "DESC" if self.descending else "ASC"
        if self.nulls_first == self.descending:
            return word
        return f"{word} NULLS {'FIRST' if self.nulls_first else 'LAST'}"


@dataclass(frozen=True)
class IndexDefinition:
    """A CREATE INDEX statement, taken apart."""

    name: str
    schema: str | None
    """The table's schema where the statement says it; the index always lives there too."""
    table: str
    unique: bool
    method: str
    keys: tuple[IndexKey, ...]
    include: tuple[str, ...] = ()
    nulls_not_distinct: bool = False
    predicate: str | None = None
    """The WHERE condition as written."""
    options: Options = ()
    """Of WITH (…)."""
    tablespace: str | None = None
    only: bool = False
    """ON ONLY: of a partitioned table this table alone."""
    source: str = field(default="", compare=False)
    """The statement as written."""

    @property
    def has_expressions(self) -> bool:
        """Whether anything in it needs the server to say what it means."""
        return self.predicate is not None or any(key.expression is not None for key in self.keys)


@dataclass(frozen=True)
class CheckDefinition:
    """The body of a CHECK constraint."""

    expression: str
    """As written, without the parentheses of CHECK."""
    no_inherit: bool = False
    not_valid: bool = False
    enforced: bool = True
    """False for NOT ENFORCED, 18 and newer."""


def index_to_json(index: IndexDefinition) -> dict[str, Any]:
    """A definition as JSON."""
    return {**vars(index), "keys": [_key_to_json(key) for key in index.keys]}


def index_from_json(found: dict[str, Any]) -> IndexDefinition:
    """The definition that `index_to_json` was given."""
    return IndexDefinition(
        **{
            **found,
            "keys": tuple(map(_key_from_json, found["keys"])),
            "include": tuple(found["include"]),
            "options": _options(found["options"]),
        }
    )


def _key_to_json(key: IndexKey) -> dict[str, Any]:
    return {**vars(key), "collation": name_to_json(key.collation), "opclass": name_to_json(key.opclass)}


def _key_from_json(found: dict[str, Any]) -> IndexKey:
    return IndexKey(
        **{
            **found,
            "collation": name_from_json(found["collation"]),
            "opclass": name_from_json(found["opclass"]),
            "opclass_options": _options(found["opclass_options"]),
        }
    )


def name_to_json(name: SqlName | None) -> list[str | None] | None:
    """A name as JSON: schema and name."""
    return None if name is None else [name.schema, name.name]


def name_from_json(found: list[Any] | None) -> SqlName | None:
    """The name that `name_to_json` was given."""
    return None if found is None else SqlName(*found)


def _options(found: list[list[str]]) -> Options:
    return tuple((name, value) for name, value in found)
