"""The keys of the help."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, reading_keys

KEYS: tuple[Key, ...] = (
    Key(
        "help.close",
        ("escape", "q", "question_mark", "f1"),
        "esc",
        "back",
        "Back to where it was opened",
        Scope.HELP,
        footer=1,
    ),
    *reading_keys(Scope.HELP),
)
