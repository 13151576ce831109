"""The journal: synced, append-only, and readable whatever happened to its last line."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from profiles.model import EnvironmentClass, Profile
from sql.snapshots import ServerIdentity
from sql.steps import journal as journal_module
from sql.steps.journal import Event, Journal, JournalEntry, Tail, read
from sql.steps.operator import Operator, acting
from sql.steps.scribe import Scribe, foreign_query
from tests.sql.steps import running

KEYS = [
    "event",
    "time",
    "run",
    "operator",
    "host",
    "profile",
    "environment",
    "server",
    "step",
    "sql",
    "hash",
    "pgdeck",
    "detail",
]
PROFILE = Profile("sales", EnvironmentClass.PRODUCTION, "m")
IDENTITY = ServerIdentity("18.6", 180006, "sales", "oncall", "db:5432", "42", False, False)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.jsonl")


def entry(run: str = "r", **values: object) -> JournalEntry:
    return JournalEntry(event=Event.STARTED, time=datetime.now(UTC), run=run, **values)  # type: ignore[arg-type]


def test_a_line_has_the_agreed_keys_and_comes_back_equal(journal: Journal) -> None:
    written = entry(sql="CREATE INDEX …", detail={"pid": 7})
    journal.append(written)
    (line,) = journal.path.read_text().splitlines()
    assert list(json.loads(line)) == KEYS
    (found,) = journal.read()
    assert found.detail == {"pid": 7} and found.sql == "CREATE INDEX …"
    assert abs(found.time - written.time) < timedelta(milliseconds=1)


def test_only_the_owner_may_read_it(journal: Journal) -> None:
    journal.append(entry())
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_it_is_on_disk_before_append_returns(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        synced.append(journal.path.read_bytes())

    monkeypatch.setattr(journal_module.os, "fsync", fsync)
    journal.append(entry("first"))
    assert b"first" in synced[0]


def test_a_torn_line_is_closed_and_skipped(journal: Journal) -> None:
    journal.append(entry("a"))
    with journal.path.open("ab") as file:
        file.write(entry("torn").as_line()[:20])
    journal.append(entry("b"))
    assert [found.run for found in journal.read()] == ["a", "b"]


def test_foreign_lines_are_skipped(journal: Journal) -> None:
    journal.append(entry("a"))
    with journal.path.open("ab") as file:
        file.write(b'\xff\xfe\n[1]\n{}\n{"event": "x", "time": "no time"}\n"text"\nnull\n' + b"[" * 100_000)
        file.write(b'\n{"event": "new", "time": "2030-01-01T00:00:00Z", "newer": 1, "detail": null}\n')
    assert [found.event for found in journal.read()] == ["started", "new"]


def test_no_file_is_no_entries(tmp_path: Path) -> None:
    assert list(read(tmp_path / "none.jsonl")) == []


def test_it_is_filtered_by_time_profile_and_run(journal: Journal) -> None:
    now = datetime.now(UTC)
    for run, profile, age in (("a", "x", 2), ("b", "y", 1), ("c", "x", 0)):
        journal.append(
            JournalEntry(event="started", time=now - timedelta(hours=age), run=run, profile=profile)
        )
    assert [found.run for found in journal.read(since=now - timedelta(minutes=90))] == ["b", "c"]
    assert [found.run for found in journal.read(profile="x")] == ["a", "c"]
    assert [found.run for found in journal.read(run="b")] == ["b"]


def _append_many(path: Path, name: str) -> None:
    for number in range(50):
        Journal(path).append(entry(f"{name}{number}", detail={"pad": "x" * 5000}))


def test_several_processes_write_whole_lines(journal: Journal) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(journal.path, name)) for name in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [each.run for each in journal.read()]
    assert len(found) == 150
    assert [run for run in found if run and run[0] == "b"] == [f"b{number}" for number in range(50)]


def test_a_tail_gives_each_line_once_and_waits_for_whole_ones(journal: Journal) -> None:
    journal.append(entry("a"))
    tail = Tail(journal.path)
    assert [found.run for found in tail.new()] == ["a"]
    line = entry("b").as_line()
    with journal.path.open("ab") as file:
        file.write(line[:10])
    assert tail.new() == []
    with journal.path.open("ab") as file:
        file.write(line[10:])
    assert [found.run for found in tail.new()] == ["b"]
    assert tail.new() == []


def test_a_scribe_fills_in_who_where_and_what(journal: Journal) -> None:
    operator = Operator("alice", "203.0.113.5", "bastion")
    scribe = Scribe(journal, PROFILE, "r", "abc", operator).on(IDENTITY)
    step = running.create()
    scribe.write(Event.CONFIRMED, step, {"typed": "sales"})
    (found,) = journal.read()
    assert (found.operator, found.host, found.profile, found.environment, found.hash, found.step) == (
        "alice from 203.0.113.5",
        "bastion",
        "sales",
        "production",
        "abc",
        "create-index:i",
    )
    assert found.sql == step.sql
    assert found.server is not None and found.server["system_identifier"] == "42"


def test_the_operator_is_who_logged_in() -> None:
    assert acting({"SSH_CONNECTION": "203.0.113.5 50000 10.0.0.1 22"}).client == "203.0.113.5"
    assert acting({"SUDO_USER": "alice-of-old"}).user.startswith("alice-of-old as ")
    assert acting({}).label == acting({}).user


@pytest.mark.hazard("SEC-04")
def test_queries_of_others_are_cut_and_secrets_left_out() -> None:
    assert len(foreign_query("SELECT " + "x" * 1000)) == 200
    assert "hunter2" not in foreign_query("ALTER ROLE bob PASSWORD 'hunter2'")
    assert foreign_query(None) == ""


async def test_a_journal_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        await asyncio.to_thread(Journal(tmp_path / "file" / "journal.jsonl").append, entry())


@pytest.mark.hazard("SEC-04")
@pytest.mark.parametrize(
    "query",
    [
        "CREATE SUBSCRIPTION s CONNECTION 'postgresql://repl:hunter2@db:5432/sales' PUBLICATION p",
        "SELECT * FROM dblink('postgres://:hun/ter2@db', 'SELECT 1') AS t (a int)",
        "SELECT pgp_sym_decrypt(card, 'hunter2') FROM cards",
        "SELECT crypt ('hunter2', hash) FROM accounts",
        "UPDATE accounts SET pwd = 'hunter2'",
        "SELECT http_header('Authorization', 'Bearer hunter2')",
        "COPY leads TO PROGRAM 'curl -u me:hunter2 https://example.com'",
        "SET app.passphrase = 'hunter2'",
        "UPDATE hosts SET private_key = 'hunter2'",
    ],
)
def test_a_secret_is_not_kept_whatever_it_is_called(query: str) -> None:
    assert foreign_query(query) == "(not kept: it may hold a secret)"


def test_what_only_looks_like_a_secret_is_kept() -> None:
    for query in ("SELECT 'http://db:80/x' FROM leads", "SELECT crypto FROM coins", "SELECT a::text, b @> c"):
        assert foreign_query(query) == query
