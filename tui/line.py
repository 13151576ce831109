"""The line to the terminal: never waited for, never queued on.

Textual 8.2.8 writes through a queue of 30 entries whose `put` blocks the program's own loop on a full line.
Here a thread hands bytes to the terminal, and a frame is drawn only when the one before has left. Where a
terminal answers a question of ours (whether it knows synchronised output), that answer also tells that
everything sent before has arrived, however much ssh and the kernel keep on the way.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

ASK = "\x1b[?2026$p"
"""Asks whether synchronised output is known; Textual asks the same at its start."""
UNDER_WAY = 1024
"""Bytes that may be on their way when a frame is drawn: an eighth of a second at 64 kbit/s."""
ASK_EVERY = 512
PATIENCE_S = 5.0
"""An answer that takes longer is taken for lost: one frame is sent without it."""
PIECE = 2048
STOP_S = 1.0
"""Longest wait for the last bytes at the end."""


class Line:
    """What Textual calls a writer thread: `write` returns at once, whatever the terminal does."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._descriptor = file.fileno()
        self._unsent = bytearray()
        self._changed = threading.Condition()
        self._writing = False
        self._cleared = False
        self._closing = False
        self._broken = False
        self._answers = False
        self._asked_at: float | None = None
        self._since_ask = 0
        self._under_way = 0
        self._waiting: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="pgdeck-line")

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, text: str) -> None:
        """Take text to be written; it is dropped where the terminal is gone or the line was closed."""
        encoded = text.encode(self._file.encoding or "utf-8", "replace")
        with self._changed:
            if not (self._closing or self._broken):
                self._unsent += encoded
                self._changed.notify_all()

    def flush(self) -> None:
        """Nothing to do: the thread writes what there is."""

    def isatty(self) -> bool:
        """As Textual's own says."""
        return True

    def fileno(self) -> int:
        """The terminal."""
        return self._descriptor

    # -- frames -----------------------------------------------------------------------------------------

    def is_free(self, otherwise: Callable[[], None]) -> bool:
        """Whether a frame would leave at once; if not, `otherwise` is called, in a thread, when it would."""
        with self._changed:
            if self._closing or self._broken:
                return False
            if self._is_free():
                return True
            self._waiting = otherwise
            return False

    def send_frame(self, frame: str) -> None:
        """Write a frame, and ask for a sign of its arrival from time to time."""
        with self._changed:
            length = len(frame.encode("utf-8", "replace"))
            self._under_way += length
            self._since_ask += length
            self.write(frame + self._question())

    def answered(self) -> None:
        """The terminal has answered: everything before the question has arrived."""
        with self._changed:
            self._answers = True
            self._asked_at = None
            self._under_way = self._since_ask
            if question := self._question():
                self.write(question)
            self._tell_if_free()

    def _question(self) -> str:
        if (
            not self._answers
            or self._under_way < ASK_EVERY
            or (self._asked_at is not None and not self._is_late())
        ):
            return ""
        self._asked_at = time.monotonic()
        self._since_ask = 0
        return ASK

    def _is_free(self) -> bool:
        if self._unsent or self._writing:
            return False
        return not self._answers or self._under_way < UNDER_WAY or self._is_late()

    def _is_late(self) -> bool:
        return self._asked_at is not None and time.monotonic() - self._asked_at > PATIENCE_S

    def _tell_if_free(self) -> None:
        waiting = self._waiting
        if waiting is not None and self._is_free():
            self._waiting = None
            waiting()

    # -- the thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                self._writing = False
                self._tell_if_free()
                while not self._unsent:
                    if self._closing or self._broken:
                        return
                    self._changed.wait()
                piece = bytes(self._unsent[:PIECE])
                del self._unsent[:PIECE]
                self._writing, self._cleared = True, False
            written = self._hand_over(piece)
            with self._changed:
                if not written:
                    self._broken = True
                    self._unsent.clear()
                    return
                if not self._cleared:
                    self._unsent[:0] = piece[written:]

    def _hand_over(self, piece: bytes) -> int:
        while True:
            try:
                return os.write(self._descriptor, piece)
            except BlockingIOError:
                # Somebody made the terminal non-blocking.
                import select

                select.select([], [self._descriptor], [], 1.0)
            except OSError:
                return 0

    # -- the end ----------------------------------------------------------------------------------------

    def clear(self) -> None:
        """Before the end: wait a moment for what is under way, then drop what is still in the kernel."""
        deadline = time.monotonic() + STOP_S / 2
        while time.monotonic() < deadline and not self._has_arrived():
            time.sleep(0.005)
        with self._changed:
            # Of a terminal that never answers nobody knows how much of it the kernel still keeps.
            stuck = bool(self._unsent or self._writing or self._asked_at is not None or not self._answers)
            self._unsent.clear()
            self._cleared = True
        if stuck:
            import termios

            with suppress(termios.error, OSError):
                termios.tcflush(self._descriptor, termios.TCOFLUSH)
            # What was cut in the middle of a sequence ends here.
            self.write("\x18\x1b\\\x1b[?2026l\x1b[m")

    def _has_arrived(self) -> bool:
        with self._changed:
            sent = not (self._unsent or self._writing)
            return self._broken or (sent and (not self._answers or self._asked_at is None))

    def stop(self) -> None:
        """Write what is left if the terminal takes it, and end."""
        with self._changed:
            self._closing = True
            self._waiting = None
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
