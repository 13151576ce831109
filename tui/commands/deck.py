"""`pgdeck [PROFILE]`: the full screen. Without a profile it begins with the list of them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tui import looks
from tui.curtain import curtain
from tui.scout import scout_for
from tui.terminal import require_terminal

if TYPE_CHECKING:
    from profiles.manifest import Manifest
    from profiles.model import Profile


def run(arguments: argparse.Namespace) -> int:
    """Open the deck."""
    return open_deck(arguments.profile, arguments)


def open_deck(
    profile_name: str | None, arguments: argparse.Namespace | None = None, *, opens_with: str = ""
) -> int:
    """Open the deck on a profile, or the list of profiles; returns when the operator quits.

    Args:
        arguments: with the flags of `tui.looks`, as far as the command has them.
        opens_with: the key of the deck whose screen is opened over it, such as `demo_watch`.

    Returns:
        The exit code, one of `ExitCode`.

    Raises:
        ConfigurationError: no terminal, no such profile, or a mistake in it or in its manifest.
    """
    require_terminal()
    look = looks.look_of(arguments or argparse.Namespace())
    chosen = load(profile_name) if profile_name is not None else (None, None)
    looks.prepare(look)

    with scout_for(*chosen) as scout, curtain(chosen[0], look) as is_down:
        from tui.app import DeckApp

        app = DeckApp(*chosen)
        app.wear(look)
        app.has_picture = is_down
        app.scout = scout
        app.opens_with = opens_with
        app.recording.wanted = not getattr(arguments, "no_record", False)
        try:
            code = app.run(mouse=look.mouse)
        finally:
            app.recording.end_now()
    return finish(app.last_words, code if code is not None else app.return_code)


def load(name: str) -> tuple[Profile, Manifest]:
    """The profile of that name and its manifest.

    Raises:
        ConfigurationError: either is not there or wrong, with every problem.
    """
    from profiles import manifest_file, store

    profile = store.load(name)
    return profile, manifest_file.load(profile.manifest, beside=profile.path.parent if profile.path else None)


def finish(last_words: str, code: int | None) -> int:
    """Say on standard error why the deck ended, where that was not the operator's wish."""
    import sys

    from tui.exit_codes import ExitCode

    if last_words:
        print(f"pgdeck: {last_words}", file=sys.stderr)  # noqa: T201
    return ExitCode.OK if code is None else code
