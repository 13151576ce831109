"""What a scout does: log in once, read every part of the deck once, tell each at once, and leave.

It runs in a process of its own, while the deck's is still imported (`tui.scout`). What it cannot read it
leaves to the watch, which says why.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from profiles import vault
from profiles.locations import locations
from profiles.manifest import Manifest
from profiles.model import Profile
from sql.connect import connect
from sql.errors import ReadingError, SessionError
from sql.parse_store import STORE
from sql.requirements import Requirements, read
from sql.telling import SIGN_OF_LIFE, Pipe, Told, tell
from sql.watch import prepare, readings_for

if TYPE_CHECKING:
    from sql.session import Session

Tell: TypeAlias = Callable[[Told], None]

READING_S = 1.0
"""A server whose parts take longer is read by the watch, in view."""
SIGN_S = 5.0
"""Between signs of life: hosts that are out of reach are tried for ten seconds each, and more."""
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def run(profile: Profile, manifest: Manifest, descriptor: int, lives: Callable[[], object]) -> None:
    """Scout, and tell through this pipe, until all is told, nobody listens, or one of `ENDINGS` comes.

    Args:
        lives: called every `SIGN_S`, as long as this is at work.

    Raises:
        ConfigurationError, CredentialError: as `scout`.
    """
    asyncio.run(_until_ended(profile, manifest, descriptor, lives))


class _Deck(asyncio.BaseProtocol):
    """Whom it tells."""

    def __init__(self) -> None:
        self.gone = asyncio.get_running_loop().create_future()
        """It listens no more, or has heard all."""

    def connection_lost(self, _: Exception | None) -> None:
        self.gone.set_result(None)


async def _until_ended(
    profile: Profile, manifest: Manifest, descriptor: int, lives: Callable[[], object]
) -> None:
    loop = asyncio.get_running_loop()
    # The server must not wait for a deck that is slow to listen: what it cannot take yet is kept here.
    pipe, deck = await loop.connect_write_pipe(_Deck, os.fdopen(descriptor, "wb", buffering=0))
    for each in ENDINGS:
        loop.add_signal_handler(each, pipe.abort)
    living = asyncio.create_task(_live(pipe, lives))
    scouting = asyncio.create_task(scout(profile, manifest, partial(tell, pipe)))
    await asyncio.wait({scouting, deck.gone}, return_when=asyncio.FIRST_COMPLETED)
    scouting.cancel()
    with suppress(asyncio.CancelledError):
        await scouting
    living.cancel()
    pipe.close()
    await deck.gone


async def _live(pipe: Pipe, lives: Callable[[], object]) -> None:
    while True:
        lives()
        pipe.write(SIGN_OF_LIFE)
        await asyncio.sleep(SIGN_S)


async def scout(profile: Profile, manifest: Manifest, tell: Tell) -> None:
    """Log in, and read every part that the manifest asks for.

    Raises:
        ConfigurationError, CredentialError: as `vault.password_for` and `sql.requirements.read`.
    """
    STORE.open(locations().cache / "parsed" / f"{profile.name}.json")
    requirements = read(manifest, profile.pool)
    prepare(requirements)
    try:
        session = await connect(profile, vault.password_for(profile))
    except SessionError as error:
        tell(error)
        return
    try:
        tell(session.identity)
        with suppress(TimeoutError, SessionError):
            async with asyncio.timeout(READING_S):
                await _read(session, requirements, tell)
    finally:
        await session.close()
        STORE.close()


async def _read(session: Session, requirements: Requirements, tell: Tell) -> None:
    for reading in readings_for(requirements):
        with suppress(ReadingError):
            tell(await reading.fetch(session))
