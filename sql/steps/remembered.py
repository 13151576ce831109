"""What the journal knows of a database and its catalog does not: what stood before, what was valid once.

A replaced index is gone, and so is its definition; a half-dropped one looks like a build that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from profiles.locations import locations
from sql.parsing import DefinitionError, index_tail, parse_index
from sql.snapshots import ServerIdentity
from sql.steps import ddl
from sql.steps.ddl import NEW, OLD, beside
from sql.steps.job import step_from_json
from sql.steps.journal import Event, JournalEntry, Tail
from sql.steps.step import IndexGone, IndexStands, Step, Verb

ABOUT_INDEXES = ("create-index:", "drop-index:", "swap-index:")


@dataclass(frozen=True)
class Remembered:
    """What one journal says of one database."""

    was_valid: frozenset[int] = frozenset()
    """Oids of indexes that were valid when a drop of them began."""
    replaced: Mapping[tuple[str, str], IndexStands] = field(default_factory=dict)
    """By schema and name: what bore the name before it was replaced, or again since that was taken back."""


class Memory:
    """Reads a journal once, then only what is new."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path)
        self._entries: list[JournalEntry] = []
        self._known: tuple[ServerIdentity, Remembered] | None = None

    def of(self, server: ServerIdentity) -> Remembered:
        """What it says of a database. Blocks on a file; one that cannot be read says nothing."""
        try:
            told = self._tail.new()
        except OSError:
            told = []
        news = [entry for entry in told if (entry.step or "").startswith(ABOUT_INDEXES)]
        self._entries += news
        if news or self._known is None or self._known[0] != server:
            mine = (each for each in self._entries if each.event == Event.CONFIRMED or _is_of(each, server))
            self._known = (server, recall(mine))
        return self._known[1]


async def remember(server: ServerIdentity) -> Remembered:
    """What the journal says of a database."""
    return await asyncio.to_thread(Memory(locations().journal).of, server)


def recall(entries: Iterable[JournalEntry]) -> Remembered:
    """What the entries of one database come to, oldest first."""
    was_valid: set[int] = set()
    replaced: dict[tuple[str, str], IndexStands] = {}
    steps: dict[str | None, Step] = {}
    for entry in entries:
        if entry.event == Event.CONFIRMED:
            step = _confirmed(entry)
            if step is not None:
                steps[entry.run] = step
        elif entry.event == Event.STARTED and (entry.step or "").startswith("drop-index:"):
            before: Mapping[str, Any] = entry.detail.get("index_before") or {}
            if before.get("valid") and before.get("ready") and before.get("live"):
                was_valid.add(before["oid"])
        elif entry.event == Event.VERIFIED and entry.detail.get("reached") and entry.run in steps:
            _apply(steps[entry.run], replaced)
    return Remembered(frozenset(was_valid), replaced)


def _apply(step: Step, replaced: dict[tuple[str, str], IndexStands]) -> None:
    """What a step that was proven changed of what stood before."""
    end = step.end
    name = step.mends.removeprefix(f"index:{step.table}:")
    if isinstance(end, IndexGone) and end.name == beside(name, OLD):
        before = _undone(step, end.schema, name)
        if before is not None:
            replaced[end.schema, name] = before
    elif isinstance(end, IndexStands) and step.verb is Verb.SWAP_INDEX:
        if step.statements[0] == ddl.rename_index(end.schema, name, beside(name, NEW)):
            replaced[end.schema, name] = end
    elif isinstance(end, IndexStands | IndexGone) and end.name == name:
        # Built or dropped by itself: what stood before that is none of its past any more.
        replaced.pop((end.schema, name), None)


def _undone(step: Step, schema: str, name: str) -> IndexStands | None:
    """What the undo of a drop would build, under the name that it had."""
    try:
        definition = parse_index(step.undo[0] if step.undo else "")
    except DefinitionError:
        return None
    return IndexStands(schema, definition.table, name, definition.unique, index_tail(definition))


def _confirmed(entry: JournalEntry) -> Step | None:
    try:
        return step_from_json(entry.detail["job"]["step"])
    except (KeyError, TypeError, ValueError):
        return None


def _is_of(entry: JournalEntry, server: ServerIdentity) -> bool:
    known = entry.server or {}
    if known.get("database") != server.database:
        return False
    ours, theirs = server.system_identifier, known.get("system_identifier")
    return ours == theirs if ours and theirs else known.get("address") == server.address
