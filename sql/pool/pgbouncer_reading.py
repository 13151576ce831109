"""What PgBouncer's console says of its pools, as frozen values, and what that means. Pure; columns by name.

The console's columns differ between versions (admin.c): reserve_pool became reserve_pool_size, 1.18 split
cl_cancel_req, 1.24 added load_balance_hosts. One that is missing is unknown, one that is new is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sql.durations import duration
from sql.findings import PoolFinding

if TYPE_CHECKING:
    from sql.snapshots import PoolReading

TIGHT = 0.8
"""From this share of a limit on, it is tight."""
FELT_S = 0.1
"""A client that waits this long for a server connection feels it; below, a busy pool just passes them on."""
STUCK_S = 1.0
"""Clients that wait this long are stuck, whatever the number of server connections says."""
CONSOLE = "pgbouncer"
"""The name of the console itself among the databases."""
GRAVITY = (PoolFinding.OK, PoolFinding.UNREADABLE, PoolFinding.TIGHT, PoolFinding.FULL)
MOST_NAMED = 4

Row: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class PgbouncerPool:
    """One pool: the server connections of one database and one user."""

    database: str
    user: str
    cl_active: int
    """Clients with a server connection, and those that want none just now."""
    cl_waiting: int
    """Clients that have sent something and have no server connection yet."""
    maxwait_s: float
    """For how long the first of them has waited."""
    sv_active: int
    """Server connections that clients hold."""
    sv_idle: int
    """Server connections that are free, also those that must be checked first."""
    sv_login: int = 0
    """Server connections that are being opened."""
    sv_busy: int = 0
    """Those that no client can have now: held, being reset or checked, or busy with a cancel request."""
    pool_size: int | None = None
    """None: the console does not say."""
    reserve: int = 0
    """Server connections beyond `pool_size` for clients that wait too long."""
    pool_mode: str = ""
    """`session`, `transaction` or `statement`."""
    connections: int = 0
    """Server connections to this database, of all its pools."""
    max_connections: int = 0
    """The limit of those (max_db_connections); 0: none."""
    paused: bool = False
    disabled: bool = False

    @property
    def name(self) -> str:
        """`database/user`."""
        return f"{self.database}/{self.user}"

    @property
    def is_saturated(self) -> bool:
        """Whether clients wait because every server connection of the pool is taken."""
        return self.cl_waiting > 0 and self.pool_size is not None and self.sv_busy >= self.pool_size

    @property
    def finding(self) -> PoolFinding:
        """Whether there is room in it."""
        if self.cl_waiting and (
            self.maxwait_s >= STUCK_S or (self.is_saturated and self.maxwait_s >= FELT_S)
        ):
            return PoolFinding.FULL
        if self.cl_waiting or (self.pool_size and self.sv_busy >= TIGHT * self.pool_size):
            return PoolFinding.TIGHT
        return PoolFinding.OK


@dataclass(frozen=True)
class PoolerTraffic:
    """What went through one database between two readings."""

    database: str
    transactions_per_s: float
    query_ms: float | None
    """Mean time of a query at the server; None: there was none."""
    wait_ms: float | None
    """Mean wait of a transaction for a server connection; None: there was none."""


@dataclass(frozen=True)
class PgbouncerReading:
    """The pools of one PgBouncer, or why they are not known."""

    version: str = ""
    """Such as `1.18.0`."""
    pools: tuple[PgbouncerPool, ...] = ()
    max_clients: int | None = None
    """max_client_conn."""
    waiting_by: tuple[tuple[str, int], ...] = ()
    """Applications that wait, with their clients, the most first; only read while some wait."""
    held_by: tuple[tuple[str, int], ...] = ()
    """Applications that hold server connections of the pools in which clients wait."""
    traffic: tuple[PoolerTraffic, ...] = ()
    unknown: str = ""
    """Why nothing is known, a clause; empty: the console was read."""
    remedy: str = ""
    named_s_ago: float = 0.0
    """How old `waiting_by` and `held_by` are: a crowd of clients is listed seldom."""

    @property
    def clients(self) -> int:
        """Client connections of all pools."""
        return sum(pool.cl_active + pool.cl_waiting for pool in self.pools)

    @property
    def finding(self) -> PoolFinding:
        """The worst of all pools, and of max_client_conn."""
        if self.unknown:
            return PoolFinding.UNREADABLE
        found = [pool.finding for pool in self.pools]
        if self.max_clients:
            full, tight = self.clients >= self.max_clients, self.clients >= TIGHT * self.max_clients
            found.append(PoolFinding.FULL if full else PoolFinding.TIGHT if tight else PoolFinding.OK)
        return worst(found)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is not as it should be, the gravest pool first."""
        found = [(pool.finding, sentence(pool)) for pool in self.pools if pool.finding is not PoolFinding.OK]
        found.sort(key=lambda each: -GRAVITY.index(each[0]))
        return (*(words for _, words in found), *self.others)

    @property
    def others(self) -> tuple[str, ...]:
        """What is to be said beside the pools."""
        said = []
        if self.max_clients and self.clients >= TIGHT * self.max_clients:
            said.append(
                f"{self.clients} of {self.max_clients} client connections (max_client_conn) are in use"
            )
        then = f" ({seconds(self.named_s_ago)} ago)" if self.named_s_ago >= 1 else ""
        if self.waiting_by:
            said.append(f"waiting{then}: {_named(self.waiting_by)}")
        if self.held_by:
            said.append(f"the server connections are held by{then}: {_named(self.held_by)}")
        return tuple(said)


@dataclass(frozen=True)
class PgbouncerSnapshot:
    """A reading of the console."""

    taken_at: datetime = field(compare=False)
    pgbouncer: PgbouncerReading


def worst(findings: Iterable[PoolFinding]) -> PoolFinding:
    """The gravest; `ok` where there is none."""
    return max(findings, key=GRAVITY.index, default=PoolFinding.OK)


def with_pgbouncer(pool: PoolReading, reading: PgbouncerReading | None) -> PoolReading:
    """The server's pool with what stands before it: full where either is.

    What is unknown of PgBouncer takes nothing away from what is known of the server: the finding stays.
    """
    if reading is None:
        return pool
    finding = pool.finding if reading.unknown else worst((pool.finding, reading.finding))
    return replace(pool, finding=finding, pgbouncer=reading)


def sentence(pool: PgbouncerPool) -> str:
    """How a pool stands, in words: `sales/api is saturated: 12 clients wait, the longest 3 s; …`."""
    used = f"pool_size {pool.pool_size}: {pool.sv_active} in use"
    if pool.pool_size is not None and pool.sv_active >= pool.pool_size:
        used = f"pool_size {pool.pool_size} of {pool.pool_size} in use"
    elif pool.pool_size is None:
        used = f"{pool.sv_active} server connections in use"
    if not pool.cl_waiting:
        return f"{pool.name}: {used}"
    clients = "1 client waits" if pool.cl_waiting == 1 else f"{pool.cl_waiting} clients wait"
    waited = f"{clients}, the longest {seconds(pool.maxwait_s)}"
    if pool.is_saturated:
        return f"{pool.name} is saturated: {waited}; {used}"
    return f"{pool.name}: {waited}; {_reason(pool)}, {used}"


def _reason(pool: PgbouncerPool) -> str:
    """Why clients wait although the pool has server connections to give."""
    if pool.paused:
        return "the database is paused (RESUME lets it go on)"
    if pool.max_connections and pool.connections >= pool.max_connections:
        return f"max_db_connections {pool.max_connections} of {pool.max_connections} in use"
    if pool.sv_login:
        return "server connections are being opened"
    if not pool.sv_active and not pool.sv_idle:
        return "no server connection can be had"
    return "a limit of the user, or a server that lets nobody in"


def seconds(value: float) -> str:
    """A wait as a person says it: `0.4 s`, `3 s`, `2 min 5 s`."""
    return f"{value:.1f} s" if value < 1 else duration(value)


def _named(uses: Sequence[tuple[str, int]]) -> str:
    said = [f"{name or '(no name)'} ({count})" for name, count in uses[:MOST_NAMED]]
    more = len(uses) - MOST_NAMED
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


# -- from the console's rows ------------------------------------------------------------------------------


def pools_of(pools: Iterable[Row], databases: Iterable[Row]) -> tuple[PgbouncerPool, ...]:
    """The pools of SHOW POOLS with what SHOW DATABASES knows; the console's own is left out."""
    known = {row["name"]: row for row in databases}
    made = [_pool(row, known.get(row["database"], {})) for row in pools if row["database"] != CONSOLE]
    return tuple(sorted(made, key=lambda pool: (pool.database, pool.user)))


def _pool(row: Row, database: Row) -> PgbouncerPool:
    reserve = database.get("reserve_pool_size", database.get("reserve_pool"))
    size = database.get("pool_size")
    busy = ("sv_active", "sv_active_cancel", "sv_being_canceled", "sv_tested")
    return PgbouncerPool(
        database=str(row["database"]),
        user=str(row["user"]),
        cl_active=number(row, "cl_active"),
        cl_waiting=number(row, "cl_waiting"),
        maxwait_s=number(row, "maxwait") + number(row, "maxwait_us") / 1e6,
        sv_active=number(row, "sv_active"),
        sv_idle=number(row, "sv_idle") + number(row, "sv_used"),
        sv_login=number(row, "sv_login"),
        sv_busy=sum(number(row, each) for each in busy),
        pool_size=None if size is None else int(size),
        reserve=int(reserve or 0),
        pool_mode=str(row.get("pool_mode") or database.get("pool_mode") or ""),
        connections=number(database, "current_connections"),
        max_connections=number(database, "max_connections"),
        paused=bool(number(database, "paused")),
        disabled=bool(number(database, "disabled")),
    )


def number(row: Row, column: str) -> int:
    """A count of the console, which sends text; 0 where this version has no such column."""
    return int(row.get(column) or 0)


def traffic_of(before: Iterable[Row], now: Iterable[Row], elapsed_s: float) -> tuple[PoolerTraffic, ...]:
    """What went through each database between two SHOW STATS; totals fall where PgBouncer was restarted."""
    old = {row["database"]: row for row in before}
    made = []
    for row in now:
        name = row["database"]
        if name == CONSOLE or name not in old or elapsed_s <= 0:
            continue
        grown = {
            column: int(row.get(f"total_{column}") or 0) - int(old[name].get(f"total_{column}") or 0)
            for column in ("xact_count", "query_count", "query_time", "wait_time")
        }
        if min(grown.values()) < 0:
            continue
        queries, transactions = grown["query_count"], grown["xact_count"]
        made.append(
            PoolerTraffic(
                str(name),
                transactions / elapsed_s,
                grown["query_time"] / queries / 1000 if queries else None,
                grown["wait_time"] / transactions / 1000 if transactions else None,
            )
        )
    return tuple(made)
