"""The public look-up of recalls cannot be walked: who asks for VIN after VIN without a token is stopped, who is known is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest_asyncio
from marque_gateway.window import WINDOW_SECONDS
from servicekit.testing.platform import Platform

ADDRESS, ROOM = 6, 8


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("vehicle")
    await platform.open_gateway(principal_rate=1000, address_rate=ADDRESS)
    yield platform


class TestRecallLookUp:
    async def test_the_limit_of_an_address_ends_a_walk_over_vins_and_leaves_signed_in_callers_alone(
        self, door: Platform
    ) -> None:
        left = WINDOW_SECONDS - time.time() % WINDOW_SECONDS
        if left < ROOM:  # what is counted in this minute would count for less in the next
            await asyncio.sleep(left)
        vins = [f"LSVAA41801210{number:04}" for number in range(ADDRESS + 2)]
        async with door.http() as nobody:
            answers = [await nobody.get(f"/v1/vins/{vin}/recalls") for vin in vins]
        async with door.http("oem.manager", subject="known") as known:
            seen = await known.get(f"/v1/vins/{vins[-1]}/recalls")

        assert [answer.status_code for answer in answers] == [200] * ADDRESS + [429] * 2
        assert answers[0].json()["recalls"] == []
        assert (answers[-1].json()["reason"], int(answers[-1].headers["retry-after"]) > 0) == ("RATE_LIMITED", True)
        assert seen.status_code == 200
