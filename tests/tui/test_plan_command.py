"""`pgdeck plan` from the command line, against real servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from profiles.locations import locations
from sql.steps.journal import Event, Journal
from tests.servers import Database
from tests.sql.steps.running import transaction
from tests.sql.steps.schemas import PERFORMANCE
from tests.tui.test_verify import saved
from tui import cli
from tui.exit_codes import ExitCode

MANIFEST = """
title = "Two"

[[index]]
priority = "critical"
purpose = "Lists"
definition = "CREATE INDEX i ON t (a)"

[[constraint]]
table = "t"
name = "ck"
definition = "CHECK (b >= 0)"
"""
TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b int);
    INSERT INTO t SELECT i, i, i FROM generate_series(1, 99) i;
"""
IDS = ["create-index:i", "add-constraint:t.ck", "validate-constraint:t.ck"]


async def elsewhere(doing: Callable[[], int]) -> int:
    """The commands run a loop of their own, so a test with a loop calls them in a thread."""
    return await asyncio.to_thread(doing)


async def plan(*words: str, name: str = "here") -> int:
    return await elsewhere(lambda: cli.main(["plan", "-e", name, *words]))


async def planned(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert await plan(*words, "--report-format", "json") == ExitCode.OK
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


async def test_the_steps_with_their_previews(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(f"{TABLE} ANALYZE t")
    saved(newest, manifest=MANIFEST)
    assert await plan() == ExitCode.OK
    captured = capsys.readouterr()
    assert captured.err == ""
    text = captured.out
    assert text.startswith("Plan for here (staging): 3 steps\n")
    assert [line[2:] for line in text.splitlines() if line.startswith("○")] == IDS
    assert "  sql        CREATE INDEX CONCURRENTLY i ON public.t (a)\n" in text
    assert (
        "  blocks     nothing but DDL, VACUUM and other builds on this table (ShareUpdateExclusiveLock)"
        in text
    )
    assert "  table      8192 B, 99 rows" in text
    assert "  undo       DROP INDEX CONCURRENTLY public.i" in text
    assert "run one: pgdeck run -e here create-index:i" in text


async def test_json_is_the_design(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await database.execute(TABLE)
    saved(database, manifest=MANIFEST)
    value = await planned(capsys)
    assert (value["plan"], value["profile"], value["environment"]) == (1, "here", "staging")
    assert (value["direction"], len(value["hash"])) == ("fix", 64)
    assert value["server"]["database"] == database.name
    assert [step["id"] for step in value["steps"]] == IDS
    first = value["steps"][0]
    assert first["sql"] == "CREATE INDEX CONCURRENTLY i ON public.t (a)"
    assert first["timeouts"] == {"lock_timeout": "0", "statement_timeout": "0"}
    assert len(first["fingerprint"]) == 64
    assert first["preview"]["table_bytes"] == 8192
    assert first["preview"]["blockers"] == first["preview"]["cannot_see"] == []
    assert value["refused"] == value["unavailable"] == []


async def test_the_hash_holds_while_nothing_changes(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    first = await planned(capsys)
    await newest.execute("INSERT INTO t VALUES (1000, 1, 1); ANALYZE t")
    assert (await planned(capsys))["hash"] == first["hash"]
    await newest.execute("ALTER TABLE t RENAME TO old; CREATE TABLE t (LIKE old INCLUDING ALL)")
    assert (await planned(capsys))["hash"] != first["hash"]


async def test_it_is_journalled_one_line_a_step(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    value = await planned(capsys)
    entries = list(Journal(locations().journal).read())
    assert [(entry.event, entry.step, entry.hash) for entry in entries] == [
        (Event.PREVIEWED, step, value["hash"]) for step in IDS
    ]
    assert entries[0].detail["table_bytes"] == 8192
    assert entries[0].detail["fingerprint"] == value["steps"][0]["fingerprint"]


async def test_nothing_to_do_is_0_and_says_so(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a); ALTER TABLE t ADD CONSTRAINT ck CHECK (b >= 0)")
    saved(newest, manifest=MANIFEST)
    assert await plan() == ExitCode.OK
    text = capsys.readouterr().out
    assert "0 steps" in text and "Nothing to do: everything" in text
    assert not locations().journal.exists()
    rollback = await planned(capsys, "--rollback")
    assert rollback["direction"] == "rollback"
    assert [step["id"] for step in rollback["steps"]] == ["drop-constraint:t.ck", "drop-index:i"]


async def test_rows_in_the_way_refuse_a_step_with_the_select_that_lists_them(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} UPDATE t SET b = -1 WHERE id IN (7, 8)")
    saved(newest, manifest=MANIFEST)
    value = await planned(capsys)
    assert [step["id"] for step in value["steps"]] == IDS[:2]
    (refused,) = value["refused"]
    assert refused["target"] == "validate constraint t.ck"
    assert "2 rows break it (id=7, id=8)" in refused["reason"]
    assert refused["listing"] == "SELECT * FROM public.t WHERE (b >= 0) IS FALSE LIMIT 100"
    assert await plan("validate-constraint:t.ck") == ExitCode.OK
    text = capsys.readouterr().out
    assert "✗ validate-constraint:t.ck\n  refused    2 rows break it" in text
    assert "  list them  SELECT * FROM public.t" in text


async def test_who_is_in_the_way_now_is_named(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "UPDATE t SET b = 0 WHERE id = 1") as somebody:
        value = await planned(capsys, "create-index:i")
        (blocker,) = value["steps"][0]["preview"]["blockers"]
        assert (blocker["pid"], blocker["application"]) == (somebody.get_server_pid(), "somebody")
        assert await plan("create-index:i") == ExitCode.OK
        assert f"  in the way pid {somebody.get_server_pid()} (postgres, somebody" in capsys.readouterr().out


async def test_named_steps_alone_and_what_is_there_already(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a)")
    saved(newest, manifest=MANIFEST)
    assert await plan("create-index:i", "validate-constraint:t.ck") == ExitCode.OK
    text = capsys.readouterr().out
    assert "✓ create-index:i\n  there      i is valid" in text
    assert "✗ validate-constraint:t.ck\n  refused    add-constraint:t.ck comes first" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create-index:j",), "create-index:j: is no step of this database"),
        (("create-indx:i",), "did you mean create-index:i?"),
        (("create-index:i", "drop-constraint:t.ck2"), "drop-constraint:t.ck2: is no step"),
        (("--rollback", "create-index:i"), "create-index:i: is no step"),
    ],
)
async def test_no_such_step_is_2(
    newest: Database, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    assert await plan(*words) == ExitCode.USAGE
    assert said in capsys.readouterr().err


async def test_steps_of_both_directions_are_2(newest: Database, capsys: pytest.CaptureFixture[str]) -> None:
    await newest.execute(f"{TABLE} CREATE INDEX i ON t (a)")
    saved(newest, manifest=MANIFEST)
    assert await plan("drop-index:i", "add-constraint:t.ck") == ExitCode.USAGE
    assert "go both ways" in capsys.readouterr().err


def test_out_of_reach_is_3(capsys: pytest.CaptureFixture[str]) -> None:
    saved(None, manifest=MANIFEST)
    assert cli.main(["plan", "-e", "here"]) == ExitCode.UNKNOWN
    assert capsys.readouterr().err.startswith("pgdeck: ")


async def test_a_catalog_that_cannot_be_read_is_3(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(TABLE)
    saved(newest, manifest=MANIFEST)
    async with transaction(newest, "LOCK TABLE pg_constraint IN ACCESS EXCLUSIVE MODE"):
        assert await plan() == ExitCode.UNKNOWN
    assert "pgdeck: here: a lock was not free within the time limit" in capsys.readouterr().err


async def test_the_shipped_manifest_is_planned_whole(
    newest: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    await newest.execute(PERFORMANCE)
    saved(newest, manifest="")
    profile = locations().profiles / "here.toml"
    profile.write_text(profile.read_text().replace("./here-manifest.toml", "performance-indexes"))
    value = await planned(capsys)
    assert len(value["steps"]) == 19
    assert value["steps"][-1]["id"] == "set-migration:005_performance_indexes"
