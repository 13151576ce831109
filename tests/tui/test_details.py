"""The details of a row: what it is, what it means, what to do; and copying from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.locations import locations
from sql.findings import IndexFinding, ProbeFinding
from sql.snapshots import Lost
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tui import clipboard
from tui.present.details import NOTHING_TO_DO, index_details, probe_details
from tui.screens.details import DetailsScreen


def words(driver: Driver) -> str:
    screen = driver.app.screen
    assert isinstance(screen, DetailsScreen)
    width = screen.scroller.size.width
    return "\n".join("".join(text for text, _ in each).rstrip() for each in screen.lines(width))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_a_missing_index_says_what_to_do_with_its_lock(size: tuple[int, int]) -> None:
    async with deck(size) as driver:
        await driver.press("enter")
        said = words(driver)
        for part in (
            "✗ missing  idx_leads_status_score",
            "Lead dashboard ranking",
            "declared in the manifest",
            "there is none",
            "create-index:idx_leads_status_score",
            "CREATE INDEX CONCURRENTLY idx_leads_status_score",
            "ShareUpdateExclusiveLock",
            "undo: DROP INDEX CONCURRENTLY",
        ):
            assert part in said, part
        assert all(len(each) <= size[0] for each in said.splitlines())


async def test_a_drifted_index_shows_both_definitions_and_the_difference() -> None:
    async with deck((120, 40)) as driver:
        await driver.press("down", "enter")
        said = words(driver)
        assert "≠ CREATE INDEX idx_comm_followup_history" in said
        assert "declared in the manifest" in said.split("actual on the server")[0]
        assert "16 MB" in said
        assert "12345 scans" in said


@pytest.mark.parametrize(
    ("finding", "said"),
    [(IndexFinding.UNVERIFIED, "it could not be read"), (IndexFinding.MISSING, "there is none")],
)
def test_what_could_not_be_read_is_not_called_absent(finding: IndexFinding, said: str) -> None:
    index = replace(samples.INDEXES.indexes[0], finding=finding, actual=None)
    lines = index_details(index, NOTHING_TO_DO, 78)
    text = ["".join(part for part, _ in each).strip() for each in lines]
    assert text[text.index("actual on the server") + 1] == said


async def test_everything_is_reached_at_80x24() -> None:
    async with deck((80, 24)) as driver:
        await driver.press("down", "enter")
        assert driver.shows("more below")
        await driver.press("end")
        assert not driver.shows("more below")
        assert driver.shows("undo") or driver.shows("lock")
        await driver.press("home")
        assert driver.shows("✗ drifted  idx_comm_followup_history")


async def test_constraint_migration_pool_and_probe_have_details() -> None:
    async with deck((120, 60)) as driver:
        await driver.press("2", "enter")
        assert "id=17, id=21" in words(driver)
        await driver.press("escape", "end", "enter")
        assert "005_performance_indexes" in words(driver)
        await driver.press("escape", "3", "enter")
        said = " ".join(words(driver).split())
        assert "9 connections, budget 100" in said
        assert driver.shows(" esc back  ? help"), "the pool has no step and no SQL"
        assert "idle 11 on the server" in said
        assert "oldest transaction 3 s in this database" in said
        assert "waiting on locks 0 in this database" in said
        await driver.press("escape", "4", "enter")
        said = words(driver)
        assert "✗ missed" in said
        assert "✗ does not use idx_leads_status_score" in said
        assert driver.shows(" esc back  y copy  ? help"), "a probe has no step"
        assert "SELECT * FROM leads WHERE status = $1" in said


def test_a_probe_of_which_one_run_failed_is_not_said_to_be_unmeasured() -> None:
    cut_off = replace(
        samples.probe("lookup", ProbeFinding.FAILING), errors=1, detail="1 of 77 runs failed: 57014: canceled"
    )
    said = " ".join("".join(text for text, _ in each) for each in probe_details(cut_off, None, 120))
    assert "cannot be measured" not in said
    assert "At least one run within the window failed" in said
    assert "1 of 77 runs failed: 57014: canceled" in said


async def test_details_follow_the_readings() -> None:
    async with deck() as driver:
        await driver.press("enter")
        assert "✗ missing" in words(driver)
        built = samples.at(samples.INDEXES, samples.index("idx_leads_status_score"))
        await driver.publish(built)
        screen = driver.app.screen
        assert isinstance(screen, DetailsScreen)
        screen.follow()
        await driver.pilot.pause()
        assert driver.shows("✓ present  idx_leads_status_score")
        await driver.publish(samples.at(samples.INDEXES))
        screen.follow()
        await driver.pilot.pause()
        assert driver.shows("no longer among the readings")
        await driver.publish(Lost("gone", 5))
        screen.follow()
        await driver.pilot.pause()
        assert driver.shows("stale: the server is out of reach")


async def test_copying_writes_the_exact_sql_of_the_next_step_to_a_file() -> None:
    async with deck() as driver:
        await driver.press("y")
        path = locations().state / clipboard.FILE
        assert path.read_text() == (
            "CREATE INDEX CONCURRENTLY idx_leads_status_score ON public.leads (status, score DESC)\n"
        )
        assert path.stat().st_mode & 0o777 == 0o600
        assert driver.shows("copied as far as the terminal allows it; also in")


async def test_copying_from_the_details_and_without_sql() -> None:
    async with deck() as driver:
        await driver.press("4", "enter", "y")
        path = locations().state / clipboard.FILE
        assert path.read_text() == "SELECT * FROM leads WHERE status = $1\n"
        await driver.press("escape", "3", "y")
        assert driver.shows("! this row has no SQL of its own to copy")


async def test_copying_says_when_no_file_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    monkeypatch.setenv("PGDECK_HOME", str(blocker / "home"))
    async with deck() as driver:
        await driver.press("y")
        assert driver.shows("! copied as far as the terminal allows it; no file")


def test_osc_52_goes_through_tmux_and_screen() -> None:
    plain = "\x1b]52;c;U0VMRUNUIDE=\x07"
    assert clipboard.sequences("SELECT 1", {}) == plain
    in_tmux = clipboard.sequences("SELECT 1", {"TMUX": "/tmp/x,1,0"})
    assert in_tmux == plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    assert clipboard.sequences("SELECT 1", {"TERM": "screen-256color"}) == f"\x1bP{plain}\x1b\\"
    assert clipboard.sequences("x" * 100_000, {}) == ""


async def test_an_index_that_is_right_needs_nothing() -> None:
    good = replace(samples.index("idx_leads_status_score"), finding=IndexFinding.PRESENT)
    async with deck(events=[samples.at(samples.INDEXES, good)]) as driver:
        await driver.press("enter")
        said = words(driver)
        assert "nothing" in said.split("what to do")[1]
        assert "≠" not in said
