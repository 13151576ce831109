"""CPU time of the headless commands beside that of bare Python and of a bare connection."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.figures import Figure, Goal, alternated
from tests.bench.setting import Setting

BARE_CONNECTION = """
import asyncio, asyncpg, sys
async def main():
    connection = await asyncpg.connect(host=sys.argv[1], user="postgres", database="postgres")
    await connection.close()
asyncio.run(main())
"""


def command_costs(setting: Setting) -> Iterator[Figure]:
    """`--version` and `profile list` over bare Python."""

    def bare() -> float:
        return _ms([sys.executable, "-c", "pass"], setting)

    def version() -> float:
        return _ms([*setting.pgdeck, "--version"], setting)

    def listing() -> float:
        return _ms([*setting.pgdeck, "profile", "list"], setting)

    bare_ms, version_ms, list_ms = alternated(bare, version, listing, rounds=9)
    bare_python = (Goal.OVER, "python -c pass", bare_ms)
    yield Figure("pgdeck --version", version_ms, "ms CPU", 150, 60, *bare_python)
    yield Figure("pgdeck profile list", list_ms, "ms CPU", 150, 60, *bare_python)


def five_thousand_indexes(setting: Setting) -> Iterator[Figure]:
    """`verify --duration 0` with 5,000 required indexes over a bare connection."""

    def bare() -> float:
        return _ms([sys.executable, "-c", BARE_CONNECTION, str(setting.cluster.socket)], setting)

    def verify() -> float:
        return _ms([*setting.pgdeck, "verify", "-e", "many", "--duration", "0"], setting)

    bare_ms, verify_ms = alternated(bare, verify)
    connection = (Goal.OVER, "bare connection", bare_ms)
    yield Figure("verify of 5,000 indexes, objects only", verify_ms, "ms CPU", 2000, 500, *connection)


def _ms(command: list[str], setting: Setting) -> float:
    """CPU time of the command itself, as a busy neighbour leaves it nearly alone."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=setting.environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]}{done.stderr[-500:]}"
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000
