"""The settings that a step runs under: set for the session, then read back before anything starts.

ALTER ROLE … SET and ALTER DATABASE … SET reach every session unseen; each setting here is one that would
break a build, change its meaning, or leave an invalid index behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import asyncpg

from sql.statements import statement
from sql.steps.step import Step, Verb

SLOW_VERBS = frozenset({Verb.CREATE_INDEX, Verb.DROP_INDEX, Verb.VALIDATE_CONSTRAINT, Verb.ANALYZE})
"""They may run for hours, each statement on its own, outside of a transaction block."""
CONCURRENT_VERBS = frozenset({Verb.CREATE_INDEX, Verb.DROP_INDEX})
"""Stopped half-way they leave an index that is not usable."""
SINCE: Mapping[str, int] = {
    "idle_session_timeout": 140000,
    "client_connection_check_interval": 140000,
    "transaction_timeout": 170000,
}
"""server_version_num of the first server that knows the setting."""
KEEPALIVES: Mapping[str, str] = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}
"""In s; without effect, and read back as 0, on a Unix socket."""
ABANDONED_TRANSACTION = "10s"
"""A transaction of ours that nobody drives any more gives its locks back after that long."""
COMMIT_TO_DISK = """
    SELECT set_config('synchronous_commit', 'local', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""
"""A crash would take what was journalled as done; how far replicas must be stays the server's affair."""
_DURATION = re.compile(r"(\d+)\s*(ms|s|min|h)?")
_IN_MS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}


class WrongSettings(Exception):
    """The session does not have the settings that it was given: a sentence."""


def run_settings(step: Step, search_path: str, version_num: int, run: str) -> dict[str, str]:
    """What the session must have, by setting; durations in ms without a unit."""
    slow = step.verb in SLOW_VERBS
    wanted = {
        "application_name": f"pgdeck run {run}",
        "search_path": search_path,
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0" if slow else ABANDONED_TRANSACTION,
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
        "client_connection_check_interval": "0",
        "default_transaction_read_only": "off",
        "default_transaction_isolation": "read committed",
        # A notice to a client that is gone ends a build; elsewhere it says that the server cut a name.
        "client_min_messages": "warning" if slow else "notice",
        "TimeZone": "UTC",
        "DateStyle": "ISO, MDY",
        "IntervalStyle": "postgres",
        "standard_conforming_strings": "on",
        "default_tablespace": "",
        **step.timeouts,
    }
    known = {name: value for name, value in wanted.items() if version_num >= SINCE.get(name, 0)}
    return {name: _plain(name, value) for name, value in known.items()}


async def apply(connection: asyncpg.Connection, settings: Mapping[str, str]) -> dict[str, str]:
    """Set them for the session and read them back from pg_settings.

    Returns:
        What pg_settings says, by setting.

    Raises:
        WrongSettings: the server refused one, or says something else than it was told.
    """
    wanted = {**KEEPALIVES, **settings}
    for name, value in wanted.items():
        try:
            await connection.fetchval("SELECT set_config($1, $2, false)", name, value)
        except asyncpg.PostgresError as error:
            raise WrongSettings(f"the server refuses {name} = {value} ({error.args[0]})") from None
    await connection.fetchval(COMMIT_TO_DISK)
    rows = await connection.fetch(statement("run_settings", 130000), list(settings))
    found = {row["name"]: row["setting"] for row in rows}
    for name, value in settings.items():
        if found.get(name) != value:
            raise WrongSettings(f"{name} was set to {value!r} and reads {found.get(name)!r}")
    return found


def in_ms(duration: str) -> int:
    """`3s` as 3000; a number without a unit is in ms.

    Raises:
        ValueError: it is no duration.
    """
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        raise ValueError(f"{duration!r} is no duration")
    return int(match[1]) * _IN_MS[match[2] or "ms"]


def _plain(name: str, value: str) -> str:
    is_duration = name.endswith(("timeout", "interval"))
    return str(in_ms(value)) if is_duration else value
