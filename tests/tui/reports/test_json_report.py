"""The JSON report: the fields of version 1."""

from __future__ import annotations

import json
from pathlib import Path

from tests.tui.reports.made import HOSTILE, REPORT, hostile, out_of_reach
from tui.reports import render
from tui.reports.json_text import written

TOP = {
    "report", "pgdeck", "taken_at", "profile", "environment", "manifest", "server", "scope", "verdict",
    "reasons", "indexes", "constraints", "probes", "pool", "migration", "steps", "unavailable",
}  # fmt: skip
FIELDS = {
    "indexes": {
        "name", "table", "priority", "finding", "declared", "actual", "equivalent", "size_bytes", "scans",
        "last_scan", "detail", "step",
    },
    "constraints": {
        "name", "table", "finding", "declared", "actual", "violations", "rejects", "accepts",
        "detail", "step",
    },
    "probes": {
        "name", "class", "finding", "samples", "errors", "p50_ms", "p95_ms", "p99_ms", "max_ms",
        "server_mean_ms", "target", "plan", "detail",
    },
    "steps": {"id", "verb", "sql", "undo"},
    "unavailable": {"part", "reason"},
}  # fmt: skip


def test_every_promised_field_is_there() -> None:
    value = json.loads(render("json", [REPORT]))
    assert value.keys() >= TOP
    for part, fields in FIELDS.items():
        assert value[part][0].keys() >= fields, part
    server = {"version", "version_num", "database", "address", "system_identifier", "in_recovery", "pooler"}
    assert value["server"].keys() >= server
    assert value["probes"][0]["plan"].keys() >= {"node", "uses_index", "expected_index", "note"}
    pool = {"finding", "limit", "reserved", "used", "by_state", "by_application", "oldest_transaction_s"}
    assert value["pool"].keys() >= pool | {"waiting_on_locks", "root_blocker", "pgbouncer"}
    counted = value["pool"]["counted_in"]
    assert value["pool"].keys() >= {*counted["server"], *counted["database"]}
    assert value["migration"].keys() >= {"finding", "expected", "actual"}


def test_the_values_are_the_readings() -> None:
    value = json.loads(render("json", [REPORT]))
    assert value["report"] == 1
    assert (value["taken_at"], value["verdict"], value["scope"]) == (
        "2026-01-19T09:30:00Z",
        "NOT READY",
        "all",
    )
    assert value["indexes"][0]["step"] == "create-index:idx_leads_status_score" == value["steps"][0]["id"]
    assert value["probes"][0]["target"] == {"p50_ms": 25, "p95_ms": 35, "p99_ms": 50}
    assert value["pool"]["by_application"] == [{"application": "sales-api", "used": 12, "budget": 100}]


def test_several_reports_are_a_list() -> None:
    values = json.loads(render("json", [REPORT, out_of_reach()]))
    assert [value["profile"] for value in values] == ["demo-production", "gone"]
    assert values[1]["server"] is None
    assert values[1]["unavailable"] == [
        {"part": "server", "reason": "nobody listens at db:5432", "remedy": ""}
    ]


def test_hostile_names_survive_as_they_are() -> None:
    value = json.loads(render("json", [hostile()]))
    assert value["indexes"][0]["name"] == HOSTILE
    assert value["migration"]["actual"] == [HOSTILE]


def test_json_of_any_command_shows_no_character_that_a_terminal_obeys() -> None:
    shape = {"name": "a\x9b31m\u202eb\x7f", "at": Path("/x")}
    text = written(shape)
    assert set(text) <= {"\n", *map(chr, range(32, 127))}
    assert json.loads(text) == {"name": "a\x9b31m\u202eb\x7f", "at": "/x"}
