"""Keys of a field that act in the order in which they were typed."""

from __future__ import annotations

from textual import events
from textual.widget import Widget
from textual.widgets import Input


async def act_on_own(key: events.Key, field: Widget) -> None:
    """Do what the key is bound to in the field: the app would look for it where the focus is by then."""
    for binding in field._bindings.key_to_bindings.get(key.key, ())[:1]:
        await field.run_action(binding.action)
        key.stop()
        key.prevent_default()


class TextField(Input):
    """A text of one line."""

    async def on_key(self, event: events.Key) -> None:
        """Its own keys are not left to the app."""
        await act_on_own(event, self)
