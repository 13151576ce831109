"""pgbench at 50 transactions a second: what a watched server does on a working day."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from sql.demo.cluster import SUPERUSER, embedded_binaries
from tests.bench.setting import Setting

CLIENTS = 4
TRANSACTIONS_S = 50
LONGEST_S = 3600
"""It is ended earlier."""
SCRIPT = r"""
\set account random(1, 100000)
SELECT abalance FROM pgbench_accounts WHERE aid = :account;
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :account;
SELECT count(*) FROM pgbench_branches;
"""


@contextmanager
def load(setting: Setting) -> Iterator[None]:
    """One write and two reads a transaction, as long as the context lasts."""
    script = setting.folder / "load.sql"
    script.write_text(SCRIPT)
    server = ["-h", str(setting.cluster.socket), "-U", SUPERUSER]
    program = str(embedded_binaries() / "pgbench")
    subprocess.run([program, *server, "-i", "-q", "postgres"], check=True, capture_output=True)
    clients = ["-n", "-c", str(CLIENTS), "-R", str(TRANSACTIONS_S), "-T", str(LONGEST_S)]
    command = [program, *server, *clients, "-M", "prepared", "-f", str(script), "postgres"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as working:
        try:
            yield
        finally:
            working.terminate()
