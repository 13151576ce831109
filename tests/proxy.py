"""A TCP proxy in front of a test server: its wire can be cut, frozen, slow, or forget who is idle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sql.demo.cluster import Cluster

LOOK_S = 0.02


@dataclass(eq=False)
class Wire:
    """One connection through the proxy."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    used_at: float = field(default_factory=time.monotonic)
    forgotten: bool = False
    """Swallows everything, and tells neither end."""


class Proxy:
    """Listens on 127.0.0.1 and hands bytes through to the server's socket."""

    def __init__(self, cluster: Cluster) -> None:
        self.lead_to(cluster)
        self.delay_s = 0.0
        """Before each piece is handed on, in each direction."""
        self.rate: float | None = None
        """Bytes a second, in each direction of each connection; None: as fast as it goes."""
        self.accepted = 0
        """Connections so far."""
        self.dropped = 0
        """Connections that were ended because they were idle."""
        self._server: asyncio.Server | None = None
        self._wires: set[Wire] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._idle: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, port: int = 0) -> None:
        """Listen; on any free port where none is given."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        if self._idle is not None:
            self._idle.cancel()
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self, *, refuse: bool = False) -> None:
        """Break every connection; with `refuse`, let nobody in until `mend`."""
        self._refuses = refuse
        for wire in self._wires:
            self._break(wire)
        self._wires.clear()

    def lead_to(self, cluster: Cluster) -> None:
        """Hand whoever comes from now on to this server."""
        self._socket = f"{cluster.socket}/.s.PGSQL.{cluster.port}"

    def freeze(self) -> None:
        """Swallow nothing and deliver nothing: bytes wait until `mend`."""
        self._flows.clear()

    def mend(self) -> None:
        """Be a good wire again; connections that were forgotten stay so."""
        self._refuses = False
        self.delay_s, self.rate = 0.0, None
        self._flows.set()
        if self._idle is not None:
            self._idle.cancel()

    def drop_idle(self, after_s: float, *, silently: bool = False) -> None:
        """Do as a middlebox does to connections that are idle for so long: end them, or forget them."""

        async def look() -> None:
            while True:
                await asyncio.sleep(LOOK_S)
                for wire in tuple(self._wires):
                    if time.monotonic() - wire.used_at < after_s:
                        continue
                    if silently:
                        wire.forgotten = True
                    else:
                        self.dropped += 1
                        self._break(wire)
                        self._wires.discard(wire)

        self._idle = asyncio.create_task(look())

    @property
    def forgotten(self) -> int:
        """Connections that lead nowhere, whose ends do not know it."""
        return sum(wire.forgotten for wire in self._wires)

    def _break(self, wire: Wire) -> None:
        for writer in wire.ends:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refuses:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            writer.transport.abort()
            return
        wire = Wire((writer, there_writer))
        self._wires.add(wire)
        await asyncio.gather(self._pump(wire, reader, there_writer), self._pump(wire, there_reader, writer))
        if not wire.forgotten:
            self._wires.discard(wire)

    async def _pump(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(65536):
                await self._flows.wait()
                wire.used_at = time.monotonic()
                if self.delay_s or self.rate:
                    await asyncio.sleep(self.delay_s + (len(content) / self.rate if self.rate else 0.0))
                if not wire.forgotten:
                    writer.write(content)
                    await writer.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            if not wire.forgotten:
                writer.close()


@asynccontextmanager
async def proxy(cluster: Cluster) -> AsyncIterator[Proxy]:
    """A running proxy."""
    made = Proxy(cluster)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
