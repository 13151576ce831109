"""The bench's own server, profiles and reference program; nothing stays but the reference's environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from sql.demo.cluster import Cluster
from tests import servers

REFERENCE = "pg_activity[psycopg]==3.6.2"
INDEXES = 5000
TABLES = 50
PROBES = 5
ROLES = ("deck", "reference")
"""Who logs in, so that the server can tell what each of both costs."""


class Setting:
    """A server with 5,000 indexes, a profile for it, and pg_activity in an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        # As an installer leaves it: bytecode is there before a command is timed.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = {
            **inherited,
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
            "PGDECK_HOME": str(self.home),
            "HOME": str(folder),
        }

    def __enter__(self) -> Setting:
        self.cluster: Cluster = servers.start(18, shared_preload_libraries="pg_stat_statements")
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.remove()
        self.cluster.folder.parent.rmdir()

    async def fill(self) -> None:
        """50 tables with 100 indexes each, all as the manifest wants them, and two profiles."""
        database = servers.Database(self.cluster, 18, "postgres")
        script: list[str] = []
        manifest = ['title = "Five thousand"']
        for table in range(TABLES):
            columns = [f"c{number}" for number in range(10)]
            script.append(f"CREATE TABLE t{table} ({', '.join(f'{column} int' for column in columns)})")
            for number in range(INDEXES // TABLES):
                first, second = columns[number % 10], columns[number // 10]
                keys = first if first == second else f"{first}, {second} DESC"
                definition = f"CREATE INDEX i{table}_{number} ON t{table} ({keys})"
                script.append(definition)
                manifest.append(f'[[index]]\npriority = "normal"\ndefinition = "{definition}"')
        script += ["CREATE EXTENSION pg_stat_statements"]
        script += [f"CREATE ROLE {role} LOGIN IN ROLE pg_monitor" for role in ROLES]
        script.append(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {', '.join(ROLES)}")
        await database.execute(";".join(script))
        self._write("manifests/five-thousand.toml", "\n".join(manifest))
        self._profile("many", "five-thousand")
        self._write("manifests/small.toml", 'title = "Small"\n' + "\n".join(manifest[1:11]))
        self._profile("small", "small")
        self._write("manifests/probed.toml", 'title = "Probed"\n' + "\n".join([*manifest[1:11], *_probes()]))
        self._profile("probed", "probed")

    def add(self, name: str, manifest: str) -> None:
        """A profile with a manifest of its own, both of this name."""
        self._write(f"manifests/{name}.toml", manifest)
        self._profile(name, name)

    def _profile(self, name: str, manifest: str) -> None:
        lines = ['environment = "development"', f'manifest = "{manifest}"', "[connection]"]
        lines += [f'host = "{self.cluster.socket}"', 'dbname = "postgres"', 'user = "deck"']
        self._write(f"profiles/{name}.toml", "\n".join(lines))

    def _write(self, name: str, text: str) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text)
        path.chmod(0o600)

    @property
    def pgdeck(self) -> list[str]:
        """The program under test."""
        return [str(Path(sys.executable).parent / "pgdeck")]

    @property
    def reference(self) -> list[str]:
        """pg_activity on the same server, refreshing each second."""
        return [
            str(self._reference_program()),
            "-h",
            str(self.cluster.socket),
            "-U",
            "reference",
            "-d",
            "postgres",
            "--refresh",
            "1",
        ]

    def _reference_program(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pgdeck-bench"
        program = cache / "bin" / "pg_activity"
        if not program.exists():
            venv.create(cache, with_pip=True)
            subprocess.run([cache / "bin" / "pip", "install", "--quiet", REFERENCE], check=True)
        return program


def _probes() -> list[str]:
    return [
        f'[[probe]]\nname = "p{number}"\nsql = "SELECT count(*) FROM t{number} WHERE c0 = 1"\n'
        "target = { p50_ms = 1000, p95_ms = 1000, p99_ms = 1000 }"
        for number in range(PROBES)
    ]
