"""The pool screen: every limit, who holds the connections, the budget, rates, and what pgdeck costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tui.present.blocks import fact_lines, heading, points, prose
from tui.present.pgbouncer import screen_lines
from tui.present.pool import all_limits, limit_line, rough, share_sign, share_tone
from tui.present.server_clock import age_s
from tui.present.text import BLOCKS, NOTHING, clean, duration
from tui.present.view import BLANK, Column, Line, Row, Tone, View, layout, line, table_line, title_line

if TYPE_CHECKING:
    from profiles.manifest import PoolBudget
    from sql.pool.advice import ReplicaAdvice
    from sql.pool.history import Point, PoolHistory
    from sql.pool.use import BudgetUse, PoolGroup, PoolUseSnapshot
    from sql.snapshots import PoolLimit, PoolReading

HISTORY_S = 600.0
PLOT = 60
"""Cells of the plot at most."""
LABEL = 14
COLUMNS = ("used", "active", "idle", "in tx", "on locks", "oldest", "oldest tx")
TITLES = {
    "state": "state",
    "application": "application",
    "role": "user",
    "client": "client address",
    "database": "database",
}
"""How the groupings are called."""


@dataclass(frozen=True)
class PoolPicture:
    """All that the screen shows."""

    pool: PoolReading | None
    use: PoolUseSnapshot | None
    budget: PoolBudget | None
    history: PoolHistory
    advice: ReplicaAdvice | None
    grouping: str
    trouble: str = ""
    """Why something cannot be read."""


def pool_lines(picture: PoolPicture, now: datetime, width: int) -> tuple[Line, ...]:
    """The whole text."""
    lines: list[Line] = []
    if picture.trouble:
        lines += [*prose(f"? {clean(picture.trouble)}", width, Tone.WARN, indent=1), BLANK]
    if picture.pool is None:
        return (*lines, line((" waiting for the first reading", Tone.DIM)))
    lines += [*_limits(picture.pool, width), BLANK, *_history(picture, width), BLANK]
    use = picture.use
    if use is None:
        lines.append(line((" reading who holds them …", Tone.DIM)))
    else:
        lines += [*_groups(use, picture.grouping, now, width), BLANK]
        lines += [*_budget(picture.budget, use, now, width), BLANK]
    lines += screen_lines(picture.pool.pgbouncer, width)
    lines += _own(picture.pool, use, width)
    if picture.advice is not None:
        lines += [BLANK, *_advice(picture.advice, width)]
    return tuple(lines)


# -- limits ---------------------------------------------------------------------------------------------


def _limits(pool: PoolReading, width: int) -> Iterable[Line]:
    yield heading("limits")
    first = bites_first(all_limits(pool))
    if first is not None:
        tone, sign = share_tone(first.used, first.limit), share_sign(first.used, first.limit)
        yield from prose(f"{sign} {_bites(first, pool)}", width, tone)
    for each in all_limits(pool):
        yield line("  ", *limit_line(each.name, each.used, each.limit))
    if pool.reserved:
        kept = f"{pool.reserved} of max_connections {pool.limit} are kept for superusers"
        yield from prose(f"{kept} (and for pg_use_reserved_connections, 16 and newer)", width, Tone.DIM)


def bites_first(limits: Sequence[PoolLimit]) -> PoolLimit | None:
    """The limit with the least room; of two, the fuller one."""
    return min(
        limits, key=lambda each: (each.limit - each.used, -each.used / max(each.limit, 1)), default=None
    )


def _bites(first: PoolLimit, pool: PoolReading) -> str:
    left = first.limit - first.used
    of = {
        "max_connections": f"max_connections {pool.limit} less {pool.reserved or 0} reserved",
        "pool budget": "the manifest's size + max_overflow",
    }.get(first.name, f"CONNECTION LIMIT of {first.name}")
    name = clean(first.name)
    if left <= 0:
        return f"{name} is full: {first.used} of {first.limit} ({clean(of)})"
    return f"{name} bites first: {left} of {first.limit} left ({clean(of)})"


# -- history and rates ----------------------------------------------------------------------------------


def _history(picture: PoolPicture, width: int) -> Iterable[Line]:
    from sql.pool.history import columns

    recent = picture.history.last(HISTORY_S)
    yield heading("history")
    if len(recent) > 1:
        seconds = min(picture.history.span_s, HISTORY_S)
        # Readings do not come like clockwork: a column for each would leave gaps where nothing is missing.
        number = max(min(PLOT, width - 34, len(recent) * 2 // 3), 2)
        top = max(point.used for point in recent)
        plot = _plot(columns(recent, number, seconds * (1 + 1 / number)), top)
        said = f"  {rough(seconds)}: {min(point.used for point in recent)} to {top} used on the server"
        yield line("  ", (plot, Tone.SPARK), said)
        yield from prose(_peaks(recent), width, Tone.DIM)
    traffic = picture.use.traffic if picture.use is not None else None
    if traffic is None:
        return
    if traffic.new_per_min is not None:
        said = f"{traffic.new_per_min:.0f} new sessions a minute on the server"
    elif traffic.young is not None:
        said = f"{traffic.young} sessions of the last minute live still (13 does not count those that ended)"
    elif traffic.broken is None:
        said = "new sessions are hidden from this role; GRANT pg_read_all_stats shows them"
    else:
        said = "new sessions: one more reading to tell the rate"
    if traffic.broken is not None:
        said += f"; {traffic.broken} ended by an error, a kill or a lost client since statistics began"
    yield from prose(said, width)


def _plot(values: Sequence[int | None], top: int) -> str:
    """Blocks from zero to the peak; a gap where nothing was read."""
    steps = len(BLOCKS) - 1
    return "".join(
        " " if each is None else BLOCKS[round(each / top * steps) if top else 0] for each in values
    )


def _peaks(recent: Sequence[Point]) -> str:
    waiting, queued = max(point.waiting for point in recent), max(point.queued for point in recent)
    said = f"at most {waiting} waited on locks at once" if waiting else "nobody waited on locks"
    said += " in this database"
    return said + (f", {queued} before PgBouncer" if queued else "")


# -- who holds them -------------------------------------------------------------------------------------


def _groups(use: PoolUseSnapshot, grouping: str, now: datetime, width: int) -> Iterable[Line]:
    title = TITLES[grouping]
    yield line(
        (f" connections to all databases by {title}", Tone.ACCENT), ("  tab: by something else", Tone.DIM)
    )
    numbers = tuple(
        Column(name, least=5, right=True, drop=drop)
        for name, drop in zip(COLUMNS, (0, 3, 2, 4, 6, 7, 5), strict=True)
    )
    rows = tuple(_group(each, use, now) for each in use.groups.get(grouping, ()))
    view = View((), columns=(Column(title, least=12, most=44, middle=True), *numbers), rows=rows)
    widths = layout(view, width - 4)
    yield line("  ", *title_line(view, widths))
    for row in rows:
        yield line("  ", *table_line(view, widths, row.cells))


def _group(group: PoolGroup, use: PoolUseSnapshot, now: datetime) -> Row:
    name = clean(group.name) or "(no name)"
    locks, in_tx = group.waiting_on_locks, group.in_transaction
    return Row(
        key=group.name,
        name=name,
        cells=(
            (name, Tone.PLAIN),
            (str(group.used), Tone.STRONG),
            (str(group.active), Tone.PLAIN),
            (str(group.idle), Tone.PLAIN),
            (str(in_tx), Tone.WARN if in_tx else Tone.PLAIN),
            (f"! {locks}" if locks else "0", Tone.WARN if locks else Tone.PLAIN),
            (_age(age_s(group.oldest_connection, use, now)), Tone.DIM),
            (_age(age_s(group.oldest_transaction, use, now)), Tone.DIM),
        ),
    )


def _age(seconds: float | None) -> str:
    return NOTHING if seconds is None else rough(seconds)


# -- the budget -----------------------------------------------------------------------------------------


def _budget(budget: PoolBudget | None, use: PoolUseSnapshot, now: datetime, width: int) -> Iterable[Line]:
    yield heading("the manifest's budget, and what the applications hold in this database")
    held = use.budget
    if budget is None or held is None:
        yield from prose("the manifest names no applications for its pool", width, Tone.DIM)
        return
    yield line((f"  {clean(', '.join(budget.applications))}", Tone.DIM))
    yield from fact_lines(budget_facts(budget, held, use, now), width, LABEL)
    if held.seen < held.held:
        hidden = held.held - held.seen
        said = f"ages and states of {hidden} are hidden from this role; GRANT pg_read_all_stats shows them"
        yield from prose(f"? {said}", width, Tone.WARN)


def budget_facts(
    budget: PoolBudget, held: BudgetUse, use: PoolUseSnapshot, now: datetime
) -> list[tuple[str, str]]:
    """Each setting of the budget, and what is really so."""
    facts: list[tuple[str, str]] = []
    if budget.limit is not None and budget.size is not None:
        beyond = max(held.held - budget.size, 0)
        made_of = f"size {budget.size} + max_overflow {budget.max_overflow or 0}"
        said = f"{held.held} of {budget.limit} held: {made_of}"
        facts.append(("connections", said + (f"; {beyond} of them are overflow" if beyond else "")))
    if budget.timeout_s is not None:
        waits = duration(budget.timeout_s)
        said = f"a request that finds all taken waits {waits}, then fails in the application"
        facts.append((f"timeout {budget.timeout_s:g} s", said))
    if budget.recycle_s is not None:
        facts.append((f"recycle {duration(budget.recycle_s)}", _recycled(held, use, now)))
    if budget.query_timeout_s is not None:
        facts.append((f"query {duration(budget.query_timeout_s)}", _timed_out(held, use, now)))
    if held.in_transaction:
        age = _age(age_s(held.in_transaction_since, use, now))
        facts.append(
            ("in transaction", f"! {held.in_transaction} idle, the longest {age}: x shows what they hold")
        )
    return facts


def _recycled(held: BudgetUse, use: PoolUseSnapshot, now: datetime) -> str:
    oldest = _age(age_s(held.oldest, use, now))
    if not held.over_recycle:
        return f"no connection is older (the oldest {oldest})"
    idle = held.idle_over_recycle
    why = f"; {idle} of them only sat idle, and are recycled when next taken" if idle else ""
    return f"! {held.over_recycle} connections are older, the oldest {oldest}{why}"


def _timed_out(held: BudgetUse, use: PoolUseSnapshot, now: datetime) -> str:
    if not held.over_query_timeout:
        return "no statement runs longer"
    age = _age(age_s(held.longest_query, use, now))
    longer = (
        "1 statement runs" if held.over_query_timeout == 1 else f"{held.over_query_timeout} statements run"
    )
    longest = f"the longest {age} (pid {held.longest_query_pid})"
    return f"! {longer} longer, {longest}: the timeout does not reach them"


# -- ourselves, and a replica ---------------------------------------------------------------------------


def _own(pool: PoolReading, use: PoolUseSnapshot | None, width: int) -> Iterable[Line]:
    yield heading("pgdeck itself")
    said = "1 session" if pool.own == 1 else f"{pool.own} sessions"
    if use is not None and use.own is not None:
        said += f"; the watch sends {use.own.statements_per_s:g} statements a second"
        said += f" and awaits their answers for {use.own.answered_ms_per_s:g} ms of it, the line included"
    yield from prose(f"{said}; probes go by their own schedule", width)


def _advice(advice: ReplicaAdvice, width: int) -> Iterable[Line]:
    yield heading("advice")
    yield from prose(advice.sentence, width, Tone.WARN if advice.worth else Tone.PLAIN)
    said = (f"{rule.name}: {rule.weight}; {rule.sentence}" for rule in advice.rules)
    yield from points(map(clean, said), width, Tone.DIM)
