"""What a preview says of replicas and slots, and of who uses an index, on values and on real servers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from profiles.manifest import Priority
from sql.check import case_of
from sql.findings import IndexFinding
from sql.replicas.values import Replica, ReplicasReading, Slot
from sql.snapshots import IndexReading
from sql.steps.estimate import Estimated
from sql.steps.preparing import prepare
from sql.steps.replica_warnings import of_replicas, of_usage
from sql.steps.step import Direction, Step
from tests.sql.replicas.test_reading import naming
from tests.sql.standbys import caught_up, primary, standby_of
from tests.sql.steps.guided import manifest
from tests.sql.steps.locking import add_check, create, drop
from tests.sql.steps.schemas import profile
from tests.waiting import until

NEAR = Replica("r1", "streaming", streams=True, replay_lag_s=0.0, replay_lag_bytes=0)
FAR = replace(NEAR, name="r2", replay_lag_s=35.0, replay_lag_bytes=120 * 2**20)
WAL = Estimated(95 * 2**20, "about the size of the index")
IDLE = Slot("forgotten", "physical", False, 3 * 2**30, "extended")


def reading(*replicas: Replica, slots: tuple[Slot, ...] = (), **more: Any) -> ReplicasReading:
    return ReplicasReading(False, replicas, slots, user="oncall", **more)


@pytest.mark.hazard("CIC-11", "DIC-06")
@pytest.mark.parametrize(
    ("step", "known", "said"),
    [
        (create(), reading(), ""),
        (create(), reading(NEAR, NEAR), "2 replicas will receive the WAL of this build (about 95 MB)."),
        (create(), reading(replace(NEAR, replay_lag_s=1.25)), "1 replica, 1.2 s behind will receive"),
        (create(), reading(FAR), "Replica r2 is 35 s (120 MB) behind already: the WAL of this build"),
        (create(), reading(replace(NEAR, sync_state="sync")), "Replica r1 is synchronous: commits wait"),
        (create(), reading(replace(NEAR, state="paused")), "Replay is paused on r1"),
        (create(), reading(slots=(IDLE,)), "from replication slot forgotten, which keeps 3072 MB"),
        (create(), reading(slots=(replace(IDLE, active=True),)), ""),
        (
            create(),
            reading(slots=(replace(IDLE, active=True, safe_bytes=50 * 2**20),)),
            "Slot forgotten is lost after 50 MB more",
        ),
        (create(), reading(slots=(replace(IDLE, wal_status="lost"),)), ""),
        (create(), reading(NEAR, sync_names="absent"), "this step would wait at its end"),
        (create(), reading(replace(NEAR, state="hidden"), hidden=True), "pg_monitor TO oncall shows it"),
        (drop(), reading(NEAR), "will stop queries on this table for a moment when they replay the drop"),
        (drop(), reading(slots=(IDLE,)), ""),
        (add_check(), reading(NEAR), "when they replay its lock"),
        (add_check(), reading(slots=(IDLE,)), ""),
    ],
)  # fmt: skip
def test_what_would_hurt_replicas_is_said(step: Step, known: ReplicasReading, said: str) -> None:
    told = " ".join(of_replicas(step, known, WAL))
    assert said in told
    assert bool(told) == bool(said)


INDEX = IndexReading(
    "i", "public.t", Priority.NORMAL, IndexFinding.PRESENT, "CREATE INDEX i ON t (a)", scans=0, oid=7
)


@pytest.mark.hazard("DIC-05")
@pytest.mark.parametrize(
    ("index", "known", "said"),
    [
        (INDEX, None, "Scans of it: never here."),
        (
            replace(INDEX, scans=12, replica_scans=(("r1", 340), ("r2", None))),
            None,
            "Scans of it: 12 times here, 340 times on replicas (r1 340); what r2 does with it is not known.",
        ),
        (INDEX, reading(NEAR), "scans on r1 are not counted: name it in the profile as [[replica]]."),
        (INDEX, reading(replace(NEAR, named=True)), "Scans of it: never here."),
        (None, reading(NEAR), ""),
    ],
)
def test_before_a_drop_it_is_said_who_uses_the_index(
    index: IndexReading | None, known: ReplicasReading | None, said: str
) -> None:
    told = " ".join(of_usage(drop(), index, known))
    assert told.endswith(said)
    assert bool(told) == bool(said)
    assert not list(of_usage(create(), index, known))


@pytest.mark.hazard("DIC-05")
async def test_a_drop_says_what_a_real_replica_uses_the_index_for() -> None:
    with primary(18) as first, standby_of(first) as second:
        await first.execute("CREATE TABLE t (a int); CREATE INDEX i ON t (a); INSERT INTO t VALUES (1)")
        await caught_up(first, second)
        copy = await second.connect()
        await copy.execute("SET enable_seqscan = off")
        for _ in range(3):
            await copy.fetch("SELECT * FROM t WHERE a = 1")
        await copy.close()
        case = case_of(naming(first, second), manifest("CREATE INDEX i ON t (a)"))

        async def told() -> str:
            prepared = await prepare(case, None, direction=Direction.ROLLBACK)
            seen = prepared.of("drop-index:i").preview
            assert seen is not None
            return next((each for each in seen.warnings if "3 times on replicas" in each), "")

        assert "Scans of it: never here" in await until(told)


async def test_a_build_with_a_lagging_replica_and_a_forgotten_slot_says_both() -> None:
    with primary(18) as first, standby_of(first) as second:
        await first.execute(
            "CREATE TABLE t (a int); SELECT pg_create_physical_replication_slot('gone', true)"
        )
        await caught_up(first, second)
        await second.execute("SELECT pg_wal_replay_pause()")
        await first.execute("CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 80000)")
        entry = manifest("CREATE INDEX i ON t (a)")

        case = case_of(profile(first), entry)

        async def told() -> str:
            seen = (await prepare(case, None, ["create-index:i"])).of("create-index:i").preview
            assert seen is not None
            said = " ".join(seen.warnings)
            return said if "behind already" in said else ""

        said = await until(told, 30)
        assert "Replica replica-1 is " in said
        assert "Nobody reads from replication slot gone" in said
