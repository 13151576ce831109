"""What is waited for is said at once, or only where it takes long."""

from __future__ import annotations

from tests.waiting import until
from tui.waits import Waits

LONG_S = 3600.0


async def test_it_is_said_at_once_where_nothing_else_is_known() -> None:
    said: list[str] = []
    Waits(said.append).begin("a login")
    assert said == ["a login"]


async def test_what_takes_long_is_said() -> None:
    said: list[str] = []
    Waits(said.append).begin("a password", 0.001)
    assert said == []
    await until(lambda: said == ["a password"])


async def test_what_is_there_in_time_is_not_spoken_of() -> None:
    said: list[str] = []
    waits = Waits(said.append)
    waits.begin("a password", 0.001)
    waits.begin("a login", LONG_S)
    other = Waits(said.append)
    other.begin("something else", 0.002)
    await until(lambda: said)
    waits.end()
    assert said == ["something else"]
