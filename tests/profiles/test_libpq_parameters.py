"""No parameter of libpq is dropped without a word."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import fields

import pytest

from profiles.libpq import Target, resolve
from profiles.libpq_parameters import (
    CHOICES,
    REFUSED,
    REFUSED_VALUES,
    SECRETS,
    VARIABLES,
    WITHOUT_EFFECT,
    wrong_value,
)

ELSEWHERE = {
    "service",
    "servicefile",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "sslcertmode",
    "load_balance_hosts",
}
"""Honoured while resolving, under another name or none in the target."""


def test_every_keyword_is_honoured_refused_secret_or_said_to_be_without_effect() -> None:
    honoured = {field.name for field in fields(Target)} | ELSEWHERE
    refused = REFUSED.keys() | {keyword for keyword, _ in REFUSED_VALUES}
    assert VARIABLES.keys() - honoured - refused - SECRETS == WITHOUT_EFFECT
    assert not WITHOUT_EFFECT & honoured


@pytest.mark.parametrize("keyword", sorted(CHOICES))
def test_choices_are_closed(keyword: str) -> None:
    assert wrong_value(keyword, "nonsense") is not None
    accepted = [value for value in CHOICES[keyword] if wrong_value(keyword, value) is None]
    assert accepted


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "1,x", "1.5", "１"])
def test_wrong_ports(port: str) -> None:
    assert wrong_value("port", port) is not None


@pytest.mark.parametrize("port", ["1", "65535", "5432,5433", "5432,", " 5432 "])
def test_right_ports(port: str) -> None:
    assert wrong_value("port", port) is None


def test_the_keywords_are_those_of_the_libpq_that_is_here() -> None:
    """psql refuses a keyword that its libpq does not know; ours may know more, as libpq grows."""
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("no psql here; get it with: apt-get install postgresql-client")
    version = subprocess.run([psql, "--version"], capture_output=True, text=True, check=True).stdout
    unknown = [keyword for keyword in VARIABLES if b"invalid connection option" in _complaint(psql, keyword)]
    newer = {
        "servicefile", "sslcertmode", "sslkeylogfile", "require_auth",
        "min_protocol_version", "max_protocol_version",
        "load_balance_hosts", "scram_client_key", "scram_server_key", "sslnegotiation", "gssdelegation",
        "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope",
    }  # fmt: skip
    assert set(unknown) <= newer, version


def _complaint(psql: str, keyword: str) -> bytes:
    return subprocess.run([psql, f"host=/nowhere {keyword}=1"], capture_output=True, check=False).stderr


def test_a_target_says_nothing_secret() -> None:
    target = resolve({"host": "h"}, {"HOME": "/nowhere", "PGPASSWORD": "hunter2"})
    assert "hunter2" not in repr(target)
