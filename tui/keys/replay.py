"""The keys of a recording that is played, beside those of the deck."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key

KEYS: tuple[Key, ...] = (
    Key("replay.pause", ("space",), "space", "pause", "Hold the recording, or go on", Scope.REPLAY, footer=1),
    Key("replay.back", ("left",), "←", "-10 s", "Ten seconds back", Scope.REPLAY, footer=2),
    Key("replay.forward", ("right",), "→", "+10 s", "Ten seconds on", Scope.REPLAY, footer=3),
    Key(
        "replay.back_far",
        ("left_square_bracket", "shift+left"),
        "[ or shift+←",
        "-60 s",
        "A minute back",
        Scope.REPLAY,
        footer=4,
    ),
    Key(
        "replay.forward_far",
        ("right_square_bracket", "shift+right"),
        "] or shift+→",
        "+60 s",
        "A minute on",
        Scope.REPLAY,
        footer=5,
    ),
    Key("replay.slower", ("minus",), "-", "slower", "Half as fast", Scope.REPLAY, footer=6),
    Key("replay.faster", ("plus", "equals_sign"), "+", "faster", "Twice as fast", Scope.REPLAY, footer=7),
    Key("replay.first", ("home",), "home", "begin", "To the beginning of the recording", Scope.REPLAY, 8),
    Key("replay.last", ("end",), "end", "end", "To the end of the recording", Scope.REPLAY, footer=9),
    help_key(Scope.REPLAY, footer=10),
    Key("replay.quit", ("q", "ctrl+q"), "q", "quit", "End the replay", Scope.REPLAY, footer=11, stays=True),
)
