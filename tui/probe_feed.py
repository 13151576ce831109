"""The deck's side of the probes: their process, what it may do, and which stretch of time they count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sql.latency.child import end_child, start_child
from tui.admission import Admission

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from profiles.model import Profile
    from sql.latency.messages import Message
    from sql.latency.prober import Prober
    from sql.requirements import Requirements
    from sql.snapshots import Event, ServerIdentity


class ProbeFeed:
    """Runs the probes of one watch; what it was told before there was a prober is remembered."""

    def __init__(
        self,
        profile: Profile,
        admission: Admission,
        publish: Callable[[Event], None],
        hear: Callable[[Message, float], None],
    ) -> None:
        """
        Args:
            publish: takes what the prober publishes.
            hear: takes every message of its process, with the time by the samples' clock.
        """
        self._profile = profile
        self._admission = admission
        self._publish = publish
        self._hear = hear
        self._prober: Prober | None = None
        self._child: Process | None = None
        """The process while it has no order."""
        self._server: ServerIdentity | None = None
        self._paused = False
        self._resting = False
        self._window_s: tuple[float | None, ...] = ()
        """The window that was chosen; empty: none was."""

    async def start(self) -> None:
        """The process imports while we do; it gets its order when the password is known to be right."""
        self._child = await start_child("sql.latency.prober", self._profile)

    async def close(self) -> None:
        """End a process that never got an order."""
        if self._child is not None:
            await end_child(self._child)

    async def run(self, requirements: Requirements) -> None:
        """Measure until cancelled. Only once the watch is in: two refused logins would lock accounts."""
        from sql.latency.prober import Prober

        child, self._child = self._child, None
        async with Prober(child) as prober:
            prober.listen(self._hear)
            self._prober = prober
            for seconds in self._window_s:
                prober.window(seconds)
            self.admit(self._server)
            timeout_s = requirements.pool.query_timeout_s if requirements.pool is not None else None
            await prober.start(
                self._profile,
                self._admission.password,
                requirements.probes,
                self._publish,
                search_path=requirements.search_path,
                query_timeout_s=timeout_s,
            )
            self._obey()
            await prober.wait()

    def pause(self, paused: bool) -> None:
        """Send nothing, or go on."""
        self._paused = paused
        self._obey()

    def rest(self, resting: bool) -> None:
        """Send nothing while something else needs a calm server, or go on."""
        self._resting = resting
        self._obey()

    def _obey(self) -> None:
        if self._prober is not None:
            (self._prober.pause if self._resting or self._paused else self._prober.resume)()

    def window(self, seconds: float | None) -> None:
        """Count another stretch of time; None: since the start."""
        self._window_s = (seconds,)
        if self._prober is not None:
            self._prober.window(seconds)

    def hold(self) -> None:
        """The watch is out: do not knock either."""
        if self._prober is not None:
            self._prober.hold()

    def admit(self, server: ServerIdentity | None) -> None:
        """The watch is in on this server: measure there, and nowhere else."""
        self._server = server
        if self._prober is not None and server is not None:
            self._prober.admit(self._admission.password, server)
