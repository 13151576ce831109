"""Runs steps that were prepared, one after the other, in the foreground: guard, launch, follow, outcome.

`pgdeck run` and `verify --auto-fix` are two ways in; what is said goes to standard error, but the outcomes.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from profiles.errors import CredentialError
from profiles.secret import Secret
from sql.errors import ReadingError, SessionError
from sql.printable import one_line
from sql.steps import acting
from sql.steps.acting import Finish, Prepared, PreparedStep, Readiness
from sql.steps.launch import new_run_id
from sql.steps.runs import RunState
from tui.attending import Attendance, Ended
from tui.exit_codes import ExitCode
from tui.interrupts import Interrupts
from tui.reports.events import seconds

CODES = {
    Finish.PROVEN: ExitCode.OK,
    Finish.FAILED: ExitCode.STEP_FAILED,
    Finish.CANCELLED: ExitCode.STEP_FAILED,
    Finish.REFUSED: ExitCode.REFUSED,
}
"""Any other end is not known: UNKNOWN."""


def narrate(sentence: str) -> None:
    """One line on standard error; a terminal that is gone hears nothing."""
    with suppress(OSError, ValueError):
        print(f"pgdeck: {one_line(sentence)}", file=sys.stderr, flush=True)  # noqa: T201


def show_question(text: str) -> None:
    """A question, without the end of the line."""
    with suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()


@dataclass
class Stepping:
    """One go through prepared steps."""

    prepared: Prepared
    password: Secret | None
    report: Callable[[str], None]
    """Takes the outcome of each step, one line."""
    terminal: bool
    """Whether Ctrl-C can be asked about."""
    detach: bool = False
    """Come back as soon as a run has begun."""
    _done: list[str] = field(default_factory=list)

    async def go(self) -> ExitCode:
        """Run what is ready, in order, until something does not end well.

        Returns:
            OK, or what the first step that did not end well amounts to.
        """
        steps = [step for step in self.prepared.steps if step.readiness is not Readiness.REFUSED]
        with Interrupts() as interrupts:
            for place, step in enumerate(steps):
                code = await self._one(step, interrupts)
                if code is not ExitCode.OK:
                    self._say_rest(steps[place + 1 :])
                    return code
                self._done.append(step.id)
        return ExitCode.OK

    async def _one(self, step: PreparedStep, interrupts: Interrupts) -> ExitCode:
        if step.readiness is Readiness.THERE:
            return self._there(step.id, step.sentence)
        run = new_run_id()
        try:
            narrate(f"{step.id}: planning again, then starting run {run}")
            await acting.launch(self.prepared, step.id, self.password, earlier=self._done, run_id=run)
            if self.detach:
                return self._detached(step.id, run)
            return await self._attended(step.id, run, interrupts)
        except acting.AlreadyThere as there:
            return self._there(step.id, str(there))
        except (acting.Changed, acting.Forbidden) as error:
            self.report(f"✗ {step.id}: refused: {error}")
            return ExitCode.REFUSED
        except (ReadingError, SessionError, CredentialError, acting.LaunchError) as error:
            self.report(f"? {step.id}: {error}")
            return ExitCode.UNKNOWN
        except OSError as error:
            self.report(f"✗ {step.id}: the journal cannot be written ({error.strerror}); nothing was sent")
            return ExitCode.REFUSED

    async def _attended(self, step_id: str, run: str, interrupts: Interrupts) -> ExitCode:
        ask = show_question if self.terminal else None
        attendance = Attendance(self.prepared.case, self.password, interrupts, narrate, ask)
        ended = await attendance.until_over(run, step_id)
        if ended is Ended.LEFT:
            narrate(f"{step_id} goes on without us as run {run}; see: pgdeck journal --run {run}")
            return ExitCode.INTERRUPTED
        code = self._outcome(step_id, acting.result(run))
        return ExitCode.INTERRUPTED if attendance.interrupted else code

    def _outcome(self, step_id: str, state: RunState | None) -> ExitCode:
        finish = acting.finish(state)
        self.report(outcome(step_id, finish, state))
        return CODES.get(finish, ExitCode.UNKNOWN)

    def _detached(self, step_id: str, run: str) -> ExitCode:
        state = acting.result(run)
        if acting.finish(state) is Finish.RUNNING:
            self.report(f"… {step_id}: running as {run}; see: pgdeck journal --run {run}")
            return ExitCode.OK
        return self._outcome(step_id, state)

    def _there(self, step_id: str, sentence: str) -> ExitCode:
        self.report(f"✓ {step_id}: there already: {sentence}")
        return ExitCode.OK

    def _say_rest(self, rest: Sequence[PreparedStep]) -> None:
        waiting = [step.id for step in rest if step.readiness is Readiness.READY]
        if waiting:
            narrate(f"not run: {' '.join(map(shlex.quote, waiting))}")


def outcome(step_id: str, finish: Finish, state: RunState | None) -> str:
    """How a step ended, one line."""
    if state is None:
        return f"? {step_id}: the journal does not know the run"
    sign = {Finish.PROVEN: "✓", Finish.UNKNOWN: "?", Finish.RUNNING: "…"}.get(finish, "✗")
    took = ""
    if state.started_at and state.ended_at:
        took = f" in {seconds((state.ended_at - state.started_at).total_seconds())}"
    seen = str(state.verification.get("sentence") or "")
    said = str(state.outcome.get("sentence") or "")
    if finish is Finish.PROVEN:
        words = f"done{took}, verified: {seen}"
    elif state.verification.get("reached") is False and state.state == "done":
        words = f"done{took}, NOT verified: {seen}"
    else:
        words = f"{state.state}{took}: {said or 'how it ended is not known'}"
    left = f"; left behind: {state.left}" if state.left else ""
    return one_line(f"{sign} {step_id}: {words}{left} (run {state.run})")
