"""A screen with a field that narrows the rows of one of its panes while one types."""

from __future__ import annotations

from textual import events, on
from textual.screen import Screen, ScreenResultType
from textual.widgets import Input

from tui.panes.pane import Pane


class Filtering(Screen[ScreenResultType]):
    """Needs an `Input` with the class `filter`; has the class `-filtering` while it is open."""

    @property
    def filtered(self) -> Pane:
        """The pane whose rows are narrowed."""
        raise NotImplementedError

    def open_filter(self, placeholder: str) -> None:
        """Show the field, with what filters now."""
        field = self.query_one(".filter", Input)
        field.placeholder = placeholder
        with field.prevent(Input.Changed):
            field.value = self.filtered.needle
        self.add_class("-filtering")
        self.set_focus(field)  # at once: the next letter may be on its way

    def _close_filter(self) -> None:
        self.remove_class("-filtering")
        self.set_focus(self.filtered)

    @on(Input.Changed, ".filter")
    def _narrow(self, event: Input.Changed) -> None:
        self.filtered.filter(event.value)

    @on(Input.Submitted, ".filter")
    def _keep(self) -> None:
        self._close_filter()

    def on_key(self, event: events.Key) -> None:
        """Escape in the filter drops it."""
        if self.has_class("-filtering") and event.key in ("escape", "tab"):
            event.stop()
            event.prevent_default()
            if event.key == "escape":
                self.filtered.filter("")
            self._close_filter()
