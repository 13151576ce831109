from __future__ import annotations

import asyncio
import uuid

import pytest

from profiles.manifest import MigrationEntry
from sql.errors import ReadingError
from sql.findings import MigrationFinding
from sql.migration import read_migration, schemas
from sql.snapshots import MigrationReading
from tests.servers import Database
from tests.sql.sessions import session

EXPECTED = MigrationEntry("005_performance_indexes", rollback_to="af36f48fb48c")


async def read(
    database: Database,
    entry: MigrationEntry = EXPECTED,
    search_path: str = "public",
    user: str = "postgres",
) -> MigrationReading:
    async with session(database, user) as watching:
        return (await read_migration(watching, entry, search_path)).migration


async def versions(database: Database, *revisions: str, table: str = "public.alembic_version") -> None:
    values = "".join(f"INSERT INTO {table} VALUES ('{revision}');" for revision in revisions)
    await database.execute(f"CREATE TABLE {table} (version_num varchar(32) PRIMARY KEY);" + values)


async def test_current(database: Database) -> None:
    await versions(database, EXPECTED.expected)
    reading = await read(database)
    assert reading.finding is MigrationFinding.CURRENT
    assert reading.actual == (EXPECTED.expected,)
    assert reading.table == "public.alembic_version"
    assert reading.detail == ""


async def test_another_revision_is_not_said_to_be_older(database: Database) -> None:
    await versions(database, "006_more")
    reading = await read(database)
    assert reading.finding is MigrationFinding.BEHIND
    assert (
        "ahead or elsewhere: revision 006_more is not the expected 005_performance_indexes" in reading.detail
    )


async def test_the_rollback_target_is_recognised(database: Database) -> None:
    await versions(database, "af36f48fb48c")
    reading = await read(database)
    assert reading.finding is MigrationFinding.BEHIND
    assert "rolls back to" in reading.detail


@pytest.mark.hazard("ALB-02")
async def test_several_heads_also_where_one_is_expected(database: Database) -> None:
    await versions(database, EXPECTED.expected, "other")
    reading = await read(database)
    assert reading.finding is MigrationFinding.SEVERAL_HEADS
    assert reading.actual == ("005_performance_indexes", "other")


@pytest.mark.hazard("ALB-01")
async def test_empty_and_no_table(database: Database) -> None:
    assert (await read(database)).finding is MigrationFinding.NO_TABLE
    await versions(database)
    assert (await read(database)).finding is MigrationFinding.EMPTY


async def test_a_table_in_another_schema_is_named(database: Database) -> None:
    await database.execute('CREATE SCHEMA "Other"')
    await versions(database, EXPECTED.expected, table='"Other".alembic_version')
    reading = await read(database)
    assert reading.finding is MigrationFinding.NO_TABLE
    assert '"Other".alembic_version' in reading.detail
    found = await read(database, MigrationEntry(EXPECTED.expected, table='"Other".alembic_version'))
    assert found.finding is MigrationFinding.CURRENT
    by_path = await read(database, search_path='app, "Other"')
    assert (by_path.finding, by_path.table) == (MigrationFinding.CURRENT, '"Other".alembic_version')


@pytest.mark.hazard("ALB-01")
async def test_the_same_table_in_two_schemas_is_ambiguous_unless_the_schema_is_named(
    database: Database,
) -> None:
    await database.execute("CREATE SCHEMA s2")
    await versions(database, EXPECTED.expected)
    await versions(database, "other", table="s2.alembic_version")
    reading = await read(database, search_path="s2, public")
    assert (reading.finding, reading.actual) == (MigrationFinding.BEHIND, ("other",))
    assert "there is also public.alembic_version" in reading.detail
    named = await read(database, MigrationEntry(EXPECTED.expected, table="public.alembic_version"))
    assert named.finding is MigrationFinding.CURRENT
    assert named.detail == ""


async def test_hostile_table_names_are_names(database: Database) -> None:
    table = 'public."x""; DROP TABLE t; --"'
    await versions(database, EXPECTED.expected, table=table)
    reading = await read(database, MigrationEntry(EXPECTED.expected, table=table))
    assert reading.finding is MigrationFinding.CURRENT
    with pytest.raises(ReadingError):
        await read(database, MigrationEntry(EXPECTED.expected, table="x; DROP TABLE t"))


@pytest.mark.hazard("ALB-05")
async def test_an_unreadable_table_names_its_grants(database: Database) -> None:
    role = f"r_{uuid.uuid4().hex[:8]}"
    await database.execute(f"CREATE ROLE {role} LOGIN; CREATE SCHEMA closed")
    await versions(database, EXPECTED.expected, table="closed.alembic_version")
    entry = MigrationEntry(EXPECTED.expected, table="closed.alembic_version")
    try:
        reading = await read(database, entry, user=role)
        assert reading.finding is MigrationFinding.UNREADABLE
        assert f"GRANT USAGE ON SCHEMA closed TO {role}" in reading.detail
        assert f"GRANT SELECT ON closed.alembic_version TO {role}" in reading.detail
        await database.execute(reading.detail.partition(": ")[2])
        assert (await read(database, entry, user=role)).finding is MigrationFinding.CURRENT
        await database.execute("ALTER TABLE closed.alembic_version ENABLE ROW LEVEL SECURITY")
        hidden = await read(database, entry, user=role)
        assert hidden.finding is MigrationFinding.UNREADABLE
        assert "row security" in hidden.detail
    finally:
        await database.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


async def test_a_table_of_another_tool_is_unreadable(database: Database) -> None:
    await database.execute("CREATE TABLE alembic_version (id int)")
    reading = await read(database)
    assert reading.finding is MigrationFinding.UNREADABLE
    assert "no column version_num" in reading.detail


async def test_a_locked_table_does_not_hang(newest: Database) -> None:
    await versions(newest, EXPECTED.expected)
    holder = await newest.connect()
    await holder.execute("BEGIN; LOCK TABLE alembic_version")
    with pytest.raises(ReadingError, match="lock"):
        await asyncio.wait_for(read(newest), 20)
    await holder.close()


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("public", ["public"]),
        ('"$user", public', ["oncall", "public"]),
        ('Sales, "Sales", "a""b, c"', ["sales", "Sales", 'a"b, c']),
        ("", []),
    ],
)
def test_search_paths_are_read_as_postgresql_reads_them(path: str, names: list[str]) -> None:
    assert schemas(path, "oncall") == names
