"""A demo with few rows in a folder whose path is short and that root's stand-in can reach."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sql.demo.home import Home
from sql.demo.lifecycle import Demo

FEW = 2_000


def silent(_what: str, _share: float = 0.0) -> None:
    """Narration and progress that nobody reads."""


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """The folder that the tests of one run share, so that the demo is filled once."""
    place = Path(tempfile.mkdtemp(prefix="pgdeck-demo-", dir="/tmp"))
    place.chmod(0o755)
    yield place / "demo"
    Demo(Home(place / "demo"), silent).stop()
    shutil.rmtree(place)


@pytest.fixture
def home(folder: Path) -> Iterator[Home]:
    """A demo that is seeded and, when the test ends, stopped."""
    home = Home(folder)
    demo = Demo(home, silent)
    if home.seeded() is None:
        demo.leave(demo.join(FEW, fresh=False, report=silent))
        demo.stop()
    yield home
    demo.stop()


@pytest.fixture
def demo(home: Home) -> Demo:
    """The same, to start and stop."""
    return Demo(home, silent)
