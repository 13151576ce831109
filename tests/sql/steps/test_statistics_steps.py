"""ANALYZE as a step: where the planner knows nothing of an index's expressions, and never into a build."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sql.check import verify
from sql.steps import acting, claim
from sql.steps.forecast import forecast
from sql.steps.job import step_as_json, step_from_json
from sql.steps.outcome import Outcome
from sql.steps.preparing import prepare
from sql.steps.scripts import Origin, script
from sql.steps.step import StatisticsStand, Step, Verb
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps.guided import case, go, looked_at, manifest, run_step
from tests.sql.steps.running import QUICK, TABLE, flags, profile, start
from tests.sql.steps.schemas import psql
from tests.waiting import until

LOWER = "CREATE INDEX i ON big (lower(name))"
PLAIN = "CREATE INDEX p ON big (id)"
BIG = """
    CREATE TABLE big (id int, name text) WITH (autovacuum_enabled = off);
    INSERT INTO big SELECT n, 'Name ' || n FROM generate_series(1, 5000) n;
"""


async def value(database: Database, sql: str) -> object:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def ids(database: Database, *definitions: str, user: str = "postgres") -> list[str]:
    prepared = await looked_at(database, manifest(*definitions), user=user)
    return [step.id for step in prepared.plan.steps]


def analyze(*indexes: str, table: str = "t") -> Step:
    end = StatisticsStand("public", table, indexes)
    timeouts = {"lock_timeout": "3s", "statement_timeout": "0"}
    return Step(Verb.ANALYZE, table, f"public.{table}", (f"ANALYZE {table}",), end, (), "", "", timeouts)


async def test_an_index_on_an_expression_is_analysed_after_it_was_built(database: Database) -> None:
    await database.execute(BIG + "ANALYZE big")
    assert await go(database, manifest(PLAIN, LOWER)) == ["create-index:p", "create-index:i", "analyze:big"]
    assert await value(database, "SELECT n_distinct FROM pg_stats WHERE tablename = 'i'") == -1
    assert await ids(database, PLAIN, LOWER) == []


async def test_an_index_that_stands_without_statistics_is_not_built_again(database: Database) -> None:
    await database.execute(BIG + f"ANALYZE big; {LOWER}")
    (step,) = (await looked_at(database, manifest(LOWER))).plan.steps
    assert (step.id, step.sql) == ("analyze:big", "ANALYZE public.big")
    assert (step.lock, step.undo) == ("ShareUpdateExclusiveLock", ())
    result = await run_step(profile(database), step)
    assert result.outcome is Outcome.DONE
    assert result.verified is not None
    assert result.verified.sentence == "the planner has statistics of big and of the expressions of i"


async def test_a_table_that_was_never_analysed_is_once_an_index_rests_on_it(database: Database) -> None:
    await database.execute(BIG)
    prepared = await looked_at(database, manifest(PLAIN))
    assert [step.id for step in prepared.plan.steps] == ["create-index:p", "analyze:big"]
    assert "never analysed" in prepared.plan.steps[1].purpose
    await database.execute("ANALYZE big")
    assert await ids(database, PLAIN) == ["create-index:p"]


async def test_the_detached_runner_does_it_too_after_the_index_of_the_same_go(newest: Database) -> None:
    await newest.execute(BIG)
    where = case(newest, manifest(LOWER))
    ids = ["create-index:i", "analyze:big"]
    look = await acting.prepare(where, None, ids)
    assert [step.id for step in look.ready] == ids
    for place, each in enumerate(ids):
        run = await acting.launch(look, each, None, earlier=ids[:place])
        async for _ in acting.follow(where, None, run):
            pass
        await until(lambda run=run: not claim.claimed(run))  # type: ignore[misc]
        assert acting.finish(acting.result(run)) is acting.Finish.PROVEN
    assert (await looked_at(newest, manifest(LOWER))).plan.steps == ()


async def test_before_the_index_is_built_the_step_says_what_comes_first(newest: Database) -> None:
    await newest.execute(BIG)
    prepared = await prepare(case(newest, manifest(LOWER)), None, ["analyze:big"])
    assert prepared.of("analyze:big").sentence == "create-index:i comes first"
    await newest.execute(f"{LOWER}; ANALYZE big")
    prepared = await prepare(case(newest, manifest(LOWER)), None, ["analyze:big"])
    assert prepared.of("analyze:big").sentence == "the planner lacks no statistics of big"


@pytest.mark.parametrize(
    ("more", "definition"),
    [
        ("TRUNCATE big", LOWER),
        ("DELETE FROM big; VACUUM big", LOWER),
        ("ALTER TABLE big ENABLE ROW LEVEL SECURITY; ALTER TABLE big FORCE ROW LEVEL SECURITY", PLAIN),
    ],
)
async def test_where_statistics_say_nothing_or_may_not_be_seen_none_are_asked_for(
    newest: Database, more: str, definition: str
) -> None:
    await newest.execute("CREATE ROLE plain LOGIN" if not await _role(newest) else "SELECT 1")
    await newest.execute(BIG + "ALTER TABLE big OWNER TO plain; GRANT CREATE ON SCHEMA public TO plain")
    for statement in more.split("; "):
        await newest.execute(statement)
    assert "analyze:big" not in await ids(newest, definition, user="plain")


async def _role(database: Database) -> bool:
    return bool(await value(database, "SELECT count(*) FROM pg_roles WHERE rolname = 'plain'"))


@pytest.mark.hazard("CIC-07", "PLAN-02")
async def test_it_does_not_queue_behind_a_build_that_it_would_end(database: Database) -> None:
    await database.execute(TABLE)
    other = await database.connect(application_name="another tool")
    build = asyncio.create_task(other.execute("CREATE INDEX CONCURRENTLY other_i ON t (slow(a))"))
    try:
        await until(lambda: flags(database, "other_i"))
        async with session(database, "postgres") as watching:
            assert "by a deadlock" in ((await forecast(watching, analyze())).refused_reason or "")
        run = start(database, analyze(), patience=replace(QUICK, table_s=0.3))
        result = await run.result()
        assert result.outcome is Outcome.REFUSED and "another tool" in result.sentence
        await build
    finally:
        other.terminate()
    assert await flags(database, "other_i") == (True, True, True)


async def test_none_is_planned_on_a_table_where_a_required_index_is_being_built(newest: Database) -> None:
    await newest.execute(TABLE + "INSERT INTO t SELECT i, i, i FROM generate_series(301, 4000) i;")
    await newest.execute("CREATE INDEX e ON t (abs(a))")
    wanted = ("CREATE INDEX e ON t (abs(a))", "CREATE INDEX i ON t (slow(a))")
    assert (await ids(newest, *wanted))[-1] == "analyze:t"
    other = await newest.connect()
    build = asyncio.create_task(other.execute("CREATE INDEX CONCURRENTLY i ON t (slow(a))"))
    try:
        await until(lambda: flags(newest))
        assert await ids(newest, *wanted) == []
    finally:
        build.cancel()
        other.terminate()


async def test_the_script_analyses_once(database: Database, tmp_path: Path) -> None:
    await database.execute(BIG)
    report = await verify(profile(database), manifest=manifest(LOWER), duration_s=0)
    assert report.server is not None
    text = script(report.plan, Origin("here", "own", report.server, report.taken_at))
    first = psql(database, text, tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert await value(database, "SELECT count(*) FROM pg_stats WHERE tablename = 'i'") == 1
    second = psql(database, text, tmp_path)
    assert (second.returncode, second.stdout.count("nothing to do")) == (0, 2)


async def test_who_may_not_analyse_is_told_before(newest: Database) -> None:
    await newest.execute("CREATE ROLE plain LOGIN" if not await _role(newest) else "SELECT 1")
    await newest.execute(BIG + f"{PLAIN}; GRANT SELECT ON big TO plain")
    prepared = await looked_at(newest, manifest(PLAIN), user="plain")
    refused = {each.id: each.sentence for each in prepared.refused}
    assert "only the owner of public.big" in refused["analyze:big"]


async def test_who_may_maintain_may_analyse(newest: Database) -> None:
    await newest.execute("CREATE ROLE plain LOGIN" if not await _role(newest) else "SELECT 1")
    await newest.execute(BIG + f"{PLAIN}; GRANT SELECT, MAINTAIN ON big TO plain")
    (step,) = (await looked_at(newest, manifest(PLAIN), user="plain")).ready
    assert step.step is not None
    result = await run_step(profile(newest, "plain"), step.step)
    assert result.outcome is Outcome.DONE


def test_the_step_goes_through_a_job_unharmed() -> None:
    assert step_from_json(step_as_json(analyze("i", "j"))) == analyze("i", "j")
