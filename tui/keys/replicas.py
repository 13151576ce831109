"""The keys of the list of replicas."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, can_refresh, help_key, needs_row, why

KEYS: tuple[Key, ...] = (
    Key(
        "replicas.primary",
        ("o",),
        "o",
        "open primary",
        "On a standby: open the deck on its primary",
        Scope.REPLICAS,
        footer=1,
        off=why,
    ),
    Key(
        "replicas.refresh",
        ("g",),
        "g",
        "look now",
        "Ask every replica of the profile again now",
        Scope.REPLICAS,
        footer=2,
        off=can_refresh,
    ),
    Key(
        "replicas.filter",
        ("slash",),
        "/",
        "filter",
        "Show only the rows that hold a text",
        Scope.REPLICAS,
    ),
    Key(
        "replicas.copy",
        ("y",),
        "y",
        "copy",
        "Copy what is known of the selected row",
        Scope.REPLICAS,
        footer=3,
        off=needs_row,
    ),
    Key(
        "replicas.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck",
        Scope.REPLICAS,
        footer=4,
        stays=True,
    ),
    help_key(Scope.REPLICAS, footer=5),
)
