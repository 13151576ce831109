"""What is known of one probe: its figures, its plan, and the floor under them.

Values of their own room: the first verdict on a database that is not ready does without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from profiles.manifest import Target
from sql.findings import ProbeFinding

if TYPE_CHECKING:
    from sql.latency.trend import Trend

RIGHT_TO_SCAN = "a sequential scan is right for so small a table"
"""How the note of a plan begins that does without its index, and rightly."""


@dataclass(frozen=True)
class ProbePlan:
    """What the planner does with a probe, by plain EXPLAIN."""

    node: str
    """The node type that reads the table, such as `Seq Scan`."""
    uses_index: bool | None
    """Whether the expected index is used; None where none is expected."""
    expected_index: str | None
    note: str = ""
    shape: str = ""
    """Its nodes from the top down in one line, without costs: `Limit > Index Scan using i on leads`."""
    indexes: tuple[str, ...] = ()
    """The names of all indexes that it uses."""

    @property
    def lacks_index(self) -> bool:
        """Whether it does without the expected index, and not for want of rows."""
        return self.uses_index is False and not self.note.startswith(RIGHT_TO_SCAN)


@dataclass(frozen=True)
class ProbeReading:
    """One probe over the window it was measured in; latencies in ms, None where samples do not carry it."""

    name: str
    query_class: str
    finding: ProbeFinding
    samples: int
    errors: int
    target: Target
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    last_ms: float | None = None
    service_p50_ms: float | None = None
    service_p95_ms: float | None = None
    service_p99_ms: float | None = None
    server_mean_ms: float | None = None
    """pg_stat_statements' mean for this statement, where the extension is there."""
    kept: float | None = None
    """Share of due ticks that were measured, 0 to 1."""
    plan: ProbePlan | None = None
    detail: str = ""
    recent_ms: tuple[float, ...] = ()
    """The newest samples, oldest first, for a sparkline."""
    every_s: float | None = None
    """How often it is due; a heavy probe is due seldom."""
    slowed: bool = False
    """Whether that is less often than it would be if it were cheap."""
    trend: Trend | None = None
    """Which way the median goes within the window; None: too few samples, or nobody looked."""
    waits_s: float | None = None
    """How long a run has been in flight that takes too long; None: none is."""


@dataclass(frozen=True)
class FloorReading:
    """What `SELECT 1` takes on the probes' connection: network, client, server's least. Never subtracted."""

    samples: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
