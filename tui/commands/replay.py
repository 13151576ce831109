"""`pgdeck replay FILE`: a recorded session in the deck; without a FILE, which recordings there are."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from tui import looks
from tui.exit_codes import ExitCode

EXAMPLES = """
examples:
  pgdeck replay
  pgdeck replay sales-20261122-234500
  pgdeck replay /tmp/from-a-colleague.pgdeck

Every session of the deck is recorded, unless it was opened with --no-record. The oldest recordings make room
for new ones. A replay needs no server and no password; pgdeck report makes a report of a recording.
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "replay",
        description="Play a recorded session in the deck; without FILE, list the recordings.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="a recording's path, or its name in the list")
    looks.add_flags(parser, live=False)


def run(arguments: argparse.Namespace) -> int:
    """Run it.

    Returns:
        OK, or how the deck ended.

    Raises:
        ConfigurationError: there is no such recording, it cannot be played, or there is no terminal for it.
    """
    from tui.recordings import folder

    if arguments.file is None:
        from tui.recordings import listing
        from tui.reports.delivery import show

        show(listing(folder(), datetime.now(UTC)))
        return ExitCode.OK
    return _play(arguments)


def _play(arguments: argparse.Namespace) -> int:
    from sql.recording.folder import find
    from sql.recording.reader import Recording
    from tui.commands.deck import finish
    from tui.recordings import folder
    from tui.terminal import require_terminal

    with Recording(find(arguments.file, folder())) as recording:
        require_terminal()
        look = looks.look_of(arguments)
        looks.prepare(look)

        from tui.replay_app import ReplayApp

        app = ReplayApp(recording)
        app.wear(look)
        code = app.run(mouse=look.mouse)
        return finish(app.last_words, code if code is not None else app.return_code)
