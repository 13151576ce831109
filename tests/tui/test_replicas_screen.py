"""Replicas and slots on the screen; on a standby, the way to its primary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from profiles.locations import locations
from sql.replicas.values import Recovery, Replica, ReplicasReading, ReplicasSnapshot, Slot
from sql.snapshots import Unavailable
from tests.sql.standbys import caught_up, primary, standby_of
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tests.tui.live import SCHEMA, live, write_profile
from tests.waiting import until
from tui.present.replicas import replicas_view
from tui.present.view import Line
from tui.screens.replicas import ReplicasScreen

NEAR = Replica(
    "replica-1", "streaming", "replica-1", "10.0.0.2", sync_state="async", slot="r1", streams=True,
    replay_lag_s=0.0, replay_lag_bytes=0, write_lag_bytes=0, flush_lag_bytes=0,
)  # fmt: skip
FAR = replace(
    NEAR, name="10.0.0.3:5432", replay_lag_s=95.0, replay_lag_bytes=400 * 2**20, named=True, scans={7: 340}
)
GONE = Replica("10.0.0.4:5432", "out of reach", named=True, trouble="10.0.0.4:5432 did not answer")
HOSTILE = Replica("[/b]\x1b", "streaming", replay_lag_bytes=1)
SINCE = samples.NOW - timedelta(days=2)
IDLE = Slot("forgotten", "physical", False, 3 * 2**30, "extended", inactive_since=SINCE)
READING = ReplicasReading(False, (NEAR, FAR, GONE, HOSTILE), (IDLE,), user="oncall")
SNAPSHOT = ReplicasSnapshot(samples.NOW, READING)


def texts(lines: tuple[Line, ...]) -> list[str]:
    return ["".join(text for text, _ in spans) for spans in lines]


async def opened(driver: Driver) -> ReplicasScreen:
    await driver.press("n")
    screen = driver.app.screen
    assert isinstance(screen, ReplicasScreen)
    screen.follow()
    await driver.pilot.pause()
    return screen


def test_what_is_wrong_is_said_first_and_the_rows_have_the_figures() -> None:
    view = replicas_view(READING, {7: "idx_leads_status"})
    assert texts((view.summary,)) == ["this is the primary · 4 replicas · 1 slot"]
    assert texts(view.head) == [
        "! replica 10.0.0.3:5432 is 95 s (400 MB) behind",
        "! replica 10.0.0.4:5432: 10.0.0.4:5432 did not answer",
        f"! nobody reads slot forgotten since {SINCE:%Y-%m-%d %H:%M} UTC, which keeps 3072 MB of WAL",
    ]
    cells = {row.key: [text for text, _ in row.cells] for row in view.rows}
    assert cells["replica:replica-1"] == ["replica-1", "✓ streaming", "async", "0.0 s", "0 bytes", "r1"]
    assert cells["replica:10.0.0.3:5432"][3:5] == ["95 s", "400 MB"]
    assert cells["replica:10.0.0.4:5432"][1] == "✗ out of reach"
    assert cells["slot:forgotten"][1] == "! nobody reads"
    foot = texts(next(row for row in view.rows if row.key == "replica:10.0.0.3:5432").said())
    assert "scans there: idx_leads_status 340" in foot


def test_each_way_of_being_behind_is_in_the_foot() -> None:
    view = replicas_view(READING, {})
    foot = texts(next(row for row in view.rows if row.key == "replica:10.0.0.3:5432").said())
    assert "to write 0 bytes · to flush 0 bytes · to replay 400 MB (95 s)" in foot


def test_what_is_hidden_comes_with_its_grant() -> None:
    hidden = ReplicasReading(False, (Replica("r", "hidden"),), hidden=True, user="oncall")
    view = replicas_view(hidden, {})
    assert "GRANT pg_monitor TO oncall" in texts(view.head)[0]
    assert [text for text, _ in view.rows[0].cells][1:5] == ["? hidden", "–", "–", "–"]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (
            Recovery("streaming", False, 0.0, 0, 500.0, "10.0.0.1:5432"),
            "it streams from 10.0.0.1:5432; it has replayed all that arrived",
        ),
        (
            Recovery("streaming", True, 12.0, 2**20, 12.0),
            "it streams; it is 12 s behind (1024 kB to replay); replay is PAUSED",
        ),
        (
            Recovery("", False, None, 0, 90.0),
            "it receives no WAL; how far it is behind cannot be told here",
        ),
        (
            Recovery("streaming", False, 3600.0, 2**20, 3600.0, apply_delay="1h"),
            "it streams; it is 60 min behind (1024 kB to replay); recovery_min_apply_delay = 1h",
        ),
    ],
)
def test_a_standby_says_how_it_stands(own: Recovery, words: str) -> None:
    view = replicas_view(ReplicasReading(True, recovery=own), {}, "its primary is db:5432")
    assert texts(view.head)[:2] == [words, "its primary is db:5432"]
    assert "this is a standby" in texts((view.summary,))[0]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_list_opens_filters_and_copies(size: tuple[int, int]) -> None:
    async with deck(size=size, events=(*samples.EVERYTHING, SNAPSHOT)) as driver:
        screen = await opened(driver)
        assert driver.shows("✓ streaming") and driver.shows("✗ out of reach")
        assert not driver.shows("\x1b")
        assert driver.shows("[/b]")
        copied: list[str] = []
        driver.app.copy = copied.append  # type: ignore[method-assign]
        await driver.press("home", "down", "y")
        assert copied == ["10.0.0.3:5432: streaming, async, 95 s (400 MB) behind, r1"]
        await driver.press("o")
        assert driver.shows("this server is the primary")
        await driver.press("slash", "g", "o", "n", "e", "enter")
        assert len(screen.pane.rows) == 0 or driver.shows("no row")
        await driver.press("escape", "escape")
        assert driver.app.screen is driver.deck


async def test_what_cannot_be_read_is_said() -> None:
    why = Unavailable("replicas", "permission denied", "GRANT pg_monitor", samples.NOW)
    async with deck(events=(*samples.EVERYTHING, why)) as driver:
        await opened(driver)
        assert driver.shows("permission denied; to mend it: GRANT pg_monitor")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_standby_that_is_behind_says_so_on_the_deck(size: tuple[int, int]) -> None:
    server = replace(samples.SERVER.server, in_recovery=True)
    behind = Recovery("streaming", False, 300.0, 2**20, 300.0)
    async with deck(size=size) as driver:
        await driver.publish(replace(samples.SERVER, server=server, recovery=behind))
        assert driver.shows("! standby, 5 min behind")
        await driver.publish(replace(samples.SERVER, server=server))
        assert driver.shows("· standby ·")


async def test_it_is_no_part_of_the_verdict() -> None:
    async with deck(events=samples.EVERYTHING) as driver:
        before = driver.deck.readings.judged()
        await driver.publish(SNAPSHOT)
        assert driver.deck.readings.judged() == before


async def test_a_real_replica_is_on_the_screen_and_its_scans_in_the_details() -> None:
    with primary(18) as first, standby_of(first) as second:
        await first.execute(SCHEMA)
        await caught_up(first, second)
        name = write_profile(first)
        path = locations().profiles / f"{name}.toml"
        socket = second.cluster.socket
        path.write_text(path.read_text() + f'[[replica]]\nhost = "{socket}"\nport = {second.cluster.port}\n')
        copy = await second.connect()
        await copy.execute("SET enable_seqscan = off; SELECT * FROM leads WHERE status = 'new'")
        await copy.close()
        async with live(name) as driver:
            await until(lambda: driver.shows("1 of 1 present"))
            await driver.press("n")
            await until(lambda: driver.shows("✓ streaming"))
            await until(lambda: driver.shows("scans there: idx_leads_status "))
            await driver.press("escape", "1", "enter")
            await until(lambda: driver.shows("on replicas"))


async def test_a_standby_offers_its_primary_and_opens_it() -> None:
    with primary(18) as first, standby_of(first) as second:
        await first.execute(SCHEMA)
        await caught_up(first, second)
        name = write_profile(second)
        path = locations().profiles / f"{name}.toml"
        text = path.read_text()
        # Both servers in [connection], the standby first.
        hosts = f"{second.cluster.socket},{first.cluster.socket}"
        path.write_text(text.replace(f'"{second.cluster.socket}"', f'"{hosts}"'))
        async with live(name) as driver:
            await until(lambda: driver.shows("standby"))
            await driver.press("n")
            await until(lambda: driver.shows("o opens the deck on its primary, "))
            assert driver.shows("this is a standby")
            await driver.press("o")
            await until(lambda: driver.shows("· primary ·") and driver.shows("ENTERPRISE READY"))
            assert driver.app.failed == []
            assert driver.deck.profile.name == name
