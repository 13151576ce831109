"""One signal to the root of a queue: who goes on, what the journal has, and who is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from profiles.locations import locations
from profiles.model import EnvironmentClass, Profile
from sql.demo.cluster import Cluster
from sql.locks.reading import LockSession, read_locks
from sql.locks.tree import Forest
from sql.steps.blockers import from_row
from sql.steps.ending import Ended, end, session_of
from sql.steps.journal import Event, Journal, JournalEntry
from sql.steps.runs import runs
from sql.steps.signal_rules import why_not
from sql.steps.signals import Signal
from tests import servers
from tests.servers import Database
from tests.sql.crowding import Crowd, crowd
from tests.sql.pool.test_reading import role
from tests.sql.sessions import open_session, session
from tests.waiting import until

UPDATE = "UPDATE leads SET score = 0 WHERE id = {id}"
CONNECTIONS = 100
WAITING = 40


def profile(database: Database, user: str = "postgres") -> Profile:
    return Profile("sales", EnvironmentClass.STAGING, "none", database.parameters(user))


async def forest(database: Database) -> Forest:
    async with session(database) as watching:
        return Forest(await read_locks(watching))


async def named(database: Database, application: str) -> LockSession:
    async with session(database) as watching:
        snapshot = await read_locks(watching)
    return next(each for each in snapshot.sessions if each.application == application)


def journal() -> list[JournalEntry]:
    return list(Journal(locations().journal).read())


@pytest.fixture(scope="module", params=servers.wanted_majors(), ids=lambda major: f"pg{major}")
def roomy(request: pytest.FixtureRequest) -> Iterator[tuple[int, Cluster]]:
    """A server with room for a hundred and some."""
    if servers.binaries(request.param) is None:
        pytest.skip(servers.how_to_get(request.param))
    cluster = servers.start(request.param, max_connections=str(CONNECTIONS + 20))
    yield request.param, cluster
    cluster.remove()
    cluster.folder.parent.rmdir()


@pytest.fixture
async def hundred(roomy: tuple[int, Cluster]) -> AsyncIterator[tuple[Database, Crowd]]:
    """A hundred connections: forty wait behind one root, one behind a chain, one behind two share locks."""
    major, cluster = roomy
    database = await servers.new_database(cluster, major)
    async with crowd(database) as gathered:
        await database.execute("CREATE TABLE shared (id int)")
        await gathered.session("BEGIN", UPDATE.format(id=1), UPDATE.format(id=3), application="root")
        for number in range(WAITING - 1):
            await gathered.waits(UPDATE.format(id=1), application=f"w{number}")
        last_words = f"{UPDATE.format(id=3)}; COMMIT"
        await gathered.waits(last_words, "BEGIN", UPDATE.format(id=2), application="middle")
        await gathered.waits(UPDATE.format(id=2), application="end of the chain")
        for name in ("share 1", "share 2"):
            await gathered.session("BEGIN", "LOCK TABLE shared IN SHARE MODE", application=name)
        await gathered.waits("INSERT INTO shared VALUES (1)", application="waits for both")
        await gathered.idle(CONNECTIONS - WAITING - 5)
        yield database, gathered
    await servers.drop_database(database)


async def test_ending_the_root_of_a_hundred_connections_ends_the_queue(
    hundred: tuple[Database, Crowd],
) -> None:
    database, _ = hundred
    found = await forest(database)
    assert [root.application for root in found.roots] == ["root", "share 1", "share 2"] or [
        root.application for root in found.roots
    ] == ["root", "share 2", "share 1"]
    root = found.roots[0]
    assert len(found.behind(root.key)) == len(found.freed(root.key)) == WAITING + 1
    shape = {branch.session.application: branch.depth for branch in found.branches()}
    assert shape["w0"] == 1 and {shape[f"w{n}"] for n in range(1, WAITING - 1)} == {2}
    assert (shape["middle"], shape["end of the chain"]) == (1, 2)
    both = [branch for branch in found.branches() if branch.session.application == "waits for both"]
    assert [branch.shown_before for branch in both] == [False, True]

    ended = await end(profile(database), None, Signal.TERMINATE, root, wait_s=30)

    assert ended == Ended(
        True, True, WAITING + 1, 0, f"pid {root.pid}: its session ended; all {WAITING + 1} behind it go on"
    )
    left = await forest(database)
    assert {each.application for each in left.roots} == {"share 1", "share 2"}
    told = [entry.event for entry in journal()]
    assert told == [Event.CONFIRMED, Event.CANCELLED, Event.CANCELLED, Event.VERIFIED]
    last = journal()[-1]
    assert last.detail["reached"] is True and last.detail["waited"] == WAITING + 1
    assert last.detail["sentence"] == ended.sentence
    assert last.sql == f"SELECT pg_terminate_backend({root.pid})"
    assert last.detail["blocker"]["application"] == "root"


async def test_all_that_waited_go_on_where_nothing_else_holds_them(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        for number in range(3):
            await gathered.waits(UPDATE.format(id=1), application=f"w{number}")
        root = await named(database, "root")
        ended = await end(profile(database), None, Signal.TERMINATE, root, wait_s=30)
    assert ended == Ended(True, True, 3, 0, f"pid {root.pid}: its session ended; all 3 behind it go on")
    assert runs(Journal(locations().journal)) == (), "a signal is no run"


async def test_those_that_wait_for_somebody_else_now_are_said(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        next_one = await gathered.waits(UPDATE.format(id=1), "BEGIN", application="next")
        await gathered.waits(UPDATE.format(id=1), application="last")
        root = await named(database, "root")
        ended = await end(profile(database), None, Signal.TERMINATE, root, wait_s=0.3)
    assert (ended.waited, ended.still_waiting) == (2, 1)
    assert f"of 2 behind it 1 still waits, now for pid {next_one} (postgres, next)" in ended.sentence


async def test_a_cancel_ends_the_statement_and_the_session_stays(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        pid = await gathered.waits(UPDATE.format(id=1), application="waiter")
        ended = await end(profile(database), None, Signal.CANCEL, await named(database, "waiter"))
        assert (ended.sent, ended.effective, ended.waited) == (True, True, 0)
        assert not await gathered.is_waiting(pid)
        root = await named(database, "root")
        refused = await end(profile(database), None, Signal.CANCEL, root)
        assert not refused.sent and "there is nothing to cancel" in refused.sentence
    assert [entry.event for entry in journal()][-3:] == [Event.CONFIRMED, Event.CANCELLED, Event.CANCELLED]


@pytest.mark.hazard("DISC-10")
async def test_another_statement_or_session_with_that_pid_is_left_alone(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        pid = await gathered.waits(UPDATE.format(id=1), application="waiter")
        waiter = await named(database, "waiter")
        assert waiter.query_start is not None and waiter.backend_start is not None
        other = replace(waiter, query_start=waiter.query_start - timedelta(seconds=1))
        ended = await end(profile(database), None, Signal.CANCEL, other)
        assert not ended.sent and "another statement" in ended.sentence
        other = replace(waiter, backend_start=waiter.backend_start - timedelta(seconds=1))
        ended = await end(profile(database), None, Signal.TERMINATE, other)
        assert not ended.sent and "another session" in ended.sentence
        assert await gathered.is_waiting(pid)


async def test_a_full_server_is_freed_through_the_watching_session(newest: Database) -> None:
    async with role(newest, "IN ROLE pg_monitor, pg_signal_backend") as operator, crowd(newest) as gathered:
        await newest.execute(f"GRANT ALL ON leads TO {operator}; ALTER ROLE {operator} CONNECTION LIMIT 3")
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root", user=operator)
        await gathered.waits(UPDATE.format(id=1), application="waiter", user=operator)
        watching = await open_session(newest, operator)
        root = await named(newest, "root")
        ended = await end(
            profile(newest, operator), None, Signal.TERMINATE, root, lambda fetch: fetch(watching)
        )
        await until(lambda: _gone(newest, "root"))
        await watching.close()
    assert (ended.sent, ended.effective, ended.waited, ended.still_waiting) == (True, True, 1, 0)


async def _gone(database: Database, application: str) -> bool:
    async with session(database) as watching:
        snapshot = await read_locks(watching)
    return application not in {each.application for each in snapshot.sessions}


async def test_without_the_right_nothing_is_sent_and_it_is_said(database: Database) -> None:
    async with role(database, "IN ROLE pg_monitor") as watcher, crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        await gathered.waits(UPDATE.format(id=1), application="waiter")
        root = await named(database, "root")
        ended = await end(profile(database, watcher), None, Signal.TERMINATE, root)
    assert not ended.sent and "not allowed to terminate" in ended.sentence


async def test_a_run_offers_no_signal_that_the_locks_screen_does_not(database: Database) -> None:
    """A superuser's session is for superusers, whatever pg_signal_backend says (signalfuncs.c)."""
    async with (
        role(database, "IN ROLE pg_monitor") as watcher,
        role(database, "IN ROLE pg_monitor, pg_signal_backend") as signaller,
        role(database) as plain,
        crowd(database) as gathered,
    ):
        await gathered.session("BEGIN", "SELECT pg_advisory_lock_shared(1)", application="of superuser")
        await gathered.session(
            "BEGIN", "SELECT pg_advisory_lock_shared(1)", application="of plain", user=plain
        )
        waiter = await gathered.waits("SELECT pg_advisory_lock(1)", application="waiter")
        for user, superusers, everybodys in (
            (watcher, "only a superuser may signal it", "GRANT pg_signal_backend allows it"),
            (signaller, "only a superuser may signal it", ""),
            ("postgres", "", ""),
        ):
            async with session(database, user) as watching:
                rows = await watching.fetch("run_blockers", waiter)
                locks = {each.pid: each for each in (await read_locks(watching)).sessions}
            blockers = {each.application: session_of(each) for each in map(from_row, rows)}
            for name, why in (("of superuser", superusers), ("of plain", everybodys)):
                said = why_not(blockers[name], Signal.TERMINATE)
                assert said == why_not(locks[blockers[name].pid], Signal.TERMINATE)
                assert (said == "") == (why == "") and why in said


@pytest.mark.hazard("DISC-10")
async def test_a_session_that_ended_the_transaction_that_was_meant_is_left_alone(database: Database) -> None:
    async with crowd(database) as gathered:
        holder = await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        root = await named(database, "root")
        await holder.execute("COMMIT")
        for next_one in ("SELECT 1", "BEGIN; SELECT FROM leads"):
            await holder.execute(next_one)
            ended = await end(profile(database), None, Signal.TERMINATE, root)
            assert not ended.sent and "its transaction by now" in ended.sentence, ended
            assert await holder.fetchval("SELECT 1") == 1


async def test_a_session_that_goes_on_in_its_transaction_is_the_one_that_was_meant(
    database: Database,
) -> None:
    async with crowd(database) as gathered:
        holder = await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        root = await named(database, "root")
        await holder.execute("SELECT 1")
        ended = await end(profile(database), None, Signal.TERMINATE, root)
    assert ended.effective
