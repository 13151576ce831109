"""`pgdeck verify --auto-fix` from the command line, with detached runners on real servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from profiles import store
from profiles.locations import locations
from profiles.model import EnvironmentClass, Guard, Profile
from sql.check import verify as check
from sql.steps.journal import Event, Journal
from sql.steps.scripts import Origin, script
from tests import servers
from tests.servers import Database
from tests.sql.steps.running import flags
from tests.sql.steps.schemas import ENTERPRISE, PERFORMANCE, catalog, psql
from tests.tui.test_plan_command import MANIFEST, TABLE, elsewhere, planned
from tests.tui.test_verify import saved
from tui import cli
from tui.exit_codes import ExitCode

FAULTS = {
    "enterprise-demo": """
        CREATE INDEX idx_leads_status_score ON leads (status);
        CREATE INDEX idx_leads_score_status_created ON leads (score DESC, status, created_at DESC);
        UPDATE pg_index SET indisvalid = false
         WHERE indexrelid = 'idx_leads_score_status_created'::regclass;
    """,
    "performance-indexes": """
        CREATE INDEX ix_leads_industry ON leads (created_at);
        ALTER TABLE leads ADD CONSTRAINT ck_leads_qualification_score_range
            CHECK (qualification_score IS NULL OR (qualification_score >= 0 AND qualification_score <= 100))
            NOT VALID;
    """,
}
SCHEMAS = {"enterprise-demo": ENTERPRISE, "performance-indexes": PERFORMANCE}


async def fix(*words: str, name: str = "here") -> int:
    return await elsewhere(lambda: cli.main(["verify", "-e", name, "--duration", "0", "--auto-fix", *words]))


async def stands(database: Database) -> dict[str, str]:
    connection = await database.connect()
    try:
        return await catalog(connection)
    finally:
        await connection.close()


def profile(database: Database, manifest: str) -> Profile:
    made = Profile("here", EnvironmentClass.STAGING, manifest, connection=database.parameters())
    store.save(made)
    return made


@pytest.fixture
async def twin(newest: Database) -> AsyncIterator[Database]:
    """A second database, which psql mends."""
    made = await servers.new_database(newest.cluster, newest.major)
    yield made
    await servers.drop_database(made)


async def by_psql(twin: Database, manifest: str, folder: Path, *, back: bool = False) -> None:
    """Run the fix script, or the rollback script, of this moment by psql."""
    found = await check(profile(twin, manifest), duration_s=0, with_rollback=True)
    assert found.server is not None
    origin = Origin(found.profile, found.manifest, found.server, found.taken_at)
    done = psql(twin, script(found.rollback if back else found.plan, origin), folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("manifest", sorted(SCHEMAS))
async def test_a_shipped_manifest_is_made_ready_whatever_was_wrong_as_the_script_would(
    newest: Database, twin: Database, manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for database in (newest, twin):
        await database.execute(SCHEMAS[manifest] + ";" + FAULTS[manifest])
    await by_psql(twin, manifest, tmp_path)
    profile(newest, manifest)
    assert await fix("--yes") == ExitCode.OK
    assert "✓ ENTERPRISE READY (objects only: latency not measured)" in capsys.readouterr().out
    assert await stands(newest) == await stands(twin)


@pytest.mark.parametrize("manifest", sorted(SCHEMAS))
async def test_a_shipped_manifest_is_taken_back_whole_as_the_script_would(
    newest: Database, twin: Database, manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for database in (newest, twin):
        await database.execute(SCHEMAS[manifest])
        await by_psql(database, manifest, tmp_path)
    await by_psql(twin, manifest, tmp_path, back=True)
    profile(newest, manifest)
    back = [step["id"] for step in (await planned(capsys, "--rollback"))["steps"]]
    assert await elsewhere(lambda: cli.main(["run", "-e", "here", "--yes", *back])) == ExitCode.OK
    assert capsys.readouterr().out.count("✓ ") == len(back)
    assert await stands(newest) == await stands(twin)
    assert (await planned(capsys, "--rollback"))["steps"] == []


async def test_what_is_refused_stays_and_is_told_and_the_rest_is_mended(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} UPDATE t SET b = -1 WHERE id = 7")
    saved(newest, manifest=MANIFEST)
    assert await fix("--yes", "--report-format", "json") == ExitCode.NOT_READY
    captured = capsys.readouterr()
    value = json.loads(captured.out)
    assert (value["verdict"], [step["id"] for step in value["steps"]]) == ("NOT READY", [])
    assert "validate constraint t.ck: refused: 1 row breaks it (id=7)" in captured.err
    assert "✓ create-index:i: done" in captured.err
    assert await flags(newest) == (True, True, True)


async def test_it_stops_at_the_first_step_that_fails_verifies_again_and_is_5(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int); INSERT INTO t VALUES (1, 'x', 1)"
    )
    saved(newest, manifest=MANIFEST.replace("(a)", "((a::int))"))
    assert await fix("--yes") == ExitCode.STEP_FAILED
    captured = capsys.readouterr()
    assert "NOT READY" in captured.out and "index i is missing" in captured.out
    assert "✗ create-index:i: failed" in captured.err
    assert "not run: add-constraint:t.ck validate-constraint:t.ck" in captured.err


async def test_nothing_to_do_asks_nothing_and_writes_nothing(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a); ALTER TABLE t ADD CONSTRAINT ck CHECK (b >= 0)")
    saved(newest, manifest=MANIFEST)
    assert await fix() == ExitCode.OK
    assert "no step to run" in capsys.readouterr().err
    assert not locations().journal.exists()


@pytest.mark.parametrize(
    ("guard", "words", "said"),
    [
        (Guard.CONFIRM, (), "add --yes"),
        (Guard.CONFIRM_NAME, ("--yes",), "add --confirm here"),
        (Guard.CONFIRM, ("--yes", "--plan-hash", "0" * 64), "no plan of that hash"),
        (Guard.FORBIDDEN, ("--yes",), "forbidden"),
    ],
)
async def test_the_guards_of_run_hold_here_too(
    newest: Database, guard: Guard, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST, guard=guard, guard_is_said=True)
    assert await fix(*words) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""
    assert not [entry for entry in Journal(locations().journal).read() if entry.event == Event.CONFIRMED]


async def test_the_reviewed_hash_lets_the_whole_plan_run(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    value = await planned(capsys)
    assert await fix("--yes", "--plan-hash", value["hash"]) == ExitCode.OK


def test_out_of_reach_is_still_a_report_and_3(capsys: pytest.CaptureFixture[str]) -> None:
    saved(None, manifest=MANIFEST)
    words = ["verify", "-e", "here", "--auto-fix", "--yes", "--report-format", "json"]
    assert cli.main(words) == ExitCode.UNKNOWN
    assert json.loads(capsys.readouterr().out)["verdict"] == "UNKNOWN"
