"""The journal as the note that one shift hands to the next: who did what, where, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sql.steps.journal import Event, JournalEntry
from sql.steps.runs import RunState, RunStatus
from tui.reports.events import said, seconds, short, signalled
from tui.reports.journal_text import moment, skipped_sentence
from tui.reports.markdown_report import escape, name
from tui.reports.wording import NOTHING, milliseconds
from tui.version import version

GOOD, BAD, OPEN = "✓", "✗", "…"
STANDING = frozenset({RunStatus.RUNNING, RunStatus.VERIFYING, RunStatus.ORPHANED, RunStatus.UNKNOWN})
LATENCIES = ("p50_ms", "p95_ms", "p99_ms")


def render(entries: Sequence[JournalEntry], states: Sequence[RunState], skipped: int) -> str:
    """The note.

    Args:
        entries: what is told of, oldest first.
        states: the runs among them, in the order in which they began.
        skipped: lines of the journal that are no entries.
    """
    return "\n".join(_note(entries, states, skipped)) + "\n"


def _note(entries: Sequence[JournalEntry], states: Sequence[RunState], skipped: int) -> Iterator[str]:
    yield "# Hand-over: what was done to the databases"
    yield ""
    if not entries:
        yield "The journal has nothing of that."
    else:
        yield f"From {moment(entries[0].time)} to {moment(entries[-1].time)} UTC."
    if states:
        yield from ("", *_summary(states), "", "## Runs", "")
        yield from _table(states)
    unfinished = [state for state in states if state.left or state.state in STANDING]
    if unfinished:
        yield from ("", "## What is left to do", "")
        yield from (f"- {_left(state)}" for state in unfinished)
    servers = {entry.run: entry.server for entry in entries if entry.run and entry.server}
    hashes = {entry.run: entry.hash for entry in entries if entry.run and entry.hash}
    for state in states:
        yield from ("", *_details(state, servers.get(state.run), hashes.get(state.run)))
    signals = [entry for entry in entries if entry.event == Event.VERIFIED and signalled(entry)]
    if signals:
        yield from ("", "## Sessions that were cancelled or terminated", "")
        yield from (
            f"- {moment(each.time)}, {name(each.profile)}, by {escape(each.operator)}: "
            f"{escape(signalled(each))}: {escape(said(each))}"
            for each in signals
        )
    looked = sum(1 for entry in entries if entry.run is None)
    if looked:
        steps = "1 step was" if looked == 1 else f"{looked} steps were"
        yield from ("", f"Besides, {steps} previewed; that changes nothing.")
    if skipped:
        yield from ("", escape(skipped_sentence(skipped)))
    yield from ("", f"Written by pgdeck {escape(version())}.")


def _summary(states: Sequence[RunState]) -> Iterator[str]:
    proven = sum(1 for state in states if _good(state))
    runs = "1 run" if len(states) == 1 else f"{len(states)} runs"
    yield f"**{runs}: {proven} done and verified, {len(states) - proven} not.**"


def _table(states: Sequence[RunState]) -> Iterator[str]:
    yield "| Began (UTC) | Profile | Step | By | Outcome | Verified |"
    yield "|---|---|---|---|---|---|"
    for state in states:
        cells = (
            moment(state.started_at or state.confirmed_at),
            name(state.profile),
            name(state.step),
            escape(f"{state.operator} on {state.host}"),
            f"{_sign(state)} {state.state}",
            _verified(state),
        )
        yield f"| {' | '.join(cells)} |"


def _details(state: RunState, server: Mapping[str, Any] | None, plan: str | None) -> Iterator[str]:
    yield f"### {escape(state.step)}"
    yield ""
    yield f"- run {name(state.run)}" + (f" of plan {name(short(plan))}" if plan else "")
    if server:
        where = f"{server.get('database')} at {server.get('address')}, PostgreSQL {server.get('version')}"
        yield f"- server: {escape(where)}, system identifier {escape(str(server.get('system_identifier')))}"
    if state.started_at and state.ended_at:
        yield f"- took {seconds((state.ended_at - state.started_at).total_seconds())}"
    if sentence := state.outcome.get("sentence"):
        yield f"- outcome: {escape(f'{state.state}: {sentence}')}"
    if sentence := state.verification.get("sentence"):
        yield f"- verified: {escape(str(sentence))}"
    yield from (f"- {line}" for line in _latencies(state.verification))
    if state.left:
        yield f"- left behind: {escape(state.left)}"
    fence = "`" * (_longest_run_of_ticks(state.sql) + 3)
    yield from ("", f"{fence}sql", state.sql, fence)


def _latencies(verification: Mapping[str, Any]) -> Iterator[str]:
    """`lookup: p50 61.2 → 2.31 ms` for each probe that was measured before and after."""
    before, after = verification.get("latency_before"), verification.get("latency_after")
    if not isinstance(after, Mapping):
        return
    for probe, measured in after.items():
        earlier = before.get(probe, {}) if isinstance(before, Mapping) else {}
        figures = [
            f"{figure.removesuffix('_ms')} {milliseconds(earlier.get(figure))} → "
            f"{milliseconds(measured.get(figure))}"
            for figure in LATENCIES
            if isinstance(measured, Mapping) and measured.get(figure) is not None
        ]
        if figures:
            yield f"latency of {name(str(probe))} in ms: {', '.join(figures)}"


def _good(state: RunState) -> bool:
    return state.state is RunStatus.DONE and bool(state.verification.get("reached"))


def _sign(state: RunState) -> str:
    if _good(state):
        return GOOD
    return OPEN if state.state in STANDING else BAD


def _verified(state: RunState) -> str:
    if not state.verification:
        return NOTHING
    return "yes" if state.verification.get("reached") else "**no**"


def _left(state: RunState) -> str:
    where = f"{name(state.step)} on {name(state.profile)}"
    if state.state in (RunStatus.RUNNING, RunStatus.VERIFYING):
        return f"{where} is {state.state}: {name(f'pgdeck journal --run {state.run}')}"
    if state.state in STANDING:
        return f"{where}: how it ended is not known; open the deck on {name(state.profile)}, which finds out"
    return f"{where}: {escape(state.left)}"


def _longest_run_of_ticks(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
