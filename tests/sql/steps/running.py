"""Steps, profiles and slow builds for the tests of the runner."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import asyncpg

from profiles.locations import locations
from profiles.model import EnvironmentClass, Profile
from sql.demo.cluster import SUPERUSER, Cluster
from sql.steps import ddl
from sql.steps.job import Job
from sql.steps.journal import Event, Journal, JournalEntry
from sql.steps.operator import Operator
from sql.steps.outcome import RunResult
from sql.steps.patience import Patience, Stop
from sql.steps.run import Run
from sql.steps.scribe import Scribe
from sql.steps.step import (
    ConstraintGone,
    ConstraintStands,
    EndState,
    IndexGone,
    IndexStands,
    MigrationAt,
    Step,
    Verb,
)
from tests import servers
from tests.servers import Database

BUILD = {"lock_timeout": "0", "statement_timeout": "0"}
BRIEF = {"lock_timeout": "3s", "statement_timeout": "30s"}
QUICK = Patience(
    look_s=0.05, note_s=60.0, table_s=1.0, first_lock_s=0.6, cleanup_s=2.0, attempts=4, unreachable_s=30.0
)
OPERATOR = Operator("alice", "203.0.113.5", socket.gethostname())
TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    CREATE TABLE other (id int);
    INSERT INTO t SELECT i, i, i % 7 FROM generate_series(1, 300) i;
    INSERT INTO other VALUES (1);
    CREATE FUNCTION slow(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_sleep(0.01); RETURN $1; END';
"""
"""slow() holds a build in "building index" for 3 s, and as long again in its validation."""


def profile(database: Database, user: str = SUPERUSER, **parameters: str) -> Profile:
    """A profile of the database."""
    connection = {**database.parameters(user), **parameters}
    return Profile("test", EnvironmentClass.STAGING, "none", connection=connection)


def create(name: str = "i", tail: str = "(a)", *, unique: bool = False, table: str = "t") -> Step:
    """CREATE INDEX CONCURRENTLY."""
    end = IndexStands("public", table, name, unique, tail)
    return _step(Verb.CREATE_INDEX, name, (ddl.create_index(end),), end, BUILD)


def slow(name: str = "i") -> Step:
    """A build that takes some seconds."""
    return create(name, "(slow(a))")


def drop(name: str = "i") -> Step:
    """DROP INDEX CONCURRENTLY."""
    end = IndexGone("public", name, was=IndexStands("public", "t", name, False, "(a)"))
    return _step(Verb.DROP_INDEX, name, (ddl.drop_index("public", name),), end, BUILD)


def add_check(name: str = "ck", definition: str = "CHECK (a > 0)") -> Step:
    """ADD CONSTRAINT … NOT VALID."""
    end = ConstraintStands("public", "t", name, definition, validated=False)
    return _step(Verb.ADD_CONSTRAINT, f"t.{name}", (ddl.add_constraint(end),), end, BRIEF)


def validate(name: str = "ck") -> Step:
    """VALIDATE CONSTRAINT."""
    end = ConstraintStands("public", "t", name, "", validated=True)
    sql = ddl.validate_constraint("public", "t", name)
    return _step(Verb.VALIDATE_CONSTRAINT, f"t.{name}", (sql,), end, {**BRIEF, "statement_timeout": "0"})


def drop_check(name: str = "ck") -> Step:
    """DROP CONSTRAINT."""
    end = ConstraintGone("public", "t", name)
    return _step(Verb.DROP_CONSTRAINT, f"t.{name}", (ddl.drop_constraint("public", "t", name),), end, BRIEF)


def swap(name: str = "i") -> Step:
    """Two renames in one transaction."""
    end = IndexStands("public", "t", name, False, "(b)")
    statements = (
        ddl.rename_index("public", name, f"{name}_old"),
        ddl.rename_index("public", f"{name}_new", name),
    )
    return _step(Verb.SWAP_INDEX, name, statements, end, BRIEF)


def migrate(before: str, revision: str) -> Step:
    """Set the migration version."""
    end = MigrationAt("public", "alembic_version", revision, before)
    sql = ddl.set_migration("public", "alembic_version", before, revision)
    return _step(Verb.SET_MIGRATION, "alembic_version", (sql,), end, BRIEF)


def _step(
    verb: Verb, target: str, statements: tuple[str, ...], end: EndState, timeouts: dict[str, str]
) -> Step:
    return Step(verb, target, "public.t", statements, end, (), "", "", timeouts)


def journal() -> Journal:
    """The journal of this test."""
    return Journal(locations().journal)


def story(run: str, event: Event | None = None) -> list[JournalEntry]:
    """What the journal says of a run."""
    return [entry for entry in journal().read(run=run) if event in (None, entry.event)]


class Started:
    """A run in this process, in the background."""

    def __init__(self, job: Job, patience: Patience) -> None:
        self.stop = Stop()
        self.id = run = job.run
        scribe = Scribe(journal(), job.profile, run, "hash", OPERATOR)
        self.task = asyncio.create_task(Run(job, None, scribe, self.stop, patience).conduct())

    async def result(self) -> RunResult:
        """How it ended."""
        return await asyncio.wait_for(asyncio.shield(self.task), 60)

    def told(self, event: Event) -> list[JournalEntry]:
        """The entries of one kind so far."""
        return story(self.id, event)

    def reached(self, phase: str) -> bool:
        """Whether the journal has seen a phase that begins so."""
        return any(str(entry.detail["phase"]).startswith(phase) for entry in self.told(Event.PROGRESS))


def start(
    database: Database,
    step: Step,
    run: str = "r1",
    patience: Patience = QUICK,
    user: str = SUPERUSER,
    system_identifier: str | None = None,
    **parameters: str,
) -> Started:
    """Begin a run."""
    where = profile(database, user, **parameters)
    job = Job(run, where, step, OPERATOR, "hash", system_identifier=system_identifier)
    return Started(job, patience)


def start_on(where: Profile, step: Step) -> Started:
    """Begin a run on a profile."""
    return Started(Job("r1", where, step, OPERATOR, "hash"), QUICK)


async def finish(database: Database, step: Step, patience: Patience = QUICK) -> RunResult:
    """A whole run."""
    return await start(database, step, patience=patience).result()


@asynccontextmanager
async def transaction(
    database: Database, *statements: str, begin: str = "BEGIN"
) -> AsyncIterator[asyncpg.Connection]:
    """Another session in the middle of a transaction, rolled back at the end unless it ended it itself."""
    connection = await database.connect(application_name="somebody")
    try:
        await connection.execute(begin)
        for statement in statements:
            await connection.execute(statement)
        yield connection
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.execute("ROLLBACK")
    finally:
        connection.terminate()


async def flags(database: Database, name: str = "i") -> tuple[bool, bool, bool] | None:
    """indisvalid, indisready, indislive; None: there is no such index."""
    connection = await database.connect()
    try:
        row = await connection.fetchrow(
            "SELECT indisvalid, indisready, indislive FROM pg_index i JOIN pg_class c ON c.oid = indexrelid"
            " WHERE relname = $1",
            name,
        )
        return tuple(row) if row else None
    finally:
        await connection.close()


@contextmanager
def own_server() -> Iterator[Cluster]:
    """A server that a test may restart; gone at the end, with its folder."""
    cluster = servers.start(18)
    try:
        yield cluster
    finally:
        cluster.remove()
        shutil.rmtree(cluster.folder.parent)
