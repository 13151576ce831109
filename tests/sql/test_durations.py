"""A span of time reads the same in every sentence, on every screen."""

from __future__ import annotations

import pytest

from sql.builders import Work, Worker, occupation
from sql.durations import duration
from sql.steps.blockers import Blocker
from tui.present import text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (59.9, "59 s"), (60, "1 min"), (4000, "1 h 6 min"), (200_000, "2 d")],
)
def test_its_two_largest_units_are_said(seconds: float, said: str) -> None:
    assert duration(seconds) == text.duration(seconds) == said


def test_who_stands_in_the_way_and_who_builds_are_told_alike() -> None:
    blocker = Blocker(11, user="app", state="idle in transaction", state_age_s=4000.0, query="SELECT 1")
    assert blocker.sentence == "pid 11 (app), idle in transaction for 1 h 6 min: SELECT 1"
    worker = Worker(
        pid=12,
        table_oid=1,
        mode=None,
        granted=None,
        builds=True,
        progress_table_oid=1,
        progress_index_oid=2,
        command="CREATE INDEX CONCURRENTLY",
        phase="building index",
        maintains=False,
        usename="dba",
        application_name=None,
        backend_type="client backend",
        query="CREATE INDEX CONCURRENTLY i ON t (a)",
        age_s=4000.0,
    )
    found = occupation("i", 2, 1, [worker])
    assert found is not None and found.work is Work.BUILDING
    assert found.sentence == 'Pid 12 (role dba) is building it, phase "building index", for 1 h 6 min.'
