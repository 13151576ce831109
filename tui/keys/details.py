"""The keys of the details."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_fault, needs_object, needs_sql, reading_keys

KEYS: tuple[Key, ...] = (
    Key(
        "details.close",
        ("escape", "q", "enter"),
        "esc",
        "back",
        "Back to the deck",
        Scope.DETAILS,
        footer=1,
        stays=True,
    ),
    help_key(Scope.DETAILS, footer=9),
    Key(
        "details.copy",
        ("y",),
        "y",
        "copy",
        "Copy the SQL of the next step; of a probe its query",
        Scope.DETAILS,
        footer=2,
        off=needs_sql,
    ),
    Key(
        "details.build",
        ("b",),
        "b",
        "build",
        "Preview the next step that mends it",
        Scope.DETAILS,
        footer=3,
        off=needs_fault,
    ),
    Key(
        "details.roll_back",
        ("r",),
        "r",
        "roll back",
        "Preview the step that takes it away",
        Scope.DETAILS,
        footer=4,
        off=needs_object,
    ),
    *reading_keys(Scope.DETAILS),
)
