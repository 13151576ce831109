"""From what was seen of a slow run to its cause, in one clause that claims nothing more."""

from __future__ import annotations

from sql.latency.evidence import Cause, Evidence, LockWait, ServerCall, Share
from sql.steps.blockers import Blocker

UNUSUAL = 3
MUCH = 0.5
"""A cause that stands for less of what was seen does not explain the run alone."""
LITTLE = 0.1
"""What was seen of less than this share of a run says nothing of it; a lock says itself since when."""
TOO_SHORT = "it ended before the first look"
LONGEST_QUERY = 80
OWN = frozenset((Cause.CPU, Cause.IO, Cause.COLD_CACHE, Cause.CONTENTION, Cause.UNKNOWN))
"""What another plan would explain: the run itself was at work, or nothing was seen."""
LOCKS = {
    "relation": "relation lock",
    "extend": "lock to extend a relation",
    "page": "page lock",
    "tuple": "row lock",
    "transactionid": "transaction to end",
    "virtualxid": "transaction to end",
    "object": "lock on an object",
}


def judge(seen: Evidence, ms: float) -> tuple[Cause, str]:
    """The cause of a run of so many milliseconds, and the clause that says why."""
    if seen.stood_still_ms >= MUCH * ms:
        return Cause.STALLED, (
            f"pgdeck's own prober stood still for about {seen.stood_still_ms:.0f} ms of it"
            " (stopped, or kept from the CPU): this says nothing of the server"
        )
    cause, reason = _seen(seen, ms)
    if seen.plan_before is not None and cause in OWN:
        return Cause.PLAN, f"{_new_plan(seen)}; {reason}"
    if cause in OWN and seen.plan is not None and seen.plan.lacks_index:
        why = f"{seen.plan.node}: {seen.plan.note}"
        return (Cause.NO_INDEX, f"{why}; {reason}") if is_usual(seen, ms) else (cause, f"{reason}; {why}")
    if cause in OWN and is_usual(seen, ms):
        return cause, f"{reason}; it usually takes {seen.usual_ms:.0f} ms"
    return cause, reason


def is_usual(seen: Evidence, ms: float) -> bool:
    """Whether a run was no slower than its like: then the probe is slow, and not this run of it."""
    return seen.usual_ms is not None and ms < UNUSUAL * seen.usual_ms


def _seen(seen: Evidence, ms: float) -> tuple[Cause, str]:
    if not seen.shares:
        return _unseen(seen)
    totals: dict[Cause, float] = {}
    for share in seen.shares:
        totals[share.cause] = totals.get(share.cause, 0.0) + share.ms
    if sum(totals.values()) < LITTLE * ms and Cause.LOCK not in totals:
        cause, reason = _unseen(seen)
        return cause, reason.replace(
            TOO_SHORT, f"the only look came {sum(totals.values()):.0f} ms before its end"
        )
    _weigh(totals, seen.call)
    cause = max(totals, key=totals.__getitem__)
    spent = min(totals[cause], ms)
    doing = next((share for share in seen.shares if share.cause is cause), None)
    if doing is None:
        call = seen.call
        assert call is not None and call.read_ms is not None
        return (
            cause,
            f"at work: reading took {call.read_ms:.0f} of {call.exec_ms:.0f} ms, as the server measured",
        )
    reason = _reason(cause, spent, doing, seen)
    if cause is Cause.IO and seen.call is not None and seen.call.is_cold:
        cause, reason = Cause.COLD_CACHE, f"{_read(seen.call)} (about {spent:.0f} ms in {doing.doing})"
    if spent < MUCH * sum(totals.values()):
        others = [share for share in seen.shares if share.cause is not cause and share is not doing]
        reason += "".join(f", {share.doing} about {share.ms:.0f} ms" for share in others[:1])
    return cause, reason


def _weigh(totals: dict[Cause, float], call: ServerCall | None) -> None:
    """Divide reading from computing as the server measured them (track_io_timing): better than few looks."""
    both = totals.get(Cause.IO, 0.0) + totals.get(Cause.CPU, 0.0)
    if both and call is not None and call.calls == 1 and call.read_ms is not None:
        share = min(call.read_ms / call.exec_ms, 1.0) if call.exec_ms else 0.0
        totals[Cause.IO], totals[Cause.CPU] = both * share, both * (1 - share)


def _unseen(seen: Evidence) -> tuple[Cause, str]:
    """Nothing was seen while it ran; what the server counted may tell."""
    if seen.call is not None and seen.call.is_cold:
        return Cause.COLD_CACHE, f"{_read(seen.call)}; nothing was seen while it ran"
    return Cause.UNKNOWN, f"nothing seen: {seen.unseen[0] if seen.unseen else TOO_SHORT}"


def _reason(cause: Cause, spent: float, doing: Share, seen: Evidence) -> str:
    if cause is Cause.LOCK:
        return _lock_reason(seen.lock, spent)
    if cause is Cause.CPU:
        busy = seen.others.active if seen.others is not None else 0
        beside = f"; {busy} other backend{'' if busy == 1 else 's'} at work" if busy else ""
        read = f"; it {_read(seen.call)}" if seen.call is not None and seen.call.is_cold else ""
        return (
            f"no wait event in {doing.looks} of {seen.looks} look{'' if seen.looks == 1 else 's'}:"
            f" on a CPU, or not scheduled{beside}{read}"
        )
    if cause is Cause.NETWORK:
        if doing.doing.startswith("idle"):
            what = doing.doing.partition(": ")[2]
            return f"for about {spent:.0f} ms the server was idle, {what}: network or client"
        return f"waited about {spent:.0f} ms for the client to take the answer ({doing.doing})"
    if cause is Cause.UNKNOWN:
        return f"nothing seen: what the backend did is {doing.doing}"
    waited = f"waited about {spent:.0f} ms for {doing.doing}"
    if cause is Cause.IO and seen.call is not None and seen.call.temp_written:
        return f"{waited}; it wrote {seen.call.temp_written} blocks of temporary files (work_mem)"
    if cause in (Cause.IO, Cause.WAL) and seen.others is not None and seen.others.checkpointing:
        return f"{waited}; a checkpoint was going on"
    return waited


def _lock_reason(lock: LockWait | None, spent: float) -> str:
    if lock is None:
        return f"waited about {spent:.0f} ms for a lock; who held it was not seen"
    kind = LOCKS.get(lock.kind, f"{lock.kind} lock")
    waited = f"waited about {spent:.0f} ms for {'an' if kind[0] in 'aeiou' else 'a'}"
    on = f" on {lock.relation}" if lock.relation else ""
    direct = sorted((each for each in lock.blockers if each.depth == 1), key=_only_queues)
    if not direct:
        return f"{waited} {kind}{on}; who held it was not seen"
    holds = "behind" if _only_queues(direct[0]) else "held by"
    others = len(direct) - 1 + lock.direct_left_out
    more = f" and {others} more" if others else ""
    said = f"{waited} {kind}{on} {holds} {who(direct[0])}{more}"
    deepest = max(lock.blockers, key=lambda each: each.depth)
    return said if deepest.depth == 1 else f"{said}, which waits for {who(deepest)}"


def _only_queues(blocker: Blocker) -> bool:
    """Whether it holds nothing of what is waited for, and only stands before the waiter."""
    return blocker.mode is None and blocker.pid is not None


def who(blocker: Blocker) -> str:
    """`pid 4242, ALTER TABLE leads, application deploy, role migrator`."""
    if blocker.pid is None:
        return f"prepared transaction {blocker.gid!r} of {blocker.user}" if blocker.gid else blocker.sentence
    if blocker.backend_type == "startup":
        return f"pid {blocker.pid}, the startup process, which replays a lock of the primary"
    facts = [f"pid {blocker.pid}"]
    query = " ".join(blocker.query.split())[:LONGEST_QUERY]
    if blocker.state in (None, "active"):
        facts.append(query or blocker.backend_type or "what it does is hidden")
    else:
        age = f" for {blocker.state_age_s:.0f} s" if (blocker.state_age_s or 0) >= 1 else ""
        facts.append(f"{blocker.state}{age}" + (f" after {query}" if query else ""))
    if blocker.application:
        facts.append(f"application {blocker.application}")
    if blocker.user:
        facts.append(f"role {blocker.user}")
    return ", ".join(facts)


def _read(call: ServerCall) -> str:
    runs = "" if call.calls == 1 else f" in {call.calls} runs"
    touched = call.shared_read + call.shared_hit
    return f"read {call.shared_read} of {touched} blocks{runs} from disk or the system's cache"


def _new_plan(seen: Evidence) -> str:
    before, now = seen.plan_before, seen.plan
    assert before is not None
    changed = (
        f"its plan changed to {now.shape} from {before.shape}" if now is not None else "its plan changed"
    )
    return "; ".join((changed, *seen.indexes))
