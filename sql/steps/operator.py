"""Who is acting: the user of the operating system, and where their terminal is."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Operator:
    """The one who confirms, as the journal names them."""

    user: str
    """OS user; the one before sudo, where there was one."""
    client: str = ""
    """Address of the SSH client; empty at a local terminal."""
    host: str = ""
    """The machine that pgdeck runs on."""

    @property
    def label(self) -> str:
        """`alice`, or `alice from 203.0.113.5`."""
        return f"{self.user} from {self.client}" if self.client else self.user


def acting(environ: Mapping[str, str] = os.environ) -> Operator:
    """Who runs this process."""
    return Operator(user=_user(environ), client=_client(environ), host=socket.gethostname())


def _user(environ: Mapping[str, str]) -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    before = environ.get("SUDO_USER")
    return f"{before} as {user}" if before and before != user else user


def _client(environ: Mapping[str, str]) -> str:
    words = environ.get("SSH_CONNECTION", "").split()
    return words[0] if words else ""
