"""What people at a desk type is found: customers and cars, over HTTP through the gateway, by everything that they are known by."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from servicekit.testing.platform import until
from servicekit.testing.world import World

HAN, LATIN, PLATE, PHONE = "欧阳锦程", "Guinevere Blackthorne", "沪B7K3Q9", "+8613764520981"


@dataclass
class Sold:
    """A car with a plate, the dealer who sold it, its Chinese owner, and a person with a Latin name."""

    dealer: str
    vin: str
    owner: str
    other: str


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sold(world: World) -> Sold:
    """People and a car, made through the public doors; more of the same kind stand beside them."""
    dealer = await world.dealer()
    made = Sold(
        dealer,
        vin=await world.vehicle(plateNumber=PLATE),
        owner=await world.customer(
            dealer,
            name={"fullName": HAN},
            contactPoints=[{"kind": "CONTACT_POINT_KIND_PHONE", "value": PHONE}],
        ),
        other=await world.customer(dealer, name={"fullName": LATIN}),
    )
    neighbour, car = (
        await world.customer(dealer, name={"fullName": "欧文"}),
        await world.vehicle(plateNumber="沪B7K3Q8"),
    )
    for vin, buyer in ((made.vin, made.owner), (car, neighbour)):
        await sell(world, dealer, vin, buyer)
    await until(lambda: is_found(world, PLATE, made.owner), 20, "the owner is not found by the plate")
    return made


async def sell(world: World, dealer: str, vin: str, buyer: str) -> None:
    body = {
        "vin": vin, "buyerCustomerId": buyer, "invoiceNumber": uuid.uuid4().hex, "use": "VEHICLE_USE_PRIVATE",
        "invoiceDate": {"year": 2026, "month": 11, "day": 2},
    }  # fmt: skip
    async with world.http("dealer.sales", dealers=[dealer]) as client:
        answer = await client.post("/v1/sales", json=body)
    assert answer.status_code == 200, answer.text


async def is_found(world: World, query: str, customer: str) -> bool:
    return customer in await customers(world, query, "oem.agent")


async def search(world: World, kind: str, query: str, role: str, **scope: Any) -> list[dict[str, Any]]:
    async with world.http(role, **scope) as client:
        answer = await client.get(f"/v1/{kind}:search", params={"query": query})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["results"])


async def customers(world: World, query: str, role: str, **scope: Any) -> list[str]:
    return [one["customer"]["customerId"] for one in await search(world, "customers", query, role, **scope)]


class TestCustomers:
    @pytest.mark.parametrize("query", ["欧阳", "锦程", "阳锦", HAN, "ouyang", "OuYang", "jincheng", "ouyangjincheng"])
    async def test_chinese_name_is_found_by_two_characters_and_by_pinyin(
        self, world: World, sold: Sold, query: str
    ) -> None:
        for role, scope in (("oem.agent", {}), ("dealer.sales", {"dealers": [sold.dealer]})):
            assert await customers(world, query, role, **scope) == [sold.owner]

    @pytest.mark.parametrize(
        "query", ["guinevere", "BLACKTHORNE", "Guinevere Blackthorne", "bLaCk", "blackthorne guin"]
    )
    async def test_latin_name_is_found_in_any_case_and_order(self, world: World, sold: Sold, query: str) -> None:
        assert await customers(world, query, "oem.agent") == [sold.other]

    @pytest.mark.parametrize("query", ["0981", "20981", "137645", PHONE, "137 6452 0981"])
    async def test_phone_is_found_by_four_digits_and_more(self, world: World, sold: Sold, query: str) -> None:
        assert await customers(world, query, "dealer.service", dealers=[sold.dealer]) == [sold.owner]

    @pytest.mark.parametrize("query", [PLATE, "沪B·7K3Q9", "沪b7k3q9", "7K3Q9", "b7k3q9"])
    async def test_owner_is_found_by_the_plate_of_the_car(self, world: World, sold: Sold, query: str) -> None:
        found = await search(world, "customers", query, "oem.agent")
        assert [one["customer"]["customerId"] for one in found] == [sold.owner]
        assert found[0]["matchedFields"] == ["vehicles"]

    @pytest.mark.parametrize("length", [6, 8, 17])
    async def test_owner_is_found_by_the_end_of_the_vin(self, world: World, sold: Sold, length: int) -> None:
        assert await customers(world, sold.vin[-length:].lower(), "oem.agent") == [sold.owner]

    async def test_dealer_without_a_relation_finds_nobody(self, world: World, sold: Sold) -> None:
        stranger = {"dealers": [await world.dealer()]}
        for query in ("欧阳", "guinevere", "0981", PLATE, sold.vin):
            assert await customers(world, query, "dealer.sales", **stranger) == []


class TestVehicles:
    @pytest.mark.parametrize("query", [PLATE, "沪B·7K3Q9", "7k3q9"])
    async def test_car_is_found_by_its_plate_by_who_may_read_it(self, world: World, sold: Sold, query: str) -> None:
        for role, scope in (("oem.agent", {}), ("dealer.service", {"dealers": [sold.dealer]})):
            found = await search(world, "vehicles", query, role, **scope)
            assert [(one["vehicle"]["vin"], one["vehicle"]["plateNumber"]) for one in found] == [(sold.vin, PLATE)]
        assert await search(world, "vehicles", query, "oem.technical") == []

    @pytest.mark.parametrize("length", [6, 8, 17])
    async def test_car_is_found_by_the_end_of_its_vin(self, world: World, sold: Sold, length: int) -> None:
        found = await search(world, "vehicles", sold.vin[-length:], "dealer.sales", dealers=[sold.dealer])
        assert [one["vehicle"]["vin"] for one in found] == [sold.vin]
