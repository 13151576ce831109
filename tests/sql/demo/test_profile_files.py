"""The demo's profiles are written, renewed when the demo moves, and never replace one of the user's."""

from __future__ import annotations

import pytest

from profiles import manifest_file, store
from profiles.errors import ConfigurationError
from profiles.locations import locations
from profiles.model import EnvironmentClass, Guard, Profile
from sql.demo.faults import DATABASES
from sql.demo.profile_files import write_profiles

HERE = {"host": "/var/cache/pgdeck/demo/server/socket", "port": "5432", "user": "oncall"}
MOVED = {**HERE, "host": "/tmp/elsewhere/server/socket"}


def test_all_four_load_with_their_class_and_manifest() -> None:
    assert write_profiles(HERE) == []
    assert store.names() == sorted(DATABASES)
    production = store.load("demo-production")
    assert production.environment is EnvironmentClass.PRODUCTION
    assert production.guard is Guard.CONFIRM_NAME
    assert dict(production.connection) == {**HERE, "dbname": "demo_production"}
    for name in DATABASES:
        manifest_file.load(store.load(name).manifest)


def test_a_demo_that_moved_renews_its_profiles() -> None:
    write_profiles(HERE)
    assert write_profiles(MOVED) == []
    assert store.load("demo-leads").connection["host"] == MOVED["host"]


def test_unchanged_files_are_not_touched() -> None:
    write_profiles(HERE)
    before = {path: path.stat().st_ino for path in locations().profiles.parent.rglob("*.toml")}
    write_profiles(HERE)
    assert {path: path.stat().st_ino for path in before} == before


def test_a_profile_of_the_user_is_left_alone() -> None:
    own = Profile(
        "demo-staging",
        EnvironmentClass.PRODUCTION,
        "enterprise-demo",
        {"host": "db.example.com", "dbname": "x"},
    )
    text = store.save(own).read_text()
    assert write_profiles(HERE) == ["profile demo-staging"]
    assert store.path_of("demo-staging").read_text() == text
    assert store.load("demo-production").connection["host"] == HERE["host"]


def test_a_broken_file_of_that_name_is_left_alone() -> None:
    path = store.path_of("demo-leads")
    path.parent.mkdir(parents=True)
    path.write_text("[[broken")
    assert write_profiles(HERE) == ["profile demo-leads"]
    assert path.read_text() == "[[broken"


def test_a_manifest_of_the_user_is_left_alone() -> None:
    path = locations().manifests / "demo-staging.toml"
    path.parent.mkdir(parents=True)
    path.write_text('title = "mine"\n')
    assert write_profiles(HERE) == ["manifest demo-staging"]
    assert path.read_text() == 'title = "mine"\n'


def test_an_older_manifest_of_the_demo_is_renewed() -> None:
    write_profiles(HERE)
    path = locations().manifests / "demo-staging.toml"
    text = path.read_text()
    path.write_text(text.replace("priority", "# priority"))
    assert write_profiles(HERE) == []
    assert path.read_text() == text


def test_a_place_that_cannot_be_written_is_one_sentence() -> None:
    locations().manifests.parent.mkdir(parents=True, exist_ok=True)
    locations().manifests.write_text("a file in the way")
    with pytest.raises(ConfigurationError, match=r"demo-staging\.toml: cannot be written"):
        write_profiles(HERE)
