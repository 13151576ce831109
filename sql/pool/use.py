"""What the pool screen shows beside the limits: who holds the connections, and how the budget is kept.

Moments are the server's, so that a reading in which nothing changed equals the one before it; rates are
differences to the reading before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from profiles.manifest import PoolBudget
    from sql.session import Session

Row: TypeAlias = Mapping[str, Any]

PART = "pool use"
GROUPINGS = ("state", "application", "role", "client", "database")
ADVISED_TABLE = "leads"
"""The table whose rows say how large the client is (the first seed's "client > 10K leads")."""
SETTLE_S = 1.0
"""Two readings nearer than this give no rate: the one before stands."""


@dataclass(frozen=True)
class PoolGroup:
    """The client backends that have one thing in common."""

    name: str
    used: int
    active: int
    idle: int
    in_transaction: int
    """Idle in a transaction."""
    waiting_on_locks: int
    oldest_connection: datetime | None
    oldest_transaction: datetime | None


@dataclass(frozen=True)
class BudgetUse:
    """What the budget's applications hold in this database, against what they are configured to do."""

    held: int
    seen: int
    """Of them, those whose ages and states are visible."""
    oldest: datetime | None = None
    over_recycle: int = 0
    """Older than recycle_s."""
    idle_over_recycle: int = 0
    """Idle for longer than recycle_s."""
    idle_since: datetime | None = None
    over_query_timeout: int = 0
    """Running one statement for longer than query_timeout_s."""
    longest_query: datetime | None = None
    longest_query_pid: int | None = None
    in_transaction: int = 0
    in_transaction_since: datetime | None = None


@dataclass(frozen=True)
class OwnUse:
    """What our watching session costs, its probes apart."""

    statements_per_s: float
    answered_ms_per_s: float
    """Time in which answers were awaited, the line included: the server was busy for less."""


@dataclass(frozen=True)
class Traffic:
    """What the server did, between two readings where it says `per`."""

    new_per_min: float | None
    """New sessions a minute, ours too; None: one reading is not enough."""
    broken: int | None
    """Sessions since the last reset of statistics that were abandoned, killed or ended by an error; 14+."""
    young: int | None
    """Before 14: sessions of the last minute that live still."""
    read_share: float | None
    """Rows read, of rows read and written in this database since its statistics began, 0 to 1."""
    table_rows: int | None
    """Estimated rows of `leads`; None: there is none, or it was never analysed."""
    replicas: int


@dataclass(frozen=True)
class PoolUseSnapshot:
    """All of it."""

    taken_at: datetime = field(compare=False)
    server_time: datetime = field(compare=False)
    """The server's clock: ages are counted by it."""
    groups: Mapping[str, tuple[PoolGroup, ...]]
    """By what they have in common: one of `GROUPINGS`; the largest first."""
    budget: BudgetUse | None
    traffic: Traffic
    own: OwnUse | None
    """None: one reading is not enough."""


class PoolUse:
    """Reads it; remembers the counters of the reading before."""

    def __init__(self, budget: PoolBudget | None) -> None:
        self._budget = budget
        self._sessions: tuple[int, datetime] | None = None
        self._per_min: float | None = None
        self._own: tuple[Session, int, float, float] | None = None
        self._cost: OwnUse | None = None

    async def __call__(self, session: Session) -> PoolUseSnapshot:
        """One reading.

        Raises:
            ReadingError: something may not be read, or a time limit ran out.
            SessionError: the connection is lost.
        """
        own = self._own_use(session)
        groups = await session.fetch("pool_groups")
        budget = self._budget
        held = None
        if budget is not None and budget.applications:
            limits = (_seconds(budget.recycle_s), _seconds(budget.query_timeout_s))
            held = (await session.fetch("pool_budget", list(budget.applications), *limits))[0]
        traffic = (await session.fetch("pool_traffic", ADVISED_TABLE))[0]
        return PoolUseSnapshot(
            datetime.now(UTC),
            traffic["server_time"],
            _grouped(groups),
            None if held is None else BudgetUse(**dict(held)),
            self._traffic(traffic),
            own,
        )

    def _traffic(self, row: Row) -> Traffic:
        written, read = row["rows_written"] or 0, row["rows_read"] or 0
        rows = row["table_rows"]
        return Traffic(
            self._rate(row),
            row["broken"],
            row["young"],
            read / (read + written) if read + written else None,
            int(rows) if rows is not None and rows > 0 else None,
            row["replicas"],
        )

    def _rate(self, row: Row) -> float | None:
        """New sessions a minute since the reading before; counters that were reset give none."""
        count, now, before = row["sessions"], row["server_time"], self._sessions
        if count is None:
            return None
        if before is None or count < before[0]:
            self._sessions, self._per_min = (count, now), None
        elif (elapsed_s := (now - before[1]).total_seconds()) >= SETTLE_S:
            self._sessions, self._per_min = (count, now), 60 * (count - before[0]) / elapsed_s
        return self._per_min

    def _own_use(self, session: Session) -> OwnUse | None:
        now, before = time.monotonic(), self._own
        newest = (session, session.statements, session.answered_s, now)
        if before is None or before[0] is not session:
            self._own, self._cost = newest, None
        elif (elapsed_s := now - before[3]) >= SETTLE_S:
            self._own, self._cost = (
                newest,
                OwnUse(
                    round((newest[1] - before[1]) / elapsed_s, 1),
                    round(1000 * (newest[2] - before[2]) / elapsed_s, 1),
                ),
            )
        return self._cost


def _seconds(value: float | None) -> float | None:
    return None if value is None else float(value)


def _grouped(rows: Iterable[Row]) -> dict[str, tuple[PoolGroup, ...]]:
    found: dict[str, list[PoolGroup]] = {name: [] for name in GROUPINGS}
    for row in rows:
        values = {key: value for key, value in dict(row).items() if key != "grouped_by"}
        found[row["grouped_by"]].append(PoolGroup(**values))
    return {name: tuple(groups) for name, groups in found.items()}
