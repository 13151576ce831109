"""The tour on a real server, by keyboard at 80x24: a missed latency is mended by a step, and taken back."""

from __future__ import annotations

from pathlib import Path

from profiles.locations import locations
from sql.steps.journal import Journal
from tests.servers import Database
from tests.tui.deck import Driver
from tests.tui.live import live
from tests.waiting import until
from tui.screens.confirm_step import ConfirmStepScreen
from tui.screens.preview import PreviewScreen
from tui.screens.run import RunScreen

NAME = "idx_leads_rank"
SCHEMA = """
    CREATE FUNCTION rank(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql COST 100000
        AS 'BEGIN PERFORM pg_sleep(0.001); RETURN $1; END';
    CREATE TABLE leads (id int PRIMARY KEY, score int);
    INSERT INTO leads SELECT n, n FROM generate_series(1, 150) n;
    INSERT INTO leads SELECT n, -n FROM generate_series(151, 160) n;
    ANALYZE leads;
"""
"""Without its index the probe asks rank() of every row: 0.15 s by its nature, not by the machine."""
MANIFEST = f"""
title = "Ranked"
[[index]]
priority = "critical"
definition = "CREATE INDEX {NAME} ON leads (rank(score))"
[[constraint]]
table = "leads"
name = "ck_id"
definition = "CHECK (id > 0)"
[[probe]]
name = "by_rank"
sql = "SELECT * FROM leads WHERE rank(score) = 7"
index = "{NAME}"
target = {{ p50_ms = 120 }}
"""
SLOW_S = 90.0


def write(database: Database) -> str:
    """A production profile of the database, and its manifest."""
    places = locations()
    for folder in (places.profiles, places.manifests):
        folder.mkdir(parents=True, exist_ok=True)
    (places.manifests / "ranked.toml").write_text(MANIFEST)
    parameters = "\n".join(f'{key} = "{value}"' for key, value in database.parameters().items())
    (places.profiles / "ranked.toml").write_text(
        f'environment = "production"\nmanifest = "ranked"\n[connection]\n{parameters}\n'
    )
    return "ranked"


def keep(driver: Driver, name: str) -> None:
    """Record what stands on the screen."""
    folder = Path(locations().state)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text("\n".join(driver.screen_text()))


async def confirm(driver: Driver, key: str, name: str) -> RunScreen:
    """From the selected row to the run: preview, question, the object's name."""
    await driver.press(key)
    screen = driver.app.screen
    assert isinstance(screen, PreviewScreen)
    await until(lambda: screen.looked is not None, SLOW_S)
    await driver.pilot.pause()
    assert driver.shows("may run")
    keep(driver, f"preview-{key}")
    await driver.press("c")
    question = driver.app.screen
    assert isinstance(question, ConfirmStepScreen)
    await until(lambda: question.listening)
    await driver.type(name)
    keep(driver, f"confirm-{key}")
    await driver.press("enter")
    await until(lambda: isinstance(driver.app.screen, RunScreen), SLOW_S)
    run = driver.app.screen
    assert isinstance(run, RunScreen)
    await until(lambda: run.over, SLOW_S)
    await driver.pilot.pause()
    keep(driver, f"run-{key}")
    return run


async def test_the_tour(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write(newest), (80, 24)) as driver:
        await until(lambda: driver.shows(f"✗ missing {NAME}"), SLOW_S)
        await driver.press("4")
        await until(lambda: driver.shows("✗ missed"), SLOW_S)
        await driver.press("1")

        run = await confirm(driver, "b", NAME)
        assert driver.shows("✓ done")
        assert driver.shows(f"✓ {NAME} is valid")
        text = " ".join("".join(text for text, _ in each) for each in run.lines(80))
        assert "the plans of its probes use the index" in text
        assert "times faster" in text
        await until(lambda: run.next_step, SLOW_S)
        assert run.next_step == "nothing is left to do for it"
        await driver.press("escape")
        await until(lambda: driver.shows(f"✓ present {NAME}"), SLOW_S)
        await driver.press("4")
        await until(lambda: driver.shows("✓ met"), SLOW_S)
        keep(driver, "met")

        await driver.press("1")
        await confirm(driver, "r", NAME)
        assert driver.shows("✓ done")
        assert driver.shows(f"✓ {NAME} is gone")
        await driver.press("escape")
        await until(lambda: driver.shows(f"✗ missing {NAME}"), SLOW_S)

    told = [(entry.event, entry.step) for entry in Journal(locations().journal).read() if entry.run]
    for verb in ("create-index", "drop-index"):
        events = [event for event, step in told if step == f"{verb}:{NAME}" and event != "progress"]
        assert events == ["confirmed", "started", "finished", "verified"], events


async def test_steps_of_a_chain_are_offered_one_after_another(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write(newest), (80, 24)) as driver:
        await driver.press("2")
        await until(lambda: driver.shows("✗ missing ck_id") or driver.shows("missing"), SLOW_S)
        run = await confirm(driver, "b", "ck_id")
        await until(lambda: run.next_step, SLOW_S)
        assert run.next_step.startswith("validate-constraint:leads.ck_id: b shows its preview")
        await driver.press("b")
        await until(lambda: isinstance(driver.app.screen, PreviewScreen), SLOW_S)
        preview = driver.app.screen
        assert isinstance(preview, PreviewScreen)
        await until(lambda: preview.looked is not None, SLOW_S)
        await driver.pilot.pause()
        assert driver.shows("VALIDATE CONSTRAINT ck_id")
        assert [
            entry.step for entry in Journal(locations().journal).read() if entry.event == "confirmed"
        ] == ["add-constraint:leads.ck_id"], "each is confirmed by itself"


async def test_a_table_that_was_swapped_meanwhile_is_not_built_on(newest: Database) -> None:
    await newest.execute(SCHEMA)
    async with live(write(newest), (80, 24)) as driver:
        await until(lambda: driver.shows(f"✗ missing {NAME}"), SLOW_S)
        await driver.press("b")
        screen = driver.app.screen
        assert isinstance(screen, PreviewScreen)
        await until(lambda: screen.looked is not None, SLOW_S)
        await newest.execute("ALTER TABLE leads RENAME TO old; CREATE TABLE leads (LIKE old INCLUDING ALL)")
        await driver.press("c")
        question = driver.app.screen
        assert isinstance(question, ConfirmStepScreen)
        await until(lambda: question.listening)
        await driver.type(NAME)
        await driver.press("enter")
        await until(lambda: driver.shows("it is not what was confirmed; nothing was sent"), SLOW_S)
        assert driver.app.screen is screen
        assert not [entry for entry in Journal(locations().journal).read() if entry.event == "confirmed"]
