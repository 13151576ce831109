"""Constraints, swaps and migration versions on real servers: short locks, retries, all or nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from sql.steps import failure, settings
from sql.steps.blockers import Blocker
from sql.steps.execute import Execution
from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from sql.steps.patience import Patience
from sql.steps.settings import WrongSettings, in_ms, run_settings
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, TABLE, finish, start, story, transaction
from tests.waiting import until

REVISIONS = "SELECT array_agg(version_num::text ORDER BY 1) FROM alembic_version"
MIGRATION = "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);"
HASTY = replace(QUICK, short_lock_ms=400, attempts=3)


async def ask(database: Database, sql: str) -> Any:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def validated(database: Database) -> bool | None:
    found: bool | None = await ask(database, "SELECT convalidated FROM pg_constraint WHERE conname = 'ck'")
    return found


@pytest.mark.hazard("CON-02")
async def test_a_constraint_is_added_validated_and_dropped(database: Database) -> None:
    await database.execute(TABLE)
    assert (await finish(database, running.add_check())).outcome is Outcome.DONE
    assert await validated(database) is False
    assert (await finish(database, running.validate())).outcome is Outcome.DONE
    assert await validated(database) is True
    assert (await finish(database, running.drop_check())).outcome is Outcome.DONE
    assert await validated(database) is None


@pytest.mark.hazard("CON-05", "CON-11")
async def test_rows_in_the_way_of_a_validation_are_not_told(database: Database) -> None:
    await database.execute(TABLE + "ALTER TABLE t ADD CONSTRAINT ck CHECK (a < 300) NOT VALID;")
    run = start(database, running.validate())
    result = await run.result()
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "23514")
    assert await validated(database) is False


@pytest.mark.hazard("CON-01")
async def test_an_idle_reader_in_the_way_is_named_and_nothing_changes(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "SELECT * FROM t") as reader:
        run = start(database, running.add_check(), patience=HASTY)
        result = await run.result()
        assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "55P03")
        assert f"pid {reader.get_server_pid()}" in result.sentence
        assert "tried 3 times" in result.sentence
        assert await validated(database) is None


@pytest.mark.hazard("CON-01")
async def test_it_tries_again_until_the_reader_is_gone(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "SELECT * FROM t") as reader:
        run = start(database, running.add_check(), patience=replace(HASTY, attempts=1000))
        await until(lambda: run.told(Event.BLOCKED))
        await reader.execute("COMMIT")
        assert (await run.result()).outcome is Outcome.DONE
    assert await validated(database) is False


@pytest.mark.hazard("CON-01")
async def test_between_two_tries_readers_pass(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "SELECT * FROM t"):
        run = start(database, running.add_check(), patience=replace(HASTY, attempts=20))
        await until(lambda: run.told(Event.BLOCKED))
        assert await asyncio.wait_for(ask(database, "SELECT count(*) FROM t"), 10) == 300
        run.stop.ask("alice")
        result = await run.result()
    assert result.outcome is Outcome.CANCELLED and "nothing was changed" in result.sentence


@pytest.mark.hazard("CIC-07")
async def test_it_does_not_queue_behind_a_build_which_would_die_of_it(database: Database) -> None:
    await database.execute(TABLE)
    building = await database.connect(application_name="another tool")
    try:
        build = asyncio.create_task(building.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))"))
        await until(lambda: ask(database, "SELECT true FROM pg_stat_progress_create_index"))
        run = start(database, running.add_check(), patience=replace(QUICK, table_s=30))
        await until(lambda: run.told(Event.BLOCKED))
        assert run.told(Event.BLOCKED)[0].detail["blockers"][0]["pid"] == building.get_server_pid()
        await build
        assert (await run.result()).outcome is Outcome.DONE
    finally:
        building.terminate()
    assert await ask(database, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass")


@pytest.mark.hazard("DEF-09")
async def test_a_cut_name_is_a_failure_and_taken_back(database: Database) -> None:
    await database.execute(TABLE)
    result = await finish(database, running.add_check("c" * 70))
    assert result.outcome is Outcome.FAILED and "42622" in result.sentence
    assert not await ask(database, "SELECT true FROM pg_constraint WHERE conname LIKE 'ccc%'")


async def test_two_names_are_swapped_at_once(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a); CREATE INDEX i_new ON t (b);")
    assert (await finish(database, running.swap())).outcome is Outcome.DONE
    assert "(b)" in await ask(database, "SELECT pg_get_indexdef('i'::regclass)")
    assert "(a)" in await ask(database, "SELECT pg_get_indexdef('i_old'::regclass)")


async def test_a_swap_is_all_or_nothing(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (a);")
    result = await finish(database, running.swap())
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "42P01")
    assert "(a)" in await ask(database, "SELECT pg_get_indexdef('i'::regclass)")


@pytest.mark.hazard("ALB-02")
async def test_a_migration_version_is_set_from_what_was_shown(database: Database) -> None:
    await database.execute(MIGRATION + "INSERT INTO alembic_version VALUES ('004');")
    assert (await finish(database, running.migrate("004", "005"))).outcome is Outcome.DONE
    assert await ask(database, REVISIONS) == ["005"]


@pytest.mark.hazard("ALB-02")
@pytest.mark.parametrize("there", [[], ["003"], ["004", "x"]], ids=["none", "another", "two heads"])
async def test_a_migration_version_that_changed_is_left_alone(database: Database, there: list[str]) -> None:
    await database.execute(MIGRATION)
    for revision in there:
        await database.execute(f"INSERT INTO alembic_version VALUES ('{revision}')")
    result = await finish(database, running.migrate("004", "005"))
    assert result.outcome is Outcome.REFUSED and "nothing was changed" in result.sentence
    assert (await ask(database, REVISIONS) or []) == there


@pytest.mark.hazard("ALB-03")
async def test_a_migration_that_runs_at_the_same_time_wins(database: Database) -> None:
    await database.execute(MIGRATION + "INSERT INTO alembic_version VALUES ('004');")
    update = "UPDATE alembic_version SET version_num = '004b'"
    async with transaction(database, update) as alembic:
        run = start(database, running.migrate("004", "005"), patience=replace(HASTY, attempts=1000))
        await until(lambda: run.told(Event.BLOCKED))
        await alembic.execute("COMMIT")
        assert (await run.result()).outcome is Outcome.REFUSED
    assert await ask(database, REVISIONS) == ["004b"]


@pytest.mark.hazard("ALB-05")
async def test_row_level_security_does_not_pass_for_success(database: Database) -> None:
    user = f"alembic_{database.name}"
    await database.execute(MIGRATION + "INSERT INTO alembic_version VALUES ('004');")
    await database.execute("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
    await database.execute(f"CREATE ROLE {user} LOGIN; GRANT ALL ON alembic_version TO {user}")
    result = await start(database, running.migrate("004", "005"), user=user).result()
    assert result.outcome is Outcome.REFUSED
    assert await ask(database, REVISIONS) == ["004"]
    await database.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


@pytest.mark.hazard("CIC-05")
async def test_settings_that_the_server_refuses_stop_the_run(database: Database) -> None:
    user = f"plain_{database.name}"
    await database.execute(f"CREATE ROLE {user} LOGIN")
    connection = await database.connect(user)
    try:
        with pytest.raises(WrongSettings, match="log_statement"):
            await settings.apply(connection, {"log_statement": "none"})
        with pytest.raises(WrongSettings, match="reads"):
            await settings.apply(connection, {"statement_timeout": "1s"})
    finally:
        await connection.close()
        await database.execute(f"DROP ROLE {user}")


def test_only_settings_that_a_server_knows_are_set() -> None:
    step = running.create()
    old, new = (run_settings(step, "public", version, "r") for version in (130000, 180000))
    assert set(new) - set(old) == {
        "idle_session_timeout",
        "client_connection_check_interval",
        "transaction_timeout",
    }
    assert run_settings(running.add_check(), "public", 180000, "r")["lock_timeout"] == "3000"


def test_durations_are_read_as_postgresql_writes_them() -> None:
    assert [in_ms(text) for text in ("0", "250", "3s", "2min", "1h", "5 ms")] == [
        0,
        250,
        3000,
        120_000,
        3_600_000,
        5,
    ]
    with pytest.raises(ValueError, match="no duration"):
        in_ms("soon")


def test_the_other_side_of_a_deadlock_is_found_in_any_language() -> None:
    detail = (
        "Prozess 100 wartet auf ShareLock-Sperre auf virtuelle Transaktion 5/7; blockiert von Prozess 200.\n"
        "Prozess 200 wartet auf AccessExclusiveLock-Sperre auf Relation 16385 der Datenbank 16384; "
        "blockiert von Prozess 100."
    )
    assert failure.deadlock_pids(detail, 100) == [200]


@pytest.mark.hazard("CIC-09")
async def test_autovacuum_is_waited_for_longer_than_deadlock_timeout(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.execute(TABLE)
    limits: list[int] = []
    really = Execution._set_lock_timeout

    async def remember(self: Execution, limit_ms: int) -> None:
        limits.append(limit_ms)
        self._watching.last_blockers = (
            Blocker(1, backend_type="autovacuum worker", query="autovacuum: VACUUM t"),
        )
        await really(self, 20)

    monkeypatch.setattr(Execution, "_set_lock_timeout", remember)
    async with transaction(database, "SELECT * FROM t"):
        await finish(database, running.add_check(), Patience(look_s=5, attempts=2, short_lock_ms=30))
    assert limits == [30, 3000]
    assert limits[1] > 1000


@pytest.mark.hazard("DISC-03")
async def test_notices_of_a_function_do_not_reach_a_build(database: Database) -> None:
    await database.execute(TABLE)
    await database.execute(
        "CREATE FUNCTION chatty(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql"
        " AS 'BEGIN RAISE NOTICE ''hello''; RETURN $1; END'"
    )
    result = await finish(database, running.create(tail="(chatty(a))"))
    assert result.outcome is Outcome.DONE
    assert story("r1", Event.STARTED)[0].detail["settings"]["client_min_messages"] == "warning"


async def test_an_abandoned_transaction_gives_its_locks_back(database: Database) -> None:
    wanted = run_settings(running.swap(), "public", database.major * 10000, "r")
    connection = await database.connect()
    try:
        await settings.apply(connection, {**wanted, "idle_in_transaction_session_timeout": "50"})
        await connection.execute("BEGIN")
        await until(connection.is_closed)
    finally:
        connection.terminate()
    assert wanted["idle_in_transaction_session_timeout"] == "10000"
    assert isinstance(asyncpg.IdleInTransactionSessionTimeoutError(), asyncpg.PostgresError)


@pytest.mark.hazard("ALB-04")
async def test_a_revision_too_long_for_its_column_changes_nothing(database: Database) -> None:
    await database.execute(
        "CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('004')"
    )
    result = await finish(database, running.migrate("004", "5" * 33))
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "22001")
    connection = await database.connect()
    assert await connection.fetchval("SELECT version_num FROM alembic_version") == "004"
    await connection.close()
