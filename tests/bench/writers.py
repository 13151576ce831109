"""What a build costs those who write into its table all the time: their longest wait, with it and without."""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.step import Step
from tests import servers, writers
from tests.bench.figures import Figure, Goal
from tests.bench.setting import Setting
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import story
from tests.writers import Write

ROWS = 300_000
ROUNDS = 5
SECONDS = 40
"""For all rounds; what is left of it nobody builds."""
RATE = 400
"""Writes a second; so many leave the machine time, or the waiting would be for it."""
Span = tuple[datetime, datetime]


def longest_waits(setting: Setting) -> list[Figure]:
    """Of writes while pgdeck builds, while it does not, and behind a plain CREATE INDEX, in the same run."""
    with _home(setting):
        built, quiet, plain = asyncio.run(_measured(setting))
    return [
        Figure("longest write during a build", built, "ms", 5, 2, Goal.RATIO, "without", quiet),
        Figure("… of behind a plain CREATE INDEX", built, "ms", 0.5, 0.2, Goal.RATIO, "behind it", plain),
    ]


async def _measured(setting: Setting) -> tuple[float, float, float]:
    """Medians over the rounds of the longest write of each kind, in ms."""
    database = await servers.new_database(setting.cluster, 18)
    folder = setting.folder / "writes"
    folder.mkdir()
    try:
        await writers.fill(database, ROWS)
        writing = asyncio.create_task(writers.write(database, ROWS, SECONDS, folder, rate=RATE))
        await asyncio.sleep(1.0)
        rounds = [await _round(database, f"r{number}") for number in range(ROUNDS)]
        written = await writing
    finally:
        await servers.drop_database(database)
    return (
        _longest(written.writes, [each[0] for each in rounds]),
        _longest(written.writes, [each[1] for each in rounds]),
        _longest(written.writes, [each[2] for each in rounds]),
    )


async def _round(database: Database, run: str) -> tuple[Span, Span, Span]:
    """A build by pgdeck, a while as long without, and a plain build; the index is gone again at the end."""
    result = await running.start(database, running.create(), run=run).result()
    assert result.outcome is Outcome.DONE, result.sentence
    begin, end = (story(run, event)[0].time for event in (Event.STARTED, Event.FINISHED))
    await _undo(database, running.drop())
    quiet = datetime.now(UTC)
    await asyncio.sleep((end - begin).total_seconds())
    loud = datetime.now(UTC)
    await database.execute("CREATE INDEX i ON t (a)")
    over = datetime.now(UTC)
    await _undo(database, running.drop())
    return (begin, end), (quiet, loud - timedelta(milliseconds=1)), (loud, over)


async def _undo(database: Database, step: Step) -> None:
    for statement in step.statements:
        await database.execute(statement)


def _longest(writes: Sequence[Write], spans: Sequence[Span]) -> float:
    return statistics.median(
        max(write.took_ms for write in writes if write.overlaps(*span)) for span in spans
    )


@contextmanager
def _home(setting: Setting) -> Iterator[Path]:
    """The journal of these runs goes where nobody looks."""
    before = os.environ.get("PGDECK_HOME")
    os.environ["PGDECK_HOME"] = str(setting.folder / "writers-home")
    try:
        yield Path(os.environ["PGDECK_HOME"])
    finally:
        if before is None:
            del os.environ["PGDECK_HOME"]
        else:
            os.environ["PGDECK_HOME"] = before
