"""Which package may import what, and that headless commands never pay for the full screen."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWN = {"profiles", "sql", "tui"}
ALLOWED = {
    "profiles": {"profiles", "keyring", "tomli_w", "platformdirs"},
    "sql": {"profiles", "sql", "asyncpg", "postgast", "psycopg", "uvloop"},
    "tui": {"profiles", "sql", "tui", "textual", "rich", "asyncpg", "keyring", "tomli_w", "platformdirs"},
}
DDL_WORDS = ("CREATE INDEX", "DROP INDEX", "ALTER TABLE", "ALTER INDEX")


def imported(path: Path) -> Iterator[str]:
    """Top-level names of everything that a module imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: say the whole name, not a relative one"
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_stay_in_their_layer(package: str) -> None:
    allowed = ALLOWED[package] | set(sys.stdlib_module_names)
    strangers = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for name in imported(path)
        if name not in allowed
    }
    assert not strangers


def test_the_parser_of_sql_stays_behind_two_modules() -> None:
    users = {path.name for path in (ROOT / "sql").rglob("*.py") if "postgast" in set(imported(path))}
    assert users == {"parsing.py", "extents.py"}


def test_the_optional_driver_stays_behind_one_module() -> None:
    users = {path.name for path in (ROOT / "sql").rglob("*.py") if "psycopg" in set(imported(path))}
    assert users == {"pgbouncer.py"}


def strings(path: Path) -> Iterator[str]:
    """Every string of a module but its docstrings."""
    tree = ast.parse(path.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = {
        id(statement.value)
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


@pytest.mark.parametrize("package", ["tui", "profiles"])
def test_no_sql_is_composed_outside_its_room(package: str) -> None:
    begins = ("SELECT ", "WITH ", "INSERT ", "UPDATE ", "DELETE ", "EXPLAIN ", *DDL_WORDS)
    found = {
        f"{path.relative_to(ROOT)}: {text[:40]}"
        for path in (ROOT / package).rglob("*.py")
        for text in strings(path)
        if text.startswith(begins)
    }
    assert not found


def test_ddl_is_composed_in_one_module() -> None:
    homes = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "sql").rglob("*.py")
        if "demo" not in path.parts
        for text in strings(path)
        if text.startswith(DDL_WORDS)
    }
    # What parsing.py puts before a CHECK is read by the parser alone and never sent.
    assert homes <= {"sql/steps/ddl.py", "sql/parsing.py"}


HEADLESS = [
    ["--version"],
    ["profile", "list"],
    ["manifest", "list"],
    ["manifest", "check", "enterprise-demo"],
    ["verify", "-e", "nowhere", "--duration", "0"],
]
LIGHT = [["--version"], ["profile", "list"], ["profile", "show", "nowhere"]]
PROGRAM = """
import sys
from tui.cli import main
try:
    main(sys.argv[2:])
except SystemExit:
    pass
print("LOADED", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)), file=sys.stderr)
"""


def loaded(suspects: str, arguments: list[str]) -> str:
    """Which of the comma-separated modules a command loads, as the last line of a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, suspects, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", HEADLESS, ids=" ".join)
def test_headless_commands_never_load_textual(arguments: list[str]) -> None:
    assert loaded("textual", arguments) == "LOADED"


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_light_commands_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded("textual,rich,asyncpg,keyring,postgast,asyncio", arguments) == "LOADED"


FIRST_FRAME = """
import sys
from profiles import manifest_file
from profiles.model import EnvironmentClass, Profile
from tui.app import DeckApp
class Looking(DeckApp):
    def begin_watching(self):
        self.exit(0)
manifest = manifest_file.load("enterprise-demo")
Looking(Profile("shop", EnvironmentClass.PRODUCTION, "enterprise-demo"), manifest).run(headless=True)
print("LOADED", *sorted(set(sys.argv[1].split(",")) & set(sys.modules)), file=sys.stderr)
"""
LATER = (
    "asyncpg,keyring,postgast,tomli_w,importlib.metadata,sql.steps.step,sql.steps.journal,"
    "sql.pool.pgbouncer_reading,sql.replicas.values,sql.locks.reading,sql.slow_statements,sql.pool.use,tui.flow,"
    "sql.latency.evidence,sql.latency.checkpoints,sql.latency.readings,sql.latency.trend,tui.present.details,tui.screens.details,tui.screens.run,"
    "tui.mending,tui.remedies,tui.keys.journal,tui.keys.run,tui.keys.replay,tui.keys.locks,tui.keys.help"
)


def test_the_first_frame_loads_nothing_that_it_does_not_show() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME, LATER], capture_output=True, text=True, cwd=ROOT
    )
    assert done.stderr.splitlines()[-1] == "LOADED"
