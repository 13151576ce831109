"""What the latency screen sends over the line while it stands open."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench.figures import Figure
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal

SETTLE_S = 12.0
OBSERVED_S = 60.0


def bytes_of_the_plot(setting: Setting) -> Iterator[Figure]:
    """A plot of five minutes that grows for one."""
    with Terminal([*setting.pgdeck, "probed"], variables=setting.environment) as terminal:
        terminal.until("READY")
        terminal.send("p")
        terminal.until("log scale")
        terminal.drain_for(SETTLE_S)
        before = terminal.bytes
        terminal.drain_for(OBSERVED_S)
        rate = (terminal.bytes - before) / OBSERVED_S
    yield Figure("latency screen: bytes a second", rate, "B/s", 1000, 300)
