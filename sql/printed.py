"""How the server prints an index of plain columns: what reads so, to the letter, needs no parsing.

Of thousands of required indexes nearly all are such, and stand as declared.
"""

from __future__ import annotations

from sql.declared import IndexDefinition, IndexKey
from sql.quoting import identifier, qualified


def as_printed(declared: IndexDefinition, schema: str, table: str) -> str | None:
    """What pg_get_indexdef says, with `search_path = pg_catalog`, of an index that is as declared.

    Args:
        schema: where the table was found.
        table: its name.

    Returns:
        None where the declaration says what only the server can print: expressions, operator classes,
        collations, options, a tablespace.
    """
    if (
        not all(map(_is_plain, declared.keys))
        or declared.predicate
        or declared.options
        or declared.tablespace
    ):
        return None
    parts = [
        f"CREATE {'UNIQUE ' if declared.unique else ''}INDEX {identifier(declared.name)}",
        f"ON {'ONLY ' if declared.only else ''}{qualified(schema, table)}",
        f"USING {identifier(declared.method)} ({', '.join(map(_key, declared.keys))})",
    ]
    if declared.include:
        parts.append(f"INCLUDE ({', '.join(map(identifier, declared.include))})")
    if declared.nulls_not_distinct:
        parts.append("NULLS NOT DISTINCT")
    return " ".join(parts)


def _is_plain(key: IndexKey) -> bool:
    return key.column is not None and not (key.collation or key.opclass or key.opclass_options)


def _key(key: IndexKey) -> str:
    name = identifier(key.column or "")
    order = key.order()
    return name if order == "ASC" else f"{name} {order.removeprefix('ASC ')}"
