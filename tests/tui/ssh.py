"""An SSH server on loopback with keys of its own, for the user who runs the tests."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SSH = shutil.which("ssh")
KEYGEN = shutil.which("ssh-keygen")
MISSING = (
    None if SSHD and SSH and KEYGEN else "no SSH server here; get it with: apt-get install openssh-server"
)
"""Why these tests are skipped; None where they are not."""
EXECUTE = ("-c", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])")
"""What makes of `python` another program."""
PRIVILEGES = Path("/run/sshd")
STARTS_S = 10.0


class SshServer:
    """A running sshd; `client()` gives the command that logs in."""

    def __init__(self, folder: Path, port: int, prefix: tuple[str, ...] = ()) -> None:
        """
        Args:
            prefix: what the server is started with, such as `ip netns exec NAME`.
        """
        self._folder = folder
        self.port = port
        self._prefix = prefix
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str = "127.0.0.1") -> None:
        """Make keys and configuration, and listen."""
        for name in ("host", "user"):
            words = [str(KEYGEN), "-q", "-t", "ed25519", "-N", "", "-f", str(self._folder / name)]
            subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        configuration = self._folder / "sshd_config"
        configuration.write_text(
            f"""Port {self.port}
ListenAddress {address}
HostKey {self._folder / "host"}
AuthorizedKeysFile {self._folder / "user.pub"}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
"""
        )
        if os.geteuid() == 0:
            PRIVILEGES.mkdir(mode=0o755, exist_ok=True)
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self._prefix, str(SSHD), "-D", "-e", "-f", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + STARTS_S
        while "Server listening" not in (log := (self._folder / "log").read_text()):
            assert self._process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.02)

    def stop(self) -> None:
        """End it, with every login."""
        if self._process is not None:
            for each in _descendants(self._process.pid):
                _kill(each, signal.SIGTERM)
            self._process.terminate()
            self._process.wait()

    def client(self, *command: str, address: str = "127.0.0.1") -> list[str]:
        """The words that log in with a terminal and run a command."""
        return [
            str(SSH),
            "-F",
            "none",
            "-tt",
            "-p",
            str(self.port),
            "-i",
            str(self._folder / "user"),
            *("-o", "IdentitiesOnly=yes"),
            *("-o", "StrictHostKeyChecking=no"),
            *("-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "LogLevel=ERROR"),
            f"{getpass.getuser()}@{address}",
            *command,
        ]


def set_variables(variables: Mapping[str, str]) -> str:
    """The beginning of a command for the far shell, whose environment has nothing of ours."""
    return "env " + " ".join(f"{name}='{value}'" for name, value in variables.items())


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def ssh_server(folder: Path) -> Iterator[SshServer]:
    """One that listens on loopback."""
    made = SshServer(folder, free_port())
    made.start()
    try:
        yield made
    finally:
        made.stop()


def _descendants(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [each for word in words for each in (int(word), *_descendants(int(word)))]


def _kill(pid: int, ending: signal.Signals) -> None:
    try:
        os.kill(pid, ending)
    except ProcessLookupError:
        return
