"""Textual's driver for a terminal, with a line that is never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput

from tui.curtain import lift
from tui.keyboard import Keyboard
from tui.line import PATIENCE_S, Line

if TYPE_CHECKING:
    from textual.app import App


class LineDriver(Keyboard):
    """Draws a frame only when the line takes it; a full line stops neither keys nor the end."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        self._line: Line | None = None
        self._late: asyncio.TimerHandle | None = None
        super().__init__(app, debug=debug, mouse=mouse, size=size)

    # Textual makes its writer where it starts; this puts the line in its place.
    @property
    def _writer_thread(self) -> Any:
        return self._line

    @_writer_thread.setter
    def _writer_thread(self, writer: Any) -> None:
        self._line = None if writer is None or self._file is None else Line(self._file)

    def ready_for_frame(self, otherwise: Callable[[], None]) -> bool:
        """Whether a frame would leave at once; if not, `otherwise` is called in the loop when it would."""
        if self._line is None:
            return False

        def draw() -> None:
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(otherwise)

        if self._line.is_free(draw):
            return True
        if self._late is not None:
            self._late.cancel()
        self._late = self._loop.call_later(PATIENCE_S + 0.1, otherwise)
        return False

    def send_frame(self, frame: str) -> None:
        """Write a frame."""
        if self._line is not None:
            self._line.send_frame(frame)

    def process_message(self, message: Message) -> None:
        """The answer to our question says that what was sent has arrived."""
        if isinstance(message, TerminalSupportsSynchronizedOutput) and self._line is not None:
            self._line.answered()
            if getattr(self._app, "_sync_available", False):
                return
        super().process_message(message)

    def start_application_mode(self) -> None:
        """Take the terminal; of what stands on it nothing is known."""
        heed, forget = (getattr(self._app, name, None) for name in ("heed_endings", "forget_frames"))
        if heed is not None:
            # Before the curtain's own handlers go: a signal in between would leave this screen behind.
            heed()
        lift()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if forget is not None:
            self._loop.call_soon_threadsafe(forget)

    def stop_application_mode(self) -> None:
        """Give the terminal back, also one that takes nothing at the moment."""
        if self._late is not None:
            self._late.cancel()
        if self._line is not None:
            self._line.clear()
        super().stop_application_mode()
