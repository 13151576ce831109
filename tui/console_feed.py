"""The deck's side of PgBouncer's console: what it may do; it is imported where a profile names one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.background import in_background

if TYPE_CHECKING:
    from profiles.model import Profile
    from sql.pool.pgbouncer_watch import ConsoleWatch
    from sql.snapshots import Event


class ConsoleFeed:
    """Watches the console of one profile; what it was told before it could is remembered."""

    def __init__(self, profile: Profile, publish: Callable[[Event], None]) -> None:
        self._profile = profile
        self._publish = publish
        self._watch: ConsoleWatch | None = None
        self._paused = False

    @property
    def is_named(self) -> bool:
        """Whether the profile names a console."""
        return self._profile.pool.pgbouncer is not None

    async def run(self) -> None:
        """Watch it until cancelled."""
        self._watch = await in_background(self._make, "pgdeck imports the console")
        self.pause(self._paused)
        await self._watch.run()

    def pause(self, paused: bool) -> None:
        """Ask it nothing, or go on."""
        self._paused = paused
        if self._watch is not None:
            (self._watch.pause if paused else self._watch.resume)()

    def refresh(self) -> None:
        """Ask it everything now."""
        if self._watch is not None:
            self._watch.refresh()

    def _make(self) -> ConsoleWatch:
        """Import what speaks to the console (a sixth of a second), where it is installed."""
        from sql.pool.pgbouncer import Console, load
        from sql.pool.pgbouncer_watch import ConsoleWatch

        load()
        return ConsoleWatch(Console(self._profile), self._publish)
