"""The plant's feed while the service is killed: sent again, it comes to the same."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest
from servicekit.testing.car_orders import Factory
from servicekit.testing.platform import Platform, until

pytestmark = pytest.mark.slow


async def restarted(platform: Platform, settings: Any, make_garage: Any, factory: Factory | None = None) -> Any:
    """A new process of the service with clients that know where it listens."""
    process = await platform.spawn_again("vehicle", settings)
    garage = make_garage(platform)
    made = Factory(garage.manager, garage.client("plant"))
    if factory is not None:
        made.model_code = factory.model_code
    return process, garage, made


class TestKill:
    async def test_killed_in_the_middle_of_a_feed_it_is_sent_again_and_comes_to_the_same(
        self, platform: Platform, make_garage: Any, soaking: bool
    ) -> None:
        settings = await platform.prepare("vehicle")
        process, garage, factory = await restarted(platform, settings, make_garage)
        await factory.open()
        dealer = await garage.make_dealer()
        cars = {factory.new_code(): garage.new_vin() for _ in range(400 if soaking else 10)}
        codes = list(cars)
        early = [await factory.place(garage.manager, dealer_id=dealer, order_code=code) for code in codes[::2]]
        rows = [row for code, vin in cars.items() for row in factory.life(code, vin, random.Random(code))]
        random.Random(7).shuffle(rows)

        async def taken() -> int:
            (row,) = await garage.sql("SELECT count(*) AS n FROM plant_messages")
            return int(row["n"])

        for kill in range(1, 6 if soaking else 3):
            feeding = asyncio.create_task(factory.answers(rows, size=3))

            async def enough(kill: int = kill) -> bool:
                return await taken() >= kill * len(rows) // 7

            await until(enough, 60, "nothing was taken")
            process.kill()
            process.wait()
            with contextlib.suppress(Exception):
                await feeding
            process, garage, factory = await restarted(platform, settings, make_garage, factory)
        assert await taken() < len(rows), "it was killed too late"
        await factory.feed(rows, size=100)
        late = [await factory.place(garage.manager, dealer_id=dealer, order_code=code) for code in codes[1::2]]
        assert await factory.parked() == {}
        assert await taken() == len(rows)
        for order in (*early, *late):
            found = (await garage.sql("SELECT * FROM car_orders WHERE order_code = $1", order.order_code))[0]
            assert (found["stage"], found["station"], found["vin"]) == (8, "S6", cars[order.order_code])
            told = await garage.events("OrderStageChanged", order.order_id)
            assert [one.aggregate_version for one in told] == sorted({one.aggregate_version for one in told})
            assert (told[-1].stage, told[-1].aggregate_version) == (8, found["version"])
            assert len(await garage.events("VehicleRegistered", cars[order.order_code])) == 1
        process.terminate()
        process.wait()
