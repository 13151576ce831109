"""What is known of the server: what changed, what is stale, what the verdict is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sql.findings import Verdict
from sql.snapshots import Lost, Unavailable
from tests.tui import samples
from tui.watching import Readings

LATER = samples.NOW + timedelta(seconds=10)


def test_only_what_changed_is_named() -> None:
    readings = Readings(samples.MANIFEST)
    assert readings.apply(samples.INDEXES, samples.NOW) == {"indexes"}
    assert readings.apply(replace(samples.INDEXES, taken_at=LATER), LATER) == set()
    assert readings.known("indexes").taken_at == LATER
    assert readings.apply(samples.many(3), LATER) == {"indexes"}


def test_a_lost_server_makes_everything_stale_until_it_is_read_again() -> None:
    readings = Readings(samples.MANIFEST)
    readings.apply(samples.INDEXES, samples.NOW)
    assert "indexes" in readings.apply(Lost("cut", 2.0), LATER)
    assert readings.is_stale("indexes")
    assert readings.apply(Lost("cut", 4.0), LATER) == set()
    judgement = readings.judged()
    assert judgement is not None
    assert judgement.verdict is Verdict.UNKNOWN
    assert "indexes" in readings.apply(samples.POOL, LATER)
    assert not readings.is_stale("indexes")


def test_an_unreadable_part_keeps_its_last_reading_and_obscures_the_verdict() -> None:
    readings = Readings(samples.MANIFEST)
    for event in samples.EVERYTHING:
        readings.apply(event, samples.NOW)
    judgement = readings.judged()
    assert judgement is not None
    assert judgement.verdict is Verdict.NOT_READY
    gone = Unavailable("indexes", "permission denied")
    assert readings.apply(gone, LATER) == {"indexes"}
    assert readings.apply(gone, LATER) == set()
    assert readings.is_stale("indexes")
    assert readings.known("indexes").snapshot is samples.INDEXES
    assert readings.judged_parts().indexes is gone


def test_there_is_no_verdict_before_everything_was_read() -> None:
    readings = Readings(samples.MANIFEST)
    readings.apply(samples.POOL, samples.NOW)
    assert readings.judged() is None
    assert not readings.is_complete
    readings.apply(samples.INDEXES, samples.NOW)
    early = readings.judged()
    assert early is not None, "what is wrong is wrong already"
    assert early.verdict is Verdict.NOT_READY


def test_the_oldest_reading_counts() -> None:
    readings = Readings(samples.MANIFEST)
    assert readings.oldest() is None
    readings.apply(samples.INDEXES, samples.NOW)
    readings.apply(replace(samples.POOL, taken_at=LATER), LATER)
    assert readings.oldest() == samples.NOW
