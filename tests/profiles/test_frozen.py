"""Frozen values that are cheap to declare, beside the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from pathlib import Path
from typing import Any

import pytest

import profiles.frozen

ROOT = Path(__file__).parent.parent.parent


@profiles.frozen.dataclass(frozen=True)
class Reading:
    """What a test reads."""

    name: str
    size: int | None = None
    tags: list[str] = field(default_factory=list)
    taken_at: float = field(default=0.0, compare=False)
    secret: str = field(default="", repr=False)
    by: Callable[[str], str] = str.upper

    @property
    def label(self) -> str:
        """What a reader sees."""
        return f"{self.name} of {self.size}"


@profiles.frozen.dataclass(frozen=True)
class Larger(Reading):
    more: int = 1


@profiles.frozen.dataclass(frozen=True)
class Own:
    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    def __repr__(self) -> str:
        return "mine"


@dataclasses.dataclass(frozen=True)
class Standard:
    name: str
    size: int | None = None
    tags: list[str] = field(default_factory=list)
    taken_at: float = field(default=0.0, compare=False)
    secret: str = field(default="", repr=False)
    by: Callable[[str], str] = str.upper


def test_it_is_made_by_place_and_by_name() -> None:
    reading = Reading("i", tags=["a"])
    assert (reading.name, reading.size, reading.tags, reading.label) == ("i", None, ["a"], "i of None")
    assert list(vars(reading)) == ["name", "size", "tags", "taken_at", "secret", "by"]
    assert Reading("i", 3, ["a"], 1.0, "s", str.lower).by("A") == "a"
    assert Reading("i").by("a") == "A"


def test_a_default_that_is_made_is_made_for_each() -> None:
    assert Reading("i").tags == []
    assert Reading("i").tags is not Reading("i").tags


@pytest.mark.parametrize(
    ("args", "given", "said"),
    [
        ((), {}, "Reading: missing: name"),
        (("i",), {"name": "j"}, "Reading: given twice: name"),
        (("i",), {"colour": "red"}, "Reading: unknown: colour"),
        (("i", 1, [], 0.0, "", str.upper, 7), {}, "Reading takes 6 arguments, 7 were given"),
    ],
)
def test_wrong_arguments_are_refused_without_their_values(
    args: tuple[Any, ...], given: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=f"^{said}$"):
        Reading(*args, **given)


def test_what_takes_no_part_in_equality_takes_none() -> None:
    assert Reading("i", taken_at=1.0) == Reading("i", taken_at=2.0)
    assert Reading("i") != Reading("j")
    assert Reading("i") != Standard("i")  # type: ignore[comparison-overlap]
    assert hash(Larger("i", tags=())) == hash(Larger("i", tags=(), taken_at=3.0))  # type: ignore[arg-type]


def test_it_cannot_be_changed() -> None:
    reading = Reading("i")
    with pytest.raises(FrozenInstanceError):
        reading.name = "j"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        reading.colour = "red"  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        del reading.name


def test_to_the_standard_library_it_is_a_dataclass() -> None:
    reading, standard = Reading("i", 3, ["a"]), Standard("i", 3, ["a"])
    assert dataclasses.is_dataclass(Reading)
    assert dataclasses.asdict(reading) == dataclasses.asdict(standard)
    assert dataclasses.replace(reading, size=4) == Reading("i", 4, ["a"])
    assert [each.name for each in dataclasses.fields(reading)] == [
        each.name for each in dataclasses.fields(standard)
    ]
    assert repr(reading) == repr(standard).replace("Standard", "Reading")
    assert copy.copy(reading) == copy.deepcopy(reading) == pickle.loads(pickle.dumps(reading)) == reading
    match reading:
        case Reading(name, size):
            assert (name, size) == ("i", 3)


def test_one_that_inherits_has_the_fields_of_both() -> None:
    assert Larger("i", more=2).more == 2
    assert Larger("i") != Reading("i")
    assert repr(Larger("i")).endswith("more=1)")


def test_what_a_class_defines_itself_is_kept() -> None:
    assert Own("a") == Own("b")
    assert repr(Own("a")) == "mine"
    assert hash(Own("a")) == hash(Own("a"))


def test_nothing_is_compiled_for_a_declaration() -> None:
    declares = """
import sys
from profiles.frozen import dataclass
compiled = []
sys.addaudithook(lambda event, _: compiled.append(event) if event == "compile" else None)

@dataclass(frozen=True)
class Value:
    name: str
    size: int = 0

assert compiled == [], compiled
"""
    subprocess.run([sys.executable, "-c", declares], cwd=ROOT, check=True)
