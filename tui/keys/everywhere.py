"""The keys that every screen has."""

from __future__ import annotations

from tui.keys.registry import Key, Scope

KEYS: tuple[Key, ...] = (
    Key(
        "everywhere.redraw",
        ("ctrl+l",),
        "ctrl+l",
        "redraw",
        "Draw the whole screen again, after another program wrote on it",
        Scope.EVERYWHERE,
        palette=False,
    ),
    Key(
        "everywhere.suspend",
        ("ctrl+z",),
        "ctrl+z",
        "suspend",
        "Back to the shell; fg returns here",
        Scope.EVERYWHERE,
        palette=False,
    ),
)
