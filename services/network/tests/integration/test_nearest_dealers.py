"""The search for the nearest dealers: public, exact against the formula, also at the date line and the poles."""

from __future__ import annotations

import random
from typing import Any

import pytest
import pytest_asyncio
from marque.network.v1 import dealer_pb2
from marque.network.v1 import dealer_service_pb2 as api
from marque_network.rules.places import distance_metres
from servicekit.testing.client import RpcFailure

NAME = "network.v1.DealerService/FindNearestDealers"
BRAND = "Nearby"
PLACES = [
    (31.2304, 121.4737), (31.30, 121.50), (39.9042, 116.4074), (-17.8, 179.9), (-17.8, -179.9), (89.5, 10.0), (89.5, -170.0),
    (-33.86, 151.2), (0.0, 0.0), (52.52, 13.405),
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spread(network: Any) -> list[tuple[str, float, float]]:
    """Open dealers over the world, as (code, latitude, longitude)."""
    dice = random.Random(7)
    places = [*PLACES, *((dice.uniform(-90, 90), dice.uniform(-180, 180)) for _ in range(30))]
    made = []
    for latitude, longitude in places:
        where = {"latitude": latitude, "longitude": longitude}
        dealer = await network.make_dealer(location=where, brands=[BRAND])
        made.append((dealer.code, latitude, longitude))
    return made


async def nearest(network: Any, latitude: float, longitude: float, **fields: Any) -> list[tuple[str, int]]:
    request = api.FindNearestDealersRequest(latitude=latitude, longitude=longitude, **{"brand": BRAND, **fields})
    answer = await network.client().call(NAME, request)
    return [(found.dealer.code, found.distance_metres) for found in answer.dealers]


class TestFindNearestDealers:
    @pytest.mark.parametrize(
        ("latitude", "longitude"), [*PLACES, (90.0, 0.0), (-90.0, 33.0), (10.0, 180.0), (10.0, -180.0)]
    )
    @pytest.mark.parametrize("reach", [0, 90_000, 1_500_000, 20_040_000])
    async def test_as_near_and_as_sorted_as_the_formula_says(
        self, network: Any, spread: list[tuple[str, float, float]], latitude: float, longitude: float, reach: int
    ) -> None:
        expected = sorted((distance_metres(latitude, longitude, lat, lng), code) for code, lat, lng in spread)
        within = [(code, round(metres)) for metres, code in expected if not reach or metres <= reach]
        found = await nearest(network, latitude, longitude, max_distance_metres=reach, limit=7)
        assert [metres for _, metres in found] == [metres for _, metres in within[:7]]
        assert {code for code, _ in found} <= {code for code, _ in within}

    async def test_only_open_dealers_that_have_a_place(self, network: Any) -> None:
        brand = f"B{network.number()}"
        place = {"latitude": 1.0, "longitude": 1.0}
        opened = await network.make_dealer(brands=[brand], location=place)
        await network.make_dealer(brands=[brand])
        for status in (1, 3, 4):
            await network.make_dealer(brands=[brand], location=place, status=status)
        assert await nearest(network, 1.0, 1.0, brand=brand) == [(opened.code, 0)]

    async def test_a_kind_narrows(self, network: Any) -> None:
        brand = f"B{network.number()}"
        sales, service = dealer_pb2.DEALER_KIND_SALES, dealer_pb2.DEALER_KIND_SERVICE
        await network.make_dealer(brands=[brand], location={"latitude": 2.0}, kinds=[sales])
        both = await network.make_dealer(brands=[brand], location={"latitude": 3.0}, kinds=[sales, service])
        assert [code for code, _ in await nearest(network, 2.0, 0.0, brand=brand, kind=service)] == [both.code]

    @pytest.mark.parametrize("wrong", [{"latitude": 90.1}, {"longitude": -181.0}, {"latitude": float("nan")}])
    async def test_a_place_that_is_none_is_refused(self, network: Any, wrong: dict[str, float]) -> None:
        with pytest.raises(RpcFailure) as failure:
            await network.client().call(NAME, api.FindNearestDealersRequest(**wrong))
        assert failure.value.code == "INVALID_ARGUMENT"
