"""The detached process that runs one step: `python -m sql.steps.runner FD`, told its job by a line on stdin.

It has no parent, no terminal and a session of its own, so that neither the end of the deck nor a lost SSH
connection reaches it. SIGINT and SIGTERM mean: cancel, and clear away what is left. SIGHUP means nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from sql.steps import claim

if TYPE_CHECKING:
    from sql.steps.job import Job, Secrets


def main() -> None:
    """Take the job, leave the parent, run it."""
    early = _listen_early()
    claimed = int(sys.argv[1])
    line = sys.stdin.buffer.readline()
    if os.fork() != 0:
        os._exit(0)
    claim.sign(claimed, os.getpid())
    _leave_terminal()
    from sql.steps.job import from_line

    job, secrets = from_line(line)
    _conduct(job, secrets, early)
    claim.drop(job.run)


def _listen_early() -> list[int]:
    """Remember a word to stop that comes before there is a loop to hear it."""
    heard: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: heard.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return heard


def _leave_terminal() -> None:
    """Nothing may be read from, or written to, a terminal that goes away."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)


def _conduct(job: Job, secrets: Secrets, early: list[int]) -> None:
    import asyncio

    for name, secret in secrets.environ.items():
        # Into this process' own memory: what /proc shows stays as it was at exec.
        os.environ[name] = secret.reveal()
    asyncio.run(_run(job, secrets, early))


async def _run(job: Job, secrets: Secrets, early: list[int]) -> None:
    import asyncio
    from dataclasses import replace

    from profiles.locations import locations
    from sql.steps.journal import Journal
    from sql.steps.patience import Stop
    from sql.steps.run import Run
    from sql.steps.runs import before_of, ending_of, orphan_of
    from sql.steps.scribe import Scribe

    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.ask, f"{signal.Signals(number).name} to the runner")
    if early:
        stop.ask(f"{signal.Signals(early[0]).name} to the runner")
    journal = Journal(locations().journal)
    scribe = Scribe(journal, job.profile, job.run, job.plan_hash, job.operator)
    if job.adopts:
        job = replace(job, before=before_of(journal, job.run))
    run = Run(job, secrets.password, scribe, stop, job.patience)
    if job.adopts:
        await run.conduct(orphan_of(journal, job.run), ending_of(journal, job.run))
    else:
        await run.conduct()


if __name__ == "__main__":
    main()
