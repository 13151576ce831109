"""A dialog that does not hear what was typed before it was up."""

from __future__ import annotations

from textual import events
from textual.screen import ModalScreen, ScreenResultType

DEAF_S = 0.3
"""Keys typed before the question was up do not answer it."""


class Question(ModalScreen[ScreenResultType]):
    """Drops keys and pastes until `listen_soon()` has passed."""

    listening = False

    def listen_soon(self) -> None:
        """Begin to listen after a moment; call it when the question is on the screen."""
        self.set_timer(DEAF_S, self._listen)

    def _listen(self) -> None:
        self.listening = True

    async def on_event(self, event: events.Event) -> None:
        """Drop keys until it listens."""
        if isinstance(event, events.Key | events.Paste) and not self.listening:
            event.stop()
            return
        await super().on_event(event)
