"""The keys of the preview of a step."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_sql, reading_keys, why

KEYS: tuple[Key, ...] = (
    Key(
        "preview.confirm",
        ("c",),
        "c",
        "confirm",
        "Go on to the question, which runs it",
        Scope.PREVIEW,
        1,
        off=why,
    ),
    Key(
        "preview.refresh", ("g",), "g", "look again", "Look at the server once more", Scope.PREVIEW, footer=2
    ),
    Key("preview.copy", ("y",), "y", "copy", "Copy the exact SQL", Scope.PREVIEW, footer=3, off=needs_sql),
    Key(
        "preview.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back; nothing is run",
        Scope.PREVIEW,
        footer=4,
        stays=True,
    ),
    help_key(Scope.PREVIEW, footer=5),
    *reading_keys(Scope.PREVIEW),
)
