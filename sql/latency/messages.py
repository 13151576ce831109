"""What a sampler says, as values and as JSON lines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

if TYPE_CHECKING:
    from sql.latency.readings import ProbePlan


@dataclass(frozen=True)
class Sample:
    """One answered tick; times are seconds of the monotonic clock that all processes share."""

    due: float
    """From when its latency counts."""
    start: float
    end: float
    error: str | None = None
    """SQLSTATE and message of a run that failed."""
    answered: bool = True
    """False where the server refused: its latency is then without end."""
    shared: bool = False
    """The run answered an earlier tick too: its service time is counted there."""


@dataclass(frozen=True)
class Samples:
    """The samples of one probe since the last message."""

    probe: int
    due: int
    """Ticks that came due."""
    runs: int
    rows: tuple[Sample, ...]
    every_s: float = 0.0
    """How often the probe is due now."""
    slowed: bool = False
    """Whether it is due less often because it is heavy."""


@dataclass(frozen=True)
class Planned:
    """What the planner does with a probe now."""

    probe: int
    plan: ProbePlan


@dataclass(frozen=True)
class Unmeasured:
    """A probe that cannot be run, and why."""

    probe: int
    detail: str


@dataclass(frozen=True)
class Ungranted:
    """A probe that this role may not run."""

    probe: int
    grants: tuple[str, ...]
    """The statements that would allow it; empty: none is known."""


@dataclass(frozen=True)
class ServerMean:
    """pg_stat_statements' mean of a probe, ms; None where it has none."""

    probe: int
    mean_ms: float | None


@dataclass(frozen=True)
class Floor:
    """`SELECT 1` on the probes' connection."""

    rows: tuple[Sample, ...]


@dataclass(frozen=True)
class Standstill:
    """The prober itself did not run: it was stopped, or the machine was too busy to let it."""

    start: float
    end: float


@dataclass(frozen=True)
class Attached:
    """Which backend measures; said after each connect. Behind a pooler any may, and nothing is said."""

    pid: int
    backend_start: str
    """ISO 8601; pids are used again."""
    lane: int
    """0, or 1 for a second connection."""


@dataclass(frozen=True)
class Overdue:
    """A run is still in flight and has taken longer than it should; said once a run, while it runs."""

    probe: int
    start: float
    """The `start` of the sample that the run will become."""
    threshold_ms: float
    """What it has exceeded: the p99 target or three times its median, whichever is less; at least 20."""
    pid: int
    """The backend that it runs on; 0 behind a pooler."""
    application: str = ""
    """application_name of the connection: how the backend is found behind a pooler."""


@dataclass(frozen=True)
class Stopped:
    """The prober's last word: the server is out of reach."""

    reason: str
    refused: bool
    """Whether the server refused the login."""


Message: TypeAlias = (
    Samples
    | Planned
    | Unmeasured
    | Ungranted
    | ServerMean
    | Floor
    | Standstill
    | Attached
    | Overdue
    | Stopped
)
_KINDS = {kind.__name__: kind for kind in get_args(Message)}


def encode(message: Message) -> bytes:
    """One line of JSON."""
    if isinstance(message, Samples | Floor):
        # Most messages are these; asdict() would copy every sample of them, field by field.
        fields: dict[str, Any] = dict(vars(message))
        fields["rows"] = [
            [row.due, row.start, row.end, row.error, row.answered, row.shared] for row in message.rows
        ]
    else:
        fields = asdict(message)
    return json.dumps({"kind": type(message).__name__, **fields}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line that `encode` made."""
    fields = json.loads(line)
    kind = _KINDS[fields.pop("kind")]
    if kind in (Samples, Floor):
        fields["rows"] = tuple(Sample(*row) for row in fields["rows"])
    if kind is Planned:
        from sql.latency.readings import ProbePlan

        plan = fields["plan"]
        fields["plan"] = ProbePlan(**{**plan, "indexes": tuple(plan["indexes"])})
    if kind is Ungranted:
        fields["grants"] = tuple(fields["grants"])
    message: Message = kind(**fields)
    return message
