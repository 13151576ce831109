"""What one look at a slow probe costs the server, and what it sees."""

from __future__ import annotations

import pytest

from sql.latency.causes import judge
from sql.latency.evidence import Cause, Evidence, LockWait, Share
from sql.latency.looks import MOST_BLOCKERS, look
from tests.servers import Database
from tests.sql.crowding import crowd
from tests.sql.sessions import session

QUEUED = 30


async def test_a_look_asks_for_each_in_a_long_queue_once(database: Database) -> None:
    """Every path through a queue of thirty would be thirty thousand of them."""
    async with crowd(database) as others, session(database) as watching:
        reader = (await others.session("BEGIN", "SELECT FROM leads")).get_server_pid()
        for _ in range(QUEUED):
            await others.waits("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE", "BEGIN")
        probe = await others.waits("SELECT FROM leads")
        (seen,) = await look(watching, [probe])
    lock = seen.lock
    assert lock is not None
    direct = [each for each in lock.blockers if each.depth == 1]
    assert {each.mode for each in direct} == {None}
    assert [each.pid for each in lock.blockers if each.depth > 1] == [reader]
    assert (len(lock.blockers), len({each.pid for each in lock.blockers})) == (MOST_BLOCKERS,) * 2
    # All of the queue, and the reader behind which it stands, are accounted for.
    assert lock.left_out == lock.direct_left_out == QUEUED + 1 - MOST_BLOCKERS
    assert f"and {QUEUED - 1} more, which waits for pid {reader}" in judge_lock(lock)


def judge_lock(lock: LockWait) -> str:
    """What is said of a run that only waited for a lock."""
    share = Share("Lock/relation", Cause.LOCK, 1, 100.0)
    _, reason = judge(Evidence(1, 20.0, looks=1, shares=(share,), lock=lock), 100.0)
    return reason


@pytest.mark.hazard("SEC-04")
async def test_a_password_that_stands_where_a_query_is_cut_is_not_kept(newest: Database) -> None:
    async with crowd(newest) as others, session(newest) as watching:
        said = "SELECT FROM leads -- "
        said += "x" * (190 - len(said)) + " a://b:hunter2@c"
        await others.session("BEGIN", "LOCK TABLE leads", said)
        probe = await others.waits("SELECT FROM leads")
        (seen,) = await look(watching, [probe])
    assert seen.lock is not None
    (holder,) = seen.lock.blockers
    assert holder.query == "(not kept: it may hold a secret)"


async def test_behind_a_pooler_the_names_of_our_own_probes_are_looked_for(database: Database) -> None:
    """PgBouncer adds the client's address where application_name_add_host is on."""
    names = ["pgdeck probe 4f2a1b", "pgdeck probe 4f2a1b/2", "pgdeck probe 4f2a1c"]
    async with crowd(database) as others, session(database) as watching:
        await others.session("BEGIN", "LOCK TABLE leads", application=f"{names[0]} of another")
        ours = [await others.waits("SELECT FROM leads", application=name) for name in names[:2]]
        ours.append(await others.waits("SELECT FROM leads", application=f"{names[0]} - 127.0.0.1:4711"))
        await others.waits("SELECT FROM leads", application=names[2])
        seen = await look(watching, [], names[:2])
    found = sorted((each.pid, each.application) for each in seen)
    assert found == sorted(zip(ours, [*names[:2], names[0]], strict=True))
