"""Slow runs on the deck: said when they come, listed, explained, copied."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.locations import locations
from sql.latency.causes import judge
from sql.latency.evidence import Cause, Incident, IncidentsSnapshot
from sql.recording.values import pack, unpack
from tests.servers import Database
from tests.sql.holding import open_transaction
from tests.tui import incidents, samples
from tests.tui.deck import Driver, deck
from tests.tui.live import SCHEMA, live, write_profile
from tests.waiting import until
from tui.panes.announcing import EVERY
from tui.present.incidents import WORDS, incident_lines, incident_text, incidents_view, told
from tui.present.view import Tone, line_width
from tui.screens.incidents import EvidenceScreen, IncidentsScreen

SENTENCE = (
    "20:00:00 lead_dashboard 812 ms: waited about 780 ms for a relation lock on public.leads behind pid 4242,"
    " ALTER TABLE leads ADD COLUMN more int, application deploy, role migrator, which waits for pid 77,"
    " idle in transaction for 700 s after SELECT * FROM leads, application psql, role alice"
)


def snapshot(*found: Incident) -> IncidentsSnapshot:
    return IncidentsSnapshot(samples.NOW, found)


def test_one_sentence_says_who_what_and_how_long() -> None:
    assert incidents.LOCK.sentence == SENTENCE
    assert incidents.UNSEEN.sentence == (
        "19:59:20 churn_by_lead 3 slow runs in 20 s, the slowest 95 ms:"
        " nothing seen: the watching session could not look: the watch is paused"
    )


def test_every_cause_has_words() -> None:
    assert set(WORDS) == set(Cause)
    shortest = min(width for width in (len(each) for each in WORDS.values()))
    assert shortest > 2


def test_the_readme_names_every_cause_as_the_deck_does() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    table = [each.split("|")[1] for each in readme.splitlines() if each.startswith("| ")]
    named = {word.strip() for cell in table for word in cell.split(",")}
    assert set(WORDS.values()) <= named


@pytest.mark.parametrize("width", [62, 78, 118])
def test_the_evidence_fits_every_width(width: int) -> None:
    for each in (*incidents.SNAPSHOT.incidents, incidents.RUNNING):
        assert all(line_width(spans) <= width for spans in incident_lines(each, width))


def test_the_evidence_says_what_was_seen_and_what_was_not() -> None:
    text = " ".join(incident_text(incidents.LOCK).split())
    for part in (
        "Where the time went, as 12 looks tell, the first after 24 ms",
        "Lock/relation about 780 ms, 11 looks",
        "waits for AccessShareLock on relation public.leads",
        "pid 4242, ALTER TABLE leads ADD COLUMN more int, application deploy,"
        " role migrator: stands before it in the queue",
        "holds AccessShareLock; its transaction is 12 min old",
        "3 other backends, the longest for 7 s",
        "1 autovacuum worker, 1 index build, a checkpoint",
        "53 found in the cache, 0 read",
        "Limit > Index Scan using idx on leads",
    ):
        assert part in text, part
    blind = incident_text(incidents.UNSEEN)
    assert "What could not be seen" in blind
    assert "Where the time went" not in blind
    assert "3, 0 of them looked into" in blind


def test_how_many_of_a_long_queue_are_left_out_is_said() -> None:
    lock = incidents.LOCKED.lock
    assert lock is not None
    seen = replace(incidents.LOCKED, lock=replace(lock, left_out=37, direct_left_out=36))
    cause, reason = judge(seen, 812.0)
    crowded = replace(incidents.LOCK, cause=cause, reason=reason, evidence=seen)
    assert "role migrator and 36 more, which waits for pid 77" in crowded.sentence
    assert "12 min old · and 37 more" in " ".join(incident_text(crowded).split())
    assert unpack(json.loads(json.dumps(pack(crowded)))) == crowded


def test_it_is_told_once_while_it_runs_and_once_when_it_has_ended() -> None:
    running, ended = snapshot(incidents.RUNNING), snapshot(incidents.LOCK)
    assert told((), running.incidents) is incidents.RUNNING
    longer = replace(incidents.RUNNING, ms=600.0)
    assert told(running.incidents, (longer,)) is None
    assert told((longer,), ended.incidents) is incidents.LOCK
    again = replace(incidents.LOCK, count=2)
    assert told(ended.incidents, (again,)) is None
    assert told(ended.incidents, (incidents.UNSEEN, incidents.LOCK)) is incidents.UNSEEN


def test_a_run_that_has_not_ended_is_going_on() -> None:
    (row,) = incidents_view(snapshot(incidents.RUNNING)).rows
    assert row.cells[3] == ("going on", Tone.WARN)


def test_an_empty_list_says_so() -> None:
    said = "".join(text for spans in incidents_view(None).empty for text, _ in spans)
    assert said == "no run was slow since the watch began"


async def opened(driver: Driver) -> IncidentsScreen:
    await driver.press("i")
    screen = driver.app.screen
    assert isinstance(screen, IncidentsScreen)
    return screen


async def test_the_deck_says_it_before_anybody_asks() -> None:
    async with deck() as driver:
        await driver.publish(incidents.SNAPSHOT)
        assert driver.shows("i: 20:00:00 lead_dashboard 812 ms: waited about 780 ms for a relation lock")
        assert driver.shows("! 2 incidents, i")


async def test_incidents_say_nothing_of_the_watching_link() -> None:
    from sql.snapshots import Lost

    async with deck() as driver:
        await driver.publish(Lost("gone", 9.0), incidents.SNAPSHOT)
        assert driver.deck.readings.lost is not None


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_list_opens_and_shows_the_evidence(size: tuple[int, int]) -> None:
    async with deck(size=size, events=(*samples.EVERYTHING, incidents.SNAPSHOT)) as driver:
        screen = await opened(driver)
        assert screen.pane.row is not None
        assert driver.shows("2 incidents")
        assert driver.shows("812")
        assert driver.shows("nothing seen")
        await driver.press("enter")
        assert isinstance(driver.app.screen, EvidenceScreen)
        assert driver.shows("Where the time went")
        await driver.press("escape", "escape")
        assert driver.app.screen is driver.deck


async def test_the_evidence_follows_a_run_until_it_ends() -> None:
    async with deck(events=(*samples.EVERYTHING, snapshot(incidents.RUNNING))) as driver:
        await opened(driver)
        await driver.press("enter")
        assert driver.shows("lead_dashboard has run for 500 ms")
        await driver.publish(snapshot(incidents.LOCK))
        driver.app.follow_above()
        await driver.pilot.pause()
        assert driver.shows("lead_dashboard 812 ms")


async def test_it_is_copied_and_filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with deck(events=(*samples.EVERYTHING, incidents.SNAPSHOT)) as driver:
        copied: list[str] = []
        monkeypatch.setattr(driver.app, "copy", copied.append)
        screen = await opened(driver)
        await driver.press("y")
        await driver.pilot.pause()
        assert copied == [incident_text(incidents.LOCK)]
        await driver.press("slash")
        await driver.type("churn")
        await driver.press("enter")
        assert [row.key for row in screen.pane.rows] == [incidents.UNSEEN.key]
        await driver.press("enter", "y")
        await driver.pilot.pause()
        assert copied[-1] == incident_text(incidents.UNSEEN)


async def test_hostile_names_are_shown_as_they_are() -> None:
    found = [incidents.hostile(text) for text in samples.HOSTILE]
    for each in found:
        async with deck(size=(80, 24), events=(*samples.EVERYTHING, snapshot(each))) as driver:
            await opened(driver)
            await driver.press("enter")
            assert isinstance(driver.app.screen, EvidenceScreen)


async def test_the_real_deck_explains_a_lock_while_it_is_held(newest: Database) -> None:
    name = write_profile(newest)
    manifest = locations().manifests / f"{name}.toml"
    manifest.write_text(manifest.read_text().replace("SELECT 1", "SELECT count(*) FROM leads"))
    await newest.execute(SCHEMA)
    async with live(name) as driver:
        await until(lambda: driver.shows("1 of 1 met"))
        async with open_transaction(newest, "LOCK TABLE leads") as holder:
            pid = holder.get_server_pid()
            await until(
                lambda: driver.shows("i: ") and driver.shows("relation lock on public.leads held by pid")
            )
            await driver.press("i", "enter")
            await until(lambda: driver.shows(f"pid {pid}, idle in transaction"))
            assert driver.shows("has run for")
        # The evidence that is open says how it ended.
        await until(lambda: driver.shows("lead_dashboard") and not driver.shows("has run for"))


async def test_an_announcement_does_not_hide_what_a_key_said() -> None:
    async with deck(size=(120, 40)) as driver:
        await driver.press("3", "b")
        assert driver.shows("steps are for rows of Indexes and Constraints")
        await driver.publish(snapshot(incidents.LOCK))
        assert driver.shows("steps are for rows of Indexes and Constraints")


async def test_between_two_announcements_the_keys_are_in_sight() -> None:
    async with deck(size=(120, 40)) as driver:
        await driver.publish(snapshot(incidents.LOCK))
        assert driver.shows("i: 20:00:00 lead_dashboard")
        other = replace(incidents.LOCK, probe="churn_by_lead")
        await driver.publish(snapshot(other, incidents.LOCK))
        assert not driver.shows("i: 20:00:00 churn_by_lead")
        driver.app.now += EVERY
        await driver.publish(snapshot(replace(other, probe="late"), other, incidents.LOCK))
        assert driver.shows("i: 20:00:00 late")
