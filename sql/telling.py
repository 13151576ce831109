"""What a scout tells its deck: values through a pipe, each pickled, its length before it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from asyncio import StreamReader

    from sql.errors import SessionError
    from sql.snapshots import ServerIdentity, Snapshot

Told: TypeAlias = "ServerIdentity | Snapshot | SessionError"
"""Which server it is, then its parts; or why nobody gets in."""
LENGTH_BYTES = 4
SIGN_OF_LIFE = bytes(LENGTH_BYTES)
"""A value of no length: nothing is known yet, and somebody is at it."""


class Pipe(Protocol):
    """Takes bytes, and never blocks."""

    def write(self, data: bytes, /) -> object:
        """Send them as soon as there is room."""


def tell(pipe: Pipe, told: Told) -> None:
    """Send one value."""
    content = pickle.dumps(told)
    pipe.write(len(content).to_bytes(LENGTH_BYTES) + content)


async def hear(pipe: StreamReader) -> Told | None:
    """The next value, of a process that is ours; None for a sign of life.

    Raises:
        asyncio.IncompleteReadError: there are no more.
    """
    length = int.from_bytes(await pipe.readexactly(LENGTH_BYTES))
    if not length:
        return None
    told: Told = pickle.loads(await pipe.readexactly(length))
    return told
