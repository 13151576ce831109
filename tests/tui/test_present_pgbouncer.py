"""PgBouncer's pools in words, for the pane, the pool screen and the reports."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sql.pool.pgbouncer_reading import PgbouncerPool, PgbouncerReading, PoolerTraffic, with_pgbouncer
from tests.tui import samples
from tests.tui.reports.made import REPORT
from tui.present.details import pool_details
from tui.present.pgbouncer import pane_lines, screen_lines, trouble
from tui.present.view import Line, line_width
from tui.reports import render

CALM = PgbouncerPool("sales", "api", 9, 0, 0.0, 3, 2, sv_busy=3, pool_size=20, pool_mode="transaction")
FULL = replace(CALM, user="report", cl_waiting=12, maxwait_s=3.4, sv_active=20, sv_busy=20, sv_idle=0)
READING = PgbouncerReading(
    "1.18.0",
    (CALM, FULL),
    100,
    (("web", 12),),
    (("report", 20),),
    (PoolerTraffic("sales", 120.4, 1.234, 0.0),),
)
UNKNOWN = PgbouncerReading(unknown="not allowed", remedy="name the user in stats_users")


def texts(lines: tuple[Line, ...]) -> list[str]:
    return ["".join(text for text, _ in spans) for spans in lines]


def test_the_pane_shows_the_fullest_pool_first_and_says_that_clients_wait() -> None:
    first, second = texts(pane_lines(READING))
    assert first == "✗ PgBouncer saturated: 12 clients wait, the longest 3 s; 20 of 20 in use sales/report"
    assert second.startswith("✓ ") and second.endswith("PgBouncer sales/api")


def test_many_pools_are_counted() -> None:
    many = PgbouncerReading(pools=tuple(replace(CALM, user=f"u{n}") for n in range(9)))
    assert texts(pane_lines(many))[-1] == "… and 7 more pools of PgBouncer"


def test_nothing_named_nothing_said_and_unknown_is_said_with_what_mends_it() -> None:
    assert pane_lines(None) == screen_lines(None, 100) == ()
    assert texts(pane_lines(UNKNOWN)) == ["? PgBouncer is unknown: not allowed; name the user in stats_users"]
    assert trouble(UNKNOWN) == trouble(None) == trouble(PgbouncerReading(pools=(CALM,))) == ""
    assert trouble(READING).startswith("PgBouncer: sales/report is saturated")
    assert "to mend it: name the user" in "\n".join(texts(screen_lines(UNKNOWN, 100)))


@pytest.mark.parametrize("width", [78, 118])
def test_the_pool_screen_has_every_pool_within_its_width(width: int) -> None:
    lines = screen_lines(READING, width)
    assert all(line_width(each) <= width for each in lines)
    said = texts(lines)
    assert "PgBouncer 1.18.0" in said[0] and "30 of 100 clients" in said[0]
    assert [each for each in said if "sales/report" in each and "✗" in each]
    assert any("waiting: web (12)" in each for each in said)
    assert any("held by: report (20)" in each for each in said)


def test_a_hostile_name_is_data() -> None:
    hostile = PgbouncerReading(pools=(replace(FULL, database="[/b]\x1b", user="a\nb"),))
    for each in (*texts(pane_lines(hostile)), *texts(screen_lines(hostile, 80))):
        assert each.isprintable()


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_reports_say_each_pool(form: str) -> None:
    assert REPORT.pool is not None
    said = render(form, [replace(REPORT, pool=with_pgbouncer(REPORT.pool, READING))])
    flat = " ".join(said.replace("\\", "").split())
    assert "PgBouncer (transaction) sales/report is saturated: 12 clients wait, the longest 3 s" in flat
    unknown = render(form, [replace(REPORT, pool=with_pgbouncer(REPORT.pool, UNKNOWN))])
    assert "PgBouncer is unknown: not allowed" in unknown


def test_the_json_report_has_the_pools_by_name() -> None:
    import json

    assert REPORT.pool is not None
    said = json.loads(render("json", [replace(REPORT, pool=with_pgbouncer(REPORT.pool, READING))]))
    pools = said["pool"]["pgbouncer"]
    promised = {"cl_active", "cl_waiting", "maxwait_s", "sv_active", "sv_idle", "pool_size"}
    assert pools["sales/report"].keys() >= promised
    assert (pools["sales/report"]["cl_waiting"], pools["sales/report"]["finding"]) == (12, "full")
    unknown = json.loads(render("json", [replace(REPORT, pool=with_pgbouncer(REPORT.pool, UNKNOWN))]))
    assert unknown["pool"]["pgbouncer"] is None


def test_openmetrics_counts_who_waits() -> None:
    assert REPORT.pool is not None
    said = render("openmetrics", [replace(REPORT, pool=with_pgbouncer(REPORT.pool, READING))])
    (waiting,) = [
        each
        for each in said.splitlines()
        if each.startswith("pgdeck_pgbouncer_waiting{") and "report" in each
    ]
    assert waiting.endswith(" 12")


def test_the_details_of_the_pool_say_it_too() -> None:
    joined = with_pgbouncer(samples.POOL.pool, READING)
    assert any("sales/report is saturated" in each for each in texts(pool_details(joined, "", 100)))
