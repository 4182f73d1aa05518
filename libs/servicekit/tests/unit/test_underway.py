"""Long work of a request is done once in a process, whoever asks again or goes away."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from servicekit.errors import IdempotencyKeyReused
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call
from servicekit.rpc.underway import Underway

CALL = Call(SYSTEM, "Find", request_id="one", request_hash=b"1")


class Work:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.gate = asyncio.Event()
        self.fault: Exception | None = None

    async def run(self) -> int:
        """Returns how often it was begun."""
        self.begun += 1
        try:
            await self.gate.wait()
        finally:
            self.ended += 1
        if self.fault is not None:
            raise self.fault
        return self.begun


async def turns() -> None:
    """Lets every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


class TestJoin:
    async def test_a_retry_waits_for_the_run_and_another_request_is_refused(self) -> None:
        work, underway = Work(), Underway()
        asked = [asyncio.create_task(underway.join(CALL, work.run)) for _ in range(3)]
        await turns()
        with pytest.raises(IdempotencyKeyReused):
            await underway.join(replace(CALL, request_hash=b"2"), work.run)
        work.gate.set()

        assert await asyncio.gather(*asked) == [1, 1, 1]
        assert await underway.join(CALL, work.run) == 2  # what is over is known to the unit of work alone

    async def test_it_goes_on_when_its_caller_goes_away_and_without_an_id_it_does_not(self) -> None:
        work, underway = Work(), Underway()
        first, nameless = [
            asyncio.create_task(underway.join(one, work.run)) for one in (CALL, replace(CALL, request_id=""))
        ]
        await turns()
        first.cancel()
        nameless.cancel()
        await asyncio.wait([first, nameless])
        assert (work.begun, work.ended) == (2, 1)
        again = asyncio.create_task(underway.join(CALL, work.run))
        await turns()
        work.gate.set()

        assert await again == 2
        assert (first.cancelled(), work.begun) == (True, 2)

    async def test_who_waits_is_told_of_a_fault_and_the_next_begins_anew(self) -> None:
        work, underway = Work(), Underway()
        work.fault = ValueError("broken")
        asked = [asyncio.create_task(underway.join(CALL, work.run)) for _ in range(2)]
        await turns()
        work.gate.set()
        told = await asyncio.gather(*asked, return_exceptions=True)
        work.fault = None

        assert [str(one) for one in told] == ["broken", "broken"]
        assert await underway.join(CALL, work.run) == 2

    async def test_closing_ends_it(self) -> None:
        work, underway = Work(), Underway()
        asked = asyncio.create_task(underway.join(CALL, work.run))
        await turns()
        await underway.close()
        await asyncio.wait([asked])

        assert (asked.cancelled(), work.ended) == (True, 1)
