"""Start, share, reset and stop the demo. All of it blocks; one process at a time holds the folder's lock."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import asyncpg

from sql.demo.cluster import Cluster, ClusterError, embedded_binaries
from sql.demo.databases import make_databases
from sql.demo.home import MARK, Home, fingerprint
from sql.demo.keeper import keeper_pid, needed, start_keeper
from sql.demo.leases import Lease, exclusive, holders, locked
from sql.demo.seed import OPERATOR, Report, fill_templates

DEFAULT_LEADS = 500_000
SEEDING_SHARE = 0.68
"""Of the whole set-up, before the databases are copied; measured."""
STARTED_SHARE = 0.05
FILLING = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "8GB"}
"""Settings of a server that is thrown away if it does not get to the end."""
KEEPER_LEAVES_S = 10.0


class InUseError(Exception):
    """Somebody else uses the demo, and what was asked for would take it from under them."""


class Demo:
    """The demo in one folder."""

    def __init__(self, home: Home, say: Callable[[str], None]) -> None:
        self._home = home
        self._say = say
        """Narration, one sentence each."""

    def join(self, leads: int | None, *, fresh: bool, report: Report) -> Lease:
        """Seed what is not there, start what does not run, and become a user.

        Args:
            leads: how many; None keeps what is there, else the default.
            fresh: start over.

        Raises:
            ClusterError: the server could not be made, filled or started.
            InUseError: starting over would take the demo from under another user.
        """
        embedded_binaries()
        self._home.make()
        with self._alone():
            cluster = self._home.cluster()
            wanted = self._wanted(leads)
            if fresh or wanted is not None:
                self._seed(cluster, wanted or self._there() or DEFAULT_LEADS, report)
            else:
                report("starting the server", 0.9)
            lease = Lease(self._home.users)
            try:
                cluster.start()
                report("ready", 1.0)
                start_keeper(self._home)
            except BaseException:
                lease.release()
                if not needed(self._home):
                    cluster.stop()
                raise
        return lease

    def stay(self) -> None:
        """Keep the demo running without a user, until `stop`; somebody must be using it now."""
        self._home.kept.touch()

    def leave(self, lease: Lease) -> None:
        """Stop being a user. The keeper stops the server after the last one; without a keeper this does."""
        lease.release()
        if locked(self._home.keeper_lock):
            return
        with self._alone():
            if not needed(self._home):
                self._home.cluster().stop()

    def stop(self) -> bool:
        """Stop the server, whoever uses it.

        Returns:
            False where it did not run.

        Raises:
            ClusterError: it would not stop.
        """
        if not self._home.lock.exists():
            return False
        with self._alone():
            cluster = self._home.cluster()
            ran = cluster.running
            self._stop(cluster)
        return ran

    def reset(self, report: Report) -> None:
        """Make the four databases anew, with their planted faults; sessions on them are ended.

        Raises:
            ClusterError: nothing is seeded here, or the server refused.
        """
        if self._home.seeded() is None:
            raise ClusterError("there is no demo to reset; start it with: pgdeck demo")
        lease = self.join(None, fresh=False, report=lambda *_: None)
        try:
            with self._alone(), self._refusals("making the databases"):
                asyncio.run(make_databases(self._home.cluster(), report))
        finally:
            self.leave(lease)

    @property
    def leads(self) -> int:
        """How many leads the big databases hold; 0 where nothing is seeded."""
        return self._there() or 0

    @property
    def connection(self) -> dict[str, str]:
        """libpq parameters of the demo's server, without a database."""
        cluster = self._home.cluster()
        return {"host": str(cluster.socket), "port": str(cluster.port), "user": OPERATOR}

    def _there(self) -> int | None:
        here = self._home.seeded()
        return here.leads if here else None

    def _wanted(self, leads: int | None) -> int | None:
        """How many leads to seed; None where what is there will do."""
        here = self._home.seeded()
        if here is None:
            if (self._home.server / MARK).exists():
                self._say("an earlier set-up did not finish: starting over")
            return leads or DEFAULT_LEADS
        if not here.intact:
            self._say("the machine went down before the demo had reached the disk: starting over")
        elif here.fingerprint != fingerprint():
            self._say("the demo was made by another version of pgdeck: starting over")
        elif leads in (None, here.leads):
            return None
        return leads or here.leads

    def _seed(self, cluster: Cluster, leads: int, report: Report) -> None:
        if others := holders(self._home.users):
            who = ", ".join(map(str, others))
            raise InUseError(
                f"the demo cannot start over while it is in use (process {who}); leave there first"
            )
        self._stop(cluster)
        self._home.wipe()
        self._home.check_room(leads)
        report("making the server", 0.0)
        filling = Cluster(cluster.binaries, cluster.folder, settings={**cluster.settings, **FILLING})
        with self._refusals("filling the demo"):
            filling.create()
            try:
                filling.start()
                asyncio.run(self._fill(filling, leads, report))
            except BaseException:
                filling.stop(mode="immediate")
                raise
            filling.stop()
        self._home.remember(leads)

    async def _fill(self, cluster: Cluster, leads: int, report: Report) -> None:
        span = SEEDING_SHARE - STARTED_SHARE
        await fill_templates(cluster, leads, lambda what, share: report(what, STARTED_SHARE + span * share))
        rest = 1 - SEEDING_SHARE
        await make_databases(cluster, lambda what, share: report(what, SEEDING_SHARE + rest * 0.95 * share))

    def _stop(self, cluster: Cluster) -> None:
        self._home.kept.unlink(missing_ok=True)
        if pid := keeper_pid(self._home):
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + KEEPER_LEAVES_S
        while locked(self._home.keeper_lock) and time.monotonic() < limit:
            time.sleep(0.02)
        cluster.stop()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with ExitStack() as stack:
            try:
                stack.enter_context(exclusive(self._home.lock, wait=False))
            except BlockingIOError:
                self._say("waiting for another pgdeck demo to finish what it does")
                stack.enter_context(exclusive(self._home.lock))
            yield

    @contextmanager
    def _refusals(self, doing: str) -> Iterator[None]:
        """The server's refusals as one sentence."""
        try:
            yield
        except* (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as group:
            first = _first(group)
            full = getattr(first, "sqlstate", "") == "53100" or getattr(first, "errno", 0) == 28
            advice = "make room, or take fewer leads with --rows" if full else "try again with --fresh"
            said = str(first.args[0]) if first.args else type(first).__name__
            raise ClusterError(f"{doing} failed: {said}; {advice}") from None


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
