"""What a watch hears and publishes is on disk within seconds, whatever becomes of the deck or the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import pytest

from profiles.model import Credentials, CredentialSource
from sql.latency.messages import Planned, Sample, Samples
from sql.latency.readings import ProbePlan
from sql.recording import folder as folder_module
from sql.recording import recorder as recorder_module
from sql.recording.entries import Heard, Ran
from sql.recording.folder import MOST_PARTS, find
from sql.recording.player import Player
from sql.recording.reader import Recording
from sql.recording.recorder import Recorder
from sql.recording.state import Shown
from sql.snapshots import Event, Lost, Unavailable
from sql.steps.runs import RunState, RunStatus
from tests.tui import samples

ROOT = Path(__file__).parents[3]
NEVER: Callable[[str], None] = lambda sentence: pytest.fail(sentence)  # noqa: E731


def wait_until(condition: Callable[[], object]) -> None:
    """Threads of their own are waited for without a loop."""
    deadline = perf_counter() + 20
    while not condition():
        assert perf_counter() < deadline
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    yield
    wait_until(lambda: all(each.name != "pgdeck recording" for each in threading.enumerate()))


def the_only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_all_that_is_told_is_there_in_its_order(folder: Path) -> None:
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER, pgdeck=lambda: "9.9")
    now = perf_counter()
    heard = [
        Planned(0, ProbePlan("Seq Scan", False, None)),
        Samples(
            0, 2, 2, (Sample(now, now + 0.1, now + 0.2), Sample(now, now, now + 1, "57014: too long", False))
        ),
    ]
    for message in heard:
        recorder.hear(message, now)
    published: list[Event] = [*samples.EVERYTHING[:-1], samples.POOL, Unavailable("pool", "no privilege")]
    for event in published:
        recorder.overhear(event)
    recorder.pause(True)
    recorder.end()
    with Recording(the_only(folder)) as recording:
        assert recording.ended == "closed"
        assert (recording.header.pgdeck, recording.header.server) == ("9.9", samples.SERVER.server)
        player = Player(recording)
        happened = list(player.advance(1e9))
    assert [each.message for each in happened if isinstance(each, Heard)] == heard
    assert [each.event for each in happened if isinstance(each, Shown)] == published
    assert player.state.paused


def test_a_reading_that_did_not_change_is_a_reference(folder: Path) -> None:
    def size(count: int) -> int:
        recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER)
        for _ in range(count):
            recorder.overhear(replace(samples.many(200), taken_at=datetime.now(UTC)))
        recorder.end()
        assert recorder.path is not None
        return recorder.path.stat().st_size

    assert size(300) < size(1) * 3


def test_a_watch_that_never_came_in_leaves_no_file(folder: Path) -> None:
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER)
    recorder.overhear(Lost("connection refused", 1.0))
    recorder.overhear(Unavailable("probes", "the server is out of reach"))
    recorder.end()
    assert not folder.exists()


def test_no_password_nor_where_it_comes_from_is_written(folder: Path) -> None:
    connection = {
        **samples.PROFILE.connection,
        "password": "hunter2",
        "sslpassword": "hunter3",
        "options": "-c x=hunter4",
    }
    credentials = Credentials(CredentialSource.COMMAND, command=("pass", "hunter5"))
    profile = replace(samples.PROFILE, connection=connection, credentials=credentials)
    recorder = Recorder(profile, samples.MANIFEST, folder, NEVER)
    recorder.overhear(samples.SERVER)
    recorder.end()
    done = subprocess.run(
        ["gzip", "-dc", the_only(folder)], stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert b"db.example.com" in done.stdout
    assert b"hunter" not in done.stdout


def test_runs_that_were_over_before_are_left_out(folder: Path) -> None:
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER)
    run = RunState("run-1", "p", "create-index:i", "CREATE …", "ann", "h", RunStatus.RUNNING, samples.NOW)
    old = replace(run, run="run-0", state=RunStatus.DONE, ended_at=datetime(2020, 1, 1, tzinfo=UTC))
    done = replace(run, state=RunStatus.DONE, ended_at=datetime.now(UTC))
    recorder.overhear(samples.SERVER)
    for states in ((old,), (old, run), (old, run), (old, done)):
        recorder.note_runs(states)
    recorder.end()
    with Recording(the_only(folder)) as recording:
        happened = list(Player(recording).advance(1e9))
    assert [each.run for each in happened if isinstance(each, Ran)] == [run, done]


def test_at_its_bound_it_goes_on_in_another_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_S", 0.01)
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER, most_bytes=2**18)
    recorder.start()
    recorder.overhear(samples.SERVER)
    run = RunState("run-1", "p", "create-index:i", "CREATE …", "ann", "h", RunStatus.RUNNING, samples.NOW)
    recorder.note_runs([run])
    recorder.hear(Planned(0, ProbePlan("Seq Scan", False, None)), perf_counter())
    recorder.pause(True)
    told = [f"{number} {os.urandom(3000).hex()}" for number in range(200)]
    for reason in told:
        recorder.overhear(Unavailable("pool", reason))
    wait_until(lambda: not recorder._waiting)
    recorder.end()
    names = sorted(each.name for each in folder.iterdir())
    assert len(names) == MOST_PARTS, "the oldest parts of the session made room"
    assert all(each.stat().st_size <= 2**18 for each in folder.iterdir())
    with Recording(find(names[0].partition(".")[0], folder)) as recording:
        assert recording.header.part > 1 and recording.ended == "closed"
        player = Player(recording)
        events = [each.event for each in player.advance(1e9) if isinstance(each, Shown)]
    said = [event.reason for event in events if isinstance(event, Unavailable)]
    # What was known when the oldest part began is said first; then all that came, once and in its order.
    assert said[1:] == told[told.index(said[0]) + 1 :] and len(said) > 50
    assert samples.SERVER in events
    assert player.state.runs == {"run-1": run} and player.state.paused
    assert player.look(None) is None
    assert player._records.snapshot(perf_counter()).probes[0].plan == ProbePlan("Seq Scan", False, None)


def test_what_says_too_much_to_be_said_again_does_not_go_on_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "FLUSH_S", 0.01)
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER, most_bytes=2**18)
    recorder.overhear(samples.SERVER)
    for number in range(100):
        recorder.overhear(Unavailable(f"part {number}", os.urandom(3000).hex()))
    recorder.end()
    assert len(list(folder.iterdir())) <= MOST_PARTS


def test_a_folder_that_takes_no_file_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "recordings").write_text("a file stands where the folder should be")
    said: list[str] = []
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, tmp_path / "recordings", said.append)
    for _ in range(3):
        recorder.overhear(samples.SERVER)
    recorder.start()
    wait_until(lambda: said)
    recorder.end()
    (sentence,) = said
    assert sentence.startswith("nothing is recorded any more: ")
    assert str(tmp_path / "recordings") in sentence
    assert sentence.endswith(": Not a directory")


FULL_DISK = """
import resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sql.recording import recorder as module
from tests.tui import samples
import os, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
module.FLUSH_S = 0.01
said = []
recorder = module.Recorder(samples.PROFILE, samples.MANIFEST, Path(sys.argv[1]), said.append)
recorder.start()
while not said:
    recorder.overhear(module.Unavailable("x", os.urandom(500).hex()))
    recorder.overhear(samples.SERVER)
    time.sleep(0.001)
recorder.overhear(samples.SERVER)
recorder.end()
print(said)
"""


def test_a_full_disk_ends_the_recording_and_nothing_else(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(folder), str(ROOT)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "nothing is recorded any more" in done.stdout
    assert "File too large" in done.stdout
    with Recording(the_only(folder)) as recording:
        assert recording.ended == ""
        assert recording.duration_s > 0


KILLED = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sql.recording import recorder as module
from tests.tui import samples
module.FLUSH_S = 0.2
recorder = module.Recorder(samples.PROFILE, samples.MANIFEST, Path(sys.argv[1]), print)
recorder.start()
while True:
    recorder.overhear(samples.SERVER)
    recorder.overhear(samples.POOL)
    time.sleep(0.05)
"""


def test_a_deck_that_is_killed_loses_seconds_at_most(folder: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(folder), str(ROOT)])
    try:
        wait_until(lambda: folder.exists() and any(each.stat().st_size > 3000 for each in folder.iterdir()))
        wait_until(lambda: _lasted(folder) > 1)
        killed_at = time.time()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with Recording(the_only(folder)) as recording:
        player = Player(recording)
        player.seek(1e9)
        assert recording.ended == ""
        assert killed_at - player.moment().timestamp() < 1.5


def _lasted(folder: Path) -> float:
    with Recording(the_only(folder)) as recording:
        return recording.duration_s


def test_a_disk_that_does_not_answer_ends_the_recording(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 50)
    said: list[str] = []
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, said.append)
    for _ in range(60):
        recorder.overhear(samples.POOL)
    assert said == ["nothing is recorded any more: the disk does not answer"]
    assert len(recorder._waiting) <= 51
    recorder.end()


def test_a_new_recording_makes_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module.prune, "__kwdefaults__", {"most_bytes": 2**30, "most_files": 2})
    for _ in range(5):
        recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, NEVER)
        recorder.overhear(samples.SERVER)
        recorder.end()
    assert len(list(folder.iterdir())) == 3


def test_a_value_that_nobody_thought_of_ends_the_recording_with_a_sentence(folder: Path) -> None:
    said: list[str] = []
    recorder = Recorder(samples.PROFILE, samples.MANIFEST, folder, said.append)
    recorder.overhear(samples.SERVER)
    recorder.overhear(Unavailable("x", "its moment has no zone", "", datetime(2026, 1, 1)))
    recorder.start()
    wait_until(lambda: said)
    recorder.end()
    assert said == ["nothing is recorded any more: pgdeck itself is at fault (TypeError); the watch goes on"]
