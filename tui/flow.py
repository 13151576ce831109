"""What happens between screens while steps are previewed, confirmed, run and verified.

The questions are callbacks of dialogs; everything that waits for the server is a worker of the app, never of
a screen: leaving a screen ends nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sql.steps.step import Direction
from tui.mending import Subject, needs_nothing, reading_of
from tui.present.run import ended_sentence, is_over
from tui.present.text import clean
from tui.present.view import Tone
from tui.remedies import Mendable, remedy_of
from tui.road import RoadBlocked
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_step import ConfirmStepScreen
from tui.screens.preview import PreviewScreen
from tui.screens.run import RunScreen

if TYPE_CHECKING:
    from sql.steps.runs import RunState
    from tui.road import Looked, Road
    from tui.steps_app import StepsApp

NOT_CONNECTED = "not connected yet: steps need the server"


class StepFlow:
    """Leads from a row to a verified run and to the step after it."""

    def __init__(self, app: StepsApp) -> None:
        self._app = app
        self._of_runs: dict[str, tuple[Mendable, Direction]] = {}
        """What each run that was started here is for."""
        self._open: set[str] = set()
        """Runs that were seen before their end."""
        self._leaving: set[str] = set()
        """Runs whose clean-up ends the program."""

    @property
    def _road(self) -> Road | None:
        return self._app.road

    def _work(self, work: Awaitable[None], what: str, *, group: str = "steps") -> None:
        self._app.run_worker(work, group=group, description=what, exit_on_error=False)

    # -- preview ----------------------------------------------------------------------------------------

    def open_subject(self, subject: Subject, direction: Direction) -> str:
        """Show the preview of the next step of a row; why not, or nothing."""
        deck = self._app.deck
        if deck is None:
            return "no deck is open"
        reading = reading_of(subject, deck.readings.judged_parts())
        if reading is None:
            return "it is no longer among the readings"
        if direction is Direction.FIX and needs_nothing(reading):
            return "it is as the manifest asks; r takes it away"
        return self.open(reading, direction)

    def open(self, reading: Mendable, direction: Direction) -> str:
        """Show the preview of the next step of an object; why not, or nothing."""
        app, deck = self._app, self._app.deck
        if self._road is None or deck is None:
            return NOT_CONNECTED
        if isinstance(app.screen, PreviewScreen):
            return ""
        remedy = remedy_of(reading, deck.readings.manifest, deck.readings.judged_parts(), direction)
        first = remedy.steps[0] if remedy.steps else None
        app.push_screen(PreviewScreen(deck.profile, reading, direction, first))
        return ""

    def on_preview(self, screen: PreviewScreen, action: str) -> None:
        """A key of the preview."""
        if action == "look":
            self._work(self._look(screen), "look at a step")
        elif action == "confirm":
            self._confirm(screen)
        elif screen.sql:
            self._app.copy(screen.sql)

    async def _look(self, screen: PreviewScreen) -> None:
        road = self._road
        if road is None:
            screen.fail(NOT_CONNECTED)
            return
        try:
            looked = await road.look(screen.reading, screen.direction, screen.wait_for)
        except RoadBlocked as error:
            screen.fail(str(error))
        else:
            screen.take(looked)

    # -- confirm and launch -----------------------------------------------------------------------------

    def _confirm(self, screen: PreviewScreen) -> None:
        looked = screen.looked
        if self._app.screen is not screen or looked is None or looked.step is None or not looked.ready:
            return
        step = looked.step.step
        assert step is not None
        where = ""
        if looked.prepared is not None:
            server = looked.prepared.server
            where = f"{server.database} at {server.address}"

        def answered(yes: bool | None) -> None:
            if yes:
                screen.wait_for("planning again, and comparing with what you confirmed")
                self._work(self._launch(screen, looked), "start a step")

        wait = looked.step.preview.forecast.wait if looked.step.preview is not None else ""
        self._app.push_screen(ConfirmStepScreen(screen.profile, step, where, wait), answered)

    async def _launch(self, screen: PreviewScreen, looked: Looked) -> None:
        road = self._road
        if road is None:
            screen.fail(NOT_CONNECTED)
            return
        try:
            run = await road.launch(looked)
        except RoadBlocked as error:
            screen.fail(str(error), error.differences)
            if error.differences:
                await self._look_after_change(screen)
            return
        self._of_runs[run] = (screen.reading, screen.direction)
        self._open.add(run)
        if self._app.screen is screen:
            await self._app.pop_screen()
            self.open_run(run)

    async def _look_after_change(self, screen: PreviewScreen) -> None:
        """Show the step as it is now beneath what changed; only a new look can be confirmed."""
        road = self._road
        if road is None or screen not in self._app.screen_stack:
            return
        try:
            screen.looked = await road.look(screen.reading, screen.direction, lambda _: None)
        except RoadBlocked:
            return
        screen.draw()

    # -- a run ------------------------------------------------------------------------------------------

    def open_run(self, run: str) -> None:
        """Show a run."""
        app, deck = self._app, self._app.deck
        if deck is not None and not isinstance(app.screen, RunScreen):
            app.push_screen(RunScreen(deck.profile, run, app.board.picture))
            self.runs_changed()

    def on_run(self, screen: RunScreen, action: str) -> None:
        """A key of the run's screen."""
        state = self._app.board.state(screen.run_id)
        if action == "copy" and state is not None:
            self._app.copy(state.sql)
        elif action == "next":
            self._open_next(screen)
        elif action == "stop":
            self.ask_to_stop(screen.run_id, lambda text, tone: screen.tell(text, tone))
        elif action == "locks" and screen.pid is not None:
            from tui.unblocking import open_locks

            open_locks(self._app, screen.pid)
        elif action in ("cancel_blocker", "terminate_blocker"):
            self._ask_to_unblock(screen, action)

    def ask_to_stop(self, run: str, tell: Callable[[str, Tone], None]) -> None:
        """Ask, then tell the run to cancel and clean up."""
        state = self._app.board.state(run)
        step = clean(state.step) if state is not None else run
        question = f"Cancel {step}? The server stops the statement, and what it made so far is dropped."

        def answered(yes: bool | None) -> None:
            if yes:
                self._work(self._stop(run, tell), "cancel a run")

        self._app.push_screen(ConfirmScreen(question, "Cancel the run", "Back"), answered)

    def _stop(self, run: str, tell: Callable[[str, Tone], None]) -> Awaitable[None]:
        return self._act(lambda road: road.cancel(run), tell, Tone.WARN)

    def _ask_to_unblock(self, screen: RunScreen, action: str) -> None:
        from sql.steps.signals import Signal
        from tui.unblocking import ask_about_blocker

        blocker = screen.blocker
        if blocker is None:
            return
        signal = Signal.CANCEL if action == "cancel_blocker" else Signal.TERMINATE

        def confirmed() -> None:
            act = self._act(lambda road: road.unblock(screen.run_id, signal, blocker), screen.tell, Tone.GOOD)
            self._work(act, "signal a session in the way")

        ask_about_blocker(self._app, signal, blocker, confirmed)

    def adopt(self, run: str, tell: Callable[[str, Tone], None]) -> None:
        """Take over a run whose runner died."""
        self._work(self._act(lambda road: road.adopt(run), tell, Tone.GOOD), "adopt a run")

    async def _act(
        self, act: Callable[[Road], Awaitable[str]], tell: Callable[[str, Tone], None], tone: Tone
    ) -> None:
        """Do one thing to a run and tell its end, or why it cannot be done."""
        road = self._road
        if road is None:
            tell(NOT_CONNECTED, Tone.WARN)
            return
        try:
            tell(await act(road), tone)
        except RoadBlocked as error:
            tell(str(error), Tone.BAD)

    # -- leaving the deck -------------------------------------------------------------------------------

    def ask_to_leave(self, running: tuple[RunState, ...]) -> None:
        """Ask whether to stay, to leave the runs running, or to cancel them first."""
        from tui.screens.quit_run import Leaving, QuitRunScreen

        def answered(answer: Leaving | None) -> None:
            if answer is Leaving.LEAVE:
                self._work(self._app.action_quit(), "leave, and leave the run running")
            elif answer is Leaving.CANCEL:
                self._leaving = {state.run for state in running}
                for state in running:
                    self._work(self._stop(state.run, self._tell_deck), "cancel a run before leaving")
                self.open_run(running[0].run)
                self._tell_deck("cancelling; pgdeck ends when that is done and cleaned up", Tone.WARN)

        steps = tuple(clean(state.step) for state in running)
        self._app.push_screen(QuitRunScreen(steps), answered)

    def _tell_deck(self, text: str, tone: Tone) -> None:
        screen = self._app.screen
        if isinstance(screen, RunScreen):
            screen.tell(text, tone)
        elif self._app.deck is not None:
            self._app.deck.say(text, tone)

    def _may_leave(self) -> None:
        """End the program once the runs that were to be cancelled first are over."""
        states = [self._app.board.state(run) for run in self._leaving]
        if self._leaving and all(state is not None and is_over(state) for state in states):
            told = [ended_sentence(state)[0] for state in states if state is not None]
            self._leaving = set()
            self._app.last_words = "; ".join(told)
            self._work(self._app.action_quit(), "leave after the clean-up")

    # -- ends -------------------------------------------------------------------------------------------

    def runs_changed(self) -> None:
        """Look which runs ended since the last call: read the server again, say it, find the next step."""
        for state in self._app.board.states:
            if not is_over(state):
                self._open.add(state.run)
            elif state.run in self._open:
                self._open.discard(state.run)
                self._ended(state)
        self._may_leave()

    def _ended(self, state: RunState) -> None:
        app = self._app
        if app.feed is not None:
            app.feed.refresh()
        text, tone = ended_sentence(state)
        deck = app.deck
        if deck is not None:
            deck.say(text, tone)
        screen = next((each for each in app.screen_stack if isinstance(each, RunScreen)), None)
        if screen is not None and screen.run_id == state.run and state.run in self._of_runs:
            self._work(self._find_next(screen, *self._of_runs[state.run]), "look for the next step")

    async def _find_next(self, screen: RunScreen, reading: Mendable, direction: Direction) -> None:
        road = self._road
        if road is None:
            return
        try:
            looked = await road.look(reading, direction, lambda _: None, shown=False)
        except RoadBlocked as error:
            screen.next_step = f"not known: {error}"
        else:
            if looked.step is not None:
                screen.may_go_on = True
                why = f"; not now: {looked.sentence}" if looked.sentence else ""
                screen.next_step = f"{looked.step.id}: b shows its preview{why}"
            else:
                screen.next_step = looked.sentence
        screen.draw()

    def _open_next(self, screen: RunScreen) -> None:
        found = self._of_runs.get(screen.run_id)
        if found is not None and self._app.screen is screen:
            screen.dismiss()
            self._app.call_after_refresh(lambda: self.open(*found))
