"""Who dies when: storms of kills that overlap, at seeded moments; after each the platform gets whole by itself and works for a while."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from servicekit.testing.crash.stack import BACKEND, Stack
from servicekit.testing.platform import until

_STORM = (8, 60)  # kills
_GAP = (0.0, 0.5)  # seconds between two of a storm: shorter than a start takes, so that processes die starting
_CALM = 100  # writes


class Killer:
    """Kills until `wanted` processes have died. Every victim has its turn: a round takes each once, in an order of its own.

    `written` counts the writes that were acknowledged so far.
    """

    def __init__(self, stack: Stack, wanted: int, rng: random.Random, written: Callable[[], int]) -> None:
        self._stack = stack
        self._wanted = wanted
        self._rng = rng
        self._written = written

    async def run(self) -> None:
        """Returns when enough have died and the platform is whole."""
        round_: list[str] = []
        while self._stack.kills.total() < self._wanted:
            for _ in range(self._rng.randint(*_STORM)):
                if self._stack.kills.total() >= self._wanted:
                    break
                await asyncio.sleep(self._rng.uniform(*_GAP))
                if not round_:
                    round_ = [*self._stack.victims, BACKEND]
                    self._rng.shuffle(round_)
                if not self._stack.kill(round_[-1]):  # it is down already and has its turn later
                    round_.insert(0, round_.pop())
                else:
                    round_.pop()
            await self._stack.settled()
            await self._calm()

    async def _calm(self) -> None:
        enough = self._written() + _CALM

        async def worked() -> bool:
            return self._written() >= enough

        await until(worked, 300, "nothing is written any more")
