"""Whether there is a terminal to draw on."""

from __future__ import annotations

import sys

from profiles.errors import ConfigurationError, Problem


def require_terminal() -> None:
    """Refuse to draw where nobody would see it: Textual writes to stderr and reads stdin.

    Raises:
        ConfigurationError: standard input or standard error is no terminal.
    """
    missing = [
        name
        for name, stream in (("standard input", sys.stdin), ("standard error", sys.stderr))
        if stream is None or not stream.isatty()
    ]
    if missing:
        neither = "is none" if len(missing) == 1 else "are none"
        what = f"needs a terminal, and {' and '.join(missing)} {neither}"
        remedy = "to check a database without one: pgdeck verify -e PROFILE"
        raise ConfigurationError([Problem("the deck", "", what, remedy)])
