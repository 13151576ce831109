"""What the headless commands cost beside bare Python and a bare connection."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

from tests.bench.figures import Figure, alternated, over
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
    yield over("pgdeck --version", version_ms, "python -c pass", bare_ms, 150)
    yield over("pgdeck profile list", list_ms, "python -c pass", bare_ms, 150)


def five_thousand_indexes(setting: Setting) -> Iterator[Figure]:
    """`verify --duration 0` with 5,000 required indexes over a bare connection."""

    def bare() -> float:
        return _ms([sys.executable, "-c", BARE_CONNECTION, str(setting.cluster.socket)], setting)

    def verify() -> float:
        return _ms([*setting.pgdeck, "verify", "-e", "many", "--duration", "0"], setting)

    bare_ms, verify_ms = alternated(bare, verify)
    yield over("verify of 5,000 indexes, objects only", verify_ms, "bare connection", bare_ms, 2000)


def _ms(command: list[str], setting: Setting) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, env=setting.environment, capture_output=True, text=True)
    elapsed = (time.perf_counter() - begun) * 1000
    assert done.returncode == 0, f"{command}: {done.stdout[-500:]}{done.stderr[-500:]}"
    return elapsed
