"""Whether the journal tells one consistent story of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from sql.steps.journal import Event, JournalEntry
from sql.steps.outcome import Outcome
from sql.steps.step import Step


def contradictions(story: Sequence[JournalEntry], step: Step, *, runner_died: bool) -> list[str]:
    """What does not fit together; empty: one story, from `confirmed` to its end.

    Args:
        runner_died: whether anybody killed the run's first runner.
    """
    checks: tuple[Callable[[], Iterator[str]], ...] = (
        lambda: _beginning(story),
        lambda: _same_throughout(story, step),
        lambda: _order(story),
        lambda: _ending(story),
        lambda: _adoption(story, runner_died),
        lambda: _sent(story),
    )
    return [sentence for check in checks for sentence in check()]


def _beginning(story: Sequence[JournalEntry]) -> Iterator[str]:
    events = [entry.event for entry in story]
    if events[:1] != [Event.CONFIRMED] or events.count(Event.CONFIRMED) != 1:
        yield f"it is not confirmed once, at its beginning: {events[:3]}"


def _same_throughout(story: Sequence[JournalEntry], step: Step) -> Iterator[str]:
    for name in ("run", "hash", "profile", "environment", "host", "pgdeck", "step"):
        values = {str(getattr(entry, name)) for entry in story}
        if len(values) != 1:
            yield f"{name} changes: {sorted(values)}"
    identifiers = {entry.server["system_identifier"] for entry in story if entry.server}
    if len(identifiers) > 1:
        yield f"the server changes: {identifiers}"
    for entry in story:
        if entry.event in (Event.STARTED, Event.VERIFIED) and not entry.server:
            yield f"{entry.event} does not say on which server"
        if entry.sql != step.sql and entry.detail.get("phase") != "cleaning up":
            yield f"{entry.event} says that it sent {entry.sql}"


def _order(story: Sequence[JournalEntry]) -> Iterator[str]:
    for before, after in pairwise(story):
        if after.time < before.time:
            yield f"{after.event} at {after.time} stands after {before.event} at {before.time}"


def _ending(story: Sequence[JournalEntry]) -> Iterator[str]:
    """One end that is known; before it, only ends of which nobody knew; after it, only its proof."""
    finished = [entry for entry in story if entry.event == Event.FINISHED]
    known = [entry for entry in finished if entry.detail["outcome"] != Outcome.UNKNOWN]
    if len(known) != 1 or finished[-1] is not known[0]:
        yield f"it does not end once: {[entry.detail['outcome'] for entry in finished]}"
        return
    place = next(place for place, entry in enumerate(story) if entry is known[0])
    late = [
        entry.event
        for entry in story[place + 1 :]
        if entry.event not in (Event.VERIFIED, Event.ADOPTED, Event.CANCELLED)
    ]
    if late:
        yield f"after its end come {late}"
    verified = [place for place, entry in enumerate(story) if entry.event == Event.VERIFIED]
    proven = known[0].detail["outcome"] != Outcome.REFUSED
    if len(verified) != proven or any(each < place for each in verified):
        yield f"{known[0].detail['outcome']}, and verified {len(verified)} times"
    elif known[0].detail["outcome"] == Outcome.DONE and not story[verified[0]].detail["reached"]:
        yield f"done, and its proof says: {story[verified[0]].detail['sentence']}"


def _adoption(story: Sequence[JournalEntry], runner_died: bool) -> Iterator[str]:
    for place, entry in enumerate(story):
        over = any(before.event == Event.FINISHED for before in story[:place])
        if entry.event == Event.ADOPTED and not runner_died and not over:
            yield "it is adopted, and its runner lived"


def _sent(story: Sequence[JournalEntry]) -> Iterator[str]:
    started = sum(entry.event == Event.STARTED for entry in story)
    again = sum(entry.detail.get("phase") == "sending it again" for entry in story)
    if started > 1 + again:
        yield f"it was sent {started} times, and said so {again} times"
    finished = [entry for entry in story if entry.event == Event.FINISHED]
    if not started and any(entry.detail["outcome"] == Outcome.FAILED for entry in finished):
        yield "it failed, and was never sent"
