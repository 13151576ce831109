"""Slow runs and why they were slow, in every format that says it."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.tui import incidents
from tests.tui.reports.made import HOSTILE, REPORT
from tui.reports import json_report, markdown_report, text_report

SLOW = replace(REPORT, incidents=(incidents.UNSEEN, incidents.LOCK))


def test_json_has_every_incident_with_its_evidence() -> None:
    unseen, lock = json.loads(json_report.render([SLOW]))["incidents"]
    assert (unseen["cause"], unseen["count"], unseen["looked_into"]) == ("nothing_seen", 3, 0)
    assert lock["at"] == "2026-11-22T20:00:00.000Z"
    assert lock["sentence"] == incidents.LOCK.sentence
    assert [each["pid"] for each in lock["evidence"]["lock"]["blockers"]] == [4242, 77]
    assert lock["evidence"]["shares"][0] == {
        "doing": "Lock/relation",
        "cause": "lock",
        "looks": 11,
        "ms": 780.0,
    }


def test_json_without_any_has_an_empty_list() -> None:
    assert json.loads(json_report.render([REPORT]))["incidents"] == []


def test_text_and_markdown_say_the_sentences() -> None:
    text = " ".join(text_report.render([SLOW]).split())
    assert f"Slow runs - {incidents.UNSEEN.sentence} - {incidents.LOCK.sentence}" in text
    markdown = markdown_report.render([SLOW])
    assert "## What was slow, and why" in markdown
    assert "behind pid 4242, ALTER TABLE leads" in markdown
    for render in (text_report.render, markdown_report.render):
        assert "slow" not in render([REPORT]).replace("slower", "").lower()


def test_the_slowest_are_shown_and_the_others_counted() -> None:
    many = tuple(replace(incidents.LOCK, ms=float(ms)) for ms in range(100, 120))
    text = text_report.render([replace(REPORT, incidents=many)])
    assert "lead_dashboard 119 ms" in text
    assert "lead_dashboard 111 ms" not in text
    assert "and 12 more; --report-format json has them all" in text


def test_hostile_names_stay_on_their_lines() -> None:
    evil = replace(REPORT, incidents=(incidents.hostile(HOSTILE),))
    for render in (text_report.render, markdown_report.render, json_report.render):
        assert "\x1b" not in render([evil])
        assert "\u202e" not in render([evil])
