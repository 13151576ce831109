"""Blocking work beside the loop: its result and its errors arrive, and threads are used again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from tui.background import in_background


async def test_results_and_errors_arrive() -> None:
    assert await in_background(lambda: 7, "seven") == 7
    with pytest.raises(ZeroDivisionError):
        await in_background(lambda: 1 // 0, "error")


async def test_work_after_work_needs_one_thread_and_bears_its_name() -> None:
    await in_background(lambda: None, "first")
    before = threading.active_count()
    names = [await in_background(lambda: threading.current_thread().name, f"work {n}") for n in range(20)]
    assert names == [f"work {n}" for n in range(20)]
    assert threading.active_count() == before


async def test_work_that_hangs_keeps_no_other_waiting() -> None:
    going = threading.Event()
    hanging = asyncio.create_task(in_background(going.wait, "hangs"))
    assert await in_background(lambda: 7, "goes on") == 7
    assert not hanging.done()
    going.set()
    await hanging


def test_work_that_hangs_does_not_keep_the_program() -> None:
    program = """
import asyncio, threading
from tui.background import in_background
async def main():
    asyncio.create_task(in_background(threading.Event().wait, "hangs"))
    await asyncio.sleep(0)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 0
