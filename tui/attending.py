"""Stays with one detached run in the foreground: tells how it goes, and what a signal means for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any

from profiles.secret import Secret
from sql.check import Case
from sql.steps import acting
from sql.steps.journal import Event, JournalEntry
from tui.asking import next_line
from tui.interrupts import Interrupts, Word
from tui.reports.events import said

QUESTION = (
    "\n{step} is running. [s]tay, [l]eave it running, or [c]ancel it and clean up? "
    "(Ctrl-C again leaves it running) "
)
LEFT_OUT = frozenset({Event.PREVIEWED, Event.CONFIRMED, Event.FINISHED, Event.VERIFIED})
"""Events whose news stands in the outcome."""


QUARTER = 25.0
"""Percent of a phase."""


class Ended(StrEnum):
    """Why we are not with a run any more."""

    OVER = "over"
    LEFT = "left"
    """It goes on without us."""


class Choice(StrEnum):
    """An answer to the question that Ctrl-C asks; the first letter suffices."""

    STAY = "stay"
    LEAVE = "leave"
    CANCEL = "cancel"


def choice_of(answer: str) -> Choice | None:
    """What was answered; None: nothing that can be understood."""
    typed = answer.strip().lower()
    return next((choice for choice in Choice if typed and choice.value.startswith(typed)), None)


class Attendance:
    """Follows one run."""

    def __init__(
        self,
        case: Case,
        password: Secret | None,
        interrupts: Interrupts,
        tell: Callable[[str], None],
        ask: Callable[[str], None] | None,
    ) -> None:
        """
        Args:
            tell: narrates one sentence.
            ask: shows a question without a line's end; None: there is no terminal, and Ctrl-C cancels.
        """
        self._case = case
        self._password = password
        self._interrupts = interrupts
        self._tell = tell
        self._ask = ask
        self._asking = False
        self._told: dict[str, tuple[object, ...]] = {}
        self.interrupted = False
        """Whether the operator wanted it to end, or to be left."""

    async def until_over(self, run: str, step: str) -> Ended:
        """Stay until the run is over, or a signal sends us away.

        Raises:
            LaunchError, OSError: its runner died and no other could be started.
        """
        following = asyncio.ensure_future(self._follow(run, step))
        try:
            while True:
                word = await self._word(following)
                if word is None:
                    following.result()
                    return Ended.OVER
                if not await self._stays(following, run, step, word):
                    return Ended.LEFT
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following

    async def _follow(self, run: str, step: str) -> None:
        async for entry in acting.follow(self._case, self._password, run):
            self._narrate(entry, step)

    def _narrate(self, entry: JournalEntry, step: str) -> None:
        if entry.event in LEFT_OUT or self._asking or not self._is_news(entry):
            return
        word = "" if entry.event == Event.PROGRESS else f"{entry.event}: "
        self._tell(f"{step}: {word}{said(entry)}")

    def _is_news(self, entry: JournalEntry) -> bool:
        """Whether an operator would want to hear it: another phase, a quarter more, another blocker."""
        detail = entry.detail
        shape: tuple[object, ...] = (entry.time,)
        if entry.event == Event.PROGRESS:
            shape = (detail.get("phase"), int((detail.get("percent") or 0) // QUARTER))
        elif entry.event == Event.BLOCKED:
            shape = tuple(blocker.get("pid") for blocker in detail.get("blockers") or ())[:1]
        if self._told.get(entry.event) == shape:
            return False
        self._told[entry.event] = shape
        return True

    async def _stays(self, following: asyncio.Future[None], run: str, step: str, word: Word) -> bool:
        """Do what a signal says; whether we stay with the run."""
        if word is Word.LEAVE:
            return False
        if self.interrupted:
            # Said twice: it is being cleaned up, which its runner does without us.
            return False
        choice = await self._asked(following, step) if self._ask else Choice.CANCEL
        if choice is Choice.STAY or following.done():
            return True
        self.interrupted = True
        if choice is Choice.LEAVE:
            return False
        self._tell(f"{step}: cancelling, then cleaning up (Ctrl-C again leaves that to the runner)")
        acting.cancel(run)
        return True

    async def _asked(self, following: asyncio.Future[None], step: str) -> Choice:
        """Ask what Ctrl-C means, while the run goes on; Enter stays."""
        assert self._ask is not None
        self._asking = True
        try:
            choice = None
            while choice is None:
                self._ask(QUESTION.format(step=step))
                choice = await self._answer(following)
            return choice
        finally:
            self._asking = False

    async def _answer(self, following: asyncio.Future[None]) -> Choice | None:
        """One answer; None where it cannot be understood. A second signal and a lost terminal leave."""
        typed = asyncio.ensure_future(next_line())
        word = asyncio.ensure_future(self._interrupts.next())
        try:
            waiting: set[asyncio.Future[Any]] = {typed, word, following}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if word.done():
                return Choice.LEAVE
            if not typed.done():
                return Choice.STAY
            line = typed.result()
            if line is None:
                return Choice.LEAVE
            return choice_of(line) if line else Choice.STAY
        finally:
            typed.cancel()
            word.cancel()

    async def _word(self, following: asyncio.Future[None]) -> Word | None:
        """The next signal; None: the run was over before one came."""
        word = asyncio.ensure_future(self._interrupts.next())
        waiting: set[asyncio.Future[Any]] = {following, word}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not word.done():
            word.cancel()
            return None
        if following.done():
            self.interrupted = True
            return None
        return word.result()
