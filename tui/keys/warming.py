"""The keys of warming up."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, reading_keys, why

KEYS: tuple[Key, ...] = (
    Key("warming.start", ("c",), "c", "warm up", "Run the probes cold and warm", Scope.WARMING, 1, off=why),
    Key(
        "warming.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck; what is under way is ended",
        Scope.WARMING,
        footer=2,
        stays=True,
    ),
    help_key(Scope.WARMING, footer=3),
    *reading_keys(Scope.WARMING),
)
