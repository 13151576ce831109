"""Starts a runner for a confirmed step, or for a run whose runner died, and waits for its first word."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from profiles.locations import locations
from profiles.model import Profile
from profiles.secret import Secret
from sql.snapshots import ServerIdentity
from sql.steps import claim
from sql.steps.job import Job, Secrets, adopting, as_line, from_json
from sql.steps.journal import Event, Journal, Tail
from sql.steps.operator import Operator, acting
from sql.steps.patience import Patience
from sql.steps.scribe import Scribe
from sql.steps.step import Step

SECRET_VARIABLES = ("PGPASSWORD", "PGSSLPASSWORD")
"""Where libpq takes secrets from; a runner's environment is seen by whoever runs ps."""
FIRST_WORDS = frozenset({Event.PROGRESS, Event.STARTED, Event.BLOCKED, Event.FINISHED, Event.ADOPTED})
POLL_S = 0.02


class LaunchError(Exception):
    """The runner could not be started, or died before it said a word: a sentence."""

    def user_message(self) -> str:
        """The sentence for the operator."""
        return str(self)


async def launch(
    profile: Profile,
    password: Secret | None,
    step: Step,
    plan_hash: str | None,
    run_id: str | None = None,
    *,
    search_path: str = "public",
    identity: ServerIdentity | None = None,
    before: Mapping[str, Any] | None = None,
    operator: Operator | None = None,
    patience: Patience | None = None,
) -> str:
    """Journal that the step was confirmed, and start a detached runner for it.

    Args:
        step: exactly as it was confirmed; with its fingerprint, the runner refuses it where anything changed.
        search_path: of the plan.
        identity: the server that the step was planned on; any other is refused.
        before: what was measured before, for the comparison afterwards.

    Returns:
        The run's id, once the journal says that it started, waits, or was refused.

    Raises:
        LaunchError: the runner could not be started.
        OSError: the journal cannot be written.
    """
    job = Job(
        run=run_id or new_run_id(),
        profile=profile,
        step=step,
        operator=operator or acting(),
        plan_hash=plan_hash,
        search_path=search_path,
        system_identifier=identity.system_identifier if identity else None,
        before=before or {},
        patience=patience or Patience(),
    )
    claimed = claim.claim(job.run)
    if claimed is None:
        raise LaunchError(f"run {job.run} has a runner already")
    journal = Journal(locations().journal)
    scribe = Scribe(journal, profile, job.run, plan_hash, job.operator, identity)
    try:
        scribe.write(Event.CONFIRMED, step, {"job": job.as_json(), "fingerprint": step.fingerprint})
        tail = Tail(journal.path, at_end=True)
        await _start(job, password, claimed)
    finally:
        os.close(claimed)
    await _first_word(tail, job.run)
    return job.run


async def adopt(profile: Profile, password: Secret | None, run: str) -> bool:
    """Start a runner that takes over a run whose own one died: it watches, tidies up and verifies.

    Returns:
        False where the run has a living runner.

    Raises:
        LaunchError: the journal does not know the run, or the runner could not be started.
    """
    journal = Journal(locations().journal)
    shapes = [entry.detail["job"] for entry in journal.read(run=run) if "job" in entry.detail]
    if not shapes:
        raise LaunchError(f"the journal does not say what run {run} was to do")
    job = adopting(from_json(shapes[0]), profile, acting())
    claimed = claim.claim(run)
    if claimed is None:
        return False
    try:
        tail = Tail(journal.path, at_end=True)
        await _start(job, password, claimed)
    finally:
        os.close(claimed)
    await _first_word(tail, run)
    return True


def new_run_id() -> str:
    """Short, and in the order of time: `20261122-210512-a1b2`."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(2).hex()}"


async def _start(job: Job, password: Secret | None, claimed: int) -> None:
    """The process hands its job to a child of its own and ends; that one is the runner."""
    environ, hidden = _without_secrets(job.profile)
    line = as_line(job, Secrets(password, hidden))
    process = await asyncio.to_thread(_spawn, environ, claimed, line)
    if process != 0:
        raise LaunchError(f"the runner of {job.run} could not be started (it ended with {process})")


def _spawn(environ: Mapping[str, str], claimed: int, line: bytes) -> int:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "sql.steps.runner", str(claimed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environ,
        pass_fds=(claimed,),
        start_new_session=True,
    )
    try:
        process.communicate(line)
    except BrokenPipeError:
        process.wait()
    return process.returncode


def _without_secrets(profile: Profile) -> tuple[dict[str, str], dict[str, Secret]]:
    """The environment for the runner, and what goes through the pipe instead."""
    names = set(SECRET_VARIABLES)
    if profile.credentials and profile.credentials.variable:
        names.add(profile.credentials.variable)
    environ = {name: value for name, value in os.environ.items() if name not in names}
    root = str(Path(__file__).parents[2])
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environ.get("PYTHONPATH"))))
    return environ, {name: Secret(os.environ[name]) for name in names if name in os.environ}


async def _first_word(tail: Tail, run: str) -> None:
    """Wait until the journal says what became of the run.

    Raises:
        LaunchError: the runner died without a word.
    """
    while True:
        alive = claim.claimed(run)
        if any(entry.run == run and entry.event in FIRST_WORDS for entry in tail.new()):
            return
        if not alive:
            raise LaunchError(f"the runner of {run} ended before it said anything; nothing was sent")
        await asyncio.sleep(POLL_S)
