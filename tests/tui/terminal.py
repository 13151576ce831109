"""A program in a pseudo terminal, and what its screen shows."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

import tui

ROOT = Path(tui.__file__).parent.parent
FOREVER_S = 30.0


class Terminal:
    """Runs `python ARGUMENTS` with a terminal of its own; a context that leaves no process behind."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        size: tuple[int, int] = (120, 40),
        ignore_hangup: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        columns, lines = size
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self._master, inside = os.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(inside)

        def own_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGHUP, signal.SIG_IGN if ignore_hangup else signal.SIG_DFL)

        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", **(variables or {})},
            preexec_fn=own_terminal,
        )
        self._inside: int | None = inside

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Take the terminal away, as a lost SSH connection does."""
        for end in (self._inside, self._master):
            if end is not None and end >= 0:
                os.close(end)
        self._inside, self._master = None, -1

    def wait_for(self, text: str, timeout: float = FOREVER_S) -> None:
        """Read until the screen shows `text`."""
        deadline = time.monotonic() + timeout
        while not any(text in each for each in self._screen.display):
            assert time.monotonic() < deadline, "\n".join(each.rstrip() for each in self._screen.display)
            self._read(0.05)

    def type(self, text: str) -> None:
        """Send keys."""
        self.send(text.encode())

    def send(self, keys: bytes) -> None:
        """Send the bytes of keys, or some of them."""
        os.write(self._master, keys)

    def end(self, timeout: float = FOREVER_S) -> int:
        """Wait until the program has ended; its exit code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "still running"
            if self._master >= 0:
                self._read(0.05)
            else:
                time.sleep(0.02)
        if self._master >= 0:
            self._read(0.05)
        return self.process.returncode

    def restored(self) -> bool:
        """Whether the terminal is as it was found: settings, cursor, main screen."""
        assert self._inside is not None
        leaves = self.written.rfind(b"\x1b[?1049l") > self.written.rfind(b"\x1b[?1049h")
        return leaves and termios.tcgetattr(self._inside) == self.before

    def children(self) -> list[int]:
        """Processes that the program has started and that still run."""
        folder = Path(f"/proc/{self.process.pid}/task")
        found: list[int] = []
        for task in folder.glob("*/children"):
            found += [int(word) for word in task.read_text().split()]
        return found

    def _read(self, seconds: float) -> None:
        while select.select([self._master], [], [], seconds)[0]:
            try:
                got = os.read(self._master, 65536)
            except OSError:
                return
            self.written += got
            self._stream.feed(got)
            seconds = 0


def alive(pid: int) -> bool:
    """Whether a process still runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
