"""Every file of `sql/statements/` runs on every supported server, and says what it is.

Arguments are made up from the parameters' types: nothing that exists is named. A statement that needs
something else has its own line in ARGUMENTS.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from sql import statements
from sql.session import WATCH_SETTINGS
from tests.servers import ALL_MAJORS, Database

ARGUMENTS: dict[str, tuple[object, ...]] = {
    "incident_look": ("0", ""),
    "replicas_recovery": ("0/1000",),
    "replicas_slots": ("0/1000",),
    "replicas_streaming": ("0/1000",),
}
"""By statement: the arguments to run it with, where made-up ones will not do."""

MADE_UP: dict[str, object] = {
    "oid": 0,
    "int2": 0,
    "int4": 0,
    "int8": 0,
    "float8": 0.0,
    "bool": False,
    "text": "nothing_of_that_name",
    "name": "nothing_of_that_name",
    "timestamptz": datetime(2000, 1, 1, tzinfo=UTC),
    "jsonb": "[]",
    "json": "[]",
}
"""By type: a value that names nothing."""

MISREAD = {"char", "int2vector[]", "oidvector[]", "pg_lsn"}
"""Types of the catalog that asyncpg gives as bytes, lists or plain numbers."""
HEADER = re.compile(r"-- Reads: \S.*\n(--.*\n)*-- Needs: \S.*\n(--.*\n)*-- Serves: \d\d (and newer|to \d\d)")
WRITES = re.compile(
    r"\b(insert into|update \w+ set|delete from|truncate|create|alter|drop|grant|lock table|nextval|setval)\b"
)
FILES = sorted(statements.FOLDER.glob("*.sql"))


def _made_up(kind: str) -> object:
    return [MADE_UP[kind[:-2]]] if kind.endswith("[]") else MADE_UP[kind]


@pytest.mark.parametrize("name", list(statements.names()))
async def test_it_runs_and_writes_nothing(database: Database, name: str) -> None:
    connection = await database.connect(**WATCH_SETTINGS)
    try:
        number = await connection.fetchval("SELECT current_setting('server_version_num')::int")
        text = statements.statement(name, number)
        prepared = await connection.prepare(text)
        made_up = [_made_up(parameter.name) for parameter in prepared.get_parameters()]
        async with connection.transaction(readonly=True):
            await connection.fetch(text, *ARGUMENTS.get(name, made_up))
            assert await connection.fetchval("SELECT pg_current_xact_id_if_assigned()::text") is None
    finally:
        await connection.close()


@pytest.mark.hazard("APG-01")
@pytest.mark.parametrize("name", list(statements.names()))
async def test_no_column_has_a_type_that_the_driver_reads_as_something_else(
    newest: Database, name: str
) -> None:
    connection = await newest.connect(**WATCH_SETTINGS)
    try:
        prepared = await connection.prepare(statements.statement(name, 180000))
        kinds = {column.name: column.type.name for column in prepared.get_attributes()}
    finally:
        await connection.close()
    assert not {name: kind for name, kind in kinds.items() if kind in MISREAD}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_its_header_says_what_it_reads_needs_and_serves(path: object) -> None:
    text = path.read_text()  # type: ignore[attr-defined]
    assert HEADER.match(text), "start with -- Reads: …, -- Needs: …, -- Serves: 13 and newer"
    code = re.sub(r"--.*|'[^']*'", "", text).lower()
    assert not WRITES.search(code)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_some_supported_server_gets_it(path: object) -> None:
    name = re.sub(r"(_\d{6})?\.sql$", "", path.name)  # type: ignore[attr-defined]
    text = path.read_text()  # type: ignore[attr-defined]
    assert text in {statements.statement(name, major * 10000) for major in ALL_MAJORS}


def test_a_version_variant_serves_that_version_and_newer() -> None:
    assert statements.statement("indexes", 150000) != statements.statement("indexes", 160000)
    assert statements.statement("indexes", 160000) == statements.statement("indexes", 180006)


def test_an_unknown_statement_is_said_to_be_unknown() -> None:
    with pytest.raises(LookupError, match="nothing"):
        statements.statement("nothing", 180000)
