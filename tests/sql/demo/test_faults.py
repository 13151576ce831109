"""`verify` finds on the demo's databases what `faults.py` says was planted, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from profiles import manifest_file
from sql.demo.faults import DATABASES, DEVELOPMENT, DemoDatabase
from sql.demo.home import Home
from sql.demo.lifecycle import Demo
from sql.demo.profile_files import write_profiles
from sql.demo.tables import STAGING_MANIFEST
from sql.findings import ConstraintFinding, IndexFinding, MigrationFinding, Verdict
from tests.sql.demo.conftest import silent
from tui.cli import main
from tui.exit_codes import ExitCode

SOUND = {
    "indexes": IndexFinding.PRESENT,
    "constraints": ConstraintFinding.ENFORCED,
    "migration": MigrationFinding.CURRENT,
}


@pytest.fixture
def started(home: Home, demo: Demo) -> Iterator[Demo]:
    """The demo with its faults as planted, and its profiles in this test's own home."""
    with demo.join(None, fresh=False, report=silent) as lease:
        demo.reset(silent)
        write_profiles(demo.connection)
        yield demo
        demo.leave(lease)


def examined(demo: DemoDatabase, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON report of `pgdeck verify`, objects only."""
    code = main(["verify", "-e", demo.profile, "--duration", "0", "--report-format", "json"])
    return code, json.loads(capsys.readouterr().out)


def wrong(report: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Part, name and finding of everything that is not as it must be."""
    entries = [(part, entry) for part in ("indexes", "constraints") for entry in report[part]]
    found = {(part, entry["name"], entry["finding"]) for part, entry in entries}
    if migration := report["migration"]:
        found.add(("migration", " ".join(migration["actual"]), migration["finding"]))
    return {(part, name, finding) for part, name, finding in found if finding != SOUND[part]}


@pytest.mark.parametrize("profile", DATABASES)
def test_verify_finds_exactly_what_was_planted(
    profile: str, started: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = DATABASES[profile]
    code, report = examined(demo, capsys)
    assert wrong(report) == {(fault.part, fault.name, fault.finding.value) for fault in demo.faults}
    violations = {
        entry["name"]: entry["violations"] for entry in report["constraints"] if entry["violations"]
    }
    assert violations == {fault.name: fault.violations for fault in demo.faults if fault.violations}
    assert (report["unavailable"], report["pool"]["finding"]) == ([], "ok")
    ready = demo is DEVELOPMENT
    assert code == (ExitCode.OK if ready else ExitCode.NOT_READY)
    assert report["verdict"] == (Verdict.READY if ready else Verdict.NOT_READY)
    assert report["environment"] == demo.environment


def test_every_kind_of_fault_of_the_issue_is_planted() -> None:
    planted = {profile: [fault.finding for fault in demo.faults] for profile, demo in DATABASES.items()}
    assert planted["demo-development"] == []
    staging = planted["demo-staging"]
    assert staging.count(IndexFinding.MISSING) > 1
    for finding in (IndexFinding.INVALID, IndexFinding.DRIFTED, ConstraintFinding.NOT_VALIDATED):
        assert staging.count(finding) == 1
    assert all(fault.violations for fault in DATABASES["demo-staging"].faults if fault.part == "constraints")
    critical = {
        match[1]
        for entry in manifest_file.load("enterprise-demo").indexes
        if entry.priority == "critical" and (match := re.search(r"INDEX (\S+)", entry.definition))
    }
    missing = {
        fault.name for fault in DATABASES["demo-production"].faults if fault.finding == IndexFinding.MISSING
    }
    assert len(critical) == 3
    assert critical <= missing


def test_the_manifest_of_staging_is_that_of_enterprise_and_more() -> None:
    own = manifest_file.load(str(STAGING_MANIFEST))
    enterprise = manifest_file.load("enterprise-demo")
    performance = manifest_file.load("performance-indexes")

    def unplaced(entries: Any) -> list[dict[str, Any]]:
        return [{**vars(entry), "line": 0, "position": 0} for entry in entries]

    assert unplaced(own.indexes) == unplaced(enterprise.indexes)
    assert unplaced(own.probes) == unplaced(enterprise.probes)
    assert own.pool == enterprise.pool
    assert unplaced(own.constraints) == [
        entry for entry in unplaced(performance.constraints) if entry["table"] == "cerebras_api_calls"
    ]


@pytest.mark.parametrize("profile", DATABASES)
def test_only_probes_of_the_manifest_are_called_slow(profile: str) -> None:
    demo = DATABASES[profile]
    reference = str(STAGING_MANIFEST) if demo.manifest == STAGING_MANIFEST.stem else demo.manifest
    manifest = manifest_file.load(reference)
    gone = {fault.name for fault in demo.faults if fault.part == "indexes"}
    assert demo.too_slow <= demo.slow
    assert {probe.name for probe in manifest.probes if probe.index in gone} <= demo.slow
    assert demo.slow <= {probe.name for probe in manifest.probes}
