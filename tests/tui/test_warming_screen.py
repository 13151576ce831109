"""Warming up: what is said before, during and after; from the deck and headless, on a real server."""

from __future__ import annotations

import asyncio

import pytest

from profiles.locations import locations
from sql.latency.warming import WarmedProbe, WarmedRelation, WarmStep, WarmUp
from tests.servers import Database
from tests.tui import samples
from tests.tui.deck import deck
from tests.tui.live import SCHEMA, live, write_profile
from tests.waiting import until
from tui import cli
from tui.exit_codes import ExitCode
from tui.present.warming import done_lines, going_lines, offer_lines
from tui.screens.warming import WarmingScreen

DONE = WarmUp(
    (
        WarmedProbe("lead_dashboard", 20, 812.4, 1200.0, 20.5, 31.0),
        WarmedProbe("churn", 0, detail="42501: permission denied for table churn_events"),
    ),
    (
        WarmedRelation("public.leads", 2**31, detail="left out: it does not fit into half of shared_buffers"),
        WarmedRelation("public.idx_leads_status_score", 2**24, 0.4),
    ),
)


def text(lines: object) -> str:
    return "\n".join("".join(part for part, _ in spans) for spans in lines)  # type: ignore[attr-defined]


@pytest.mark.parametrize("width", [80, 120])
def test_cold_stands_beside_warm_and_every_reason_is_there(width: int) -> None:
    said = text(done_lines(DONE, width))
    assert "812.4" in said and "20.5" in said
    for reason in ("permission denied", "does not fit", "idx_leads_status_score, 16 MB in 0.4 s"):
        assert reason in said
    assert max(map(len, said.splitlines())) <= width


def test_a_probe_that_is_slower_warm_than_cold_has_a_word_on_it() -> None:
    slower = WarmedProbe("warm_already", 20, 1.2, 3.0, 1.5, 4.0)
    for width in (80, 120):
        said = " ".join(text(done_lines(WarmUp((slower,), ()), width)).split())
        assert "not faster warm: its data was in the cache already" in said
    assert "not faster" not in text(done_lines(DONE, 120))


def test_what_it_will_do_is_said_before() -> None:
    said = " ".join(text(offer_lines(samples.MANIFEST.probes, 80)).split())
    assert "c runs 2 probes" in said and "It reads only" in said
    assert "no probe" in text(offer_lines((), 80))


def test_progress_names_what_is_under_way() -> None:
    assert "3 of 8" in text(going_lines(WarmStep(3, 8, "churn, cold")))
    assert "churn, cold" in text(going_lines(WarmStep(3, 8, "churn, cold")))


async def test_it_does_not_begin_before_there_is_a_server() -> None:
    async with deck(size=(80, 24)) as driver:
        await driver.press("w", "c")
        assert isinstance(driver.app.screen, WarmingScreen)
        assert driver.shows("the server is not reached yet")
        await driver.press("escape")
        assert driver.app.screen is driver.deck


async def test_from_the_deck_cold_and_warm_are_shown_and_the_probes_go_on(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write_profile(newest), (80, 24)) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await driver.press("w", "c")
        await until(lambda: driver.shows("Cold against warm"))
        assert driver.shows("lead_dashboard") and driver.shows("CREATE EXTENSION pg_prewarm")
        await driver.press("escape")
        seen = driver.deck.readings.known("probes").taken_at
        await until(lambda: driver.deck.readings.known("probes").taken_at != seen)


async def test_leaving_ends_what_is_under_way(newest: Database) -> None:
    await newest.execute(SCHEMA + "CREATE EXTENSION pg_prewarm")
    async with live(write_profile(newest)) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await driver.press("w", "c")
        await until(lambda: driver.shows("Warming up") or driver.shows("Cold against warm"))
        await driver.press("escape")
        seen = driver.deck.readings.known("probes").taken_at
        await until(lambda: driver.deck.readings.known("probes").taken_at != seen)
        await until(lambda: not any(each.group == "warm" and each.is_running for each in driver.app.workers))


async def test_headless_it_shows_the_same(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(SCHEMA)
    name = write_profile(newest)
    assert await asyncio.to_thread(cli.main, ["warm", "-e", name]) == ExitCode.OK
    captured = capsys.readouterr()
    assert "Cold against warm" in captured.out and "lead_dashboard" in captured.out
    assert captured.err == ""


async def test_headless_without_a_probe_is_an_error_that_names_the_manifest(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(SCHEMA)
    name = write_profile(newest)
    manifest = locations().manifests / f"{name}.toml"
    manifest.write_text(manifest.read_text().partition("[[probe]]")[0])
    assert await asyncio.to_thread(cli.main, ["warm", "-e", name]) == ExitCode.USAGE
    assert f"{name}.toml" in capsys.readouterr().err
