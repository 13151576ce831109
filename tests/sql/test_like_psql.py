"""The same words lead psql and pgdeck to the same place."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from profiles import vault
from profiles.conninfo import compose
from profiles.model import EnvironmentClass, Profile
from sql.connect import open_link
from tests.servers import Database

PSQL = shutil.which("psql")
pytestmark = pytest.mark.skipif(
    PSQL is None, reason="no psql here; get it with: apt-get install postgresql-client"
)
WHERE = "SELECT current_user || '@' || current_database() || ' ' || current_setting('work_mem')"
SERVICES = """\
[here]
host={host}
port={port}
dbname={dbname}
user=postgres
[elsewhere]
host=/nowhere
port=1
dbname=postgres
user=postgres
[half]
dbname={dbname}
options=-c work_mem=9MB
"""


SOCKET = {"host": "{host}", "port": "{port}"}
BY_VARIABLE = {"PGHOST": "{host}", "PGPORT": "{port}"}
AS_POSTGRES = {"user": "postgres"}
CASES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "all said": ({**SOCKET, **AS_POSTGRES, "dbname": "{dbname}"}, {}),
    "all variables": ({}, {**BY_VARIABLE, "PGDATABASE": "{dbname}", "PGUSER": "postgres"}),
    "database as the user": (AS_POSTGRES, BY_VARIABLE),
    "service before variable": ({"service": "here"}, {"PGUSER": "nobody", "PGDATABASE": "nothing"}),
    "said before service": ({"service": "here", "dbname": "postgres"}, {}),
    "service by variable": ({}, {"PGSERVICE": "here"}),
    "said service": ({"service": "here"}, {"PGSERVICE": "elsewhere"}),
    "half a service": ({"service": "half"}, {**BY_VARIABLE, "PGUSER": "postgres"}),
    "second host": ({"host": "/nowhere,{host}", "port": "1,{port}", **AS_POSTGRES}, {}),
    "options": ({**SOCKET, **AS_POSTGRES}, {"PGOPTIONS": "-c work_mem=7MB"}),
}


@pytest.mark.parametrize(("said", "variables"), CASES.values(), ids=CASES.keys())
async def test_the_same_words_lead_to_the_same_place(
    newest: Database,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    variables: dict[str, str],
) -> None:
    place = newest.parameters()
    (own_home / ".pg_service.conf").write_text(SERVICES.format(**place))
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(**place))
    parameters = {key: value.format(**place) for key, value in said.items()}
    assert PSQL is not None
    process = await asyncio.create_subprocess_exec(
        PSQL, "-XAtw", "-c", WHERE, "-d", compose(parameters),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    told, complaint = await process.communicate()
    assert process.returncode == 0, complaint
    profile = Profile("same", EnvironmentClass.STAGING, "m", parameters)
    link = await open_link(profile, vault.password_for(profile))
    assert await link.connection.fetchval(WHERE) == told.decode().strip()
    await link.connection.close()
