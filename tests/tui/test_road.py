"""What the road to the server says where there is no step."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiles.manifest import IndexEntry, Manifest
from sql.check import Case
from sql.findings import IndexFinding
from sql.requirements import read
from sql.snapshots import IndexesSnapshot
from sql.steps.preparing import Prepared
from sql.steps.step import Direction, Plan
from sql.verdict import Parts
from tests.tui import samples
from tui.mending import mends_of
from tui.road import GONE, KEPT, NOTHING_LEFT, _looked


@pytest.mark.parametrize(
    ("finding", "direction", "said"),
    [
        (IndexFinding.MISSING, Direction.ROLLBACK, GONE),
        (IndexFinding.EQUIVALENT, Direction.ROLLBACK, GONE),
        (IndexFinding.PRESENT, Direction.ROLLBACK, KEPT),
        (IndexFinding.PRESENT, Direction.FIX, NOTHING_LEFT),
    ],
)
def test_why_there_is_no_step_is_known_and_said(
    finding: IndexFinding, direction: Direction, said: str
) -> None:
    reading = samples.index("i", finding)
    wanted = read(Manifest("m", "M", Path("m"), indexes=(IndexEntry(reading.declared, keep=True),)))
    prepared = Prepared(
        case=Case(samples.PROFILE, wanted),
        server=samples.SERVER.server,
        direction=direction,
        plan=Plan(direction, ()),
        parts=Parts(indexes=IndexesSnapshot(samples.NOW, (reading,))),
        steps=(),
        facts={},
        taken_at=samples.NOW,
    )
    looked = _looked(prepared, mends_of(reading), direction)
    assert (looked.step, looked.sentence) == (None, said)
