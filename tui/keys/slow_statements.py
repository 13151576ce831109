"""The keys of the list of slow statements."""

from __future__ import annotations

from tui.keys.registry import Key, Scope, help_key, needs_row, needs_sql, reading_keys

KEYS: tuple[Key, ...] = (
    Key(
        "slow_statements.open",
        ("enter",),
        "enter",
        "whole",
        "The whole statement, and its figures",
        Scope.SLOW_STATEMENTS,
        footer=1,
        off=needs_row,
    ),
    Key(
        "slow_statements.order",
        ("o",),
        "o",
        "order",
        "Order by mean, by share of the time, or by the last minute",
        Scope.SLOW_STATEMENTS,
        footer=2,
    ),
    Key(
        "slow_statements.filter",
        ("slash",),
        "/",
        "filter",
        "Show only the statements that hold a text",
        Scope.SLOW_STATEMENTS,
        footer=3,
    ),
    Key(
        "slow_statements.copy",
        ("y",),
        "y",
        "copy",
        "Copy the statement",
        Scope.SLOW_STATEMENTS,
        footer=4,
        off=needs_sql,
    ),
    Key(
        "slow_statements.close",
        ("escape", "q"),
        "esc",
        "back",
        "Back to the deck",
        Scope.SLOW_STATEMENTS,
        footer=5,
        stays=True,
    ),
    help_key(Scope.SLOW_STATEMENTS, footer=6),
    Key("statement.copy", ("y",), "y", "copy", "Copy the statement", Scope.STATEMENT, footer=2),
    Key(
        "statement.close",
        ("escape", "q", "enter"),
        "esc",
        "back",
        "Back to the slow statements",
        Scope.STATEMENT,
        footer=1,
        stays=True,
    ),
    help_key(Scope.STATEMENT, footer=3),
    *reading_keys(Scope.STATEMENT),
)
