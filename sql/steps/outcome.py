"""How a run ended, in one word and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sql.steps.verification import Verification


class Outcome(StrEnum):
    """The end of a run."""

    DONE = "done"
    """The catalog shows the step's end."""
    FAILED = "failed"
    """It ran and the server said no, or its end was not reached."""
    CANCELLED = "cancelled"
    """Someone stopped it."""
    REFUSED = "refused"
    """Nothing was started."""
    UNKNOWN = "unknown"
    """The server is out of reach: a later look at the catalog will tell."""


@dataclass(frozen=True)
class Ending:
    """What running a step came to, before it is verified."""

    outcome: Outcome
    sentence: str
    """For the operator; the server's primary message, never its DETAIL (it may quote rows)."""
    sqlstate: str | None = None
    left: str = ""
    """What is left behind, and the step that mends it; empty: nothing."""


@dataclass(frozen=True)
class RunResult:
    """A finished run."""

    run: str
    outcome: Outcome
    sqlstate: str | None
    sentence: str
    verified: Verification | None
    """None: nothing was sent, or the server was out of reach."""
    started_at: datetime | None
    ended_at: datetime
