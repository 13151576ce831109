"""How true the deck's latencies are: its own recording beside `pgbench -l`, same query, same time, same rate.

The deck in the pseudo-terminal is the real one, with its real prober; pgbench is the reference of what a
client in C sees. Its schedule lag is subtracted, as the deck charges nobody with waking up late.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from profiles.manifest import ProbeEntry, Target
from profiles.model import EnvironmentClass, Profile
from sql.demo.cluster import embedded_binaries
from sql.latency.messages import Message, Samples
from sql.latency.prober import Prober
from sql.latency.window import Window
from sql.recording.entries import Heard
from sql.recording.reader import Recording
from tests.bench.figures import Figure, Goal
from tests.bench.setting import Setting
from tests.bench.terminal import Terminal
from tests.servers import Database

ROUNDS = int(os.environ.get("PGDECK_BENCH_ROUNDS", "3"))
MEASURED_S = 30
DROPPED_S = 2.0
"""At the beginning of each measurement: who connects late is not compared."""
HELD_KEYS_S = 30.0
"""Keys a second."""
BUSY_KEYS = "jjjjjgkkkkkg"
"""An arrow that is held; `g` reads every pane again."""
SLOW_LINE = 256_000
"""Bits a second."""
TABLE = """
CREATE TABLE accuracy (id int, owner int, note text);
INSERT INTO accuracy SELECT i, i % 5000, md5(i::text) FROM generate_series(1, 300000) i;
CREATE INDEX accuracy_owner ON accuracy (owner, id);
GRANT SELECT ON accuracy TO deck, reference;
ALTER ROLE deck SET max_parallel_workers_per_gather = 0;
ALTER ROLE reference SET max_parallel_workers_per_gather = 0;
VACUUM ANALYZE accuracy;
"""


@dataclass(frozen=True)
class Question:
    """A query as the deck and as pgbench ask it."""

    name: str
    sql: str
    arguments: str
    script: str
    rate: int
    """A second; about the deck's own, which asks more often in its first seconds."""

    @property
    def entry(self) -> ProbeEntry:
        """The probe of it."""
        return ProbeEntry(self.name, self.sql, Target(p50_ms=1000), arguments=self.arguments)


QUICK = Question(
    "quick",
    "SELECT id, note FROM accuracy WHERE owner = $1 ORDER BY id DESC LIMIT 50",
    "SELECT generate_series(0, 999)",
    "\\set owner random(0, 999)\n"
    "SELECT id, note FROM accuracy WHERE owner = :owner ORDER BY id DESC LIMIT 50;\n",
    8,
)
SCAN = Question(
    "scan",
    "SELECT count(*) FROM accuracy WHERE note LIKE $1",
    "VALUES ('%dead%'), ('%beef%')",
    "SELECT count(*) FROM accuracy WHERE note LIKE '%dead%';\n",
    5,
)


@dataclass
class Seen:
    """Latencies in ms, as they were measured at the same time; and how many of the ticks were kept."""

    probe: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)
    due: int = 0
    runs: int = 0

    @property
    def lost_percent(self) -> float:
        """Ticks that came due and were not measured."""
        return 100 * max(0.0, 1 - self.runs / self.due) if self.due else math.inf


def accuracy(setting: Setting) -> Iterator[Figure]:
    """Calm, busy, over a slow line, and without a deck; round after round."""
    _prepare(setting)
    calm, busy, slow, alone, scan = (Seen() for _ in range(5))
    for _ in range(ROUNDS):
        _with_deck(setting, QUICK, calm, Terminal.drain_for)
        _with_deck(setting, QUICK, busy, _hold)
        _with_deck(setting, QUICK, slow, _hold, bits_s=SLOW_LINE)
        _without_deck(setting, QUICK, alone)
        _with_deck(setting, SCAN, scan, Terminal.drain_for)
    yield from _ratios("probe, calm", calm, (1.5, 2, 2), (1.2, 1.3, 1.3))
    yield _ratio("probe, busy: p50", busy, 50, 1.5, 1.2)
    yield from _overs("probe, busy", busy)
    yield from _overs("probe, busy, 256 kbit/s", slow)
    yield from _ratios("probe, query of 20 ms or more", scan, (1.1, 1.2, 1.2), (1.03, 1.05, 1.1))
    beside = (Goal.RATIO, "without a deck", percentile(alone.probe, 50))
    yield Figure("probe, busy: p50", percentile(busy.probe, 50), "ms", 1.15, 1.05, *beside)
    for name, seen in (("calm", calm), ("busy", busy), ("busy, 256 kbit/s", slow)):
        yield Figure(f"probe ticks lost, {name}", seen.lost_percent, "%", 1, 0)


def percentiles(setting: Setting) -> Iterator[Figure]:
    """The error of the deck's percentiles, and what ten probes of twenty samples a second cost."""
    del setting
    chance = random.Random(1)
    values = [chance.lognormvariate(-1, 0.5) * (60 if chance.random() < 0.03 else 1) for _ in range(20_000)]
    window = Window(300.0)
    begun = time.process_time()
    for number, value in enumerate(values):
        window.add(number / 20, value, value)
    add_s = (time.process_time() - begun) / len(values)
    begun = time.process_time()
    for _ in range(1000):
        found = [window.latencies.percentile(percent) for percent in (50, 95, 99)]
    ask_s = (time.process_time() - begun) / 1000
    counted = sorted(values[-len(window) :])
    exact = [counted[math.ceil(percent * len(counted) / 100) - 1] for percent in (50, 95, 99)]
    error = max(abs(ours - true) / true for ours, true in zip(found, exact, strict=True) if ours is not None)
    yield Figure("percentiles: error", error * 100, "%", 0, 0)
    yield Figure("percentiles: CPU, 10 probes at 20/s", (add_s * 20 + ask_s) * 10 * 100, "%", 0.5, 0.1)


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest rank."""
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]


def _prepare(setting: Setting) -> None:
    asyncio.run(_create(setting))
    indexes = (setting.home / "manifests/small.toml").read_text()
    for question in (QUICK, SCAN):
        probe = f'name = "{question.name}"\nsql = "{question.sql}"\narguments = "{question.arguments}"'
        setting.add(question.name, f"{indexes}\n[[probe]]\n{probe}\ntarget = {{ p50_ms = 1000 }}\n")


async def _create(setting: Setting) -> None:
    connection = await Database(setting.cluster, 18, "postgres").connect()
    try:
        for statement in filter(str.strip, TABLE.split(";")):
            await connection.execute(statement)
    finally:
        await connection.close()


def _with_deck(
    setting: Setting,
    question: Question,
    seen: Seen,
    use: Callable[[Terminal, float], object],
    bits_s: float | None = None,
) -> None:
    command = [*setting.pgdeck, question.name]
    with Terminal(command, variables=setting.environment, bits_s=bits_s) as terminal:
        terminal.until(r"\d of 1 met|measured")
        with Reference(setting, question) as reference:
            use(terminal, MEASURED_S)
            reference.finish(lambda: terminal.drain_for(0.2))
        terminal.until_ended("q")
    newest = max(setting.home.rglob("recordings/*"), key=lambda path: path.stat().st_mtime_ns)
    with Recording(newest) as recording:
        heard = [(each.message, each.at) for each in recording.entries() if isinstance(each, Heard)]
    _take(seen, heard, reference)


def _without_deck(setting: Setting, question: Question, seen: Seen) -> None:
    heard: list[tuple[Message, float]] = []
    reference = asyncio.run(_measure_alone(setting, question, heard))
    _take(seen, heard, reference)


async def _measure_alone(
    setting: Setting, question: Question, heard: list[tuple[Message, float]]
) -> Reference:
    connection = {"host": str(setting.cluster.socket), "dbname": "postgres", "user": "deck"}
    profile = Profile("alone", EnvironmentClass.DEVELOPMENT, "none", connection=connection)
    async with Prober() as prober:
        measures = asyncio.Event()
        prober.listen(lambda message, at: heard.append((message, at)))
        await prober.start(profile, None, (question.entry,), lambda event: measures.set())
        await measures.wait()
        with Reference(setting, question) as reference:
            await asyncio.sleep(MEASURED_S)
            await asyncio.to_thread(reference.finish)
    return reference


def _hold(terminal: Terminal, seconds: float) -> None:
    terminal.hold(BUSY_KEYS, HELD_KEYS_S, seconds)


def _take(seen: Seen, heard: Sequence[tuple[Message, float]], reference: Reference) -> None:
    seen.reference += reference.latencies
    for message, at in heard:
        if not isinstance(message, Samples) or not reference.begun + DROPPED_S <= at <= reference.ended:
            continue
        seen.due += message.due
        seen.runs += message.runs
        seen.probe += [(row.end - row.due) * 1000 for row in message.rows]


class Reference:
    """pgbench beside what is measured; a context manager that leaves no process behind."""

    def __init__(self, setting: Setting, question: Question) -> None:
        self._folder = setting.folder
        script = self._folder / f"{question.name}.sql"
        script.write_text(question.script)
        server = ["-h", str(setting.cluster.socket), "-U", "reference"]
        pace = ["-n", "-M", "prepared", "-c", "1", "-R", str(question.rate), "-T", str(MEASURED_S)]
        log = ["-l", f"--log-prefix={self._folder / 'pgbench'}"]
        program = str(embedded_binaries() / "pgbench")
        self._command = [program, *server, *pace, *log, "-f", str(script), "postgres"]
        self.latencies: list[float] = []
        """ms, without those that are dropped."""
        self.begun = self.ended = 0.0

    def __enter__(self) -> Reference:
        self.begun = time.perf_counter()
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def finish(self, meanwhile: Callable[[], object] = lambda: time.sleep(0.1)) -> None:
        """Wait for its end and read what it measured."""
        while self._process.poll() is None:
            meanwhile()
        self.ended = time.perf_counter()
        assert self._process.returncode == 0, f"{self._command} failed"
        (log,) = self._folder.glob("pgbench.*")
        rows = [line.split() for line in log.read_text().splitlines()]
        log.unlink()
        first = float(rows[0][4]) + float(rows[0][5]) / 1e6
        self.latencies = [
            (int(row[2]) - int(row[6])) / 1000
            for row in rows
            if float(row[4]) + float(row[5]) / 1e6 >= first + DROPPED_S
        ]


def _ratio(metric: str, seen: Seen, percent: int, must: float, aim: float) -> Figure:
    ours, theirs = percentile(seen.probe, percent), percentile(seen.reference, percent)
    return Figure(metric, ours, "ms", must, aim, Goal.RATIO, "pgbench", theirs)


def _ratios(metric: str, seen: Seen, must: Sequence[float], aim: Sequence[float]) -> Iterator[Figure]:
    for place, percent in enumerate((50, 95, 99)):
        yield _ratio(f"{metric}: p{percent}", seen, percent, must[place], aim[place])


def _overs(metric: str, seen: Seen) -> Iterator[Figure]:
    goals = ((50, 0.35, 0.35), (95, 2.5, 1), (99, 4, 2))
    for percent, must, aim in goals:
        ours, theirs = percentile(seen.probe, percent), percentile(seen.reference, percent)
        yield Figure(f"{metric}: p{percent}", ours, "ms", must, aim, Goal.OVER, "pgbench", theirs)
