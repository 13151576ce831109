"""The full-screen program: which profile is watched, which screen is up, and how it ends.

The first frame is painted before a database driver is imported: everything that speaks to a server starts
in a worker, after it (`tui.feed`).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from textual import events
from textual.binding import BindingType
from textual.widgets import Input
from textual.worker import Worker, WorkerState

from profiles.errors import ConfigurationError
from profiles.model import EnvironmentClass
from tui.crash import QuietEnd
from tui.curtain import ENDINGS
from tui.exit_codes import ExitCode
from tui.frames import LightFrames
from tui.messages import Copied
from tui.opening import NEED_WATCH, SCREENS
from tui.present.text import clean
from tui.present.view import Tone
from tui.screens.deck import DeckScreen
from tui.theme import OWN_VARIABLES, THEMES
from tui.watched_app import WatchedApp

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from profiles.model import Profile
    from tui.feed import Feed
    from tui.screens.latency import LatencyScreen
    from tui.screens.pool import PoolScreen
    from tui.screens.replicas import ReplicasScreen

TERMINAL_CHECK_S = 2.0
STYLES = Path(__file__).parent / "styles"


@runtime_checkable
class Speaking(Protocol):
    """A screen whose footer says a sentence for a while."""

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show it."""


class DeckApp(WatchedApp, QuietEnd, LightFrames):
    """Owns the watch and the screens; everything on them is a value that came by message."""

    CSS_PATH = STYLES / "deck.tcss"
    TITLE = "pgdeck"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, profile: Profile | None = None, manifest: Manifest | None = None) -> None:
        super().__init__()
        self.animation_level = "none"
        for theme in THEMES.values():
            self.register_theme(theme)
        environment = profile.environment if profile is not None else EnvironmentClass.DEVELOPMENT
        self.theme = THEMES[environment].name
        self.profile = profile
        self.manifest = manifest
        self.feed: Feed | None = None
        self.opens_with = ""
        """The key of the deck whose screen is opened over it at the start."""
        self.forget_runs()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables, also under a theme that is not ours."""
        return {**super().get_theme_variable_defaults(), **OWN_VARIABLES}

    # -- begin and end ----------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Show the deck of the profile, or the list of profiles; watch what could end the program."""
        if not self.is_headless:
            self.set_interval(TERMINAL_CHECK_S, self._check_terminal)
        if self.profile is not None and self.manifest is not None:
            self.open_deck(self.profile, self.manifest)
        else:
            self.open_profiles()

    def heed_endings(self) -> None:
        """From now on a signal that ends the program leaves the terminal as it was found."""
        loop = asyncio.get_running_loop()
        for ending in ENDINGS:
            loop.add_signal_handler(ending, self._end_by_signal, ending)

    def _end_by_signal(self, ending: signal.Signals) -> None:
        self.last_words = f"ended by {ending.name}"
        self.exit(128 + ending)

    def _check_terminal(self) -> None:
        """A terminal that went away without SIGHUP would leave Textual reading its end for ever."""
        if not (_is_terminal(sys.__stdin__) and _is_terminal(sys.__stderr__)):
            # Restoring a terminal that is gone can only fail or hang.
            os._exit(128 + signal.SIGHUP)

    async def leave(self) -> None:
        """End the program; while a run goes on, ask what becomes of it."""
        running = self.board.running
        if running:
            self.flow.ask_to_leave(running)
        else:
            await self.action_quit()

    async def action_quit(self) -> None:
        """End the program; the prober ends with it."""
        await self.stop_watching()
        self.exit(ExitCode.OK)

    # -- the watch --------------------------------------------------------------------------------------

    def open_deck(self, profile: Profile, manifest: Manifest) -> None:
        """Show a profile's deck and begin to watch once its first frame is out."""
        self.profile, self.manifest = profile, manifest
        self.theme = THEMES[profile.environment].name
        self.forget_runs(profile.name)
        self._history = self.crossings = None
        deck = self.make_deck(profile, manifest)
        self.push_screen(deck)
        self.hold_frame()
        deck.call_after_refresh(self.begin_watching)
        if self.opens_with:
            deck.call_after_refresh(self.open_screen, self.opens_with)

    def make_deck(self, profile: Profile, manifest: Manifest) -> DeckScreen:
        """The deck's screen."""
        return DeckScreen(profile, manifest)

    # -- keys that are the app's ------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A letter that was typed ahead of a field belongs to the field, not to a key of the deck."""
        field = self.focused
        # A field keeps every letter that reaches it: this one went to what had the focus before.
        if event.is_printable and isinstance(field, Input):
            event.prevent_default()
            field.post_message(events.Key(event.key, event.character))

    async def on_deck_screen_asked(self, message: DeckScreen.Asked) -> None:
        """What the deck leaves to the app."""
        if message.action == "quit":
            await self.leave()
        elif message.action in ("build", "roll_back"):
            self._open_step(message.action)
        elif message.action == "profiles":
            self.open_profiles()
        elif message.action == "copy":
            self._copy_row()
        elif message.action in ("pause", "refresh"):
            self.steer(message.action)
        elif message.action == "window":
            self.look_at_next_window()
        elif message.action in NEED_WATCH:
            self.once_watching(partial(self.open_screen, message.action))
        elif message.action in SCREENS:
            self.open_screen(message.action)

    def on_latency_screen_asked(self, message: LatencyScreen.Asked) -> None:
        """What the latency screen leaves to the app."""
        if message.action == "window":
            self.look_at_next_window()
        elif message.action == "incidents" and self.screen is message.screen:
            screen = SCREENS["incidents"](self)
            if screen is not None:
                self.push_screen(screen)

    def on_pool_screen_left(self, message: PoolScreen.Left) -> None:
        """From the pool to another screen of the deck; esc leads from there to the deck."""
        self.screen.dismiss()
        self.call_after_refresh(self.open_screen, message.action)

    def open_screen(self, action: str) -> None:
        """Open the screen of a key of the deck."""
        # Two presses before the first screen is up must not stack two of them.
        if isinstance(self.screen, DeckScreen):
            screen = SCREENS[action](self)
            if screen is not None:
                self.push_screen(screen)

    def _copy_row(self) -> None:
        deck = self.deck
        row = deck.active.row if deck is not None else None
        if deck is None or row is None:
            return
        from tui.screens.details import find

        details = find((deck.part, row.key), deck.readings)
        self.copy((details.sql if details is not None else "") or row.sql)

    def on_copied(self, message: Copied) -> None:
        """Copy from a list or from details."""
        self.copy(message.text)

    def copy(self, sql: str) -> None:
        """To the clipboard as far as the terminal allows it, and to a file, whose path is said."""
        from profiles.locations import locations
        from tui import clipboard

        sequence = clipboard.sequences(sql)
        if self._driver is not None and not self.is_headless and sequence:
            self._driver.write(sequence)
        try:
            path = clean(str(clipboard.keep(sql, locations().state)))
        except OSError as error:
            self.say(f"copied as far as the terminal allows it; no file: {error.strerror}", Tone.WARN)
            return
        if sequence:
            self.say(f"copied as far as the terminal allows it; also in {path}", Tone.GOOD)
        else:
            self.say(f"too long for a clipboard; it is in {path}", Tone.WARN)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer of the screen that is up."""
        screen = self.screen
        if isinstance(screen, Speaking):
            screen.say(text, tone)

    # -- profiles ---------------------------------------------------------------------------------------

    def open_profiles(self) -> None:
        """The list of profiles; the name it is left with is opened."""
        from tui.screens.profiles import ProfilesScreen

        if not isinstance(self.screen, ProfilesScreen):
            self.push_screen(ProfilesScreen(), self._chosen)

    def _chosen(self, name: str | None) -> None:
        if name is None:
            if self.deck is None:
                self.exit(ExitCode.OK)
            return
        self.run_worker(
            self.switch(name),
            group="switch",
            description="open another profile",
            exclusive=True,
            exit_on_error=False,
        )

    async def switch(self, name: str) -> None:
        """Stop the old watch, then open another profile; one that is wrong leaves everything as it is."""
        from tui.commands.deck import load

        try:
            profile, manifest = await asyncio.to_thread(load, name)
        except ConfigurationError as error:
            self.bell()
            sentence = clean(error.problems[0].sentence())
            if self.deck is None:
                self.open_profiles()
            self.notify(sentence, severity="error", markup=False, timeout=15)
            return
        await self._open_instead(profile, manifest)

    async def _open_instead(self, profile: Profile, manifest: Manifest) -> None:
        await self.stop_watching()
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        self.open_deck(profile, manifest)

    def on_replicas_screen_wanted(self, message: ReplicasScreen.Wanted) -> None:
        """From a standby to its primary: the same profile, on another of its servers."""
        if self.manifest is not None:
            self.run_worker(
                self._open_instead(message.profile, self.manifest),
                group="switch",
                description="open the deck on the primary",
                exclusive=True,
                exit_on_error=False,
            )

    def on_deck_screen_judged(self, message: DeckScreen.Judged) -> None:
        """Keep the verdict for the list of profiles."""
        from profiles import verdicts

        if self.profile is not None and self.profile.path is not None:
            name = self.profile.name
            self.run_worker(
                asyncio.to_thread(verdicts.remember, name, message.verdict, datetime.now(UTC)),
                group="remember",
                description="remember the verdict",
                exit_on_error=False,
            )

    # -- trouble ----------------------------------------------------------------------------------------

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that failed is a mistake of ours: end visibly, never silently."""
        if event.state is not WorkerState.ERROR:
            return
        error = event.worker.error
        self.report_mistake(error if error is not None else RuntimeError("unknown"))


def _is_terminal(stream: object) -> bool:
    try:
        return os.isatty(stream.fileno())  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        return False
