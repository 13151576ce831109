"""A primary with a standby that streams from it, made with pg_basebackup."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sql.demo.cluster import Cluster, stand_in
from tests import servers
from tests.servers import Database
from tests.waiting import until

CATCHES_UP = {"wal_receiver_status_interval": "1s", "wal_retrieve_retry_interval": "200ms"}


def base_backup(major: int) -> Path:
    """A pg_basebackup for this major: a newer one serves older servers too."""
    for each in (major, 18):
        folder = servers.binaries(each)
        if folder is not None and (folder / "pg_basebackup").exists():
            return folder / "pg_basebackup"
    pytest.skip(f"no pg_basebackup for PostgreSQL {major} here")


@contextmanager
def primary(major: int, **settings: str) -> Iterator[Database]:
    """A server of its own, from which standbys can stream."""
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    made = servers.start(major, wal_level="replica", max_wal_senders="6", **settings)
    try:
        yield Database(made, major, "postgres")
    finally:
        made.remove()
        shutil.rmtree(made.folder.parent, ignore_errors=True)


@contextmanager
def standby_of(
    first: Database, name: str = "replica-1", *, slot: str = "", **settings: str
) -> Iterator[Database]:
    """A standby of a primary; `name` is its cluster_name, by which the primary knows it."""
    program = base_backup(first.major)
    home = Path(tempfile.mkdtemp(prefix="pgdeck-test-standby-", dir="/tmp"))
    home.chmod(0o755)
    cluster = first.cluster
    words = {**servers.QUICK, **CATCHES_UP, "hot_standby": "on", "cluster_name": name, **settings}
    copy = Cluster(cluster.binaries, home / "pg", settings=words)
    try:
        for each in (copy.folder, copy.socket):
            copy._own(each)
        where = ("-h", str(cluster.socket), "-p", str(cluster.port), "-U", "postgres")
        slotted = ("-S", slot, "-C") if slot else ()
        copy._run([str(program), *where, "-D", str(copy.data), "-c", "fast", *slotted])
        _follow(copy, cluster, slot)
        copy.start()
        yield Database(copy, first.major, first.name)
    finally:
        copy.remove()
        shutil.rmtree(home, ignore_errors=True)


def _follow(copy: Cluster, first: Cluster, slot: str) -> None:
    """What -R would write; a newer pg_basebackup writes what an older server does not understand."""
    signal = copy.data / "standby.signal"
    signal.touch()
    user = stand_in()
    if user is not None:
        os.chown(signal, user.pw_uid, user.pw_gid)
    source = f"host={first.socket} port={first.port} user=postgres"
    with (copy.data / "postgresql.auto.conf").open("a") as file:
        file.write(f"primary_conninfo = '{source}'\n")
        file.write(f"primary_slot_name = '{slot}'\n" if slot else "")


async def caught_up(first: Database, second: Database) -> None:
    """Wait until the standby has replayed all that the primary has written by now."""
    source = await first.connect()
    copy = await second.connect()
    try:
        end = await source.fetchval("SELECT pg_current_wal_insert_lsn()::text")

        async def replayed() -> bool:
            return bool(await copy.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", end))

        await until(replayed)
    finally:
        await source.close()
        await copy.close()
