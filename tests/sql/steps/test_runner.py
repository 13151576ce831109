"""Runs on real servers, in this process: what they survive, what they leave, what they say."""

from __future__ import annotations

from sql.steps.journal import Event
from sql.steps.outcome import Outcome
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import TABLE, finish, flags, start, story
from tests.waiting import until

USABLE = (True, True, True)


async def test_an_index_is_built_and_verified(database: Database) -> None:
    await database.execute(TABLE)
    result = await finish(database, running.create())
    assert (result.outcome, result.sqlstate) == (Outcome.DONE, None)
    assert await flags(database) == USABLE
    events = [entry.event for entry in story("r1") if entry.event != Event.PROGRESS]
    assert events == [Event.STARTED, Event.FINISHED, Event.VERIFIED]
    assert story("r1", Event.VERIFIED)[0].detail["reached"] is True


async def test_hostile_settings_of_role_and_database_do_not_break_a_build(database: Database) -> None:
    await database.execute(TABLE)
    await database.execute("""CREATE ROLE hostile_%s LOGIN SUPERUSER""" % database.name)
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
    }
    if database.major >= 14:
        settings |= {"idle_session_timeout": "'200ms'", "client_connection_check_interval": "'100ms'"}
    if database.major >= 17:
        settings |= {"transaction_timeout": "'300ms'"}
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


async def test_an_operator_stops_a_build_and_nothing_is_left(database: Database) -> None:
    await database.execute(TABLE)
    run = start(database, running.slow())
    await until(lambda: run.reached("building index"))
    run.stop.ask("alice")
    result = await run.result()
    assert result.outcome is Outcome.CANCELLED
    assert await flags(database) is None
    assert run.told(Event.CANCELLED) and run.told(Event.FINISHED)[0].detail["left"] == ""
