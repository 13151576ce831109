"""Take the pictures of the README from the real app on the real demo.

`make screenshots` starts the demo, drives the deck by keys as an operator would, and writes SVG files into
this folder, and PNG beside them where Chromium is installed. Names on the command line choose among them.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from sql.findings import ProbeFinding
from tui.app import DeckApp
from tui.commands.deck import load

FOLDER = Path(__file__).parent
PGDECK = Path(sys.executable).parent / "pgdeck"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONT = "DejaVu Sans Mono"
PATIENCE_S = 120.0
WIDE = (120, 40)
NARROW = (80, 24)


@dataclass(frozen=True)
class Picture:
    """One picture: on which profile, how large the terminal, and the keys that lead there."""

    name: str
    profile: str
    size: tuple[int, int]
    keys: tuple[str, ...] = ()


PICTURES = (
    Picture("deck-120x40", "demo-production", WIDE),
    Picture("deck-80x24", "demo-production", NARROW),
    Picture("deck-ready-120x40", "demo-development", WIDE),
    Picture("details-120x40", "demo-staging", WIDE, ("end", "up", "enter")),
    Picture("details-80x24", "demo-staging", NARROW, ("enter",)),
    Picture("profiles-120x40", "demo-production", WIDE, ("e",)),
    Picture("help-120x40", "demo-production", WIDE, ("question_mark",)),
)


async def until(pilot: Pilot[int], met: Callable[[], bool]) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(PATIENCE_S):
        while not met():
            await pilot.pause(0.1)


def is_measured(app: DeckApp) -> bool:
    """Whether the deck has judged every part and every probe."""
    if app.deck is None or not app.deck.readings.is_complete:
        return False
    probes = getattr(app.deck.readings.known("probes").snapshot, "probes", ())
    return bool(probes) and all(probe.finding is not ProbeFinding.NOT_MEASURED for probe in probes)


async def take(picture: Picture) -> Path:
    """Open the deck, wait until it has measured, type the keys, save."""
    app = DeckApp(*load(picture.profile))
    async with app.run_test(size=picture.size) as pilot:
        await until(pilot, lambda: is_measured(app))
        for key in picture.keys:
            await pilot.press(key)
            await pilot.pause()
        path = FOLDER / f"{picture.name}.svg"
        path.write_text(self_contained(app.export_screenshot(title="pgdeck"), picture.name))
        await app.stop_watching()
    return path


def self_contained(svg: str, name: str) -> str:
    """Without fonts from elsewhere, and with ids that stay the same from one run to the next."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    return re.sub(r"terminal-\d+", name, svg).replace("Fira Code", FONT)


def as_png(path: Path) -> None:
    """The picture as PNG, for viewers that show no SVG."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return
    box = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', path.read_text())
    assert box is not None
    size = f"--window-size={round(float(box[1]))},{round(float(box[2]))}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
    target = f"--screenshot={path.with_suffix('.png')}"
    subprocess.run([browser, *options, target, path.as_uri()], check=True, capture_output=True)


def main() -> None:
    """All pictures, or those named on the command line."""
    subprocess.run([PGDECK, "demo", "--no-deck"], check=True)
    try:
        for picture in PICTURES:
            if not sys.argv[1:] or picture.name in sys.argv[1:]:
                path = asyncio.run(take(picture))
                as_png(path)
                print(path.name)
    finally:
        subprocess.run([PGDECK, "demo", "--stop"], check=True)


if __name__ == "__main__":
    main()
