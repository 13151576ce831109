"""The plan as plain text: each step with its exact SQL, what it blocks, and what is true of it right now."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from textwrap import wrap

from sql.printable import one_line
from sql.steps.choosing import Readiness
from sql.steps.preparing import Prepared, PreparedStep
from sql.steps.preview import Preview
from sql.steps.step import Direction
from tui.reports.events import seconds
from tui.reports.wording import size

WIDTH = 100
LABEL = 11
NO_STEPS = {
    Direction.FIX: "Nothing to do: everything that could be read is as the manifest has it.",
    Direction.ROLLBACK: "Nothing to roll back: nothing of the manifest is there.",
}


def render(prepared: Prepared) -> str:
    """The whole plan."""
    return "\n".join(_plan(prepared)) + "\n"


def steps(prepared: Prepared) -> str:
    """The steps alone, as they are shown before the question."""
    return "\n".join(line for step in prepared.steps for line in ("", *_step(step))).lstrip("\n") + "\n"


def listing(plans: Sequence[Prepared]) -> str:
    """The ids and the SQL of the steps of several plans."""
    return "\n\n".join("\n".join(_listed(plan)) for plan in plans) + "\n"


def _listed(prepared: Prepared) -> Iterator[str]:
    profile = prepared.case.profile
    what = "Steps" if prepared.direction is Direction.FIX else "Steps back"
    yield one_line(f"{what} for {profile.name} ({profile.environment}): {_counted(prepared)}")
    for step in prepared.steps:
        if step.step is not None:
            yield one_line(f"  {step.id}")
            yield from (f"      {one_line(line)}" for line in step.step.sql.splitlines())
    yield from _refused(prepared)
    yield from _unavailable(prepared)


def _plan(prepared: Prepared) -> Iterator[str]:
    profile, server = prepared.case.profile, prepared.server
    what = "Plan" if prepared.direction is Direction.FIX else "Rollback plan"
    yield one_line(f"{what} for {profile.name} ({profile.environment}): {_counted(prepared)}")
    role = "standby" if server.in_recovery else "primary"
    yield one_line(f"  {server.database} at {server.address}, PostgreSQL {server.version}, {role}")
    yield f"  {prepared.taken_at:%Y-%m-%d %H:%M:%S} UTC, manifest {one_line(prepared.case.manifest.name)}"
    yield f"  hash {prepared.hash}"
    offered = {step.id for step in prepared.plan.offered}
    needed = [step for step in prepared.steps if step.id not in offered]
    if not needed and not prepared.plan.refused and not prepared.unavailable:
        yield from ("", NO_STEPS[prepared.direction])
    for step in needed:
        yield from ("", *_step(step))
    tidy = [step for step in prepared.steps if step.id in offered]
    if tidy:
        yield from ("", "Offered: tidies up, nobody needs it")
    for step in tidy:
        yield from ("", *_step(step))
    yield from _refused(prepared)
    yield from _unavailable(prepared)
    yield from _next(prepared)


def _counted(prepared: Prepared) -> str:
    count = len(prepared.plan.steps)
    said = "1 step" if count == 1 else f"{count} steps"
    refused = len(prepared.plan.refused) + len(prepared.refused)
    return said + (f", {refused} refused" if refused else "")


def _step(prepared: PreparedStep) -> Iterator[str]:
    mark = {Readiness.READY: "○", Readiness.THERE: "✓", Readiness.REFUSED: "✗"}[prepared.readiness]
    yield one_line(f"{mark} {prepared.id}")
    if prepared.sentence:
        word = "refused" if prepared.readiness is Readiness.REFUSED else "there"
        yield from _line(word, prepared.sentence)
    if prepared.listing:
        yield from _line("list them", prepared.listing)
    if prepared.step is None:
        return
    yield from _statement("sql", prepared.step.sql)
    yield from _line("blocks", f"{prepared.step.blocks} ({prepared.step.lock})")
    if prepared.preview is not None:
        yield from _facts(prepared.preview)
    if prepared.step.purpose:
        yield from _line("purpose", prepared.step.purpose)
    if prepared.step.note:
        yield from _line("note", prepared.step.note)
    yield from _statement("undo", prepared.step.undo_sql or "nothing takes it back")


def _statement(label: str, sql: str) -> Iterator[str]:
    """Exact SQL is never cut or broken: it is there to be copied."""
    for number, line in enumerate(sql.splitlines() or [""]):
        yield f"  {label if number == 0 else '':{LABEL}}{one_line(line)}"


def _facts(preview: Preview) -> Iterator[str]:
    rows = "never analysed" if preview.rows is None else f"{preview.rows:,} rows"
    if preview.table_bytes is not None:
        yield from _line("table", f"{size(preview.table_bytes)}, {rows}")
    if preview.index_bytes.value is not None:
        yield from _line("index", f"about {size(round(preview.index_bytes.value))}")
    if preview.seconds.value:
        yield from _line("takes", f"about {seconds(preview.seconds.value)}: {preview.seconds.basis}")
    if preview.planner is not None:
        yield from _line("planner", preview.planner.sentence)
    if preview.violations is not None and preview.violations.count:
        least = "at least " if preview.violations.capped else ""
        keys = f" ({', '.join(preview.violations.keys)})" if preview.violations.keys else ""
        yield from _line("bad rows", f"{least}{preview.violations.count:,}{keys}")
    for blocker in preview.forecast.blockers:
        yield from _line("in the way", f"{blocker.sentence}: {blocker.rule}, {blocker.phase}")
    for sentence in (*preview.forecast.cannot_see, *preview.uncounted):
        yield from _line("unseen", sentence)
    for warning in preview.warnings:
        yield from _line("warning", warning)


def _refused(prepared: Prepared) -> Iterator[str]:
    if not prepared.plan.refused:
        return
    yield from ("", "Refused")
    for refusal in prepared.plan.refused:
        yield from _item(f"{refusal.target}: {refusal.reason}")
        if refusal.listing:
            yield f"    list them: {one_line(refusal.listing)}"


def _unavailable(prepared: Prepared) -> Iterator[str]:
    if not prepared.unavailable:
        return
    yield from ("", "Could not be read, so not planned")
    for part in prepared.unavailable:
        yield from _item(f"{part.part}: {part.reason}" + (f"; {part.remedy}" if part.remedy else ""))


def _next(prepared: Prepared) -> Iterator[str]:
    ready = [step.id for step in prepared.ready if step.id in {each.id for each in prepared.plan.steps}]
    if not ready:
        return
    profile = shlex.quote(prepared.case.profile.name)
    run = f"pgdeck run -e {profile}"
    yield from ("", "Next")
    yield one_line(f"  - run one: {run} {shlex.quote(ready[0])}")
    if prepared.direction is Direction.FIX and len(ready) > 1:
        yield one_line(f"  - run all: pgdeck verify -e {profile} --auto-fix")
    elif len(ready) > 1:
        yield one_line(f"  - run all: {run} {' '.join(map(shlex.quote, ready))}")
    yield "  - refuse where anything changed since: --plan-hash with the hash above"


def _line(label: str, text: str) -> list[str]:
    first = f"  {label:{LABEL}}"
    rest = " " * len(first)
    said = one_line(text)
    return wrap(said, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) or [first]


def _item(text: str) -> list[str]:
    return wrap(
        one_line(text), WIDTH, initial_indent="  - ", subsequent_indent="    ", break_on_hyphens=False
    )
