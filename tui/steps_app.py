"""The part of the app that is about steps and runs: what screens ask for, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.app import App

from tui.present.text import plural
from tui.present.view import Tone
from tui.runs_board import RunsBoard
from tui.screens.deck import DeckScreen

if TYPE_CHECKING:
    from profiles.model import Profile
    from tui.feed import Feed
    from tui.flow import StepFlow
    from tui.road import Road
    from tui.screens.details import DetailsScreen
    from tui.screens.locks import LocksScreen
    from tui.screens.preview import PreviewScreen
    from tui.screens.run import RunScreen
    from tui.screens.runs import RunsScreen

NOT_YET = "as soon as the watch has begun …"
"""The answer to a key that has to wait for that."""


class StepsApp(App[int]):
    """An app whose deck has steps and runs."""

    profile: Profile | None
    feed: Feed | None
    last_words: str

    @property
    def deck(self) -> DeckScreen | None:
        """The deck, whatever is shown above it."""
        return next((each for each in self.screen_stack if isinstance(each, DeckScreen)), None)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Show a sentence in the footer of the screen that is up."""
        raise NotImplementedError

    def copy(self, sql: str) -> None:
        """Copy a text."""
        raise NotImplementedError

    def once_watching(self, act: Callable[[], None]) -> None:
        """Do what a key asks for when the watch has begun: a verdict may be there a moment before.

        A watch that waits for its password may take long to begin, so what was pressed is acknowledged.
        """
        screen, begun = self.screen, False

        def once() -> None:
            nonlocal begun
            begun = True
            if self.screen is screen:
                act()

        if self.feed is None:
            act()
        else:
            self.feed.once_begun(once)
            if not begun:
                self.say(NOT_YET)

    def forget_runs(self, profile: str = "") -> None:
        """Begin with the runs of another profile."""
        self.board = RunsBoard(profile, self._runs_changed)
        self._flow: StepFlow | None = None
        self._greeted = False

    @property
    def flow(self) -> StepFlow:
        """What leads from a row to a verified run; most decks are only looked at, so it is imported late."""
        if self._flow is None:
            from tui.flow import StepFlow

            self._flow = StepFlow(self)
        return self._flow

    @property
    def road(self) -> Road | None:
        """The way to the server for steps; None before the watch is in."""
        feed = self.feed
        if feed is None or feed.requirements is None or self.profile is None:
            return None
        from tui.road import ServerRoad

        return ServerRoad(
            self.profile, feed.requirements, lambda: feed.password, lambda: feed.server, feed.ask
        )

    def _open_step(self, action: str) -> None:
        deck = self.deck
        row = deck.active.row if deck is not None else None
        if deck is not None and row is not None:
            subject = (deck.part, row.key)
            self.once_watching(lambda: self._preview(subject, action))

    def _preview(self, subject: tuple[str, str], action: str) -> None:
        from sql.steps.step import Direction

        why_not = self.flow.open_subject(subject, Direction.FIX if action == "build" else Direction.ROLLBACK)
        if why_not:
            self.say(why_not, Tone.WARN)

    def on_details_screen_stepped(self, message: DetailsScreen.Stepped) -> None:
        """Preview a step from the details."""
        self.once_watching(lambda: self._preview(message.subject, message.action))

    def on_preview_screen_asked(self, message: PreviewScreen.Asked) -> None:
        """What the preview leaves to the app."""
        self.flow.on_preview(message.screen, message.action)

    def on_run_screen_asked(self, message: RunScreen.Asked) -> None:
        """What the screen of a run leaves to the app."""
        self.flow.on_run(message.screen, message.action)

    def on_locks_screen_asked(self, message: LocksScreen.Asked) -> None:
        """A session in the way shall be cancelled or terminated."""
        from tui.unblocking import ask_to_end

        ask_to_end(self, message)

    def on_runs_screen_asked(self, message: RunsScreen.Asked) -> None:
        """What the list of runs leaves to the app."""
        if message.action == "open":
            self.flow.open_run(message.run)
        elif message.action == "stop":
            self.flow.ask_to_stop(message.run, message.screen.say)
        else:
            self.flow.adopt(message.run, message.screen.say)

    def _runs_changed(self) -> None:
        """The journal or the server say something new of a run."""
        deck = self.deck
        if deck is None or not deck.is_mounted:
            return
        from tui.present.run import indicator
        from tui.screens.run import RunScreen
        from tui.screens.runs import RunsScreen

        now = datetime.now(UTC)
        deck.show_runs(indicator(self.board.pictures(), now), self.board.trouble)
        if not self._greeted:
            self._greeted = True
            self._greet(deck)
        for screen in self.screen_stack:
            if isinstance(screen, RunScreen | RunsScreen):
                screen.follow()
        if self._flow is not None or self.board.states:
            self.flow.runs_changed()

    def _greet(self, deck: DeckScreen) -> None:
        """Say which runs are found on start."""
        running = len(self.board.running)
        left = [state for state in self.board.states if state.state == "orphaned"]
        told = [f"{plural(running, 'run')} in progress"] if running else []
        told += [f"{plural(len(left), 'run')} without a runner"] if left else []
        if told:
            deck.say(f"found {' and '.join(told)}: u shows them", Tone.WARN)
