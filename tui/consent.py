"""Asks what the guard wants before anything is run, and checks that the plan is the one that was reviewed."""

from __future__ import annotations

import argparse

from profiles.errors import ConfigurationError, Problem
from profiles.locations import locations
from profiles.model import Profile
from sql.steps import acting
from sql.steps.acting import Prepared
from tui import guard
from tui.asking import ask_awake, can_ask
from tui.exit_codes import ExitCode
from tui.reports import plan_text
from tui.stepping import narrate, show_question


def remember(prepared: Prepared) -> None:
    """Journal what was looked at.

    Raises:
        ConfigurationError: the journal cannot be written, so nothing may be run.
    """
    try:
        acting.record_previews(prepared)
    except OSError as error:
        what = f"the journal cannot be written ({error.strerror}), and nothing is run without it"
        raise ConfigurationError(
            [Problem(locations().journal, "", what, "check its folder's mode")]
        ) from None


def denied(profile: Profile, arguments: argparse.Namespace) -> ExitCode | None:
    """Refuse what no answer on a terminal would let through, before anything is asked of the server."""
    answer = guard.ask(profile, "this", terminal=True, confirm=arguments.confirm)
    if not isinstance(answer, guard.Denied):
        return None
    narrate(f"{answer.sentence}; nothing was run")
    return ExitCode.REFUSED


def refused(prepared: Prepared, arguments: argparse.Namespace) -> ExitCode | None:
    """Refuse where the plan is not the one that was reviewed, else ask; None: go on."""
    if arguments.plan_hash is not None:
        changes = acting.changed_since(prepared, arguments.plan_hash.strip().lower())
        if changes:
            narrate(f"the plan is not the one of --plan-hash: {'; '.join(changes)}; nothing was run")
            narrate(f"its hash is now {prepared.hash}")
            return ExitCode.REFUSED
    count = len(prepared.ready)
    what = prepared.ready[0].id if count == 1 else f"{count} steps"
    profile = prepared.case.profile
    answer = _answer(profile, what, arguments)
    if isinstance(answer, guard.Question):
        show_question(f"{plan_text.steps(prepared)}\n")
        server = prepared.server
        narrate(f"{server.database} at {server.address}, PostgreSQL {server.version}")
        for step in prepared.ready:
            if step.preview is not None and (wait := step.preview.forecast.wait):
                narrate(f"{step.id}: {wait}")
        if answer.accepts(ask_awake(answer.text)):
            return None
        narrate("nothing was run")
        return ExitCode.REFUSED
    if isinstance(answer, guard.Denied):
        narrate(f"{answer.sentence}; nothing was run")
        return ExitCode.REFUSED
    return None


def _answer(profile: Profile, what: str, arguments: argparse.Namespace) -> guard.Answer:
    return guard.ask(profile, what, terminal=can_ask(), yes=arguments.yes, confirm=arguments.confirm)
