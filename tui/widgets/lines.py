"""Lines of toned text that send to the terminal only the cells that changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.present.text import width_of
from tui.present.view import Line, Tone, clip
from tui.theme import tone_styles

GAP = 6
"""Unchanged cells that are cheaper to send again than to jump over."""
_STYLES: dict[str, Mapping[Tone, Style]] = {}
"""By the theme's name."""


class Lines(Widget):
    """Shows lines from the top; what does not fit is cut. Comparing is done here, not by the caller."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Lines { height: auto; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._cursor_line: int | None = None

    @property
    def texts(self) -> list[str]:
        """What stands in each line, without tones."""
        return ["".join(text for text, _ in spans) for spans in self._lines]

    def show(self, lines: Sequence[Line], cursor: int | None = None) -> None:
        """Show these lines; only the cells that differ from those shown before are painted.

        Args:
            cursor: number of the line that is drawn as selected.
        """
        before, cursor_before = self._lines, self._cursor_line
        after = tuple(lines)
        if after == before and cursor == cursor_before:
            return
        self._lines, self._cursor_line = after, cursor
        if not self.is_mounted or self.size.width == 0:
            return
        regions: list[Region] = []
        for y, (old, new) in enumerate(zip_longest(before, after, fillvalue=())):
            if (y == cursor) != (y == cursor_before):
                regions.append(Region(0, y, self.size.width, 1))
            elif old != new:
                # What was cut off at this width stood there as an ellipsis.
                runs = changed_runs(clip(old, self.size.width), clip(new, self.size.width))
                regions += [Region(x, y, width, 1) for x, width in runs]
        if len(before) != len(after) and self.styles.auto_dimensions:
            self.refresh(layout=True)
        elif regions:
            self.refresh(*regions)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:  # noqa: ARG002
        """As many lines as there are."""
        return len(self._lines)

    def render_line(self, y: int) -> Strip:
        """One line, padded with the background."""
        width = self.size.width
        base = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, base)
        spans = clip(self._lines[y], width)
        extra = self._style(Tone.CURSOR) if y == self._cursor_line else Style.null()
        segments = [Segment(text, base + self._style(tone) + extra) for text, tone in spans if text]
        used = sum(width_of(text) for text, _ in spans)
        if used < width:
            segments.append(Segment(" " * (width - used), base + extra))
        return Strip(segments, width)

    def _style(self, tone: Tone) -> Style:
        theme = self.app.theme
        if theme not in _STYLES:
            _STYLES[theme] = tone_styles(self.app.theme_variables)
        return _STYLES[theme][tone]


def changed_runs(old: Line, new: Line) -> Iterator[tuple[int, int]]:
    """Where two lines differ: pairs of first cell and number of cells."""
    start = end = -1
    for x, (left, right) in enumerate(zip_longest(cells(old), cells(new), fillvalue=(" ", Tone.PLAIN))):
        if left == right:
            continue
        if start >= 0 and x - end <= GAP:
            end = x + 1
            continue
        if start >= 0:
            yield start, end - start
        start, end = x, x + 1
    if start >= 0:
        yield start, end - start


def cells(spans: Line) -> Iterator[tuple[str, Tone]]:
    """Every cell of a line; a wide character fills two, a mark without width belongs to the one before."""
    for text, tone in spans:
        if text.isascii():
            for character in text:
                yield character, tone
            continue
        for character, width in _clusters(text):
            for _ in range(width):
                yield character, tone


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    cluster, width = "", 0
    for character in text:
        own = width_of(character)
        if own and cluster:
            yield cluster, width
            cluster, width = "", 0
        cluster += character
        width += own
    if cluster:
        yield cluster, width
