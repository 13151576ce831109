"""`dataclass(frozen=True)` that is cheap to declare.

The standard one compiles six methods for each class, half a millisecond of them, and a deck declares some
eighty classes before its verdict. The methods here are shared; to `fields`, `replace`, `asdict` and `match`
these values are dataclasses like any other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import MISSING, FrozenInstanceError
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: Literal[True]) -> Callable[[type[T]], type[T]]:
        """As `dataclasses.dataclass(frozen=True)`: what the class defines itself is kept."""
        assert frozen
        return _frozen


def _frozen(cls: type[T]) -> type[T]:
    # Of a class without a docstring the standard decorator makes one, by way of its signature: dear.
    cls.__doc__ = cls.__doc__ or cls.__name__
    fields = dataclasses.fields(dataclasses.dataclass(init=False, repr=False, eq=False)(cls))  # type: ignore[arg-type]
    key = _key_of([each.name for each in fields if each.compare])
    shown = [each.name for each in fields if each.repr]

    def equals(self: Any, other: object) -> bool:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    def hash_of(self: Any) -> int:
        return hash(key(self))

    def text_of(self: Any) -> str:
        said = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{type(self).__qualname__}({said})"

    own = dict(vars(cls))
    methods = {
        "__init__": _init_of(fields),
        "__eq__": equals,
        "__hash__": hash_of,
        "__repr__": text_of,
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
    }
    for name, method in methods.items():
        # A class that defines `__eq__` alone bears `__hash__ = None`.
        if own.get(name) is None:
            setattr(cls, name, method)
    return cls


def _key_of(names: list[str]) -> Callable[[Any], Hashable]:
    """Gives what of a value is compared."""
    if not names:
        return lambda _: ()
    return attrgetter(*names) if len(names) > 1 else lambda value: (getattr(value, names[0]),)


def _init_of(fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    defaults = [(each.name, each.default) for each in fields]
    made = [(each.name, each.default_factory) for each in fields if each.default_factory is not MISSING]
    names = [each.name for each in fields]
    needed = [name for name, default in defaults if default is MISSING and name not in dict(made)]
    # By how many arguments come by place: what may and what must come by name.
    may = [frozenset(names[place:]) for place in range(len(names) + 1)]
    must = [frozenset(needed[place:]) for place in range(len(names) + 1)]
    put = object.__setattr__

    def init(self: Any, *args: Any, **given: Any) -> None:
        place = len(args)
        if place > len(names) or not may[place].issuperset(given) or not must[place] <= given.keys():
            raise TypeError(_trouble(type(self).__qualname__, names, needed, args, given))
        for name, value in zip(names, args, strict=False):
            put(self, name, value)
        for name, default in defaults[place:]:
            put(self, name, given.get(name, default))
        for name, make in made:
            if getattr(self, name) is MISSING:
                put(self, name, make())

    init.__qualname__ = init.__name__ = "__init__"
    return init


def _trouble(
    kind: str, names: list[str], needed: list[str], args: tuple[Any, ...], given: dict[str, Any]
) -> str:
    """What is wrong with the arguments; their values are not told."""
    if len(args) > len(names):
        return f"{kind} takes {len(names)} arguments, {len(args)} were given"
    by_place = names[: len(args)]
    said = {
        "given twice": [name for name in by_place if name in given],
        "unknown": [name for name in given if name not in names],
        "missing": [name for name in needed if name not in given and name not in by_place],
    }
    return f"{kind}: " + "; ".join(f"{what}: {', '.join(which)}" for what, which in said.items() if which)


def _refuse_to_set(_: object, name: str, __: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")
