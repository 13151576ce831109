"""`pgdeck warm`: run every probe cold and warm, with pg_prewarm where it is installed."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from tui.exit_codes import ExitCode

if TYPE_CHECKING:
    from profiles.secret import Secret
    from sql.latency.warming import WarmStep, WarmUp

WIDTH = 100
EXAMPLES = """
examples:
  pgdeck warm -e production     the day before a demo, or an hour before it
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "warm",
        description="Warm the probes' data up: every probe with its arguments, cold; pg_prewarm where it is "
        "installed; then every probe again. Reads only.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-e", "--environment", metavar="PROFILE", required=True, help="the profile")


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK where every probe ran, else UNKNOWN.

    Raises:
        ConfigurationError: the profile or its manifest is wrong, or it has no probe.
        SessionError: no connection, or it was lost.
    """
    import asyncio

    from profiles.errors import ConfigurationError, Problem
    from sql.check import case_of
    from tui.login import logged_in, password_of

    case = case_of(arguments.environment)
    requirements = case.requirements
    if not requirements.probes:
        what, remedy = "it has no probe, so there is nothing to warm up with", "add a [[probe]]"
        raise ConfigurationError([Problem(requirements.manifest.origin, "probe", what, remedy)])

    async def warm(password: Secret | None) -> WarmUp:
        from sql.latency.lane import Lane
        from sql.latency.sampler import probe_settings
        from sql.latency.warming import warm_up

        timeout_s = requirements.pool.query_timeout_s if requirements.pool is not None else None
        settings = probe_settings(requirements.probes, requirements.search_path, timeout_s)
        lane = await Lane.open(case.profile, password, settings)
        return await warm_up(lane, requirements.probes, _tell)

    done, _ = asyncio.run(logged_in(case.profile, password_of(case.profile), warm))
    _show(done)
    return ExitCode.OK if all(each.runs for each in done.probes) else ExitCode.UNKNOWN


def _tell(step: WarmStep) -> None:
    if sys.stderr.isatty() and step.what:
        from sql.printable import one_line

        print(f"pgdeck: {one_line(step.what)} ({step.done + 1} of {step.total})", file=sys.stderr)  # noqa: T201


def _show(done: WarmUp) -> None:
    from tui.present.warming import done_lines
    from tui.reports.delivery import show

    lines = done_lines(done, WIDTH)
    show("".join("".join(text for text, _ in spans).rstrip() + "\n" for spans in lines))
