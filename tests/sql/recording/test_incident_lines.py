"""A bad hour tells of its incidents again and again: each is written once, and read as it was told."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sql.latency.evidence import Incident, IncidentsSnapshot
from sql.recording.entries import Decoder, Encoder, Published
from sql.recording.player import Player
from sql.recording.reader import Recording
from tests.sql.recording.made import CLOCK, write
from tests.tui import samples
from tests.tui.incidents import LOCK

KEPT = 100
ONE = LOCK


def incident(number: int) -> Incident:
    chance = random.Random(number)
    (first, *others) = ONE.evidence.lock.blockers if ONE.evidence.lock is not None else ()
    holder = replace(first, query=f"UPDATE leads SET score = {chance.random()} WHERE id = {number}")
    assert ONE.evidence.lock is not None
    lock = replace(ONE.evidence.lock, blockers=(holder, *others), waited_ms=chance.random())
    return replace(ONE, at=ONE.at + timedelta(seconds=number), evidence=replace(ONE.evidence, lock=lock))


def told(count: int) -> list[Published]:
    """A row that grows with each telling, and now and then a new one; the oldest is forgotten then."""
    kept = [incident(number) for number in range(KEPT)]
    found = []
    for number in range(count):
        if number % 30 == 29:
            kept = [*kept[1:], incident(KEPT + number)]
        else:
            kept[-1] = replace(kept[-1], count=kept[-1].count + 1)
        at = samples.NOW + timedelta(seconds=number)
        found.append(Published(CLOCK + number, IncidentsSnapshot(at, tuple(reversed(kept)))))
    return found


def test_each_telling_is_read_as_it_was_told() -> None:
    encoder, decoder = Encoder(), Decoder()
    for number, entry in enumerate(told(100)):
        read = decoder.decode(encoder.encode(entry))
        assert isinstance(read, Published) and isinstance(entry.event, IncidentsSnapshot)
        assert read == entry
        assert isinstance(read.event, IncidentsSnapshot)
        assert read.event.taken_at == entry.event.taken_at
        if number % 7 == 0:
            decoder = decoder.copy()


def test_a_bad_hour_does_not_fill_a_recording(tmp_path: Path) -> None:
    one = write(tmp_path / "one", told(1)).stat().st_size
    assert write(tmp_path / "many", told(300)).stat().st_size < 8 * one


def test_a_recording_that_was_cut_off_at_an_incident_is_whole(tmp_path: Path) -> None:
    entries = told(40)
    with Recording(write(tmp_path, entries, ending="")) as recording:
        assert recording.ended == ""
        player = Player(recording)
        for place in (39.0, 3.0, 20.0):
            player.seek(place)
            assert player.state.events["IncidentsSnapshot"].event == entries[int(place)].event


def test_an_incident_of_a_later_version_is_left_out_and_the_others_stay() -> None:
    first, second = told(2)
    encoder, decoder = Encoder(), Decoder()
    line = encoder.encode(first).replace(b'"Cause"', b'"Whim"', 1)
    read = decoder.decode(line)
    assert isinstance(read, Published) and isinstance(read.event, IncidentsSnapshot)
    assert len(read.event.incidents) == KEPT - 1
    read = decoder.decode(encoder.encode(second))
    assert isinstance(read, Published) and read.event == second.event
