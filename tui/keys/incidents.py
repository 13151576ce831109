"""The keys of the list of incidents, and of the evidence of one."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_row, reading_keys

KEYS: tuple[Key, ...] = (
    Key(
        "incidents.open",
        ("enter",),
        "enter",
        "evidence",
        "What was seen while it was slow",
        Scope.INCIDENTS,
        footer=1,
        off=needs_row,
    ),
    Key(
        "incidents.filter",
        ("slash",),
        "/",
        "filter",
        "Show only the incidents that hold a text",
        Scope.INCIDENTS,
        footer=2,
    ),
    Key(
        "incidents.copy",
        ("y",),
        "y",
        "copy",
        "Copy the sentence and its evidence",
        Scope.INCIDENTS,
        footer=3,
        off=needs_row,
    ),
    Key(
        "incidents.close",
        ("escape", "q", "i"),
        "esc",
        "back",
        "Back to the deck",
        Scope.INCIDENTS,
        footer=4,
        stays=True,
    ),
    help_key(Scope.INCIDENTS, footer=5),
    Key("evidence.copy", ("y",), "y", "copy", "Copy all of it", Scope.EVIDENCE, footer=2),
    Key(
        "evidence.close",
        ("escape", "q", "enter"),
        "esc",
        "back",
        "Back to the incidents",
        Scope.EVIDENCE,
        footer=1,
        stays=True,
    ),
    help_key(Scope.EVIDENCE, footer=3),
    *reading_keys(Scope.EVIDENCE),
)
