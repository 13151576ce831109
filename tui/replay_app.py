"""The full-screen program on a recording: no server, no password, no steps, nothing remembered."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from profiles.errors import ConfigurationError
from profiles.model import Profile
from sql.recording.player import Player
from sql.recording.reader import Recording
from sql.snapshots import Event
from tui.app import DeckApp
from tui.background import in_background
from tui.exit_codes import ExitCode
from tui.messages import Arrived
from tui.present.run import RunPicture
from tui.present.view import Tone
from tui.replay_feed import RECORDED, ReplayFeed
from tui.replay_history import ReplayHistory, filled
from tui.runs_board import RunsBoard
from tui.screens.deck import DeckScreen
from tui.screens.replay import Place, ReplayScreen
from tui.widgets.title import Title

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from sql.latency.messages import Message
    from sql.steps.runs import RunState
    from tui.road import Road
    from tui.screens.preview import PreviewScreen
    from tui.screens.run import RunScreen
    from tui.screens.runs import RunsScreen

MOST_MEANWHILE = 20_000
"""Messages that may come while the plot is filled."""
JUMPS = {"back": -10.0, "forward": 10.0, "back_far": -60.0, "forward_far": 60.0}
"""Seconds."""
ENDINGS = {
    "full": "the end: the recording was full",
    "continued": "no next part: the session went on",
    "going on": "the end so far: it is still being recorded",
    "": "the end: it was cut off",
}


class RecordedRuns(RunsBoard):
    """The runs that were recorded, as they stood then."""

    def __init__(self, player: Player, profile: str) -> None:
        super().__init__(profile, lambda: None)
        self._player = player

    @property
    def states(self) -> tuple[RunState, ...]:
        """Those that were going on, and those that came since; the latest first."""
        runs = self._player.state.runs
        return tuple(runs[run] for run in sorted(runs, reverse=True))

    def forget(self) -> None:
        """Know nothing of what the server showed."""
        self._live = None

    def picture(self, run: str) -> RunPicture | None:
        """One run, as the server showed it then."""
        state = self.state(run)
        return None if state is None else RunPicture(state, self._of_server(state))


class ReplayApp(DeckApp):
    """Plays one recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.player = Player(recording)
        header = recording.header
        profile = Profile(header.profile, header.environment, header.manifest.name, dict(header.target))
        super().__init__(profile, header.manifest)
        self.replay = ReplayFeed(self.player, self)
        self._remembered = ReplayHistory(recording, self.player)
        self._jumps = 0
        self._meanwhile: deque[tuple[Message, float]] = deque(maxlen=MOST_MEANWHILE)
        """What was heard since the last jump."""
        self.replay.audience.listen(self._hear)
        self.replay.audience.overhear(self._remembered.hear)

    # -- what a deck would do with a server ----------------------------------------------------------

    def make_deck(self, profile: Profile, manifest: Manifest) -> DeckScreen:
        """The deck of the recording."""
        return ReplayScreen(profile, manifest, self._place)

    def forget_runs(self, profile: str = "") -> None:
        """The runs are those of the recording."""
        super().forget_runs(profile)
        self.board: RecordedRuns = RecordedRuns(self.player, profile)
        # Runs of then are nobody's to care for now.
        self._greeted = True

    @property
    def history(self) -> ReplayHistory:
        """What is remembered of the probes at this place."""
        return self._remembered

    def clock(self) -> datetime:
        """The time of then."""
        return self.player.moment()

    async def _follow(self) -> None:
        self.feed = self.replay  # type: ignore[assignment]
        await self.replay.run()

    @property
    def road(self) -> Road | None:
        """There is no way to the server."""
        return None

    async def leave(self) -> None:
        """Runs of then hold nobody now."""
        await self.action_quit()

    def open_profiles(self) -> None:
        """A recording stays on its profile."""
        self.say(RECORDED, Tone.WARN)

    # Textual calls the handlers of every base, unless the message's default is prevented.

    def on_deck_screen_judged(self, message: DeckScreen.Judged) -> None:
        """A verdict of then is not the last one."""
        message.prevent_default()

    def on_preview_screen_asked(self, message: PreviewScreen.Asked) -> None:
        """No step is previewed here."""
        message.prevent_default()
        self.say(RECORDED, Tone.WARN)

    def on_run_screen_asked(self, message: RunScreen.Asked) -> None:
        """A run can be read, and its SQL copied; nothing can be done to it."""
        if message.action != "copy":
            message.prevent_default()
            message.screen.tell(RECORDED, Tone.WARN)

    def on_runs_screen_asked(self, message: RunsScreen.Asked) -> None:
        """The same in the list."""
        if message.action != "open":
            message.prevent_default()
            message.screen.say(RECORDED, Tone.WARN)

    # -- the replay ---------------------------------------------------------------------------------------

    def _place(self) -> Place:
        player = self.player
        ending = ""
        if player.is_over:
            ending = player.damage or ENDINGS.get(self._recording.ended, "the end")
        return Place(
            moment=player.moment().astimezone(UTC),
            position_s=player.position,
            duration_s=player.duration_s,
            speed=self.replay.speed,
            paused=self.replay.paused,
            seeking=self.replay.seeking,
            was_paused=player.state.paused,
            ending=ending,
            part=player.header.part,
        )

    def on_replay_screen_turned(self, message: ReplayScreen.Turned) -> None:
        """A key of the replay."""
        replay, action = self.replay, message.action
        if action == "pause":
            replay.pause(not replay.paused)
        elif action in JUMPS:
            replay.seek_by(JUMPS[action])
        elif action in ("first", "last"):
            replay.seek(0.0 if action == "first" else self.player.duration_s)
        elif not replay.faster(1 if action == "faster" else -1):
            self.say(
                f"{replay.speed:g}x is as {'fast' if action == 'faster' else 'slow'} as it goes", Tone.WARN
            )

    @property
    def title_badge(self) -> str:
        """That this is a recording, and where in it one is, for the screens over the deck."""
        return self._place().title_badge

    def moved(self) -> None:
        """Show the place."""
        if isinstance(self.deck, ReplayScreen):
            self.deck.moved()
        for title in self.screen.query(Title):
            title.draw()

    def jumped(self) -> None:
        """What is known is what was known there."""
        deck = self.deck
        if not isinstance(deck, ReplayScreen):
            return
        self.board.forget()
        with self.batch_update():
            deck.forget()
            for shown in self.player.state.events.values():
                with deck.at(shown.moment):
                    self.arrived(shown.event)
            self.moved()
        self._runs_changed()
        self.follow_above()
        self._jumps += 1
        self._meanwhile.clear()
        self.run_worker(
            self._remember(self._jumps, self.player.position),
            group="plot",
            description="remember what was before",
            exclusive=True,
            exit_on_error=False,
        )

    async def _remember(self, jump: int, position: float) -> None:
        """Fill the plot up to the place that was gone to, unless the operator has gone on meanwhile."""
        try:
            filling = partial(filled, self._recording, position, lambda: jump != self._jumps)
            found = await in_background(filling, "pgdeck plot")
        except (ConfigurationError, OSError):
            # The replay itself comes to the same place, and says it there.
            return
        if found is None or jump != self._jumps:
            return
        for message, at in self._meanwhile:
            found.take(message, at)
        self._remembered.become(found)
        self.follow_above()

    def _hear(self, message: Message, at: float) -> None:
        self._remembered.take(message, at)
        self._meanwhile.append((message, at))

    def arrived(self, event: Event) -> None:
        """Take a reading in at once: in a queue it could come after the operator has gone elsewhere."""
        self.on_arrived(Arrived(event))

    def ran(self) -> None:
        """A run began, went on or ended then."""
        self._runs_changed()

    async def action_quit(self) -> None:
        """End the program."""
        await self.stop_watching()
        self.exit(ExitCode.OK)
