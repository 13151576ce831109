"""`pgdeck plan -e PROFILE`: the steps, each with its preview at this moment. Changes nothing."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tui.exit_codes import ExitCode

if TYPE_CHECKING:
    from sql.steps.preparing import Prepared

EXAMPLES = """
examples:
  pgdeck plan -e production
  pgdeck plan -e production create-index:idx_leads_status_score
  pgdeck plan -e production --rollback --report-format json

exit codes: 0 here is the plan, also where there is nothing to do; 2 a mistake in the command, the profile
or the manifest; 3 no connection, or something that is to be planned could not be read.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "plan",
        description="The steps that take a database to its manifest, or back, each as it is right\n"
        "now: size, who would block it, rows in the way, its undo. Changes nothing on\n"
        "the server.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "-e", "--environment", metavar="PROFILE", required=True, dest="profile", help="whose database"
    )
    parser.add_argument("steps", metavar="STEP", nargs="*", help="only these steps, as VERB:TARGET")
    parser.add_argument(
        "--rollback", action="store_true", help="the steps back instead: what is there is taken away"
    )
    parser.add_argument("--report-format", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK, or UNKNOWN where a part of the plan could not be read.

    Raises:
        ConfigurationError: the profile or its manifest is wrong, or a step is none.
        CredentialError, SessionError: the server is out of reach.
    """
    import asyncio

    from sql.check import case_of
    from sql.errors import ReadingError
    from tui.cli import complain
    from tui.login import password_of
    from tui.reports.delivery import show

    case = case_of(arguments.profile)
    password = password_of(case.profile)
    try:
        prepared = asyncio.run(_prepared(case, password, arguments))
    except ReadingError as error:
        complain(f"{case.profile.name}: {error.reason}" + (f"; {error.remedy}" if error.remedy else ""))
        return ExitCode.UNKNOWN
    _remember(prepared)
    if arguments.report_format == "json":
        from tui.reports import plan_json

        show(plan_json.render(prepared))
    else:
        from tui.reports import plan_text

        show(plan_text.render(prepared))
    return ExitCode.UNKNOWN if prepared.unavailable else ExitCode.OK


async def _prepared(case: Any, password: Any, arguments: argparse.Namespace) -> Prepared:
    from sql.steps.preparing import prepare
    from sql.steps.step import Direction
    from tui.login import logged_in

    named = arguments.steps or None
    direction = Direction.ROLLBACK if arguments.rollback else None
    prepared, _ = await logged_in(
        case.profile, password, lambda secret: prepare(case, secret, named, direction, on_progress=_tell)
    )
    return prepared


def _remember(prepared: Prepared) -> None:
    """A plan is worth showing although it cannot be journalled; a run is not."""
    from sql.steps.recording import record_previews
    from tui.cli import complain

    try:
        record_previews(prepared)
    except OSError as error:
        complain(f"the journal cannot be written ({error.strerror}): no step can be run until it can")


def _tell(doing: str) -> None:
    if sys.stderr.isatty() and not doing.startswith("looking at"):
        from tui.cli import complain

        complain(doing)
