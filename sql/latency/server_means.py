"""How long the server itself says that the probes take: pg_stat_statements, between two readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sql.latency.lane import Lane, RefusedError
from sql.quoting import identifier, qualified
from sql.statements import statement


class ServerMeans:
    """Deltas of our own role's statements; no extension, no privilege: no means, and nothing broken."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._view: str | None = None
        self._column = ""
        self._ids: dict[int, int] = {}
        self._before: dict[int, tuple[int, float]] = {}

    async def find(self) -> bool:
        """Look for the extension; whether it is there and readable."""
        try:
            rows = await self._lane.aside(statement("statements_extension", self._lane.version_num))
            if not rows or rows[0]["total_column"] is None:
                return False
            self._view = qualified(rows[0]["schema"], "pg_stat_statements")
            self._column = identifier(rows[0]["total_column"])
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

    def _mean(self, query_id: int, totals: Mapping[int, tuple[int, float]]) -> float | None:
        if query_id not in totals:
            return None
        calls, total = totals[query_id]
        calls_before, total_before = self._before.get(query_id, (0, 0.0))
        # Fewer calls than before: reset, or evicted and seen anew; the difference means nothing.
        if query_id not in self._before or calls <= calls_before or total < total_before:
            return None
        return (total - total_before) / (calls - calls_before)

    async def _totals(self, query_ids: Sequence[int]) -> dict[int, tuple[int, float]]:
        # The function without the texts: reading the view would load the file of all query texts.
        rows = await self._lane.aside(
            f"SELECT queryid, sum(calls)::int8 AS calls, sum({self._column})::float8 AS total"  # noqa: S608
            f" FROM {self._view}(false) WHERE queryid = ANY ($1::int8[])"
            " AND userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
            " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) GROUP BY 1",
            list(query_ids),
        )
        return {row["queryid"]: (row["calls"], row["total"]) for row in rows}
