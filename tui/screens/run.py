"""One run while it goes on and after its end. Leaving this screen leaves the run as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.message import Message

from profiles.model import Profile
from tui import keys
from tui.present.confirming import forbidden
from tui.present.header import trail
from tui.present.run import RunPicture, blocker_key, is_over, run_lines
from tui.present.text import utc_now
from tui.present.view import BLANK, Line, Tone, line
from tui.screens.reader import Reader

if TYPE_CHECKING:
    from sql.steps.blockers import Blocker

TICK_S = 1.0
SIGNALS = {"cancel_blocker": "cancel", "terminate_blocker": "terminate"}
VERIFYING = "its statement is over; it is being verified, and there is nothing to cancel"
IN_THE_WAY = (*SIGNALS, "mark")
ASKS = ("stop", "cancel_blocker", "terminate_blocker", "next", "locks", "copy")


class RunScreen(Reader):
    """Follows what the app tells of one run."""

    KEYS = keys.Scope.RUN
    BINDINGS: ClassVar[list[BindingType]] = [*keys.bindings(keys.Scope.RUN)]

    class Asked(Message):
        """A key was pressed whose action belongs to the app."""

        def __init__(self, screen: RunScreen, action: str) -> None:
            super().__init__()
            self.screen = screen
            self.action = action

    def __init__(
        self,
        profile: Profile,
        run: str,
        picture: Callable[[str], RunPicture | None],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__()
        self.profile = profile
        self.run_id = run
        self._picture = picture
        self._clock = clock
        self._marked = ""
        self._said: Line = BLANK
        self.next_step = ""
        """What comes after the end, for the operator; empty: not known yet."""
        self.may_go_on = False
        """Whether `b` has a next step to show."""

    def on_mount(self) -> None:
        """Elapsed time goes on while the run does."""
        self.set_interval(TICK_S, self._tick)

    def _tick(self) -> None:
        picture = self.picture
        if picture is not None and not is_over(picture.state):
            self.draw()

    @property
    def picture(self) -> RunPicture | None:
        """All that is known of the run now."""
        found = self._picture(self.run_id)
        return None if found is None else replace(found, marked=self._mark(found), said=self._said)

    @property
    def over(self) -> bool:
        """Whether it has ended and was verified."""
        picture = self.picture
        return picture is not None and is_over(picture.state)

    @property
    def at_work(self) -> bool:
        """Whether there may be something to stop: the server has not answered yet."""
        picture = self.picture
        return picture is None or picture.state.ended_at is None

    @property
    def pid(self) -> int | None:
        """Of the session that runs it."""
        picture = self.picture
        return picture.state.pid if picture is not None else None

    @property
    def blocker(self) -> Blocker | None:
        """The session in the way that is marked."""
        picture = self.picture
        if picture is None or picture.live is None:
            return None
        return next((each for each in picture.live.waits_for if blocker_key(each) == picture.marked), None)

    def _mark(self, picture: RunPicture) -> str:
        """The marked session; where it is gone, the one that keeps all others waiting."""
        blockers = picture.live.waits_for if picture.live is not None else ()
        known = [blocker_key(each) for each in blockers]
        if self._marked not in known:
            deepest = max(blockers, key=lambda each: each.depth, default=None)
            return blocker_key(deepest) if deepest is not None else ""
        return self._marked

    # -- what the app tells -----------------------------------------------------------------------------

    def follow(self) -> None:
        """Draw what is known now."""
        self.draw()

    def tell(self, text: str, tone: Tone) -> None:
        """What a key came to; it stays until the next one."""
        self._said = line((text, tone))
        self.draw()

    # -- drawing ----------------------------------------------------------------------------------------

    def title_text(self) -> Line:
        """Class, profile, step."""
        picture = self.picture
        what = picture.state.step if picture is not None else self.run_id
        return trail(self.profile.environment, self.profile.name, what)

    def lines(self, width: int) -> Sequence[Line]:
        """The run as it is now."""
        picture = self.picture
        if picture is None:
            return (line((f" … waiting for what the journal says of {self.run_id}", Tone.DIM)),)
        return run_lines(replace(picture, next_step=self.next_step), self._clock(), width)

    def idle_keys(self) -> Collection[str]:
        """Nothing is to be stopped after the end, nobody to be ended where nobody is in the way."""
        idle = {"next"} if self.at_work else {"stop", "locks", "next"}
        if self.may_go_on and self.over:
            idle.discard("next")
        return idle if self.blocker is not None else idle.union(IN_THE_WAY)

    # -- keys -------------------------------------------------------------------------------------------

    def _facts(self, name: str) -> keys.Facts:
        blocker = self.blocker
        why = ""
        if name == "stop" and not self.at_work:
            why = "it is over: there is nothing to cancel" if self.over else VERIFYING
        elif name in SIGNALS and blocker is not None:
            why = self._why_not(SIGNALS[name], blocker)
        elif name == "locks" and (not self.at_work or self.pid is None):
            why = "it has no session yet" if self.at_work else "it is over: nobody waits for it"
        elif name == "next" and not self.may_go_on:
            why = "there is no next step" if self.over else "the run goes on; its next step comes after it"
        return keys.Facts(pane="the list of who is in the way", row=blocker is not None, why=why)

    def _why_not(self, signal: str, blocker: Blocker) -> str:
        from sql.steps.ending import session_of
        from sql.steps.signal_rules import why_not
        from sql.steps.signals import Signal

        return forbidden(self.profile) or why_not(session_of(blocker), Signal(signal))

    def action_key(self, name: str) -> None:
        """Every key of the screen comes through here."""
        if name not in (*ASKS, "mark"):
            super().action_key(name)
            return
        why_off = keys.key(f"run.{name}").why_off(self._facts(name))
        if why_off:
            self.say(why_off, Tone.WARN)
        elif name == "mark":
            self._mark_next()
        else:
            self.post_message(self.Asked(self, name))

    def _mark_next(self) -> None:
        picture = self.picture
        if picture is None or picture.live is None:
            return
        known = [blocker_key(each) for each in picture.live.waits_for]
        place = known.index(picture.marked) if picture.marked in known else -1
        self._marked = known[(place + 1) % len(known)]
        self.draw()
