"""The wheel, installed in a clean environment, has everything that the program needs at run time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHIPPED_ENDINGS = {".sql", ".tcss", ".toml", ".md"}


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """Standard output of a command that must succeed, with nothing of this checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
    return next(folder.glob("*.whl"))


def test_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    tracked = run("git", "ls-files", "profiles", "sql", "tui").split("\n")
    assert {name for name in tracked if Path(name).suffix in SHIPPED_ENDINGS | {".py"}} <= packed
    assert not {name for name in packed if name.startswith(("tests/", "screenshots/"))}


def test_installed_program_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "clean"
    venv.create(home, with_pip=True)
    run(home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel, cwd=tmp_path)
    pgdeck = home / "bin" / "pgdeck"
    assert run(pgdeck, "--version", cwd=tmp_path).startswith("pgdeck ")
    listed = json.loads(run(pgdeck, "manifest", "list", "--report-format", "json", cwd=tmp_path))
    assert {"enterprise-demo", "performance-indexes"} <= {entry["name"] for entry in listed["manifests"]}
    for name in ("enterprise-demo", "performance-indexes"):
        run(pgdeck, "manifest", "check", name, cwd=tmp_path)
    styles = "from tui.app import DeckApp; from sql.statements import names; assert list(names())"
    run(home / "bin" / "python", "-c", styles, cwd=tmp_path)
