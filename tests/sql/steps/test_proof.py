"""A run is proven: nothing changed before it, the definition compared and the probe measured around it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.secret import Secret
from sql.steps import fingerprint
from sql.steps.journal import Event
from sql.steps.launch import launch
from sql.steps.outcome import Outcome
from sql.steps.runs import RunStatus
from tests.servers import Database
from tests.sql.sessions import session
from tests.sql.steps import running
from tests.sql.steps.running import QUICK, TABLE, flags, profile, transaction
from tests.sql.steps.test_runs import USABLE, begin, ended
from tests.waiting import until

SECRET = Secret("correct horse")


MANIFEST = """
title = "Test"

[[index]]
priority = "high"
purpose = "Find by a"
definition = "CREATE INDEX i ON t (a)"

[[probe]]
name = "by_a"
class = "Lookup"
sql = "SELECT * FROM t WHERE a = 7"
index = "i"
target = { p50_ms = 50, p95_ms = 50, p99_ms = 50 }
"""


async def test_a_probe_is_measured_before_and_after_and_the_definition_is_compared(
    database: Database, tmp_path: Path
) -> None:
    await database.execute(TABLE)
    (tmp_path / "m.toml").write_text(MANIFEST)
    where = replace(profile(database), manifest="m.toml", path=tmp_path / "p.toml")
    run = await launch(where, SECRET, running.create(), "hash", patience=QUICK)
    found = await ended(run)
    assert found.state is RunStatus.DONE
    verified = found.verification
    assert verified["reached"] is True and "CREATE INDEX i" in verified["definition"]
    assert verified["latency_before"]["by_a"]["p50_ms"] > 0
    assert verified["latency_after"]["by_a"]["p50_ms"] > 0
    assert verified["uses_index"] in (True, False) and verified["catalog_before"]


async def test_a_done_run_that_does_not_verify_has_failed(newest: Database, tmp_path: Path) -> None:
    await newest.execute(TABLE)
    (tmp_path / "m.toml").write_text(MANIFEST)
    where = replace(profile(newest), manifest="m.toml", path=tmp_path / "p.toml")
    step = running.create()
    other = replace(step, statements=(step.statements[0].replace("(a)", "(b)"),))
    run = await launch(where, SECRET, other, "hash", patience=QUICK)
    found = await ended(run)
    assert found.state is RunStatus.FAILED and found.outcome["outcome"] == "done"
    assert found.verification["reached"] is False


@pytest.mark.hazard("DEF-11")
async def test_a_run_on_another_state_than_was_planned_on_is_refused(database: Database) -> None:
    await database.execute(TABLE)
    async with session(database) as mine:
        planned = running.create()
        found = fingerprint.fingerprint(planned, await fingerprint.facts(mine, planned))
    stamped = replace(planned, fingerprint=found)
    await database.execute("ALTER TABLE t RENAME TO t_old; CREATE TABLE t (a int)")
    refused = await ended(await begin(database, stamped))
    assert refused.state is RunStatus.REFUSED and await flags(database) is None
    await database.execute("DROP TABLE t; ALTER TABLE t_old RENAME TO t")
    assert (await ended(await begin(database, stamped))).state is RunStatus.DONE
    assert await flags(database) == USABLE


@pytest.mark.hazard("DEF-11")
async def test_a_table_that_is_swapped_while_the_run_waits_is_refused(database: Database) -> None:
    await database.execute(TABLE)
    planned = running.create()
    async with session(database) as mine:
        found = fingerprint.fingerprint(planned, await fingerprint.facts(mine, planned))
    async with transaction(database, "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE") as somebody:
        run = running.start(
            database, replace(planned, fingerprint=found), patience=replace(QUICK, table_s=30)
        )
        await until(lambda: run.told(Event.BLOCKED))
        await somebody.execute("ALTER TABLE t RENAME TO t_old; CREATE TABLE t (a int); COMMIT")
        result = await run.result()
    assert result.outcome is Outcome.REFUSED and "previewed" in result.sentence
    assert not run.told(Event.STARTED) and await flags(database) is None
