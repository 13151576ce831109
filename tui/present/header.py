"""The header: which environment this is, how it stands, and how old the news is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.present.signs import BADGES, mark
from tui.present.text import clean, fit_middle, width_of
from tui.present.view import Line, Span, Tone, line, line_width, spread

if TYPE_CHECKING:
    from profiles.model import EnvironmentClass, Profile
    from sql.replicas.values import Recovery
    from sql.snapshots import ServerIdentity
    from sql.verdict import Judgement

WIDE = 100
"""From this many columns on everything about the server fits in one line."""


def trail(environment: EnvironmentClass, *places: str) -> Line:
    """The title of a screen over the deck, the place that it is last: `▲ PRODUCTION ▲  shop › runs`."""
    *before, here = map(clean, places)
    way = "".join(f"{each} › " for each in before)
    return line((BADGES[environment], Tone.BADGE), (f" {way}", Tone.DIM), (here, Tone.STRONG))


@dataclass(frozen=True)
class Banner:
    """What the header says."""

    environment: EnvironmentClass
    profile: str
    target: str
    """`host:port/database` as configured, until the server has said who it is."""
    server: ServerIdentity | None = None
    judgement: Judgement | None = None
    """None before the first reading."""
    age: str = ""
    """Age of the oldest reading, in words."""
    trouble: str = ""
    """What stands in the way of watching, in place of the verdict's reason: lost, paused, waiting."""
    retry: str = ""
    """When the next attempt to connect is made, in coarse words."""
    replay: str = ""
    """The badge of a recording that is played; empty: this is live."""
    progress: str = ""
    """How far the replay is."""
    ready_words: str = field(default="everything the manifest asks for is there")
    recovery: Recovery | None = None
    """How a standby stands by its own word."""


def banner_lines(banner: Banner, width: int) -> tuple[Line, ...]:
    """The header: two lines where there is room, three where there is not."""
    badge: Span = (BADGES[banner.environment] + banner.replay, Tone.BADGE)
    profile: Span = (f" {clean(banner.profile)} ", Tone.STRONG)
    server = _server(banner)
    if width >= WIDE:
        room = width - line_width((badge, profile)) - line_width(server) - 1
        target = _target(banner, room)
        return (spread(line(badge, profile, target), server, width), _verdict(banner, width))
    target = _target(banner, width - line_width((badge, profile)) - 1)
    return (line(badge, profile, target), spread(_news(banner), server, width), _verdict(banner, width))


def target_of(profile: Profile) -> str:
    """Where the profile points, as written: `host:port/database`."""
    parameters = profile.connection
    if "service" in parameters and "host" not in parameters:
        return f"service {parameters['service']}"
    port = f":{parameters['port']}" if "port" in parameters else ""
    return f"{parameters.get('host', 'local')}{port}/{parameters.get('dbname', '')}".rstrip("/")


def _target(banner: Banner, room: int) -> Span:
    said = clean(banner.target)
    if banner.server is not None:
        said = clean(f"{banner.server.address}/{banner.server.database}")
    return (said if width_of(said) <= room else fit_middle(said, max(room, 5)), Tone.PLAIN)


def _server(banner: Banner) -> Line:
    server = banner.server
    if server is None:
        return line(("not connected ", Tone.DIM))
    dot: Span = (" · ", Tone.DIM)
    spans: list[Span] = [(f"PostgreSQL {clean(server.version)}", Tone.PLAIN), dot]
    spans.append(_role(server, banner.recovery))
    if server.pooler is not None:
        spans += [dot, (f"! through a {clean(server.pooler.kind)} pooler", Tone.WARN)]
    spans += [dot, ("read-only", Tone.GOOD) if server.read_only else ("! may write", Tone.WARN)]
    return (*spans, (" ", Tone.PLAIN))


def _role(server: ServerIdentity, recovery: Recovery | None) -> Span:
    if not server.in_recovery:
        return ("primary", Tone.PLAIN)
    from sql.replicas.values import shortly

    wrong = shortly(recovery)
    return (f"! standby, {wrong}" if wrong else "standby", Tone.WARN)


def _news(banner: Banner) -> Line:
    if banner.progress:
        return line((f" {banner.progress} ", Tone.ACCENT))
    if banner.retry:
        return line((f" reconnecting {banner.retry} ", Tone.WARN))
    return line((f" oldest reading {banner.age} ", Tone.DIM)) if banner.age else ()


def _verdict(banner: Banner, width: int) -> Line:
    news: Line = _news(banner) if width >= WIDE else ()
    if banner.judgement is None:
        return spread(line(" ", (banner.trouble or "reading …", Tone.DIM)), news, width)
    reasons = banner.judgement.reasons
    said = (banner.ready_words, Tone.DIM)
    if banner.trouble:
        said = (banner.trouble, Tone.WARN)
    elif reasons:
        said = (clean(reasons[0]), Tone.PLAIN)
    left = line(" ", mark(banner.judgement.verdict), "  ", said)
    more = len(reasons) - 1 if not banner.trouble else 0
    if more <= 0:
        return spread(left, news, width)
    right = line((f" and {more} more ", Tone.DIM), *news)
    if line_width(left) + line_width(right) > width:
        # The reason matters more than how the rest is worded.
        age = line((f" · {banner.age} " if news and banner.age else " ", Tone.DIM))
        right = line((f" +{more}", Tone.DIM), *(news if banner.progress else age))
    return spread(left, right, width)
