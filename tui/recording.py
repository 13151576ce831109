"""The recording of what a deck watches: begun with each watch, ended with it, in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from tui.background import in_background
from tui.present.text import clean
from tui.present.view import Tone
from tui.recordings import folder

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from profiles.model import Profile
    from sql.recording.recorder import Recorder
    from sql.steps.runs import RunState
    from tui.feed import Feed


class Host(Protocol):
    """What this needs of the app."""

    profile: Profile | None
    manifest: Manifest | None

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer of the screen that is up."""


class DeckRecording:
    """Records every watch of an app, one after the other, where that is wanted."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._recorder: Recorder | None = None
        self.wanted = False

    def begin(self, feed: Feed) -> None:
        """Take down what this watch hears and publishes; nothing is written before `write`."""
        if not self.wanted or self._host.profile is None or self._host.manifest is None:
            return
        from sql.recording.recorder import Recorder
        from tui.version import version

        loop = asyncio.get_running_loop()

        def tell(sentence: str) -> None:
            loop.call_soon_threadsafe(self._host.say, clean(sentence), Tone.WARN)

        profile, manifest = self._host.profile, self._host.manifest
        recorder = Recorder(profile, manifest, folder(), tell, pgdeck=version)
        self._recorder = recorder
        feed.audience.listen(recorder.hear)
        feed.audience.overhear(recorder.overhear)

    def write(self) -> None:
        """There is time now: begin to write."""
        if self._recorder is not None:
            self._recorder.start()

    def note_runs(self, states: Iterable[RunState]) -> None:
        """The runs of the profile as they stand."""
        if self._recorder is not None:
            self._recorder.note_runs(states)

    def pause(self, paused: bool) -> None:
        """The watch is paused, or goes on."""
        if self._recorder is not None:
            self._recorder.pause(paused)

    async def end(self) -> None:
        """End the recording of this watch."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            await in_background(recorder.end, "pgdeck recording's end")

    def end_now(self) -> None:
        """The same where no loop runs any more."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.end()
