"""The 360° view: whole, and with parts whose owners are down or that the caller may not see."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from devstack.ports import free_port
from marque_gateway.service import Gateway
from marque_gateway.settings import Settings
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from servicekit.testing import web
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import World

OF_SALES = {"leads", "promises", "quotes", "testDrives"}
OF_PEOPLE = {"value", "household", "holdings", "completeness"}
PARTS = (
    {"profile", "ownerships", "vehicles", "relations", "consents", "contacts", "lastServices", "sales"}
    | OF_SALES
    | OF_PEOPLE
)
OF_VEHICLE = {"ownerships", "vehicles", "lastServices", "sales"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(platform: Platform) -> AsyncIterator[World]:
    for name in ("network", "customer", "vehicle"):
        await platform.start(name)
    await platform.open_gateway()
    yield World(platform, InMemorySpanExporter())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sold(world: World) -> dict[str, str]:
    """A customer who bought a car."""
    dealer, customer, vin = await world.dealer(), await world.customer(), await world.vehicle()
    body = {
        "dealerId": dealer, "vin": vin, "buyerCustomerId": customer, "invoiceNumber": "OV-1",
        "invoiceDate": {"year": 2026, "month": 11, "day": 2}, "use": "VEHICLE_USE_PRIVATE",
    }  # fmt: skip
    async with world.http("oem.manager") as maker:
        answer = await maker.post("/v1/sales", json=body)
        assert answer.status_code == 200, answer.text
    async with world.http("dealer.sales", dealers=[dealer]) as client:

        async def related() -> bool:
            return (await client.get(f"/v1/customers/{customer}")).status_code == 200

        await until(related, 20, "the relation did not begin")
    return {"dealer": dealer, "customer": customer, "vin": vin}


async def view(world: World, customer: str, role: str = "oem.agent", **scope: Any) -> httpx.Response:
    async with world.http(role, **scope) as client:
        return await client.get(f"/v1/customers/{customer}/overview")


class TestWhole:
    async def test_every_part_is_there(self, world: World, sold: dict[str, str]) -> None:
        async def whole() -> httpx.Response | None:
            """On a machine that is too busy a part may not come in its time: it is named, and there when asked again."""
            told = await view(world, sold["customer"])
            return told if told.status_code != 200 or not told.json()["missing"] else None

        answer = await until(whole, 20, "a part is missing")
        seen = answer.json()

        assert answer.status_code == 200
        assert set(seen) >= PARTS
        assert (seen["missing"], seen["withheld"], seen["customerId"]) == ([], [], sold["customer"])
        assert (seen["profile"]["customerId"], seen["profile"]["kind"]) == (sold["customer"], "CUSTOMER_KIND_PERSON")
        assert (seen["completeness"]["customerId"], seen["completeness"]["rulesVersion"]) == (sold["customer"], 1)
        assert [one["vin"] for one in seen["vehicles"]] == [sold["vin"]]
        assert [one["dealerId"] for one in seen["relations"]] == [sold["dealer"]]
        assert [one["customerId"] for one in seen["household"]] == [sold["customer"]]

    async def test_it_says_where_the_customer_stands_and_what_to_do_next(
        self, world: World, sold: dict[str, str]
    ) -> None:
        async def judged() -> bool:
            return (await view(world, sold["customer"])).json()["value"]["stage"] == "LIFECYCLE_STAGE_OWNER"

        await until(judged, 20, "the buyer is no owner")
        value = (await view(world, sold["customer"])).json()["value"]
        assert (value["tier"], value["stageReason"]["code"]) == ("MEMBER", "CAR_BOUGHT")
        assert [one["code"] for one in value["nextActions"]] == ["ASK_CONSENT"]

    async def test_open_leads_promises_and_quotes_are_listed_for_the_dealer_whose_they_are(
        self, world: World, sold: dict[str, str]
    ) -> None:
        other = await world.dealer()
        wish = {"customerId": sold["customer"], "source": "LEAD_SOURCE_CALL", "interest": {"model": "Two"}}
        price = {"currencyCode": "CNY", "units": "200000"}
        async with world.http("dealer.sales", dealers=[sold["dealer"]]) as adviser:
            lead = (await adviser.post("/v1/leads", json=wish)).json()
            promise = {"kind": "LEAD_PROMISE_KIND_GIFT", "text": "Mats"}
            made = await adviser.post(f"/v1/leads/{lead['leadId']}/promises", json=promise)
            line = {"kind": "QUOTE_LINE_KIND_VEHICLE", "text": "Two", "unitPrice": price}
            quote = await adviser.post("/v1/quotes", json={"leadId": lead["leadId"], "lines": [line]})
        mine = (await view(world, sold["customer"], "dealer.sales", dealers=[sold["dealer"]])).json()
        async with world.http("oem.manager") as maker:
            elsewhere = {**wish, "interest": {"model": "Three"}}
            await maker.post(f"/v1/leads?dealerId={other}", json=elsewhere)
        theirs = (await view(world, sold["customer"], "dealer.sales", dealers=[other])).json()
        whole = (await view(world, sold["customer"])).json()

        assert [one["leadId"] for one in mine["leads"]] == [lead["leadId"]]
        assert [one["promiseId"] for one in mine["promises"]] == [made.json()["promiseId"]]
        assert [one["quoteId"] for one in mine["quotes"]] == [quote.json()["quoteId"]]
        assert mine["testDrives"] == []
        assert ([len(theirs[name]) for name in ("leads", "promises", "quotes")]) == [1, 0, 0]
        assert len(whole["leads"]) == 2

    async def test_parts_that_a_role_may_not_see_are_named(self, world: World, sold: dict[str, str]) -> None:
        seen = (await view(world, sold["customer"], "dealer.care", dealers=[sold["dealer"]])).json()

        assert set(seen["withheld"]) == {"ownerships"} | OF_SALES
        assert not set(seen["withheld"]) & set(seen)

    async def test_a_customer_out_of_sight_is_as_one_that_does_not_exist(
        self, world: World, sold: dict[str, str]
    ) -> None:
        nobody, other = str(uuid.uuid4()), await world.dealer()
        answers = [await view(world, found, "dealer.sales", dealers=[other]) for found in (sold["customer"], nobody)]
        assert [answer.status_code for answer in answers] == [404, 404]
        told = [answer.text.replace(sold["customer"], "X").replace(nobody, "X") for answer in answers]
        ids = [(answer.json()["traceId"], answer.json()["requestId"]) for answer in answers]
        for (trace, request), at in zip(ids, range(2), strict=True):
            told[at] = told[at].replace(trace, "").replace(request, "")

        assert told[0] == told[1]

    @pytest.mark.parametrize("given", ["1", "x" * 36, "0190-0000"])
    async def test_an_id_that_is_none_is_named(self, world: World, given: str) -> None:
        answer = await view(world, given)

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "customerId")

    @pytest.mark.parametrize(("role", "status"), [("", 401), ("partner", 403), ("oem.quality", 403)])
    async def test_without_the_right_to_read_customers_there_is_no_view(
        self, world: World, sold: dict[str, str], role: str, status: int
    ) -> None:
        assert (await view(world, sold["customer"], role)).status_code == status


class TestWithoutNeighbours:
    """Each test takes owners away behind a second gateway; the first one and its services stay as they are."""

    async def test_without_vehicle_the_rest_is_served(self, world: World, sold: dict[str, str]) -> None:
        seen = await through(world, sold["customer"], vehicle="127.0.0.1:1")

        assert set(seen["missing"]) == OF_VEHICLE
        assert seen["profile"]["customerId"] == sold["customer"]

    async def test_without_customer_the_cars_are_served(self, world: World, sold: dict[str, str]) -> None:
        seen = await through(world, sold["customer"], customer="127.0.0.1:1")

        assert set(seen["missing"]) == PARTS - OF_VEHICLE
        assert [one["vin"] for one in seen["vehicles"]] == [sold["vin"]]

    async def test_a_neighbour_that_takes_calls_and_never_answers_is_not_waited_for(
        self, world: World, sold: dict[str, str]
    ) -> None:
        silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        address = f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        seen = await through(world, sold["customer"], vehicle=address)
        silent.close()

        assert set(seen["missing"]) == OF_VEHICLE

    async def test_a_service_that_is_not_installed_is_missing(self, world: World, sold: dict[str, str]) -> None:
        seen = await through(world, sold["customer"], vehicle="")

        assert set(seen["missing"]) == OF_VEHICLE


async def through(world: World, of: str, **peers: str) -> Any:
    """The view through a gateway that knows other addresses; an empty one: the service is not part of the installation."""
    known = {name: address for name, address in {**world.platform.peers, **peers}.items() if address}
    settings = Settings(
        environment="test",
        issuer_url=world.platform.issuer.url,
        nats_url=world.platform.nats.url,
        peers=known,
        **{name: free_port() for name in ("http_port", "grpc_port", "health_port")},
    )
    gateway = Gateway(settings)
    await gateway.start()
    try:
        token = world.platform.token("oem.agent")
        async with web.client(headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
            answer = await client.get(f"http://127.0.0.1:{settings.http_port}/v1/customers/{of}/overview")
    finally:
        await gateway.stop()
    assert answer.status_code == 200, answer.text
    return answer.json()
