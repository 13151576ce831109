"""What a recorded session comes to: verdicts over time, latency against targets, incidents, runs, peaks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sql.findings import Verdict
from sql.latency.evidence import IncidentsSnapshot
from sql.latency.messages import Samples
from sql.recording.entries import Header, Heard, Ran
from sql.recording.player import Player
from sql.recording.reader import Recording, damaged
from sql.recording.state import Happened, Shown
from sql.snapshots import BuildsSnapshot, Lost, PoolSnapshot
from tui.crossings import Crossing, Crossings
from tui.reports.session_probes import Measured, ProbeStory, story_of, width_of
from tui.watching import Readings, part_of

if TYPE_CHECKING:
    from sql.latency.evidence import Incident
    from sql.steps.runs import RunState


SUBJECT_ENDS = re.compile("[:;]")


@dataclass(frozen=True)
class Turn:
    """A verdict that stood for a while."""

    began: datetime
    ended: datetime
    verdict: Verdict | None
    """None: not everything was read yet, or reading was paused."""
    reasons: tuple[tuple[datetime, str], ...] = ()
    """The gravest reason as it began, then each other that came to be the gravest meanwhile, and when."""
    paused: bool = False

    @property
    def reason(self) -> str:
        """The gravest as it began."""
        return self.reasons[0][1] if self.reasons else ""

    @property
    def seconds(self) -> float:
        """How long it stood."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True)
class Peak:
    """The most connections that were in use at once."""

    at: datetime
    used: int
    limit: int | None
    name: str
    """Of the limit that came nearest."""


@dataclass(frozen=True)
class Session:
    """Everything that the report says."""

    header: Header
    began: datetime
    ended: datetime
    ending: str
    """`closed`, `full`, or empty: it was cut off."""
    turns: tuple[Turn, ...]
    probes: tuple[ProbeStory, ...]
    width_s: float
    """Of each point."""
    peak: Peak | None = None
    runs: tuple[RunState, ...] = ()
    incidents: tuple[Incident, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    """The newest of those lines that were crossed since everything had been read."""
    crossed: int = 0
    """How many were crossed."""
    lost: tuple[tuple[datetime, str], ...] = ()
    first: Readings | None = None
    """When everything had been read for the first time."""
    last: Readings | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.ended - self.began).total_seconds()

    def share(self, verdict: Verdict) -> float:
        """Of the time that had a verdict, 0 to 1."""
        judged = sum(turn.seconds for turn in self.turns if turn.verdict is not None)
        stood = sum(turn.seconds for turn in self.turns if turn.verdict is verdict)
        return stood / judged if judged else 0.0


def read_session(recording: Recording) -> Session:
    """The story of a recording; plays all of it.

    Raises:
        ConfigurationError: the file is damaged.
    """
    player = Player(recording)
    gathering = _Gathering(player)
    gathering.take(player.advance(math.inf))
    if player.damage:
        raise damaged(recording.path)
    return gathering.session(recording)


class _Gathering:
    """Collects from what is played."""

    def __init__(self, player: Player) -> None:
        self._player = player
        header = player.header
        self._probes = [Measured() for _ in header.manifest.probes]
        self._readings = Readings(header.manifest)
        self._first: Readings | None = None
        self._turns: list[Turn] = []
        self._standing = Turn(header.started_at, header.started_at, None)
        """Its end is not known yet."""
        self._peak: Peak | None = None
        self._incidents: dict[str, Incident] = {}
        self._crossings = Crossings()
        self._lost: list[tuple[datetime, str]] = []

    def take(self, happened: Iterable[Happened]) -> None:
        """Everything, in its order."""
        for each in happened:
            if isinstance(each, Heard):
                if isinstance(each.message, Samples):
                    self._probes[each.message.probe].add(each.message)
            elif isinstance(each, Shown):
                self._show(each)
            elif not isinstance(each, Ran):
                self._readings.paused = each.paused
                self._judge(self._player.moment())

    def _show(self, shown: Shown) -> None:
        event = shown.event
        if isinstance(event, BuildsSnapshot):
            return
        if isinstance(event, IncidentsSnapshot):
            # One that was still running may have joined an older one since, and is under that one's key then.
            ended = {key: each for key, each in self._incidents.items() if not each.running}
            self._incidents = ended | {each.key: each for each in event.incidents}
        if isinstance(event, Lost) and self._readings.lost is None:
            self._lost.append((shown.moment, event.reason))
        if isinstance(event, PoolSnapshot):
            self._note_peak(event, shown.moment)
        known = isinstance(event, Lost) or bool(part_of(event))
        if known and self._readings.apply(event, shown.moment):
            self._judge(shown.moment)
        if self._first is None and self._readings.is_complete:
            self._first = _frozen(self._readings)
        if self._first is not None and known:
            self._crossings.take(self._readings, shown.moment)

    def _judge(self, moment: datetime) -> None:
        paused = self._readings.paused
        judgement = None if paused else self._readings.judged()
        verdict = None if judgement is None else judgement.verdict
        reasons = ((moment, judgement.reasons[0]),) if judgement is not None and judgement.reasons else ()
        standing = self._standing
        if (verdict, paused) != (standing.verdict, standing.paused):
            self._turn(moment)
            self._standing = Turn(moment, moment, verdict, reasons, paused)
        elif moment == standing.began:
            self._standing = replace(standing, reasons=reasons)
        elif reasons and _subject(reasons[0][1]) not in {_subject(each) for _, each in standing.reasons}:
            self._standing = replace(standing, reasons=standing.reasons + reasons)

    def _turn(self, moment: datetime) -> None:
        if moment > self._standing.began:
            self._turns.append(replace(self._standing, ended=moment))

    def _note_peak(self, event: PoolSnapshot, moment: datetime) -> None:
        pool = event.pool
        if pool.used is None or (self._peak is not None and pool.used <= self._peak.used):
            return
        nearest = max(
            pool.limits, key=lambda each: each.used / each.limit if each.limit else 1.0, default=None
        )
        name = "" if nearest is None else f"{nearest.used} of {nearest.limit} ({nearest.name})"
        self._peak = Peak(moment, pool.used, pool.limit, name)

    def session(self, recording: Recording) -> Session:
        """All of it."""
        header, player = recording.header, self._player
        ended = player.moment(player.duration_s)
        self._turn(ended)
        width_s = width_of(player.duration_s)
        count = max(math.ceil(player.duration_s / width_s), 1)
        entries = header.manifest.probes
        return Session(
            header=header,
            began=header.started_at,
            ended=ended,
            ending=recording.ended,
            turns=tuple(self._turns),
            probes=tuple(
                story_of(entry, measured, header.clock, width_s, count)
                for entry, measured in zip(entries, self._probes, strict=True)
            ),
            width_s=width_s,
            peak=self._peak,
            runs=tuple(player.state.runs[run] for run in sorted(player.state.runs)),
            incidents=tuple(sorted(self._incidents.values(), key=lambda each: each.at)),
            crossings=tuple(self._crossings.entries),
            crossed=self._crossings.total,
            lost=tuple(self._lost),
            first=self._first,
            last=self._readings,
        )


def _subject(reason: str) -> str:
    """What it is about, without the figures, which change all the time."""
    return SUBJECT_ENDS.split(reason, maxsplit=1)[0]


def _frozen(readings: Readings) -> Readings:
    return replace(readings, parts={part: replace(known) for part, known in readings.parts.items()})


def offset(session: Session, moment: datetime) -> float:
    """Seconds since the beginning, within the session."""
    return min(max((moment - session.began) / timedelta(seconds=1), 0.0), max(session.seconds, 0.001))
