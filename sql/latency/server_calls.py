"""What pg_stat_statements counts for one statement, before a run ends and after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sql.errors import ReadingError
from sql.latency.evidence import ServerCall
from sql.quoting import qualified
from sql.statements import statement

if TYPE_CHECKING:
    from sql.session import Session

ANOTHER_TRY_S = 60.0
BRIEFLY: Mapping[str, str] = {"statement_timeout": "300"}
"""What makes the probe slow may stop this too, and the next look waits behind it; ms."""


@dataclass(frozen=True)
class Counters:
    """Totals of our own runs of one statement; it counts a run when that ends."""

    calls: int
    exec_ms: float
    shared_hit: int
    shared_read: int
    temp_written: int
    read_ms: float


class ServerCalls:
    """Reads the counters where the extension is there and readable; else none, and seldom tries again."""

    def __init__(self) -> None:
        self._view = ""
        self._not_before = 0.0

    async def read(self, session: Session, query_id: int, now: float) -> Counters | None:
        """The totals of the statement so far; None where they cannot be had.

        Args:
            now: by the samples' clock.

        Raises:
            SessionError: the connection is lost.
        """
        if now < self._not_before:
            return None
        try:
            if not self._view:
                text = statement("statements_extension", session.version_num)
                rows = await session.fetch_composed(text, settings=BRIEFLY)
                if not rows:
                    self._not_before = now + ANOTHER_TRY_S
                    return None
                self._view = qualified(rows[0]["schema"], "pg_stat_statements")
            # The function without the texts; as JSON, since the columns' names differ between its versions.
            found = await session.fetch_composed(
                f"SELECT to_jsonb(s)::text AS counters FROM {self._view}(false) AS s"  # noqa: S608
                " WHERE s.queryid = $1::int8"
                " AND s.userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
                " AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
                query_id,
                settings=BRIEFLY,
            )
        except ReadingError:
            self._view, self._not_before = "", now + ANOTHER_TRY_S
            return None
        return _summed([json.loads(row["counters"]) for row in found])


def difference(before: Counters, after: Counters) -> ServerCall | None:
    """What was counted between the two; None where nothing was, or they were reset meanwhile."""
    calls = after.calls - before.calls
    if calls < 1 or after.exec_ms < before.exec_ms or after.shared_hit < before.shared_hit:
        return None
    read_ms = after.read_ms - before.read_ms
    return ServerCall(
        calls=calls,
        exec_ms=after.exec_ms - before.exec_ms,
        shared_hit=after.shared_hit - before.shared_hit,
        shared_read=after.shared_read - before.shared_read,
        temp_written=after.temp_written - before.temp_written,
        # Without track_io_timing it stays 0.
        read_ms=read_ms if read_ms > 0 else None,
        usual_read=before.shared_read / before.calls if before.calls else 0.0,
    )


def _summed(rows: list[Mapping[str, float]]) -> Counters:
    """One statement may have several rows: top level and not."""

    def total(*names: str) -> float:
        return sum(row[name] for row in rows for name in names if name in row)

    return Counters(
        calls=int(total("calls")),
        exec_ms=total("total_exec_time", "total_time"),
        shared_hit=int(total("shared_blks_hit")),
        shared_read=int(total("shared_blks_read")),
        temp_written=int(total("temp_blks_written")),
        # Its name until 16, and from 17 on.
        read_ms=total("blk_read_time", "shared_blk_read_time"),
    )
