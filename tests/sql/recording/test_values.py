"""Values survive being written and read, whatever they are; nothing else is ever made from a file."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from profiles.secret import Secret
from sql.findings import IndexFinding
from sql.recording.values import ROOMS, UnknownValueError, UnrecordableError, micros, moment_of, pack, unpack
from sql.slow_statements import SlowStatement, SlowStatementsSnapshot, Totals
from sql.snapshots import BuildsSnapshot, Lost, Unavailable
from sql.steps.blockers import Blocker
from sql.steps.monitor import RunProgress
from sql.steps.runs import ForeignBuild
from tests.tui import samples

ROOT = Path(__file__).parents[3]
QUERY = "CREATE INDEX i ON leads (status) -- " + "x" * 400
BUILD = ForeignBuild(7, samples.NOW, "etl", "psql", "CREATE INDEX", None, "leads", QUERY, 1.5)
PROGRESS = RunProgress(
    phase=None, percent=None, done=None, total=None, unit=None, rate=None, remaining_s=None, elapsed_s=0.5,
    waits_for=(Blocker(4242, query="SELECT 1", age_s=math.inf),),
)  # fmt: skip


def through_a_file(value: object) -> object:
    return unpack(json.loads(json.dumps(pack(value))))


@pytest.mark.parametrize(
    "event",
    [
        *samples.EVERYTHING,
        samples.many(50),
        Unavailable("pool", "no privilege", "GRANT x TO y", samples.NOW),
        Lost("the server is out of reach", math.inf),
        BuildsSnapshot(samples.NOW, (("run-1", PROGRESS),)),
        samples.MANIFEST,
    ],
    ids=lambda event: type(event).__name__,
)
def test_every_field_survives(event: object) -> None:
    read = through_a_file(event)
    assert read == event
    assert getattr(read, "taken_at", None) == getattr(event, "taken_at", None)


def test_a_finding_is_the_member_itself() -> None:
    read = through_a_file(samples.INDEXES)
    assert read.indexes[0].finding is IndexFinding.MISSING  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, {"b": (2, 3)}]},
        {"~": "sneaky", "is": 1},
        {1: "one", ("a", 2): "two"},
        frozenset({"b", "a"}),
        Path("/x/y"),
        (1, 2.5, True, None, "text"),
        float("-inf"),
        0.1 + 0.2,
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_containers_survive(value: object) -> None:
    assert through_a_file(value) == value


def test_a_mapping_that_cannot_be_changed_is_one() -> None:
    assert through_a_file(MappingProxyType({"active": 2})) == {"active": 2}


@pytest.mark.parametrize("year", [1969, 1970, 2026, 2199])
def test_moments_are_exact_to_the_microsecond(year: int) -> None:
    moment = datetime(year, 3, 1, 12, 34, 56, 123_457, UTC)
    assert moment_of(micros(moment)) == moment


@dataclass(frozen=True)
class Stranger:
    text: str


@pytest.mark.parametrize("value", [Secret("s3cret"), Stranger("x"), object(), b"bytes", lambda: None])
def test_what_is_not_ours_is_refused(value: object) -> None:
    with pytest.raises(UnrecordableError):
        pack((value,))


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "dataclass",
        "Nothing",
        "Secret",
        "subprocess.Popen",
        "",
    ],
)
def test_only_our_own_values_are_made(name: str) -> None:
    with pytest.raises(UnknownValueError):
        unpack({"~": name, "is": "true"})


def test_a_value_is_found_wherever_its_type_stood_when_it_was_recorded() -> None:
    packed = pack(Lost("gone", 1.0))
    assert unpack({**packed, "~": "sql.somewhere.else.Lost"}) == Lost("gone", 1.0)


def test_a_field_of_a_later_version_is_passed_over() -> None:
    packed = pack(samples.SERVER.server)
    assert unpack({**packed, "invented_later": 1}) == samples.SERVER.server


def test_a_field_that_is_missing_takes_its_default_or_makes_it_unknown() -> None:
    packed = pack(samples.SERVER.server)
    del packed["version"]
    with pytest.raises(UnknownValueError):
        unpack(packed)
    assert "is_superuser" not in packed


@pytest.mark.hazard("SEC-04")
def test_queries_of_others_are_cut_and_secrets_left_out() -> None:
    read = through_a_file(BuildsSnapshot(samples.NOW, (), (BUILD,)))
    assert len(read.foreign[0].query) == 200  # type: ignore[attr-defined]
    secret = replace(BUILD, query="ALTER ROLE etl PASSWORD 'hunter2'")
    assert "hunter2" not in json.dumps(pack(BuildsSnapshot(samples.NOW, (), (secret,))))
    blocker = replace(PROGRESS, waits_for=(Blocker(1, query="SET api_key = 'hunter2'"),))
    assert "hunter2" not in json.dumps(pack(blocker))
    slow = SlowStatement(1, "ALTER ROLE x PASSWORD 'hunter2'", Totals(1, 1.0, 1, 1, 1), 0.5, None)
    assert "hunter2" not in json.dumps(pack(SlowStatementsSnapshot(samples.NOW, (slow,))))


class Room:
    """The classes of a module, each with the names in its annotations, and where other names come from."""

    def __init__(self, path: Path) -> None:
        self.name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        self.classes: dict[str, set[str]] = {}
        self.imports: dict[str, str] = {}
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                self.imports |= {alias.asname or alias.name: node.module or "" for alias in node.names}
            elif isinstance(node, ast.ClassDef):
                fields = [each.annotation for each in node.body if isinstance(each, ast.AnnAssign)]
                self.classes[node.name] = {
                    name.id for field in fields for name in ast.walk(field) if isinstance(name, ast.Name)
                }


def test_every_snapshot_that_there_is_can_be_recorded_with_all_that_is_in_it() -> None:
    rooms = {
        room.name: room
        for package in ("sql", "profiles")
        for room in map(Room, (ROOT / package).rglob("*.py"))
    }
    wanted = [
        (room.name, name) for room in rooms.values() for name in room.classes if name.endswith("Snapshot")
    ]
    assert ("sql.snapshots", "BuildsSnapshot") in wanted
    seen: set[tuple[str, str]] = set()
    while wanted:
        home, name = wanted.pop()
        room = rooms.get(home)
        if room is None or (home, name) in seen:
            continue
        seen.add((home, name))
        if name in room.classes:
            wanted += [(home, each) for each in room.classes[name]]
        elif name in room.imports:
            wanted.append((room.imports[name], name))
    homes = {home for home, name in seen if name in rooms[home].classes}
    assert homes <= ROOMS
