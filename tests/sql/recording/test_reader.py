"""Files as they come: cut off, damaged, foreign, newer, still being written, not there at all."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from profiles.errors import ConfigurationError
from sql.recording.entries import MARK, Ended, Entry, Published
from sql.recording.folder import part_of
from sql.recording.player import Player
from sql.recording.reader import GOING_ON, Recording, header_of
from sql.recording.state import Shown
from sql.snapshots import Event
from tests.sql.recording.made import CLOCK, HEADER, Live, write, write_parts
from tests.tui import samples
from tui.reports.session import read_session


@pytest.fixture
def live() -> Live:
    return Live()


@pytest.fixture
def path(tmp_path: Path, live: Live) -> Path:
    entries = (each for s in range(60) for each in live.second(s, events=[samples.POOL]))
    return write(tmp_path, entries)


def sentence(path: Path) -> str:
    """Why it cannot be opened."""
    with pytest.raises(ConfigurationError) as caught:
        Recording(path)
    (problem,) = caught.value.problems
    return problem.sentence()


def played(path: Path) -> list[Event]:
    with Recording(path) as recording:
        return [each.event for each in Player(recording).advance(1e9) if isinstance(each, Shown)]


def test_the_header_says_who_where_and_what(path: Path) -> None:
    assert header_of(path) == HEADER
    with Recording(path) as recording:
        assert recording.header == HEADER
        assert recording.ended == "closed"
        assert recording.duration_s == pytest.approx(60, abs=0.1)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_what_was_cut_off_plays_up_to_there(path: Path, live: Live, share: float) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    found = played(path)
    assert found == live.published[: len(found)]
    assert len(found) > len(live.published) * share * 0.5
    with Recording(path) as recording:
        assert recording.ended == ""


def test_every_place_of_a_cut_gives_a_beginning_or_one_sentence(path: Path, live: Live) -> None:
    whole = path.read_bytes()
    for size in range(0, len(whole), len(whole) // 80):
        path.write_bytes(whole[:size])
        try:
            found = played(path)
        except ConfigurationError as error:
            assert len(error.problems) == 1
            assert size < len(whole) / 2
        else:
            assert found == live.published[: len(found)]


def test_a_deck_that_was_killed_leaves_all_that_was_flushed(tmp_path: Path, live: Live) -> None:
    path = write(tmp_path, (each for s in range(9) for each in live.second(s)), ending="")
    assert played(path) == live.published
    with Recording(path) as recording:
        assert recording.ended == ""


def test_damage_is_told_wherever_it_is(path: Path) -> None:
    whole = path.read_bytes()
    told = 0
    for place in range(200, len(whole), len(whole) // 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        assert any(word in sentence(path) for word in ("is damaged", "is no recording"))
        told += 1
    assert told >= 40


def test_a_line_that_is_none_ends_the_replay_there(tmp_path: Path) -> None:
    path = write(tmp_path, [Published(CLOCK + 1, samples.POOL)], ending="")
    good, bad = json.dumps(["p", CLOCK + 1, True]).encode(), b'["e",12346]'
    path.write_bytes(gzip.compress(b"\n".join([_header_line(path), good, bad, good, good, b""])))
    with Recording(path) as recording:
        player = Player(recording)
        assert len(list(player.advance(1e9))) == 1
        assert player.damage == "the recording is damaged from here on"
        assert player.is_over
        with pytest.raises(ConfigurationError, match="is damaged"):
            read_session(recording)


def _header_line(path: Path) -> bytes:
    from sql.recording.reader import _first_line

    descriptor = os.open(path, os.O_RDONLY)
    try:
        line = _first_line(descriptor)
    finally:
        os.close(descriptor)
    assert line is not None
    return line


def test_entries_of_a_later_pgdeck_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, [Published(CLOCK + 1, samples.POOL)], ending="")
    lines = [
        _header_line(path),
        b'["z",12346,{"invented":"later"}]',
        b'["m",12346.5,{"kind":"Invented","x":1}]',
        b'["e",12347,"InventedSnapshot",{"~":"sql.invented.InventedSnapshot","x":1}]',
        b'["s",12348,"InventedSnapshot",1]',
        b'["p",12349,true]',
        b"",
    ]
    path.write_bytes(gzip.compress(b"\n".join(lines)))
    with Recording(path) as recording:
        player = Player(recording)
        assert len(list(player.advance(1e9))) == 1
        assert player.state.paused
        assert not player.damage


@pytest.mark.parametrize(
    "content",
    {
        "empty": b"",
        "text": b"hello",
        "two bytes": b"\x1f\x8b",
        "damaged": b"\x1f\x8b\x08\x00garbage that is no deflate stream",
        "nothing packed": gzip.compress(b""),
        "packed text": gzip.compress(b"hello, world\n"),
        "another program": gzip.compress(b'{"another": "program"}\n'),
        "a list": gzip.compress(b"[1, 2]\n"),
        "null": gzip.compress(b"null\n"),
        "an endless line": gzip.compress(b"x" * 20_000_000),
        "no header": gzip.compress(json.dumps({MARK: 1}).encode() + b"\n"),
        "a type that is none of ours": gzip.compress(
            json.dumps({MARK: 1, "profile": "x", "manifest": {"~": "os.system"}}).encode() + b"\n"
        ),
    }.items(),
    ids=lambda named: named[0],
)
def test_what_is_no_recording_is_told_in_one_sentence(tmp_path: Path, content: tuple[str, bytes]) -> None:
    path = tmp_path / "foreign.pgdeck"
    path.write_bytes(content[1])
    assert "is no recording of pgdeck; name another" in sentence(path)


def test_a_recording_of_a_newer_pgdeck_says_so(tmp_path: Path) -> None:
    path = tmp_path / "newer.pgdeck"
    path.write_bytes(gzip.compress(json.dumps({MARK: 2, "anything": 1}).encode() + b"\n"))
    assert "was recorded by a newer pgdeck (format 2); update pgdeck" in sentence(path)


def test_a_recording_without_a_reading_says_so(tmp_path: Path) -> None:
    assert "holds no reading yet" in sentence(write(tmp_path, [], ending=""))


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "there is no such recording; see: pgdeck replay" in sentence(tmp_path / "nowhere.pgdeck")
    assert "is no file" in sentence(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "is no file" in sentence(tmp_path / "pipe")
    assert "no file can be named so" in sentence(Path("a\0b"))


def test_one_that_is_still_being_written_says_so(tmp_path: Path, live: Live) -> None:
    path = write(tmp_path, (each for s in range(3) for each in live.second(s)), ending="")
    descriptor = os.open(path, os.O_WRONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with Recording(path) as recording:
            assert recording.ended == GOING_ON
    finally:
        os.close(descriptor)


def test_parts_are_one_recording_as_far_as_none_is_missing(tmp_path: Path, live: Live) -> None:
    entries = [each for second in range(40) for each in live.second(second)]
    paths = write_parts(tmp_path, entries, len(entries) // 4 + 1)
    assert [part_of(paths[2], number) for number in (1, 2, 3, 4)] == paths
    with Recording(paths[0]) as whole:
        assert (whole.ended, whole.header.part) == ("closed", 1)
        assert whole.duration_s > 39
        assert list(whole.entries()) == [*entries_without_end(paths, entries)]
    with Recording(paths[2]) as half:
        assert (half.ended, half.header.part) == ("closed", 3)
        assert 18 < half.duration_s < 21
    paths[1].unlink()
    with Recording(paths[0]) as first:
        assert first.ended == "continued" and first.duration_s < 11


def entries_without_end(paths: list[Path], entries: list[Entry]) -> Iterator[Entry]:
    """What was written, with the last word of each part in its place."""
    each = len(entries) // len(paths) + 1
    for number, entry in enumerate(entries):
        if number and number % each == 0:
            yield Ended(entry.at, "continued")
        yield entry
    yield Ended(entries[-1].at, "closed")


def test_a_damaged_part_is_told(tmp_path: Path, live: Live) -> None:
    entries = [each for second in range(40) for each in live.second(second)]
    paths = write_parts(tmp_path, entries, len(entries) // 2 + 1)
    paths[1].write_bytes(b"nonsense" * 100)
    with pytest.raises(ConfigurationError, match="is damaged"):
        Recording(paths[0])
