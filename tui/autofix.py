"""`verify --auto-fix`: the whole plan, under the same guards and by the same road as `pgdeck run`."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass, replace

from profiles.secret import Secret
from sql.check import Case
from sql.errors import ReadingError, SessionError
from sql.steps import acting
from sql.steps.acting import Prepared
from sql.steps.step import Direction
from tui.asking import can_ask
from tui.consent import denied, refused, remember
from tui.exit_codes import ExitCode
from tui.login import logged_in
from tui.stepping import Stepping, narrate


@dataclass(frozen=True)
class Fixed:
    """What became of it."""

    code: ExitCode
    """OK where every step that could be run ended well, also where there was none."""
    password: Secret | None
    """What let us in, so that it is typed once."""
    stop: bool = False
    """There is nothing to verify: nothing was run, or the operator wants us to end."""


def fix(case: Case, password: Secret | None, arguments: argparse.Namespace) -> Fixed:
    """Run every step of the plan that can be run, until one does not end well.

    Raises:
        ConfigurationError: the journal cannot be written.
    """
    if (code := denied(case.profile, arguments)) is not None:
        return Fixed(code, password, stop=True)
    try:
        prepared, password = asyncio.run(
            logged_in(case.profile, password, lambda known: _needed(case, known))
        )
    except (SessionError, ReadingError) as error:
        # The verification that follows says the same, in the form that was asked for.
        narrate(f"nothing was run: {error}")
        return Fixed(ExitCode.OK, password)
    remember(prepared)
    _say_refused(prepared)
    if not prepared.ready:
        narrate("no step to run")
        return Fixed(ExitCode.OK, password)
    if (code := refused(prepared, arguments)) is not None:
        return Fixed(code, password, stop=True)
    code = asyncio.run(Stepping(prepared, password, narrate, terminal=can_ask()).go())
    return Fixed(code, password, stop=code is ExitCode.INTERRUPTED)


async def _needed(case: Case, password: Secret | None) -> Prepared:
    """All steps but the offered ones, which nobody needs."""
    prepared = await acting.prepare(case, password, None, Direction.FIX)
    needed = {step.id for step in prepared.plan.steps}
    return replace(prepared, steps=tuple(step for step in prepared.steps if step.id in needed))


def _say_refused(prepared: Prepared) -> None:
    for refusal in prepared.plan.refused:
        narrate(f"{refusal.target}: refused: {refusal.reason}")
    for step in prepared.refused:
        narrate(f"{step.id}: refused: {step.sentence}")
