"""Sends of a partial update only the cells of its spans.

Textual 8.2.8 sends every touched line from the left edge of its widget (`ChopsUpdate.render_segments` crops
at the right only). This uses private names; where one is missing Textual's own way stays.
"""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.control import Control
from textual import _compositor
from textual.app import App
from textual.screen import Screen

CompositorUpdate = getattr(_compositor, "CompositorUpdate", object)
ChopsUpdate = getattr(_compositor, "ChopsUpdate", None)


class SpansUpdate(CompositorUpdate):  # type: ignore[misc, valid-type]
    """A partial update, cut to its spans on both sides."""

    def __init__(self, update: _compositor.ChopsUpdate) -> None:
        self._update = update

    def __rich_console__(self, console: Console, options: object) -> object:
        return self._update.__rich_console__(console, options)  # type: ignore[arg-type]

    def render_segments(self, console: Console) -> str:
        """Escape sequences and text of the spans."""
        update = self._update
        sequences: list[str] = []
        for y, first, last in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                start, stop = max(first, x), min(last, end)
                if strip is None or start >= stop:
                    continue
                sequences.append(Control.move_to(start, y).segment.text)
                sequences.append(strip.crop(start - x, stop - x).render(console))
        return "".join(sequences)


class PreciseFrames(App[int]):
    """An app whose partial updates are cut to what changed."""

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if ChopsUpdate is not None and isinstance(renderable, ChopsUpdate):
            renderable = SpansUpdate(renderable)
        super()._display(screen, renderable)
