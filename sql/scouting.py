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
from sql.telling import Told, tell
from sql.watch import prepare, readings_for

if TYPE_CHECKING:
    from sql.session import Session

Tell: TypeAlias = Callable[[Told], None]

READING_S = 1.0
"""A server whose parts take longer is read by the watch, in view."""


def run(profile: Profile, manifest: Manifest, descriptor: int) -> None:
    """Scout, and tell through this pipe, until done or ended by SIGTERM.

    Raises:
        ConfigurationError, CredentialError: as `scout`.
        BrokenPipeError: nobody listens any more.
    """
    with os.fdopen(descriptor, "wb") as pipe:
        asyncio.run(_until_ended(profile, manifest, partial(tell, pipe)))


async def _until_ended(profile: Profile, manifest: Manifest, tell: Tell) -> None:
    scouting = asyncio.ensure_future(scout(profile, manifest, tell))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, scouting.cancel)
    with suppress(asyncio.CancelledError):
        await scouting


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
