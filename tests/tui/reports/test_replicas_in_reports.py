"""Replicas and slots in every format, also where their names are hostile."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sql.replicas.values import Replica, ReplicasReading, Slot
from tests.tui.reports.made import HOSTILE, REPORT
from tui.reports import render

FAR = Replica(
    "replica-1",
    "streaming",
    sync_state="async",
    replay_lag_s=95.0,
    replay_lag_bytes=400 * 2**20,
    streams=True,
)
LOST = Replica("10.0.0.4:5432", "out of reach", named=True, trouble="no answer")
IDLE = Slot("gone", "physical", False, 3 * 2**30, "extended", inactive_since=datetime(2026, 1, 2, tzinfo=UTC))
KNOWN = replace(REPORT, replicas=ReplicasReading(False, (FAR, LOST), (IDLE,)))
WEIRD = replace(
    REPORT,
    replicas=ReplicasReading(
        False, (replace(FAR, name=HOSTILE, slot=HOSTILE, trouble=HOSTILE),), (replace(IDLE, name=HOSTILE),)
    ),
)


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_people_read_a_line_for_each(form: str) -> None:
    said = render(form, [KNOWN]).replace("\\", "")
    for words in (
        "replica-1: streaming, async, 95 s (400 MB) behind",
        "10.0.0.4:5432: out of reach",
        "slot gone: nobody reads it, keeps 3072 MB of WAL",
    ):
        assert words in said
    assert "Replicas" not in render(form, [REPORT])


def test_programs_read_the_promised_fields() -> None:
    said = json.loads(render("json", [KNOWN]))
    assert {"name", "replay_lag_s", "replay_lag_bytes", "state"} <= said["replicas"][0].keys()
    assert (said["replicas"][0]["replay_lag_s"], said["replicas"][1]["replay_lag_s"]) == (95.0, None)
    assert (said["slots"][0]["retained_bytes"], said["slots"][0]["inactive_since"]) == (
        3 * 2**30,
        "2026-01-02T00:00:00Z",
    )
    assert json.loads(render("json", [REPORT]))["replicas"] == []


def test_scrapers_get_lags_and_what_slots_keep() -> None:
    families = {each.name: each for each in text_string_to_metric_families(render("openmetrics", [KNOWN]))}
    (lag,) = families["pgdeck_replica_lag_seconds"].samples
    assert (lag.labels["replica"], lag.value) == ("replica-1", 95.0)
    (kept,) = families["pgdeck_slot_retained_bytes"].samples
    assert (kept.labels["slot"], kept.value) == ("gone", 3.0 * 2**30)


@pytest.mark.parametrize("form", ["text", "markdown", "json", "junit", "openmetrics"])
def test_hostile_names_are_data(form: str) -> None:
    said = render(form, [WEIRD])
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\x00" not in said
    if form == "openmetrics":
        assert list(text_string_to_metric_families(said))
    if form == "json":
        assert json.loads(said)["slots"][0]["name"]
