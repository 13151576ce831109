"""`pgdeck journal` from the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from profiles.locations import locations
from sql.steps.journal import Event, Journal, JournalEntry
from tui import cli
from tui.commands.journal import since
from tui.exit_codes import ExitCode

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SERVER = {"system_identifier": "7", "database": "sales", "address": "db:5432", "version": "18.6"}
SQL = "CREATE INDEX CONCURRENTLY i ON public.t (a)"
ENDED = {"outcome": "done", "sentence": "i is valid", "sqlstate": None, "left": ""}


def told(
    event: str,
    minute: int,
    detail: Mapping[str, Any] | None = None,
    *,
    run: str | None = "r1",
    profile: str = "sales",
    **more: Any,
) -> JournalEntry:
    known: dict[str, Any] = {"operator": "alice", "host": "bastion", "environment": "production"}
    known |= {"server": SERVER, "step": "create-index:i", "sql": SQL, "hash": "ab" * 32, "pgdeck": "0.1.0"}
    time = NOON + timedelta(minutes=minute)
    return JournalEntry(event, time, run, profile=profile, detail=detail or {}, **(known | more))


STORY = [
    told(Event.PREVIEWED, 0, {"table_bytes": 8192}, run=None),
    told(Event.CONFIRMED, 1),
    told(Event.STARTED, 2, {"pid": 4711}),
    told(Event.PROGRESS, 3, {"phase": "building index", "percent": 40.0, "elapsed_s": 61.0}),
    told(Event.BLOCKED, 4, {"sentence": "waits for pid 9 (bob)"}),
    told(Event.FINISHED, 5, ENDED),
    told(Event.VERIFIED, 6, {"reached": True, "sentence": "i is valid"}),
]


def write(*entries: JournalEntry) -> None:
    Journal(locations().journal).extend(entries)


def journal(*words: str) -> int:
    return cli.main(["journal", *words])


def test_an_empty_journal_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert journal() == ExitCode.OK
    assert capsys.readouterr() == ("The journal has nothing of that.\n", "")


def test_a_run_is_a_block_of_one_line_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    write(*STORY)
    assert journal() == ExitCode.OK
    previews, run = capsys.readouterr().out.rstrip().split("\n\n")
    assert previews.splitlines()[0] == "previewed  sales (production)  alice on bastion"
    assert run.splitlines() == [
        "r1  create-index:i  sales (production)  alice on bastion",
        f"  2026-11-22 12:01:00  confirmed  by alice on bastion, plan abababababab: {SQL}",
        "  2026-11-22 12:02:00  started    backend 4711 on sales at db:5432",
        "  2026-11-22 12:03:00  progress   building index, 40 %, after 1 min 01 s",
        "  2026-11-22 12:04:00  blocked    waits for pid 9 (bob)",
        "  2026-11-22 12:05:00  finished   done: i is valid",
        "  2026-11-22 12:06:00  verified   yes: i is valid",
    ]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (("--run", "r2"), ["r2"]),
        (("--profile", "leads"), ["r2"]),
        (("--since", "2026-11-22T12:30+00:00"), ["r2"]),
        (("--since", "2026-11-21"), ["r1", "r2"]),
        (("--since", "1s"), []),
        (("--run", "r1", "--profile", "leads"), []),
    ],
)
def test_it_tells_what_is_asked_for(
    words: tuple[str, ...], runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(told(Event.CONFIRMED, 0), told(Event.CONFIRMED, 60, run="r2", profile="leads"))
    assert journal(*words, "--report-format", "json") == ExitCode.OK
    entries = json.loads(capsys.readouterr().out)["entries"]
    assert [entry["run"] for entry in entries] == runs


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", NOON - timedelta(hours=2)),
        ("3d", NOON - timedelta(days=3)),
        ("90 m", NOON - timedelta(minutes=90)),
        ("1w", NOON - timedelta(weeks=1)),
        ("2026-11-22T18:00+01:00", datetime(2026, 11, 22, 17, tzinfo=UTC)),
        ("2026-11-22 18:00Z", datetime(2026, 11, 22, 18, tzinfo=UTC)),
        ("2026-11-22", datetime.fromisoformat("2026-11-22").astimezone()),
    ],
)
def test_when_is_a_moment_or_how_long_ago(text: str, moment: datetime) -> None:
    assert since(text, NOON) == moment


@pytest.mark.parametrize("text", ["yesterday", "2x", "", "999999w"])
def test_no_moment_is_2(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert journal("--since", text) == ExitCode.USAGE
    assert "is no moment: say 2h" in capsys.readouterr().err


def test_json_has_the_entries_as_they_were_written(capsys: pytest.CaptureFixture[str]) -> None:
    write(*STORY)
    assert journal("--report-format", "json") == ExitCode.OK
    value = json.loads(capsys.readouterr().out)
    lines = locations().journal.read_text().splitlines()
    assert (value["journal"], value["skipped"]) == (1, 0)
    assert value["entries"] == [json.loads(line) for line in lines]


def test_torn_and_foreign_lines_are_skipped_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    write(*STORY[:3])
    with locations().journal.open("a") as file:
        file.write('not json\n{"event": "finished"}\n{"event": "progre')
    assert journal() == ExitCode.OK
    text = capsys.readouterr().out
    assert "started    backend 4711" in text
    assert "3 lines are no entries (torn by a crash, or foreign) and not shown." in text


def test_an_event_of_a_newer_pgdeck_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    write(told("handed over", 0, {"to": "bob"}))
    assert journal() == ExitCode.OK
    assert "handed over  to bob" in capsys.readouterr().out


def test_a_journal_that_may_not_be_read_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    locations().journal.mkdir(parents=True)
    assert journal() == ExitCode.USAGE
    assert "journal.jsonl: cannot be read (Is a directory)" in capsys.readouterr().err


def test_what_is_written_cannot_break_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    write(told(Event.BLOCKED, 0, {"sentence": "pid 9\n\x1b[2J\u202e"}, run="r\n1", step="x\ny"))
    assert journal() == ExitCode.OK
    head, line = capsys.readouterr().out.splitlines()
    assert head.startswith(r"r\x0a1  x\x0ay  sales")
    assert line.endswith(r"pid 9\x0a\x1b[2J\u202e")


def note(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert journal("--report-format", "markdown", *words) == ExitCode.OK
    return capsys.readouterr().out


def test_the_hand_over_note_says_who_did_what_where_and_how_it_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(*STORY)
    text = note(capsys)
    assert "From 2026-11-22 12:00:00 to 2026-11-22 12:06:00 UTC." in text
    assert "**1 run: 1 done and verified, 0 not.**" in text
    row = "| 2026-11-22 12:02:00 | `sales` | create-index:i | alice on bastion | ✓ done | yes |"
    assert row in text
    assert "- server: sales at db:5432, PostgreSQL 18.6, system identifier 7" in text
    assert "- took 3 min 00 s" in text
    assert f"```sql\n{SQL}\n```" in text
    assert "Besides, 1 step was previewed; that changes nothing." in text
    assert "What is left to do" not in text


def test_the_note_names_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    left = "an invalid index i is left; drop-index:i mends it"
    write(*STORY[1:3], told(Event.FINISHED, 5, {**ENDED, "outcome": "failed", "left": left}))
    text = note(capsys)
    assert "0 done and verified, 1 not" in text
    assert f"## What is left to do\n\n- create-index:i on `sales`: {left}" in text
    assert "✗ failed | – |" in text


def test_a_run_of_another_host_that_never_ended_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    write(*STORY[1:4])
    assert "how it ended is not known; open the deck on `sales`" in note(capsys)


def test_a_run_is_told_whole_although_it_began_before(capsys: pytest.CaptureFixture[str]) -> None:
    write(*STORY)
    text = note(capsys, "--since", "2026-11-22T12:05:30Z")
    assert "| 2026-11-22 12:02:00 |" in text and "✓ done | yes" in text


def test_latency_before_and_after_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    measured = {
        "latency_before": {"lookup": {"p50_ms": 61.2, "p95_ms": 80.0}},
        "latency_after": {"lookup": {"p50_ms": 2.313, "p95_ms": 4.0}},
    }
    write(*STORY[1:-1], told(Event.VERIFIED, 6, {"reached": True, "sentence": "i is valid", **measured}))
    assert "- latency of `lookup` in ms: p50 61.2 → 2.31, p95 80.0 → 4.00" in note(capsys)
