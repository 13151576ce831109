"""The keys of the list of profiles."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key

KEYS: tuple[Key, ...] = (
    Key(
        "profiles.open",
        ("enter",),
        "enter",
        "open",
        "Open the deck of the selected profile",
        Scope.PROFILES,
        1,
    ),
    Key(
        "profiles.test",
        ("t",),
        "t",
        "test",
        "Connect, stage by stage, and say what failed",
        Scope.PROFILES,
        2,
    ),
    Key("profiles.add", ("a",), "a", "add", "Write a new profile", Scope.PROFILES, footer=3),
    Key("profiles.edit", ("e",), "e", "edit", "Change the selected profile", Scope.PROFILES, footer=4),
    Key(
        "profiles.password",
        ("p",),
        "p",
        "password",
        "Keep its password in the keyring",
        Scope.PROFILES,
        footer=5,
    ),
    Key("profiles.remove", ("d",), "d", "remove", "Delete it, after a question", Scope.PROFILES, footer=6),
    Key(
        "profiles.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck, or out",
        Scope.PROFILES,
        footer=7,
        stays=True,
    ),
    help_key(Scope.PROFILES, footer=8),
)
