"""How long the server itself says that the probes take: pg_stat_statements, between two readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sql.latency.lane import Lane, RefusedError
from sql.quoting import qualified
from sql.statement_counters import Entries, columns, entries_of
from sql.statements import statement


@dataclass(frozen=True)
class _Counted:
    """What our own role's runs of one statement have taken."""

    calls: int
    total_ms: float
    entries: Entries


class ServerMeans:
    """Deltas of our own role's statements; no extension, no privilege: no means, and nothing broken."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._view: str | None = None
        self._columns = ""
        self._ids: dict[int, int] = {}
        self._before: dict[int, _Counted] = {}

    async def find(self) -> bool:
        """Look for the extension; whether it is there and readable."""
        try:
            rows = await self._lane.aside(statement("statements_extension", self._lane.version_num))
            if not rows or rows[0]["total_column"] is None:
                return False
            self._view = qualified(rows[0]["schema"], "pg_stat_statements")
            self._columns = columns(rows[0])
            await self._totals([])
        except RefusedError:
            self._view = None
        return self._view is not None

    def know(self, probe: int, query_id: int | None) -> None:
        """Which statement a probe is; None where the server does not show it (13; compute_query_id off)."""
        if query_id is not None:
            self._ids[probe] = query_id

    async def read(self) -> dict[int, float | None]:
        """Mean ms of each known probe since the reading before; None where there is none."""
        if self._view is None:
            return {}
        try:
            totals = await self._totals(list(self._ids.values()))
        except RefusedError:
            return dict.fromkeys(self._ids)
        means = {probe: self._mean(query_id, totals) for probe, query_id in self._ids.items()}
        self._before = totals
        return means

    def _mean(self, query_id: int, totals: Mapping[int, _Counted]) -> float | None:
        now, before = totals.get(query_id), self._before.get(query_id)
        if now is None or before is None or now.calls <= before.calls or now.total_ms < before.total_ms:
            return None
        # Whether room was made meanwhile is not asked.
        if not now.entries.go_on_from(before.entries, evicted=True):
            return None
        return (now.total_ms - before.total_ms) / (now.calls - before.calls)

    async def _totals(self, query_ids: Sequence[int]) -> dict[int, _Counted]:
        # The function without the texts: reading the view would load the file of all query texts.
        rows = await self._lane.aside(
            f"SELECT queryid, {self._columns}"  # noqa: S608
            f" FROM {self._view}(false) WHERE queryid = ANY ($1::int8[])"
            " AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
            " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1",
            list(query_ids),
        )
        return {row["queryid"]: _Counted(row["calls"], row["total_ms"], entries_of(row)) for row in rows}
