"""Behind the first picture the deck is drawn once, with its verdict, and never kept back for long."""

from __future__ import annotations

import pytest

from tests.tui import samples
from tests.tui.deck import StillApp
from tests.waiting import until
from tui import first_frame
from tui.messages import Arrived


def held() -> StillApp:
    """A deck that comes up behind the first picture."""
    app = StillApp(samples.PROFILE, samples.MANIFEST)
    app.has_picture = True
    return app


async def test_it_is_held_until_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_frame, "HELD_S", 3600.0)
    app = held()
    async with app.run_test(size=(120, 40)) as pilot:
        assert app.holds
        for event in samples.EVERYTHING:
            app.post_message(Arrived(event))
        await until(lambda: not app.holds)
        await pilot.pause()
        assert app.deck is not None
        assert app.deck.pane(1).size.width > 0
        assert "idx" in "\n".join(app.deck.pane(1).texts)


async def test_it_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_frame, "HELD_S", 0.01)
    app = held()
    async with app.run_test(size=(120, 40)):
        await until(lambda: not app.holds)
        assert not app._batch_count


async def test_without_a_picture_nothing_is_held() -> None:
    app = StillApp(samples.PROFILE, samples.MANIFEST)
    async with app.run_test(size=(120, 40)):
        assert not app.holds
        assert not app._batch_count
