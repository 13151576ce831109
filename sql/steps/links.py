"""The two connections of a run: one that runs the step, one that watches it, opened before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import asyncpg

from profiles.secret import Secret
from sql.connect import Link, Purpose, open_link
from sql.pooling import SESSION
from sql.recognition import difference
from sql.steps.catalog import IndexState, index_of, read_index
from sql.steps.failure import Refused
from sql.steps.job import Job
from sql.steps.monitor import Monitor, make_watcher
from sql.steps.patience import Patience, Stop
from sql.steps.scribe import Scribe
from sql.steps.settings import apply, run_settings
from sql.steps.settle import Unreachable, reconnect
from sql.steps.watching import Backend, Watching


@dataclass
class Links:
    """Opens and closes them; `scribe` knows the server as soon as there is one."""

    job: Job
    password: Secret | None
    scribe: Scribe
    stop: Stop
    patience: Patience
    settings: Mapping[str, str] = field(default_factory=dict)
    """What pg_settings says of the session that runs the step."""
    _open: list[asyncpg.Connection] = field(default_factory=list)

    async def connect(self) -> tuple[Link, Watching]:
        """Both, ready for a step that was not sent yet.

        Raises:
            SessionError, ConfigurationError: there is no connection.
            Refused: this is no server on which the step may run.
            WrongSettings: the session has not the settings that it was given.
        """
        link = await self.open()
        self.scribe = self.scribe.on(link.identity)
        self._check(link)
        backend = await self._prepare(link)
        watcher = await self.open_watcher()
        index = index_of(self.job.step)
        before = await read_index(watcher, *index) if index else None
        return link, self._watching(watcher, backend.pid, backend, before)

    async def again(self, orphan: Backend) -> tuple[Link, Watching]:
        """Both, to go on with what another session of this run began.

        Raises:
            Unreachable: the server is out of reach for too long, or is another one.
        """
        link = await self._reconnect()
        backend = await self._prepare(link)
        return link, self._watching(await self.open_watcher(), backend.pid, backend, orphan.index_before)

    async def watch_lost(self, orphan: Backend) -> Watching:
        """The eyes on a session whose connection broke, as soon as the server can be reached.

        Raises:
            Unreachable: as `again`.
        """
        self.close()
        connection = (await self._reconnect()).connection
        await make_watcher(connection, self.job.run)
        return self._watching(connection, orphan.pid, orphan, orphan.index_before)

    async def reachable(self, limit_s: float) -> None:
        """Wait until the server can be reached; then `scribe` knows it.

        Raises:
            Unreachable: not within so many seconds, or another one answers.
        """
        await self._reconnect(replace(self.patience, unreachable_s=min(limit_s, self.patience.unreachable_s)))
        self.close()

    async def open(self) -> Link:
        """A bare connection, straight to the server."""
        link = await open_link(self.job.profile, self.password, Purpose.RUN)
        self._open.append(link.connection)
        return link

    async def open_watcher(self) -> asyncpg.Connection:
        """A connection that watches."""
        connection = (await self.open()).connection
        await make_watcher(connection, self.job.run)
        return connection

    def close(self) -> None:
        """Drop all; with the session goes the builder's lock."""
        while self._open:
            self._open.pop().terminate()

    async def _prepare(self, link: Link) -> Backend:
        wanted = run_settings(self.job.step, self.job.search_path, link.identity.version_num, self.job.run)
        self.settings = await apply(link.connection, wanted)
        row = await link.connection.fetchrow(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        return Backend(row["pid"], row["backend_start"])

    async def _reconnect(self, patience: Patience | None = None) -> Link:
        link = await reconnect(self.open, patience or self.patience)
        if self._is_another(link):
            raise Unreachable("another server answers at its address")
        before = self.scribe.identity
        other = difference(before, link.identity) if before is not None else None
        if other is not None:
            raise Unreachable(other)
        self.scribe = self.scribe.on(link.identity)
        return link

    def _watching(
        self, connection: asyncpg.Connection, pid: int, backend: Backend, before: IndexState | None
    ) -> Watching:
        index = index_of(self.job.step)
        monitor = Monitor(connection, _version(connection), pid, backend.backend_start, index)
        return Watching(
            monitor, self.open_watcher, self.job.step, self.scribe, self.stop, self.patience, before
        )

    def _check(self, link: Link) -> None:
        identity = link.identity
        if identity.pooler is not None and identity.pooler.kind != SESSION:
            remedy = "say in [direct] how to reach the server itself"
            raise Refused(f"{identity.address} is a pooler ({identity.pooler.evidence}); {remedy}")
        if identity.in_recovery:
            raise Refused(f"{identity.address} is a standby, which takes no writes; connect to its primary")
        if self._is_another(link):
            raise Refused(
                f"{identity.address} is another server (system identifier {identity.system_identifier}) "
                f"than the one that the step was planned on ({self.job.system_identifier})"
            )

    def _is_another(self, link: Link) -> bool:
        planned, found = self.job.system_identifier, link.identity.system_identifier
        return planned is not None and found is not None and planned != found


def _version(connection: asyncpg.Connection) -> int:
    version = connection.get_server_version()
    return int(version.major) * 10000 + int(version.minor)
