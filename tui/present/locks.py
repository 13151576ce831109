"""Who waits for whose locks, as a tree in a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from tui.present.pool import rough
from tui.present.server_clock import age_s
from tui.present.text import clean, plural
from tui.present.view import Column, Line, Row, Span, Tone, View, line

if TYPE_CHECKING:
    from sql.locks.reading import Hold, LockSession, LocksSnapshot
    from sql.locks.tree import Branch, Forest

COLUMNS = (
    Column("session", least=8, most=26),
    Column("application", least=8, most=24, middle=True),
    Column("user", most=16, drop=4),
    Column("does", least=12, most=30),
    Column("on", least=12, most=40, middle=True),
    Column("lock", least=6, most=20, drop=2),
    Column("behind", least=6, right=True),
    Column("statement", least=12, most=12, drop=3, fills=True),
)
SITTING_S = 2.0
"""Idle in a transaction for longer than this is shown, also where nobody waits."""
DEEPEST_DRAWN = 8
"""Levels that are indented; what is deeper stands below the last of them."""


def locks_view(snapshot: LocksSnapshot, forest: Forest, now: datetime) -> View:
    """The blocking forest, then who sits idle in a transaction."""
    branches = list(forest.branches())
    rows = [_branch_row(branch, snapshot, forest, now) for branch in branches]
    idle = [each for each in forest.idle if _sits(each, snapshot, now)]
    rows += [_idle_row(each, snapshot, now) for each in idle]
    return View(
        summary=_summary(forest, len(idle) + sum(map(_keeps_idle, branches))),
        columns=COLUMNS,
        rows=tuple(rows),
        empty=(line(("nobody waits for a lock, and nobody is idle in a transaction", Tone.DIM)),),
        calm=True,
    )


def around_view(view: View, pid: int) -> View:
    """The same, where it is about one backend only."""
    nobody = f"pid {pid} waits for nobody's lock, and nobody waits for its own"
    summary = (
        line((f"around pid {pid}: ", Tone.DIM), *view.summary) if view.rows else line((nobody, Tone.GOOD))
    )
    return replace(view, summary=summary, empty=(line(("esc leads back to the run", Tone.DIM)),))


def _sits(session: LockSession, snapshot: LocksSnapshot, now: datetime) -> bool:
    """Whether it is idle for so long that it is no application between two statements."""
    idle_s = age_s(session.state_change or session.xact_start, snapshot, now)
    return idle_s is None or idle_s >= SITTING_S


def _keeps_idle(branch: Branch) -> bool:
    """Whether it is idle in a transaction while others wait for it."""
    session = branch.session
    return (
        not branch.shown_before and session.wait is None and session.state.startswith("idle in transaction")
    )


def _summary(forest: Forest, idle: int) -> Line:
    rest = f" · {idle} idle in a transaction" if idle else ""
    if forest.deadlocked:
        return line(("✗ deadlock: the server ends one of them after deadlock_timeout", Tone.BAD))
    if not forest.waiting:
        return line(("✓ nobody waits", Tone.GOOD), (rest, Tone.WARN))
    waits = "1 waits" if forest.waiting == 1 else f"{forest.waiting} wait"
    behind = plural(len(forest.roots), "session")
    return line((f"✗ {waits} behind {behind}", Tone.BAD), (rest, Tone.PLAIN))


def _branch_row(branch: Branch, snapshot: LocksSnapshot, forest: Forest, now: datetime) -> Row:
    session = branch.session
    twig = _twig(branch)
    if branch.shown_before:
        return _row(branch.key, session, twig, ("also waits here", Tone.DIM), ("", ""), tone=Tone.DIM)
    behind = len(forest.behind(session.key))
    waits = session.wait is not None
    return _row(
        branch.key,
        session,
        twig,
        (_does(session, snapshot, now), Tone.WARN if waits else Tone.BAD),
        _wanted(session) if session.wait is not None else _held(session.holds),
        behind=str(behind) if behind else "",
    )


def _idle_row(session: LockSession, snapshot: LocksSnapshot, now: datetime) -> Row:
    does = (_does(session, snapshot, now, sign="!"), Tone.WARN if session.holds else Tone.DIM)
    return _row(session.key, session, "", does, _held(session.holds))


def _row(
    key: str,
    session: LockSession,
    twig: str,
    does: Span,
    lock: tuple[str, str],
    *,
    behind: str = "",
    tone: Tone = Tone.PLAIN,
) -> Row:
    from sql.steps.signal_rules import rollback_prepared

    on, mode = lock
    return Row(
        key=key,
        cells=(
            (twig + name_of(session), tone),
            (_application(session), tone),
            (clean(session.user), Tone.DIM),
            does,
            (on, tone),
            (mode, Tone.DIM),
            (behind, Tone.STRONG),
            (one_line(session.query), Tone.DIM),
        ),
        name=name_of(session),
        sql=rollback_prepared(session) if session.gid else session.query,
    )


def _twig(branch: Branch) -> str:
    """The lines that lead to a place in the tree."""
    if not branch.depth:
        return ""
    levels = branch.path[1:][-(DEEPEST_DRAWN - 1) :]
    return "".join("│ " if goes_on else "  " for goes_on in levels) + ("└ " if branch.last else "├ ")


def name_of(session: LockSession) -> str:
    """Its pid, or the name of a prepared transaction."""
    return f"prepared {clean(session.gid)}" if session.pid is None else str(session.pid)


def _application(session: LockSession) -> str:
    if session.application:
        return clean(session.application)
    return clean(session.kind) if session.kind not in ("", "client backend") else "(no name)"


def _does(session: LockSession, snapshot: LocksSnapshot, now: datetime, *, sign: str = "✗") -> str:
    """What it does, and for how long."""
    if session.wait is not None:
        return f"» waits {rough(age_s(session.wait.since or session.query_start, snapshot, now))}"
    if session.pid is None:
        return f"{sign} prepared {rough(age_s(session.xact_start, snapshot, now))}"
    if session.hidden:
        return "? hidden"
    state = {"idle in transaction": "idle in tx", "idle in transaction (aborted)": "aborted tx"}
    age = rough(age_s(session.state_change, snapshot, now))
    return f"{sign} {state.get(session.state, session.state or clean(session.kind))} {age}"


def one_line(query: str) -> str:
    """A statement on one line."""
    return clean(" ".join(query.split()))


def mode_of(mode: str) -> str:
    """A lock mode without the word that all of them end in."""
    return clean(mode.removesuffix("Lock"))


def _wanted(session: LockSession) -> tuple[str, str]:
    assert session.wait is not None
    return clean(session.wait.target), mode_of(session.wait.mode)


def _held(holds: Sequence[Hold]) -> tuple[str, str]:
    if not holds:
        return "holds no table", ""
    more = f" +{len(holds) - 1}" if len(holds) > 1 else ""
    return f"{clean(holds[0].target)}{more}", mode_of(holds[0].mode)
