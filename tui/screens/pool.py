"""Everything about the server's connections, read while the screen is open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message

from profiles.model import Profile
from sql.pool.use import GROUPINGS, PART
from sql.snapshots import PoolSnapshot
from tui import keys
from tui.present.header import trail
from tui.present.pool_screen import PoolPicture, pool_lines
from tui.present.view import Line, Tone
from tui.screens.reader import Reader
from tui.watching import Readings

if TYPE_CHECKING:
    from sql.pool.advice import ReplicaAdvice
    from sql.pool.use import PoolUseSnapshot
    from tui.feed import Feed

READ_S = 3.0
TICK_S = 5.0


class PoolScreen(Reader):
    """Limits, who holds what, the budget, rates, advice."""

    KEYS = keys.Scope.POOL
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.POOL)]

    class Left(Message):
        """Another screen is wanted in place of this one."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, profile: Profile, readings: Readings, feed: Feed | None) -> None:
        """
        Args:
            feed: reads what only this screen shows; None where nothing is watched.
        """
        super().__init__()
        self.profile = profile
        self._readings = readings
        self._feed = feed
        self._grouping = GROUPINGS[1]

    def on_mount(self) -> None:
        """Begin to read; ages move on in steps."""
        self.set_interval(TICK_S, self.draw)
        if self._feed is not None:
            from sql.poller import Reading
            from sql.pool.use import PoolUse

            wanted = self._feed.requirements
            self._feed.join(Reading(PART, READ_S, PoolUse(wanted.pool if wanted is not None else None)))

    def on_unmount(self) -> None:
        """Read it no more."""
        if self._feed is not None:
            self._feed.leave(PART)

    def follow(self) -> None:
        """Show what is known now."""
        self.draw()

    # -- what is shown ----------------------------------------------------------------------------------

    def title_text(self) -> Line:
        """Class, profile."""
        return trail(self.profile.environment, self.profile.name, "pool")

    def lines(self, width: int) -> Sequence[Line]:
        """All of it."""
        return pool_lines(self.picture, datetime.now(UTC), width)

    @property
    def picture(self) -> PoolPicture:
        """All that is known now."""
        readings = self._readings
        pool = readings.known("pool").snapshot
        use: PoolUseSnapshot | None = readings.known(PART).snapshot  # type: ignore[assignment]
        wanted = self._feed.requirements if self._feed is not None else None
        return PoolPicture(
            pool=pool.pool if isinstance(pool, PoolSnapshot) else None,
            use=use,
            budget=wanted.pool if wanted is not None else readings.manifest.pool,
            history=readings.pool_history,
            advice=self._advice(use),
            grouping=self._grouping,
            trouble=self._trouble(),
        )

    def _advice(self, use: PoolUseSnapshot | None) -> ReplicaAdvice | None:
        from sql.pool.advice import read_replica

        if use is None:
            return None
        traffic = use.traffic
        points = self._readings.pool_history.points
        return read_replica(points, traffic.table_rows, traffic.read_share, traffic.replicas)

    def _trouble(self) -> str:
        readings = self._readings
        if readings.lost is not None:
            return f"what stands here is stale: {readings.lost.reason}"
        for part in ("pool", PART):
            unavailable = readings.known(part).unavailable
            if unavailable is not None:
                remedy = f"; to mend it: {unavailable.remedy}" if unavailable.remedy else ""
                return f"{unavailable.reason}{remedy}"
        return ""

    # -- keys -------------------------------------------------------------------------------------------

    def action_key(self, name: str) -> None:
        """Every key of the screen comes through here."""
        facts = keys.Facts(watching=self._feed is not None, paused=self._readings.paused)
        why_off = keys.key(f"pool.{name}").why_off(facts)
        if why_off:
            self.say(why_off, Tone.WARN)
        elif name == "group":
            self._grouping = GROUPINGS[(GROUPINGS.index(self._grouping) + 1) % len(GROUPINGS)]
            self.draw()
        elif name == "refresh" and self._feed is not None:
            self._feed.refresh()
            self.say("reading everything again")
        elif name == "locks":
            self.post_message(self.Left(name))
        else:
            super().action_key(name)
