"""The Pool pane: limits as bars, states, applications against their budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sql.snapshots import ApplicationUse, PoolLimit, PoolReading, PoolSnapshot
from tui.present.signs import mark
from tui.present.text import NOTHING, bar, clean, duration
from tui.present.view import Column, Line, Row, Span, Tone, View, line

if TYPE_CHECKING:
    from sql.pool.pgbouncer_reading import PgbouncerReading

COLUMNS = (
    Column("application", least=12, most=63, middle=True, fills=True),
    Column("used", least=4, right=True),
    Column("budget", least=6, right=True),
    Column("", least=10, most=10, drop=1),
)
BAR_WIDTH = 20
TIGHT_SHARE = 0.8
STATES = ("active", "idle", "idle in transaction", "idle in transaction (aborted)")
LONG_TRANSACTION_S = 300.0


def pool_view(snapshot: PoolSnapshot) -> View:
    """How full the server's connections are."""
    pool = snapshot.pool
    return View(
        summary=summary(pool),
        head=(
            *_limits(pool),
            *pooler_lines(pool.pgbouncer),
            _states(pool),
            _waits(pool),
            *_root(pool),
            *_details(pool),
        ),
        columns=COLUMNS,
        rows=tuple(_row(use) for use in _ordered(pool)),
        empty=(line(("no client is connected", Tone.DIM)),),
    )


def pooler_lines(reading: PgbouncerReading | None) -> tuple[Line, ...]:
    """As `tui.present.pgbouncer.pane_lines`, which few decks need."""
    if reading is None:
        return ()
    from tui.present.pgbouncer import pane_lines

    return pane_lines(reading)


def pooler_trouble(reading: PgbouncerReading | None) -> str:
    """As `tui.present.pgbouncer.trouble`."""
    if reading is None:
        return ""
    from tui.present.pgbouncer import trouble

    return trouble(reading)


def summary(pool: PoolReading) -> Line:
    """`✓ ok · 14 of 97 connections`."""
    said: Line = (mark(pool.finding),)
    room = usable(pool)
    if pool.used is not None and room is not None:
        said = (*said, (f" · {pool.used} of {room} connections", Tone.PLAIN))
    return said


def usable(pool: PoolReading) -> int | None:
    """Connections that ordinary roles may hold: max_connections less the reserved."""
    return None if pool.limit is None else pool.limit - (pool.reserved or 0)


def share_tone(used: int, limit: int) -> Tone:
    """Tone of a share of a limit."""
    if used >= limit:
        return Tone.BAD
    return Tone.WARN if used >= TIGHT_SHARE * limit else Tone.GOOD


def share_sign(used: int, limit: int) -> str:
    """Sign of a share of a limit."""
    return {Tone.BAD: "✗", Tone.WARN: "!"}.get(share_tone(used, limit), "✓")


def limit_line(name: str, used: int, limit: int) -> Line:
    """One limit: sign, bar, numbers, name."""
    tone = share_tone(used, limit)
    return line(
        (f"{share_sign(used, limit)} ", tone),
        (bar(used, limit, BAR_WIDTH), tone),
        (f" {used:>4} of {limit:<4} ", Tone.PLAIN),
        (clean(name), Tone.DIM),
    )


def all_limits(pool: PoolReading) -> tuple[PoolLimit, ...]:
    """The limits, the fullest first; max_connections alone where the reading names none."""
    room = usable(pool)
    limits = pool.limits
    if not limits and pool.used is not None and room is not None:
        limits = (PoolLimit("max_connections", pool.used, room),)
    return tuple(sorted(limits, key=lambda each: -(each.used / each.limit if each.limit else 1)))


def _limits(pool: PoolReading) -> tuple[Line, ...]:
    return tuple(limit_line(each.name, each.used, each.limit) for each in all_limits(pool)[:3])


def _states(pool: PoolReading) -> Line:
    """Of all databases, as the limits and the applications below are."""
    known = [state for state in STATES if state in pool.by_state]
    others = sorted(state for state in pool.by_state if state not in STATES)
    spans: list[Span] = []
    for state in (*known, *others):
        if spans:
            spans.append((" · ", Tone.DIM))
        spans += [(str(pool.by_state[state]), Tone.PLAIN), (f" {clean(state) or 'unknown'}", Tone.DIM)]
    return (("server: ", Tone.DIM), *spans) if spans else line(("states unknown", Tone.DIM))


def _waits(pool: PoolReading) -> Line:
    oldest = pool.oldest_transaction_s
    is_long = oldest is not None and oldest >= LONG_TRANSACTION_S
    waiting = pool.waiting_on_locks
    # The count first: the end of the line is what a narrow pane cuts.
    return line(
        ("this database: ", Tone.DIM),
        (
            (f"! {waiting}" if waiting else NOTHING if waiting is None else "0"),
            Tone.WARN if waiting else Tone.PLAIN,
        ),
        (" wait on locks · oldest tx ", Tone.DIM),
        (("! " if is_long else "") + rough(oldest), Tone.WARN if is_long else Tone.PLAIN),
    )


def _root(pool: PoolReading) -> tuple[Line, ...]:
    """Who keeps them waiting, on a line that is there only while somebody waits."""
    if not pool.waiting_on_locks or not pool.root_blocker:
        return ()
    return (line((f"! behind {clean(pool.root_blocker)}: x shows who", Tone.WARN)),)


def rough(seconds: float | None) -> str:
    """An age that changes seldom: below ten seconds as one, then in steps of ten, then of minutes."""
    if seconds is None:
        return "none"
    if seconds < 10:
        return "< 10 s"
    return duration(int(seconds) // 10 * 10 if seconds < 120 else int(seconds) // 60 * 60)


def _details(pool: PoolReading) -> tuple[Line, ...]:
    said: list[Line] = []
    if pool.states_hidden:
        said.append(
            line(("? states of other users are hidden; GRANT pg_read_all_stats shows them", Tone.WARN))
        )
    if pool.detail:
        said.append(line((clean(pool.detail), Tone.DIM)))
    return tuple(said)


def _ordered(pool: PoolReading) -> list[ApplicationUse]:
    return sorted(pool.by_application, key=lambda use: (use.budget is None, -use.used, use.application))


def _row(use: ApplicationUse) -> Row:
    # A session that just begins, or one of replication, has no database; `name @ database` is then cut off.
    name = clean(use.application).removesuffix("@").strip() or "(no name)"
    own = use.application.startswith("pgdeck")
    tone = Tone.DIM if use.budget is None else share_tone(use.used, use.budget)
    drawn = "" if use.budget is None else bar(use.used, use.budget, 8)
    sign = "  " if use.budget is None else share_sign(use.used, use.budget) + " "
    said = "pgdeck itself" if own else "not in the manifest's pool budget"
    if use.budget is not None:
        said = f"{use.used} of {use.budget} that the budget allows"
    return Row(
        key=use.application,
        name=name,
        cells=(
            (name, Tone.DIM if own else Tone.PLAIN),
            (str(use.used), Tone.PLAIN),
            (NOTHING if use.budget is None else str(use.budget), Tone.PLAIN),
            (sign + drawn, tone),
        ),
        foot=(line((name, Tone.STRONG)), line((said, Tone.DIM))),
    )
