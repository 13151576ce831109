"""`pgdeck demo`: an embedded PostgreSQL with half a million leads, and the deck on it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from profiles.errors import ConfigurationError, Problem
from tui import looks
from tui.exit_codes import ExitCode
from tui.terminal import require_terminal

if TYPE_CHECKING:
    from sql.demo.lifecycle import Demo

DEFAULT_PROFILE = "demo-production"
PROFILES = ("demo-development", "demo-staging", DEFAULT_PROFILE, "demo-leads")
PLAIN_LINE_EVERY_S = 2.0
DESCRIPTION = """
Starts an embedded PostgreSQL 18 with four databases, writes their profiles and opens the deck on one of
them. The first start fills it, which takes some twenty seconds; after that it starts at once. The server
stops when the last user has left.

  demo-development  everything in place: ENTERPRISE READY
  demo-staging      indexes missing, dead and drifted; a constraint that is not validated
  demo-production   the critical indexes missing
  demo-leads        the second schema: a migration that went only half way

From another terminal: pgdeck verify -e demo-production
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `pgdeck demo`."""
    parser = subparsers.add_parser(
        "demo",
        prog="pgdeck demo",
        help="start the demo and open the deck on it",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="PGDECK_DEMO_DIR names the folder; without it: the cache folder. It takes about 4 GB.",
    )
    parser.add_argument(
        "profile",
        nargs="?",
        default=DEFAULT_PROFILE,
        choices=PROFILES,
        metavar="PROFILE",
        help=f"which of the four to open; default {DEFAULT_PROFILE}",
    )
    parser.add_argument(
        "--rows",
        type=_rows,
        metavar="N",
        help="how many leads, default 500000 (demo-leads: two fifths); another number starts over",
    )
    looks.add_flags(parser)
    parser.add_argument("--fresh", action="store_true", help="start over: delete it and fill it again")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--no-deck", action="store_true", help="start it, leave it running until --stop, and return"
    )
    instead.add_argument("--reset", action="store_true", help="put the planted faults back, and return")
    instead.add_argument("--stop", action="store_true", help="stop the server, and return")


def run(arguments: argparse.Namespace) -> int:
    """Run `pgdeck demo`."""
    from sql.demo.cluster import ClusterError
    from sql.demo.lifecycle import InUseError

    deck = not (arguments.no_deck or arguments.reset or arguments.stop)
    if deck:
        _require_terminal()
    try:
        demo = _demo()
        if arguments.stop:
            _say("stopped" if demo.stop() else "it was not running")
            return ExitCode.OK
        if arguments.reset:
            return _reset(demo)
        return _start(demo, arguments, deck=deck)
    except InUseError as error:
        _complain(str(error))
        return ExitCode.REFUSED
    except ClusterError as error:
        _complain(str(error))
        return ExitCode.UNKNOWN


def folder() -> Path:
    """PGDECK_DEMO_DIR, else the cache folder; for root one that its stand-in can reach."""
    if chosen := os.environ.get("PGDECK_DEMO_DIR"):
        return Path(chosen).expanduser().absolute()
    import platformdirs

    if os.geteuid() == 0:
        return platformdirs.site_cache_path("pgdeck") / "demo"
    return platformdirs.user_cache_path("pgdeck") / "demo"


def _demo() -> Demo:
    from sql.demo.home import Home
    from sql.demo.lifecycle import Demo

    return Demo(Home(folder()), _say)


def _reset(demo: Demo) -> int:
    with _progress() as report:
        demo.reset(report)
    _say("the planted faults are back")
    return ExitCode.OK


def _start(demo: Demo, arguments: argparse.Namespace, *, deck: bool) -> int:
    from sql.demo.profile_files import write_profiles

    with _ending_cleanly(), _progress() as report:
        lease = demo.join(arguments.rows, fresh=arguments.fresh, report=report)
    try:
        kept = write_profiles(demo.connection)
        for what in kept:
            _say(f"{what} is your own and was left as it is")
        if f"profile {arguments.profile}" in kept:
            what = f"{arguments.profile} is your own profile, so the demo's database has none"
            raise ConfigurationError([Problem("demo", "", what, "rename yours and start the demo again")])
        if not deck:
            demo.stay()
            _say(f"running with {demo.leads:,} leads until: pgdeck demo --stop")
            _say(f"try: pgdeck {arguments.profile}  or: pgdeck verify -e {arguments.profile}")
            return ExitCode.OK
        from tui.commands.deck import open_deck

        return open_deck(arguments.profile, arguments)
    finally:
        demo.leave(lease)


def _require_terminal() -> None:
    """Raises ConfigurationError where there is no terminal: nothing would ever leave the demo."""
    try:
        require_terminal()
    except ConfigurationError:
        remedy = "to start the demo without the deck: pgdeck demo --no-deck"
        raise ConfigurationError([Problem("demo", "", "the deck needs a terminal", remedy)]) from None


def _rows(word: str) -> int:
    from argparse import ArgumentTypeError

    digits = word.replace("_", "").replace(",", "")
    if not digits.isdigit() or not 1_000 <= int(digits) <= 20_000_000:
        raise ArgumentTypeError(f"{word!r} is no number from 1000 to 20000000")
    return int(digits)


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """SIGTERM and SIGHUP as Ctrl-C: a server that is being filled has no keeper that would stop it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error, plain lines where that is no terminal; nothing for what takes no time."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield _PlainLines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<32}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def report(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        yield report


class _PlainLines:
    """One line every two seconds."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def __call__(self, what: str, share: float) -> None:
        now = time.monotonic()
        if now - self._said_at >= PLAIN_LINE_EVERY_S:
            self._said_at = now
            _say(f"{share:4.0%} {what}")


def _say(sentence: str) -> None:
    print(f"pgdeck demo: {sentence}", file=sys.stderr)  # noqa: T201


def _complain(sentence: str) -> None:
    print(f"pgdeck: {sentence}", file=sys.stderr)  # noqa: T201
