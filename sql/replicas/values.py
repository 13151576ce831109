"""Replicas and slots as frozen values, and what is to be said of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

FAR_S = 10.0
FAR_BYTES = 64 * 2**20
"""From so far behind on, what is read there is old news, and a build makes it worse."""
MUCH_BYTES = 64 * 2**20
"""WAL that a slot nobody reads keeps, from which on it is worth a word."""
UNITS = ("bytes", "kB", "MB", "GB")


@dataclass(frozen=True)
class Replica:
    """One that streams from here, one that the profile names, or both."""

    name: str
    """The address that the profile names, else application_name."""
    state: str
    """pg_stat_replication's word (`streaming`, `catchup`, `backup` …); by its own word `replaying`, `paused`,
    `not streaming`, `primary`, `out of reach`; `hidden` without pg_monitor."""
    application: str = ""
    address: str = ""
    kind: str = "physical"
    """`physical` or `logical`."""
    sync_state: str = ""
    """`async`, `potential`, `sync`, `quorum`; empty where it is not known."""
    slot: str = ""
    write_lag_s: float | None = None
    flush_lag_s: float | None = None
    replay_lag_s: float | None = None
    write_lag_bytes: int | None = None
    flush_lag_bytes: int | None = None
    replay_lag_bytes: int | None = None
    streams: bool = False
    """The server that is watched sends it WAL."""
    named: bool = False
    """The profile names it."""
    apply_delay: str = ""
    """recovery_min_apply_delay: it is behind on purpose; empty: it is not."""
    trouble: str = ""
    """Why it is of no use as a replica, or could not be asked; a clause."""
    scans: Mapping[int, int] = field(default_factory=dict)
    """Scans of the required indexes there, by oid; empty where it was not asked."""
    stats_since: datetime | None = None

    @property
    def is_far(self) -> bool:
        """Whether it is so far behind that it matters."""
        return (self.replay_lag_s or 0.0) >= FAR_S or (self.replay_lag_bytes or 0) >= FAR_BYTES

    @property
    def behind(self) -> str:
        """`35 s (120 MB) behind`; empty where nothing is known."""
        if self.replay_lag_s is None and self.replay_lag_bytes is None:
            return ""
        if self.replay_lag_s is None:
            return f"{size(self.replay_lag_bytes or 0)} behind"
        amount = f" ({size(self.replay_lag_bytes)})" if self.replay_lag_bytes is not None else ""
        return f"{seconds(self.replay_lag_s)}{amount} behind"


@dataclass(frozen=True)
class Slot:
    """One replication slot and what it keeps."""

    name: str
    kind: str
    """`physical` or `logical`."""
    active: bool
    """Somebody reads from it now."""
    retained_bytes: int | None = None
    """WAL that is kept for it; None: it never reserved any."""
    wal_status: str = ""
    """`reserved`, `extended`, `unreserved` (about to be lost) or `lost`."""
    safe_bytes: int | None = None
    """WAL that may still be written before it is lost; None: no limit is set."""
    inactive_since: datetime | None = None
    """17 and newer."""
    invalidation: str = ""
    """Why it became useless; 17 and newer."""
    held_transactions: int | None = None
    """Age of the oldest transaction whose dead rows it keeps from vacuum."""
    database: str = ""
    temporary: bool = False

    @property
    def is_lost(self) -> bool:
        """Whether the WAL that it needs is gone."""
        return self.wal_status == "lost" or bool(self.invalidation)


@dataclass(frozen=True)
class Recovery:
    """What the watched server, a standby, says of itself."""

    receiver: str
    """State of the WAL receiver, `streaming` as a rule; empty: there is none; `hidden` without pg_monitor."""
    paused: bool
    replay_lag_s: float | None
    """None: it cannot be told without its primary."""
    unreplayed_bytes: int | None
    """WAL that arrived and is not replayed yet."""
    replayed_age_s: float | None
    """Time since the newest transaction that it replayed; on an idle primary that grows and means nothing."""
    sender: str = ""
    """`host:port` from which it streams; empty where that is hidden."""
    apply_delay: str = ""


@dataclass(frozen=True)
class ReplicasReading:
    """What streams from the watched server, the replicas that the profile names, and the slots."""

    in_recovery: bool
    replicas: tuple[Replica, ...] = ()
    slots: tuple[Slot, ...] = ()
    recovery: Recovery | None = None
    hidden: bool = False
    """There are replicas, and without pg_monitor their state is not shown."""
    sync_names: str = ""
    """synchronous_standby_names; empty also where synchronous_commit lets no commit wait."""
    user: str = ""
    """Who reads, for the grant."""

    @property
    def grant(self) -> str:
        """The statement that shows what is hidden; empty where nothing is."""
        return f"GRANT pg_monitor TO {self.user}" if self.hidden else ""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is not as it should be."""
        return tuple(_sentences(self))


@dataclass(frozen=True)
class ReplicasSnapshot:
    """A reading of the replicas."""

    taken_at: datetime = field(compare=False)
    replicas: ReplicasReading


def _sentences(reading: ReplicasReading) -> Iterator[str]:
    if reading.recovery is not None:
        yield from _of_recovery(reading.recovery)
    if reading.hidden:
        yield f"the state and the lag of replicas are hidden from this role: {reading.grant}"
    for replica in reading.replicas:
        if replica.trouble:
            yield f"replica {replica.name}: {replica.trouble}"
        elif replica.state == "paused":
            yield f"replica {replica.name} replays nothing: somebody has paused it; {replica.behind}".rstrip(
                "; "
            )
        elif replica.is_far:
            purpose = f", on purpose (recovery_min_apply_delay = {replica.apply_delay})"
            yield f"replica {replica.name} is {replica.behind}" + (purpose if replica.apply_delay else "")
    synchronous = any(each.sync_state in ("sync", "quorum") for each in reading.replicas)
    if reading.sync_names and not synchronous and not reading.in_recovery and not reading.hidden:
        yield (
            f"synchronous_standby_names asks for {reading.sync_names}, and no replica is synchronous now:"
            " commits wait"
        )
    for slot in reading.slots:
        if said := slot_sentence(slot):
            yield said


def shortly(own: Recovery | None) -> str:
    """What is wrong with a standby in two or three words; empty where nothing is."""
    if own is None:
        return ""
    if own.paused:
        return "replay paused"
    if not own.receiver:
        return "receives no WAL"
    lag_s = own.replay_lag_s or 0.0
    return f"{seconds(lag_s)} behind" if lag_s >= FAR_S else ""


def _of_recovery(own: Recovery) -> Iterator[str]:
    if own.paused:
        yield "this standby replays nothing: somebody has paused it"
    elif (own.replay_lag_s or 0.0) >= FAR_S:
        purpose = f", on purpose (recovery_min_apply_delay = {own.apply_delay})" if own.apply_delay else ""
        yield f"this standby is {seconds(own.replay_lag_s or 0.0)} behind its primary{purpose}"
    if not own.receiver:
        yield "this standby receives no WAL: what is read here grows old"


def slot_sentence(slot: Slot) -> str:
    """What is wrong with a slot; empty where nothing is."""
    if slot.is_lost:
        why = f" ({slot.invalidation})" if slot.invalidation else ""
        return f"slot {slot.name} is lost{why}: who reads it must be made anew"
    if slot.wal_status == "unreserved":
        return f"slot {slot.name} is about to be lost: it needs WAL that the next checkpoint may remove"
    if not slot.active and (slot.retained_bytes or 0) >= MUCH_BYTES:
        since = f" since {slot.inactive_since:%Y-%m-%d %H:%M} UTC" if slot.inactive_since else ""
        return f"nobody reads slot {slot.name}{since}, which keeps {size(slot.retained_bytes or 0)} of WAL"
    return ""


def settled_lag_s(lag_s: float | None, behind_bytes: int | None) -> float | None:
    """A lag in s that agrees with the bytes.

    On an idle primary the view shows the last lag for a while and NULL afterwards, and the age of the newest
    replayed transaction grows for ever: a replica that has replayed everything is not behind at all.
    """
    return 0.0 if behind_bytes == 0 else lag_s


def size(count: int) -> str:
    """Bytes as pg_size_pretty would say them, rounded: `16 MB`."""
    value = float(count)
    for unit in UNITS:
        if value < 10240:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.0f} TB"


def seconds(value: float) -> str:
    """A lag as a person says it: `0.4 s`, `35 s`, `12 min`."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.0f} h"
