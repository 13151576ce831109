"""Identifiers and literals as SQL needs them; nothing else may paste names into statements."""

from __future__ import annotations

import re
from typing import TypeAlias

TableName: TypeAlias = tuple[str, str]
"""Schema and table, as the catalog has them."""
_PART = r'(?:"((?:[^"]|"")+)"|([^".]+))'
_QUALIFIED = re.compile(rf"{_PART}\.{_PART}", re.DOTALL)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
MAX_NAME_BYTES = 63
"""NAMEDATALEN - 1: a longer name is cut by the server with only a NOTICE (42622)."""

RESERVED = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
    collation column concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user default deferrable desc distinct do else end
    except false fetch for foreign freeze from full grant group having ilike in initially inner intersect
    into is isnull join lateral leading left like limit localtime localtimestamp natural not notnull null
    offset on only or order outer overlaps placing primary references returning right select session_user
    similar some symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with
    between bigint bit boolean char character coalesce dec decimal exists extract float greatest grouping
    inout int integer interval json json_array json_arrayagg json_exists json_object json_objectagg
    json_query json_scalar json_serialize json_table json_value least merge_action national nchar none
    normalize nullif numeric out overlay position precision real row setof smallint substring time timestamp
    treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse
    xmlpi xmlroot xmlserialize xmltable
    """.split()
)
"""Every keyword that is not UNRESERVED in PostgreSQL 18 (kwlist.h): quote_identifier() quotes these."""


def identifier(name: str) -> str:
    """`name` as quote_identifier() would print it: quoted only where it must be."""
    if _PLAIN.fullmatch(name) and name not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """`schema.name`, each quoted where it must be."""
    return f"{identifier(schema)}.{identifier(name)}"


def literal(value: str) -> str:
    """`value` as a string literal, with standard_conforming_strings on or off."""
    quoted = value.replace("'", "''")
    return f"E'{quoted}'".replace("\\", "\\\\") if "\\" in value else f"'{quoted}'"


def table_name(table: str) -> TableName | None:
    """Take `schema.table` apart, each as quoted by `qualified`; None where it has no schema."""
    match = _QUALIFIED.fullmatch(table)
    if match is None:
        return None
    schema, plain_schema, name, plain_name = match.groups()
    return (
        schema.replace('""', '"') if schema else plain_schema,
        name.replace('""', '"') if name else plain_name,
    )
