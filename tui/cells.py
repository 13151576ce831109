"""What stands in the cells of a terminal, and the shortest way from one state to another.

A pen is how a cell is drawn; a cell without text is the second half of a wide character.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

from rich.cells import split_graphemes
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

UNKNOWN = "\0"
"""Text of a cell of which nothing is known."""
CHEAP_GAP = 4
"""Bytes of unchanged cells that are no dearer than jumping over them."""
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}
_SURE = (
    (0x20, 0x6FF),
    (0x1E00, 0x2000),
    (0x2010, 0x2027),
    (0x2030, 0x205E),
    (0x2190, 0x2319),
    (0x2500, 0x25FC),
)
_SURE_TOO = ((0x2713, 0x2713), (0x2717, 0x2718), (0x2800, 0x28FF), (0x3041, 0x3096), (0x30A0, 0x30FF))
_SURE_WIDE = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3))


class Pen(NamedTuple):
    """SGR parameters by what they set, and the target of a link."""

    attributes: tuple[str, ...] = ()
    foreground: str = ""
    background: str = ""
    link: str = ""


PLAIN = Pen()


@lru_cache(4096)
def pen_of(style: Style | None, colors: ColorSystem | None) -> Pen:
    """The pen of a style, as Textual's own `Strip.render_ansi` writes it."""
    if style is None:
        return PLAIN
    if colors is None:
        return _pen_without_colours(style)
    attributes: list[str] = []
    foreground = background = ""
    codes = Strip.render_ansi(style, colors).split(";")
    while codes and codes[0]:
        taken = 1
        if codes[0] in ("38", "48"):
            taken = 5 if codes[1] == "2" else 3
        code = ";".join(codes[:taken])
        if codes[0] in ("38", "39") or (codes[0][0] in "39" and len(codes[0]) == 2):
            foreground = code
        elif codes[0] in ("48", "49") or (codes[0][0] in "41" and len(codes[0]) >= 2):
            background = code
        else:
            attributes.append(code)
        del codes[:taken]
    link = f"id={style._link_id};{style.link}" if style.link else ""
    return Pen(tuple(attributes), foreground, background, link)


def _pen_without_colours(style: Style) -> Pen:
    pen = pen_of(style, ColorSystem.STANDARD)
    # What a background alone would say, such as the selected row, is said by reverse.
    stands_out = pen.background not in ("", "49", "40") and "7" not in pen.attributes
    return pen._replace(
        attributes=(*pen.attributes, "7") if stands_out else pen.attributes, foreground="", background=""
    )


@lru_cache(4096)
def change_of_pen(before: Pen, after: Pen) -> str:
    """The shortest sequence that makes `after` of `before`."""
    link = "" if before.link == after.link else f"\x1b]8;{after.link or ';'}\x1b\\"
    if before[:3] == after[:3]:
        return link
    anew = [*after.attributes, *filter(None, after[1:3])]
    afresh = ";".join(["0", *anew] if anew else [""])
    gone = [each for each in before.attributes if each not in after.attributes]
    if any(each not in _OFF for each in gone):
        return f"{link}\x1b[{afresh}m"
    off = list(dict.fromkeys(_OFF[each] for each in gone))
    # 22 ends bold and dim alike: what is to stay of the two is said again.
    kept = [each for each in before.attributes if each not in gone and _OFF.get(each) not in off]
    on = [each for each in after.attributes if each not in kept]
    colors = []
    if before.foreground != after.foreground:
        colors.append(after.foreground or "39")
    if before.background != after.background:
        colors.append(after.background or "49")
    changed = ";".join([*off, *on, *colors])
    return f"{link}\x1b[{min(changed, afresh, key=len)}m"


class Ink(NamedTuple):
    """What a terminal can show."""

    colors: ColorSystem | None = ColorSystem.TRUECOLOR
    """None: attributes only; where a background would stand, reverse stands."""
    ascii_drawing: bool = False
    ascii_letters: bool = False


@lru_cache(8192)
def inked(text: str, ink: Ink) -> tuple[str, tuple[str, ...]]:
    """As `cells_of`, of what the terminal can show of the text; every cell stays where it is."""
    before, cells = cells_of(text)
    if not (ink.ascii_drawing or ink.ascii_letters) or text.isascii():
        return before, cells
    drawn = [DRAWN.get(cell, cell) for cell in cells]
    if ink.ascii_letters:
        # The second half of a wide character gets a question mark of its own.
        return "", tuple(cell if cell.isascii() and cell else "?" for cell in drawn)
    return before, tuple(drawn)


def _drawn() -> dict[str, str]:
    lines = {chr(code): "+" for code in range(0x2500, 0x2580)}
    lines.update(dict.fromkeys("─━┄┅┈┉═╌╍╴╶╸╺╼╾", "-"))
    lines.update(dict.fromkeys("│┃┆┇┊┋║╎╏╵╷╹╻╽╿", "|"))
    lines.update(dict.fromkeys(map(chr, range(0x2580, 0x25A0)), "#"))
    lines.update(dict.fromkeys("▌▍▎▏▐▕", "|"))
    lines.update(zip("⣀⠤⠒⠉", "_==^", strict=True))
    signs = dict(
        zip("✓✗·…–—›‹»«→←↑↓▲▼◀▶○◐●■≠≈≥≤×±▁▂▃▄▅▆▇█░▒▓", '+x-~--><>"><^v^v<>o*@#!=><x-_.,-=+*#.:%', strict=True)
    )
    return {**lines, **signs}


DRAWN = _drawn()
"""Lines, bars and signs in ASCII; a word stands beside every sign."""


@lru_cache(8192)
def cells_of(text: str) -> tuple[str, tuple[str, ...]]:
    """Marks that belong to the cell before the text, and the texts of its cells."""
    if text.isascii():
        return "", tuple(filter(str.isprintable, text))
    before, cells = "", []
    for start, end, width in split_graphemes(text)[0]:
        cluster = "".join(each for each in text[start:end] if ord(each) >= 0x20)
        if width:
            cells += [cluster, *[""] * (width - 1)]
        elif cells:
            # A mark after a wide character belongs to its first half.
            lead = -1 if cells[-1] else -2
            cells[lead] += cluster
        else:
            before += cluster
    return before, tuple(cells)


@lru_cache(4096)
def is_sure(cell: str) -> bool:
    """Whether every terminal gives this text the width that we give it."""
    code = ord(cell) if len(cell) == 1 else -1
    return any(low <= code <= high for low, high in (*_SURE, *_SURE_TOO, *_SURE_WIDE))


class Grid:
    """The cells of a screen; nothing is known of them at first."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.texts = [[UNKNOWN] * width for _ in range(height)]
        self.pens = [[PLAIN] * width for _ in range(height)]

    def put(self, x: int, y: int, segments: Iterable[Segment], ink: Ink) -> None:
        """Write segments from a cell on; what would leave the line is cut."""
        if not 0 <= y < self.height:
            return
        texts, pens = self.texts[y], self.pens[y]
        for text, style, control in segments:
            if control or not text:
                continue
            before, cells = inked(text, ink)
            if before and 0 < x <= self.width:
                lead = x - 1 if texts[x - 1] else x - 2
                texts[lead] += before
            end = min(x + len(cells), self.width)
            # A wide character that loses one half loses both, in a terminal and here.
            if x < end and not texts[x] and x > 0:
                texts[x - 1] = " "
            if end < self.width and not texts[end]:
                texts[end] = " "
            texts[x:end] = cells[: end - x]
            pens[x:end] = repeat(pen_of(style, ink.colors), end - x)
            x = end


class Writing:
    """Collects the sequences of one frame, knowing where the cursor is and which pen it has."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._pen = PLAIN
        self._at: tuple[int, int] | None = None

    def run(self, y: int, start: int, texts: Sequence[str], pens: Sequence[Pen], width: int) -> None:
        """Write cells from `start` on."""
        self._go(start, y)
        x = start
        for text, pen in zip(texts, pens, strict=True):
            x += 1
            if not text:
                continue
            if self._at is None:
                self._go(x - 1, y)
            if pen is not self._pen:
                self.parts.append(change_of_pen(self._pen, pen))
                self._pen = pen
            cells = 2 if x - start < len(texts) and not texts[x - start] else 1
            if is_sure(text):
                self.parts.append(text)
                self._at = (x - 1 + cells, y)
            else:
                # Terminals differ on its width: nothing old may shine through, nothing after it may move.
                blanks = f"  \x1b[{x}G" if cells == 2 else ""
                self.parts.append(f"{blanks}{text}")
                self._at = None
        if self._at is not None and self._at[0] >= width:
            self._at = None

    def _go(self, x: int, y: int) -> None:
        if self._at is not None and self._at[1] == y and x > self._at[0]:
            gap = x - self._at[0]
            self.parts.append(f"\x1b[{gap}C" if gap > 1 else "\x1b[C")
        elif self._at != (x, y):
            self.parts.append(f"\x1b[{y + 1};{x + 1}H")
        self._at = (x, y)

    def text(self) -> str:
        """Everything, with the pen put down; empty where there is nothing to write."""
        if not self.parts:
            return ""
        return "".join(self.parts) + change_of_pen(self._pen, PLAIN)


def difference(wanted: Grid, sent: Grid, lines: Iterable[int]) -> str:
    """The sequences that turn `sent` into `wanted` on these lines; `sent` is that afterwards."""
    writing = Writing()
    for y in lines:
        texts, pens = wanted.texts[y], wanted.pens[y]
        old_texts, old_pens = sent.texts[y], sent.pens[y]
        if texts == old_texts and pens == old_pens:
            continue
        for start, end in _runs(texts, pens, old_texts, old_pens):
            writing.run(y, start, texts[start:end], pens[start:end], wanted.width)
        old_texts[:] = texts
        old_pens[:] = pens
    return writing.text()


def _runs(
    texts: list[str], pens: list[Pen], old_texts: list[str], old_pens: list[Pen]
) -> Iterator[tuple[int, int]]:
    width = len(texts)
    start = end = -1
    for x in range(width):
        if x < end or texts[x] == UNKNOWN or (texts[x] == old_texts[x] and pens[x] == old_pens[x]):
            continue
        first, last = x, x + 1
        # A wide character is written whole, and one that is overwritten is overwritten whole.
        while first > 0 and (not texts[first] or not old_texts[first]):
            first -= 1
        while last < width and (not texts[last] or not old_texts[last]):
            last += 1
        if start >= 0 and (first <= end or _is_cheap(texts[end:first], pens[end - 1 : first])):
            end = max(end, last)
            continue
        if start >= 0:
            yield start, end
        start, end = first, last
    if start >= 0:
        yield start, end


def _is_cheap(texts: list[str], pens: list[Pen]) -> bool:
    if len(texts) > CHEAP_GAP or UNKNOWN in texts or any(pen != pens[0] for pen in pens):
        return False
    gap = "".join(texts)
    return gap.isascii() or (len(gap.encode("utf-8", "replace")) <= CHEAP_GAP and all(map(is_sure, texts)))
