"""Processes that measure beside the deck: they get everything, the password too, by their stdin."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profiles.model import Profile

GOODBYE_S = 3.0
"""How long a process may take to cancel its statement and leave."""
LONGEST_LINE = 2**22
SECRET_VARIABLES = ("PGPASSWORD", "PGSSLPASSWORD")
"""The password goes through the pipe: what a process inherits, /proc shows."""


async def start_child(module: str, profile: Profile) -> Process:
    """Start `python -m MODULE`; its order goes to its stdin, its JSON lines come from its stdout."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # a folder `sql` where the operator stands must not be taken for ours
        "-m",
        module,
        env=_environment(profile),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        limit=LONGEST_LINE,
        start_new_session=True,  # Ctrl-C and a lost terminal are the deck's to handle
    )


def _environment(profile: Profile) -> dict[str, str]:
    """Ours without its secrets; in a checkout that is not installed, with the checkout on the path."""
    secrets = set(SECRET_VARIABLES)
    if profile.credentials is not None and profile.credentials.variable:
        secrets.add(profile.credentials.variable)
    environ = {name: value for name, value in os.environ.items() if name not in secrets}
    root = Path(__file__).parents[2]
    if (root / "pyproject.toml").exists():
        environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), environ.get("PYTHONPATH", "")]))
    return environ


async def inbox() -> asyncio.StreamReader:
    """In such a process: its stdin, of which the first line is the order; it ends with the deck."""
    orders = asyncio.StreamReader(limit=LONGEST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin.buffer)
    return orders


async def end_child(process: Process) -> None:
    """Close its stdin, which ends it; kill it where that did not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(GOODBYE_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def ending(code: int) -> str:
    """How a process with this exit code ended."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
