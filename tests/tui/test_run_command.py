"""`pgdeck run` from the command line, with detached runners on real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from profiles import store
from profiles.locations import locations
from profiles.model import Credentials, CredentialSource, EnvironmentClass, Guard
from sql.steps import claim
from sql.steps.journal import Event, Journal, JournalEntry
from tests.servers import Database
from tests.sql.steps.running import flags, transaction
from tests.tui.terminal import Terminal
from tests.tui.test_plan_command import IDS, MANIFEST, TABLE, elsewhere, planned
from tests.tui.test_verify import saved
from tests.waiting import until
from tui import cli
from tui.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
USABLE = (True, True, True)


async def run(*words: str, name: str = "here") -> int:
    return await elsewhere(lambda: cli.main(["run", "-e", name, *words]))


def entries(event: Event | None = None) -> list[JournalEntry]:
    return [entry for entry in Journal(locations().journal).read() if event in (None, entry.event)]


async def ask(database: Database, sql: str) -> object:
    connection = await database.connect()
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def started(newest: Database, *words: str) -> asyncio.subprocess.Process:
    """The command in a process of its own, without a terminal."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tui.cli", "run", "-e", "here", *words,
        cwd=ROOT, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


def reached(phase: str) -> bool:
    return any(str(entry.detail.get("phase")).startswith(phase) for entry in entries(Event.PROGRESS))


def over(run_id: str) -> bool:
    return not claim.claimed(run_id)


async def test_without_a_step_it_says_which_there_are(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a)")
    saved(newest, manifest=MANIFEST)
    assert await run() == ExitCode.OK
    text = capsys.readouterr().out
    assert "Steps for here (staging): 2 steps\n  add-constraint:t.ck\n" in text
    assert (
        "Steps back for here (staging): 1 step\n  drop-index:i\n      DROP INDEX CONCURRENTLY public.i"
        in text
    )
    assert not locations().journal.exists()


async def test_a_missing_index_is_built_and_proven(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await database.execute(TABLE)
    saved(database, manifest=MANIFEST)
    assert await run("create-index:i", "--yes") == ExitCode.OK
    captured = capsys.readouterr()
    assert captured.out.startswith("✓ create-index:i: done in ")
    assert "verified: i is valid, its definition as wanted" in captured.out
    assert captured.out.count("\n") == 1
    assert await flags(database) == USABLE
    told = [entry.event for entry in entries() if entry.event != Event.PROGRESS]
    assert told == [Event.PREVIEWED, Event.CONFIRMED, Event.STARTED, Event.FINISHED, Event.VERIFIED]
    hashes = {entry.hash for entry in entries()}
    assert len(hashes) == 1 and None not in hashes


async def test_again_it_is_there_already_and_0(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a)")
    saved(newest, manifest=MANIFEST)
    assert await run("create-index:i") == ExitCode.OK
    assert capsys.readouterr().out.startswith("✓ create-index:i: there already: i is valid")
    assert not entries(Event.CONFIRMED)


async def test_the_question_says_again_for_how_many_it_would_wait(
    newest: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    monkeypatch.setattr("tui.consent.can_ask", lambda: True)
    monkeypatch.setattr("tui.consent.ask_awake", lambda question: "n")
    async with transaction(newest, "UPDATE t SET b = 1"):
        assert await run("create-index:i") == ExitCode.REFUSED
    last = capsys.readouterr().err.splitlines()[-2]
    assert "create-index:i: it would wait now for 1 session: pid " in last
    assert await run("create-index:i") == ExitCode.REFUSED
    assert "it would wait" not in capsys.readouterr().err


async def test_add_and_validate_in_one_go_and_all_of_it_back(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await database.execute(TABLE)
    saved(database, manifest=MANIFEST)
    assert await run(*IDS, "--yes") == ExitCode.OK
    assert [line.split(": ")[0] for line in capsys.readouterr().out.splitlines()] == [
        f"✓ {step}" for step in IDS
    ]
    assert await ask(database, "SELECT convalidated FROM pg_constraint WHERE conname = 'ck'") is True
    assert await run("drop-constraint:t.ck", "drop-index:i", "--yes") == ExitCode.OK
    out = capsys.readouterr().out
    assert "✓ drop-constraint:t.ck: done" in out and "✓ drop-index:i: done" in out
    assert await flags(database) is None
    assert await ask(database, "SELECT count(*) FROM pg_constraint WHERE conname = 'ck'") == 0


async def test_a_dead_leftover_is_dropped_and_built_again(newest: Database) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a)")
    await newest.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass")
    saved(newest, manifest=MANIFEST)
    assert await run("create-index:i", "--yes") == ExitCode.REFUSED
    oid = await ask(newest, "SELECT 'i'::regclass::oid")
    assert await run("drop-index:i", "create-index:i", "--yes") == ExitCode.OK
    assert await flags(newest) == USABLE
    assert await ask(newest, "SELECT 'i'::regclass::oid") != oid


async def test_a_drifted_index_is_replaced_step_by_step(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (b)")
    saved(newest, manifest=MANIFEST)
    steps = ["create-index:i__pgdeck_new", "swap-index:i", "drop-index:i__pgdeck_old"]
    assert await run("swap-index:i", "--yes") == ExitCode.REFUSED
    assert "swap-index:i: refused: create-index:i__pgdeck_new comes first" in capsys.readouterr().err
    assert await run(steps[0], "--yes") == ExitCode.OK
    assert await run(*steps, "--yes") == ExitCode.OK
    out = capsys.readouterr().out
    assert "✓ create-index:i__pgdeck_new: there already" in out
    assert await ask(newest, "SELECT pg_get_indexdef('i'::regclass)") == (
        "CREATE INDEX i ON public.t USING btree (a)"
    )
    assert await ask(newest, "SELECT count(*) FROM pg_class WHERE relname LIKE 'i\\_\\_%'") == 0


async def test_rows_in_the_way_refuse_validation_and_nothing_is_sent(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} UPDATE t SET b = -1 WHERE id = 7")
    saved(newest, manifest=MANIFEST)
    assert await run("add-constraint:t.ck", "validate-constraint:t.ck", "--yes") == ExitCode.REFUSED
    error = capsys.readouterr().err
    assert "validate-constraint:t.ck: refused: 1 row breaks it (id=7)" in error
    assert "list them: SELECT * FROM public.t" in error
    assert not entries(Event.CONFIRMED)


async def test_a_step_that_fails_is_5_and_stops_the_rest(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int); INSERT INTO t VALUES (1, 'x', 1)"
    )
    saved(newest, manifest=MANIFEST.replace("(a)", "((a::int))"))
    assert await run("create-index:i", "add-constraint:t.ck", "--yes") == ExitCode.STEP_FAILED
    captured = capsys.readouterr()
    assert captured.out.startswith("✗ create-index:i: failed")
    assert "22P02" in captured.out
    assert "not run: add-constraint:t.ck" in captured.err
    assert await flags(newest) is None
    assert len(entries(Event.CONFIRMED)) == 1


@pytest.mark.parametrize(
    ("guard", "words", "said"),
    [
        (Guard.CONFIRM, ("--confirm", "there"), "--confirm names there"),
        (Guard.CONFIRM_NAME, ("--yes", "--confirm", "there"), "--confirm names there"),
        (Guard.FORBIDDEN, ("--yes", "--confirm", "here"), "forbidden"),
    ],
)
async def test_a_guard_refuses_before_the_server_is_asked(
    guard: Guard, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(None, manifest=MANIFEST, guard=guard)
    assert await run("create-index:i", *words) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""
    assert not locations().journal.exists()


@pytest.mark.parametrize(
    ("guard", "words", "said"),
    [(Guard.CONFIRM, (), "add --yes"), (Guard.CONFIRM_NAME, ("--yes",), "add --confirm here")],
)
async def test_nothing_is_run_without_the_word_that_the_guard_wants(
    newest: Database, guard: Guard, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST, guard=guard, guard_is_said=True)
    assert await run("create-index:i", *words) == ExitCode.REFUSED
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""
    assert not entries(Event.CONFIRMED)


async def test_production_wants_its_name(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    path = locations().profiles / "here.toml"
    path.write_text(path.read_text().replace('"staging"', '"production"'))
    assert store.load("here").environment is EnvironmentClass.PRODUCTION
    assert await run("create-index:i", "--yes") == ExitCode.REFUSED
    assert await run("create-index:i", "--confirm", "here") == ExitCode.OK
    assert await flags(newest) == USABLE


async def test_the_hash_that_was_reviewed_is_honoured(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    value = await planned(capsys)
    assert await run("create-index:i", "--yes", "--plan-hash", value["hash"]) == ExitCode.OK


async def test_a_table_that_was_swapped_since_is_named_and_4(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    value = await planned(capsys)
    await newest.execute("ALTER TABLE t RENAME TO old; CREATE TABLE t (LIKE old INCLUDING ALL)")
    assert await run("create-index:i", "--yes", "--plan-hash", value["hash"]) == ExitCode.REFUSED
    error = capsys.readouterr().err
    assert "create-index:i: another table bears the name public.t" in error
    assert not entries(Event.CONFIRMED)
    assert await flags(newest) is None


async def test_what_became_of_the_plan_is_said(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    value = await planned(capsys)
    await newest.execute("CREATE INDEX i ON t (a)")
    assert await run("add-constraint:t.ck", "--yes", "--plan-hash", value["hash"]) == ExitCode.REFUSED
    assert "create-index:i is no step any more" in capsys.readouterr().err
    assert await run("add-constraint:t.ck", "--yes", "--plan-hash", "0" * 64) == ExitCode.REFUSED
    assert "no plan of that hash was ever looked at from here" in capsys.readouterr().err


async def test_detached_it_ends_by_itself_and_the_journal_shows_it(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        assert await run("create-index:i", "--yes", "--detach") == ExitCode.OK
        out = capsys.readouterr().out
        assert out.startswith("… create-index:i: running as ")
        await somebody.execute("COMMIT")
    await until(lambda: entries(Event.VERIFIED))
    run_id = str(entries(Event.VERIFIED)[0].run)
    assert run_id in out
    assert cli.main(["journal", "--run", run_id]) == ExitCode.OK
    assert "verified   yes: i is valid" in capsys.readouterr().out
    await until(lambda: over(run_id))


async def test_detach_takes_one_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", "-e", "here", "--detach", "a:b", "c:d"]) == ExitCode.USAGE
    assert "--detach: takes one step" in capsys.readouterr().err


async def test_two_runs_at_once_take_turns(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        first = await started(newest, "--yes", "create-index:i")
        await until(lambda: reached("waiting for writers"))
        second = await started(newest, "--yes", "add-constraint:t.ck")
        await asyncio.wait_for(second.wait(), 60)
        assert second.returncode == ExitCode.REFUSED
        assert second.stderr is not None
        assert b"builds an index on public.t" in await second.stderr.read()
        await somebody.execute("COMMIT")
    await asyncio.wait_for(first.wait(), 60)
    assert first.returncode == ExitCode.OK
    assert await flags(newest) == USABLE


async def test_an_interrupt_without_a_terminal_cancels_and_cleans_up(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        process = await started(newest, "--yes", "create-index:i", "add-constraint:t.ck")
        await until(lambda: reached("waiting for writers"))
        assert await flags(newest) is not None
        process.send_signal(signal.SIGINT)
        # Dropping what is left waits for the same writer.
        await until(lambda: reached("cleaning up"))
        await somebody.execute("COMMIT")
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == ExitCode.INTERRUPTED
        assert await flags(newest) is None
    assert out.startswith("✗ create-index:i: cancelled".encode())
    assert b"cancelling, then cleaning up" in err
    assert b"not run: add-constraint:t.ck" in err
    assert [entry.detail["outcome"] for entry in entries(Event.FINISHED)] == ["cancelled"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_to_go_leaves_the_run_running(newest: Database, number: signal.Signals) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        process = await started(newest, "--yes", "create-index:i")
        await until(lambda: reached("waiting for writers"))
        process.send_signal(number)
        _, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == ExitCode.INTERRUPTED
        assert b"goes on without us as run " in err
        await somebody.execute("COMMIT")
    await until(lambda: entries(Event.VERIFIED))
    assert await flags(newest) == USABLE
    await until(lambda: over(str(entries(Event.VERIFIED)[0].run)))


def in_terminal(*words: str) -> Terminal:
    return Terminal(["-m", "tui.cli", "run", "-e", "here", *words], size=(100, 50))


async def test_on_a_terminal_it_shows_the_step_and_asks(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST, guard=Guard.CONFIRM_NAME, guard_is_said=True)

    def answered(answer: str) -> int:
        with in_terminal("create-index:i") as terminal:
            terminal.wait_for("Type the name of the profile to run:")
            terminal.wait_for("CREATE INDEX CONCURRENTLY i ON public.t (a)")
            terminal.type(answer)
            return terminal.end()

    assert await asyncio.to_thread(answered, "yes\n") == ExitCode.REFUSED
    assert await flags(newest) is None
    assert await asyncio.to_thread(answered, "\n") == ExitCode.REFUSED
    assert await asyncio.to_thread(answered, "here\n") == ExitCode.OK
    assert await flags(newest) == USABLE


async def test_ctrl_c_at_the_question_is_130_and_runs_nothing(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)

    def interrupted() -> int:
        with in_terminal("create-index:i") as terminal:
            terminal.wait_for("[y/N]")
            terminal.type("\x03")
            return terminal.end()

    assert await asyncio.to_thread(interrupted) == ExitCode.INTERRUPTED
    assert not entries(Event.CONFIRMED)


@pytest.mark.parametrize(
    ("answer", "left"), [("l\n", True), ("\x03", True), ("c\n", False), ("s\n", None), ("\n", None)]
)
async def test_ctrl_c_during_a_run_asks_and_each_answer_holds(
    newest: Database, answer: str, left: bool | None
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        with in_terminal("--yes", "create-index:i") as terminal:
            await asyncio.to_thread(terminal.wait_for, "blocked: waits for pid")
            terminal.type("\x03")
            await asyncio.to_thread(
                terminal.wait_for, "[s]tay, [l]eave it running, or [c]ancel it and clean up?"
            )
            terminal.type(answer)
            if left is False:
                await until(lambda: reached("cleaning up"))
            if left is not True:
                await somebody.execute("COMMIT")
            code = await asyncio.to_thread(terminal.end)
        await somebody.execute("COMMIT")
    assert code == (ExitCode.OK if left is None else ExitCode.INTERRUPTED)
    await until(lambda: entries(Event.VERIFIED))
    assert await flags(newest) == (None if left is False else USABLE)
    await until(lambda: over(str(entries(Event.VERIFIED)[0].run)))


async def test_a_terminal_that_is_closed_leaves_the_run_running(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        with in_terminal("--yes", "create-index:i") as terminal:
            await asyncio.to_thread(terminal.wait_for, "blocked: waits for pid")
            terminal.hang_up()
            await asyncio.to_thread(terminal.end)
        await somebody.execute("COMMIT")
    await until(lambda: entries(Event.VERIFIED))
    assert await flags(newest) == USABLE
    await until(lambda: over(str(entries(Event.VERIFIED)[0].run)))


async def test_a_runner_that_is_killed_is_replaced_and_the_run_proven(newest: Database) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        process = await started(newest, "--yes", "create-index:i")
        await until(lambda: reached("waiting for writers"))
        os.kill(int(entries(Event.STARTED)[0].detail["runner_pid"]), signal.SIGKILL)
        await until(lambda: entries(Event.ADOPTED))
        await somebody.execute("COMMIT")
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, await flags(newest)) == (ExitCode.OK, USABLE)
    assert out.startswith("✓ create-index:i: done".encode())


def test_out_of_reach_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    saved(None, manifest=MANIFEST)
    assert cli.main(["run", "-e", "here", "create-index:i", "--yes"]) == ExitCode.UNKNOWN
    assert capsys.readouterr().err.startswith("pgdeck: ")


async def test_a_journal_that_cannot_be_written_runs_nothing(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    locations().journal.mkdir()
    assert await run("create-index:i", "--yes") == ExitCode.USAGE
    assert "and nothing is run without it" in capsys.readouterr().err
    assert await flags(newest) is None


async def test_no_secret_reaches_the_journal_or_the_screen(
    newest: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    monkeypatch.setenv("SALES_PASSWORD", "hunter2-never")
    saved(newest, manifest=MANIFEST, credentials=Credentials(CredentialSource.ENVIRONMENT, "SALES_PASSWORD"))
    assert await run("create-index:i", "--yes") == ExitCode.OK
    assert cli.main(["journal", "--report-format", "json"]) == ExitCode.OK
    captured = capsys.readouterr()
    assert "hunter2-never" not in locations().journal.read_text() + captured.out + captured.err
