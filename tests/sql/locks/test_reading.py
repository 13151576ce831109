"""The blocking forest of real sessions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sql.locks.reading import LockSession, LocksSnapshot, read_locks, read_queue
from sql.locks.tree import Forest
from tests.servers import Database
from tests.sql.crowding import crowd
from tests.sql.pool.test_reading import role
from tests.sql.sessions import session

UPDATE = "UPDATE leads SET score = 0 WHERE id = {id}"


async def look(database: Database, user: str = "postgres") -> LocksSnapshot:
    async with session(database, user) as watching:
        return await read_locks(watching)


async def forest(database: Database, user: str = "postgres") -> Forest:
    return Forest(await look(database, user))


def drawn(found: Forest) -> list[str]:
    """The tree as lines: depth, application, and whether it stands elsewhere."""
    return [
        f"{'  ' * branch.depth}{branch.session.application}{' again' if branch.shown_before else ''}"
        for branch in found.branches()
    ]


def named(found: Forest, application: str) -> LockSession:
    return next(branch.session for branch in found.branches() if branch.session.application == application)


async def test_a_queue_for_one_row_stands_under_the_one_that_holds_it(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        for number in range(4):
            await gathered.waits(UPDATE.format(id=1), application=f"w{number}")
        found = await forest(database)
    assert drawn(found) == ["root", "  w0", "    w1", "    w2", "    w3"]
    root = found.roots[0]
    assert root.idle_in_transaction and root.wrote
    assert [(hold.target, hold.mode) for hold in root.holds] == [("public.leads", "RowExclusiveLock")]
    assert len(found.behind(root.key)) == len(found.freed(root.key)) == 4
    first, third = named(found, "w0"), named(found, "w2")
    assert first.wait is not None and third.wait is not None
    assert first.wait.target == third.wait.target == "a row of public.leads"
    assert third.blockers == (first.key,)
    assert third.ahead == (named(found, "w1").key,) and third.before == 1
    assert third.query == "UPDATE leads SET score = 0 WHERE id = 1"
    if database.major >= 14:
        assert third.wait.since is not None


@pytest.mark.hazard("CON-01")
async def test_readers_queue_behind_a_ddl_that_waits_for_one_reader(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", "SELECT FROM leads", application="reader")
        await gathered.waits("ALTER TABLE leads ADD COLUMN x int", application="ddl")
        for number in range(3):
            await gathered.waits("SELECT FROM leads", application=f"r{number}")
        found = await forest(database)
    assert drawn(found) == ["reader", "  ddl", "    r0", "    r1", "    r2"]
    waiting = named(found, "r1")
    assert waiting.blockers == () and waiting.ahead == (named(found, "ddl").key,)
    assert waiting.wait is not None
    assert (waiting.wait.mode, waiting.wait.target) == ("AccessShareLock", "public.leads")
    assert not found.roots[0].wrote


async def test_one_that_waits_for_two_stands_under_the_first_and_is_named_under_the_other(
    database: Database,
) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", "LOCK TABLE leads IN SHARE MODE", application="share 1")
        await gathered.session("BEGIN", "LOCK TABLE leads IN SHARE MODE", application="share 2")
        await gathered.waits(UPDATE.format(id=1), application="writer")
        await gathered.waits("LOCK TABLE leads IN EXCLUSIVE MODE", "BEGIN", application="late")
        found = await forest(database)
    assert drawn(found) == [
        "share 1",
        "  late",
        "  writer",
        "share 2",
        "  late again",
        "  writer again",
    ] or drawn(found) == ["share 1", "  writer", "  late", "share 2", "  writer again", "  late again"]
    keys = [branch.key for branch in found.branches()]
    assert len(keys) == len(set(keys))
    for root in found.roots:
        assert len(found.behind(root.key)) == 2
        assert found.freed(root.key) == frozenset()


async def test_a_chain_has_its_root_at_the_top(database: Database) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        await gathered.waits(UPDATE.format(id=1), "BEGIN", UPDATE.format(id=2), application="middle")
        pid = await gathered.waits(UPDATE.format(id=2), application="end")
        found = await forest(database)
    assert drawn(found) == ["root", "  middle", "    end"]
    told = [(depth, who.application, whom.application) for depth, who, whom in found.chain(pid)]
    assert told == [(1, "middle", "end"), (2, "root", "middle")]


@pytest.mark.hazard("CIC-10")
@pytest.mark.hazard("PRG-03")
async def test_a_prepared_transaction_is_a_root_with_its_name(database: Database) -> None:
    gid = f"gid {database.name}"
    async with crowd(database) as gathered:
        innocent = await gathered.session("BEGIN", UPDATE.format(id=1), f"PREPARE TRANSACTION '{gid}'")
        await innocent.execute("SELECT 1")
        bystander = innocent.get_server_pid()
        try:
            await gathered.waits(UPDATE.format(id=1), application="row")
            await gathered.waits("LOCK TABLE leads", "BEGIN", application="table")
            found = await forest(database)
        finally:
            await database.execute(f"ROLLBACK PREPARED '{gid}'")
    root = found.roots[0]
    assert (root.gid, root.pid, root.user, root.database) == (gid, None, "postgres", database.name)
    assert root.key.startswith("prepared ") and root.xact_start is not None
    assert named(found, "row").blockers == (root.key,)
    assert root.key in named(found, "table").blockers
    assert [(hold.target, hold.mode) for hold in root.holds] == [("public.leads", "RowExclusiveLock")]
    assert bystander not in {each.pid for each in found.roots}


async def test_idle_transactions_say_what_they_hold_before_anybody_waits(database: Database) -> None:
    gid = f"gid {database.name}"
    async with crowd(database) as gathered:
        await gathered.session(
            "BEGIN",
            "SELECT FROM leads",
            "SELECT pg_advisory_lock(7), pg_advisory_lock(8)",
            application="sits",
        )
        await gathered.session("BEGIN", UPDATE.format(id=3), f"PREPARE TRANSACTION '{gid}'")
        found = await forest(database)
        await database.execute(f"ROLLBACK PREPARED '{gid}'")
    assert list(found.branches()) == [] and found.waiting == 0
    sits = next(each for each in found.idle if each.application == "sits")
    assert [(hold.target, hold.mode) for hold in sits.holds] == [
        ("2 advisory locks", "ExclusiveLock"),
        ("public.leads", "AccessShareLock"),
    ]
    assert not sits.wrote
    assert gid in {each.gid for each in found.idle}


async def test_an_equal_reading_is_equal(database: Database) -> None:
    async with crowd(database) as gathered, session(database) as watching:
        await gathered.session("BEGIN", UPDATE.format(id=1))
        await gathered.waits(UPDATE.format(id=1))
        first = await read_locks(watching)
        again = await read_locks(watching)
    assert first == again
    assert again.server_time > first.server_time


@pytest.mark.hazard("PRG-01")
async def test_without_privileges_who_waits_is_seen_and_what_they_do_is_not(database: Database) -> None:
    async with role(database) as stranger, crowd(database) as gathered:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        await gathered.waits(UPDATE.format(id=1), application="waiter")
        found = await forest(database, stranger)
        assert drawn(found) == ["root", "  waiter"]
        root = found.roots[0]
        assert root.hidden and root.of_superuser and not root.may_signal
        assert root.query == "" and root.key == f"{root.pid}@hidden"
        assert root.holds != ()


async def test_who_may_signal_whom(database: Database) -> None:
    async with (
        role(database, "IN ROLE pg_read_all_stats") as watcher,
        role(database, "IN ROLE pg_monitor, pg_signal_backend") as signaller,
        crowd(database) as gathered,
    ):
        await gathered.session("BEGIN", "SELECT pg_advisory_lock(1)", application="of superuser")
        for user in (watcher, signaller):
            await gathered.waits("SELECT pg_advisory_lock(1)", application=f"of {user}", user=user)
        may = {}
        for user in (watcher, signaller):
            seen = await look(database, user)
            may[user] = {each.application: each.may_signal for each in seen.sessions}
        assert may[watcher] == {"of superuser": False, f"of {watcher}": True, f"of {signaller}": False}
        assert may[signaller] == {"of superuser": False, f"of {watcher}": True, f"of {signaller}": True}


async def test_only_its_owner_may_end_a_prepared_transaction(database: Database) -> None:
    async with role(database, "") as owner, role(database, f"IN ROLE {owner}, pg_monitor") as member:
        async with crowd(database) as gathered:
            gid = f"gid {database.name}"
            await gathered.session(
                "BEGIN", "SELECT pg_advisory_xact_lock(7)", f"PREPARE TRANSACTION '{gid}'", user=owner
            )
            try:
                may = {
                    user: [
                        each.may_signal for each in (await look(database, user)).sessions if each.gid == gid
                    ]
                    for user in (owner, member, "postgres")
                }
            finally:
                await database.execute(f"ROLLBACK PREPARED '{gid}'")
        assert may == {owner: [True], member: [False], "postgres": [True]}


async def test_waits_of_other_databases_are_seen_without_a_wrong_name(
    database: Database, running: dict[int, object]
) -> None:
    async with crowd(database) as gathered:
        await gathered.session("BEGIN", "LOCK TABLE leads", application="root")
        await gathered.waits("SELECT FROM leads", application="waiter")
        elsewhere = Database(database.cluster, database.major, "postgres")
        found = await forest(elsewhere)
    waiter = next(each for each in found.branches() if each.session.application == "waiter").session
    assert waiter.database == database.name
    assert waiter.wait is not None
    assert waiter.wait.target.startswith("table ") and waiter.wait.target.endswith(" of another database")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT pg_advisory_lock(-5)", "advisory lock -5"),
        ("SELECT pg_advisory_lock(3, -4)", "advisory lock (3, -4)"),
        ("SELECT pg_advisory_lock(5000000000)", "advisory lock 5000000000"),
    ],
)
async def test_an_advisory_lock_is_named_as_the_application_does(
    newest: Database, statement: str, words: str
) -> None:
    async with crowd(newest) as gathered:
        await gathered.session(statement, application="root")
        await gathered.waits(statement, application="waiter")
        found = await forest(newest)
    wait = named(found, "waiter").wait
    assert wait is not None and wait.target == words


async def test_nobody_waits(database: Database) -> None:
    async with session(database) as watching:
        queue = await read_queue(watching.fetch)
        found = Forest(await read_locks(watching))
    assert queue.pids == []
    assert (found.roots, list(found.branches()), found.waiting) == ((), [], 0)


def waiter(name: str, *parents: str) -> LockSession:
    return LockSession(name, 1, blockers=parents)


def made(*sessions: LockSession) -> Forest:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Forest(LocksSnapshot(now, sessions, now))


def test_two_that_wait_for_each_other_are_a_circle_and_have_a_place() -> None:
    found = made(waiter("a", "b"), waiter("b", "a"), waiter("c", "a"))
    assert found.deadlocked == {"a", "b"}
    assert [branch.key for branch in found.branches()] == ["a", "b", "a < b", "c"]


def test_a_chain_as_long_as_a_server_has_connections() -> None:
    found = made(waiter("0"), *(waiter(str(n), str(n - 1)) for n in range(1, 2000)))
    assert sum(1 for _ in found.branches()) == 2000
    assert len(found.behind("0")) == 1999


@pytest.mark.hazard("PRG-04")
async def test_whom_the_last_of_a_long_queue_waits_for_is_answered_at_once(database: Database) -> None:
    """Every path through a queue of thirty would be a thousand million of them."""
    async with crowd(database) as gathered, session(database) as watching:
        await gathered.session("BEGIN", UPDATE.format(id=1), application="root")
        pids = [await gathered.waits(UPDATE.format(id=1), application=f"w{n}") for n in range(30)]
        rows = await watching.fetch("run_blockers", pids[-1])
    assert [(row["depth"], row["application_name"]) for row in rows] == [(1, "w0"), (2, "root")]


def test_around_one_backend_are_those_it_waits_for_and_those_that_wait_for_it() -> None:
    sessions = (
        LockSession("root", 1),
        LockSession("build", 2, blockers=("root",)),
        LockSession("behind", 3, blockers=("build", "another")),
        LockSession("another", 4),
        LockSession("beside", 5, blockers=("root",)),
        LockSession("elsewhere", 6),
    )
    found = made(*sessions)
    assert {each.key for each in found.around(2)} == {"root", "build", "behind", "another"}
    assert found.around(77) == ()
