"""Recordings that are made by hand, with times of their own."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from profiles.manifest import ProbeEntry, Target
from sql.latency.messages import Message, Sample, Samples
from sql.latency.record import Records
from sql.recording.entries import Entry, Header, Heard, Measured, Published
from sql.recording.standing import Standing
from sql.recording.writer import Writer
from sql.snapshots import Event, ProbesSnapshot
from tests.tui import samples

CLOCK = 12_345.678
HEADER = Header(
    profile="demo-production",
    environment=samples.PROFILE.environment,
    manifest=samples.MANIFEST,
    started_at=samples.NOW,
    clock=CLOCK,
    target={"host": "db.example.com", "port": "5432", "dbname": "sales", "user": "oncall"},
    server=samples.SERVER.server,
    pgdeck="0.1.0",
)


def with_probes(count: int) -> Header:
    """A header whose manifest has so many probes."""
    probes = tuple(ProbeEntry(f"probe_{each}", "SELECT 1", Target(25, 35, 50)) for each in range(count))
    return replace(HEADER, manifest=replace(samples.MANIFEST, probes=probes))


def write(folder: Path, entries: Iterable[Entry], header: Header = HEADER, ending: str = "closed") -> Path:
    """Write a recording; an empty ending is that of a deck that was killed."""
    writer = Writer(folder, header)
    at = header.clock
    for entry in entries:
        at = entry.at
        writer.add(entry)
    writer.flush()
    if ending:
        writer.close(ending, at)
    writer.abandon()
    return writer.path


def write_parts(folder: Path, entries: Iterable[Entry], each: int, header: Header = HEADER) -> list[Path]:
    """The same in files of so many entries: a recorder goes on in another where one is full."""
    writer, standing, paths = Writer(folder, header), Standing(), []
    for number, entry in enumerate(entries):
        if number and number % each == 0:
            writer.close("continued", entry.at)
            paths.append(writer.path)
            started_at = header.started_at + timedelta(seconds=entry.at - header.clock)
            later = replace(header, part=writer.part + 1, clock=entry.at, started_at=started_at)
            writer = Writer(folder, later, after=writer.path)
            writer.repeat(standing.entries(entry.at))
        writer.add(entry)
        standing.note(entry)
    writer.close("closed", entry.at)
    return [*paths, writer.path]


class Live:
    """A deck's side of a session: what it published, and the entries that it recorded."""

    def __init__(self, header: Header = HEADER, *, seed: int = 7, ms: float = 8.0) -> None:
        self.header = header
        self.records = Records(header.manifest.probes)
        self.window_s: float | None = None
        self.published: list[Event] = []
        self._random = random.Random(seed)
        self._ms = ms

    def look(self, window_s: float | None, second: float) -> None:
        """The operator's key for another window."""
        self.window_s = window_s
        self.records.look(window_s, self.header.clock + second)

    def second(self, second: int, *, per_s: int = 5, events: Iterable[Event] = ()) -> Iterator[Entry]:
        """One second of it: samples, other readings, a snapshot of the figures."""
        began = self.header.clock + second
        for probe in range(len(self.header.manifest.probes)):
            message = self._samples(probe, began, per_s)
            at = began + 0.9 + probe * 1e-4
            self.records.take(message, at)
            yield Heard(at, message)
        for event in events:
            self.published.append(event)
            yield Published(began + 0.95, event)
        at = began + 0.97
        taken_at = self.header.started_at + timedelta(seconds=second + 0.97)
        snapshot = replace(self.records.snapshot(at), taken_at=taken_at)
        self.published.append(snapshot)
        yield Measured(at, taken_at, self.window_s)

    def _samples(self, probe: int, began: float, per_s: int) -> Message:
        rows = []
        for place in range(per_s):
            due = began + place / per_s
            start = due + self._random.random() * 1e-3
            took = self._random.lognormvariate(math.log(self._ms / 1000), 0.5)
            rows.append(Sample(due, start, start + took))
        return Samples(probe, per_s, per_s, tuple(rows))


def figures(event: Event) -> ProbesSnapshot:
    """The event, which is a snapshot of the figures."""
    assert isinstance(event, ProbesSnapshot)
    return event
