"""Old recordings make room; nothing else ever goes."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from sql.recording.folder import find, kept, new_file, part_of, prune
from sql.recording.reader import Recording
from tests.sql.recording.made import Live, write
from tests.tui import samples


def recordings(folder: Path, count: int) -> list[Path]:
    """So many, the oldest first."""
    made = []
    for number in range(count):
        path = write(folder, (each for s in range(3) for each in Live().second(s)))
        os.utime(path, (1000 + number, 1000 + number))
        made.append(path)
    return made


def test_files_and_folder_are_the_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "recordings"
    path, descriptor = new_file(folder, "sales", samples.NOW)
    os.close(descriptor)
    assert path.name == "sales-20261122-200000.pgdeck"
    modes = [each.stat().st_mode & 0o777 for each in (path, folder, folder.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_two_in_one_second_have_two_names(tmp_path: Path) -> None:
    first, second = (new_file(tmp_path, "sales", samples.NOW) for _ in range(2))
    assert [path.name for path, _ in (first, second)] == [
        "sales-20261122-200000.pgdeck",
        "sales-20261122-200000-2.pgdeck",
    ]
    assert len(kept(tmp_path)) == 2
    for _, descriptor in (first, second):
        os.close(descriptor)


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", ".hidden", "a b\nc", "", "x" * 300, "漢字"])
def test_no_name_of_a_profile_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    path, descriptor = new_file(tmp_path / "recordings", name, samples.NOW)
    os.close(descriptor)
    assert path.parent == tmp_path / "recordings"
    assert not path.name.startswith(".")
    assert kept(path.parent)[0].path == path


def test_the_oldest_go_until_the_rest_fits(tmp_path: Path) -> None:
    made = recordings(tmp_path, 5)
    size = made[0].stat().st_size
    assert prune(tmp_path, most_bytes=size * 3 + 100) == made[:2]
    assert [each.path for each in kept(tmp_path)] == list(reversed(made[2:]))
    assert prune(tmp_path, most_files=1) == made[2:4]
    assert prune(tmp_path) == []


def test_one_that_is_written_or_played_stays(tmp_path: Path) -> None:
    written, played, old = recordings(tmp_path, 3)
    descriptor = os.open(written, os.O_WRONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with Recording(played):
            assert prune(tmp_path, most_bytes=0) == [old]
    finally:
        os.close(descriptor)
    assert prune(tmp_path, most_bytes=0) == [written, played]


def test_what_is_no_recording_stays(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (mine,) = recordings(tmp_path / "there", 1)
    (kept_elsewhere,) = recordings(elsewhere, 1)
    foreign = mine.with_name("notes-20260101-000000.pgdeck")
    foreign.write_bytes(b"not what its name says")
    named_otherwise = mine.with_name("important.pgdeck")
    named_otherwise.write_bytes(mine.read_bytes())
    link = mine.with_name("link-20260101-000000.pgdeck")
    link.symlink_to(kept_elsewhere)
    folder = mine.with_name("folder-20260101-000000.pgdeck")
    folder.mkdir()
    assert prune(mine.parent, most_bytes=0, most_files=0) == [mine]
    assert foreign.exists() and named_otherwise.exists() and link.is_symlink() and folder.is_dir()
    assert kept_elsewhere.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_recording_of_somebody_else_stays(tmp_path: Path) -> None:
    (path,) = recordings(tmp_path, 1)
    os.chown(path, 65534, 65534)
    assert prune(tmp_path, most_bytes=0) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert kept(tmp_path / "nowhere") == []
    assert prune(tmp_path / "nowhere") == []


def test_a_recording_is_found_by_name_or_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = recordings(tmp_path / "recordings", 1)
    monkeypatch.chdir(tmp_path)
    for said in (path.name, path.stem, str(path), f"recordings/{path.name}"):
        assert find(said, path.parent).resolve() == path
    assert find("nobody", path.parent) == Path("nobody")


def test_a_session_is_found_by_its_name_also_where_its_first_part_is_gone(tmp_path: Path) -> None:
    (path,) = recordings(tmp_path, 1)
    for part in (2, 10, 3):
        part_of(path, part).write_bytes(path.read_bytes())
    assert find(path.stem, tmp_path) == path
    path.unlink()
    assert find(path.stem, tmp_path) == find(path.name, tmp_path) == part_of(path, 2)
    assert {each.path.name for each in kept(tmp_path)} == {part_of(path, n).name for n in (2, 3, 10)}
