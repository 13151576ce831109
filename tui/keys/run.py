"""The keys of the screen of a run."""

from __future__ import annotations

from tui.keys.registry import Facts, Key, Scope, help_key, needs_row, reading_keys, why


def needs_reason(facts: Facts) -> str:
    """Off without a marked session, and where it may not be signalled."""
    return needs_row(facts) or why(facts)


KEYS: tuple[Key, ...] = (
    Key(
        "run.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck; the run goes on",
        Scope.RUN,
        1,
        stays=True,
    ),
    help_key(Scope.RUN, footer=7),
    Key(
        "run.stop",
        ("x",),
        "x",
        "cancel it",
        "Cancel the run and clean up, after a question",
        Scope.RUN,
        2,
        off=why,
    ),
    Key(
        "run.cancel_blocker",
        ("c",),
        "c",
        "cancel blocker",
        "Cancel the statement of the marked session in the way, after a question",
        Scope.RUN,
        footer=3,
        off=needs_reason,
    ),
    Key(
        "run.terminate_blocker",
        ("t",),
        "t",
        "terminate",
        "Terminate the marked session in the way, after a question",
        Scope.RUN,
        footer=4,
        off=needs_reason,
    ),
    Key(
        "run.mark",
        ("n", "tab"),
        "n",
        "mark",
        "Mark the next session in the way",
        Scope.RUN,
        footer=5,
        off=needs_row,
    ),
    Key(
        "run.next",
        ("b",),
        "b",
        "next step",
        "After the end: preview the next step",
        Scope.RUN,
        footer=6,
        off=why,
    ),
    Key(
        "run.locks",
        ("w",),
        "w",
        "who waits",
        "Whom it waits for and who waits for it, as a tree of locks",
        Scope.RUN,
        footer=8,
        off=why,
    ),
    Key("run.copy", ("y",), "y", "copy", "Copy the exact SQL", Scope.RUN, footer=9),
    *reading_keys(Scope.RUN),
)
