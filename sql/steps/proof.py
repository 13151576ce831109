"""What a run asks before it sends a step, and after: is all as it was confirmed, is all as it should be."""

from __future__ import annotations

from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import asyncpg

from profiles.secret import Secret
from sql.connect import Purpose, open_link
from sql.session import Session
from sql.snapshots import ServerIdentity
from sql.steps import fingerprint
from sql.steps.catalog import read_end
from sql.steps.failure import Refused
from sql.steps.job import Job
from sql.steps.step import Step


@dataclass(frozen=True)
class Unproven:
    """Stands for a verification that could not be made, or only from the catalog."""

    reached: bool
    sentence: str


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


async def verify(job: Job, password: Secret | None) -> Unproven:
    """The end state of a run that is over, on a connection of its own.

    Raises:
        SessionError: there is no connection.
    """
    link = await open_link(job.profile, password, Purpose.RUN)
    try:
        end = await read_end(link.connection, job.step.end)
        return Unproven(end.reached, end.sentence)
    finally:
        link.connection.terminate()


def as_json(verified: Any) -> dict[str, Any]:
    """A verification for the journal."""
    return asdict(verified) if is_dataclass(verified) and not isinstance(verified, type) else {}
