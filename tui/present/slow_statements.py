"""The server's slow statements, as a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from enum import StrEnum

from sql.slow_statements import SlowStatement, SlowStatementsSnapshot
from tui.present.blocks import fact_lines, heading, sql_lines
from tui.present.text import clean, count, ms, plural
from tui.present.view import BLANK, Column, Line, Row, Tone, View, line

COLUMNS = (
    Column("mean ms", least=7, right=True),
    Column("now ms", least=6, right=True, drop=2),
    Column("calls", least=5, right=True, drop=3),
    Column("share", least=5, right=True),
    Column("from cache", least=10, right=True, drop=4),
    Column("statement", least=20, most=40, fills=True),
)


class Order(StrEnum):
    """What the list is ordered by."""

    MEAN = "mean"
    SHARE = "share of the time"
    NOW = "the last minute"


ORDERS: Mapping[Order, Callable[[SlowStatement], float]] = {
    Order.MEAN: lambda each: each.mean_ms,
    Order.SHARE: lambda each: each.share,
    Order.NOW: lambda each: each.now.total_ms if each.now is not None else 0.0,
}


def slow_statements_view(snapshot: SlowStatementsSnapshot, order: Order) -> View:
    """The statements on the manifest's tables, the dearest first."""
    ordered = sorted(snapshot.statements, key=ORDERS[order], reverse=True)
    return View(
        summary=_summary(snapshot, order),
        head=_head(snapshot),
        columns=COLUMNS,
        rows=tuple(map(_row, ordered)),
        empty=(line(("no statement on the manifest's tables was counted", Tone.DIM)),),
    )


def _summary(snapshot: SlowStatementsSnapshot, order: Order) -> Line:
    since = f" · since {snapshot.since.astimezone(UTC):%m-%d %H:%M} UTC" if snapshot.since else ""
    counted = plural(len(snapshot.statements), "statement")
    return line((f"{counted} by {order}", Tone.PLAIN), (since, Tone.DIM))


def _head(snapshot: SlowStatementsSnapshot) -> tuple[Line, ...]:
    said = []
    if snapshot.reset_seen:
        said.append("the counters were reset while pgdeck watched")
    if snapshot.evicted:
        kept = f"; pg_stat_statements.max is {snapshot.most}" if snapshot.most is not None else ""
        said.append(f"statements were thrown out to make room {plural(snapshot.evicted, 'time')}{kept}")
    if snapshot.hidden:
        hidden = plural(snapshot.hidden, "statement")
        said.append(f"{hidden} of other roles cannot be seen; GRANT pg_read_all_stats shows them")
    return tuple(line((f"! {each}", Tone.WARN)) for each in said)


def _row(statement: SlowStatement) -> Row:
    totals = statement.totals
    text = clean(" ".join(statement.text.split()))
    blocks = totals.hit + totals.read
    return Row(
        key=str(statement.query_id),
        name=text[:60],
        cells=(
            (ms(statement.mean_ms), Tone.PLAIN),
            (ms(statement.mean_now_ms), Tone.PLAIN),
            (count(totals.calls), Tone.PLAIN),
            (f"{statement.share:.0%}", Tone.PLAIN),
            (f"{totals.hit / blocks:.0%}" if blocks else "–", Tone.PLAIN),
            (text, Tone.PLAIN),
        ),
        sql=statement.text,
        # The figures first: a long statement would leave them no line.
        foot=(line((_said(statement), Tone.DIM)), line((text, Tone.PLAIN))),
    )


def statement_lines(statement: SlowStatement, width: int) -> tuple[Line, ...]:
    """One statement as a whole: its figures, since it is counted and in the last minute, then its text."""
    totals = statement.totals
    blocks = totals.hit + totals.read
    facts = [
        ("mean", f"{ms(statement.mean_ms)} ms"),
        ("calls", f"{totals.calls}, {totals.own_calls} of them by this role"),
        ("rows", f"{totals.rows / totals.calls:.1f} a call" if totals.calls else ""),
        ("share", f"{statement.share:.0%} of the execution time of this database's statements"),
        ("from cache", f"{totals.hit / blocks:.0%} of {blocks} blocks" if blocks else ""),
        ("last minute", _lately(statement)),
        ("query id", str(statement.query_id)),
    ]
    text = [heading("statement"), *sql_lines(statement.text, width)]
    return (BLANK, *fact_lines(facts, width), BLANK, *text)


def _lately(statement: SlowStatement) -> str:
    if statement.now is None:
        return "cannot be told yet"
    mean = statement.mean_now_ms
    return plural(statement.now.calls, "call") + (f", mean {ms(mean)} ms" if mean is not None else "")


def _said(statement: SlowStatement) -> str:
    totals, now = statement.totals, statement.now
    facts = [
        f"{statement.share:.0%} of the database's time",
        f"{plural(totals.calls, 'call')}, {totals.own_calls} by this role",
        f"{totals.rows / totals.calls:.1f} rows a call" if totals.calls else "",
        "the last minute cannot be told yet" if now is None else f"{plural(now.calls, 'call')} lately",
    ]
    return " · ".join(filter(None, facts))
