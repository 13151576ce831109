"""Every key of the full screen, once: bindings, footer, help, palette and the README's table come of it.

A module a screen; `registry` says what a key is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tui.keys import (
    deck,
    demo_watch,
    details,
    everywhere,
    incidents,
    journal,
    latency,
    locks,
    pool,
    preview,
    profiles,
    replay,
    replicas,
    run,
    runs,
    slow_statements,
    warming,
)
from tui.keys import help as help_keys
from tui.keys.registry import MENDABLE, Facts, Key, Scope

if TYPE_CHECKING:
    from textual.binding import Binding

__all__ = [
    "KEYS",
    "MENDABLE",
    "Facts",
    "Key",
    "Scope",
    "bindings",
    "footer_keys",
    "key",
    "markdown_table",
    "of_scope",
]

SCREENS = (
    deck,
    details,
    latency,
    incidents,
    pool,
    locks,
    replicas,
    help_keys,
    profiles,
    preview,
    run,
    runs,
    journal,
    slow_statements,
    replay,
    demo_watch,
    warming,
    everywhere,
)
"""In the order of the help and of the README's table."""
KEYS: tuple[Key, ...] = tuple(each for screen in SCREENS for each in screen.KEYS)


def key(identifier: str) -> Key:
    """The key with this id."""
    return next(each for each in KEYS if each.id == identifier)


def of_scope(scope: Scope) -> Iterator[Key]:
    """The keys of a scope, in the order of the registry."""
    return (each for each in KEYS if each.scope is scope)


def footer_keys(scope: Scope) -> list[Key]:
    """The keys that the footer shows in a scope, in its order."""
    return sorted((each for each in of_scope(scope) if each.footer), key=lambda each: each.footer)


def bindings(scope: Scope, action: str = "key") -> list[Binding]:
    """Textual's bindings of a scope; every one calls `action_ACTION` with the id's last part."""
    from textual.binding import Binding

    return [
        Binding(",".join(each.keys), f"{action}('{each.action}')", each.title, show=False, id=each.id)
        for each in of_scope(scope)
    ]


def markdown_table() -> str:
    """The table of the README."""
    rows = ["| Key | Does | Where |", "|---|---|---|"]
    for each in KEYS:
        label = each.label.replace("|", "\\|")
        rows.append(f"| `{label}` | {each.help} | {each.scope.value.lower()} |")
    return "\n".join(rows) + "\n"
