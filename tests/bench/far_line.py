"""A network namespace behind a line with delay and rate: two TUN devices, and a thread that carries packets.

It does what `tc netem delay … rate …` does, on kernels that have no netem; needs root.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TUNSETIFF = 0x400454CA
TUN_WITHOUT_HEADER = 0x1001
"""IFF_TUN and IFF_NO_PI (linux/if_tun.h)."""
PACKET = 1500
QUEUE = 64_000
"""Bytes that wait at each end of the line before packets are dropped: two seconds at 32 kB/s."""


class FarLine:
    """Carries packets between here and the namespace; statistics are public."""

    def __init__(self, *, delay_s: float, rate: float) -> None:
        """
        Args:
            delay_s: each way.
            rate: bytes a second, each way.
        """
        self.delay_s = delay_s
        self.rate = rate
        self.namespace = f"pgdeck-far-{os.getpid()}"
        net, host = divmod(os.getpid() % 16384, 64)
        self.near, self.far = (f"10.213.{net}.{host * 4 + end}" for end in (1, 2))
        """The addresses of both ends; lines of other processes have others."""
        self.carried = [0, 0]
        """Bytes to the far end, and back."""
        self.cut = False
        """Whether every packet is lost, without a word to either end."""
        self.dropped = 0
        self.longest_queue = 0
        """Bytes that waited at an end of the line at most."""
        self._ends: list[int] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="far line", daemon=True)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a program at the far end."""
        return ("ip", "netns", "exec", self.namespace)

    def open(self) -> None:
        """Make namespace, devices and addresses."""
        name = self.namespace
        _ip("netns", "add", name)
        for device in (f"near{os.getpid()}", f"far{os.getpid()}"):
            end = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", device.encode(), TUN_WITHOUT_HEADER))
            os.set_blocking(end, False)
            self._ends.append(end)
        _ip("link", "set", device, "netns", name)
        _ip("addr", "add", self.near, "peer", self.far, "dev", f"near{os.getpid()}")
        _ip("link", "set", f"near{os.getpid()}", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "addr", "add", self.far, "peer", self.near, "dev", device)
        _ip("-n", name, "link", "set", device, "up")
        self._thread.start()

    def close(self) -> None:
        """Take everything away."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        for end in self._ends:
            os.close(end)
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)

    def _carry(self) -> None:
        under_way: list[tuple[float, int, int, bytes]] = []
        free_at = [0.0, 0.0]
        number = 0
        while not self._ended.is_set():
            wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else 0.05
            ready, _, _ = select.select(self._ends, [], [], min(wait, 0.05))
            for end in ready:
                source = self._ends.index(end)
                packet = os.read(end, PACKET + 500)
                now = time.monotonic()
                leaves = max(now, free_at[source]) + len(packet) / self.rate
                waiting = int((leaves - now) * self.rate)
                if waiting > QUEUE or self.cut:
                    self.dropped += 1
                    continue
                self.longest_queue = max(self.longest_queue, waiting)
                free_at[source] = leaves
                number += 1
                heapq.heappush(under_way, (leaves + self.delay_s, number, source, packet))
            while under_way and under_way[0][0] <= time.monotonic():
                _, _, source, packet = heapq.heappop(under_way)
                self.carried[source] += len(packet)
                os.write(self._ends[1 - source], packet)


def missing() -> str | None:
    """Why there can be no such line here; None where there can."""
    if os.geteuid() or not Path("/dev/net/tun").exists():
        return "no network namespaces for us here; they need root and /dev/net/tun"
    if shutil.which("ip") is None:
        return "no ip here; get it with: apt-get install iproute2"
    return None


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def far_line(*, delay_s: float, rate: float) -> Iterator[FarLine]:
    """An open line."""
    made = FarLine(delay_s=delay_s, rate=rate)
    try:
        made.open()
        yield made
    finally:
        made.close()
