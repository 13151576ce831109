"""`pgdeck journal`: what was previewed, confirmed, run and verified, by whom."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from profiles.locations import locations
from tui.exit_codes import ExitCode

if TYPE_CHECKING:
    from sql.steps.journal import JournalEntry
    from sql.steps.runs import RunState

FORMATS = ("text", "json", "markdown")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
EXAMPLES = """
examples:
  pgdeck journal --since 2h
  pgdeck journal --since 2026-11-22T18:00 --profile production --report-format markdown > handover.md
  pgdeck journal --run 20261122-210512-a1b2
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "journal",
        description="What was previewed, confirmed, run and verified, oldest first. Needs no server.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--since", metavar="WHEN", type=_moment,
        help="leave out what is older: a date, a date and time (ISO 8601; local unless it says otherwise), "
        "or how long ago: 30m, 2h, 3d",
    )  # fmt: skip
    parser.add_argument("--profile", metavar="PROFILE", help="only this profile's")
    parser.add_argument("--run", metavar="ID", help="only this run's")
    parser.add_argument(
        "--report-format", choices=FORMATS, default="text", help="markdown is the hand-over note"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK, also when there is nothing to tell.

    Raises:
        ConfigurationError: the journal cannot be read.
    """
    from profiles.errors import ConfigurationError, Problem
    from sql.steps.journal import Journal, Tail
    from tui.reports.delivery import show

    tail = Tail(locations().journal)
    try:
        entries = [entry for entry in tail.new() if _wanted(entry, arguments)]
        skipped = tail.skipped + tail.torn
    except OSError as error:
        what, remedy = f"cannot be read ({error.strerror})", "check its mode and its owner"
        raise ConfigurationError([Problem(locations().journal, "", what, remedy)]) from None
    if arguments.report_format == "json":
        from tui.reports import journal_json

        show(journal_json.render(entries, skipped))
    elif arguments.report_format == "markdown":
        from tui.reports import journal_markdown

        show(journal_markdown.render(entries, _states(Journal(locations().journal), entries), skipped))
    else:
        from tui.reports import journal_text

        show(journal_text.render(entries, skipped))
    return ExitCode.OK


def since(text: str, now: datetime) -> datetime:
    """A moment, or how long before `now`: `2h`, `3d`, `2026-11-22`, `2026-11-22T18:00+01:00`.

    Raises:
        ValueError: it is neither.
    """
    if match := re.fullmatch(r"(\d{1,6})\s*([smhdw])", text.strip()):
        return now - timedelta(**{UNITS[match[2]]: int(match[1])})
    return datetime.fromisoformat(text.strip()).astimezone(UTC)


def _moment(text: str) -> datetime:
    try:
        return since(text, datetime.now(UTC))
    except (ValueError, OverflowError):
        remedy = "say 2h, 3d, 2026-11-22 or 2026-11-22T18:00"
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: {remedy}") from None


def _wanted(entry: JournalEntry, arguments: argparse.Namespace) -> bool:
    if arguments.since is not None and entry.time < arguments.since:
        return False
    return arguments.profile in (None, entry.profile) and arguments.run in (None, entry.run)


def _states(journal: Any, entries: Sequence[JournalEntry]) -> list[RunState]:
    """The runs that the entries speak of, whole, in the order in which they began."""
    from sql.steps.runs import runs

    told = {entry.run for entry in entries if entry.run}
    return [state for state in reversed(runs(journal)) if state.run in told]
