"""How full the server's connections are, and which limit bites first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
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
    patterns = list(budget.applications) if budget else []
    try:
        settings: Row = (await session.fetch("pool_settings"))[0]
        backends: list[Row] = await session.fetch("pool_backends", patterns)
        capacities: list[Row] = await session.fetch("pool_limits")
        # What is hidden is asked for only where it is hidden: pg_locks costs the lock tables' locks.
        hidden = not settings["sees_states"]
        waits: list[Row] = await session.fetch("pool_lock_waits") if hidden else []
    except ReadingError as error:
        raise _with_grant(error) from None
    waiting = waits[0]["waiting_on_locks"] if waits else None
    longest = waits[0]["longest_waiter"] if waits else _longest_waiter(backends)
    limits = tuple(_limits(settings, backends, capacities, budget))
    reading = PoolReading(
        finding=_finding(limits),
        limit=settings["max_connections"],
        reserved=settings["reserved"],
        used=_used(backends),
        by_state=_by_state(backends),
        by_application=_by_application(backends, budget),
        limits=limits,
        oldest_transaction_s=None if hidden else _oldest(backends),
        waiting_on_locks=waiting
        if hidden
        else sum(row["waiting_on_locks"] for row in backends if row["here"]),
        root_blocker=await _root_blocker(session, longest) if longest is not None else "",
        running=None if hidden else sum(row["running"] for row in backends if not row["own"]),
        own=_used(row for row in backends if row["own"]),
        states_hidden=hidden,
        detail=_detail(limits, hidden),
    )
    return PoolSnapshot(datetime.now(UTC), reading)


def _longest_waiter(backends: list[Row]) -> int | None:
    """The backend of this database that waits for a lock since the earliest."""
    waiting = [row for row in backends if row["here"] and row["longest_waiter"] is not None]
    first = min(waiting, key=lambda row: row["waiting_since"], default=None)
    return None if first is None else int(first["longest_waiter"])


async def _root_blocker(session: Session, waiter: int) -> str:
    """Who is at the end of the chain behind which a backend waits; empty where it goes on already."""
    from sql.steps.blockers import from_row

    try:
        rows = await session.fetch("run_blockers", waiter)
    except ReadingError:
        return ""
    root = max(map(from_row, rows), key=lambda blocker: blocker.depth, default=None)
    return root.short if root is not None else ""


def _with_grant(error: ReadingError) -> ReadingError:
    if error.sqlstate != INSUFFICIENT_PRIVILEGE:
        return error
    remedy = "grant SELECT on pg_catalog.pg_stat_activity to the role, or membership of pg_monitor"
    return ReadingError(error.reason, remedy=error.remedy or remedy, sqlstate=error.sqlstate)


def _used(rows: Iterable[Row]) -> int:
    return sum(row["used"] for row in rows)


def _limits(
    settings: Row, backends: list[Row], capacities: list[Row], budget: PoolBudget | None
) -> Iterable[PoolLimit]:
    """Every limit, the one that bites first at the top."""
    ordinary = settings["max_connections"] - settings["reserved"]
    limits = [PoolLimit("max_connections", _used(backends), ordinary)]
    limits += [
        PoolLimit(f"{row['kind']} {identifier(row['name'])}", row["used"], row["capacity"])
        for row in capacities
    ]
    if budget is not None and budget.limit is not None and budget.applications:
        limits.append(PoolLimit("pool budget", _used(filter(_draws, backends)), budget.limit))
    return sorted(limits, key=_share, reverse=True)


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


def _by_state(backends: list[Row]) -> dict[str, int]:
    states: Counter[str] = Counter()
    for row in backends:
        states[row["state"]] += row["used"]
    return dict(sorted(states.items(), key=lambda item: (-item[1], item[0])))


def _by_application(backends: list[Row], budget: PoolBudget | None) -> tuple[ApplicationUse, ...]:
    """The biggest first; an application of another database bears that database's name."""
    used: Counter[tuple[str, int | None]] = Counter()
    for row in backends:
        name = row["application"] if row["here"] else f"{row['application']} @ {row['database']}".strip()
        used[name, budget.limit if budget and _draws(row) else None] += row["used"]
    ordered = sorted(used.items(), key=lambda item: (-item[1], item[0][0]))
    return tuple(ApplicationUse(name, count, limit) for (name, limit), count in ordered)


def _oldest(backends: list[Row]) -> float | None:
    """Age of this database's oldest transaction that is not our own."""
    ages = [row["oldest_transaction_s"] for row in backends if row["here"] and not row["own"]]
    return max((age for age in ages if age is not None), default=None)


def _detail(limits: tuple[PoolLimit, ...], hidden: bool) -> str:
    sentences = [_pressure(limit) for limit in limits if _share(limit) >= TIGHT]
    if hidden:
        sentences.append(
            "states of other roles' backends are hidden, and parallel workers may be counted:"
            " grant pg_read_all_stats to see them"
        )
    return "; ".join(sentences)


def _pressure(limit: PoolLimit) -> str:
    what = {
        "max_connections": "connections that ordinary roles may open (max_connections less the reserved)",
        "pool budget": "connections of the manifest's pool budget (size + max_overflow)",
    }.get(limit.name, f"connections that CONNECTION LIMIT of {limit.name} allows")
    return f"{limit.used} of {limit.limit} {what} are in use"
