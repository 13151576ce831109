"""The entries of a manifest, read from their tables: required keys, types, bounds, order.

Every problem is noted in the table; what is missing or wrong reads as empty, so that the rest can be judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from profiles.manifest import (
    ConstraintEntry,
    IndexEntry,
    MigrationEntry,
    PoolBudget,
    Priority,
    ProbeEntry,
    SampleRow,
    Target,
)
from profiles.model import LONGEST_QUERY_S
from profiles.sql_names import name_parts
from profiles.toml_table import LONGEST_NAME_BYTES, Table, flaw_of, kind, quoted

PERCENTILES = ("p50_ms", "p95_ms", "p99_ms")
LONGEST_TARGET_MS = 100 * LONGEST_QUERY_S
"""A probe may take ten times as long before it is cut off."""


def read_index(table: Table) -> IndexEntry:
    """One `[[index]]`."""
    priority = _priority(table)
    purpose = table.text("purpose")
    demo_query = table.text("demo_query")
    definition = table.text("definition", required='write definition = "CREATE INDEX … ON … (…)"')
    keep = table.flag("keep")
    table.finish()
    return IndexEntry(
        definition=definition or "",
        priority=priority,
        purpose=purpose or "",
        demo_query=demo_query or "",
        keep=keep,
        line=table.line,
        position=table.position,
    )


def read_constraint(table: Table) -> ConstraintEntry:
    """One `[[constraint]]`."""
    on = _table_name(table, "table", required='write table = "…", the table that it is on')
    name = table.identifier("name", required='write name = "…", as the catalog has it, without SQL quotes')
    definition = table.text("definition", required='write definition = "CHECK (…)"')
    priority = _priority(table)
    purpose = table.text("purpose")
    rejects = _sample_rows(table, "rejects")
    accepts = _sample_rows(table, "accepts")
    table.finish()
    return ConstraintEntry(
        table=on or "",
        name=name or "",
        definition=definition or "",
        priority=priority,
        purpose=purpose or "",
        rejects=rejects,
        accepts=accepts,
        line=table.line,
        position=table.position,
    )


def read_probe(table: Table) -> ProbeEntry:
    """One `[[probe]]`."""
    name = table.identifier("name", required='write name = "…", what reports call this probe')
    query_class = table.text("class")
    sql = table.text("sql", required='write sql = "SELECT …", the query to measure')
    arguments = table.text("arguments")
    index = table.identifier("index")
    target = table.table("target", required="write target = { p50_ms = …, p95_ms = …, p99_ms = … }")
    limits = _target(target) if target else Target()
    table.finish()
    return ProbeEntry(
        name=name or "",
        sql=sql or "",
        target=limits,
        query_class=query_class or "",
        arguments=arguments,
        index=index,
        line=table.line,
        position=table.position,
    )


def read_pool(table: Table) -> PoolBudget:
    """The `[pool]`; every key is optional."""
    size = table.whole_number("size", least=1)
    max_overflow = table.whole_number("max_overflow", least=0)
    timeout_s = table.number("timeout_s", least=0)
    recycle_s = table.number("recycle_s", least=0)
    query_timeout_s = table.number("query_timeout_s", least=0, most=LONGEST_QUERY_S)
    applications = table.texts("applications")
    table.finish()
    if max_overflow is not None and size is None and not table.has("size"):
        table.refuse("max_overflow", "stands without size", "write size = …, or leave max_overflow out")
    for position, pattern in enumerate(table.content.get("applications", ()) if applications else ()):
        if isinstance(pattern, str) and (len(pattern) - len(pattern.rstrip("\\"))) % 2:
            what = f"{quoted(pattern)} ends in the escape character of LIKE"
            table.refuse("applications", what, "write the backslash twice, or remove it", position)
    return PoolBudget(
        size=size,
        max_overflow=max_overflow,
        timeout_s=timeout_s,
        recycle_s=recycle_s,
        query_timeout_s=query_timeout_s,
        applications=applications,
    )


def read_migration(table: Table) -> MigrationEntry:
    """The `[migration]`."""
    name = _table_name(table, "table")
    expected = table.text("expected", required='write expected = "…", the revision that must be there')
    rollback_to = table.text("rollback_to")
    table.finish()
    if expected is not None and rollback_to == expected:
        table.refuse("rollback_to", "is the expected revision itself", "name the revision before it")
    return MigrationEntry(
        expected=expected or "", table=name or "alembic_version", rollback_to=rollback_to, line=table.line
    )


def _priority(table: Table) -> Priority:
    word = table.choice("priority", [str(priority) for priority in Priority])
    return Priority(word) if word else Priority.NORMAL


def _table_name(table: Table, key: str, required: str = "") -> str | None:
    value = table.text(key, required=required)
    if value is None:
        return None
    parts = name_parts(value)
    if parts is None:
        remedy = "write name or schema.name; quote as SQL needs it, such as '\"Odd name\"'"
        table.refuse(key, f"{quoted(value)} is not the name of a table", remedy)
    for part in parts or ():
        if (size := len(part.encode())) > LONGEST_NAME_BYTES:
            what = f"{quoted(part)} is {size} bytes long; PostgreSQL keeps {LONGEST_NAME_BYTES}"
            table.refuse(key, what, f"shorten it to {LONGEST_NAME_BYTES} bytes")
    return value


def _target(table: Table) -> Target:
    limits = {name: table.number(name, above=0, most=LONGEST_TARGET_MS) for name in PERCENTILES}
    table.finish()
    if not any(name in table.content for name in PERCENTILES):
        table.refuse(None, "names no percentile", "write at least one of p50_ms, p95_ms, p99_ms")
    known = [(name, limit) for name, limit in limits.items() if limit is not None]
    for (lower, low), (higher, high) in pairwise(known):
        if low > high:
            what = f"{high:g} ms is less than {lower} ({low:g} ms)"
            table.refuse(
                higher, what, f"write at least what {lower} has: a higher percentile is never faster"
            )
    return Target(**limits)


def _sample_rows(table: Table, key: str) -> tuple[SampleRow, ...]:
    rows = table.tables(key, f"write {key} = [{{ column = value }}]")
    return tuple(
        {name: value for name, value in row.content.items() if _sound_sample(row, name, value)}
        for row in rows
    )


def _sound_sample(row: Table, column: str, value: Any) -> bool:
    """Whether this is a scalar that JSON can carry to the server; notes a problem where it is not."""
    for what, remedy in _sample_flaws(column, value):
        row.refuse(column, what, remedy)
        return False
    return True


def _sample_flaws(column: str, value: Any) -> Iterator[tuple[str, str]]:
    if not column or "\0" in column or len(column.encode()) > LONGEST_NAME_BYTES:
        yield "is not the name of a column", "write the column's name as the catalog has it"
    elif isinstance(value, str):
        if "\0" in value:
            yield flaw_of(value), "remove it"
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield "is no finite number", 'write it as text, such as "NaN" or "Infinity"'
    elif not isinstance(value, int):
        yield (
            f"must be text, a number, or true or false, not {kind(value)}",
            "write it in quotes, as PostgreSQL reads it",
        )
