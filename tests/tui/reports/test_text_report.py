"""The text report."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

from sql.findings import Scope, Verdict
from sql.snapshots import Pooler
from tests.tui.reports.made import REPORT, hostile, out_of_reach
from tui.reports import render


def test_the_verdict_comes_first_with_where_and_when() -> None:
    first, second, third, *_ = render("text", [REPORT]).splitlines()
    assert first == "✗ NOT READY · demo-production (production)"
    assert second == "  sales at db:5432, PostgreSQL 18.6, primary · manifest enterprise-demo"
    assert third == "  2026-01-19 09:30:00 UTC"


def test_it_says_why_what_was_found_and_what_to_do() -> None:
    text = render("text", [REPORT])
    assert "  - critical index idx_leads_status_score is missing\n" in text
    assert "  ✗ missing   critical  idx_leads_status_score  leads      –      –\n" in text
    assert "  ✗ not validated  leads.ck_score         3  verified\n" in text
    assert "  ✗ missed  lead_dashboard  61.2/25  180.4/35  1099/50      200  Seq Scan\n" in text
    assert "✗ behind: 004; expected 005" in text
    assert "probes: permission denied" in text
    assert "GRANT SELECT ON leads TO oncall" in text
    assert "pgdeck verify -e demo-production --save-fix-script fix.sql" in text.replace("\n    ", " ")


def test_objects_only_says_that_latency_was_not_measured() -> None:
    text = render("text", [replace(REPORT, scope=Scope.OBJECTS, verdict=Verdict.READY)])
    assert text.startswith("✓ ENTERPRISE READY (objects only: latency not measured) · ")


def test_no_line_is_wider_than_a_hundred_columns_and_nothing_hostile_gets_through() -> None:
    long_names = replace(REPORT.indexes[0], name="i" * 63, table=f"public.{'t' * 63}")
    for report in (REPORT, hostile(), out_of_reach(), replace(REPORT, indexes=(long_names,) * 2)):
        text = render("text", [report])
        assert max(map(len, text.splitlines())) <= 100
        unseen = {each for each in text if unicodedata.category(each) in ("Cc", "Cf", "Cs")}
        assert unseen == {"\n"}


def test_a_standby_and_a_pooler_are_no_place_for_the_script() -> None:
    assert REPORT.server is not None
    standby = replace(REPORT, server=replace(REPORT.server, in_recovery=True))
    assert "on the primary (this is a standby)" in render("text", [standby])
    pooled = replace(REPORT, server=replace(REPORT.server, pooler=Pooler("transaction", "pids differ")))
    assert "on a direct connection (this is a pooler)" in render("text", [pooled])


def test_a_server_out_of_reach_is_unknown_and_names_the_test() -> None:
    text = render("text", [out_of_reach()])
    assert text.startswith("? UNKNOWN · gone (staging)\n  server out of reach")
    assert "pgdeck profile test gone" in text


def test_who_keeps_the_others_waiting_is_named() -> None:
    assert REPORT.pool is not None
    root = "pid 7 sales\u202eapi (idle in transaction)"
    pool = replace(REPORT.pool, waiting_on_locks=40, root_blocker=root)
    text = render("text", [replace(REPORT, pool=pool)])
    assert "this database: 40 waiting on locks behind pid 7 sales" in text
    assert "\u202e" not in text
