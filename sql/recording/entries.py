"""What a recording is made of: a header, then entries, each one line of JSON.

Times (`at`) are seconds of the clock that the samples are measured by. Of the latency figures is stored what
they come of: the prober's messages, and when a snapshot of them was published. A player that feeds the same
records gets the same figures to the digit. A reading that equals the one before is stored as a reference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from profiles.manifest import Manifest
from profiles.model import EnvironmentClass
from sql.latency.evidence import IncidentsSnapshot
from sql.latency.messages import Message, decode, encode
from sql.recording.incident_lines import KnownIncidents, ToldIncidents
from sql.recording.values import VALUE, UnknownValueError, micros, moment_of, pack, unpack
from sql.snapshots import Event, ServerIdentity, Unavailable

if TYPE_CHECKING:
    from sql.steps.runs import RunState

FORMAT = 1
"""Written into the header; a reader refuses what is newer."""
MARK = "pgdeck recording"
"""The header's first key, by which a recording is known."""
HEARD = b'["m",'
"""How the line of a message begins: most lines are such, and are read without a detour."""


class NotAHeaderError(ValueError):
    """The first line is not the header of a recording."""


class NewerFormatError(ValueError):
    """A newer pgdeck wrote it; the message is its format's number."""


@dataclass(frozen=True)
class Header:
    """Who recorded what, and where; the first line."""

    profile: str
    environment: EnvironmentClass
    manifest: Manifest
    started_at: datetime
    clock: float
    """The samples' clock at `started_at`."""
    target: Mapping[str, str]
    """The profile's host, port, database and user as it names them; never a password."""
    server: ServerIdentity | None = None
    pgdeck: str = ""
    part: int = 1
    """Of the files of one session; a later one says again at its beginning what was known then."""


@dataclass(frozen=True)
class Heard:
    """The prober said something."""

    at: float
    message: Message


@dataclass(frozen=True)
class Published:
    """A reading, a part that could not be read, or a lost server."""

    at: float
    event: Event


@dataclass(frozen=True)
class Measured:
    """The latency figures were published: what the records say at `at`."""

    at: float
    taken_at: datetime
    window_s: float | None = None
    """The stretch of time that the figures count; None: all since the start."""


@dataclass(frozen=True)
class Ran:
    """A run of this profile as it stands now."""

    at: float
    run: RunState


@dataclass(frozen=True)
class Paused:
    """The operator stopped the reading of the server, or let it go on."""

    at: float
    paused: bool


@dataclass(frozen=True)
class Walled:
    """The wall's clock was set, or the machine slept: from here on `at` is this moment."""

    at: float
    moment: datetime


@dataclass(frozen=True)
class Ended:
    """The recording's last word; one without it was cut off."""

    at: float
    why: str
    """`closed`; `continued`: the file had reached its bound, and the session went on in the next part."""


Entry: TypeAlias = Heard | Published | Measured | Ran | Paused | Walled | Ended


def encode_header(header: Header) -> bytes:
    """The first line."""
    packed = {each.name: pack(getattr(header, each.name)) for each in fields(header)}
    packed["manifest"].pop("lines", None)
    return _line({MARK: FORMAT, **packed})


def decode_header(line: bytes) -> Header:
    """The header of the first line.

    Raises:
        NotAHeaderError: it is none.
        NewerFormatError: it is one of a later format.
    """
    try:
        packed = json.loads(line)
        number = packed.pop(MARK)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotAHeaderError("no header") from None
    if not isinstance(number, int) or number > FORMAT:
        raise NewerFormatError(str(number)[:20])
    known = {each.name for each in fields(Header)}
    try:
        header = Header(**{name: unpack(each) for name, each in packed.items() if name in known})
    except (TypeError, UnknownValueError):
        raise NotAHeaderError("a header that lacks something") from None
    if not isinstance(header.manifest, Manifest) or not isinstance(header.started_at, datetime):
        raise NotAHeaderError("a header of another shape")
    return header


class Encoder:
    """Makes lines of entries, and references of readings that did not change."""

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}
        self._incidents = ToldIncidents()
        self._window: list[float | None] = []

    def encode(self, entry: Entry) -> bytes:
        """The line of an entry.

        Raises:
            UnrecordableError: it holds a value of a type that no recording can hold.
        """
        at = entry.at
        match entry:
            case Heard(message=message):
                return HEARD + b"%s,%s]\n" % (json.dumps(at).encode(), encode(message).rstrip())
            case Published(event=IncidentsSnapshot(taken_at=taken_at, incidents=incidents)):
                return _line(["i", at, micros(taken_at), self._incidents.pack(incidents)])
            case Published(event=event):
                return self._reading(at, event)
            case Measured(window_s=window_s):
                changed = [] if self._window == [window_s] else [window_s]
                self._window = [window_s]
                return _line(["l", at, micros(entry.taken_at), *changed])
            case Ran(run=run):
                return _line(["r", at, pack(run)])
            case Paused(paused=paused):
                return _line(["p", at, paused])
            case Walled(moment=moment):
                return _line(["w", at, micros(moment)])
            case Ended(why=why):
                return _line(["x", at, why])

    def _reading(self, at: float, event: Event) -> bytes:
        key, packed = part_of(event), pack(event)
        taken_at = packed.pop("taken_at", None)
        if packed == self._last.get(key):
            return _line(["s", at, key, None if taken_at is None else taken_at[VALUE]])
        self._last[key] = packed
        return _line(["e", at, key, packed if taken_at is None else {**packed, "taken_at": taken_at}])


class Decoder:
    """Makes entries of lines. A copy goes on with what it knows by then."""

    def __init__(self) -> None:
        self._begin(repeats=False)

    def _begin(self, *, repeats: bool) -> None:
        self.known: dict[str, Event] = {}
        self._incidents = KnownIncidents()
        self._window_s: float | None = None
        self._repeats = repeats

    def copy(self) -> Decoder:
        """Another one that knows the same."""
        twin = Decoder()
        twin.known, twin._window_s = dict(self.known), self._window_s
        twin._incidents, twin._repeats = self._incidents.copy(), self._repeats
        return twin

    def decode(self, line: bytes) -> Entry | None:
        """The entry of a line; None for one that a newer pgdeck knows and this one does not, or that says
        again what was said.

        Raises:
            ValueError: it is no entry.
        """
        try:
            if line.startswith(HEARD):
                at_text, _, message = line[len(HEARD) :].rstrip().removesuffix(b"]").partition(b",")
                heard = Heard(float(at_text), _message(message))
                return None if self._repeats else heard
            kind, at, *rest = json.loads(line)
            at = float(at)
            entry = self._entry(kind, at, rest)
            return None if self._repeats else entry
        except UnknownValueError:
            return None
        except (TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError(f"no entry ({type(error).__name__})") from None

    def _entry(self, kind: str, at: float, rest: list[Any]) -> Entry | None:
        match kind:
            case "e":
                return self._reading(at, rest[0], unpack(rest[1]))
            case "s":
                return self._same(at, *rest)
            case "i":
                told = IncidentsSnapshot(moment_of(rest[0]), self._incidents.unpack(rest[1]))
                return self._reading(at, part_of(told), told)
            case "l":
                self._window_s = rest[1] if len(rest) > 1 else self._window_s
                return Measured(at, moment_of(rest[0]), self._window_s)
            case "r":
                return Ran(at, unpack(rest[0]))
            case "p":
                return Paused(at, bool(rest[0]))
            case "w":
                return Walled(at, moment_of(rest[0]))
            case "x":
                return Ended(at, str(rest[0]))
            case "n":
                self._begin(repeats=True)
            case "b":
                self._repeats = False
        return None

    def _reading(self, at: float, key: str, event: Event) -> Published:
        if not is_dataclass(event):
            raise UnknownValueError(key)
        self.known[key] = event
        return Published(at, event)

    def _same(self, at: float, key: str, taken_at: int | None) -> Published | None:
        event = self.known.get(key)
        if event is None:
            return None
        if taken_at is not None:
            event = replace(cast(Any, event), taken_at=moment_of(taken_at))
            self.known[key] = event
        return Published(at, event)


def part_of(event: Event) -> str:
    """What a later event of the same kind takes the place of."""
    name = type(event).__name__
    return f"{name} {event.part}" if isinstance(event, Unavailable) else name


def _message(line: bytes) -> Message:
    try:
        return decode(line)
    except (KeyError, TypeError) as error:
        # The line is whole, so a later pgdeck says something here that this one does not know.
        raise UnknownValueError(type(error).__name__) from None


def _line(packed: Any) -> bytes:
    return json.dumps(packed, separators=(",", ":")).encode() + b"\n"
