"""The deck while its server has trouble: the dialog, the header and the preview say it, and it goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sql.latency import prober
from tests import servers
from tests.proxy import proxy
from tests.servers import Database, administer
from tests.sql.secured import TLS_MAJOR, Secured, secured
from tests.tui import samples
from tests.tui.deck import Driver, deck
from tests.tui.live import SCHEMA, live, write_profile
from tests.waiting import until
from tui.screens.password import PasswordScreen
from tui.screens.preview import PreviewScreen

END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%'"
COUNT = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'pgdeck%' ORDER BY 1"
USER = "changing"


async def ours(cluster: servers.Cluster) -> list[str]:
    """Our sessions there."""
    connection = await Database(cluster, 0, "postgres").connect()
    try:
        return [row[0] for row in await connection.fetch(COUNT)]
    finally:
        await connection.close()


async def test_news_of_the_server_stand_in_the_header_until_they_are_noted() -> None:
    async with deck() as driver:
        news = "it was promoted: a primary now, timeline 1 → 2"
        await driver.publish(replace(samples.SERVER, news=news))
        assert driver.shows(f"! {news}; g takes note of it")
        assert driver.shows("NOT READY")
        # The header cuts what is too long; the active pane has it all.
        elsewhere = f"{news}, at {'b' * 40}:5432, not {'a' * 40}:5432"
        await driver.publish(replace(samples.SERVER, news=elsewhere))
        assert driver.shows(f"{'a' * 40}:5432; g")
        await driver.publish(samples.SERVER)
        assert not driver.shows("promoted")


@pytest.fixture(scope="module")
def server() -> Iterator[Secured]:
    with secured() as made:
        yield made


async def prepared(server: Secured) -> Database:
    """A database that `changing` may read with the password `old`."""
    await administer(server.cluster, "DROP DATABASE IF EXISTS changing WITH (FORCE)")
    await administer(server.cluster, f"DROP ROLE IF EXISTS {USER}")
    await administer(server.cluster, "CREATE DATABASE changing")
    await administer(server.cluster, f"CREATE ROLE {USER} LOGIN PASSWORD 'old' IN ROLE pg_monitor")
    database = Database(server.cluster, TLS_MAJOR, "changing")
    await database.execute(f"{SCHEMA}; GRANT SELECT ON leads TO {USER}")
    return database


async def changed(server: Secured) -> None:
    """The password is `new` now, and whoever was in is out."""
    await administer(server.cluster, f"ALTER ROLE {USER} PASSWORD 'new'")
    await administer(server.cluster, END)


async def answer(driver: Driver, password: str) -> None:
    await until(lambda: isinstance(driver.app.screen, PasswordScreen))
    await driver.pilot.pause()
    await driver.type(password)
    await driver.press("enter")


async def test_a_changed_password_is_asked_for_and_measures_again(server: Secured) -> None:
    name = write_profile(await prepared(server), credentials='[credentials]\nsource = "prompt"\n', user=USER)
    async with live(name) as driver:
        await answer(driver, "old")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await changed(server)
        await until(lambda: isinstance(driver.app.screen, PasswordScreen))
        await until(lambda: driver.shows(f"the server refuses the password of {USER}"))
        await answer(driver, "new")
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await until(lambda: _both(server))


async def _both(server: Secured) -> bool:
    return [" ".join(each.split()[:2]) for each in await ours(server.cluster)] == [
        "pgdeck probe",
        "pgdeck watch",
    ]


async def test_a_password_that_its_source_has_renewed_is_fetched_without_a_word(
    server: Secured, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.write_text("old\n")
    source = f'[credentials]\nsource = "command"\ncommand = ["cat", "{kept}"]\n'
    name = write_profile(await prepared(server), credentials=source, user=USER)
    async with live(name) as driver:
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        kept.write_text("new\n")
        await changed(server)
        await until(lambda: driver.deck.readings.lost is not None)
        await until(lambda: driver.deck.readings.lost is None)
        await until(lambda: driver.shows("✓ ENTERPRISE READY"))
        await until(lambda: _both(server))
        assert not isinstance(driver.app.screen, PasswordScreen)


async def test_nothing_is_done_on_another_server_until_it_is_taken_for_the_right_one(
    newest: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prober, "PUBLISH_S", 0.1)
    other = servers.start(18)
    try:
        await newest.execute(SCHEMA)
        await administer(other, f'CREATE DATABASE "{newest.name}"')
        await Database(other, 18, newest.name).execute(SCHEMA)
        async with proxy(newest.cluster) as wire:
            absent = "CREATE INDEX idx_absent ON leads (score)"
            name = write_profile(newest, definition=absent, through=wire.port)
            async with live(name) as driver:
                await until(lambda: driver.shows("✗ missing idx_absent"))
                wire.lead_to(other)
                wire.cut()
                await until(lambda: driver.shows("ANOTHER SERVER answers at 127.0.0.1"))
                assert driver.shows("after g")
                await driver.press("b")
                await until(lambda: isinstance(driver.app.screen, PreviewScreen))
                await until(lambda: driver.shows("nothing is done there"))
                await driver.press("escape")
                # Neither the watch nor the prober nor the preview has left a session there.
                await until(lambda: _none(other))
                await driver.press("g")
                await until(lambda: driver.deck.readings.lost is None)
                await driver.press("b")
                await until(lambda: driver.shows("CREATE INDEX CONCURRENTLY"))
    finally:
        other.remove()
        other.folder.parent.rmdir()


async def _none(cluster: servers.Cluster) -> bool:
    return await ours(cluster) == []
