"""One run that takes too long: the looks at it while it runs, and the evidence that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sql.latency.evidence import Cause, Evidence, LockWait, Others, Share
from sql.latency.looks import IDLE, Look
from sql.latency.messages import Overdue
from sql.latency.server_calls import Counters

PATIENCE = ((20, 0.06), (80, 0.1), (200, 0.25))
"""Looks, and seconds between two of them up to so many."""
SELDOM_S = 1.0
MOST_LOOKS = 500
"""Beyond, only the newest count; a run is cut off long before."""
LOCK_AGAIN_S = 1.0
"""How often it is asked who holds a lock, while it is waited for."""
SLACK_MS = 5.0
"""A statement that the server has known for longer than the run lasts, and this, is another run's."""
LATE_ANSWER_MS = 250.0
"""A look that is answered so late was itself held up."""
LATE_MS = 20.0
"""A statement that came to the server so much later than it was sent was held up on its way."""
ANSWERED = "idle: it had answered"
NOT_ASKED = "idle: it had not got the statement"


@dataclass(frozen=True)
class Moment:
    """What one look saw, after the run began."""

    ms: float
    look: Look


class OverdueRun:
    """A run in flight; holds at most MOST_LOOKS looks."""

    def __init__(self, said: Overdue, at: datetime, *, look_from: float = 0.0) -> None:
        """
        Args:
            at: when it began.
            look_from: after so many ms it is worth looking at.
        """
        self.said = said
        self.at = at
        self.looked = 0
        self.usual_ms: float | None = None
        """What a run took before this one, as a rule."""
        self.counted = False
        """Whether the server was asked for its counters."""
        self.counters: Counters | None = None
        """What the server had counted of the statement before this run."""
        self._look_from = look_from
        self._moments: list[Moment] = []
        self._unseen: list[str] = []
        self._lock_read = 0.0

    @property
    def query_id(self) -> int | None:
        """The statement's id in pg_stat_statements, where a look saw one."""
        return next((each.look.query_id for each in self._moments if each.look.query_id), None)

    @property
    def rest_s(self) -> float:
        """How long to wait before the next look: often at first, seldom where it takes for ever."""
        return next((rest for count, rest in PATIENCE if self.looked < count), SELDOM_S)

    @property
    def pid(self) -> int:
        """Of the backend that runs it; behind a pooler as far as looks have told, else 0."""
        return self.said.pid or (self._moments[-1].look.pid if self._moments else 0)

    def is_at(self, look: Look) -> bool:
        """Whether a look was at the backend that runs it."""
        return look.pid == self.said.pid if self.said.pid else look.application == self.said.application

    def wants_look(self, now: float) -> bool:
        """Whether it runs for so long that it is worth a look."""
        return (now - self.said.start) * 1000 >= self._look_from

    def knows_lock(self, now: float) -> bool:
        """Whether it still waits for a lock as far as is known, and who holds it was read not long ago."""
        waits = bool(self._moments) and self._moments[-1].look.lock is not None
        return waits and now - self._lock_read < LOCK_AGAIN_S

    def take(self, look: Look) -> None:
        """Keep what was seen."""
        self.looked += 1
        if look.answered_ms is not None and look.answered_ms >= LATE_ANSWER_MS:
            self.cannot_see(
                f"the watching session had no answer for {look.answered_ms:.0f} ms either:"
                " the network, or the whole server"
            )
        if look.lock is not None:
            self._lock_read = look.at
        elif look.cause is Cause.LOCK and self._moments:
            look = _still_waiting(self._moments[-1].look, look)
        self._moments.append(Moment((look.at - self.said.start) * 1000, look))
        del self._moments[:-MOST_LOOKS]

    def cannot_see(self, what: str) -> None:
        """Note what could not be seen, and why."""
        if what and what not in self._unseen:
            self._unseen.append(what)

    def evidence(self, ms: float) -> Evidence:
        """What the looks say of a run of so many milliseconds."""
        moments = [each for each in self._moments if 0 <= each.ms <= ms and _is_its(each)]
        for each in moments:
            self.cannot_see(each.look.unseen)
        if self.looked and not moments:
            self.cannot_see("the first look was answered only after it had ended")
        return Evidence(
            pid=moments[-1].look.pid if moments else (self.said.pid or None),
            threshold_ms=self.said.threshold_ms,
            usual_ms=self.usual_ms,
            looks=len(moments),
            first_look_ms=moments[0].ms if moments else None,
            shares=_shares(moments, ms),
            lock=_longest(each.look.lock for each in moments),
            others=_most([each.look.others for each in moments]),
            unseen=tuple(self._unseen),
        )


def _still_waiting(before: Look, now: Look) -> Look:
    """The wait that the look before told of goes on, as far as the wait event tells."""
    lock = before.lock
    if lock is None or before.doing != now.doing or before.pid != now.pid:
        return now
    waited = None if lock.waited_ms is None else lock.waited_ms + (now.at - before.at) * 1000
    return replace(now, lock=replace(lock, waited_ms=waited), unseen=before.unseen)


def _is_its(moment: Moment) -> bool:
    """Whether what the backend does belongs to this run, and not to one before it."""
    known = moment.look.query_ms
    return moment.look.doing == IDLE or known is None or known <= moment.ms + SLACK_MS


def _doing(moment: Moment) -> str:
    """What the look saw; of an idle backend also whether it had the statement already."""
    known = moment.look.query_ms
    if moment.look.doing != IDLE or known is None:
        return moment.look.doing
    return ANSWERED if known <= moment.ms + SLACK_MS else NOT_ASKED


def _shares(moments: Sequence[Moment], ms: float) -> tuple[Share, ...]:
    """Each look stands for the time halfway to its neighbours; a lock tells since when it is waited for."""
    found: dict[str, Share] = {}

    def add(doing: str, cause: Cause, looks: int, spent: float) -> None:
        known = found.get(doing, Share(doing, cause, 0, 0.0))
        found[doing] = replace(known, looks=known.looks + looks, ms=known.ms + max(0.0, spent))

    for place, moment in enumerate(moments):
        begins = _middle(moments[place - 1], moment) if place else _begins(moment)
        add(_doing(moment), moment.look.cause, 1, _ends(moments, place, ms) - begins)
    if moments and (late := _came_late(moments[0])) > LATE_MS:
        add(NOT_ASKED, Cause.NETWORK, 0, late)
    return tuple(sorted(found.values(), key=lambda share: -share.ms))


def _begins(first: Moment) -> float:
    """From when on the first look says something: a lock tells since when it is waited for."""
    lock = first.look.lock
    return max(0.0, first.ms - lock.waited_ms) if lock is not None and lock.waited_ms else first.ms


def _ends(moments: Sequence[Moment], place: int, ms: float) -> float:
    moment = moments[place]
    if place + 1 < len(moments):
        return _middle(moment, moments[place + 1])
    usual = moment.ms - moments[place - 1].ms if place else PATIENCE[0][1] * 1000
    return min(ms, moment.ms + usual)


def _came_late(first: Moment) -> float:
    """How long the statement was on its way to the server, ms."""
    look = first.look
    return first.ms - look.query_ms if look.query_ms is not None and look.doing != IDLE else 0.0


def _middle(one: Moment, other: Moment) -> float:
    return (one.ms + other.ms) / 2


def _longest(locks: Iterable[LockWait | None]) -> LockWait | None:
    """The wait that lasted longest, with everybody who was seen in its way; 13 tells no times: the newest."""
    best: LockWait | None = None
    for each in locks:
        if each is not None and (best is None or (each.waited_ms or 0.0) >= (best.waited_ms or 0.0)):
            # A look between two grants sees nobody: who stood there before is known still.
            best = each if each.blockers or best is None else _with_blockers(each, best)
    return best


def _with_blockers(wait: LockWait, seen: LockWait) -> LockWait:
    return replace(wait, blockers=seen.blockers, left_out=seen.left_out, direct_left_out=seen.direct_left_out)


def _most(every: Sequence[Others]) -> Others | None:
    """The highest of each figure."""
    if not every:
        return None

    def most(name: str) -> Any:
        return max((value for each in every if (value := getattr(each, name)) is not None), default=None)

    return Others(**{field.name: most(field.name) for field in fields(Others)})
