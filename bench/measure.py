"""One measured run: load from a process of its own, CPU of the processes that serve it, until they are quiet again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bench import load
from bench.cpu import Meter
from bench.load import Job, Result
from bench.world import World

CONNECTIONS = 8
_WARM_SECONDS = 1.0
_TAIL_SECONDS = 1.2  # the read audit is written up to half a second later, and belongs to the requests that caused it


@dataclass(frozen=True)
class Run:
    """What came back, and the CPU seconds by process."""

    result: Result
    cpu: dict[str, float]

    @property
    def per_cpu_second(self) -> float:
        """Requests for each CPU second of all the processes together."""
        return self.result.requests / sum(self.cpu.values())

    def micros(self, name: str) -> float:
        """CPU microseconds a request of one process."""
        return self.cpu[name] / self.result.requests * 1e6

    def breakdown(self) -> str:
        """CPU microseconds a request, by process."""
        return ", ".join(f"{name} {self.micros(name):,.0f}" for name in self.cpu) + " µs of CPU a request"


async def run(world: World, door: str, paths: Sequence[str], names: Sequence[str], *, rate: float | None = None) -> Run:
    """Loads a door (`gateway`, `bare_api`, `envoy` …) and meters the processes named, their after-work included."""
    job = Job(world.urls[door], list(paths), world.seconds, CONNECTIONS, rate, world.headers)
    with Meter(world.roots(*names)) as used:
        result = await asyncio.to_thread(load.run, job)
        await asyncio.sleep(_TAIL_SECONDS)
        await world.settled(names)
    return Run(result, used.spent)


async def warm(world: World, doors: Sequence[str], paths: Sequence[str]) -> None:
    """Sends a second of load through each door, so that pools, plans and caches are as in the middle of a day."""
    for door in doors:
        await asyncio.to_thread(
            load.run, Job(world.urls[door], list(paths), _WARM_SECONDS, CONNECTIONS, None, world.headers)
        )
    await world.settled()
