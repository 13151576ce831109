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
from dataclasses import dataclass

import pyte

PAINTED_CELLS = 40
QUIET_S = 0.03
"""An answer to a key is over after so long a silence."""
PIECE_S = 0.005
"""A slow line takes so much of its time at once."""
ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",
}
"""Device attributes, cursor position, synchronised output: as a common terminal answers."""


class ProgramEnded(Exception):
    """The program ended, or showed nothing in time; holds what was on the screen."""


@dataclass(frozen=True)
class Answer:
    """How a key was answered: ms to the first byte, and to the last before it was quiet."""

    first: float
    done: float


class Terminal:
    """Runs one program; a context manager that leaves no process behind."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        lines: int = 40,
        variables: Mapping[str, str] | None = None,
        bits_s: float | None = None,
    ) -> None:
        """
        Args:
            bits_s: what the line to the terminal carries; None: as much as comes.
        """
        self._command = command
        self._size = (lines, columns)
        self._environment = {**(variables or os.environ), "TERM": "xterm-256color"}
        self._environment.pop("COLORTERM", None)
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._byte_s = 8 / bits_s if bits_s else 0.0
        self._piece = max(1, round(PIECE_S / self._byte_s)) if bits_s else 65536
        self._free_at = self._received_at = 0.0
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

    def until_ended(self, keys: str, timeout_s: float = 30) -> float:
        """ms from the keys that quit until the program has ended and hung up; infinite: it does not end."""
        begun = time.perf_counter()
        self.send(keys)
        while self._await(begun + timeout_s - time.perf_counter()):
            if not self._read():
                # The exit status stays for `__exit__` to collect.
                os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
                return (time.perf_counter() - begun) * 1000
        return float("inf")

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join(self.screen.display)

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

    def answer(self, key: str, timeout_s: float = 2, quiet_s: float = 0.15) -> Answer:
        """How a key is answered, sent when the screen is quiet; one without an answer took `timeout_s`."""
        self.drain(quiet_s, timeout_s)
        begun = time.perf_counter()
        self.send(key)
        if not self._await(timeout_s):
            return Answer(timeout_s * 1000, timeout_s * 1000)
        first = done = time.perf_counter()
        while done - begun < timeout_s and self._await(QUIET_S):
            if not self._read():
                break
            done = time.perf_counter()
        return Answer((first - begun) * 1000, (done - begun) * 1000)

    def hold(self, keys: str, rate: float, seconds: float) -> float:
        """Press keys in turn at a rate; ms from the last one until the screen is quiet."""
        begun = time.perf_counter()
        for turn in range(round(rate * seconds)):
            self.send(keys[turn % len(keys)])
            self.drain_for(max(0.0, begun + (turn + 1) / rate - time.perf_counter()))
        last = quiet = time.perf_counter()
        while quiet - last < 10 and self._await(0.1):
            if not self._read():
                break
            quiet = time.perf_counter()
        return (quiet - last) * 1000

    def drain_for(self, seconds: float) -> None:
        """Read whatever comes for so long."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if self._await(left) and not self._read():
                raise ProgramEnded(f"{self._command} ended\n{self.text}")

    def drain(self, quiet_s: float, longest_s: float = 10) -> int:
        """Read until nothing comes for `quiet_s`; the bytes that came."""
        before, deadline = self.bytes, time.perf_counter() + longest_s
        while time.perf_counter() < deadline and self._await(quiet_s):
            if not self._read():
                break
        return self.bytes - before

    def _until(self, met: Callable[[], bool], timeout_s: float) -> float:
        deadline = time.perf_counter() + timeout_s
        while time.perf_counter() < deadline:
            if self._await(0.05) and not self._read():
                break
            if met():
                return (self._received_at - self.started) * 1000
        raise ProgramEnded(f"{self._command} did not show what was waited for\n{self.text}")

    def _await(self, timeout_s: float) -> bool:
        """Whether bytes come down the line within the time, which stands still while the line is busy."""
        busy = self._free_at - time.perf_counter()
        if busy > 0:
            time.sleep(busy)
        return bool(select.select([self._master], [], [], max(0.0, timeout_s))[0])

    def _read(self) -> bool:
        received = self._received()
        self._free_at = max(self._free_at, time.perf_counter()) + len(received) * self._byte_s
        for query, answer in ANSWERS.items():
            # A piece may end in the middle of a question.
            if query in self.last_words[1 - len(query) :] + received:
                os.write(self._master, answer)
        self.bytes += len(received)
        self.last_words = (self.last_words + received)[-4096:]
        self._take(received)
        return bool(received)

    def _received(self) -> bytes:
        """All that is there: emulating takes time that is not the program's. Nothing where it ended."""
        received = b""
        with contextlib.suppress(OSError):
            while more := os.read(self._master, self._piece):
                self._received_at = time.perf_counter()
                received += more
                if self._byte_s or not select.select([self._master], [], [], 0)[0]:
                    break
        return received

    def _take(self, received: bytes) -> None:
        self._stream.feed(received)
