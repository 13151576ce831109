"""Replicas and slots as a list, and what a standby says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sql.replicas.values import (
    Recovery,
    Replica,
    ReplicasReading,
    Slot,
    seconds,
    size,
    slot_sentence,
)
from tui.present.text import NOTHING, clean, plural
from tui.present.view import Column, Line, Row, Span, Tone, View, line

COLUMNS = (
    Column("name", least=14, most=60, middle=True, fills=True),
    Column("state", least=12, most=15),
    Column("sync", least=5, most=9, drop=2),
    Column("behind", least=7, right=True),
    Column("WAL", least=7, right=True),
    Column("slot", least=8, most=24, drop=3),
)
IN_HEAD = 3
SLOT = "slot:"
"""Row keys of slots begin with it."""
STATES = {
    "streaming": ("✓", Tone.GOOD),
    "replaying": ("✓", Tone.GOOD),
    "catchup": ("»", Tone.WARN),
    "startup": ("»", Tone.WARN),
    "backup": ("·", Tone.PLAIN),
    "hidden": ("?", Tone.WARN),
    "paused": ("!", Tone.WARN),
}


def replicas_view(reading: ReplicasReading, indexes: Mapping[int, str], primary: str = "") -> View:
    """Every replica, then every slot.

    Args:
        indexes: names of the required indexes by oid.
        primary: on a standby: what is known of its primary, a sentence.
    """
    rows = [_replica(each, indexes) for each in reading.replicas] + [_slot(each) for each in reading.slots]
    return View(
        summary=summary(reading),
        head=tuple(_head(reading, primary)),
        columns=COLUMNS,
        rows=tuple(rows),
        empty=(line(("nobody streams from this server, and it has no slot", Tone.DIM)),),
    )


def summary(reading: ReplicasReading) -> Line:
    """`this is the primary · 2 replicas · 1 slot`."""
    role: Span = (
        ("this is a standby", Tone.WARN) if reading.in_recovery else ("this is the primary", Tone.GOOD)
    )
    counts = f" · {plural(len(reading.replicas), 'replica')} · {plural(len(reading.slots), 'slot')}"
    return line(role, (counts, Tone.PLAIN))


def _head(reading: ReplicasReading, primary: str) -> Iterable[Line]:
    if reading.recovery is not None:
        yield line((clean(_own(reading.recovery)), Tone.PLAIN))
    if primary:
        yield line((clean(primary), Tone.ACCENT))
    sentences = reading.sentences
    yield from (line((f"! {clean(each)}", Tone.WARN)) for each in sentences[:IN_HEAD])
    if len(sentences) > IN_HEAD:
        yield line((f"… and {len(sentences) - IN_HEAD} more", Tone.DIM))


def _own(own: Recovery) -> str:
    """What a standby says of itself."""
    source = f" from {own.sender}" if own.sender else ""
    receives = {
        "": "it receives no WAL",
        "hidden": "it receives WAL (from where is hidden)",
        "streaming": f"it streams{source}",
    }.get(own.receiver, f"it is {own.receiver}{source}")
    lag = "how far it is behind cannot be told here"
    if own.replay_lag_s is not None:
        lag = "it has replayed all that arrived" if not own.unreplayed_bytes else _behind(own)
    paused = "; replay is PAUSED" if own.paused else ""
    delay = f"; recovery_min_apply_delay = {own.apply_delay}" if own.apply_delay else ""
    return f"{receives}; {lag}{paused}{delay}"


def _behind(own: Recovery) -> str:
    assert own.replay_lag_s is not None
    return f"it is {seconds(own.replay_lag_s)} behind ({size(own.unreplayed_bytes or 0)} to replay)"


def _replica(replica: Replica, indexes: Mapping[int, str]) -> Row:
    sign, tone = ("✗", Tone.BAD) if replica.trouble else STATES.get(replica.state, ("!", Tone.WARN))
    lag = Tone.WARN if replica.is_far else Tone.PLAIN
    return Row(
        key=f"replica:{replica.name}",
        name=clean(replica.name),
        cells=(
            (clean(replica.name), Tone.PLAIN),
            (f"{sign} {clean(replica.state)}", tone),
            (clean(replica.sync_state) or NOTHING, Tone.DIM),
            (NOTHING if replica.replay_lag_s is None else seconds(replica.replay_lag_s), lag),
            (NOTHING if replica.replay_lag_bytes is None else size(replica.replay_lag_bytes), lag),
            (clean(replica.slot) or NOTHING, Tone.DIM),
        ),
        sql=_told(replica),
        foot=tuple(_foot(replica, indexes)),
    )


def _foot(replica: Replica, indexes: Mapping[int, str]) -> Iterable[Line]:
    facts = [
        replica.application if replica.application != replica.name else "",
        replica.address,
        replica.kind if replica.kind != "physical" else "",
        "named in the profile" if replica.named else "not named in the profile",
        "" if replica.streams else "does not stream from here",
        f"behind on purpose: {replica.apply_delay}" if replica.apply_delay else "",
    ]
    yield line((clean(" · ".join(filter(None, facts))), Tone.DIM))
    if replica.trouble:
        yield line((clean(replica.trouble), Tone.WARN))
        return
    yield line((" · ".join(_lags(replica)), Tone.PLAIN))
    if replica.scans:
        counted = [f"{indexes.get(oid, oid)} {count}" for oid, count in replica.scans.items()]
        yield line((clean(f"scans there: {', '.join(counted)}"), Tone.DIM))


def _lags(replica: Replica) -> Iterable[str]:
    parts = (
        ("to write", replica.write_lag_s, replica.write_lag_bytes),
        ("to flush", replica.flush_lag_s, replica.flush_lag_bytes),
        ("to replay", replica.replay_lag_s, replica.replay_lag_bytes),
    )
    for name, lag_s, lag_bytes in parts:
        if lag_bytes is None:
            continue
        waited = f" ({seconds(lag_s)})" if lag_s is not None else ""
        yield f"{name} {size(lag_bytes)}{waited}"


def _told(replica: Replica) -> str:
    """A replica in a line, for `y`."""
    facts = [replica.state, replica.sync_state, replica.behind, replica.slot, replica.trouble]
    return f"{replica.name}: {', '.join(filter(None, facts))}"


def _slot(slot: Slot) -> Row:
    wrong = slot_sentence(slot)
    state: Span = ("✓ active", Tone.GOOD) if slot.active else ("· nobody reads", Tone.PLAIN)
    if wrong:
        state = (
            ("✗ lost", Tone.BAD)
            if slot.is_lost
            else ("! in danger" if slot.active else "! nobody reads", Tone.WARN)
        )
    kept = NOTHING if slot.retained_bytes is None else size(slot.retained_bytes)
    return Row(
        key=f"{SLOT}{slot.name}",
        name=f"slot {clean(slot.name)}",
        cells=(
            (f"slot {clean(slot.name)}", Tone.PLAIN),
            state,
            (slot.kind, Tone.DIM),
            (NOTHING, Tone.DIM),
            (kept, Tone.WARN if wrong else Tone.PLAIN),
            (slot.wal_status or NOTHING, Tone.DIM),
        ),
        sql=f"slot {slot.name}: {kept} of WAL, {slot.wal_status or 'no WAL reserved'}",
        foot=tuple(_slot_foot(slot, wrong)),
    )


def _slot_foot(slot: Slot, wrong: str) -> Iterable[Line]:
    facts = [
        f"{slot.kind} slot" + (f" of database {slot.database}" if slot.database else ""),
        "temporary" if slot.temporary else "",
        f"since {slot.inactive_since:%Y-%m-%d %H:%M} UTC nobody reads it" if slot.inactive_since else "",
        f"{size(max(slot.safe_bytes, 0))} more may be written before it is lost" if slot.safe_bytes else "",
        f"keeps dead rows of {slot.held_transactions:,} transactions" if slot.held_transactions else "",
    ]
    yield line((clean(" · ".join(filter(None, facts))), Tone.DIM))
    if wrong:
        yield line((clean(wrong), Tone.WARN))
