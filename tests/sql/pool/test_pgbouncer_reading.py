"""What PgBouncer's rows mean, in every version's columns; without a server."""

from __future__ import annotations

from typing import Any

import pytest

from sql.findings import PoolFinding
from sql.pool.pgbouncer_crowd import Socket, applications
from sql.pool.pgbouncer_reading import (
    PgbouncerPool,
    PgbouncerReading,
    Row,
    pools_of,
    sentence,
    traffic_of,
    with_pgbouncer,
)
from sql.snapshots import PoolReading

OLD_POOL: Row = {
    "database": "sales",
    "user": "api",
    "cl_active": "30",
    "cl_waiting": "12",
    "cl_cancel_req": "0",
    "sv_active": "20",
    "sv_idle": "0",
    "sv_used": "0",
    "sv_tested": "0",
    "sv_login": "0",
    "maxwait": "3",
    "maxwait_us": "250000",
    "pool_mode": "transaction",
}
"""1.17: everything is text, as psql and the simple protocol give it."""
NEW_POOL: Row = {
    **{key: value for key, value in OLD_POOL.items() if key != "cl_cancel_req"},
    "cl_active_cancel_req": 0,
    "cl_waiting_cancel_req": 0,
    "sv_active": 18,
    "sv_active_cancel": 0,
    "sv_being_canceled": 2,
    "load_balance_hosts": None,
}
"""1.24: two servers wait for the end of a cancel request, which nobody can have either."""
OLD_DATABASE: Row = {
    "name": "sales",
    "pool_size": "20",
    "reserve_pool": "5",
    "pool_mode": None,
    "max_connections": "0",
    "current_connections": "20",
    "paused": "0",
    "disabled": "0",
}
NEW_DATABASE: Row = {
    "name": "sales",
    "pool_size": 20,
    "min_pool_size": 0,
    "reserve_pool_size": 5,
    "server_lifetime": 3600,
    "pool_mode": None,
    "load_balance_hosts": None,
    "max_connections": 0,
    "current_connections": 20,
    "max_client_connections": 0,
    "current_client_connections": 42,
    "paused": 0,
    "disabled": 0,
}
CONSOLE = {**OLD_POOL, "database": "pgbouncer", "user": "pgbouncer"}


def pool(**said: Any) -> PgbouncerPool:
    known: dict[str, Any] = {
        "database": "sales", "user": "api", "cl_active": 5, "cl_waiting": 0, "maxwait_s": 0.0,
        "sv_active": 3, "sv_busy": 3, "sv_idle": 2, "pool_size": 20,
    }  # fmt: skip
    return PgbouncerPool(**{**known, **said})


@pytest.mark.hazard("PGB-06")
@pytest.mark.parametrize(
    ("row", "database"), [(OLD_POOL, OLD_DATABASE), (NEW_POOL, NEW_DATABASE)], ids=["1.17", "1.24"]
)
def test_columns_of_every_version_give_the_same_pool(row: Row, database: Row) -> None:
    (found,) = pools_of([CONSOLE, row], [database])
    assert found.name == "sales/api"
    assert (found.cl_waiting, found.maxwait_s, found.pool_size, found.reserve) == (12, 3.25, 20, 5)
    assert found.sv_busy == 20
    assert found.is_saturated
    assert found.finding is PoolFinding.FULL


def test_a_pool_whose_database_is_not_listed_has_no_size_and_still_counts_who_waits() -> None:
    (found,) = pools_of([OLD_POOL], [])
    assert (found.pool_size, found.cl_waiting, found.is_saturated) == (None, 12, False)
    assert found.finding is PoolFinding.FULL
    assert sentence(found) == (
        "sales/api: 12 clients wait, the longest 3 s; a limit of the user, or a server that lets nobody in,"
        " 20 server connections in use"
    )


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ({}, PoolFinding.OK),
        ({"sv_active": 16, "sv_busy": 16}, PoolFinding.TIGHT),
        ({"sv_active": 20, "sv_busy": 20}, PoolFinding.TIGHT),
        ({"sv_active": 20, "sv_busy": 20, "cl_waiting": 1, "maxwait_s": 0.02}, PoolFinding.TIGHT),
        ({"sv_active": 20, "sv_busy": 20, "cl_waiting": 1, "maxwait_s": 0.2}, PoolFinding.FULL),
        ({"cl_waiting": 3, "maxwait_s": 0.5}, PoolFinding.TIGHT),
        ({"cl_waiting": 3, "maxwait_s": 1.5}, PoolFinding.FULL),
    ],
)
def test_full_is_what_clients_feel(said: dict[str, Any], finding: PoolFinding) -> None:
    assert pool(**said).finding is finding


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"cl_waiting": 12, "maxwait_s": 3.2, "sv_active": 20, "sv_busy": 20},
            "sales/api is saturated: 12 clients wait, the longest 3 s; pool_size 20 of 20 in use",
        ),
        (
            {"cl_waiting": 1, "maxwait_s": 0.25, "paused": True},
            "sales/api: 1 client waits, the longest 0.2 s; the database is paused (RESUME lets it go on),"
            " pool_size 20: 3 in use",
        ),
        (
            {"cl_waiting": 2, "max_connections": 8, "connections": 8},
            "sales/api: 2 clients wait, the longest 0.0 s; max_db_connections 8 of 8 in use,"
            " pool_size 20: 3 in use",
        ),
        (
            {"cl_waiting": 2, "sv_login": 2},
            "sales/api: 2 clients wait, the longest 0.0 s; server connections are being opened,"
            " pool_size 20: 3 in use",
        ),
        (
            {"cl_waiting": 2, "sv_active": 0, "sv_busy": 0, "sv_idle": 0},
            "sales/api: 2 clients wait, the longest 0.0 s; no server connection can be had,"
            " pool_size 20: 0 in use",
        ),
    ],
)
def test_why_they_wait_is_said(said: dict[str, Any], words: str) -> None:
    assert sentence(pool(**said)) == words


def test_the_limit_of_clients_counts_too() -> None:
    reading = PgbouncerReading(pools=(pool(cl_active=85),), max_clients=100)
    assert reading.finding is PoolFinding.TIGHT
    assert reading.sentences == ("85 of 100 client connections (max_client_conn) are in use",)
    assert PgbouncerReading(pools=(pool(cl_active=100),), max_clients=100).finding is PoolFinding.FULL


def test_the_pool_is_as_full_as_the_fuller_of_the_two() -> None:
    servers = PoolReading(PoolFinding.TIGHT, 100, 3, 80, {}, (), detail="80 of 97")
    full = PgbouncerReading(
        pools=(pool(cl_waiting=1, maxwait_s=2.0, sv_active=20, sv_busy=20),), waiting_by=(("web", 1),)
    )
    joined = with_pgbouncer(servers, full)
    assert joined.finding is PoolFinding.FULL
    assert joined.detail == "80 of 97"
    assert with_pgbouncer(servers, PgbouncerReading(pools=(pool(),))).finding is PoolFinding.TIGHT
    assert with_pgbouncer(servers, None) == servers


def test_what_is_unknown_of_it_takes_nothing_from_what_is_known_of_the_server() -> None:
    servers = PoolReading(PoolFinding.FULL, 100, 3, 97, {}, ())
    joined = with_pgbouncer(servers, PgbouncerReading(unknown="no console"))
    assert joined.finding is PoolFinding.FULL
    assert joined.pgbouncer is not None and joined.pgbouncer.finding is PoolFinding.UNREADABLE


def test_who_waits_and_who_holds_is_counted_by_application() -> None:
    sockets = {
        Socket("web", "sales", "api", "waiting"): 2,
        Socket("web", "sales", "other", "waiting"): 1,
        # 1.7 had no such column.
        Socket("", "sales", "api", "waiting"): 1,
        Socket("report", "sales", "api", "active"): 1,
        Socket("console", "pgbouncer", "stats", "waiting"): 1,
    }
    assert applications(sockets, "waiting") == (("web", 3), ("", 1))


def test_traffic_is_what_was_added_and_nothing_where_pgbouncer_was_restarted() -> None:
    before = {
        "database": "sales", "total_xact_count": "10", "total_query_count": "20",
        "total_query_time": "1000", "total_wait_time": "0",
    }  # fmt: skip
    now = {**before, "total_xact_count": "30", "total_query_count": "60", "total_query_time": "81000"}
    (found,) = traffic_of([before], [now], 2.0)
    assert (found.transactions_per_s, found.query_ms, found.wait_ms) == (10.0, 2.0, 0.0)
    assert traffic_of([now], [before], 2.0) == ()
    assert traffic_of([], [now], 2.0) == ()
    (still,) = traffic_of([now], [now], 2.0)
    assert (still.transactions_per_s, still.query_ms, still.wait_ms) == (0.0, None, None)
