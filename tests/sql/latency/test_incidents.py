"""A planted delay of each kind is explained rightly, by what was seen and by nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from functools import partial

import asyncpg
import pytest

from profiles.manifest import ProbeEntry, Target
from sql.latency.evidence import Cause
from sql.latency.messages import Attached, Overdue, Sample, Samples, Standstill, Stopped
from tests.proxy import proxy
from tests.servers import Database
from tests.sql.holding import open_transaction, role, waiting
from tests.sql.latency.slow import COUNT, Scene, now, scene
from tests.sql.latency.targets import SCHEMA
from tests.waiting import until


@pytest.fixture
async def leads(database: Database) -> Database:
    await database.execute(SCHEMA)
    return database


async def held(made: Scene, ms: float) -> asyncio.Task[float]:
    """A run of the probe that has waited for so long."""
    running = asyncio.create_task(made.run())
    await made.seen_for(ms)
    return running


@pytest.mark.hazard("PRG-03", "PRG-05")
async def test_a_planted_lock_of_800_ms_names_pid_statement_application_and_role(leads: Database) -> None:
    async with role(leads, "GRANT ALL ON leads TO {role}", "ALTER TABLE leads OWNER TO {role}") as migrator:
        deploy = await leads.connect(migrator, application_name="deploy")
        await deploy.execute("BEGIN; ALTER TABLE leads ADD COLUMN more int")
        async with scene(leads) as made:
            running = await held(made, 800)
            told = made.told[-1].incidents[0]
            assert told.running and "has run for" in told.sentence
            await deploy.execute("COMMIT")
            took = await running
        pid = deploy.get_server_pid()
        await deploy.close()
    incident = made.newest
    assert (incident.cause, incident.running, incident.count) == (Cause.LOCK, False, 1)
    assert incident.ms == pytest.approx(took, abs=5)
    assert "for a relation lock on public.leads held by" in incident.sentence
    assert f"pid {pid}, idle in transaction after BEGIN; ALTER TABLE leads" in incident.sentence
    assert f"application deploy, role {migrator}" in incident.sentence
    assert f"lead_count {incident.ms:.0f} ms: waited about" in incident.sentence
    lock = incident.evidence.lock
    assert lock is not None
    assert (lock.kind, lock.mode, lock.blockers[0].mode) == (
        "relation",
        "AccessShareLock",
        "AccessExclusiveLock",
    )
    share = incident.evidence.shares[0]
    assert share.doing == "Lock/relation"
    assert 700 <= share.ms <= incident.ms
    assert incident.evidence.looks >= 8
    if leads.major >= 14:
        # The server tells since when it is waited for: the time before the first look is known too.
        assert share.ms >= incident.ms - 100


@pytest.mark.hazard("PRG-04")
async def test_who_holds_a_lock_is_asked_once_a_second_at_most(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with open_transaction(newest, "LOCK TABLE leads") as holder, scene(newest) as made:
        running = await held(made, 800)
        await holder.execute("ROLLBACK")
        await running
        assert made.statements.count("incident_look") >= 8
        assert made.statements.count("incident_blockers") == 1
    # The other looks tell that it went on.
    lock = made.newest.evidence.lock
    assert lock is not None and lock.waited_ms is not None
    assert lock.waited_ms >= 700


async def test_who_only_stands_before_it_in_the_queue_is_not_said_to_hold_the_lock(leads: Database) -> None:
    async with open_transaction(leads, "SELECT count(*) FROM leads") as reader:
        altering = await leads.connect(application_name="deploy")
        change = asyncio.ensure_future(altering.execute("ALTER TABLE leads ADD COLUMN more int"))
        await waiting(leads, altering.get_server_pid())
        async with scene(leads) as made:
            running = await held(made, 100)
            await reader.execute("ROLLBACK")
            await running
        await change
        root, alter = reader.get_server_pid(), altering.get_server_pid()
        await altering.close()
    sentence = made.newest.sentence
    assert f"behind pid {alter}, ALTER TABLE leads ADD COLUMN more int, application deploy" in sentence
    assert f"which waits for pid {root}, idle in transaction" in sentence
    assert "SELECT count(*) FROM leads" in sentence
    assert made.newest.cause is Cause.LOCK


async def test_of_several_holders_one_is_named_and_the_others_counted(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with open_transaction(newest) as one, open_transaction(newest) as other:
        entry = replace(COUNT, sql="SELECT pg_advisory_lock(7)")
        await one.execute("SELECT pg_advisory_lock_shared(7)")
        await other.execute("SELECT pg_advisory_lock_shared(7)")
        async with scene(newest, entry) as made:
            running = await held(made, 450)
            await one.execute("SELECT pg_advisory_unlock_shared(7)")
            await other.execute("SELECT pg_advisory_unlock_shared(7)")
            await running
    assert "for a advisory lock" not in made.newest.reason
    assert "for an advisory lock held by pid" in made.newest.reason
    assert made.newest.reason.endswith(" and 1 more")


@pytest.mark.hazard("CIC-10")
async def test_a_prepared_transaction_in_the_way_is_named(leads: Database) -> None:
    name = f"deploy of {leads.name}"
    holder = await leads.connect()
    await holder.execute(f"BEGIN; LOCK TABLE leads; PREPARE TRANSACTION '{name}'")
    try:
        async with scene(leads) as made:
            running = await held(made, 100)
            await holder.execute(f"ROLLBACK PREPARED '{name}'")
            await running
    finally:
        await holder.close()
    assert f"held by prepared transaction '{name}' of postgres" in made.newest.sentence
    assert made.newest.evidence.lock is not None
    assert made.newest.evidence.lock.blockers[0].pid is None


@pytest.mark.hazard("PRG-01")
async def test_a_role_without_pg_read_all_stats_says_what_it_cannot_see(leads: Database) -> None:
    async with role(leads, "GRANT SELECT ON leads TO {role}") as nobody:
        async with open_transaction(leads, "LOCK TABLE leads") as holder:
            async with scene(leads, user=nobody) as made:
                running = await held(made, 100)
                await holder.execute("ROLLBACK")
                await running
            pid = holder.get_server_pid()
        incident = made.newest
    # Our own backend's waits, who blocks it and the lock are open to everyone.
    assert incident.cause is Cause.LOCK
    assert f"held by pid {pid}, what it does is hidden, application test, role postgres" in incident.sentence
    assert incident.evidence.unseen == (
        f"what pid {pid} does, for it is another role's: GRANT pg_read_all_stats shows it",
    )
    assert incident.evidence.others is not None
    assert incident.evidence.others.checkpointing is None
    assert incident.evidence.others.hidden >= 1


AT_WORK = "SELECT state = 'active' AND wait_event IS NULL FROM pg_stat_activity WHERE pid = $1"
BUSY = ProbeEntry("busy", "SELECT count(*) FROM generate_series(1, 300000)", Target(5, 10, 50))


async def test_a_backend_that_is_stopped_shows_no_wait_event(newest: Database) -> None:
    control = await newest.connect()
    async with scene(newest, BUSY, jit="off", work_mem="64MB") as made:
        for _ in range(20):
            running = asyncio.create_task(made.run())
            await until(partial(_runs, control, made.pid, running))
            os.kill(made.pid, signal.SIGSTOP)
            try:
                if await control.fetchval(AT_WORK, made.pid):
                    await made.seen_for(500)
                    break
            finally:
                os.kill(made.pid, signal.SIGCONT)
                await running
        else:
            pytest.fail("it was never stopped while it was at work")
    incident = next(each for each in made.all if each.ms >= 500)
    assert incident.cause is Cause.CPU
    assert f"no wait event in {incident.evidence.shares[0].looks} of" in incident.sentence
    assert "on a CPU, or not scheduled" in incident.sentence


async def _runs(control: asyncpg.Connection, pid: int, running: asyncio.Task[float]) -> bool:
    return running.done() or await control.fetchval(AT_WORK, pid)


async def test_an_index_that_is_dropped_under_the_probe_is_named(newest: Database) -> None:
    await newest.execute(
        "CREATE TABLE big AS SELECT i AS id, repeat('x', 200) AS filling FROM generate_series(1, 300000) i;"
        "CREATE INDEX idx_big_id ON big (id); ANALYZE big"
    )
    entry = replace(COUNT, sql="SELECT count(*) FROM big WHERE id % 7 = 3 OR id = 5", name="one")
    async with scene(newest, entry, max_parallel_workers_per_gather="0", jit="off") as made:
        made.plans("Index Scan using idx_big_id on big", "idx_big_id")
        await newest.execute("DROP INDEX idx_big_id")
        made.say(Overdue(0, now(), 20.0, 0))
        made.say(Stopped("forget that one", refused=False))
        made.plans("Seq Scan on big")
        assert await made.run() > 20
    incident = made.newest
    assert incident.cause is Cause.PLAN
    assert "its plan changed to Seq Scan on big from Index Scan using idx_big_id on big" in incident.sentence
    assert "index idx_big_id is gone" in incident.sentence
    assert incident.evidence.plan_before is not None


async def test_a_server_that_stands_still_as_a_whole_answers_no_look_either(newest: Database) -> None:
    control = await newest.connect()
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(0.05)")) as made:
        watcher = await made.session.fetch_composed("SELECT pg_backend_pid() AS pid")
        pids = (made.pid, watcher[0]["pid"])
        running = asyncio.create_task(made.run())
        asleep = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1"
        await until(lambda: control.fetchval(asleep, made.pid))
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            since = await control.fetchval("SELECT clock_timestamp()")
            passed = "SELECT clock_timestamp() - $1::timestamptz > '600 ms'"
            await until(lambda: control.fetchval(passed, since))
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert await running > 500
    await control.close()
    text = f"{made.newest.reason} {made.newest.evidence.unseen}"
    assert "the watching session had no answer for" in text
    assert "ms either: the network, or the whole server" in text


async def test_what_sleeps_waits_for_what_the_server_says(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(0.3)")) as made:
        await made.run()
    assert made.newest.cause is Cause.OTHER
    assert "for Timeout/PgSleep" in made.newest.reason


async def test_an_answer_that_nobody_takes_is_the_network_or_the_client(newest: Database) -> None:
    async with scene(newest) as made:
        # The backend is idle and knows nothing of a run that the prober says is under way.
        await made.prober.fetch("SELECT 1")
        idle_since = "SELECT clock_timestamp() - query_start > '50 ms' FROM pg_stat_activity WHERE pid = $1"
        control = await newest.connect()
        await until(lambda: control.fetchval(idle_since, made.pid))
        await control.close()
        start = now()
        made.say(Overdue(0, start, 20.0, made.pid))
        await made.seen_for(450)
        made.say(Samples(0, 1, 1, (Sample(start, start, now()),)))
        await made.incidents.settle()
    assert made.newest.cause is Cause.NETWORK
    assert "the server was idle, it had not got the statement: network or client" in made.newest.reason


@pytest.mark.parametrize("before", [True, False], ids=["the question", "the answer"])
async def test_a_wire_that_holds_it_back_is_the_network(newest: Database, before: bool) -> None:
    control = await newest.connect()
    idle = "SELECT clock_timestamp() - query_start > '50 ms' FROM pg_stat_activity WHERE pid = $1"
    asleep = "SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = $1"
    async with proxy(newest.cluster) as wire, scene(newest) as made:
        through = await asyncpg.connect(
            host="127.0.0.1", port=wire.port, user="postgres", database=newest.name, ssl=False
        )
        made.prober, made.pid = through, through.get_server_pid()
        made.entry = replace(COUNT, sql="SELECT pg_sleep(0.05)")
        await made.prober.fetch(made.entry.sql)
        await until(lambda: control.fetchval(idle, made.pid))
        if before:
            wire.freeze()
        running = asyncio.create_task(made.run())
        if not before:
            await until(lambda: control.fetchval(asleep, made.pid))
            wire.freeze()
        await made.seen_for(600)
        wire.mend()
        await running
        through.terminate()
    await control.close()
    assert made.newest.cause is Cause.NETWORK
    said = "it had not got the statement" if before else "it had answered"
    assert f"the server was idle, {said}: network or client" in made.newest.reason


async def test_slow_runs_in_a_row_with_one_cause_are_one_incident(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(0.12)")) as made:
        for _ in range(5):
            await made.run()
        asked = made.asked
        await made.run()
        # It only repeats what is known: nobody looked.
        assert made.asked == asked
    (incident,) = made.all
    assert incident.count == 6
    assert 3 <= incident.looked_into < 6
    assert "lead_count 6 slow runs " in incident.sentence


async def test_nothing_seen_is_said_as_such_and_only_kept_where_a_target_is_missed(newest: Database) -> None:
    async with scene(newest) as made:
        for took in (0.030, 0.060):
            start = now() - took
            made.say(Overdue(0, start, 20.0, made.pid))
            made.say(Samples(0, 1, 1, (Sample(start, start, start + took),)))
            await made.incidents.settle()
    (incident,) = made.all
    assert (incident.cause, round(incident.ms)) == (Cause.UNKNOWN, 60)
    assert incident.reason == "nothing seen: it ended before the first look"


async def test_a_standstill_of_the_prober_itself_is_no_fault_of_the_server(newest: Database) -> None:
    async with scene(newest) as made:
        made.say(Standstill(now() - 3.0, now()))
    (incident,) = made.all
    assert (incident.probe, incident.cause) == ("all probes", Cause.STALLED)
    assert incident.ms == pytest.approx(3000, abs=50)
    assert "says nothing of the server" in incident.reason


async def test_nothing_is_asked_while_nothing_is_slow(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT 1")) as made:
        for _ in range(50):
            await made.run()
        assert made.asked == 0
    assert made.all == ()


async def test_a_session_that_cannot_look_says_so(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(0.2)")) as made:
        await made.session.close()
        await made.run()
    assert made.newest.cause is Cause.UNKNOWN
    assert made.newest.reason.startswith("nothing seen: the watching session could not look: the connection")


async def test_behind_a_pooler_the_backend_is_found_by_its_application(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(0.3)")) as made:
        await made.run(pid=0)
    assert made.newest.cause is Cause.OTHER
    assert made.newest.evidence.pid == made.pid


async def test_a_run_whose_connection_is_lost_is_not_said_to_run_for_ever(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(9)")) as made:
        made.say(Attached(made.pid, "", 0))
        running = asyncio.create_task(made.run())
        await made.seen_for(450)
        made.say(Attached(made.pid + 1, "", 0))
        (incident,) = made.all
        assert (incident.cause, incident.running) == (Cause.OTHER, False)
        assert "its end was not seen: the probing connection was lost" in incident.reason
        running.cancel()


async def test_looks_that_come_too_late_are_not_taken_for_what_was_seen(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(0.1)")) as made:
        # Something keeps the watching session busy for longer than the run takes.
        busy = asyncio.create_task(made.session.fetch_composed("SELECT pg_sleep(0.4)"))
        await asyncio.sleep(0)
        await made.run()
        await busy
    (incident,) = made.all
    assert incident.cause is Cause.UNKNOWN
    assert incident.looked_into == 0


async def test_a_run_that_was_cut_off_says_so(newest: Database) -> None:
    async with scene(newest, replace(COUNT, sql="SELECT pg_sleep(9)"), statement_timeout="200") as made:
        await made.run()
    assert "it failed: 57014: canceling statement due to statement timeout" in made.newest.reason
