"""Who comes late hears what was before, as long as that is kept."""

from __future__ import annotations

from sql.latency.messages import Attached
from sql.snapshots import Event, Lost
from tui.audience import Audience

LOST = Lost("gone", 1.0)
AGAIN = Lost("gone again", 2.0)
MESSAGE = Attached(1, "2026-01-01", 0)


def test_who_comes_late_hears_all_in_order() -> None:
    audience, heard = Audience(keeps=True), []
    events: list[Event] = []
    audience.take(LOST)
    audience.hear(MESSAGE, 1.5)
    audience.overhear(events.append)
    audience.listen(lambda message, at: heard.append((message, at)))
    audience.take(AGAIN)
    assert events == [LOST, AGAIN]
    assert heard == [(MESSAGE, 1.5)]


def test_nothing_is_kept_for_ever() -> None:
    audience = Audience(keeps=True)
    audience.take(LOST)
    audience.forget()
    audience.take(LOST)
    events: list[Event] = []
    audience.overhear(events.append)
    audience.take(AGAIN)
    assert events == [AGAIN]


def test_a_replay_keeps_nothing() -> None:
    audience = Audience()
    audience.take(LOST)
    events: list[Event] = []
    audience.overhear(events.append)
    assert events == []
