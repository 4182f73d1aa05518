"""Processes that a service starts for a piece of work: what they say arrives, and none outlives whoever wanted it."""

from __future__ import annotations

import asyncio
import os

import pytest
from servicekit.children import child

ECHO = ("-c", "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.exit(3)")
ENDLESS = ("-c", "import time; print('here', flush=True); time.sleep(3600)")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class TestChild:
    async def test_it_is_given_and_gives(self) -> None:
        async with child(ECHO) as running:
            said, _ = await asyncio.to_thread(running.communicate, b"word")

        assert (said, running.returncode) == (b"WORD", 3)

    async def test_what_is_left_before_its_end_is_killed(self) -> None:
        async with child(ENDLESS) as running:
            assert running.stdout is not None
            assert await asyncio.to_thread(running.stdout.readline) == b"here\n"
            assert lives(running.pid)

        assert not lives(running.pid)

    async def test_whoever_is_cancelled_takes_it_along(self) -> None:
        pids: list[int] = []

        async def work() -> None:
            async with child(ENDLESS) as running:
                pids.append(running.pid)
                await asyncio.to_thread(running.communicate, b"")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work(), 0.5)

        assert not lives(pids[0])
