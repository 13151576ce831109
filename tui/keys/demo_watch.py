"""The keys of the demo watch."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key

KEYS: tuple[Key, ...] = (
    Key(
        "demo_watch.mute",
        ("m",),
        "m",
        "mute",
        "Ring no bell when something crosses a line, or ring again",
        Scope.DEMO_WATCH,
        footer=1,
    ),
    Key(
        "demo_watch.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck",
        Scope.DEMO_WATCH,
        footer=2,
        stays=True,
    ),
    help_key(Scope.DEMO_WATCH, footer=3),
)
