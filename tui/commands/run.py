"""`pgdeck run -e PROFILE STEP…`: run steps, each previewed, confirmed, run detached, and verified."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from profiles.errors import ConfigurationError, Problem
from tui.exit_codes import ExitCode

if TYPE_CHECKING:
    from profiles.secret import Secret
    from sql.check import Case
    from sql.steps.preparing import Prepared

EXAMPLES = """
examples:
  pgdeck run -e staging                                     which steps there are
  pgdeck run -e staging create-index:idx_leads_status_score
  pgdeck run -e production --confirm production --plan-hash HASH create-index:idx_leads_status_score

exit codes: 0 every step is done and verified, or was there already; 2 a mistake in the command, the profile
or the manifest; 3 no connection, or how a run ended is not known; 4 refused: by the guard, by --plan-hash, or
because something is in the way; 5 a step failed or did not verify; 130 interrupted.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    from tui.guard import add_options

    parser = subparsers.add_parser(
        "run",
        description="Run steps in the order given; stops at the first that does not end verified.\n"
        "Each runs in a process of its own that a lost terminal does not end.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-e", "--environment", metavar="PROFILE", required=True, dest="profile", help="on whose database"
    )
    parser.add_argument("steps", metavar="STEP", nargs="*", help="VERB:TARGET, as pgdeck plan lists them")
    add_options(parser)
    parser.add_argument(
        "--detach", action="store_true", help="come back as soon as the step has begun; takes one step"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        See the command's help.

    Raises:
        ConfigurationError: the profile or its manifest is wrong, or a step is none.
        CredentialError, SessionError: the server is out of reach.
    """
    from sql.check import case_of
    from sql.errors import ReadingError
    from tui.consent import denied
    from tui.login import password_of
    from tui.stepping import narrate

    steps = list(dict.fromkeys(arguments.steps))
    if arguments.detach and len(steps) != 1:
        what, remedy = "takes one step: the next may only begin when that is verified", "name one"
        raise ConfigurationError([Problem("--detach", "", what, remedy)])
    case = case_of(arguments.profile)
    if steps and (code := denied(case.profile, arguments)) is not None:
        return code
    password = password_of(case.profile)
    try:
        if not steps:
            return _list(case, password)
        return _run(case, password, steps, arguments)
    except ReadingError as error:
        narrate(f"{case.profile.name}: {error.reason}" + (f"; {error.remedy}" if error.remedy else ""))
        return ExitCode.UNKNOWN


def _run(case: Case, password: Secret | None, steps: list[str], arguments: argparse.Namespace) -> ExitCode:
    import asyncio

    from sql.steps.acting import Readiness
    from tui.asking import can_ask
    from tui.consent import refused, remember
    from tui.stepping import Stepping, narrate

    prepared, password = asyncio.run(_prepared(case, password, steps))
    remember(prepared)
    for step in prepared.refused:
        narrate(
            f"{step.id}: refused: {step.sentence}" + (f"; list them: {step.listing}" if step.listing else "")
        )
    if prepared.refused:
        narrate("nothing was run")
        return ExitCode.REFUSED
    ready = any(step.readiness is Readiness.READY for step in prepared.steps)
    if ready and (code := refused(prepared, arguments)) is not None:
        return code
    stepping = Stepping(prepared, password, _report, terminal=can_ask(), detach=arguments.detach)
    return asyncio.run(stepping.go())


async def _prepared(
    case: Case, password: Secret | None, steps: list[str] | None
) -> tuple[Prepared, Secret | None]:
    from sql.steps.acting import prepare
    from tui.login import logged_in

    return await logged_in(case.profile, password, lambda secret: prepare(case, secret, steps))


def _list(case: Case, password: Secret | None) -> ExitCode:
    """Say which steps there are, both ways."""
    import asyncio

    from sql.steps.acting import prepare
    from sql.steps.step import Direction
    from tui.login import logged_in
    from tui.reports import plan_text
    from tui.reports.delivery import show

    async def both(secret: Secret | None) -> list[Prepared]:
        return [
            await prepare(case, secret, None, way, with_previews=False, with_hash=False) for way in Direction
        ]

    plans, _ = asyncio.run(logged_in(case.profile, password, both))
    show(plan_text.listing(plans))
    return ExitCode.UNKNOWN if any(plan.unavailable for plan in plans) else ExitCode.OK


def _report(line: str) -> None:
    """An outcome is data."""
    from contextlib import suppress

    from tui.reports.delivery import show

    with suppress(OSError):
        show(f"{line}\n")
