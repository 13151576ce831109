"""A step and what is true of it at this moment, as lines for one width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sql.steps.step import Step
from tui.present.blocks import fact_lines, heading, points, prose, sql_lines
from tui.present.text import duration, plural, size
from tui.present.view import BLANK, Line, Tone, line

if TYPE_CHECKING:
    from sql.steps.estimate import Estimated
    from sql.steps.forecast import Forecast
    from sql.steps.forecast_rules import ForecastBlocker
    from sql.steps.preview import Preview

LABEL = 12
NO_LIMIT = ("0", "0s", "0ms")


def step_lines(step: Step, width: int) -> tuple[Line, ...]:
    """The statement and what it locks: what is known before the server was asked anything."""
    lines: list[Line] = [*sql_lines(step.sql, width), BLANK]
    lines += fact_lines(
        [
            ("lock", f"{step.lock}: it blocks {step.blocks}"),
            ("time limits", ", ".join(_limit(*each) for each in step.timeouts.items())),
            ("needed for", step.purpose),
        ],
        width,
        LABEL,
    )
    if step.note:
        lines += points([step.note], width, Tone.WARN, "!")
    return tuple(lines)


def _limit(name: str, value: str) -> str:
    return f"{name} {'none' if value in NO_LIMIT else value}"


def undo_lines(step: Step, width: int) -> tuple[Line, ...]:
    """What takes it back."""
    undo = sql_lines(step.undo_sql, width) if step.undo else prose("nothing takes it back", width, Tone.WARN)
    return (heading("undo"), *undo)


def preview_lines(preview: Preview, width: int) -> tuple[Line, ...]:
    """Everything that was seen on the server, what stands in the way first."""
    lines: list[Line] = []
    lines += _in_the_way(preview, width)
    lines += _waiting(preview.forecast, width)
    lines += [heading("how much, how long"), *_amounts(preview, width), BLANK]
    if preview.warnings:
        lines += [heading("take care"), *points(preview.warnings, width, Tone.WARN, "!"), BLANK]
    return tuple(lines)


def _in_the_way(preview: Preview, width: int) -> list[Line]:
    """Rows and rights that the step would fail on; where there are none, that this was looked at."""
    lines: list[Line] = []
    violations, duplicates = preview.violations, preview.duplicates
    if violations is not None and violations.count is None:
        lines += points([violations.reason], width, Tone.WARN, "?")
    elif violations is not None and violations.count:
        rows = plural(violations.count, "row breaks it", "rows break it")
        least = "at least " if violations.capped else ""
        lines += points([f"{least}{rows}: {', '.join(violations.keys)}"], width, Tone.BAD, "✗")
    elif violations is not None:
        lines += points(["no row breaks it"], width, Tone.GOOD, "✓")
    if duplicates is not None and duplicates.count is None:
        lines += points([duplicates.reason], width, Tone.WARN, "?")
    elif duplicates is not None and duplicates.count:
        keys = plural(duplicates.count, "key occurs", "keys occur")
        least = "at least " if duplicates.capped else ""
        lines += points([f"{least}{keys} more than once: {', '.join(duplicates.keys)}"], width, Tone.BAD, "✗")
    elif duplicates is not None:
        lines += points(["no key occurs twice"], width, Tone.GOOD, "✓")
    lines += points(preview.missing_privileges, width, Tone.BAD, "✗")
    if not preview.missing_privileges:
        lines += points(["this role may do it"], width, Tone.GOOD, "✓")
    return [heading("rows and rights"), *lines, BLANK]


def _waiting(forecast: Forecast, width: int) -> list[Line]:
    lines: list[Line] = []
    if forecast.blockers:
        lines.append(heading(f"it would wait now for {plural(len(forecast.blockers), 'session')}"))
        for blocker in forecast.blockers:
            lines += _blocker(blocker, width)
    else:
        lines += [heading("waiting"), *points(["nobody would keep it waiting now"], width, Tone.GOOD, "✓")]
    lines += points(forecast.cannot_see, width, Tone.WARN, "?")
    lines.append(BLANK)
    if forecast.would_block:
        lines += [heading("it would keep waiting"), *points(forecast.would_block, width, Tone.PLAIN), BLANK]
    return lines


def _blocker(blocker: ForecastBlocker, width: int) -> list[Line]:
    own = " (pgdeck's own)" if blocker.own else ""
    lines = points([f"{blocker.sentence}{own}"], width, Tone.PLAIN, "»")
    old = f", its transaction is {duration(blocker.age_s)} old" if blocker.age_s is not None else ""
    yields = "; the server moves it aside after about a second" if blocker.yields else ""
    lines += prose(f"{blocker.rule}{old}; phase: {blocker.phase}{yields}", width, Tone.DIM, indent=4)
    return lines


def _amounts(preview: Preview, width: int) -> list[Line]:
    rows = "never analysed, so not known" if preview.rows is None else f"about {preview.rows:,} rows"
    table = "its size is not known" if preview.table_bytes is None else size(preview.table_bytes)
    facts: list[tuple[str, str]] = [("table", f"{table}, {rows}")]
    for name, estimated in (
        ("index", preview.index_bytes),
        ("sorting", preview.temporary_bytes),
        ("WAL", preview.wal_bytes),
    ):
        if estimated.value is not None or estimated.basis != "not for this step":
            facts.append((name, _bytes(estimated)))
    facts.append(("duration", _seconds(preview.seconds)))
    if preview.free_disk.value is not None or preview.free_disk.basis != "not for this step":
        facts.append(("free disk", _bytes(preview.free_disk)))
    if preview.planner is not None:
        facts.append(("planner", preview.planner.sentence))
    return fact_lines(facts, width, LABEL)


def _bytes(estimated: Estimated) -> str:
    if estimated.value is None:
        return f"not known: {estimated.basis}"
    if not estimated.value:
        return estimated.basis
    return f"about {size(round(estimated.value))} ({estimated.basis})"


def _seconds(estimated: Estimated) -> str:
    if estimated.value is None:
        return f"not known: {estimated.basis}"
    if estimated.value < 1:
        return f"an instant ({estimated.basis})"
    return f"about {duration(estimated.value)} ({estimated.basis})"


def chain_lines(steps: Sequence[Step], width: int) -> tuple[Line, ...]:
    """The steps that come after the first; each is previewed and confirmed by itself."""
    if not steps:
        return ()
    said = [f"{step.verb} ({step.id})" for step in steps]
    return (heading("after it, each by itself"), *points(said, width, Tone.PLAIN), BLANK)


def facts_of(step: Step) -> str:
    """One line for a dialog: what it locks."""
    return f"{step.lock}: blocks {step.blocks}"


def listing_lines(listing: str, width: int) -> tuple[Line, ...]:
    """The SELECT that shows the rows in the way."""
    if not listing:
        return ()
    return (heading("the rows in the way"), *sql_lines(listing, width), BLANK)


def looking(what: str) -> Line:
    """While the server is asked."""
    return line((f" … {what}", Tone.DIM))
