"""Sweeps end between two steps, not amid one, as long as whoever stops them has patience."""

from __future__ import annotations

import asyncio

from servicekit import sweeps, tasks


class Step:
    """A step that goes on until it is let go, and then needs another turn of the loop; notes how it ended."""

    def __init__(self) -> None:
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.ends: list[str] = []

    async def __call__(self) -> bool:
        self.begun.set()
        try:
            await self.go.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.ends.append("broken off")
            raise
        self.ends.append("whole")
        return False


class TestStop:
    async def test_a_step_under_way_comes_to_its_end_however_often_it_is_stopped(self) -> None:
        step = Step()
        task = asyncio.create_task(sweeps.run("s", step, 60.0))
        await step.begun.wait()
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
        assert (step.ends, task.done()) == ([], False)
        step.go.set()
        await tasks.end([task])

        assert (step.ends, task.cancelled()) == (["whole"], True)

    async def test_one_that_takes_longer_than_patience_lasts_is_broken_off(self) -> None:
        step = Step()
        task = asyncio.create_task(sweeps.run("s", step, 0.01))
        await step.begun.wait()
        await tasks.end([task])

        assert (step.ends, task.cancelled()) == (["broken off"], True)
