"""pgbench's writers on a table, all the time: how many writes they did, and how long each took."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sql.demo.cluster import SUPERUSER, embedded_binaries
from tests.servers import Database

CLIENTS = 4
TABLES = """
    CREATE TABLE t (id bigserial PRIMARY KEY, a int NOT NULL, n int NOT NULL DEFAULT 0);
    INSERT INTO t (a) SELECT i % 1000 FROM generate_series(1, {rows}) i;
"""
INSERT = "\\set a random(0, 999)\nINSERT INTO t (a, n) VALUES (:a, 1);\n"
UPDATE = "\\set id random(1, {rows})\nUPDATE t SET n = n + 1, a = a + 1 WHERE id = :id;\n"
WRITTEN = "SELECT sum(n) FROM t"
"""Every write adds 1."""
_PROCESSED = re.compile(r"transactions actually processed: (\d+)")


@dataclass(frozen=True)
class Write:
    """One, as pgbench's log has it."""

    ended_at: datetime
    took_ms: float

    def overlaps(self, begin: datetime, end: datetime) -> bool:
        """Whether it was under way at some moment between the two."""
        return self.ended_at >= begin and self.ended_at - timedelta(milliseconds=self.took_ms) <= end


@dataclass(frozen=True)
class Written:
    """What pgbench says at the end; a write that failed ends it with an error."""

    processed: int
    writes: tuple[Write, ...]


async def fill(database: Database, rows: int) -> None:
    """The table, with this many rows."""
    await database.execute(TABLES.format(rows=rows))


async def write_until(over: Callable[[], bool], database: Database, rows: int, folder: Path) -> Written:
    """Insert and update, round after round of 2 s, until it is over.

    Raises:
        AssertionError: a write failed.
    """
    rounds: list[Written] = []
    while not rounds or not over():
        home = folder / f"round-{len(rounds)}"
        home.mkdir()
        rounds.append(await write(database, rows, 2, home))
    return Written(
        sum(each.processed for each in rounds), tuple(write for each in rounds for write in each.writes)
    )


async def write(
    database: Database, rows: int, seconds: int, folder: Path, *, rate: int | None = None
) -> Written:
    """Insert and update for so many seconds; with `rate`, so many writes a second, else as many as go.

    Raises:
        AssertionError: a write failed.
    """
    scripts: list[str] = []
    for name, text in (("insert", INSERT), ("update", UPDATE.format(rows=rows))):
        (folder / f"{name}.sql").write_text(text)
        scripts += ["--file", str(folder / f"{name}.sql")]
    log = ["--log", "--log-prefix", str(folder / "writes")]
    clients = ["--client", str(CLIENTS), "--jobs", "1", "--time", str(seconds), "--no-vacuum"]
    if rate is not None:
        clients += ["--rate", str(rate)]
    where = ["-h", str(database.cluster.socket), "-p", str(database.cluster.port), "-U", SUPERUSER]
    process = await asyncio.create_subprocess_exec(
        str(embedded_binaries() / "pgbench"),
        *clients,
        *scripts,
        *log,
        *where,
        database.name,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        output, _ = await process.communicate()
    except BaseException:
        process.kill()
        raise
    said = output.decode()
    found = _PROCESSED.search(said)
    assert process.returncode == 0 and found is not None, said
    return Written(int(found[1]), _writes(folder))


def _writes(folder: Path) -> tuple[Write, ...]:
    """Lines are: client, transaction, latency in µs, script, seconds and µs of the time it ended.

    With a rate, the latency counts from when the write was due.
    """
    writes: list[Write] = []
    for log in folder.glob("writes.*"):
        for line in log.read_text().splitlines():
            _, _, took_us, _, second, microsecond = line.split()[:6]
            ended = datetime.fromtimestamp(int(second), UTC) + timedelta(microseconds=int(microsecond))
            writes.append(Write(ended, int(took_us) / 1000))
    return tuple(sorted(writes, key=lambda each: each.ended_at))
