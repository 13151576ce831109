"""What a row of `locks_waits.sql` waits for, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]


def target(row: Row) -> str:
    """What is waited for, in words: `public.leads`, `a row of public.leads`, `advisory lock 42`."""
    kind = row["locktype"]
    table = row["relation"] or (f"table {row['table_oid']} of another database" if row["table_oid"] else "")
    if kind == "relation":
        return table
    if kind in ("tuple", "transactionid"):
        return f"a row of {table}" if table else f"the end of transaction {row['xid']}"
    if kind == "virtualxid":
        return f"the end of transaction {row['virtualxid']}"
    if kind == "advisory":
        return f"advisory lock {_advisory(row)}"
    if kind == "page":
        return f"page {row['page']} of {table}"
    if kind == "extend":
        return f"room at the end of {table}"
    return f"{kind} {row['classid']}/{row['objid']}" if row["objid"] is not None else kind


def _advisory(row: Row) -> str:
    """The key as the application gave it: one bigint, or two ints (objsubid says which, lockfuncs.c)."""
    if row["objsubid"] == 2:
        return f"({_signed(row['classid'], 32)}, {_signed(row['objid'], 32)})"
    return str(_signed(row["classid"] << 32 | row["objid"], 64))


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
