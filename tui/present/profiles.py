"""The list of profiles and the stages of a connection test, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from profiles import store, verdicts
from profiles.errors import ConfigurationError
from profiles.model import EnvironmentClass, Profile
from profiles.places import place_of
from profiles.verdicts import LastVerdict
from tui.present.text import age, clean, plural, wrap
from tui.present.view import Column, Line, Row, Span, Tone, View, line

if TYPE_CHECKING:
    from sql.examine import Stage

CLASS_SPANS: dict[EnvironmentClass, Span] = {
    EnvironmentClass.DEVELOPMENT: ("○ development", Tone.GOOD),
    EnvironmentClass.STAGING: ("◐ staging", Tone.WARN),
    EnvironmentClass.PRODUCTION: ("▲ PRODUCTION", Tone.BAD),
}
VERDICT_SIGNS = {
    "ENTERPRISE READY": ("✓", Tone.GOOD),
    "NOT READY": ("✗", Tone.BAD),
    "UNKNOWN": ("?", Tone.WARN),
}
COLUMNS = (
    Column("profile", least=8, most=40, middle=True),
    Column("class", least=13, most=13),
    Column("last verdict", least=16, most=18),
    Column("when", least=6, most=12, drop=1),
    Column("database", most=60, drop=2, fills=True),
)


@dataclass(frozen=True)
class Entry:
    """One file of the profiles folder."""

    name: str
    profile: Profile | None
    """None for a file that is wrong."""
    problem: str
    """Every problem of the file, one sentence a line."""
    last: LastVerdict | None


def entries() -> list[Entry]:
    """Every saved profile with its last verdict; reads the files."""
    found = []
    try:
        names = store.names()
    except ConfigurationError:
        return []
    for name in names:
        profile, problem = None, ""
        try:
            profile = store.load(name)
        except ConfigurationError as error:
            problem = error.user_message()
        found.append(Entry(name, profile, problem, verdicts.last(name)))
    return found


def title_line(found: Sequence[Entry]) -> Line:
    """How many there are."""
    return line((" pgdeck", Tone.STRONG), (f"  {plural(len(found), 'profile')}", Tone.DIM))


def profiles_view(found: Sequence[Entry], now: datetime) -> View:
    """The list as a view of a pane."""
    broken = sum(entry.profile is None for entry in found)
    production = sum(
        entry.profile is not None and entry.profile.environment is EnvironmentClass.PRODUCTION
        for entry in found
    )
    summary = line(
        (f"{production} of {len(found)} {'is' if production == 1 else 'are'} production", Tone.DIM)
    )
    if broken:
        summary = (*summary, (f"  ✗ {plural(broken, 'file')} cannot be used", Tone.BAD))
    empty = (
        line(("no profile is saved yet", Tone.STRONG)),
        line("a adds one; pgdeck demo makes four on a PostgreSQL of its own"),
    )
    return View(summary, COLUMNS, tuple(_row(entry, now) for entry in found), empty=empty)


def _row(entry: Entry, now: datetime) -> Row:
    name = clean(entry.name)
    if entry.profile is None:
        cells = (
            (name, Tone.PLAIN),
            ("✗ unusable", Tone.BAD),
            *_last(entry.last, now),
            ("enter says why", Tone.DIM),
        )
        foot = tuple(line((clean(text), Tone.BAD)) for text in entry.problem.splitlines())
    else:
        place = (clean(place_of(entry.profile)), Tone.PLAIN)
        cells = ((name, Tone.STRONG), CLASS_SPANS[entry.profile.environment], *_last(entry.last, now), place)
        foot = _foot(entry.profile)
    return Row(entry.name, cells, name, foot=foot)


def _last(last: LastVerdict | None, now: datetime) -> tuple[Span, Span]:
    if last is None:
        return ("– never checked", Tone.DIM), ("", Tone.DIM)
    sign, tone = VERDICT_SIGNS.get(last.verdict, ("?", Tone.WARN))
    return (f"{sign} {clean(last.verdict)}", tone), (age(last.taken_at, now), Tone.DIM)


def _foot(profile: Profile) -> tuple[Line, ...]:
    source = profile.credentials.source.value if profile.credentials is not None else "as libpq"
    facts = [
        ("manifest", profile.manifest),
        ("password", source),
        ("steps", profile.guard.value),
        *([("direct", "yes")] if profile.direct is not None else []),
        *([("replicas", str(len(profile.replicas)))] if profile.replicas else []),
    ]
    spans: list[Span] = []
    for label, value in facts:
        spans += [(f"{label} ", Tone.DIM), (f"{clean(value)}   ", Tone.PLAIN)]
    return line((clean(place_of(profile)), Tone.PLAIN)), tuple(spans)


def stage_lines(stages: Sequence[Stage], width: int) -> list[Line]:
    """The stages of a connection test; the one that failed is told in full."""
    lines: list[Line] = []
    for stage in stages:
        sign: Span = ("✓ ", Tone.GOOD) if stage.passed else ("✗ ", Tone.BAD)
        name: Span = (f"{stage.name.value:<9}", Tone.STRONG)
        if stage.passed:
            lines.append(line(sign, name, clean(stage.detail) or "passed"))
            continue
        first, *rest = wrap(stage.detail, max(width - 11, 10))
        lines.append(line(sign, name, (first, Tone.BAD)))
        lines += [line(" " * 11, (text, Tone.BAD)) for text in rest]
    return lines
