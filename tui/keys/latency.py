"""The keys of the latency screen."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_sql

KEYS: tuple[Key, ...] = (
    Key("latency.previous", ("up", "k"), "↑ or k", "before", "The probe before", Scope.LATENCY, footer=1),
    Key("latency.next", ("down", "j"), "↓ or j", "next probe", "The next probe", Scope.LATENCY, footer=2),
    Key("latency.first", ("home",), "home", "first", "The first probe", Scope.LATENCY),
    Key("latency.last", ("end",), "end", "last", "The last probe", Scope.LATENCY),
    Key("latency.older", ("left", "h"), "← or h", "read", "Read out the column before", Scope.LATENCY, 3),
    Key("latency.newer", ("right", "l"), "→ or l", "newer", "Read out the next column", Scope.LATENCY),
    Key(
        "latency.window",
        ("t",),
        "t",
        "window",
        "Count and show 1, 5 or 15 minutes, or all since the start",
        Scope.LATENCY,
        footer=4,
    ),
    Key(
        "latency.incidents",
        ("i", "enter"),
        "i",
        "incidents",
        "Slow samples, and why they were slow",
        Scope.LATENCY,
        footer=5,
    ),
    Key(
        "latency.copy", ("y",), "y", "copy", "Copy the probe's query", Scope.LATENCY, footer=6, off=needs_sql
    ),
    Key(
        "latency.close",
        ("escape", "q", "p"),
        "esc",
        "back",
        "Back to the deck",
        Scope.LATENCY,
        footer=7,
        stays=True,
    ),
    help_key(Scope.LATENCY, footer=8),
)
