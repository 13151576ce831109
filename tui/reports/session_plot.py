"""The plot of a recorded session: the verdict, and each probe's latency against its targets, over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sql.findings import Verdict
from tui.present.signs import SIGNS, words
from tui.present.text import duration, plural
from tui.reports.session import Session, offset
from tui.reports.session_probes import Point, ProbeStory
from tui.reports.svg import Drawing
from tui.reports.wording import milliseconds

WIDTH = 1000.0
LEFT, RIGHT = 70.0, 130.0
TOP = 96.0
PANEL, GAP = 120.0, 46.0
STRIP = 18.0
LONGEST_NAME = 60
MOST_MARKS = 24
MARK_LINE = 17.0
INK, PALE, GRID = "#222222", "#666666", "#e4e4e4"
MEDIAN, WORST = "#1f5fa8", "#c9dcf0"
TARGET = "#b3541e"
MARK = "#8a5a9e"
OVER = "#b02a2a"
VERDICTS = {
    Verdict.READY: "#4f9d69",
    Verdict.NOT_READY: "#c8553d",
    Verdict.UNKNOWN: "#d9a441",
    None: "#d5d5d5",
}
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
HEADROOM = 1.4
"""How far above the highest target the scale goes, where the samples do."""


@dataclass(frozen=True)
class Mark:
    """Something that happened, for the time axis and the legend."""

    at: datetime
    text: str


def marks_of(session: Session) -> list[Mark]:
    """Runs, incidents and losses, the oldest first."""
    found = []
    for run in session.runs:
        if run.started_at is not None:
            found.append(Mark(run.started_at, f"{run.step} began"))
        if run.ended_at is not None:
            found.append(Mark(run.ended_at, f"{run.step}: {run.state}"))
    found += [Mark(each.at, f"{each.probe} {each.ms:.0f} ms: {each.reason}") for each in session.incidents]
    found += [Mark(at, f"lost: {reason}") for at, reason in session.lost]
    return sorted(
        (mark for mark in found if session.began <= mark.at <= session.ended), key=lambda mark: mark.at
    )


def render(session: Session) -> str:
    """The plot as an SVG document on a light background."""
    return _Plot(session).draw()


class _Plot:
    def __init__(self, session: Session) -> None:
        self._session = session
        every = marks_of(session)
        self._marks, self._unmarked = every[:MOST_MARKS], len(every) - MOST_MARKS
        legend = len(self._marks) + (self._unmarked > 0)
        panels = len(session.probes) * (PANEL + GAP)
        height = TOP + STRIP + GAP + panels + legend * MARK_LINE + 30
        header = session.header
        title = f"Latency of {header.profile}, {session.began:%Y-%m-%d %H:%M} UTC"
        about = (
            f"Verdict and latency of {plural(len(session.probes), 'probe')} over {duration(session.seconds)}"
        )
        self._drawing = Drawing(WIDTH, height, title, about)

    def draw(self) -> str:
        self._head()
        y = TOP
        self._verdicts(y)
        y += STRIP + GAP
        for probe in self._session.probes:
            self._panel(probe, y)
            y += PANEL + GAP
        self._legend(y)
        return self._drawing.xml()

    def _x(self, seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / max(self._session.seconds, 0.001)

    def _head(self) -> None:
        session, draw = self._session, self._drawing
        header = session.header
        draw.text(LEFT, 30, f"Latency and verdict: {_cut(header.profile)}", size=18, bold=True)
        where = f"{header.environment}"
        if header.server is not None:
            where += f" · database {_cut(header.server.database)} · PostgreSQL {header.server.version}"
        draw.text(LEFT, 50, where, fill=PALE)
        span = (
            f"{session.began:%Y-%m-%d %H:%M:%S} to {session.ended:%H:%M:%S} UTC ({duration(session.seconds)})"
        )
        draw.text(LEFT, 67, span, fill=PALE)
        right = WIDTH - RIGHT
        draw.line(right - 330, 63, right - 310, 63, MEDIAN, width=2)
        draw.text(right - 305, 67, "median", size=11, fill=PALE)
        draw.box(right - 250, 57, 20, 10, WORST)
        draw.text(right - 225, 67, "up to the slowest", size=11, fill=PALE)
        draw.line(right - 110, 63, right - 90, 63, TARGET, dashes="5 3")
        draw.text(right - 85, 67, "target", size=11, fill=PALE)

    def _verdicts(self, y: float) -> None:
        draw = self._drawing
        draw.text(LEFT, y - 6, "Verdict", size=12, bold=True)
        self._times(y, STRIP)
        for turn in self._session.turns:
            x1, x2 = self._x(offset(self._session, turn.began)), self._x(offset(self._session, turn.ended))
            said = turn.verdict.value if turn.verdict is not None else "not judged"
            draw.box(
                x1,
                y,
                x2 - x1,
                STRIP,
                VERDICTS[turn.verdict],
                f"{said}: {turn.reason}" if turn.reason else said,
            )
            if x2 - x1 > 7.5 * len(said):
                fill = INK if turn.verdict in (None, Verdict.UNKNOWN) else "#ffffff"
                draw.text((x1 + x2) / 2, y + STRIP - 5, said, size=11, fill=fill, anchor="middle")

    def _times(self, y: float, height: float) -> None:
        draw, session = self._drawing, self._session
        for moment in _ticks(session.began, session.ended):
            x = self._x(offset(session, moment))
            draw.line(x, y, x, y + height, GRID)
            said = f"{moment:%H:%M:%S}" if session.seconds < 1800 else f"{moment:%H:%M}"
            draw.text(x, y + height + 13, said, size=10, fill=PALE, anchor="middle")

    def _panel(self, probe: ProbeStory, y: float) -> None:
        draw = self._drawing
        sign, _ = SIGNS[probe.finding]
        name = f"{_cut(probe.entry.name)}  {sign} {words(probe.finding)}"
        figures = ", ".join(f"{name} {milliseconds(value)}" for name, value, _ in probe.figures)
        draw.text(LEFT, y - 6, name, bold=True)
        draw.text(
            WIDTH - RIGHT,
            y - 6,
            f"{figures} ms · {probe.samples:,} samples",
            size=11,
            fill=PALE,
            anchor="end",
        )
        top = _top(probe)
        bottom = y + PANEL

        def height_of(value: float) -> float:
            return bottom - PANEL * min(value / top, 1.0)

        for value in _levels(top):
            draw.line(LEFT, height_of(value), WIDTH - RIGHT, height_of(value), GRID)
            draw.text(LEFT - 6, height_of(value) + 4, f"{value:g}", size=10, fill=PALE, anchor="end")
        draw.text(LEFT - 6, y - 6, "ms", size=10, fill=PALE, anchor="end")
        self._times(y, PANEL)
        for part in _runs(probe.points):
            xs = [
                self._x(min((place + 0.5) * self._session.width_s, self._session.seconds))
                for place, _ in part
            ]
            outline = [(x, height_of(point.max_ms)) for x, (_, point) in zip(xs, part, strict=True)]
            back = [(x, height_of(point.median_ms)) for x, (_, point) in zip(xs, part, strict=True)]
            draw.area([*outline, *reversed(back)], WORST)
            draw.path(back, MEDIAN)
            for x, (_, point) in zip(xs, part, strict=True):
                if point.max_ms > top:
                    draw.line(x, y, x, y + 6, OVER, width=2)
        self._targets(probe, top, height_of)
        self._mark_lines(y, bottom)
        draw.line(LEFT, bottom, WIDTH - RIGHT, bottom, PALE)
        if probe.max_ms is not None and probe.max_ms > top:
            draw.text(WIDTH - RIGHT + 4, y + 6, f"up to {milliseconds(probe.max_ms)}", size=10, fill=OVER)

    def _targets(self, probe: ProbeStory, top: float, height_of: Callable[[float], float]) -> None:
        placed: list[float] = []
        beyond: list[str] = []
        for name, _, target in reversed(probe.figures):
            if target is None or target > top:
                beyond += [] if target is None else [f"{name} {target:g}"]
                continue
            y = height_of(target)
            self._drawing.line(LEFT, y, WIDTH - RIGHT, y, TARGET, dashes="5 3")
            label = y + 4
            while any(abs(label - other) < 11 for other in placed):
                label += 1
            placed.append(label)
            self._drawing.text(WIDTH - RIGHT + 4, label, f"{name} {target:g} ms", size=10, fill=TARGET)
        for line, said in enumerate(reversed(beyond)):
            self._drawing.text(
                WIDTH - RIGHT + 4, height_of(0) - 12 * line, f"↑ {said} ms", size=10, fill=TARGET
            )

    def _mark_lines(self, top: float, bottom: float) -> None:
        taken: list[float] = []
        for count, mark in enumerate(self._marks, 1):
            x = self._x(offset(self._session, mark.at))
            self._drawing.line(x, top, x, bottom, MARK, dashes="2 3")
            if all(abs(x - other) > 12 for other in taken):
                taken.append(x)
                self._drawing.text(x + 2, top + 10, str(count), size=10, fill=MARK, bold=True)

    def _legend(self, y: float) -> None:
        for count, mark in enumerate(self._marks, 1):
            said = f"{count}  {mark.at:%H:%M:%S}  {_cut(mark.text, 130)}"
            self._drawing.text(LEFT, y + (count - 1) * MARK_LINE, said, size=11, fill=MARK)
        if self._unmarked > 0:
            more = f"and {self._unmarked} more, which the report lists"
            self._drawing.text(LEFT, y + len(self._marks) * MARK_LINE, more, size=11, fill=MARK)


def _runs(points: tuple[Point | None, ...]) -> Iterator[list[tuple[int, Point]]]:
    """Stretches without a hole: where nothing was measured nothing is drawn."""
    part: list[tuple[int, Point]] = []
    for place, point in enumerate(points):
        if point is not None:
            part.append((place, point))
        elif part:
            yield part
            part = []
    if part:
        yield part


def _top(probe: ProbeStory) -> float:
    """The scale: the targets and the usual samples fit; single outliers are marked at its upper edge."""
    slowest = sorted(point.max_ms for point in probe.points if point is not None)
    usual = slowest[math.ceil(len(slowest) * 0.95) - 1] if slowest else 0.0
    targets = [target for _, _, target in probe.figures if target is not None]
    wanted = max(
        [usual * 1.1, *(target * HEADROOM for target in targets if target <= 4 * max(usual, 1e-9))], default=1
    )
    if not wanted:
        wanted = max(targets, default=1.0) * HEADROOM
    step = _step(wanted)
    return math.ceil(wanted / step) * step


def _step(top: float) -> float:
    """A round distance, so that there are three to six levels below `top`."""
    size = 10.0 ** math.floor(math.log10(top / 3))
    return next(size * many for many in (1, 2, 5, 10) if top / (size * many) <= 5)


def _levels(top: float) -> list[float]:
    step = _step(top)
    return [round(step * each, 6) for each in range(int(top / step + 1.001))]


def _ticks(began: datetime, ended: datetime) -> Iterator[datetime]:
    """Round moments, at most ten."""
    seconds = (ended - began).total_seconds()
    step = next((each for each in TICKS_S if seconds / each <= 10), 86400)
    at = math.ceil(began.timestamp() / step) * step
    moment = began + timedelta(seconds=at - began.timestamp())
    while moment <= ended:
        yield moment
        moment += timedelta(seconds=step)


def _cut(text: str, longest: int = LONGEST_NAME) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
