"""The guided road in this process: plan, confirm, run step by step, each proven before the next."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path

from profiles.manifest import ConstraintEntry, IndexEntry, Manifest
from profiles.model import Profile
from sql.check import Case, case_of
from sql.steps.choosing import Readiness
from sql.steps.job import Job
from sql.steps.journal import Event
from sql.steps.outcome import RunResult
from sql.steps.patience import Stop
from sql.steps.preparing import Prepared, prepare
from sql.steps.run import Run
from sql.steps.scribe import Scribe
from sql.steps.step import Direction, Step
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import OPERATOR, QUICK, journal

_NUMBERS = count(1)


def manifest(*definitions: str, checks: tuple[ConstraintEntry, ...] = ()) -> Manifest:
    """A manifest of these definitions."""
    entries = tuple(IndexEntry(definition) for definition in definitions)
    return Manifest("own", "Own", Path("own.toml"), indexes=entries, constraints=checks)


def case(database: Database, wanted: Manifest, user: str = "postgres") -> Case:
    """The manifest on the database."""
    return case_of(running.profile(database, user), wanted)


async def looked_at(
    database: Database, wanted: Manifest, direction: Direction = Direction.FIX, user: str = "postgres"
) -> Prepared:
    """The steps of a direction, each with its preview."""
    return await prepare(case(database, wanted, user), None, None, direction)


async def run_step(where: Profile, step: Step, search_path: str = "public") -> RunResult:
    """Run one step as the runner does, journalled as `launch` does."""
    run = f"guided-{next(_NUMBERS):03}"
    job = Job(run, replace(where, manifest="none"), step, OPERATOR, "hash", search_path=search_path)
    scribe = Scribe(journal(), where, run, "hash", OPERATOR)
    scribe.write(Event.CONFIRMED, step, {"job": job.as_json(), "fingerprint": step.fingerprint})
    return await Run(job, None, scribe, Stop(), QUICK).conduct()


async def go(
    database: Database, wanted: Manifest, direction: Direction = Direction.FIX, *, leave: tuple[str, ...] = ()
) -> list[str]:
    """Run a direction as it was planned at first, each step looked at again; the ids of those that ran.

    Args:
        leave: ids that the operator does not run.
    """
    where = case(database, wanted)
    planned = (await prepare(where, None, None, direction)).plan.steps
    done: list[str] = []
    for step_id in [step.id for step in planned if step.id not in leave]:
        prepared = await prepare(where, None, [step_id], direction)
        step = prepared.of(step_id)
        if step.step is None or step.readiness is not Readiness.READY:
            assert step.readiness is Readiness.THERE, step
            continue
        result = await run_step(where.profile, step.step, prepared.plan.search_path)
        assert result.verified is not None and result.verified.reached, (step_id, result)
        done.append(step_id)
    return done
