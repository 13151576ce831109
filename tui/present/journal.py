"""The journal as a list: the latest first, one row a run and one a preview."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tui.present.blocks import fact_lines, heading, prose, sql_lines
from tui.present.text import clean, plural
from tui.present.view import BLANK, Column, Line, Row, Span, Tone, View, line
from tui.reports.events import said, signalled

if TYPE_CHECKING:
    from sql.steps.journal import JournalEntry

COLUMNS = (
    Column("when (UTC)", least=11, most=14),
    Column("event", least=10, most=14),
    Column("step", least=16, most=70, middle=True, fills=True),
    Column("how it ended", least=10, most=24, drop=1),
    Column("by", most=24, drop=2),
    Column("profile", most=20, drop=3),
)
ENDS = {
    "done": ("✓ done", Tone.GOOD),
    "failed": ("✗ failed", Tone.BAD),
    "cancelled": ("! cancelled", Tone.WARN),
    "refused": ("! refused", Tone.WARN),
    "unknown": ("? unknown", Tone.WARN),
}
LABEL = 10


@dataclass(frozen=True)
class Story:
    """Entries that belong together, oldest first."""

    key: str
    """The run's id, or the place of a preview that led to none."""
    entries: tuple[JournalEntry, ...]

    @property
    def last(self) -> JournalEntry:
        """The newest entry."""
        return self.entries[-1]

    @property
    def first(self) -> JournalEntry:
        """The oldest entry."""
        return self.entries[0]


def stories(entries: Iterable[JournalEntry]) -> tuple[Story, ...]:
    """Entries grouped by run, the latest first; one without a run stands by itself."""
    grouped: dict[str, list[JournalEntry]] = {}
    for place, entry in enumerate(entries):
        grouped.setdefault(entry.run or f"entry {place}", []).append(entry)
    told = [Story(key, tuple(group)) for key, group in grouped.items()]
    return tuple(sorted(told, key=lambda story: story.last.time, reverse=True))


def journal_view(told: Sequence[Story], trouble: str = "") -> View:
    """The list."""
    signals = sum(1 for story in told if signalled(story.first))
    runs = sum(1 for story in told if story.first.run is not None) - signals
    counted = [plural(runs, "run"), plural(len(told) - runs - signals, "preview")]
    counted += [plural(signals, "signal")] if signals else []
    summary = ", ".join(counted) if told else "nothing yet"
    return View(
        summary=line((trouble or summary, Tone.WARN if trouble else Tone.PLAIN)),
        columns=COLUMNS,
        rows=tuple(map(_row, told)),
        empty=(line(("nothing was previewed or run yet", Tone.DIM)),),
    )


def _row(story: Story) -> Row:
    first, last = story.first, story.last
    ended = _ended(story)
    return Row(
        key=story.key,
        cells=(
            (_moment(last.time), Tone.DIM),
            (clean(str(last.event)), Tone.PLAIN),
            (clean(first.step or last.step or signalled(first)), Tone.PLAIN),
            ended,
            (clean(first.operator), Tone.DIM),
            (clean(first.profile), Tone.DIM),
        ),
        name=clean(first.step or signalled(first) or story.key),
        sql=first.sql or "",
        foot=(line((clean(said(last)), Tone.DIM)),),
    )


def _ended(story: Story) -> Span:
    verified = next((each for each in reversed(story.entries) if each.event == "verified"), None)
    finished = next((each for each in reversed(story.entries) if each.event == "finished"), None)
    if verified is not None and not verified.detail.get("reached"):
        return ("✗ not verified", Tone.BAD)
    if finished is None:
        return ("✓ verified", Tone.GOOD) if verified is not None else ("", Tone.DIM)
    if verified is None and finished.detail.get("outcome") == "done":
        return ("done, not verified", Tone.WARN)
    word, tone = ENDS.get(str(finished.detail.get("outcome")), ENDS["unknown"])
    return (f"{word}, verified" if verified is not None and tone is Tone.GOOD else word, tone)


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%m-%d %H:%M:%S}"


def story_lines(story: Story, width: int) -> tuple[Line, ...]:
    """Every entry of a run, oldest first, with its sentence; the statement and the server at the end."""
    lines: list[Line] = [BLANK]
    for entry in story.entries:
        lines.append(line(f"  {_moment(entry.time)}  ", (clean(str(entry.event)), Tone.STRONG)))
        lines += prose(said(entry), width, indent=4)
    first, last = story.first, story.last
    lines += [BLANK, heading("statement"), *sql_lines(first.sql or "", width), BLANK]
    server = last.server or first.server or {}
    where = f"{server.get('database')} at {server.get('address')}, PostgreSQL {server.get('version')}"
    lines += fact_lines(
        [
            ("run", first.run or "none: it was looked at, nothing more"),
            ("profile", f"{first.profile} ({first.environment})"),
            ("operator", f"{first.operator} on {first.host}"),
            ("server", where if server else ""),
            ("plan", first.hash or ""),
            ("pgdeck", first.pgdeck),
        ],
        width,
        LABEL,
    )
    return tuple(lines)


def story_text(story: Story) -> str:
    """The same as plain text, for the clipboard."""
    lines = ["".join(text for text, _ in each).rstrip() for each in story_lines(story, 100)]
    return "\n".join(lines).strip("\n") + "\n"
