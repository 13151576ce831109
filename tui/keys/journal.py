"""The keys of the journal and of what it says of a run."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_row, reading_keys

KEYS: tuple[Key, ...] = (
    Key(
        "journal.open",
        ("enter",),
        "enter",
        "open",
        "Everything that the journal says of it",
        Scope.JOURNAL,
        1,
        off=needs_row,
    ),
    Key("journal.filter", ("slash",), "/", "filter", "Show only what holds a text", Scope.JOURNAL, footer=2),
    Key(
        "journal.copy",
        ("y",),
        "y",
        "copy",
        "Copy what the journal says of it",
        Scope.JOURNAL,
        3,
        off=needs_row,
    ),
    Key(
        "journal.note",
        ("w",),
        "w",
        "write note",
        "Write the hand-over note of this profile as Markdown",
        Scope.JOURNAL,
        4,
    ),
    Key(
        "journal.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck",
        Scope.JOURNAL,
        footer=5,
        stays=True,
    ),
    help_key(Scope.JOURNAL, footer=6),
    Key("story.copy", ("y",), "y", "copy", "Copy all of it", Scope.STORY, footer=2),
    Key(
        "story.close",
        ("escape", "q", "enter"),
        "esc",
        "back",
        "Back to the journal",
        Scope.STORY,
        footer=1,
        stays=True,
    ),
    help_key(Scope.STORY, footer=3),
    *reading_keys(Scope.STORY),
)
