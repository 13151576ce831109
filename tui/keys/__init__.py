"""Every key of the full screen, once: bindings, footer, help, palette and the README's table come of it.

A module a screen; `registry` says what a key is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING

from tui.keys.registry import MENDABLE, Facts, Key, Scope

if TYPE_CHECKING:
    from textual.binding import Binding

__all__ = [
    "MENDABLE",
    "Facts",
    "Key",
    "Scope",
    "bindings",
    "every",
    "footer_keys",
    "key",
    "markdown_table",
    "of_scope",
]

HOMES: Mapping[Scope, str] = {
    Scope.DECK: "deck",
    Scope.PANE: "deck",
    Scope.DETAILS: "details",
    Scope.LATENCY: "latency",
    Scope.INCIDENTS: "incidents",
    Scope.EVIDENCE: "incidents",
    Scope.POOL: "pool",
    Scope.LOCKS: "locks",
    Scope.REPLICAS: "replicas",
    Scope.HELP: "help",
    Scope.PROFILES: "profiles",
    Scope.PREVIEW: "preview",
    Scope.RUN: "run",
    Scope.RUNS: "runs",
    Scope.JOURNAL: "journal",
    Scope.STORY: "journal",
    Scope.SLOW_STATEMENTS: "slow_statements",
    Scope.STATEMENT: "slow_statements",
    Scope.REPLAY: "replay",
    Scope.DEMO_WATCH: "demo_watch",
    Scope.WARMING: "warming",
    Scope.EVERYWHERE: "everywhere",
}
"""The module of each scope's keys, in the order of the README's table; imported with its screen."""


@lru_cache(1)
def every() -> tuple[Key, ...]:
    """All keys there are."""
    return tuple(each for home in dict.fromkeys(HOMES.values()) for each in _keys_in(home))


def _keys_in(home: str) -> tuple[Key, ...]:
    found: tuple[Key, ...] = import_module(f"tui.keys.{home}").KEYS
    return found


def key(identifier: str) -> Key:
    """The key with this id."""
    scope = Scope[identifier.partition(".")[0].upper()]
    return next(each for each in of_scope(scope) if each.id == identifier)


def of_scope(scope: Scope) -> Iterator[Key]:
    """The keys of a scope, in the order of the registry."""
    return (each for each in _keys_in(HOMES[scope]) if each.scope is scope)


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
    for each in every():
        label = each.label.replace("|", "\\|")
        rows.append(f"| `{label}` | {each.help} | {each.scope.value.lower()} |")
    return "\n".join(rows) + "\n"
