"""A full-screen program in a pseudo-terminal: when it paints, what it shows, how its keys answer.

Times are in ms. The program's terminal is emulated by pyte, and queries that a terminal answers are answered.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte

PAINTED_CELLS = 40
ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
}
"""Device attributes, cursor position, synchronised output: as a common terminal answers."""


class ProgramEnded(Exception):
    """The program ended, or showed nothing in time; holds what was on the screen."""


class Terminal:
    """Runs one program; a context manager that leaves no process behind."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        lines: int = 40,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._size = (lines, columns)
        self._environment = {**(variables or os.environ), "TERM": "xterm-256color"}
        self._environment.pop("COLORTERM", None)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.bytes = 0
        self.last_words = b""
        """The end of what the program wrote."""

    def __enter__(self) -> Terminal:
        self.started = time.perf_counter()
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *self._size, 0, 0))
            os.execvpe(self._command[0], list(self._command), self._environment)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._master)
        os.waitpid(self._pid, 0)

    @property
    def pid(self) -> int:
        """Of the program; its process group and session are its own."""
        return self._pid

    @property
    def restored(self) -> bool:
        """Whether the alternate screen was left and the cursor shown again."""
        left, shown = self.last_words.rfind(b"\x1b[?1049l"), self.last_words.rfind(b"\x1b[?25h")
        return left > self.last_words.rfind(b"\x1b[?1049h") and shown > self.last_words.rfind(b"\x1b[?25l")

    def until_ended(self, keys: str) -> float:
        """ms from the keys that quit until the program has ended and hung up."""
        begun = time.perf_counter()
        self.send(keys)
        while self._read():
            pass
        # The exit status stays for `__exit__` to collect.
        os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        return (time.perf_counter() - begun) * 1000

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self._screen.display)

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self._master, keys.encode())

    def until_painted(self, timeout_s: float = 20) -> float:
        """ms from the start until the first cells are on the screen."""
        return self._until(
            lambda: len(self.text.replace(" ", "").replace("\n", "")) >= PAINTED_CELLS, timeout_s
        )

    def until(self, pattern: str, timeout_s: float = 30) -> float:
        """ms from the start until the screen matches a regular expression."""
        return self._until(lambda: re.search(pattern, self.text) is not None, timeout_s)

    def answer(self, key: str, timeout_s: float = 2) -> float:
        """ms from a key until the first byte of the answer; call it when the screen is quiet."""
        self.drain(0.15)
        begun = time.perf_counter()
        self.send(key)
        if not select.select([self._master], [], [], timeout_s)[0]:
            raise ProgramEnded(f"no answer to {key!r} in {timeout_s} s\n{self.text}")
        answered = (time.perf_counter() - begun) * 1000
        self.drain(0.03)
        return answered

    def drain_for(self, seconds: float) -> None:
        """Read whatever comes for so long."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self._master], [], [], left)[0] and not self._read():
                raise ProgramEnded(f"{self._command} ended\n{self.text}")

    def drain(self, quiet_s: float) -> int:
        """Read until nothing comes for `quiet_s`; the bytes that came."""
        before = self.bytes
        while select.select([self._master], [], [], quiet_s)[0]:
            if not self._read():
                break
        return self.bytes - before

    def _until(self, met: Callable[[], bool], timeout_s: float) -> float:
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline:
            if select.select([self._master], [], [], 0.05)[0] and not self._read():
                break
            if met():
                return (time.perf_counter() - self.started) * 1000
        raise ProgramEnded(f"{self._command} did not show what was waited for\n{self.text}")

    def _read(self) -> bool:
        try:
            received = os.read(self._master, 65536)
        except OSError:
            return False
        for query, answer in ANSWERS.items():
            if query in received:
                os.write(self._master, answer)
        self.bytes += len(received)
        self.last_words = (self.last_words + received)[-4096:]
        self._stream.feed(received)
        return bool(received)
