"""The list of runs, as a view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tui.present.run import SIGNS, RunPicture, elapsed_s, proven
from tui.present.text import clean, duration, plural
from tui.present.view import Column, Line, Row, Span, Tone, View, line

if TYPE_CHECKING:
    from sql.steps.runs import ForeignBuild

COLUMNS = (
    Column("state", least=10, most=12),
    Column("step", least=16, most=70, middle=True, fills=True),
    Column("began", least=8, most=11, drop=2),
    Column("took", least=5, most=11, right=True, drop=1),
    Column("verified", least=8, most=12),
    Column("by", most=28, drop=3),
)
FOREIGN = "foreign:"
"""Row keys of builds that are none of ours begin with it."""


def runs_view(pictures: Sequence[RunPicture], foreign: Sequence[ForeignBuild], now: datetime) -> View:
    """Own runs first, the latest at the top, then builds of others."""
    rows = [_run(each, now) for each in pictures] + [_foreign(each) for each in foreign]
    return View(
        summary=_summary(pictures, foreign),
        columns=COLUMNS,
        rows=tuple(rows),
        empty=(line(("no step was run on this profile yet, and nobody builds an index", Tone.DIM)),),
    )


def _summary(pictures: Sequence[RunPicture], foreign: Sequence[ForeignBuild]) -> Line:
    counts = Counter(str(each.state.state) for each in pictures)
    said = [f"{counts[state]} {state}" for state in SIGNS if counts[state]]
    if foreign:
        said.append(f"{plural(len(foreign), 'build')} of others")
    return line((", ".join(said) or "none", Tone.PLAIN))


def _run(picture: RunPicture, now: datetime) -> Row:
    state = picture.state
    took = elapsed_s(picture, now)
    return Row(
        key=state.run,
        cells=(
            SIGNS[state.state],
            (clean(state.step), Tone.PLAIN),
            (_when(state.started_at or state.confirmed_at, now), Tone.DIM),
            (duration(took) if took is not None else "", Tone.PLAIN),
            _verified(picture),
            (clean(state.operator), Tone.DIM),
        ),
        name=clean(state.step),
        sql=state.sql,
        foot=(line((clean(_foot(picture)), Tone.DIM)),),
    )


def _when(time: datetime, now: datetime) -> str:
    local = time.astimezone(UTC)
    same_day = local.date() == now.astimezone(UTC).date()
    return f"{local:%H:%M:%S}" if same_day else f"{local:%m-%d %H:%M}"


def _verified(picture: RunPicture) -> Span:
    state = picture.state
    if proven(state):
        return ("✓ verified", Tone.GOOD)
    if state.verification and state.state in ("done", "failed"):
        return ("✗ not so", Tone.BAD)
    return ("", Tone.DIM)


def _foot(picture: RunPicture) -> str:
    """What matters most of a run, in a sentence."""
    state = picture.state
    if state.left:
        return f"left behind: {state.left}"
    if state.state in ("orphaned", "unknown"):
        return "nobody cares for it: a adopts it, watches it to its end and verifies it"
    if picture.live is not None and picture.live.waits_for:
        # The journal's sentence is as old as the wait.
        return f"waits for {picture.live.waits_for[0].sentence}"
    if state.blocked and state.state == "running":
        return str(state.blocked.get("sentence") or "")
    said = state.verification.get("sentence") or state.outcome.get("sentence")
    return str(said or picture.state.progress.get("phase") or "")


def _foreign(build: ForeignBuild) -> Row:
    who = f"{build.user or 'somebody'}" + (f" ({build.application})" if build.application else "")
    what = f"{build.command or 'build'} on {build.table or 'a table that cannot be seen'}"
    phase = build.phase or "phase hidden"
    return Row(
        key=f"{FOREIGN}{build.pid}",
        cells=(
            ("» foreign", Tone.WARN),
            (clean(what), Tone.PLAIN),
            ("", Tone.DIM),
            (duration(build.age_s) if build.age_s is not None else "", Tone.PLAIN),
            ("", Tone.DIM),
            (clean(who), Tone.DIM),
        ),
        name=clean(what),
        foot=(line((clean(f"pid {build.pid}, {who}: {phase}; {build.query}"), Tone.DIM)),),
    )
