"""The catalogue and orders for cars through the HTTP door: kept by readers, and followed live by dealer and buyer."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest_asyncio
from servicekit.testing.car_orders import Factory, ask, model, price
from servicekit.testing.platform import Platform

TODAY = datetime.now(UTC).date()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def door(platform: Platform) -> AsyncIterator[Platform]:
    await platform.start("customer")
    await platform.start("vehicle")
    await platform.open_gateway()
    yield platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def factory(door: Platform) -> Factory:
    made = Factory(door.client("vehicle", "oem.manager"), door.client("vehicle", "plant"))
    await made.open()
    return made


class TestCatalogue:
    async def test_anybody_reads_it_and_a_reader_who_has_it_is_told_so(self, door: Platform, factory: Factory) -> None:
        path, asked = f"/v1/catalogue/models/{factory.model_code}", {"market": "CN"}
        async with door.http() as client:
            first = await client.get(path, params=asked)
            assert first.status_code == 200
            assert first.headers["cache-control"] == "public, max-age=60"
            shown = first.json()
            assert {one["trimCode"]: one["price"]["units"] for one in shown["trims"]} == {
                "BASE": "150000",
                "SPORT": "180000",
            }
            for mark in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}', "*"):
                again = await client.get(path, params=asked, headers={"if-none-match": mark})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
            other = await client.get(path, params=asked, headers={"if-none-match": '"other"'})
            assert other.status_code == 200
            one = price(factory.model_code, "BASE", 150_000, date(2024, 1, 1), TODAY + timedelta(days=9))
            await ask(factory.maker, "CatalogueService/PutCataloguePrice", catalogue_price=one)
            same = await client.get(path, params=asked, headers={"if-none-match": first.headers["etag"]})
            assert same.status_code == 304, "what it shows today is the same"
            changed = model(factory.model_code, series="T")
            await ask(factory.maker, "CatalogueService/PutCatalogueModel", catalogue_model=changed)
            new = await client.get(path, params=asked, headers={"if-none-match": first.headers["etag"]})
            assert (new.status_code, new.json()["series"]) == (200, "T")

    async def test_who_is_signed_in_asks_again_and_nothing_else_is_kept(self, door: Platform, factory: Factory) -> None:
        async with door.http("oem.manager") as client:
            mine = await client.get(f"/v1/catalogue/models/{factory.model_code}")
            assert mine.headers["cache-control"] == "private, no-cache"
            assert mine.headers["vary"].lower().startswith("authorization")
            prices = await client.get(f"/v1/catalogue/models/{factory.model_code}/prices")
            assert prices.headers["cache-control"] == "no-store"

    async def test_trims_stand_side_by_side(self, door: Platform, factory: Factory) -> None:
        trims = [f"{factory.model_code}/BASE", f"{factory.model_code}/SPORT"]
        async with door.http() as client:
            answer = await client.get("/v1/catalogue/trims:compare", params={"trims": trims, "market": "CN"})
        rows = {one["word"]: (one["values"], one["differs"]) for one in answer.json()["rows"]}
        assert rows == {"power_kw": (["110", "150"], True), "seats": (["5", "5"], False)}


class TestLive:
    async def test_dealer_and_buyer_follow_an_order_and_nobody_else(
        self, door: Platform, factory: Factory, listen: Any, live_ready: Any
    ) -> None:
        await live_ready()
        dealer, other, buyer = (str(uuid.uuid4()) for _ in range(3))
        for one in (dealer, other):
            await door.sql(
                "vehicle",
                "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
                "VALUES ($1, $2, '', '', 'Asia/Shanghai', 1, 1)",
                one,
                f"D{one[:8]}".upper(),
            )
        order = await factory.place(factory.maker, dealer_id=dealer)
        await door.sql("vehicle", "UPDATE car_orders SET customer_id = $1 WHERE order_id = $2", buyer, order.order_id)
        async with (
            listen("dealer.sales", dealers=[dealer]) as mine,
            listen("dealer.sales", dealers=[other]) as theirs,
            listen("owner", subject="buyer", customer=buyer) as own,
            listen("owner", subject="else", customer=str(uuid.uuid4())) as stranger,
        ):
            await factory.feed([factory.says(order.order_code, "body", 1, promised_date="2026-03-04")])
            for ear in (mine, own):
                (told,) = await ear.has("OrderStageChanged")
                assert (told["stage"], told["orderCode"]) == ("CAR_ORDER_STAGE_BODY", order.order_code)
                (late,) = await ear.has("OrderLate")
                assert late["promisedDate"] == {"year": 2026, "month": 3, "day": 4}
            for ear in (theirs, stranger):
                assert (ear.of("OrderStageChanged"), ear.of("OrderLate")) == ([], [])
            async with door.http("owner", subject="buyer", customer=buyer) as client:
                shown = (await client.get(f"/v1/carOrders/{order.order_id}")).json()
            async with door.http() as client:
                tracked = await client.get(f"/v1/carOrders/{order.order_code}/track/{shown['trackingCode']}")
            assert (tracked.json()["late"], tracked.json()["stage"]) == (True, "CAR_ORDER_STAGE_BODY")
