"""The part of the app that is about the watch: how it begins, what it brings, how it ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual.worker import Worker

from profiles.errors import ConfigurationError
from sql.snapshots import BuildsSnapshot, ProbesSnapshot
from tui import collector
from tui.background import in_background
from tui.exit_codes import ExitCode
from tui.first_frame import FirstFrame
from tui.messages import Arrived, Stopped, Waiting
from tui.present.view import Tone
from tui.recording import DeckRecording
from tui.steps_app import StepsApp

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from profiles.secret import Secret
    from sql.latency.history import History
    from tui.crossings import Crossings
    from tui.scout import Scout

STOP_S = 3.0
"""Longest wait for an old watch to end before the next begins."""


@runtime_checkable
class Following(Protocol):
    """A screen that shows what the deck knows."""

    def follow(self) -> None:
        """Show what is known now."""


class WatchedApp(FirstFrame, StepsApp):
    """An app that watches one profile at a time."""

    manifest: Manifest | None

    def __init__(self) -> None:
        super().__init__()
        self._history: History | None = None
        self.crossings: Crossings | None = None
        """What crossed a line since the demo watch was opened first."""
        self.recording = DeckRecording(self)
        self.scout: Scout | None = None
        """Sent ahead for the profile that is opened first."""
        self._following: Worker[None] | None = None
        self._following_runs: Worker[None] | None = None

    @property
    def history(self) -> History:
        """What is remembered of this profile's probes; it outlives a watch that is begun again."""
        if self._history is None:
            from sql.latency.history import History

            probes = self.manifest.probes if self.manifest is not None else ()
            self._history = History([entry.name for entry in probes])
        return self._history

    def clock(self) -> datetime:
        """The time of what is shown."""
        return datetime.now(UTC)

    # -- begin and end ----------------------------------------------------------------------------------

    def begin_watching(self) -> None:
        """Start the watch in a worker of its own."""
        self._following = self.run_worker(
            self._follow(), group="watch", description="watch the server", exit_on_error=False
        )

    async def _follow(self) -> None:
        from tui.feed import Feed

        assert self.profile is not None
        assert self.manifest is not None
        scout, self.scout = self.scout, None
        self.feed = Feed(self.profile, self.manifest, self, scout)
        if self.deck is not None:
            self.feed.pause(self.deck.readings.paused)
        self.recording.begin(self.feed)
        try:
            await self.feed.run()
        finally:
            await self.recording.end()

    def settled(self) -> None:
        """The verdict is there, or takes long: remember what is heard, follow the runs, server or not."""
        collector.settle()
        if self.feed is not None:
            self.feed.audience.listen(self.history.take)
            self.feed.audience.overhear(self.history.hear)
        self.recording.write()
        self.recording.note_runs(self.board.states)
        self._following_runs = self.run_worker(
            self._follow_runs(),
            group="runs",
            description="follow the runs",
            exclusive=True,
            exit_on_error=False,
        )

    async def _follow_runs(self) -> None:
        from sql.latency.checkpoints import checkpoints_reading

        readings = await in_background(self.board.readings, "pgdeck runs")
        for reading in (*readings, checkpoints_reading()):
            if self.feed is not None:
                self.feed.join(reading)
        await self.board.follow()

    def _runs_changed(self) -> None:
        self.recording.note_runs(self.board.states)
        self.history.timeline.follow_runs(self.board.states)
        super()._runs_changed()

    async def stop_watching(self) -> None:
        """End the watch: its sessions and the prober are gone after this."""
        if self._following_runs is not None:
            self._following_runs.cancel()
            self._following_runs = None
        worker, self._following, self.feed = self._following, None, None
        if worker is None or worker.is_finished:
            return
        worker.cancel()
        tasks = [worker._task] if worker._task is not None else []
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_S)

    def on_arrived(self, message: Arrived) -> None:
        """Hand a reading to the deck."""
        if isinstance(message.event, BuildsSnapshot):
            self.board.take(message.event)
            return
        event = message.event
        if isinstance(event, ProbesSnapshot):
            event = self.history.with_trends(event)
        if self.deck is not None:
            self.deck.take(event)
            if self.holds and self.deck.readings.judged() is not None:
                self.show_frame()
            if self.crossings is not None:
                self.crossings.take(self.deck.readings, datetime.now(UTC))
        self.follow_above()

    def follow_above(self) -> None:
        """Let the screen that is up show what is known now."""
        for screen in self.screen_stack[-1:]:
            if isinstance(screen, Following):
                screen.follow()

    def on_waiting(self, message: Waiting) -> None:
        """Say for what the watch waits."""
        if self.deck is not None:
            self.deck.wait_for(message.what)

    def on_stopped(self, message: Stopped) -> None:
        """Say why the watch ended, and what would help."""
        if self.deck is not None:
            self.deck.wait_for(f"{message.reason}; {message.remedy}")

    async def ask_password(self, question: str) -> Secret | None:
        """Show the password dialog; None where it was left. Cancelling this takes it away."""
        from tui.screens.password import PasswordScreen

        answered: asyncio.Future[Secret | None] = asyncio.get_running_loop().create_future()

        def settle(secret: Secret | None) -> None:
            if not answered.done():
                answered.set_result(secret)

        dialog = PasswordScreen(question)
        self.push_screen(dialog, settle)
        try:
            return await answered
        finally:
            if dialog in self.screen_stack and not answered.done():
                dialog.dismiss(None)

    def refuse(self, error: ConfigurationError) -> None:
        """End the program with what is wrong in the files."""
        self.last_words = "\npgdeck: ".join(problem.sentence() for problem in error.problems)
        self.exit(ExitCode.USAGE)

    # -- keys -------------------------------------------------------------------------------------------

    def look_at_next_window(self) -> None:
        """Let the probes' figures count the next window; what was measured in it is there already."""
        from sql.latency.window import WINDOWS

        if self.deck is None or self.feed is None:
            return
        shown = self.deck.readings.known("probes").snapshot
        if not isinstance(shown, ProbesSnapshot):
            self.deck.say("there are no figures yet", Tone.WARN)
            return
        place = WINDOWS.index(shown.window_s) if shown.window_s in WINDOWS else -1
        self.feed.window(WINDOWS[(place + 1) % len(WINDOWS)])

    def steer(self, action: str) -> None:
        """Pause or go on, or read everything again."""
        deck, feed = self.deck, self.feed
        if deck is None:
            return
        if action == "pause":
            deck.pause(not deck.readings.paused)
            self.recording.pause(deck.readings.paused)
            if feed is not None:
                feed.pause(deck.readings.paused)
            self.history.timeline.pause(deck.readings.paused, datetime.now(UTC))
            return
        if self._following is None or self._following.is_finished:
            self.begin_watching()
        elif feed is not None:
            feed.refresh()
        deck.say("reading everything again")
