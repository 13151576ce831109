"""A user is gone when its process is, however it ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sql.demo.leases import Lease, holders, locked

HOLD = """
import sys
from pathlib import Path
from sql.demo.leases import Lease
lease = Lease(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def holder(users: Path) -> subprocess.Popen[str]:
    """A process that holds a lease; it is held when this returns."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(users)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """The folder of the leases."""
    folder = tmp_path / "users"
    folder.mkdir()
    return folder


def test_a_lease_counts_until_it_is_released(users: Path) -> None:
    with Lease(users) as lease:
        assert holders(users) == [os.getpid()]
        lease.release()
        assert holders(users) == []
    assert list(users.iterdir()) == []


def test_a_killed_user_is_gone(users: Path) -> None:
    killed, living = holder(users), holder(users)
    assert holders(users) == sorted([killed.pid, living.pid])
    killed.kill()
    killed.wait()
    assert holders(users) == [living.pid]
    assert len(list(users.iterdir())) == 1
    living.communicate()
    assert holders(users) == []


def test_child_of_a_user_does_not_hold_its_lease(users: Path) -> None:
    with Lease(users):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert child.poll() is None
    assert holders(users) == []
    child.communicate()


def test_nothing_there_is_not_locked(tmp_path: Path) -> None:
    assert not locked(tmp_path / "nothing")
    assert holders(tmp_path / "nothing") == []
