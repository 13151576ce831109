"""`pgdeck watch PROFILE`: the deck, opened on the demo watch."""

from __future__ import annotations

import argparse
from typing import Any

from tui import looks

EXAMPLES = """
examples:
  pgdeck watch production     large figures during the demo; esc goes to the deck
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "watch",
        description="Watch a demo: one verdict and one large figure a probe, quiet unless something crosses "
        "a line; then the bell rings and the time is noted.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("profile", metavar="PROFILE", help="the profile")
    looks.add_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open it; returns when the operator quits.

    Raises:
        ConfigurationError: no terminal, no such profile, or a mistake in it or in its manifest.
    """
    from tui.commands.deck import open_deck

    return open_deck(arguments.profile, arguments, opens_with="demo_watch")
