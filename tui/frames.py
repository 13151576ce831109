"""Sends of a frame only the cells that differ from those on the terminal.

Textual 8.2.8 never compares with what is on the screen: it sends every touched line from the left edge of its
widget. This rests on private names; where one is missing, Textual's own way stays, and the log says so.
"""

from __future__ import annotations

import logging

from rich.color import ColorSystem
from rich.console import RenderableType
from rich.control import Control
from textual import _compositor, events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App
from textual.driver import Driver
from textual.geometry import Offset
from textual.screen import Screen

from tui import keys
from tui.cells import Grid, Ink, difference
from tui.looks import Colours, Look
from tui.theme import themes_of

LayoutUpdate = getattr(_compositor, "LayoutUpdate", None)
ChopsUpdate = getattr(_compositor, "ChopsUpdate", None)
OURS = ("_display", "_batch_count", "_running", "_closed", "_driver", "_sync_available")
PEN_DOWN = "\x1b[m"
TERMINAL_KEYS = {name: each.action for each in keys.of_scope(keys.Scope.EVERYWHERE) for name in each.keys}
RESET = "\x18\x1b[m\x1b(B\x0f\x1b[r\x1b[?25l\x1b[?7l\x1b[2J"
"""Ends a half-sent sequence, then: plain pen, ASCII, whole scroll region, no cursor, no wrapping, blank."""


class Frames:
    """Two states of the screen: the one that is wanted, and the one that the terminal has."""

    def __init__(self) -> None:
        self.wanted = Grid(0, 0)
        self.sent = Grid(0, 0)
        self.cursor = Offset(-1, -1)
        self._touched: set[int] = set()
        self._fresh = True

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the screen that is wanted."""
        return self.wanted.width, self.wanted.height

    def forget(self) -> None:
        """Nothing is known any more of what the terminal shows."""
        self.sent = Grid(*self.size)
        self.cursor = Offset(-1, -1)
        self._touched = set(range(self.wanted.height))
        self._fresh = True

    def take(self, update: _compositor.CompositorUpdate, size: tuple[int, int], ink: Ink) -> None:
        """Take in an update of Textual's compositor.

        Raises:
            TypeError: an update that is not known here.
        """
        if size != self.size:
            self.wanted = Grid(*size)
            self.forget()
        if LayoutUpdate is not None and isinstance(update, LayoutUpdate):
            self._take_layout(update, ink)
        elif ChopsUpdate is not None and isinstance(update, ChopsUpdate):
            self._take_chops(update, ink)
        else:
            raise TypeError(type(update).__name__)

    def _take_layout(self, update: _compositor.LayoutUpdate, ink: Ink) -> None:
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                self.wanted.put(x, y, strip, ink)
                x += strip.cell_length
            self._touched.add(y)

    def _take_chops(self, update: _compositor.ChopsUpdate, ink: Ink) -> None:
        for y, first, last in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is None or x >= last or end <= first:
                    continue
                self.wanted.put(x, y, strip if end <= last else strip.crop(0, last - x), ink)
            self._touched.add(y)

    def changes(self) -> str:
        """The sequences that bring the terminal to the state that is wanted; they count as sent."""
        height = self.wanted.height
        lines = [y for y in sorted(self._touched) if y < height]
        self._touched.clear()
        pen_down = PEN_DOWN if self._fresh else ""
        self._fresh = False
        return pen_down + difference(self.wanted, self.sent, lines)


class LightFrames(App[int]):
    """An app that sends cells instead of lines, and only when the line takes them."""

    _frames: Frames | None = None
    """None: not asked for yet, or stepped aside."""
    _aside = False
    look: Look = Look()

    def get_driver_class(self) -> type[Driver]:
        """The driver whose line is never waited for; another one where the environment asks for it."""
        ordinary = super().get_driver_class()
        if ordinary.__name__ != "LinuxDriver":
            return ordinary
        from tui.line_driver import LineDriver

        return LineDriver

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        driver = self._driver
        if renderable is None or self._aside or not self._draws(driver):
            super()._display(screen, renderable)
            return
        try:
            if self._frames is None:
                self._frames = Frames()
                _require_private_names(self)
            ink = self._ink()
            compositor = screen._compositor
            self._frames.take(renderable, compositor.size, ink)  # type: ignore[arg-type]
        except (AttributeError, TypeError, ValueError, IndexError) as error:
            self._step_aside(error)
            super()._display(screen, renderable)
            return
        self.send_frame()
        self.post_display_hook()

    def wear(self, look: Look) -> None:
        """Look like this from now on; before the app runs."""
        self.look = look
        for theme in themes_of(look).values():
            self.register_theme(theme)

    def _ink(self) -> Ink:
        colors = self.console._color_system or ColorSystem.TRUECOLOR
        if self.look.plain:
            colors = min(colors, ColorSystem.STANDARD)
        no_colour = self.look.colours is Colours.NONE
        return Ink(None if no_colour else colors, self.look.ascii_drawing, self.look.ascii_letters)

    def _draws(self, driver: Driver | None) -> bool:
        if driver is None or driver.is_headless or driver.is_inline:
            return False
        return bool(self._running and not self._closed and not self._batch_count)

    def _step_aside(self, error: Exception) -> None:
        # A state that cannot be trusted must never decide what is sent.
        self._aside, self._frames = True, None
        sentence = f"frames: Textual's own way from here on, {type(error).__name__}: {error}"
        logging.getLogger("pgdeck").warning(sentence)
        self.log.warning(sentence)
        self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        """The terminal's own keys work everywhere, under a dialog and in a field too."""
        if isinstance(event, events.Key) and not event.is_forwarded and event.key in TERMINAL_KEYS:
            event.stop()
            event.prevent_default()
            if TERMINAL_KEYS[event.key] == "redraw":
                self.draw_again()
            else:
                self.action_suspend_process()
            return
        await super().on_event(event)

    def send_frame(self) -> None:
        """Bring the terminal to the newest state; a full line is waited for, and no frame is kept."""
        driver, frames = self._driver, self._frames
        if driver is None or frames is None or not self._draws(driver):
            return
        ready = getattr(driver, "ready_for_frame", None)
        if ready is not None and not ready(self.send_frame):
            return
        cursor = self.screen.outer_size.clamp_offset(self.cursor_position)
        changes = frames.changes()
        if not changes and cursor == frames.cursor:
            return
        frames.cursor = self._previous_cursor_position = cursor
        frame = changes + Control.move_to(*cursor).segment.text
        if self._sync_available:
            frame = f"{SYNC_START}{frame}{SYNC_END}"
        send = getattr(driver, "send_frame", driver.write)
        send(frame)
        driver.flush()

    def forget_frames(self) -> None:
        """Something else has written on the terminal: draw everything again."""
        if self._frames is not None:
            self._frames.forget()
            self.call_later(self.send_frame)

    def draw_again(self) -> None:
        """Put right whatever happened to the terminal, and draw everything."""
        if self._driver is not None and not self._driver.is_headless:
            self._driver.write(RESET)
        self.forget_frames()
        if self._frames is None:
            self.refresh(layout=True)

    def on_resize(self, event: events.Resize) -> None:
        """Terminals move, cut or rewrap what stands on them when their size changes."""
        if self._frames is None:
            return
        self._frames.forget()
        if tuple(event.size) == self._frames.size:
            self.call_later(self.send_frame)


def _require_private_names(app: App[int]) -> None:
    missing = [name for name in OURS if not hasattr(app, name)]
    if missing:
        raise AttributeError(f"no {', '.join(missing)}")
