"""Journals what was previewed: what a plan rested on when somebody looked at it."""

from __future__ import annotations

from typing import Any

from profiles.locations import locations
from sql.steps.choosing import Readiness
from sql.steps.journal import Event, Journal
from sql.steps.operator import Operator
from sql.steps.preparing import Prepared, PreparedStep
from sql.steps.scribe import Scribe


def record_previews(prepared: Prepared, operator: Operator | None = None) -> None:
    """Journal what was looked at, one line a step that could be run.

    Raises:
        OSError: the journal cannot be written.
    """
    journal = Journal(locations().journal)
    scribe = Scribe(journal, prepared.case.profile, None, prepared.hash, operator, prepared.server)
    entries = [
        scribe.entry(Event.PREVIEWED, each.step, _remembered(prepared, each))
        for each in prepared.steps
        if each.step is not None
    ]
    if entries:
        journal.extend(entries)


def _remembered(prepared: Prepared, each: PreparedStep) -> dict[str, Any]:
    """What the journal keeps of a preview."""
    seen = each.preview.as_json() if each.preview else {}
    names = ("table_bytes", "rows", "index_bytes_estimate", "seconds_estimate", "violations")
    detail: dict[str, Any] = {name: seen[name] for name in names if name in seen}
    if seen.get("blockers"):
        detail["blockers"] = [blocker.get("pid") for blocker in seen["blockers"]]
    if each.readiness is Readiness.REFUSED:
        detail["refused_reason"] = each.sentence
    return {
        "direction": prepared.direction.value,
        "of": len(prepared.plan.steps),
        "fingerprint": each.step.fingerprint if each.step else None,
        "facts": each.facts.as_json() if each.facts else None,
        **detail,
    }
