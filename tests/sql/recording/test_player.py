"""A replay shows what the live session showed: every field of every snapshot, forwards and after any jump."""

from __future__ import annotations

import gc
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from sql.latency.messages import Sample, Samples
from sql.recording import player as player_module
from sql.recording.entries import Entry, Header, Heard, Measured, Paused, Published, Ran, Walled
from sql.recording.folder import MOST_FILE_BYTES
from sql.recording.player import SINCE_THE_START, Player
from sql.recording.reader import Recording
from sql.recording.state import Shown
from sql.recording.writer import Writer
from sql.snapshots import Event, Lost, PoolSnapshot, ProbesSnapshot, Unavailable
from sql.steps.runs import RunState, RunStatus
from tests.sql.recording.made import CLOCK, Live, figures, with_probes, write, write_parts
from tests.tui import samples
from tui.reports.session import read_session

NAME = ProbesSnapshot.__name__


def pool(used: int) -> PoolSnapshot:
    return replace(samples.POOL, pool=replace(samples.POOL.pool, used=used))


def session(live: Live, seconds: int) -> Iterator[Entry]:
    """Some minutes with another window now and then, readings that change and readings that do not."""
    for second in range(seconds):
        if second % 50 == 20:
            live.look(None if second % 100 == 20 else 60.0, second + 0.5)
        events: list[Event] = [pool(10 + second // 7)] if second % 2 else []
        events += [samples.INDEXES, samples.SERVER] if second % 10 == 0 else []
        if second == 33:
            events.append(Lost("the server closed the connection", 1.0))
        if second == 44:
            events.append(Unavailable("pool", "no privilege", "GRANT …"))
        yield from live.second(second, events=events)


@pytest.fixture(params=[1, 3], ids=["one file", "three parts"])
def recorded(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Live, Recording]]:
    live = Live()
    entries = list(session(live, 200))
    with Recording(write_parts(tmp_path, entries, -(-len(entries) // request.param))[0]) as recording:
        yield live, recording
    assert len(list(tmp_path.glob("*.pgdeck"))) == request.param


def shown(player: Player, to: float = math.inf) -> list[Event]:
    return [each.event for each in player.advance(to) if isinstance(each, Shown)]


def same(played: ProbesSnapshot, live: ProbesSnapshot) -> bool:
    """Every field, also those that equality leaves out; `since` is counted back from another clock."""
    assert (played.since is None) == (live.since is None)
    return (
        replace(played, since=None) == replace(live, since=None)
        and (played.taken_at, played.clock) == (live.taken_at, live.clock)
        and repr(replace(played, since=None)) == repr(replace(live, since=None))
    )


def test_every_snapshot_is_the_live_one_to_the_digit(recorded: tuple[Live, Recording]) -> None:
    live, recording = recorded
    played = shown(Player(recording))
    assert len(played) == len(live.published)
    for mine, theirs in zip(played, live.published, strict=True):
        assert mine == theirs
        if isinstance(theirs, ProbesSnapshot):
            assert same(figures(mine), theirs)
    assert figures(played[-1]).probes[0].samples > 100


@pytest.mark.parametrize("jumps", [[150, 60], [10, 190, 100.5], [199, 0, 120], [130, 129, 128, 20, 180]])
def test_after_any_jump_it_is_what_it_would_have_been(
    recorded: tuple[Live, Recording], jumps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_module, "NOTED_EVERY_S", 15.0)
    _, recording = recorded
    jumped, straight = Player(recording), Player(recording)
    for place in jumps:
        jumped.seek(place)
    straight.seek(jumps[-1])
    assert jumped.position == straight.position == jumps[-1]
    assert list(jumped.state.events.items()) == list(straight.state.events.items())
    assert shown(jumped) == shown(straight)


def entries_taken(player: Player, monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """Every entry that the player reads from now on."""
    taken: list[Entry] = []
    take = player._take

    def noted(entry: Entry) -> object:
        taken.append(entry)
        return take(entry)

    monkeypatch.setattr(player, "_take", noted)
    return taken


def test_going_back_uses_the_places_that_were_noted(
    recorded: tuple[Live, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_module, "NOTED_EVERY_S", 15.0)
    player = Player(recorded[1])
    player.seek(199)
    taken = entries_taken(player, monkeypatch)
    player.seek(100)
    assert 0 < len(taken) < 200, "one stretch of 15 s with four entries a second, not the whole way"


def test_steps_back_from_a_far_jump_are_short_ones(
    recorded: tuple[Live, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long recording has its noted places hours apart."""
    monkeypatch.setattr(player_module, "NOTED_EVERY_S", 1000.0)
    monkeypatch.setattr(player_module, "NEAR_S", 20.0)
    player, straight = Player(recorded[1]), Player(recorded[1])
    player.seek(199)
    taken = entries_taken(player, monkeypatch)
    for place in (189, 185):
        player.seek(place)
    assert 0 < len(taken) < 200
    straight.seek(185)
    assert list(player.state.events.items()) == list(straight.state.events.items())
    assert shown(player) == shown(straight)


def test_another_window_is_counted_exactly_and_given_up_again(recorded: tuple[Live, Recording]) -> None:
    _, recording = recorded
    player, other = Player(recording), Player(recording)
    player.seek(100)
    other.seek(100)
    then = figures(player.state.events[NAME].event)
    everything = player.look(SINCE_THE_START)
    assert everything is not None
    assert everything.window_s is None
    assert everything.probes[0].samples > then.probes[0].samples
    assert figures(player.state.events[NAME].event) == everything
    assert player.look(None) == then
    assert shown(player) == shown(other)


def test_what_is_stale_or_unreadable_is_so_at_its_place(recorded: tuple[Live, Recording]) -> None:
    player = Player(recorded[1])
    player.seek(34.5)
    assert "Lost" in player.state.events
    player.seek(30)
    assert "Lost" not in player.state.events
    player.seek(44.99)
    assert list(player.state.events)[-2] == "Unavailable pool"


def test_the_walls_clock_is_that_of_then(tmp_path: Path) -> None:
    live = Live()
    later = samples.NOW + timedelta(hours=3, seconds=10)

    def entries() -> Iterator[Entry]:
        for second in range(10):
            yield from live.second(second)
        yield Walled(CLOCK + 10, later)
        yield Published(CLOCK + 12, samples.POOL)

    with Recording(write(tmp_path, entries())) as recording:
        player = Player(recording)
        player.seek(5)
        assert player.moment() == samples.NOW + timedelta(seconds=5)
        player.seek(12)
        assert player.moment() == later + timedelta(seconds=2)
        player.seek(5)
        assert player.moment() == samples.NOW + timedelta(seconds=5)


def test_runs_and_pauses_are_those_of_then(tmp_path: Path) -> None:
    state = RunState(
        "run-1", "demo", "create-index:i", "CREATE …", "ann", "h", RunStatus.RUNNING, samples.NOW
    )
    done = replace(state, state=RunStatus.DONE, ended_at=samples.NOW, outcome={"sentence": "it is there"})
    entries = [
        Published(CLOCK + 1, samples.POOL),
        Ran(CLOCK + 2, state),
        Paused(CLOCK + 3, True),
        Paused(CLOCK + 5, False),
        Ran(CLOCK + 6, done),
    ]
    with Recording(write(tmp_path, entries)) as recording:
        player = Player(recording)
        player.seek(4)
        assert player.state.runs == {"run-1": state}
        assert player.state.paused
        player.seek(6)
        assert player.state.runs == {"run-1": done}
        assert not player.state.paused
        player.seek(1)
        assert player.state.runs == {}


def test_an_hour_of_ten_probes_at_twenty_a_second_stays_within_its_bounds(tmp_path: Path) -> None:
    header = with_probes(10)
    writer = Writer(tmp_path, header)
    held = []
    for second in range(3600):
        for entry in hour_of(header, second):
            writer.add(entry)
        if second % 2:
            writer.flush()
        if second in (600, 3599):
            gc.collect()
            held.append(sys.getallocatedblocks())
    writer.close("closed", header.clock + 3600)
    assert held[1] - held[0] < 1000, "writing holds nothing back"
    assert 2**20 < writer.path.stat().st_size < MOST_FILE_BYTES / 3
    with Recording(writer.path) as recording:
        assert recording.duration_s == pytest.approx(3600, abs=1)
        session = read_session(recording)
    assert [probe.samples for probe in session.probes] == [72_000] * 10
    assert len(session.probes[0].points) == 240


def hour_of(header: Header, second: int) -> Iterator[Entry]:
    """A second of it."""
    chance = Random(second)
    began = header.clock + second
    for probe in range(10):
        dues = [began + place / 20 for place in range(20)]
        rows = tuple(Sample(due, due + 1e-4, due + 1e-3 + chance.random() / 100) for due in dues)
        yield Heard(began + 0.96, Samples(probe, 20, 20, rows))
    if second % 2:
        yield Published(began + 0.97, pool(10 + second % 5))
    if second % 60 == 0:
        yield Measured(began + 0.98, header.started_at + timedelta(seconds=second), 300.0)
