"""Who streams from the watched server, which slots keep WAL, and how far a standby is by its own word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from sql.quoting import identifier
from sql.replicas.looks import Look
from sql.replicas.values import Recovery, Replica, ReplicasReading, ReplicasSnapshot, Slot, settled_lag_s
from sql.session import Session

NO_DELAY = "0"
Row: TypeAlias = Mapping[str, Any]


async def read_replicas(session: Session, looks: Sequence[Look] = ()) -> ReplicasSnapshot:
    """Replicas and slots of the server, joined with what the profile's replicas said of themselves.

    Raises:
        ReadingError, SessionError: as `Session.fetch`.
    """
    here: Row = (await session.fetch("replicas_here"))[0]
    streaming: list[Row] = await session.fetch("replicas_streaming", here["lsn"])
    slots: list[Row] = await session.fetch("replicas_slots", here["lsn"])
    recovery = None
    if here["in_recovery"]:
        recovery = own_recovery((await session.fetch("replicas_recovery", None))[0])
    reading = ReplicasReading(
        in_recovery=here["in_recovery"],
        replicas=joined([_streaming(row) for row in streaming], looks),
        slots=tuple(map(_slot, slots)),
        recovery=recovery,
        hidden=bool(streaming) and not session.identity.can_read_stats,
        sync_names=here["sync_names"],
        user=identifier(session.identity.user),
    )
    return ReplicasSnapshot(datetime.now(UTC), reading)


def own_recovery(row: Row) -> Recovery:
    """A standby's own word, from a row of `replicas_recovery`."""
    receiver = row["receiver"] or ("hidden" if row["receives"] else "")
    # Where WAL still arrives, what has arrived is all there is; without it nobody here knows.
    arrives = receiver in ("streaming", "hidden")
    unreplayed = positive(row["unreplayed_bytes"])
    # Two machines' clocks are compared: the replica's may be behind its primary's.
    age_s = None if row["replayed_age_s"] is None else max(row["replayed_age_s"], 0.0)
    lag_s = settled_lag_s(age_s, unreplayed)
    return Recovery(
        receiver=receiver,
        paused=bool(row["paused"]),
        replay_lag_s=lag_s if arrives else None,
        unreplayed_bytes=unreplayed,
        replayed_age_s=age_s,
        sender=f"{row['sender']}:{row['sender_port']}" if row["sender"] else "",
        apply_delay=_delay(row),
    )


def joined(streaming: Sequence[Replica], looks: Sequence[Look]) -> tuple[Replica, ...]:
    """Those that stream, with the word of those that the profile names; then those that do not stream."""
    left = list(streaming)
    named = []
    for look in looks:
        mate = _mate(look, left)
        if mate is not None:
            left.remove(mate)
        named.append(_named(look, mate))
    return tuple(_told_apart([*named, *left]))


def _told_apart(replicas: Sequence[Replica]) -> Iterator[Replica]:
    """Names are what rows and metrics are known by, and most replicas call themselves `walreceiver`."""
    shared = Counter(each.name for each in replicas)
    taken: Counter[str] = Counter()
    for replica in replicas:
        name = replica.name
        if shared[name] > 1 and not replica.named:
            name = " ".join(filter(None, (name, replica.slot or replica.address)))
        taken[name] += 1
        yield replace(replica, name=name if taken[name] == 1 else f"{name} #{taken[name]}")


def _mate(look: Look, streaming: Sequence[Replica]) -> Replica | None:
    """Which of those that stream is the one that was asked: by slot, else by name, else by address."""
    if look.recovery is None:
        return None
    tests: tuple[Callable[[Replica], bool], ...] = (
        lambda each: bool(look.slot) and each.slot == look.slot,
        lambda each: bool(look.cluster_name) and each.application == look.cluster_name,
        lambda each: bool(look.server_address) and each.address == look.server_address,
        # Over Unix sockets there is no address to go by.
        lambda each: not (look.server_address or each.address) and each.kind == "physical",
    )
    for test in tests:
        found = [each for each in streaming if test(each)]
        if len(found) == 1:
            return found[0]
    return None


def _named(look: Look, mate: Replica | None) -> Replica:
    """What the profile's replica says, and what the server says of it where it streams from there."""
    known = mate or Replica(look.name, "")
    asked = replace(
        known,
        name=look.name,
        named=True,
        scans=look.scans,
        stats_since=look.stats_since,
        trouble=look.trouble,
        slot=known.slot or look.slot,
    )
    if look.recovery is None:
        return replace(asked, state="primary" if look.is_primary else "out of reach")
    own = look.recovery
    asked = replace(asked, apply_delay=own.apply_delay)
    if own.paused:
        asked = replace(asked, state="paused")
    elif mate is None:
        asked = replace(asked, state="replaying" if own.receiver else "not streaming")
    if mate is None and not own.receiver and not look.trouble:
        asked = replace(asked, trouble="it receives no WAL: no server streams to it")
    if known.replay_lag_bytes is None:
        asked = replace(asked, replay_lag_bytes=look.behind_bytes)
    if known.replay_lag_s is None:
        asked = replace(asked, replay_lag_s=settled_lag_s(own.replayed_age_s, asked.replay_lag_bytes))
    return asked


def _streaming(row: Row) -> Replica:
    name = row["application"] or row["address"] or f"process {row['pid']}"
    behind = {part: positive(row[f"{part}_lag_bytes"]) for part in ("write", "flush", "replay")}
    return Replica(
        name=name,
        state=row["state"] or "hidden",
        application=row["application"],
        address=row["address"],
        kind=row["slot_kind"] or "physical",
        sync_state=row["sync_state"] or "",
        slot=row["slot"] or "",
        write_lag_s=settled_lag_s(row["write_lag_s"], behind["write"]),
        flush_lag_s=settled_lag_s(row["flush_lag_s"], behind["flush"]),
        replay_lag_s=settled_lag_s(row["replay_lag_s"], behind["replay"]),
        write_lag_bytes=behind["write"],
        flush_lag_bytes=behind["flush"],
        replay_lag_bytes=behind["replay"],
        streams=True,
    )


def _slot(row: Row) -> Slot:
    return Slot(
        name=row["name"],
        kind=row["kind"],
        active=row["active"],
        retained_bytes=positive(row["retained_bytes"]),
        wal_status=row["wal_status"] or "",
        safe_bytes=row["safe_bytes"],
        inactive_since=None if row["active"] else row["inactive_since"],
        invalidation=row["invalidation"] or "",
        held_transactions=row["held_transactions"],
        database=row["database"] or "",
        temporary=row["temporary"],
    )


def positive(count: int | None) -> int | None:
    """A distance in bytes: who reads two ends of it one after the other may find the second one further."""
    return None if count is None else max(count, 0)


def _delay(row: Row) -> str:
    return "" if row["apply_delay"] in (NO_DELAY, "0ms", "") else row["apply_delay"]
