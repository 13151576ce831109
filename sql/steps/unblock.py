"""Cancels or terminates a backend that keeps a run waiting, on a connection opened for that alone."""

from __future__ import annotations

from profiles.locations import locations
from profiles.model import Profile
from profiles.secret import Secret
from sql.connect import Purpose, open_link
from sql.errors import SessionError
from sql.steps.blockers import Blocker
from sql.steps.journal import Journal
from sql.steps.monitor import make_watcher
from sql.steps.scribe import Scribe
from sql.steps.signals import Signal, SignalResult, send_to_blocker
from sql.steps.watching import TROUBLE


async def unblock(
    profile: Profile, password: Secret | None, run: str, signal: Signal, blocker: Blocker
) -> SignalResult:
    """Send a signal to the backend that was shown, only to that one; journalled before and after.

    Raises:
        ConfigurationError, SessionError: there is no connection, or it was lost.
        OSError: the journal cannot be written; then nothing was sent.
    """
    link = await open_link(profile, password, Purpose.RUN)
    scribe = Scribe(Journal(locations().journal), profile, run, identity=link.identity)
    try:
        await make_watcher(link.connection, run)
        return await send_to_blocker(link.connection, signal, blocker, scribe)
    except TROUBLE as error:
        if isinstance(error, SessionError):
            raise
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise SessionError(f"the connection was lost ({type(error).__name__})") from None
    finally:
        link.connection.terminate()
