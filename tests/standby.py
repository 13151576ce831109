"""A standby that streams from a test server, made with pg_basebackup."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sql.demo.cluster import Cluster
from tests import servers

STREAMS = {"wal_level": "replica", "max_wal_senders": "4"}
"""What a primary needs for it."""


@contextmanager
def standby_of(primary: Cluster) -> Iterator[Cluster]:
    """A running hot standby; skips where there is no pg_basebackup."""
    copier = primary.binaries / "pg_basebackup"
    if not copier.exists():
        pytest.skip(f"no pg_basebackup beside {primary.binaries} here")
    home = Path(tempfile.mkdtemp(prefix="pgdeck-test-standby-", dir="/tmp"))
    home.chmod(0o755)
    copy = Cluster(primary.binaries, home / "pg", settings={**servers.QUICK, "hot_standby": "on"})
    try:
        for each in (copy.folder, copy.socket):
            copy._own(each)
        where = ("-h", str(primary.socket), "-p", str(primary.port), "-U", "postgres")
        copy._run([str(copier), *where, "-D", str(copy.data), "-R", "-c", "fast"])
        copy.start()
        yield copy
    finally:
        copy.remove()
        shutil.rmtree(home, ignore_errors=True)


def promote(cluster: Cluster) -> None:
    """Make a primary of it, and wait until it is one."""
    cluster._run([*cluster._pg_ctl("promote"), "--wait"])
