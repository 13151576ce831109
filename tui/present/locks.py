"""Who waits for whose locks, as a tree in a list; and what is said of the selected session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tui.present.pool import rough
from tui.present.server_clock import age_s
from tui.present.text import clean, fit, plural, wrap
from tui.present.view import Column, Line, Row, Span, Tone, View, line

if TYPE_CHECKING:
    from sql.lock_tree import Branch, Forest
    from sql.locks import Hold, LockSession, LocksSnapshot
    from sql.steps.signals import Signal

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
HOLDS_SHOWN = 4
NAMED = 3
"""Sessions that a sentence names."""


def locks_view(snapshot: LocksSnapshot, forest: Forest, now: datetime) -> View:
    """The blocking forest, then who sits idle in a transaction."""
    rows = [_branch_row(branch, snapshot, forest, now) for branch in forest.branches()]
    idle = [each for each in forest.idle if _sits(each, snapshot, now)]
    rows += [_idle_row(each, snapshot, now) for each in idle]
    return View(
        summary=_summary(forest, len(idle)),
        columns=COLUMNS,
        rows=tuple(rows),
        empty=(line(("nobody waits for a lock, and nobody is idle in a transaction", Tone.DIM)),),
    )


def _sits(session: LockSession, snapshot: LocksSnapshot, now: datetime) -> bool:
    """Whether it is idle for so long that it is no application between two statements."""
    idle_s = age_s(session.state_change or session.xact_start, snapshot, now)
    return idle_s is None or idle_s >= SITTING_S


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
    does = (_does(session, snapshot, now), Tone.WARN if session.holds else Tone.DIM)
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
            (twig + _name(session), tone),
            (_application(session), tone),
            (clean(session.user), Tone.DIM),
            does,
            (on, tone),
            (mode, Tone.DIM),
            (behind, Tone.STRONG),
            (_one_line(session.query), Tone.DIM),
        ),
        name=_name(session),
        sql=rollback_prepared(session) if session.gid else session.query,
    )


def _twig(branch: Branch) -> str:
    """The lines that lead to a place in the tree."""
    if not branch.depth:
        return ""
    levels = branch.path[1:][-(DEEPEST_DRAWN - 1) :]
    return "".join("│ " if goes_on else "  " for goes_on in levels) + ("└ " if branch.last else "├ ")


def _name(session: LockSession) -> str:
    return f"prepared {clean(session.gid)}" if session.pid is None else str(session.pid)


def _application(session: LockSession) -> str:
    if session.application:
        return clean(session.application)
    return clean(session.kind) if session.kind not in ("", "client backend") else "(no name)"


def _does(session: LockSession, snapshot: LocksSnapshot, now: datetime) -> str:
    """What it does, and for how long."""
    if session.wait is not None:
        return f"» waits {rough(age_s(session.wait.since or session.query_start, snapshot, now))}"
    if session.pid is None:
        return f"✗ prepared {rough(age_s(session.xact_start, snapshot, now))}"
    if session.hidden:
        return "? hidden"
    state = {"idle in transaction": "idle in tx", "idle in transaction (aborted)": "aborted tx"}
    age = rough(age_s(session.state_change, snapshot, now))
    return f"✗ {state.get(session.state, session.state or clean(session.kind))} {age}"


def _mode(mode: str) -> str:
    return clean(mode.removesuffix("Lock"))


def _wanted(session: LockSession) -> tuple[str, str]:
    assert session.wait is not None
    return clean(session.wait.target), _mode(session.wait.mode)


def _held(holds: Sequence[Hold]) -> tuple[str, str]:
    if not holds:
        return "holds no table", ""
    more = f" +{len(holds) - 1}" if len(holds) > 1 else ""
    return f"{clean(holds[0].target)}{more}", _mode(holds[0].mode)


# -- the selected session -------------------------------------------------------------------------------


def session_lines(
    session: LockSession,
    snapshot: LocksSnapshot,
    forest: Forest,
    now: datetime,
    off: str,
) -> tuple[tuple[str, str, Tone], ...]:
    """Label, sentence and tone of everything that is said below the list.

    Args:
        off: why nothing is signalled on this profile at all; empty: it is.
    """
    from sql.steps.signal_rules import rollback_prepared, what_happens, who, why_not
    from sql.steps.signals import Signal

    facts = [
        who(session),
        f"in {session.database}" if session.database else "",
        _times(session, snapshot, now),
    ]
    said = [("who", " · ".join(clean(each) for each in facts if each), Tone.STRONG)]
    if session.query:
        said.append(("last" if session.state != "active" else "runs", _one_line(session.query), Tone.PLAIN))
    if session.wait is not None:
        said.append(("waits", _waiting(session, forest), Tone.WARN))
    if session.holds:
        said.append(("holds", _holding(session), Tone.PLAIN))
    behind = len(forest.behind(session.key))
    if behind:
        said.append(("behind", _behind(session, forest), Tone.BAD))
    if session.pid is None:
        said.append(("end it", _prepared(session, rollback_prepared(session)), Tone.WARN))
        return tuple(said)
    for letter, signal in (("c", Signal.CANCEL), ("t", Signal.TERMINATE)):
        reason = off or why_not(session, signal)
        label = f"{letter} {signal}"
        if reason:
            said.append((label, f"off: {clean(reason)}", Tone.DIM))
        else:
            said.append((label, clean(what_happens(session, signal)), Tone.PLAIN))
    return tuple(said)


def _one_line(query: str) -> str:
    return clean(" ".join(query.split()))


def _times(session: LockSession, snapshot: LocksSnapshot, now: datetime) -> str:
    known = [
        ("transaction", session.xact_start if session.pid is not None else None),
        (session.state, session.state_change if session.state != "active" else session.query_start),
        ("prepared", session.xact_start if session.pid is None else None),
    ]
    return ", ".join(
        f"{clean(what)} for {rough(age_s(start, snapshot, now))}" for what, start in known if what and start
    )


def _waiting(session: LockSession, forest: Forest) -> str:
    assert session.wait is not None
    said = f"for {_mode(session.wait.mode)} on {clean(session.wait.target)}"
    if session.blockers:
        said += f", held by {_names(session.blockers, forest)}"
    if session.ahead:
        said += f"{'; also' if session.blockers else ','} queued after {_names(session.ahead, forest)}"
    return said


def _names(keys: Sequence[str], forest: Forest) -> str:
    found = [forest.session(key) for key in keys]
    named = [_name(each) if each.pid is None else f"pid {each.pid}" for each in found if each is not None]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return ", ".join(named[:NAMED]) + more


def _holding(session: LockSession) -> str:
    shown = [f"{_mode(each.mode)} on {clean(each.target)}" for each in session.holds[:HOLDS_SHOWN]]
    more = session.held - len(shown)
    wrote = "" if session.pid is None else "; it has written" if session.wrote else "; it has written nothing"
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") + wrote


def _behind(session: LockSession, forest: Forest) -> str:
    behind, freed = forest.behind(session.key), forest.freed(session.key)
    waits = "1 session waits" if len(behind) == 1 else f"{len(behind)} sessions wait"
    others = len(behind) - len(freed)
    if not others:
        return f"{waits} for it, directly or through others"
    also = f"{others} of them wait" if others > 1 else "1 of them waits"
    return f"{waits} for it; {also} for others too, and would go on waiting"


def _prepared(session: LockSession, statement: str) -> str:
    where = f"in database {clean(session.database)}, as {clean(session.user)} or a superuser"
    copies = f"y copies {clean(statement)} (COMMIT PREPARED would keep what it did)"
    return f"no session holds it: nothing to cancel or terminate. {copies}; run it {where}"


# -- the question ---------------------------------------------------------------------------------------


def signal_title(signal: Signal) -> str:
    """What would be done."""
    return "cancel a statement" if signal == "cancel" else "terminate a session"


def signal_text(signal: Signal, session: LockSession) -> str:
    """Exactly what would be sent."""
    return f"SELECT pg_{signal}_backend({session.pid})"


def signal_facts(signal: Signal, session: LockSession, forest: Forest) -> str:
    """Who is meant, what it does to them, and to how many."""
    from sql.steps.signal_rules import what_happens, who

    doing = session.state or session.kind
    said = [f"{clean(who(session))}, {clean(doing)}: {_one_line(session.query)}"]
    said.append(f"{clean(what_happens(session, signal)).capitalize()}.")
    if forest.behind(session.key):
        said.append(f"{_behind(session, forest)}.")
    return "\n".join(said)


def wrapped(said: Iterable[tuple[str, str, Tone]], width: int, height: int) -> list[Line]:
    """The sentences beside their labels in at most so many lines; the longest give way first."""
    label = 12
    room = max(width - label - 2, 10)
    blocks = [(name, wrap(text, room), tone) for name, text, tone in said]
    while sum(len(lines) for _, lines, _ in blocks) > height:
        longest = max(range(len(blocks)), key=lambda at: len(blocks[at][1]))
        name, lines, tone = blocks[longest]
        if len(lines) == 1:
            break
        cut = [*lines[:-2], fit(f"{lines[-2]} {lines[-1]}", room)]
        blocks[longest] = (name, cut, tone)
    shown: list[Line] = []
    for name, lines, tone in blocks:
        for at, text in enumerate(lines):
            shown.append(line(" ", (f"{name if not at else '':<{label}}", Tone.DIM), (text, tone)))
    return shown[:height]
