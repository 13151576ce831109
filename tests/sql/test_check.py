"""The Python call for a monitoring service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles import store
from profiles.errors import ConfigurationError
from profiles.manifest import ConstraintEntry, IndexEntry, Manifest, MigrationEntry, ProbeEntry, Target
from profiles.model import EnvironmentClass, Profile
from sql.check import verify
from sql.findings import IndexFinding, ProbeFinding, Scope, Verdict
from tests.servers import Database
from tests.sql.steps.schemas import profile

MANIFEST = Manifest(
    "own",
    "Own",
    Path("own.toml"),
    indexes=(IndexEntry("CREATE INDEX i ON t (a)"),),
    constraints=(ConstraintEntry("t", "positive", "CHECK (a > 0)"),),
    probes=(ProbeEntry("lookup", "SELECT a FROM t WHERE a = 1", Target(p50_ms=60_000)),),
    migration=MigrationEntry("r1"),
)
COMPLETE = """
CREATE TABLE t (a int CONSTRAINT positive CHECK (a > 0)); CREATE INDEX i ON t (a);
CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('r1')
"""


async def test_a_complete_database_is_ready(database: Database) -> None:
    await database.execute(COMPLETE)
    told: list[str] = []
    report = await verify(
        profile(database), manifest=MANIFEST, duration_s=0.5, with_rollback=True, on_progress=told.append
    )
    assert (report.ready, report.verdict, report.reasons) == (True, Verdict.READY, ())
    assert report.scope is Scope.ALL
    assert report.server is not None and report.server.database == database.name
    assert (report.plan.steps, report.unavailable) == ((), ())
    assert [step.id for step in report.rollback.steps] == ["drop-constraint:t.positive", "drop-index:i"]
    assert [probe.finding for probe in report.probes] == [ProbeFinding.MET]
    assert told[0] == "connecting" and told[-1] == "measuring for 0.5 s"


async def test_objects_only_opens_one_connection_and_measures_nothing(database: Database) -> None:
    await database.execute(COMPLETE)
    report = await verify(profile(database), manifest=MANIFEST, duration_s=0)
    assert (report.verdict, report.scope) == (Verdict.READY, Scope.OBJECTS)
    assert [probe.finding for probe in report.probes] == [ProbeFinding.NOT_MEASURED]


async def test_every_finding_has_the_step_that_mends_it(database: Database) -> None:
    await database.execute("CREATE TABLE t (a int); CREATE TABLE alembic_version (version_num text)")
    report = await verify(profile(database), manifest=MANIFEST, duration_s=0)
    assert [index.step for index in report.indexes] == ["create-index:i"]
    assert [constraint.step for constraint in report.constraints] == ["add-constraint:t.positive"]
    assert [step.id for step in report.plan.steps] == [
        "create-index:i",
        "add-constraint:t.positive",
        "validate-constraint:t.positive",
    ]
    assert [refusal.target for refusal in report.plan.refused] == ["migration"]


async def test_of_an_index_that_has_drifted_it_is_not_said_that_it_could_serve(database: Database) -> None:
    await database.execute(
        "CREATE TABLE t (a int, b int); INSERT INTO t SELECT i, i FROM generate_series(1, 60000) i;"
        " CREATE INDEX i ON t (a) WHERE a > 0; ANALYZE t"
    )
    probe = ProbeEntry("all", "SELECT b FROM t WHERE a > 0", Target(p50_ms=60_000), index="i")
    wanted = replace(MANIFEST, constraints=(), migration=None, probes=(probe,))
    for index, words in (
        ("CREATE INDEX i ON t (a)", "index i is not as declared, and the planner does without it"),
        ("CREATE INDEX i ON t (a) WHERE a > 0", "index i could serve, the planner chose otherwise"),
    ):
        manifest = replace(wanted, indexes=(IndexEntry(index),))
        report = await verify(profile(database), manifest=manifest, duration_s=0.5)
        plan = report.probes[0].plan
        assert plan is not None and plan.note.startswith(words)


async def test_it_leaves_no_trace(database: Database) -> None:
    await database.execute(COMPLETE)
    await database.execute("CREATE SEQUENCE s; INSERT INTO t VALUES (1)")
    state = """
        SELECT (SELECT count(*) FROM pg_class), (SELECT last_value FROM s), (SELECT count(*) FROM t),
               (SELECT count(*) FROM pg_locks l WHERE l.pid <> pg_backend_pid() AND l.database = d.oid)
          FROM pg_database d WHERE datname = current_database()"""
    connection = await database.connect()
    before = await connection.fetchrow(state)
    next_xid = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
    await verify(profile(database), manifest=MANIFEST, duration_s=0.2)
    assert await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text") == next_xid
    assert await connection.fetchrow(state) == before
    await connection.close()


async def test_a_server_out_of_reach_is_a_report(tmp_path: Path) -> None:
    parameters = {"host": str(tmp_path), "dbname": "x", "user": "x"}
    nowhere = Profile("nowhere", EnvironmentClass.STAGING, "own", connection=parameters)
    report = await verify(nowhere, manifest=MANIFEST, duration_s=0)
    assert (report.verdict, report.ready, report.server) == (Verdict.UNKNOWN, False, None)
    assert [part.part for part in report.unavailable] == ["server"]


async def test_a_role_that_may_not_read_makes_unknown_and_names_the_grant(database: Database) -> None:
    await database.execute(COMPLETE)
    role = f"r_{database.name}"
    await database.execute(f'CREATE ROLE "{role}" LOGIN; GRANT USAGE ON SCHEMA public TO "{role}"')
    try:
        report = await verify(profile(database, user=role), manifest=MANIFEST, duration_s=0)
    finally:
        await database.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
    assert report.verdict is Verdict.UNKNOWN
    assert [index.finding for index in report.indexes] == [IndexFinding.PRESENT]
    assert any("migration" in reason for reason in report.reasons)


async def test_a_profile_is_found_by_its_name(newest: Database) -> None:
    await newest.execute(COMPLETE)
    path = store.save(replace(profile(newest), name="saved", manifest="./own.toml"))
    toml = 'title = "Own"\n[[index]]\ndefinition = "CREATE INDEX i ON t (a)"\n'
    (path.parent / "own.toml").write_text(toml)
    assert (await verify("saved", duration_s=0)).ready


async def test_an_unknown_profile_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="there is no such profile"):
        await verify("nobody")
