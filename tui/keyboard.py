"""Reads the keyboard without waking up ten times a second for nobody's keys.

Textual's own thread looks every tenth of a second whether it is to end: half of the wake-ups of an idle deck,
and a fifth of a second when it ends. Here a pipe tells it, and it sleeps while nothing is half typed.
"""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

LOOK_MS = 100
"""Between two looks whether an escape was a key or begins a sequence: as Textual's."""
LOOKS = 5
"""So many after the last byte, then none until the next."""
READ_BYTES = 4096
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class Keyboard(LinuxDriver):
    """A driver whose input thread sleeps while nobody types."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._told, self._teller = os.pipe()

    def run_input_thread(self) -> None:
        """Read keys until `disable_input`, or until the terminal is gone."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        poll = select.poll()
        for descriptor in (self.fileno, self._told):
            poll.register(descriptor, select.POLLIN)
        looks = 0
        while not self.exit_event.is_set():
            ready = dict(poll.poll(LOOK_MS if looks else None))
            looks = max(looks - 1, 0)
            if self.fileno in ready:
                received = self._received(ready[self.fileno])
                if not received:
                    return
                looks = LOOKS
                for event in parser.feed(decode(received)):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)

    def _received(self, ready: int) -> bytes:
        """What was typed; nothing where the terminal is gone."""
        if ready & GONE and not ready & select.POLLIN:
            return b""
        try:
            return os.read(self.fileno, READ_BYTES)
        except OSError:
            return b""

    def disable_input(self) -> None:
        """End the thread; it may be started again."""
        os.write(self._teller, b".")
        super().disable_input()
        os.read(self._told, 1)
