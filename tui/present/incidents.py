"""Slow runs and why they were slow: the list, and the evidence of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC

from sql.latency.evidence import Cause, Evidence, Incident, IncidentsSnapshot, LockWait, Others, ServerCall
from tui.present.blocks import fact_lines, heading, points, prose
from tui.present.text import clean, duration, plural
from tui.present.view import BLANK, Column, Line, Row, Span, Tone, View, line

COLUMNS = (
    Column("time", least=8, most=8),
    Column("probe", least=8, most=28, middle=True),
    Column("ms", least=4, right=True),
    Column("runs", least=4, right=True, drop=2),
    Column("cause", least=8, most=16),
    Column("why", least=10, most=24, fills=True),
)
WORDS: Mapping[Cause, str] = {
    Cause.LOCK: "lock",
    Cause.IO: "I/O",
    Cause.COLD_CACHE: "cold cache",
    Cause.CPU: "no wait",
    Cause.PLAN: "plan change",
    Cause.NO_INDEX: "index unused",
    Cause.WAL: "checkpoint/WAL",
    Cause.CONTENTION: "contention",
    Cause.NETWORK: "network/client",
    Cause.STALLED: "prober stalled",
    Cause.OTHER: "other wait",
    Cause.UNKNOWN: "nothing seen",
}
TEXT_WIDTH = 100


def incidents_view(snapshot: IncidentsSnapshot | None) -> View:
    """The newest first."""
    incidents = snapshot.incidents if snapshot is not None else ()
    return View(
        summary=line((plural(len(incidents), "incident") if incidents else "none", Tone.PLAIN)),
        columns=COLUMNS,
        rows=tuple(map(_row, incidents)),
        empty=(line(("no run was slow since the watch began", Tone.DIM)),),
    )


def _row(incident: Incident) -> Row:
    return Row(
        key=incident.key,
        name=clean(f"{incident.probe} at {_time(incident)}"),
        cells=(
            (_time(incident), Tone.DIM),
            (clean(incident.probe), Tone.PLAIN),
            (f"{incident.ms:.0f}", Tone.PLAIN),
            (
                "going on" if incident.running else str(incident.count),
                Tone.WARN if incident.running else Tone.DIM,
            ),
            cause(incident),
            (clean(incident.reason), Tone.PLAIN),
        ),
        sql=incident.sentence,
        foot=(line((clean(incident.sentence), Tone.PLAIN)),),
    )


def _time(incident: Incident) -> str:
    return f"{incident.at.astimezone(UTC):%H:%M:%S}"


def cause(incident: Incident) -> Span:
    """The cause in words; what nobody saw is dim."""
    tone = Tone.DIM if incident.cause in (Cause.UNKNOWN, Cause.STALLED) else Tone.WARN
    return (WORDS[incident.cause], tone)


def incident_lines(incident: Incident, width: int) -> list[Line]:
    """Everything that was seen."""
    seen = incident.evidence
    blocks: list[list[Line]] = [
        [heading("Why"), *prose(clean(incident.sentence), width), *fact_lines(_facts(incident), width)],
        _shares(seen, width),
        _block("The lock", fact_lines(_lock(seen.lock), width) + _blockers(seen.lock, width)),
        _block("What else went on, at the most", fact_lines(_others(seen.others), width)),
        _block("What the server counted (pg_stat_statements)", fact_lines(_call(seen.call), width)),
        _block("How it would be run now (EXPLAIN)", fact_lines(_plan(seen), width)),
        _block("What could not be seen", points(map(clean, seen.unseen), width, Tone.WARN, "?")),
    ]
    lines: list[Line] = []
    for each in filter(None, blocks):
        lines += [*([BLANK] if lines else []), *each]
    return lines


def incident_text(incident: Incident) -> str:
    """The same as plain text, to copy."""
    shown = incident_lines(incident, TEXT_WIDTH)
    return "\n".join("".join(text for text, _ in each).rstrip() for each in shown)


def _block(title: str, lines: list[Line]) -> list[Line]:
    return [heading(title), *lines] if lines else []


def _facts(incident: Incident) -> Iterator[tuple[str, str]]:
    seen = incident.evidence
    at, until = incident.at.astimezone(UTC), incident.until.astimezone(UTC)
    yield "cause", WORDS[incident.cause]
    yield "when", f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3] + f" to {until:%H:%M:%S.%f}"[:-3] + " UTC"
    if incident.count > 1:
        slowest = f"the slowest {incident.ms:.0f} ms"
        yield "slow runs", f"{incident.count}, {incident.looked_into} of them looked into; {slowest}"
    lesser = "the lesser of its p99 target and three times the usual, at least 20 ms"
    yield "exceeded", f"{seen.threshold_ms:.0f} ms: {lesser}"
    yield "usually", "" if seen.usual_ms is None else f"{seen.usual_ms:.1f} ms"
    yield "backend", "" if seen.pid is None else f"pid {seen.pid}"


def _shares(seen: Evidence, width: int) -> list[Line]:
    if not seen.looks:
        return []
    first = "" if seen.first_look_ms is None else f", the first after {seen.first_look_ms:.0f} ms"
    title = f"Where the time went, as {plural(seen.looks, 'look')} tell{first}"
    rows = [
        (clean(each.doing), f"about {each.ms:.0f} ms, {plural(each.looks, 'look')}") for each in seen.shares
    ]
    return _block(title, fact_lines(rows, width, label=max(len(doing) for doing, _ in rows)))


def _lock(lock: LockWait | None) -> Iterator[tuple[str, str]]:
    if lock is None:
        return
    yield "waits for", f"{lock.mode} on {lock.kind}" + (f" {clean(lock.relation)}" if lock.relation else "")
    if lock.waited_ms is not None:
        yield "waited", f"{lock.waited_ms:.0f} ms when it was seen last, from when the server says it began"


def _blockers(lock: LockWait | None, width: int) -> list[Line]:
    from sql.latency.causes import who

    lines: list[Line] = []
    for blocker in lock.blockers if lock is not None else ():
        holds = f"holds {blocker.mode}" if blocker.mode else "stands before it in the queue"
        age = f"; its transaction is {duration(blocker.age_s)} old" if blocker.age_s is not None else ""
        said = f"{who(blocker)}: {holds}{age}"
        lines += points([clean(said)], width, Tone.PLAIN, indent=2 * blocker.depth)
    if lock is not None and lock.left_out:
        lines += points([f"and {lock.left_out} more"], width, Tone.DIM, indent=2)
    return lines


def _others(others: Others | None) -> Iterator[tuple[str, str]]:
    if others is None:
        return
    longest = f", the longest for {duration(others.longest_s)}" if others.longest_s is not None else ""
    yield "active", f"{plural(others.active, 'other backend')}{longest if others.active else ''}"
    waits = (
        (others.waiting_on_locks, "locks"),
        (others.waiting_on_io, "I/O"),
        (others.waiting_on_wal, "WAL"),
    )
    yield "waiting", ", ".join(f"{number} for {what}" for number, what in waits if number)
    work = ((others.autovacuums, "autovacuum worker"), (others.builds, "index build"))
    said = [plural(number, what) for number, what in work if number]
    yield "maintenance", ", ".join([*said, *(["a checkpoint"] if others.checkpointing else [])])
    if others.hidden:
        hidden = plural(others.hidden, "backend")
        yield "hidden", f"what {hidden} of other roles do; GRANT pg_read_all_stats shows it"


def _call(call: ServerCall | None) -> Iterator[tuple[str, str]]:
    if call is None:
        return
    yield "runs", "1: this one" if call.calls == 1 else f"{call.calls}: this one and those right after it"
    yield "executing", f"{call.exec_ms:.1f} ms (waiting for locks on tables is not in it)"
    usual = f" ({call.usual_read:.0f} a run before)" if call.calls == 1 else ""
    yield "blocks", f"{call.shared_hit} found in the cache, {call.shared_read} read{usual}"
    if call.read_ms is not None:
        yield "reading", f"{call.read_ms:.1f} ms"
    if call.temp_written:
        yield "temporary", f"{call.temp_written} blocks written"


def _plan(seen: Evidence) -> Iterator[tuple[str, str]]:
    if seen.plan is None:
        return
    yield "now", clean(seen.plan.shape or seen.plan.node)
    if seen.plan_before is not None:
        yield "before", clean(seen.plan_before.shape)
    yield "indexes", clean("; ".join(seen.indexes))
    yield "note", clean(seen.plan.note)


def told(before: Sequence[Incident], after: Sequence[Incident]) -> Incident | None:
    """The incident that the operator was not told of yet: a new one, or one that has ended since."""
    known = {(each.key, each.running) for each in before}
    keys = {key for key, _ in known}
    return next(
        (
            each
            for each in after
            if each.key not in keys or ((each.key, each.running) not in known and not each.running)
        ),
        None,
    )
