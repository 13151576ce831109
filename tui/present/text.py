"""Words and numbers for one line of a terminal: cleaned, fitted, aligned."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from sql import durations

ELLIPSIS = "…"
NOTHING = "–"
BLOCKS = "▁▂▃▄▅▆▇█"
AGE_STEP_S = 5
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


@lru_cache(4096)
def clean(text: str) -> str:
    """`text` on one line, with what would move the cursor or turn the reading direction made visible.

    Control characters become their pictures (U+2400), marks that cannot be seen become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\ufffd" if unicodedata.category(character) in _UNSEEN else character


def width_of(text: str) -> int:
    """Cells that `text` takes in a terminal."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` cells: cut with an ellipsis at the end, or padded on the other side."""
    length = width_of(text)
    if length > width:
        return set_cell_size(text, max(width - 1, 0)) + ELLIPSIS[:width]
    padding = " " * (width - length)
    return padding + text if right else text + padding


def fit_middle(text: str, width: int) -> str:
    """`text` in exactly `width` cells; a name that is too long keeps its beginning and its end."""
    length = width_of(text)
    if length <= width or width < 5:
        return fit(text, width)
    tail_width = (width - 1) // 2
    tail = text
    while width_of(tail) > tail_width:
        tail = tail[max(1, (width_of(tail) - tail_width) // 2) :]
    head = set_cell_size(text, width - 1 - width_of(tail))
    return head + ELLIPSIS + tail


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces where it has any; its line breaks stay."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines.extend(_wrap_paragraph(clean(paragraph.expandtabs(4)), max(width, 1)))
    return lines


def _wrap_paragraph(text: str, width: int) -> Iterable[str]:
    while width_of(text) > width and len(text) > 1:
        head = set_cell_size(text, width).rstrip()
        cut = max(len(head), 1)  # a wide character is wider than a line of one cell
        if cut < len(text) and text[cut] != " " and " " in head.strip():
            cut = head.rindex(" ")
        yield text[:cut].rstrip()
        text = text[cut:].lstrip()
    yield text


def size(value: int | None) -> str:
    """Bytes as pg_size_pretty would say them: `8192 bytes`, `16 MB`."""
    if value is None:
        return NOTHING
    amount = float(value)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 10240:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.0f} TB"


def count(value: int | None) -> str:
    """A number of things in at most five cells: `9999`, `12 k`, `3.4 M`."""
    if value is None:
        return NOTHING
    if value < 10_000:
        return str(value)
    for limit, divisor, unit in ((1e6, 1e3, "k"), (1e9, 1e6, "M"), (float("inf"), 1e9, "G")):
        if value < limit:
            amount = value / divisor
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:.0f} {unit}"
    return NOTHING


def ms(value: float | None) -> str:
    """Milliseconds with three digits that count: `0.42`, `25.1`, `1240`."""
    if value is None:
        return NOTHING
    if value < 10:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def target_ms(value: float | None) -> str:
    """A target as it is written in the manifest: `25`, `0.5`."""
    return NOTHING if value is None else f"{value:g}"


def duration(seconds: float | None) -> str:
    """As `sql.durations.duration`."""
    return NOTHING if seconds is None else durations.duration(seconds)


def utc_now() -> datetime:
    """The moment that ages are counted from."""
    return datetime.now(UTC)


def age(taken_at: datetime | None, now: datetime) -> str:
    """How old a reading is, in steps of five seconds, then minutes: it changes seldom on purpose."""
    if taken_at is None:
        return "no reading yet"
    seconds = max(0.0, (now - taken_at).total_seconds())
    if seconds < AGE_STEP_S:
        return "now"
    if seconds < 60:
        return f"{int(seconds // AGE_STEP_S) * AGE_STEP_S} s ago"
    minutes = int(seconds // 60)
    return f"{minutes} min ago" if minutes < 60 else f"{minutes // 60} h ago"


def countdown(seconds: float) -> str:
    """The time to the next attempt in coarse steps, so that a calm place stays calm."""
    if seconds <= 0:
        return "now"
    if seconds <= AGE_STEP_S:
        return "in a moment"
    step = AGE_STEP_S if seconds <= 60 else 60
    left = -(-int(seconds) // step) * step
    return f"in {left} s" if left < 120 else f"in {left // 60} min"


def spark(values: Sequence[float], width: int) -> str:
    """The newest `width` values as one line of blocks, from zero to their largest."""
    newest = values[-width:] if width > 0 else ()
    if not newest:
        return ""
    top = max(newest)
    if top <= 0:
        return BLOCKS[0] * len(newest)
    steps = len(BLOCKS) - 1
    return "".join(BLOCKS[round(max(value, 0.0) / top * steps)] for value in newest)


def bar(used: int, limit: int, width: int) -> str:
    """`used` of `limit` as a bar of `width` cells; something used is never drawn as nothing."""
    if limit <= 0 or width <= 0:
        return ""
    filled = min(width, max(round(used / limit * width), 1 if used else 0))
    return "█" * filled + "░" * (width - filled)


def plural(number: int, one: str, many: str = "") -> str:
    """`1 index`, `2 indexes`."""
    return f"{number} {one if number == 1 else many or one + 's'}"
