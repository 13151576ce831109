from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sql.latency.checkpoints import Checkpoints, CheckpointsSnapshot, read_checkpoints
from tests.servers import Database
from tests.sql.sessions import session
from tests.waiting import until

START = datetime(2026, 11, 22, tzinfo=UTC)
QUIET = CheckpointsSnapshot(START, 10, 5, 1000, 60_000.0, 500.0, START)


def later(before: CheckpointsSnapshot, seconds: float = 10, **changed: object) -> CheckpointsSnapshot:
    return replace(before, taken_at=before.taken_at + timedelta(seconds=seconds), **changed)  # type: ignore[arg-type]


async def test_a_checkpoint_is_seen_on_every_server(database: Database) -> None:
    watch = Checkpoints()
    async with session(database) as watching:
        assert watch.take(await read_checkpoints(watching)) == ""
        await database.execute("CREATE TABLE t AS SELECT generate_series(1, 20000)")
        await database.execute("CHECKPOINT")

        async def said() -> str:
            return watch.take(await read_checkpoints(watching))

        told = await until(said)
    assert told.startswith(("checkpoint (requested): ", "checkpoint (requested) began")), told


async def test_anybody_may_read_it(database: Database) -> None:
    role = f"nobody_{database.name[-8:]}"
    await database.execute(f"CREATE ROLE {role} LOGIN")
    try:
        async with session(database, role) as watching:
            snapshot = await read_checkpoints(watching)
        assert snapshot.buffers >= 0
        assert snapshot.reset is not None
    finally:
        await database.execute(f"DROP ROLE {role}")


def test_a_long_one_has_a_beginning_and_an_end() -> None:
    watch = Checkpoints()
    assert watch.take(QUIET) == ""
    begun = later(QUIET, timed=11, buffers=1200)
    assert watch.take(begun) == "checkpoint (timed) began"
    going = later(begun, buffers=3000)
    assert watch.take(going) == ""
    ended = later(going, buffers=3500, write_ms=62_000.0, sync_ms=700.0)
    assert watch.take(ended) == "checkpoint ended: 2500 buffers in 2.2 s"
    assert watch.take(later(ended)) == ""


def test_a_short_one_is_one_thing() -> None:
    watch = Checkpoints()
    watch.take(QUIET)
    done = later(QUIET, requested=6, buffers=1100, write_ms=60_300.0)
    assert watch.take(done) == "checkpoint (requested): 100 buffers in 300 ms"


def test_one_that_wrote_nothing_is_not_told() -> None:
    """A server that is idle counts the checkpoints that it skips."""
    watch = Checkpoints()
    watch.take(QUIET)
    assert watch.take(later(QUIET, timed=11)) == ""
    assert watch.take(later(QUIET, 20, timed=11)) == ""


def test_one_that_had_begun_before_the_first_reading() -> None:
    watch = Checkpoints()
    watch.take(QUIET)
    going = later(QUIET, buffers=1100)
    assert watch.take(going) == ""
    assert watch.take(later(going, buffers=1200, write_ms=90_000.0)) == (
        "checkpoint (begun before): 100 buffers in 30.0 s"
    )


@pytest.mark.parametrize(
    "after",
    [
        later(QUIET, reset=START + timedelta(seconds=1), timed=0, requested=1, buffers=5, write_ms=9.0),
        later(QUIET, timed=0, requested=1, buffers=5, write_ms=9.0),
        later(QUIET, 3600, timed=20, buffers=9000, write_ms=99_000.0),
    ],
    ids=["reset", "restarted", "not watched meanwhile"],
)
def test_counters_that_began_anew_say_nothing(after: CheckpointsSnapshot) -> None:
    watch = Checkpoints()
    watch.take(QUIET)
    assert watch.take(after) == ""
    assert watch.take(later(after, requested=after.requested + 1, write_ms=after.write_ms + 1000)) != ""
