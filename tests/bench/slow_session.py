"""`python -m tests.bench.slow_session`: the demo on a slow line: do keys answer, is the verdict true?

A terminal read at 64 kbit/s, or with `--ssh` an SSH server behind a line of 200 ms and 32 kB/s each way. Ends
with 1 where a key took longer than it may, a verdict came later than two refreshes, or `q` did not quit.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from sql.watch import INDEXES_S
from tests.bench.far_line import FarLine, far_line, missing
from tests.bench.figures import quantile
from tests.tui.slow_terminal import SlowTerminal
from tests.tui.ssh import EXECUTE, MISSING, SshServer, free_port, set_variables
from tests.tui.terminal import ROOT

ROWS = "5000"
PROFILE = "demo-development"
KEY_MUST_S = 2.0
VERDICT_MUST_S = 2 * INDEXES_S
QUIT_MUST_S = 5.0
LONG_S = 120.0
HELD_S = 4.0
REPEATS = 30
"""Of a key that is held, a second."""
KEY_EVERY_S, HELP_EVERY_S, CHANGE_EVERY_S = 3.0, 30.0, 45.0


class Session:
    """The deck in its terminal, and what was measured."""

    def __init__(self, terminal: SlowTerminal, folder: Path) -> None:
        self.terminal = terminal
        self.folder = folder
        self.keys: list[float] = []
        self.helps: list[float] = []
        self.verdicts: list[float] = []
        self.problems: list[str] = []
        self._down = True

    def until(self, what: str, shown: Callable[[], Any], limit_s: float = LONG_S) -> float:
        """Seconds until the screen shows it; a problem where it does not in time."""
        begun = time.monotonic()
        while not shown():
            self.terminal.read_for(0.01)
            if self.terminal.process.poll() is not None:
                raise SystemExit("the deck has ended:\n" + self.text)
            if time.monotonic() - begun > limit_s:
                self.problems.append(f"{what}: not within {limit_s:g} s")
                print("\n".join(each.rstrip() for each in self.terminal.shown()), file=sys.stderr)
                break
        return time.monotonic() - begun

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(self.terminal.shown())

    @property
    def selected(self) -> int:
        """The line of the screen with the selected row of the first pane."""
        return next((number for number, each in enumerate(self.terminal.shown()) if "│›" in each[:4]), -1)

    def until_verdict(self, verdict: str) -> float:
        """Seconds until the header says it."""
        return self.until(f"the verdict {verdict}", lambda: _verdict(self.text) == verdict)

    def arrow(self) -> None:
        """Move the selection by one row, to and fro."""
        before = self.selected
        self.terminal.type("j" if self._down else "k")
        self._down = not self._down
        self.keys.append(self.until("an arrow", lambda: self.selected not in (before, -1)))

    def help(self) -> None:
        """The help, and back."""
        self.terminal.type("?")
        self.helps.append(self.until("the help", lambda: "keys and signs" in self.text))
        self.terminal.type("q")
        self.until("back from the help", lambda: self.selected >= 0)

    async def change(self) -> None:
        """Drop a required index, and build it again; the verdict follows both."""
        connection = await connect(self.folder)
        try:
            name, definition = await an_index(connection)
            for sql, verdict in ((f'DROP INDEX "{name}"', "NOT READY"), (definition, "ENTERPRISE READY")):
                await connection.execute(sql)
                self.verdicts.append(self.until_verdict(verdict))
        finally:
            await connection.close()

    def hold(self) -> float:
        """Hold a key for a while; seconds until its last answer is on the screen."""
        deadline = time.monotonic() + HELD_S
        while time.monotonic() < deadline:
            self.terminal.type("j")
            self.terminal.read_for(1 / REPEATS)
        self.terminal.type("1g")
        # What comes last is the sentence of the last key.
        return self.until("the end of a held key", lambda: "reading everything again" in self.text)

    def quit(self) -> float:
        """Seconds until it has ended."""
        self.terminal.type("q")
        begun = time.monotonic()
        code = self.terminal.end(timeout=LONG_S)
        if code != 0:
            self.problems.append(f"it ended with {code}")
        return time.monotonic() - begun


def _verdict(text: str) -> str:
    found = re.search(r"(NOT READY|ENTERPRISE READY|UNKNOWN)", text)
    return found.group() if found else ""


def socket_of(folder: Path) -> Path:
    """Where the demo's server listens."""
    (socket,) = folder.glob("**/socket/.s.PGSQL.*[0-9]")
    return socket


async def connect(folder: Path) -> asyncpg.Connection:
    """A session of another operator on the demo."""
    socket = socket_of(folder)
    return await asyncpg.connect(
        host=str(socket.parent),
        port=int(socket.name.rpartition(".")[2]),
        user="postgres",
        database=PROFILE.replace("-", "_"),
    )


async def an_index(connection: asyncpg.Connection) -> tuple[str, str]:
    """A required index that nothing rests on, and what builds it."""
    row = await connection.fetchrow(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index"
        " WHERE NOT indisunique AND indexrelid::regclass::text LIKE 'idx_leads%' ORDER BY random() LIMIT 1"
    )
    return row["name"], row["definition"]


async def use(session: Session, duration_s: float) -> None:
    """Keys, the help and changes on the server, in turn."""
    print(f"ready after {session.until_verdict('ENTERPRISE READY'):.1f} s")
    end = time.monotonic() + duration_s
    due = {"key": 0.0, "help": time.monotonic() + 10, "change": time.monotonic() + 20}
    chance = random.Random(1)
    while time.monotonic() < end:
        session.terminal.read_for(0.2)
        now = time.monotonic()
        if now >= due["key"]:
            due["key"] = now + chance.uniform(0.5, 1.5) * KEY_EVERY_S
            session.arrow()
        if now >= due["help"]:
            due["help"] = now + HELP_EVERY_S
            session.help()
        if now >= due["change"]:
            due["change"] = now + CHANGE_EVERY_S
            await session.change()


def told(what: str, values: list[float], must_s: float) -> str:
    """One line of figures, s."""
    if not values:
        return f"{what:<28} none"
    third = max(1, len(values) // 3)
    early, late = quantile(values[:third], 0.5), quantile(values[-third:], 0.5)
    return (
        f"{what:<28} n {len(values):>4}  p50 {quantile(values, 0.5):6.2f}  p95 {quantile(values, 0.95):6.2f}"
        f"  max {max(values):6.2f}  must {must_s:g}  first third p50 {early:.2f}, last {late:.2f}"
    )


@contextmanager
def demo(folder: Path) -> Iterator[dict[str, str]]:
    """The demo, filled and running; the variables that lead there."""
    variables = {
        "HOME": str(folder),
        "PGDECK_HOME": str(folder / "home"),
        "PGDECK_DEMO_DIR": str(folder / "demo"),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
    }
    run = [sys.executable, "-m", "tui.cli", "demo"]
    environment = {**os.environ, **variables}
    subprocess.run([*run, "--rows", ROWS, "--no-deck"], env=environment, check=True, cwd=ROOT)
    try:
        yield variables
    finally:
        subprocess.run([*run, "--stop"], env=environment, check=True, cwd=ROOT)


@contextmanager
def through_ssh(folder: Path, variables: dict[str, str], delay_s: float, rate: float) -> Iterator[Any]:
    """The deck at the far end of a line, through SSH."""
    place = folder / "ssh"
    place.mkdir()
    with far_line(delay_s=delay_s, rate=rate) as line:
        server = SshServer(place, free_port(), line.prefix)
        server.start(line.far)
        try:
            command = f"{set_variables(variables)} {sys.executable} -m tui.cli {PROFILE}"
            words = [*EXECUTE, *server.client(command, address=line.far)]
            with SlowTerminal(words) as terminal:
                yield terminal, line
        finally:
            server.stop()


@contextmanager
def on_a_slow_terminal(variables: dict[str, str], rate: int) -> Iterator[Any]:
    """The deck in a terminal that is read slowly."""
    with SlowTerminal(["-m", "tui.cli", PROFILE], rate=rate, variables=variables) as terminal:
        yield terminal, None


def main() -> int:
    """Use the deck for that long; print what it took."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.slow_session", description=__doc__)
    parser.add_argument("--duration", type=float, default=600.0, help="seconds, default 600")
    parser.add_argument("--rate", type=int, help="bits a second; default 64000, with --ssh 256000")
    parser.add_argument("--ssh", action="store_true", help="through SSH in a network namespace; needs root")
    parser.add_argument("--delay-ms", type=float, default=200.0, help="of the line of --ssh, each way")
    asked = parser.parse_args()
    why_not = (MISSING or missing()) if asked.ssh else None
    if why_not:
        return _refuse(why_not)
    rate = (asked.rate or (256_000 if asked.ssh else 64_000)) // 8
    with tempfile.TemporaryDirectory(prefix="pgdeck-slow-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with demo(folder) as variables:
            if asked.ssh:
                place = through_ssh(folder, variables, asked.delay_ms / 1000, rate)
            else:
                place = on_a_slow_terminal(variables, rate)
            with place as (terminal, line):
                return _measure(Session(terminal, folder / "demo"), asked.duration, line)


def _measure(session: Session, duration_s: float, line: FarLine | None) -> int:
    begun = time.monotonic()
    asyncio.run(use(session, duration_s))
    spent = time.monotonic() - begun
    sent = len(session.terminal.written)
    held_s = session.hold()
    quit_s = session.quit()
    print(told("arrow until seen, s", session.keys, KEY_MUST_S))
    print(told("help until seen, s", session.helps, KEY_MUST_S * 2))
    print(told("verdict after a change, s", session.verdicts, VERDICT_MUST_S))
    print(f"{'drained after a held key':<28} {held_s:.2f} s")
    print(f"{'q quits':<28} {quit_s:.2f} s  must {QUIT_MUST_S:g}")
    print(f"{'bytes to the terminal':<28} {sent:,} in {spent:.0f} s: {sent / spent:,.0f} B/s")
    if line is not None:
        carried = f"{line.carried[1]:,} B here, {line.carried[0]:,} B there"
        queue = f"{line.longest_queue:,} B waited at most, {line.dropped} packets dropped"
        print(f"{'the line':<28} {carried}; {queue}")
    problems = list(session.problems)
    problems += ["keys are late"] * (quantile(session.keys, 0.95) > KEY_MUST_S)
    problems += ["the verdict is late"] * (max(session.verdicts, default=0.0) > VERDICT_MUST_S)
    problems += ["q is late"] * (quit_s > QUIT_MUST_S)
    for each in problems:
        print(f"MISSED: {each}")
    return int(bool(problems))


def _refuse(why: str) -> int:
    print(f"slow_session: {why}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
