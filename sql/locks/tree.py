"""The sessions of a `LocksSnapshot` as a forest: roots are waited for and wait for nobody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sql.locks.reading import LockSession, LocksSnapshot

_LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Branch:
    """One place in the forest."""

    session: LockSession
    path: tuple[bool, ...] = ()
    """One a level above it, from the root on: whether something follows there below."""
    last: bool = True
    """Whether nothing follows beside it."""
    parent: str = ""
    """Key of the one above; empty for a root."""
    shown_before: bool = False
    """It waits for several, stands under the first of them, and is only named here."""

    @property
    def depth(self) -> int:
        """0 for a root."""
        return len(self.path)

    @property
    def key(self) -> str:
        """The session's; what is only named has the one above in it too."""
        return f"{self.session.key} < {self.parent}" if self.shown_before else self.session.key


class Forest:
    """Who waits behind whom."""

    def __init__(self, snapshot: LocksSnapshot) -> None:
        self._sessions = {each.key: each for each in snapshot.sessions}
        self._children: dict[str, list[str]] = {}
        for each in snapshot.sessions:
            for parent in each.parents:
                self._children.setdefault(parent, []).append(each.key)
        for children in self._children.values():
            children.sort(key=self._order)
        self._behind = {key: self._reach(key) for key in self._children}
        self.deadlocked = self._circles()
        """Keys of those that wait for each other: the server ends one of them after deadlock_timeout."""
        self._roots = self._find_roots()
        self._roots_of: dict[str, set[str]] = {}
        for root in self._roots:
            for key in self._behind[root]:
                self._roots_of.setdefault(key, set()).add(root)

    def session(self, key: str) -> LockSession | None:
        """The session by this key."""
        return self._sessions.get(key)

    @property
    def roots(self) -> tuple[LockSession, ...]:
        """Who keeps others waiting and waits for nobody, with most behind them first."""
        return tuple(self._sessions[key] for key in self._roots)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(1 for each in self._sessions.values() if each.wait is not None)

    @property
    def idle(self) -> tuple[LockSession, ...]:
        """Who sits idle in a transaction, or is a prepared transaction, and keeps nobody waiting now."""
        found = (
            each
            for key, each in self._sessions.items()
            if key not in self._children and each.wait is None and (each.idle_in_transaction or each.gid)
        )
        return tuple(sorted(found, key=lambda each: (each.xact_start or _LATE, each.key)))

    def behind(self, key: str) -> frozenset[str]:
        """Keys of those that wait for it, directly or through others."""
        return frozenset(self._behind.get(key, set()) - {key})

    def freed(self, key: str) -> frozenset[str]:
        """Keys of those behind it that wait for no other root."""
        behind = self.behind(key)
        if key not in self._roots:
            return behind
        return frozenset(one for one in behind if self._roots_of.get(one) == {key})

    def around(self, pid: int) -> tuple[LockSession, ...]:
        """A backend, whom it waits for, who waits for it, and whom all of those wait for besides."""
        start = next((each for each in self._sessions.values() if each.pid == pid), None)
        if start is None:
            return ()
        found: set[str] = set()
        open_ones = [start.key, *self._behind.get(start.key, ())]
        while open_ones:
            key = open_ones.pop()
            if key not in found and key in self._sessions:
                found.add(key)
                open_ones += self._sessions[key].parents
        return tuple(each for key, each in self._sessions.items() if key in found)

    def branches(self) -> Iterator[Branch]:
        """Every place, as a tree is read: a root, then all that wait for it."""
        seen: set[str] = set()
        for root in self._roots:
            yield from self._walk(root, (), True, "", seen)

    def chain(self, pid: int) -> tuple[tuple[int, LockSession, LockSession], ...]:
        """Whom a backend waits for, and whom those wait for in turn: depth from 1, who, and for whom."""
        start = next((each for each in self._sessions.values() if each.pid == pid), None)
        found: dict[str, tuple[int, LockSession, LockSession]] = {}
        level = [start] if start is not None else []
        depth = 1
        while level:
            steps = [(each, self._sessions[key]) for each in level for key in each.parents]
            level = []
            for waiter, blocker in steps:
                if blocker.key not in found and blocker is not start:
                    found[blocker.key] = (depth, blocker, waiter)
                    level.append(blocker)
            depth += 1
        return tuple(found.values())

    def _walk(
        self, key: str, path: tuple[bool, ...], last: bool, parent: str, seen: set[str]
    ) -> Iterator[Branch]:
        # A stack, not a recursion: a chain may be as long as max_connections.
        stack = [(key, path, last, parent)]
        while stack:
            key, path, last, parent = stack.pop()
            before = key in seen
            yield Branch(self._sessions[key], path, last, parent, before)
            if before:
                continue
            seen.add(key)
            children = self._children.get(key, [])
            below = (*path, not last) if parent else (*path, False)
            stack += [(each, below, each == children[-1], key) for each in reversed(children)]

    def _reach(self, key: str) -> set[str]:
        found: set[str] = set()
        open_ones = [key]
        while open_ones:
            for child in self._children.get(open_ones.pop(), ()):
                if child not in found:
                    found.add(child)
                    open_ones.append(child)
        return found

    def _circles(self) -> frozenset[str]:
        return frozenset(key for key, behind in self._behind.items() if key in behind)

    def _find_roots(self) -> tuple[str, ...]:
        roots = [key for key in self._children if key in self._sessions and not self._sessions[key].parents]
        reached = set(roots).union(*(self._behind[key] for key in roots))
        # A circle has no root: its oldest transaction stands for one.
        for key in sorted(self.deadlocked, key=self._order):
            if key not in reached:
                roots.append(key)
                reached |= self._behind[key]
        return tuple(sorted(roots, key=lambda key: (-len(self._behind[key]), self._order(key))))

    def _order(self, key: str) -> tuple[bool, datetime, str]:
        each = self._sessions[key]
        since = each.wait.since or each.query_start if each.wait is not None else each.xact_start
        return (key not in self._children, since or _LATE, key)


def by_key(sessions: Iterable[LockSession]) -> Mapping[str, LockSession]:
    """The sessions by their keys."""
    return {each.key: each for each in sessions}
