"""From a key that ends a session in the way to what became of its queue: question, signal, words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sql.snapshots import IdentitySnapshot
from tui.flow import NOT_CONNECTED
from tui.present.view import Tone
from tui.road import RoadBlocked
from tui.screens.confirm_signal import ConfirmSignalScreen

if TYPE_CHECKING:
    from sql.locks.reading import LockSession
    from sql.steps.blockers import Blocker
    from sql.steps.signals import Signal
    from tui.screens.deck import DeckScreen
    from tui.screens.locks import LocksScreen
    from tui.steps_app import StepsApp


def ask_to_end(app: StepsApp, asked: LocksScreen.Asked) -> None:
    """Ask, then cancel or terminate a session in a worker of the app: leaving a screen ends nothing."""
    deck = app.deck
    if deck is None or app.screen is not asked.screen:
        return

    def answered(yes: bool | None) -> None:
        if yes:
            asked.screen.tell("sent; waiting for what comes of it …", Tone.PLAIN)
            app.run_worker(
                _end(app, asked), group="steps", description="end a session in the way", exit_on_error=False
            )

    where, elsewhere = _where(deck), _elsewhere(deck, asked.session)
    question = ConfirmSignalScreen(deck.profile, asked.signal, asked.session, asked.forest, where, elsewhere)
    app.push_screen(question, answered)


def open_locks(app: StepsApp, pid: int) -> None:
    """Show whom one backend waits for, and who waits for it."""
    from tui.screens.locks import LocksScreen

    deck = app.deck
    if deck is not None and not isinstance(app.screen, LocksScreen):
        app.push_screen(LocksScreen(deck.profile, deck.readings, app.feed, pid))


def ask_about_blocker(app: StepsApp, signal: Signal, blocker: Blocker, confirmed: Callable[[], None]) -> None:
    """Ask about a session that keeps a run waiting, as among the locks."""
    from sql.locks.reading import LocksSnapshot
    from sql.locks.tree import Forest
    from sql.steps.ending import session_of

    deck = app.deck
    if deck is None:
        return
    session, now = session_of(blocker), datetime.now(UTC)
    forest = Forest(LocksSnapshot(now, (session,), now))

    def answered(yes: bool | None) -> None:
        if yes:
            confirmed()

    app.push_screen(ConfirmSignalScreen(deck.profile, signal, session, forest, _where(deck)), answered)


async def _end(app: StepsApp, asked: LocksScreen.Asked) -> None:
    road = app.road
    if road is None:
        asked.screen.tell(NOT_CONNECTED, Tone.WARN)
        return
    try:
        ended = await road.end(asked.signal, asked.session)
    except RoadBlocked as error:
        asked.screen.tell(f"✗ {error}", Tone.BAD)
    else:
        good = ended.effective and not ended.still_waiting
        sign, tone = ("✓", Tone.GOOD) if good else ("!", Tone.WARN)
        asked.screen.tell(f"{sign} {ended.sentence}; the journal has it", tone)
    if app.feed is not None:
        app.feed.refresh()


def _elsewhere(deck: DeckScreen, session: LockSession) -> str:
    """The database that a session is connected to, where it is another than the deck's."""
    snapshot = deck.readings.known("server").snapshot
    if not isinstance(snapshot, IdentitySnapshot) or session.database == snapshot.server.database:
        return ""
    return session.database


def _where(deck: DeckScreen) -> str:
    """The server, as it said who it is."""
    snapshot = deck.readings.known("server").snapshot
    if not isinstance(snapshot, IdentitySnapshot):
        return ""
    return f"{snapshot.server.database} at {snapshot.server.address}"
