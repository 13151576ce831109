"""What the report of a recorded session says in words, in every format."""

from __future__ import annotations

from collections.abc import Iterator

from sql.findings import ProbeFinding, Verdict
from tui.present.signs import is_good
from tui.present.text import duration, plural
from tui.reports.session import Session, Turn
from tui.reports.session_probes import ProbeStory
from tui.reports.wording import milliseconds
from tui.watching import Readings

ENDINGS = {
    "closed": "",
    "full": "The recording reached its largest size and stopped before the session ended.",
    "continued": "The session went on: the next part of its recording is not here.",
    "going on": "The session was still being recorded when this was written.",
    "": "The recording has no end: the deck was killed. At most the session's last seconds are missing.",
}
MOST_REASONS = 5
SHARES = {"p50": "half of the answers", "p95": "19 of 20 answers", "p99": "99 of 100 answers"}


def notes(session: Session) -> Iterator[str]:
    """What the recording lacks of its session."""
    if session.header.part > 1:
        yield (
            f"The recording begins with part {session.header.part} of its session: what was before made room"
            " for it, and the figures count from here."
        )
    if ENDINGS.get(session.ending):
        yield ENDINGS[session.ending]


def headline(session: Session) -> str:
    """How the session went, in one sentence."""
    verdicts = [turn.verdict for turn in session.turns if turn.verdict is not None]
    if not verdicts:
        return "Nothing was judged: the session ended before everything had been read."
    last, share = verdicts[-1], session.share(Verdict.READY)
    if share == 1.0:
        return "The database was ENTERPRISE READY during the whole session."
    if last is Verdict.READY:
        return f"The database was made ENTERPRISE READY; it was that for {share:.0%} of the session."
    if share:
        return f"The database was ENTERPRISE READY for {share:.0%} of the session, and {last} at its end."
    return f"The database was never ENTERPRISE READY during the session, and {last} at its end."


def reasons(turn: Turn) -> str:
    """What was in the way of the verdict: at first, and from when on something else was."""
    first, *others = turn.reasons or ((turn.began, ""),)
    said = [first[1], *(f"from {at:%H:%M:%S} {reason}" for at, reason in others[:MOST_REASONS])]
    left = len(others) - MOST_REASONS
    return "; ".join(said) + (f"; and {plural(left, 'other reason')} after that" if left > 0 else "")


def experience(probe: ProbeStory) -> str:
    """What was measured against what was promised, for people who do not know percentiles."""
    if not probe.samples:
        return "was not measured"
    measured = [(name, value, target) for name, value, target in probe.figures if value is not None]
    if not measured:
        return f"was measured {plural(probe.samples, 'time')}, which is too seldom to say"
    name, value, target = next((each for each in reversed(measured) if each[0] != "p99"), measured[-1])
    said = f"{SHARES[name]} came within {milliseconds(value)} ms"
    if target is not None:
        said += f"; {target:g} ms were promised"
    missed = [
        f"{SHARES[other]} took up to {milliseconds(took)} ms instead of {wanted:g} ms"
        for other, took, wanted in measured
        if wanted is not None and took is not None and took > wanted and other != name
    ]
    return "; ".join((said, *missed))


def failures(probe: ProbeStory) -> str:
    """How many runs failed, and how; empty where none did."""
    if not probe.failed:
        return ""
    return f"{plural(probe.failed, 'run')} of {probe.samples:,} failed, most often: {probe.error}"


def verdict_of(probe: ProbeStory) -> str:
    """One word and the sign are elsewhere; this is the promise."""
    return {
        ProbeFinding.MET: "as fast as promised",
        ProbeFinding.MISSED: "slower than promised",
        ProbeFinding.FAILING: "failed",
        ProbeFinding.NOT_MEASURED: "cannot be judged",
    }[probe.finding]


def objects(readings: Readings | None) -> dict[str, tuple[int, int]]:
    """(as they must be, in all) of indexes and constraints."""
    found: dict[str, tuple[int, int]] = {}
    for part in ("indexes", "constraints"):
        snapshot = readings.known(part).snapshot if readings is not None else None
        each = getattr(snapshot, part, ())
        if each:
            found[part] = (sum(is_good(one.finding) for one in each), len(each))
    return found


def changes(session: Session) -> Iterator[str]:
    """How the objects stood at the beginning and at the end, one sentence a kind."""
    first, last = objects(session.first), objects(session.last)
    for part, title in (("indexes", "indexes"), ("constraints", "data integrity rules")):
        if part not in last:
            continue
        good, count = last[part]
        before, _ = first.get(part, (good, count))
        was = "" if before == good else f", {before} at the beginning"
        yield f"{good} of {count} {title} were as they must be at the end{was}."


def peak(session: Session) -> str:
    """The most connections; empty where the pool was never read."""
    found = session.peak
    if found is None:
        return ""
    nearest = f"; the nearest limit: {found.name}" if found.name else ""
    return f"At most {found.used} connections were in use, at {found.at:%H:%M:%S} UTC{nearest}."


def lasted(session: Session) -> str:
    """How long it was."""
    return duration(session.seconds)
