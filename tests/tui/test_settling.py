"""What can wait begins once: when all was read, when the server is lost, or after a while."""

from __future__ import annotations

import pytest

from sql.snapshots import Lost
from tests.tui import samples
from tests.waiting import until
from tui import settling
from tui.settling import Settling
from tui.watching import part_of

EVENTS = {part_of(event): event for event in samples.EVERYTHING}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame is drawn in no time, and nothing takes long."""
    monkeypatch.setattr(settling, "DRAWN_S", 0.0)
    monkeypatch.setattr(settling, "SETTLE_S", 3600.0)


class Waiting:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.settling = Settling(lambda: self.told.append("settled"), lambda: self.told.append("complete"))


async def test_it_settles_when_every_part_was_read() -> None:
    waiting = Waiting()
    waiting.settling.begin()
    waiting.settling.expect(["pool", "indexes"])
    waiting.settling.take(EVENTS["pool"])
    assert waiting.told == []
    waiting.settling.take(EVENTS["indexes"])
    await until(lambda: waiting.told == ["settled", "complete"])
    assert waiting.settling.settled.is_set()


async def test_a_lost_server_has_nothing_complete() -> None:
    waiting = Waiting()
    waiting.settling.begin()
    waiting.settling.expect(["pool"])
    waiting.settling.take(Lost("gone", 1.0))
    await until(lambda: waiting.told)
    assert waiting.told == ["settled"]
    waiting.settling.take(EVENTS["pool"])
    await until(lambda: len(waiting.told) == 2)
    assert waiting.told == ["settled", "complete"]


async def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "SETTLE_S", 0.0)
    waiting = Waiting()
    waiting.settling.begin()
    await until(lambda: waiting.told == ["settled"])


async def test_who_tells_before_it_is_known_what_there_is_settles_nothing() -> None:
    """A scout has read everything before the watch knows its readings."""
    waiting = Waiting()
    waiting.settling.begin()
    waiting.settling.take(EVENTS["pool"])
    waiting.settling.expect(["pool"])
    waiting.settling.take(EVENTS["pool"])
    await until(lambda: waiting.told == ["settled", "complete"])


async def test_once_it_has_ended_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "SETTLE_S", 0.0)
    ended, other = Waiting(), Waiting()
    ended.settling.begin()
    ended.settling.end()
    other.settling.begin()
    await until(lambda: other.told)
    assert ended.told == []
