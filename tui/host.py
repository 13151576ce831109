"""What the watch needs of the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tui.admission import Asking

if TYPE_CHECKING:
    from textual.message import Message

    from profiles.errors import ConfigurationError


class Host(Asking, Protocol):
    """The app, as the watch sees it."""

    def post_message(self, message: Message) -> bool:
        """Queue a message."""

    def refuse(self, error: ConfigurationError) -> None:
        """End the program with what is wrong in the files."""

    async def draw(self) -> None:
        """Show what is known, and return when it is on the screen."""

    def settled(self) -> None:
        """Every part was read once, or that takes long: there is time now for what can wait."""
