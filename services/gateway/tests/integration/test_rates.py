"""Limits of how often: per principal, per address for callers without a good token, the same at both doors."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from marque.network.v1 import dealer_service_pb2 as dealers
from marque_gateway.window import WINDOW_SECONDS
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform

PRINCIPAL, ADDRESS = 8, 40
ROOM = 12  # seconds that a test may take
LIST = "network.v1.DealerService/ListDealers"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("network")
    await platform.open_gateway(principal_rate=PRINCIPAL, address_rate=ADDRESS, cors_origins=["https://app.example"])
    yield platform


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def room() -> None:
    """Waits for the next minute where this one is nearly over: what is counted in it would count for less in the middle of a test."""
    left = WINDOW_SECONDS - time.time() % WINDOW_SECONDS
    if left < ROOM:
        await asyncio.sleep(left)


class TestPerPrincipal:
    async def test_the_limit_is_told_while_it_lasts_and_when_it_is_passed(self, door: Platform) -> None:
        async with door.http("oem.manager", subject="busy") as client:
            answers = [await client.get("/v1/dealers") for _ in range(PRINCIPAL + 2)]

        assert [answer.status_code for answer in answers] == [200] * PRINCIPAL + [429] * 2
        assert f"r={PRINCIPAL - 1};" in answers[0].headers["ratelimit"]
        last = answers[-1]
        assert "r=0;" in last.headers["ratelimit"]
        assert last.headers["ratelimit-policy"] == f'"default";q={PRINCIPAL};w=60'
        assert 1 <= int(last.headers["retry-after"]) <= 60
        assert (last.headers["content-type"], last.json()["reason"]) == ("application/problem+json", "RATE_LIMITED")

    async def test_another_principal_and_another_role_of_it_are_not_touched(self, door: Platform) -> None:
        async with door.http("oem.manager", subject="greedy") as client:
            for _ in range(PRINCIPAL + 1):
                greedy = await client.get("/v1/dealers")
        async with door.http("oem.manager", subject="modest") as client:
            modest = await client.get("/v1/dealers")
        async with door.http("oem.agent", subject="greedy") as client:
            same = await client.get("/v1/dealers")

        assert (greedy.status_code, modest.status_code, same.status_code) == (429, 200, 429)

    async def test_both_doors_count_together(self, door: Platform) -> None:
        client = door.client("gateway", "oem.manager", subject="both")
        for _ in range(PRINCIPAL):
            await client.call(LIST, dealers.ListDealersRequest())
        with pytest.raises(RpcFailure) as caught:
            await client.call(LIST, dealers.ListDealersRequest())
        async with door.http("oem.manager", subject="both") as http:
            answer = await http.get("/v1/dealers")

        assert (caught.value.code, caught.value.reason) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
        assert answer.status_code == 429

    async def test_a_browser_may_read_that_it_was_too_often(self, door: Platform) -> None:
        async with door.http("oem.manager", subject="browser") as client:
            client.headers["origin"] = "https://app.example"
            answers = [await client.get("/v1/dealers") for _ in range(PRINCIPAL + 1)]

        assert answers[-1].status_code == 429
        assert answers[-1].headers["access-control-allow-origin"] == "https://app.example"
        assert "retry-after" in answers[-1].headers["access-control-expose-headers"]


class TestPerAddress:
    async def test_callers_without_a_token_and_guessers_share_the_limit_of_their_address(self, door: Platform) -> None:
        async with door.http() as nobody, door.http(token="a.b.c") as guesser:
            statuses = []
            for _ in range(ADDRESS // 2 + 1):
                statuses.append((await nobody.get("/v1/dealers")).status_code)
                statuses.append((await guesser.get("/v1/dealers")).status_code)
        async with grpc.aio.insecure_channel(door.peers["gateway"]) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await channel.unary_unary(f"/marque.{LIST}")(b"")
        async with door.http("oem.manager", subject="known") as known:
            good = await known.get("/v1/dealers")

        assert statuses == [401] * ADDRESS + [429] * 2
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert good.status_code == 200
