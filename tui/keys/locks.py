"""The keys of the locks: `c` and `t` as on the screen of a run, where they mean a session in the way too."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, can_refresh, help_key, needs_sql
from tui.keys.run import needs_reason

KEYS: tuple[Key, ...] = (
    Key(
        "locks.cancel",
        ("c",),
        "c",
        "cancel",
        "Cancel the statement of the selected session, after a question",
        Scope.LOCKS,
        footer=1,
        off=needs_reason,
    ),
    Key(
        "locks.terminate",
        ("t",),
        "t",
        "terminate",
        "Terminate the selected session, after a question",
        Scope.LOCKS,
        footer=2,
        off=needs_reason,
    ),
    Key(
        "locks.copy",
        ("y",),
        "y",
        "copy",
        "Copy the session's statement; for a prepared transaction the one that ends it",
        Scope.LOCKS,
        footer=3,
        off=needs_sql,
    ),
    Key(
        "locks.filter",
        ("slash",),
        "/",
        "filter",
        "Show only the sessions that hold a text",
        Scope.LOCKS,
        footer=4,
    ),
    Key(
        "locks.refresh", ("g",), "g", "read now", "Read the locks again now", Scope.LOCKS, 5, off=can_refresh
    ),
    Key("locks.close", ("escape", "q"), "esc", "back", "Back to the deck", Scope.LOCKS, 6, stays=True),
    help_key(Scope.LOCKS, footer=7),
)
