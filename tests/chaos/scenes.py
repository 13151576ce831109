"""A run held long at one phase by another session, so that an accident can be put into every phase."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import asyncpg

from sql.steps.journal import Event, JournalEntry
from sql.steps.patience import Patience
from sql.steps.step import Step
from tests.servers import Database
from tests.sql.steps import running

PATIENCE: Patience = replace(running.QUICK, table_s=20.0, first_lock_s=20.0, cleanup_s=20.0)
TABLE = """
    SET synchronous_commit = on;
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    CREATE TABLE other (id int);
    INSERT INTO t SELECT i, i, i % 7 FROM generate_series(1, 40) i;
    INSERT INTO other VALUES (1);
    CREATE FUNCTION slow(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(0.01); RETURN $1; END';
"""
"""slow() holds a build for 0.4 s, and as long again in its validation."""
WITH_INDEX = TABLE + "CREATE INDEX i ON t (a);"
WITH_TWO = WITH_INDEX + "CREATE INDEX i_new ON t (b);"
WITH_CHECK = TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (slow(a) > 0) NOT VALID;"
WITH_REVISION = (
    TABLE + "CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('old');"
)
VALID = (
    "SELECT EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('i') AND indisvalid AND indislive)"
)
GONE = "SELECT to_regclass('i') IS NULL"
SWAPPED = "SELECT pg_get_indexdef(to_regclass('i')) LIKE '%(b)' AND to_regclass('i_old') IS NOT NULL"
ADDED = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ck')"
VALIDATED = "SELECT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ck' AND convalidated)"
DROPPED = "SELECT NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ck')"
MIGRATED = "SELECT version_num = 'new' FROM alembic_version"

READER = ("BEGIN", "SELECT * FROM t")

HASTY = replace(PATIENCE, cleanup_s=0.5)
"""Gives clearing away up."""

Seen = Callable[[JournalEntry], bool]


@dataclass(frozen=True)
class Scene:
    """A step, who is in its way, and the moment of the accident."""

    name: str
    reached: Seen
    holds: tuple[str, ...] = ()
    """What another session has open until after the accident."""
    step: Callable[[], Step] = running.slow
    tables: str = TABLE
    cancelled_at: Seen | None = None
    """When the operator cancels it, before the accident."""
    kept: bool = False
    """The other session stays until the run is over: what the run made cannot be cleared away."""
    proof: str = VALID
    """True where the step's end is there."""


def event(name: Event) -> Seen:
    """The journal has this event."""
    return lambda entry: entry.event == name


def phase(beginning: str) -> Seen:
    """The journal has seen a phase that begins so."""
    return lambda entry: str(entry.detail.get("phase")).startswith(beginning)


SCENES = (
    Scene("confirmed", event(Event.CONFIRMED)),
    Scene("measuring", phase("measuring probes")),
    Scene("table taken", event(Event.BLOCKED), ("BEGIN", "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE")),
    Scene("started", event(Event.STARTED)),
    Scene("writer", phase("waiting for writers before build"), ("BEGIN", "UPDATE t SET b = 0 WHERE id = 1")),
    Scene("building", phase("building index")),
    Scene("validation", phase("index validation")),
    Scene(
        "old snapshot",
        phase("waiting for old snapshots"),
        ("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT * FROM other"),
    ),
    Scene(
        "clearing away",
        phase("cleaning up"),
        READER,
        cancelled_at=phase("building index"),
    ),
    Scene("kept", phase("cleaning up"), READER, cancelled_at=phase("building index"), kept=True),
    Scene("cancelled", event(Event.CANCELLED), cancelled_at=phase("building index")),
    Scene("finished", event(Event.FINISHED), step=running.create),
    Scene("drop", event(Event.BLOCKED), READER, step=running.drop, tables=WITH_INDEX, proof=GONE),
    Scene("add check", event(Event.BLOCKED), READER, step=running.add_check, proof=ADDED),
    Scene("validate", event(Event.STARTED), step=running.validate, tables=WITH_CHECK, proof=VALIDATED),
    Scene(
        "drop check", event(Event.BLOCKED), READER, step=running.drop_check, tables=WITH_CHECK, proof=DROPPED
    ),
    Scene(
        "swap",
        event(Event.BLOCKED),
        ("BEGIN", "ALTER INDEX i SET (fillfactor = 90)"),
        step=running.swap,
        tables=WITH_TWO,
        proof=SWAPPED,
    ),
    Scene(
        "migrate",
        event(Event.BLOCKED),
        ("BEGIN", "SELECT * FROM alembic_version FOR UPDATE"),
        step=lambda: running.migrate("old", "new"),
        tables=WITH_REVISION,
        proof=MIGRATED,
    ),
)


class Holder:
    """The other session; an accident may end it."""

    def __init__(self, database: Database, scene: Scene) -> None:
        self._database = database
        self._scene = scene
        self._connection: asyncpg.Connection | None = None

    async def hold(self) -> None:
        """Open the transaction."""
        if self._scene.holds:
            self._connection = await self._database.connect(application_name="somebody")
            for statement in self._scene.holds:
                await self._connection.execute(statement)

    async def release(self) -> None:
        """End it."""
        if self._connection is not None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._connection.execute("ROLLBACK")
            self._connection.terminate()
            self._connection = None
