"""What pg_stat_statements counts, and what may be told from two readings of it.

Counters only grow, until they are reset or an entry is evicted to make room and counted anew: all of it is
recognised as far as the server's version tells, and a difference across it is not given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sql.quoting import identifier

if TYPE_CHECKING:
    from sql.slow_statements import Totals

SPAN_S = 60.0
"""What counts as now."""


@dataclass(frozen=True)
class Entries:
    """The entries of one statement, one a role and nested calls apart: what tells them from later ones."""

    count: int = 1
    made_at: datetime | None = None
    """When the newest of them was made; None: not told (before 1.11, with which 17 comes)."""
    least_ms: float | None = None
    """The shortest call of all; None where there was none."""
    most_ms: float | None = None

    def go_on_from(self, before: Entries, *, evicted: bool) -> bool:
        """Whether their counters went on from those before; not where one was, or may have been, made anew.

        Args:
            evicted: whether the server made room in between, as far as it tells.
        """
        if self.count < before.count:
            return False
        if self.made_at != before.made_at and (evicted or self.count == before.count):
            return False
        return self.made_at is not None or self._span(before)

    def _span(self, before: Entries) -> bool:
        """Whether their extremes take in those before; one that was made anew has forgotten them."""
        if self.least_ms is None or before.least_ms is None:
            return before.least_ms is None
        assert self.most_ms is not None and before.most_ms is not None
        return self.least_ms <= before.least_ms and self.most_ms >= before.most_ms


@dataclass(frozen=True)
class Counted:
    """What the entries of one statement say, added up."""

    totals: Totals
    entries: Entries

    def since(self, before: Counted, *, evicted: bool) -> Totals | None:
        """The difference; None where it would be across a reset or an eviction."""
        if not self.entries.go_on_from(before.entries, evicted=evicted):
            return None
        return self.totals.since(before.totals)


def columns(place: Mapping[str, Any]) -> str:
    """What to select of a statement's entries for its `calls`, its `total_ms` and `entries_of`.

    Args:
        place: a row of statements_extension.sql.
    """
    total = place["total_column"]
    shortest, longest = (identifier(total.replace("total", name)) for name in ("min", "max"))
    made_at = "max(stats_since)" if place["has_since"] else "NULL::timestamptz"
    return (
        f"sum(calls)::int8 AS calls, sum({identifier(total)})::float8 AS total_ms,"
        f" count(*)::int4 AS entries, {made_at} AS made_at,"
        # One that was only planned has the extremes 0.
        f" min({shortest}) FILTER (WHERE calls > 0) AS least_ms,"
        f" max({longest}) FILTER (WHERE calls > 0) AS most_ms"
    )


def entries_of(row: Mapping[str, Any]) -> Entries:
    """Of a row with these columns."""
    return Entries(row["entries"], row["made_at"], row["least_ms"], row["most_ms"])


Reading: TypeAlias = Mapping[int, Counted]
"""By query id."""


class Deltas:
    """Differences of counters over the last `SPAN_S` seconds, across no reset and no eviction."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, int, Reading]] = deque()
        self._since: datetime | None = None
        self.reset_seen = False

    def take(self, at: float, reading: Reading, *, since: datetime | None, evicted: int) -> None:
        """Note a reading, made at `at` seconds of any steady clock.

        Args:
            since: when all was reset, where the server tells.
            evicted: how often it has made room, where it tells.
        """
        if self._taken and (since != self._since or evicted < self._taken[-1][1]):
            self._taken.clear()
            self.reset_seen = True
        self._since = since
        self._taken.append((at, evicted, reading))
        while len(self._taken) > 1 and self._taken[1][0] <= at - SPAN_S:
            self._taken.popleft()

    def of(self, query_id: int) -> Totals | None:
        """What came since the oldest reading that is kept; None where that cannot be told."""
        (_, evicted_before, first), (_, evicted, last) = self._taken[0], self._taken[-1]
        if first is last:
            return None
        if query_id in first:
            return last[query_id].since(first[query_id], evicted=evicted != evicted_before)
        # New since then, or evicted before and counted anew: only without evictions it is the first.
        return last[query_id].totals if evicted == evicted_before else None
