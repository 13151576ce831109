"""What a run asks before it sends a step, and after: is all as it was confirmed, is all as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg

from profiles import manifest_file
from profiles.errors import ConfigurationError
from profiles.secret import Secret
from sql import requirements
from sql.connect import connect
from sql.errors import ReadingError, SessionError
from sql.requirements import Requirements
from sql.session import Session
from sql.snapshots import ServerIdentity
from sql.steps import fingerprint, verification
from sql.steps.failure import Refused
from sql.steps.job import Job
from sql.steps.proven_end import End, read_proven_end
from sql.steps.step import Step
from sql.steps.verification import Verification, verify_step


async def refuse_if_changed(connection: asyncpg.Connection, identity: ServerIdentity, step: Step) -> None:
    """Compare the step's fingerprint with that of this moment.

    Raises:
        Refused: something changed since the preview.
    """
    if step.fingerprint is None:
        return
    facts = await fingerprint.facts(Session(connection, identity), step)
    if fingerprint.fingerprint(step, facts) != step.fingerprint:
        raise Refused(f"{step.table} is not as it was when {step.id} was previewed; look at the plan again")


async def look_before(job: Job, password: Secret | None) -> Mapping[str, Any]:
    """What to compare with afterwards: what was given with the job, or what can be measured now."""
    required = _requirements(job)
    if job.before or required is None:
        return job.before
    try:
        return await verification.look_before(job.profile, password, job.step, required)
    except (ReadingError, SessionError):
        return {}


async def read_end(job: Job, password: Secret | None) -> End:
    """The end state with its definition, on a connection of its own.

    Raises:
        SessionError, ReadingError: it could not be read.
    """
    session = await connect(job.profile, password)
    try:
        return await read_proven_end(session, job.step, _requirements(job), job.search_path)
    finally:
        await session.close()


async def verify(job: Job, password: Secret | None, before: Mapping[str, Any]) -> Verification:
    """The end state of a run that is over, on connections of its own.

    Raises:
        SessionError: there is no connection.
    """
    return await verify_step(
        job.profile, password, job.step, _requirements(job), before, search_path=job.search_path
    )


def _requirements(job: Job) -> Requirements | None:
    """The profile's manifest; None where it cannot be read: then the catalog alone is looked at."""
    path = job.profile.path
    try:
        manifest = manifest_file.load(job.profile.manifest, beside=path.parent if path else None)
        return requirements.read(manifest, job.profile.pool)
    except ConfigurationError:
        return None
