"""How many random moments, drawn from which seed; a server that may be restarted; the figures at the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from sql.demo.cluster import Cluster
from tests import servers

SEED = int(os.environ.setdefault("PGDECK_CHAOS_SEED", str(int.from_bytes(os.urandom(4)))))
MOMENTS = int(os.environ.get("PGDECK_CHAOS", "1"))
"""Random moments a kind of accident and server; ten in `make chaos`."""
ONLY = tuple(filter(None, os.environ.get("PGDECK_CHAOS_ONLY", "").split(",")))
"""Scenes to draw from, by name; all of them where none is named."""


def pytest_report_header() -> str:
    """What draws the same moments again."""
    return f"chaos: PGDECK_CHAOS_SEED={SEED} PGDECK_CHAOS={MOMENTS}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line an accident: how its runs ended."""
    told: dict[str, Counter[str]] = {}
    for report in [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]:
        for name, value in report.user_properties:
            if name.startswith("chaos "):
                told.setdefault(name, Counter())[str(value)] += 1
    for name, outcomes in sorted(told.items()):
        ends = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        terminalreporter.write_line(f"{name}: {outcomes.total()} runs: {ends}")


@pytest.fixture(scope="session")
def restartable() -> Iterator[dict[int, Cluster]]:
    """Servers of this file's own by major, which commit asynchronously: a crash takes what is not flushed."""
    clusters: dict[int, Cluster] = {}
    yield clusters
    for cluster in clusters.values():
        cluster.remove()
        cluster.folder.parent.rmdir()


def restartable_of(restartable: dict[int, Cluster], major: int) -> Cluster:
    """The one of a major, started where it does not run."""
    if servers.binaries(major) is None:
        pytest.skip(servers.how_to_get(major))
    if major not in restartable:
        restartable[major] = servers.start(major)
    restartable[major].start()
    return restartable[major]
