"""The keys of the pool screen."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, can_refresh, help_key, reading_keys

KEYS: tuple[Key, ...] = (
    Key(
        "pool.group",
        ("tab", "o"),
        "tab",
        "group by",
        "Count the connections by state, application, user, client address or database",
        Scope.POOL,
        footer=1,
    ),
    Key("pool.locks", ("x",), "x", "locks", "Who waits for whose locks", Scope.POOL, footer=2),
    Key("pool.refresh", ("g",), "g", "read now", "Read the pool again now", Scope.POOL, 3, off=can_refresh),
    Key("pool.close", ("escape", "q"), "esc", "back", "Back to the deck", Scope.POOL, footer=4, stays=True),
    help_key(Scope.POOL, footer=5),
    *reading_keys(Scope.POOL),
)
