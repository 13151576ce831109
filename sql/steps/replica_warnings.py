"""What a step does to replicas and slots, and what an index is used for there; sentences for the preview."""

from __future__ import annotations

from collections.abc import Iterator

from sql.replicas.values import Replica, ReplicasReading, Slot, size
from sql.snapshots import IndexReading
from sql.steps.chain import ACCESS_EXCLUSIVE
from sql.steps.estimate import Estimated
from sql.steps.settings import CONCURRENT_VERBS
from sql.steps.step import Step, Verb


def of_replicas(step: Step, reading: ReplicasReading, wal: Estimated) -> Iterator[str]:
    """What replicas and slots have to say about a step.

    Args:
        wal: what the step writes.
    """
    receiving = [each for each in reading.replicas if each.streams and each.state != "backup"]
    if step.verb is Verb.CREATE_INDEX:
        yield from _of_build(reading, receiving, wal)
        yield from (_of_slot(slot, wal) for slot in reading.slots if _minds(slot, wal))
    elif receiving and (step.verb in CONCURRENT_VERBS or step.lock == ACCESS_EXCLUSIVE):
        what = "the drop" if step.verb in CONCURRENT_VERBS else "its lock"
        yield (
            f"{_count(receiving)} will stop queries on this table for a moment when they replay {what}; what "
            "is in the way there longer than max_standby_streaming_delay is cancelled."
        )
    paused = [each.name for each in receiving if each.state == "paused"]
    if paused:
        yield f"Replay is paused on {', '.join(paused)}: this step arrives there when it goes on."
    if reading.hidden and step.verb in CONCURRENT_VERBS:
        yield f"How far replicas are behind is hidden from this role; {reading.grant} shows it."
    synchronous = any(each.sync_state in ("sync", "quorum") for each in reading.replicas)
    if reading.sync_names and not synchronous and not reading.hidden and not reading.in_recovery:
        yield (
            f"synchronous_standby_names asks for {reading.sync_names}, and no replica is synchronous now: "
            "this step would wait at its end, and its locks with it."
        )


def _of_build(reading: ReplicasReading, receiving: list[Replica], wal: Estimated) -> Iterator[str]:
    far = [each for each in reading.replicas if each.is_far and each.state != "paused"]
    for replica in far:
        yield (
            f"Replica {replica.name} is {replica.behind} already: {_wal(wal)} comes on top, and what is read "
            "there is older for as long."
        )
    near = [each for each in receiving if each not in far]
    if near:
        behind = max((each.replay_lag_s or 0.0 for each in near), default=0.0)
        lag = f", {behind:.1f} s behind" if behind >= 0.1 else ""
        yield f"{_count(near)}{lag} will receive {_wal(wal)}."
    for replica in receiving:
        if replica.sync_state in ("sync", "quorum"):
            yield (
                f"Replica {replica.name} is synchronous: commits wait while it receives what this build "
                "wrote ahead of them."
            )


def _minds(slot: Slot, wal: Estimated) -> bool:
    """Whether a build matters to a slot."""
    return not slot.is_lost and not slot.temporary and (not slot.active or _overflows(slot, wal))


def _overflows(slot: Slot, wal: Estimated) -> bool:
    return slot.safe_bytes is not None and wal.value is not None and wal.value > slot.safe_bytes


def _of_slot(slot: Slot, wal: Estimated) -> str:
    if _overflows(slot, wal):
        return (
            f"Slot {slot.name} is lost after {size(max(slot.safe_bytes or 0, 0))} more "
            f"(max_slot_wal_keep_size), and {_wal(wal)} may be more than that: who reads it would have to be "
            "made anew."
        )
    kept = f", which keeps {size(slot.retained_bytes)} of WAL" if slot.retained_bytes else ""
    return f"Nobody reads from replication slot {slot.name}{kept}: {_wal(wal)} is kept on disk for it too."


def _wal(wal: Estimated) -> str:
    amount = f" (about {size(int(wal.value))})" if wal.value else ""
    return f"the WAL of this build{amount}"


def _count(replicas: list[Replica]) -> str:
    return "1 replica" if len(replicas) == 1 else f"{len(replicas)} replicas"


def of_usage(step: Step, index: IndexReading | None, reading: ReplicasReading | None) -> Iterator[str]:
    """Before an index is dropped: who scans it, on every server; scans are counted on each by itself.

    Args:
        index: what is dropped, as it was read; None where it is none of the manifest's.
    """
    if step.verb is not Verb.DROP_INDEX or index is None or index.scans is None:
        return
    since = f" since {index.stats_since:%Y-%m-%d %H:%M} UTC" if index.stats_since else ""
    said = f"Scans of it: {_times(index.scans)} here{since}"
    if index.scans_on_replicas is not None:
        told = ", ".join(f"{name} {scans:,}" for name, scans in index.replica_scans if scans is not None)
        said += f", {_times(index.scans_on_replicas)} on replicas ({told})"
    unknown = [name for name, scans in index.replica_scans if scans is None]
    if unknown:
        said += f"; what {', '.join(unknown)} does with it is not known"
    streaming = () if reading is None else reading.replicas
    nameless = [
        each.name for each in streaming if each.streams and not each.named and each.kind == "physical"
    ]
    if nameless:
        said += f"; scans on {', '.join(nameless)} are not counted: name it in the profile as [[replica]]"
    yield f"{said}."


def _times(count: int) -> str:
    return "never" if count == 0 else "once" if count == 1 else f"{count:,} times"
