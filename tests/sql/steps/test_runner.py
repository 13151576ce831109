"""Index builds on real servers, in this process: what they survive, what they leave, what they say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from sql.errors import SessionError
from sql.steps import proof
from sql.steps import run as run_module
from sql.steps.journal import Event, Journal, JournalEntry
from sql.steps.outcome import Outcome
from sql.steps.verification import Verification
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, TABLE, finish, flags, start, story, transaction
from tests.waiting import until

USABLE = (True, True, True)
OLD_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ"


async def ask(database: Database, sql: str, *arguments: object) -> Any:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql, *arguments)
    finally:
        await connection.close()


@pytest.mark.hazard("CIC-01")
async def test_an_index_is_built_and_verified(database: Database) -> None:
    await database.execute(TABLE)
    result = await finish(database, running.create())
    assert (result.outcome, result.sqlstate) == (Outcome.DONE, None)
    assert await flags(database) == USABLE
    events = [entry.event for entry in story("r1") if entry.event != Event.PROGRESS]
    assert events == [Event.STARTED, Event.FINISHED, Event.VERIFIED]
    assert story("r1", Event.VERIFIED)[0].detail["reached"] is True


async def test_a_proof_whose_connection_breaks_is_tried_again(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(TABLE)
    really, breaks = proof.verify, [ConnectionResetError(), SessionError("gone", stage="network")]

    async def verify(*arguments: Any) -> Verification:
        if breaks:
            raise breaks.pop()
        return await really(*arguments)

    monkeypatch.setattr(proof, "verify", verify)
    result = await finish(newest, running.create())
    assert result.verified is not None and result.verified.reached
    assert len(story("r1", Event.VERIFIED)) == 1 and not breaks


@pytest.mark.hazard("CIC-05", "CIC-16", "DISC-02")
async def test_hostile_settings_of_role_and_database_do_not_break_a_build(database: Database) -> None:
    await database.execute(TABLE)
    user = f"hostile_{database.name}"
    settings = {
        "statement_timeout": "'300ms'",
        "lock_timeout": "'50ms'",
        "idle_in_transaction_session_timeout": "'50ms'",
        "default_transaction_read_only": "on",
        "default_transaction_isolation": "serializable",
        "client_min_messages": "debug1",
        "TimeZone": "'America/New_York'",
        "search_path": "nowhere",
        "default_tablespace": "nowhere",
    }
    if database.major >= 14:
        settings |= {"idle_session_timeout": "'200ms'", "client_connection_check_interval": "'100ms'"}
    if database.major >= 17:
        settings |= {"transaction_timeout": "'300ms'"}
    settings.pop("default_tablespace")
    await database.execute(f"CREATE ROLE {user} LOGIN SUPERUSER")
    for name, value in settings.items():
        await database.execute(f"ALTER ROLE {user} SET {name} = {value}")
    await database.execute(f"ALTER DATABASE {database.name} SET statement_timeout = '200ms'")
    run = start(database, running.slow(), user=user)
    result = await run.result()
    assert result.outcome is Outcome.DONE, result.sentence
    assert await flags(database) == USABLE
    read_back = run.told(Event.STARTED)[0].detail["settings"]
    assert read_back["statement_timeout"] == read_back["lock_timeout"] == "0"
    await database.execute(f"REASSIGN OWNED BY {user} TO postgres; DROP ROLE {user}")


@pytest.mark.hazard("DISC-04", "IDX-03")
async def test_a_build_stopped_while_it_builds_leaves_nothing(database: Database) -> None:
    await database.execute(TABLE)
    run = start(database, running.slow())
    await until(lambda: run.reached("building index"))
    run.stop.ask("alice")
    result = await run.result()
    assert result.outcome is Outcome.CANCELLED
    assert await flags(database) is None
    assert run.told(Event.CANCELLED) and run.told(Event.FINISHED)[0].detail["left"] == ""


@pytest.mark.hazard("DISC-04")
async def test_a_build_stopped_while_it_waits_for_old_snapshots_leaves_nothing(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "SELECT * FROM other", begin=OLD_SNAPSHOT) as somebody:
        run = start(database, running.create())
        await until(lambda: run.reached("waiting for old snapshots"))
        pid = somebody.get_server_pid()
        assert run.told(Event.BLOCKED)[-1].detail["blockers"][0]["pid"] == pid
        run.stop.ask("alice")
        assert (await run.result()).outcome is Outcome.CANCELLED
    assert await flags(database) is None


@pytest.mark.hazard("IDX-05")
async def test_what_cannot_be_cleared_away_is_said_with_the_step_that_mends_it(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "UPDATE t SET b = 0 WHERE id = 1") as writer:
        run = start(database, running.create(), patience=replace(QUICK, cleanup_s=0.5))
        await until(lambda: run.reached("waiting for writers before build"))
        run.stop.ask("alice")
        assert (await run.result()).outcome is Outcome.CANCELLED
        left = run.told(Event.FINISHED)[0].detail["left"]
        assert "drop-index:i mends it" in left and f"pid {writer.get_server_pid()}" in left
    found = await flags(database)
    assert found is not None and not found[0]
    assert (await finish(database, running.drop())).outcome is Outcome.DONE
    assert await flags(database) is None


@pytest.mark.hazard("CIC-02", "CIC-04")
async def test_a_build_outwaits_a_writer_and_an_old_snapshot(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "UPDATE t SET b = 0 WHERE id = 1", begin=OLD_SNAPSHOT) as somebody:
        run = start(database, running.create(), patience=replace(QUICK, first_lock_s=0.1, note_s=0))
        # Long after the limit for its first lock it still waits: something is made by now.
        await until(lambda: any(entry.detail.get("elapsed_s", 0) > 0.3 for entry in run.told(Event.PROGRESS)))
        assert run.reached("waiting for writers before build")
        await somebody.execute("COMMIT")
        assert (await run.result()).outcome is Outcome.DONE
    assert await flags(database) == USABLE


@pytest.mark.hazard("CIC-10")
async def test_a_prepared_transaction_in_the_way_is_named_by_its_gid(database: Database) -> None:
    await database.execute(TABLE)
    gid = f"gid-{database.name}"
    await database.execute(f"BEGIN; UPDATE t SET b = 0 WHERE id = 1; PREPARE TRANSACTION '{gid}'")
    run = start(database, running.create())
    try:
        await until(lambda: run.told(Event.BLOCKED))
        (blocker,) = run.told(Event.BLOCKED)[0].detail["blockers"]
        assert (blocker["pid"], blocker["gid"], blocker["user"]) == (None, gid, "postgres")
    finally:
        await database.execute(f"ROLLBACK PREPARED '{gid}'")
    assert (await run.result()).outcome is Outcome.DONE


@pytest.mark.hazard("CIC-06", "CIC-07")
async def test_it_is_refused_while_somebody_else_works_on_the_table(database: Database) -> None:
    await database.execute(TABLE)
    lock = "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"
    async with transaction(database, lock) as somebody:
        run = start(database, running.create(), patience=replace(QUICK, table_s=0.3))
        result = await run.result()
        assert result.outcome is Outcome.REFUSED
        assert f"pid {somebody.get_server_pid()}" in result.sentence
    assert run.told(Event.BLOCKED) and not run.told(Event.STARTED)
    assert await flags(database) is None


async def nobody(*_: object) -> None:
    """In place of the wait before the start: as if the lock were taken just after it."""


@pytest.mark.hazard("CIC-04")
async def test_waiting_for_the_first_lock_is_stopped_free_of_cost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.execute(TABLE)
    monkeypatch.setattr(run_module, "wait_for_table", nobody)
    async with transaction(database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE") as somebody:
        run = start(database, running.create())
        result = await run.result()
        assert result.outcome is Outcome.CANCELLED
        assert f"pid {somebody.get_server_pid()}" in result.sentence
        assert await flags(database) is None
        assert run.told(Event.FINISHED)[0].detail["left"] == ""


@pytest.mark.hazard("CIC-06")
async def test_a_build_of_somebody_else_does_not_die_of_ours(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await database.execute(TABLE)
    monkeypatch.setattr(run_module, "wait_for_table", nobody)
    other = await database.connect(application_name="another tool")
    build = asyncio.create_task(other.execute("CREATE INDEX CONCURRENTLY j ON t (slow(a))"))
    try:
        await until(lambda: flags(database, "j"))
        result = await start(database, running.create(), patience=replace(QUICK, first_lock_s=60)).result()
        assert result.outcome is Outcome.CANCELLED and "another tool" in result.sentence
        await build
    finally:
        other.terminate()
    assert await flags(database, "j") == USABLE and await flags(database) is None


@pytest.mark.hazard("IDX-02", "CON-11")
async def test_duplicates_end_a_unique_build_without_their_values_being_told(database: Database) -> None:
    await database.execute(TABLE)
    await database.execute("INSERT INTO t VALUES (9001, 777777, 1), (9002, 777777, 1)")
    run = start(database, running.create(unique=True))
    result = await run.result()
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "23505")
    assert await flags(database) is None
    assert "777777" not in run_text(run)


async def test_a_journal_on_a_full_disk_does_not_end_a_build(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(TABLE)
    run = start(newest, running.slow())
    await until(lambda: run.told(Event.STARTED))
    really = Journal.append

    def append(self: Journal, entry: JournalEntry) -> None:
        if entry.event in (Event.PROGRESS, Event.BLOCKED):
            raise OSError(28, "No space left on device")
        really(self, entry)

    monkeypatch.setattr(Journal, "append", append)
    assert (await run.result()).outcome is Outcome.DONE


async def test_nothing_is_sent_that_cannot_be_journalled(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(TABLE)

    def append(self: Journal, entry: JournalEntry) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "append", append)
    with pytest.raises(OSError, match="No space"):
        await start(newest, running.create()).result()
    assert await flags(newest) is None


@pytest.mark.hazard("CON-11")
async def test_values_that_a_message_quotes_are_left_out(database: Database) -> None:
    await database.execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('hunter2')")
    run = start(database, running.create(tail="((a::int))"))
    result = await run.result()
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "22P02")
    assert await flags(database) is None
    assert "hunter2" not in run_text(run)


@pytest.mark.hazard("IDX-02")
async def test_a_unique_index_that_is_left_and_rejects_writes_is_an_alarm(database: Database) -> None:
    await database.execute(TABLE)
    async with transaction(database, "SELECT * FROM t"):
        step = running.create(tail="(slow(a))", unique=True)
        run = start(database, step, patience=replace(QUICK, cleanup_s=0.3))
        await until(lambda: run.reached("building index"))
        await database.execute("INSERT INTO t VALUES (9001, 777777, 1), (9002, 777777, 1)")
        result = await run.result()
        assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "23505")
        assert "STILL REJECTS WRITES; drop-index:i mends it" in run.told(Event.FINISHED)[0].detail["left"]
        assert await flags(database) == (False, True, True)


def run_text(run: running.Started) -> str:
    return "".join(entry.as_line().decode() for entry in story(run.id))


@pytest.mark.hazard("DEF-01")
@pytest.mark.parametrize("holder", ["CREATE TABLE i (x int)", "CREATE VIEW i AS SELECT 1 AS x"])
async def test_a_name_that_something_else_bears_is_a_failure(newest: Database, holder: str) -> None:
    await newest.execute(TABLE)
    await newest.execute(holder)
    result = await finish(newest, running.create())
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "42P07")
    assert await ask(newest, "SELECT relkind FROM pg_class WHERE relname = 'i'") in (b"r", b"v")


@pytest.mark.hazard("IDX-04")
async def test_an_invalid_index_that_was_there_before_is_left_alone(database: Database) -> None:
    await database.execute(TABLE)
    await database.execute("INSERT INTO t VALUES (9001, 1, 1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)")
    oid = await ask(database, "SELECT 'i'::regclass::oid")
    run = start(database, running.create())
    result = await run.result()
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "42P07")
    assert "left alone" in run.told(Event.FINISHED)[0].detail["left"]
    assert await ask(database, "SELECT 'i'::regclass::oid") == oid


@pytest.mark.hazard("CIC-07")
async def test_ddl_behind_a_build_kills_it_and_is_named(database: Database) -> None:
    await database.execute(TABLE)
    run = start(database, running.slow())
    await until(lambda: run.reached("building index"))
    deploy = await database.connect(application_name="deploy")
    try:
        pid = deploy.get_server_pid()
        altering = asyncio.create_task(deploy.execute("ALTER TABLE t ADD COLUMN z int"))
        await until(lambda: any(pid in e.detail.get("queued_behind", []) for e in run.told(Event.PROGRESS)))
        result = await run.result()
        await altering
    finally:
        deploy.terminate()
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "40P01")
    assert f"pid {pid}" in result.sentence
    assert await flags(database) is None


@pytest.mark.hazard("CIC-08")
async def test_the_second_builder_waits_and_says_for_whom(database: Database) -> None:
    await database.execute(TABLE)
    first = start(database, running.slow("i"), "r1")
    await until(lambda: first.reached("building index"))
    second = start(database, running.create("j", table="other", tail="(id)"), "r2")
    await until(lambda: second.told(Event.BLOCKED))
    assert "pgdeck run r1" in second.told(Event.BLOCKED)[0].detail["sentence"]
    assert not second.told(Event.STARTED)
    assert (await first.result()).outcome is Outcome.DONE
    assert (await second.result()).outcome is Outcome.DONE
    assert await flags(database, "i") == await flags(database, "j") == USABLE


async def test_a_builder_that_waits_can_be_stopped(newest: Database) -> None:
    await newest.execute(TABLE)
    first = start(newest, running.slow("i"), "r1")
    await until(lambda: first.told(Event.STARTED))
    second = start(newest, running.create("j"), "r2")
    await until(lambda: second.told(Event.BLOCKED))
    second.stop.ask("alice")
    assert (await second.result()).outcome is Outcome.CANCELLED
    assert (await first.result()).outcome is Outcome.DONE


async def test_a_step_whose_end_is_there_sends_nothing(newest: Database) -> None:
    await newest.execute(TABLE)
    run = start(newest, running.drop())
    assert (await run.result()).outcome is Outcome.DONE
    assert not run.told(Event.STARTED)


@pytest.mark.hazard("DEF-01", "APG-03")
async def test_an_index_of_that_name_that_somebody_made_meanwhile_is_no_success(database: Database) -> None:
    await database.execute(TABLE + "CREATE INDEX i ON t (b);")
    result = await finish(database, running.create())
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "42P07")
    assert await flags(database) == USABLE


@pytest.mark.hazard("DEF-10")
async def test_a_second_statement_in_the_text_is_refused_by_the_server(database: Database) -> None:
    await database.execute(TABLE)
    step = running.create()
    smuggled = replace(step, statements=(step.statements[0] + "; DROP TABLE other",))
    result = await finish(database, smuggled)
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "42601")
    assert await ask(database, "SELECT to_regclass('other') IS NOT NULL")


@pytest.mark.hazard("PRG-01")
async def test_an_ordinary_owner_sees_pids_only_and_still_builds(database: Database) -> None:
    owner = f"owner_{database.name}"
    await database.execute(f"CREATE ROLE {owner} LOGIN; GRANT CREATE ON SCHEMA public TO {owner}; {TABLE}")
    await database.execute(f"ALTER TABLE t OWNER TO {owner}")
    try:
        async with transaction(database, "SELECT * FROM other", begin=OLD_SNAPSHOT) as somebody:
            run = start(database, running.create(), user=owner)
            await until(lambda: run.told(Event.BLOCKED))
            blocked = run.told(Event.BLOCKED)[0].detail
            assert blocked["blockers"][0]["pid"] == somebody.get_server_pid()
            assert "details hidden" in blocked["sentence"]
            await somebody.execute("COMMIT")
            assert (await run.result()).outcome is Outcome.DONE
    finally:
        await database.execute(f"DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}")
