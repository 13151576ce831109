"""The journal as plain text: a block a run, a line an event, oldest first, times in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sql.printable import one_line
from sql.steps.journal import JournalEntry
from tui.reports.events import said, signalled

WORD = 9
"""The longest event."""


def render(entries: Sequence[JournalEntry], skipped: int) -> str:
    """Everything.

    Args:
        skipped: lines of the file that are no entries.
    """
    blocks = [list(_run(story)) for story in stories(entries)]
    if not blocks:
        blocks = [["The journal has nothing of that."]]
    if skipped:
        blocks.append([skipped_sentence(skipped)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def stories(entries: Sequence[JournalEntry]) -> list[list[JournalEntry]]:
    """The entries by run, in the order in which the runs began; what belongs to none, by plan."""
    told: dict[tuple[str, str], list[JournalEntry]] = {}
    for entry in entries:
        key = ("run", entry.run) if entry.run else (entry.event, f"{entry.profile} {entry.hash}")
        told.setdefault(key, []).append(entry)
    return list(told.values())


def moment(time: datetime) -> str:
    """To the second, UTC."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def skipped_sentence(skipped: int) -> str:
    """How many lines are not shown, and why."""
    lines = "1 line of the journal is no entry" if skipped == 1 else f"{skipped} lines are no entries"
    return f"{lines} (torn by a crash, or foreign) and not shown."


def _run(story: Sequence[JournalEntry]) -> Iterator[str]:
    first = story[0]
    who = f"{first.operator} on {first.host}" if first.host else first.operator
    where = f"{first.profile} ({first.environment})" if first.environment else first.profile
    if first.run:
        yield one_line(f"{first.run}  {first.step or signalled(first)}  {where}  {who}")
        for entry in story:
            yield f"  {moment(entry.time)}  {one_line(entry.event):{WORD}}  {said(entry)}"
        return
    yield one_line(f"{first.event}  {where}  {who}")
    for entry in story:
        step = f"{entry.step}: " if entry.step else ""
        yield f"  {moment(entry.time)}  {one_line(entry.event):{WORD}}  {one_line(step)}{said(entry)}"
