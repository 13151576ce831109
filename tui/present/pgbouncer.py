"""PgBouncer's pools: a few lines for the pool pane, all of them for the pool screen."""

from __future__ import annotations

from collections.abc import Sequence

from sql.findings import PoolFinding
from sql.pool.pgbouncer_reading import GRAVITY, PgbouncerPool, PgbouncerReading, PoolerTraffic, seconds
from tui.present.blocks import heading, points, prose
from tui.present.signs import SIGNS
from tui.present.text import NOTHING, bar, clean, fit_middle, ms
from tui.present.view import BLANK, Line, Span, Tone, line

IN_PANE = 2
BAR_WIDTH = 20
NAME_WIDTH = 28


def pane_lines(reading: PgbouncerReading | None) -> tuple[Line, ...]:
    """The fullest pools in a line each, or why they are unknown; nothing where no console is named."""
    if reading is None:
        return ()
    if reading.unknown:
        said = f"? PgBouncer is unknown: {reading.unknown}"
        return (line((clean(f"{said}; {reading.remedy}" if reading.remedy else said), Tone.WARN)),)
    if not reading.pools:
        return (line(("PgBouncer has no client", Tone.DIM)),)
    ordered = _ordered(reading)
    lines = [_pool_line(pool) for pool in ordered[:IN_PANE]]
    if len(ordered) > IN_PANE:
        lines.append(line((f"… and {len(ordered) - IN_PANE} more pools of PgBouncer", Tone.DIM)))
    return tuple(lines)


def trouble(reading: PgbouncerReading | None) -> str:
    """What is wrong in front of the server, one clause; empty where nothing is, or nothing is known."""
    if reading is None or reading.unknown or reading.finding is PoolFinding.OK:
        return ""
    return f"PgBouncer: {reading.sentences[0]}"


def screen_lines(reading: PgbouncerReading | None, width: int) -> tuple[Line, ...]:
    """Everything that the console says; nothing where no console is named."""
    if reading is None:
        return ()
    if reading.unknown:
        said = prose(f"unknown: {reading.unknown}", width, Tone.WARN)
        mend = prose(f"to mend it: {reading.remedy}", width, Tone.DIM) if reading.remedy else []
        return (heading("PgBouncer"), *said, *mend, BLANK)
    limit = f" of {reading.max_clients}" if reading.max_clients else ""
    lines: list[Line] = [
        line((f" PgBouncer {clean(reading.version)}", Tone.ACCENT), f"  {reading.clients}{limit} clients"),
        line((_row(_TITLES, width), Tone.DIM)),
    ]
    traffic = {each.database: each for each in reading.traffic}
    for pool in _ordered(reading):
        sign, tone = SIGNS[pool.finding]
        cells = _row(_cells(pool, traffic.get(pool.database)), width)
        lines.append(line("  ", (sign, tone), (cells[3:], Tone.PLAIN)))
    return (*lines, *points(map(clean, reading.sentences), width, Tone.WARN, "!"), BLANK)


def _ordered(reading: PgbouncerReading) -> list[PgbouncerPool]:
    """The gravest first, then the fullest."""

    def weight(pool: PgbouncerPool) -> tuple[int, float, str]:
        share = pool.sv_busy / pool.pool_size if pool.pool_size else 0.0
        return (-GRAVITY.index(pool.finding), -share, pool.name)

    return sorted(reading.pools, key=weight)


def _pool_line(pool: PgbouncerPool) -> Line:
    sign, tone = SIGNS[pool.finding]
    size = NOTHING if pool.pool_size is None else str(pool.pool_size)
    paused: Span = (" paused" if pool.paused else "", Tone.WARN)
    name: Span = (clean(pool.name), Tone.DIM)
    if pool.cl_waiting:
        waits = "1 client waits" if pool.cl_waiting == 1 else f"{pool.cl_waiting} clients wait"
        state = " saturated" if pool.is_saturated else ""
        said = f"{sign} PgBouncer{state}: {waits}, the longest {seconds(pool.maxwait_s)}; "
        return line((said, tone), f"{pool.sv_active} of {size} in use ", name, paused)
    drawn = bar(min(pool.sv_busy, pool.pool_size), pool.pool_size, BAR_WIDTH) if pool.pool_size else ""
    numbers = f" {pool.sv_active:>4} of {size:<4} "
    return line((f"{sign} {drawn}", tone), numbers, ("PgBouncer ", Tone.DIM), name, paused)


_TITLES = ("pool", "mode", "in use", "size", "free", "clients", "waiting", "longest", "tx/s", "query ms")


def _cells(pool: PgbouncerPool, traffic: PoolerTraffic | None) -> tuple[str, ...]:
    rate = NOTHING if traffic is None else f"{traffic.transactions_per_s:.0f}"
    return (
        clean(pool.name),
        pool.pool_mode,
        str(pool.sv_active),
        NOTHING if pool.pool_size is None else str(pool.pool_size),
        str(pool.sv_idle),
        str(pool.cl_active),
        str(pool.cl_waiting),
        seconds(pool.maxwait_s) if pool.cl_waiting else NOTHING,
        rate,
        NOTHING if traffic is None or traffic.query_ms is None else ms(traffic.query_ms),
    )


def _row(cells: Sequence[str], width: int) -> str:
    """The cells, aligned; the last ones are left out where there is no room."""
    name, mode, *numbers = cells
    text = f"    {fit_middle(name, NAME_WIDTH)}  {mode:<11}"
    for number in numbers:
        if len(text) + 9 > width:
            break
        text += f"{number:>9}"
    return text
