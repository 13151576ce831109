"""What stands for a deck: a process that launches a run, follows it, and may die of anything."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

from profiles.secret import Secret
from sql.steps.job import Job

PROGRAM = """
import asyncio, json, sys, time
from profiles.locations import locations
from profiles.secret import Secret
from sql.steps.job import from_json
from sql.steps.journal import Tail
from sql.steps.launch import launch
job = from_json(json.loads(sys.argv[1]))
password = Secret(sys.stdin.readline().strip())
asyncio.run(launch(job.profile, password, job.step, job.plan_hash, job.run, operator=job.operator,
    patience=job.patience))
tail = Tail(locations().journal)
while True:
    for entry in tail.new():
        print(entry.event, entry.detail.get("phase"), flush=True)
    time.sleep(0.05)
"""


class Deck:
    """One such process, on a terminal of its own."""

    def __init__(self, job: Job, password: Secret) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(job.as_json())],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=Path(__file__).parents[2],
            preexec_fn=_take_terminal,
        )
        os.close(theirs)
        os.write(self._ours, password.reveal().encode() + b"\n")

    def kill(self) -> None:
        """SIGKILL; it gets no last word."""
        self._process.send_signal(signal.SIGKILL)

    def close_terminal(self) -> None:
        """The terminal goes away, with SIGHUP for all that is on it."""
        if self._ours >= 0:
            os.close(self._ours)
            self._ours = -1

    async def end(self) -> None:
        """Leave nothing of it."""
        self.kill()
        self.close_terminal()
        await asyncio.to_thread(self._process.wait)


def _take_terminal() -> None:
    """A session of its own, with the terminal as its controlling one (TIOCSCTTY)."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
