"""The keys of the latency screen."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_sql

KEYS: tuple[Key, ...] = (
    Key("latency.previous", ("up", "k"), "↑ or k", "before", "The probe before", Scope.LATENCY, footer=1),
    Key("latency.next", ("down", "j"), "↓ or j", "next probe", "The next probe", Scope.LATENCY, footer=2),
    Key("latency.first", ("home",), "home", "first", "The first probe", Scope.LATENCY),
    Key("latency.last", ("end",), "end", "last", "The last probe", Scope.LATENCY),
    Key(
        "latency.window",
        ("t",),
        "t",
        "window",
        "Count and show 1, 5 or 15 minutes, or all since the start",
        Scope.LATENCY,
        footer=3,
    ),
    Key(
        "latency.incidents",
        ("i", "enter"),
        "i",
        "incidents",
        "Slow samples, and why they were slow",
        Scope.LATENCY,
        footer=4,
    ),
    Key(
        "latency.copy", ("y",), "y", "copy", "Copy the probe's query", Scope.LATENCY, footer=5, off=needs_sql
    ),
    Key(
        "latency.close",
        ("escape", "q", "p"),
        "esc",
        "back",
        "Back to the deck",
        Scope.LATENCY,
        footer=6,
        stays=True,
    ),
    help_key(Scope.LATENCY, footer=7),
)
