"""A TCP proxy in front of a test server, whose wire can be cut or made to swallow everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sql.demo.cluster import Cluster


class Proxy:
    """Listens on 127.0.0.1 and hands bytes through to the server's socket."""

    def __init__(self, cluster: Cluster) -> None:
        self.lead_to(cluster)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Close everything."""
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self, *, refuse: bool = False) -> None:
        """Break every connection; with `refuse`, let nobody in until `mend`."""
        self._refuses = refuse
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def lead_to(self, cluster: Cluster) -> None:
        """Hand whoever comes from now on to this server."""
        self._socket = f"{cluster.socket}/.s.PGSQL.{cluster.port}"

    def freeze(self) -> None:
        """Swallow nothing and deliver nothing: bytes wait until `mend`."""
        self._flows.clear()

    def mend(self) -> None:
        """Be a good wire again."""
        self._refuses = False
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, there_writer}
        await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while content := await reader.read(65536):
                await self._flows.wait()
                writer.write(content)
                await writer.drain()
        except (ConnectionError, OSError):
            pass
        finally:
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
