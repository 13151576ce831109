"""The last words of a server to a session, which asyncpg drops where no statement is under way."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

FATAL = ("FATAL", "PANIC")
SHUTDOWN = "57P"
"""The class of notices with which a crashing server says goodbye (postgres.c, quickdie)."""


class Farewell(asyncio.Protocol):
    """Stands between the transport and asyncpg, and listens for goodbyes; everything is handed on."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.sqlstate = ""
        """Of the goodbye; empty where there was none."""
        self.said = ""

    def data_received(self, data: bytes) -> None:
        """Listen, and hand it on."""
        # A goodbye is the last message, and short: it comes in one piece.
        if data[:1] in (b"E", b"N"):
            self._note(data)
        self._protocol.data_received(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand it on."""
        self._protocol.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Hand it on."""
        self._protocol.connection_lost(error)

    def eof_received(self) -> bool | None:
        """Hand it on."""
        end: bool | None = self._protocol.eof_received()
        return end

    def pause_writing(self) -> None:
        """Hand it on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Hand it on."""
        self._protocol.resume_writing()

    def _note(self, data: bytes) -> None:
        """ErrorResponse and NoticeResponse: a length, then fields of a letter and a text each."""
        end = 1 + int.from_bytes(data[1:5], "big")
        if end > len(data):
            return
        pieces = data[5:end].split(b"\0")
        fields = {piece[:1]: piece[1:].decode(errors="replace") for piece in pieces if piece}
        state = fields.get(b"C", "")
        if fields.get(b"V") in FATAL or state.startswith(SHUTDOWN):
            self.sqlstate, self.said = state, fields.get(b"M", "")


def overhear(connection: asyncpg.Connection) -> Farewell:
    """Listen on a connection from now on."""
    transport = connection._transport
    farewell = Farewell(connection._protocol)
    if transport is not None and not transport.is_closing():
        transport.set_protocol(farewell)
    return farewell
