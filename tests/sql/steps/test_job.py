"""A job goes through the pipe and the journal and comes back the same, without its secrets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from profiles.model import Credentials, CredentialSource, EnvironmentClass, PoolOverride, Profile
from profiles.secret import Secret
from sql.steps.job import Job, Secrets, as_line, from_json, from_line
from sql.steps.step import IndexStands, Step
from tests.sql.steps import running

STEPS = [
    running.create(),
    running.drop(),
    running.add_check(),
    running.validate(),
    running.drop_check(),
    running.swap(),
    running.migrate("a", "b"),
    replace(
        running.create(), goal=IndexStands("public", "t", "i", True, "(a)"), undo=("x", "y"), fingerprint="f"
    ),
]
PROFILE = Profile(
    "sales",
    EnvironmentClass.PRODUCTION,
    "m",
    connection={"host": "db", "dbname": "sales"},
    direct={"port": "5433"},
    credentials=Credentials(CredentialSource.PASSFILE),
    path=Path("/etc/sales.toml"),
    pool=PoolOverride(size=3, applications=("a%", "b")),
)


def job(step: Step) -> Job:
    return Job("r1", PROFILE, step, running.OPERATOR, "hash", "app, public", "42", {"p50_ms": 3.5})


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_a_job_comes_back_the_same(step: Step) -> None:
    line = as_line(job(step), Secrets(Secret("hunter2"), {"PGSSLPASSWORD": Secret("key")}))
    found, secrets = from_line(line)
    assert found == job(step)
    assert secrets == Secrets(Secret("hunter2"), {"PGSSLPASSWORD": Secret("key")})
    assert line.count(b"\n") == 1


def test_what_is_journalled_holds_no_password() -> None:
    shape = json.dumps(job(STEPS[0]).as_json())
    assert from_json(json.loads(shape)) == job(STEPS[0])
    assert "hunter2" not in shape


def test_what_a_newer_version_added_to_a_step_is_left_out() -> None:
    shape = job(STEPS[0]).as_json()
    shape["step"]["newer"] = shape["step"]["end"]["newer"] = 1
    assert from_json(shape).step == STEPS[0]
