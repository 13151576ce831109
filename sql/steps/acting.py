"""The one road from a step's id to its proven end, for the deck and for the command line: nothing is printed.

prepare   what the ids mean now, each step with its fingerprint and its preview
launch    after the confirmation: plan again, compare with what was confirmed, start the detached runner
follow    the run's journal entries until it is over
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from profiles.locations import locations
from profiles.model import Guard
from profiles.secret import Secret
from sql.check import Case
from sql.steps import claim, runs
from sql.steps.choosing import Readiness, UnknownStep
from sql.steps.differences import differences
from sql.steps.fingerprint import StepFacts
from sql.steps.journal import Event, Journal, JournalEntry, Tail
from sql.steps.launch import LaunchError, adopt
from sql.steps.launch import launch as start
from sql.steps.operator import Operator
from sql.steps.outcome import Outcome
from sql.steps.preparing import Prepared, PreparedStep, prepare
from sql.steps.recording import record_previews
from sql.steps.runs import RunState, RunStatus
from sql.steps.step import Step, Verb

__all__ = [
    "AlreadyThere",
    "Changed",
    "Finish",
    "Forbidden",
    "LaunchError",
    "Prepared",
    "PreparedStep",
    "Readiness",
    "UnknownStep",
    "cancel",
    "changed_since",
    "finish",
    "follow",
    "forbidden",
    "launch",
    "prepare",
    "record_previews",
    "result",
]

POLL_S = 0.1
ADOPTIONS = 3
"""Runners that may die on one run before it is left to the next deck."""


class Changed(Exception):
    """The step is not what was confirmed any more; nothing was sent."""

    def __init__(self, step: str, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__(f"{step} is not what was confirmed: {'; '.join(self.differences)}; nothing was sent")


class AlreadyThere(Exception):
    """The step's end was reached in the meantime; nothing was sent: a sentence."""


class Forbidden(Exception):
    """The profile's guard runs nothing: a sentence."""


class Finish(StrEnum):
    """How a run stands, in the only words that matter afterwards."""

    PROVEN = "proven"
    """Done, and verified."""
    FAILED = "failed"
    """It ran and failed, or did not verify."""
    CANCELLED = "cancelled"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    RUNNING = "running"


async def launch(
    prepared: Prepared,
    step_id: str,
    password: Secret | None,
    *,
    earlier: Collection[str] = (),
    before: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    operator: Operator | None = None,
) -> str:
    """Start a step that was confirmed: plan it again, compare, and hand it to a detached runner.

    Args:
        earlier: ids that ran before it in this go; what they changed is no difference.
        before: see `verification.look_before`; None: the runner looks itself.

    Returns:
        The run's id, once the journal says that it started, waits, or was refused.

    Raises:
        Forbidden: by the profile's guard.
        AlreadyThere: its end was reached in the meantime.
        Changed: it is not what was confirmed.
        LaunchError: the runner could not be started.
        ConfigurationError, SessionError, ReadingError: as `prepare`.
        OSError: the journal cannot be written.
    """
    case = prepared.case
    if reason := forbidden(case):
        raise Forbidden(reason)
    confirmed = prepared.of(step_id)
    assert confirmed.step is not None
    again = await _again(prepared, confirmed.step, password)
    now = again.of(step_id)
    if now.readiness is Readiness.THERE:
        raise AlreadyThere(now.sentence)
    if now.step is None or now.facts is None or confirmed.facts is None or now.readiness is Readiness.REFUSED:
        raise Changed(step_id, [now.sentence or "it cannot be read any more"])
    chain = {each.step.mends for each in prepared.steps if each.step and each.id in earlier}
    by_us = confirmed.step.mends in chain
    found = differences(confirmed.step.sql, now.step, confirmed.facts, now.facts, by_us=by_us)
    if found:
        raise Changed(step_id, found)
    return await start(
        case.profile,
        password,
        now.step,
        prepared.hash,
        run_id,
        search_path=again.plan.search_path,
        identity=again.server,
        before=before,
        operator=operator,
    )


async def follow(case: Case, password: Secret | None, run: str) -> AsyncIterator[JournalEntry]:
    """A run's entries, the old ones and the new ones, until it is over.

    A run whose runner died is given another one, three times at most. Ending the iteration ends nothing else.

    Raises:
        LaunchError, OSError: another runner could not be started.
    """
    tail, over, adoptions = Tail(locations().journal), False, 0
    while True:
        alive = claim.claimed(run)
        entries = [entry for entry in tail.new() if entry.run == run]
        for entry in entries:
            over = _is_over(entry, over)
            yield entry
        if over:
            return
        if not entries and not alive:
            if adoptions >= ADOPTIONS:
                return
            adoptions += 1
            await adopt(case.profile, password, run)
        await asyncio.sleep(POLL_S)


def changed_since(prepared: Prepared, plan_hash: str) -> tuple[str, ...]:
    """What makes a plan another one than the one of this hash, in clauses; empty: it is the same plan."""
    if prepared.hash == plan_hash:
        return ()
    previews = {
        entry.step: entry
        for entry in Journal(locations().journal).read()
        if entry.event == Event.PREVIEWED and entry.hash == plan_hash and entry.step
    }
    if not previews:
        return ("no plan of that hash was ever looked at from here",)
    planned = {step.id: step for step in prepared.plan.steps}
    found = [f"{step_id} is no step any more" for step_id in previews if step_id not in planned]
    complete = all(entry.detail.get("of") == len(previews) for entry in previews.values())
    found += [f"{step_id} is new" for step_id in planned if complete and step_id not in previews]
    for step_id, step in planned.items():
        entry, facts = previews.get(step_id), prepared.facts.get(step_id)
        if entry is not None and facts is not None and isinstance(entry.detail.get("facts"), dict):
            old = StepFacts(**entry.detail["facts"])
            clauses = differences(entry.sql or "", step, old, facts)
            found += [f"{step_id}: {clause}" for clause in clauses]
    return tuple(found) or ("other steps of the plan, or their order, changed",)


def result(run: str) -> RunState | None:
    """What the journal knows of a run; None: nothing."""
    return runs.run_state(Journal(locations().journal), run)


def cancel(run: str) -> bool:
    """Cancel a run and clean up; False: it has no living runner.

    Raises:
        OSError: the journal cannot be written.
    """
    return runs.cancel(Journal(locations().journal), run)


def finish(state: RunState | None) -> Finish:
    """How a run stands."""
    if state is None:
        return Finish.UNKNOWN
    known = {
        RunStatus.RUNNING: Finish.RUNNING,
        RunStatus.VERIFYING: Finish.RUNNING,
        RunStatus.DONE: Finish.PROVEN,
        RunStatus.FAILED: Finish.FAILED,
        RunStatus.CANCELLED: Finish.CANCELLED,
        RunStatus.REFUSED: Finish.REFUSED,
    }
    return known.get(state.state, Finish.UNKNOWN)


def forbidden(case: Case) -> str:
    """Why the profile runs nothing; empty where it may."""
    if case.profile.guard is not Guard.FORBIDDEN:
        return ""
    return f'the guard of profile {case.profile.name} is forbidden (guard.steps = "forbidden")'


async def _again(prepared: Prepared, step: Step, password: Secret | None) -> Prepared:
    """The same step, planned anew; its fate where the new plan has no such step."""
    case = _narrowed(prepared.case, step)
    options: dict[str, Any] = {"with_previews": False, "with_hash": False}
    try:
        return await prepare(case, password, [step.id], prepared.direction, **options)
    except UnknownStep:
        raise Changed(step.id, ["the plan has no such step any more; look at it again"]) from None


def _narrowed(case: Case, step: Step) -> Case:
    """Only what a step is for: counting the rows of every constraint again would take its time."""
    if step.verb is Verb.SET_MIGRATION:
        return case
    kept = case.requirements
    if step.verb is Verb.ANALYZE:
        return replace(case, requirements=replace(kept, constraints=(), migration=None))
    indexes = tuple(each for each in kept.indexes if step.mends == _mends("index", each, step))
    checks = tuple(each for each in kept.constraints if step.mends == _mends("constraint", each, step))
    return replace(case, requirements=replace(kept, indexes=indexes, constraints=checks, migration=None))


def _mends(kind: str, required: Any, step: Step) -> str:
    """How the step would name a required object if it were on the step's table."""
    return f"{kind}:{step.table}:{required.name}"


def _is_over(entry: JournalEntry, before: bool) -> bool:
    if entry.event == Event.VERIFIED:
        return True
    if entry.event == Event.FINISHED:
        return entry.detail.get("outcome") in (Outcome.REFUSED, Outcome.UNKNOWN)
    return before and entry.event != Event.ADOPTED
