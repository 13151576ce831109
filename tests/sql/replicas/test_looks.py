"""How a replica of a profile is reached, and which of those that stream it is."""

from __future__ import annotations

from typing import Any

import pytest

from profiles.manifest import Priority
from profiles.model import EnvironmentClass, Profile
from sql.findings import IndexFinding
from sql.replicas.looks import Look, name_of, profile_of, with_scans
from sql.replicas.reading import joined
from sql.replicas.values import Recovery, Replica, Slot, seconds, settled_lag_s, shortly, size, slot_sentence
from sql.snapshots import IndexesSnapshot, IndexReading
from tests.tui import samples

CONNECTION = {
    "host": "a,b",
    "port": "5432,5433",
    "dbname": "sales",
    "user": "oncall",
    "target_session_attrs": "primary",
    "load_balance_hosts": "random",
}
PROFILE = Profile("sales", EnvironmentClass.STAGING, "m", CONNECTION, direct={"port": "6000"})
OWN = Recovery("streaming", False, 0.0, 0, 1.0)


@pytest.mark.parametrize(
    ("said", "connection", "name"),
    [
        ({"host": "r1"}, {"host": "r1", "dbname": "sales", "user": "oncall"}, "r1:5432"),
        (
            {"host": "r1", "port": "7"},
            {"host": "r1", "port": "7", "dbname": "sales", "user": "oncall"},
            "r1:7",
        ),
        (
            {"hostaddr": "10.0.0.1", "target_session_attrs": "standby"},
            {"hostaddr": "10.0.0.1", "dbname": "sales", "user": "oncall", "target_session_attrs": "standby"},
            "10.0.0.1:5432",
        ),
    ],
)
def test_a_replica_inherits_what_it_does_not_say(
    said: dict[str, str], connection: dict[str, str], name: str
) -> None:
    """But neither the ports of other hosts nor the wish for a primary."""
    made = profile_of(PROFILE, said)
    assert made.connection == connection
    assert (made.direct, made.replicas, made.name) == (None, (), "sales")
    assert name_of(PROFILE, said) == name


def streams(name: str, **more: Any) -> Replica:
    known = {"application": name, "streams": True, "replay_lag_bytes": 7, "replay_lag_s": 2.0}
    return Replica(name, "streaming", **{**known, **more})


def look(name: str, **more: Any) -> Look:
    return Look(name, **{"recovery": OWN, "behind_bytes": 0, **more})


@pytest.mark.parametrize(
    ("asked", "mate"),
    [
        (look("h", slot="s2"), "two"),
        (look("h", cluster_name="one"), "one"),
        (look("h", server_address="10.0.0.2"), "two"),
        (look("h"), None),
        (look("h", cluster_name="both"), None),
    ],
)
def test_the_one_that_was_asked_is_found_among_those_that_stream(asked: Look, mate: str | None) -> None:
    streaming = [
        streams("one", slot="s1", address="10.0.0.1"),
        streams("two", slot="s2", address="10.0.0.2"),
    ]
    first, *others = joined(streaming, [asked])
    assert (first.name, first.named) == ("h", True)
    assert (first.application or None) == mate
    assert first.streams == (mate is not None)
    assert len(others) == (1 if mate else 2)


def test_two_of_one_name_are_not_guessed_at() -> None:
    twins = [streams("walreceiver", address="10.0.0.1"), streams("walreceiver", address="10.0.0.2")]
    named, *rest = joined(twins, [look("h", cluster_name="walreceiver")])
    assert not named.streams
    assert len(rest) == 2


def test_replicas_of_one_name_are_told_apart() -> None:
    same = [
        streams("walreceiver", slot="s1"),
        streams("walreceiver", address="10.0.0.2"),
        streams("walreceiver"),
        streams("walreceiver"),
        streams("other"),
    ]
    names = [each.name for each in joined(same, [Look("h", trouble="gone"), Look("h", trouble="gone")])]
    assert names == [
        "h", "h #2", "walreceiver s1", "walreceiver 10.0.0.2", "walreceiver", "walreceiver #2", "other",
    ]  # fmt: skip


def test_what_it_says_itself_counts_where_the_server_says_nothing() -> None:
    hidden = Replica("one", "hidden", application="one", streams=True)
    (found,) = joined([hidden], [look("h", cluster_name="one", behind_bytes=4096)])
    assert (found.state, found.replay_lag_bytes, found.replay_lag_s) == ("hidden", 4096, 1.0)
    (settled,) = joined([hidden], [look("h", cluster_name="one", behind_bytes=0)])
    assert settled.replay_lag_s == 0.0


def test_one_that_receives_nothing_is_no_use() -> None:
    alone = Recovery("", False, None, 0, 90.0)
    (found,) = joined([], [look("h", recovery=alone, behind_bytes=9)])
    assert (found.state, found.trouble) == ("not streaming", "it receives no WAL: no server streams to it")


def test_scans_of_a_replica_that_was_not_reached_are_unknown_not_zero() -> None:
    index = IndexReading("i", "public.t", Priority.NORMAL, IndexFinding.PRESENT, "…", scans=1, oid=7)
    snapshot = IndexesSnapshot(samples.NOW, (index,))
    assert with_scans(snapshot, ()) is snapshot
    counted = with_scans(snapshot, [look("r1", scans={7: 3}), Look("r2", trouble="gone")]).indexes[0]
    assert counted.replica_scans == (("r1", 3), ("r2", None))
    assert counted.scans_on_replicas == 3
    unknown = with_scans(snapshot, [Look("r2", trouble="gone")]).indexes[0]
    assert unknown.scans_on_replicas is None


def test_a_lag_agrees_with_the_bytes() -> None:
    assert settled_lag_s(None, 0) == settled_lag_s(120.0, 0) == 0.0
    assert settled_lag_s(None, 5) is None
    assert settled_lag_s(1.5, 5) == settled_lag_s(1.5, None) == 1.5


@pytest.mark.parametrize(
    ("slot", "said"),
    [
        (Slot("s", "physical", True, 10**12, "extended"), ""),
        (Slot("s", "physical", False, 10), ""),
        (Slot("s", "physical", False, 10**9), "nobody reads slot s, which keeps 954 MB of WAL"),
        (Slot("s", "physical", True, 1, "unreserved"), "slot s is about to be lost"),
        (Slot("s", "logical", False, None, "lost"), "slot s is lost: who reads it"),
        (Slot("s", "logical", False, 1, "reserved", invalidation="idle_timeout"), "is lost (idle_timeout)"),
    ],
)
def test_a_slot_that_needs_a_word(slot: Slot, said: str) -> None:
    told = slot_sentence(slot)
    assert said in told
    assert bool(told) == bool(said)


def test_sizes_and_times_as_a_person_says_them() -> None:
    assert [size(each) for each in (0, 8192, 20_000, 5 * 2**30, 2**45)] == [
        "0 bytes", "8192 bytes", "20 kB", "5120 MB", "32 TB",
    ]  # fmt: skip
    assert [seconds(each) for each in (0.0, 9.94, 35, 600, 90_000)] == [
        "0.0 s", "9.9 s", "35 s", "10 min", "25 h",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (None, ""),
        (OWN, ""),
        (Recovery("streaming", True, 0.0, 0, 1.0), "replay paused"),
        (Recovery("", False, None, 0, 1.0), "receives no WAL"),
        (Recovery("streaming", False, 300.0, 9, 300.0), "5 min behind"),
        (Recovery("hidden", False, 2.0, 9, 2.0), ""),
    ],
)
def test_what_is_wrong_with_a_standby_in_a_word(own: Recovery | None, said: str) -> None:
    assert shortly(own) == said
