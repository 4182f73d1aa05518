"""The end of a gateway: what is under way ends, who listens is let go, and nothing is waited for without end."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from marque.network.v1 import dealer_service_pb2 as dealers
from servicekit.testing.platform import Platform, until

LIST = "network.v1.DealerService/ListDealers"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("network")
    yield platform


async def exit_code(process: subprocess.Popen[bytes]) -> int:
    async def ended() -> bool:
        return process.poll() is not None

    await until(ended, 30, "the gateway does not end")
    assert process.returncode is not None
    return process.returncode


class TestSigterm:
    async def test_calls_under_way_end_well_at_both_doors(self, door: Platform, hold: Any) -> None:
        process = await door.spawn_gateway(drain_seconds=15.0)
        async with door.http("oem.manager") as client:
            async with hold("network", "dealers") as held:
                http = asyncio.create_task(client.get("/v1/dealers"))
                grpc = asyncio.create_task(
                    door.client("gateway", "oem.manager").call(LIST, dealers.ListDealersRequest())
                )
                await held.waiting(2)
                process.send_signal(signal.SIGTERM)

                async def closed() -> bool:
                    try:
                        async with door.http("oem.manager") as other:
                            await other.get("/v1/dealers", timeout=0.5)
                    except httpx.TransportError:
                        return True
                    return False

                await until(closed, 10, "the door still takes new calls")
                assert process.poll() is None
            answer = await http
            await grpc

        assert answer.status_code == 200
        assert await exit_code(process) == 0

    async def test_a_call_that_does_not_end_and_one_who_listens_do_not_hold_it(
        self, door: Platform, hold: Any, listen: Any, live_ready: Any
    ) -> None:
        process = await door.spawn_gateway(drain_seconds=1.0)
        await live_ready()
        async with hold("network", "dealers") as held, listen("oem.manager") as ear, door.http("oem.manager") as client:
            stuck = asyncio.create_task(client.get("/v1/dealers"))
            await held.waiting(1)
            process.send_signal(signal.SIGTERM)
            code = await exit_code(process)
            await asyncio.gather(stuck, return_exceptions=True)

            async def let_go() -> bool:
                return bool(ear.ended)

            await until(let_go, 5, "the listener was not let go")

        assert code == 0

    async def test_without_the_broker_it_serves_and_ends(self, door: Platform) -> None:
        process = await door.spawn_gateway(nats_url="nats://127.0.0.1:1")
        async with door.http("oem.manager") as client:
            answers = [await client.get("/v1/dealers"), await client.get("/v1/events")]
        process.send_signal(signal.SIGTERM)

        assert [answer.status_code for answer in answers] == [200, 503]
        assert await exit_code(process) == 0
