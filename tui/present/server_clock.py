"""Ages by the server's clock, which need not agree with ours."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clocked(Protocol):
    """A reading that says when it was taken, by our clock and by the server's."""

    @property
    def taken_at(self) -> datetime:
        """By our clock."""

    @property
    def server_time(self) -> datetime:
        """By the server's."""


def age_s(start: datetime | None, reading: Clocked, now: datetime) -> float | None:
    """Seconds since a moment of the server's clock, by that clock and the time that went by here since."""
    if start is None:
        return None
    gone_s = (now - reading.taken_at).total_seconds()
    return max((reading.server_time - start).total_seconds() + max(gone_s, 0.0), 0.0)
