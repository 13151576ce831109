"""A profile's file: every key read, every mistake named with its line, and nothing lost when it is saved."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from profiles import profile_file
from profiles.errors import ConfigurationError
from profiles.model import CredentialSource, EnvironmentClass, Guard, Profile

EVERYTHING = """\
environment = "production"
manifest = "enterprise-demo"

[connection]
host = "db.example.com"
port = 5432
database = "sales"
user = "oncall"
sslmode = "verify-full"
options = "-c work_mem=4MB"

[direct]
port = 5433

[credentials]
source = "command"
command = ["pass", "show", "sales db"]

[guard]
steps = "confirm-name"

[pool]
size = 20
max_overflow = 0
timeout_s = 1.5
applications = ["sales-api%"]
pgbouncer = "host=127.0.0.1 port=6432 user=stats"

[[replica]]
host = "replica-1.example.com"

[[replica]]
host = "replica-2.example.com"
port = 5434
"""
LEAST = 'environment = "staging"\nmanifest = "m"\n'


def read(tmp_path: Path, text: str) -> Profile:
    path = tmp_path / "sales.toml"
    path.write_text(text)
    return profile_file.read(path, "sales")


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        read(tmp_path, text)
    return [problem.sentence().replace(f"{tmp_path}/", "") for problem in wrong.value.problems]


def test_every_key_is_read(tmp_path: Path) -> None:
    profile = read(tmp_path, EVERYTHING)
    assert profile.name == "sales"
    assert profile.environment is EnvironmentClass.PRODUCTION
    assert profile.manifest == "enterprise-demo"
    assert profile.connection["dbname"] == "sales"
    assert profile.connection["port"] == "5432"
    assert profile.direct == {"port": "5433"}
    assert profile.credentials is not None
    assert profile.credentials.source is CredentialSource.COMMAND
    assert profile.credentials.command == ("pass", "show", "sales db")
    assert profile.guard is Guard.CONFIRM_NAME
    assert (profile.pool.size, profile.pool.max_overflow, profile.pool.timeout_s) == (20, 0, 1.5)
    assert profile.pool.applications == ("sales-api%",)
    assert [replica["host"] for replica in profile.replicas] == [
        "replica-1.example.com",
        "replica-2.example.com",
    ]
    assert profile.path == tmp_path / "sales.toml"


def test_saving_loses_no_key(tmp_path: Path) -> None:
    profile = read(tmp_path, EVERYTHING)
    again = tmp_path / "again.toml"
    profile_file.write(again, profile)
    assert tomllib.loads(again.read_text()) == tomllib.loads(EVERYTHING)
    assert profile_file.read(again, "sales") == replace(profile, path=again)
    assert again.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("environment", "guard"),
    [("development", Guard.CONFIRM), ("staging", Guard.CONFIRM), ("production", Guard.CONFIRM_NAME)],
)
def test_the_class_sets_the_guard(tmp_path: Path, environment: str, guard: Guard) -> None:
    profile = read(tmp_path, f'environment = "{environment}"\nmanifest = "m"\n')
    assert profile.guard is guard
    assert "guard" not in profile_file.as_toml(profile)


def test_dbname_is_a_synonym_of_database(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST + '[connection]\ndbname = "a"\n').connection == {"dbname": "a"}
    both = problems(tmp_path, LEAST + '[connection]\ndbname = "a"\ndatabase = "b"\n')
    assert both == ["sales.toml:5: connection.database: database and dbname are the same; keep one of them"]


def test_all_mistakes_are_named_at_once_each_with_its_line(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        'environment = "prod"\ncolour = "red"\n\n[connection]\nport = 70000\nhots = "h"\nsslmode = "strict"\n'
        '[credentials]\nsource = "vault"\n[guard]\nsteps = 3\nmore = 1\n[pool]\nsize = 0\ntimeout_s = "x"\n'
        "[[replica]]\nport = 1.5\n",
    )
    assert [sentence.split(";")[0] for sentence in found] == [
        "sales.toml:2: colour: this key is not known",
        'sales.toml:1: environment: "prod" is not known',
        "sales.toml: manifest: is missing",
        'sales.toml:5: connection.port: "70000" is not a port',
        "sales.toml:6: connection.hots: is no libpq parameter",
        'sales.toml:7: connection.sslmode: "strict" is not known',
        'sales.toml:9: credentials.source: "vault" is not known',
        "sales.toml:12: guard.more: this key is not known",
        "sales.toml:11: guard.steps: must be a text",
        "sales.toml:14: pool.size: must be a whole number, greater than 0",
        "sales.toml:15: pool.timeout_s: must be a number of seconds, 0 or more",
        "sales.toml:17: replica[1].port: must be a text or a whole number",
    ]
    assert all("; " in sentence for sentence in found)


def test_a_time_limit_beyond_what_a_server_takes_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, f"{LEAST}[pool]\nquery_timeout_s = 2147484\n")
    assert len(found) == 1
    assert "pool.query_timeout_s: must be a number of seconds, 0 or more, at most 2000000; write" in found[0]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[connection]\npassword = "hunter2"', "connection.password"),
        ('[connection]\nsslpassword = "hunter2"', "connection.sslpassword"),
        ('[connection]\ndatabase = "postgresql://u:hunter2@h/db"', "connection.database"),
        ('[connection]\ndatabase = "host=h password=hunter2"', "connection.database"),
        ('[direct]\npassword = "hunter2"', "direct.password"),
        ('[credentials]\nsource = "prompt"\npassword = "hunter2"', "credentials.password"),
        ('[pool]\npgbouncer = "host=h password=hunter2"', "pool.pgbouncer"),
        ("[pool]\npgbouncer = \"host=h password = 'hunter2 x'\"", "pool.pgbouncer"),
        ('[pool]\npgbouncer = "postgres://u:hunter2@h:6432/pgbouncer"', "pool.pgbouncer"),
        ('[pool]\npgbouncer = "postgres://h/pgbouncer?password=hunter2"', "pool.pgbouncer"),
        ('[[replica]]\npassword = "hunter2"', "replica[1].password"),
        ('password = "hunter2"', "password"),
    ],
)
def test_a_password_is_refused_wherever_it_stands_and_not_repeated(
    tmp_path: Path, text: str, key: str
) -> None:
    before = "" if text.startswith("[") else text
    after = text if text.startswith("[") else ""
    found = problems(tmp_path, f"{before}\n{LEAST}{after}\n")
    assert len(found) == 1
    assert f": {key}: " in found[0]
    assert "set-password" in found[0]
    assert "hunter2" not in found[0]


@pytest.mark.parametrize(
    ("parameter", "why"),
    [
        ('require_auth = "scram-sha-256"', "cannot be enforced here"),
        ('channel_binding = "require"', "cannot be enforced here"),
        ('requirepeer = "postgres"', "cannot be enforced here"),
        ('gssencmode = "require"', "no GSSAPI encryption"),
        ('replication = "database"', "replication connection"),
    ],
)
def test_what_cannot_be_honoured_is_refused_not_dropped(tmp_path: Path, parameter: str, why: str) -> None:
    assert why in problems(tmp_path, f"{LEAST}[connection]\n{parameter}\n")[0]


def test_what_weakens_nothing_is_accepted(tmp_path: Path) -> None:
    text = 'channel_binding = "prefer"\ngssencmode = "disable"\nkeepalives = 1\nclient_encoding = "latin1"\n'
    assert len(read(tmp_path, f"{LEAST}[connection]\n{text}").connection) == 4


def test_sources_need_what_they_read(tmp_path: Path) -> None:
    assert "needs variable" in problems(tmp_path, LEAST + '[credentials]\nsource = "environment"\n')[0]
    assert "needs command" in problems(tmp_path, LEAST + '[credentials]\nsource = "command"\n')[0]
    shell = problems(tmp_path, LEAST + '[credentials]\nsource = "command"\ncommand = "pass show"\n')
    assert "must be a list of texts" in shell[0]


def test_tables_must_be_tables(tmp_path: Path) -> None:
    assert "must be a table" in problems(tmp_path, LEAST + "connection = 3\n")[0]
    assert "must be tables" in problems(tmp_path, LEAST + 'replica = ["host=x"]\n')[0]
