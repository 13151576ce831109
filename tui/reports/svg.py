"""A small writer of SVG: valid XML, no scripts, nothing fetched from elsewhere, every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from sql.printable import one_line

FONT = "DejaVu Sans, Verdana, Arial, sans-serif"


def number(value: float) -> str:
    """A coordinate, with no more digits than can be seen."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


class Drawing:
    """Elements in the order in which they are painted."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self._width, self._height = width, height
        self._head = (
            f"<title>{escape(one_line(title))}</title>",
            f"<desc>{escape(one_line(description))}</desc>",
        )
        self._elements: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        fill: str = "#222222",
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """One line of text; `anchor` is start, middle or end."""
        weight = ' font-weight="bold"' if bold else ""
        self._elements.append(
            f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}" fill="{fill}"'
            f' text-anchor="{anchor}"{weight}>{escape(one_line(text))}</text>'
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str, hint: str = "") -> None:
        """A filled rectangle; `hint` is shown where the mouse rests on it."""
        inside = f"<title>{escape(one_line(hint))}</title>" if hint else ""
        self._elements.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(max(width, 0))}"'
            f' height="{number(max(height, 0))}" fill="{fill}">{inside}</rect>'
        )

    def line(
        self, x1: float, y1: float, x2: float, y2: float, stroke: str, *, width: float = 1, dashes: str = ""
    ) -> None:
        """A straight line."""
        pattern = f" stroke-dasharray={quoteattr(dashes)}" if dashes else ""
        self._elements.append(
            f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}"'
            f' stroke="{stroke}" stroke-width="{number(width)}"{pattern}/>'
        )

    def path(self, points: Sequence[tuple[float, float]], stroke: str, width: float = 1.5) -> None:
        """A line through points; a single one is a dot."""
        if len(points) == 1:
            (x, y) = points[0]
            self._elements.append(
                f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(width)}" fill="{stroke}"/>'
            )
        elif points:
            joined = " ".join(f"{number(x)},{number(y)}" for x, y in points)
            self._elements.append(
                f'<polyline points="{joined}" fill="none" stroke="{stroke}" stroke-width="{number(width)}"'
                ' stroke-linejoin="round"/>'
            )

    def area(self, points: Sequence[tuple[float, float]], fill: str) -> None:
        """A filled outline."""
        if len(points) > 2:
            joined = " ".join(f"{number(x)},{number(y)}" for x, y in points)
            self._elements.append(f'<polygon points="{joined}" fill="{fill}"/>')

    def xml(self) -> str:
        """The document."""
        width, height = number(self._width), number(self._height)
        body = "\n".join(
            (*self._head, f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *self._elements)
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
            f' viewBox="0 0 {width} {height}" role="img" font-family="{FONT}">\n{body}\n</svg>\n'
        )
