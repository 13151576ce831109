"""Warming up the probes' data: what it will do, how far it is, cold against warm."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from profiles.model import Profile
from tui import keys
from tui.present.header import trail
from tui.present.view import Line, Tone
from tui.present.warming import done_lines, failed_lines, going_lines, offer_lines
from tui.screens.reader import Reader

if TYPE_CHECKING:
    from profiles.manifest import ProbeEntry
    from sql.latency.warming import WarmStep, WarmUp
    from tui.feed import Feed


class WarmingScreen(Reader):
    """Begins on `c`; leaving ends what is under way."""

    KEYS = keys.Scope.WARMING
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.WARMING)]

    def __init__(self, profile: Profile, probes: Sequence[ProbeEntry], feed: Feed | None) -> None:
        """
        Args:
            feed: the watch, whose probes rest meanwhile; None where nothing is watched.
        """
        super().__init__()
        self._profile = profile
        self._probes = probes
        self._feed = feed
        self._going: WarmStep | None = None
        self._done: WarmUp | None = None
        self._failed = ""

    def title_text(self) -> Line:
        """Whose data is warmed."""
        return trail(self._profile.environment, self._profile.name, "warm-up")

    def lines(self, width: int) -> Sequence[Line]:
        """The offer, the progress or the result."""
        if self._failed:
            return failed_lines(self._failed, width)
        if self._done is not None:
            return done_lines(self._done, width)
        return going_lines(self._going) if self._going is not None else offer_lines(self._probes, width)

    def idle_keys(self) -> Collection[str]:
        """One warm-up at a time."""
        return ("start",) if self._going is not None else ()

    def _why_not(self) -> str:
        if not self._probes:
            return "the manifest has no probe"
        if self._going is not None:
            return "it is under way"
        if self._feed is None or self._feed.requirements is None or self._feed.server is None:
            return "the server is not reached yet"
        return "the watch is paused; space on the deck goes on" if self._feed.paused else ""

    def action_key(self, name: str) -> None:
        """Begin; the rest as in every text."""
        if name != "start":
            super().action_key(name)
            return
        why_off = keys.key("warming.start").why_off(keys.Facts(why=self._why_not()))
        if why_off:
            self.say(why_off, Tone.WARN)
        else:
            self._warm()

    @work(group="warm", exclusive=True, description="warm up", exit_on_error=False)
    async def _warm(self) -> None:
        from sql.errors import SessionError
        from sql.latency.warmer import warm_in_child
        from sql.latency.warming import WarmStep

        feed = self._feed
        assert feed is not None
        assert feed.requirements is not None
        pool = feed.requirements.pool
        self._done, self._failed = None, ""
        self._show(WarmStep(0, 2 * len(self._probes), "connecting …"))
        feed.rest_probes(True)
        try:
            self._done = await warm_in_child(
                self._profile,
                feed.password,
                self._probes,
                self._show,
                search_path=feed.requirements.search_path,
                query_timeout_s=pool.query_timeout_s if pool is not None else None,
                system_identifier=feed.server.system_identifier if feed.server is not None else None,
            )
        except SessionError as error:
            self._failed = error.user_message()
        finally:
            feed.rest_probes(False)
            self._going = None
        self.draw()

    def _show(self, step: WarmStep) -> None:
        self._going = step
        self.draw()
