"""A screen as SVG that needs nothing from elsewhere, and as PNG where Chromium is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FONT = "DejaVu Sans Mono"


def save(name: str, svg: str) -> None:
    """Write NAME.svg, and NAME.png where that can be had."""
    path = FOLDER / f"{name}.svg"
    path.write_text(self_contained(svg, name))
    print(path.name)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is not None:
        _photograph(browser, path)


def self_contained(svg: str, name: str) -> str:
    """Without fonts from elsewhere, and with ids that stay the same from one run to the next."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    return re.sub(r"terminal-\d+", name, svg).replace("Fira Code", FONT)


def _photograph(browser: str, path: Path) -> None:
    box = re.search(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', path.read_text())
    assert box is not None
    size = f"--window-size={round(float(box[1]))},{round(float(box[2]))}"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", size]
    target = f"--screenshot={path.with_suffix('.png')}"
    subprocess.run([browser, *options, target, path.as_uri()], check=True, capture_output=True)
