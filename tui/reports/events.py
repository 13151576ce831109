"""What a line of the journal says, as a sentence: one wording for `journal`, `run` and the hand-over note."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sql.printable import one_line
from sql.steps.journal import Event, JournalEntry

HASH_LENGTH = 12
"""Characters of a hash that a person compares."""


def said(entry: JournalEntry) -> str:
    """The event in words, one line."""
    say = SENTENCES.get(entry.event)
    return one_line(say(entry) if say else ", ".join(_scalars(entry.detail)) or "nothing more is known")


def short(value: str | None) -> str:
    """The beginning of a hash."""
    return value[:HASH_LENGTH] if value else ""


def seconds(value: float) -> str:
    """A duration that a person reads: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if value < 10:
        return f"{value:.1f} s"
    whole = int(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def progress(detail: Mapping[str, Any]) -> str:
    """How far a run is: the phase verbatim, percent only where the server gives a denominator."""
    parts = [str(detail.get("phase") or "at work")]
    percent, elapsed = detail.get("percent"), detail.get("elapsed_s")
    if isinstance(percent, int | float):
        parts.append(f"{percent:.0f} %")
    if isinstance(elapsed, int | float):
        parts.append(f"after {seconds(elapsed)}")
    if waits := detail.get("waits_for"):
        parts.append(f"waits for {_pids(waits)}")
    if behind := detail.get("queued_behind"):
        parts.append(f"{_pids(behind)} queued behind it")
    return ", ".join(parts)


def _previewed(entry: JournalEntry) -> str:
    detail = entry.detail
    refused = detail.get("refused_reason")
    blockers = detail.get("blockers") or ()
    parts = [f"plan {short(entry.hash)}"] if entry.hash else []
    parts += [f"refused: {refused}"] if refused else []
    parts += [f"{len(blockers)} in the way at that moment"] if blockers else []
    return ", ".join(parts) or "looked at"


def signalled(entry: JournalEntry) -> str:
    """What was done to which session: `terminate pid 4711 (sales-api)`; empty where it was none of that."""
    blocker = entry.detail.get("blocker")
    if "signal" not in entry.detail or not isinstance(blocker, Mapping):
        return ""
    who = ", ".join(str(blocker[key]) for key in ("user", "application") if blocker.get(key))
    return f"{entry.detail['signal']} pid {blocker.get('pid')}" + (f" ({who})" if who else "")


def _confirmed(entry: JournalEntry) -> str:
    if signal := signalled(entry):
        behind = entry.detail.get("waiting_behind") or 0
        return f"by {entry.operator} on {entry.host}: {signal}, {behind} waiting behind it"
    plan = f", plan {short(entry.hash)}" if entry.hash else ""
    return f"by {entry.operator} on {entry.host}{plan}: {' '.join((entry.sql or '').splitlines())}"


def _started(entry: JournalEntry) -> str:
    server = entry.server or {}
    where = f" on {server.get('database')} at {server.get('address')}" if server else ""
    return f"backend {entry.detail.get('pid')}{where}"


def _progress(entry: JournalEntry) -> str:
    return progress(entry.detail)


def _blocked(entry: JournalEntry) -> str:
    return str(entry.detail.get("sentence") or "somebody is in the way")


def _finished(entry: JournalEntry) -> str:
    detail = entry.detail
    left = f"; left behind: {detail['left']}" if detail.get("left") else ""
    return f"{detail.get('outcome')}: {detail.get('sentence')}{left}"


def _verified(entry: JournalEntry) -> str:
    detail = entry.detail
    word = "yes" if detail.get("reached") else "NO"
    return f"{word}: {detail.get('sentence') or 'nothing was seen'}"


def _cancelled(entry: JournalEntry) -> str:
    detail = entry.detail
    if signal := signalled(entry):
        effect = detail.get("effect")
        return str(effect.get("sentence")) if isinstance(effect, Mapping) else f"sent: {signal}"
    what = detail.get("asked") or detail.get("why") or ", ".join(_scalars(detail))
    return f"by {entry.operator}: {what}" if detail.get("asked") else str(what)


def _adopted(entry: JournalEntry) -> str:
    pid = entry.detail.get("pid")
    return f"by {entry.operator} on {entry.host}: its runner had died" + (f", backend {pid}" if pid else "")


def _scalars(detail: Mapping[str, Any]) -> list[str]:
    return [f"{key} {value}" for key, value in detail.items() if isinstance(value, str | int | float | bool)]


def _pids(values: Any) -> str:
    pids = [str(pid) if pid is not None else "a prepared transaction" for pid in values]
    return f"pid {', '.join(pids)}"


SENTENCES: Mapping[str, Callable[[JournalEntry], str]] = {
    Event.PREVIEWED: _previewed,
    Event.CONFIRMED: _confirmed,
    Event.STARTED: _started,
    Event.PROGRESS: _progress,
    Event.BLOCKED: _blocked,
    Event.FINISHED: _finished,
    Event.VERIFIED: _verified,
    Event.CANCELLED: _cancelled,
    Event.ADOPTED: _adopted,
}
