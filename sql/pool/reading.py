"""How full the server's connections are, and which limit bites first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sql.errors import ReadingError
from sql.findings import PoolFinding
from sql.quoting import identifier
from sql.snapshots import ApplicationUse, PoolLimit, PoolReading, PoolSnapshot

if TYPE_CHECKING:
    from profiles.manifest import PoolBudget
    from sql.session import Session

TIGHT = 0.8
"""From this share of any limit on, the pool is tight."""
INSUFFICIENT_PRIVILEGE = "42501"

Row: TypeAlias = Mapping[str, Any]


async def read_pool(session: Session, budget: PoolBudget | None) -> PoolSnapshot:
    """Client backends of the whole server against every limit that binds this database's applications.

    Raises:
        ReadingError: pg_stat_activity may not be read, or a pattern of the budget is no LIKE pattern.
        SessionError: the connection is lost.
    """
    try:
        backends = await _backends(session, list(budget.applications) if budget else [])
    except ReadingError as error:
        raise _with_grant(error) from None
    # Settings are the same in every row; our own session is always one of those of this database.
    server = next(row for row in backends if row["here"])
    hidden = not server["sees_states"]
    # What is hidden is asked for only where it is hidden: pg_locks costs the lock tables' locks.
    waits = await _unless_refused(session, "pool_lock_waits") if hidden else _visible_waits(backends)
    limits = tuple(_limits(server, backends, budget))
    longest = waits[0]["longest_waiter"] if waits else None
    reading = PoolReading(
        finding=_finding(limits),
        limit=server["max_connections"],
        reserved=server["reserved"],
        used=_used(backends),
        by_state=_by_state(backends),
        by_application=_by_application(backends, budget),
        limits=limits,
        oldest_transaction_s=None if hidden else _oldest(backends),
        waiting_on_locks=waits[0]["waiting_on_locks"] if waits else None,
        root_blocker=await _root_blocker(session, longest) if longest is not None else "",
        running=None if hidden else sum(row["running"] for row in backends if not row["own"]),
        own=_used(row for row in backends if row["own"]),
        states_hidden=hidden,
        detail="; ".join((*_pressures(limits), *_unseen(server, waits))),
    )
    return PoolSnapshot(datetime.now(UTC), reading)


async def _backends(session: Session, patterns: list[str]) -> Sequence[Row]:
    """Every backend and what binds it; for a role that may not read the limits, the backends alone."""
    rows = await _unless_refused(session, "pool", patterns)
    if rows is not None:
        return rows
    rows = await session.fetch("pool_without_limits", patterns)
    if rows[0]["sees_limits"]:
        session.refused.discard("pool")
    return rows


async def _unless_refused(session: Session, name: str, *arguments: object) -> Sequence[Row] | None:
    """The rows of a statement; None for want of a privilege, and then it is not sent again."""
    if name in session.refused:
        return None
    try:
        rows: Sequence[Row] = await session.fetch(name, *arguments)
    except ReadingError as error:
        if error.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        session.refused.add(name)
        return None
    return rows


def _visible_waits(backends: Sequence[Row]) -> Sequence[Row]:
    """As `pool_lock_waits`, of backends whose waits are shown."""
    count = sum(row["waiting_on_locks"] for row in backends if row["here"])
    return [{"waiting_on_locks": count, "longest_waiter": _longest_waiter(backends)}]


def _longest_waiter(backends: Sequence[Row]) -> int | None:
    """The backend of this database that waits for a lock since the earliest."""
    waiting = [row for row in backends if row["here"] and row["longest_waiter"] is not None]
    first = min(waiting, key=lambda row: row["waiting_since"], default=None)
    return None if first is None else int(first["longest_waiter"])


async def _root_blocker(session: Session, waiter: int) -> str:
    """Who is at the end of the chain behind which a backend waits; empty where it goes on already."""
    from sql.steps.blockers import from_row

    try:
        rows = await _unless_refused(session, "run_blockers", waiter)
    except ReadingError:
        return ""
    root = max(map(from_row, rows or ()), key=lambda blocker: blocker.depth, default=None)
    return root.short if root is not None else ""


def _with_grant(error: ReadingError) -> ReadingError:
    if error.sqlstate != INSUFFICIENT_PRIVILEGE:
        return error
    remedy = "grant SELECT on pg_catalog.pg_stat_activity to the role, or membership of pg_monitor"
    return ReadingError(error.reason, remedy=error.remedy or remedy, sqlstate=error.sqlstate)


def _used(rows: Iterable[Row]) -> int:
    return sum(row["used"] for row in rows)


def _limits(server: Row, backends: Sequence[Row], budget: PoolBudget | None) -> Iterable[PoolLimit]:
    """Every limit, the one that bites first at the top."""
    limits = [PoolLimit("max_connections", _used(backends), server["max_connections"] - server["reserved"])]
    here = [row for row in backends if row["here"]]
    if _binds(server["database_limit"]):
        limits.append(
            PoolLimit(f"database {identifier(server['database'])}", _used(here), server["database_limit"])
        )
    # A role's limit counts its backends in every database; one that has none here does not matter here.
    for role, limit in sorted(
        {(row["role"], row["role_limit"]) for row in here if _binds(row["role_limit"])}
    ):
        held = _used(row for row in backends if row["role"] == role)
        limits.append(PoolLimit(f"role {identifier(role)}", held, limit))
    if budget is not None and budget.limit is not None and budget.applications:
        limits.append(PoolLimit("pool budget", _used(filter(_draws, backends)), budget.limit))
    return sorted(limits, key=_share, reverse=True)


def _binds(connection_limit: int | None) -> bool:
    return connection_limit is not None and connection_limit >= 0


def _draws(row: Row) -> bool:
    """Whether a group of backends draws on the budget: an application of it, here, and not ourselves."""
    return bool(row["budgeted"] and row["here"] and not row["own"])


def _share(limit: PoolLimit) -> float:
    return limit.used / limit.limit if limit.limit > 0 else float("inf")


def _finding(limits: tuple[PoolLimit, ...]) -> PoolFinding:
    share = max(map(_share, limits))
    if share >= 1:
        return PoolFinding.FULL
    return PoolFinding.TIGHT if share >= TIGHT else PoolFinding.OK


def _by_state(backends: Sequence[Row]) -> dict[str, int]:
    states: Counter[str] = Counter()
    for row in backends:
        states[row["state"]] += row["used"]
    return dict(sorted(states.items(), key=lambda item: (-item[1], item[0])))


def _by_application(backends: Sequence[Row], budget: PoolBudget | None) -> tuple[ApplicationUse, ...]:
    """The biggest first; an application of another database bears that database's name."""
    used: Counter[tuple[str, int | None]] = Counter()
    for row in backends:
        name = row["application"] if row["here"] else f"{row['application']} @ {row['database']}".strip()
        used[name, budget.limit if budget and _draws(row) else None] += row["used"]
    ordered = sorted(used.items(), key=lambda item: (-item[1], item[0][0]))
    return tuple(ApplicationUse(name, count, limit) for (name, limit), count in ordered)


def _oldest(backends: Sequence[Row]) -> float | None:
    """Age of this database's oldest transaction that is not our own."""
    ages = [row["oldest_transaction_s"] for row in backends if row["here"] and not row["own"]]
    return max((age for age in ages if age is not None), default=None)


def _pressures(limits: tuple[PoolLimit, ...]) -> Iterable[str]:
    return (_pressure(limit) for limit in limits if _share(limit) >= TIGHT)


def _unseen(server: Row, waits: Sequence[Row] | None) -> Iterable[str]:
    """What this role is not shown, with what would show it."""
    if not server["sees_states"]:
        yield (
            "states of other roles' backends are hidden, and parallel workers may be counted:"
            " grant pg_read_all_stats to see them"
        )
    if server["database_limit"] is None:
        yield (
            "no CONNECTION LIMIT of database and roles is known:"
            " grant SELECT on pg_catalog.pg_database and pg_catalog.pg_roles"
        )
    if waits is None:
        yield "who waits for a lock is not known: grant SELECT on pg_catalog.pg_locks, or pg_read_all_stats"


def _pressure(limit: PoolLimit) -> str:
    what = {
        "max_connections": "connections that ordinary roles may open (max_connections less the reserved)",
        "pool budget": "connections of the manifest's pool budget (size + max_overflow)",
    }.get(limit.name, f"connections that CONNECTION LIMIT of {limit.name} allows")
    return f"{limit.used} of {limit.limit} {what} are in use"
