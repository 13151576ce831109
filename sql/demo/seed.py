"""Fills the template databases: the same rows every time, and what the manifests require."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from sql.demo.cluster import SUPERUSER, Cluster
from sql.demo.tables import TEMPLATES, Table, Template

OWNER = "sales_owner"
"""Owns databases and tables; nobody logs in as it."""
APPLICATION = "sales_app"
"""The role of the application sessions."""
OPERATOR = "oncall"
"""The role that the demo's profiles log in as: no superuser, may do what the owner may and see all states."""
CHUNKS = 20
AT_ONCE = 2
"""Sessions that fill; more would not help on the machines that this is tuned for."""

Report: TypeAlias = Callable[[str, float], None]
"""What is being done, and the share of all that is done, 0 to 1."""

ROLES = f"""
CREATE ROLE {OWNER} NOLOGIN;
CREATE ROLE {APPLICATION} LOGIN;
CREATE ROLE {OPERATOR} LOGIN;
GRANT {OWNER} TO {APPLICATION}, {OPERATOR};
GRANT pg_monitor, pg_signal_backend TO {OPERATOR};
"""


@asynccontextmanager
async def session(
    cluster: Cluster, database: str = "postgres", *, user: str = SUPERUSER, **settings: str
) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection to the demo's server."""
    connection = await asyncpg.connect(
        host=str(cluster.socket),
        port=cluster.port,
        user=user,
        database=database,
        server_settings={"application_name": "pgdeck demo", **settings},
        timeout=30,
        command_timeout=None,
    )
    try:
        yield connection
    finally:
        await connection.close()


async def fill_templates(cluster: Cluster, leads: int, report: Report) -> None:
    """Make the roles and the template databases, on a server that has none of them.

    Raises:
        asyncpg.PostgresError: the disk is full, or another refusal of the server.
        OSError: the server went away.
    """
    async with session(cluster) as connection:
        await connection.execute(ROLES)
        for template in TEMPLATES:
            await connection.execute(f"CREATE DATABASE {template.database} OWNER {OWNER}")
    work = _Work(cluster, leads, report)
    await work.run()
    async with session(cluster) as connection:
        for template in TEMPLATES:
            await connection.execute(
                f"ALTER DATABASE {template.database} IS_TEMPLATE true ALLOW_CONNECTIONS false"
            )


class _Work:
    """One filling of all templates, with its progress in rows."""

    def __init__(self, cluster: Cluster, leads: int, report: Report) -> None:
        self._cluster = cluster
        self._leads = leads
        self._report = report
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._done = 0.0
        self._total = sum(
            self._weight(template, table) for template in TEMPLATES for table in template.tables
        )

    async def run(self) -> None:
        for template in TEMPLATES:
            async with session(self._cluster, template.database) as connection:
                await connection.execute("CREATE EXTENSION pg_stat_statements")
        largest_first = sorted(
            ((template, table) for template in TEMPLATES for table in template.tables),
            key=lambda pair: -self._weight(*pair),
        )
        async with asyncio.TaskGroup() as group:
            for template, table in largest_first:
                group.create_task(self._fill(template, table))

    def _weight(self, template: Template, table: Table) -> float:
        """Rows written, an index counting as a fifth of its table."""
        rows = table.rows(self._leads) * (2 if table.name == "leads" else 1)
        return rows * (1 + 0.2 * len(template.indexes(table.name)))

    def _advance(self, what: str, by: float) -> None:
        self._done += by
        self._report(what, min(1.0, self._done / self._total))

    async def _fill(self, template: Template, table: Table) -> None:
        async with self._turn, session(self._cluster, template.database, role=OWNER) as connection:
            rows = table.rows(self._leads)
            indexes = template.indexes(table.name)
            part = self._weight(template, table) / (1 + 0.2 * len(indexes))
            # Made and filled in one transaction: with wal_level=minimal the rows need no WAL.
            async with connection.transaction():
                await connection.execute(table.create)
                for statement in template.constraints(table.name):
                    await connection.execute(statement)
                await self._draw(connection, table, rows, part)
            for statement in indexes:
                await connection.execute(statement)
                self._advance(f"index on {table.name}", 0.2 * part)
            await connection.execute(f"VACUUM (ANALYZE) {table.name}")

    async def _draw(self, connection: asyncpg.Connection, table: Table, rows: int, part: float) -> None:
        for chunk in range(min(CHUNKS, rows)):
            first = rows * chunk // min(CHUNKS, rows) + 1
            last = rows * (chunk + 1) // min(CHUNKS, rows)
            # The seed makes every run draw the same rows.
            await connection.execute("SELECT setseed($1)", chunk / CHUNKS)
            await connection.execute(table.insert, first, last, self._leads)
            self._advance(f"{rows:,} {table.name}", part / min(CHUNKS, rows))
        if rows:
            await connection.execute(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {rows})")
