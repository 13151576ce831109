"""What is said of one session among the locks: who it is, what it holds, what a signal would do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from tui.present.locks import mode_of, name_of, one_line
from tui.present.pool import rough
from tui.present.server_clock import age_s
from tui.present.text import clean, fit, wrap
from tui.present.view import Line, Tone, line

if TYPE_CHECKING:
    from sql.locks.reading import LockSession, LocksSnapshot
    from sql.locks.tree import Forest
    from sql.steps.signals import Signal

HOLDS_SHOWN = 4
NAMED = 3
"""Sessions that a sentence names."""
LABEL = 12


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
        said.append(("last" if session.state != "active" else "runs", one_line(session.query), Tone.PLAIN))
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
    said = f"for {mode_of(session.wait.mode)} on {clean(session.wait.target)}"
    if session.blockers:
        said += f", held by {_names(session.blockers, forest)}"
    if session.ahead:
        after = _names(session.ahead, forest, session.before)
        said += f"{'; also' if session.blockers else ','} queued after {after}"
    return said


def _names(keys: Sequence[str], forest: Forest, number: int = 0) -> str:
    found = [forest.session(key) for key in keys]
    named = [name_of(each) if each.pid is None else f"pid {each.pid}" for each in found if each is not None]
    others = max(number, len(named)) - min(NAMED, len(named))
    more = f" and {others} more" if others > 0 else ""
    return ", ".join(named[:NAMED]) + more


def _holding(session: LockSession) -> str:
    shown = [f"{mode_of(each.mode)} on {clean(each.target)}" for each in session.holds[:HOLDS_SHOWN]]
    more = session.held - len(shown)
    wrote = "" if session.pid is None else "; it has written" if session.wrote else "; it has written nothing"
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "") + wrote


def _behind(session: LockSession, forest: Forest) -> str:
    behind, freed = forest.behind(session.key), forest.freed(session.key)
    waits = "1 session waits" if len(behind) == 1 else f"{len(behind)} sessions wait"
    others = len(behind) - len(freed)
    if not others:
        return f"{waits} for it, directly or through others"
    if len(behind) == 1:
        return f"{waits} for it, and for others too: it would go on waiting"
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


def signal_facts(signal: Signal, session: LockSession, forest: Forest, elsewhere: str = "") -> str:
    """Who is meant, what it does to them, and to how many.

    Args:
        elsewhere: another database than this profile's, to which the session is connected.
    """
    from sql.steps.signal_rules import what_happens, who

    doing = session.state or session.kind
    said = [f"{clean(who(session))}, {clean(doing)}: {one_line(session.query)}"]
    if elsewhere:
        said.append(f"! It is in another database of this server: {clean(elsewhere)}.")
    what = clean(what_happens(session, signal))
    said.append(f"{what[:1].upper()}{what[1:]}.")
    if forest.behind(session.key):
        said.append(f"{_behind(session, forest)}.")
    return "\n".join(said)


def wrapped(said: Iterable[tuple[str, str, Tone]], width: int, height: int) -> list[Line]:
    """The sentences beside their labels in at most so many lines; the longest give way first."""
    room = max(width - LABEL - 2, 10)
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
            shown.append(line(" ", (f"{name if not at else '':<{LABEL}}", Tone.DIM), (text, tone)))
    return shown[:height]
