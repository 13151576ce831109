"""Bytes a frame beside the cells that it changed, counted on pyte's screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.bench.figures import Figure, quantile
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal

END = b"\x1b[?2026l"
"""Of a frame in synchronised output."""
WATCH_S = 10.0
KEYS = ["\x1b[B", "\x1b[B", "\x1b[A", "\t", "4", "\x1b[B", "1", "\r", "\x1b", "?", "\x1b", "u", "\x1b"]


@dataclass(frozen=True)
class Frame:
    """What was sent for how many cells."""

    bytes: int
    cells: int

    def over(self, a_cell: int, a_frame: int) -> float:
        """Bytes over what is allowed a cell and a frame."""
        return self.bytes / (a_cell * self.cells + a_frame)


class Filming(Terminal):
    """Counts for each frame what it sent and changed."""

    frames: tuple[Frame, ...] = ()
    _pending = b""

    def _take(self, received: bytes) -> None:
        self._pending += received
        while END in self._pending:
            frame, _, self._pending = self._pending.partition(END)
            before = self._cells()
            super()._take(frame + END)
            changed = sum(map(lambda then, now: then != now, before, self._cells()))
            self.frames += (Frame(len(frame) + len(END), changed),)

    def _cells(self) -> list[object]:
        lines, columns = self.screen.lines, self.screen.columns
        return [self.screen.buffer[y][x] for y in range(lines) for x in range(columns)]


def bytes_a_frame(setting: Setting) -> Iterator[Figure]:
    """Of a deck with probes that is watched, walked through and paged: median, and all but the worst 5 %."""
    with Filming([*setting.pgdeck, "probed"], variables=setting.environment) as terminal:
        terminal.until("READY")
        start = len(terminal.frames)
        terminal.drain_for(WATCH_S)
        for key in KEYS:
            terminal.send(key)
            terminal.drain_for(0.5)
        frames = terminal.frames[start:]
    must = [frame.over(16, 200) for frame in frames]
    aim = [frame.over(10, 100) for frame in frames]
    yield Figure(
        f"bytes of {len(frames)} frames: of 16 a cell + 200, p95", quantile(must, 0.95), "x", 1.0, 1.0
    )
    yield Figure("… of 10 a cell + 100, p95", quantile(aim, 0.95), "x", float("inf"), 1.0)
