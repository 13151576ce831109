"""A terminal at the far end of a slow line: read at a rate, or not at all; answering questions, or not."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

from tests.tui.emulator import Emulator
from tests.tui.terminal import Terminal

QUESTION = b"\x1b[?2026$p"
ANSWER = b"\x1b[?2026;2$y"

BUSY = """
import argparse, sys
from dataclasses import replace
from pathlib import Path
from tests.tui import samples
from tui import looks
flags = argparse.ArgumentParser()
looks.add_flags(flags)
look = looks.look_of(flags.parse_args(sys.argv[3:]))
looks.prepare(look)
from tui.app import DeckApp
class Busy(DeckApp):
    turn = 0
    def begin_watching(self):
        for event in samples.EVERYTHING:
            self.deck.take(event)
        if len(sys.argv) > 2 and float(sys.argv[2]):
            self.set_interval(float(sys.argv[2]), self.change)
    def change(self):
        # Every value differs from the one before: far more than a slow line takes.
        self.turn += 1
        values = [10.0 + (self.turn * 7 + n * 13) % 83 for n in range(30)]
        probes = tuple(samples.probe(f"probe_{n}", p50=value) for n, value in enumerate(values))
        self.deck.take(replace(samples.PROBES, probes=probes))
        Path(sys.argv[1]).write_text(str(self.turn))
app = Busy(samples.PROFILE, samples.MANIFEST)
app.wear(look)
code = app.run(mouse=look.mouse)
print(app.last_words, file=sys.stderr)
sys.exit(code if code is not None else app.return_code)
"""
"""A deck whose values change all the time; counts in a file how often its own loop came round."""


class SlowTerminal(Terminal):
    """Reads `rate` bytes a second: None reads everything, 0 nothing."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        rate: int | None = None,
        answers: bool = True,
        size: tuple[int, int] = (120, 40),
        ignore_hangup: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.rate = rate
        self.answers = answers
        self._allowed = 0.0
        self._before = time.monotonic()
        super().__init__(arguments, size=size, ignore_hangup=ignore_hangup, variables=variables)

    def read_for(self, seconds: float) -> None:
        """Go on reading at the line's rate."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read(0.02)

    def read_all(self) -> None:
        """Read what is left, however slowly it came before."""
        self.rate = None
        while self._take(65536, 0.2):
            pass

    def shown(self) -> list[str]:
        """The lines of the screen."""
        return list(self._screen.display)

    def emulated(self) -> Emulator:
        """The screen that was drawn so far, with its colours."""
        screen = Emulator(self._screen.columns, self._screen.lines)
        pyte.ByteStream(screen).feed(self.written)
        return screen

    def scribble(self, text: str) -> None:
        """Something else writes on the terminal."""
        self._stream.feed(text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Another size, as a person drags it: what stood there is cut, and the program is told."""
        self._screen.resize(lines, columns)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def cpu_s(self) -> float:
        """CPU time that the program has used, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _read(self, seconds: float) -> None:
        if self.rate is None:
            self._take(65536, seconds)
            return
        now = time.monotonic()
        self._allowed = min(self._allowed + (now - self._before) * self.rate, max(64.0, self.rate / 20))
        self._before = now
        if self._allowed < 1:
            time.sleep(min(seconds, 0.01))
            return
        self._allowed -= self._take(int(self._allowed), seconds)

    def _take(self, most: int, seconds: float) -> int:
        if not select.select([self._master], [], [], seconds)[0]:
            return 0
        try:
            got = os.read(self._master, most)
        except OSError:
            return 0
        seen = self.written[-len(QUESTION) + 1 :] + got
        self.written += got
        if self.answers:
            for _ in range(seen.count(QUESTION)):
                os.write(self._master, ANSWER)
        self._stream.feed(got)
        return len(got)
