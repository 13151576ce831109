"""What a scout tells its deck: values through a pipe, each pickled, its length before it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

if TYPE_CHECKING:
    from asyncio import StreamReader

    from sql.errors import SessionError
    from sql.snapshots import ServerIdentity, Snapshot

Told: TypeAlias = "ServerIdentity | Snapshot | SessionError"
"""Which server it is, then its parts; or why nobody gets in."""
LENGTH_BYTES = 4


def tell(pipe: BinaryIO, told: Told) -> None:
    """Write one value.

    Raises:
        BrokenPipeError: nobody listens any more.
    """
    content = pickle.dumps(told)
    pipe.write(len(content).to_bytes(LENGTH_BYTES) + content)
    pipe.flush()


async def hear(pipe: StreamReader) -> Told:
    """The next value, of a process that is ours.

    Raises:
        asyncio.IncompleteReadError: there are no more.
    """
    length = int.from_bytes(await pipe.readexactly(LENGTH_BYTES))
    told: Told = pickle.loads(await pipe.readexactly(length))
    return told
