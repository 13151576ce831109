"""Frozen values as JSON and back: each object names its type, so that reading needs no guess.

What can be named is closed: values of the modules in `ROOMS`, and nothing else is ever made from a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

TYPE = "~"
"""The key that names a type; also that of a mapping whose own keys would be taken for it."""
VALUE = "is"
ROOMS = frozenset(
    {
        "profiles.manifest",
        "profiles.model",
        "sql.findings",
        "sql.latency.checkpoints",
        "sql.latency.evidence",
        "sql.latency.readings",
        "sql.latency.trend",
        "sql.locks.reading",
        "sql.pool.pgbouncer_reading",
        "sql.pool.use",
        "sql.replicas.values",
        "sql.slow_statements",
        "sql.snapshots",
        "sql.steps.blockers",
        "sql.steps.catalog",
        "sql.steps.monitor",
        "sql.steps.runs",
    }
)
"""Modules whose dataclasses and enums may be recorded, each by a name that no other of them bears."""
QUERIES_OF_OTHERS = frozenset({"query", "SlowStatement.text"})
"""Fields, of any type or of one, with what other sessions run: cut short, and left out where they may hold
a secret (SEC-04)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnrecordableError(TypeError):
    """A value of a type that no recording can hold."""


class UnknownValueError(ValueError):
    """What a recording holds is of a type, or a shape, that this pgdeck does not know."""


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_of(since: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC."""
    seconds, rest = divmod(since, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def pack(value: Any) -> Any:
    """A value as what JSON can hold.

    Raises:
        UnrecordableError: it is, or holds, something else than plain values and those of `ROOMS`.
    """
    kind: Any = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is tuple:
        return [pack(each) for each in value]
    if isinstance(value, datetime):
        return {TYPE: "datetime", VALUE: micros(value)}
    if isinstance(value, Enum):
        return {TYPE: _name(kind), VALUE: value.value}
    if is_dataclass(value):
        return {TYPE: _name(kind), **_fields(value)}
    return _packed_container(value)


def _packed_container(value: Any) -> Any:
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key != TYPE for key in value):
            return {key: pack(each) for key, each in value.items()}
        return {TYPE: "map", VALUE: [[pack(key), pack(each)] for key, each in value.items()]}
    if isinstance(value, list):
        return {TYPE: "list", VALUE: [pack(each) for each in value]}
    if isinstance(value, frozenset | set):
        return {TYPE: "set", VALUE: sorted((pack(each) for each in value), key=str)}
    if isinstance(value, Path):
        return {TYPE: "path", VALUE: str(value)}
    raise UnrecordableError(type(value).__name__)


def unpack(packed: Any) -> Any:
    """The value of which `pack` made this.

    Raises:
        UnknownValueError: it names a type that is not known here, or lacks what the type needs.
    """
    if isinstance(packed, list):
        return tuple(unpack(each) for each in packed)
    if not isinstance(packed, dict):
        return packed
    name = packed.get(TYPE)
    if name is None:
        return {key: unpack(each) for key, each in packed.items()}
    try:
        return _made(str(name), packed)
    except UnknownValueError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, ImportError, OverflowError) as error:
        raise UnknownValueError(f"{name}: {type(error).__name__}") from None


def _made(name: str, packed: Mapping[str, Any]) -> Any:
    if name in _CONTAINERS:
        return _CONTAINERS[name](packed[VALUE])
    # Where a type stood when it was recorded does not matter.
    kind, known = _kind(name.rpartition(".")[2])
    if issubclass(kind, Enum):
        return kind(packed[VALUE])
    return kind(**{key: unpack(each) for key, each in packed.items() if key in known})


_CONTAINERS: Mapping[str, Callable[[Any], Any]] = {
    "datetime": moment_of,
    "map": lambda pairs: {unpack(key): unpack(each) for key, each in pairs},
    "list": lambda items: [unpack(each) for each in items],
    "set": lambda items: frozenset(unpack(each) for each in items),
    "path": Path,
}


@lru_cache(256)
def _name(kind: Any) -> str:
    if kind.__module__ not in ROOMS or "." in kind.__qualname__:
        raise UnrecordableError(f"{kind.__module__}.{kind.__qualname__}")
    # Without its module: a type that moves to another one is still found in older recordings.
    return str(kind.__name__)


@lru_cache(256)
def _kind(name: str) -> tuple[type, frozenset[str]]:
    kind = _kinds().get(name)
    if kind is None:
        raise UnknownValueError(name)
    own = fields(kind) if is_dataclass(kind) else ()
    return kind, frozenset(each.name for each in own if each.init)


@lru_cache(1)
def _kinds() -> Mapping[str, type]:
    """Every type that may be recorded, by its name."""
    found: dict[str, type] = {}
    for room in map(import_module, ROOMS):
        for name, kind in vars(room).items():
            own = isinstance(kind, type) and kind.__module__ == room.__name__
            if own and (is_dataclass(kind) or issubclass(kind, Enum)):
                assert name not in found, f"two types are called {name}"
                found[name] = kind
    return found


@lru_cache(256)
def _shape(kind: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((each.name, each.default) for each in fields(kind) if each.init)


def _fields(value: Any) -> dict[str, Any]:
    """What differs from the default; a reader that is older or newer fills in its own."""
    kind: Any = type(value)
    packed = {}
    for name, default in _shape(kind):
        held = getattr(value, name)
        if default is not MISSING and type(held) is type(default) and held == default:
            continue
        if isinstance(held, str) and not QUERIES_OF_OTHERS.isdisjoint((name, f"{_name(kind)}.{name}")):
            held = _kept(held)
        packed[name] = pack(held)
    return packed


def _kept(query: str) -> str:
    from sql.steps.scribe import foreign_query

    return foreign_query(query)
