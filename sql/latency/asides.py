"""What is said to the server besides the probes: arguments, plans, grants, means. None of it is measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sql.latency.grants import may_be_a_grant, missing_grants
from sql.latency.lane import Lane, RefusedError
from sql.latency.messages import Message, Planned, Sample, ServerMean, Ungranted
from sql.latency.probe_plan import explain
from sql.latency.query import Query
from sql.latency.server_means import ServerMeans

MOST_ARGUMENTS = 1000
"""Argument sets that are rotated; what the query gives beyond is not used."""
SETTLE_LOCK_MS = "100"
"""A probe that waits for a lock must wait where that is measured."""


class Asides:
    """Asks on a lane, and tells what it heard.

    All may raise SessionError: the connection is lost.
    """

    def __init__(self, lane: Lane, tell: Callable[[Message], None]) -> None:
        """
        Args:
            lane: on which pg_stat_statements is read.
        """
        self._tell = tell
        self._means = ServerMeans(lane)
        self._has_means = False

    async def attached(self, lane: Lane) -> None:
        """Say which backend measures."""
        with suppress(RefusedError):
            if (attached := await lane.attached()) is not None:
                self._tell(attached)

    async def find_means(self) -> None:
        """Look for pg_stat_statements."""
        self._has_means = await self._means.find()

    async def begin_means(self) -> None:
        """Let means count from now on."""
        if self._has_means:
            await self._means.read()

    async def means(self) -> None:
        """Say what the server itself counted."""
        if self._has_means:
            for number, mean in (await self._means.read()).items():
                self._tell(ServerMean(number, mean))

    async def grants(self, lane: Lane, number: int, query: Query, sample: Sample) -> None:
        """Say which grants are missing where that could be why a run failed."""
        if sample.error is None or not may_be_a_grant(sample.error):
            return
        try:
            grants = await missing_grants(lane, query.entry.sql)
        except RefusedError:
            return
        self._tell(Ungranted(number, grants))

    async def arguments(self, lane: Lane, query: Query) -> None:
        """Fetch the sets of arguments; why there are none is the query's obstacle."""
        if query.entry.arguments is None:
            return
        query.obstacle = ""
        try:
            query.rows = await lane.first_rows(query.entry.arguments, MOST_ARGUMENTS)
        except RefusedError as error:
            query.obstacle = f"its arguments could not be read: {error}"
            with suppress(RefusedError):
                grants = await missing_grants(lane, query.entry.arguments)
                if grants:
                    query.obstacle += f"; what mends it: {'; '.join(grants)}"
            return
        if not query.rows:
            query.obstacle = "its arguments query gives no rows, so there is nothing to run it with"

    async def plan(
        self, lane: Lane, number: int, query: Query, arguments: tuple[object, ...] | None = None
    ) -> None:
        """Say how the planner would run a probe now, with these arguments or those whose turn it is."""
        try:
            explained = await explain(lane, query.entry, query.arguments if arguments is None else arguments)
        except RefusedError:
            return
        self._means.know(number, explained.query_id)
        self._tell(Planned(number, explained.plan))

    async def again(self, lane: Lane, number: int, query: Query) -> None:
        """Look again at what may have changed: arguments that were missing, and the plan."""
        if query.obstacle:
            await self.arguments(lane, query)
        if not query.obstacle:
            await self.plan(lane, number, query)

    async def settle(self, lane: Lane, query: Query) -> None:
        """Bring a probe to another lane: what its backend must learn first is not charged to the probe."""
        query.statement = None
        if query.obstacle or query.failures:
            return
        with suppress(RefusedError):
            await lane.aside(query.entry.sql, *query.arguments, lock_timeout=SETTLE_LOCK_MS)
            query.statement = await lane.prepare_ahead(query.entry.sql)
