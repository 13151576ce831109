"""The keys of the list of runs."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, why

KEYS: tuple[Key, ...] = (
    Key(
        "runs.open",
        ("enter",),
        "enter",
        "open",
        "Watch the selected run, or read how it ended",
        Scope.RUNS,
        1,
        off=why,
    ),
    Key(
        "runs.adopt", ("a",), "a", "adopt", "Take over a run whose runner died", Scope.RUNS, footer=2, off=why
    ),
    Key(
        "runs.stop",
        ("x",),
        "x",
        "cancel it",
        "Cancel the selected run and clean up",
        Scope.RUNS,
        footer=3,
        off=why,
    ),
    Key("runs.close", ("escape", "q"), "esc", "back", "Back to the deck", Scope.RUNS, footer=4, stays=True),
    help_key(Scope.RUNS, footer=5),
)
