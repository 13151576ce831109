"""How the full screen ends on a mistake of ours: a sentence with the place, never a value."""

from __future__ import annotations

import sys
import traceback

from rich.console import RenderableType
from rich.text import Text
from textual.app import App

from tui.exit_codes import ExitCode

ROOMS = ("tui", "sql", "profiles")


class QuietEnd(App[int]):
    """An app that prints no locals when it dies."""

    last_words: str = ""
    """What is printed on standard error after the screen is restored."""

    def report_mistake(self, error: BaseException) -> None:
        """End the program with where it went wrong, without a single value."""
        if self._exit_renderables:
            return
        self.last_words = (
            f"a mistake in pgdeck itself: {type(error).__name__} at {where(error)};"
            " please report it with this line"
        )
        self.exit(ExitCode.UNKNOWN)

    def _fatal_error(self) -> None:
        """Textual would print the locals of every frame, and passwords are among them."""
        error = sys.exc_info()[1] or self._exception
        self.last_words = ""
        sentence = f"pgdeck: a mistake in pgdeck itself: {type(error).__name__} at {where(error)}"
        self._return_code = ExitCode.UNKNOWN
        # Textual adds a note of its own where there are two; the first error is the cause.
        if not self._exit_renderables:
            self._exit_renderables.append(Text(sentence))
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """Only sentences of ours are printed after a crash."""
        if renderables:
            self._fatal_error()
        else:
            super().panic()


def where(error: BaseException | None) -> str:
    """The innermost frame of ours: file, line and function, no values."""
    if error is None:
        return "an unknown place"
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if any(f"/{room}/" in f.filename for room in ROOMS)]
    if not (ours or frames):
        return "an unknown place"
    frame = (ours or list(frames))[-1]
    return f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} in {frame.name}"
