"""A run as lines: how far it is, whom it waits for, how it ended. Values only; nothing is asked here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tui.present.blocks import fact_lines, heading, points, prose, sql_lines
from tui.present.text import bar, clean, duration, plural
from tui.present.verification import verification_lines
from tui.present.view import BLANK, Line, Span, Tone, line

if TYPE_CHECKING:
    from sql.steps.blockers import Blocker
    from sql.steps.monitor import RunProgress
    from sql.steps.runs import RunState

LABEL = 12
BAR = 24
SILENT_S = 6.0
"""Of a run that the server does not show, before that is worth a word."""
SIGNS: Mapping[str, Span] = {
    "running": ("» running", Tone.ACCENT),
    "orphaned": ("! orphaned", Tone.WARN),
    "verifying": ("» verifying", Tone.ACCENT),
    "done": ("✓ done", Tone.GOOD),
    "failed": ("✗ failed", Tone.BAD),
    "cancelled": ("! cancelled", Tone.WARN),
    "refused": ("! refused", Tone.WARN),
    "unknown": ("? unknown", Tone.WARN),
}
MEANS: Mapping[str, str] = {
    "orphaned": "Its runner died; what it sent may still be at work on the server. In the list of runs (u), "
    "a adopts it: the outcome is then watched, tidied up and verified.",
    "unknown": "How it ended is not known yet: the server was out of reach. In the list of runs (u), "
    "a adopts it and looks again.",
}
NOBODY_LOOKED = "The server said that it is done, and nobody verified that: "
OVER = frozenset({"done", "failed", "cancelled", "refused"})


@dataclass(frozen=True)
class RunPicture:
    """All that is known of a run."""

    state: RunState
    live: RunProgress | None = None
    """The newest look at the server; None: it does not show it at work."""
    phases: tuple[tuple[str, datetime], ...] = ()
    """Verbatim, each with when it began."""
    marked: str = ""
    """Key of the blocker that keys act on."""
    said: Line = BLANK
    """What the last key came to."""
    next_step: str = ""
    """After the end: which step comes next, or that there is none."""


def is_over(state: RunState) -> bool:
    """Whether nothing more will happen; an end that is not verified yet is none."""
    ended = state.state in OVER
    return ended and (bool(state.verification) or state.state == "refused" or state.runner_pid is None)


def proven(state: RunState) -> bool:
    """Whether the step's end was seen in the catalog."""
    return state.state == "done" and bool(state.verification.get("reached"))


def run_lines(picture: RunPicture, now: datetime, width: int) -> tuple[Line, ...]:
    """The run for one width: what is happening first, the statement last."""
    state = picture.state
    lines: list[Line] = [line(" ", SIGNS[state.state], "  ", (clean(state.step), Tone.STRONG))]
    if picture.said:
        lines += [BLANK, *points(["".join(text for text, _ in picture.said)], width, picture.said[0][1], "›")]
    lines.append(BLANK)
    if state.state in OVER or state.state == "verifying":
        lines += _ending(picture, width)
    else:
        lines += prose(_meaning(state), width, Tone.WARN) if state.state in MEANS else []
        lines += _progress(picture, now, width)
        lines += _waits(picture, width)
    lines += _phases(picture, now, width)
    lines += [heading("statement"), *sql_lines(state.sql, width), BLANK]
    lines += fact_lines(_who(state), width, LABEL)
    return tuple(lines)


def _meaning(state: RunState) -> str:
    if state.ended_at is None or state.outcome.get("outcome") != "done":
        return MEANS[state.state]
    if state.state == "unknown":
        return f"{NOBODY_LOOKED}its runner is on {clean(state.host)}."
    return f"{NOBODY_LOOKED}its runner died. In the list of runs (u), a adopts it, which verifies it."


def _who(state: RunState) -> list[tuple[str, str]]:
    return [
        ("run", state.run),
        ("confirmed", f"{_moment(state.confirmed_at)} by {state.operator} on {state.host}"),
        ("backend", "" if state.pid is None else f"pid {state.pid}"),
        ("runner", "" if state.runner_pid is None else f"pid {state.runner_pid}; it survives this deck"),
    ]


def _moment(time: datetime) -> str:
    return f"{time.astimezone(UTC):%H:%M:%S} UTC"


def elapsed_s(picture: RunPicture, now: datetime) -> float | None:
    """Since the statement began, in seconds, by the clock that its phases are told by; None: it has not."""
    state = picture.state
    if state.started_at is None:
        return picture.live.elapsed_s if picture.live is not None else None
    return max(0.0, ((state.ended_at or now) - state.started_at).total_seconds())


def _counted(picture: RunPicture) -> Mapping[str, Any]:
    live = picture.live
    if live is None:
        return picture.state.progress
    return {
        "phase": live.phase, "percent": live.percent, "done": live.done, "total": live.total,
        "unit": live.unit, "rate": live.rate, "remaining_s": live.remaining_s,
    }  # fmt: skip


def _progress(picture: RunPicture, now: datetime, width: int) -> list[Line]:
    found = _counted(picture)
    elapsed = elapsed_s(picture, now)
    otherwise = "at work; the server shows no phases for this statement"
    last = picture.phases[-1][0] if picture.phases else ""
    phase = found.get("phase") or last or ("not sent yet" if elapsed is None else otherwise)
    lines: list[Line] = [line("  ", (clean(str(phase)), Tone.STRONG))]
    percent = found.get("percent")
    if isinstance(percent, int | float):
        drawn = bar(round(percent * 10), 1000, min(BAR, width - 20))
        lines.append(line("  ", (drawn, Tone.ACCENT), f" {percent:.0f} % of this phase"))
    amounts = [_amount(found)] if found.get("total") else []
    if found.get("rate"):
        amounts.append(f"{found['rate']:,.0f} {found.get('unit')} a second")
    if found.get("remaining_s") is not None:
        amounts.append(f"about {duration(found['remaining_s'])} left in this phase")
    if amounts:
        lines += prose(", ".join(amounts), width)
    lines += fact_lines([("elapsed", duration(elapsed) if elapsed is not None else "")], width, LABEL)
    if picture.live is None and picture.state.state == "running" and (elapsed or 0) > SILENT_S:
        lines += prose(
            "(as the journal has it; the server shows nothing of it at this moment)", width, Tone.DIM
        )
    return [*lines, BLANK]


def _amount(found: Mapping[str, Any]) -> str:
    return f"{found.get('done') or 0:,} of {found['total']:,} {found.get('unit') or ''}".rstrip()


def blocker_key(blocker: Blocker) -> str:
    """By what a backend is known: pids are used again."""
    return f"{blocker.pid}:{blocker.backend_start}:{blocker.gid}"


def _waits(picture: RunPicture, width: int) -> list[Line]:
    live = picture.live
    if live is None:
        sentence = str(picture.state.blocked.get("sentence") or "")
        if not sentence:
            return []
        return [heading("waiting"), *points([sentence], width, Tone.WARN, "!"), BLANK]
    lines: list[Line] = []
    if live.waits_for:
        lines.append(heading(f"it waits now for {plural(len(live.waits_for), 'session')}"))
        for blocker in live.waits_for:
            lines += _blocker(blocker, blocker_key(blocker) == picture.marked, width)
        lines.append(BLANK)
    if live.queued_behind:
        lines.append(
            heading(f"behind it {plural(len(live.queued_behind), 'session waits', 'sessions wait')}")
        )
        lines += points((each.sentence for each in live.queued_behind), width, Tone.WARN, "!")
        lines.append(BLANK)
    return lines


def _blocker(blocker: Blocker, marked: bool, width: int) -> list[Line]:
    sign = "›" if marked else "·"
    lines = points([blocker.sentence], width, Tone.STRONG if marked else Tone.PLAIN, sign)
    told = [f"its transaction is {duration(blocker.age_s)} old"] if blocker.age_s is not None else []
    if blocker.waiter is not None and blocker.depth > 1:
        told.append(f"it keeps pid {blocker.waiter} waiting")
    if blocker.gid is not None:
        told.append("only its owner can end it: COMMIT PREPARED or ROLLBACK PREPARED")
    if told:
        lines += prose("; ".join(told), width, Tone.DIM, indent=4)
    return lines


def _phases(picture: RunPicture, now: datetime, width: int) -> list[Line]:
    if not picture.phases:
        return []
    end = picture.state.ended_at or now
    sent = picture.state.started_at
    lines: list[Line] = [heading("phases")]
    begins = [begun for _, begun in picture.phases]
    for (phase, begun), until in zip(picture.phases, [*begins[1:], end], strict=True):
        took = f"{duration(max(0.0, (until - begun).total_seconds())):>11}  "
        early = " (before it was sent)" if sent is not None and begun < sent else ""
        lines += prose(f"{_moment(begun)}{took}{phase}{early}", width, Tone.DIM)
    return [*lines, BLANK]


def _ending(picture: RunPicture, width: int) -> list[Line]:
    state = picture.state
    outcome, verified = state.outcome, state.verification
    tone = SIGNS[state.state][1]
    code = f" (SQLSTATE {outcome['sqlstate']})" if outcome.get("sqlstate") else ""
    lines: list[Line] = [heading("outcome")]
    lines += points(
        [f"{outcome.get('sentence') or state.state}{code}"], width, tone, SIGNS[state.state][0][0]
    )
    if state.left:
        lines += points([f"left behind: {state.left}"], width, Tone.WARN, "!")
    elapsed = elapsed_s(picture, state.ended_at or state.confirmed_at)
    lines += [*fact_lines([("took", duration(elapsed) if elapsed is not None else "")], width, LABEL), BLANK]
    if verified:
        lines += verification_lines(verified, width)
    elif state.state != "refused":
        lines += [heading("verified"), *points(["not yet: looking at the catalog …"], width, Tone.DIM), BLANK]
    if picture.next_step:
        lines += [heading("next"), *points([picture.next_step], width, Tone.PLAIN), BLANK]
    return lines


def indicator(pictures: Sequence[RunPicture], now: datetime) -> Line:
    """One line for the deck: the run that goes on, or that was left alone; empty: there is none."""
    open_ones = [each for each in pictures if each.state.state in ("running", "verifying", "orphaned")]
    if not open_ones:
        return BLANK
    first = min(open_ones, key=lambda each: each.state.state != "orphaned")
    if first.state.state == "orphaned":
        said = line(
            (" ! ", Tone.WARN), (clean(first.state.step), Tone.STRONG), (" lost its runner", Tone.WARN)
        )
        return (*said, *_more(open_ones, "u adopts it"))
    found = _counted(first)
    spans: list[Span] = [(" » ", Tone.ACCENT), (clean(first.state.step), Tone.STRONG)]
    waits = _waits_for(first)
    if waits:
        spans.append((f"  waits for {waits}", Tone.WARN))
    elif first.state.state == "verifying":
        spans.append(("  verifying", Tone.PLAIN))
    elif found.get("phase"):
        spans.append((f"  {clean(str(found['phase']))}", Tone.PLAIN))
    percent = found.get("percent")
    if isinstance(percent, int | float) and first.state.state == "running" and not waits:
        spans.append((f" {percent:.0f} %", Tone.PLAIN))
    elapsed = elapsed_s(first, now)
    if elapsed is not None:
        spans.append((f"  {duration(elapsed)}", Tone.DIM))
    return (*spans, *_more(open_ones, "u shows it"))


def _waits_for(picture: RunPicture) -> str:
    if picture.live is not None:
        blockers = picture.live.waits_for
        return f"pid {blockers[0].pid}" if blockers and blockers[0].pid is not None else ""
    return "others" if picture.state.blocked else ""


def _more(open_ones: Sequence[RunPicture], key: str) -> Line:
    more = f" and {len(open_ones) - 1} more" if len(open_ones) > 1 else ""
    return line((f"{more} · {key}", Tone.DIM))


def ended_sentence(state: RunState) -> tuple[str, Tone]:
    """How a run ended, for the footer."""
    step = clean(state.step)
    if proven(state):
        return f"{step}: done and verified", Tone.GOOD
    said = clean(str(state.outcome.get("sentence") or ""))
    return f"{step}: {state.state}; {said}", Tone.BAD if state.state == "failed" else Tone.WARN
