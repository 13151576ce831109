"""Which screen each key of the deck opens. A screen is imported when it is opened first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from textual.screen import Screen

    from tui.app import DeckApp

Opener: TypeAlias = "Callable[[DeckApp], Screen[Any] | None]"
"""Makes the screen; None where there is nothing to show."""


def _details(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.details import DetailsScreen

    deck = app.deck
    row = deck.active.row if deck is not None else None
    if deck is None or row is None:
        return None
    return DetailsScreen((deck.part, row.key), row.name, deck.readings)


def _runs(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.runs import RunsScreen

    return None if app.profile is None else RunsScreen(app.profile, app.board)


def _journal(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.journal import JournalScreen

    return None if app.profile is None else JournalScreen(app.profile)


def _slow_statements(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.slow_statements import SlowStatementsScreen

    if app.profile is None or app.deck is None:
        return None
    return SlowStatementsScreen(app.profile, app.deck.readings, app.feed)


def _latency(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.latency import LatencyScreen

    deck = app.deck
    if app.profile is None or deck is None:
        return None
    row = deck.active.row if deck.part == "probes" else None
    probe = row.key if row is not None else ""
    return LatencyScreen(app.profile, deck.readings, app.history, probe, clock=app.clock)


def _incidents(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.incidents import IncidentsScreen

    if app.profile is None or app.deck is None:
        return None
    return IncidentsScreen(app.profile, app.deck.readings)


def _warm_up(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.warming import WarmingScreen

    if app.profile is None or app.manifest is None:
        return None
    return WarmingScreen(app.profile, app.manifest.probes, app.feed)


def _pool(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.pool import PoolScreen

    if app.profile is None or app.deck is None:
        return None
    return PoolScreen(app.profile, app.deck.readings, app.feed)


def _locks(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.locks import LocksScreen

    if app.profile is None or app.deck is None:
        return None
    return LocksScreen(app.profile, app.deck.readings, app.feed)


def _replicas(app: DeckApp) -> Screen[Any] | None:
    from tui.screens.replicas import ReplicasScreen

    if app.profile is None or app.deck is None:
        return None
    return ReplicasScreen(app.profile, app.deck.readings, app.feed)


def _demo_watch(app: DeckApp) -> Screen[Any] | None:
    from tui.crossings import Crossings
    from tui.screens.demo_watch import DemoWatchScreen

    if app.profile is None or app.deck is None:
        return None
    if app.crossings is None:
        app.crossings = Crossings()
    return DemoWatchScreen(app.profile, app.deck.readings, app.crossings)


def _help(_: DeckApp) -> Screen[Any] | None:
    from tui.screens.help import HelpScreen

    return HelpScreen()


def _palette(_: DeckApp) -> Screen[Any] | None:
    from tui.palette import Palette

    return Palette()


SCREENS: Mapping[str, Opener] = {
    "details": _details,
    "runs": _runs,
    "journal": _journal,
    "slow_statements": _slow_statements,
    "latency": _latency,
    "incidents": _incidents,
    "warm_up": _warm_up,
    "connections": _pool,
    "locks": _locks,
    "replicas": _replicas,
    "demo_watch": _demo_watch,
    "help": _help,
    "palette": _palette,
}
"""By the action of a key of the deck."""
NEED_WATCH = frozenset({"slow_statements", "warm_up", "connections", "locks", "replicas"})
"""Screens that ask the server themselves."""
